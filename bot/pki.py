"""Looking after the embedded authority: keys renewed in time, CRLs kept young, what is public put where it is served.

Runs at the bot's start and a few times a day, on every bot; what is due is done once (`envelopes.signing.authority`).
"""

import logging
import tempfile
from collections.abc import Collection, Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from envelopes import keyring
from envelopes.settings import EmbeddedKey, Settings
from envelopes.signing import authority
from envelopes.signing.authority import ENDS, Authority
from envelopes.signing.certificates import Role

_SCOPE: Final = ExtensionOID.ISSUING_DISTRIBUTION_POINT

log = logging.getLogger(__name__)


def directory(keys: Path) -> Path:
    """Where the embedded authority lies."""
    return keys / "bot" / "authority"


def opened(settings: Settings) -> Authority:
    """Open the embedded authority. Raises KeyMissing and Later(KEY_UNAVAILABLE)."""
    keys = settings.keys_directory
    return authority.open_authority(directory(keys), passphrase=keyring.passphrase(keys))


def look_after(
    settings: Settings, now: datetime, *, roots: Collection[bytes] = (), crls: Collection[bytes] = ()
) -> None:
    """Renew what is about to end, and publish certificates and CRLs, none of these older than a day.

    *roots* and *crls* (DER) are what else the service relies on in its own files: who verifies them here has to know
    those too, and has no way to authorities outside.
    """
    own = opened(settings)
    for name in renew(settings, own, now=now):
        log.info("new signing certificate: %s", name)
    publish(settings, own, now=now)
    others = {_name(root): root for root in roots if root != own.root_certificate}
    published = {*authority.published(own.directory).values()}
    others |= {_crl_name(crl): crl for crl in crls if crl not in published}
    _replace(settings.public_directory, others)


def _name(root: bytes) -> str:
    return f"{Role.ROOT}-{sha256(root).hexdigest()[:16]}.cer"


def _crl_name(crl: bytes) -> str:
    """Name a CRL by who speaks in it and of what, so that the next one takes its place."""
    read = x509.load_der_x509_crl(crl)
    scopes = [one.value.public_bytes() for one in read.extensions if one.oid == _SCOPE]
    return f"other-{sha256(b''.join((read.issuer.public_bytes(), *scopes))).hexdigest()[:16]}.crl"


def renew(
    settings: Settings, own: Authority, *, now: datetime, roles: Collection[Role] | None = None
) -> tuple[str, ...]:
    """Give *roles* their next key and certificate; without them, each that is about to need it. Return file names."""
    return authority.renew(
        own,
        town=settings.town.name,
        public_url=settings.portal.url,
        now=now,
        key_type=settings.algorithm,
        roles=roles,
        due=used(settings),
    )


def used(settings: Settings) -> tuple[Role, ...]:
    """What the authority is used for: with a signing key of the operator's own it only gives the time."""
    return ENDS if isinstance(settings.signing_key, EmbeddedKey) else (Role.TSA,)


def publish(settings: Settings, own: Authority, *, now: datetime) -> None:
    """Put certificates and CRLs where the portal serves them, the CRLs made anew when a day old."""
    own.crls(now)
    _replace(settings.public_directory, authority.published(own.directory))


def _replace(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write every file whole or not at all: the portal may read at any moment."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".new-", delete=False) as draft:
            draft.write(data)
        made = Path(draft.name)
        made.chmod(0o644)
        made.replace(folder / name)
