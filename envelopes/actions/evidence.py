"""証拠一式: who may ask for the evidence bundle of an envelope, how long it can be had, and when it is gone.

The portal holds no archive key, so a bundle is a task: the worker makes it (`actions.bundling`) and keeps it readable
for the portal until the policy's time is over. That it was asked for and made stands in the envelope's history.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q

from envelopes.actions import verification
from envelopes.records import store, tasks
from envelopes.records.database import unit
from envelopes.records.models import Envelope, File
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules.errors import NotPermitted, Reason, Refused
from envelopes.rules.people import Actor, may_have_evidence
from envelopes.rules.states import Task
from envelopes.services import Services

PURPOSE: Final = "evidence"
_REF: Final = re.compile(r"[a-z2-7]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How it stands with an envelope's bundle: whether one is being made, and the one that can be had until then."""

    waiting: bool
    file: File | None
    until: datetime | None


async def find(typed: str) -> Envelope:
    """Return the completed envelope that *typed* names: certificate id, number or reference.

    Raises Refused(CERTIFICATE_ID_UNKNOWN).
    """
    ref = typed.strip()
    names = [Q(certificate_id=name) | Q(number=name) for name in verification.ids(typed)]
    for which in (*names, *([Q(ref=ref)] if _REF.fullmatch(ref) else [])):
        found = await Envelope.filter(which, completed_at__isnull=False).first()
        if found is not None:
            return found
    raise Refused(Reason.CERTIFICATE_ID_UNKNOWN)


async def shown_to(actor: Actor, ref: str) -> Snapshot:
    """Return the envelope called *ref* if *actor* may have its evidence. Raises Refused(LINK_UNKNOWN).

    To whom it is not shown, it is not there.
    """
    shot = await store.snapshot(ref=ref)
    if not may_have_evidence(actor, section_id=shot.envelope.section_id):
        raise Refused(Reason.LINK_UNKNOWN)
    return shot


async def ask(services: Services, actor: Actor, ref: str) -> None:
    """Have a bundle made; while one is being made, nothing more. Raises Refused(LINK_UNKNOWN | NOT_PERMITTED)."""
    shot, now = await shown_to(actor, ref), services.now()
    if shot.envelope.completed_at is None:
        raise NotPermitted(shot.state, PURPOSE)

    async def work(connection: BaseDBAsyncClient) -> None:
        await store.lock(connection, shot.envelope.id)
        if await _waiting(shot, connection):
            return
        fact = await store.note(connection, shot.envelope.id, "evidence asked for", actor=actor, now=now)
        key = f"{shot.envelope.id}:{fact.n}"
        await tasks.enqueue(connection, Task.EVIDENCE, key, now=now, envelope_id=shot.envelope.id)

    await unit(work)


async def _waiting(shot: Snapshot, connection: BaseDBAsyncClient | None = None) -> bool:
    query = TaskRow.filter(kind=Task.EVIDENCE.value, envelope_id=shot.envelope.id).exclude(state="done")
    return await (query.using_db(connection) if connection else query).exists()


async def standing(services: Services, shot: Snapshot) -> Standing:
    """Return how it stands; changes nothing."""
    kept = services.policy.evidence_kept
    fresh = File.filter(purpose=PURPOSE, envelope_ref=shot.envelope.ref, created_at__gt=services.now() - kept)
    file = await fresh.order_by("-id").first()
    until = file.created_at + kept if file else None
    return Standing(waiting=await _waiting(shot), file=file, until=until)


async def take(services: Services, shot: Snapshot) -> bytes:
    """Return the bundle's bytes (ZIP). Raises Refused(EVIDENCE_GONE)."""
    found = await standing(services, shot)
    if found.file is None:
        raise Refused(Reason.EVIDENCE_GONE)
    return await services.blobs.get(found.file)


async def sweep(services: Services) -> None:
    """Remove every bundle whose time is over."""
    over = services.now() - services.policy.evidence_kept
    for file in await File.filter(purpose=PURPOSE, created_at__lte=over):
        await remove(services, file)


async def remove(services: Services, file: File) -> None:
    """Remove a bundle: row first, so that none names what is gone."""
    await File.filter(id=file.id).delete()
    await services.blobs.remove(file.ref)
