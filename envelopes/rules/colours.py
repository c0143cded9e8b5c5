"""The town's colour: can it be read on the pages and white on it, and the shades that go with it. WCAG 2.2, 1.4.3."""

import re
from dataclasses import dataclass
from typing import Final, Self

READABLE: Final = 4.5  # WCAG 2.2 1.4.3: text of any size against what is behind it
_WASH: Final = "#f4f5f8"  # the darkest of the light grounds that links stand on; white is lighter
_PALEST: Final = (
    0.1,
    0.08,
    0.06,
    0.04,
    0.02,
    0.0,
)  # shares of the colour in its tint, the first that stays readable
_DEEP: Final = 0.75  # of every channel: pressed and visited things
_STEP: Final = 0.98  # of every channel: darker by what one hardly sees


@dataclass(frozen=True, slots=True)
class Colour:
    """Red, green and blue from 0 to 255."""

    red: int
    green: int
    blue: int

    @classmethod
    def read(cls, text: str) -> Self:
        """Read `#0017c1`. Raises ValueError for anything else."""
        if not re.fullmatch("#[0-9a-fA-F]{6}", text):
            raise ValueError("a colour is written as # and six hexadecimal digits")
        return cls(*(int(text[at : at + 2], 16) for at in (1, 3, 5)))

    def __str__(self) -> str:
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"

    def times(self, factor: float) -> "Colour":
        """The same, darker."""
        return Colour(*(int(channel * factor) for channel in (self.red, self.green, self.blue)))

    def in_white(self, share: float) -> "Colour":
        """*share* of it mixed into white."""
        mixed = (round(255 - (255 - channel) * share) for channel in (self.red, self.green, self.blue))
        return Colour(*mixed)

    @property
    def luminance(self) -> float:
        """Relative luminance as WCAG 2.2 defines it: 0 is black, 1 white."""
        red, green, blue = (_linear(channel / 255) for channel in (self.red, self.green, self.blue))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 -- sRGB's formula


def contrast(one: Colour, other: Colour) -> float:
    """From 1 (the same) to 21 (black on white)."""
    low, high = sorted((one.luminance, other.luminance))
    return (high + 0.05) / (low + 0.05)


def is_readable(colour: Colour) -> bool:
    """Whether text in *colour* can be read on every ground of the pages, and so white text on it."""
    return contrast(colour, Colour.read(_WASH)) >= READABLE


def readable(colour: Colour) -> Colour:
    """*colour*, or the first darker one that can be read."""
    while not is_readable(colour):
        colour = colour.times(_STEP)
    return colour


def deep(colour: Colour) -> Colour:
    """The darker shade, for what is pressed."""
    return colour.times(_DEEP)


def tint(colour: Colour) -> Colour:
    """The pale shade behind text in *colour*: as strong as stays readable."""
    return next(pale for share in _PALEST if contrast(colour, pale := colour.in_white(share)) >= READABLE)
