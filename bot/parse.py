"""Bytes of a mail → ParsedMail: text, files, who says to have sent it, and whether a person did.

A pure function for a killable child: it holds no secret, opens nothing, and raises nothing but `Refused`.
Decoding stands in charsets.py, the opening of parts in tree.py, text of HTML in html_text.py, signs of automatic mail
in automatic.py. What is believed of a sender is senders.py's question. No file is dropped but pictures that the letter
itself shows; one that could not be opened says why.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from email.message import Message
from typing import Final, NamedTuple, assert_never

from bot import forwards, tree
from bot.automatic import Sign, signs
from bot.charsets import decode, header_text, one_line, parameter, unfold
from bot.forwards import Forwarded
from bot.html_text import seen_in
from bot.mailboxes import Mailbox, mailboxes
from bot.returned import Returned, read
from bot.tree import PDF, Kind, Node, Sealed, Tree, first
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.keys import Key
from envelopes.rules.lines import scan
from envelopes.rules.policy import Policy
from envelopes.rules.quoting import is_quote
from envelopes.sandbox import Limits

_MOST_REFERENCES: Final = 100
_OPEN_FILES: Final = 32  # why: the child reads one mail and needs no more than the interpreter's own
_MOST_HEADERS: Final = 2_000
_SUFFIXES: Final = {
    PDF: ".pdf",
    "text/plain": ".txt",
    "text/html": ".html",
    "image/png": ".png",
    "image/jpeg": ".jpg",
}
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]{1,900}>")
_FORWARD_MARK: Final = re.compile(r"\s*(?:(?:re|fwd?|転送|返信)\s{0,2}[:：]\s*)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of the mail. `media_type` is `application/pdf` exactly where the content says so.

    `problem` is why a file that may hold others was not opened.
    """

    name: str
    media_type: str
    data: bytes = field(repr=False)
    problem: Reason | None = None

    @property
    def is_pdf(self) -> bool:
        """By content, not by name."""
        return self.media_type == PDF


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A trace header: its place among all headers from the top (0) and its value on one line."""

    position: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedMail:
    """What a mail says of itself. Nothing here is proven; `sender` is `None` unless there is exactly one From.

    `senders_said` counts the From mailboxes written; `message_id` is "" and `references` empty where absent or
    malformed (both with angle brackets); `date_said` is the text of Date, for people only. `forwarded` are the mails
    that were passed on with it, as they say of themselves.
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
    forwarded: tuple[Forwarded, ...]
    authentication_results: tuple[Header, ...]
    dkim_signatures: tuple[Header, ...]
    signs: frozenset[Sign]
    sealed: frozenset[Sealed]
    returned: Returned | None = None
    """What an automatic mail reports of one of ours."""

    @property
    def topic(self) -> str:
        """The subject; where it says nothing, or only that something is forwarded, that of the forwarded mail."""
        if _FORWARD_MARK.sub("", self.subject, count=1).strip():
            return self.subject
        return next((mail.subject for mail in self.forwarded if mail.subject), self.subject)

    @property
    def automatic(self) -> bool:
        """No person wrote it, so it is never answered."""
        return bool(self.signs)

    @property
    def encrypted(self) -> bool:
        """Some of it can be read with the recipient's key only."""
        return bool(self.sealed - {Sealed.SMIME_SIGNED})


_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_LONGEST_HEAD: Final = 1_000_000  # bytes; a real one has some thousands


def head_of(raw: bytes) -> bytes:
    """The head of a mail with an empty body: enough to see who wrote, where the rest cannot be read."""
    end = _HEAD_END.search(raw, 0, _LONGEST_HEAD)
    fields = raw[: end.start() if end else _LONGEST_HEAD]
    # Nothing is left that the fields about the content could speak of.
    kept = [
        field
        for field in re.split(rb"\r?\n(?![ \t])", fields)
        if not field[:8].lower().startswith(b"content-")
    ]
    return b"\r\n".join((*kept, b"", b""))


def limits(policy: Policy) -> Limits:
    """What a child may use that reads one mail."""
    return Limits(
        cpu_seconds=int(policy.parse_seconds),
        memory_bytes=policy.parse_memory,
        wall_seconds=policy.parse_seconds,
        files=_OPEN_FILES,
    )


def parse(raw: bytes, *, decoded_limit: int) -> ParsedMail:
    """Read a mail whose parts decode to at most *decoded_limit* bytes.

    Raises `Refused`: `MAIL_TOO_BIG`, or `MAIL_UNREADABLE` for more parts or levels than a mail can need.
    """
    try:
        message = tree.read(raw)
        parsed = _parsed(message, tree.grow(message, decoded_limit=decoded_limit))
        return replace(parsed, returned=read(raw, signs=parsed.signs)) if parsed.signs else parsed
    except RecursionError:
        raise Refused(Reason.MAIL_UNREADABLE) from None


def _parsed(message: Message, grown: Tree) -> ParsedMail:
    headers = _headers(message)
    senders = [box for raw in headers.get("from", ()) for box in mailboxes(unfold(raw))]
    sender = senders[0] if len(senders) == len(headers["from"]) == 1 and senders[0].address else None
    subject = header_text(next(iter(headers.get("subject", ())), ""))
    said = {name: [header_text(raw) for raw in values] for name, values in headers.items()}
    address, text = sender.address if sender else "", _letter(grown.root)
    files = _attachments(grown.root)
    documents = any(file.media_type.startswith("application/") for file in files)
    return ParsedMail(
        subject=subject,
        sender=sender,
        senders_said=len(senders),
        to=_recipients(headers),
        message_id=next(iter(_MESSAGE_ID.findall(" ".join(said.get("message-id", ())))), ""),
        references=_references(said),
        date_said=next(iter(said.get("date", ())), ""),
        text=text,
        attachments=files,
        forwarded=_forwarded(grown.root, text),
        authentication_results=_trace(message, "authentication-results"),
        dkim_signatures=_trace(message, "dkim-signature"),
        signs=signs(said, sender=address, subject=subject, documents=documents),
        sealed=grown.sealed,
    )


def _forwarded(root: Node, text: str) -> tuple[Forwarded, ...]:
    written = None if (inside := forwards.of_tree(root)) else forwards.of_text(text)
    return inside or ((written,) if written else ())


# Headers


def _headers(part: Message) -> dict[str, list[str]]:
    """Raw values by name in lower case, from the top."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, value in list(part.raw_items())[:_MOST_HEADERS]:
        found[name.strip().lower()].append(str(value))
    return found


def _trace(message: Message, name: str) -> tuple[Header, ...]:
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


# Files


def _attachments(root: Node) -> tuple[Attachment, ...]:
    """Return every leaf that is a file, named even where the mail names it not."""
    leaves = list(root.leaves())
    shown = {(leaf.mail, cid) for leaf in leaves for cid in _cids_used(leaf)}
    versions = set(_other_versions(root))
    files = [
        leaf for leaf in leaves if _is_file(leaf) and not _is_shown(leaf, shown) and id(leaf) not in versions
    ]
    return tuple(
        Attachment(
            name=leaf.name or f"添付{number}{_SUFFIXES.get(leaf.media_type, '')}",
            media_type=leaf.media_type,
            data=leaf.data,
            problem=leaf.problem,
        )
        for number, leaf in enumerate(files, start=1)
    )


def _is_file(leaf: Node) -> bool:
    """A leaf with a name, or that is no text, or that says to be attached."""
    if not leaf.data and not leaf.name:
        return False
    return not leaf.may_be_letter or leaf.is_attached


def _other_versions(node: Node) -> Iterator[int]:
    """Texts of other kinds among alternatives (text/enriched, text/x-amp-html): the letter again, no files."""
    alternative = node.media_type == "multipart/alternative"
    for child in node.children:
        yield from _other_versions(child)
        text = child.kind is Kind.LEAF and child.media_type.startswith("text/") and not child.name
        if alternative and text and not child.is_attached:
            yield id(child)


def _cids_used(leaf: Node) -> Iterator[str]:
    if leaf.media_type == "text/html":
        for found in re.finditer(rb"cid:([^\s\"'<>)]{1,250})", leaf.data, re.IGNORECASE):
            yield found[1].decode("ascii", "replace").lower()


def _is_shown(leaf: Node, shown: set[tuple[int, str]]) -> bool:
    """A picture that the HTML of the same mail shows is part of the letter, no file."""
    if leaf.message is None or not leaf.media_type.startswith("image/"):
        return False
    cid = unfold(first(leaf.message, "content-id")).strip().strip("<>").lower()
    return bool(cid) and (leaf.mail, cid) in shown


# The letter


class _Text(NamedTuple):
    words: str
    is_plain: bool = True  # written as text
    has_struck: bool = False  # words were left out that are struck out


def _letter(root: Node) -> str:
    """The text of the letter: written text before HTML that says no more, and nothing of the mails inside it."""
    return _joined([text for text in _texts(root) if text.words.strip()]).strip("\r\n")


def _texts(node: Node) -> list[_Text]:
    """Texts in order."""
    match node.kind:
        case Kind.LEAF:
            return _leaf_text(node)
        case Kind.PARTS:
            below = [_texts(child) for child in node.children]
            if node.media_type == "multipart/alternative":
                return _preferred(below)
            return [text for texts in below for text in texts]
        case Kind.MAIL | Kind.PACKED:
            return []
        case _:
            assert_never(node.kind)


def _preferred(alternatives: list[list[_Text]]) -> list[_Text]:
    """Of alternatives, the first that was written as text and is not empty; else the last with any words.

    The last goes before the written text too where that has lost lines of an order which are seen in the last, or that
    words are struck out. What the written text quotes stays marked as quoted.
    """
    filled = [texts for texts in alternatives if any(text.words.strip() for text in texts)]
    plain = [texts for texts in filled if any(text.is_plain and text.words.strip() for text in texts)]
    if plain and not _quotes(plain[0]) and _has_lost(plain[0], filled[-1]):
        return filled[-1]
    return (plain or filled[-1:] or [[]])[0]


def _joined(texts: list[_Text]) -> str:
    return "\n".join(text.words for text in texts)


def _quotes(texts: list[_Text]) -> bool:
    return any(is_quote(line) for line in _joined(texts).splitlines())


def _has_lost(plain: list[_Text], seen: list[_Text]) -> bool:
    """Whether *plain* has lost what is struck out or a table, or only says that the letter is HTML."""
    return any(text.has_struck for text in seen) or _keys(_joined(plain)) < _keys(_joined(seen))


def _keys(text: str) -> set[Key]:
    return {one.key for one in scan(text, day=date.min).statements}


def _leaf_text(leaf: Node) -> list[_Text]:
    if leaf.message is None or not leaf.may_be_letter or leaf.is_attached:
        return []
    content_type = first(leaf.message, "content-type")
    text = decode(leaf.data, parameter(content_type, "charset"))
    if leaf.media_type == "text/html":
        return [_text_of_html(text)]
    if parameter(content_type, "format").lower() == "flowed":
        text = _unflow(text, delsp=parameter(content_type, "delsp").lower() == "yes")
    return [_Text(text)]


def _text_of_html(markup: str) -> _Text:
    seen = seen_in(markup)
    return _Text(seen.words, is_plain=False, has_struck=seen.has_struck)


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
