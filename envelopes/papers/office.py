"""What a Word or Excel file is, by its content: its format, whether it wants a password, whether it can be opened.

Runs in a child (`papers.desk`). Nothing is converted here (`papers.convert`), and the name counts only where the
content says nothing. What is no Office file at all is refused as such.
"""

import io
import zipfile
import zlib
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import Final

import olefile

from envelopes.rules.errors import Reason, Refused

_ZIP: Final = b"PK\x03\x04"
_RTF: Final = b"{\\rtf"
_TYPES: Final = "[Content_Types].xml"  # ECMA-376-2 10.1.2.2: every package says what its parts are
_MOST_TYPES: Final = 1_000_000  # why: a list of parts; thousands of pictures stay below it
_MOST_TEXT: Final = 50_000_000  # why: looked through for tracked changes; no contract has more
_CHUNK: Final = 1 << 20
_RECORDS: Final = 100  # why: [MS-XLS] 2.1.7.20.3 puts FILEPASS right behind the first record
_CHANGES: Final = (b"<w:ins ", b"<w:del ", b"<w:moveFrom ", b"<w:moveTo ")


class Format(StrEnum):
    """What can become a PDF. The value is the ending under which LibreOffice gets it."""

    DOCX = "docx"
    DOC = "doc"
    XLSX = "xlsx"
    XLS = "xls"
    ODT = "odt"
    ODS = "ods"
    RTF = "rtf"


_OF_PARTS: Final = {
    b"wordprocessingml.document.main+xml": Format.DOCX,
    b"wordprocessingml.template.main+xml": Format.DOCX,
    b"ms-word.document.macroEnabled.main+xml": Format.DOCX,
    b"spreadsheetml.sheet.main+xml": Format.XLSX,
    b"spreadsheetml.template.main+xml": Format.XLSX,
    b"ms-excel.sheet.macroEnabled.main+xml": Format.XLSX,
}
_OF_MIMETYPES: Final = {
    b"application/vnd.oasis.opendocument.text": Format.ODT,
    b"application/vnd.oasis.opendocument.spreadsheet": Format.ODS,
}
# How the names of such files end, without the dot.
ENDINGS: Final = frozenset({*(one.value for one in Format), "docm", "dotx", "xlsm", "xltx"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A file that can be converted, and what staff should know of it."""

    format: Format
    warnings: tuple[Reason, ...] = ()


def examine(data: bytes, name: str) -> Office:
    """Return what *data* is, or raise Refused: FILE_TYPE, OFFICE_ENCRYPTED or OFFICE_BROKEN."""
    try:
        found = _examined(data)
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
        found = None  # zipfile and olefile raise these on what is not whole
    if found is None:
        ending = PurePath(name).suffix.lower().removeprefix(".")
        raise Refused(Reason.OFFICE_BROKEN if ending in ENDINGS else Reason.FILE_TYPE)
    return found


def _examined(data: bytes) -> Office | None:
    if data.startswith(_ZIP):
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            return _in_package(package)
    if data.startswith(olefile.MAGIC):
        with olefile.OleFileIO(data) as compound:
            return _in_compound(compound)
    return Office(format=Format.RTF) if data.startswith(_RTF) else None


# Packages: ZIP files of the newer formats


def _in_package(package: zipfile.ZipFile) -> Office | None:
    names = set(package.namelist())
    if _TYPES in names:
        types = _some(package, _TYPES)
        of = next((kind for mark, kind in _OF_PARTS.items() if mark in types), None)
        changed = of is Format.DOCX and _has_changes(package)
        return Office(format=of, warnings=(Reason.OFFICE_CHANGES,) if changed else ()) if of else None
    if "mimetype" in names:
        return _open_document(package, names)
    return None


def _open_document(package: zipfile.ZipFile, names: set[str]) -> Office | None:
    of = _OF_MIMETYPES.get(_some(package, "mimetype").strip())
    manifest = "META-INF/manifest.xml"
    if of and manifest in names and b"encryption-data" in _some(package, manifest):
        raise Refused(Reason.OFFICE_ENCRYPTED)
    return Office(format=of) if of else None


def _some(package: zipfile.ZipFile, name: str) -> bytes:
    with package.open(name) as part:
        return part.read(_MOST_TYPES)


def _has_changes(package: zipfile.ZipFile) -> bool:
    """Whether changes are marked that nobody has accepted; LibreOffice would draw them."""
    tail, left = b"", _MOST_TEXT
    with package.open("word/document.xml") as part:
        while left > 0 and (chunk := part.read(_CHUNK)):
            if any(mark in tail + chunk for mark in _CHANGES):
                return True
            tail, left = chunk[-16:], left - len(chunk)
    return False


# Compound files: the formats of before 2007, and the wrapping of an encrypted package


def _in_compound(compound: olefile.OleFileIO) -> Office | None:
    if compound.exists("EncryptedPackage") or compound.exists("EncryptionInfo"):
        raise Refused(Reason.OFFICE_ENCRYPTED)
    if compound.exists("WordDocument"):
        return _unlocked(Format.DOC, locked=_is_locked_word(_head(compound, "WordDocument")))
    for stream in ("Workbook", "Book"):
        if compound.exists(stream):
            return _unlocked(Format.XLS, locked=_is_locked_excel(_head(compound, stream)))
    if compound.exists("__properties_version1.0"):
        raise Refused(Reason.FILE_MESSAGE)  # [MS-OXMSG] 2.4: a mail that Outlook has saved
    return None


def _head(compound: olefile.OleFileIO, stream: str) -> bytes:
    with closing(compound.openstream(stream)) as opened:
        return bytes(opened.read(_CHUNK))


def _unlocked(of: Format, *, locked: bool) -> Office:
    if locked:
        raise Refused(Reason.OFFICE_ENCRYPTED)
    return Office(format=of)


def _is_locked_word(head: bytes) -> bool:
    """[MS-DOC] 2.5.2: fEncrypted is bit 8 of the flags at offset 10."""
    return len(head) > 11 and bool(head[11] & 1)  # noqa: PLR2004 -- the offset just named


def _is_locked_excel(head: bytes) -> bool:
    """[MS-XLS] 2.4.117: a FILEPASS record among the first says that the rest is encrypted."""
    place = 0
    for _ in range(_RECORDS):
        kind, length = head[place : place + 2], int.from_bytes(head[place + 2 : place + 4], "little")
        if kind == b"\x2f\x00":
            return True
        if len(kind) < 2 or kind == b"\x0a\x00":  # noqa: PLR2004 -- the end of the stream, or an EOF record
            return False
        place += 4 + length
    return False
