"""Who gave a PDF its times: the certificate behind each timestamp token in it, and when.

Names them only. Whether the tokens hold is `verify`'s question, which has to be asked first.
"""

import datetime as dt
from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple

from asn1crypto import cms as asn1_cms  # type: ignore[import-untyped]
from pyhanko.sign.validation.generic_cms import extract_certs_for_validation, extract_tst_data_iter
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from envelopes.signing.reading import MALFORMED, UnreadablePdf, hush, open_pdf


class Stamped(NamedTuple):
    """One token: the SHA-256 (hexadecimal) and the common name of the certificate that signed it, and its genTime."""

    fingerprint: str
    at: dt.datetime
    authority: str


def stamped(data: bytes) -> tuple[Stamped, ...]:
    """Return every token of the PDF *data*, of signatures and document timestamps alike. Raises UnreadablePdf."""
    hush()
    try:
        found = open_pdf(data).embedded_signatures
        return tuple(_stamped(token) for one in found for token in _tokens(one))
    except MALFORMED:
        raise UnreadablePdf from None


def last_token(data: bytes) -> bytes:
    """Return the token (DER ContentInfo) of the newest document timestamp. Raises UnreadablePdf where there is none."""
    hush()
    try:
        found = [one for one in open_pdf(data).embedded_signatures if one.sig_object_type == "/DocTimeStamp"]
        return bytes(
            asn1_cms.ContentInfo({"content_type": "signed_data", "content": found[-1].signed_data}).dump()
        )
    except MALFORMED:
        raise UnreadablePdf from None


def _tokens(one: EmbeddedPdfSignature) -> Iterator[asn1_cms.SignedData]:
    if one.sig_object_type == "/DocTimeStamp":
        yield one.signed_data
    else:
        yield from extract_tst_data_iter(one.signer_info, signed=False)


def _stamped(token: asn1_cms.SignedData) -> Stamped:
    own = extract_certs_for_validation(token).signer_cert
    at = token["encap_content_info"]["content"].parsed["gen_time"].native
    return Stamped(sha256(own.dump()).hexdigest(), at, str(own.subject.native.get("common_name", "")))
