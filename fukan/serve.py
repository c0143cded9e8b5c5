"""Portal and bot as long-running processes: start, say when ready, stop cleanly. Knows no page and no mail.

The portal logs its requests itself, without tokens, so the server's own access log stays off.
"""

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from enum import StrEnum
from typing import Final

from aiohttp import web

from envelopes.rules.errors import FukanError
from envelopes.services import Services
from envelopes.settings import Settings
from fukan.installation import bring_up_to_date, opened
from fukan.receiving import receiving

STOP_SECONDS: Final = 10.0  # why: a download under way may end; container managers kill after this
IDLE_SECONDS: Final = (
    15.0  # why: browsers reconnect at once; aiohttp itself would wait an hour for slow headers too
)


class Door(StrEnum):
    """What a process opens to the outside."""

    PORTAL = "portal"
    BOT = "bot"


class PortTaken(FukanError):
    """Something else listens there already, or nobody may."""

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(f"{host}:{port} {why}")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on *host* and *port* (0: a free one), or raise PortTaken."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "はほかのプログラムが使っています。止めるか、別のポートを選んでください。"
        if not taken:
            why = "で待ち受けられません。アドレスと権限を確かめてください。"
        raise PortTaken(host, port, why) from None


@asynccontextmanager
async def served(app: web.Application, place: socket.socket) -> AsyncIterator[None]:
    """Answer requests on *place* while the block runs."""
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=STOP_SECONDS,
        keepalive_timeout=IDLE_SECONDS,
        # A visitor who goes away must not cut an action in two.
        handler_cancellation=False,
    )
    try:
        await runner.setup()
        await web.SockSite(runner, place).start()
        yield
    finally:
        await runner.cleanup()
        place.close()


@asynccontextmanager
async def running(
    services: Services, doors: Collection[Door], *, stop: asyncio.Event, place: socket.socket | None = None
) -> AsyncIterator[None]:
    """Keep *doors* open while the block runs; enters it when they are ready, or when *stop* came first.

    *place* is where the portal listens; without it the settings say. Leaving the block sets *stop*. When the bot ends
    by itself *stop* is set too, and its error is raised on leaving: half a service would look healthy.
    """
    async with AsyncExitStack() as stack:
        if Door.PORTAL in doors:
            from portal.app import create_app

            portal = services.settings.portal
            socket_ = place or listen(portal.host, portal.port)
            await stack.enter_async_context(served(create_app(_asking(services)), socket_))
        if Door.BOT in doors:
            await stack.enter_async_context(_bot_running(services, stop))
        try:
            yield
        finally:
            stop.set()


def _asking(services: Services) -> Services:
    """The portal's services: it asks DNS about addresses that are to be registered. The demo's domains are made up."""
    settings = services.settings
    if settings.demo or not settings.dns.check_registrations:
        return services
    return replace(services, receives=receiving(settings.dns))


@asynccontextmanager
async def _bot_running(services: Services, stop: asyncio.Event) -> AsyncIterator[None]:
    ready = asyncio.Event()
    work = asyncio.create_task(_bot(services, stop=stop, ready=ready))
    try:
        await _first(ready, stop)
        if work.done():
            await work
        yield
    finally:
        stop.set()
        await work


async def _bot(services: Services, *, stop: asyncio.Event, ready: asyncio.Event) -> None:
    from bot.app import run

    try:
        await run(services, stop=stop, ready=ready)
    finally:
        stop.set()


async def _first(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


def stop_on_signals() -> asyncio.Event:
    """Return an event that Ctrl-C and SIGTERM set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def log_to_terminal(level: int = logging.INFO) -> None:
    """Write the log to standard error."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for library in ("aiohttp", "pikepdf", "pyhanko", "pyhanko_certvalidator", "tortoise"):
        logging.getLogger(library).setLevel(logging.WARNING)


async def serve(settings: Settings, doors: Collection[Door]) -> None:
    """Run *doors* until a signal comes."""
    stop = stop_on_signals()
    await bring_up_to_date(settings)
    async with (
        opened(settings, portal=Door.PORTAL in doors, bot=Door.BOT in doors) as services,
        running(services, doors, stop=stop),
    ):
        if not stop.is_set():
            logging.getLogger("fukan").info("ready: %s", ", ".join(sorted(doors)))
        await stop.wait()
