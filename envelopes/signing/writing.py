"""Appending revisions to a PDF with pyHanko: fields, signatures, document timestamps.

Each function takes a whole PDF and returns the bytes to append. What a signature says is `entries`'
business, when one may be made is the caller's.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

from asn1crypto import crl as asn1_crl  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils.generic import (
    ArrayObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
    NumberObject,
    PdfObject,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, append_signature_field
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.constants import ESIC_EXTENSION_1
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp, PdfSignedData
from pyhanko.sign.validation.dss import DocumentSecurityStore

from envelopes.rules.errors import FukanError
from envelopes.signing import cms
from envelopes.signing.entries import Entry, placeholder
from envelopes.signing.keys import SigningKey
from envelopes.signing.reading import MALFORMED
from envelopes.signing.timestamps import Timestamper
from envelopes.signing.trust import Evidence

_MIB = 1024 * 1024


class WritingFailed(FukanError):
    """A revision could not be written: the file is not one that `prepare` made, or the field is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pen:
    """What a signature is made with."""

    key: SigningKey
    timestamper: Timestamper


def append_fields(data: bytes, fields: Sequence[str]) -> bytes:
    """Return the tail that adds one empty invisible signature field on page 1 per name."""
    stream, writer = _open(data)
    try:
        # EN 319 142-1 wants the extension where the base version is below 2.0. It goes in before the first
        # signature, so that no signature has to change the catalog for it.
        writer.ensure_output_version(version=(1, 7))  # type: ignore[no-untyped-call]
        writer.register_extension(ESIC_EXTENSION_1)
        _own_annotations(writer)
        for name in fields:
            append_signature_field(writer, SigFieldSpec(name))
        _keep_catalog_and_form_unchanged(writer)
        writer.write_in_place()  # type: ignore[no-untyped-call]
    except MALFORMED as error:
        raise WritingFailed(type(error).__name__) from None
    return _tail(stream, data)


def append_signature(
    data: bytes, *, field: str, entry: Entry, now: dt.datetime, pen: Pen, evidence: Evidence
) -> bytes:
    """Return the tail that signs *data* in the existing empty *field* and stores *evidence* beside it.

    PAdES B-LT: ETSI.CAdES.detached, SHA-256, signing-certificate-v2, signature timestamp, and the document
    security store in the same revision. Raises WritingFailed, and Later(TSA_UNAVAILABLE).
    """
    room = cms.room_for(pen.key) + pen.timestamper.room
    revision = _Revision(data, evidence, field)
    digest = revision.reserve(placeholder(entry, now=now, room=room))
    return revision.fill(cms.signature(digest, pen.key, pen.timestamper))


def append_timestamp(data: bytes, *, field: str, timestamper: Timestamper, evidence: Evidence) -> bytes:
    """Return the tail with *evidence* and a document timestamp (ETSI.RFC3161) in a new *field*.

    Raises WritingFailed, and Later(TSA_UNAVAILABLE).
    """
    revision = _Revision(data, evidence, field, new=True)
    place = DocumentTimestamp(bytes_reserved=2 * timestamper.room)  # type: ignore[no-untyped-call]
    digest = revision.reserve(place)
    return revision.fill(timestamper(digest))


class _Revision:
    """One incremental update that ends in a signature: reserve, then fill."""

    def __init__(self, data: bytes, evidence: Evidence, field: str, *, new: bool = False) -> None:
        self._data = data
        self._evidence = evidence
        self._field = field
        self._new = new

    def reserve(self, dictionary: PdfSignedData) -> bytes:
        """Write everything but the signature; return the SHA-256 that is to be signed."""
        self._stream, writer = _open(self._data)
        try:
            _store(writer, self._evidence)
            spec = SigFieldSpec(self._field) if self._new else None
            self._embedder = PdfCMSEmbedder(new_field_spec=spec).write_cms(
                self._field, writer, existing_fields_only=not self._new
            )
            next(self._embedder)
            self._embedder.send(SigObjSetup(sig_placeholder=dictionary))
            prepared, _ = self._embedder.send(
                SigIOSetup(md_algorithm="sha256", in_place=True, chunk_size=_MIB)
            )
        except MALFORMED as error:
            raise WritingFailed(type(error).__name__) from None
        return bytes(prepared.document_digest)

    def fill(self, signature: bytes) -> bytes:
        """Put the DER *signature* into its place; return the tail."""
        try:
            self._embedder.send(signature)
        except MALFORMED as error:
            raise WritingFailed(type(error).__name__) from None
        return _tail(self._stream, self._data)


def _keep_catalog_and_form_unchanged(writer: IncrementalPdfFileWriter) -> None:
    """Put in now what a signature would otherwise have to change: the form's flags, and an empty DSS."""
    # ISO 32000-1 table 219: signatures exist, and only incremental updates keep them.
    form = writer.root["/AcroForm"]
    form[NameObject("/SigFlags")] = NumberObject(3)  # type: ignore[no-untyped-call]
    writer.update_container(form)
    if "/DSS" not in writer.root:
        store = DictionaryObject({NameObject("/Type"): NameObject("/DSS")})  # type: ignore[no-untyped-call]
        writer.root[NameObject("/DSS")] = writer.add_object(store)
        writer.update_root()  # type: ignore[no-untyped-call]


def _own_annotations(writer: IncrementalPdfFileWriter) -> None:
    """Give page 1, and each page that needs it, an annotation array of its own that holds references only.

    Later revisions add fields to page 1, and validators then accept annotations only where each is an object
    of its own, on every page.
    """
    for number, reference in enumerate(_pages(writer)):
        page = reference.get_object()  # type: ignore[no-untyped-call]
        entries = _raw(page["/Annots"]) if "/Annots" in page else []
        if number == 0 or not all(isinstance(one, IndirectObject) for one in entries):
            kept = [one if isinstance(one, IndirectObject) else writer.add_object(one) for one in entries]
            page[NameObject("/Annots")] = writer.add_object(ArrayObject(kept))
            writer.mark_update(reference)


def _pages(writer: IncrementalPdfFileWriter) -> Iterator[IndirectObject]:
    waiting, seen = [writer.root.raw_get("/Pages")], set[int]()
    while waiting:
        reference = waiting.pop()
        node = reference.get_object()
        if reference.idnum in seen:
            raise WritingFailed
        seen.add(reference.idnum)
        if "/Kids" in node:
            waiting.extend(reversed(_raw(node["/Kids"])))
        else:
            yield reference


def _raw(array: ArrayObject) -> list[PdfObject]:
    return [array.raw_get(index) for index in range(len(array))]


def _store(writer: IncrementalPdfFileWriter, evidence: Evidence) -> None:
    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        None,
        certs=[asn1_x509.Certificate.load(der) for der in evidence.certificates],
        crls=[asn1_crl.CertificateList.load(der) for der in evidence.crls],
    )


def _open(data: bytes) -> tuple[BytesIO, IncrementalPdfFileWriter]:
    stream = BytesIO(data)
    try:
        return stream, IncrementalPdfFileWriter(stream, strict=False)
    except MALFORMED as error:
        raise WritingFailed(type(error).__name__) from None


def _tail(stream: BytesIO, data: bytes) -> bytes:
    return bytes(stream.getbuffer()[len(data) :])
