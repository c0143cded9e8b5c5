"""The form "forward a document to the intake": what was filled in → a mail as a member of staff writes it.

Only writes and hands over; whether the order is right is for the intake to say, so the form lets mistakes pass.
"""

import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from pathlib import PurePath
from typing import Final, NamedTuple

from fukan.demo import cast

_SECONDS: Final = 20.0  # why: the post office is in the same process and answers at once


class Document(NamedTuple):
    """A file to attach, under the name it has on the clerk's disk."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the form holds. `kind`, `amount` and `deadline` stay as typed."""

    clerk: cast.StaffMember
    contractor: cast.Contractor
    kind: str
    title: str
    amount: str
    deadline: str
    documents: tuple[Document, ...]


def default_deadline(today: date) -> str:
    """The end of next month, as a form would propose it: 2026-09-30."""
    years, month = divmod(today.month + 1, 12)
    first = date(today.year + years, month + 1, 1)
    return date.fromordinal(first.toordinal() - 1).isoformat()


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _lines(order: Order) -> list[str]:
    person = order.contractor
    return [
        f"封筒名：{_one_line(order.title)}",
        f"宛先：{person.company} {person.office} {person.name} 様 <{person.address}>",
        f"種別：{_one_line(order.kind)}",
        f"金額：{_one_line(order.amount)}",
        f"期限：{_one_line(order.deadline)}",
    ]


def _signature(clerk: cast.StaffMember) -> list[str]:
    return ["-- ", f"{cast.TOWN} {clerk.section} {clerk.office} {clerk.name}", f"電話 {cast.PHONE}"]


def compose(order: Order, *, intake: str, now: datetime) -> EmailMessage:
    """Return the mail that *order*'s clerk sends to the intake."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f"{cast.TOWN} {order.clerk.section} {order.clerk.name} <{order.clerk.address}>"
    mail["To"] = intake
    mail["Subject"] = f"Fwd: {_one_line(order.title)}"
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = make_msgid(domain=cast.STAFF_DOMAIN)
    text = ["次の文書の署名依頼をお願いします。", "", *_lines(order), "", *_signature(order.clerk)]
    mail.set_content("\n".join(text) + "\n", charset="utf-8", cte="base64")
    for document in order.documents:
        name = PurePath(_one_line(document.name)).name or "document.pdf"
        mail.add_attachment(document.content, maintype="application", subtype="pdf", filename=name)
    return mail


def hand_over(mail: EmailMessage, *, recipients: Sequence[str], port: int) -> None:
    """Give *mail* to the post office on loopback; blocks, so call it in a thread.

    Raises smtplib.SMTPException or OSError when the post office does not take it.
    """
    with smtplib.SMTP("127.0.0.1", port, timeout=_SECONDS) as line:
        line.send_message(mail, to_addrs=list(recipients))
