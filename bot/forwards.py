"""Whose mail was forwarded, and about what: from the mail inside the mail, or from the lines that mailers write.

For people only. Nothing here says who sent the mail that came in.
"""

import re
from dataclasses import dataclass
from email.message import Message
from typing import Final

from bot.charsets import header_text, one_line, unfold
from bot.mailboxes import Mailbox, mailboxes
from bot.tree import Kind, Node, first

_LINES: Final = 12  # why: mailers write four to eight lines above what is forwarded
_BEFORE: Final = 3  # why: Thunderbird puts subject and date above the sender
_LONGEST: Final = 400  # characters of such a line
_MARKS: Final = " \t\u3000\xa0>＞|｜*■"
_FROM: Final = re.compile(
    r"(?:from|差出人|送信者|送信元|発信者)\*?\s{0,4}[:：]\*?\s{0,4}(\S.*)", re.IGNORECASE
)
_SUBJECT: Final = re.compile(r"(?:subject|件名|題名)\*?\s{0,4}[:：]\*?\s{0,4}(\S.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """The mail that was passed on: who is said to have written it, and its subject, "" where none is said."""

    sender: Mailbox
    subject: str


def of_tree(node: Node) -> tuple[Forwarded, ...]:
    """The mails inside the mail, outermost first; what they hold in turn is theirs."""
    if node.kind is Kind.MAIL and node.message is not None:
        return (_of_headers(node.message),)
    return tuple(found for child in node.children for found in of_tree(child))


def _of_headers(message: Message) -> Forwarded:
    senders = mailboxes(unfold(first(message, "from")))
    sender = senders[0] if senders else Mailbox(name="", address="")
    return Forwarded(sender=sender, subject=header_text(first(message, "subject")))


def of_text(text: str) -> Forwarded | None:
    """The first block of lines that names a sender and, near it, a subject."""
    lines = [one_line(line[:_LONGEST]).lstrip(_MARKS) for line in text.splitlines()]
    for number, line in enumerate(lines):
        if written := _FROM.match(line):
            near = (_SUBJECT.match(other) for other in lines[max(number - _BEFORE, 0) : number + _LINES])
            subject = next((found[1].strip("* ") for found in near if found), None)
            if subject is not None:
                return Forwarded(sender=_sender(written[1]), subject=subject)
    return None


def _sender(written: str) -> Mailbox:
    """Read `名前 <a@b.example>`, `名前 [mailto:a@b.example]` or a bare name."""
    plain = re.sub(
        r"[\[<](?:mailto:)?\s{0,4}([^\[\]<>\s]{1,320}@[^\[\]<>\s]{1,255})\s{0,4}[\]>].*", r"<\1>", written
    )
    box = next(iter(mailboxes(plain.strip("* "))), Mailbox(name="", address=""))
    return box if box.address else Mailbox(name=written.strip("* "), address="")
