"""The door of whoever sees a request come back: a new address put forward for the contractor, from the request itself.

What follows is the registry's way (`applications`): nothing that is done here lets an address work. Once it does, the
request follows by itself (`worker.readdressing`).
"""

from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions.applications import doors
from envelopes.records import store
from envelopes.records.database import unit
from envelopes.records.models import Application, Contact
from envelopes.records.store import Snapshot
from envelopes.rules.addresses import comparable
from envelopes.rules.applications import Door, tidy_address
from envelopes.rules.errors import NotPermitted, Reason, Refused
from envelopes.rules.people import Actor, Role, require_role
from envelopes.rules.states import Event, permits
from envelopes.services import Services

PUT_FORWARD: Final = "address put forward"


async def concerned(actor: Actor, shot: Snapshot) -> Contact:
    """The registry's entry that is asked to sign now, for whoever may correct its address.

    Raises Refused: ROLE_MISSING, NOT_PERMITTED where the request has ended, NOT_YOUR_TURN where the village signs.
    """
    require_role(actor, {Role.DRAFTER}, section_id=shot.envelope.section_id)
    if not permits(shot.state, Event.REISSUED):
        raise NotPermitted(shot.state, Event.REISSUED)
    turn = shot.turn
    if turn is None or turn.contact_id is None:
        raise Refused(Reason.NOT_YOUR_TURN)
    return await Contact.get(id=turn.contact_id)


async def put_forward(
    services: Services, actor: Actor, ref: str, *, email: str, reason: str = ""
) -> Application:
    """Put a new address forward for the contractor whose turn it is, as the request's history then says.

    Raises Refused: ADDRESS_UNCHANGED, what `concerned` says, and what `doors.correct` says.
    """
    shot = await store.snapshot(ref=ref)
    contact, now = await concerned(actor, shot), services.now()
    if comparable(tidy_address(email)) == comparable(contact.email):
        raise Refused(Reason.ADDRESS_UNCHANGED)

    async def work(connection: BaseDBAsyncClient) -> Application:
        row = await doors.correct(services, actor, contact, email=email, reason=reason)
        payload = {"application": row.number}
        await store.note(connection, shot.envelope.id, PUT_FORWARD, actor=actor, now=now, payload=payload)
        return row

    return await unit(work)


async def under_way(contact_id: int | None) -> Application | None:
    """The newest correction of an entry that staff have put forward, however far it is."""
    mine = Application.filter(replaces_id=contact_id or 0, door=Door.CORRECTION.value)
    return await mine.order_by("-id").first()
