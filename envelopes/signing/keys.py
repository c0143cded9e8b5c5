"""The service's own signing key: loaded once, kept loaded, checked at every use.

Whether a signature may be made at all is decided by the caller (a consent that verifies); here is only
whether the key and its certificate are fit for one.
"""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from envelopes.rules.errors import Later, Reason, Refused
from envelopes.signing.certificates import PrivateKey, parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key, its certificate and the issuers above it (nearest first, root last), all DER.

    Safe to share between threads: nothing in it changes.
    """

    private: PrivateKey = field(repr=False)
    certificate: bytes
    chain: tuple[bytes, ...]

    def sign(self, data: bytes) -> bytes:
        """Return the raw signature over SHA-256 of *data*: RSASSA-PKCS1-v1_5 or ECDSA. Blocks: use a thread."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.private.sign(data, ec.ECDSA(hashes.SHA256()))

    @property
    def ends_at(self) -> dt.datetime:
        """The certificate's last instant, UTC."""
        return parsed(self.certificate).not_valid_after_utc

    def days_left(self, now: dt.datetime) -> int:
        """Return the whole days until the certificate ends; negative once it has ended."""
        return (self.ends_at - now).days

    def check(self, now: dt.datetime) -> None:
        """Pass silently when the certificate is good at *now*.

        Raises Refused(CERTIFICATE_ENDED) after its end, and Later(KEY_UNAVAILABLE) before its beginning,
        which means that a clock is wrong.
        """
        certificate = parsed(self.certificate)
        if now > certificate.not_valid_after_utc:
            raise Refused(Reason.CERTIFICATE_ENDED, ended=certificate.not_valid_after_utc.date().isoformat())
        if now < certificate.not_valid_before_utc:
            raise Later(Reason.KEY_UNAVAILABLE, "certificate not yet valid")


def load(key: Path, *, certificate: Path, chain: tuple[Path, ...], passphrase: bytes) -> SigningKey:
    """Return the key in the encrypted PKCS#8 file *key*. Certificates are DER files.

    Raises Later(KEY_UNAVAILABLE) when a file is missing, unreadable, not decrypted by *passphrase*, or when
    key and certificate do not belong together.
    """
    own, *issuers = (_certificate(path) for path in (certificate, *chain))
    private = private_key(key, passphrase=passphrase)
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
