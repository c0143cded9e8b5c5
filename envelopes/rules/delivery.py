"""Attachment or link. Knows domains and sizes, not mail."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from envelopes.rules.policy import Policy

# Base64 writes 57 bytes as 76 characters and a line end (RFC 2045 6.8), and the letter itself needs room.
_ENCODED_LINE: Final = 78
_RAW_LINE: Final = 57
_LETTER: Final = 60_000


class WhyLink(StrEnum):
    """Why nothing is attached. Mail and page say it in words."""

    TOO_BIG = "too-big"
    TOO_BIG_FOR_CARRIER = "too-big-for-carrier"
    TOO_MANY = "too-many"
    ENCODED_TOO_BIG = "encoded-too-big"
    REFUSED_AS_TOO_BIG = "refused-as-too-big"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`attach`, or why not with the numbers to say: what it is and what the limit is (bytes or files)."""

    attach: bool
    why: WhyLink | None = None
    actual: int = 0
    limit: int = 0


def encoded_bytes(sizes: Sequence[int]) -> int:
    """Size of the whole mail once *sizes* are in base64."""
    return _LETTER + sum((-(-size // _RAW_LINE)) * _ENCODED_LINE for size in sizes)


def carried_bytes(message: int) -> int:
    """How many bytes of files a mail of *message* bytes holds in base64, at the most."""
    return max(message - _LETTER, 0) // _ENCODED_LINE * _RAW_LINE


def message_limit(domain: str, policy: Policy) -> int:
    """Largest whole mail that *domain* takes, as far as the policy knows."""
    known = {name.lower(): limit for name, limit in policy.message_bytes_by_domain}
    return known.get(domain.lower(), policy.message_bytes)


def decide(sizes: Sequence[int], *, domain: str, carrier: bool, policy: Policy) -> Decision:
    """Attach the documents of *sizes* bytes to a mail for *domain*, or say why they go as a link."""
    count, total, encoded = len(sizes), sum(sizes), encoded_bytes(sizes)
    if count > policy.attachment_files:
        return Decision(attach=False, why=WhyLink.TOO_MANY, actual=count, limit=policy.attachment_files)
    if carrier and total > policy.attachment_bytes_carrier:
        limit = policy.attachment_bytes_carrier
        return Decision(attach=False, why=WhyLink.TOO_BIG_FOR_CARRIER, actual=total, limit=limit)
    if total > policy.attachment_bytes:
        return Decision(attach=False, why=WhyLink.TOO_BIG, actual=total, limit=policy.attachment_bytes)
    if encoded > (limit := message_limit(domain, policy)):
        return Decision(attach=False, why=WhyLink.ENCODED_TOO_BIG, actual=encoded, limit=limit)
    return Decision(attach=True)
