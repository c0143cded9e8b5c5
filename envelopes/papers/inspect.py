"""What is wrong with a PDF that its sender has to mend. What can be repaired here is `normalise`'s work."""

from collections.abc import Iterator
from typing import Any

from pikepdf import Array, Dictionary, Name, Object, Pdf, PdfError, Stream

from envelopes.papers.limits import PaperLimits
from envelopes.papers.sheet import Sheet
from envelopes.rules.errors import Reason, Refused

# ISO 32000-2, 12.6.4. Actions that run, send or fetch something; those that only move in the document or
# open a web page are left alone.
_ACTIVE_ACTIONS = {"/JavaScript", "/Launch", "/SubmitForm", "/ImportData", "/GoToE"}
_MEDIA_ACTIONS = {"/Rendition", "/Movie", "/Sound", "/RichMediaExecute", "/GoTo3DView"}
# ISO 32000-2, table 171.
_MEDIA_ANNOTATIONS = {"/RichMedia", "/Screen", "/3D", "/Movie", "/Sound"}

# Of several findings the one is told whose remedy also cures the rest, or that needs a talk first.
_ORDER = (
    Reason.PDF_SIGNED,
    Reason.PDF_SIGNATURE_FIELDS,
    Reason.PDF_XFA,
    Reason.PDF_ACTIVE,
    Reason.PDF_EMBEDDED_FILES,
    Reason.PDF_MEDIA,
)

# Readers look for the end mark in the last 1024 bytes (ISO 32000-1, annex H, note 18).
_TAIL_BYTES = 1024
# Direct objects nest a few levels; qpdf itself stops reading at 500.
_MAX_DEPTH = 30


def inspect(pdf: Pdf, data: bytes, limits: PaperLimits) -> None:
    """Raise Refused with the most telling thing that is wrong with this file."""
    if pdf.is_encrypted:
        # It opened without a password, so only printing or editing is restricted.
        raise Refused(Reason.PDF_RESTRICTED)
    _check_pages(pdf, limits)
    _check_whole(pdf, data)
    findings = set(_findings(pdf))
    for reason in _ORDER:
        if reason in findings:
            raise Refused(reason)


def _check_pages(pdf: Pdf, limits: PaperLimits) -> None:
    count = _page_count(pdf)
    if count == 0:
        raise Refused(Reason.PDF_NO_PAGES)
    if count > limits.max_pages:
        raise Refused(Reason.PDF_TOO_MANY_PAGES, pages=count, most=limits.max_pages)
    for number, page in enumerate(pdf.pages, start=1):
        sheet = Sheet.of(page)
        if min(sheet.width, sheet.height) * sheet.unit < limits.min_side_pt:
            raise Refused(Reason.PDF_TINY_PAGE, page=number)


def _page_count(pdf: Pdf) -> int:
    try:
        return len(pdf.pages)
    except (PdfError, ValueError, TypeError):
        # Among others qpdf reports a page tree that contains itself.
        raise Refused(Reason.PDF_BROKEN) from None


def _check_whole(pdf: Pdf, data: bytes) -> None:
    """Refuse a file that lost a part: a cut-off download, page content that cannot be read."""
    rebuilt = any("xref" in str(warning).lower() for warning in pdf.get_warnings())
    if rebuilt and b"%%EOF" not in data[-_TAIL_BYTES:]:
        raise Refused(Reason.PDF_BROKEN)
    try:
        for page in pdf.pages:
            for stream in _content(page.obj.get("/Contents")):
                stream.read_bytes()
    except PdfError:
        raise Refused(Reason.PDF_BROKEN) from None


def _content(found: Any) -> Iterator[Stream]:
    parts = found if isinstance(found, Array) else [found]
    return (part for part in parts if isinstance(part, Stream))


def _findings(pdf: Pdf) -> Iterator[Reason]:
    form = pdf.Root.get("/AcroForm")
    if isinstance(form, Dictionary) and "/XFA" in form:
        yield Reason.PDF_XFA
    for item in pdf.objects:
        yield from _in_object(item, 0)


def _in_object(item: Any, depth: int) -> Iterator[Reason]:
    """Look at an object and at what it contains directly; indirect objects come in their own turn."""
    if depth > _MAX_DEPTH:
        raise Refused(Reason.PDF_BROKEN)
    if isinstance(item, Stream | Dictionary):
        yield from _in_dictionary(item)
        children: Any = item.values() if isinstance(item, Dictionary) else item.stream_dict.values()
    elif isinstance(item, Array):
        children = item
    else:
        return
    for child in children:
        if isinstance(child, Array | Dictionary) and not child.is_indirect:
            yield from _in_object(child, depth + 1)


def _in_dictionary(item: Object) -> Iterator[Reason]:
    if item.get("/FT") == Name.Sig:
        yield Reason.PDF_SIGNED if isinstance(item.get("/V"), Dictionary) else Reason.PDF_SIGNATURE_FIELDS
    action = str(item.get("/S", ""))
    if action in _ACTIVE_ACTIONS or "/JS" in item:
        yield Reason.PDF_ACTIVE
    if action in _MEDIA_ACTIONS:
        yield Reason.PDF_MEDIA
    if "/EF" in item:
        yield Reason.PDF_EMBEDDED_FILES
    if "/Rect" in item:
        yield from _in_annotation(str(item.get("/Subtype", "")))


def _in_annotation(kind: str) -> Iterator[Reason]:
    if kind == "/FileAttachment":
        yield Reason.PDF_EMBEDDED_FILES
    if kind in _MEDIA_ANNOTATIONS:
        yield Reason.PDF_MEDIA
