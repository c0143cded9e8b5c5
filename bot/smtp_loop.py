"""Small mails to wire, in the event loop: aiosmtplib opens the line, and what is said on it goes together (RFC 2920).

TLS and login are taken step by step, as the settings say. What an answer means is bot.answers.
"""

import asyncio
import time
from collections.abc import Collection, Sequence
from typing import Final, cast

import aiosmtplib

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
from bot.smtp_dialogue import Answer, Dialogue, Word

_RSET: Final = b"RSET\r\n"
_QUIT: Final = b"QUIT\r\n"


class Line:
    """A connection, opened when it is needed, for one mail at a time."""

    def __init__(self, relay: SmtpRelay) -> None:
        self._relay = relay
        self._client: aiosmtplib.SMTP | None = None
        self._dialogue: Dialogue | None = None
        self._used_at = 0.0
        self.mails = 0

    @property
    def is_open(self) -> bool:
        return self._client is not None and self._client.is_connected

    async def send(self, letter: Letter) -> Delivered | Deferred | Failed:
        """Do what `bot.smtp.Sender.send` promises. After anything but an answer the line is closed."""
        try:
            return await self._send(letter)
        except aiosmtplib.SMTPAuthenticationError as refusal:
            self.abort()
            return judge_login(refusal.code, refusal.message)
        except aiosmtplib.SMTPResponseException as refusal:
            # Refused before this mail was named, or out of step: that says nothing about the mail.
            self.abort()
            return Deferred(code=refusal.code, text=refusal.message)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            self.abort()
            return no_answer(error)
        except asyncio.CancelledError:
            self.abort()
            raise

    def abort(self) -> None:
        """Drop the connection at once; an orderly end of TLS would wait for a server that may be silent."""
        if self._client is not None:
            transport = self._client.transport
            self._client.close()
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        self._client = self._dialogue = None

    async def leave(self) -> None:
        """Say goodbye and hang up."""
        if self._dialogue is not None:
            await self._dialogue.talk([Word(_QUIT, DONE, IDLE_SECONDS)])
        self.abort()

    async def _send(self, letter: Letter) -> Delivered | Deferred | Failed:
        client, dialogue = await self._fresh()
        self.mails += 1
        answer = await self._exchange(client, dialogue, letter)
        self._used_at = time.monotonic()
        return answer

    # The connection

    async def _fresh(self) -> tuple[aiosmtplib.SMTP, Dialogue]:
        """Return a line that has passed TLS and login; a worn one takes its leave first."""
        rested = time.monotonic() - self._used_at
        if self._client is not None and self._dialogue is not None and self._dialogue.is_quiet:
            if self.mails < MAILS_PER_CONNECTION and rested < IDLE_SECONDS:
                return self._client, self._dialogue
            await self.leave()
        self.abort()
        self.mails = 0
        client = self._client = _client(self._relay)
        await self._enter(client)
        dialogue = self._dialogue = Dialogue(cast("asyncio.Transport", client.transport))
        return client, dialogue

    async def _enter(self, client: aiosmtplib.SMTP) -> None:
        await client.connect(timeout=self._relay.connect_seconds)
        if self._relay.tls is Tls.STARTTLS:
            await client.starttls()
        if self._relay.user:
            await client.login(self._relay.user, self._relay.password)
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()

    # A mail

    async def _exchange(
        self, client: aiosmtplib.SMTP, dialogue: Dialogue, letter: Letter
    ) -> Delivered | Deferred | Failed:
        """Say MAIL, RCPT and DATA, then the mail; a refusal at any of them is the answer to it."""
        offers = client.esmtp_extensions
        if is_over(letter, offers.get("size", "")):
            return over()
        commands = [
            Word(f"{command}\r\n".encode("ascii"), *self._hope(command))
            for command in letter.commands(dsn="dsn" in offers, size="size" in offers)
        ]
        steps = [commands] if "pipelining" in offers else [[command] for command in commands]
        mail = Word(b"".join(on_wire(letter.data)), DONE, self._relay.data_seconds)
        answers = await dialogue.talk(*steps, [mail])
        if len(answers) <= len(commands):
            return await self._refused(dialogue, commands, answers)
        said = answers[-1]
        if said.code == CLOSING:
            self.abort()
        return judge(said.code, said.text)

    def _hope(self, command: str) -> tuple[int, float]:
        """Return the yes to *command*, and how long it may take."""
        return (GO_ON, self._relay.data_seconds) if command == DATA else (DONE, self._relay.command_seconds)

    async def _refused(
        self, dialogue: Dialogue, commands: Sequence[Word], answers: Sequence[Answer]
    ) -> Delivered | Deferred | Failed:
        """Say what it means that the mail itself was not said. What was refused first counts (RFC 2920 3.1)."""
        said = zip(commands, answers, strict=False)
        refusal = next((answer for command, answer in said if not command.is_allowed(answer)), None)
        if refusal is None:
            raise aiosmtplib.SMTPServerDisconnected("the line was lost")
        if refusal.code // 100 not in NO:
            raise aiosmtplib.SMTPResponseException(refusal.code, refusal.text)
        await self._reset(dialogue, [answer.code for answer in answers])
        return judge(refusal.code, refusal.text)

    async def _reset(self, dialogue: Dialogue, codes: Collection[int]) -> None:
        """Make the line ready for the next mail; one that cannot be is not kept.

        Nor is one on which the mail is waited for although something before it was refused: nothing of it may follow.
        """
        if not {GO_ON, CLOSING}.intersection(codes):
            reset = Word(_RSET, DONE, self._relay.command_seconds)
            if any(map(reset.is_allowed, await dialogue.talk([reset]))):
                return
        self.abort()


def _client(relay: SmtpRelay) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        local_hostname=relay.helo,
        timeout=relay.command_seconds,
        use_tls=relay.tls is Tls.IMPLICIT,
        start_tls=False,  # done by hand above; None would mean "if the server feels like it"
        tls_context=tls_context(relay),
    )
