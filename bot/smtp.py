"""Mail to wire: one mail to one recipient over the town's relay, and what the server said to it.

Connections are kept and shared; large mails go through a thread, because line endings and dots of megabytes
would stall everything else. What an answer means is bot.answers, when to try again rules.schedule, and what
is in the mail bot.letters.
"""

import asyncio
import re
import smtplib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import aiosmtplib

from bot.answers import NO_ANSWER, Deferred, Delivered, Failed, judge, judge_login
from envelopes.rules.addresses import wire_form
from envelopes.rules.errors import Refused

__all__ = ["Deferred", "Delivered", "Failed", "Sender", "SmtpRelay", "Tls"]

CONNECTIONS: Final = 4  # why: measured; more brings a local relay nothing
MAILS_PER_CONNECTION: Final = 100  # why: relays drop those who stay for ever
IDLE_SECONDS: Final = 10.0  # why: shorter than any server's patience, longer than a pause in a burst
LARGE_BYTES: Final = 1_000_000  # why: measured; from here a thread is faster and the loop stays free
_DONE: Final = 250  # RFC 5321 4.2.3: action completed
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


class Tls(StrEnum):
    """How the line is protected. Said outright: a guess would silently go in the clear."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpRelay:
    """The server that takes our mail, and how long it may be silent."""

    host: str
    port: int
    tls: Tls
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""
    helo: str = "localhost"
    """Our own name, as the server sees it."""
    connect_seconds: float = 30.0  # why: a relay that takes longer is down
    command_seconds: float = 60.0  # why: relays look names up before they answer RCPT
    data_seconds: float = 600.0  # why: RFC 5321 4.5.3.2.6; less makes doubles where mail is scanned


@dataclass(frozen=True, slots=True, kw_only=True)
class _Letter:
    """One mail with its envelope, ready for either library."""

    sender: str
    recipient: str
    data: bytes
    envid: str

    def mail_options(self, *, dsn: bool, size: bool) -> list[str]:
        """Return the parameters of MAIL: RFC 1870 SIZE, RFC 3461 RET and ENVID."""
        options = [f"SIZE={len(self.data)}"] if size else []
        return [*options, "RET=HDRS", f"ENVID={_xtext(self.envid)}"] if dsn else options

    def rcpt_options(self, *, dsn: bool) -> list[str]:
        """Return the parameters of RCPT. A delay is no failure, but staff want to know it."""
        return ["NOTIFY=FAILURE,DELAY", f"ORCPT=rfc822;{_xtext(self.recipient)}"] if dsn else []


class _Line:
    """A kept connection with what decides whether it may be used again."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self.client = client
        self.mails = 0
        self.used_at = time.monotonic()

    @property
    def is_fresh(self) -> bool:
        rested = time.monotonic() - self.used_at
        return self.client.is_connected and self.mails < MAILS_PER_CONNECTION and rested < IDLE_SECONDS


class Sender:
    """Sends mails, up to four at a time. Belongs to one event loop; `close` when done."""

    def __init__(self, relay: SmtpRelay) -> None:
        self._relay = relay
        self._free: list[_Line] = []
        self._slots = asyncio.Semaphore(CONNECTIONS)

    async def send(
        self, *, sender: str, recipient: str, data: bytes, envid: str
    ) -> Delivered | Deferred | Failed:
        """Hand *data* (a whole mail) to the relay for *recipient* and return its answer; never raises.

        *sender* is the return path, empty for none. *envid* comes back in reports (ASCII, RFC 3461 4.4: at
        most 100 characters).
        """
        try:
            letter = _Letter(sender=sender, recipient=wire_form(recipient), data=data, envid=envid)
        except Refused:
            return Failed(code=553, text="5.1.3 not an address that can be put on the wire; nothing was sent")
        async with self._slots:
            if len(data) > LARGE_BYTES:
                return await _send_large(self._relay, letter)
            return await self._send_small(letter)

    async def close(self) -> None:
        """Take leave of the server on every kept connection."""
        while self._free:
            await _hang_up(self._free.pop())
        await asyncio.sleep(0)  # the sockets close on the loop's next turn

    async def _send_small(self, letter: _Letter) -> Delivered | Deferred | Failed:
        try:
            async with self._line() as line:
                return await _exchange(line.client, letter, self._relay)
        except aiosmtplib.SMTPAuthenticationError as refusal:
            return judge_login(refusal.code, refusal.message)
        except aiosmtplib.SMTPResponseException as refusal:
            # Refused before this mail was named: that says nothing about the mail.
            return Deferred(code=refusal.code, text=refusal.message)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return _no_answer(error)

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[_Line]:
        """Lend a connection; it comes back only if the block ended without an error."""
        line = await self._fresh_line()
        try:
            yield line
        except BaseException:
            _cut(line.client)  # out of step after an error or a cancel
            raise
        line.mails += 1
        line.used_at = time.monotonic()
        self._free.append(line)

    async def _fresh_line(self) -> _Line:
        while self._free:
            line = self._free.pop()
            if line.is_fresh:
                return line
            await _hang_up(line)
        return _Line(await _connected(self._relay))


def _client(relay: SmtpRelay) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        local_hostname=relay.helo,
        timeout=relay.command_seconds,
        use_tls=relay.tls is Tls.IMPLICIT,
        start_tls=False,  # done by hand below; None would mean "if the server feels like it"
        tls_context=_tls_context(relay),
    )


async def _connected(relay: SmtpRelay) -> aiosmtplib.SMTP:
    """Return a client that has passed TLS and login, or raise and leave nothing open."""
    client = _client(relay)
    await client.connect(timeout=relay.connect_seconds)
    try:
        if relay.tls is Tls.STARTTLS:
            await client.starttls()
        if relay.user:
            await client.login(relay.user, relay.password)
    except BaseException:
        _cut(client)
        raise
    return client


async def _exchange(
    client: aiosmtplib.SMTP, letter: _Letter, relay: SmtpRelay
) -> Delivered | Deferred | Failed:
    """Say MAIL, RCPT and DATA; a refusal at any of them is the answer to this mail."""
    if client.is_ehlo_or_helo_needed:
        await client.ehlo()
    if _is_over(letter, client.esmtp_extensions.get("size", "")):
        return _over()
    dsn, size = client.supports_extension("dsn"), client.supports_extension("size")
    try:
        await client.mail(letter.sender, options=letter.mail_options(dsn=dsn, size=size))
        await client.rcpt(letter.recipient, options=letter.rcpt_options(dsn=dsn))
        answer = await client.data(letter.data, timeout=relay.data_seconds)
    except aiosmtplib.SMTPResponseException as refusal:
        await _reset(client)
        return judge(refusal.code, refusal.message)
    return judge(answer.code, answer.message)


async def _reset(client: aiosmtplib.SMTP) -> None:
    """Make the connection ready for the next mail; one that cannot be is not kept."""
    try:
        await client.rset()
    except (aiosmtplib.SMTPException, OSError):
        _cut(client)


async def _hang_up(line: _Line) -> None:
    with suppress(aiosmtplib.SMTPException, OSError):
        if line.client.is_connected:
            await line.client.execute_command(b"QUIT", timeout=IDLE_SECONDS)
    _cut(line.client)


def _cut(client: aiosmtplib.SMTP) -> None:
    """Drop the connection at once; an orderly end of TLS would wait for a server that may be silent."""
    transport = client.transport
    client.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


async def _send_large(relay: SmtpRelay, letter: _Letter) -> Delivered | Deferred | Failed:
    client = _ThreadClient(relay)
    try:
        return await asyncio.to_thread(client.send, letter)
    except asyncio.CancelledError:
        client.abort()  # or the thread would go on, and the mail with it
        raise


class _ThreadClient:
    """One large mail through smtplib, on a connection of its own."""

    def __init__(self, relay: SmtpRelay) -> None:
        self._relay = relay
        self._context = _tls_context(relay)
        self._client: smtplib.SMTP | None = None
        self._aborted = False

    def send(self, letter: _Letter) -> Delivered | Deferred | Failed:
        """Do in a thread what `Sender.send` promises."""
        try:
            return self._send(letter)
        except smtplib.SMTPAuthenticationError as refusal:
            return judge_login(refusal.smtp_code, _text(refusal.smtp_error))
        except smtplib.SMTPResponseException as refusal:
            return Deferred(code=refusal.smtp_code, text=_text(refusal.smtp_error))
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return _no_answer(error)
        finally:
            if self._client is not None:
                self._client.close()

    def abort(self) -> None:
        """Wake the thread, whatever it is waiting for; while it still connects, it ends after that."""
        self._aborted = True
        if self._client is not None and self._client.sock is not None:
            with suppress(OSError):
                self._client.sock.shutdown(socket.SHUT_RDWR)

    def _send(self, letter: _Letter) -> Delivered | Deferred | Failed:
        client = self._client = self._connected()
        if self._aborted:
            raise ConnectionAbortedError
        _wait_at_most(client, self._relay.command_seconds)
        if self._relay.tls is Tls.STARTTLS:
            client.starttls(context=self._context)
        if self._relay.user:
            client.login(self._relay.user, self._relay.password)
        client.ehlo_or_helo_if_needed()
        answer = self._exchange(client, letter)
        with suppress(smtplib.SMTPException, OSError):
            client.quit()
        return answer

    def _connected(self) -> smtplib.SMTP:
        relay = self._relay
        place, name, patience = (relay.host, relay.port), relay.helo, relay.connect_seconds
        if relay.tls is Tls.IMPLICIT:
            return smtplib.SMTP_SSL(*place, local_hostname=name, timeout=patience, context=self._context)
        return smtplib.SMTP(*place, local_hostname=name, timeout=patience)

    def _exchange(self, client: smtplib.SMTP, letter: _Letter) -> Delivered | Deferred | Failed:
        if _is_over(letter, client.esmtp_features.get("size", "")):
            return _over()
        dsn, size = client.has_extn("dsn"), client.has_extn("size")
        answer: tuple[int, bytes | str] = client.mail(letter.sender, letter.mail_options(dsn=dsn, size=size))
        if answer[0] == _DONE:
            answer = client.rcpt(letter.recipient, letter.rcpt_options(dsn=dsn))
            if answer[0] // 100 == _DONE // 100:
                answer = self._data(client, letter.data)
        return judge(answer[0], _text(answer[1]))

    def _data(self, client: smtplib.SMTP, data: bytes) -> tuple[int, bytes | str]:
        _wait_at_most(client, self._relay.data_seconds)
        try:
            # smtplib leaves the line endings of bytes as they are.
            return client.data(_LINE_END.sub(b"\r\n", data))
        except smtplib.SMTPDataError as refusal:
            return refusal.smtp_code, refusal.smtp_error
        finally:
            _wait_at_most(client, self._relay.command_seconds)


def _is_over(letter: _Letter, limit: str) -> bool:
    """Whether the mail is larger than the server takes. RFC 1870 4: zero means no fixed limit."""
    return limit.isdecimal() and 0 < int(limit) < len(letter.data)


def _over() -> Failed:
    return Failed(code=552, text="5.3.4 larger than the server's SIZE; nothing was sent", too_big=True)


def _wait_at_most(client: smtplib.SMTP, seconds: float) -> None:
    if client.sock is not None:
        client.sock.settimeout(seconds)


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer


def _no_answer(error: Exception) -> Deferred:
    return Deferred(code=NO_ANSWER, text=f"{type(error).__name__}: {error}")


def _tls_context(relay: SmtpRelay) -> ssl.SSLContext | None:
    return None if relay.tls is Tls.NONE else ssl.create_default_context(cafile=relay.ca_file)


def _xtext(text: str) -> str:
    """Return *text* as a parameter's value (RFC 3461 4: xtext)."""
    return re.sub(r"[^!-*,-<>-~]", lambda found: f"+{ord(found[0]):02X}", text)
