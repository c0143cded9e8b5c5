"""The completion certificate as paper: PDF/A with every font embedded. What it says stands in `rules.certificate`.

Runs in a child (`papers.desk`): names in it were written by strangers, and typst starts threads.
"""

import io
import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import typst
from pikepdf import Pdf

from envelopes.rules.certificate import Certificate, words
from envelopes.rules.errors import FukanError

_TEMPLATE: Final = Path(__file__).with_name("certificate.typ")
_FONTS: Final = Path("/usr/share/fonts/opentype/noto")  # why: where Debian's fonts-noto-cjk puts them
_FAMILIES: Final = frozenset({"Noto Serif CJK JP", "Noto Sans CJK JP", "Noto Sans Mono CJK JP"})
# PDF/A-2b whose text can be read out and searched too.
_STANDARD: Final = "a-2u"
# 下駄: what a printer sets for a letter that is not in the case.
_GETA: Final = "〓"
_NOTE: Final = f"{_GETA}は、この証明書の書体にない文字です。正しい表記は文書のPDFにあります。"
_UNKNOWN: Final = re.compile(r"the text `\"(.+?)\"` could not be displayed")
_ROUNDS: Final = (
    8  # why: one message names every letter it knows of; a second is needed for those behind them
)


class NotTypeset(FukanError):
    """The paper could not be made: fonts are missing, or typst says no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typeset:
    """The finished paper, unsigned."""

    data: bytes
    pages: int


def typeset(said: Certificate) -> Typeset:
    """Return the paper. The same words give the same bytes. Raises NotTypeset."""
    shown = _clean(words(said))
    for _ in range(_ROUNDS):
        try:
            data = _compile(shown, made_at=said.made_at)
        except typst.TypstError as error:
            shown = _without(shown, _unknown(error))
        else:
            return Typeset(data=data, pages=_pages(data))
    raise NotTypeset("letters")


def _compile(shown: dict[str, Any], *, made_at: datetime) -> bytes:
    compiler = typst.Compiler(
        _TEMPLATE,
        root=_TEMPLATE.parent,
        font_paths=_fonts(_FONTS),
        ignore_system_fonts=True,
        sys_inputs={"said": json.dumps(shown, ensure_ascii=False)},
    )
    made = compiler.compile(format="pdf", pdf_standards=[_STANDARD], timestamp=int(made_at.timestamp()))
    if not isinstance(made, bytes):
        raise NotTypeset("typst")
    return made


@cache
def _fonts(folder: Path) -> typst.Fonts:
    """Return the fonts in *folder*. Raises NotTypeset where one is missing: typst would leave its words out."""
    found = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder])
    if missing := _FAMILIES - set(found.families()):
        raise NotTypeset("、".join(sorted(missing)))
    return found


def _pages(data: bytes) -> int:
    with Pdf.open(io.BytesIO(data)) as pdf:
        return len(pdf.pages)


# Letters


def _clean(shown: Any) -> Any:
    """Return *shown* without what would steer the writing, and with 〓 for private letters (外字)."""
    match shown:
        case str():
            return "".join(_letter(char) for char in shown)
        case dict():
            return {key: _clean(value) for key, value in shown.items()}
        case list() | tuple():
            return [_clean(value) for value in shown]
        case _:
            return shown


def _letter(char: str) -> str:
    match unicodedata.category(char):
        case "Co" | "Cs" | "Cn":
            return _GETA
        case "Cc" | "Cf" | "Zl" | "Zp":
            return " " if char in "\t\n\r" else ""
        case _:
            return char


def _unknown(error: typst.TypstError) -> list[str]:
    """Return the letters that no font has. Raises NotTypeset where that was not the fault."""
    found = _UNKNOWN.findall(error.diagnostic)
    if not found:
        raise NotTypeset("typst")
    return [re.sub(r"\\u\{([0-9a-f]+)\}", lambda hit: chr(int(hit[1], 16)), one) for one in found]


def _without(shown: dict[str, Any], letters: list[str]) -> dict[str, Any]:
    text = json.dumps(shown, ensure_ascii=False)
    for letter in sorted(letters, key=len, reverse=True):
        text = text.replace(letter, _GETA)
    changed: dict[str, Any] = json.loads(text)
    return {**changed, "notes": list(dict.fromkeys([*changed["notes"], _NOTE]))}
