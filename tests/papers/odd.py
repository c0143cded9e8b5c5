"""PDF files with something odd about them, made on the spot."""

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Encryption, Name, Object, Pdf, Permissions, Stream

from envelopes.papers.limits import PaperLimits

MIB = 1 << 20
ID = "MHN-7K3D-9QZX-01AB-CDEF-2"
LIMITS = PaperLimits(
    max_bytes=30 * MIB,
    max_pages=300,
    min_side_pt=72,
    pages_per_batch=8,
    cpu_seconds=30,
    memory_bytes=1024 * MIB,
    wall_seconds=60,
    files=32,
)

LINES = (
    b"BT /F1 12 Tf 72 760 Td 14 TL (Contract for works) Tj T* (Amount: 1,000 yen) Tj T* (Second line) Tj ET"
)


def plain(pages: int = 1, *, content: bytes = LINES, size: tuple[float, float] = (595, 842)) -> Pdf:
    """A file with letters on every page."""
    pdf = pikepdf.new()
    for _ in range(pages):
        page = pdf.add_blank_page(page_size=size)
        page.obj.Resources = Dictionary(Font=Dictionary(F1=helvetica()))
        page.obj.Contents = pdf.make_stream(content)
    return pdf


def helvetica() -> Dictionary:
    return Dictionary(
        Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding
    )


def saved(pdf: Pdf, **options: object) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings():
        # pikepdf sees some of the oddities and says so.
        warnings.simplefilter("ignore", pikepdf.PageCopyWarning)
        pdf.save(out, fix_metadata_version=False, **options)  # type: ignore[arg-type]
    return out.getvalue()


def made(change: Callable[[Pdf], object]) -> bytes:
    pdf = plain()
    change(pdf)
    return saved(pdf)


def encrypted(*, user: str, **how: Any) -> bytes:
    restricted = Permissions(modify_other=False)
    return saved(plain(), encryption=Encryption(owner="owner", user=user, allow=restricted, **how))


def annotate(pdf: Pdf, **entries: Any) -> Object:
    """Put an annotation on page 1."""
    annotation = pdf.make_indirect(Dictionary(Type=Name.Annot, Rect=Array([10, 10, 110, 30]), **entries))
    page = pdf.pages[0].obj
    page.Annots = Array([*page.get("/Annots", []), annotation])
    return annotation


def with_field(pdf: Pdf, **entries: Any) -> Object:
    """Put a form field on page 1."""
    field = annotate(pdf, Subtype=Name.Widget, T="field", F=4, DA="/Helv 12 Tf 0 g", **entries)
    pdf.Root.AcroForm = Dictionary(
        Fields=Array([field]), DR=Dictionary(Font=Dictionary(Helv=pdf.make_indirect(helvetica())))
    )
    return field


def appearance(pdf: Pdf, text: bytes) -> Dictionary:
    form = Stream(pdf, b"BT /Helv 12 Tf 2 5 Td (" + text + b") Tj ET")
    form.stream_dict = Dictionary(
        Type=Name.XObject,
        Subtype=Name.Form,
        BBox=Array([0, 0, 100, 20]),
        Resources=Dictionary(Font=Dictionary(Helv=helvetica())),
    )
    return Dictionary(N=pdf.make_indirect(form))


def scan(pdf: Pdf, grey: bytes | None = None, *, side: int = 400) -> None:
    """Cover page 1 with a picture, as a scanner does; by default a noisy one."""
    pixels = grey or bytes((x * 7 ^ y * 13) % 97 + 120 for y in range(side) for x in range(side))
    image = pdf.make_stream(
        pixels,
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=side,
        Height=side,
        ColorSpace=Name.DeviceGray,
        BitsPerComponent=8,
    )
    page = pdf.pages[0].obj
    page.Resources.XObject = Dictionary(Im0=image)
    page.Contents = pdf.make_stream(b"q 595 0 0 842 0 0 cm /Im0 Do Q")


def never_read(pdf: Pdf, page: int) -> None:
    """Have a page draw a form that draws ten forms, and so on, ten deep: 10,000,000,000 times the letters."""
    shape = {"Type": Name.XObject, "Subtype": Name.Form, "BBox": Array([0, 0, 595, 842])}
    letters = Dictionary(Font=Dictionary(F1=helvetica()))
    form: Object = pdf.make_stream(LINES, **shape, Resources=letters)
    for _ in range(10):
        form = pdf.make_stream(b"/X Do " * 10, **shape, Resources=Dictionary(XObject=Dictionary(X=form)))
    pdf.pages[page].obj.Resources.XObject = Dictionary(X=form)
    pdf.pages[page].obj.Contents = pdf.make_stream(LINES + b" /X Do")


def never_drawn(pdf: Pdf, page: int) -> None:
    """Have a page filled, again and again, with tiles too small to be seen."""
    box = Array([0, 0, 0.02, 0.02])
    kind = {
        "Type": Name.Pattern,
        "PatternType": 1,
        "PaintType": 1,
        "TilingType": 1,
        "Resources": Dictionary(),
    }
    tile = pdf.make_stream(b"0 0 1 rg 0 0 .01 .01 re f", **kind, BBox=box, XStep=0.02, YStep=0.02)
    pdf.pages[page].obj.Resources.Pattern = Dictionary(P=tile)
    pdf.pages[page].obj.Contents = pdf.make_stream(
        LINES + b" /Pattern cs /P scn " + b"0 0 595 842 re f " * 200
    )


# One page, object by object.
PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = (
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 5 0 R"
    b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>"
)
CONTENT = b"<</Length %d>>stream\n%s\nendstream" % (len(LINES), LINES)


def raw(objects: Mapping[int, bytes], *, root: bytes, known: Sequence[int] | None = None) -> bytes:
    """A file byte by byte. Its table lists the objects that are *known*, by default all.

    Where it does not list all, a stream does: as office programs export, a classic table for old readers and
    the rest for new ones (ISO 32000-2, 7.5.8.4).
    """
    out, at = bytearray(b"%PDF-1.5\n"), {}
    for number, body in objects.items():
        at[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    listed = list(objects) if known is None else known
    extra = b""
    hidden = [number for number in objects if number not in listed]
    if hidden:
        extra = b"/XRefStm %d" % len(out)
        own = max(objects) + 1
        out += _xref_stream({number: at[number] for number in hidden} | {own: len(out)})
    table_at, size = len(out), max(objects) + 1 + bool(hidden)
    out += b"xref\n0 1\n0000000000 65535 f \n"
    out += b"".join(b"%d 1\n%010d 00000 n \n" % (number, at[number]) for number in listed)
    out += b"trailer\n<</Size %d/Root %s%s>>\nstartxref\n%d\n%%%%EOF\n" % (size, root, extra, table_at)
    return bytes(out)


def _xref_stream(at: Mapping[int, int]) -> bytes:
    """A cross-reference stream, itself the last of the objects it lists."""
    number = max(at)
    rows = b"".join(b"\1" + place.to_bytes(4, "big") + b"\0" for place in at.values())
    index = b" ".join(b"%d 1" % hidden for hidden in at)
    head = b"<</Type/XRef/Size %d/W[1 4 1]/Index[%s]/Length %d>>" % (number + 1, index, len(rows))
    return b"%d 0 obj\n%sstream\n%s\nendstream\nendobj\n" % (number, head, rows)


def hybrid() -> bytes:
    """A file whose page content is found only through the stream beside its table."""
    objects = {1: b"<</Type/Catalog/Pages 2 0 R>>", 2: PAGES, 3: PAGE, 5: CONTENT}
    return raw(objects, root=b"1 0 R", known=[1, 2, 3])
