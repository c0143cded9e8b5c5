"""Another address is in force: open requests go there by a new link. A corrected one, or that of somebody new.

How an address comes into force stands in `envelopes.actions.applications`: a code to the new address, a second person
who calls back, a notice to the old address, and the waiting time. Here the requests follow: those that did not reach
the old address, and those whose signer asked for it (`envelopes.actions.changing`). The drafter is told.
"""

from contextlib import suppress
from datetime import datetime
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q

from envelopes.actions import changing, reachable, registry, seats
from envelopes.actions.changing import Asked
from envelopes.records import store, tasks
from envelopes.records.database import unit
from envelopes.records.models import Application, Contact, Signer
from envelopes.records.store import Snapshot
from envelopes.rules.changes import Change
from envelopes.rules.errors import NotPermitted, StaleEnvelope
from envelopes.rules.people import WORKER
from envelopes.rules.states import By, Event, State, Task, permits
from envelopes.services import Services


async def readdress(services: Services) -> None:
    """Send every open request on whose signer is to be asked at another address, once that works."""
    now = services.now()
    waiting = [state.value for state in State if permits(state, Event.REISSUED)]
    moved = Q(contact__works_until__lte=now) | Q(paused_at__isnull=False)
    seated = Signer.filter(moved, consented_at=None, asked_at__isnull=False, envelope__state__in=waiting)
    async for shot in store.readable(
        sorted({one.envelope_id for one in await seated.only("id", "envelope_id")})
    ):
        turn = shot.turn
        if turn is None or turn.contact_id is None:
            continue
        before = await Contact.get(id=turn.contact_id)
        if turn.paused_at is not None:
            await _as_asked(services, shot, turn, before)
            continue
        after = await registry.successor(before, now)
        missed = before.dead_at is not None or await reachable.came_back(turn)
        if after is not None and after.dead_at is None and missed:
            await _reissue(services, shot, turn, before, after)


async def _as_asked(services: Services, shot: Snapshot, turn: Signer, before: Contact) -> None:
    """Move the place to the entry that came of its change, if that works by now."""
    asked = await changing.waiting(shot)
    if asked is None or asked.application is None or asked.application.contact_id is None:
        return
    after = await Contact.get(id=asked.application.contact_id)
    if after.works_from > services.now() or after.ended_at is not None or after.dead_at is not None:
        return
    if asked.wish.change is Change.PERSON:
        await _hand_over(services, shot, turn, (before, after), asked)
    else:
        await _reissue(services, shot, turn, before, after)


async def _reissue(services: Services, shot: Snapshot, turn: Signer, before: Contact, after: Contact) -> None:
    now = services.now()
    about = {"signer": turn.id, "corrected": 1}

    async def work(connection: BaseDBAsyncClient) -> None:
        await _move(connection, turn, after, now)
        await store.apply(
            connection,
            shot.envelope,
            Event.REISSUED,
            By.WORKER,
            actor=WORKER,
            now=now,
            payload={"corrected": after.ref, "from": before.ref},
            ids=about,
        )
        await _tell_the_drafter(connection, shot, about, now)

    # Somebody re-issued, extended or ended it in this very moment: what is left to do, the next round sees.
    with suppress(StaleEnvelope, NotPermitted):
        await unit(work)


async def _hand_over(
    services: Services, shot: Snapshot, turn: Signer, people: tuple[Contact, Contact], asked: Asked
) -> None:
    now, (before, after) = services.now(), people
    assert asked.application is not None
    payload = {
        "signer": turn.ref,
        "generation": turn.generation,
        "from": _person(before),
        "to": _person(after),
        **await _answerable(asked.application),
    }

    async def work(connection: BaseDBAsyncClient) -> None:
        await _move(connection, turn, after, now)
        await store.apply(
            connection,
            shot.envelope,
            Event.HANDED_OVER,
            By.WORKER,
            actor=WORKER,
            now=now,
            payload=payload,
            ids={"signer": turn.id, "from": before.id},
        )

    with suppress(StaleEnvelope, NotPermitted):
        await unit(work)


async def _move(connection: BaseDBAsyncClient, turn: Signer, after: Contact, now: datetime) -> None:
    """Move the place as it is now. Raises StaleEnvelope where its pause was ended, or its link renewed, meanwhile."""
    query = Signer.filter(id=turn.id, generation=turn.generation, consented_at=None)
    same = query.filter(paused_at__isnull=turn.paused_at is None).using_db(connection)
    # Writing first holds the row, so that nobody ends the pause between this look and the move.
    if not await same.update(wrong_codes=0):
        raise StaleEnvelope
    await seats.move(connection, await Signer.filter(id=turn.id).using_db(connection).get(), after, now=now)


def _person(contact: Contact) -> dict[str, str]:
    return {
        "contact": contact.ref,
        "company": contact.company,
        "office": contact.office,
        "person": contact.person,
        "email": contact.email,
    }


async def _answerable(row: Application) -> dict[str, Any]:
    """Who put the new person forward and who approved him, as the record names them."""
    made = await Application.filter(id=row.id).select_related("registrar", "approver").get()
    assert made.registrar is not None
    assert made.approver is not None
    return {"application": made.number, "first": made.registrar.ref, "second": made.approver.ref}


async def _tell_the_drafter(
    connection: BaseDBAsyncClient, shot: Snapshot, about: dict[str, int], now: datetime
) -> None:
    key = f"{shot.envelope.id}:{shot.envelope.version + 1}"
    await tasks.enqueue(connection, Task.SENT_MAIL, key, now=now, envelope_id=shot.envelope.id, ids=about)
