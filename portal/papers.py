"""Documents as pages show them: tabs, page images and text, files. Which person may see them is decided before."""

import json
from collections.abc import Callable, Collection, Sequence
from itertools import groupby
from typing import Final

from aiohttp import web

from envelopes.records import store
from envelopes.records.models import Document, File, Image
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Reason, Refused
from envelopes.services import Services
from portal.views import DocumentTab, DocumentView, ImageSource, PageImage

# Images never change under their address; the address is known only to a proved session.
CACHE: Final = "private, max-age=3600, immutable"


def document(shot: Snapshot, number: str) -> Document:
    """The document at position *number* of the path. Raises Refused(LINK_UNKNOWN)."""
    for item in shot.documents:
        if str(item.position) == number:
            return item
    raise Refused(Reason.LINK_UNKNOWN)


def certificate(shot: Snapshot) -> Document:
    """締結証明書. Raises Refused(LINK_UNKNOWN) before the completion."""
    if shot.certificate is None:
        raise Refused(Reason.LINK_UNKNOWN)
    return shot.certificate


def tabs(
    shot: Snapshot, seen: Collection[int], url: Callable[[Document], str], *, now: int = 0
) -> tuple[DocumentTab, ...]:
    """The envelope's documents; *now* is the id of the one that is open, which counts as seen."""
    return tuple(
        DocumentTab(
            number=item.position,
            title=item.title,
            pages=item.page_count,
            seen=item.id in seen or item.id == now,
            url=url(item),
        )
        for item in shot.documents
    )


async def view(services: Services, item: Document, base: str) -> DocumentView:
    """One document with its page images; *base* is the path its files lie under."""
    revisions = await store.segments(item.id)
    size = revisions[0].length if revisions else item.base.size
    images = await Image.filter(document_id=item.id).order_by("page", "width")
    texts = await _texts(services, item)
    pages = tuple(
        _page(number, list(group), texts, base) for number, group in groupby(images, lambda image: image.page)
    )
    return DocumentView(
        number=item.position, title=item.title, pdf_url=f"{base}/pdf", pdf_size=size, pages=pages
    )


def _page(number: int, renderings: Sequence[Image], texts: Sequence[str], base: str) -> PageImage:
    middle = renderings[len(renderings) // 2]
    text = texts[number - 1] if number <= len(texts) else ""
    return PageImage(
        number=number,
        width=middle.width,
        height=middle.height,
        sources=tuple(
            ImageSource(url=f"{base}/{number}-{image.width}.webp", width=image.width) for image in renderings
        ),
        text=tuple(line for line in text.splitlines() if line.strip()),
    )


async def _texts(services: Services, item: Document) -> list[str]:
    row = await File.filter(id=item.text_id or 0).first()
    if row is None:
        return []
    loaded: list[str] = json.loads(await services.blobs.get(row))
    return loaded


async def image(services: Services, item: Document, page: int, width: int) -> web.Response:
    """One rendering of one page. Raises Refused(LINK_UNKNOWN)."""
    row = await Image.filter(document_id=item.id, page=page, width=width).select_related("file").first()
    if row is None:
        raise Refused(Reason.LINK_UNKNOWN)
    data = await services.blobs.get(row.file)
    return web.Response(body=data, content_type="image/webp", headers={"Cache-Control": CACHE})


async def prepared(services: Services, item: Document) -> bytes:
    """The file that the signers see. Before it exists: what it will be made of."""
    revisions = await store.segments(item.id)
    if not revisions:
        return await services.blobs.get(item.base)
    return await services.blobs.get(revisions[0].file)


async def signed(services: Services, item: Document) -> bytes:
    """The file with everything that was appended to it."""
    return await store.content(services.blobs, await store.segments(item.id))


async def signed_size(item: Document) -> int:
    """Its length in bytes."""
    revisions = await store.segments(item.id)
    return revisions[-1].length if revisions else 0
