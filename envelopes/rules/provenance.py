"""Who sent a mail: the levels of proof, and what decided. How a mail is examined is the bot's business.

What staff may do with a mail follows from the level: nothing (0), a draft (1), and with a second channel besides, a
sign-in or the authenticator's digits, sending, changing and ending (2). Level 2 is never a mail's own: it is decided
where the second channel is.
"""

from enum import IntEnum, StrEnum
from typing import Final


class Level(IntEnum):
    """0: nothing is proven, the mail is put aside unanswered. 1: the address in From is the sender's."""

    UNPROVEN = 0
    PROVEN = 1


class Why(StrEnum):
    """What decided. The value stands in the database."""

    # These prove.
    DEMO = "demo"
    DMARC = "dmarc"  # a trusted relay says that DMARC passed
    DKIM = "dkim"  # a trusted relay says that an aligned signature is good
    SIGNATURE = "signature"  # an aligned signature was verified here
    HEAD_SIGNATURE = "head-signature"  # the same over the head alone, the body having been too big to keep

    # These do not.
    NOT_ONE_SENDER = "not-one-sender"
    NO_TRUSTED_RESULTS = "no-trusted-results"
    MALFORMED_RESULTS = "malformed-results"
    PARTLY_SIGNED = "partly-signed"
    NOT_ALIGNED = "not-aligned"
    NOT_PASSED = "not-passed"
    NOT_SIGNED = "not-signed"
    TWO_READINGS = "two-readings"
    DOUBLE_FIELD = "double-field"
    UNSIGNED_FIELD = "unsigned-field"
    SIGNATURE_MALFORMED = "signature-malformed"
    SIGNATURE_WEAK = "signature-weak"
    SIGNATURE_EXPIRED = "signature-expired"
    SIGNATURE_BROKEN = "signature-broken"
    KEY_MISSING = "key-missing"
    KEY_UNUSABLE = "key-unusable"
    DNS_SILENT = "dns-silent"

    # Nobody is to be answered, whoever it was.
    AUTOMATIC = "automatic"  # no person wrote it
    OWN_ADDRESS = "own-address"  # it says to come from us


PROVING: Final = frozenset({Why.DEMO, Why.DMARC, Why.DKIM, Why.SIGNATURE, Why.HEAD_SIGNATURE})


def is_aligned(domain: str, signer: str) -> bool:
    """Whether *signer* may speak for *domain*: the same, or a parent of it.

    Relaxed alignment (RFC 7489 3.1.1) in one direction: a child may be in other hands. No list of public suffixes is
    needed for that, since who holds the keys of a parent holds the child; a name without a dot is no one's domain.
    """
    return "." in signer and (domain == signer or domain.endswith(f".{signer}"))
