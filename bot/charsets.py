"""Bytes of Japanese mail → text. Knows character sets and the writing of headers, not the structure of mails.

Real mail seldom is what its label says: ISO-2022-JP carries NEC and IBM characters (①㈱髙, so really CP50220),
Shift_JIS is CP932, labels are unknown to Python or plainly wrong, headers hold raw 8-bit text. Nothing here
raises: what cannot be read becomes U+FFFD. Only codecs on the list are used, because a label is a stranger's
word and Python has codecs (punycode, idna) that a long text can keep busy for hours.
"""

import base64
import binascii
import quopri
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

_HEADER_BYTES: Final = 65_536  # no honest header is longer, and nothing here should read megabytes for one
_NAME_CHARACTERS: Final = 200  # below the 255 bytes of common file systems for most names

_JIS_ESCAPE: Final = re.compile(rb"\x1b(\$\([A-DO-Q]|\$[@AB]|\([A-Z])")
# ISO 2022 sets that CPython reads, by escape; the double-byte set of 1978/1983 is read as CP932 below.
_JIS_OTHER: Final = {
    b"$A": "iso2022_jp_2",
    b"$(C": "iso2022_jp_2",
    b"$(D": "iso2022_jp_2",
    b"$(O": "iso2022_jp_3",
    b"$(P": "iso2022_jp_2004",
    b"$(Q": "iso2022_jp_2004",
}
_EUC_RUN: Final = re.compile(
    rb"(?:[\xa1-\xfe]{2})+|\x8e[\xa1-\xdf]|\x8f[\xa1-\xfe]{2}|[^\x8e\x8f\xa1-\xfe]+|.", re.DOTALL
)


# Decoders of our own


def _sjis_pairs(pairs: bytes) -> bytes:
    """Return rows and cells of JIS X 0208 (0x21..0x7E each, high bit ignored) in the positions of Shift_JIS."""
    return bytes(
        byte
        for row, cell in zip(pairs[::2], pairs[1::2], strict=False)
        for byte in _sjis_pair((row & 0x7F) - 0x21, (cell & 0x7F) - 0x21)
    )


def _sjis_pair(row: int, cell: int) -> tuple[int, int]:
    """Two rows of 94 cells share a lead byte; leads jump over the kana (0xA0), trails over DEL (0x7F)."""
    lead = 0x81 + row // 2
    trail = 0x40 + cell + (94 if row % 2 else 0)
    return lead + (0x40 if lead >= 0xA0 else 0), trail + (1 if trail >= 0x7F else 0)  # noqa: PLR2004


def decode_jis(data: bytes, errors: str = "replace") -> str:
    """Decode CP50220/CP50221 and the sets of ISO-2022-JP-2 to -2004, switched by escapes in any order."""
    out: list[str] = []
    position, charset = 0, b"(B"
    for found in _JIS_ESCAPE.finditer(data):
        out.append(_jis_run(charset, data[position : found.start()], errors))
        position, charset = found.end(), found[1]
    out.append(_jis_run(charset, data[position:], errors))
    return "".join(out)


def _jis_run(charset: bytes, run: bytes, errors: str) -> str:
    """Decode what stands between two escapes. A line end leads back to ASCII, as RFC 1468 has it."""
    if not charset.startswith(b"$"):
        return _single_bytes(charset, run, errors)
    head, end, tail = run.partition(b"\n")
    stray = head.endswith(b"\r")
    pairs = head[:-1] if stray else head
    text = _double_bytes(charset, pairs, errors)
    return (
        text + ("\r" if stray else "") + end.decode() + (_single_bytes(b"(B", tail, errors) if tail else "")
    )


def _double_bytes(charset: bytes, pairs: bytes, errors: str) -> str:
    if charset in _JIS_OTHER:
        return (b"\x1b" + charset + pairs + b"\x1b(B").decode(_JIS_OTHER[charset], errors)
    if any(not 0x21 <= byte <= 0x7E for byte in pairs):  # noqa: PLR2004 -- the plane of ISO 2022
        return _guess_without_jis(pairs) if errors == "replace" else pairs.decode("ascii")
    return _sjis_pairs(pairs).decode("cp932", errors)


def _single_bytes(charset: bytes, run: bytes, errors: str) -> str:
    if charset == b"(I":
        return bytes(byte | 0x80 if byte > 0x20 else byte for byte in run).decode("cp932", errors)  # noqa: PLR2004
    if run.isascii() or errors != "replace":
        return run.decode("ascii", errors)
    return _guess_without_jis(run)


def decode_euc(data: bytes, errors: str = "replace") -> str:
    """Decode EUC-JP as Windows writes it (CP51932): with the rows of NEC and IBM and with half-width kana."""
    return "".join(_euc_run(found[0], errors) for found in _EUC_RUN.finditer(data))


def _euc_run(run: bytes, errors: str) -> str:
    if run[0] >= 0xA1 and len(run) > 1:  # noqa: PLR2004 -- the first byte of a pair in EUC
        return _sjis_pairs(run).decode("cp932", errors)
    return run.decode("euc_jp", errors)


# Labels

_Decoder = Callable[[bytes, str], str]


def _python(codec: str) -> _Decoder:
    return lambda data, errors: data.decode(codec, errors)


def _labels() -> Iterator[tuple[str, _Decoder]]:
    own: tuple[tuple[_Decoder, str], ...] = (
        (decode_jis, "iso-2022-jp iso-2022-jp-1 iso-2022-jp-2 iso-2022-jp-3 iso-2022-jp-2004 iso-2022-jp-ms"),
        (decode_jis, "iso-2022-jp-ext csiso2022jp csiso2022jp2 x-iso-2022-jp iso2022-jp jis jis7"),
        (decode_jis, "cp50220 cp50221 cp50222"),
        (decode_euc, "euc-jp eucjp x-euc-jp x-euc ujis cp51932 cp20932 cseucpkdfmtjapanese"),
        (decode_euc, "eucjp-ms eucjp-win eucjpms euc-jp-ms"),
    )
    python = {
        "utf-8": "utf-8 utf8 utf-8n utf8mb4 unicode-1-1-utf-8 x-utf-8 utf-8-sig cp65001",
        "cp932": "cp932 ms932 windows-31j cswindows31j shift-jis shift-jisx0213 shiftjis sjis x-sjis"
        " ms-kanji csshiftjis x-ms-cp932 windows-932 sjis-win",
        "utf-7": "utf-7 utf7 unicode-1-1-utf-7",
        "utf-16": "utf-16 utf16 unicode ucs-2",
        "utf-16-le": "utf-16le",
        "utf-16-be": "utf-16be",
        "utf-32": "utf-32",
        "cp1252": "windows-1252 cp1252 iso-8859-1 latin1 latin-1 iso8859-1",
        "iso-8859-15": "iso-8859-15",
        "gb18030": "gb2312 gbk gb18030 x-gbk cp936 hz-gb-2312 euc-cn",
        "big5hkscs": "big5 big5-hkscs cn-big5 x-big5",
        "cp949": "ks-c-5601-1987 euc-kr cp949 ksc5601 windows-949",
        "iso2022_kr": "iso-2022-kr",
        "koi8-r": "koi8-r",
        "koi8-u": "koi8-u",
    }
    single = [f"iso-8859-{number}" for number in (*range(2, 12), 13, 14, 16)]
    single += [f"windows-125{number}" for number in (0, 1, 3, 4, 5, 6, 7, 8)]
    for decoder, names in own:
        yield from ((name, decoder) for name in names.split())
    for codec, names in python.items():
        yield from ((name, _python(codec)) for name in names.split())
    yield from ((name, _python(name)) for name in single)


_DECODERS: Final = dict(_labels())
# Labels that broken software puts on anything: valid UTF-8 under them is UTF-8.
_LIARS: Final = frozenset({"windows-1252", "cp1252", "iso-8859-1", "latin1", "latin-1", "iso8859-1"})


def decode(data: bytes, label: str | None = None) -> str:
    """Return *data* as text: by *label* if that fits, else by what it looks like."""
    name = re.sub(r"[_ ]", "-", (label or "").strip(" \"'\t").lower())
    decoder = _DECODERS.get(name)
    if decoder is None or (name in _LIARS and _is_utf8(data)):
        return _clean(_guess(data))
    if decoder is not decode_jis and b"\x1b$" in data:
        return _clean(decode_jis(data))
    try:
        return _clean(decoder(data, "strict"))
    except UnicodeError:
        return _clean(_best(data, first=decoder))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _guess(data: bytes) -> str:
    """Decode bytes whose label is missing or unknown."""
    if _JIS_ESCAPE.search(data):
        return decode_jis(data)
    return _guess_without_jis(data)


def _guess_without_jis(data: bytes) -> str:
    return data.decode("utf-8") if _is_utf8(data) else _best(data, first=_python("utf-8"))


def _best(data: bytes, *, first: _Decoder) -> str:
    """Return the reading with the fewest signs of a wrong guess; *first* wins a draw."""
    decoders = (first, _python("utf-8"), _python("cp932"), decode_euc)
    readings = [decoder(data, "replace") for decoder in decoders]
    return min(readings, key=_strangeness)


def _strangeness(text: str) -> int:
    """Weigh characters that honest Japanese text hardly has: bytes misread as half-width kana above all."""
    return sum(
        8 if character == "\ufffd" else 2 if "\uff61" <= character <= "\uff9f" else 4
        for character in text
        if character == "\ufffd" or "\uff61" <= character <= "\uff9f" or _odd(character)
    )


def _odd(character: str) -> bool:
    return character not in "\t\r\n\x0c" and unicodedata.category(character) in ("Cc", "Co", "Cn", "Cs")


def _clean(text: str) -> str:
    """Drop a byte order mark and NUL (which no database keeps); replace halves of surrogate pairs."""
    text = text.removeprefix("\ufeff").replace("\x00", "")
    if any("\ud800" <= character <= "\udfff" for character in text):
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


# Headers

_ENCODED_WORD: Final = re.compile(r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,20})?\?([bBqQ])\?([^?]*)\?=")
_CONTROLS: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+"
)


def unfold(raw: str) -> str:
    """Return a header's raw value (ASCII with surrogate escapes) on one line, its bytes decoded, words not yet.

    Must come before any look at quotes or commas: raw ISO-2022-JP has those bytes inside its characters.
    """
    data = raw[:_HEADER_BYTES].encode("utf-8", "surrogateescape")
    line = re.sub(rb"[\r\n]+(?=[ \t])|[\r\n]+", b"", data)
    return line.decode() if line.isascii() and b"\x1b" not in line else _clean(_guess(line))


def decode_words(text: str) -> str:
    """Decode RFC 2047 words wherever they stand; the bytes of neighbours are joined before they are decoded."""
    out: list[str] = []
    run, charset, position = b"", "", 0
    for found in _ENCODED_WORD.finditer(text):
        gap, label = text[position : found.start()], found[1].lower()
        if run and (gap.strip() or label != charset):
            out.append(decode(run, charset))
            run = b""
            out.append(gap if gap.strip() else "")
        elif not run:
            out.append(gap)
        run, charset, position = run + _word_bytes(found[2], found[3]), label, found.end()
    out.append(decode(run, charset) if run else "")
    out.append(text[position:])
    return "".join(out)


def _word_bytes(encoding: str, text: str) -> bytes:
    if encoding in "bB":
        return decode_base64(text.encode("ascii", "ignore"))
    return quopri.decodestring(text.replace("_", " ").encode("ascii", "replace"))


def decode_base64(data: bytes) -> bytes:
    """Decode what there is: foreign characters are skipped, missing padding is added, a half byte dropped.

    Padding in the middle ends one run and begins the next, as where mailers join several encodings.
    """
    runs = re.split(rb"=+", re.sub(rb"[^A-Za-z0-9+/=]", b"", data))
    return b"".join(_base64_run(run) for run in runs)


def _base64_run(run: bytes) -> bytes:
    whole = run[:-1] if len(run) % 4 == 1 else run
    try:
        return base64.b64decode(whole + b"=" * (-len(whole) % 4))
    except binascii.Error:
        return b""


def header_text(raw: str) -> str:
    """Return a header's value for people: decoded, on one line, without control characters."""
    return one_line(decode_words(unfold(raw)))


def one_line(text: str) -> str:
    """Make every run of control characters one space: no value can begin a new header or line, or turn one around."""
    return _CONTROLS.sub(" ", text).strip()


# Parameters (RFC 2045, RFC 2231)

_PARAMETER: Final = re.compile(
    r";[ \t]{0,20}([\w!#$&+.^`|~-]{1,60})(?:\*([0-9]{1,3}))?(\*?)[ \t]{0,20}=[ \t]{0,20}"
    r"(\"(?:[^\"\\]|\\.)*\"|[^;]*)"
)


def parameter(raw: str, name: str) -> str:
    """Return the parameter *name* of a raw header value, "" if absent.

    RFC 2231 goes before a plain value, which may hold RFC 2047 words or raw 8-bit text all the same.
    """
    pieces: dict[int, tuple[bool, str]] = {}
    plain = ""
    for found in _PARAMETER.finditer(unfold(raw)):
        key, section, encoded, value = found[1].lower(), found[2], found[3], _unquote(found[4])
        if key != name:
            continue
        if section or encoded:
            pieces.setdefault(int(section or 0), (bool(encoded), value))
        else:
            plain = plain or value
    text = _extended(pieces) if pieces else plain
    return decode_words(re.sub(r"\?=\s+=\?", "?==?", text)) if "=?" in text else text


def _unquote(value: str) -> str:
    bare = value.strip()
    if not bare.startswith('"'):
        return bare
    return re.sub(r'\\(["\\])', r"\1", bare[1:].removesuffix('"'))


def _extended(pieces: dict[int, tuple[bool, str]]) -> str:
    """Join the sections of RFC 2231, then decode: a character may be split between two of them."""
    charset, data = "", b""
    for number, (encoded, value) in sorted(pieces.items()):
        text = value
        if encoded and number == min(pieces) and text.count("'") > 1:
            charset, _, text = text.split("'", 2)
        raw = text.encode("utf-8", "replace")
        data += unquote_to_bytes(raw) if encoded else raw
    return decode(data, charset or None)


def file_name(written: str) -> str:
    """Return *written* as the name of a file: no folders, no controls, its characters kept; "" if none is left.

    Only a letter with its own combining marks is composed (が from a Mac). NFC as a whole would exchange
    compatibility ideographs, which stand in people's names.
    """
    composed = re.sub(
        r".[\u0300-\u036f\u3099\u309a]+", lambda found: unicodedata.normalize("NFC", found[0]), written
    )
    base = one_line(composed).replace("\\", "/").rpartition("/")[2].strip(". ")
    if len(base) <= _NAME_CHARACTERS:
        return base
    stem, dot, suffix = base.rpartition(".")
    return f"{stem[: _NAME_CHARACTERS - 10]}{dot}{suffix[:9]}" if dot else base[:_NAME_CHARACTERS]
