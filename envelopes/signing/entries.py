r"""What a signature dictionary says besides the signature: who instructed, and what that person had seen.

Keys of this project begin with the developer prefix `FUKN_` (ISO 32000-1 Annex E, second class), so no
other software takes them for its own:

| key | value |
|---|---|
| `FUKN_SeenSHA256` | SHA-256 of the file the signer was shown, 64 lower-case hex digits |
| `FUKN_SeenLength` | its length N in bytes: `head -c N signed.pdf \| sha256sum` gives the line above |
| `FUKN_ConsentSHA256` | SHA-256 of the signer's consent record, hex; none in a completion certificate |
| `FUKN_EnvelopeRef`, `FUKN_CertificateId` | which envelope and which document of it |

They lie inside the signed byte range. What the words in Name and Reason must be is the caller's business.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pyhanko.pdf_utils.generic import NameObject, NumberObject, TextStringObject
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers.pdf_byterange import SignatureObject

from envelopes.rules.errors import FukanError
from envelopes.signing.reading import MALFORMED, UnreadablePdf, open_pdf

JST = dt.timezone(dt.timedelta(hours=9), "JST")

PREFIX = "/FUKN_"
_SEEN = f"{PREFIX}SeenSHA256"
_LENGTH = f"{PREFIX}SeenLength"
_CONSENT = f"{PREFIX}ConsentSHA256"
_ENVELOPE = f"{PREFIX}EnvelopeRef"
_CERTIFICATE = f"{PREFIX}CertificateId"


_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


class NotADigest(FukanError):
    """An entry's digest is not 64 lower-case hex digits: a mistake of the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one signature will say. Digests are SHA-256 in lower-case hex, *seen_length* is in bytes.

    Nobody's consent stands behind what the service certifies itself: *consent_sha256* is None there.
    """

    name: str
    reason: str
    location: str
    contact: str
    seen_sha256: str
    seen_length: int
    consent_sha256: str | None
    envelope_ref: str
    certificate_id: str

    def fits(self, data: bytes) -> bool:
        """Whether the first N bytes of *data* are what the signer was shown."""
        return fits(data, self.seen_sha256, self.seen_length)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What one signature in a file says. None where the dictionary is silent (a signature not made here).

    *byte_range* is as in the file: start and length of the two signed parts.
    """

    field: str
    name: str | None
    reason: str | None
    location: str | None
    contact: str | None
    seen_sha256: str | None
    seen_length: int | None
    consent_sha256: str | None
    envelope_ref: str | None
    certificate_id: str | None
    byte_range: tuple[int, ...]


def fits(data: bytes, sha256: str, length: int) -> bool:
    """Whether the first *length* bytes of *data* hash to *sha256* (lower-case hex)."""
    return 0 < length <= len(data) and hashlib.sha256(memoryview(data)[:length]).hexdigest() == sha256


def placeholder(entry: Entry, *, now: dt.datetime, room: int) -> SignatureObject:
    """Return the signature dictionary for *entry*, with *room* bytes for the signature and M in JST."""
    made = SignatureObject(
        timestamp=now.astimezone(JST).replace(microsecond=0),
        subfilter=SigSeedSubFilter.PADES,
        name=entry.name,
        reason=entry.reason,
        location=entry.location,
        contact_info=entry.contact,
        bytes_reserved=2 * room,
    )
    texts = {
        _SEEN: _digest(entry.seen_sha256),
        _CONSENT: entry.consent_sha256 and _digest(entry.consent_sha256),
        _ENVELOPE: entry.envelope_ref,
        _CERTIFICATE: entry.certificate_id,
    }
    made.update({NameObject(key): TextStringObject(text) for key, text in texts.items() if text})
    made[NameObject(_LENGTH)] = NumberObject(entry.seen_length)  # type: ignore[no-untyped-call]
    return made


def syntax(entry: Entry, *, now: dt.datetime) -> bytes:
    """Return in PDF syntax what the signature dictionary for *entry* says of it, M included."""
    texts = {
        "/Name": entry.name,
        "/Reason": entry.reason,
        "/Location": entry.location,
        "/ContactInfo": entry.contact,
        _SEEN: _digest(entry.seen_sha256),
        _CONSENT: entry.consent_sha256 and _digest(entry.consent_sha256),
        _ENVELOPE: entry.envelope_ref,
        _CERTIFICATE: entry.certificate_id,
    }
    said = b"".join(b"%b %b" % (key.encode(), _string(text)) for key, text in texts.items() if text)
    made = now.astimezone(JST).strftime("(D:%Y%m%d%H%M%S+09'00')").encode()
    return b"/M%b%b%b %d" % (made, said, _LENGTH.encode(), entry.seen_length)


def read_entries(data: bytes) -> list[Written]:
    """Return what each signature in *data* says, oldest first; document timestamps say nothing.

    Nothing is verified here. Raises UnreadablePdf.
    """
    try:
        return list(_read(open_pdf(data)))
    except MALFORMED as error:
        raise UnreadablePdf(type(error).__name__) from None


def written(field: str, dictionary: Mapping[str, Any]) -> Written:
    """Return what a signature dictionary says, in plain types."""
    length = dictionary.get(_LENGTH)
    return Written(
        field=field,
        name=_text(dictionary, "/Name"),
        reason=_text(dictionary, "/Reason"),
        location=_text(dictionary, "/Location"),
        contact=_text(dictionary, "/ContactInfo"),
        seen_sha256=_text(dictionary, _SEEN),
        seen_length=int(length) if isinstance(length, int) else None,
        consent_sha256=_text(dictionary, _CONSENT),
        envelope_ref=_text(dictionary, _ENVELOPE),
        certificate_id=_text(dictionary, _CERTIFICATE),
        byte_range=tuple(int(part) for part in dictionary["/ByteRange"]),
    )


def _read(reader: PdfFileReader) -> Iterator[Written]:
    for signature in reader.embedded_regular_signatures:
        yield written(str(signature.field_name), signature.sig_object)


def _string(text: str) -> bytes:
    """Return a text string (ISO 32000-1 7.9.2.2): ASCII as it is, everything else as UTF-16 in hex."""
    if text.isascii() and text.isprintable():
        return b"(%b)" % re.sub(r"([\\()])", r"\\\1", text).encode()
    return b"<feff%b>" % text.encode("utf-16-be").hex().encode()


def _text(dictionary: Mapping[str, Any], key: str) -> str | None:
    value = dictionary.get(key)
    return str(value) if isinstance(value, str) else None


def _digest(text: str) -> str:
    if not _SHA256_HEX.fullmatch(text):
        raise NotADigest
    return text
