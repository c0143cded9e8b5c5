"""What a consent says, its canonical bytes, and whether it fits the files in hand.

A consent is a record, not a state: the portal signs these bytes with a key that is not in the database, and the
worker uses a signing key only for files that the record names. Canonical form: JSON with sorted keys, no white
space, UTF-8 (the form of RFC 8785 for the strings and integers used here).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from envelopes.rules.errors import Reason, Refused

FORMAT: Final = "fukan-consent-1"

# The sentence a signer agrees to. Changing a word means a new version: the record names the version it was given.
TEXT_VERSION: Final = "2026-11"
# Its translations, each with a number that a changed word raises. The Japanese counts and is shown with each of them.
_TRANSLATIONS: Final = {"en": "en-1"}


def text_version(language: str) -> str:
    """What a signer was shown: the Japanese text, or that and its translation (`2026-11+en-1`)."""
    translation = _TRANSLATIONS.get(language)
    return f"{TEXT_VERSION}+{translation}" if translation else TEXT_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One document as it was shown: the prepared file, and the images of its pages."""

    position: int
    title: str
    sha256: str
    length: int
    pages_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One proof of who is there. `at` is an ISO instant in UTC.

    `since`: when what proves was set up, for an app on a phone; it stands in the record only where it says something.
    """

    method: str
    level: str
    issuer: str
    at: str
    since: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who consents, as the registry or the staff list said at that time."""

    ref: str
    position: int
    company: str
    office: str
    person: str
    registry_revision: int
    address_look_up: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Everything a signer agreed to, and how it is known that it was the signer."""

    envelope: str
    certificate_id: str
    generation: int
    documents: tuple[Offered, ...]
    signer: Party
    grants: tuple[Grant, ...]
    text_version: str
    at: str
    nonce: str
    chain_head: str


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def instant(at: datetime) -> str:
    """Write an aware *at* the way records do: UTC, microseconds, Z."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def canonical(consent: Consent) -> bytes:
    """Return the bytes that are signed."""
    plain = {"format": FORMAT, **asdict(consent)}
    plain["grants"] = [_spoken(grant) for grant in plain["grants"]]
    return _canonical(plain)


def _spoken(grant: dict[str, str]) -> dict[str, str]:
    """A grant as records have it: those made before there was a `since` have none."""
    return {name: value for name, value in grant.items() if value or name != "since"}


def read(data: bytes) -> Consent:
    """Return the consent that *data* spells, or raise Refused(CONSENT_INVALID) unless it is canonical."""
    try:
        loaded = json.loads(data)
        consent = _build(loaded)
        if loaded.get("format") != FORMAT or canonical(consent) != data:
            raise Refused(Reason.CONSENT_INVALID)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Refused(Reason.CONSENT_INVALID) from None
    return consent


def _build(loaded: dict[str, Any]) -> Consent:
    plain = {key: value for key, value in loaded.items() if key != "format"}
    plain["documents"] = tuple(Offered(**item) for item in plain["documents"])
    plain["grants"] = tuple(Grant(**item) for item in plain["grants"])
    plain["signer"] = Party(**plain["signer"])
    return Consent(**plain)


def offer_digest(
    *, envelope: str, generation: int, documents: Sequence[Offered], signer: Party, text_version: str
) -> str:
    """Digest of what is offered. The confirm form posts it; if it differs, all is shown anew."""
    offer = {
        "envelope": envelope,
        "generation": generation,
        "documents": [asdict(item) for item in documents],
        "signer": asdict(signer),
        "text_version": text_version,
    }
    return sha256(_canonical(offer)).hexdigest()


def require_fit(consent: Consent, *, position: int, data: bytes, revisions: Sequence[str]) -> Offered:
    """Return what was offered at *position* if the bytes in hand are what the signer saw.

    The first N bytes must hash to the seen hash, and the file so far must be the earlier revisions that were
    committed: *revisions* are their SHA-256 over the whole file, oldest first; the first is the prepared file's.
    Raises Refused(BYTES_DIFFER).
    """
    offered = next((item for item in consent.documents if item.position == position), None)
    if offered is None or len(data) < offered.length or not revisions:
        raise Refused(Reason.BYTES_DIFFER)
    seen = sha256(memoryview(data)[: offered.length]).hexdigest()
    whole = sha256(data).hexdigest()
    if seen != offered.sha256 or revisions[0] != seen or revisions[-1] != whole:
        raise Refused(Reason.BYTES_DIFFER)
    return offered
