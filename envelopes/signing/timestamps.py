"""Asking a time stamping authority, and believing nothing it says without a check.

Which authority, and over which wire, is the caller's choice: `ask` takes a DER request and returns a DER
response. A token that fails any check is as good as no answer: Later(TSA_UNAVAILABLE), never a weaker
signature.
"""

import asyncio
import datetime as dt
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from asn1crypto import cms, core, tsp  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1_x509
from pyhanko.sign.ades.report import AdESStatus
from pyhanko.sign.general import extract_signer_info
from pyhanko.sign.validation.ades import ades_timestamp_validation
from pyhanko.sign.validation.generic_cms import extract_certs_for_validation

from envelopes.rules.errors import Later, Reason
from envelopes.signing import trust
from envelopes.signing.keys import SigningKey
from envelopes.signing.reading import MALFORMED, hush
from envelopes.signing.trust import Evidence

_NONCE_BITS = 64

# What a token takes beside its certificates: statement, attributes, one RSA signature, DER around them.
_TOKEN_OVERHEAD = 2048


class Timestamper(Protocol):
    """Gives time: a function from a SHA-256 digest to a checked RFC 3161 token (DER)."""

    @property
    def room(self) -> int:
        """The greatest length in bytes that a token may have."""

    def __call__(self, imprint: bytes) -> bytes:
        """Return the token for *imprint*, or raise Later(TSA_UNAVAILABLE)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTimestamper:
    """Asks through *ask* and checks status, imprint, nonce, policy, key purpose, signature and chain.

    *policy* is the object identifier asked for and insisted on, or None for whatever the TSA offers; *roots*
    are DER; *evidence* is asked for at each token, so that it carries CRLs of today.
    """

    ask: Callable[[bytes], bytes] = field(repr=False)
    room: int
    policy: str | None
    roots: tuple[bytes, ...] = field(repr=False)
    evidence: Callable[[dt.datetime], Evidence] = field(repr=False)
    clock: Callable[[], dt.datetime] = field(repr=False)

    def __call__(self, imprint: bytes) -> bytes:
        """Return a token (DER ContentInfo) for the SHA-256 digest *imprint*, or raise Later."""
        nonce = secrets.randbits(_NONCE_BITS)
        response = self._asked(_request(imprint, nonce, self.policy))
        try:
            token = _granted(response)
            self._check(token, imprint, nonce)
        except MALFORMED:
            raise _unavailable("malformed") from None
        return bytes(token.dump())

    def _asked(self, request: bytes) -> bytes:
        try:
            return self.ask(request)
        except OSError:
            raise _unavailable("no answer") from None

    def _check(self, token: cms.ContentInfo, imprint: bytes, nonce: int) -> None:
        signed = token["content"]
        stated = signed["encap_content_info"]["content"].parsed
        if stated["nonce"].native != nonce:
            raise _unavailable("nonce")
        if self.policy is not None and stated["policy"].native != self.policy:
            raise _unavailable("policy")
        if not _stamps_time_only(extract_certs_for_validation(signed).signer_cert):
            raise _unavailable("key purpose")
        if not _names_its_certificate(signed):
            raise _unavailable("signing certificate")
        if len(token.dump()) > self.room:
            raise _unavailable("length")
        self._check_chain(signed, imprint)

    def _check_chain(self, signed: cms.SignedData, imprint: bytes) -> None:
        hush()
        now = self.clock()
        result = asyncio.run(
            ades_timestamp_validation(
                signed,
                trust.validation_spec(self.roots, self.evidence(now)),
                lambda algorithm: imprint if algorithm == "sha256" else b"",
                timing_info=trust.at(now),
            )
        )
        if result.ades_subindic.status is not AdESStatus.PASSED:
            raise _unavailable(f"token {result.ades_subindic.standard_name.lower()}")


def room_for(key: SigningKey) -> int:
    """Return the greatest length in bytes of a token made with *key*, its chain included."""
    return sum(map(len, (key.certificate, *key.chain))) + _TOKEN_OVERHEAD


def _request(imprint: bytes, nonce: int, policy: str | None) -> bytes:
    fields = {
        "version": "v1",
        "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": imprint},
        "nonce": core.Integer(nonce),
        "cert_req": True,
    }
    if policy is not None:
        fields["req_policy"] = policy
    return bytes(tsp.TimeStampReq(fields).dump())


def _granted(response: bytes) -> cms.ContentInfo:
    read = tsp.TimeStampResp.load(response, strict=True)
    if read["status"]["status"].native not in {"granted", "granted_with_mods"}:
        raise _unavailable("refused")
    token = read["time_stamp_token"]
    extract_signer_info(token["content"])
    return token


def _stamps_time_only(certificate: asn1_x509.Certificate) -> bool:
    """Whether timeStamping is the one purpose, and critical (RFC 3161 2.3)."""
    purposes = certificate.extended_key_usage_value
    return (
        purposes is not None
        and purposes.native == ["time_stamping"]
        and "extended_key_usage" in certificate.critical_extensions
    )


def _names_its_certificate(signed: cms.SignedData) -> bool:
    """Whether the signed attributes name the certificate (RFC 3161 2.4.1, RFC 5816); pyHanko checks the name."""
    types = {attribute["type"].native for attribute in extract_signer_info(signed)["signed_attrs"]}
    return not types.isdisjoint({"signing_certificate_v2", "signing_certificate"})


def _unavailable(note: str) -> Later:
    return Later(Reason.TSA_UNAVAILABLE, note)
