"""Sentences that handlers say: Japanese where they are written, in the reader's language where a page shows them.

What templates say themselves is marked there, by the same `_`. Which language a page has is decided in `pages`.
"""

from gettext import NullTranslations
from typing import Self


class Phrase(str):
    """A sentence in Japanese, which knows from what it was made and so can be said in another language."""

    __slots__ = ("_message", "_values")

    _message: str
    _values: dict[str, object]

    def __new__(cls, message: str, values: dict[str, object]) -> Self:
        """Make the sentence from *message*, the catalogue's key, and what stands in its braces."""
        made = super().__new__(cls, message.format(**values))
        made._message, made._values = message, values
        return made

    def by(self, catalogue: NullTranslations) -> str:
        """Return the sentence in the language of *catalogue*, and every phrase in it."""
        said = {name: translated(value, catalogue) for name, value in self._values.items()}
        return catalogue.gettext(self._message).format(**said)


def _(message: str, /, **values: object) -> Phrase:
    """Mark a sentence for the catalogues. *values* fill its braces and are shown as they are."""
    return Phrase(message, values)


def translated(value: object, catalogue: NullTranslations) -> object:
    """Return *value* as a page shows it: a phrase in the page's language, anything else as it is."""
    return value.by(catalogue) if isinstance(value, Phrase) else value
