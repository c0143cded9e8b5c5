"""DKIM (RFC 6376, RFC 8463): the town's own domain signs every mail that goes out, where the settings name keys.

A mail is signed once, when its bytes are made; sending it again sends the same signature. What the record in DNS has to
say is made here too; whether it does is looked at elsewhere. Without a readable key nothing is composed: a mail that
should be signed never goes without.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import dkim
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from envelopes.rules.addresses import domain_of
from envelopes.settings import Dkim, DkimAlgorithm, Settings, SettingsFaulty

RSA_BITS: Final = 2048  # why: RFC 8301 3.2 asks for it; longer keys do not fit one string of a TXT record
_STRING: Final = 255  # RFC 1035 3.3: octets of one string in a TXT record
# What a receiver shows or acts on. Each is signed once more than it stands there, so that none can be added.
_OVERSIGNED: Final = (
    *(b"from", b"sender", b"reply-to", b"to", b"cc", b"subject", b"date", b"message-id"),
    *(b"in-reply-to", b"references", b"mime-version", b"content-type", b"content-transfer-encoding"),
    *(b"auto-submitted", b"list-unsubscribe", b"list-unsubscribe-post"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A private key with the names it signs under. `secret` is in the form that dkimpy reads."""

    domain: str
    selector: str
    algorithm: bytes
    secret: bytes = field(repr=False)
    record: str

    @property
    def name(self) -> str:
        """Where the record belongs."""
        return f"{self.selector}._domainkey.{self.domain}"


def signed(data: bytes, keys: Sequence[Key], *, at: datetime) -> bytes:
    """Return the mail *data* with one signature of each of *keys* above it. Blocks: call it in a thread."""
    return b"".join(_signature(data, key, at) for key in keys) + data


def _signature(data: bytes, key: Key, at: datetime) -> bytes:
    signer = _Signer(data, signature_algorithm=key.algorithm)
    signer.at = at
    present = [name.lower() for name, _ in signer.headers if name.lower() in _OVERSIGNED]
    made: bytes = signer.sign(
        key.selector.encode(),
        key.domain.encode("idna"),
        key.secret,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=[*present, *_OVERSIGNED],
    )
    return made


class _Signer(dkim.DKIM):  # type: ignore[misc]  # the library has no types
    """dkimpy with the service's clock: its own would be another one."""

    at: datetime

    def gen_header(self, fields: list[tuple[bytes, bytes]], *rest: Any, **more: Any) -> Any:
        instant = str(int(self.at.timestamp())).encode()
        timed = [(name, instant if name == b"t" else value) for name, value in fields]
        return super().gen_header(timed, *rest, **more)


# Keys


def keys(settings: Settings) -> tuple[Key, ...]:
    """Read every key that the settings name, or raise SettingsFaulty with each that cannot sign."""
    found, faults = [], []
    for number, one in enumerate(settings.dkim):
        if one.key_file is None:
            continue  # the relay signs with this one
        try:
            found.append(key(one, one.key_file, settings))
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            faults.append(f"dkim.{number}.key_file: {one.key_file}: {_fault(error)}")
    if faults:
        raise SettingsFaulty("\n".join(faults))
    return tuple(found)


def _fault(error: Exception) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else "no RSA key of 2048 bits, no Ed25519 key"


def key(one: Dkim, path: Path, settings: Settings) -> Key:
    """Read the key in *path* for the names in *one*. Raises OSError, ValueError, TypeError, UnsupportedAlgorithm."""
    algorithm, secret, record = _forms(path.read_bytes())
    domain = domain_of_key(one, settings)
    return Key(domain=domain, selector=one.selector, algorithm=algorithm, secret=secret, record=record)


def domain_of_key(one: Dkim, settings: Settings) -> str:
    """The domain that signs: the one in From, unless the settings name a parent."""
    return one.domain.lower() or domain_of(settings.mail.address)


@lru_cache(maxsize=8)
def _forms(pem: bytes) -> tuple[bytes, bytes, str]:
    """Algorithm, secret and DNS record (RFC 6376 3.6.1, RFC 8463 4.2); ValueError for a key of no use.

    Kept, because checking an RSA key takes 30 ms.
    """
    key = serialization.load_pem_private_key(pem, password=None)
    if isinstance(key, RSAPrivateKey) and key.key_size >= RSA_BITS:
        plain = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return b"rsa-sha256", plain, _record("rsa", public)
    if isinstance(key, Ed25519PrivateKey):
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return b"ed25519-sha256", base64.b64encode(key.private_bytes_raw()), _record("ed25519", public)
    raise ValueError


def _record(kind: str, public: bytes) -> str:
    return f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"


def new_key(path: Path, algorithm: DkimAlgorithm) -> None:
    """Write a new private key to *path*, which must not be there yet; only its owner can read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = _MAKERS[algorithm]().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(pem)


def _new_rsa() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=RSA_BITS)


_MAKERS: Final[dict[DkimAlgorithm, Callable[[], RSAPrivateKey | Ed25519PrivateKey]]] = {
    DkimAlgorithm.RSA2048: _new_rsa,
    DkimAlgorithm.ED25519: Ed25519PrivateKey.generate,
}


def zone_line(key: Key) -> str:
    """The record as a zone file writes it: in strings of at most 255 octets."""
    cuts = [f'"{key.record[at : at + _STRING]}"' for at in range(0, len(key.record), _STRING)]
    return f"{key.name}. IN TXT ( {' '.join(cuts)} )"
