"""Run the portal alone: `python -m portal`. Where settings lie: FUKAN_DIRECTORY, else `var`."""

import asyncio
import logging
import os
import signal
from pathlib import Path

from aiohttp import web

from envelopes import services, settings
from envelopes.records.database import Database
from portal.app import create_app

KEEPALIVE_SECONDS = 15  # also bounds how slowly a client may send its headers


async def serve(directory: Path, stop: asyncio.Event) -> None:
    """Serve until *stop* is set. The database is brought up to date by `fukan init`, not here."""
    built = services.build(settings.load(directory), portal=True, bot=False)
    database = Database(built.settings.database_url)
    await database.open()
    runner = web.AppRunner(create_app(built), access_log=None, keepalive_timeout=KEEPALIVE_SECONDS)
    try:
        await runner.setup()
        await web.TCPSite(runner, built.settings.portal.host, built.settings.portal.port).start()
        await stop.wait()
    finally:
        await runner.cleanup()
        await database.close()


async def _main() -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await serve(Path(os.environ.get("FUKAN_DIRECTORY", "var")), stop)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(_main())
