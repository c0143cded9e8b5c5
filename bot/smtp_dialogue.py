"""A line to a mail server that has greeted: what is said together, and what is said only after a yes.

Theory of operation. aiosmtplib opens the line, encrypts it and logs in; but it hears one answer at a time, and another
that comes with it is lost. So the line is taken over from it once it stands. A step follows as soon as the answers to
the one before are read, without a turn of the event loop. Knows neither mails nor what a refusal means for one.
"""

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

_LONGEST: Final = (
    32 * 1024
)  # why: octets of one answer; RFC 5321 4.5.3.1.5 has 512 in a line, and few have ten lines
_LINE: Final = re.compile(rb"(\d{3})(-?)(.*)", re.DOTALL)


class Answer(NamedTuple):
    """A server's answer; the lines of a long one are parted by line feeds."""

    code: int
    text: str


class Word(NamedTuple):
    """What is said, the code that is hoped for or its first digit, and how long the server may be silent."""

    said: bytes
    yes: int
    seconds: float

    def is_allowed(self, answer: Answer) -> bool:
        """Whether the server said yes."""
        return self.yes in {answer.code, answer.code // 100}


class Dialogue(asyncio.Protocol):
    """Takes *transport* over. Belongs to one event loop and has one talk at a time."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._is_over = False
        # What came and was not asked for yet: part of a line, lines of an answer, answers.
        self._rest = b""
        self._texts: list[bytes] = []
        self._unread: deque[Answer] = deque()
        # The talk.
        self._steps: deque[Sequence[Word]] = deque()
        self._answers: list[Answer] = []
        self._place = 0
        self._end: asyncio.Future[None] | None = None
        self._patience_ends = 0.0
        self._watch: asyncio.TimerHandle | None = None
        transport.set_protocol(self)

    @property
    def is_quiet(self) -> bool:
        """Whether the line stands and the server said nothing unasked: mostly that it hangs up."""
        return not (
            self._is_over or self._unread or self._texts or self._rest or self._transport.is_closing()
        )

    async def talk(self, *steps: Sequence[Word]) -> list[Answer]:
        """Say the words of each step together, a step after a yes to all of the one before; return the answers.

        They end with the step that was not allowed. Where fewer came than that step asks for, the line is lost or was
        dropped: what still comes would be taken for the answer to something else.
        """
        if not self.is_quiet:
            self.drop()
            return []
        self._steps.extend(steps)
        self._end = self._loop.create_future()
        self._say()
        try:
            await self._end
        finally:
            answers, self._answers, self._end = self._answers, [], None
            self._steps.clear()
        return answers

    def drop(self) -> None:
        """Hang up at once; an orderly end of TLS would wait for a server that may be silent."""
        self._transport.abort()
        self._lose()

    # One step after the other

    def _say(self) -> None:
        step, self._place = self._steps[0], 0
        self._wait_for(step[0])
        self._transport.write(b"".join([word.said for word in step]))

    def _go_on(self) -> None:
        """Give the answers that came to the words they are for, and say the next step after the last yes."""
        while self._unread and self._end is not None and not self._end.done():
            step = self._steps[0]
            self._answers.append(self._unread.popleft())
            self._place += 1
            if self._place < len(step):
                self._wait_for(step[self._place])
            elif not all(map(Word.is_allowed, step, self._answers[-len(step) :])) or len(self._steps) == 1:
                self._end.set_result(None)
            elif not self.is_quiet:
                self.drop()  # what was said unasked would be taken for the answer to the next step
            else:
                self._steps.popleft()
                self._say()

    # Patience

    def _wait_for(self, word: Word) -> None:
        """Wait for the answer to *word*. The watch is not set anew for each: it looks again when it was early."""
        ends = self._patience_ends = self._loop.time() + word.seconds
        if self._watch is not None and self._watch.when() > ends:
            self._watch.cancel()
            self._watch = None
        if self._watch is None:
            self._watch = self._loop.call_at(ends, self._look)

    def _look(self) -> None:
        self._watch = None
        if self._end is None:
            return
        if self._loop.time() >= self._patience_ends:
            self.drop()
        else:
            self._watch = self._loop.call_at(self._patience_ends, self._look)

    # What the loop calls

    def data_received(self, data: bytes) -> None:
        """Read whole answers (RFC 5321 4.2.1); whoever says anything else is not listened to any more."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not all(map(self._take, lines)) or len(self._rest) + sum(map(len, self._texts)) > _LONGEST:
            self.drop()
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- why it was lost changes nothing
        """End the talk with the answers that came."""
        self._lose()

    def _lose(self) -> None:
        self._is_over = True
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._end is not None and not self._end.done():
            self._end.set_result(None)

    def _take(self, line: bytes) -> bool:
        """Take one line; False where it is no part of an answer."""
        found = _LINE.match(line)
        if found is None:
            return False
        code, goes_on, text = found.groups()
        self._texts.append(text.strip())
        if not goes_on:
            self._unread.append(Answer(int(code), b"\n".join(self._texts).decode("utf-8", "replace")))
            self._texts = []
        return True
