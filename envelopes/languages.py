"""What a sentence is called in another language: the catalogues, and Japanese that stands in an English page.

The sources are Japanese. `locale/<language>/LC_MESSAGES/fukan.po` says the rest; it is compiled when it is first asked
for, so that a checkout needs no step for it and no compiled file can be older than its source. How dates and amounts
are written stands in `envelopes.rules.wording`.
"""

import re
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Final

from envelopes.rules.wording import Language

LOCALE: Final = Path(__file__).resolve().parent.parent / "locale"
DOMAIN: Final = "fukan"


def source(language: Language) -> Path:
    """Where the catalogue of *language* is written."""
    return LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"


@cache
def catalogue(language: Language) -> NullTranslations:
    """Return what every sentence is called in *language*; the Japanese of the sources is called what it is."""
    if language is Language.JAPANESE:
        return NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = BytesIO()
    with source(language).open("rb") as written:
        write_mo(compiled, read_po(written))
    compiled.seek(0)
    return GNUTranslations(compiled)


# Kana, kanji and the compatibility forms that names are written with (㈱, 﨑); not 〜 or brackets by themselves.
JAPANESE: Final = "々〆ぁ-ゖァ-ヺー㈠-㋿㌀-㏿㐀-䶿一-鿿豈-﫿\U00020000-\U0003fffd"
# Digits, blanks and marks belong to the Japanese around them: 令和8年度 村道北城線　舗装（その2）.
_MARKS: Final = "\u3000-\u303f\u30fb\uff01-\uff65"
_RUN: Final = re.compile(rf"[0-9]*[{JAPANESE}](?:[{JAPANESE}{_MARKS}0-9,\s]*[{JAPANESE}{_MARKS}])?[0-9]*")
# Elements that hold no markup, or are in Japanese by what they say themselves; then text between two tags.
_TEXT: Final = re.compile(
    rf"<(title|textarea|style)\b.*?</\1>|<(\w+)\b[^>]*\slang=\"ja\"[^>]*>.*?</\2>|>[^<]*[{JAPANESE}][^<]*<",
    re.DOTALL,
)


def mark_japanese(html: str) -> str:
    """Name the language of every Japanese run in an English page: names and titles (WCAG 3.1.2).

    *html* is our own, with values escaped, so that `<` and `>` are tags. Attributes and titles cannot be marked.
    """
    return _TEXT.sub(lambda found: found[0] if found[0][0] == "<" else _marked(found[0]), html)


def _marked(text: str) -> str:
    return _RUN.sub(r'<span lang="ja">\g<0></span>', text)
