"""The service's own signing key: what it is, how it is read from an encrypted file, whether it is fit for use.

Whether a signature may be made at all is decided by the caller (a consent that verifies); here is only
whether the key and its certificate are fit for one. Which key the operator has set, and where it is kept, is
`custody`'s business; the one in an HSM is `hsm`'s.
"""

import datetime as dt
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from envelopes.rules.errors import Later, Reason, Refused
from envelopes.signing.certificates import PrivateKey, parsed

# What a trial signs. Signatures in documents are over DER, which never begins like this.
_TRIAL = b"Fukan: a trial of the signing key, not a document. "

# Tag and length of a short DER value.
_HEADER = 2


class Holder(Protocol):
    """Holds a private key that does not leave it: an HSM, a service. May be used from any thread."""

    def sign(self, data: bytes) -> bytes:
        """Return the raw signature over SHA-256 of *data*: RSASSA-PKCS1-v1_5, or ECDSA as DER.

        Blocks. Raises Later(KEY_UNAVAILABLE).
        """


class KeySource(Protocol):
    """Gives the key to use now. Between two uses it may have been replaced."""

    def current(self) -> "SigningKey":
        """Return the key, or raise Later(KEY_UNAVAILABLE)."""

    def fit(self, now: dt.datetime) -> "SigningKey":
        """Return the key if it may sign at *now*; else raise what `SigningKey.check` does, or what else forbids it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key, its certificate and the issuers above it (nearest first, root last), all DER.

    Safe to share between threads: nothing in it changes.
    """

    private: PrivateKey | Holder = field(repr=False)
    certificate: bytes
    chain: tuple[bytes, ...]

    def current(self) -> "SigningKey":
        """Return itself: it is the source of a key that is never replaced."""
        return self

    def fit(self, now: dt.datetime) -> "SigningKey":
        """Return itself once `check` has passed."""
        self.check(now)
        return self

    def sign(self, data: bytes) -> bytes:
        """Return the raw signature over SHA-256 of *data*: RSASSA-PKCS1-v1_5 or ECDSA. Blocks: use a thread."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return self.private.sign(data, ec.ECDSA(hashes.SHA256()))
        return self.private.sign(data)

    @property
    def longest(self) -> int:
        """The greatest length in bytes of a raw signature; those of ECDSA differ from one to the next."""
        public = parsed(self.certificate).public_key()
        if isinstance(public, ec.EllipticCurvePublicKey):
            # SEQUENCE of two INTEGERs, each with its header and a leading zero where the first bit is set.
            return _HEADER + 2 * (_HEADER + 1 + public.key_size // 8)
        assert isinstance(public, rsa.RSAPublicKey)
        return public.key_size // 8

    @property
    def ends_at(self) -> dt.datetime:
        """The certificate's last instant, UTC."""
        return parsed(self.certificate).not_valid_after_utc

    def days_left(self, now: dt.datetime) -> int:
        """Return the whole days until the certificate ends; negative once it has ended."""
        return (self.ends_at - now).days

    def check(self, now: dt.datetime) -> None:
        """Pass silently when the certificate and those above it are good at *now*.

        Raises Refused(CERTIFICATE_ENDED) after the end of one, and Later(KEY_UNAVAILABLE) before its beginning,
        which means that a clock is wrong.
        """
        for one in map(parsed, (self.certificate, *self.chain)):
            if now > one.not_valid_after_utc:
                raise Refused(Reason.CERTIFICATE_ENDED, ended=one.not_valid_after_utc.date().isoformat())
            if now < one.not_valid_before_utc:
                raise Later(Reason.KEY_UNAVAILABLE, "certificate not yet valid")

    def try_out(self) -> None:
        """Sign a text that is no document; raise Later(KEY_UNAVAILABLE) unless that verifies under the certificate."""
        data = _TRIAL + secrets.token_bytes(16)
        if not is_signed(self.certificate, self.sign(data), data):
            raise Later(Reason.KEY_UNAVAILABLE, "key and certificate differ")


def is_signed(certificate: bytes, signature: bytes, data: bytes) -> bool:
    """Whether the key of *certificate* (DER) made the raw *signature* over SHA-256 of *data*."""
    public = parsed(certificate).public_key()
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
            return True
        if isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, data, ec.ECDSA(hashes.SHA256()))
            return True
    except InvalidSignature:
        return False
    return False


def load(key: Path, *, certificate: Path, chain: tuple[Path, ...], passphrase: bytes) -> SigningKey:
    """Return the key in the encrypted PKCS#8 file *key*. Certificates are DER files.

    Raises Later(KEY_UNAVAILABLE) when a file is missing, unreadable, not decrypted by *passphrase*, or when
    key and certificate do not belong together.
    """
    own, *issuers = (_certificate(path) for path in (certificate, *chain))
    return of(private_key(key, passphrase=passphrase), own, issuers)


def of(private: PrivateKey, own: x509.Certificate, issuers: Iterable[x509.Certificate]) -> SigningKey:
    """Return *private* with its certificate, or raise Later(KEY_UNAVAILABLE) where the two do not belong together."""
    if private.public_key() != own.public_key():
        raise Later(Reason.KEY_UNAVAILABLE, "key and certificate differ")
    return SigningKey(private=private, certificate=_der(own), chain=tuple(map(_der, issuers)))


def private_key(path: Path, *, passphrase: bytes) -> PrivateKey:
    """Return the private key in *path* (encrypted PKCS#8, PEM), or raise Later(KEY_UNAVAILABLE)."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), passphrase)
    except (OSError, ValueError, TypeError):
        # Neither the path nor the library's own words: they may quote what they could not read.
        raise Later(Reason.KEY_UNAVAILABLE, "key file") from None
    return fit_kind(key)


def fit_kind(key: PrivateKeyTypes) -> PrivateKey:
    """Return *key* if it is of a kind that signs here, or raise Later(KEY_UNAVAILABLE)."""
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Later(Reason.KEY_UNAVAILABLE, "kind of key")
    return key


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        raise Later(Reason.KEY_UNAVAILABLE, "certificate file") from None


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
