"""An SMS gateway's hook on 127.0.0.1: checks who calls as docs/sms.md says, and answers what a test tells it to."""

import asyncio
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum, auto

from aiohttp import web

SECRET = "himitsu-" * 5
_WINDOW = 300.0  # seconds; docs/sms.md


class Mood(StrEnum):
    """How it answers; `HANG` and `HANG_UP` after having taken the message."""

    KIND = auto()
    REDIRECT = auto()
    HANG = auto()
    HANG_UP = auto()


@dataclass
class Gateway:
    """The hook as a test sees it: `sms` are the messages by id that it would have sent, once each.

    `statuses` are answered first, one a call; then what its `mood` says. `clock` is its own.
    """

    clock: Callable[[], float]
    port: int = 0
    mood: Mood = Mood.KIND
    statuses: list[int] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    sms: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: int = 0
    elsewhere: int = 0
    hanging: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/send"

    def texts(self, number: str) -> list[str]:
        """What was sent to *number*, in order."""
        return [one["text"] for one in self.sms.values() if one["to"] == number]

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self._is_ours(request, body):
            self.refused += 1
            return web.Response(status=401)
        message = json.loads(body)
        assert request.headers["Idempotency-Key"] == message["id"]
        self.calls.append(message["id"])
        if self.statuses:
            return web.Response(status=self.statuses.pop(0))
        match self.mood:
            case Mood.REDIRECT:
                return web.Response(status=307, headers={"Location": f"http://127.0.0.1:{self.port}/other"})
            case Mood.HANG:
                self.sms.setdefault(message["id"], message)
                await self.hanging.wait()
            case Mood.HANG_UP:
                self.sms.setdefault(message["id"], message)
                assert request.transport is not None
                request.transport.abort()
            case Mood.KIND:
                self.sms.setdefault(message["id"], message)
        return web.Response(status=204)

    def _is_ours(self, request: web.Request, body: bytes) -> bool:
        stamp = request.headers.get("Fukan-Timestamp", "0")
        expected = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        fits = hmac.compare_digest(expected, request.headers.get("Fukan-Signature", ""))
        return fits and abs(self.clock() - float(stamp)) <= _WINDOW

    async def other(self, _request: web.Request) -> web.Response:
        """Where the redirect leads; nobody may ever come here."""
        self.elsewhere += 1
        return web.Response(status=204)


@asynccontextmanager
async def serving(clock: Callable[[], float], tls: ssl.SSLContext | None = None) -> AsyncIterator[Gateway]:
    """Take messages while the block runs."""
    gateway = Gateway(clock=clock)
    app = web.Application()
    app.router.add_post("/send", gateway.answer)
    app.router.add_route("*", "/other", gateway.other)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    assert site._server is not None
    gateway.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        yield gateway
    finally:
        gateway.hanging.set()
        await runner.cleanup()


@contextmanager
def threaded() -> Iterator[Gateway]:
    """The same from a thread of its own, for tests in which other processes send."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stack = AsyncExitStack()
    try:
        yield asyncio.run_coroutine_threadsafe(stack.enter_async_context(serving(time.time)), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
