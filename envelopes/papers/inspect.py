"""What is wrong with a PDF that its sender has to mend. What can be repaired here is `normalise`'s work."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from pikepdf import Array, Dictionary, Name, Object, Page, Pdf, PdfError, Stream

from envelopes.papers.flate import is_packed, is_sound, is_whole
from envelopes.papers.limits import PaperLimits
from envelopes.papers.sheet import Sheet
from envelopes.rules.errors import Reason, Refused

# ISO 32000-2, 12.6.4. Actions that start, send or fetch something; those that only move in the document or
# open a web page are left alone.
_ACTIVE: Final = (Name.Launch, Name.SubmitForm, Name.ImportData, Name.GoToE)
_MEDIA_ACTIONS: Final = (Name.Rendition, Name.Movie, Name.Sound, Name.RichMediaExecute, Name.GoTo3DView)
# ISO 32000-2, table 171.
_MEDIA: Final = (Name.RichMedia, Name.Screen, Name("/3D"), Name.Movie, Name.Sound)

# What no dictionary of a file may say, wherever it stands. Of several findings the first is told: its remedy
# also cures the rest, or it needs a talk first.
_CHECKS: Final[tuple[tuple[Reason, Callable[[Object], bool]], ...]] = (
    (Reason.PDF_SIGNED, lambda it: it.get("/FT") == Name.Sig and isinstance(it.get("/V"), Dictionary)),
    (Reason.PDF_SIGNATURE_FIELDS, lambda it: it.get("/FT") == Name.Sig),
    (Reason.PDF_XFA, lambda it: "/XFA" in it),
    (Reason.PDF_SCRIPT, lambda it: "/JS" in it or _action(it) == Name.JavaScript),
    (Reason.PDF_ACTIVE, lambda it: _action(it) in _ACTIVE),
    (Reason.PDF_PORTFOLIO, lambda it: "/Collection" in it and _has_files(it.get("/Names"))),
    (Reason.PDF_EMBEDDED_FILES, lambda it: "/EF" in it or _annotation(it) == Name.FileAttachment),
    (Reason.PDF_MEDIA, lambda it: _action(it) in _MEDIA_ACTIONS or _annotation(it) in _MEDIA),
)
# Looking at keys first is four times as fast: hardly any dictionary has one of them.
_TELLING: Final = {"/FT", "/XFA", "/JS", "/S", "/Collection", "/EF", "/Rect"}

# Readers look for the end mark in the last 1024 bytes (ISO 32000-1, annex H, note 18).
_TAIL_BYTES: Final = 1024
# What qpdf mends in one way that every reader agrees with, so that nothing looks different.
_HARMLESS: Final = (
    "handled correctly by qpdf",
    "reported number of objects",
    "Annots is not an array",
    "Resources is missing or invalid",
    "appears more than once in the pages tree",
)


def inspect(pdf: Pdf, data: bytes, limits: PaperLimits) -> tuple[Reason, ...]:
    """Return what the drafter has to be warned of, or raise Refused with the most telling thing that is wrong."""
    if pdf.is_encrypted:
        # It opened without a password, so only printing or editing is restricted.
        raise Refused(Reason.PDF_RESTRICTED)
    _check_pages(pdf, limits)
    damaged = _is_damaged(pdf, data)
    found: set[Reason] = set()
    for item in _dictionaries(pdf):
        found.update(_wrong_with(item))
        damaged = damaged or (isinstance(item, Stream) and is_packed(item) and not is_sound(item))
    for reason, _ in _CHECKS:
        if reason in found:
            raise Refused(reason)
    warnings = ((Reason.PDF_DAMAGED, damaged), (Reason.PDF_LAYERS, _has_layers(pdf)))
    return tuple(reason for reason, applies in warnings if applies)


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


def _is_damaged(pdf: Pdf, data: bytes) -> bool:
    """Tell whether something had to be mended on reading; refuse a file that lost a part."""
    mended = _mended(pdf)
    if any("cross-reference" in warning for warning in mended) and b"%%EOF" not in data[-_TAIL_BYTES:]:
        # The table of contents is gone and so is the end: a cut-off download.
        raise Refused(Reason.PDF_BROKEN)
    if not all(_is_readable(part) for page in pdf.pages for part in _content(page)):
        raise Refused(Reason.PDF_BROKEN)
    return bool(mended) or bool(_mended(pdf))


def _mended(pdf: Pdf) -> list[str]:
    """Return what qpdf has mended since it was asked last."""
    said = [str(warning) for warning in pdf.get_warnings()]
    return [warning for warning in said if not any(words in warning for words in _HARMLESS)]


def _content(page: Page) -> Iterator[Stream]:
    found = page.obj.get("/Contents")
    parts = found if isinstance(found, Array) else [found]
    return (part for part in parts if isinstance(part, Stream))


def _is_readable(part: Stream) -> bool:
    """Tell whether page content can be read to its end."""
    try:
        part.read_bytes()
    except PdfError:
        return False
    return not is_packed(part) or is_whole(part)


def _has_layers(pdf: Pdf) -> bool:
    """Tell whether readers may show or hide a part of the content (ISO 32000-2, 8.11)."""
    properties = pdf.Root.get("/OCProperties")
    return isinstance(properties, Dictionary) and bool(properties.get("/OCGs"))


def _dictionaries(pdf: Pdf) -> Iterator[Object]:
    """Give each dictionary that the file uses, those of streams included.

    What earlier revisions left behind is of no account: it is not written again.
    """
    waiting: list[Any] = [pdf.trailer]
    seen = set()
    while waiting:
        item = waiting.pop()
        if item.is_indirect:
            if item.objgen in seen:
                continue
            seen.add(item.objgen)
        if not isinstance(item, Array):
            yield item
        children = item if isinstance(item, Array) else item.values()
        waiting += [child for child in children if _is_container(child)]


def _is_container(child: Any) -> bool:
    # Most of what a file holds are numbers, and the first question is the cheap one.
    return isinstance(child, Object) and isinstance(child, Array | Dictionary | Stream)


def _wrong_with(item: Object) -> Iterator[Reason]:
    if _TELLING.isdisjoint(item.keys()):
        return
    for reason, is_so in _CHECKS:
        if is_so(item):
            yield reason


def _action(item: Object) -> Any:
    # An element of the structure has a type of any name under the same key.
    return None if item.get("/Type") == Name.StructElem else item.get("/S")


def _annotation(item: Object) -> Any:
    return item.get("/Subtype") if "/Rect" in item else None


def _has_files(names: Any) -> bool:
    return isinstance(names, Dictionary) and "/EmbeddedFiles" in names
