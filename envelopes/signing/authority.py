"""The embedded certificate authority: makes and keeps root, signer and TSA with their keys, and their CRLs.

What the certificates contain is `certificates`' business; answering timestamp requests is `responder`'s.

The directory (mode 0700) holds `authority.json`, one encrypted PKCS#8 file `<role>-<generation>.key.pem`
(0600) per certificate, and `public/` with `<name>.cer` and `<name>.crl` (DER), which anyone may have under
`<public_url>/pki/`. A certificate file is written last, so it vouches for its key: what is found without
its certificate is made anew.

Signer and TSA get a successor in time, their next generation, and whoever runs picks it up by itself. CRLs of earlier
generations go on being made until those end, so that what they signed goes on being valid.
"""

import datetime as dt
import fcntl
import json
import logging
import os
import tempfile
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from envelopes.rules.errors import Later, Reason
from envelopes.signing import certificates, keys
from envelopes.signing.certificates import LEAD, SKEW, Issuer, KeyType, Order, Role

log = logging.getLogger(__name__)

_COMMON_NAMES = {
    Role.ROOT: "{town} 電子契約 認証局 {generation}",
    Role.SIGNER: "{town} 電子契約 署名 {generation}",
    Role.TSA: "{town} 電子契約 時刻 {generation}",
}

# Relative to the town's own arc 2.25.<uuid>: what its timestamp tokens say about how they were made.
TSA_POLICY = "3161.1"

# CRLs live for seven days and are made daily, so that six failed days in a row hurt nobody.
_CRL_AGE = dt.timedelta(days=1)

_NEW = ".new-"

# What the root signs.
ENDS = (Role.SIGNER, Role.TSA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """The authority in *directory*, its root key loaded. Safe to share between threads and processes."""

    directory: Path
    passphrase: bytes = field(repr=False)
    arc: str
    root: Issuer = field(repr=False)

    @property
    def policy(self) -> str:
        """Object identifier of the policy of its timestamps."""
        return f"{self.arc}.{TSA_POLICY}"

    @property
    def root_certificate(self) -> bytes:
        """DER of the root, the one thing that others need to trust."""
        return self.root.certificate.public_bytes(serialization.Encoding.DER)

    def key(self, role: Role) -> keys.SigningKey:
        """Load the newest generation of *role*, or raise Later(KEY_UNAVAILABLE)."""
        name = _newest(self.directory, role)
        public = self.directory / "public"
        return keys.load(
            self.directory / f"{name}.key.pem",
            certificate=public / f"{name}.cer",
            chain=(public / f"{self.root.name}.cer",),
            passphrase=self.passphrase,
        )

    def newest(self, role: Role) -> "Newest":
        """Return the source of the newest generation of *role*, loaded. Raises Later(KEY_UNAVAILABLE)."""
        source = Newest(authority=self, role=role)
        source.current()
        return source

    def newest_certificate(self, role: Role) -> x509.Certificate:
        """Return the certificate of the newest generation of *role*, or raise Later(KEY_UNAVAILABLE)."""
        try:
            path = self.directory / "public" / f"{_newest(self.directory, role)}.cer"
            return x509.load_der_x509_certificate(path.read_bytes())
        except (OSError, ValueError):
            raise Later(Reason.KEY_UNAVAILABLE, f"{role} certificate") from None

    def crls(
        self, now: dt.datetime, *, since: dt.datetime | None = None, roles: Collection[Role] = ENDS
    ) -> tuple[bytes, ...]:
        """Return the CRLs of all generations that have not ended, remade first when a day old or made before *since*.

        CRLs know whole seconds only, and so *since* is taken to its second.
        """
        try:
            return tuple(_fresh(self._crl_path(name), now, since) for name in self._living(now, roles))
        except (OSError, ValueError, _Stale):
            return self.refresh_crls(now, roles=roles)

    def changed_at(self) -> int:
        """Return when a certificate or CRL was last put into the directory, in the file system's own count."""
        try:
            return (self.directory / "public").stat().st_mtime_ns
        except OSError:
            raise Later(Reason.KEY_UNAVAILABLE, "authority directory") from None

    def refresh_crls(self, now: dt.datetime, *, roles: Collection[Role] = ENDS) -> tuple[bytes, ...]:
        """Make and keep a CRL for each generation that has not ended at *now*; return them (DER)."""
        with _locked(self.directory):
            return tuple(
                self._refresh(name, certificate, now)
                for name, certificate in self._living(now, roles).items()
            )

    def _refresh(self, name: str, certificate: x509.Certificate, now: dt.datetime) -> bytes:
        path = self._crl_path(name)
        number = max(_crl_number(path) + 1, int(now.timestamp()))
        made = certificates.crl(certificate, self.root, number=number, now=now)
        _write(path, made, mode=0o644)
        return made

    def _living(self, now: dt.datetime, roles: Collection[Role]) -> dict[str, x509.Certificate]:
        # A CRL made after a certificate's end says nothing about it and would hide the last one that did.
        found = {
            path.stem: x509.load_der_x509_certificate(path.read_bytes())
            for path in sorted((self.directory / "public").glob("*.cer"))
            if path.stem.split("-")[0] in roles
        }
        return {name: one for name, one in found.items() if now <= one.not_valid_after_utc}

    def _crl_path(self, name: str) -> Path:
        return self.directory / "public" / f"{name}.crl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest generation of *role*, loaded once, and anew when there is another. Safe to share between threads."""

    authority: Authority
    role: Role
    # The last that was loaded, its name, and the directory's state at that time.
    _kept: list[tuple[int, str, keys.SigningKey]] = field(init=False, repr=False, default_factory=list)

    def current(self) -> keys.SigningKey:
        """Return the key, or raise Later(KEY_UNAVAILABLE).

        While a successor cannot be read the one before goes on: its certificate is still good for long.
        """
        state, kept = self.authority.changed_at(), next(iter(self._kept), None)
        if kept is not None and kept[0] == state:
            return kept[2]
        name = _newest(self.authority.directory, self.role)
        try:
            key = kept[2] if kept is not None and kept[1] == name else self.authority.key(self.role)
        except Later as error:
            if kept is None:
                raise
            log.warning("%s: %s", name, error.note)
            return kept[2]
        self._kept[:] = [(state, name, key)]
        return key

    def fit(self, now: dt.datetime) -> keys.SigningKey:
        """Return the key if its certificate is good at *now*."""
        return self.current().fit(now)


def create(
    directory: Path,
    *,
    town: str,
    public_url: str,
    now: dt.datetime,
    passphrase: bytes,
    key_type: str = KeyType.RSA3072,
) -> Authority:
    """Make what is missing of an authority in *directory*, and return it open.

    A second call changes nothing; a call after a crash completes what the first had begun. *town* and
    *public_url* (the site's address, without a path to the files) go into new certificates only.
    """
    kind = KeyType(key_type)
    _make_folders(directory)
    with _locked(directory):
        _sweep(directory)
        maker = _Maker(
            directory=directory,
            town=town,
            arc=_arc(directory),
            base=_base(public_url),
            now=now,
            passphrase=passphrase,
            key_type=kind,
        )
        maker.make_root()
        root = _issuer(directory, passphrase)
        for role in ENDS:
            maker.make_end(role, root)
    authority = Authority(directory=directory, passphrase=passphrase, arc=maker.arc, root=root)
    authority.crls(now)
    return authority


def renew(
    authority: Authority,
    *,
    town: str,
    public_url: str,
    now: dt.datetime,
    key_type: str = KeyType.RSA3072,
    roles: Collection[Role] | None = None,
    due: Collection[Role] = ENDS,
) -> tuple[str, ...]:
    """Make the next generation of each of *roles*; without them, of each of *due* that is about to end. Return names.

    However many processes call this at once, a generation is made once for each time that it is due. The keys before
    stay where they are, and their CRLs go on being made.
    """
    maker = _Maker(
        directory=authority.directory,
        town=town,
        arc=authority.arc,
        base=_base(public_url),
        now=now,
        passphrase=authority.passphrase,
        key_type=KeyType(key_type),
    )
    with _locked(authority.directory):
        chosen = [role for role in due if _is_due(authority, role, now)] if roles is None else roles
        made = tuple(maker.make_next(role, authority.root) for role in chosen)
    authority.crls(now)
    return made


def _is_due(authority: Authority, role: Role, now: dt.datetime) -> bool:
    ends, last = authority.newest_certificate(role).not_valid_after_utc, authority.root.certificate
    # Nothing outlives the root, so once a certificate ends with it, another would be no better.
    return ends - now <= LEAD[role] and ends < last.not_valid_after_utc


def open_authority(directory: Path, *, passphrase: bytes) -> Authority:
    """Open what `create` made, or raise Later(KEY_UNAVAILABLE)."""
    try:
        arc = json.loads((directory / "authority.json").read_bytes())["arc"]
    except (OSError, ValueError, KeyError):
        raise Later(Reason.KEY_UNAVAILABLE, "authority") from None
    return Authority(directory=directory, passphrase=passphrase, arc=arc, root=_issuer(directory, passphrase))


def published(directory: Path) -> Mapping[str, bytes]:
    """Return the files that anyone may have, by name: certificates (`.cer`) and CRLs (`.crl`), DER."""
    return {
        path.name: path.read_bytes()
        for path in sorted((directory / "public").iterdir())
        if path.suffix in {".cer", ".crl"}
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Maker:
    directory: Path
    town: str
    arc: str
    base: str
    now: dt.datetime
    passphrase: bytes = field(repr=False)
    key_type: KeyType

    def make_root(self) -> None:
        order = self._order(Role.ROOT)
        if not self._certificate(order).exists():
            key = self._keep_key(order)
            self._keep(order, certificates.root_certificate(order, key))

    def make_end(self, role: Role, root: Issuer) -> None:
        order = self._order(role)
        if not self._certificate(order).exists():
            self._make(order, root)

    def make_next(self, role: Role, root: Issuer) -> str:
        """Make the generation after the newest; return its name."""
        order = self._order(role, generation(_newest(self.directory, role)) + 1)
        self._make(replace(order, now=self.now - SKEW), root)
        return order.name

    def _make(self, order: Order, root: Issuer) -> None:
        key = self._keep_key(order)
        self._keep(order, certificates.end_certificate(order, key, root))

    def _order(self, role: Role, generation: int = 1) -> Order:
        return Order(
            role=role,
            name=f"{role}-{generation}",
            organization=self.town,
            common_name=_COMMON_NAMES[role].format(town=self.town, generation=generation),
            qualifier=f"{int(self.arc.split('.')[2]):032x}",
            base=self.base,
            now=self.now,
        )

    def _certificate(self, order: Order) -> Path:
        return self.directory / "public" / f"{order.name}.cer"

    def _keep_key(self, order: Order) -> certificates.PrivateKey:
        key = certificates.new_key(self.key_type)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(self.passphrase),
        )
        _write(self.directory / f"{order.name}.key.pem", pem, mode=0o600)
        return key

    def _keep(self, order: Order, certificate: x509.Certificate) -> None:
        _write(self._certificate(order), certificate.public_bytes(serialization.Encoding.DER), mode=0o644)


class _Stale(Exception):
    """A CRL on disk is older than it should be, or from the future."""


def _fresh(path: Path, now: dt.datetime, since: dt.datetime | None) -> bytes:
    data = path.read_bytes()
    made = x509.load_der_x509_crl(data).last_update_utc
    # The second of grace: a CRL knows whole seconds only.
    if not -dt.timedelta(seconds=1) <= now - made < _CRL_AGE:
        raise _Stale
    if since is not None and made < since.replace(microsecond=0):
        raise _Stale
    return data


def _crl_number(path: Path) -> int:
    """Return the number of the CRL in *path*, 0 when there is none. RFC 5280 5.2.3: numbers only grow."""
    try:
        found = x509.load_der_x509_crl(path.read_bytes())
    except (OSError, ValueError):
        return 0
    return found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def _issuer(directory: Path, passphrase: bytes) -> Issuer:
    name = _newest(directory, Role.ROOT)
    try:
        data = (directory / "public" / f"{name}.cer").read_bytes()
        certificate = x509.load_der_x509_certificate(data)
    except (OSError, ValueError):
        raise Later(Reason.KEY_UNAVAILABLE, "root certificate") from None
    key = keys.private_key(directory / f"{name}.key.pem", passphrase=passphrase)
    return Issuer(certificate=certificate, key=key, name=name)


def _newest(directory: Path, role: Role) -> str:
    names = [path.stem for path in (directory / "public").glob(f"{role}-*.cer")]
    if not names:
        raise Later(Reason.KEY_UNAVAILABLE, f"no {role}")
    return max(names, key=generation)


def generation(name: str) -> int:
    """Return which generation a certificate with that file name is of."""
    return int(name.split("-")[1])


def _base(public_url: str) -> str:
    # CRLs are signed themselves, and validators that meet https here go round in circles (RFC 5280 4.2.1.13).
    return "http://" + public_url.rstrip("/").removeprefix("https://").removeprefix("http://") + "/pki"


def _arc(directory: Path) -> str:
    """Return the town's own object identifier 2.25.<uuid> (ITU-T X.667), made once and kept."""
    path = directory / "authority.json"
    if not path.exists():
        kept = {"format": 1, "arc": f"2.25.{uuid.uuid4().int}"}
        _write(path, json.dumps(kept).encode(), mode=0o600)
    return str(json.loads(path.read_bytes())["arc"])


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the directory against other threads and processes; the kernel lets go when a process dies.

    A directory that cannot be read or written raises Later(KEY_UNAVAILABLE).
    """
    try:
        with (directory / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except (OSError, ValueError):
        raise Later(Reason.KEY_UNAVAILABLE, "authority directory") from None


def _make_folders(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (directory / "public").mkdir(mode=0o755, exist_ok=True)
    except OSError:
        raise Later(Reason.KEY_UNAVAILABLE, "authority directory") from None


def _sweep(directory: Path) -> None:
    for folder in (directory, directory / "public"):
        for left in folder.glob(f"{_NEW}*"):
            left.unlink()


def _write(path: Path, data: bytes, *, mode: int) -> None:
    """Put *data* at *path*, wholly or not at all, on the disk itself."""
    handle, temporary = tempfile.mkstemp(prefix=_NEW, dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
