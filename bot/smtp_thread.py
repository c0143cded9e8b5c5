"""Large mails to wire: the standard library's client in a thread.

In the event loop the line ends and dots of megabytes would stall everything else. Commands go together where the
server lets them (RFC 2920). What an answer means is bot.answers.
"""

import select
import smtplib
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from bot.answers import Deferred, Delivered, Failed, judge, judge_login
from bot.relay import (
    CLOSING,
    DATA,
    DONE,
    GO_ON,
    IDLE_SECONDS,
    MAILS_PER_CONNECTION,
    NO,
    Letter,
    SmtpRelay,
    Tls,
    is_over,
    no_answer,
    on_wire,
    over,
    tls_context,
)


class _Refusal(NamedTuple):
    """A server's no, in its own words."""

    code: int
    text: bytes


class Line:
    """A connection, opened when it is needed. Its methods block; only `abort` may be called meanwhile."""

    def __init__(self, relay: SmtpRelay) -> None:
        self._relay = relay
        self._client: smtplib.SMTP | None = None
        self._aborted = False
        self._used_at = 0.0
        self.mails = 0

    @property
    def is_open(self) -> bool:
        return self._client is not None and self._client.sock is not None

    def send(self, letter: Letter) -> Delivered | Deferred | Failed:
        """Do in a thread what `bot.smtp.Sender.send` promises. After anything but an answer the line is closed."""
        try:
            return self._send(letter)
        except smtplib.SMTPAuthenticationError as refusal:
            self._close()
            return judge_login(refusal.smtp_code, _text(refusal.smtp_error))
        except smtplib.SMTPResponseException as refusal:
            # Refused before this mail was named, or out of step: that says nothing about the mail.
            self._close()
            return Deferred(code=refusal.smtp_code, text=_text(refusal.smtp_error))
        except (smtplib.SMTPException, OSError, ValueError) as error:
            self._close()
            return no_answer(error)

    def abort(self) -> None:
        """Wake the thread, whatever it is waiting for; while it still connects, it ends after that."""
        self._aborted = True
        if self._client is not None and self._client.sock is not None:
            with suppress(OSError):
                self._client.sock.shutdown(socket.SHUT_RDWR)

    def leave(self) -> None:
        """Say goodbye and hang up."""
        if self._client is not None and self._client.sock is not None:
            with suppress(smtplib.SMTPException, OSError):
                _wait_at_most(self._client, IDLE_SECONDS)
                self._client.quit()
        self._close()

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None

    def _send(self, letter: Letter) -> Delivered | Deferred | Failed:
        client = self._fresh()
        self.mails += 1
        answer = self._exchange(client, letter)
        self._used_at = time.monotonic()
        return answer

    # The connection

    def _fresh(self) -> smtplib.SMTP:
        """Return a client that has passed TLS and login; a worn one takes its leave first."""
        if self._client is not None and self._is_fresh(self._client):
            return self._client
        self.leave()
        self.mails = 0
        client = self._client = _greeted(self._relay)
        if self._aborted:
            raise ConnectionAbortedError
        _enter(client, self._relay)
        return client

    def _is_fresh(self, client: smtplib.SMTP) -> bool:
        rested = time.monotonic() - self._used_at
        return self.mails < MAILS_PER_CONNECTION and rested < IDLE_SECONDS and not _has_spoken(client)

    # A mail

    def _exchange(self, client: smtplib.SMTP, letter: Letter) -> Delivered | Deferred | Failed:
        """Say MAIL, RCPT and DATA; a refusal at any of them is the answer to this mail."""
        if is_over(letter, client.esmtp_features.get("size", "")):
            return over()
        commands = letter.commands(dsn=client.has_extn("dsn"), size=client.has_extn("size"))
        refusal = self._ask(client, commands, together=client.has_extn("pipelining"))
        if refusal is not None:
            self._reset(client, refusal.code)
            return judge(refusal.code, _text(refusal.text))
        for block in on_wire(letter.data):
            client.send(block)
        code, text = client.getreply()
        _wait_at_most(client, self._relay.command_seconds)
        if code == CLOSING:
            self._close()
        return judge(code, _text(text))

    def _ask(self, client: smtplib.SMTP, commands: Sequence[str], *, together: bool) -> _Refusal | None:
        """Say *commands* and return the first refusal, or None where the server now waits for the mail."""
        for batch in [commands] if together else [[command] for command in commands]:
            client.send("".join(f"{command}\r\n" for command in batch))
            if refusal := self._refusal(client, batch):
                return refusal
        return None

    def _refusal(self, client: smtplib.SMTP, batch: Sequence[str]) -> _Refusal | None:
        """Read the answers to what was said together."""
        refusal = None
        for command in batch:
            if refusal is None:
                refusal = self._answer(client, command)
            elif self.is_open:
                self._skip(client)
        return refusal

    def _answer(self, client: smtplib.SMTP, command: str) -> _Refusal | None:
        is_data = command == DATA
        _wait_at_most(client, self._relay.data_seconds if is_data else self._relay.command_seconds)
        code, text = client.getreply()
        if code == GO_ON if is_data else code // 100 == DONE:
            return None
        if code // 100 not in NO:
            raise smtplib.SMTPResponseException(code, text)
        return _Refusal(code, text)

    def _skip(self, client: smtplib.SMTP) -> None:
        """Read the answer to what follows a refused command. Whoever would go on, or is gone, is left."""
        try:
            code, _ = client.getreply()
        except (smtplib.SMTPException, OSError):
            code = CLOSING
        if code in {GO_ON, CLOSING}:
            self._close()

    def _reset(self, client: smtplib.SMTP, code: int) -> None:
        """Make the connection ready for the next mail; one that cannot be is not kept."""
        try:
            if code != CLOSING and self.is_open:
                client.rset()
                return
        except (smtplib.SMTPException, OSError):
            pass  # closed below
        self._close()


def connected(relay: SmtpRelay) -> smtplib.SMTP:
    """Return a client that has passed TLS and login, or raise and leave nothing open. Blocks."""
    client = _greeted(relay)
    try:
        _enter(client, relay)
    except BaseException:
        client.close()
        raise
    return client


def _greeted(relay: SmtpRelay) -> smtplib.SMTP:
    place, name, patience = (relay.host, relay.port), relay.helo, relay.connect_seconds
    if relay.tls is Tls.IMPLICIT:
        context = tls_context(relay)
        return smtplib.SMTP_SSL(*place, local_hostname=name, timeout=patience, context=context)
    return smtplib.SMTP(*place, local_hostname=name, timeout=patience)


def _enter(client: smtplib.SMTP, relay: SmtpRelay) -> None:
    """Pass TLS and login as the settings say, and hear what the server offers."""
    _wait_at_most(client, relay.command_seconds)
    if relay.tls is Tls.STARTTLS:
        client.starttls(context=tls_context(relay))
    if relay.user:
        client.login(relay.user, relay.password)
    client.ehlo_or_helo_if_needed()


def _has_spoken(client: smtplib.SMTP) -> bool:
    """Whether the server said something unasked since the last mail, which is that it hangs up, or has hung up."""
    poll = select.poll()
    poll.register(client.sock or -1, select.POLLIN)
    return bool(poll.poll(0))


def _wait_at_most(client: smtplib.SMTP, seconds: float) -> None:
    if client.sock is not None:
        client.sock.settimeout(seconds)


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
