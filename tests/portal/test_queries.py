"""How often a signer's pages ask the database, and that what is kept between them is never older than the envelope."""

import logging
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from envelopes.actions import signer as act
from envelopes.actions import staff
from envelopes.records import sessions
from envelopes.records.models import Document, Signer
from portal.app import create_app
from portal.shelf import Shelf
from tests.engines import SMALL, Town

pytestmark = pytest.mark.engines
Client = TestClient[Request, Application]
MOST = 2


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(town.services))) as made:
        yield made


async def prove(town: Town, client: Client, signer: Signer) -> str:
    """Let the client's browser have proved to be *signer*; gives the path of his pages."""
    now = town.services.now()
    cookie, session = await sessions.start(now=now)
    await sessions.prove(session, signer, generation=signer.generation, method=act.MAIL_CODE, now=now)
    client.session.cookie_jar.update_cookies({"__Host-fukan": cookie, "fukan": cookie})
    return f"/sign/{signer.ref}"


async def asked(client: Client, path: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the database is asked for one page, without comings and goings."""
    caplog.clear()
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        answer = await client.get(path, headers={"Cookie": cookie_of(client)})
        assert answer.status == 200, await answer.text()
    return [
        one.getMessage()
        for one in caplog.records
        if re.search(r"\b(SELECT|UPDATE|INSERT)\b", one.getMessage())
    ]


def cookie_of(client: Client) -> str:
    return "; ".join(f"{one.key}={one.value}" for one in client.session.cookie_jar)


async def test_a_page_of_the_signing_way_costs_two_queries(
    town: Town, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    shot = await town.out()
    base = await prove(town, client, shot.signers[0])
    first = await asked(client, f"{base}/1", caplog)
    assert len(first) > MOST  # what is written down at the first look, and read for the next ones
    for page in ("1", "confirm", f"1/1-{SMALL[0]}.webp"):
        queries = await asked(client, f"{base}/{page}", caplog)
        assert len(queries) <= MOST, (page, queries)


async def test_what_is_kept_is_read_again_when_the_envelope_changes(town: Town, client: Client) -> None:
    shot = await town.out()
    base = await prove(town, client, shot.signers[0])
    before = await text(client, f"{base}/1")
    later = shot.envelope.deadline_on + timedelta(days=7)
    await staff.extend(
        town.services,
        staff.actor_of(town.drafter),
        shot.envelope.ref,
        version=shot.envelope.version,
        deadline_on=later,
    )
    after = await text(client, f"{base}/1")
    assert later.isoformat() in after
    assert later.isoformat() not in before


async def test_a_proof_counts_for_its_link_alone(town: Town, client: Client) -> None:
    shot = await town.out()
    signer = shot.signers[0]
    base = await prove(town, client, signer)
    assert "文書を確認してください" in await text(client, f"{base}/1")
    await Signer.filter(id=signer.id).update(generation=signer.generation + 1)
    answer = await client.get(f"{base}/1", headers={"Cookie": cookie_of(client)})
    assert answer.status == 404


async def test_a_signer_who_was_altered_meanwhile_is_shown_nothing(town: Town, client: Client) -> None:
    shot = await town.out()
    base = await prove(town, client, shot.signers[0])
    await text(client, f"{base}/1")
    await Signer.filter(id=shot.signers[0].id).update(company="別の会社")
    answer = await client.get(f"{base}/1", headers={"Cookie": cookie_of(client)})
    assert answer.status >= 400
    assert "別の会社" not in await answer.text()


async def test_the_shelf_keeps_the_envelopes_looked_at_last_and_none_that_is_not_ready(town: Town) -> None:
    shelf, found = Shelf(room=1), []
    for _ in range(2):
        shot = await town.out()
        found.append(await Signer.get(id=shot.signers[0].id).select_related(*WITH_ALL))
    first = await shelf.contents(found[0])
    assert await shelf.contents(found[0]) is first
    await shelf.contents(found[1])
    assert await shelf.contents(found[0]) is not first
    await Document.filter(envelope_id=found[0].envelope_id).update(pages_sha256=None)
    found[0].envelope.version += 1
    unready = await shelf.contents(found[0])
    assert unready.offered is None
    assert await shelf.contents(found[0]) is not unready


WITH_ALL = ("envelope__section", "envelope__drafter")


async def text(client: Client, path: str) -> str:
    answer = await client.get(path, headers={"Cookie": cookie_of(client)})
    assert answer.status == 200
    return await answer.text()
