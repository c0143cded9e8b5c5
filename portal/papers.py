"""Documents as pages show them: tabs, page images and text, files. Which person may see them is decided before."""

import json
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from aiohttp import web

from envelopes.records import store
from envelopes.records.models import Document, File, Image
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Reason, Refused
from envelopes.services import Services
from portal.phrases import _
from portal.respond import number
from portal.views import AT_ONCE, DocumentTab, DocumentView, Drawing, FieldError, ImageSource, PageImage


class Leaf(NamedTuple):
    """A rendering of a page: which page, and how large in pixels."""

    page: int
    width: int
    height: int


async def leaves(document_id: int) -> list[Leaf]:
    """The renderings of a document's pages, by page and width."""
    rows = Image.filter(document_id=document_id).order_by("page", "width")
    return [Leaf(*row) for row in await rows.values_list("page", "width", "height")]


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


def drawing(shot: Snapshot) -> Drawing | None:
    """How far the images of an envelope's pages are; None where all are made."""
    drawn = [item.page_count for item in shot.documents if item.pages_sha256 is not None]
    pages = sum(item.page_count for item in shot.documents)
    return Drawing(done=sum(drawn), pages=pages) if len(drawn) < len(shot.documents) else None


def unfolded(request: web.Request) -> bool:
    """Whether the text of every page was asked for (文字で読む), which works in browsers without scripts too."""
    return request.query.get("text") == "open"


def first_page(request: web.Request) -> int | None:
    """The page from which a document is wanted, as a link or somebody's keyboard wrote it; None for no number."""
    return number(unicodedata.normalize("NFKC", request.query.get("page", "1")).strip())


def unread_page(request: web.Request, shown: DocumentView) -> tuple[FieldError, ...]:
    """That no number was typed where one was asked for."""
    if first_page(request) is not None or not (shown.before or shown.after):
        return ()
    text = _("ページ番号は、1から{count}までの数字で入力してください。", count=shown.count)
    return (FieldError(text=text, field="page"),)


def tabs(
    shot: Snapshot, seen: Collection[int] | None, url: Callable[[Document], str], *, now: int = 0
) -> tuple[DocumentTab, ...]:
    """The envelope's documents; *now* is the id of the one that is open, which counts as seen.

    *seen* is None where nobody is to have seen them.
    """
    return tuple(
        DocumentTab(
            number=item.position,
            title=item.title,
            pages=item.page_count,
            seen=None if seen is None else item.id in seen or item.id == now,
            url=url(item),
        )
        for item in shot.documents
    )


async def view(
    services: Services, item: Document, base: str, *, first: int = 1, unfolded: bool = False
) -> DocumentView:
    """One document with its page images from the *first* on; *base* is its path, and that of its files."""
    size = await prepared_size(item)
    images = await leaves(item.id)
    text = await File.filter(id=item.text_id or 0).first()
    found = await laid_out(services, item, base, size=size, images=images, text=text, first=first)
    return replace(found, unfolded=unfolded)


async def laid_out(
    services: Services,
    item: Document,
    base: str,
    *,
    size: int,
    images: Sequence[Leaf],
    text: File | None,
    first: int = 1,
) -> DocumentView:
    """The same of a document whose file size, images and text were looked up already."""
    texts: Sequence[str] = json.loads(await services.blobs.get(text)) if text else ()
    start = max(1, min(first, item.page_count))
    wanted = [image for image in images if start <= image.page < start + AT_ONCE]
    return DocumentView(
        number=item.position,
        title=item.title,
        pdf_url=f"{base}/pdf",
        pdf_size=size,
        pages=tuple(
            _page(number, list(group), texts, base)
            for number, group in groupby(wanted, lambda image: image.page)
        ),
        count=item.page_count,
        url=base,
    )


def _page(number: int, renderings: Sequence[Leaf], texts: Sequence[str], base: str) -> PageImage:
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


async def image(services: Services, item: Document, page: int, width: int) -> web.Response:
    """One rendering of one page. Raises Refused(LINK_UNKNOWN)."""
    row = await Image.filter(document_id=item.id, page=page, width=width).select_related("file").first()
    if row is None:
        raise Refused(Reason.LINK_UNKNOWN)
    data = await services.blobs.get(row.file)
    return web.Response(body=data, content_type="image/webp", headers=_for_this_session(services))


def _for_this_session(services: Services) -> Mapping[str, str]:
    """Say that this browser may keep an image as long as its session lives.

    It never changes under its address; but with another cookie, or none, it has to be asked for anew (RFC 9111 4.1).
    """
    seconds = int(services.policy.signer_idle.total_seconds())
    return {"Cache-Control": f"private, max-age={seconds}, immutable", "Vary": "Cookie"}


async def prepared(services: Services, item: Document) -> bytes:
    """The file that the signers see. Before it exists: what it will be made of."""
    revisions = await store.segments(item.id)
    if not revisions:
        return await services.blobs.get(item.base)
    return await services.blobs.get(revisions[0].file)


async def prepared_size(item: Document) -> int:
    """Its length in bytes."""
    revisions = await store.segments(item.id)
    return revisions[0].length if revisions else item.base.size


async def signed(services: Services, item: Document) -> bytes:
    """The file with everything that was appended to it."""
    return await store.content(services.blobs, await store.segments(item.id))


async def signed_size(item: Document) -> int:
    """Its length in bytes."""
    revisions = await store.segments(item.id)
    return revisions[-1].length if revisions else 0
