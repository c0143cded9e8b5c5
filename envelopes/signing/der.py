"""Writing DER (ITU-T X.690), as little of it as signatures and timestamp tokens need.

Why by hand: asn1crypto, good for reading, writes a nested value again for each of its ancestors, and when any
length happens to end in the octet 0x80 (one in 256, RSA-3072 signatures always) it takes that for an
indefinite length and does so without end: twenty seconds for one signature. It is used for reading only.
"""

import datetime as dt
from functools import lru_cache

NULL = b"\x05\x00"
TRUE = b"\x01\x01\xff"

_LONG_FORM = 0x80


class NotDer(ValueError):
    """These bytes are not whole DER values one after another."""


def tlv(tag: int, *parts: bytes) -> bytes:
    """Return the value with the one-octet *tag* whose content is *parts* joined."""
    content = b"".join(parts)
    return bytes([tag]) + _length(len(content)) + content


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE."""
    return tlv(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    """Return a SET OF in DER's order (X.690 11.6)."""
    return tlv(0x31, *sorted(parts))


def explicit(number: int, *parts: bytes) -> bytes:
    """Return the constructed context tag [number] around *parts*."""
    return tlv(0xA0 + number, *parts)


def implicit(number: int, value: bytes) -> bytes:
    """Return the constructed *value* with its one-octet tag replaced by [number]."""
    return bytes([0xA0 + number]) + value[1:]


def integer(value: int) -> bytes:
    """Return an INTEGER; *value* is not negative."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1))


def octets(value: bytes) -> bytes:
    """Return an OCTET STRING."""
    return tlv(0x04, value)


def text(value: str) -> bytes:
    """Return a UTF8String."""
    return tlv(0x0C, value.encode())


def named_bit(number: int) -> bytes:
    """Return a BIT STRING in which only bit *number* is set (X.690 11.2.2: no trailing zero bits)."""
    return tlv(0x03, bytes([7 - number % 8]), bytes(number // 8), bytes([0x80 >> number % 8]))


def moment(value: dt.datetime) -> bytes:
    """Return a GeneralizedTime of whole seconds, UTC (RFC 5280 4.1.2.5.2)."""
    return tlv(0x18, value.astimezone(dt.UTC).strftime("%Y%m%d%H%M%SZ").encode())


@lru_cache(maxsize=256)
def oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER. Arcs may be of any size: 2.25.<uuid> has 128 bits."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return tlv(0x06, *(_base128(arc) for arc in (40 * first + second, *rest)))


def values(data: bytes) -> list[bytes]:
    """Return the values that stand one after another in *data*, each with its tag; raise NotDer."""
    found, at = [], 0
    while at < len(data):
        end = at + _whole_length(data, at)
        if end > len(data):
            raise NotDer
        found.append(data[at:end])
        at = end
    return found


def header(data: bytes) -> bytes:
    """Return tag and length octets of the value at the start of *data*; raise NotDer."""
    if len(data) < 2:  # noqa: PLR2004 -- one octet of tag, one of length
        raise NotDer
    more = data[1] - _LONG_FORM if data[1] > _LONG_FORM else 0
    return data[: 2 + more]


def _whole_length(data: bytes, at: int) -> int:
    """Return the octets of the value at *at*: tag, length and content."""
    if at + 1 >= len(data) or data[at + 1] == _LONG_FORM:
        raise NotDer
    if data[at + 1] < _LONG_FORM:
        return 2 + data[at + 1]
    content = at + 2 + data[at + 1] - _LONG_FORM
    return content - at + int.from_bytes(data[at + 2 : content])


def _length(length: int) -> bytes:
    if length < _LONG_FORM:
        return bytes([length])
    octets_ = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([_LONG_FORM + len(octets_)]) + octets_


def _base128(arc: int) -> bytes:
    groups = [arc & 0x7F]
    while arc := arc >> 7:
        groups.append(0x80 | arc & 0x7F)
    return bytes(reversed(groups))
