"""The signing key that the operator keeps himself: in an encrypted file or an HSM, certified by another authority.

Files are looked at before each use, so a new key, certificate or chain is taken up without a restart; while new ones
do not fit each other yet, the key before goes on. CRLs of the chain are fetched daily; without one that is still true
nothing is signed, because nobody could prove the signature later. What a certificate has to be: `faults_of`.
"""

import datetime as dt
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from envelopes.rules.errors import FukanError, Later, Reason, Refused
from envelopes.signing import chains, keys, revocation
from envelopes.signing.certificates import PrivateKey, parsed
from envelopes.signing.chains import NoChain
from envelopes.signing.keys import SigningKey
from envelopes.signing.revocation import Lists
from envelopes.signing.trust import Evidence

log = logging.getLogger(__name__)

E = TypeVar("E", bound=x509.ExtensionType)

_SMALLEST_RSA: Final = 2048  # why: NIST SP 800-131A; nothing shorter is sold
_CURVES: Final = ("secp256r1", "secp384r1")  # why: what viewers know


class Unfit(FukanError):
    """The key cannot be used as it is set: one line a fault, the setting first."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A key that was found fit, and every root (DER) that its files name."""

    key: SigningKey
    roots: tuple[bytes, ...]


class Keeping(Protocol):
    """A way in which a key is kept."""

    @property
    def files(self) -> tuple[Path, ...]:
        """What may be replaced while the service runs."""

    def read(self) -> Kept:
        """Return the key, or raise Unfit with every fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InFile:
    """An encrypted file: PKCS#8 in PEM form, or PKCS#12, which may hold certificate and chain too."""

    key_file: Path
    passphrase_file: Path
    certificate_file: Path | None = None
    chain_file: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """See `Keeping`."""
        given = (self.key_file, self.passphrase_file, self.certificate_file, self.chain_file)
        return tuple(path for path in given if path is not None)

    def read(self) -> Kept:
        """See `Keeping`."""
        desk = Desk()
        passphrase = desk.bytes_of("passphrase_file", self.passphrase_file).strip()
        opened = desk.opened(self.key_file, passphrase)
        given = desk.certificates("certificate_file", self.certificate_file)
        chain = (*desk.certificates("chain_file", self.chain_file), *opened.others)
        own = next(iter(given), opened.certificate)
        if own is None and not desk.faults:
            desk.faults.append("certificate_file: missing, and the key file holds no certificate")
        desk.finish()
        assert own is not None
        assert opened.key is not None
        if opened.key.public_key() != own.public_key():
            desk.faults.append("key_file: does not belong to the certificate")
        return desk.kept(opened.key, own, chain)


# Reading files


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    key: PrivateKey | None = None
    certificate: x509.Certificate | None = None
    others: tuple[x509.Certificate, ...] = ()


class Desk:
    """Reads one file after the other and notes what is wrong with each. Never a library's own words: they may quote."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def finish(self) -> None:
        """Raise Unfit if anything was wrong so far."""
        if self.faults:
            raise Unfit(self.faults)

    def bytes_of(self, name: str, path: Path) -> bytes:
        """Return what is in the file, nothing where that is a fault."""
        try:
            data = path.read_bytes()
        except OSError as error:
            self.faults.append(f"{name}: {error.strerror}")
            return b""
        if not data:
            self.faults.append(f"{name}: empty")
        return data

    def certificates(self, name: str, path: Path | None) -> tuple[x509.Certificate, ...]:
        """Return the certificates in the file, PEM or DER."""
        if path is None or not (data := self.bytes_of(name, path)):
            return ()
        try:
            if b"-----BEGIN" in data:
                return tuple(x509.load_pem_x509_certificates(data))
            return (x509.load_der_x509_certificate(data),)
        except ValueError:
            self.faults.append(f"{name}: no certificate in PEM or DER form")
            return ()

    def opened(self, path: Path, passphrase: bytes) -> _Opened:
        """Return the key in the file and, from PKCS#12, the certificates beside it."""
        if not (data := self.bytes_of("key_file", path)) or not passphrase:
            return _Opened()
        try:
            if b"-----BEGIN" in data:
                key = serialization.load_pem_private_key(data, passphrase)
                return _Opened(key=self._fit(key))
            held = pkcs12.load_pkcs12(data, passphrase)
        except TypeError:
            self.faults.append("key_file: not encrypted")
            return _Opened()
        except ValueError:
            self.faults.append("key_file: neither PKCS#8 (PEM) nor PKCS#12, or not opened by the passphrase")
            return _Opened()
        return _Opened(
            key=self._fit(held.key),
            certificate=None if held.cert is None else held.cert.certificate,
            others=tuple(one.certificate for one in held.additional_certs),
        )

    def _fit(self, key: object) -> PrivateKey | None:
        if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            return key
        self.faults.append(f"key_file: {_unknown(key)}")
        return None

    def kept(
        self, private: PrivateKey | keys.Holder, own: x509.Certificate, others: Sequence[x509.Certificate]
    ) -> Kept:
        """Return the key once its certificate has been found fit; else raise Unfit."""
        roots = [one for one in others if chains.is_root(one)]
        chain: tuple[x509.Certificate, ...] = (own,)
        try:
            chain = chains.upwards(own, others, roots)
        except NoChain:
            self.faults.append("chain_file: does not lead from the certificate to a root")
        self.faults += [f"certificate_file: {fault}" for fault in faults_of(chain)]
        self.finish()
        key = SigningKey(private=private, certificate=_der(own), chain=tuple(map(_der, chain[1:])))
        return Kept(key=key, roots=tuple(map(_der, roots)))


# What a certificate has to be like


def faults_of(chain: Sequence[x509.Certificate]) -> Iterator[str]:
    """Say why nothing can be signed with the certificate that begins *chain*. That it has ended is said elsewhere."""
    own = chain[0]
    if (fault := _unknown_key(own.public_key())) is not None:
        yield fault
    usage = _extension(own, x509.KeyUsage)
    if usage is not None and not usage.content_commitment:
        yield "key usage without nonRepudiation (contentCommitment): validators refuse its signatures"
    for one in chain:
        if not chains.is_root(one) and not chains.crl_addresses(one):
            yield (
                f"{one.subject.rfc4514_string()} names no CRL over HTTP; OCSP answers alone do not last, and "
                "without a CRL nobody could prove later that the certificate was good"
            )


def warnings_of(own: x509.Certificate) -> Iterator[str]:
    """Say what some validators will not like, though signatures can be made."""
    purposes = _extension(own, x509.ExtendedKeyUsage)
    known = {ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if purposes is not None and known.isdisjoint(purposes):
        yield "extended key usage without emailProtection: pdfsig and `openssl cms` refuse its signatures"
    usage = _extension(own, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        yield "key usage without digitalSignature: `openssl cms` refuses its signatures"


def _extension(own: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return own.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return None


def _unknown_key(public: object) -> str | None:
    if isinstance(public, rsa.RSAPublicKey):
        return None if public.key_size >= _SMALLEST_RSA else f"RSA-{public.key_size} is too short"
    if isinstance(public, ec.EllipticCurvePublicKey):
        return None if public.curve.name in _CURVES else f"curve {public.curve.name} is not known to viewers"
    return _unknown(public)


def _unknown(key: object) -> str:
    edwards = (
        ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey | ed448.Ed448PrivateKey | ed448.Ed448PublicKey
    )
    if isinstance(key, edwards):
        return "Ed25519 and Ed448: NSS, and so pdfsig and others, refuses them; use RSA or P-256"
    return "neither RSA nor P-256 nor P-384"


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


# Using it

State = tuple[tuple[int, int, int] | None, ...]


class Custody:
    """A key that the operator keeps, a `seal.Held`. Safe to share between threads."""

    def __init__(self, keeping: Keeping, *, clock: Callable[[], dt.datetime]) -> None:
        """Read it once. Raises Unfit."""
        self._keeping = keeping
        self._clock = clock
        self._lock = threading.Lock()
        self._state = self._seen()
        self._kept = keeping.read()
        self._lists: dict[bytes, Lists] = {}

    @property
    def roots(self) -> tuple[bytes, ...]:
        """Every root that the files name, also those of earlier certificates."""
        return self._kept.roots

    def current(self) -> SigningKey:
        """Return the key as its files are now; the one before while they do not fit each other."""
        state = self._seen()
        if state != self._state:
            with self._lock:
                self._look_again(state)
        return self._kept.key

    def fit(self, now: dt.datetime) -> SigningKey:
        """Return the key if its certificate is good at *now* and known not to be revoked.

        Raises Refused(CERTIFICATE_ENDED | CERTIFICATE_REVOKED), Later(KEY_UNAVAILABLE | CRL_UNAVAILABLE).
        """
        key = self.current().fit(now)
        lists = self._known(key, now, age=revocation.DAILY)
        if isinstance(lists, str) or now >= lists.ends:
            note = lists if isinstance(lists, str) else "ended"
            raise Later(Reason.CRL_UNAVAILABLE, note)
        if lists.names_revoked():
            raise Refused(Reason.CERTIFICATE_REVOKED)
        return key

    def evidence(self, now: dt.datetime, *, fresh: bool) -> Evidence:
        """Return the chain and what is known of it; *fresh*: with CRLs fetched right now."""
        key = self._kept.key
        lists = self._known(key, now, age=revocation.FRESH if fresh else revocation.DAILY)
        crls = () if isinstance(lists, str) else lists.crls
        return Evidence(certificates=(key.certificate, *key.chain), crls=crls)

    def _known(self, key: SigningKey, now: dt.datetime, *, age: dt.timedelta) -> Lists | str:
        """Return the chain's CRLs, fetched when older than *age*, or why there are none."""
        with self._lock:
            lists = self._lists.get(key.certificate)
            if lists is not None and lists.may_wait(now, age):
                return lists
            try:
                chain = tuple(map(parsed, (key.certificate, *key.chain)))
                self._lists = {key.certificate: revocation.fetched(chain, now)}
            except Later as error:
                log.warning("signing certificate: %s", error.note)
                if lists is None:
                    return error.note
                # Lists that have not run out yet are still true.
                self._lists[key.certificate] = replace(lists, tried=now)
            return self._lists[key.certificate]

    def _look_again(self, state: State) -> None:
        try:
            self._kept, self._state = self._keeping.read(), state
        except Unfit as error:
            log.warning("signing key: the new files do not fit yet: %s", str(error).replace("\n", "; "))
        else:
            log.info("signing key: taken up anew, certificate until %s", self._kept.key.ends_at.date())

    def _seen(self) -> State:
        return tuple(map(_state, self._keeping.files))


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino
