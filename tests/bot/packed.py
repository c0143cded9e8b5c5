"""Files packed as mailers and offices pack them: ZIP, winmail.dat, S/MIME around the whole mail."""

import io
import zipfile
import zlib
from collections.abc import Mapping


def zipped(files: Mapping[str, bytes], *, charset: str = "utf-8") -> bytes:
    """A ZIP; with another *charset* than UTF-8 the names stand as Windows of that place writes them (APPNOTE 4.3)."""
    local, central = b"", b""
    for name, data in files.items():
        raw = name.encode(charset)
        flags = (0x800 if charset == "utf-8" else 0).to_bytes(2, "little")
        fields = flags + bytes(6) + _number(zlib.crc32(data)) + _number(len(data)) * 2
        fields += len(raw).to_bytes(2, "little") + bytes(2)
        central += b"PK\x01\x02\x14\0\x14\0" + fields + bytes(10) + _number(len(local)) + raw
        local += b"PK\x03\x04\x14\0" + fields + raw + data
    count = len(files).to_bytes(2, "little")
    end = b"PK\x05\x06" + bytes(4) + count * 2 + _number(len(central)) + _number(len(local)) + bytes(2)
    return local + central + end


def _number(value: int) -> bytes:
    return value.to_bytes(4, "little")


def bomb(size: int) -> bytes:
    """A ZIP of *size* zeros."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("k.pdf", bytes(size))
    return out.getvalue()


def locked(files: Mapping[str, bytes]) -> bytes:
    """A ZIP whose files say that they want a password."""
    packed = bytearray(zipped(files))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = packed.find(mark)
        while place >= 0:
            packed[place + offset] |= 1
            place = packed.find(mark, place + 4)
    return bytes(packed)


def winmail(files: Mapping[str, bytes], *, long_names: bool = True) -> bytes:
    """A winmail.dat: the short name in CP932, the long one as a MAPI property in Unicode (MS-OXTNEF 2.1.3)."""
    out = (
        b"\x78\x9f\x3e\x22\x01\x00"
        + _attribute(1, 0x89006, b"\0\0\1\0")
        + _attribute(1, 0x69007, b"\xa4\3\0\0")
    )
    for name, data in files.items():
        out += _attribute(2, 0x69002, bytes(14))
        out += _attribute(2, 0x18010, name.encode("cp932", "replace") + b"\0")
        out += _attribute(2, 0x6800F, data)
        if long_names:
            out += _attribute(2, 0x69005, _properties(name))
    return out


def _attribute(level: int, kind: int, data: bytes) -> bytes:
    checksum = (sum(data) & 0xFFFF).to_bytes(2, "little")
    return bytes((level,)) + _number(kind) + _number(len(data)) + data + checksum


def _properties(name: str) -> bytes:
    text = (name + "\0").encode("utf-16-le")
    padded = text + bytes(-len(text) % 4)
    return _number(1) + b"\x1f\x00\x07\x37" + _number(1) + _number(len(text)) + padded


def signed(entity: bytes) -> bytes:
    """The content of an smime.p7m that wraps *entity* (RFC 8551 3.5.2); nobody here looks at the signature."""
    content = _der(0x30, _DATA + _der(0xA0, _der(0x04, entity)))
    data = _der(0x30, b"\x02\x01\x01" + _der(0x31, b"") + content + _der(0x31, b""))
    return _der(0x30, _SIGNED_DATA + _der(0xA0, data))


_DATA = bytes.fromhex("06092a864886f70d010701")  # the object identifiers of RFC 5652 4 and 5.1
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")


def _der(tag: int, content: bytes) -> bytes:
    size = len(content).to_bytes(4, "big")
    return bytes((tag, 0x84)) + size + content
