"""The page with the signed files, kept open for long: its files lead back to it, and never into nothing."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from lxml import html  # type: ignore[import-untyped]

from envelopes.records.models import Envelope, Signer
from envelopes.records.store import Snapshot
from envelopes.rules.tokens import Purpose
from portal.app import create_app
from tests.engines import Town
from tests.portal.test_changing import get, prove

pytestmark = pytest.mark.engines
Client = TestClient[Request, Application]
NAMES = ("1.pdf", "certificate.pdf", "all.zip")


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(town.services))) as made:
        yield made


async def done(town: Town) -> tuple[Snapshot, Signer, str]:
    """A completed request, its contractor and his download link."""
    shot = await town.completed()
    signer = await Signer.get(id=shot.signers[0].id)
    return shot, signer, f"/d/{town.services.link(Purpose.DOWNLOAD, signer.ref, signer.download_generation)}"


async def look(client: Client, path: str) -> tuple[int, str]:
    headers = {"Cookie": "; ".join(f"{one.key}={one.value}" for one in client.session.cookie_jar)}
    async with client.get(path, headers=headers, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", "")


async def test_who_keeps_the_page_open_and_saves_one_file_after_another_stays_let_in(
    town: Town, client: Client
) -> None:
    _, signer, link = await done(town)
    await prove(town, client, signer)
    for name in NAMES:
        town.clock.forward(minutes=40)
        assert (await look(client, f"{link}/{name}"))[0] == 200
    town.clock.forward(minutes=61)
    for name in NAMES:
        assert await look(client, f"{link}/{name}") == (303, link)


async def test_a_file_of_a_link_that_is_over_says_what_the_link_says(town: Town, client: Client) -> None:
    shot, signer, link = await done(town)
    await prove(town, client, signer)
    await Signer.filter(id=signer.id).update(download_generation=signer.download_generation + 1)
    assert await get(client, f"{link}/1.pdf") == await get(client, link)
    assert (await look(client, f"{link}/1.pdf"))[0] == 410
    await Envelope.filter(id=shot.envelope.id).update(window_ends_at=town.clock() - timedelta(days=1))
    status, said = await get(client, f"{link}/all.zip")
    assert status == 410
    assert "ダウンロード期間が終わりました" in said


async def test_every_file_of_the_page_says_itself_that_it_is_to_be_saved(town: Town, client: Client) -> None:
    _, signer, link = await done(town)
    await prove(town, client, signer)
    headers = {"Cookie": "; ".join(f"{one.key}={one.value}" for one in client.session.cookie_jar)}
    page = html.document_fromstring(await (await client.get(link, headers=headers)).text())
    files = page.xpath("//main//a[contains(@href, '.pdf') or contains(@href, '.zip')]/@href")
    assert len(files) == len(NAMES)
    for file in files:
        answer = await client.get(file, headers=headers)
        assert answer.headers["Content-Disposition"].startswith("attachment;")
