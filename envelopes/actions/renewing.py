"""The worker's verb that keeps files proved for decades: the next archive timestamp, well before the last one ends.

When that is stands in `rules.renewal`. Each file is a step of its own: its tail first, then one transaction that picks
the winner; so a batch may be killed anywhere and runs twice without harm. Whatever has segments and belongs to a
completed envelope is renewed, documents and certificates alike. A file that fails is left as it is, the others go on,
and people are told; nothing is kept that does not validate, or that would end as soon as what is there.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial, reduce
from hashlib import sha256
from operator import or_
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from envelopes.actions.worker.revisions import Revision, add_revision, keep_standing, revision_of
from envelopes.actions.worker.workshop import Workshop
from envelopes.records import store, tasks
from envelopes.records.blobs import Reader
from envelopes.records.database import unit
from envelopes.records.models import Document, Envelope, File, Segment
from envelopes.rules import renewal
from envelopes.rules.errors import FukanError, Later, Reason, Refused, StaleEnvelope
from envelopes.rules.people import WORKER
from envelopes.rules.renewal import Standing
from envelopes.rules.states import State, Task
from envelopes.services import Services
from envelopes.signing.verify import Report

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What became of one file. *until* is when it ends now; *error* says why nothing was done."""

    document: Document
    until: datetime | None = None
    error: FukanError | None = None


async def renew_hourly(services: Services) -> None:
    """Queue this hour's batch if there is anything due."""
    if await _ending(services, services.policy.renew_before).exists():
        await tasks.enqueue_hourly(Task.RENEW, now=services.now())


async def due(services: Services) -> list[Document]:
    """Return the files that should have their next timestamp by now, with their envelopes; what ends first comes first.

    Those that nobody has looked at yet are among them.
    """
    return await _ending(services, services.policy.renew_before).select_related("envelope")


async def late(services: Services) -> list[Document]:
    """Return the files whose missing timestamp people have to hear of, as `due` does."""
    return await _ending(services, services.policy.renew_tell).select_related("envelope")


async def next_due() -> Document | None:
    """Return the file that ends first of all, due or not."""
    concluded = Document.filter(stands_until__isnull=False, envelope__state=State.COMPLETED.value)
    return await concluded.order_by("stands_until", "id").first()


def _ending(services: Services, within: timedelta) -> QuerySet[Document]:
    before, policy = services.now() + within, services.policy
    causes = [Q(stands_until__lte=before), Q(stands_until__isnull=True)]
    causes += [Q(algorithms__contains=name) for name in renewal.ending(policy, before)]
    found = Document.filter(reduce(or_, causes), envelope__state=State.COMPLETED.value)
    return found.order_by("stands_until", "id")


def standing_of(document: Document) -> Standing | None:
    """Return what the file rests on, None where nobody has looked yet."""
    if document.stands_until is None:
        return None
    return Standing(until=document.stands_until, algorithms=tuple(document.algorithms.split()))


async def renew(shop: Workshop) -> None:
    """Renew one hour's files.

    Raises Later(RENEWAL_FAILED) where some of them could not be renewed, TSA_UNAVAILABLE and KEY_UNAVAILABLE where none
    can, and TSA_ENDS_AS_SOON where that would be in vain and time is getting short.
    """
    services, done, failed = shop.services, 0, 0
    # Numbers only: after a change of algorithms everything may be due at once.
    ids = await _ids(_ending(services, services.policy.renew_before))
    try:
        async with aclosing(steps(shop, ids)) as made:
            async for step in made:
                failed, done = failed + (step.error is not None), done + (step.error is None)
                if done == services.policy.renewals_an_hour:
                    break
    except Later as later:
        # While there is time, a new certificate is waited for in silence.
        if later.reason is not Reason.TSA_ENDS_AS_SOON or await late(services):
            raise
    if failed:
        raise Later(Reason.RENEWAL_FAILED, str(failed))


async def _ids(query: QuerySet[Document]) -> list[int]:
    found: Any = await query.values_list("id", flat=True)
    return list(found)


async def steps(shop: Workshop, ids: Sequence[int]) -> AsyncGenerator[Step]:
    """Renew the documents with these ids in turn. Raises Later where the fault is not the file's, as `renew` does."""
    since = shop.services.now()
    for one in ids:
        yield await _step(shop, await Document.get(id=one).select_related("envelope"), since)


async def _step(shop: Workshop, document: Document, since: datetime) -> Step:
    try:
        return Step(document=document, until=await _renew(shop, document, since))
    except StaleEnvelope:
        return Step(document=document)  # another worker was first
    except FukanError as error:
        if isinstance(error, Later) and error.reason is not Reason.VERIFICATION_FAILED:
            raise
        log.warning("renewal of document %d: %s", document.id, error)
        return Step(document=document, error=error)


async def _renew(shop: Workshop, document: Document, since: datetime) -> datetime:
    """Add the next timestamp to one file and return until when it stands now."""
    services, policy = shop.services, shop.services.policy
    known = await store.segments(document.id)
    data = await store.content(services.blobs, known)
    if not known or sha256(data).hexdigest() != known[-1].sha256:
        raise Refused(Reason.BYTES_DIFFER)
    old = standing_of(document) or await _look(shop, document, data, known)
    if not renewal.is_due(old, policy, services.now()):
        return renewal.stands_until(old, policy)
    if await asyncio.to_thread(shop.seal.times_until) <= renewal.stands_until(old, policy):
        raise Later(Reason.TSA_ENDS_AS_SOON)
    revision = await _made(shop, document, data, known, since=since)
    assert revision.standing is not None
    if not renewal.is_longer(revision.standing, old, policy):
        raise Later(Reason.TSA_ENDS_AS_SOON)
    await _commit(services, document, revision)
    return renewal.stands_until(revision.standing, policy)


async def _look(shop: Workshop, document: Document, data: bytes, known: Sequence[Segment]) -> Standing:
    """Find out and note what a file rests on."""
    last = (await _report(shop, data, known)).timestamps[-1]
    standing = Standing(until=last.until, algorithms=last.algorithms)

    async def work(connection: BaseDBAsyncClient) -> None:
        await keep_standing(connection, document.id, standing)

    await unit(work)
    document.stands_until = standing.until
    return standing


async def _made(
    shop: Workshop, document: Document, data: bytes, known: Sequence[Segment], *, since: datetime
) -> Revision:
    """Make the next timestamp, validate the whole file with it, and keep the tail."""
    number = 1 + sum(segment.kind == "timestamp" for segment in known)
    tail = await asyncio.to_thread(partial(shop.seal.renew, data, number=number, since=since))
    report = await _report(shop, data + tail, known, added=1)
    # Closed to the portal: in most cases the download window is long over.
    revision = await revision_of(
        shop.services,
        document.envelope,
        known,
        "timestamp",
        data=data,
        tail=tail,
        readers=(Reader.ARCHIVE,),
    )
    return revision.stamped(report.timestamps[-1])


async def _report(shop: Workshop, data: bytes, known: Sequence[Segment], *, added: int = 0) -> Report:
    """Validate a whole file: sound, with as many signatures and timestamps as its segments say and *added* more."""
    report = await asyncio.to_thread(shop.seal.verify, data)
    kinds = [segment.kind for segment in known]
    stamps = kinds.count("timestamp") + added
    if not report.valid or (len(report.signatures), len(report.timestamps)) != (
        kinds.count("signature"),
        stamps,
    ):
        raise Later(Reason.VERIFICATION_FAILED)
    return report


async def _commit(services: Services, document: Document, revision: Revision) -> None:
    """Write the renewal down, unless another worker was first (StaleEnvelope)."""
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        await store.lock(connection, document.envelope_id)
        same = Document.filter(id=document.id, stands_until=document.stands_until).using_db(connection)
        last = Segment.filter(document_id=document.id, number=revision.number).using_db(connection)
        if not await same.exists() or await last.exists():
            raise StaleEnvelope
        await add_revision(connection, revision, now)
        await _open_if_on_offer(services, connection, document.envelope_id, revision)
        said = {"document": document.id, "sha256": revision.sha256}
        await store.note(
            connection, document.envelope_id, "timestamp renewed", actor=WORKER, now=now, payload=said
        )

    await unit(work)


async def _open_if_on_offer(
    services: Services, connection: BaseDBAsyncClient, envelope_id: int, revision: Revision
) -> None:
    """Let the portal read the tail too while its file may be downloaded."""
    envelope = await Envelope.filter(id=envelope_id).using_db(connection).get()
    if envelope.window_ends_at is not None and services.now() <= envelope.window_ends_at:
        file = await File.filter(ref=revision.stored.ref).using_db(connection).get()
        wrap = services.blobs.view_wrap(file)
        await File.filter(id=file.id).using_db(connection).update(view_wrap=wrap)
