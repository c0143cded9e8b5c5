"""Bytes of a mail → ParsedMail: text, files, who says to have sent it, and whether a person did.

A pure function for a killable child: it holds no secret, opens nothing, and raises nothing but `Refused`.
Decoding stands in charsets.py, text of HTML in html_text.py, signs of automatic mail in automatic.py. What
is believed of a sender is senders.py's question. Packed or sealed files (winmail.dat, S/MIME, ZIP) come out
as they are: no file is dropped but pictures that the letter itself shows.
"""

import quopri
import re
from collections import defaultdict
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from email import policy
from email.message import Message
from email.parser import BytesParser
from enum import StrEnum
from typing import Final

from bot.automatic import Sign, signs
from bot.charsets import (
    decode,
    decode_base64,
    file_name,
    header_text,
    one_line,
    parameter,
    unfold,
)
from bot.html_text import html_to_text
from bot.mailboxes import Mailbox, mailboxes
from envelopes.rules.errors import Reason, Refused

MOST_PARTS: Final = 500  # why: a long forwarded thread has some dozens; a bomb has thousands
MOST_LEVELS: Final = 20  # why: forwards within forwards end below ten
_PDF_MARK: Final = b"%PDF-"
_PDF_HEAD: Final = 1024  # ISO 32000-1 annex H.3.4.1: readers look for the header in the first 1024 bytes
_MOST_REFERENCES: Final = 100
_MOST_HEADERS: Final = 2_000
_PDF: Final = "application/pdf"
_BYTES: Final = "application/octet-stream"
_SUFFIXES: Final = {
    _PDF: ".pdf",
    "text/plain": ".txt",
    "text/html": ".html",
    "image/png": ".png",
    "image/jpeg": ".jpg",
}
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]{1,900}>")
_PGP: Final = "-----BEGIN PGP MESSAGE-----"
_ZIP_MARK: Final = b"PK\x03\x04"
_ZIP_FLAGS: Final = (
    6  # APPNOTE 4.3.7: offset of the general purpose flags in a local file header; bit 0: encrypted
)


class Sealed(StrEnum):
    """How a mail, or a part of it, is wrapped so that it cannot be read as it is."""

    SMIME_ENCRYPTED = "smime-encrypted"
    SMIME_SIGNED = "smime-signed"  # opaque: the signed mail stands inside smime.p7m
    PGP_ENCRYPTED = "pgp-encrypted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of the mail. `media_type` is `application/pdf` exactly where the content says so."""

    name: str
    media_type: str
    data: bytes = field(repr=False)

    @property
    def is_pdf(self) -> bool:
        """By content, not by name."""
        return self.media_type == _PDF

    @property
    def is_locked_archive(self) -> bool:
        """A ZIP whose first file wants a password."""
        flags = self.data[_ZIP_FLAGS : _ZIP_FLAGS + 1]
        return self.data.startswith(_ZIP_MARK) and flags != b"" and flags[0] & 1 == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A trace header: its place among all headers from the top (0) and its value on one line."""

    position: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedMail:
    """What a mail says of itself. Nothing here is proven; `sender` is `None` unless there is exactly one From.

    `senders_said` counts the From mailboxes written; `message_id` is "" and `references` empty where absent or
    malformed (both with angle brackets); `date_said` is the text of Date, for people only.
    """

    subject: str
    sender: Mailbox | None
    senders_said: int
    to: tuple[str, ...]
    message_id: str
    references: tuple[str, ...]
    date_said: str
    text: str = field(repr=False)
    attachments: tuple[Attachment, ...]
    authentication_results: tuple[Header, ...]
    dkim_signatures: tuple[Header, ...]
    signs: frozenset[Sign]
    sealed: frozenset[Sealed]

    @property
    def automatic(self) -> bool:
        """No person wrote it, so it is never answered."""
        return bool(self.signs)

    @property
    def encrypted(self) -> bool:
        """Some of it can be read with the recipient's key only."""
        return bool(self.sealed - {Sealed.SMIME_SIGNED})


_Part = Message


def parse(raw: bytes, *, decoded_limit: int) -> ParsedMail:
    """Read a mail whose parts decode to at most *decoded_limit* bytes.

    Raises `Refused`: `MAIL_TOO_BIG`, or `MAIL_UNREADABLE` for more parts or levels than a mail can need.
    """
    try:
        message = _message(raw)
        leaves = _Leaves(decoded_limit)
        leaves.walk(message, level=0)
        return _parsed(message, leaves)
    except RecursionError:
        raise Refused(Reason.MAIL_UNREADABLE) from None


def _message(raw: bytes) -> _Part:
    # compat32 keeps headers as they came; the newer policies rewrite, and fail on, what they do not understand.
    return BytesParser(policy=policy.compat32).parsebytes(raw)


def _parsed(message: _Part, leaves: "_Leaves") -> ParsedMail:
    headers = _headers(message)
    senders = [box for raw in headers.get("from", ()) for box in mailboxes(unfold(raw))]
    sender = senders[0] if len(senders) == len(headers["from"]) == 1 and senders[0].address else None
    subject = header_text(next(iter(headers.get("subject", ())), ""))
    said = {name: [header_text(raw) for raw in values] for name, values in headers.items()}
    address = sender.address if sender else ""
    return ParsedMail(
        subject=subject,
        sender=sender,
        senders_said=len(senders),
        to=_recipients(headers),
        message_id=next(iter(_MESSAGE_ID.findall(" ".join(said.get("message-id", ())))), ""),
        references=_references(said),
        date_said=next(iter(said.get("date", ())), ""),
        text=_letter(message),
        attachments=leaves.attachments(),
        authentication_results=_trace(message, "authentication-results"),
        dkim_signatures=_trace(message, "dkim-signature"),
        signs=signs(said, sender=address, subject=subject),
        sealed=frozenset(leaves.sealed),
    )


# Headers


def _headers(part: _Part) -> dict[str, list[str]]:
    """Raw values by name in lower case, from the top."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, value in list(part.raw_items())[:_MOST_HEADERS]:
        found[name.strip().lower()].append(str(value))
    return found


def _first(part: _Part, name: str) -> str:
    """The topmost raw value of *name*, "" if absent."""
    return next((str(value) for key, value in part.raw_items() if key.lower() == name), "")


def _trace(message: _Part, name: str) -> tuple[Header, ...]:
    return tuple(
        Header(position=position, value=one_line(unfold(str(value))))
        for position, (key, value) in enumerate(message.raw_items())
        if key.strip().lower() == name
    )


def _recipients(headers: dict[str, list[str]]) -> tuple[str, ...]:
    written = [raw for name in ("to", "cc") for raw in headers.get(name, ())]
    boxes = [box.address for raw in written for box in mailboxes(unfold(raw)) if box.address]
    return tuple(dict.fromkeys(boxes))


def _references(said: dict[str, list[str]]) -> tuple[str, ...]:
    """Message-IDs of References, then In-Reply-To, each once; of a very long thread the latest."""
    text = " ".join(value for name in ("references", "in-reply-to") for value in said.get(name, ()))
    return tuple(dict.fromkeys(_MESSAGE_ID.findall(text)))[-_MOST_REFERENCES:]


def _type(part: _Part) -> str:
    """The media type in lower case; RFC 2045 5.2: text/plain where none or nonsense is written."""
    written = unfold(_first(part, "content-type")).partition(";")[0].strip().lower()
    return (
        written
        if re.fullmatch(r"[\w!#$&^.+-]{1,80}/[\w!#$&^.+-]{1,120}", written)
        else part.get_default_type()
    )


def _name(part: _Part) -> str:
    disposition = parameter(_first(part, "content-disposition"), "filename")
    return file_name(disposition or parameter(_first(part, "content-type"), "name"))


def _is_attached(part: _Part) -> bool:
    return unfold(_first(part, "content-disposition")).strip().lower().startswith("attachment")


def _content(part: _Part) -> bytes:
    """The content of a leaf exactly as it came. `get_payload()` gives that only where no encoding is said."""
    bare = copy(part)
    del bare["content-transfer-encoding"]
    raw = bare.get_payload(decode=True)
    return raw if isinstance(raw, bytes) else b""


def _bytes(part: _Part) -> bytes:
    """The decoded content of a leaf. What is not base64 or quoted-printable is taken as it stands."""
    raw = _content(part)
    match unfold(_first(part, "content-transfer-encoding")).strip().lower().partition(";")[0].strip():
        case "base64":
            return decode_base64(raw)
        case "quoted-printable":
            return quopri.decodestring(raw)
        case _:
            return raw


def _children(part: _Part) -> list[_Part]:
    """The parts of a multipart or the mail inside a mail; of a leaf none."""
    # Asked of a leaf, get_payload() would decode it with whatever codec the mail names.
    payload = part.get_payload() if part.is_multipart() else []
    return [child for child in payload if isinstance(child, Message)]


def _inner_mail(part: _Part) -> _Part | None:
    """The mail in a message/rfc822 part, also where a mailer encoded it against RFC 2046 5.2.1."""
    inner = next(iter(_children(part)), None)
    encoding = unfold(_first(part, "content-transfer-encoding")).strip().lower()
    if inner is None or encoding not in ("base64", "quoted-printable") or list(inner.raw_items()):
        return inner
    raw = _content(inner)
    return _message(decode_base64(raw) if encoding == "base64" else quopri.decodestring(raw))


# Files


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leaf:
    part: _Part
    media_type: str
    name: str
    data: bytes
    mail: int  # which mail of those inside each other it belongs to


class _Leaves:
    """All leaves of a mail in order, counted against the limits while they are found."""

    def __init__(self, decoded_limit: int) -> None:
        self.found: list[_Leaf] = []
        self.sealed: set[Sealed] = set()
        self._left = decoded_limit
        self._parts = 0
        self._mails = 0

    def walk(self, part: _Part, *, level: int, mail: int = 0) -> None:
        """Visit *part* and all below it, or raise `Refused` when a limit is passed."""
        self._parts += 1
        if self._parts > MOST_PARTS or level > MOST_LEVELS:
            raise Refused(Reason.MAIL_UNREADABLE)
        media_type = _type(part)
        self._note_seal(part, media_type)
        if media_type.startswith("message/") and (inner := _inner_mail(part)) is not None:
            self._mails += 1
            self.walk(inner, level=level + 1, mail=self._mails)
        elif children := _children(part):
            for child in children:
                self.walk(child, level=level + 1, mail=mail)
        else:
            self._take(part, media_type, mail)

    def _take(self, part: _Part, media_type: str, mail: int) -> None:
        data = _bytes(part)
        self._left -= len(data)
        if self._left < 0:
            raise Refused(Reason.MAIL_TOO_BIG)
        name = _name(part)
        if _is_pdf(data, letter=_may_be_letter(media_type, name)):
            media_type = _PDF
        elif media_type == _PDF or media_type.startswith(("multipart/", "message/")):
            media_type = _BYTES if data.strip() or media_type == _PDF else "text/plain"
        if media_type.startswith("text/") and _PGP.encode() in data:
            self.sealed.add(Sealed.PGP_ENCRYPTED)
        self.found.append(_Leaf(part=part, media_type=media_type, name=name, data=data, mail=mail))

    def _note_seal(self, part: _Part, media_type: str) -> None:
        if media_type == "multipart/encrypted":
            self.sealed.add(Sealed.PGP_ENCRYPTED)
        elif media_type in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
            kind = parameter(_first(part, "content-type"), "smime-type").lower()
            signed = kind in ("signed-data", "compressed-data", "certs-only")
            self.sealed.add(Sealed.SMIME_SIGNED if signed else Sealed.SMIME_ENCRYPTED)

    def attachments(self) -> tuple[Attachment, ...]:
        """Return every leaf that is a file, named even where the mail names it not."""
        shown = {(leaf.mail, cid) for leaf in self.found for cid in _cids_used(leaf)}
        files = [leaf for leaf in self.found if _is_file(leaf) and not _is_shown(leaf, shown)]
        return tuple(
            Attachment(
                name=leaf.name or f"添付{number}{_SUFFIXES.get(leaf.media_type, '')}",
                media_type=leaf.media_type,
                data=leaf.data,
            )
            for number, leaf in enumerate(files, start=1)
        )


def _is_file(leaf: _Leaf) -> bool:
    """A leaf with a name, or that is no text, or that says to be attached."""
    if not leaf.data and not leaf.name:
        return False
    return not _may_be_letter(leaf.media_type, leaf.name) or _is_attached(leaf.part)


def _may_be_letter(media_type: str, name: str) -> bool:
    return media_type in ("text/plain", "text/html") and not name


def _is_pdf(data: bytes, *, letter: bool) -> bool:
    """By content; a letter may speak of "%PDF-", so there it must be the very beginning."""
    head = data[:_PDF_HEAD]
    return head.lstrip().startswith(_PDF_MARK) if letter else _PDF_MARK in head


def _cids_used(leaf: _Leaf) -> Iterator[str]:
    if leaf.media_type == "text/html":
        for found in re.finditer(rb"cid:([^\s\"'<>)]{1,250})", leaf.data, re.IGNORECASE):
            yield found[1].decode("ascii", "replace").lower()


def _is_shown(leaf: _Leaf, shown: set[tuple[int, str]]) -> bool:
    """A picture that the HTML of the same mail shows is part of the letter, no file."""
    cid = unfold(_first(leaf.part, "content-id")).strip().strip("<>").lower()
    return leaf.media_type.startswith("image/") and bool(cid) and (leaf.mail, cid) in shown


# The letter


def _letter(message: _Part) -> str:
    """The text of the letter: written text before HTML, and nothing of the mails inside it."""
    return "\n".join(text for _, text in _texts(message) if text.strip()).strip("\r\n")


def _texts(part: _Part, level: int = 0) -> list[tuple[bool, str]]:
    """Texts in order, each with whether it was written as text."""
    media_type = _type(part)
    children = _children(part) if level <= MOST_LEVELS and not media_type.startswith("message/") else []
    if not children:
        return _leaf_text(part, media_type)
    below = [_texts(child, level + 1) for child in children]
    if media_type == "multipart/alternative":
        return _preferred(below)
    return [text for texts in below for text in texts]


def _preferred(alternatives: list[list[tuple[bool, str]]]) -> list[tuple[bool, str]]:
    """Of alternatives, the first that was written as text and is not empty; else the last with any words."""
    filled = [texts for texts in alternatives if any(text.strip() for _, text in texts)]
    plain = [texts for texts in filled if any(written and text.strip() for written, text in texts)]
    return (plain or filled[-1:] or [[]])[0]


def _leaf_text(part: _Part, media_type: str) -> list[tuple[bool, str]]:
    if not _may_be_letter(media_type, _name(part)) or _is_attached(part):
        return []
    data = _bytes(part)
    if _is_pdf(data, letter=True):
        return []
    content_type = _first(part, "content-type")
    text = decode(data, parameter(content_type, "charset"))
    if media_type == "text/html":
        return [(False, html_to_text(text))]
    if parameter(content_type, "format").lower() == "flowed":
        text = _unflow(text, delsp=parameter(content_type, "delsp").lower() == "yes")
    return [(True, text)]


def _unflow(text: str, *, delsp: bool) -> str:
    """Join the lines that the mailer broke (RFC 3676 4.1); lines of different quoting are never joined."""
    out: list[str] = []
    open_quote: str | None = None
    for line in text.splitlines():
        quote = line[: len(line) - len(line.lstrip(">"))]
        body = line[len(quote) :].removeprefix(" ")
        flowed = body.endswith(" ") and body != "-- "
        kept = body[:-1] if flowed and delsp else body
        if open_quote == quote and body != "-- ":
            out[-1] += kept
        else:
            out.append(f"{quote} {kept}" if quote else kept)
        open_quote = quote if flowed else None
    return "\n".join(out)
