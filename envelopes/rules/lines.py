"""The lines of a mail: which of them say something about an order, under which key, and where the order ends.

Knows how people write `key: value` in mails: marks, quotes, widths, separators, spellings that are one letter off.
What a value means stands in `orders`. Values stay exactly as written; NFKC is for keys only.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Self

from envelopes.rules.continuing import (
    BLANKS,
    BULLETS,
    INDENT,
    IS_END,
    LABELLED,
    NAMING,
    OF_WHICH,
    SENTENCE,
    Line,
    Open,
    columns,
    is_where,
)
from envelopes.rules.errors import Reason
from envelopes.rules.keys import KEY_OF, NOT_KEYS, SEVERAL, WEAK, Key
from envelopes.rules.quoting import LONGEST, QUOTES, end_of, own_lines, split, unread
from envelopes.rules.slips import fits, meant

ON_PAGE: Final = -1  # in place of a mail's number: said on the draft's page
ON_ADDRESS: Final = -2  # said by the address that the mail was sent to
QUOTED_CHARACTERS: Final = 80  # of a line in an answer: enough to find it again
_UNREADABLE: Final = "\ufffd"  # what decoding puts where bytes mean nothing
_READABLE: Final = 12  # characters to one that cannot be read: a line with fewer is no text
_SYMBOLS: Final = 8  # before a key
_MARKS: Final = f" \t\u3000\xa0\ufe0f{QUOTES}{BULLETS}"
_NUMBER: Final = "[0-9０-９]{1,2}"
_CIRCLED: Final = "[①-⑳]"
_COUNTED: Final = rf"(?:{_NUMBER}|[一二三四五六七八九十]{{1,2}}|[ア-コ])"
# Before the key of a line in a list or in a table with a column of numbers: 1. （１） ① １　 一、 （ア）
_NUMBERING: Final = re.compile(
    rf"(?:[(（]{_COUNTED}[)）]|{_COUNTED}(?:[.．、)）]|(?=[ \u3000\t]))|{_CIRCLED})[ \u3000\t]{{0,4}}"
)
_SEPARATOR: Final = (  # after the key
    r"(?P<gap>\s{0,4}[】\]］」』〉》〕>＞]\s{0,4}[:：=＝]?|[*＊]{0,2}\s{0,8}[:：=＝][*＊]{0,2}|\t|\u3000|\s{2})"
)
_REMARK: Final = r"(?:\s{0,4}[(（](?P<remark>[^()（）]{1,20})[)）])?"  # 金額（税込）：
_SPACED: Final = "|".join(
    r"\s{0,4}".join(map(re.escape, name)) for name in sorted(KEY_OF, key=len, reverse=True)
)
_KEY: Final = re.compile(
    rf"(?P<key>{_SPACED})(?P<place>{_NUMBER}|{_CIRCLED})?{_REMARK}{_SEPARATOR}(?P<value>.*)"
)
# A known key alone in its line, as a heading.
_HEADING: Final = re.compile(
    rf"(?P<key>{_SPACED})(?P<place>{_NUMBER}|{_CIRCLED})?{_REMARK}(?P<gap>)(?P<value>)\s{{0,8}}$"
)
_KEY_NAME: Final = "|".join(map(re.escape, sorted(KEY_OF, key=len, reverse=True)))
# A known key that no separator sets apart: 期限 8月31日, 期限→8月31日, 期限は8月31日です, 金額1,000円.
_UNPARTED: Final = re.compile(
    rf"(?P<key>{_SPACED}){_REMARK}"
    r"(?:(?P<mark>\s?(?:[;；→⇒…‥|｜／/~〜～－―–—-]|[・.．]{2}){1,8}\s?)|(?P<blank>\s)|(?P<is>は、?)|(?=[0-9０-９¥￥金令(（]))"
    r"(?P<value>\S.*)"
)
_ENDING: Final = re.compile(  # of a sentence that says a value
    r"(?:で(?:す|ございます)|[でに]?(?:よろしく|宜しく)?お願い.{1,12}|と(?:なります|します|いたします))?[。.\s|｜]{0,8}$"
)
_PARTICLE: Final = re.compile("[をにはがのともへ、]|で(?!ん)|から|まで|など|等|欄|について|各位")
# Points to where a value stands, or says that there is none.
_POINTS: Final = re.compile(
    "とおり|通り|下記|以下|次の|上記|添付|別|後日|同じ|ません|不要|なし|未定|ました|済"
)
_SIGNED: Final = frozenset({"担当", "所属", "部署"})  # who writes, as often as whose contract it is
_NAMED: Final = frozenset({Key.SIGNER, Key.COPY, Key.HAND_OVER})  # of which prose says little else
# A second key in a value: one with its own separator, or the cell of a table. 村道　期限付き has none.
_SECOND_KEY: Final = re.compile(
    rf"(?:^|(?<=[\s、,，;；／/|｜]))(?P<said>(?:{_KEY_NAME}|文書{_NUMBER}){_REMARK})\s{{0,8}}[:：=＝]"
    rf"|(?:^|\t|\u3000|\s{{2}})(?P<cell>{_KEY_NAME})\t"
    rf"|(?:\t|\u3000|\s{{2}})(?P<last>{_KEY_NAME})\s{{0,8}}$"
)
_DOCUMENT: Final = re.compile(
    rf"(?:添付)?(?:文書|書類|ファイル)\s{{0,4}}(?P<number>{_NUMBER}|{_CIRCLED}){_SEPARATOR}(?P<value>.*)"
)
# `■部暑　建設課`: a gap alone may also be prose, so more must tell that a key was meant.
_ITEM: Final = re.compile(rf"(?P<key>[^\s:：=＝、。「」】@＠]{{1,20}}){_SEPARATOR}\s{{0,8}}(?P<value>\S.*)")
_TIME: Final = re.compile(r"[0-5][0-9](?:$|[\s~〜～\-―ー、。)）]|から|に|まで|頃|ごろ|以降)")
_BEGINNING: Final = 4  # letters of a known key that another word may begin with by no accident: 署名期限日
_WORDS: Final = re.compile(r"[\w・ー()/&.-]+")  # what a key is made of; anything else is no attempt at one
_SECTION_WORD: Final = re.compile("課|室|係|局|部|所|館|班|会|センター|^\\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One line that says something, as written.

    `line` counts from 1, 0 where it stood in no mail's text; `mail` tells which mail: 0 the first, then the replies
    to it, `ON_PAGE` and `ON_ADDRESS` none. `day` is the JST day on which it was written: 10日以内 counts from there.
    `number` is that of 文書2.
    """

    key: Key
    value: str
    day: date
    line: int = 0
    text: str = ""
    mail: int = 0
    number: int = 0

    def problem(self, reason: Reason, **more: str | int) -> "Problem":
        """*reason* about this line; what it says is quoted."""
        details = {"key": self.label, "text": self.text[:QUOTED_CHARACTERS], **more}
        return Problem(reason=reason, line=self.line, mail=self.mail, details=details)

    @property
    def label(self) -> str:
        """The key as people write it: 金額, 文書2."""
        return f"{self.key.value}{self.number or ''}"

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`; what is as usual is left out."""
        plain = {"key": self.key.value, "value": self.value, "day": self.day.isoformat()}
        rest = {"line": self.line, "text": self.text, "mail": self.mail, "number": self.number}
        return plain | {name: value for name, value in rest.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(**{**data, "key": Key(data["key"]), "day": date.fromisoformat(data["day"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong or odd, and in which line of which mail (`None`: in none). `details` hold `key`, `text` and more.

    The details quote the mail, so they are for the answer to its sender and never for a log.
    """

    reason: Reason
    line: int | None = None
    mail: int = 0
    details: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Everything a mail says about an order, in the order of its lines, and the lines that nobody understands."""

    statements: tuple[Statement, ...]
    warnings: tuple[Problem, ...]


def scan(text: str, *, day: date, mail: int = 0, quoted: bool = True) -> Scan:
    """Read the lines of *text* up to a forwarded mail or a signature. Raises nothing.

    Without *quoted*, lines behind a `>` are passed over: in a reply they are somebody else's words. So they are where
    the writer orders something in words of his own; the section in his signature is no order.
    """
    warnings: list[Problem] = []
    found = _Statements(day=day, mail=mail)
    for line in _lines(text if quoted else "\n".join(own_lines(text))):
        _take(line, found, warnings)
    statements = _surest(_own(found.closed(), warnings), found.weak, warnings)
    if any(one.reason is Reason.LINES_GARBLED for one in warnings):
        warnings = [one for one in warnings if one.reason is not Reason.LINE_UNKNOWN]
    statements = _one_order(statements, warnings)
    if quoted:
        warnings += not_read(text, statements, mail=mail)
    return Scan(statements=_firsts(statements, warnings), warnings=tuple(warnings))


def not_read(text: str, said: Sequence[Statement], *, mail: int, quoted: bool = True) -> list[Problem]:
    """A warning where reading of *text* stopped, if something stands below that is not *said* above it."""
    end, below = unread(text, quoted=quoted)
    known = {one.key for one in said} | (_OF_HEADERS if quoted else set())
    bare = [line.lstrip(_MARKS) for line in below]
    hits = [hit for line in bare if (hit := _KEY.match(line) or _KEY.match(_plain_item(line)))]
    missed = [hit for hit in hits if _key(hit) not in known and hit["value"].strip()]
    if not missed:
        return []
    details = {"key": _name(missed[0]), "text": split(text)[end].strip()[:QUOTED_CHARACTERS]}
    return [Problem(reason=Reason.LINES_BELOW, line=end + 1, mail=mail, details=details)]


def second_key(said: Statement) -> str:
    """The key that stands in the value of *said* as if on a line of its own, or ""; the words of a 備考 are free."""
    hit = None if said.key is Key.NOTE else _SECOND_KEY.search(said.value[:LONGEST])
    return (hit["said"] or hit["cell"] or hit["last"]) if hit else ""


def merged(earlier: Sequence[Statement], later: Sequence[Statement]) -> tuple[Statement, ...]:
    """What holds after a correction: a key that is said again replaces all that was said under it.

    An empty value takes back what was said; only a form can say that, in a mail it is a line not filled in.
    """
    said_again = {(one.key, one.number) for one in later}
    kept = (one for one in earlier if (one.key, one.number) not in said_again)
    return (*kept, *(one for one in later if one.value))


# What every forwarded mail and every signature says of itself.
_OF_HEADERS: Final = frozenset({Key.TITLE, Key.RECIPIENT, Key.SECTION})


# Lines


def _lines(text: str) -> Iterator[Line]:
    lines = split(text)
    for number, line in enumerate(lines[: end_of(lines, quoted=True)], start=1):
        indented = line[:1] in ("\u3000", "\t") or line.startswith("  ")
        quoted = line.lstrip(" \t\u3000\xa0")[:1] in (">", "＞")
        bare, words = line.lstrip(_MARKS), line.strip()
        depth = columns(line[: len(line) - len(line.lstrip(BLANKS))])
        yield Line(
            bare=bare,
            item=_item(bare),
            plain=_plain_item(bare),
            number=number,
            text=words,
            indented=indented,
            depth=depth,
            width=columns(line.rstrip()),
            quoted=quoted,
            is_heading=_stands_deeper(lines[number : number + 1], line),
        )


def _stands_deeper(below: Sequence[str], line: str) -> bool:
    """Whether there are words *below* and they stand deeper than *line*, in the same quote."""
    return any(one.strip(_MARKS) and _margin(one) >= _margin(line) + INDENT for one in below)


def _margin(line: str) -> int:
    return columns(line[: len(line) - len(line.lstrip(f"{BLANKS}{QUOTES}"))])


def _item(bare: str) -> str:
    """What stands behind the number of a list."""
    hit = _NUMBERING.match(bare)
    return bare[hit.end() :] if hit else bare


def _plain_item(bare: str) -> str:
    """What stands behind number and symbols: ▲期限, 📌期限. ㈱ is a word, and so is what else stands for one."""
    words = _item(bare)
    first = next((at for at, letter in enumerate(words[:_SYMBOLS]) if not _is_symbol(letter)), 0)
    return _item(words[first:].lstrip(_MARKS)) if first else words


def _is_symbol(letter: str) -> bool:
    is_drawn = unicodedata.category(letter)[0] == "S" and unicodedata.normalize("NFKC", letter) == letter
    return is_drawn or letter in " \ufe0f"


def _match(pattern: re.Pattern[str], line: Line) -> re.Match[str] | None:
    """Where *line* begins with *pattern*, whatever stands before its words."""
    return next((hit for words in (line.bare, line.item, line.plain) if (hit := pattern.match(words))), None)


def _take(line: Line, found: "_Statements", warnings: list[Problem]) -> None:
    """Give *line* to the statements, or note that its key is unknown, or that nobody can read it."""
    if _is_garbled(line.text):
        _note_garbled(line, warnings, found)
        return
    if found.is_torn_before(line):
        found.mend(line)
    elif hit := _match(_DOCUMENT, line):
        found.open(Key.DOCUMENT, hit["value"], line, number=_number(hit["number"]))
    elif hit := _begins(line):
        _take_key(hit, line, found, warnings)
    elif other := _unknown(line, found) or _unparted(line, found):
        warnings.append(other)
        found.close()
    elif not found.go_on(line, warnings) and (other := _left_over(line, found)):
        warnings.append(other)


def _begins(line: Line) -> re.Match[str] | None:
    """The known key with which *line* begins a statement; the value of one that stands alone is below it."""
    if hit := _match(_KEY, line):
        return None if _is_person(hit) else hit
    return _heading(line) if line.is_heading else None


def _take_key(hit: re.Match[str], line: Line, found: "_Statements", warnings: list[Problem]) -> None:
    """Begin the statement of a known key. 宛先2 is the second of several; of 期限 there is one only."""
    key = _key(hit)
    found.form = _form(hit)
    if hit["place"] and key not in SEVERAL:
        said = f"{hit['key']}{hit['place']}"
        warnings.append(_odd(line, found.mail, said, "", suggestion=_name(hit)))
        found.close()
    else:
        if _name(hit) in WEAK:
            found.weak[line.number] = _name(hit)
        place = _number(hit["place"] or "0")
        found.open(key, hit["value"], line, remark=hit["remark"] or "", place=place)


def _number(written: str) -> int:
    return int(unicodedata.normalize("NFKC", written))


def _is_garbled(text: str) -> bool:
    """Bytes of something else than text, or of another character set than is said: as many of them are unreadable."""
    return text.count(_UNREADABLE) * _READABLE > len(text)


def _note_garbled(line: Line, warnings: list[Problem], found: "_Statements") -> None:
    """Say once where it begins. What nobody can read is not quoted, nor what only looks like a key among it."""
    found.close()
    if not any(one.reason is Reason.LINES_GARBLED for one in warnings):
        warnings.append(Problem(reason=Reason.LINES_GARBLED, line=line.number, mail=found.mail))


def _key(hit: re.Match[str]) -> Key:
    return KEY_OF[_name(hit)]


def _name(hit: re.Match[str]) -> str:
    """A key without the blanks between its letters."""
    return re.sub(r"\s", "", hit["key"])


def _form(hit: re.Match[str]) -> str:
    """How key and value are kept apart: the lines of a list do it alike."""
    gap = hit["gap"]
    if not gap:
        return "heading"
    if "\t" in gap:
        return "cells"
    if re.search("[:：=＝]", gap):
        return "colon"
    return "brackets" if gap.strip() else "gap"


def _is_person(hit: re.Match[str]) -> bool:
    """`担当：中村` under a letter names a person, not a section."""
    return _key(hit) is Key.SECTION and not _SECTION_WORD.search(hit["value"])


def _unknown(line: Line, found: "_Statements") -> Problem | None:
    """A warning for `部暑：…`, for a row of a table, and for a slip behind a mark; the words of a 備考 are free."""
    hit = LABELLED.match(line.plain)
    if hit is None and not found.is_note_open and (hit := _ITEM.match(line.plain)):
        is_row = _form(hit) == "cells" and not line.indented
        hit = hit if is_row or found.counts(line) or _is_slip(line, hit) else None
    if hit is None or OF_WHICH.match(line.bare) or not _is_key(hit):
        return None
    if found.is_note_open and not _meant(hit):
        return None
    return _odd(line, found.mail, hit["key"], hit["value"], suggestion=_meant(hit))


def _heading(line: Line) -> re.Match[str] | None:
    """The known key that *line* is and nothing else."""
    hit = _match(_HEADING, line)
    return hit if hit and _name(hit) not in _SIGNED else None


def _unparted(line: Line, found: "_Statements") -> Problem | None:
    """A warning for `期限 8月31日` and `期限は8月31日です。`: a known key that nothing sets apart from its value."""
    if found.is_note_open:
        return None
    if hit := _heading(line):
        return _odd(line, found.mail, _name(hit), "", suggestion=_name(hit), reason=Reason.LINE_UNPARTED)
    hit = _match(_UNPARTED, line)
    if hit is None:
        return None
    key, value = _key(hit), _ENDING.sub("", hit["value"])
    if hit["remark"] and key is Key.AMOUNT:
        value = f"{value}（{hit['remark']}）"
    if not value or not _is_said(hit, line, is_fitting=fits(key, value)):
        return None
    offered = "" if SENTENCE.search(value) else value
    return _odd(line, found.mail, _name(hit), offered, suggestion=_name(hit), reason=Reason.LINE_UNPARTED)


def _is_said(hit: re.Match[str], line: Line, *, is_fitting: bool | None) -> bool:
    """Whether what stands behind a known key is its value; prose may begin with the same word."""
    key, value = _key(hit), hit["value"]
    if _name(hit) in _SIGNED or (hit["is"] and line.quoted):
        return False
    if is_fitting is not None:
        return is_fitting
    if hit["is"]:
        return key in _NAMED and not _POINTS.search(value)
    if hit["mark"]:
        return not re.match(_KEY_NAME, value)
    is_sentence = SENTENCE.search(value) is not None and not line.is_marked and key is not Key.NOTE
    return hit["blank"] is not None and not _PARTICLE.match(value) and not is_sentence


def _left_over(line: Line, found: "_Statements") -> Problem | None:
    """A warning for `納品先　倉庫` where nearly a key, a number or the lines around it tell that a key was meant."""
    hit = _ITEM.match(line.item)
    if hit is None or not _is_key(hit):
        return None
    near = any(_plain(hit).startswith(name) for name in KEY_OF if len(name) >= _BEGINNING)
    if near or line.is_numbered or _form(hit) == found.form:
        return _odd(line, found.mail, hit["key"], hit["value"], suggestion=_meant(hit))
    return None


def _is_slip(line: Line, hit: re.Match[str]) -> bool:
    return line.is_marked and _meant(hit) != ""


def _is_key(hit: re.Match[str]) -> bool:
    """Whether it is an attempt at a key; a time of day, a telephone number, a link or a smiley is none."""
    name, value = _plain(hit), hit["value"]
    if name in NOT_KEYS or name in KEY_OF or name.rstrip("0123456789") in {"", *NOT_KEYS}:
        return False
    if (name[-1].isdigit() and _TIME.match(value)) or value.startswith("//"):
        return False
    return _meant(hit) != "" or (
        _WORDS.fullmatch(name) is not None and not (len(name) == 1 and name.isascii())
    )


def _plain(hit: re.Match[str]) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", hit["key"])).lower()


def _meant(hit: re.Match[str]) -> str:
    return meant(_plain(hit), hit["value"].strip()[:QUOTED_CHARACTERS])


def _odd(
    line: Line, mail: int, key: str, value: str, *, suggestion: str, reason: Reason | None = None
) -> Problem:
    """A warning about a line whose key is none, with the key that was likely meant, and the value if it is one."""
    is_sure = suggestion and len(value) <= QUOTED_CHARACTERS and fits(KEY_OF[suggestion], value)
    details = {
        "key": key.strip(),
        "text": line.text[:QUOTED_CHARACTERS],
        "value": value.strip() if is_sure else "",
        "suggestion": suggestion,
    }
    reason = reason or (Reason.LINE_TYPO if suggestion else Reason.LINE_UNKNOWN)
    return Problem(reason=reason, line=line.number, mail=mail, details=details)


# From lines to statements


class _Statements:
    """Statements as they are found. The last one is open: a line below may belong to it."""

    def __init__(self, *, day: date, mail: int) -> None:
        self.mail = mail
        self._day = day
        self._done: list[tuple[int, Statement]] = []
        self.weak: dict[int, str] = {}  # by line: words that may be about something else
        self.form = ""  # of the keys in the lines right above
        self._open: Open | None = None
        self._place = 0

    @property
    def is_note_open(self) -> bool:
        return self._open is not None and self._open.key is Key.NOTE

    def counts(self, line: Line) -> bool:
        """Whether *line* is the next of a list of numbered keys."""
        return line.is_numbered and self._open is not None and self._open.first.is_numbered

    def is_torn_before(self, line: Line) -> bool:
        """Whether a bracket that the open value begins ends in *line*: the mail program broke the line in it."""
        return self._open is not None and self._open.is_torn_before(line)

    def mend(self, line: Line) -> None:
        """Give the open value the rest of its bracket."""
        assert self._open is not None
        self._open.join(line.whole, line)

    def open(
        self, key: Key, value: str, line: Line, *, number: int = 0, place: int = 0, remark: str = ""
    ) -> None:
        """Begin a statement. `契約金額（税込）：100円` says `100円（税込）`; *place* is that of 宛先2 among several."""
        self.close()
        self._place = place
        self._open = Open(key, value.strip(), line, number, remark=remark if key is Key.AMOUNT else "")

    def close(self) -> None:
        """No further line belongs to the open statement."""
        if (one := self._open) is not None:
            said = Statement(
                key=one.key,
                value=one.value,
                day=self._day,
                line=one.number_of_line,
                text=one.text,
                mail=self.mail,
                number=one.number,
            )
            self._done.append((self._place, said))
        self._open = None

    def go_on(self, line: Line, warnings: list[Problem]) -> bool:
        """Give *line* to the open statement if it belongs there, or say that it may and was not taken.

        Whether anything has become of it: it is empty, part of a value, or spoken of.
        """
        last = self._open
        words = (line.item if last and last.key in NAMING else line.bare).strip()
        if not words or IS_END.fullmatch(words):
            self.form = ""
            if last and last.said:
                self.close()
            return True
        if last is None or last.quoted is not line.quoted:
            self.close()
            return False
        if last.key in NAMING and last.said and is_where(words):
            return True  # where somebody is reached, below his name, is of nobody else
        if not last.said:
            last.begin(line.value if words == line.bare.strip() else words, line)
        elif last.takes(words, line):
            last.add(words, line)
        elif last.is_followed_by(words, line):
            self.close()
            self._open = last.next(words, line)
        else:
            self.close()
            return self._is_cut(last, words, line, warnings)
        return True

    def _is_cut(self, last: Open, words: str, line: Line, warnings: list[Problem]) -> bool:
        """Say so where *words* may belong to the value above: nobody knows that they were not used."""
        if not last.may_go_on(words, line):
            return False
        reason = Reason.TITLE_CUT if last.key is Key.TITLE else Reason.LINE_CUT
        details = {"key": last.key.value, "text": line.text[:QUOTED_CHARACTERS]}
        warnings.append(Problem(reason=reason, line=line.number, mail=self.mail, details=details))
        return True

    def closed(self) -> list[Statement]:
        """All statements, in the order of their lines; those that were counted, in that order."""
        self.close()
        return [one for _, one in sorted(self._done, key=lambda done: done[0])]


_OF_ONE_ORDER: Final = frozenset({Key.TITLE, Key.RECIPIENT, Key.AMOUNT})
_TURNS: Final = 2  # such keys that come anew; one alone is another name, signer or sum in the same order


def _own(statements: Sequence[Statement], warnings: list[Problem]) -> list[Statement]:
    """Leave out what is quoted, and say so once, where something is ordered that is not."""
    quoted = [one for one in statements if one.value and _is_quoted(one)]
    own = [one for one in statements if not _is_quoted(one)]
    if not quoted or not any(one.value and one.key is not Key.SECTION for one in own):
        return list(statements)
    warnings.append(quoted[0].problem(Reason.LINES_QUOTED))
    return own


def _is_quoted(one: Statement) -> bool:
    return one.text.startswith((">", "＞"))


def _surest(
    statements: Sequence[Statement], weak: Mapping[int, str], warnings: list[Problem]
) -> list[Statement]:
    """Leave out, and report, what was said under a word that may be about something else, where it was said surely."""
    sure = {one.key for one in statements if one.value and one.line not in weak}
    kept = []
    for one in statements:
        if one.key in sure and one.line in weak and one.value:
            warnings.append(one.problem(Reason.LINE_UNKNOWN, key=weak[one.line], suggestion=""))
        else:
            kept.append(one)
    return kept


def _one_order(statements: list[Statement], warnings: list[Problem]) -> list[Statement]:
    """Leave out, and report, a second order in the same mail: what makes an order its own comes anew, in turns."""
    groups: list[Statement] = []
    seen: set[tuple[Key, str]] = set()
    for one in sorted(statements, key=lambda one: one.line):
        is_new = one.value != "" and (one.key, one.value) not in seen
        if one.key in _OF_ONE_ORDER and is_new and (not groups or groups[-1].key is not one.key):
            groups.append(one)
        seen.add((one.key, one.value))
    first: dict[Key, Statement] = {}
    again = [one for one in groups if first.setdefault(one.key, one) is not one]
    if len({one.key for one in again}) < _TURNS:
        return statements
    second = again[0]
    details = {"text": second.text[:QUOTED_CHARACTERS]}  # no key: nothing is to be mended in this line
    warnings.append(
        Problem(reason=Reason.ORDERS_SEVERAL, line=second.line, mail=second.mail, details=details)
    )
    return [one for one in statements if one.line < second.line]


def _firsts(statements: Sequence[Statement], warnings: list[Problem]) -> tuple[Statement, ...]:
    """Keep the first value of each key that can have only one; say of every later one that it was not used."""
    kept: list[Statement] = []
    seen: set[tuple[Key, int]] = set()
    for one in statements:
        mark = (one.key, one.number)
        if not one.value:
            continue
        if mark in seen and (one.key not in SEVERAL or one.key is Key.DOCUMENT):
            warnings.append(one.problem(Reason.LINE_REPEATED))
        else:
            kept.append(one)
        seen.add(mark)
    return tuple(kept)
