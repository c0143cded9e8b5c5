"""A genuine RFC 3161 time stamping authority, as a function: DER request in, DER response out.

Which transport carries the two (a call in the same process, HTTP) is not decided here, and whether a token
is to be believed is `timestamps`' question.
"""

import datetime as dt
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from asn1crypto import tsp  # type: ignore[import-untyped]

from envelopes.rules.errors import Later, Refused
from envelopes.signing import cms, der
from envelopes.signing.keys import KeySource, SigningKey

# Digest lengths in bytes. SHA-1 and older are answered with badAlg.
_DIGESTS = {"sha256": 32, "sha384": 48, "sha512": 64}

_SHA256_FORMS = tuple(
    der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), parameters) for parameters in (b"", der.NULL)
)
_INTEGER = 0x02

# genTime is cut to whole seconds, so the true time lies less than one second after it.
_ACCURACY_SECONDS = 1

# RFC 3161 2.4.2 lets a serial number have up to 160 bits; random ones need no shared counter.
_SERIAL_BYTES = 19


class Failure(StrEnum):
    """PKIFailureInfo (RFC 3161 2.4.2)."""

    BAD_ALG = "badAlg"
    BAD_DATA_FORMAT = "badDataFormat"
    UNACCEPTED_POLICY = "unacceptedPolicy"
    UNACCEPTED_EXTENSION = "unacceptedExtension"
    SYSTEM_FAILURE = "systemFailure"


_BITS = {
    Failure.BAD_ALG: 0,
    Failure.BAD_DATA_FORMAT: 5,
    Failure.UNACCEPTED_POLICY: 15,
    Failure.UNACCEPTED_EXTENSION: 16,
    Failure.SYSTEM_FAILURE: 25,
}

# PKIStatus (RFC 3161 2.4.2).
_GRANTED = 0
_REJECTION = 2


class _Rejected(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What of a request goes into the token, as DER; *nonce* is empty when there is none."""

    imprint: bytes
    nonce: bytes
    wants_certificates: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """Answers timestamp requests with the key of *key*, under *policy*, at the time that *clock* tells (aware, UTC)."""

    key: KeySource
    policy: str
    clock: Callable[[], dt.datetime] = field(repr=False)

    def reply(self, der_request: bytes) -> bytes:
        """Return the DER TimeStampResp for *der_request*; whatever is wrong with it becomes a rejection."""
        try:
            now = self.clock()
            request = self._read(der_request)
            return self._granted(request, self.key.fit(now), now)
        except _Rejected as rejected:
            return _rejection(rejected.failure)
        except (Refused, Later):
            return _rejection(Failure.SYSTEM_FAILURE)

    def _read(self, der_request: bytes) -> _Request:
        return self._plain(der_request) or self._parsed(der_request)

    def _plain(self, der_request: bytes) -> _Request | None:
        """Return the request if it is what most clients send: SHA-256, a nonce, certificates wanted."""
        try:
            (whole,) = der.values(der_request)
            version, imprint, *policy, nonce, wanted = der.values(whole[len(der.header(whole)) :])
        except ValueError:
            return None
        # The imprint ends in the digest. Putting it all together again is the strictest way to read.
        digest = imprint[-_DIGESTS["sha256"] :]
        sound = (
            imprint in {der.sequence(form, der.octets(digest)) for form in _SHA256_FORMS}
            and policy in ([], [der.oid(self.policy)])
            and (version, wanted, nonce[0]) == (der.integer(1), der.TRUE, _INTEGER)
            and der_request == der.sequence(version, imprint, *policy, nonce, wanted)
            and nonce == der.integer(int.from_bytes(nonce[len(der.header(nonce)) :]))
        )
        return _Request(imprint=imprint, nonce=nonce, wants_certificates=True) if sound else None

    def _parsed(self, der_request: bytes) -> _Request:
        try:
            request = tsp.TimeStampReq.load(der_request, strict=True)
            fields: dict[str, Any] = request.native
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            raise _Rejected(Failure.BAD_DATA_FORMAT) from None
        self._check(fields)
        return _Request(
            imprint=bytes(request["message_imprint"].dump()),
            nonce=bytes(request["nonce"].dump()) if fields["nonce"] is not None else b"",
            wants_certificates=bool(fields["cert_req"]),
        )

    def _check(self, fields: dict[str, Any]) -> None:
        imprint = fields["message_imprint"]
        length = _DIGESTS.get(imprint["hash_algorithm"]["algorithm"])
        if fields["version"] != "v1":
            raise _Rejected(Failure.BAD_DATA_FORMAT)
        if length is None:
            raise _Rejected(Failure.BAD_ALG)
        if len(imprint["hashed_message"]) != length:
            raise _Rejected(Failure.BAD_DATA_FORMAT)
        if fields["req_policy"] not in {None, self.policy}:
            raise _Rejected(Failure.UNACCEPTED_POLICY)
        if fields["extensions"]:
            raise _Rejected(Failure.UNACCEPTED_EXTENSION)

    def _granted(self, request: _Request, key: SigningKey, now: dt.datetime) -> bytes:
        statement = self._statement(request, key, now)
        made = cms.token(statement, key, with_certificates=request.wants_certificates)
        return der.sequence(der.sequence(der.integer(_GRANTED)), made)

    def _statement(self, request: _Request, key: SigningKey, now: dt.datetime) -> bytes:
        """Return the TSTInfo (RFC 3161 2.4.2); ordering is left at its default, false."""
        return der.sequence(
            der.integer(1),
            der.oid(self.policy),
            request.imprint,
            # The leading 1 keeps the numbers of one length.
            der.integer(int.from_bytes(b"\x01" + secrets.token_bytes(_SERIAL_BYTES - 1))),
            der.moment(now),
            der.sequence(der.integer(_ACCURACY_SECONDS)),
            request.nonce,
            der.explicit(0, cms.subject(key.certificate)),
        )


def _rejection(failure: Failure) -> bytes:
    status = (der.integer(_REJECTION), der.sequence(der.text(failure.value)), der.named_bit(_BITS[failure]))
    return der.sequence(der.sequence(*status))
