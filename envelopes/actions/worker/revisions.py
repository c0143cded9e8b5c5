"""A document grows by revisions: the prepared file, then a tail each. How one is stored and committed."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records.blobs import BOTH, Reader, Stored
from envelopes.records.fields import Cipher, FieldUnreadable
from envelopes.records.models import Document, Envelope, Segment
from envelopes.rules.renewal import Standing
from envelopes.services import Services
from envelopes.signing.verify import TimestampReport

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One more revision of a document: the tail that was stored, and what the whole file is with it."""

    document_id: int
    number: int
    kind: str
    stored: Stored
    length: int
    sha256: str
    signer_id: int | None = None
    time_stamped_at: datetime | None = None
    plan: str | None = None
    standing: Standing | None = None

    def stamped(self, stamp: TimestampReport) -> "Revision":
        """Return the same with what its document timestamp says and rests on."""
        standing = Standing(until=stamp.until, algorithms=stamp.algorithms)
        return replace(self, time_stamped_at=stamp.at, standing=standing)


async def revision_of(
    services: Services,
    envelope: Envelope,
    known: Sequence[Segment],
    kind: str,
    *,
    data: bytes,
    tail: bytes,
    readers: Collection[Reader] = BOTH,
) -> Revision:
    """Store *tail*, which makes of *data* the document's next revision, and say what the whole is then."""
    stored = await services.blobs.put(tail, purpose=kind, readers=readers, envelope_ref=envelope.ref)
    digest = sha256(data)
    digest.update(tail)
    return Revision(
        document_id=known[-1].document_id,
        number=known[-1].number + 1,
        kind=kind,
        stored=stored,
        length=len(data) + len(tail),
        sha256=digest.hexdigest(),
    )


async def add_revision(connection: BaseDBAsyncClient, revision: Revision, now: datetime) -> None:
    """Commit a revision in the caller's transaction, and with a timestamp until when the document now stands."""
    await Segment.create(
        document_id=revision.document_id,
        number=revision.number,
        kind=revision.kind,
        file=await revision.stored.record(connection, now),
        signer_id=revision.signer_id,
        length=revision.length,
        sha256=revision.sha256,
        time_stamped_at=revision.time_stamped_at,
        plan=revision.plan,
        using_db=connection,
    )
    if revision.standing is not None:
        await keep_standing(connection, revision.document_id, revision.standing)


async def keep_standing(connection: BaseDBAsyncClient, document_id: int, standing: Standing) -> None:
    """Note what a document's last timestamp rests on."""
    stands = {"stands_until": standing.until, "algorithms": " ".join(standing.algorithms)}
    await Document.filter(id=document_id).using_db(connection).update(**stands)


def _plan_cipher(services: Services) -> Cipher:
    # The archive key is the bot's alone: no other process can make a plan that opens.
    assert services.keyring.archive is not None
    return Cipher(services.keyring.archive)


def sealed_plan(services: Services, prepared: str, plan: str | None) -> str | None:
    """Return *plan* sealed and bound to the prepared file's SHA-256."""
    return None if plan is None else _plan_cipher(services).seal(plan, f"segments.plan {prepared}")


def plan_of(services: Services, known: Sequence[Segment]) -> str | None:
    """Return the plan that PREPARE made for this file; None where there is none or it has been altered."""
    first = known[0]
    if first.plan is None:
        return None
    try:
        return _plan_cipher(services).open(first.plan, f"segments.plan {first.sha256}")
    except FieldUnreadable:
        # Nothing is lost: revisions are then written without a plan, which only takes longer.
        log.warning("the plan of document %d does not open", first.document_id)
        return None
