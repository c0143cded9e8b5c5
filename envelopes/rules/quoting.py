"""Whose words a mail's text is: what its writer wrote himself, what he quotes, and where a letter ends."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

# Stands at the top of mails to staff, so that nothing below it is taken for their own words.
REPLY_ABOVE: Final = "──── 返信は、この線より上に書いてください ────"
LONGEST: Final = 4000  # characters of a line that are looked at: no line of an order is longer
MOST_LINES: Final = 2000  # of a mail: an order stands above its long tail of quoted letters

LINE_ENDS: Final = re.compile("\r\n|[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
# Characters that show nothing or turn the reading direction: they could make a line look like another.
INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_NEAR: Final = 3  # lines from a rule to the first line of such a block
_HEADERS: Final = 6  # lines of such a block below the one that ends the letter
_WRAPPED: Final = 60  # columns: no mail program wraps a shorter line
QUOTES: Final = ">＞|｜"
_STOP: Final = re.compile(
    r"-- ?$|-{2,}.{0,20}(?:original|forwarded|転送(?:された|メ|元)|元の(?:メッセージ|メール))"
    r"|-{2,}.{0,20}引用(?:元|開始|ここから)?\s{0,4}$|-{2,}.{0,20}(?:転送|元の|引用).{0,160}-{2,}\s{0,4}$|-{2,}.{1,120}wrote\s?:\s?-{2,}"
    r"|begin forwarded message"
    r"|on .{5,200} wrote:|(?:.{0,200}\s)?wrote\s{0,2}:\s{0,4}$"
    r"|.{1,200}さん[はが]\s?書きました\s{0,2}:\s{0,4}$"
    r"|(?=.{0,200}(?:@|[0-9]:[0-9]{2}|[0-9][時/年月]|[0-9]{4}-))"
    r".{5,200}(?:書きました|のメッセージ|のメール)\s{0,2}:\s{0,4}$"
    r"|[0-9]{4}[年/-].{4,200}@[^\s@]{3,80}>\s{0,2}:$"
    r"|.{0,8}返信は、この線より上に",
    re.IGNORECASE,
)
_WHOSE: Final = re.compile(
    r"(?:@[^\s@]{1,255}|wrote\s{0,2}|の(?:メール|メッセージ)|\d{4}[年/-].{1,30}\d:\d\d.{0,100}):\s{0,4}$",
    re.IGNORECASE,
)
_DATED: Final = re.compile(r"(?:on\s.{0,20}\d{4}|[0-9]{4}[年/-]).{0,20}\d:\d\d", re.IGNORECASE)

# A rule, or a line that the writer may have begun himself: they end nothing unless a mailer's lines stand with them.
_RULE: Final = re.compile(r"_{4,}")
_MAYBE: Final = re.compile(r"(?:from|差出人|送信者|送信元|発信者|送信日時)[*\s]{0,6}:", re.IGNORECASE)
# The lines that mailers write above what is passed on, in any order: one says who wrote it, one says when.
_WHEN: Final = "日付|日時|送信日時|送信日|受信日時|date|sent"
_HEADER: Final = re.compile(
    rf"[*]?(?:(?P<who>差出人|送信者|送信元|発信者|from)|(?P<when>{_WHEN})|件名|題名|subject|(?P<to>宛先|to|cc|bcc))[*\s]{{0,4}}:",
    re.IGNORECASE,
)


def split(text: str) -> list[str]:
    """The lines of *text* as far as they are looked at, without what shows nothing."""
    return [INVISIBLE.sub("", line)[:LONGEST] for line in LINE_ENDS.split(text, MOST_LINES)[:MOST_LINES]]


def end_of(lines: Sequence[str], *, quoted: bool) -> int:
    """Where a signature begins, or what somebody else has written; behind all lines if nowhere.

    Unless *quoted*, what begins in a line with a quote's mark ends nothing.
    """
    end = next(
        (
            at
            for at, line in enumerate(lines)
            if (quoted or not is_quote(line)) and _ends(lines, at, quoted=quoted)
        ),
        len(lines),
    )
    first = end
    while first > 0 and first < len(lines) and _header(lines[first - 1]):
        first -= 1
    found = [hit for line in lines[first : end + _HEADERS] if (hit := _header(line))]
    is_block = any(hit["who"] for hit in found) and any(hit["when"] for hit in found)
    return first if is_block else end


def _header(line: str) -> re.Match[str] | None:
    return _HEADER.match(_bare(line))


def own_words(text: str) -> tuple[str, ...]:
    """What the writer himself wrote in *text*, line by line: without quotes, forwarded mails and signature."""
    return tuple(words for line in own_lines(text) if (words := line.strip()))


def own_lines(text: str) -> tuple[str, ...]:
    """The lines of *text*, empty where they are not the writer's own: quoted, forwarded, or a signature.

    Most write above what they quote. Who writes below it is read too, where all of it is marked as quoted: then
    nothing of it can be taken for his words.
    """
    lines = split(text)
    end = end_of(lines, quoted=False)
    below, introduced = _below_quote(lines, end), _introduction(lines, end)
    return tuple(
        line if (at < end or below <= at) and at not in introduced and not is_quote(line) else ""
        for at, line in enumerate(lines)
    )


def _introduction(lines: Sequence[str], end: int) -> range:
    """The lines that say whose words are quoted below them: one, or two where the mail program broke it."""
    first = next((at for at, line in enumerate(lines) if is_quote(line)), 0)
    above = next((at for at in range(first - 1, -1, -1) if lines[at].strip()), end)
    last = min(end, above) if first else end
    if last >= len(lines) or not _WHOSE.search(unicodedata.normalize("NFKC", lines[last])):
        return range(0)
    is_broken = last > 0 and _DATED.match(unicodedata.normalize("NFKC", lines[last - 1].strip())) is not None
    return range(last - is_broken, last + 1)


def _below_quote(lines: Sequence[str], end: int) -> int:
    """Where the writer's words begin again below a quote that starts behind *end*; beyond all lines if nowhere."""
    quoted = [at for at in range(end + 1, len(lines)) if is_quote(lines[at])]
    if not quoted or any(lines[at].strip() for at in range(end + 1, quoted[-1]) if not is_quote(lines[at])):
        return len(lines)
    return quoted[-1] + 1


def is_quote(line: str) -> bool:
    """Whether *line* is marked as somebody else's words."""
    return line.lstrip(" \t\u3000\xa0")[:1] in tuple(QUOTES)


def _ends(lines: Sequence[str], at: int, *, quoted: bool) -> bool:
    """Whether the line *at* is a signature's mark, or begins what somebody else has written.

    Of a reply (not *quoted*) nothing may be hidden by a line that the writer may have written himself.
    """
    line = _bare(lines[at])
    if _STOP.match(line) or (quoted and (_RULE.match(line) or _MAYBE.match(line))):
        return True
    if _RULE.match(line):
        return any(_MAYBE.match(_bare(below)) for below in lines[at + 1 : at + 1 + _NEAR])
    if not _MAYBE.match(line):
        return False
    near = (*lines[max(0, at - _HEADERS) : at], *lines[at + 1 : at + 1 + _HEADERS])
    return "@" in line or any((hit := _header(other)) and (not hit["to"] or "@" in other) for other in near)


def _bare(line: str) -> str:
    return unicodedata.normalize("NFKC", line[:300].lstrip(f" \t\u3000\xa0*＊{QUOTES}"))


def unread(text: str, *, quoted: bool) -> tuple[int, list[str]]:
    """Where reading of *text* stops, and the lines below that may have been written to be read.

    Of a reply (not *quoted*), these are lines between quoted ones: they may be answers, or words that were wrapped.
    """
    lines = split(text)
    end = end_of(lines, quoted=quoted)
    return end, lines[end + 1 :] if quoted else [lines[at] for at in _between(lines, end)]


def between_quotes(text: str) -> list[str]:
    """The lines between quoted ones in *text* that no mail program has wrapped: they may be answers."""
    lines = split(text)
    return [lines[at] for at in _between(lines, end_of(lines, quoted=False)) if not _is_wrapped(lines, at)]


def _between(lines: Sequence[str], end: int) -> list[int]:
    """The lines among what is quoted behind *end* that are not marked, unless all of them are the writer's own."""
    if _below_quote(lines, end) < len(lines):
        return []
    first = next((at for at in range(end + 1, len(lines)) if is_quote(lines[at])), len(lines))
    return [at for at in range(first, len(lines)) if not is_quote(lines[at])]


def _is_wrapped(lines: Sequence[str], at: int) -> bool:
    """Whether the line *at* may be the rest of a long line that is quoted above it."""
    above = lines[at - 1] if at else ""
    columns = sum(2 if unicodedata.east_asian_width(letter) in "WFA" else 1 for letter in above)
    return is_quote(above) and columns >= _WRAPPED


def one_line(text: str) -> str:
    """Return *text* without line ends and characters that show nothing."""
    return INVISIBLE.sub("", " ".join(LINE_ENDS.split(text)))
