"""What goes to an HTTP hook of the operator and whether it may: its address, its body, its signature, its answer.

How bytes travel is the bot's business. docs/sms.md says the same to whoever writes the other side.
"""

import hmac
import json
from enum import StrEnum
from hashlib import sha256
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Final

TIMESTAMP: Final = "Fukan-Timestamp"
SIGNATURE: Final = "Fukan-Signature"
# draft-ietf-httpapi-idempotency-key-header: the same key means the same request, however often it comes.
IDEMPOTENCY: Final = "Idempotency-Key"

_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052 2.1: the IPv4 address stands in the last 32 bits
_LAST_32: Final = 0xFFFFFFFF
# Asked again, these may be answered otherwise; every other refusal will be repeated.
_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class Said(StrEnum):
    """What an answer's status means."""

    TAKEN = "taken"
    LATER = "later"
    NEVER = "never"


def meaning(status: int) -> Said:
    """2xx is taken; 5xx, 408, 425 and 429 pass; all others, redirects among them, will not change (RFC 9110 15)."""
    if status // 100 == HTTPStatus.OK // 100:
        return Said.TAKEN
    passes = status // 100 == HTTPStatus.INTERNAL_SERVER_ERROR // 100 or status in _PASSING
    return Said.LATER if passes else Said.NEVER


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether *address* is one of the internet's: of no machine's own, private or reserved range (RFC 6890).

    An IPv6 address that carries an IPv4 one leads where that leads.
    """
    if isinstance(address, IPv6Address) and (inner := _inside(address)) is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast


def _inside(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & _LAST_32)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo


def body(message: dict[str, str]) -> bytes:
    """*message* as it travels: JSON in UTF-8."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def signature(secret: str, timestamp: str, data: bytes) -> str:
    """HMAC-SHA256 in hex over the timestamp (seconds since 1970, as text), a full stop, and the body."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + data, sha256).hexdigest()


def headers(secret: str, data: bytes, *, key: str, timestamp: int) -> dict[str, str]:
    """What goes with *data*; *key* is the same each time that it is sent."""
    return {
        "Content-Type": "application/json",
        IDEMPOTENCY: key,
        TIMESTAMP: str(timestamp),
        SIGNATURE: signature(secret, str(timestamp), data),
    }
