"""Images and text of pages, for people who read the document in a browser. Changes nothing in it.

Runs in a child (`papers.desk`). An image is rendered at each of its widths, never resized. Pages of text
are kept without loss, in 16 greys where they have no colour; scans are kept as photographs are.
"""

import contextlib
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pypdfium2
from PIL import Image as Picture
from PIL import ImageChops
from pypdfium2 import raw

from envelopes.rules.errors import Reason, Refused

# Pixels: a phone at double density, a desktop, and enlarged to be read closely.
WIDTHS = (828, 1240, 1654)

# WebP can hold no more pixels than this on a side (RFC 9649, 2.6: 14 bits).
_MAX_SIDE = 16383
# The first image of a page should arrive within a second on a slow phone line.
_SMALL_BYTES = 80_000
# Channels that differ by less are anti-aliasing and camera noise, not colour.
_COLOUR = 24
# 16 greys show anti-aliased letters as well as 256 and take half the bytes. Where the first image of a page crammed
# with text is still too large, it gets fewer, or as many steps of each colour; letters stay legible down to 3. The
# wider images keep all.
_GREYS = 16
_FEWER = (8, 4, 3, 2)
# Effort of the encoder without loss (quality 0 to 100, method 0 to 6). Measured on dense Japanese pages: a
# higher method takes a third longer and saves nothing.
_LOSSLESS = {"lossless": True, "quality": 75, "method": 1}
_LOSSY = {"lossless": False, "quality": 70, "method": 4}  # below 70 small printed letters blur
# Part of a page that images must cover to make it a scan.
_SCAN = 0.5
# Part of the longest line at which a line counts as full, so that the next one continues it.
_FULL = 0.85
# Columns (two for a Japanese letter) that a line of running text has at least; shorter ones are lists.
_RUNNING = 40
_ENDS = ("。", "．", ".", "」", "）", ")", ":", "：", "記")

_WHITE = (255, 255, 255, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A page as WebP."""

    width_px: int
    height_px: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page (number from 1, size as displayed), its text, and its images from the narrowest on."""

    number: int
    width_pt: float
    height_pt: float
    text: str
    images: tuple[Image, ...]


def render(data: bytes, *, first: int, last: int, widths: Sequence[int] = WIDTHS) -> list[Page]:
    """Return the pages from `first` to `last`, both counted from 1 and included, at *widths* in pixels, ascending.

    Raises Refused(PDF_BROKEN).
    """
    try:
        with pypdfium2.PdfDocument(data) as document:
            numbers = range(first, min(last, len(document)) + 1)
            return [_page(document[number - 1], number, widths) for number in numbers]
    except pypdfium2.PdfiumError:
        raise Refused(Reason.PDF_BROKEN) from None


def _page(page: pypdfium2.PdfPage, number: int, widths: Sequence[int]) -> Page:
    width, height = page.get_size()
    with contextlib.closing(page.get_textpage()) as words:
        text = joined(words.get_text_bounded())
    return Page(number=number, width_pt=width, height_pt=height, text=text, images=_images(page, widths))


def _images(page: pypdfium2.PdfPage, widths: Sequence[int]) -> tuple[Image, ...]:
    narrowest, *wider = (_rendered(page, width) for width in widths)
    coloured = _has_colour(narrowest)
    lossless = not _is_scan(page)
    first = _encoded(narrowest, coloured=coloured, lossless=lossless)
    if lossless and len(first.data) > _SMALL_BYTES:
        lossy = _encoded(narrowest, coloured=coloured, lossless=False)
        if len(lossy.data) < len(first.data):
            first, lossless = lossy, False
        else:
            first = _plainer(narrowest, coloured=coloured)
    return (first, *(_encoded(picture, coloured=coloured, lossless=lossless) for picture in wider))


def _plainer(picture: Picture.Image, *, coloured: bool) -> Image:
    """The picture in as many steps of grey or colour as let it arrive in time, or in the fewest."""
    kept = picture if coloured else picture.convert("L")
    for count in _FEWER:
        made = _saved(_in_steps(kept, count), **_LOSSLESS)
        if len(made.data) <= _SMALL_BYTES:
            break
    return made


def _in_steps(picture: Picture.Image, count: int) -> Picture.Image:
    steps = [round(round(value / 255 * (count - 1)) * 255 / (count - 1)) for value in range(256)]
    return picture.point(steps * len(picture.getbands()))


def _rendered(page: pypdfium2.PdfPage, width: int) -> Picture.Image:
    """Render the page exactly `width` pixels wide, or as wide as its height permits."""
    across, up = page.get_size()
    height = round(width * up / across)
    if height > _MAX_SIDE:
        width, height = max(round(_MAX_SIDE * across / up), 1), _MAX_SIDE
    size = (width, max(height, 1))
    bitmap = pypdfium2.PdfBitmap.new_native(*size, raw.FPDFBitmap_BGRx)
    with contextlib.closing(bitmap):
        bitmap.fill_rect(_WHITE, 0, 0, *size)
        raw.FPDF_RenderPageBitmap(bitmap, page, 0, 0, *size, 0, raw.FPDF_ANNOT)
        picture: Picture.Image = bitmap.to_pil()
        return picture.convert("RGB")


def _has_colour(picture: Picture.Image) -> bool:
    red, green, blue = picture.split()
    differences = (ImageChops.difference(red, green), ImageChops.difference(green, blue))
    return any(sum(difference.histogram()[_COLOUR:]) > 0 for difference in differences)


def _is_scan(page: pypdfium2.PdfPage) -> bool:
    """Tell whether pictures cover most of the page; a layer of recognised text may lie over them."""
    width, height = page.get_size()
    covered = 0.0
    for picture in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]):
        left, bottom, right, top = picture.get_bounds()
        covered += (right - left) * (top - bottom)
    return bool(covered > _SCAN * width * height)


def _encoded(picture: Picture.Image, *, coloured: bool, lossless: bool) -> Image:
    if not coloured:
        picture = picture.convert("L")
        if lossless:
            picture = _in_steps(picture, _GREYS)
    return _saved(picture, **(_LOSSLESS if lossless else _LOSSY))


def _saved(picture: Picture.Image, **how: Any) -> Image:
    out = io.BytesIO()
    picture.save(out, "WEBP", **how)
    return Image(width_px=picture.width, height_px=picture.height, data=out.getvalue())


def joined(text: str) -> str:
    """Return what pdfium read off a page, with lines that were only wrapped joined to paragraphs.

    A line goes on in the next when it is full and does not end a sentence. Nothing else is known here:
    pdfium gives lines in the order of the content, which for documents from word processors is the order
    of reading.
    """
    lines = [_cleaned(line) for line in text.splitlines()]
    full = max(_RUNNING, _FULL * max(map(_columns, lines), default=0))
    paragraphs: list[str] = []
    goes_on = False
    for line in lines:
        if goes_on and line:
            paragraphs[-1] = _glued(paragraphs[-1], line)
        elif line or paragraphs[-1:] != [""]:
            paragraphs.append(line)
        goes_on = bool(line) and _columns(line) >= full and not line.endswith(_ENDS)
    return "\n".join(paragraphs).strip("\n")


def _cleaned(line: str) -> str:
    """Drop what is not text: pdfium marks a hyphen at a line's end with U+FFFE or U+0002."""
    kept = line.replace("\ufffe", "").replace("\x02", "")
    return "".join(letter for letter in kept if unicodedata.category(letter) != "Cc").strip()


def _columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WFA" else 1 for letter in line)


def _glued(line: str, following: str) -> str:
    """Join two lines; Japanese needs no space between them."""
    japanese = any(unicodedata.east_asian_width(letter) in "WF" for letter in (line[-1], following[0]))
    return line + following if japanese else f"{line} {following}"
