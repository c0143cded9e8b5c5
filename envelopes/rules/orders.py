"""What staff wrote in the mail: key and value, line by line → a reading with its problems.

Forgiving about how a line looks, strict about what it says: whatever is in doubt becomes a problem with the
line it stands in, for the answer to quote. Names and titles stay exactly as written; NFKC is for keys, dates,
amounts and addresses only. Who may order, and who is in the registry, is not known here.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, Generic, TypeVar

from envelopes.rules.addresses import comparable, normalise
from envelopes.rules.amounts import Amount, parse_amount
from envelopes.rules.dates import WEEKDAYS, parse_date
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.kinds import Kind
from envelopes.rules.names import is_legal_form, search_form
from envelopes.rules.policy import Policy

T = TypeVar("T")

SUBJECT_LINE: Final = 0  # the line number of what was taken from the mail's subject
_QUOTED_CHARACTERS: Final = 80  # of a line in an answer: enough to find it again


class Key(StrEnum):
    """What a line can be about, in the words that answers use."""

    TITLE = "封筒名"
    RECIPIENT = "宛先"
    KIND = "種別"
    AMOUNT = "金額"
    DEADLINE = "期限"


_NAMES: Final[Mapping[Key, tuple[str, ...]]] = {
    Key.TITLE: ("封筒名", "件名", "工事名", "業務名", "契約名", "工事件名", "契約件名", "委託業務名"),
    Key.RECIPIENT: ("宛先", "宛て先", "あて先", "相手方", "受注者", "契約相手方", "契約の相手方"),
    Key.KIND: ("種別", "契約種別", "文書種別"),
    Key.AMOUNT: ("金額", "契約金額", "請負代金額", "請負金額", "委託料", "業務委託料"),
    Key.DEADLINE: ("期限", "署名期限", "締切", "締め切り", "〆切"),
}
_KEY_OF: Final = {name: key for key, names in _NAMES.items() for name in names}
_CONTRACT_WORDS: Final = ("契約書", "契約", "覚書", "協定書", "協定")
_ACCEPTANCE_WORDS: Final = ("請書", "請け書", "受書")
# Lines of a letter's signature and of everyday prose that look like key and value but are not.
_NOT_KEYS: Final = frozenset(
    "tel fax 電話 電話番号 内線 直通 携帯 e-mail email mail メール メールアドレス url http https mailto 住所".split()  # noqa: SIM905
)

_LINE_ENDS: Final = re.compile("\r\n|[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
# Characters that show nothing or turn the reading direction: they could make a line look like another.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_MARKS: Final = " \t\u3000\xa0>＞|｜■□◆◇●○◎・･*＊-－–—▼▽▶※→⇒【[［「〈<＜"
_NUMBERING: Final = re.compile(r"(?:[(（]?[0-9０-９]{1,2}[.．)）]|[①-⑳])[ \u3000]{0,4}")
_KEY: Final = re.compile(
    "("
    + "|".join(r"\s{0,4}".join(name) for name in sorted(_KEY_OF, key=len, reverse=True))
    + r")(?:\s{0,4}[】\]］」〉>＞]\s{0,4}[:：=＝]?|\s{0,8}[:：=＝]|\t|\u3000|\s{2})(.*)"
)
_OTHER_KEY: Final = re.compile(r"([^:：、。「」@＠]{2,10})[:：]\s{0,8}(\S.*)")
_STOP: Final = re.compile(
    r"-- ?$|_{4,}|-{2,}.{0,20}(?:original|forwarded|転送|元の|引用)|begin forwarded message"
    r"|(?:from|差出人|送信者|送信元|発信者)\s{0,4}:|on .{5,200} wrote:|.{5,200}(?:書きました|のメッセージ)\s{0,2}:",
    re.IGNORECASE,
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
_HONORIFIC: Final = re.compile(r"(?:\s*(?:様|さま|御中)|\s+(?:殿|宛|あて))$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Read(Generic[T]):
    """A value and where it stood: the line as written and its number from 1, `SUBJECT_LINE` for the subject."""

    value: T
    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One signer as written, in turn. `name` is everything but address and 様; `company` is its first word.

    `address` is normalised; `None` where only a name was written.
    """

    name: str
    company: str
    person: str
    address: str | None
    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong or odd, and in which line (`None`: in none). `details` hold `key`, `text` and more.

    The details quote the mail, so they are for the answer to its sender and never for a log.
    """

    reason: Reason
    line: int | None = None
    details: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the mail says. It is an order if `problems` is empty; `warnings` are shown and stop nothing.

    `deadline` is `None` where none was written: the default is the caller's. A `title` on `SUBJECT_LINE` is
    proposed, not said.
    """

    title: Read[str] | None
    recipients: tuple[Recipient, ...]
    kind: Kind | None
    amount: Amount | None
    deadline: date | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    sources: Mapping[Key, Read[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    key: Key
    value: str
    line: int
    text: str

    def problem(self, reason: Reason, **more: str | int) -> Problem:
        details = {"key": self.key.value, "text": self.text[:_QUOTED_CHARACTERS], **more}
        return Problem(reason=reason, line=self.line, details=details)


@dataclass(slots=True)
class _Notes:
    """Problems and warnings as they are found."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def missing(self, reason: Reason, key: Key) -> None:
        self.problems.append(Problem(reason=reason, details={"key": key.value}))


def read(text: str, *, subject: str, today: date, policy: Policy) -> Reading:
    """Read the lines of *text*; *today* is the JST date of the mail's arrival. Raises nothing."""
    notes = _Notes()
    said = _join(list(_scan(text, notes)))
    first = _first_of_each(said, notes)
    return Reading(
        title=_title(first.get(Key.TITLE), subject, policy, notes),
        recipients=_recipients([line for line in said if line.key is Key.RECIPIENT], notes),
        kind=_kind(first.get(Key.KIND), notes),
        amount=_amount(first.get(Key.AMOUNT), notes),
        deadline=_deadline(first.get(Key.DEADLINE), today, policy, notes),
        problems=tuple(notes.problems),
        warnings=tuple(notes.warnings),
        sources={key: Read(value=one.value, line=one.line, text=one.text) for key, one in first.items()},
    )


def plain_subject(subject: str) -> str:
    """Return *subject* without any number of Re:, Fwd: and 転送."""
    before, left = None, _INVISIBLE.sub("", " ".join(_LINE_ENDS.split(subject)))
    while left != before:
        before, left = left, _SUBJECT_PREFIX.sub("", left, count=1) if _SUBJECT_PREFIX.match(left) else left
    return left.strip()


# Lines


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line of the mail: known key, continuation (`key` is `None`) or blank."""

    key: Key | None
    value: str
    number: int
    text: str
    indented: bool = False


def _scan(text: str, notes: _Notes) -> Iterator[_Line]:
    """Yield the lines up to a forwarded mail or a signature; note the keys that nobody knows."""
    for number, raw in enumerate(_LINE_ENDS.split(text), start=1):
        line = _INVISIBLE.sub("", raw)
        if _STOP.match(unicodedata.normalize("NFKC", line[:300].lstrip(" \t\u3000\xa0>＞|｜"))):
            return
        bare = line.lstrip(_MARKS)
        found = _KEY.match(bare) or _KEY.match(_NUMBERING.sub("", bare, count=1))
        if found:
            yield _Line(key=_key(found[1]), value=found[2].strip(), number=number, text=line.strip())
            continue
        if other := _OTHER_KEY.match(bare):
            _note_unknown(other, number, line, notes)
        indented = line[:1] in ("\u3000", "\t") or line.startswith("  ")
        yield _Line(key=None, value=bare.strip(), number=number, text=line.strip(), indented=indented)


def _key(written: str) -> Key:
    return _KEY_OF[re.sub(r"\s", "", written)]


def _note_unknown(found: re.Match[str], number: int, line: str, notes: _Notes) -> None:
    """Warn of `部暑：…`; a time of day or a telephone number is no key."""
    name = re.sub(r"\s", "", unicodedata.normalize("NFKC", found[1])).lower()
    if name in _NOT_KEYS or name[-1:].isdigit() or not name or "//" in found[2][:2]:
        return
    details = {
        "key": found[1].strip(),
        "text": line.strip()[:_QUOTED_CHARACTERS],
        "suggestion": _suggestion(name),
    }
    notes.warnings.append(Problem(reason=Reason.LINE_UNKNOWN, line=number, details=details))


def _suggestion(name: str) -> str:
    """Return the known name that is one letter off, by preference one that begins alike; or ""."""
    near = [known for known in _KEY_OF if _one_apart(name, known)]
    return max(near, key=lambda known: known[0] == name[0], default="")


def _one_apart(one: str, other: str) -> bool:
    """Say whether one letter was changed, left out or put in."""
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    same = next((index for index, letter in enumerate(short) if letter != long[index]), len(short))
    skip = 1 if len(short) == len(long) else 0
    return short != long and short[same + skip :] == long[same + 1 :]


def _join(lines: Sequence[_Line]) -> list[_Said]:
    """Give an empty key the line below it, and 宛先 the indented or addressed lines below it."""
    said: list[_Said] = []
    open_key = False
    for line in lines:
        if line.key:
            said.append(_Said(key=line.key, value=line.value, line=line.number, text=line.text))
            open_key = True
        elif said and open_key and line.value:
            open_key = _continue(said, line)
        elif said and said[-1].value:
            open_key = False
    return said


def _continue(said: list[_Said], line: _Line) -> bool:
    """Add *line* to the last key if it belongs there; say whether another line may follow."""
    last = said[-1]
    addressed = _has_address(line.value)
    if not last.value:
        said[-1] = _Said(key=last.key, value=line.value, line=line.number, text=line.text)
        return last.key is Key.RECIPIENT
    if last.key is not Key.RECIPIENT or not (addressed or line.indented):
        return False
    if _has_address(last.value):
        said.append(_Said(key=last.key, value=line.value, line=line.number, text=line.text))
    else:
        said[-1] = _Said(
            key=last.key, value=f"{last.value} {line.value}", line=last.line, text=f"{last.text} {line.text}"
        )
    return True


def _has_address(text: str) -> bool:
    return _ADDRESS.search(text.translate(_HALF_WIDTH)) is not None


def _first_of_each(said: Sequence[_Said], notes: _Notes) -> dict[Key, _Said]:
    """Keep the first line with a value of each key; say of every later one that it was not used."""
    first: dict[Key, _Said] = {}
    for one in said:
        if one.key not in first or not first[one.key].value:
            first[one.key] = one
        elif one.key is not Key.RECIPIENT:
            notes.warnings.append(one.problem(Reason.LINE_REPEATED))
    return {key: one for key, one in first.items() if one.value}


# Values


def _title(said: _Said | None, subject: str, policy: Policy, notes: _Notes) -> Read[str] | None:
    if said is None and (proposed := plain_subject(subject)):
        said = _Said(key=Key.TITLE, value=proposed, line=SUBJECT_LINE, text=subject)
    if said is None:
        notes.missing(Reason.TITLE_MISSING, Key.TITLE)
        return None
    if len(said.value) > policy.title_characters:
        limit = policy.title_characters
        notes.problems.append(said.problem(Reason.TITLE_TOO_LONG, limit=limit, actual=len(said.value)))
        return None
    return Read(value=said.value, line=said.line, text=said.text)


def _kind(said: _Said | None, notes: _Notes) -> Kind | None:
    if said is None:
        notes.missing(Reason.KIND_MISSING, Key.KIND)
        return None
    written = re.sub(r"\s", "", unicodedata.normalize("NFKC", said.value))
    word = re.sub(r"\([^()]*\)$", "", written)
    found = {
        kind
        for kind, words in ((Kind.CONTRACT, _CONTRACT_WORDS), (Kind.ACCEPTANCE, _ACCEPTANCE_WORDS))
        if any(known in written for known in words)
    }
    if len(found) == 1 and word.endswith(_CONTRACT_WORDS + _ACCEPTANCE_WORDS):
        return found.pop()
    notes.problems.append(said.problem(Reason.KIND_UNREADABLE))
    return None


def _amount(said: _Said | None, notes: _Notes) -> Amount | None:
    if said is None:
        notes.missing(Reason.AMOUNT_MISSING, Key.AMOUNT)
        return None
    try:
        return parse_amount(said.value)
    except Refused as refusal:
        notes.problems.append(said.problem(refusal.reason, **refusal.details))
        return None


def _deadline(said: _Said | None, today: date, policy: Policy, notes: _Notes) -> date | None:
    if said is None:
        return None
    try:
        written = parse_date(said.value, today=today)
    except Refused as refusal:
        notes.problems.append(said.problem(refusal.reason))
        return None
    day = written.day
    if not written.weekday_right:
        right = WEEKDAYS[day.weekday()]
        notes.warnings.append(
            said.problem(Reason.WEEKDAY_MISMATCH, date=day.isoformat(), said=written.weekday, right=right)
        )
    if day < today:
        notes.problems.append(said.problem(Reason.DEADLINE_PAST, date=day.isoformat()))
        return None
    if day > today + timedelta(days=policy.deadline_max_days):
        limit = policy.deadline_max_days
        notes.problems.append(said.problem(Reason.DEADLINE_UNREADABLE, date=day.isoformat(), limit=limit))
        return None
    return day


# Recipients


def _recipients(said: Sequence[_Said], notes: _Notes) -> tuple[Recipient, ...]:
    found: list[Recipient] = []
    seen: set[str] = set()
    written = [line for line in said if line.value]
    for line in written:
        for recipient in _on_one_line(line, notes):
            mark = comparable(recipient.address) if recipient.address else search_form(recipient.name)
            if mark in seen:
                notes.warnings.append(line.problem(Reason.LINE_REPEATED))
            else:
                found.append(recipient)
            seen.add(mark)
    if not written:
        notes.missing(Reason.RECIPIENT_MISSING, Key.RECIPIENT)
    return tuple(found)


def _on_one_line(said: _Said, notes: _Notes) -> list[Recipient]:
    """Every address ends a recipient; what is left over is one without an address."""
    try:
        return [_recipient(name, address, said) for name, address in _pieces(said.value)]
    except Refused:
        notes.problems.append(said.problem(Reason.RECIPIENT_UNREADABLE))
        return []


def _pieces(value: str) -> list[tuple[str, str | None]]:
    """Split *value* into (name, address), or raise `Refused` if something with an at sign is no address."""
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
    if not pieces or any("@" in name.translate(_HALF_WIDTH) for name, _ in pieces):
        raise Refused(Reason.RECIPIENT_UNREADABLE)
    return pieces


def _name(text: str) -> str:
    """Strip separators and a closing 様; everything inside stays as written."""
    bare = text.strip(" \t\u3000\xa0,，、;；:：")
    bare = "" if re.fullmatch(r"様|さま|御中|殿|宛|あて", bare) else _HONORIFIC.sub("", bare)
    return bare.strip()


def _recipient(name: str, address: str | None, said: _Said) -> Recipient:
    company, person = _company(name)
    return Recipient(
        name=name, company=company, person=person, address=address, line=said.line, text=said.text
    )


def _company(name: str) -> tuple[str, str]:
    """Split off the company: the first word, or two where one of them is only a legal form."""
    words = name.split()
    count = 2 if any(is_legal_form(word) for word in words[:2]) else 1
    return " ".join(words[:count]), " ".join(words[count:])
