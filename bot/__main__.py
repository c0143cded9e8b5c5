"""`python -m bot`: the bot alone, with the settings in `FUKAN_DIRECTORY` (default: `var`)."""

import asyncio
import logging
import os
import signal
from pathlib import Path

from bot import app
from envelopes import services, settings
from envelopes.records import database


async def serve(directory: Path) -> None:
    """Run the bot until SIGTERM or SIGINT."""
    loaded = settings.load(directory)
    await database.upgrade(loaded.database_url)
    opened = database.Database(loaded.database_url)
    await opened.open()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await app.run(services.build(loaded, portal=False, bot=True), stop=stop)
    finally:
        await opened.close()


def main() -> None:
    """Start the bot."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(serve(Path(os.environ.get("FUKAN_DIRECTORY", "var"))))


if __name__ == "__main__":
    main()
