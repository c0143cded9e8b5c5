"""Bytes of a mail → the tree of its parts, opened as far as it can be: forwards, opaque signatures, archives.

Parts, levels and decoded bytes are counted while the tree grows, so that no mail makes more of them than people need.
What a part says is decided here only as far as opening it goes; what the mail says is parse.py's question.
"""

import binascii
import quopri
import re
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from email import policy
from email.message import Message
from email.parser import BytesParser
from enum import StrEnum
from typing import Final

from bot import unpack
from bot.charsets import decode_base64, file_name, parameter, unfold
from bot.unpack import Member
from envelopes.rules.errors import Reason, Refused

MOST_PARTS: Final = 500  # why: a long forwarded thread has some dozens; a bomb has thousands
MOST_LEVELS: Final = 20  # why: forwards within forwards end below ten
MOST_ARCHIVES: Final = 3  # why: an archive in an archive happens; more within each other is a bomb
PDF: Final = "application/pdf"
_BYTES: Final = "application/octet-stream"
_PDF_MARK: Final = b"%PDF-"
_PDF_HEAD: Final = 1024  # ISO 32000-1 annex H.3.4.1: readers look for the header in the first 1024 bytes
_PGP: Final = b"-----BEGIN PGP MESSAGE-----"
_SMIME: Final = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_WRAPPED: Final = frozenset({"signed-data", "compressed-data", "certs-only"})
_UUENCODED: Final = frozenset({"x-uuencode", "uuencode", "x-uue"})
_HEADER: Final = re.compile(rb"(?:[A-Za-z0-9-]{1,60}:[^\n]{0,2000}\n(?:[ \t][^\n]{0,2000}\n){0,200}){2}")


class Sealed(StrEnum):
    """How a mail, or a part of it, is wrapped so that it cannot be read as it is."""

    SMIME_ENCRYPTED = "smime-encrypted"
    SMIME_SIGNED = "smime-signed"  # opaque: the signed mail stands inside smime.p7m
    PGP_ENCRYPTED = "pgp-encrypted"


class Kind(StrEnum):
    """What a part is: a leaf, parts beside each other, a mail inside the mail, or what was packed."""

    LEAF = "leaf"
    PARTS = "parts"
    MAIL = "mail"
    PACKED = "packed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One part. `message` are its headers, of a `MAIL` those of the mail inside; a packed file has none.

    `data` is the decoded content of a leaf; `mail` tells mails inside each other apart; `problem` is why a leaf that
    could hold files was not opened.
    """

    kind: Kind
    media_type: str
    message: Message | None
    mail: int
    name: str = ""
    data: bytes = b""
    children: tuple["Node", ...] = ()
    problem: Reason | None = None

    @property
    def is_attached(self) -> bool:
        """It says to be attached, or came out of an archive."""
        return self.message is None or is_attached(self.message)

    @property
    def may_be_letter(self) -> bool:
        """Text without a name: words to read rather than a file."""
        return self.media_type in ("text/plain", "text/html") and not self.name

    def leaves(self) -> Iterator["Node"]:
        """All leaves in order."""
        if self.kind is Kind.LEAF:
            yield self
        for child in self.children:
            yield from child.leaves()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A mail as a tree, and how parts of it are sealed."""

    root: Node
    sealed: frozenset[Sealed]


def grow(message: Message, *, decoded_limit: int) -> Tree:
    """Return the tree of *message*.

    Raises `Refused`: `MAIL_TOO_BIG`, or `MAIL_UNREADABLE` for more parts or levels than a mail can need.
    """
    gardener = _Gardener(decoded_limit)
    root = gardener.grown(message, level=0, mail=0)
    return Tree(root=root, sealed=frozenset(gardener.sealed))


def read(raw: bytes) -> Message:
    """Take a mail apart as far as the standard library does."""
    # compat32 keeps headers as they came; the newer policies rewrite, and fail on, what they do not understand.
    return BytesParser(policy=policy.compat32).parsebytes(raw)


def read_head(raw: bytes) -> Message:
    """The fields of a mail as `read` sees them, its body left in one piece."""
    return BytesParser(policy=policy.compat32).parsebytes(raw, headersonly=True)


class _Gardener:
    """Grows a tree and counts what it holds."""

    def __init__(self, decoded_limit: int) -> None:
        self.sealed: set[Sealed] = set()
        self._left = decoded_limit
        self._parts = 0
        self._mails = 0

    def grown(self, part: Message, *, level: int, mail: int) -> Node:
        """Return *part* with all below it."""
        self._count(level)
        media_type = type_of(part)
        if media_type == "multipart/encrypted":
            self.sealed.add(Sealed.PGP_ENCRYPTED)
        if media_type.startswith("message/") and (inner := _inner_mail(part)) is not None:
            return self._mail(inner, level=level)
        if children := _children(part):
            below = tuple([self.grown(child, level=level + 1, mail=mail) for child in children])
            return Node(kind=Kind.PARTS, media_type=media_type, message=part, mail=mail, children=below)
        return self._leaf(part, media_type, level=level, mail=mail)

    def _count(self, level: int) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS or level > MOST_LEVELS:
            raise Refused(Reason.MAIL_UNREADABLE)

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise Refused(Reason.MAIL_TOO_BIG)

    def _mail(self, inner: Message, *, level: int) -> Node:
        self._mails += 1
        number = self._mails
        below = self.grown(inner, level=level + 1, mail=number)
        return Node(
            kind=Kind.MAIL, media_type="message/rfc822", message=inner, mail=number, children=(below,)
        )

    def _leaf(self, part: Message, media_type: str, *, level: int, mail: int) -> Node:
        data, name = _bytes(part), _name(part)
        self._spend(len(data))
        if media_type in _SMIME and (signed := self._signed(part, data)) is not None:
            inner = self.grown(read(signed), level=level + 1, mail=mail)
            return Node(kind=Kind.PARTS, media_type=media_type, message=part, mail=mail, children=(inner,))
        if media_type.startswith("text/") and _PGP in data:
            self.sealed.add(Sealed.PGP_ENCRYPTED)
        leaf = Node(
            kind=Kind.LEAF,
            media_type=_by_content(media_type, name, data),
            message=part,
            mail=mail,
            name=name,
            data=data,
            problem=Reason.MAIL_UNREADABLE if media_type in _SMIME else None,
        )
        return leaf if leaf.may_be_letter else self._opened(leaf, level=level)

    def _signed(self, part: Message, data: bytes) -> bytes | None:
        """Unwrap what a signature wraps; note where only a key would open it."""
        content = unpack.signed_content(data, most=self._left)
        said = parameter(first(part, "content-type"), "smime-type").lower()
        signed = content is not None or said in _WRAPPED
        self.sealed.add(Sealed.SMIME_SIGNED if signed else Sealed.SMIME_ENCRYPTED)
        if content is not None:
            self._spend(len(content))
        return content

    def _opened(self, leaf: Node, *, level: int, archives: int = 0) -> Node:
        """Open a leaf that holds files, or say in it why that was not done."""
        if _is_saved_mail(leaf):
            return self._mail(read(leaf.data), level=level)
        try:
            members = self._members(leaf.data, archives)
        except Refused as refused:
            return replace(leaf, problem=refused.reason)
        if members is None:
            return leaf
        below = [self._packed(member, leaf, level=level + 1, archives=archives + 1) for member in members]
        return Node(
            kind=Kind.PACKED,
            media_type=leaf.media_type,
            message=leaf.message,
            mail=leaf.mail,
            name=leaf.name,
            children=tuple(below),
        )

    def _members(self, data: bytes, archives: int) -> list[Member] | None:
        """Return the files in *data*, None if it is no archive."""
        is_tnef = unpack.is_tnef(data)
        if not is_tnef and not unpack.is_archive(data):
            return None
        if archives >= MOST_ARCHIVES:
            raise Refused(Reason.ARCHIVE_TOO_BIG)
        opened = unpack.untnef(data) if is_tnef else unpack.unzipped(data, most=self._left)
        if len(opened) > MOST_PARTS - self._parts:
            raise Refused(Reason.ARCHIVE_TOO_BIG)
        return opened

    def _packed(self, member: Member, of: Node, *, level: int, archives: int) -> Node:
        self._count(level)
        self._spend(len(member.data))
        media_type = _by_content(_BYTES, member.name, member.data)
        leaf = Node(
            kind=Kind.LEAF,
            media_type=media_type,
            message=None,
            mail=of.mail,
            name=member.name,
            data=member.data,
        )
        return self._opened(leaf, level=level, archives=archives)


def _is_saved_mail(leaf: Node) -> bool:
    """A mail that somebody saved as a file and attached."""
    return leaf.name.lower().endswith(".eml") and _HEADER.match(leaf.data) is not None


def _by_content(media_type: str, name: str, data: bytes) -> str:
    """The media type that the content allows: a PDF is one wherever it lies, and what says to be one may be none."""
    letter = media_type in ("text/plain", "text/html") and not name
    if is_pdf(data, letter=letter):
        return PDF
    if media_type == PDF or media_type.startswith(("multipart/", "message/")):
        return _BYTES if data.strip() or media_type == PDF else "text/plain"
    return media_type


def is_pdf(data: bytes, *, letter: bool) -> bool:
    """By content; a letter may speak of "%PDF-", so there it must be the very beginning."""
    head = data[:_PDF_HEAD]
    if letter or data.startswith(unpack.MARKS):
        # The first file in an archive that only stores may be one.
        return head.lstrip().startswith(_PDF_MARK)
    return _PDF_MARK in head


# What a part says of itself


def first(part: Message, name: str) -> str:
    """The topmost raw value of *name*, "" if absent."""
    return next((str(value) for key, value in part.raw_items() if key.lower() == name), "")


def type_of(part: Message) -> str:
    """The media type in lower case; RFC 2045 5.2: text/plain where none or nonsense is written."""
    written = unfold(first(part, "content-type")).partition(";")[0].strip().lower()
    return (
        written
        if re.fullmatch(r"[\w!#$&^.+-]{1,80}/[\w!#$&^.+-]{1,120}", written)
        else part.get_default_type()
    )


def is_attached(part: Message) -> bool:
    """Whether it says so."""
    return unfold(first(part, "content-disposition")).strip().lower().startswith("attachment")


def _name(part: Message) -> str:
    disposition = parameter(first(part, "content-disposition"), "filename")
    return file_name(disposition or parameter(first(part, "content-type"), "name"))


def _encoding(part: Message) -> str:
    return unfold(first(part, "content-transfer-encoding")).strip().lower().partition(";")[0].strip()


def _content(part: Message) -> bytes:
    """The content of a leaf exactly as it came. `get_payload()` gives that only where no encoding is said."""
    bare = copy(part)
    del bare["content-transfer-encoding"]
    raw = bare.get_payload(decode=True)
    return raw if isinstance(raw, bytes) else b""


def _bytes(part: Message) -> bytes:
    """The decoded content of a leaf."""
    return _decoded(_content(part), _encoding(part))


def _decoded(raw: bytes, encoding: str) -> bytes:
    """Undo a transfer encoding. What is none of the known ones is taken as it stands."""
    if encoding == "base64":
        return decode_base64(raw)
    if encoding == "quoted-printable":
        return quopri.decodestring(raw)
    return _uudecoded(raw) if encoding in _UUENCODED else raw


def _uudecoded(raw: bytes) -> bytes:
    """Lines between `begin` and `end`; old mailers of Windows wrote files so. A damaged line is left out."""
    out = bytearray()
    for line in raw.splitlines():
        if line.strip() == b"end":
            break
        if line.startswith(b"begin "):
            continue
        try:
            out += binascii.a2b_uu(line)
        except binascii.Error:
            continue
    return bytes(out)


def _children(part: Message) -> list[Message]:
    """The parts of a multipart or the mail inside a mail; of a leaf none."""
    # Asked of a leaf, get_payload() would decode it with whatever codec the mail names.
    payload = part.get_payload() if part.is_multipart() else []
    return [child for child in payload if isinstance(child, Message)]


def _inner_mail(part: Message) -> Message | None:
    """The mail in a message/rfc822 part, also where a mailer encoded it against RFC 2046 5.2.1."""
    inner = next(iter(_children(part)), None)
    encoding = _encoding(part)
    if inner is None or encoding not in ("base64", "quoted-printable") or list(inner.raw_items()):
        return inner
    return read(_decoded(_content(inner), encoding))
