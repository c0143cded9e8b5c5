"""Commands by reply: which of a mail's own words order something, and the six digits that go with them.

A command is a whole line that begins with a verb of the grammar (送信 123456, 取消 123456 宛先の間違い), behind
courtesies where its digits stand with it (確認しました。送信 123456). Prose about a verb (送信しました、送信しますか)
is none. Whether the digits are right, and whether the writer may, is decided elsewhere; what leaves this module for
anything that is kept has its digits cut.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import accumulate, chain, islice
from typing import Any, Final, Self

from envelopes.rules import courtesies, exclusions
from envelopes.rules.courtesies import NOBODY, Writer
from envelopes.rules.errors import Reason
from envelopes.rules.keys import Key
from envelopes.rules.lines import QUOTED_CHARACTERS, Problem, Scan, Statement
from envelopes.rules.quoting import LONGEST, between_quotes, own_lines

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

_WHICH: Final = r"(?:(?:その後|現在|現時点|今|署名|進捗|契約|手続き?)の?){0,2}"
# As people write them, in NFKC and lower case.
_WORDS: Final[Mapping[Verb, str]] = {
    Verb.STATUS: rf"{_WHICH}(?:状況|状態|進捗)(?:の?(?:確認|照会))?",
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
_FINE: Final = (
    r"(?:(?:して|で)?(?:ok|オーケー|オッケー|結構|大丈夫|構いません|かまいません|問題(?:ありません|ない))"
    r"(?:です)?)"
)
_GAP: Final = r"[\s:：、,。.・!()「」\[\]【】=→\"'-]"
_LABEL: Final = (
    r"(?:認証(?:アプリ)?の?|確認の?|返信用の?|6(?:桁|けた|ケタ)の?){0,3}(?:コード|番号|数字)(?:は|が)?"
)
_DIGITS: Final = r"(?<!\d)\d{3}[ -]?\d{3}(?!\d)"
# 1. 送信, 【指示】送信; この下書きを送信, 相手方に送信: nothing but the order itself.
_ITEM: Final = r"(?:\d[.)、]?\s?(?=\D)|(?:ご?指示|用件)[】\]:」]\s?)?"
_OBJECT: Final = (
    r"(?:(?:本件|(?:(?:この|上記の?|添付の?)?下書き?|この(?:依頼|封筒|内容))[のをで]?)[を、]?\s?)?"
    r"(?:(?:相手方|受注者|先方)[にへ]、?)?"
)
_LINES: Final = {
    verb: re.compile(
        rf"{_ITEM}(?:(?P<before>{_DIGITS}){_GAP}++)?{_OBJECT}(?:{words})(?:{_FINE}|{_POLITE})(?P<rest>(?:{_GAP}|\d).*)?",
        re.DOTALL | re.IGNORECASE,
    )
    for verb, words in _WORDS.items()
}
_DEADLINE: Final = r"(?:新しい)?(?:署名)?(?:期限|締め?切り?|期日)"
# 9月30日まで延長してください: the day may stand before its verb.
_UNTIL: Final = re.compile(
    rf"(?:{_DEADLINE}[をはの:]?\s?)?(?P<day>(?=.*(?:\d|末)).{{2,30}}?)(?:まで|に|へ)?(?:署名)?(?:期限を)?延長{_POLITE}(?P<rest>(?:{_GAP}|\d).*)?"
)
_QUESTION: Final = re.compile(
    rf"{_WHICH}(?:状況|状態|進捗)(?:は|を|が).{{0,14}}"
)  # harmless, so understood generously
# No blank is looked at twice (*+): a line of thousands of them costs no more than one of words.
_TO_CODE: Final = rf"{_GAP}*+(?:{_LABEL}{_GAP}*+)?(?P<code>{_DIGITS})"
_ALONE: Final = re.compile(rf"{_TO_CODE}{_GAP}*+(?:です)?{_GAP}*+")
_FIRST: Final = re.compile(rf"{_TO_CODE}(?P<words>.*)", re.DOTALL)
_LAST: Final = re.compile(rf"(?<!{_GAP})(?={_GAP}){_TO_CODE}{_GAP}*+$")
_EDGE: Final = " \t\u3000:：、,。.・!「」[]【】=→\"'*＊■□◆●○"
_AROUND: Final = f"{_EDGE}()（）-"
_REASON_LINES: Final = 10  # below 取消: a reason is one paragraph
_ANY: Final = "|".join(_WORDS.values())
_VERB: Final = re.compile(_ANY, re.IGNORECASE)
_WRITTEN: Final = r"\d{3}[ \u3000-]?\d{3}"
_BETWEEN: Final = rf"(?:{_GAP}|[（）［］])*+(?:{_LABEL}(?:{_GAP}|[（）［］])*+)?"
# Amounts (修正 980000円) are left alone: they are no digits of an authenticator.
_NEAR: Final = re.compile(
    rf"(?P<verb>(?:{_ANY}){_POLITE})(?P<between>{_BETWEEN})(?P<code>{_WRITTEN})(?![\d,，円万])"
    rf"|(?<!\d)(?P<first>{_WRITTEN})(?P<gap>{_GAP}{{1,3}})(?P<then>{_ANY})",
    re.IGNORECASE,
)
_DIGIT: Final = re.compile(r"\d")
_SIX: Final = re.compile(rf"(?<!\d){_WRITTEN}(?!\d)")
_NO_AMOUNT: Final = re.compile(rf"{_SIX.pattern}(?![,，円万])")
_PREFIX: Final = re.compile(r"\s*(?:(?:re|fwd?|返信)\s?[:：]\s*)+", re.IGNORECASE)
_RE: Final = re.compile(r"\s*(?:re|返信)\s?[:：]", re.IGNORECASE)
_BEFORE: Final = re.compile(
    r"[。、,!]\s*|\s+|(?<=ので)|(?<=では)"
)  # between courtesies and the order in one line
_LONGEST_LED: Final = 120
_SENTENCES: Final = 8  # before an order in its own line
_UNREAD: Final = 20  # lines that an answer names: nobody reads more
_TAILS: Final = ("です", "ください", "下さい")  # 送信 123456 です
_REASON: Final = re.compile(r"(?:取り?消し?の?)?理由(?:は、?|[\s:：、)）\]】」]+|$)")
# Beside 取消, unless it is called the reason: what is asked for, of whom, when, or not. Reasons end in other words.
_WISH: Final = re.compile(
    r"ください|下さい|お?願い(?:(?:いた|致)?し)?ます|ないで|だけ|のみ|ではな|じゃな|[?？]"
    r"|(?:後|てから|たら|次第|まで|以降|明日|明後日|来週|来月|週明け|午前|午後|\d時|\d日|曜日?|まだ|一旦|いったん|保留|不要"
    r"|検討中|確認中|未定|待ち|しない|しません|やめます|ほしい|について|の件)(?:に|で|から)?(?:です|します)?$"
)
_PIECES: Final = re.compile(r"[、,\s]+|(?<=ので)|(?<=ため)")
# Below an empty line it is a reason only where it says so.
_BECAUSE: Final = re.compile(
    r"(?:ため|為|ので|から|により|による|よります)(?:です|となります)?。?$|間違[いえ]|誤[りっ]|二重|重複"
)
# 期限：9月30日 below 延長.
_DAY: Final = re.compile(
    rf"(?:{_DEADLINE}[をは]?)?[\s:]*(?P<day>(?=.*(?:\d[月年/.-]|\d日|\d{{8}}|末|元年)).{{2,30}})"
)

_ANSWERS: Final = frozenset(word for words in exclusions.WORDS.values() for word in words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One order: the verb, its six digits ("" where none are written), and the words that belong to it.

    `doubtful`: they stand where a reason may stand, and ask for something.
    """

    verb: Verb
    code: str = field(default="", repr=False)
    words: str = ""
    doubtful: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the writer himself says: his commands, and his other words in their lines, with digits cut.

    `orders` are the lines of the commands, counted from 0, which are empty in `text`. `between` are lines among what
    is quoted: others wrote them, or he answers there.
    """

    commands: tuple[Command, ...]
    text: str = field(repr=False)
    orders: frozenset[int] = frozenset()
    between: tuple[str, ...] = field(default=(), repr=False)


def read(text: str, writer: Writer = NOBODY) -> Reply:
    """Read the commands of *text*, a mail's letter with whatever it quotes. Raises nothing.

    The signature of *writer* is no reason for anything.
    """
    own = own_lines(text)
    lines = [_tidy(line) if len(line) < LONGEST else "" for line in own]  # what was cut is no order
    found = _commands(lines, writer)
    alone = {at: hit["code"] for at, line in enumerate(lines) if found and (hit := _ALONE.fullmatch(line))}
    spoken = set(found) | set(alone)
    commands = []
    for places, command in _merged(found):
        near = (alone[line] for at in places for line in _beside(at, lines) if line in alone)
        code, words, doubtful = command.code or next(near, ""), command.words, False
        if command.verb is Verb.CANCEL:
            doubtful = not _REASON.match(words) and _is_wish(words)
            words = _reason(next((own[at] for at in places if found[at].words), ""), words)
            words = words or _reason_below(max(places), own, spoken, writer)
        elif command.verb is Verb.EXTEND:
            words = words or _day_below(max(places), lines, spoken)
        commands.append(replace(command, code=code, words=words, doubtful=doubtful))
    rest = ("" if at in spoken else without_codes(line) for at, line in enumerate(own))
    return Reply(
        commands=tuple(dict.fromkeys(commands)),
        text="\n".join(rest),
        orders=frozenset(spoken),
        between=tuple(map(without_codes, between_quotes(text))),
    )


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
    prefix = _PREFIX.match(line)
    command = _command(_tidy(line[prefix.end() :] if prefix else line))
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
    return _NO_AMOUNT.sub(lambda hit: _DIGIT.sub(CUT, hit[0]), text)


def to_be_told(problem: Problem) -> Problem:
    """*problem* without any digits that an answer might quote with it."""
    said = {
        name: blackened(words) if isinstance(words, str) else words for name, words in problem.details.items()
    }
    return replace(problem, details=said)


def is_code(command: Command) -> bool:
    """Whether digits were written that are not those of our own examples."""
    return command.code not in ("", EXAMPLE)


def objection(reply: Reply, found: Scan, writer: Writer = NOBODY) -> str:
    """The first words beside an order that may mean something else than to do just that, else "".

    *found* are the lines of the reply that say something about the draft. Answers to its questions, courtesies and the
    signature of *writer* mean nothing else; whatever is not understood may.
    """
    for command in reply.commands:
        argued = command.verb in _ARGUED or courtesies.is_courtesy(command.words, writer)
        if command.doubtful or not argued:
            return command.words
    answers = {one.line for one in found.statements if one.key is Key.ANSWERED and _only_answers(one.value)}
    lines = reply.text.split("\n")
    odd = (
        lines[at] for at in courtesies.strange(lines, writer, orders=reply.orders) if at + 1 not in answers
    )
    between = (reply.between[at] for at in courtesies.strange(reply.between, writer))
    return next(chain(odd, between), "").strip()


def unread(reply: Reply, found: Scan, writer: Writer = NOBODY, *, mail: int) -> list[Problem]:
    """The first lines beside a correction that nobody acts on: they say nothing under any key, and no courtesies."""
    lines = reply.text.split("\n")
    heard = {one.line for one in found.statements} | {one.line for one in found.warnings}
    values = [_squeezed(one.value) for one in found.statements]
    odd = (
        Problem(
            reason=Reason.LINE_UNREAD,
            line=at + 1,
            mail=mail,
            details={"text": lines[at].strip()[:QUOTED_CHARACTERS]},
        )
        for at in courtesies.strange(lines, writer, orders=reply.orders)
        if at + 1 not in heard and not any(_squeezed(lines[at]) in value for value in values)
    )
    return list(islice(odd, _UNREAD))


def _only_answers(value: str) -> bool:
    """Whether a line 確認済 names questions and says nothing more."""
    words = (
        word for word in re.split(r"[、,・/\s]+", unicodedata.normalize("NFKC", value).strip(_EDGE)) if word
    )
    return all(word in _ANSWERS or courtesies.is_courtesy(word) for word in words)


def _squeezed(text: str) -> str:
    return re.sub(r"\s", "", text).strip(_AROUND)


# One line


def _tidy(line: str) -> str:
    return unicodedata.normalize("NFKC", line).strip(_EDGE)


def _command(line: str, writer: Writer = NOBODY) -> Command | None:
    """The order that *line* is, as a whole, or behind courtesies together with its digits; else None."""
    command = _order(line)
    led = None if command else _led(line, writer)
    return command or (led if led and led.code else None)


def _order(line: str) -> Command | None:
    """The order that *line* is, as a whole; else None."""
    for verb, pattern in _LINES.items():
        if hit := pattern.fullmatch(line):
            code, words = _split(hit["rest"] or "")
            code = code or _plain(hit["before"] or "")
            if verb in _ARGUED:
                return Command(verb=verb, code=code, words=words)
            if code or not words:
                return Command(verb=verb, code=code, words="" if _is_again(verb, words) else words)
    if hit := _UNTIL.fullmatch(line):
        code, words = _split(f"{hit['day']} {hit['rest'] or ''}")
        return Command(verb=Verb.EXTEND, code=code, words=words)
    return None


def _is_again(verb: Verb, words: str) -> bool:
    """OKです。送信 483920: the same once more."""
    hit = _LINES[verb].fullmatch(words)
    return hit is not None and not _split(hit["rest"] or "")[1]


def _led(line: str, writer: Writer) -> Command | None:
    """The order behind courtesies in one line: 確認しました。送信 483920."""
    if len(line) > _LONGEST_LED or not _VERB.search(line):
        return None
    for gap in islice(_BEFORE.finditer(line), _SENTENCES):
        if (command := _order(line[gap.end() :])) and courtesies.is_courtesy(line[: gap.start()], writer):
            return command
    return None


def _split(rest: str) -> tuple[str, str]:
    """The digits in *rest*, at its beginning or else at its end, and the words without courtesies."""
    if hit := _FIRST.fullmatch(rest):
        words = hit["words"]
    elif hit := _LAST.search(rest):
        words = rest[: hit.start()]
    else:
        words = rest
    words = words.strip(_AROUND)
    means_nothing = words in _TAILS or courtesies.is_courtesy(words)
    return _plain(hit["code"]) if hit else "", "" if means_nothing else words


def _plain(code: str) -> str:
    return "".join(letter for letter in code if letter.isdigit())


def _reason(line: str, words: str) -> str:
    """*words* without what only says that it is a reason, as they stand in *line*: ㈱ stays ㈱, for others read it."""
    named = _REASON.match(words)
    words = words[named.end() :] if named else words
    letters = [unicodedata.normalize("NFKC", letter) for letter in line]
    at = "".join(letters).rfind(words) if words else -1
    if at < 0:
        return words
    ends = list(accumulate(map(len, letters)))
    return line[bisect_right(ends, at) : bisect_left(ends, at + len(words)) + 1]


# Lines around it


def _commands(lines: Sequence[str], writer: Writer) -> dict[int, Command]:
    """The orders by their lines. What only may be one (状況が変わったため) is none beside one that is."""
    found = {at: command for at, line in enumerate(lines) if (command := _command(line, writer))}
    if found or any(_ALONE.fullmatch(line) for line in lines):
        again = {at: led for at, line in enumerate(lines) if at not in found and (led := _led(line, writer))}
        found = dict(sorted((found | again).items()))
    asked = (at for at, line in enumerate(lines) if _QUESTION.fullmatch(line))
    return found or {at: Command(verb=Verb.STATUS) for at in asked}


def _merged(found: Mapping[int, Command]) -> Iterator[tuple[list[int], Command]]:
    """Each order with its lines. 送信をお願いします and 送信 483920 below it are one; two that differ stay two."""
    by_verb: dict[Verb, list[int]] = {}
    for at, command in found.items():
        by_verb.setdefault(command.verb, []).append(at)
    for verb, places in by_verb.items():
        codes, words = ({getattr(found[at], name) for at in places} - {""} for name in ("code", "words"))
        if len(codes) <= 1 and len(words) <= 1:
            yield places, Command(verb=verb, code="".join(codes), words="".join(words))
        else:
            yield from (([at], found[at]) for at in places)


def _beside(at: int, lines: Sequence[str]) -> Iterator[int]:
    """The next line with words below, then above: digits may have a line of their own."""
    yield from (line for line in range(at + 1, len(lines)) if lines[line])
    yield from (line for line in range(at - 1, -1, -1) if lines[line])


def _reason_below(at: int, own: Sequence[str], spoken: set[int], writer: Writer) -> str:
    """The paragraph below *at* that begins with 理由, or else the one there, without courtesies and signature.

    It ends before a line that asks for something. Its lines become *spoken*.
    """
    below = [line for line in range(at + 1, len(own)) if line not in spoken]
    named = next((line for line in below if _REASON.match(own[line].lstrip(_AROUND))), None)
    said: list[str] = []
    apart = False
    for line in below if named is None else below[below.index(named) :]:
        words = own[line].strip()
        if line == named:
            words = _named(words)
        elif not words and not said and named is None and not apart:
            apart = True
            continue
        elif not words or courtesies.is_signature(words, writer) or len(said) == _REASON_LINES:
            break
        elif courtesies.is_courtesy(words, writer):
            if said:
                break
            continue
        elif _is_wish(words) or (apart and not said and not _BECAUSE.search(words)):
            break
        spoken.add(line)
        said += [words] if words else []
    return " ".join(said)


def _named(line: str) -> str:
    """What *line* says behind 理由; （理由：…） may stand in brackets as a whole."""
    words = _REASON.sub("", line.lstrip(_AROUND), count=1)
    is_open = line[:1] in ("(", "（") and not re.search("[(（]", words)
    return words.rstrip(")）") if is_open else words


def _is_wish(words: str) -> bool:
    """Whether *words* ask for something rather than say why; courtesies, and that it be cancelled, ask for nothing."""
    return any(
        map(_WISH.search, map(_without_pleas, re.split("[。!]", unicodedata.normalize("NFKC", words))))
    )


def _without_pleas(sentence: str) -> str:
    return "".join(
        piece
        for piece in _PIECES.split(sentence)
        if not courtesies.is_courtesy(piece)
        and ((order := _order(piece)) is None or order.verb is not Verb.CANCEL or order.words)
    )


def _day_below(at: int, lines: Sequence[str], spoken: set[int]) -> str:
    """The day in the next line with words below *at*, which becomes *spoken*; else ""."""
    line = next((line for line in range(at + 1, len(lines)) if lines[line] and line not in spoken), None)
    hit = _DAY.fullmatch(lines[line]) if line is not None else None
    if line is None or hit is None:
        return ""
    spoken.add(line)
    return hit["day"]
