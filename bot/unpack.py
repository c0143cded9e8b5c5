"""Packed files → what is in them: ZIP, winmail.dat of Outlook, S/MIME whose signature wraps the mail.

Works on bytes in the child that reads the mail, and within the number of bytes that are left to it. What the files
inside are worth is not known here.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from asn1crypto import cms  # type: ignore[import-untyped]

from bot.charsets import decode, file_name
from envelopes.rules.errors import Reason, Refused

MOST_FILES: Final = 100  # why: an envelope takes 20 documents; a bomb has thousands
MOST_RATIO: Final = 200  # why: text packs to a fiftieth, drawings to a tenth; zeros to a thousandth
_SMALL: Final = 1_000_000  # bytes: below this no ratio is a danger
_CHUNK: Final = 1 << 16
_ENCRYPTED: Final = 1  # APPNOTE 4.4.4: bit 0 of the general purpose flags
_UTF8: Final = 0x800  # bit 11: the name is UTF-8; else Windows writes it in the code page of its user
_ZIP_MARKS: Final = (b"PK\x03\x04", b"PK\x05\x06")
_OTHER_MARKS: Final = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"MSCF\0\0\0\0", b"\x1f\x8b\x08")
_TNEF: Final = b"\x78\x9f\x3e\x22"
_COMPOUND: Final = b"\xd0\xcf\x11\xe0"  # Office of before 2007
# How files begin that hold others.
MARKS: Final = (*_ZIP_MARKS, *_OTHER_MARKS, _TNEF, _COMPOUND)
# Packages that are files in their own right: Office, OpenDocument, EPUB.
_PACKAGES: Final = ("[Content_Types].xml", "mimetype")
# What is left of a broken one still begins with one of its parts (APPNOTE 4.3.7: the name is at offset 30).
_FIRST_NAME: Final = 30
_FIRST_PARTS: Final = (
    b"[Content_Types].xml",
    b"_rels/",
    b"docProps/",
    b"word/",
    b"xl/",
    b"ppt/",
    b"mimetype",
)
_LITTER: Final = ("__macosx/", ".ds_store", "thumbs.db", "desktop.ini")
_SIGNED: Final = "signed_data"
_COMPRESSED: Final = "compressed_data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file that was packed. The name has no folders; it is empty where none was written."""

    name: str
    data: bytes


# ZIP


def is_archive(data: bytes) -> bool:
    """Whether *data* is an archive, of a kind that can be opened or not; Office files are none."""
    if data.startswith(_OTHER_MARKS) or _is_lzh(data):
        return True
    return data.startswith(_ZIP_MARKS) and not _is_package(data)


def _is_lzh(data: bytes) -> bool:
    return data[2:5] == b"-lh" and data[6:7] == b"-"


def _is_package(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return not set(_PACKAGES).isdisjoint(archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return data[_FIRST_NAME:].startswith(_FIRST_PARTS)


def unzipped(data: bytes, *, most: int) -> list[Member]:
    """Return the files of an archive, or raise Refused: ARCHIVE_ENCRYPTED, ARCHIVE_TOO_BIG or ARCHIVE_BROKEN."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _unzipped(archive, most)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
        # zipfile says with these that something is damaged, or packed in a way that it does not know.
        raise Refused(Reason.ARCHIVE_BROKEN) from None


def _unzipped(archive: zipfile.ZipFile, most: int) -> list[Member]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_litter(entry)]
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise Refused(Reason.ARCHIVE_ENCRYPTED)
    if len(entries) > MOST_FILES:
        raise Refused(Reason.ARCHIVE_TOO_BIG)
    found, left = [], most
    for entry in entries:
        content = _content(archive, entry, left)
        left -= len(content)
        found.append(Member(name=_name(entry), data=content))
    return found


def _is_litter(entry: zipfile.ZipInfo) -> bool:
    name = entry.filename.lower()
    return name.startswith(_LITTER[0]) or name.rpartition("/")[2] in _LITTER[1:]


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """Read one file. What the archive says of its size is a stranger's word, so it is counted."""
    most = min(most, max(_SMALL, MOST_RATIO * entry.compress_size))
    out = bytearray()
    with archive.open(entry) as packed:
        while chunk := packed.read(_CHUNK):
            out += chunk
            if len(out) > most:
                raise Refused(Reason.ARCHIVE_TOO_BIG)
    return bytes(out)


def _name(entry: zipfile.ZipInfo) -> str:
    """The name in the character set in which it was written; zipfile takes what is not UTF-8 for CP437."""
    if entry.flag_bits & _UTF8:
        return file_name(entry.filename)
    return file_name(decode(entry.orig_filename.encode("cp437", "replace")))


# winmail.dat, as MS-OXTNEF describes it. tnefparse copies the rest of the file for every attribute, and four bytes that
# claim many values keep it busy for hours.

_TNEF_HEAD: Final = 6  # signature and key
_ATTRIBUTE: Final = 9  # level, id with type, length; behind the content stands a checksum of two bytes
_RENDERED, _TITLE, _DATA, _PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005
_TRANSPORT_NAME: Final = 0x9001
_MOST_ATTRIBUTES: Final = 20_000
# MS-OXPROPS: PidTagAttachLongFilename, PidTagDisplayName, PidTagAttachFilename, the better name first; and the data.
_NAMES: Final = (0x3707, 0x3001, 0x3704)
_DATA_OBJECT: Final = 0x3701
_INTERFACE: Final = 16  # bytes before the content of an object: what kind of object it is
_UNICODE, _OBJECT = 0x1F, 0x0D
_VARIABLE: Final = frozenset({0x1E, _UNICODE, _OBJECT, 0x102})
_SIZES: Final = {
    2: 4,
    3: 4,
    4: 4,
    0x0A: 4,
    0x0B: 4,
    5: 8,
    6: 8,
    7: 8,
    0x14: 8,
    0x40: 8,
    0x48: 16,
}  # padded to four
_SEVERAL: Final = 0x1000  # MV_FLAG
_NAMED: Final = 0x8000  # ids from here on are followed by a name


def is_tnef(data: bytes) -> bool:
    """Whether *data* is what Outlook packs files into for other Outlooks."""
    return data.startswith(_TNEF)


def untnef(data: bytes) -> list[Member]:
    """Return the files in a winmail.dat. One that is damaged gives what can be read, or raises Refused."""
    if len(data) <= _TNEF_HEAD:
        raise Refused(Reason.ARCHIVE_BROKEN)
    found: list[dict[int, bytes]] = []
    for kind, content in _attributes(data):
        if kind == _RENDERED:
            found.append({})
        elif found:
            found[-1].setdefault(kind, content)
    return [_outlook_file(parts) for parts in found]


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    view, place = memoryview(data), _TNEF_HEAD
    for _ in range(_MOST_ATTRIBUTES):
        if place + _ATTRIBUTE > len(view):
            return
        kind = int.from_bytes(view[place + 1 : place + 3], "little")
        length = int.from_bytes(view[place + 5 : place + 9], "little")
        start = place + _ATTRIBUTE
        yield kind, bytes(view[start : start + length])
        place = start + length + 2


def _outlook_file(parts: Mapping[int, bytes]) -> Member:
    known = dict(_properties(parts.get(_PROPERTIES, b"")))
    content = parts.get(_DATA) or known.get(_DATA_OBJECT, b"")
    names = [known[name] for name in _NAMES if name in known]
    names += [parts[name] for name in (_TRANSPORT_NAME, _TITLE) if name in parts]
    written = (file_name(decode(name.rstrip(b"\0"))) for name in names)
    return Member(name=next(filter(None, written), ""), data=content)


class _CutOffError(Exception):
    """There are fewer bytes than the ones before say."""


class _Bytes:
    """Reads numbers and pieces from the front, never beyond the end: so every loop over them ends."""

    def __init__(self, data: bytes) -> None:
        self._view, self._place = memoryview(data), 0

    def take(self, size: int) -> bytes:
        end = self._place + size
        if end > len(self._view):
            raise _CutOffError
        piece, self._place = bytes(self._view[self._place : end]), end
        return piece

    def number(self, size: int = 4) -> int:
        return int.from_bytes(self.take(size), "little")

    def padded(self) -> bytes:
        """A piece with its length before it, filled up to four bytes."""
        length = self.number()
        return self.take(length + -length % 4)[:length]


def _properties(block: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield MAPI properties with content by id (MS-OXTNEF 2.1.3.4); texts in Unicode come as UTF-8."""
    data = _Bytes(block)
    try:
        for _ in range(data.number()):
            kind, name = data.number(2), data.number(2)
            if name >= _NAMED:
                data.take(16)
                _ = data.padded() if data.number() else data.take(4)
            values = [_value(data, kind & ~_SEVERAL) for _ in range(_count(data, kind))]
            if values:
                yield name, values[0]
    except _CutOffError:
        return


def _count(data: _Bytes, kind: int) -> int:
    several = bool(kind & _SEVERAL) or kind in _VARIABLE
    return data.number() if several else 1


def _value(data: _Bytes, kind: int) -> bytes:
    if kind not in _VARIABLE:
        if kind not in _SIZES:
            raise _CutOffError  # its size is unknown, so nothing after it can be found
        return data.take(_SIZES[kind])
    content = data.padded()
    if kind == _UNICODE:
        return content.decode("utf-16-le", "replace").partition("\0")[0].encode("utf-8", "replace")
    return content[_INTERFACE:] if kind == _OBJECT else content


# S/MIME (RFC 8551) whose content is inside


def signed_content(data: bytes, *, most: int) -> bytes | None:
    """Return the mail that a signature or a compression wraps, or None where there is none to be read.

    Says nothing about the signature: whom a mail is from is proven by other means.
    """
    content: bytes | None = data
    for _ in range(3):  # a signature around a compression around a signature
        content = _unwrapped(content, most) if content is not None else None
        if content is not None and not content.startswith(b"\x30"):
            return content
    return None


def _unwrapped(data: bytes, most: int) -> bytes | None:
    try:
        info = cms.ContentInfo.load(data)
        kind, inner = info["content_type"].native, info["content"]["encap_content_info"]["content"]
        content = bytes(inner.native or b"")
        if kind == _COMPRESSED:
            content = zlib.decompressobj().decompress(content, most)
    except (ValueError, TypeError, KeyError, AttributeError, zlib.error):
        return None  # asn1crypto's ways to say that this is something else
    return content if kind in (_SIGNED, _COMPRESSED) and content else None
