"""What the pages of a verification show: one frozen view a page, as in `portal.views`."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from portal.views import FieldError, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A root certificate of the embedded authority, for who wants to believe it."""

    url: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification(Page):
    """電子署名を確認する: posts `file` (multipart), or `certificate_id` by itself, to `post_url`."""

    post_url: str
    most: int
    minutes: int
    typed: str = ""
    roots: tuple[Root, ...] = ()
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationWaiting(Page):
    """The file is still being looked at; `look_url` shows the result for `minutes`."""

    look_url: str
    minutes: int


class Outcome(StrEnum):
    """What follows for a file that was verified."""

    SOUND = "sound"
    ALTERED = "altered"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelLine:
    """One line of the signature panel, and what it means."""

    good: bool
    text: str
    means: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelPart:
    """One signature (or else a timestamp): who, and what is said of it."""

    stamp: bool
    title: str
    lines: tuple[PanelLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationResult(Page):
    """What was found in a file of anybody's."""

    outcome: Outcome
    mark: str
    headline: str
    reasons: tuple[str, ...]
    parts: tuple[PanelPart, ...]
    sha256: str
    again_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSignature:
    """A party of a contract of our own, and when its signature was made."""

    company: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationOwn(Page):
    """The file is, byte for byte, one that was concluded here, or the certificate of it."""

    concluded_on: date
    certificate_id: str
    is_certificate: bool
    signatures: tuple[OwnSignature, ...]
    stamped_at: datetime | None
    accredited: bool
    sha256: str
    again_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationId(Page):
    """What anybody may know who has a certificate id: no document, no full name."""

    certificate_id: str
    concluded_on: date
    documents: int
    parties: tuple[str, ...]
    again_url: str
