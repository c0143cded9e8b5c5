"""The plan of a prepared file: which object is where, so that revisions can be appended without reading the PDF.

PREPARE draws it up in the child process that parses the file anyway. A plan holds numbers and one hash only,
never PDF syntax, so whatever happens to it, nothing but the fixed words of `planned` can get into a file. Keeping
it unaltered between PREPARE and the signature is the caller's business; whether it fits the bytes in hand is
looked at again before each revision.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Self

from pyhanko.pdf_utils.generic import ArrayObject, DictionaryObject, IndirectObject, PdfObject, Reference
from pyhanko.pdf_utils.reader import PdfFileReader

from envelopes.signing.reading import MALFORMED, open_pdf

_FORMAT = 1

_END = re.compile(rb"startxref\s+(\d+)\s+%%EOF\s*\Z")
# The file's last words, `startxref`, an offset and `%%EOF`, are shorter than this, line ends included.
_END_ROOM = 64

_FIELD_KEYS = {"/FT", "/T", "/Type", "/Subtype", "/F", "/Rect", "/P"}
_FORM_KEYS = {"/Fields", "/SigFlags"}
_STORE_KEYS = {"/Type"}


_NUMBERS = ("length", "cross_reference", "size", "root", "page", "annotations", "form", "store")
_HEX = re.compile(r"[0-9a-f]*")


class NoPlan(ValueError):
    """This file is not one of those that can be planned, or this text is no plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where the parts of a prepared file are. Numbers are object numbers (of generation 0), lengths are bytes.

    *cross_reference* is the offset of the last cross-reference table, *size* the trailer's Size, *identifier*
    the first half of its ID, hex. *annotations* is page 1's array and *annotated* what is in it; *form* is
    the interactive form, *store* the document security store, *fields* the empty signature fields by name.
    """

    length: int
    sha256: str
    cross_reference: int
    size: int
    identifier: str
    root: int
    info: int | None
    page: int
    annotations: int
    annotated: tuple[int, ...]
    form: int
    store: int
    fields: Mapping[str, int]

    def text(self) -> str:
        """Return the plan as JSON."""
        return json.dumps({"format": _FORMAT} | asdict(self), separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the plan that `text` wrote, or raise NoPlan."""
        try:
            values = json.loads(text)
            if values.pop("format") != _FORMAT:
                raise NoPlan
            values["annotated"] = tuple(values["annotated"])
            read = cls(**values)
            sound = read._is_plain()
        except (ValueError, TypeError, KeyError, AttributeError):
            sound = False
        if not sound:
            raise NoPlan
        return read

    def _is_plain(self) -> bool:
        """Whether everything is of its type, so that no text can become syntax."""
        numbers = [getattr(self, name) for name in _NUMBERS]
        numbers += [*self.annotated, *self.fields.values(), *([] if self.info is None else [self.info])]
        return (
            all(type(number) is int and number >= 0 for number in numbers)
            and all(_is_name(name) for name in self.fields)
            and all(_HEX.fullmatch(text) is not None for text in (self.identifier, self.sha256))
        )


def draw(prepared: bytes) -> Plan | None:
    """Return the plan of a file that `writing.append_fields` has made, or None where none can be given.

    A plan needs classic cross-reference tables and objects that are exactly those which PREPARE writes.
    """
    try:
        return _drawn(prepared)
    except MALFORMED:
        return None


def _drawn(prepared: bytes) -> Plan:
    reader = open_pdf(prepared)
    page, fields, form = _form(reader)
    dictionary = _resolved(page)
    info = reader.trailer.raw_get("/Info") if "/Info" in reader.trailer else None
    return Plan(
        length=len(prepared),
        sha256=sha256(prepared).hexdigest(),
        cross_reference=_cross_reference(prepared, reader),
        size=int(reader.trailer["/Size"]),
        identifier=bytes(reader.trailer["/ID"][0].original_bytes).hex(),
        root=_number(reader.trailer.raw_get("/Root")),
        info=None if info is None else _number(info),
        page=_number(page),
        annotations=_number(dictionary.raw_get("/Annots")),
        annotated=tuple(_numbers(dictionary["/Annots"])),
        form=form,
        store=_store(reader),
        fields=fields,
    )


def _cross_reference(prepared: bytes, reader: PdfFileReader) -> int:
    found = _END.search(prepared, max(0, len(prepared) - _END_ROOM))
    if found is None or reader.encrypted or reader.has_xref_stream or b"/XRefStm" in prepared:
        raise NoPlan
    offset = int(found[1])
    if not prepared.startswith(b"xref", offset):
        raise NoPlan
    return offset


def _form(reader: PdfFileReader) -> tuple[IndirectObject, dict[str, int], int]:
    """Return page 1, the fields by name, and the form's number."""
    reference = reader.root.raw_get("/AcroForm")
    form = _resolved(reference)
    if set(form) != _FORM_KEYS or form["/SigFlags"] != 3:  # noqa: PLR2004 -- ISO 32000-1 table 219, both bits
        raise NoPlan
    fields, pages = {}, []
    for number in _numbers(form["/Fields"]):
        field = reader.get_object(Reference(number, 0))  # type: ignore[no-untyped-call]
        pages.append(_page_of(field))
        fields[str(field["/T"])] = number
    first, *others = pages
    if any(one.reference != first.reference for one in others):
        raise NoPlan
    return first, fields, _number(reference)


def _page_of(field: DictionaryObject) -> IndirectObject:
    """Return the page that *field* is on, if it is just what `planned` will write, apart from V."""
    said: dict[str, Any] = {key: field[key] for key in ("/FT", "/Type", "/Subtype", "/F")}
    expected = {"/FT": "/Sig", "/Type": "/Annot", "/Subtype": "/Widget", "/F": 132}
    name, box = str(field["/T"]), [float(part) for part in field["/Rect"]]
    if set(field) != _FIELD_KEYS or said != expected or any(box) or not _is_name(name):
        raise NoPlan
    page: IndirectObject = field.raw_get("/P")
    return page


def _is_name(name: str) -> bool:
    return name.isascii() and name.isalnum()


def _store(reader: PdfFileReader) -> int:
    reference = reader.root.raw_get("/DSS")
    if set(_resolved(reference)) != _STORE_KEYS:
        raise NoPlan
    return _number(reference)


def _resolved(reference: IndirectObject) -> DictionaryObject:
    found: DictionaryObject = reference.get_object()  # type: ignore[no-untyped-call]
    return found


def _numbers(array: ArrayObject) -> list[int]:
    return [_number(array.raw_get(index)) for index in range(len(array))]


def _number(reference: PdfObject) -> int:
    if not isinstance(reference, IndirectObject) or reference.generation != 0:
        raise NoPlan
    return int(reference.idnum)
