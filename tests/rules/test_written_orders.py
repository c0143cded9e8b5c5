"""Orders as clerks write them: every case of `orders/*.txt` is read as it says there.

A case is `=== what it shows`, the mail (its first line may be `題名：` and the subject), `--->`, and everything that is
read, asked and noted, line by line. The mails arrive on Tuesday, 4 August 2026.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from envelopes.rules import exclusions
from envelopes.rules.keys import Key
from envelopes.rules.kinds import Tax
from envelopes.rules.lines import Problem
from envelopes.rules.orders import SUBJECT_LINE, Reading, read
from envelopes.rules.policy import Policy

TODAY = date(2026, 8, 4)
POLICY = Policy()
FOLDER = Path(__file__).parent / "orders"
TAXES = {Tax.INCLUDED: "税込", Tax.EXCLUDED: "税抜", Tax.NONE: "税なし"}
FEWEST = 120


class Case(NamedTuple):
    name: str
    subject: str
    mail: str
    expected: str


def cases() -> Iterator[Case]:
    for path in sorted(FOLDER.glob("*.txt")):
        for block in path.read_text(encoding="utf-8").split("=== ")[1:]:
            name, _, rest = block.partition("\n")
            mail, _, expected = rest.partition("--->\n")
            subject = ""
            if mail.startswith("題名："):
                first, _, mail = mail.partition("\n")
                subject = first.removeprefix("題名：")
            yield Case(name, subject, mail.replace("\\t", "\t"), expected.strip())


CASES = list(cases())


def told(reading: Reading) -> str:
    """The whole reading in lines."""
    return "\n".join([*_values(reading), *_missing(reading), *_remarks(reading)])


def _values(reading: Reading) -> Iterator[str]:
    if reading.title:
        yield f"封筒名 {reading.title.value}" + ("（題名から）" if reading.title.line == SUBJECT_LINE else "")
    for one in reading.recipients:
        yield "宛先 " + "／".join(part for part in (one.company, one.person, one.address) if part)
    if reading.kind:
        yield f"種別 {reading.kind.value}"
    if reading.amount:
        yen = (
            "なし" if reading.amount.yen is None else f"{reading.amount.yen:,}円 {TAXES[reading.amount.tax]}"
        )
        yield f"金額 {yen}"
    if reading.deadline:
        yield f"期限 {reading.deadline}"
    if reading.start:
        yield f"履行開始日 {reading.start}"
    if reading.span:
        yield f"履行期間 {reading.span.start or '締結'} から {reading.span.end}"
    yield from (f"{one.key.value} {one.value}" for one in (reading.section, reading.signer) if one)
    yield from (f"本人確認 {method.value}" for method in reading.methods)
    yield from (f"写し {one.value}" for one in reading.copies)
    if reading.hand_over is not None:
        yield f"引継ぎ {'可' if reading.hand_over else '不可'}"
    yield from (f"文書{one.number} {one.value}" for one in reading.documents)
    if reading.note:
        yield "備考 " + reading.note.replace("\n", " ⏎ ")


def _missing(reading: Reading) -> Iterator[str]:
    keys = [str(problem.details["key"]) for problem in reading.problems if problem.line is None]
    if keys:
        yield "不足 " + " ".join(keys)


def _remarks(reading: Reading) -> Iterator[str]:
    yield from (f"質問 {_remark(one)}" for one in reading.problems if one.line is not None)
    yield from (f"注意 {_remark(one)}" for one in reading.warnings)
    deadline = reading.deadline or TODAY + timedelta(days=POLICY.deadline_days)
    signs = exclusions.in_terms(deadline=deadline, start=reading.start, span=reading.span, policy=POLICY)
    title = exclusions.in_title(reading.title.value, POLICY) if reading.title else ""
    yield from (f"対象外 {reason}" for reason, _ in signs)
    if title:
        yield f"対象外 excluded-paper {title}"


def _remark(one: Problem) -> str:
    suggestion = one.details.get("suggestion", "")
    key = f"{one.details['key']}→{suggestion}" if suggestion else str(one.details.get("key", ""))
    return f"{one.line}行目 {one.reason} {key}".rstrip()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_written_order_is_read_as_it_says(case: Case) -> None:
    assert told(read(case.mail, subject=case.subject, today=TODAY, policy=POLICY)) == case.expected


def test_there_are_enough_cases_and_each_has_a_name_of_its_own() -> None:
    assert len(CASES) >= FEWEST
    assert len({case.name for case in CASES}) == len(CASES)


def test_every_key_is_read_somewhere() -> None:
    said = {word for case in CASES for word in case.expected.split()}
    assert {key.value for key in Key} - {Key.DOCUMENT.value, Key.ANSWERED.value} <= said


def test_what_staff_are_told_to_write_is_read() -> None:
    page = (Path(__file__).parents[2] / "docs/orders.md").read_text(encoding="utf-8")
    sample = "\n".join(line.strip() for line in page.splitlines() if line.startswith("    "))
    assert read(sample, subject="", today=TODAY, policy=POLICY).problems == ()
    for key in set(Key) - {Key.ANSWERED}:
        assert f"| {key.value}" in page
