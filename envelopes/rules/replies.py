"""Commands by reply: which of a mail's own words order something, and the six digits that go with them.

A command is a whole line that begins with a verb of the grammar (送信 123456, 取消 123456 宛先の間違い). Prose about a
verb (送信しました、送信しますか) is none. Whether the digits are right, and whether the writer may, is decided
elsewhere; what leaves this module for anything that is kept has its digits cut.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Self

from envelopes.rules.errors import Reason
from envelopes.rules.keys import Key
from envelopes.rules.lines import Scan, Statement
from envelopes.rules.quoting import own_lines

EXAMPLE: Final = "123456"  # the digits of our own examples: copied from a mail, they are none
CUT: Final = "●"  # stands where a digit stood


class Verb(StrEnum):
    """What can be ordered by reply, in the word that examples use."""

    STATUS = "状況"
    SEND = "送信"
    REVISE = "修正"
    CANCEL = "取消"
    REMIND = "再送"
    EXTEND = "延長"


# How each is written, for mails and pages; in the order in which they are offered.
SAMPLES: Final[Mapping[Verb, str]] = {
    Verb.SEND: f"{Verb.SEND} {EXAMPLE}",
    Verb.REVISE: f"{Verb.REVISE} {EXAMPLE}\n期限：9月10日",
    Verb.REMIND: f"{Verb.REMIND} {EXAMPLE}",
    Verb.EXTEND: f"{Verb.EXTEND} {EXAMPLE} 9月30日",
    Verb.CANCEL: f"{Verb.CANCEL} {EXAMPLE} 理由",
    Verb.STATUS: Verb.STATUS.value,
}
CODED: Final = frozenset(Verb) - {Verb.STATUS}  # what sends, changes or ends something wants a second channel
_ARGUED: Final = frozenset({Verb.CANCEL, Verb.EXTEND})  # the words behind it are part of the order

# As people write them, in NFKC and lower case.
_WORDS: Final[Mapping[Verb, str]] = {
    Verb.STATUS: r"(?:状況|状態|進捗)(?:の?(?:確認|照会))?",
    Verb.SEND: r"送信|送付|送って|ok|okay|オーケー|オッケー",
    Verb.REVISE: r"修正|訂正",
    Verb.CANCEL: r"取り?消す|取り?消し?|取りやめ|とりけし|キャンセル",
    Verb.REMIND: r"再送信?|再度送信|再通知",
    Verb.EXTEND: r"(?:署名)?期限[のを]?延長|延長",
}
_PLEASE: Final = (
    r"(?:よろしく|宜しく|どうぞ)?お?願い?(?:(?:いた|致)?します|ます)?|(?:よろしく|宜しく|どうぞ|何卒)"
)
_POLITE: Final = (
    rf"(?:を|で|の|は)?(?:{_PLEASE}|(?:お?(?:教え|知らせ)て?|して)?(?:ください|下さい|ほしいです|欲しいです)"
    r"|し?て(?:よい|いい)です|します|する|です)?"
)
_GAP: Final = r"[\s:：、,。.・!()「」\[\]【】=→\"'-]"
_LABEL: Final = r"(?:(?:認証|確認)?(?:コード|番号|数字)(?:は)?)?"
_DIGITS: Final = r"(?<!\d)\d{3}[ -]?\d{3}(?!\d)"
_LINES: Final = {
    verb: re.compile(
        rf"(?:(?P<before>{_DIGITS}){_GAP}+)?(?:{words}){_POLITE}(?P<rest>(?:{_GAP}|\d).*)?",
        re.DOTALL | re.IGNORECASE,
    )
    for verb, words in _WORDS.items()
}
# 9月30日まで延長してください: the day may stand before its verb.
_UNTIL: Final = re.compile(
    rf"(?P<day>(?=.*(?:\d|末)).{{2,30}}?)(?:まで|に|へ)?(?:署名)?(?:期限を)?延長{_POLITE}(?P<rest>(?:{_GAP}|\d).*)?"
)
_QUESTION: Final = re.compile(r"(?:状況|状態|進捗)(?:は|を|が).{0,14}")  # harmless, so understood generously
_ALONE: Final = re.compile(rf"{_GAP}*{_LABEL}{_GAP}*(?P<code>{_DIGITS}){_GAP}*(?:です)?{_GAP}*")
_FIRST: Final = re.compile(rf"{_GAP}*{_LABEL}{_GAP}*(?P<code>{_DIGITS})(?P<words>.*)", re.DOTALL)
_LAST: Final = re.compile(rf"(?P<words>.*?){_GAP}+{_LABEL}{_GAP}*(?P<code>{_DIGITS}){_GAP}*", re.DOTALL)
_COURTESY: Final = re.compile(rf"(?:{_GAP}|以上|です|{_PLEASE}|ください|下さい)*")
_EDGE: Final = " \t\u3000:：、,。.・!「」[]【】=→\"'*＊■□◆●○"
_AROUND: Final = f"{_EDGE}()（）-"
_LONGEST: Final = 400  # characters of a line that are looked at: no command is longer
_REASON_LINES: Final = 10  # below 取消: a reason is one paragraph
_ANY: Final = "|".join(_WORDS.values())
_WRITTEN: Final = r"\d{3}[ \u3000-]?\d{3}"
_BETWEEN: Final = rf"(?:{_GAP}|[（）［］])*{_LABEL}(?:{_GAP}|[（）［］])*"
# Amounts (修正 980000円) are left alone: they are no digits of an authenticator.
_NEAR: Final = re.compile(
    rf"(?P<verb>(?:{_ANY}){_POLITE})(?P<between>{_BETWEEN})(?P<code>{_WRITTEN})(?![\d,，円万])"
    rf"|(?<!\d)(?P<first>{_WRITTEN})(?P<gap>{_GAP}{{1,3}})(?P<then>{_ANY})",
    re.IGNORECASE,
)
_DIGIT: Final = re.compile(r"\d")
_SIX: Final = re.compile(rf"(?<!\d){_WRITTEN}(?!\d)")
_PREFIX: Final = re.compile(r"\s*(?:(?:re|fwd?|返信)\s?[:：]\s*)+", re.IGNORECASE)
_RE: Final = re.compile(r"\s*(?:re|返信)\s?[:：]", re.IGNORECASE)
_VERB: Final = re.compile(rf"\W*(?:{_ANY}){_POLITE}", re.IGNORECASE)

# Beside 送信: words after which it may be that something is to be changed first, or that it is not to go yet.
_HESITANT: Final = re.compile(
    r"直[しすさせそっ]|正し[いくて]|修正|訂正|変更|改め|間違|誤|違[いうっえ]|差し?替|追加|削除|増額|減額|ただし|但し"
    r"|まだ|(?<!お)待[ちたっつて]|ストップ|保留|中止|延期|見合わせ|取り?や?[消止め]|やめ|止め|キャンセル|不要"
    r"|ないで(?!す|しょ)|送らない|しない|してから|した[後あ]|てから送|前に|先に|次第|あとで|後で|後日|明日|明朝|来週|来月"
    r"|金額|期限|締切|締め切り|宛先|宛て先|相手方[はを]|工期|履行期間|税込|税抜|税別|\d円|\d万|\d千円"
    r"|\d日(?:\(.{1,3}\))?まで|\d/\d{1,2}まで"
)
_CONTENT: Final = re.compile(
    r"(?:(?:書き)?直し|修正|訂正|変更|追加|間違い|誤り|相違)(?:点|箇所|事項)?[はもが]?"
    r"(?:(?:とく|特)に)?(?:ありません|ございません|ないです|なし|無し)"
)
# What stands below the mails of many a town hall.
_FOOTER: Final = re.compile(
    "(?:誤って|間違って)(?:(?:本|この)(?:電子)?メールを)?(?:受信|受け取|届|配信)|お?心当たり[のが]な"
)
_QUESTIONS: Final = re.compile("開始日|期限")  # as answers name them
# What stands in a letter's signature under a key of its own: how and when somebody can be reached.
_REACHED: Final = re.compile(
    r"[^:]{0,12}(?:電話|tel|fax|携帯|内線|直通|代表|担当|時間|所在地|住所|ホームページ|hp|web|url|郵便番号|氏名|名前)[^:]{0,8}:"
    r"|[^:]{1,20}:\s*(?:〒|https?:|www\.|[^\s@]{1,64}@[^\s@]{1,255}$|[+(]?\d[\d() -]{7,20}(?:\(.{1,12}\))?$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One order: the verb, its six digits ("" where none are written), and the words that belong to it."""

    verb: Verb
    code: str = field(default="", repr=False)
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the writer himself says: his commands, and his other words in their lines, with digits cut."""

    commands: tuple[Command, ...]
    text: str = field(repr=False)


def read(text: str) -> Reply:
    """Read the commands of *text*, a mail's letter with whatever it quotes. Raises nothing."""
    own = own_lines(text)
    lines = [_tidy(line) for line in own]
    found = {at: command for at, line in enumerate(lines) if (command := _command(line))}
    alone = {at: hit["code"] for at, line in enumerate(lines) if found and (hit := _ALONE.fullmatch(line))}
    spoken = set(found) | set(alone)
    commands = []
    for at, command in found.items():
        code = command.code or next((alone[near] for near in _beside(at, lines) if near in alone), "")
        words = _as_written(own[at], command) if command.verb is Verb.CANCEL else command.words
        if command.verb is Verb.CANCEL and not words:
            below = _paragraph(at, lines, spoken)
            spoken |= set(below)
            words = " ".join(own[line].strip() for line in below)
        commands.append(replace(command, code=code, words=words))
    rest = ("" if at in spoken else without_codes(line) for at, line in enumerate(own))
    return Reply(commands=tuple(dict.fromkeys(commands)), text="\n".join(rest))


def without_codes(text: str) -> str:
    """Return *text* with six digits beside a verb cut: nothing that is kept or answered may show them."""
    return _NEAR.sub(_cut, "\n".join(_without_code(line) for line in text.split("\n")))


def subject_without_codes(subject: str, *, answers: bool) -> str:
    """*subject* as it may be kept. Where the mail *answers* none, six digits beside a verb belong to its title.

    `080123 修正設計業務委託` stays, unless the subject is an order itself.
    """
    return without_codes(subject) if answers or _RE.match(subject) else _without_code(subject)


def order_without_codes(found: Scan) -> Scan:
    """*found* in a mail that is no reply, as it may be kept: under a key no digits are cut but those of a command."""
    statements = tuple(
        replace(one, value=without_codes(one.value), text=without_codes(one.text)) if _orders(one) else one
        for one in found.statements
    )
    warnings = tuple(
        replace(one, details={name: _kept(said) for name, said in one.details.items()})
        for one in found.warnings
    )
    return Scan(statements=statements, warnings=warnings)


def _orders(said: Statement) -> bool:
    """Whether what was written under a key is a command with digits, or has taken one in from the lines below."""
    first, *below = said.value.split("\n")
    if said.key in (Key.RECIPIENT, Key.COPY) or any(without_codes(line) != line for line in below):
        return True
    command = _command(_tidy(first))
    return command is not None and command.code != ""


def _kept(said: str | int) -> str | int:
    return without_codes(said) if isinstance(said, str) else said


def _without_code(line: str) -> str:
    """*line* without the digits of the order that it is; digits far from their verb are found only so."""
    command = _command(_tidy(_PREFIX.sub("", line)))
    place = _place(line, command.code) if command and command.code else None
    return f"{line[: place.start()]}{_DIGIT.sub(CUT, place[0])}{line[place.end() :]}" if place else line


def _place(line: str, code: str) -> re.Match[str] | None:
    """Where in *line*, as it was written, *code* stands."""
    return next(
        (hit for hit in _SIX.finditer(line) if _plain(unicodedata.normalize("NFKC", hit[0])) == code), None
    )


def _cut(hit: re.Match[str]) -> str:
    parts = hit.groupdict(default="")
    return "".join(
        _DIGIT.sub(CUT, part) if name in ("code", "first") else part for name, part in parts.items()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a command, as it is kept with its mail: done, or why not. `problems` are in words."""

    verb: Verb | None
    reason: Reason | None = None
    details: Mapping[str, str | int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return {
            "verb": self.verb,
            "reason": self.reason,
            "details": dict(self.details),
            "problems": list(self.problems),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        verb, reason = data["verb"], data["reason"]
        return cls(
            verb=Verb(verb) if verb else None,
            reason=Reason(reason) if reason else None,
            details=data["details"],
            problems=tuple(data["problems"]),
        )


def blackened(text: str) -> str:
    """*text* with every six digits that stand alone cut: an answer quotes what was not understood."""
    return _SIX.sub(lambda hit: _DIGIT.sub(CUT, hit[0]), text)


def is_code(command: Command) -> bool:
    """Whether digits were written that are not those of our own examples."""
    return command.code not in ("", EXAMPLE)


def objection(reply: Reply, found: Scan) -> str:
    """The first line beside an order to send that may mean something else than to send what was seen, else "".

    *found* are the lines of the reply that say something about the draft. Answers to its questions, greetings and a
    signature mean nothing else.
    """
    answers = {one.line for one in found.statements if one.key is Key.ANSWERED}
    said, unclear = {one.line for one in found.statements} - answers, {one.line for one in found.warnings}
    for number, written in enumerate(own_lines(reply.text), start=1):
        line = unicodedata.normalize("NFKC", written).strip(_EDGE)
        left = (_QUESTIONS if number in answers else _CONTENT).sub("", line)
        odd = number in said or (number in unclear and not _REACHED.match(line))
        if odd or (_HESITANT.search(left) and not _FOOTER.search(line)):
            return written.strip()
    return ""


# One line


def _tidy(line: str) -> str:
    return unicodedata.normalize("NFKC", line[:_LONGEST]).strip(_EDGE)


def _command(line: str) -> Command | None:
    """The order that *line* is, as a whole; else None."""
    for verb, pattern in _LINES.items():
        if hit := pattern.fullmatch(line):
            code, words = _split(hit["rest"] or "")
            code = code or _plain(hit["before"] or "")
            if verb in _ARGUED:
                return Command(verb=verb, code=code, words=words)
            if code or not words:
                return Command(verb=verb, code=code, words=words)
    if hit := _UNTIL.fullmatch(line):
        code, words = _split(f"{hit['day']} {hit['rest'] or ''}")
        return Command(verb=Verb.EXTEND, code=code, words=words)
    return Command(verb=Verb.STATUS) if _QUESTION.fullmatch(line) else None


def _split(rest: str) -> tuple[str, str]:
    """The digits in *rest*, at its beginning or else at its end, and the words without courtesies."""
    hit = _FIRST.fullmatch(rest) or _LAST.fullmatch(rest)
    words = (hit["words"] if hit else rest).strip(_AROUND)
    return _plain(hit["code"]) if hit else "", "" if _COURTESY.fullmatch(words) else words


def _plain(code: str) -> str:
    return "".join(letter for letter in code if letter.isdigit())


def _as_written(line: str, command: Command) -> str:
    """The words of *command* as they stand in *line*: ㈱ stays ㈱, for others read a reason."""
    place = _place(line, command.code) if command.words and command.code else None
    if place is None:
        return command.words
    behind, before = line[place.end() :].strip(_AROUND), _VERB.sub("", line[: place.start()], count=1)
    return behind or before.strip(_AROUND)


# Lines around it


def _beside(at: int, lines: Sequence[str]) -> Iterator[int]:
    """The next line with words below, then above: digits may have a line of their own."""
    yield from (line for line in range(at + 1, len(lines)) if lines[line])
    yield from (line for line in range(at - 1, -1, -1) if lines[line])


def _paragraph(at: int, lines: Sequence[str], spoken: set[int]) -> list[int]:
    """The lines directly below *at*, past its digits, up to the first without words."""
    first = at + 1
    while first < len(lines) and first in spoken:
        first += 1
    last = first
    while last < min(len(lines), first + _REASON_LINES) and lines[last] and last not in spoken:
        last += 1
    return list(range(first, last))
