"""Confirmation codes by mail: how one is made, when it is right, late or spent.

A code is HOTP (RFC 4226) over a key derived for this request; it is computed when it is needed and stored nowhere.
The database keeps only the serial, the times and the count of wrong entries.
"""

import hmac
import unicodedata
from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

import pyotp

from envelopes.rules.errors import Reason, Refused
from envelopes.rules.policy import Policy

DIGITS: Final = 6

# Easy to read aloud. Mail and page show the same word, so that a code is typed for the right thing.
# fmt: off
WORDS: Final = (
    "あさひ", "いずみ", "うぐいす", "えんがわ", "おぼろ", "かすみ", "きりん", "くじら",
    "けやき", "こだま", "さくら", "しらかば", "すずめ", "せせらぎ", "そよかぜ", "たんぽぽ",
    "ちどり", "つばめ", "てまり", "ときわ", "なのはな", "にじ", "ぬまた", "ねこやなぎ",
    "のばら", "はやぶさ", "ひばり", "ふじ", "へちま", "ほたる", "まつかぜ", "みずうみ",
    "むささび", "めだか", "もみじ", "やまびこ", "ゆきどけ", "よあけ", "らっこ", "りんどう",
    "るり", "れんげ", "わかば", "かえで",
)
# fmt: on


class Verdict(StrEnum):
    """What came of an entered code."""

    OK = "ok"
    AGAIN = "again"  # right, and counted a moment ago: an impatient thumb pressed twice
    WRONG = "wrong"
    LATE = "late"
    SPENT = "spent"  # mistyped too often
    USED = "used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A code that was sent: its serial, its times, and how often something else was entered."""

    serial: int
    sent_at: datetime
    wrong: int
    used_at: datetime | None


def _key(secret: bytes, subject: str) -> bytes:
    return hmac.new(secret, f"code:{subject}".encode(), sha256).digest()


def make(secret: bytes, subject: str, serial: int, *, digits: int = DIGITS) -> str:
    """Return the digits for *serial* of *subject* (a request's reference and generation)."""
    return pyotp.HOTP(b32encode(_key(secret, subject)).decode(), digits=digits, digest=sha256).at(serial)


def word(secret: bytes, subject: str, serial: int) -> str:
    """Return the 符号 shown both on the page and in the mail of that code."""
    digest = hmac.new(_key(secret, subject), f"word:{serial}".encode(), sha256).digest()
    return WORDS[int.from_bytes(digest[:4]) % len(WORDS)]


def _is_between_digits(char: str) -> bool:
    # Hyphens as phones and IMEs write them, the minus sign, and what copying brings along unseen (category Cf).
    return char.isspace() or char in "-‐‑–—−ー・." or unicodedata.category(char) == "Cf"


def tidy(
    typed: str, *, digits: int = DIGITS, empty: Reason = Reason.CODE_EMPTY, form: Reason = Reason.CODE_FORMAT
) -> str:
    """Return the digits a person meant, or raise Refused with *empty* or *form*."""
    folded = unicodedata.normalize("NFKC", typed)
    found = "".join(char for char in folded if not _is_between_digits(char))
    if not found:
        raise Refused(empty)
    if not (found.isascii() and found.isdigit() and len(found) == digits):
        raise Refused(form)
    return found


def check(
    issued: Issued, *, expected: str, given: str, now: datetime, policy: Policy, here: bool = False
) -> Verdict:
    """Judge *given* against the code that was sent last. Compares in constant time.

    *here*: it is typed in the browser that asked for it, the only one in which a code may come twice.
    """
    right = hmac.compare_digest(expected, given)
    if here and right and issued.used_at is not None and now < issued.used_at + policy.code_again:
        return Verdict.AGAIN
    if issued.used_at is not None:
        return Verdict.USED
    if issued.wrong >= policy.code_tries:
        return Verdict.SPENT
    if now >= issued.sent_at + policy.code_lifetime:
        return Verdict.LATE
    return Verdict.OK if right else Verdict.WRONG
