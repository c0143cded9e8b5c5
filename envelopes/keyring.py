"""The operator's keys: where they lie, who may read which, and the working keys derived from them.

    keys/shared/operator      portal and bot: field, look-up, token, code and view keys are derived from it
    keys/shared/consent.pub   the public half of the consent key
    keys/portal/consent.pem   portal only: signs consents (Ed25519)
    keys/bot/archive          bot only: originals, raw mails and everything after the download window
    keys/bot/authority/       bot only: the embedded authority, opened by `envelopes.signing`
    keys/bot/passphrase       bot only: opens the authority's encrypted keys
    keys/bot/dkim/            bot only: sign outgoing mail, where `fukan dkim new` made some; read by `bot.dkim_signing`

An operator file holds lines of `id:64 hex digits`, newest first. A value keeps the id of the key it was made with, so
a new first line rotates. Working keys are HKDF-SHA256 (RFC 5869) with the purpose's name as info.
"""

import dataclasses
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from envelopes.rules.errors import FukanError

KEY_BYTES: Final = 32
_FILES: Final = (
    "shared/operator",
    "shared/consent.pub",
    "portal/consent.pem",
    "bot/archive",
    "bot/passphrase",
)


class KeyMissing(FukanError):
    """A key file is absent or unreadable; the message names the file, never its content."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """The working keys for one purpose by id, newest first."""

    pairs: tuple[tuple[str, bytes], ...] = dataclasses.field(repr=False)

    @property
    def newest(self) -> tuple[str, bytes]:
        return self.pairs[0]

    @property
    def oldest(self) -> bytes:
        return self.pairs[-1][1]

    def get(self, key_id: str) -> bytes:
        """Return the key called *key_id*, or raise KeyMissing."""
        for name, key in self.pairs:
            if name == key_id:
                return key
        raise KeyMissing(f"no operator key with id {key_id}")

    def __iter__(self) -> Iterator[bytes]:
        return (key for _, key in self.pairs)


@dataclass(frozen=True, slots=True)
class ConsentKey:
    """The key that signs consents. The bot holds only the public half and can only verify."""

    public: Ed25519PublicKey
    private: Ed25519PrivateKey | None = dataclasses.field(default=None, repr=False)

    @property
    def id(self) -> str:
        raw = self.public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return sha256(raw).hexdigest()[:16]

    def sign(self, data: bytes) -> bytes:
        """Sign *data*, or raise KeyMissing where only the public half is held."""
        if self.private is None:
            raise KeyMissing("keys/portal/consent.pem")
        return self.private.sign(data)

    def verifies(self, data: bytes, signature: bytes) -> bool:
        """Whether *signature* over *data* was made with this key."""
        try:
            self.public.verify(signature, data)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """Working keys of one process. `archive` is None in the portal."""

    field: KeySet
    look_up: KeySet
    token: KeySet
    code: KeySet
    view: KeySet
    archive: KeySet | None
    consent: ConsentKey

    @classmethod
    def open(cls, directory: Path, *, portal: bool, bot: bool) -> Self:
        """Read what this process may hold; raises KeyMissing naming the first file that is not there."""
        operator = _read_operator(directory / "shared" / "operator")
        archive = _read_operator(directory / "bot" / "archive") if bot else None
        return cls(
            field=_derive(operator, "field"),
            look_up=_derive(operator, "look-up"),
            token=_derive(operator, "token"),
            code=_derive(operator, "code"),
            view=_derive(operator, "view"),
            archive=_derive(archive, "archive") if archive else None,
            consent=_read_consent(directory, private=portal),
        )


def create(directory: Path) -> None:
    """Make every key file that is not there yet; existing ones are never touched.

    Safe to call from several processes at once: they all go on with the same keys.
    """
    for part in ("shared", "portal", "bot"):
        (directory / part).mkdir(parents=True, exist_ok=True, mode=0o700)
    if all((directory / name).exists() for name in _FILES):
        return
    with (directory / "shared" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _create_missing(directory)


def _create_missing(directory: Path) -> None:
    _write_new(directory / "shared" / "operator", _operator_line())
    _write_new(directory / "bot" / "archive", _operator_line())
    _write_new(directory / "bot" / "passphrase", secrets.token_urlsafe(KEY_BYTES).encode())
    if not (directory / "portal" / "consent.pem").exists():
        _create_consent(directory)


def passphrase(directory: Path) -> bytes:
    """Return the passphrase of the authority's keys, or raise KeyMissing."""
    return _read(directory / "bot" / "passphrase").strip()


def _operator_line() -> bytes:
    return f"{secrets.token_hex(4)}:{secrets.token_hex(KEY_BYTES)}\n".encode()


def _create_consent(directory: Path) -> None:
    private = Ed25519PrivateKey.generate()
    # The public half first: a private key without it would be found missing on the bot's side only.
    _write_new(
        directory / "shared" / "consent.pub",
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        replace=True,
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_new(directory / "portal" / "consent.pem", pem)


def _write_new(path: Path, content: bytes, *, replace: bool = False) -> None:
    if path.exists() and not replace:
        return
    draft = path.with_name(path.name + ".new")
    draft.touch(mode=0o600)
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyMissing(f"{path}: {error.strerror}") from None


def _read_operator(path: Path) -> tuple[tuple[str, bytes], ...]:
    pairs = []
    for line in _read(path).decode("ascii", "replace").split():
        name, _, digits = line.partition(":")
        try:
            key = bytes.fromhex(digits)
        except ValueError:
            raise KeyMissing(f"{path}: a line is not id:hex") from None
        if len(key) != KEY_BYTES or not name:
            raise KeyMissing(f"{path}: a line is not id:64 hex digits")
        pairs.append((name, key))
    if not pairs:
        raise KeyMissing(f"{path}: empty")
    return tuple(pairs)


def _derive(operator: tuple[tuple[str, bytes], ...], name: str) -> KeySet:
    return KeySet(tuple((key_id, _hkdf(key, name)) for key_id, key in operator))


def _hkdf(key: bytes, name: str) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=f"fukan {name}".encode()).derive(key)


def _parsed(load: Callable[[bytes], object], path: Path) -> object:
    try:
        return load(_read(path))
    except (ValueError, TypeError):
        raise KeyMissing(f"{path}: no key in it") from None


def _read_consent(directory: Path, *, private: bool) -> ConsentKey:
    public = _parsed(serialization.load_pem_public_key, directory / "shared" / "consent.pub")
    if not isinstance(public, Ed25519PublicKey):
        raise KeyMissing("keys/shared/consent.pub is no Ed25519 key")
    if not private:
        return ConsentKey(public)
    load = partial(serialization.load_pem_private_key, password=None)
    key = _parsed(load, directory / "portal" / "consent.pem")
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyMissing("keys/portal/consent.pem is no Ed25519 key")
    if key.public_key() != public:
        raise KeyMissing("keys/portal/consent.pem and keys/shared/consent.pub do not belong together")
    return ConsentKey(public, key)
