"""What the portal's measurements stand on: a town on SQLite, a contract in front of its signer, envelopes to be signed.

`python -m benchmarks.portal_scene FOLDER` makes it; with `sign` it signs the envelopes, as the bot's process does.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from envelopes import keyring
from envelopes.actions import signer as act
from envelopes.actions.worker import signing
from envelopes.actions.worker.workshop import Workshop
from envelopes.papers.pages import WIDTHS
from envelopes.records import sessions
from envelopes.records.database import Database, upgrade
from envelopes.records.models import Consent
from envelopes.rules.tokens import Purpose
from envelopes.sandbox import Sandbox
from envelopes.services import Services, build
from envelopes.settings import Settings
from envelopes.signing import authority, seal
from tests.engines import PASSPHRASE, Clock, Engine, HerePapers, Town, build_town
from tests.papers.odd import LIMITS

ENVELOPES, DOCUMENTS = 3, 20
VIEWER, LANDING = "viewer", "landing"  # files that hold the paths of these pages


def settings(folder: Path) -> Settings:
    return Settings.model_validate(
        {"directory": folder, "database": f"sqlite:///{folder / 'fukan.sqlite3'}", "keys": folder / "keys"}
    )


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Services]:
    """Open what `make` made, as one process that is portal and bot."""
    database = Database(settings(folder).database_url)
    await database.open()
    try:
        yield build(settings(folder), portal=True, bot=True)
    finally:
        await database.close()


async def make(folder: Path) -> None:
    keyring.create(folder / "keys")
    made = settings(folder)
    await upgrade(made.database_url)
    now = datetime.now(UTC)
    authority.create(
        folder / "authority",
        town="みほん村",
        public_url="http://sign.mihon.example",
        now=now - timedelta(days=3),
        passphrase=PASSPHRASE,
    )
    database = Database(made.database_url)
    await database.open()
    engine = Engine(url=made.database_url, directory=folder, keys=folder / "keys", s3=None, database=database)
    try:
        town = await build_town(engine, folder / "authority", Clock(now - timedelta(hours=25)))
        await _to_be_read(folder, town)
        for _ in range(ENVELOPES):
            await town.consent(await town.out(documents=DOCUMENTS))
    finally:
        await database.close()


async def _to_be_read(folder: Path, town: Town) -> None:
    """A contract of three documents, the last of three pages, open in a browser that has proved its signer."""
    shot = await town.out(documents=3)
    one, now = shot.signers[0], datetime.now(UTC)
    cookie, session = await sessions.start(now=now)
    await sessions.prove(session, one, generation=one.generation, method=act.MAIL_CODE, now=now)
    (folder / "cookie").write_text(f"__Host-fukan={cookie}; fukan={cookie}")
    (folder / VIEWER).write_text(f"/sign/{one.ref}/3")
    (folder / LANDING).write_text(f"/s/{town.services.link(Purpose.REQUEST, one.ref, one.generation)}")


async def sign(folder: Path) -> None:
    """Sign every envelope that has a consent, one after the other."""
    async with opened(folder) as services:
        using = seal.embedded(folder / "authority", passphrase=PASSPHRASE, clock=services.now)
        shop = Workshop(
            services=services, seal=using, papers=HerePapers(sandbox=Sandbox(), limits=LIMITS, widths=WIDTHS)
        )
        for row in await Consent.all().order_by("id"):
            await signing.sign(shop, row.envelope_id, row.id)


if __name__ == "__main__":
    asyncio.run((sign if sys.argv[2:] == ["sign"] else make)(Path(sys.argv[1])))
