"""The CMS envelope (RFC 5652) of signatures and timestamp tokens, written as DER.

One signer, SHA-256, signing-certificate-v2 (RFC 5035, which CAdES and RFC 5816 ask for). No signing-time
attribute: EN 319 142-1 6.3 wants the claimed time in the PDF's own dictionary, and a token has its genTime.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from envelopes.signing.certificates import KEPT, parsed
from envelopes.signing.der import NULL, explicit, implicit, integer, octets, oid, sequence, set_of
from envelopes.signing.keys import SigningKey

_DATA = "1.2.840.113549.1.7.1"
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
_SIGNATURE_TIME_STAMP = "1.2.840.113549.1.9.16.2.14"
_SHA256 = "2.16.840.1.101.3.4.2.1"
_SHA256_RSA = "1.2.840.113549.1.1.11"
_SHA256_ECDSA = "1.2.840.10045.4.3.2"

# Headers and identifiers, and what a TSTInfo says beside its authority's name.
_OVERHEAD = 384


def signature(digest: bytes, key: SigningKey, timestamper: Callable[[bytes], bytes]) -> bytes:
    """Return the detached CAdES signature (DER) over a content with SHA-256 *digest*.

    *timestamper* gives a token for the SHA-256 of the signature value (EN 319 122-1 5.3).
    """
    attributes = _attributes(_DATA, digest, key.certificate)
    value = key.sign(attributes)
    token = timestamper(hashlib.sha256(value).digest())
    unsigned = implicit(1, set_of(_attribute(_SIGNATURE_TIME_STAMP, token)))
    # RFC 5652 5.1: version 1, the content being plain data.
    return _signed_data(
        integer(1),
        sequence(oid(_DATA)),
        _certificates(key),
        _signer_info(key, attributes, value, unsigned),
    )


def token(statement: bytes, key: SigningKey, *, with_certificates: bool) -> bytes:
    """Return the timestamp token (DER) around the TSTInfo *statement*."""
    attributes = _attributes(_TST_INFO, hashlib.sha256(statement).digest(), key.certificate)
    # RFC 5652 5.1: version 3, the content being something other than plain data.
    return _signed_data(
        integer(3),
        sequence(oid(_TST_INFO), explicit(0, octets(statement))),
        _certificates(key) if with_certificates else b"",
        _signer_info(key, attributes, key.sign(attributes), b""),
    )


def room_for(key: SigningKey) -> int:
    """Return the greatest length in bytes of a token, or a signature before its token, made with *key*."""
    attributes = _attributes(_TST_INFO, bytes(hashlib.sha256().digest_size), key.certificate)
    signer = _signer_info(key, attributes, bytes(key.longest), b"")
    return len(_certificates(key)) + len(signer) + len(subject(key.certificate)) + _OVERHEAD


@lru_cache(maxsize=KEPT)
def issuer_and_serial(certificate: bytes) -> bytes:
    """Return IssuerAndSerialNumber (RFC 5652 10.2.4) of the DER *certificate*."""
    own = parsed(certificate)
    return sequence(own.issuer.public_bytes(), integer(own.serial_number))


@lru_cache(maxsize=KEPT)
def identity(certificate: bytes) -> bytes:
    """Return SigningCertificateV2 with one ESSCertIDv2; SHA-256 is its default and so left out."""
    own = parsed(certificate)
    issuer = sequence(sequence(directory_name(own.issuer)), integer(own.serial_number))
    return sequence(sequence(sequence(octets(hashlib.sha256(certificate).digest()), issuer)))


@lru_cache(maxsize=KEPT)
def subject(certificate: bytes) -> bytes:
    """Return the subject of the DER *certificate* as a GeneralName."""
    return directory_name(parsed(certificate).subject)


def directory_name(name: x509.Name) -> bytes:
    """Return *name* as a GeneralName."""
    return explicit(4, name.public_bytes())


def _signed_data(version: bytes, content: bytes, certificates: bytes, signer: bytes) -> bytes:
    inner = sequence(version, set_of(_sha256()), content, certificates, set_of(signer))
    return sequence(oid(_SIGNED_DATA), explicit(0, inner))


def _certificates(key: SigningKey) -> bytes:
    return implicit(0, set_of(key.certificate, *key.chain))


def _signer_info(key: SigningKey, attributes: bytes, value: bytes, unsigned: bytes) -> bytes:
    return sequence(
        integer(1),
        issuer_and_serial(key.certificate),
        _sha256(),
        # RFC 5652 5.4: signed as a SET OF, stored as [0].
        implicit(0, attributes),
        _algorithm(key.certificate),
        octets(value),
        unsigned,
    )


def _attributes(content_type: str, digest: bytes, certificate: bytes) -> bytes:
    return set_of(
        _attribute(_CONTENT_TYPE, oid(content_type)),
        _attribute(_MESSAGE_DIGEST, octets(digest)),
        _attribute(_SIGNING_CERTIFICATE_V2, identity(certificate)),
    )


def _attribute(kind: str, value: bytes) -> bytes:
    return sequence(oid(kind), set_of(value))


@lru_cache(maxsize=KEPT)
def _algorithm(certificate: bytes) -> bytes:
    if isinstance(parsed(certificate).public_key(), rsa.RSAPublicKey):
        return sequence(oid(_SHA256_RSA), NULL)
    return sequence(oid(_SHA256_ECDSA))


def _sha256() -> bytes:
    # RFC 5754 2: parameters should be left out.
    return sequence(oid(_SHA256))
