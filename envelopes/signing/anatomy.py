"""Taking a signed PDF apart: where its signatures lie, byte by byte, and what is in them.

For people who verify without this program: with these places `head`, `tail` and `openssl` cut out of the file what they
need. Nothing is judged here; that is `verify`'s question.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from asn1crypto import cms as asn1_cms  # type: ignore[import-untyped]
from asn1crypto import core as asn1_core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from pyhanko.sign.validation.generic_cms import extract_certs_for_validation, extract_tst_data_iter
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from envelopes.rules.bundle import Cut, Root
from envelopes.rules.findings import Of
from envelopes.signing.entries import written
from envelopes.signing.reading import MALFORMED, UnreadablePdf, hush, open_pdf, stored_evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """One PDF: its signatures and timestamps in the order of the file, and the certificates and CRLs in it (DER)."""

    cuts: tuple[Cut, ...]
    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...]


def anatomy(data: bytes, *, crls: Sequence[bytes] = ()) -> Anatomy:
    """Take the PDF *data* apart. *crls* (DER) are at hand beside those in it. Raises UnreadablePdf."""
    hush()
    try:
        reader = open_pdf(data)
        stored = stored_evidence(reader)
        known = tuple(dict.fromkeys((*stored.crls, *crls)))
        found = list(reader.embedded_signatures)
        certificates = (*stored.certificates, *(der for one in found for der in _certificates(one)))
        return Anatomy(
            cuts=tuple(_cut(one, known) for one in found),
            certificates=tuple(dict.fromkeys(certificates)),
            crls=tuple(dict.fromkeys(stored.crls)),
        )
    except MALFORMED:
        raise UnreadablePdf from None


def _certificates(one: EmbeddedPdfSignature) -> Iterator[bytes]:
    for signed in (one.signed_data, *_tokens(one)):
        yield from (choice.chosen.dump() for choice in signed["certificates"])


def _tokens(one: EmbeddedPdfSignature) -> Iterator[asn1_cms.SignedData]:
    if one.sig_object_type == "/DocTimeStamp":
        yield one.signed_data
    else:
        yield from extract_tst_data_iter(one.signer_info, signed=False)


def _cut(one: EmbeddedPdfSignature, crls: Sequence[bytes]) -> Cut:
    _, before, resumes, after = (int(part) for part in one.byte_range)
    whole = asn1_cms.ContentInfo.load(one.pkcs7_content).dump()
    token = next(_tokens(one))
    at = token["encap_content_info"]["content"].parsed["gen_time"].native
    stamp = one.sig_object_type == "/DocTimeStamp"
    wrapped = whole if stamp else _wrapped(token)
    says = written(str(one.field_name), one.sig_object)
    return Cut(
        of=Of.TIMESTAMP if stamp else Of.SIGNATURE,
        field=str(one.field_name),
        before=before,
        resumes=resumes,
        after=after,
        size=len(whole),
        value_at=0 if stamp else whole.index(one.signer_info["signature"].dump()),
        token_at=whole.index(wrapped),
        token=wrapped,
        at=at,
        checkable=checkable(one.signer_cert.dump(), crls, since=at),
        token_checkable=token_checkable(wrapped, crls),
        seen_sha256=says.seen_sha256,
        seen_length=says.seen_length,
        consent_sha256=says.consent_sha256,
    )


def _wrapped(signed: asn1_cms.SignedData) -> bytes:
    """Return the token as it stands in the file: its ContentInfo."""
    made: bytes = asn1_cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()
    return made


# Times


def token_checkable(token: bytes, crls: Sequence[bytes]) -> dt.datetime | None:
    """Return when *token* (DER) can be judged with *crls*: as soon after its own time as one of them allows."""
    signed = asn1_cms.ContentInfo.load(token)["content"]
    at = signed["encap_content_info"]["content"].parsed["gen_time"].native
    return checkable(extract_certs_for_validation(signed).signer_cert.dump(), crls, since=at)


def checkable(certificate: bytes, crls: Iterable[bytes], *, since: dt.datetime) -> dt.datetime | None:
    """Return the first second from *since* on at which one of *crls* speaks of *certificate*, or None."""
    one = x509.load_der_x509_certificate(certificate)
    lists = [x509.load_der_x509_crl(der) for der in crls]
    starts = [_second(max(since, crl.last_update_utc)) for crl in lists if _speaks(crl, one, since)]
    return min((at for at in starts if at <= one.not_valid_after_utc), default=None)


def _second(at: dt.datetime) -> dt.datetime:
    """The next whole second: openssl takes no other."""
    return at if at.microsecond == 0 else at.replace(microsecond=0) + dt.timedelta(seconds=1)


def _speaks(crl: x509.CertificateRevocationList, certificate: x509.Certificate, since: dt.datetime) -> bool:
    ends = crl.next_update_utc
    if crl.issuer != certificate.issuer or ends is None or ends <= _second(since):
        return False
    try:
        scope = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value.full_name
    except x509.ExtensionNotFound:
        return True
    return scope is None or not {name.value for name in scope}.isdisjoint(_points(certificate))


def _points(certificate: x509.Certificate) -> set[str]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return set()
    return {name.value for point in points for name in point.full_name or []}


# Certificates


def root(certificate: bytes, path: str) -> Root:
    """Return what a person wants to know of *certificate* (DER), which lies at *path*."""
    one = asn1_x509.Certificate.load(certificate)
    return Root(
        path=path,
        subject=str(one.subject.native.get("common_name", "")),
        ends=one["tbs_certificate"]["validity"]["not_after"].native,
        fingerprint=one.sha256_fingerprint.replace(" ", ":"),
        self_signed=one.self_issued,
    )


def certificates_of(token: bytes) -> tuple[bytes, ...]:
    """Return the certificates (DER) that a timestamp *token* carries."""
    signed = asn1_cms.ContentInfo.load(token)["content"]
    found = signed["certificates"]
    return () if isinstance(found, asn1_core.Void) else tuple(one.chosen.dump() for one in found)
