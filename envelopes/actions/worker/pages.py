"""Images and text of every page, made once a document. How they are drawn stands in `papers.pages`."""

import json
from collections.abc import Sequence
from contextlib import aclosing
from hashlib import sha256

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions.worker.giving_back import give_back
from envelopes.actions.worker.workshop import Workshop
from envelopes.papers.pages import Page
from envelopes.papers.stamp import unstamped
from envelopes.records import blobs, store
from envelopes.records.blobs import BOTH, Stored
from envelopes.records.database import unit
from envelopes.records.models import Document, Image
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Refused
from envelopes.rules.states import Event, permits
from envelopes.services import Services


async def render_pages(shop: Workshop, envelope_id: int) -> bool:
    """Make images and text of every page of the first document that has none yet; True where another one waits.

    A document that cannot be drawn within its limits can be shown to nobody, so the draft goes back.
    """
    shot = await store.snapshot(id=envelope_id)
    bare = [document for document in shot.documents if document.pages_sha256 is None]
    if not bare or not permits(shot.state, Event.UNSEALABLE):
        return False
    try:
        await _render(shop, shot, bare[0])
    except Refused as refused:
        await give_back(shop.services, shot, bare[0], refused.reason)
        return False
    return len(bare) > 1


async def _render(shop: Workshop, shot: Snapshot, document: Document) -> None:
    services = shop.services
    data = await services.blobs.get(document.base)
    texts: list[str] = []
    images: list[tuple[int, int, int, Stored]] = []
    async with aclosing(shop.papers.batches(data, count=document.page_count)) as batches:
        async for batch in batches:
            for page in batch:
                texts.append(unstamped(page.text, store.certificate_id(shot.envelope, document)))
                images += await _keep_images(services, shot.envelope.ref, page)
    text = await services.blobs.put(
        json.dumps(texts, ensure_ascii=False).encode(),
        purpose="text",
        readers=BOTH,
        envelope_ref=shot.envelope.ref,
    )
    digest = sha256("".join(stored.sha256 for *_, stored in images).encode()).hexdigest()
    await _commit_pages(services, document, text, images, digest)


async def _keep_images(services: Services, ref: str, page: Page) -> list[tuple[int, int, int, Stored]]:
    return [
        (
            page.number,
            image.width_px,
            image.height_px,
            await services.blobs.put(image.data, purpose="image", readers=BOTH, envelope_ref=ref),
        )
        for image in page.images
    ]


async def _commit_pages(
    services: Services,
    document: Document,
    text: Stored,
    images: Sequence[tuple[int, int, int, Stored]],
    digest: str,
) -> None:
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        fresh = Document.filter(id=document.id, pages_sha256=None).using_db(connection)
        if not await fresh.update(pages_sha256=digest):
            return
        row = await text.record(connection, now)
        await Document.filter(id=document.id).using_db(connection).update(text_id=row.id)
        ids = await blobs.record_all(connection, [stored for *_, stored in images], now)
        rows = [
            Image(document_id=document.id, page=number, width=width, height=height, file_id=file_id)
            for (number, width, height, _), file_id in zip(images, ids, strict=True)
        ]
        await Image.bulk_create(rows, using_db=connection)

    await unit(work)
