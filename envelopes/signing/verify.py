"""Judging a PDF: every signature and document timestamp, after ETSI EN 319 102-1, in plain types.

Reads bytes and returns a Report; it holds no key, opens no connection and decides nothing about envelopes.
pyHanko's difference analysis may run very long on hostile files: uploads belong in a child with limits.
"""

import asyncio
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from asn1crypto import x509 as asn1_x509  # type: ignore[import-untyped]
from pyhanko.pdf_utils.crypt import AuthStatus
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESStatus
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.validation.ades import (
    AdESBasicValidationResult,
    AdESLTAValidationResult,
    AdESWithTimeValidationResult,
    ades_lta_validation,
    ades_timestamp_validation,
    ades_with_time_validation,
)
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.policy_decl import LocalKnowledge, PdfSignatureValidationSpec
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator.ltv.poe import (
    KnownPOE,
    POEType,
    ValidationObject,
    ValidationObjectType,
    digest_for_poe,
)

from envelopes.rules.findings import Fault
from envelopes.signing import trust
from envelopes.signing.entries import Written, fits, written
from envelopes.signing.reading import MALFORMED, allow_depth, hush, open_pdf, stored_evidence
from envelopes.signing.trust import Evidence

__all__ = ["Fault", "Judgement", "Report", "SignatureReport", "TimestampReport", "report"]

# NIST's names for asn1crypto's.
_CURVES: Final = {"secp256r1": "p256", "secp384r1": "p384", "secp521r1": "p521"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is said of signatures and document timestamps alike.

    *signer* and *issuer* are common names in the certificate. *intact*: the signed bytes are unchanged;
    *trusted*: chain, revocation and time hold, now or (by later timestamps) when it was made; *whole*: its
    byte range runs from 0 to the end of its own revision; *unaltered*: what was appended later is nothing
    but further signatures and validation data. *indication* is the sub-indication of ETSI EN 319 102-1, for logs.
    """

    field: str
    signer: str
    issuer: str
    intact: bool
    trusted: bool
    whole: bool
    unaltered: bool
    indication: str
    faults: tuple[Fault, ...]

    @property
    def valid(self) -> bool:
        """Nothing is wrong with it."""
        return not self.faults


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureReport(Judgement):
    """One signature: what its dictionary says, and the time of its own timestamp where that is proved."""

    says: Written
    at: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampReport(Judgement):
    """One document timestamp: its time, when the first certificate of its chain ends, and what it was made with.

    *algorithms* are names such as `sha256` and `rsa3072`.
    """

    at: dt.datetime
    until: dt.datetime
    algorithms: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole file, its signatures and document timestamps oldest first.

    A file whose signatures are sound but which has no document timestamp yet is valid; whether one must be
    there is the caller's question (`timestamps`).
    """

    signatures: tuple[SignatureReport, ...] = ()
    timestamps: tuple[TimestampReport, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def valid(self) -> bool:
        """Neither the file nor any signature or timestamp in it has a fault, and there is a signature."""
        parts: tuple[Judgement, ...] = (*self.signatures, *self.timestamps)
        return not self.faults and all(part.valid for part in parts)


def report(
    data: bytes, *, trust_roots: Sequence[bytes], now: dt.datetime, crls: Sequence[bytes] = ()
) -> Report:
    """Return what is to be said about the PDF *data* at *now*.

    *now* is the present: pyHanko itself takes the system's clock for when it learned of a file's parts.
    *trust_roots* are DER certificates. *crls* (DER) are today's: more than seven days after the last document
    timestamp was made, its own certificate cannot be judged without them. Never raises for bad input.
    """
    hush()
    allow_depth()
    try:
        if _is_locked(open_pdf(data)):
            return Report(faults=(Fault.ENCRYPTED,))
        return _Judge(data, trust_roots, now, crls).report()
    except MALFORMED:
        return Report(faults=(Fault.UNREADABLE,))


def _is_locked(reader: PdfFileReader) -> bool:
    """Whether nobody can read it without a password. One that only forbids printing or editing opens without."""
    return bool(reader.encrypted) and reader.decrypt("").status is AuthStatus.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What signatures and document timestamps have in common."""

    field: str
    signer: str
    issuer: str
    intact: bool
    trusted: bool
    whole: bool
    unaltered: bool
    indication: str

    def faults(self) -> Iterator[Fault]:
        if not self.intact:
            yield Fault.BYTES_CHANGED
        if not self.whole:
            yield Fault.NOT_WHOLE_REVISION
        if not self.unaltered:
            yield Fault.CHANGED_AFTERWARDS
        if not self.trusted:
            yield Fault.NOT_TRUSTED


class _Judge:
    """The judgement of one file: its reader, and what may be relied on."""

    def __init__(self, data: bytes, roots: Sequence[bytes], now: dt.datetime, crls: Sequence[bytes]) -> None:
        self._data = data
        self._reader = open_pdf(data)
        if self._reader.encrypted:
            self._reader.decrypt("")
        self._timing = trust.at(now)
        stored = stored_evidence(self._reader)
        # pyHanko's long-term validation adds what the file stores by itself, its timestamp validation does not.
        self._given = trust.validation_spec(roots, Evidence(crls=tuple(crls)))
        self._known = trust.validation_spec(
            roots, Evidence(certificates=stored.certificates, crls=(*stored.crls, *crls))
        )

    def report(self) -> Report:
        found = list(self._reader.embedded_signatures)
        for one in found:
            one.compute_integrity_info()
        stamps = [one for one in found if _is_timestamp(one)]
        results = [(one, self._validated(one, stamps)) for one in found if not _is_timestamp(one)]
        chained = any(_evidenced(result) for _, result in results)
        return Report(
            signatures=tuple(self._signature(one, result) for one, result in results),
            # A later timestamp upholds an earlier one beyond its certificate's life; the newest stands alone.
            timestamps=tuple(
                self._timestamp(one, upheld=chained and one is not stamps[-1]) for one in stamps
            ),
            faults=tuple(_file_faults(self._reader, found, self._data)),
        )

    def _validated(
        self, one: EmbeddedPdfSignature, stamps: Sequence[EmbeddedPdfSignature]
    ) -> AdESWithTimeValidationResult:
        if any(stamp.signed_revision > one.signed_revision for stamp in stamps):
            return self._long_term(one)
        # Nothing proves yet that this signature existed earlier than now, so it is judged as of now.
        return asyncio.run(
            ades_with_time_validation(
                one.signed_data,
                self._known,
                timing_info=self._timing,
                raw_digest=one.compute_digest(),
                extra_status_kwargs=one.summarise_integrity_info(),
                status_cls=PdfSignatureStatus,
            )
        )

    def _long_term(self, one: EmbeddedPdfSignature) -> AdESLTAValidationResult:
        # The differences have been looked at already, and that is the slow part: no diff policy here.
        spec = PdfSignatureValidationSpec(self._given, diff_policy=None)
        result = asyncio.run(ades_lta_validation(one, spec, timing_info=self._timing))
        since = result.oldest_evidence_record_timestamp
        if since is None or result.signature_timestamp_status is not None:
            return result
        # pyHanko forgets that the first document timestamp also proves the signature's own timestamp to have
        # existed, so once that one's certificate has ended, it has to be told.
        told = replace(self._given, local_knowledge=_with_proof(self._given.local_knowledge, one, since))
        spec = PdfSignatureValidationSpec(told, diff_policy=None)
        return asyncio.run(ades_lta_validation(one, spec, timing_info=self._timing))

    def _signature(self, one: EmbeddedPdfSignature, result: AdESWithTimeValidationResult) -> SignatureReport:
        outcome = _outcome(one, result)
        says = written(str(one.field_name), one.sig_object)
        at = _proved_time(result)
        faults = (*outcome.faults(), *_said_faults(says, at, self._data))
        return SignatureReport(**_fields(outcome), says=says, at=at, faults=faults)

    def _timestamp(self, one: EmbeddedPdfSignature, *, upheld: bool) -> TimestampReport:
        digest = one.compute_digest()
        result = asyncio.run(
            ades_timestamp_validation(
                one.signed_data, self._known, lambda _: digest, timing_info=self._timing
            )
        )
        outcome = _outcome(one, result)
        outcome = replace(outcome, trusted=outcome.trusted or (outcome.intact and upheld))
        at = one.signed_data["encap_content_info"]["content"].parsed["gen_time"].native
        return TimestampReport(
            **_fields(outcome),
            at=at,
            until=min(certificate.not_valid_after for certificate in _chain(one, result)),
            algorithms=_algorithms(one),
            faults=tuple(outcome.faults()),
        )


def _with_proof(knowledge: LocalKnowledge, one: EmbeddedPdfSignature, since: dt.datetime) -> LocalKnowledge:
    """Return *knowledge* and, beside it, that the timestamp tokens in the signature existed at *since*."""
    proofs = [
        KnownPOE(
            poe_type=POEType.VALIDATION,
            digest=digest_for_poe(signer["signature"].native),
            poe_time=since,
            validation_object=ValidationObject(ValidationObjectType.TIMESTAMP, token),
        )
        for token in extract_tst_data_iter(one.signer_info, signed=False)
        for signer in token["signer_infos"]
    ]
    return replace(knowledge, known_poes=[*knowledge.known_poes, *proofs])


def _chain(
    one: EmbeddedPdfSignature, result: AdESBasicValidationResult[Any]
) -> Iterator[asn1_x509.Certificate]:
    """Give the certificate behind *one* and, where its chain was found, those above it but the root."""
    yield one.signer_cert
    path = None if result.api_status is None else result.api_status.validation_path
    if path is not None:
        yield from path.iter_certs(include_root=False)


def _algorithms(one: EmbeddedPdfSignature) -> tuple[str, ...]:
    """Name every hash in a timestamp token and the key that signed it."""
    stated = one.signed_data["encap_content_info"]["content"].parsed
    hashes = {
        stated["message_imprint"]["hash_algorithm"]["algorithm"].native,
        one.signer_info["digest_algorithm"]["algorithm"].native,
    }
    key = one.signer_cert.public_key
    kind = (
        _CURVES.get(key.curve[1], key.curve[1]) if key.algorithm == "ec" else f"{key.algorithm}{key.bit_size}"
    )
    return tuple(sorted({*hashes, kind}))


def _is_timestamp(one: EmbeddedPdfSignature) -> bool:
    return bool(one.sig_object_type == "/DocTimeStamp")


def _fields(outcome: _Outcome) -> dict[str, Any]:
    return {part.name: getattr(outcome, part.name) for part in fields(outcome)}


def _outcome(one: EmbeddedPdfSignature, result: AdESBasicValidationResult[Any]) -> _Outcome:
    status = result.api_status
    return _Outcome(
        field=str(one.field_name),
        signer=_common_name(one.signer_cert.subject.native),
        issuer=_common_name(one.signer_cert.issuer.native),
        intact=status is not None and status.intact and status.valid,
        trusted=result.ades_subindic.status is AdESStatus.PASSED,
        whole=_is_whole(one),
        unaltered=_is_unaltered(one),
        indication=result.ades_subindic.standard_name.lower(),
    )


def _common_name(name: Mapping[str, object]) -> str:
    # A name may hold several values of one kind; then they come as a list.
    return str(name.get("common_name", ""))


def _is_whole(one: EmbeddedPdfSignature) -> bool:
    coverage: SignatureCoverageLevel | None = one.coverage
    return coverage is not None and coverage >= SignatureCoverageLevel.ENTIRE_REVISION


def _is_unaltered(one: EmbeddedPdfSignature) -> bool:
    difference: object = one.diff_result
    return (
        isinstance(difference, DiffResult) and difference.modification_level <= ModificationLevel.FORM_FILLING
    )


def _evidenced(result: AdESWithTimeValidationResult) -> bool:
    return isinstance(result, AdESLTAValidationResult) and result.oldest_evidence_record_timestamp is not None


def _proved_time(result: AdESWithTimeValidationResult) -> dt.datetime | None:
    """Return the time of the signature timestamp, if that is sound and trusted."""
    status = result.api_status
    if isinstance(result, AdESLTAValidationResult):
        upheld = result.signature_timestamp_status
        if upheld is None or upheld.ades_subindic.status is not AdESStatus.PASSED:
            return None
        status = upheld.api_status
    else:
        status = None if status is None else status.timestamp_validity
        if status is None or not (status.intact and status.valid and status.trusted):
            return None
    return None if status is None else status.timestamp


def _said_faults(says: Written, at: dt.datetime | None, data: bytes) -> Iterator[Fault]:
    if at is None:
        yield Fault.NO_TIME
    if says.seen_sha256 is not None and not fits(data, says.seen_sha256, says.seen_length or 0):
        yield Fault.SEEN_DIFFERS


def _file_faults(
    reader: PdfFileReader, found: Sequence[EmbeddedPdfSignature], data: bytes
) -> Iterator[Fault]:
    if all(_is_timestamp(one) for one in found):
        yield Fault.NO_SIGNATURE
        return
    last = found[-1]
    _, _, start, length = (int(part) for part in last.byte_range)
    # Later revisions are judged by the difference analysis; bytes that belong to none are seen only here.
    if last.signed_revision == reader.xrefs.total_revisions - 1 and start + length != len(data):
        yield Fault.BYTES_AFTER_END
