"""The part of a page that people see, and which way up. Knows boxes and rotation, not content.

ISO 32000-2, 14.11.2 (page boundaries) and table 31 (entries of a page object).
"""

from dataclasses import dataclass
from typing import Any, Self

from pikepdf import Page

# ISO 32000-2 demands a MediaBox; where it is missing or senseless, viewers take US Letter.
_LETTER = (0.0, 0.0, 612.0, 792.0)
_SIDEWAYS = (90, 270)

_Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The visible rectangle in user space units, clockwise rotation in degrees, points per unit."""

    left: float
    bottom: float
    right: float
    top: float
    rotation: int
    unit: float

    @classmethod
    def of(cls, page: Page) -> Self:
        """Read the sheet of a page whose inherited attributes were pushed down to it."""
        media = _rectangle(page.obj.get("/MediaBox")) or _LETTER
        crop = _rectangle(page.obj.get("/CropBox")) or media
        left, bottom, right, top = _overlap(media, crop) or media
        rotation = int(_number(page.obj.get("/Rotate"), 0)) % 360 // 90 * 90
        unit = _number(page.obj.get("/UserUnit"), 1)
        return cls(
            left=left, bottom=bottom, right=right, top=top, rotation=rotation, unit=unit if unit > 0 else 1.0
        )

    @property
    def width(self) -> float:
        """Width as people see it, in units."""
        return self.top - self.bottom if self.rotation in _SIDEWAYS else self.right - self.left

    @property
    def height(self) -> float:
        """Height as people see it, in units."""
        return self.right - self.left if self.rotation in _SIDEWAYS else self.top - self.bottom


def _overlap(a: _Rectangle, b: _Rectangle) -> _Rectangle | None:
    left, bottom, right, top = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return (left, bottom, right, top) if left < right and bottom < top else None


def _rectangle(value: Any) -> _Rectangle | None:
    """Return (left, bottom, right, top), whichever corners were given; None if it encloses nothing."""
    try:
        x1, y1, x2, y2 = (float(number) for number in value)
    except (TypeError, ValueError):
        return None
    left, right = sorted((x1, x2))
    bottom, top = sorted((y1, y2))
    return (left, bottom, right, top) if left < right and bottom < top else None


def _number(value: Any, default: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return default
