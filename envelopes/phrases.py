"""Sentences that code says: Japanese where they are written, in the reader's language where a page shows them.

What templates say themselves is marked there, by the same `_`.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from gettext import NullTranslations
from typing import Any, Final, Self, TypeVar

from envelopes import texts
from envelopes.languages import catalogue
from envelopes.rules.errors import Reason
from envelopes.rules.reading import Remark
from envelopes.rules.wording import Language, Wording

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tongue:
    """How one reader is spoken to: the words of a language, and how dates and amounts are written."""

    catalogue: NullTranslations
    wording: Wording

    def say(self, value: object) -> object:
        """Return *value* as it is said: a phrase in this language, a date in its form, anything else as it is."""
        match value:
            case Phrase():
                return value.by(self)
            case datetime():
                return self.wording.instant(value)
            case date():
                return self.wording.day(value)
            case _:
                return value

    def translate(self, value: T) -> T:
        """Return a view, or a part of one, with every phrase in it said in this language."""
        return _translated(value, self)  # type: ignore[no-any-return]


def tongue(wording: Wording) -> Tongue:
    """The tongue of *wording*."""
    return Tongue(catalogue=catalogue(wording.language), wording=wording)


PLAIN: Final = tongue(Wording())


def _translated(value: Any, said: Tongue) -> Any:
    match value:
        case Phrase():
            return value.by(said)
        case tuple():
            inside = (_translated(one, said) for one in value)
            return type(value)(*inside) if hasattr(value, "_fields") else tuple(inside)
        case _ if is_dataclass(value) and not isinstance(value, type):
            parts = ((item.name, getattr(value, item.name)) for item in fields(value))
            return replace(value, **{name: _translated(one, said) for name, one in parts})
        case _:
            return value


class Phrase(str):
    """A sentence in Japanese, which knows how it is said to another reader."""

    __slots__ = ("_speak",)

    _speak: Callable[[Tongue], str]

    def __new__(cls, speak: Callable[[Tongue], str]) -> Self:
        """Make the sentence from what says it to any reader."""
        made = super().__new__(cls, speak(PLAIN))
        made._speak = speak
        return made

    def by(self, said: Tongue) -> str:
        """Return the sentence as *said* has it."""
        return self._speak(said)


def _(message: str, /, **values: object) -> Phrase:
    """Mark a sentence for the catalogues. *values* fill its braces: phrases and dates are said, others stay."""

    def speak(said: Tongue) -> str:
        shown = {name: said.say(value) for name, value in values.items()}
        return said.catalogue.gettext(message).format(**shown)

    return Phrase(speak)


def both(speak: Callable[[Language], str]) -> Phrase:
    """A sentence of the rules, which have their words in both languages."""
    return Phrase(lambda said: speak(said.wording.language))


def named(name: str, english: str) -> Phrase:
    """A name, or hours, as the town writes them; in English where it says how they are called there."""
    return both(lambda language: english if english and language is Language.ENGLISH else name)


def size(count: int) -> Phrase:
    """*count* bytes."""
    return Phrase(lambda said: said.wording.size(count))


def reason(why: Reason, /, **details: Any) -> Phrase:
    """What to tell a person about *why*."""
    return both(lambda language: texts.say(why, language, **details))


def remark(about: Remark) -> Phrase:
    """What to tell staff about something in their order."""
    return both(lambda language: texts.say_remark(about, language))


def trouble(code: str) -> Phrase:
    """Why a draft came back."""
    return both(lambda language: texts.say_trouble(code, language))


def aside(code: str) -> Phrase:
    """Why a mail led to nothing, for the operator."""
    return both(lambda language: texts.say_aside(code, language))


def beside(*parts: str) -> Phrase:
    """Names beside one another."""
    return Phrase(lambda said: " ".join(str(said.say(part)) for part in parts))


def joined(parts: tuple[str, ...] | list[str]) -> Phrase:
    """Sentences one after the other."""
    return Phrase(lambda said: said.wording.gap.join(str(said.say(part)) for part in parts))
