"""Signing keys in an HSM, through PKCS#11.

python-pkcs11 initialises a module without locks (`C_Initialize(NULL)`), so no two threads may be in it: one thread
alone calls it, for the whole process, and signatures wait in its queue. Lost sessions (the HSM was restarted, the
line broke) are opened anew. A PIN that was refused once is not tried again: a few wrong ones lock the token.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

import pkcs11
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from pkcs11 import Attribute, Mechanism, ObjectClass, exceptions

from envelopes.rules.errors import Later, Reason
from envelopes.signing.certificates import parsed
from envelopes.signing.custody import Desk, Kept
from envelopes.signing.keys import is_signed

log = logging.getLogger(__name__)

T = TypeVar("T")

# Starts with the first call. After a fork it would be gone, so nothing that forks may have used it.
_THREAD: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pkcs11")
_SECONDS: Final = (
    30.0  # why: an HSM over a network answers in milliseconds, and a queue of signatures takes some
)
_TRIAL: Final = b"Fukan: does this key belong to the certificate?"
_WRONG_PIN: Final = (
    exceptions.PinIncorrect,
    exceptions.PinInvalid,
    exceptions.PinLenRange,
    exceptions.PinLocked,
    exceptions.PinExpired,
    exceptions.UserPinNotInitialized,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a key is: the maker's library, the token's label, and the key's own label or id or both."""

    module: Path
    token: str
    label: str = ""
    id: bytes = b""

    def template(self) -> dict[Attribute, Any]:
        """Return what every private key at this place has."""
        named = {Attribute.LABEL: self.label, Attribute.ID: self.id}
        return {Attribute.CLASS: ObjectClass.PRIVATE_KEY} | {name: one for name, one in named.items() if one}


@dataclass
class Token:
    """The token at *place*, opened with *pin* when it is first needed. May be used from any thread."""

    place: Place
    pin: Callable[[], str] = field(repr=False)
    # All of this belongs to the one thread.
    _session: Any = field(default=None, init=False, repr=False)
    _pin: str = field(default="", init=False, repr=False)
    _refused: str | None = field(default=None, init=False, repr=False)
    _keys: dict[bytes, Any] = field(default_factory=dict, init=False, repr=False)

    def sign(self, data: bytes, certificate: bytes) -> bytes:
        """Return the raw signature over SHA-256 of *data* with the key that belongs to *certificate* (DER).

        RSASSA-PKCS1-v1_5, or ECDSA as DER. Raises Later(KEY_UNAVAILABLE).
        """
        return _called(lambda: self._signed(data, certificate))

    def close(self) -> None:
        """Log out. A later signature logs in again."""
        _called(self._forget)

    # In the one thread

    def _signed(self, data: bytes, certificate: bytes) -> bytes:
        known = certificate in self._keys
        try:
            return self._signed_once(data, certificate)
        except exceptions.PKCS11Error as error:
            self._forget()
            if not known:
                raise
            # The session was good once, so it is worth a second one.
            log.warning("HSM: %s; logging in again", type(error).__name__)
            return self._signed_once(data, certificate)

    def _signed_once(self, data: bytes, certificate: bytes) -> bytes:
        if self._session is None:
            self._session = self._opened()
        if certificate not in self._keys:
            self._keys[certificate] = self._found(certificate)
        return self._raw(self._keys[certificate], data, certificate)

    def _opened(self) -> Any:
        self._pin = self.pin()
        if self._pin == self._refused:
            raise _unavailable("PIN")
        token = self._token()
        try:
            return token.open(user_pin=self._pin)
        except exceptions.UserAlreadyLoggedIn:
            # Logging in counts for all sessions of a process (PKCS#11 v2.40, 5.6).
            return token.open()
        except _WRONG_PIN:
            self._refused = self._pin
            raise _unavailable("PIN") from None

    def _token(self) -> pkcs11.Token:
        library = pkcs11.lib(str(self.place.module))
        try:
            return library.get_token(token_label=self.place.token)
        except exceptions.PKCS11Error:
            # Some modules see an HSM that came back only once they are started anew.
            library.reinitialize()
            return library.get_token(token_label=self.place.token)

    def _found(self, certificate: bytes) -> Any:
        for key in list(self._session.get_objects(self.place.template())):
            if self._belongs(key, certificate):
                return key
        raise _unavailable("no key that belongs to the certificate")

    def _belongs(self, key: Any, certificate: bytes) -> bool:
        try:
            return is_signed(certificate, self._raw(key, _TRIAL, certificate), _TRIAL)
        except exceptions.PKCS11Error:
            return False  # of another kind, or not for signing

    def _raw(self, key: Any, data: bytes, certificate: bytes) -> bytes:
        pin = {"pin": self._pin} if _wants_pin_each_time(key) else {}
        if isinstance(parsed(certificate).public_key(), rsa.RSAPublicKey):
            return bytes(key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS, **pin))
        pair = key.sign(sha256(data).digest(), mechanism=Mechanism.ECDSA, **pin)
        half = len(pair) // 2
        return encode_dss_signature(int.from_bytes(pair[:half]), int.from_bytes(pair[half:]))

    def _forget(self) -> None:
        session, self._session = self._session, None
        self._keys.clear()
        if session is not None:
            try:
                session.close()
            except exceptions.PKCS11Error as error:
                log.info("HSM: closing: %s", type(error).__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HsmKey:
    """The key on *token* that belongs to *certificate*, as a `keys.Holder`."""

    token: Token = field(repr=False)
    certificate: bytes = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        """See `Token.sign`."""
        return self.token.sign(data, self.certificate)


# Its certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class InHsm:
    """An HSM. Whether it answers shows itself when it is used: it may be away for a while, like a network."""

    token: Token = field(repr=False)
    pin_file: Path
    certificate_file: Path
    chain_file: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """See `custody.Keeping`. The PIN is read whenever somebody logs in."""
        return (self.certificate_file, self.chain_file)

    def read(self) -> Kept:
        """See `custody.Keeping`."""
        desk = Desk()
        desk.bytes_of("pin_file", self.pin_file)
        desk.bytes_of("module", self.token.place.module)
        own = next(iter(desk.certificates("certificate_file", self.certificate_file)), None)
        chain = desk.certificates("chain_file", self.chain_file)
        desk.finish()
        assert own is not None
        held = HsmKey(token=self.token, certificate=own.public_bytes(Encoding.DER))
        return desk.kept(held, own, chain)


def in_hsm(place: Place, *, pin_file: Path, certificate_file: Path, chain_file: Path) -> InHsm:
    """Return the key at *place*, nobody logged in yet."""
    token = Token(place=place, pin=lambda: _pin(pin_file))
    return InHsm(token=token, pin_file=pin_file, certificate_file=certificate_file, chain_file=chain_file)


def _pin(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise Later(Reason.KEY_UNAVAILABLE, "HSM: PIN file") from None


# The one thread


def _wants_pin_each_time(key: Any) -> bool:
    try:
        return bool(key[Attribute.ALWAYS_AUTHENTICATE])
    except exceptions.PKCS11Error:
        return False


def _called(work: Callable[[], T]) -> T:
    """Have the one thread do *work*; whatever the module says becomes Later(KEY_UNAVAILABLE)."""
    waiting = _THREAD.submit(work)
    try:
        return waiting.result(_SECONDS)
    except TimeoutError:
        waiting.cancel()
        raise _unavailable("timeout") from None
    except exceptions.PKCS11Error as error:
        # Its words may name paths; the kind of fault is enough.
        raise _unavailable(type(error).__name__) from None


def _unavailable(note: str) -> Later:
    return Later(Reason.KEY_UNAVAILABLE, f"HSM: {note}")
