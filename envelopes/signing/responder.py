"""A genuine RFC 3161 time stamping authority, as a function: DER request in, DER response out.

Which transport carries the two (a call in the same process, HTTP) is not decided here, and whether a token
is to be believed is `timestamps`' question.
"""

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from asn1crypto import algos, cms, core, tsp  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1_x509

from envelopes.rules.errors import Later, Refused
from envelopes.signing.keys import SigningKey

# Digest lengths in bytes. SHA-1 and older are answered with badAlg.
_DIGESTS = {"sha256": 32, "sha384": 48, "sha512": 64}

# genTime is cut to whole seconds, so the true time lies less than one second after it.
_ACCURACY_SECONDS = 1

# RFC 3161 2.4.2 lets a serial number have up to 160 bits; random ones need no shared counter.
_SERIAL_BYTES = 19


class Failure(StrEnum):
    """PKIFailureInfo (RFC 3161 2.4.2), in the spelling of the library's tables."""

    BAD_ALG = "bad_alg"
    BAD_DATA_FORMAT = "bad_data_format"
    UNACCEPTED_POLICY = "unaccepted_policy"
    UNACCEPTED_EXTENSION = "unaccepted_extensions"
    SYSTEM_FAILURE = "system_failure"


class _Rejected(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    imprint: tsp.MessageImprint
    nonce: int | None
    wants_certificates: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """Answers timestamp requests with *key*, under *policy*, at the time that *clock* tells (aware, UTC)."""

    key: SigningKey
    policy: str
    clock: Callable[[], dt.datetime] = field(repr=False)

    def reply(self, der_request: bytes) -> bytes:
        """Return the DER TimeStampResp for *der_request*; whatever is wrong with it becomes a rejection."""
        try:
            now = self.clock()
            request = self._read(der_request)
            self.key.check(now)
            return self._granted(request, now)
        except _Rejected as rejected:
            return _rejection(rejected.failure)
        except (Refused, Later):
            return _rejection(Failure.SYSTEM_FAILURE)

    def _read(self, der_request: bytes) -> _Request:
        try:
            request = tsp.TimeStampReq.load(der_request, strict=True)
            fields: dict[str, Any] = request.native
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            raise _Rejected(Failure.BAD_DATA_FORMAT) from None
        self._check(fields)
        return _Request(
            imprint=request["message_imprint"],
            nonce=fields["nonce"],
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

    def _granted(self, request: _Request, now: dt.datetime) -> bytes:
        token = self._token(self._statement(request, now), wants_certificates=request.wants_certificates)
        status = {"status": "granted"}
        return bytes(tsp.TimeStampResp({"status": status, "time_stamp_token": token}).dump())

    def _statement(self, request: _Request, now: dt.datetime) -> bytes:
        certificate = asn1_x509.Certificate.load(self.key.certificate)
        statement: dict[str, Any] = {
            "version": "v1",
            "policy": self.policy,
            "message_imprint": request.imprint,
            # The leading 1 keeps the number positive and of one length.
            "serial_number": int.from_bytes(b"\x01" + secrets.token_bytes(_SERIAL_BYTES - 1)),
            "gen_time": now.astimezone(dt.UTC).replace(microsecond=0),
            "accuracy": {"seconds": _ACCURACY_SECONDS},
            "tsa": asn1_x509.GeneralName(name="directory_name", value=certificate.subject),
        }
        if request.nonce is not None:
            statement["nonce"] = request.nonce
        return bytes(tsp.TSTInfo(statement).dump())

    def _token(self, statement: bytes, *, wants_certificates: bool) -> cms.ContentInfo:
        content = {"content_type": "tst_info", "content": core.ParsableOctetString(statement)}
        signed: dict[str, Any] = {
            "version": "v3",
            "digest_algorithms": [_sha256()],
            "encap_content_info": content,
            "signer_infos": [self._signer_info(statement)],
        }
        if wants_certificates:
            ders = (self.key.certificate, *self.key.chain)
            signed["certificates"] = [asn1_x509.Certificate.load(der) for der in ders]
        return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)})

    def _signer_info(self, statement: bytes) -> cms.SignerInfo:
        certificate = asn1_x509.Certificate.load(self.key.certificate)
        attributes = cms.CMSAttributes(
            [
                cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
                cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(statement).digest()]}),
                cms.CMSAttribute({"type": "signing_certificate_v2", "values": [_ess(certificate)]}),
            ]
        )
        sid = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
        algorithm = "sha256_rsa" if certificate.public_key.algorithm == "rsa" else "sha256_ecdsa"
        return cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier(name="issuer_and_serial_number", value=sid),
                "digest_algorithm": _sha256(),
                "signed_attrs": attributes,
                "signature_algorithm": {"algorithm": algorithm},
                "signature": self.key.sign(attributes.dump()),
            }
        )


def _ess(certificate: asn1_x509.Certificate) -> tsp.SigningCertificateV2:
    """Return the binding of a token to its certificate (RFC 5816, ESSCertIDv2 with SHA-256)."""
    issuer = [asn1_x509.GeneralName(name="directory_name", value=certificate.issuer)]
    identity = {
        "cert_hash": hashlib.sha256(certificate.dump()).digest(),
        "issuer_serial": {"issuer": issuer, "serial_number": certificate.serial_number},
    }
    return tsp.SigningCertificateV2({"certs": [tsp.ESSCertIDv2(identity)]})


def _sha256() -> algos.DigestAlgorithm:
    return algos.DigestAlgorithm({"algorithm": "sha256"})


def _rejection(failure: Failure) -> bytes:
    status = {"status": "rejection", "status_string": [failure.value], "fail_info": {failure.value}}
    return bytes(tsp.TimeStampResp({"status": status}).dump())
