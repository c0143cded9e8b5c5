"""The most that an envelope holds: twenty documents of two hundred pages. Each page stays small, quick and whole."""

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from envelopes.records.models import Document, Image
from envelopes.records.store import Snapshot
from portal.app import create_app
from portal.shelf import _read
from portal.views import AT_ONCE
from tests.engines import Town
from tests.portal.test_evidence import signed_in
from tests.portal.test_languages import link
from tests.portal.test_queries import MOST, asked, prove

pytestmark = pytest.mark.engines
Client = TestClient[Request, Application]
DOCUMENTS, PAGES, WIDTHS = 20, 200, 3
UNREAD = ("-3", "x", "", "9" * 5000)


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(town.services))) as made:
        yield made


async def thick(town: Town) -> Snapshot:
    """An envelope as full as can be. Its further pages look like its first: drawing them all would take minutes."""
    shot = await town.out(documents=DOCUMENTS)
    await Document.filter(envelope_id=shot.envelope.id).update(page_count=PAGES)
    for document in shot.documents:
        drawn = await Image.filter(document_id=document.id).order_by("page", "width")
        await Image.bulk_create(
            [
                Image(
                    document_id=one.document_id,
                    page=page,
                    width=one.width,
                    height=one.height,
                    file_id=one.file_id,
                )
                for one in drawn[:WIDTHS]
                for page in range(document.page_count + 1, PAGES + 1)
            ]
        )
    return await town.again(shot)


def pages_of(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'<figure id="page-\d+-(\d+)">', html)]


async def test_every_page_is_come_to_by_links_and_by_its_number(
    town: Town, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    shot = await thick(town)
    landing = await (await client.get(link(town, shot.signers[0]))).text()
    assert "費用はかかりません" in landing
    assert "5分ほど" not in landing
    base = await prove(town, client, shot.signers[0])
    seen, path = [], f"{base}/1"
    while path:
        answer = await client.get(path)
        html = await answer.text()
        assert answer.status == 200
        assert len(html) < 60_000
        assert html.count('loading="lazy"') == len(pages_of(html)) - 1
        seen += pages_of(html)
        onward = re.search(r'href="([^"]*\?page=\d+)#[^"]*">続きを', html)
        path = onward[1] if onward else ""
    assert seen == list(range(1, PAGES + 1))

    # As people write it; what is none of this document leads to the nearest page there is, and what
    # is no number to the first, with a word.
    for typed, first in (
        ("57", 57),
        ("５７", 57),
        ("200", 200),
        ("9999", 200),
        ("0", 1),
        *((typed, 1) for typed in UNREAD),
    ):
        html = await (await client.get(f"{base}/20", params={"page": typed})).text()
        assert pages_of(html) == list(range(first, min(PAGES, first + AT_ONCE - 1) + 1))
        assert ("1から200までの数字で入力してください" in html) == (typed in UNREAD)

    assert len(await asked(client, f"{base}/20?page=101", caplog)) <= MOST
    caplog.clear()
    # What the portal keeps between two pages of such an envelope.
    contents = await _read(shot.envelope.id)
    for document in shot.documents:
        assert len(await contents.leaves(document.id)) == PAGES * WIDTHS
        assert await contents.leaves(document.id) == await contents.leaves(document.id)
    assert sum(kept.itemsize * len(kept) for kept in contents._leaves.values()) < 100_000


async def test_the_page_of_a_draft_stays_light_and_says_how_far_its_pages_are(town: Town) -> None:
    shot = await town.draft(documents=DOCUMENTS)
    await Document.filter(envelope_id=shot.envelope.id).update(page_count=PAGES)
    await Document.filter(id=shot.documents[-1].id).update(pages_sha256=None)
    async with signed_in(town, town.drafter) as client:
        html = await (await client.get(f"/staff/drafts/{shot.envelope.ref}")).text()
        assert html.count("<figure") == 4  # what is drawn of three documents
        assert html.count("文書を開く（200ページ）") == DOCUMENTS - 3
        assert html.count("200ページ・") == DOCUMENTS
        assert "（4,000ページのうち3,800ページまで）" in html
        apart = await client.get(f"/staff/envelopes/{shot.envelope.ref}/20")
        assert apart.status == 200
        await town.confirm(shot)
        html = await (await client.get(f"/staff/envelopes/{shot.envelope.ref}")).text()
        assert "終わると、相手方に署名依頼を送ります。" in html
