"""The files that the signers will see, made before anybody is asked, and signed once for trial."""

from collections.abc import Sequence
from functools import partial

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions.worker.giving_back import give_back
from envelopes.actions.worker.revisions import Revision, add_revision, sealed_plan
from envelopes.actions.worker.workshop import Workshop
from envelopes.records import store
from envelopes.records.blobs import BOTH, Stored
from envelopes.records.database import unit
from envelopes.records.models import Document, Signer
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Refused
from envelopes.rules.people import WORKER
from envelopes.rules.states import By, Event, permits
from envelopes.services import Services
from envelopes.signing import seal as seals


def _first(document: Document, stored: Stored, plan: str | None) -> Revision:
    return Revision(
        document_id=document.id,
        number=0,
        kind="prepared",
        stored=stored,
        length=stored.size,
        sha256=stored.sha256,
        plan=plan,
    )


async def prepare(shop: Workshop, envelope_id: int) -> bool:
    """Make the files that the signers will see, and ask the first; False while pages are still being drawn."""
    shot = await store.snapshot(id=envelope_id)
    if not permits(shot.state, Event.PREPARED):
        return True
    if any(document.pages_sha256 is None for document in shot.documents):
        return False
    fields = [seals.signer_field(signer.position) for signer in shot.signers]
    prepared = []
    for document in shot.documents:
        try:
            prepared.append(await _prepare(shop, shot, document, fields))
        except Refused as refused:
            await give_back(shop.services, shot, document, refused.reason)
            return True
    await _commit_prepared(shop.services, shot, prepared)
    return True


async def _prepare(
    shop: Workshop, shot: Snapshot, document: Document, fields: Sequence[str]
) -> tuple[Document, Revision]:
    services = shop.services
    data = await services.blobs.get(document.base)
    made = await shop.papers.run(partial(seals.prepare_planned, data, fields=fields, now=services.now()))
    stored = await services.blobs.put(
        made.data, purpose="prepared", readers=BOTH, envelope_ref=shot.envelope.ref
    )
    return document, _first(document, stored, sealed_plan(services, stored.sha256, made.plan))


async def _commit_prepared(
    services: Services, shot: Snapshot, prepared: Sequence[tuple[Document, Revision]]
) -> None:
    now, first = services.now(), shot.turn
    assert first is not None

    async def work(connection: BaseDBAsyncClient) -> None:
        hashes = {document.position: revision.sha256 for document, revision in prepared}
        # First of all who wins: a second worker is told that the envelope is stale, and writes nothing.
        await store.apply(
            connection,
            shot.envelope,
            Event.PREPARED,
            By.WORKER,
            actor=WORKER,
            now=now,
            changes={"out_at": now},
            payload={"documents": hashes},
            ids={"signer": first.id},
        )
        for _, revision in prepared:
            await add_revision(connection, revision, now)
        await Signer.filter(id=first.id).using_db(connection).update(asked_at=now)

    await unit(work)
