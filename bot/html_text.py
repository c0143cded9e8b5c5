"""HTML mail → text, for mails that have no text of their own. Reads once from left to right, whatever comes.

Blocks become lines and paragraphs stay apart, as they are seen. Table cells become tabs, so that a table of key and
value can be read as lines; words that are struck out are left out. Nothing is rendered, fetched or kept from tags.
"""

import html
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

# What Outlook makes of a long thread is below this; beyond it there is no order to find.
_LONGEST: Final = 2_000_000
_TOKEN: Final = re.compile(r"<!--|<(/?)([A-Za-z][A-Za-z0-9]{0,20})[^<>]*>|<[!?/][^<>]*>|[^<]+|<")
_SKIPPED: Final = frozenset({"script", "style", "title", "template", "noscript", "svg"})
_LINES: Final = frozenset(
    (
        *(
            "address",
            "article",
            "aside",
            "blockquote",
            "dd",
            "div",
            "dl",
            "dt",
            "fieldset",
            "figure",
            "footer",
        ),
        *("form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre"),
        *("section", "table", "tr", "ul"),
    )
)
_CELLS: Final = frozenset({"td", "th"})
_STRUCK: Final = frozenset({"s", "strike", "del"})
_STRUCK_STYLE: Final = re.compile(r"text-decoration[a-z-]{0,5}\s*:[^;\"']*line-through", re.IGNORECASE)
# Elements whose end may be left out: the next of these ends them, or the end of what holds them, ...
_ENDED_BY: Final[Mapping[str, frozenset[str]]] = {
    "li": frozenset({"li"}),
    **dict.fromkeys(("dt", "dd"), frozenset({"dt", "dd"})),
    **dict.fromkeys(("td", "th"), frozenset({"td", "th", "tr", "tbody"})),
    "tr": frozenset({"tr", "tbody"}),
    "p": _LINES,
}
# ... but not inside one of these, which begins their like anew.
_HELD_BY: Final[Mapping[str, frozenset[str]]] = {
    "li": frozenset({"ul", "ol"}),
    **dict.fromkeys(("dt", "dd"), frozenset({"dl"})),
    **dict.fromkeys(("td", "th", "tr"), frozenset({"table"})),
    "p": frozenset(),
}
_EMPTY: Final = frozenset({"br", "hr", "img", "input", "col", "wbr"})  # they have no end


# Paragraphs that mailers write for lines: nothing is seen between them.
_TIGHT: Final = re.compile(
    r"mso(?:normal|plaintext|listparagraph)|margin(?:-top)?\s*:\s*0(?![.\d])", re.IGNORECASE
)


class Seen(NamedTuple):
    """What is to be read of a page: its words, and whether others were left out because they are struck out."""

    words: str
    has_struck: bool


def seen_in(markup: str) -> Seen:
    """Return the words of *markup*, one line a block, cells apart by a tab."""
    markup = markup[:_LONGEST]
    out = _Out()
    position = 0
    while found := _TOKEN.match(markup, position):
        position = found.end()
        tag = (found[2] or "").lower()
        if found[0] == "<!--":
            position = _after(markup, "-->", position)
        elif tag in _SKIPPED and not found[1]:
            position = _after(markup, ">", _after(markup, f"</{tag}", position))
        elif tag:
            out.take(found[0], tag, closing=bool(found[1]))
        elif not found[0].startswith("<") or found[0] == "<":
            out.write(re.sub(r"[ \t\r\n]+", " ", html.unescape(found[0])))
    return Seen(_tidy("".join(out.parts)), out.has_struck)


class _Out:
    """What has been written, and how many line ends it ends in; the beginning of all or of a cell is as good as two."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._ends = 2
        self._cell = 0  # where the latest cell begins
        self._gap = 1
        self.has_struck = False
        self._struck = ""  # the element that is struck out
        self._inside = 0  # how many elements are open in it that begin its like anew

    def write(self, words: str) -> None:
        """Add *words*. Blanks between two blocks are not seen."""
        if self._struck:
            self.has_struck |= not words.isspace()
        elif words != " " or not self._ends:
            self.parts.append(words)
            self._ends = 0

    def take(self, token: str, tag: str, *, closing: bool) -> None:
        """Add what *tag* shows."""
        self._strike(token, tag, closing=closing)
        if tag == "br":
            self._end()
        elif tag == "p":
            self._gap = self._gap if closing else 1 if _TIGHT.search(token) else 2
            self._apart(self._gap)
        elif tag in _LINES:
            self._apart(1)
        elif tag in _CELLS:
            self._close_cell() if closing else self._open_cell()

    def _strike(self, token: str, tag: str, *, closing: bool) -> None:
        """Note where what is struck out begins and ends."""
        if self._struck and self._is_end(tag, closing=closing):
            self._struck = ""
        is_struck = tag in _STRUCK or _STRUCK_STYLE.search(token) is not None
        if not self._struck and not closing and tag not in _EMPTY and is_struck:
            self._struck, self._inside = tag, 0

    def _is_end(self, tag: str, *, closing: bool) -> bool:
        """Whether *tag* ends what is struck out."""
        if tag in _HELD_BY.get(self._struck, {self._struck}):
            self._inside += -1 if closing else 1
            return self._inside < 0
        is_own = tag in _ENDED_BY.get(self._struck, ()) or (closing and tag == self._struck)
        return is_own and self._inside == 0

    def _end(self) -> None:
        self.parts.append("\n")
        self._ends += 1

    def _apart(self, ends: int) -> None:
        while self._ends < ends:
            self._end()

    def _open_cell(self) -> None:
        self._cell, self._ends = len(self.parts), 2

    def _close_cell(self) -> None:
        while len(self.parts) > self._cell and self.parts[-1] == "\n":
            self.parts.pop()
        self.parts.append("\t")
        self._ends = 0


def _after(markup: str, end: str, position: int) -> int:
    """Return the place behind the next *end*, or the end of everything."""
    found = markup.find(end, position)
    return len(markup) if found < 0 else found + len(end)


def _tidy(text: str) -> str:
    """Trim every line and keep at most one empty line between two."""
    lines = [line.strip(" \t\xa0") for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
