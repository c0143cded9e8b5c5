"""Mail to wire: one mail to one recipient over the town's relay, and what the server said to it.

Theory of operation. Connections are kept, each used for one mail at a time. Small mails go through the event loop
(bot.smtp_loop), large ones through a thread (bot.smtp_thread): the line ends and dots of megabytes would stall
everything else. The threads are this module's own, so that a relay that is silent for minutes holds up no other work.
What an answer means is bot.answers, when to try again rules.schedule, and what is in the mail bot.letters.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bot import smtp_loop, smtp_thread
from bot.answers import Deferred, Delivered, Failed
from bot.relay import Letter, SmtpRelay, Tls, relay_of
from envelopes.rules.addresses import wire_form
from envelopes.rules.errors import Refused

__all__ = ["Deferred", "Delivered", "Failed", "Sender", "SmtpRelay", "Tls", "relay_of"]

CONNECTIONS: Final = 4  # why: measured; more brings a local relay nothing
LARGE_BYTES: Final = 1_000_000  # why: measured; from here a thread is faster and the loop stays free


class Sender:
    """Sends mails, up to four at a time. Belongs to one event loop; `close` when done."""

    def __init__(self, relay: SmtpRelay) -> None:
        self._relay = relay
        self._free: list[smtp_loop.Line] = []
        self._free_for_large: list[smtp_thread.Line] = []
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="smtp")

    async def send(
        self, *, sender: str, recipient: str, data: bytes, envid: str
    ) -> Delivered | Deferred | Failed:
        """Hand *data* (a whole mail) to the relay for *recipient* and return its answer; never raises.

        *sender* is the return path, empty for none. *envid* comes back in reports (ASCII, RFC 3461 4.4: at
        most 100 characters).
        """
        try:
            letter = Letter(sender=sender, recipient=wire_form(recipient), data=data, envid=envid)
        except Refused:
            return Failed(code=553, text="5.1.3 not an address that can be put on the wire; nothing was sent")
        async with self._slots:
            if len(data) > LARGE_BYTES:
                return await self._send_large(letter)
            return await self._send_small(letter)

    async def close(self) -> None:
        """Take leave of the server on every kept connection."""
        while self._free:
            await self._free.pop().leave()
        loop = asyncio.get_running_loop()
        while self._free_for_large:
            await loop.run_in_executor(self._threads, self._free_for_large.pop().leave)
        self._threads.shutdown(wait=False)
        await asyncio.sleep(0)  # the loop's sockets close on its next turn

    async def _send_small(self, letter: Letter) -> Delivered | Deferred | Failed:
        line = self._free.pop() if self._free else smtp_loop.Line(self._relay)
        answer = await line.send(letter)
        if line.is_open:
            self._free.append(line)
        return answer

    async def _send_large(self, letter: Letter) -> Delivered | Deferred | Failed:
        line = self._free_for_large.pop() if self._free_for_large else smtp_thread.Line(self._relay)
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, line.send, letter)
        except asyncio.CancelledError:
            line.abort()  # or the thread would go on, and the mail with it
            raise
        if line.is_open:
            self._free_for_large.append(line)
        return answer
