"""After the last signature: document timestamps, validation of everything, the certificate, and it is complete."""

import asyncio
from collections.abc import Sequence
from functools import partial

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions.worker.certifying import Certified, Finished, certify, keep
from envelopes.actions.worker.revisions import add_revision, plan_of, revision_of
from envelopes.actions.worker.windows import close_later
from envelopes.actions.worker.workshop import Workshop
from envelopes.records import store, tasks
from envelopes.records.database import unit
from envelopes.records.models import Document
from envelopes.records.store import Snapshot
from envelopes.rules.accreditation import Stamp, are_accredited
from envelopes.rules.errors import Later, Reason
from envelopes.rules.people import WORKER
from envelopes.rules.schedule import jst_day, window_end
from envelopes.rules.states import By, Event, Task, permits
from envelopes.services import Services
from envelopes.signing.times import stamped


async def complete(shop: Workshop, envelope_id: int) -> None:
    """Put the document timestamp on every file, validate all, certify it, and complete the envelope.

    Raises Later(TSA_UNAVAILABLE) while no authority answers and Later(VERIFICATION_FAILED) if a file does not validate:
    nothing weaker is ever mailed.
    """
    shot = await store.snapshot(id=envelope_id)
    if not permits(shot.state, Event.TIMESTAMPED):
        return
    finished = [await _finish(shop, shot, document) for document in shot.documents]
    certified = await certify(shop, shot, finished)
    await _commit_completed(shop.services, shot, finished, certified)


async def _finish(shop: Workshop, shot: Snapshot, document: Document) -> Finished:
    known = await store.segments(document.id)
    data = await store.content(shop.services.blobs, known)
    # CRLs made since the last signature say that its certificate was good then: once for all documents.
    since = max(signer.signed_at for signer in shot.signers if signer.signed_at is not None)
    plan = plan_of(shop.services, known)
    tail = await asyncio.to_thread(partial(shop.seal.timestamp, data, plan=plan, since=since))
    report = await asyncio.to_thread(shop.seal.verify, data + tail)
    signed_at = tuple(item.at for item in report.signatures if item.at is not None)
    if not report.valid or not report.timestamps or len(signed_at) != len(shot.signers):
        raise Later(Reason.VERIFICATION_FAILED)
    revision = await revision_of(shop.services, shot.envelope, known, "timestamp", data=data, tail=tail)
    return Finished(
        document=document,
        seen=known[0],
        revision=revision.stamped(report.timestamps[-1]),
        signed_at=signed_at,
        report=report,
        stamps=await asyncio.to_thread(stamped, data + tail),
    )


def _is_accredited(services: Services, finished: Sequence[Finished]) -> bool:
    """Whether all times of all documents are 認定タイムスタンプ."""
    pins = [pin for tsa in services.settings.tsa for pin in tsa.accreditation]
    stamps = [Stamp(stamp.fingerprint, jst_day(stamp.at)) for one in finished for stamp in one.stamps]
    return are_accredited(stamps, pins)


async def _commit_completed(
    services: Services, shot: Snapshot, finished: Sequence[Finished], certified: Certified
) -> None:
    now = services.now()
    revisions = [one.revision for one in finished]
    concluded = max(at for one in finished for at in one.signed_at)
    window = window_end(now, services.policy)

    async def work(connection: BaseDBAsyncClient) -> None:
        await store.apply(
            connection,
            shot.envelope,
            Event.TIMESTAMPED,
            By.WORKER,
            actor=WORKER,
            now=now,
            changes={
                "completed_at": now,
                "window_ends_at": window,
                # 地方自治法234条5項: concluded when the last party has signed; the token's time, as a day in Japan.
                "transaction_on": jst_day(concluded),
            },
            payload={
                "sha256": [item.sha256 for item in revisions],
                "accredited": _is_accredited(services, finished),
                "certificate_sha256": certified.revisions[-1].sha256,
            },
        )
        for revision in revisions:
            await add_revision(connection, revision, now)
        await keep(connection, shot, certified, now=now)
        await tasks.enqueue(connection, Task.ANCHOR, f"completed:{shot.envelope.id}", now=now)
        await close_later(connection, shot.envelope.id, window, now)

    await unit(work)
