"""The quick look at a timestamp token: whether it is to the letter what a known authority says for this request.

Yes means that nothing was left unchecked but the authority's certificate itself; no means only that the long way
(`timestamps`, with pyHanko) has to decide. Understands the one plain form that most authorities write: DER, one
signer, SHA-256, RSA PKCS#1 or ECDSA, signing-certificate-v2 (RFC 5816).
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from envelopes.signing import cms, der
from envelopes.signing.certificates import KEPT, parsed

_SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
_TST_INFO = der.oid("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE_V2 = der.oid("1.2.840.113549.1.9.16.2.47")
_SHA256 = der.oid("2.16.840.1.101.3.4.2.1")
_SHA256_FORMS = (der.sequence(_SHA256), der.sequence(_SHA256, der.NULL))
_RSA_FORMS = tuple(
    der.sequence(der.oid(name), der.NULL) for name in ("1.2.840.113549.1.1.11", "1.2.840.113549.1.1.1")
)
_ECDSA = der.sequence(der.oid("1.2.840.10045.4.3.2"))


class Unfamiliar(ValueError):
    """The token is not in the one form that is understood here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token taken apart. Everything is DER; *attributes* by type, each with its only value."""

    statement: bytes
    imprint: bytes
    policy: bytes
    nonce: bytes
    signer: bytes
    digest_algorithm: bytes
    attributes: dict[bytes, bytes]
    signed: bytes
    algorithm: bytes
    signature: bytes


def says(token: bytes, *, imprint: bytes, nonce: int, policy: str | None, certificate: bytes) -> bool:
    """Whether *certificate*'s key has stamped the SHA-256 digest *imprint* in answer to *nonce*, under *policy*."""
    try:
        read = _read(token)
        return (
            read.imprint in {der.sequence(form, der.octets(imprint)) for form in _SHA256_FORMS}
            and read.nonce == der.integer(nonce)
            and (policy is None or read.policy == der.oid(policy))
            and _is_bound(read, certificate)
            and _is_signed(read, _public_key(certificate))
        )
    # NotDer and Unfamiliar among them.
    except (ValueError, IndexError):
        return False


def certificates(token: bytes) -> list[bytes]:
    """Return the certificates in *token*, DER, as they stand there; none where the token is unfamiliar."""
    try:
        return [one for part in _signed_data(token) if part[0] == _SET_0 for one in _inside(part)]
    except (ValueError, IndexError):
        return []


def _is_bound(read: Token, certificate: bytes) -> bool:
    """Whether the signed attributes name the statement and the certificate (RFC 5652 5.3, RFC 5035)."""
    digest, issuer = _inside(_inside(_inside(cms.identity(certificate))[0])[0])
    named = _inside(_inside(_inside(read.attributes[_SIGNING_CERTIFICATE_V2])[0])[0])
    # SHA-256 is the default and so left out, in DER; the name of the issuer may be.
    return (
        read.signer == cms.issuer_and_serial(certificate)
        and read.digest_algorithm in _SHA256_FORMS
        and read.attributes[_CONTENT_TYPE] == _TST_INFO
        and read.attributes[_MESSAGE_DIGEST] == der.octets(hashlib.sha256(read.statement).digest())
        and named in ([digest], [digest, issuer])
    )


@lru_cache(maxsize=KEPT)
def _public_key(certificate: bytes) -> object:
    return parsed(certificate).public_key()


def _is_signed(read: Token, key: object) -> bool:
    try:
        if isinstance(key, rsa.RSAPublicKey) and read.algorithm in _RSA_FORMS:
            key.verify(read.signature, read.signed, padding.PKCS1v15(), hashes.SHA256())
            return True
        if isinstance(key, ec.EllipticCurvePublicKey) and read.algorithm == _ECDSA:
            key.verify(read.signature, read.signed, ec.ECDSA(hashes.SHA256()))
            return True
    except InvalidSignature:
        return False
    return False


# Taking apart (RFC 5652 5.1, RFC 3161 2.4.2)

_SET, _SET_0, _INTEGER, _OCTETS = 0x31, 0xA0, 0x02, 0x04


def _read(token: bytes) -> Token:
    _, algorithms, content, given, signers = _signed_data(token)
    (octets,) = _inside(_inside(content)[1])
    (signer,) = _inside(signers)
    _, who, digest, attributes, algorithm, value = _inside(signer)
    statement, signature = _content(octets, _OCTETS), _content(value, _OCTETS)
    # Putting it together again is the strictest way to read: nothing else can be in it.
    signer = der.sequence(der.integer(1), who, digest, attributes, algorithm, der.octets(signature))
    content = der.sequence(_TST_INFO, der.explicit(0, der.octets(statement)))
    inner = der.sequence(der.integer(3), algorithms, content, given, der.set_of(signer))
    familiar = given[0] == attributes[0] == _SET_0 and algorithms == der.set_of(digest)
    if not familiar or token != der.sequence(_SIGNED_DATA, der.explicit(0, inner)):
        raise Unfamiliar
    policy, imprint, nonce = _statement(statement)
    return Token(
        statement=statement,
        imprint=imprint,
        policy=policy,
        nonce=nonce,
        signer=who,
        digest_algorithm=digest,
        attributes=_attributes(attributes),
        # RFC 5652 5.4: what is signed is the SET OF, not the [0] in its place.
        signed=bytes([_SET]) + attributes[1:],
        algorithm=algorithm,
        signature=signature,
    )


def _signed_data(token: bytes) -> list[bytes]:
    (whole,) = der.values(token)
    _, wrapped = _inside(whole)
    (signed,) = _inside(wrapped)
    return _inside(signed)


def _statement(statement: bytes) -> tuple[bytes, bytes, bytes]:
    """Return policy, imprint and nonce of a TSTInfo; the nonce is its only INTEGER after the serial number."""
    (whole,) = der.values(statement)
    version, policy, imprint, _serial, _time, *optional = _inside(whole)
    (nonce,) = [part for part in optional if part[0] == _INTEGER]
    if version != der.integer(1):
        raise Unfamiliar
    return policy, imprint, nonce


def _attributes(signed: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for attribute in _inside(signed):
        kind, values = _inside(attribute)
        if kind in found or (kind in {_CONTENT_TYPE, _MESSAGE_DIGEST} and len(_inside(values)) != 1):
            raise Unfamiliar
        found[kind] = _content(values, _SET)
    if not {_CONTENT_TYPE, _MESSAGE_DIGEST, _SIGNING_CERTIFICATE_V2} <= set(found):
        raise Unfamiliar
    return found


def _inside(value: bytes) -> list[bytes]:
    """Return the values inside the constructed *value*."""
    return der.values(value[len(der.header(value)) :])


def _content(value: bytes, tag: int) -> bytes:
    if value[0] != tag:
        raise Unfamiliar
    return value[len(der.header(value)) :]
