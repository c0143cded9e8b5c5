"""What staff wrote in the mail: statements, line by line → an order, or the problems that keep it from being one.

Forgiving about how a line looks (`lines`), strict about what it says: whatever is in doubt becomes a problem with the
line it stands in, for the answer to quote. Names and titles stay exactly as written; NFKC is for keys, dates,
amounts and addresses only. Who may order, and who is in the registry, is not known here.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Final

from envelopes.rules import exclusions, factors
from envelopes.rules.addresses import comparable, normalise
from envelopes.rules.amounts import Amount, parse_amount
from envelopes.rules.dates import WEEKDAYS, Span, WrittenDate, parse_date, parse_span
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.keys import Key
from envelopes.rules.kinds import Kind
from envelopes.rules.lines import Problem, Statement, scan, second_key
from envelopes.rules.names import is_legal_form, legal_form, search_form
from envelopes.rules.policy import Policy
from envelopes.rules.quoting import one_line

SUBJECT_LINE: Final = 0  # the line number of what was taken from the mail's subject

_CONTRACT_WORDS: Final = ("契約書", "契約", "覚書", "協定書", "協定")
_ACCEPTANCE_WORDS: Final = ("請書", "請け書", "受書")
# A paper, or what it is about. 随意契約 and 単価契約 say how it is concluded or paid, not who signs.
_PAPER: Final = re.compile(
    "(?:契約書|覚書|協定書?|請け?書|受書|(?:^|請負|委託|売買|貸借|業務|工事|変更|保守|リース|購入|物品)契約)$"
)
_YES: Final = frozenset(
    {"可", "可能", "認める", "許可", "許可する", "できる", "あり", "はい", "ok", "yes", "○"}
)
_NO: Final = frozenset(
    {"不可", "認めない", "許可しない", "できない", "なし", "無し", "いいえ", "ng", "no", "×"}
)
_SUBJECT_PREFIX: Final = re.compile(
    r"\s*(?:(?:re|fwd?|aw|転送|返信)\s{0,2}(?:\[[0-9]{1,3}\])?\s{0,2}[:：]|[【\[](?:転送|返信)[】\]])\s*",
    re.IGNORECASE,
)

# Full-width ASCII to half-width, one for one, so that positions in both texts are the same.
_HALF_WIDTH: Final = {0xFF01 + offset: 0x21 + offset for offset in range(94)} | {0x3000: 0x20}
_ADDRESS: Final = re.compile(
    r"[<(\[]?[ \t]{0,4}"
    r"(\"[^\"\s@<>]{1,64}\"@[A-Za-z0-9.-]{1,255}|[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255})"
    r"[ \t]{0,4}[>)\]]?"
)
_MAILTO: Final = re.compile(r"[<(\[]mailto:[^<>()\[\]]{1,330}[>)\]]", re.IGNORECASE)
_CLOSING: Final = " \t\u3000。、"  # what closes a sentence or goes on to the next item
_HONORIFIC: Final = re.compile(r"(?:\s*(?:様|さま|御中)|\s+(?:殿|宛|あて))$")
# `A 様、B 様`: behind the one who is named, somebody else follows. 様 in brackets names nobody new.
_ANOTHER: Final = re.compile(
    r"(?:様|御中|\s(?:さま|殿))\s{0,8}(?:[\s、,，;；/／・＆&]|及び|および|並びに|ならびに|と)\s{0,8}[^\s(（]|[、;；]\s{0,8}[^\s(（]"
)
_TO_FIRM: Final = re.compile(r"\s{0,8}御中(?=\s{1,8}[^様、,，]{1,80}様\s{0,8}$)")  # A 御中 B 様: B of A
_ADDRESS_LABEL: Final = re.compile(
    r"\s{0,8}(?:(?<![A-Za-z-])(?:e-?)?mail|メール(?:アドレス)?|アドレス)\s{0,4}[:：]$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One signer as written, in turn. `name` is everything but address and 様; `company` is its first word.

    `address` is normalised; `None` where only a name was written.
    """

    name: str
    company: str
    person: str
    address: str | None
    source: Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was said. It is an order if `problems` is empty; `warnings` are shown and stop nothing.

    What was not said is `None` or empty: defaults are the caller's. A `title` on `SUBJECT_LINE` is proposed, not
    said. `section`, `signer`, `copies` and `documents` are names that the caller looks up. `methods` are those of the
    recipients in turn, as `factors.spread` reads them. `hand_over`: whether the contractor may name another person to
    sign.
    """

    title: Statement | None
    recipients: tuple[Recipient, ...]
    kind: Kind | None
    amount: Amount | None
    deadline: date | None
    start: date | None
    span: Span | None
    section: Statement | None
    signer: Statement | None
    methods: tuple[Method, ...]
    copies: tuple[Statement, ...]
    hand_over: bool | None
    documents: tuple[Statement, ...]
    note: str
    answered: frozenset[Reason]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    statements: tuple[Statement, ...]

    def source(self, key: Key) -> Statement | None:
        """The statement that *key* was read from, `None` where nothing was said."""
        return next((one for one in self.statements if one.key is key), None)


@dataclass(slots=True)
class _Notes:
    """Problems and warnings as they are found."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def missing(self, reason: Reason, key: Key) -> None:
        self.problems.append(Problem(reason=reason, details={"key": key.value}))


def read(text: str, *, subject: str, today: date, policy: Policy) -> Reading:
    """Read the lines of one mail; *today* is the JST date of its arrival. Raises nothing."""
    found = scan(text, day=today)
    return understand(found.statements, subject=subject, policy=policy, warnings=found.warnings)


def understand(
    statements: Sequence[Statement],
    *,
    subject: str,
    policy: Policy,
    warnings: Sequence[Problem] = (),
    kind: Kind | None = None,
) -> Reading:
    """Tell what *statements* order. *kind* holds where none is said. Raises nothing."""
    notes = _Notes(
        problems=[one for one in warnings if one.reason is Reason.ORDERS_SEVERAL],
        warnings=[one for one in warnings if one.reason is not Reason.ORDERS_SEVERAL],
    )
    for one in statements:
        if other := second_key(one):
            notes.problems.append(one.problem(Reason.LINE_SEVERAL, other=other))
    first = {one.key: one for one in reversed(statements)}
    said = first.get
    return Reading(
        title=_title(said(Key.TITLE), subject, policy, notes),
        recipients=_recipients([one for one in statements if one.key is Key.RECIPIENT], notes),
        kind=_kind(said(Key.KIND), kind, notes),
        amount=_amount(said(Key.AMOUNT), notes),
        deadline=_deadline(said(Key.DEADLINE), policy, notes),
        start=_start(said(Key.START), notes),
        span=_span(said(Key.PERIOD), policy, notes),
        section=said(Key.SECTION),
        signer=said(Key.SIGNER),
        methods=_methods([one for one in statements if one.key is Key.IDENTITY], notes),
        copies=tuple(one for one in statements if one.key is Key.COPY),
        hand_over=_hand_over(said(Key.HAND_OVER), notes),
        documents=tuple(_in_order([one for one in statements if one.key is Key.DOCUMENT])),
        note=_note(said(Key.NOTE), policy, notes),
        answered=exclusions.answered(first[Key.ANSWERED].value) if Key.ANSWERED in first else frozenset(),
        problems=tuple(notes.problems),
        warnings=tuple(notes.warnings),
        statements=tuple(statements),
    )


def plain_subject(subject: str) -> str:
    """Return *subject* without any number of Re:, Fwd: and 転送."""
    before, left = None, one_line(subject)
    while left != before:
        before, left = left, _SUBJECT_PREFIX.sub("", left, count=1) if _SUBJECT_PREFIX.match(left) else left
    return left.strip()


def in_order(names: Sequence[str], said: Sequence[Statement]) -> tuple[list[int], list[Statement]]:
    """The positions of the files called *names* in their order, and the lines of *said* that name none of them.

    Files that a line 文書N names come first, by that number; the others by name, 2 before 10.
    """
    first: dict[int, None] = {}
    unknown: list[Statement] = []
    for one in said:
        place = _called(one.value, names)
        if place is None:
            unknown.append(one)
        else:
            first[place] = None
    rest = sorted(set(range(len(names))) - set(first), key=lambda place: _natural(names[place]))
    return [*first, *rest], unknown


def _called(said: str, names: Sequence[str]) -> int | None:
    """The file that *said* means: of that name, with or without its ending; else the only one that contains it."""
    wanted, plain = _file_form(said), [_file_form(name) for name in names]
    exact = [place for place, name in enumerate(plain) if wanted in (name, name.rpartition(".")[0])]
    near = [place for place, name in enumerate(plain) if wanted and wanted in name]
    found = exact or near
    return found[0] if len(found) == 1 else None


def _file_form(name: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", name)).casefold()


def _natural(name: str) -> list[tuple[int, str]]:
    """Letters as letters, digits as numbers: 図面2 before 図面10."""
    parts = re.split(r"([0-9]{1,18})", unicodedata.normalize("NFKC", name).casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts if part]


def _in_order(documents: Sequence[Statement]) -> list[Statement]:
    return sorted(documents, key=lambda one: one.number)


# Values


def _title(said: Statement | None, subject: str, policy: Policy, notes: _Notes) -> Statement | None:
    if said is None and (proposed := plain_subject(subject)):
        said = Statement(
            key=Key.TITLE, value=proposed, day=date.min, line=SUBJECT_LINE, text=one_line(subject)
        )
    if said is None:
        notes.missing(Reason.TITLE_MISSING, Key.TITLE)
        return None
    said = replace(said, value=said.value.rstrip(" \t\u3000、") or said.value)
    if len(said.value) > policy.title_characters:
        limit = policy.title_characters
        notes.problems.append(said.problem(Reason.TITLE_TOO_LONG, limit=limit, actual=len(said.value)))
        return None
    return said


def _kind(said: Statement | None, default: Kind | None, notes: _Notes) -> Kind | None:
    if said is None:
        if default is None:
            notes.missing(Reason.KIND_MISSING, Key.KIND)
        return default
    written = re.sub(r"\s", "", unicodedata.normalize("NFKC", said.value)).rstrip("。、,.")
    word = re.sub(r"\([^()]*\)$", "", written)
    found = {
        kind
        for kind, words in ((Kind.CONTRACT, _CONTRACT_WORDS), (Kind.ACCEPTANCE, _ACCEPTANCE_WORDS))
        if any(known in written for known in words)
    }
    if len(found) == 1 and _PAPER.search(word):
        return found.pop()
    notes.problems.append(said.problem(Reason.KIND_UNREADABLE))
    return None


def _amount(said: Statement | None, notes: _Notes) -> Amount | None:
    if said is None:
        notes.missing(Reason.AMOUNT_MISSING, Key.AMOUNT)
        return None
    try:
        return parse_amount(said.value)
    except Refused as refusal:
        notes.problems.append(said.problem(refusal.reason, **refusal.details))
        return None


def _deadline(said: Statement | None, policy: Policy, notes: _Notes) -> date | None:
    if said is None:
        return None
    try:
        written = parse_date(said.value.rstrip(_CLOSING), today=said.day)
        day = written.day if written.doubtful else _weekday_checked(said, written, notes)
    except Refused as refusal:
        notes.problems.append(said.problem(refusal.reason))
        return None
    if written.doubtful or day < said.day:
        notes.problems.append(said.problem(Reason.DEADLINE_PAST, date=day.isoformat()))
        return None
    if day > said.day + timedelta(days=policy.deadline_max_days):
        limit = policy.deadline_max_days
        notes.problems.append(said.problem(Reason.DEADLINE_TOO_FAR, date=day.isoformat(), limit=limit))
        return None
    return day


def _weekday_checked(said: Statement, written: WrittenDate, notes: _Notes) -> date:
    day = written.day
    if not written.weekday_right:
        words, right = f"{day.year}年{day.month}月{day.day}日", WEEKDAYS[day.weekday()]
        notes.warnings.append(
            said.problem(Reason.WEEKDAY_MISMATCH, date=words, said=written.weekday, right=right)
        )
    return day


def _start(said: Statement | None, notes: _Notes) -> date | None:
    """The 履行開始日 is for a check only, so one that cannot be read stops nothing."""
    if said is None:
        return None
    try:
        return _weekday_checked(said, parse_date(said.value, today=said.day, nearest=True), notes)
    except Refused:
        notes.warnings.append(said.problem(Reason.START_UNREADABLE))
        return None


def _span(said: Statement | None, policy: Policy, notes: _Notes) -> Span | None:
    if said is None:
        return None
    try:
        return parse_span(said.value, today=said.day)
    except Refused:
        where = f"{said.key.value}「{said.value[: exclusions.PHRASE]}」"
        notes.warnings.append(said.problem(Reason.SPAN_UNREADABLE, years=policy.term_years, where=where))
        return None


def _hand_over(said: Statement | None, notes: _Notes) -> bool | None:
    if said is None:
        return None
    word = re.sub(r"\s", "", unicodedata.normalize("NFKC", said.value)).casefold().rstrip("。")
    if word in _YES or word in _NO:
        return word in _YES
    notes.warnings.append(said.problem(Reason.HAND_OVER_UNREADABLE))
    return None


def _note(said: Statement | None, policy: Policy, notes: _Notes) -> str:
    if said is None:
        return ""
    if len(said.value) > policy.note_characters:
        limit = policy.note_characters
        notes.problems.append(said.problem(Reason.NOTE_TOO_LONG, limit=limit, actual=len(said.value)))
        return ""
    return said.value


def _methods(said: Sequence[Statement], notes: _Notes) -> tuple[Method, ...]:
    found = []
    for one in said:
        try:
            found.append(factors.read(one.value))
        except Refused as refusal:
            notes.problems.append(one.problem(refusal.reason))
    return tuple(found)


# Recipients


def _recipients(said: Sequence[Statement], notes: _Notes) -> tuple[Recipient, ...]:
    found: list[Recipient] = []
    seen: set[str] = set()
    for one in said:
        for recipient in _on_one_line(one, notes):
            mark = comparable(recipient.address) if recipient.address else search_form(recipient.name)
            if mark in seen:
                notes.warnings.append(one.problem(Reason.LINE_REPEATED))
            else:
                found.append(recipient)
            seen.add(mark)
    if not said:
        notes.missing(Reason.RECIPIENT_MISSING, Key.RECIPIENT)
    return tuple(found)


def _on_one_line(said: Statement, notes: _Notes) -> list[Recipient]:
    """Every address ends a recipient; what is left over is one without an address."""
    try:
        return [_recipient(name, address, said) for name, address in _pieces(said.value)]
    except Refused:
        notes.problems.append(said.problem(Reason.RECIPIENT_UNREADABLE))
        return []


def _pieces(value: str) -> list[tuple[str, str | None]]:
    """Split *value* into (name, address), or raise `Refused`: an at sign in no address, or two names in one piece."""
    written = _MAILTO.sub("", value)
    plain = written.translate(_HALF_WIDTH)
    pieces: list[tuple[str, str | None]] = []
    start = 0
    for found in _ADDRESS.finditer(plain):
        pieces.append((_name(written[start : found.start()]), normalise(found[1].rstrip(".-"))))
        start = found.end()
    rest = _name(written[start:])
    if pieces and rest and len(pieces) == 1 and not pieces[0][0]:
        pieces = [(rest, pieces[0][1])]  # the address first, the name after it
    elif rest:
        pieces.append((rest, None))
    if not pieces or any("@" in name.translate(_HALF_WIDTH) or _is_several(name) for name, _ in pieces):
        raise Refused(Reason.RECIPIENT_UNREADABLE)
    return pieces


def _is_several(name: str) -> bool:
    """Whether *name* names somebody after somebody else. 代表社員 of a company may be another company."""
    company, person = _company(name)
    return _ANOTHER.search(name) is not None or (
        legal_form(company) != "" and legal_form(person) != "" and "社員" not in person
    )


def _name(text: str) -> str:
    """Strip separators and a closing 様; everything inside stays as written."""
    bare = _ADDRESS_LABEL.sub("", text.strip(" \t\u3000\xa0,，、;；"))
    bare = _TO_FIRM.sub("", bare).strip(" \t\u3000\xa0,，、;；:：")
    bare = "" if re.fullmatch(r"様|さま|御中|殿|宛|あて", bare) else _HONORIFIC.sub("", bare)
    return bare.strip()


def _recipient(name: str, address: str | None, said: Statement) -> Recipient:
    company, person = _company(name)
    return Recipient(name=name, company=company, person=person, address=address, source=said)


def _company(name: str) -> tuple[str, str]:
    """Split off the company: the first word, or two where one of them is only a legal form."""
    words = name.split()
    count = 2 if any(is_legal_form(word) for word in words[:2]) else 1
    return " ".join(words[:count]), " ".join(words[count:])
