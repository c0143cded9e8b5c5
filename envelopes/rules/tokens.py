"""Signed links. The purpose is the salt, so a token for one thing never opens another.

A token packs a reference of 80 random bits, a generation and an expiry (an outer bound: what really ends a link
is the database) and is signed with HMAC-SHA256 by itsdangerous. 66 characters; nothing in it is secret.
"""

import struct
from base64 import b32decode, b32encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from envelopes.rules.errors import Reason, Refused

REF_BYTES: Final = 10  # 80 bits: neither guessed nor met twice
REF_CHARACTERS: Final = 16  # the same in base32
_FORM: Final = struct.Struct(f">{REF_BYTES}sHI")


class Purpose(StrEnum):
    """What a token is for. The value is the salt."""

    REQUEST = "fukan.request"
    DOWNLOAD = "fukan.download"
    ENROL = "fukan.enrol"
    REGISTER = "fukan.register"
    RETURN_PATH = "fukan.return-path"
    REPLY = "fukan.reply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a token says. `ref` is a random reference, `generation` 0–65535, `expires` aware, whole seconds."""

    ref: str
    generation: int
    expires: datetime


def ref_from(random: bytes) -> str:
    """Write ten random bytes as sixteen characters (lower-case base32)."""
    return b32encode(random[:REF_BYTES]).decode().lower()


def _signer(keys: Sequence[bytes], purpose: Purpose) -> Signer:
    # itsdangerous signs with the last key of the list and accepts all of them.
    return Signer(list(reversed(keys)), salt=purpose.value, key_derivation="hmac", digest_method=sha256)


def seal(ticket: Ticket, purpose: Purpose, keys: Sequence[bytes]) -> str:
    """Return the token for *ticket*. *keys* are newest first."""
    ref = b32decode(ticket.ref.upper())
    packed = _FORM.pack(ref, ticket.generation, int(ticket.expires.timestamp()))
    body = urlsafe_b64encode(packed).rstrip(b"=")
    return _signer(keys, purpose).sign(body).decode()


def _require_one_spelling(signed: bytes) -> None:
    # Base64 leaves two bits of the signature's last character open and takes padding: one link, one spelling.
    signature = signed.rpartition(b".")[2]
    if base64_encode(base64_decode(signature)) != signature:
        raise BadSignature("not canonical")


def unseal(token: str, purpose: Purpose, keys: Sequence[bytes], now: datetime) -> Ticket:
    """Return what *token* says, or raise Refused with LINK_UNKNOWN or LINK_EXPIRED."""
    try:
        signed = token.encode("ascii", "replace")
        body = _signer(keys, purpose).unsign(signed)
        _require_one_spelling(signed)
        ref, generation, expires = _FORM.unpack(urlsafe_b64decode(body + b"=="))
    except (BadSignature, Base64Error, struct.error):
        raise Refused(Reason.LINK_UNKNOWN) from None
    ticket = Ticket(ref=ref_from(ref), generation=generation, expires=datetime.fromtimestamp(expires, UTC))
    if now >= ticket.expires:
        raise Refused(Reason.LINK_EXPIRED)
    return ticket
