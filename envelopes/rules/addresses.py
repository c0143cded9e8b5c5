"""Mail addresses: one form to keep, one to compare, one for the wire, one to show; and whose domain it is.

Carriers once gave out local parts that no standard allows (`a..b.@docomo.ne.jp`). They are kept as typed and
go out quoted. Everything else must be valid by email-validator, which looks nothing up. Whether an address
may be used is the registry's business, not this module's.
"""

import re
import unicodedata
from collections.abc import Collection
from difflib import get_close_matches
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final, NamedTuple

from email_validator import EmailNotValidError, validate_email

from envelopes.rules.domains import CARRIER_DOMAINS, COMMON_DOMAINS, FREE_DOMAINS, SLIPS
from envelopes.rules.errors import Reason, Refused

_LONGEST: Final = 320  # RFC 5321 4.5.3.1: 64 octets, the at sign, 255 octets; more is not looked at
_LOCAL: Final = 64  # RFC 5321 4.5.3.1.1: octets of a local-part
_ON_WIRE: Final = 254  # RFC 5321 4.5.3.1.3: a path has 256 octets, its angle brackets among them
_LOCAL_SHOWN: Final = 2  # enough for its owner to know the address, too little to write to it
_DOMAIN_SHOWN: Final = 9
_NEAR: Final = 0.88  # one letter more, less or other in a domain of nine; gmail.com and mail.com stay two
_HIDDEN: Final = "･････"
# RFC 5322 3.2.3: what a local part may be made of without quotes, dots aside.
_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_DOT_ATOM: Final = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_CARRIER_LOCAL: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}")
_QUOTED: Final = re.compile(r'"([^"\\]{1,64})"')


class AddressKind(StrEnum):
    """Whose domain an address belongs to. `OWN` is every domain that is on neither list."""

    OWN = "own"
    FREE = "free"
    CARRIER = "carrier"


class _Parts(NamedTuple):
    local: str
    domain: str


def normalise(address: str, *, carrier_domains: tuple[str, ...] = CARRIER_DOMAINS) -> str:
    """Return *address* in half-width with its domain in lower case (IDNA), the local part as typed.

    Raises `Refused(ADDRESS_FORM)`, which carries no part of the address.
    """
    parts = _split(address)
    if _matches(parts.domain, carrier_domains):
        return _carrier(parts)
    domain = _ascii_domain(parts.domain)
    plain = f"{parts.local}@{domain}"
    if (
        not domain
        or len(parts.local) > _LOCAL
        or len(plain) > _ON_WIRE
        or not _DOT_ATOM.fullmatch(parts.local)
    ):
        raise Refused(Reason.ADDRESS_FORM)
    return plain


@lru_cache(
    maxsize=1024
)  # why: the library takes 0.1 ms, and the next mail mostly goes to a domain that is known
def _ascii_domain(domain: str) -> str:
    """Return *domain* in lower case (IDNA), or nothing where none can be called so."""
    try:
        found = validate_email(f"x@{domain}", check_deliverability=False, allow_smtputf8=False, strict=True)
    except (EmailNotValidError, ValueError):
        return ""
    return (found.ascii_domain or found.domain).lower()


def comparable(address: str) -> str:
    """Return the form under which *address* is looked up.

    RFC 5321 2.4 lets hosts tell `Taro` from `taro`, but none that matters does, and people do not.
    """
    return normalise(address).lower()


def wire_form(address: str) -> str:
    """Return *address* for headers and RCPT: quoted where its local part is no dot-atom (RFC 5322 3.4.1)."""
    local, _, domain = normalise(address).rpartition("@")
    return f"{local}@{domain}" if _DOT_ATOM.fullmatch(local) else f'"{local}"@{domain}'


def classify(
    address: str,
    *,
    carrier_domains: tuple[str, ...] = CARRIER_DOMAINS,
    free_domains: Collection[str] = FREE_DOMAINS,
) -> AddressKind:
    """Say whether *address* belongs to a phone carrier, to a free-mail service or to neither."""
    domain = domain_of(address)
    if _matches(domain, carrier_domains):
        return AddressKind.CARRIER
    return AddressKind.FREE if domain in free_domains else AddressKind.OWN


def likely(address: str) -> str | None:
    """Return the address that *address* may be a slip of: one letter off a domain that many have, or a broken end."""
    local, _, domain = address.rpartition("@")
    meant = _meant(domain)
    return f"{local}@{meant}" if meant and meant != domain else None


def _meant(domain: str) -> str | None:
    if domain in COMMON_DOMAINS or _matches(domain, CARRIER_DOMAINS) or domain in FREE_DOMAINS:
        return None
    near = get_close_matches(domain, COMMON_DOMAINS, n=1, cutoff=_NEAR)
    if near:
        return near[0]
    for slip, meant in SLIPS.items():
        if domain.endswith(slip):
            return domain.removesuffix(slip) + meant
    return None


def domain_of(address: str) -> str:
    """Return what follows the last at sign, in lower case; of something that is no address, all of it."""
    return address.rpartition("@")[2].strip().rstrip(".").lower()


def mask(address: str) -> str:
    """Return *address* as a page shows it to someone unproved: `ta･････@takahashi…`."""
    local, _, domain = address.rpartition("@")
    shown = local[:_LOCAL_SHOWN] if len(local) > _LOCAL_SHOWN else local[:1]
    return f"{shown}{_HIDDEN}@{domain.partition('.')[0][:_DOMAIN_SHOWN]}…"


def mask_person(address: str) -> str:
    """Return *address* with who it is covered and its domain whole: `ta･････@takahashi-kensetsu.example`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:_LOCAL_SHOWN] if len(local) > _LOCAL_SHOWN else local[:1]}{_HIDDEN}@{domain}"


def _split(address: str) -> _Parts:
    """Take *address* apart after NFKC; a quoted local part loses its quotes."""
    if len(address) > _LONGEST:
        raise Refused(Reason.ADDRESS_FORM)
    plain = unicodedata.normalize("NFKC", address).strip().removeprefix("mailto:")
    local, at, domain = plain.removeprefix("<").removesuffix(">").rpartition("@")
    if not (local and at and domain):
        raise Refused(Reason.ADDRESS_FORM)
    quoted = _QUOTED.fullmatch(local)
    return _Parts(quoted[1] if quoted else local, domain.lower())


def _carrier(parts: _Parts) -> str:
    if not _CARRIER_LOCAL.fullmatch(parts.local):
        raise Refused(Reason.ADDRESS_FORM)
    return f"{parts.local}@{parts.domain}"


@lru_cache(maxsize=1024)
def _matches(domain: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(domain, pattern) for pattern in patterns)
