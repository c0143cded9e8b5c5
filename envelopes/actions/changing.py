"""変更の申出: a signer who has proved himself says that somebody else, or another address, is to be asked.

His place is paused, so nobody signs in it, until he takes that back, staff refuse it, or the new person's address
works. What was asked for stands in the request's history and nowhere else. Staff put the new person forward from here;
what follows is the registry's way (`applications`), and the request goes over by itself (`worker.readdressing`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import notes
from envelopes.actions.applications import deciding, doors
from envelopes.actions.correcting import PUT_FORWARD, concerned
from envelopes.actions.signer import actor_of, require_open, tidy_reason
from envelopes.records import history, store, tasks
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Application, Contact, Fact, Signer
from envelopes.records.store import Snapshot
from envelopes.rules.applications import Stage
from envelopes.rules.changes import Change, Wish, tidy, tidy_told
from envelopes.rules.errors import Reason, Refused, StaleEnvelope
from envelopes.rules.notes import About
from envelopes.rules.people import Actor
from envelopes.rules.states import Event, Task
from envelopes.services import Services

REFUSED: Final = "change refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A change that waits: what was said, when, and the newest application that staff have made of it, if any."""

    wish: Wish
    at: datetime
    application: Application | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """A place that went over. *until* is the last generation of the link of whoever had it before: *contact*."""

    signer_ref: str
    at: datetime
    until: int
    contact: str
    said: Mapping[str, Any]


def _wish(said: Mapping[str, Any]) -> Wish:
    return Wish(
        change=Change(said["change"]),
        person=said.get("person", ""),
        office=said.get("office", ""),
        email=said.get("email", ""),
        note=said.get("note", ""),
    )


async def waiting(shot: Snapshot) -> Asked | None:
    """The change that the place whose turn it is is paused for, or None."""
    if shot.turn is None or shot.turn.paused_at is None:
        return None
    facts = await history.payloads(Subject.ENVELOPE, shot.envelope.id)
    fact, said = next((one for one in reversed(facts) if one[0].kind == About.CHANGE), (None, {}))
    if fact is None or not said:
        return None  # erased
    return Asked(wish=_wish(said), at=fact.at, application=await _put_forward(facts, fact))


async def _put_forward(facts: list[tuple[Fact, dict[str, Any]]], since: Fact) -> Application | None:
    numbers = [said.get("application") for one, said in facts if one.kind == PUT_FORWARD and one.n > since.n]
    return await Application.filter(number=numbers[-1]).first() if numbers else None


async def hand_overs(envelope_id: int) -> list[HandedOver]:
    """Every hand-over of an envelope, oldest first."""
    facts = await history.payloads(Subject.ENVELOPE, envelope_id)
    return [
        HandedOver(
            signer_ref=said["signer"],
            at=fact.at,
            until=said["generation"],
            contact=said["from"]["contact"],
            said=said,
        )
        for fact, said in facts
        if fact.kind == Event.HANDED_OVER and said
    ]


async def former(signer: Signer, generation: int) -> HandedOver | None:
    """The hand-over that ended a link of *generation*, or None where it is one of the present person's."""
    past = [one for one in await hand_overs(signer.envelope_id) if one.signer_ref == signer.ref]
    return next((one for one in past if generation <= one.until), None)


# The contractor's side


def tidy_wish(services: Services, signer: Signer, wish: Wish, *, only_told: bool = False) -> Wish:
    """Return *wish* as it is kept; where staff are *only_told* of it, nothing has to be filled in.

    Raises Refused: REASON_TOO_LONG, and what `changes.tidy` or `changes.tidy_told` says.
    """
    note = tidy_reason(wish.note, services) if wish.note.strip() else ""
    made = tidy_told(wish) if only_told else tidy(wish, before=signer.email)
    return replace(made, note=note)


async def ask(services: Services, signer: Signer, wish: Wish) -> None:
    """Pause the place of a proved *signer* and have staff told what has changed; he gets a mail about it himself.

    Raises Refused: STALE where his link was replaced meanwhile, what `signer.require_open` and `tidy_wish` say.
    """
    made, now = tidy_wish(services, signer, wish), services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        shot, mine = await store.of_signer(signer.ref, connection=connection)
        require_open(shot, mine, now=now)
        place = Signer.filter(
            id=mine.id, generation=signer.generation, paused_at=None, consented_at=None
        ).using_db(connection)
        if not await place.update(paused_at=now):
            raise StaleEnvelope
        payload: dict[str, str | bool] = {
            "change": made.change.value,
            "person": made.person,
            "office": made.office,
            "email": made.email,
            "note": made.note,
            "proved": True,
        }
        await notes.write(services, connection, mine, About.CHANGE, payload)
        await _tell(connection, mine, now)

    await unit(work)


async def take_back(services: Services, signer: Signer) -> None:
    """Let the place go on as before. Raises Refused: CHANGE_GONE, CHANGE_DECIDED once the new person is approved."""
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        await _resume(connection, signer, actor_of(signer), now)
        await notes.write(services, connection, signer, About.TAKEN_BACK, {"note": "", "proved": True})

    await unit(work)


async def _resume(connection: BaseDBAsyncClient, signer: Signer, actor: Actor, now: datetime) -> Asked | None:
    """End the pause, and the application that came of it. Raises Refused(CHANGE_GONE | CHANGE_DECIDED)."""
    asked = await waiting(await store.snapshot(id=signer.envelope_id, connection=connection))
    if asked is not None and asked.application is not None and not await _came_to_nothing(asked.application):
        await deciding.call_off(connection, asked.application, actor=actor, now=now)
    place = Signer.filter(id=signer.id, paused_at__isnull=False).using_db(connection)
    if not await place.update(paused_at=None):
        raise Refused(Reason.CHANGE_GONE)
    return asked


async def _came_to_nothing(row: Application) -> bool:
    """Whether the registry has refused it, or its entry has been ended since, or receives no mail."""
    if row.stage == Stage.RETURNED:
        return True
    entry = await Contact.filter(id=row.contact_id or 0).first()
    gone = entry is None or entry.ended_at is not None or entry.dead_at is not None
    return row.stage == Stage.APPROVED and gone


# The staff's side


async def is_open(asked: Asked) -> bool:
    """Whether staff may put the new person forward: nobody has, or it has come to nothing."""
    return asked.application is None or await _came_to_nothing(asked.application)


async def may_end(asked: Asked) -> bool:
    """Whether the pause can still be ended: the new person is not approved yet, or that has come to nothing."""
    return asked.application is None or asked.application.stage != Stage.APPROVED or await is_open(asked)


async def put_forward(services: Services, actor: Actor, ref: str, *, reason: str = "") -> Application:
    """Put the new person or address forward for the registry; *reason* is for free-mail and carrier addresses.

    Raises Refused: CHANGE_GONE where nothing waits or it has been put forward, what `correcting.concerned` says, and
    what `doors.hand_over` says.
    """
    shot, now = await store.snapshot(ref=ref), services.now()

    async def work(connection: BaseDBAsyncClient) -> Application:
        # Two presses at once: the second finds the first one's application.
        await store.lock(connection, shot.envelope.id)
        current = await store.snapshot(connection=connection, id=shot.envelope.id)
        contact, asked = await concerned(actor, current), await waiting(current)
        if asked is None or asked.wish.change is Change.NOT_OURS or not await is_open(asked):
            raise Refused(Reason.CHANGE_GONE)
        wish = asked.wish
        if wish.change is Change.ADDRESS:
            row = await doors.correct(services, actor, contact, email=wish.email, reason=reason)
        else:
            who = {"person": wish.person, "office": wish.office, "email": wish.email}
            row = await doors.hand_over(services, actor, contact, **who, reason=reason)
        payload = {"application": row.number}
        await store.note(connection, shot.envelope.id, PUT_FORWARD, actor=actor, now=now, payload=payload)
        return row

    return await unit(work)


async def refuse(services: Services, actor: Actor, ref: str, *, reason: str) -> None:
    """Let the place go on as before and tell the signer why.

    Raises Refused: CHANGE_GONE, CHANGE_DECIDED, REASON_MISSING, REASON_TOO_LONG, and what `correcting.concerned` says.
    """
    text = tidy_reason(reason, services)
    shot = await store.snapshot(ref=ref)
    await concerned(actor, shot)
    turn, now = shot.turn, services.now()
    assert turn is not None

    async def work(connection: BaseDBAsyncClient) -> None:
        await _resume(connection, turn, actor, now)
        payload = {"reason": text, "signer": turn.ref}
        await store.note(connection, shot.envelope.id, REFUSED, actor=actor, now=now, payload=payload)
        await _tell(connection, turn, now)

    await unit(work)


async def _tell(connection: BaseDBAsyncClient, signer: Signer, now: datetime) -> None:
    """Queue the letter to the signer about the newest fact: what happened is read from it."""
    n, _ = await history.head(Subject.ENVELOPE, signer.envelope_id, connection)
    key, ids = f"{signer.envelope_id}:fact:{n}", {"signer": signer.id, "fact": n}
    await tasks.enqueue(connection, Task.CHANGE_MAIL, key, now=now, envelope_id=signer.envelope_id, ids=ids)
