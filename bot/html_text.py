"""HTML mail → text, for mails that have no text of their own. Reads once from left to right, whatever comes.

Table cells become tabs, so that a table of key and value can be read as lines. Nothing is rendered, fetched
or kept from tags.
"""

import html
import re
from typing import Final

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
            "br",
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


def html_to_text(markup: str) -> str:
    """Return the words of *markup*, one line a block, cells apart by a tab."""
    markup = markup[:_LONGEST]
    out: list[str] = []
    position = 0
    while found := _TOKEN.match(markup, position):
        position = found.end()
        tag = (found[2] or "").lower()
        if found[0] == "<!--":
            position = _after(markup, "-->", position)
        elif tag in _SKIPPED and not found[1]:
            position = _after(markup, ">", _after(markup, f"</{tag}", position))
        else:
            out.append(_written(found[0], tag, closing=bool(found[1])))
    return _tidy("".join(out))


def _written(token: str, tag: str, *, closing: bool) -> str:
    if tag in _LINES:
        return "\n"
    if tag in _CELLS:
        return "\t" if closing else ""
    return (
        "" if token.startswith("<") and len(token) > 1 else re.sub(r"[ \t\r\n]+", " ", html.unescape(token))
    )


def _after(markup: str, end: str, position: int) -> int:
    """Return the place behind the next *end*, or the end of everything."""
    found = markup.find(end, position)
    return len(markup) if found < 0 else found + len(end)


def _tidy(text: str) -> str:
    """Trim every line and keep at most one empty line between two."""
    lines = [line.strip(" \t\xa0") for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
