"""The two worlds of mail: real Dovecot and Postfix, and the demo's own post office. Both must do the same."""

import asyncio
import imaplib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.imap import Imap, ImapAccount
from bot.smtp import Sender, SmtpRelay, Tls
from fukan.demo.post import PASSWORD, PostOffice
from tests.patience import PATIENCE
from tests.servers.dovecot_postfix import RealPostOffice


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What the tests need of a post office, whichever it is."""

    imap: int
    smtp: int
    password: str
    kick: Callable[[str], Awaitable[None]]

    def account(self, user: str, **changes: object) -> ImapAccount:
        """Return how to open the mailbox of *user*."""
        known = {
            "host": "127.0.0.1",
            "port": self.imap,
            "tls": False,
            "user": user,
            "password": self.password,
        }
        return ImapAccount(**{**known, **changes})  # type: ignore[arg-type]

    def relay(self, **changes: object) -> SmtpRelay:
        """Return how to reach the SMTP server."""
        known = {"host": "127.0.0.1", "port": self.smtp, "tls": Tls.NONE}
        return SmtpRelay(**{**known, **changes})  # type: ignore[arg-type]

    async def fill(self, user: str, mails: list[bytes], *, copies: int = 1) -> None:
        """Put *mails* into the INBOX of *user* so many times, as another client would."""
        await asyncio.to_thread(self._append, user, mails, copies)

    def _append(self, user: str, mails: list[bytes], copies: int) -> None:
        client = imaplib.IMAP4("127.0.0.1", self.imap)
        # imaplib writes a literal in two pieces, and the second would wait 40 ms for the first.
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.login(f'"{user}"', self.password)
        for raw in mails:
            client.append("INBOX", "", imaplib.Time2Internaldate(time.time()), raw)
        client.select()
        for _ in range(copies - 1):
            client.copy(f"1:{len(mails)}", "INBOX")
        client.logout()

    async def arrived(self, user: str, count: int = 1) -> list[bytes]:
        """Wait until *user* has at least *count* mails and return them."""
        imap = Imap(self.account(user))
        await imap.connect()
        await imap.login()
        async with asyncio.timeout(PATIENCE):
            while True:
                await imap.select("INBOX")
                if len(uids := await imap.search()) >= count:
                    break
                await asyncio.sleep(0.02)
        mails = [await imap.fetch(uid) for uid in uids]
        await imap.close()
        return [mail.raw for mail in mails if mail]


@pytest.fixture(params=["dovecot", "demo"])
async def office(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Office]:
    """Each test runs twice, once in each world."""
    if request.param == "dovecot":
        yield real(request.getfixturevalue("post_office_real"))
        return
    demo = PostOffice(tmp_path / "post.sqlite3")
    await demo.start()
    try:
        yield Office(imap=demo.imap_port, smtp=demo.smtp_port, password=PASSWORD, kick=_kick(demo))
    finally:
        await demo.close()


def _kick(demo: PostOffice) -> Callable[[str], Awaitable[None]]:
    async def kick(_: str) -> None:
        demo.kick()

    return kick


def real(office: RealPostOffice) -> Office:
    """Return Dovecot and Postfix as the tests of both worlds see them."""
    return Office(
        imap=office.imap,
        smtp=office.smtp,
        password=office.password,
        kick=lambda user: asyncio.to_thread(office.kick, user),
    )


@pytest.fixture
async def sender(office: Office) -> AsyncIterator[Sender]:
    """A sender to the office of this test."""
    sender = Sender(office.relay())
    yield sender
    await sender.close()
