"""A raw mail as the demo's pages show it: headers, text, HTML, attachments.

Shows whatever is there and never fails on a mail: the pages are for looking at mails, also at broken ones.
What a mail means is read by the bot, not here.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

_TOKYO: Final = ZoneInfo("Asia/Tokyo")
_SHOWN: Final = ("From", "To", "Reply-To", "Subject", "Date")


class Attachment(NamedTuple):
    """A leaf that is a file. `number` counts all leaves from 0; `size` is in bytes."""

    number: int
    name: str
    content_type: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is in a mail. `text` and `html` are empty where there is no such part."""

    headers: tuple[tuple[str, str], ...]
    all_headers: tuple[tuple[str, str], ...]
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...]


def decoded(value: object) -> str:
    """Decode RFC 2047 words; what cannot be decoded is shown as it stands."""
    text = "".join(str(value or "").splitlines())
    with suppress(
        LookupError, ValueError, MessageError
    ):  # a charset that is none, or bytes that do not fit it
        text = str(make_header(decode_header(text)))
    return text.encode("utf-8", "replace").decode("utf-8")


def _shown(name: str, value: object) -> str:
    """A header for people; a date in Japanese time, or as it stands where it is none."""
    if name != "Date":
        return decoded(value)
    try:
        at = parsedate_to_datetime(str(value))
        local = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(_TOKYO)
    except (ValueError, OverflowError):
        return decoded(value)
    return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M:%S}"


def leaves(raw: bytes) -> list[Message]:
    """Every part of *raw* that holds no other part, in order. A forwarded mail counts as one."""
    return list(_leaves(message_from_bytes(raw)))


def _leaves(part: Message) -> list[Message]:
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        return [leaf for child in part.get_payload() for leaf in _leaves(child)]  # type: ignore[arg-type]
    return [part]


def content(part: Message) -> bytes:
    """The bytes of a leaf, decoded from its transfer encoding."""
    if part.is_multipart():
        return b"\n".join(_whole(child) for child in part.get_payload())  # type: ignore[arg-type]
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _whole(mail: Message) -> bytes:
    """A mail inside the mail. The library cannot write every boundary that it has read."""
    try:
        return mail.as_bytes()
    except UnicodeError:
        return mail.as_string().encode("utf-8", "replace")


def words(part: Message) -> str:
    """The text of a leaf; bytes that do not fit its charset are replaced."""
    charset = part.get_content_charset() or "utf-8"
    try:
        return content(part).decode(charset, "replace")
    except (LookupError, ValueError):  # no charset, or one that knows no replacing, such as punycode
        return content(part).decode("utf-8", "replace")


def file_name(part: Message) -> str:
    """The name of an attachment, or an empty string."""
    try:
        return decoded(part.get_filename() or "")
    except (LookupError, ValueError):
        return "?"


def _is_file(part: Message) -> bool:
    return bool(file_name(part)) or part.get_content_type() not in {"text/plain", "text/html"}


def _first(parts: list[Message], content_type: str) -> str:
    return next((words(part) for part in parts if part.get_content_type() == content_type), "")


def _attachment(number: int, part: Message) -> Attachment:
    name = file_name(part) or f"{number}.{part.get_content_subtype()}"
    return Attachment(number, name, part.get_content_type(), len(content(part)))


def read(raw: bytes) -> Reading:
    """Return what is in *raw*."""
    message, parts = message_from_bytes(raw), leaves(raw)
    inline = [part for part in parts if not _is_file(part)]
    files = [_attachment(number, part) for number, part in enumerate(parts) if _is_file(part)]
    return Reading(
        headers=tuple((name, _shown(name, message[name])) for name in _SHOWN if message[name]),
        all_headers=tuple((name, "".join(str(value).splitlines())) for name, value in message.items()),
        subject=decoded(message["Subject"]),
        text=_first(inline, "text/plain"),
        html=_first(inline, "text/html"),
        attachments=tuple(files),
    )
