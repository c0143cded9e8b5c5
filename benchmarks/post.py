"""What the mail's measurements stand on: Dovecot and Postfix, an installation, mails to send and mails to take in."""

import asyncio
import imaplib
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from bot.smtp import SmtpRelay, Tls
from envelopes.records import tasks
from envelopes.records.blobs import Reader, Stored
from envelopes.records.database import unit
from envelopes.records.models import Delivery
from envelopes.records.models import Task as TaskRow
from envelopes.rules.returns import DeliveryState
from envelopes.rules.states import Task
from envelopes.services import Services
from envelopes.settings import Settings
from fukan import installation
from fukan.demo import cast
from tests.servers.dovecot_postfix import RealPostOffice
from tests.servers.ports import binary

DOMAINS = 100  # why: the pace of each domain then holds nothing up
_HEAD = (
    b"From: %s\r\nTo: <%s>\r\nSubject: =?utf-8?b?572y5ZCN44Gu44GK6aGY44GE?=\r\nMessage-ID: <%d.%d@%s>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
)
_LINE = b"44G/44G7" * 9 + b"\r\n"  # 74 octets, as base64 is written


def recipient(number: int) -> str:
    """Return an address that Postfix takes mail for and throws it away."""
    return f"person{number}@town{number % DOMAINS}.discard.example"


def letter(number: int, size: int) -> bytes:
    """Return a mail of about *size* bytes, different from every other."""
    _, _, domain = cast.SENDER.partition("@")
    names = cast.SENDER.encode(), recipient(number).encode(), number, time.time_ns(), domain.encode()
    head = _HEAD % names
    return head + _LINE * ((size - len(head)) // len(_LINE))


def relay(office: RealPostOffice) -> SmtpRelay:
    return SmtpRelay(host="127.0.0.1", port=office.smtp, tls=Tls.NONE)


def source(
    office: RealPostOffice, count: int, size: int, *, kept: bool = False, one_recipient: bool = False
) -> None:
    """Send as many mails of that size with Postfix's own generator: four sessions at once, one a mail or *kept*.

    Each mail has a recipient of its own, as ours have: smtp-source(1) has `-N` for it, since one address for all
    means "the artificial 100% hit rate" of the server's caches. That is measured too, as *one_recipient*.
    """
    options = [
        *(["-d"] if kept else []),
        *([] if one_recipient else ["-N"]),
        "-s",
        "4",
        "-m",
        str(count),
        "-l",
        str(size),
        "-f",
        cast.SENDER,
        "-t",
        recipient(0),
    ]
    subprocess.run([binary("smtp-source"), *options, f"127.0.0.1:{office.smtp}"], check=True)


@asynccontextmanager
async def installed(
    folder: Path, office: RealPostOffice, *, user: str = cast.INTAKE
) -> AsyncIterator[Services]:
    """Make an installation in *folder* whose mail goes through *office*, and open it. Its database is SQLite."""
    settings = Settings.model_validate(
        {
            "directory": folder,
            "signing_key": {"algorithm": "p256"},
            "mail": {"address": cast.SENDER, "intake": cast.INTAKE},
            "smtp": {"host": "127.0.0.1", "port": office.smtp, "tls": "none"},
            "imap": {
                "host": "127.0.0.1",
                "port": office.imap,
                "tls": False,
                "user": user,
                "password": office.password,
            },
        }
    )
    await installation.create(settings)
    async with installation.opened(settings, portal=True, bot=True) as services:
        yield services


async def queue(services: Services, count: int, size: int) -> None:
    """Queue as many mails as `bot.outbox` does once they are composed."""
    now = services.now()
    kept = [
        await services.blobs.put(letter(number, size), purpose="outgoing", readers=(Reader.ARCHIVE,))
        for number in range(count)
    ]

    async def work(connection: BaseDBAsyncClient) -> None:
        cause = await tasks.enqueue(connection, Task.DAILY_MAIL, services.ref(), now=now)
        await TaskRow.filter(id=cause).using_db(connection).update(state="done", done_at=now)
        for number, stored in enumerate(kept):
            await _queue_one(services, connection, cause, number, stored)

    await unit(work)


async def _queue_one(
    services: Services, connection: BaseDBAsyncClient, cause: int, number: int, stored: Stored
) -> None:
    now, address = services.now(), recipient(number)
    delivery = await Delivery.create(
        ref=services.ref(),
        task_id=cause,
        mail="daily_mail",
        recipient=address,
        recipient_look_up=services.address_look_up(address),
        message_id=f"<{number}@{DOMAINS}>",
        state=DeliveryState.QUEUED.value,
        file=await stored.record(connection, now),
        created_at=now,
        updated_at=now,
        using_db=connection,
    )
    ids = {"delivery": delivery.id}
    await tasks.enqueue(connection, Task.SEND, delivery.ref, now=now, ids=ids)


async def all_sent() -> None:
    """Return once no mail waits any more."""
    while await TaskRow.filter(kind=Task.SEND.value).exclude(state="done").exists():
        await asyncio.sleep(0.02)


@asynccontextmanager
async def at_work(run: Callable[[asyncio.Event], Any]) -> AsyncIterator[None]:
    """Run the watcher or the worker while the block runs."""
    stop = asyncio.Event()
    work = asyncio.create_task(run(stop))
    try:
        yield
    finally:
        stop.set()
        await work


# Mail that comes in


def order(number: int, pdf: bytes) -> EmailMessage:
    """Return an order with a contract, as a clerk writes it; different from every other."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = cast.NAKAMURA.address, cast.INTAKE, f"Fwd: 村道{number}号線"
    mail["Message-ID"] = f"<{number}.{time.time_ns()}@{cast.STAFF_DOMAIN}>"
    lines = (
        f"封筒名：村道{number}号線 舗装補修工事",
        f"宛先：{cast.TAKAHASHI.company}",
        "種別：契約書",
        "金額：12,980,000円（税込）",
    )
    mail.set_content("\n".join(lines) + "\n", cte="base64")
    mail.add_attachment(pdf, maintype="application", subtype="pdf", filename="工事請負契約書.pdf")
    return mail


class Mailbox:
    """A mailbox of Dovecot through Python's own client, which knows nothing of us."""

    def __init__(self, office: RealPostOffice, user: str) -> None:
        self._client = imaplib.IMAP4("127.0.0.1", office.imap)
        # imaplib writes a literal in two pieces, and the second would wait 40 ms for the first.
        self._client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client.login(f'"{user}"', office.password)

    def fill(self, mails: Iterator[bytes]) -> None:
        for mail in mails:
            self._client.append("INBOX", "", imaplib.Time2Internaldate(time.time()), mail)

    def empty(self) -> int:
        """Fetch every mail and move it away; returns how many."""
        self._client.create("Processed")
        self._client.select()
        uids = self._client.uid("search", "UNDELETED")[1][0].split()
        for uid in uids:
            self._client.uid("fetch", uid, "(UID INTERNALDATE BODY.PEEK[])")
            self._client.uid("move", uid, "Processed")
        return len(uids)

    def close(self) -> None:
        self._client.logout()
