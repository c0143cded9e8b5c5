"""What came back: bytes of an automatic mail → whose mail it is about, what is said, and why.

Runs in a child with limits, like every reading of foreign bytes. Everything here is said by a stranger; what of it
proves whose mail is meant is asked in `bot.reports`. What a refusal means stands in `envelopes.rules.returns`, what a
report changes in `envelopes.actions.worker.undelivered`.
"""

import hmac
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import Message
from email.parser import BytesParser
from enum import StrEnum
from hashlib import sha256
from typing import Final

from flufl.bounce import all_failures

from bot.automatic import Sign
from bot.charsets import decode, header_text
from envelopes.rules.tokens import REF_CHARACTERS, Purpose, ref_from

TEXT: Final = 2_000  # characters of a server's words that are kept: it may quote a whole mail
_SEARCHED: Final = (
    400_000  # octets in which the return path is looked for: heads, and the head of what was returned
)
_TOKEN: Final = re.compile(rb"\+b\.([a-z2-7]{%d})@" % (2 * REF_CHARACTERS), re.IGNORECASE)
_SEVEN_BITS: Final = bytes(range(128)) + b"?" * 128
_STATUS: Final = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_REPLY: Final = re.compile(r"\b([45]\d\d)[ -]")
_FAILED: Final = re.compile(
    r"could ?n.t be delivered|could not (?:be delivered|deliver)|undeliver|delivery (?:has )?failed|permanent"
    r"|returned (?:mail|to sender)|user unknown|unknown user|does not exist|mail ?box (?:is )?full|over quota"
    r"|配信(?:でき|不能|されません)|届け.{0,8}(?:でき|られ)|送信できませんでした|送達でき|存在しません|宛先不明",
    re.IGNORECASE,
)
_WAITING: Final = re.compile(
    r"delayed|will (?:keep|continue) (?:to )?try|still trying|遅延|再送(?:を|中)|遅れて", re.IGNORECASE
)


class Kind(StrEnum):
    """What came back, in the order in which it is asked."""

    COMPLAINT = "complaint"  # RFC 5965: somebody pressed "spam"
    RECEIPT = "receipt"  # RFC 8098: a mailer says that it was shown, or thrown away
    BOUNCE = "bounce"  # RFC 3464, or in a server's own words
    AUTO_REPLY = "auto-reply"  # RFC 3834: out of the office, thanks for your mail
    OTHER = "other"  # lists and robots


class Action(StrEnum):
    """What a report says became of the mail (RFC 3464 2.3.3), as far as it matters."""

    FAILED = "failed"
    DELAYED = "delayed"
    PASSED = "passed"
    UNSAID = "unsaid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What an automatic mail says. `tokens` are what may be our return path's, proved by nothing yet.

    `envelope_id` is the ENVID that a bounce gives back (RFC 3464 2.2.1), `message_id` that of the mail it returns; ""
    where it says neither. `status` is an enhanced status or empty; `text` are foreign words: for the sealed column and
    for staff only.
    """

    kind: Kind
    tokens: tuple[str, ...]
    envelope_id: str = ""
    message_id: str = ""
    action: Action = Action.UNSAID
    status: str = ""
    text: str = field(default="", repr=False)


def token(key: bytes, ref: str) -> str:
    """The part of a return path that stands for the delivery called *ref*: the reference and a MAC over it."""
    mac = ref_from(hmac.digest(key, f"{Purpose.RETURN_PATH}:{ref}".encode(), sha256))
    return f"{ref}{mac}"


def delivery_ref(keys: Sequence[bytes], tokens: Sequence[str]) -> str | None:
    """Return the reference of the first of *tokens* whose MAC one of *keys* has made."""
    for found in tokens:
        ref = found[:REF_CHARACTERS]
        if any(hmac.compare_digest(token(key, ref), found) for key in keys):
            return ref
    return None


def read(raw: bytes, *, signs: frozenset[Sign]) -> Returned:
    """Read an automatic mail that has these *signs*."""
    message = BytesParser(policy=policy.compat32).parsebytes(raw)
    tokens = tuple(dict.fromkeys(one.decode().lower() for one in _TOKEN.findall(raw[:_SEARCHED])))
    kind = _kind(message, signs)
    if kind is not Kind.BOUNCE:
        return Returned(kind=kind, tokens=tokens)
    action, status, text = _status_said(message) or _foreign(message, raw)
    return Returned(
        kind=kind,
        tokens=tokens,
        envelope_id=_envelope_id(message),
        message_id=_message_id(message),
        action=action,
        status=status,
        text=text[:TEXT],
    )


def _kind(message: Message, signs: frozenset[Sign]) -> Kind:
    types = {part.get_content_type() for part in message.walk()}
    if "message/feedback-report" in types:
        return Kind.COMPLAINT
    if "message/disposition-notification" in types:
        return Kind.RECEIPT
    if types & _STATUS_TYPES or _is_from_a_server(message):
        return Kind.BOUNCE
    if signs & {Sign.AUTO_SUBMITTED, Sign.AUTO_REPLY, Sign.AUTO_SUBJECT}:
        return Kind.AUTO_REPLY
    # A reply to a null return path has none itself (RFC 5321 4.5.5), so only what is left over is a server's.
    return Kind.BOUNCE if signs & {Sign.NULL_RETURN_PATH, Sign.REPORT} else Kind.OTHER


_STATUS_TYPES: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_SERVER: Final = re.compile(
    r"mailer-daemon|mail-?daemon|postmaster|mail delivery (?:sub)?system|mdaemon", re.IGNORECASE
)


def _is_from_a_server(message: Message) -> bool:
    return _SERVER.search(str(message.get("From", ""))) is not None


# What RFC 3464 says


def _status_said(message: Message) -> tuple[Action, str, str] | None:
    """Action, status and diagnosis of the first recipient: our mails have one each."""
    for group in _groups(message):
        if group.get("Final-Recipient") or group.get("Original-Recipient") or group.get("Action"):
            written = str(group.get("Action", "")).strip().lower()
            text = header_text(str(group.get("Diagnostic-Code", "")))
            status = _STATUS.search(str(group.get("Status", "")))
            # Some servers write 5.0.0 and the truth behind it.
            found = [one for one in (status[1] if status else "", *_STATUS.findall(text)) if one]
            best = next((one for one in found if not one.endswith(".0.0")), found[0] if found else "")
            return _action(written, best), best, text
    return None


def _groups(message: Message) -> Iterator[Message]:
    """The groups of fields in all delivery statuses, the one about the whole mail too."""
    for part in message.walk():
        if part.get_content_type() in _STATUS_TYPES and part.is_multipart():
            yield from (group for group in part.get_payload() if isinstance(group, Message))


# Which mail, where its return path is missing

_ENVID: Final = 100  # RFC 3461 4.4: characters
_ID: Final = re.compile(r"<[^<>\s]{1,250}>")


def _envelope_id(message: Message) -> str:
    said = (str(group.get("Original-Envelope-Id", "")).strip().lower() for group in _groups(message))
    return next((one for one in said if one and len(one) <= _ENVID), "")


def _message_id(message: Message) -> str:
    """The Message-ID of the mail, or of its head, that the report carries inside."""
    for part in message.walk():
        if (head := _head_inside(part)) is not None:
            found = _ID.search(str(head.get("Message-ID", "")))
            return found[0] if found else ""
    return ""


def _head_inside(part: Message) -> Message | None:
    match part.get_content_type():
        case "message/rfc822" if part.is_multipart():
            inner = part.get_payload(0)
            return inner if isinstance(inner, Message) else None
        case "text/rfc822-headers":
            raw = part.get_payload(decode=True)
            return BytesParser(policy=policy.compat32).parsebytes(raw) if isinstance(raw, bytes) else None
        case _:
            return None


def _action(written: str, status: str) -> Action:
    match written.partition(" ")[0]:
        case "failed" | "failure":
            return Action.FAILED
        case "delayed":
            return Action.DELAYED
        case "delivered" | "relayed" | "expanded":
            return Action.PASSED
        case _:
            return {"5": Action.FAILED, "4": Action.DELAYED, "2": Action.PASSED}.get(
                status[:1], Action.UNSAID
            )


# What servers say in their own words


def _foreign(message: Message, raw: bytes) -> tuple[Action, str, str]:
    """A report in no standard form: flufl.bounce knows many, and words and codes say something of the rest."""
    text = _words(message)
    waiting, gone = _flufl(raw)
    status = _STATUS.search(text)
    said = status[1] if status else ""
    if gone or (not waiting and said.startswith("5")):
        return Action.FAILED, said, text
    if waiting or said.startswith("4") or _WAITING.search(text):
        return Action.DELAYED, said, text
    reply = _REPLY.search(text)
    failed = _FAILED.search(text) is not None or (reply is not None and reply[1].startswith("5"))
    return (Action.FAILED if failed else Action.UNSAID), said, text


def _flufl(raw: bytes) -> tuple[bool, bool]:
    """Whether flufl.bounce finds an address that failed for now, or for good."""
    # It logs what it stumbles over, with the foreign words; and it stumbles over octets above 127.
    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)
    try:
        waiting, gone = all_failures(message_from_bytes(raw.translate(_SEVEN_BITS)))
    except (LookupError, ValueError, TypeError, AttributeError):
        return False, False  # a mail without From, say; the words are looked at all the same
    return bool(waiting), bool(gone)


def _words(message: Message) -> str:
    """Subject and text, without the mail that came back inside."""
    lines = [header_text(str(message.get("Subject", "")))]
    for part in message.walk():
        if part.get_content_type() in ("message/rfc822", "text/rfc822-headers"):
            break
        if part.get_content_type() == "text/plain":
            raw = part.get_payload(decode=True)
            lines.append(decode(raw, part.get_content_charset("")) if isinstance(raw, bytes) else "")
    return "\n".join(lines).strip()
