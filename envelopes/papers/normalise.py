"""Repairs, and the one form in which a PDF is kept: classic xref, no object streams, at least PDF 1.7.

Later signatures are appended to this form, so it holds nothing that acts, fills itself in or confuses a
writer. What only the sender can mend is refused by `inspect`.
"""

import io
from typing import Final
from xml.parsers import expat

from pikepdf import (
    AcroFormField,
    Array,
    Dictionary,
    Name,
    Object,
    ObjectStreamMode,
    Page,
    Pdf,
    PdfError,
    Stream,
    String,
)

from envelopes.papers.flate import is_packed, is_sound, repack
from envelopes.papers.sheet import Sheet
from envelopes.rules.errors import Reason, Refused

_VERSION: Final = "1.7"
# Entries of the catalogue that act on opening, claim rights, or belong to signatures that are gone.
_DROPPED: Final = ("/OpenAction", "/AA", "/Perms", "/Collection", "/DSS", "/Requirements", "/NeedsRendering")

# Entries of the catalogue that have to be dictionaries (ISO 32000-2, table 29); readers stumble over others.
_DICTIONARIES: Final = (
    "/Dests",
    "/Extensions",
    "/MarkInfo",
    "/Names",
    "/OCProperties",
    "/Outlines",
    "/PageLabels",
    "/StructTreeRoot",
    "/URI",
    "/ViewerPreferences",
)


def normalise(pdf: Pdf) -> None:
    """Repair the file in place, or raise Refused when its form cannot be turned into plain content."""
    _mend_catalogue(pdf)
    _mend_info(pdf)
    # qpdf writes a new /Size only over an old one.
    pdf.trailer.Size = 0
    for page in pdf.pages:
        _mend_page(page)
    if "/AcroForm" in pdf.Root or any(map(_has_fields, pdf.pages)):
        _flatten(pdf)


def mend_streams(pdf: Pdf) -> None:
    """Pack damaged streams anew with what is left in them, so that all readers show the same."""
    for item in pdf.objects:
        if isinstance(item, Stream) and is_packed(item) and not is_sound(item):
            repack(item)


def written(pdf: Pdf) -> bytes:
    """Return the file as it is kept. The same input gives the same bytes, so the work can be repeated."""
    out = io.BytesIO()
    pdf.save(
        out,
        min_version=_VERSION,
        object_stream_mode=ObjectStreamMode.disable,
        fix_metadata_version=False,
        deterministic_id=True,
        encryption=False,
    )
    return out.getvalue()


def _mend_catalogue(pdf: Pdf) -> None:
    if not pdf.Root.is_indirect:
        # ISO 32000-2, table 15: it has to be; pdfium opens no file whose catalogue stands in the trailer.
        pdf.trailer.Root = pdf.make_indirect(pdf.Root)
    for key in _DROPPED:
        if key in pdf.Root:
            del pdf.Root[key]
    for key in _DICTIONARIES:
        if not isinstance(pdf.Root.get(key, Dictionary()), Dictionary):
            del pdf.Root[key]
    metadata = pdf.Root.get("/Metadata")
    if metadata is not None and not _is_xml(metadata):
        del pdf.Root.Metadata


def _is_xml(metadata: Object) -> bool:
    try:
        expat.ParserCreate().Parse(metadata.read_bytes(), True)  # noqa: FBT003 -- expat takes it by position
    except (expat.ExpatError, PdfError, TypeError, AttributeError):
        return False
    return isinstance(metadata, Stream)


def _mend_info(pdf: Pdf) -> None:
    """Keep of the document information what is text, in an object of its own."""
    info = pdf.trailer.get("/Info")
    if info is None:
        return
    texts = info.items() if isinstance(info, Dictionary) else ()
    pdf.trailer.Info = pdf.make_indirect(
        Dictionary({key: value for key, value in texts if isinstance(value, String) and key.isascii()})
    )


def _mend_page(page: Page) -> None:
    _mend_sheet(page)
    if "/AA" in page.obj:
        del page.obj.AA
    found = page.obj.get("/Annots")
    if found is None:
        return
    kept = [item for item in found if isinstance(item, Dictionary)] if isinstance(found, Array) else []
    for item in kept:
        if "/AA" in item:
            del item.AA
    page.obj.Annots = Array(kept)


def _mend_sheet(page: Page) -> None:
    """Say plainly what is seen of the page and which way up, so that all readers agree."""
    sheet = Sheet.of(page)
    if "/Rotate" in page.obj:
        page.obj.Rotate = sheet.rotation
    if "/CropBox" in page.obj:
        page.obj.CropBox = Array([sheet.left, sheet.bottom, sheet.right, sheet.top])


def _has_fields(page: Page) -> bool:
    return any(item.get("/Subtype") == Name.Widget for item in page.obj.get("/Annots", ()))


def _flatten(pdf: Pdf) -> None:
    """Turn form fields into page content: what is filled in must not change any more."""
    form = pdf.Root.get("/AcroForm")
    if not isinstance(form, Dictionary) or not isinstance(form.get("/Fields"), Array):
        # Fields may still stand on the pages, known to no form.
        form = pdf.Root.AcroForm = Dictionary(Fields=Array())
    stale = bool(form.get("/NeedAppearances"))
    for field in pdf.acroform.fields:
        if field.is_text or field.is_choice:
            _draw_value(pdf, field, stale=stale)
        elif field.is_checkbox or field.is_radio_button:
            _check_tick(pdf, field)
    # qpdf flattens no field while viewers are told to draw the values themselves.
    form.NeedAppearances = False
    pdf.flatten_annotations("all")
    if "/AcroForm" in pdf.Root:
        del pdf.Root.AcroForm
    for page in pdf.pages:
        _drop_fields(page)


def _drop_fields(page: Page) -> None:
    """Take away the fields that had nothing to draw."""
    kept = [item for item in page.obj.get("/Annots", ()) if item.get("/Subtype") != Name.Widget]
    if "/Annots" in page.obj:
        page.obj.Annots = Array(kept)


def _draw_value(pdf: Pdf, field: AcroFormField, *, stale: bool) -> None:
    """Give the field an appearance where it has none, or where viewers are told not to believe it."""
    value = field.value_as_string
    for annotation in pdf.acroform.get_annotations_for_field(field):
        if not value or ("/AP" in annotation.obj and not stale):
            continue
        if not value.isascii():
            # qpdf draws Latin letters only; the sender's own program has to print the form.
            raise Refused(Reason.PDF_FORM)
        if "/AP" in annotation.obj:
            # qpdf would add its drawing to the old one.
            del annotation.obj.AP
        field.generate_appearance(annotation)


def _check_tick(pdf: Pdf, field: AcroFormField) -> None:
    """Refuse a tick of which nothing can be seen: each viewer draws another one."""
    for annotation in pdf.acroform.get_annotations_for_field(field):
        if annotation.obj.get("/AS", Name.Off) != Name.Off and "/AP" not in annotation.obj:
            raise Refused(Reason.PDF_FORM)
