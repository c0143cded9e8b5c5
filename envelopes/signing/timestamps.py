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

from asn1crypto import cms as asn1_cms  # type: ignore[import-untyped]
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from pyhanko.sign.ades.report import AdESStatus
from pyhanko.sign.general import extract_signer_info
from pyhanko.sign.validation.ades import ades_timestamp_validation
from pyhanko.sign.validation.generic_cms import extract_certs_for_validation

from envelopes.rules.errors import Later, Reason
from envelopes.signing import der, tokens, trust
from envelopes.signing.reading import MALFORMED, hush
from envelopes.signing.trust import Evidence

_NONCE_BITS = 64

# So long one full check of an authority's certificate stands for its next tokens.
_GOOD_FOR = dt.timedelta(hours=1)

_SHA256 = "2.16.840.1.101.3.4.2.1"


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
    are DER; *evidence* is asked for at each check of a chain, so that it carries CRLs of today.
    """

    ask: Callable[[bytes], bytes] = field(repr=False)
    room: int
    policy: str | None
    roots: tuple[bytes, ...] = field(repr=False)
    evidence: Callable[[dt.datetime], Evidence] = field(repr=False)
    clock: Callable[[], dt.datetime] = field(repr=False)
    # From when until when a full check stands, by the authority's certificate.
    _good: dict[bytes, tuple[dt.datetime, dt.datetime]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __call__(self, imprint: bytes) -> bytes:
        """Return a token (DER ContentInfo) for the SHA-256 digest *imprint*, or raise Later."""
        nonce = secrets.randbits(_NONCE_BITS)
        response = self._asked(_request(imprint, nonce, self.policy))
        try:
            token = granted(response)
            if len(token) > self.room:
                raise _unavailable("length")
            if not self._is_known_good(token, imprint, nonce):
                self._check(asn1_cms.ContentInfo.load(token)["content"], imprint, nonce)
        except MALFORMED:
            raise _unavailable("malformed") from None
        return token

    def _asked(self, request: bytes) -> bytes:
        try:
            return self.ask(request)
        except OSError:
            raise _unavailable("no answer") from None

    def _is_known_good(self, token: bytes, imprint: bytes, nonce: int) -> bool:
        """Whether the token is what is expected, with a certificate whose chain was found good within the hour.

        So a revocation is noticed within the hour here, and at once where every finished file is validated.
        """
        now, never = self.clock(), (dt.datetime.max.replace(tzinfo=dt.UTC),) * 2
        for certificate in tokens.certificates(token):
            since, until = self._good.get(certificate, never)
            if since <= now < until:
                return tokens.says(
                    token, imprint=imprint, nonce=nonce, policy=self.policy, certificate=certificate
                )
        return False

    def _check(self, signed: asn1_cms.SignedData, imprint: bytes, nonce: int) -> None:
        stated = signed["encap_content_info"]["content"].parsed
        if stated["nonce"].native != nonce:
            raise _unavailable("nonce")
        if self.policy is not None and stated["policy"].native != self.policy:
            raise _unavailable("policy")
        own = extract_certs_for_validation(signed).signer_cert
        if not _stamps_time_only(own):
            raise _unavailable("key purpose")
        if not _names_its_certificate(signed):
            raise _unavailable("signing certificate")
        now = self.clock()
        self._check_chain(signed, imprint, now)
        self._good[own.dump()] = (now, min(now + _GOOD_FOR, own.not_valid_after))

    def _check_chain(self, signed: asn1_cms.SignedData, imprint: bytes, now: dt.datetime) -> None:
        hush()
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


def _request(imprint: bytes, nonce: int, policy: str | None) -> bytes:
    """Return a TimeStampReq (RFC 3161 2.4.1) that asks for the certificates too."""
    algorithm = der.sequence(der.oid(_SHA256), der.NULL)
    return der.sequence(
        der.integer(1),
        der.sequence(algorithm, der.octets(imprint)),
        b"" if policy is None else der.oid(policy),
        der.integer(nonce),
        der.TRUE,
    )


def granted(response: bytes) -> bytes:
    """Return the token of a TimeStampResp (RFC 3161 2.4.2), to the byte as it came."""
    (whole,) = der.values(response)
    status, *token = der.values(whole[len(der.header(whole)) :])
    if tsp.PKIStatusInfo.load(status)["status"].native not in {"granted", "granted_with_mods"}:
        raise _unavailable("refused")
    (only,) = token
    return only


def _stamps_time_only(certificate: asn1_x509.Certificate) -> bool:
    """Whether timeStamping is the one purpose, and critical (RFC 3161 2.3)."""
    purposes = certificate.extended_key_usage_value
    return (
        purposes is not None
        and purposes.native == ["time_stamping"]
        and "extended_key_usage" in certificate.critical_extensions
    )


def _names_its_certificate(signed: asn1_cms.SignedData) -> bool:
    """Whether the signed attributes name the certificate (RFC 3161 2.4.1, RFC 5816); pyHanko checks the name."""
    types = {attribute["type"].native for attribute in extract_signer_info(signed)["signed_attrs"]}
    return not types.isdisjoint({"signing_certificate_v2", "signing_certificate"})


def _unavailable(note: str) -> Later:
    return Later(Reason.TSA_UNAVAILABLE, note)
