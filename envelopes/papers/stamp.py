"""The certificate id at the bottom-left of page 1, as part of the page's own content.

It is written before the first signature, because anything added to a page later makes viewers call the
signature invalid. Drawing it, and finding out whether it can really be seen, live here; what the id is
does not.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import count
from typing import Any, Self

import pikepdf
import pypdfium2
from pikepdf import Array, Dictionary, Name, Object, Page, Pdf, PdfError, Stream
from PIL import Image, ImageChops

from envelopes.papers.sheet import Sheet

LABEL = "締結証明書ID"

# Points. Smaller letters are hard to read on paper, larger ones get in the way of footers.
_SIZE_PT = 7.0
# 3 mm: as near to the edge as office printers reach.
_MARGIN_PT = 8.5
# Stroke width in ems: wide enough to part the letters from a dark scan.
_HALO_EM = 0.35

# The check by ink: pixels of an em, the least change of grey that counts, and the least share of pixels of
# the stamp's rectangle that must have changed (measured: 0.2 on white, 0.5 on black).
_CHECK_PX = 16
_CHECK_GREY = 48
_CHECK_SHARE = 0.08


_OPENING = "/Artifact <</Type/Pagination/Subtype/Footer/Attached[/Bottom]>> BDC"
_RESOURCE = "/FukanStamp"
_FORMER = re.compile(
    re.escape(_OPENING).encode() + rb"\nq 0 Tc [^\n]*\n" + _RESOURCE.encode() + rb"[^\n]*\n.*?ET Q\nEMC\n",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A text on a sheet, in its user space units: distance of the base line from both edges, size, width."""

    text: str
    margin: float
    size: float
    width: float


def stamp(pdf: Pdf, certificate_id: str) -> Stamp:
    """Write the id onto page 1 and return where. An id has letters A to Z, digits and hyphens."""
    page = pdf.pages[0]
    sheet = Sheet.of(page)
    placed = _place(f"{LABEL} {certificate_id}", sheet)
    _remove_former(pdf, page)
    font = _add_font(pdf, page)
    frame = _Frame.around(page)
    page.contents_add(frame.before, prepend=True)
    page.contents_add(frame.after + _drawing(placed, sheet, font))
    return placed


def unstamped(text: str, certificate_id: str) -> str:
    """Return what page 1 itself says: *text* as it was read off the page, without our footer.

    So a scan is a page without letters although its id can be read off it.
    """
    return re.sub(rf"({LABEL}\s*{re.escape(certificate_id)}\s*)+", "", text).strip("\n")


def is_visible(before: bytes, after: bytes, placed: Stamp) -> bool:
    """Tell by text and by ink whether page 1 of `after` shows a stamp that page 1 of `before` has not."""
    with pypdfium2.PdfDocument(before) as old, pypdfium2.PdfDocument(after) as new:
        if _squeezed(placed.text) not in _squeezed(new[0].get_textpage().get_text_bounded()):
            return False
        change = ImageChops.difference(_corner(old[0], placed), _corner(new[0], placed))
    changed = sum(change.histogram()[_CHECK_GREY:])
    return changed >= _CHECK_SHARE * change.width * change.height


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _corner(page: pypdfium2.PdfPage, placed: Stamp) -> Image.Image:
    """Render the stamp's rectangle alone, in grey."""
    width, height = page.get_size()
    cut = (
        placed.margin,
        placed.margin,
        width - placed.margin - placed.width,
        height - placed.margin - placed.size,
    )
    scale = _CHECK_PX / placed.size
    image: Image.Image = page.render(
        scale=scale, crop=tuple(max(side, 0) for side in cut), grayscale=True
    ).to_pil()
    return image.convert("L")


def _place(text: str, sheet: Sheet) -> Stamp:
    """Shrink margin and letters until the text fits the sheet."""
    ems = sum(_font().width(character) for character in text)
    margin = min(_MARGIN_PT / sheet.unit, sheet.width / 20, sheet.height / 20)
    size = min(_SIZE_PT / sheet.unit, (sheet.width - 2 * margin) / ems, sheet.height / 2)
    return Stamp(text=text, margin=margin, size=size, width=size * ems)


def _drawing(placed: Stamp, sheet: Sheet, font: str) -> bytes:
    """Return the operators: the text once as a white outline, then in black."""
    a, b, c, d, x, y = _matrix(placed.margin, sheet)
    codes = "".join(f"{_font().cid(character):04x}" for character in placed.text)
    return (
        # ISO 32000-2, 14.8.2.2.2: a footer is no part of what the document says.
        f"\n{_OPENING}\n"
        "q 0 Tc 0 Tw 100 Tz 0 Ts BT\n"
        f"{font} {placed.size:.4f} Tf {a} {b} {c} {d} {x:.4f} {y:.4f} Tm\n"
        f"1 J 1 j {placed.size * _HALO_EM:.4f} w 1 G 1 Tr <{codes}> Tj\n"
        f"0 g 0 Tr {a} {b} {c} {d} {x:.4f} {y:.4f} Tm <{codes}> Tj\n"
        "ET Q\nEMC\n"
    ).encode("ascii")


def _matrix(margin: float, sheet: Sheet) -> tuple[int, int, int, int, float, float]:
    """Return the text matrix that puts the base line at the corner people see at the bottom left."""
    match sheet.rotation:
        case 90:
            return 0, 1, -1, 0, sheet.right - margin, sheet.bottom + margin
        case 180:
            return -1, 0, 0, -1, sheet.right - margin, sheet.top - margin
        case 270:
            return 0, -1, 1, 0, sheet.left + margin, sheet.top - margin
        case _:
            return 1, 0, 0, 1, sheet.left + margin, sheet.bottom + margin


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What must stand before and after a page's content so that the initial graphics state is back."""

    before: bytes
    after: bytes

    @classmethod
    def around(cls, page: Page) -> Self:
        """Count what the content leaves open, and what it closes without having opened it."""
        depth = lowest = marked = 0
        in_text = False
        for operator in _operators(page):
            match operator:
                case b"q":
                    depth += 1
                case b"Q":
                    depth -= 1
                    lowest = min(lowest, depth)
                case b"BT" | b"ET":
                    in_text = operator == b"BT"
                case b"BMC" | b"BDC":
                    marked += 1
                case b"EMC":
                    marked = max(marked - 1, 0)
        spare = 1 - lowest
        closing = [b"ET"] * in_text + [b"EMC"] * marked + [b"Q"] * (spare + depth)
        return cls(before=b"q\n" * spare, after=b"\n" + b"\n".join(closing))


def _operators(page: Page) -> list[bytes]:
    try:
        found = pikepdf.parse_content_stream(page, "q Q BT ET BMC BDC EMC")
    except (PdfError, TypeError, ValueError):
        # What nobody can parse is left as it is; the check by ink decides.
        return []
    return [bytes(instruction.operator) for instruction in found]


def _remove_former(pdf: Pdf, page: Page) -> None:
    """Take away the stamp of a file that was kept here before and comes in again: its id is not this one's."""
    parts = page.obj.get("/Contents")
    if not isinstance(parts, Array):
        return
    for index, part in enumerate(list(parts)):
        if isinstance(part, Stream) and (found := _FORMER.search(content := part.read_bytes())):
            parts[index] = pdf.make_stream(content[: found.start()] + content[found.end() :])


def _add_font(pdf: Pdf, page: Page) -> str:
    """Name our font in the page's resources. They become its own: they may be shared with other pages."""
    resources = _copy(page.obj.get("/Resources"))
    fonts = _copy(resources.get("/Font"))
    # The same file must give the same bytes, so the name is not random.
    name = next(name for number in count() if (name := f"{_RESOURCE}{number}") not in fonts)
    fonts[name] = _embedded_font(pdf)
    resources.Font = fonts
    # Later revisions write the page itself anew, and names in it would have to go through one more writer.
    page.obj.Resources = pdf.make_indirect(resources)
    return name


def _copy(found: Any) -> Any:
    # Item by item would not do: names written in Shift_JIS cannot be said as str.
    return found.copy() if isinstance(found, Dictionary) else Dictionary()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Font:
    """The embedded font: its program (CFF, CID-keyed) and what a PDF has to say about it."""

    program: bytes
    name: str
    box: tuple[int, ...]
    ascent: int
    descent: int
    characters: dict[str, dict[str, int]]

    def cid(self, character: str) -> int:
        return self.characters[character]["cid"]

    def width(self, character: str) -> float:
        """Advance in ems."""
        return self.characters[character]["width"] / 1000


@cache
def _font() -> _Font:
    folder = files("envelopes.papers") / "assets"
    described = json.loads((folder / "stamp.json").read_text("utf-8"))
    return _Font(program=(folder / "stamp.cff").read_bytes(), **described)


def _embedded_font(pdf: Pdf) -> Object:
    """Add the font to the file: ISO 32000-2, 9.7 (composite fonts), with CIDs as character codes."""
    font = _font()
    name = Name(f"/FUKANA+{font.name}")
    descriptor = Dictionary(
        Type=Name.FontDescriptor,
        FontName=name,
        Flags=4,  # symbolic: no standard encoding applies
        FontBBox=Array(font.box),
        ItalicAngle=0,
        Ascent=font.ascent,
        Descent=font.descent,
        CapHeight=733,
        StemV=80,
        FontFile3=Stream(pdf, font.program, Subtype=Name.CIDFontType0C),
    )
    descendant = Dictionary(
        Type=Name.Font,
        Subtype=Name.CIDFontType0,
        BaseFont=name,
        CIDSystemInfo=Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0),
        FontDescriptor=pdf.make_indirect(descriptor),
        W=_widths(font),
    )
    return pdf.make_indirect(
        Dictionary(
            Type=Name.Font,
            Subtype=Name.Type0,
            BaseFont=Name(f"/FUKANA+{font.name}-Identity-H"),
            Encoding=Name("/Identity-H"),
            DescendantFonts=Array([pdf.make_indirect(descendant)]),
            ToUnicode=Stream(pdf, _to_unicode(font)),
        )
    )


def _widths(font: _Font) -> Array:
    pairs = sorted((entry["cid"], entry["width"]) for entry in font.characters.values())
    return Array([item for cid, width in pairs for item in (cid, Array([width]))])


def _to_unicode(font: _Font) -> bytes:
    lines = [f"<{entry['cid']:04x}> <{ord(character):04x}>" for character, entry in font.characters.items()]
    return "\n".join(
        [
            "/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
            "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def",
            "/CMapName /Adobe-Identity-UCS def /CMapType 2 def",
            "1 begincodespacerange <0000> <ffff> endcodespacerange",
            f"{len(lines)} beginbfchar",
            *lines,
            "endbfchar endcmap CMapName currentdict /CMap defineresource pop end end",
        ]
    ).encode("ascii")
