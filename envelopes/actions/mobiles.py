"""Mobile numbers of the registry's entries, to which codes by SMS go: how one comes to stand, and which may be used.

As with an address, one member of staff puts a number forward and says where it comes from, a second calls back on a
number from elsewhere and approves it, and it works after the waiting time. The company is told by mail meanwhile. A
number never comes from a mail that asks for signatures. While a new number waits, the one before goes on working.
"""

from collections.abc import Sequence
from datetime import datetime

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q

from envelopes.records import bonds, history, tasks
from envelopes.records.database import unit
from envelopes.records.fields import look_up
from envelopes.records.history import Subject
from envelopes.records.models import Contact, Mobile, Staff
from envelopes.rules import mobiles
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.names import same_company
from envelopes.rules.people import (
    Actor,
    Role,
    may_approve_address,
    may_enter_address,
    require_role,
    roles_from,
)
from envelopes.rules.states import Task
from envelopes.services import Services


def number_look_up(services: Services, number: str) -> str:
    """The hash by which a number is found again."""
    return look_up(services.keyring.look_up, "mobile", number)


async def in_use(contact_id: int | None, *, now: datetime) -> Mobile | None:
    """The number of an entry that codes go to at *now*: the newest that two people answer for and that has waited."""
    rows = Mobile.filter(contact_id=contact_id or 0, ended_at=None, works_from__lte=now)
    approved = [row for row in await rows.order_by("-works_from", "-id") if bonds.is_approved(row)]
    return approved[0] if approved else None


async def all_in_use(*, now: datetime) -> dict[int, str]:
    """The number in use of every entry that has one, by the entry's id."""
    rows = await Mobile.filter(ended_at=None, works_from__lte=now).order_by("works_from", "id")
    return {row.contact_id: row.number for row in rows if bonds.is_approved(row)}


async def waiting(contact_id: int, *, now: datetime) -> Mobile | None:
    """The number that is put forward or does not work yet, if there is one."""
    early = Q(works_from=None) | Q(works_from__gt=now)
    rows = Mobile.filter(early, contact_id=contact_id, ended_at=None)
    return await rows.select_related("registrar", "approver").order_by("-id").first()


async def to_approve() -> Sequence[Mobile]:
    """The numbers that wait for a second person, of entries that stand."""
    rows = Mobile.filter(approver_id=None, ended_at=None, contact__ended_at=None)
    return await rows.select_related("registrar", "contact").order_by("created_at", "id")


async def find(ref: str) -> Mobile:
    """The number called *ref*. Raises Refused(STALE)."""
    row = await Mobile.filter(ref=ref).select_related("registrar", "approver", "contact").first()
    if row is None:
        raise Refused(Reason.STALE)
    return row


# Entering


async def put_forward(
    services: Services, actor: Actor, contact: Contact, typed: str, *, source: str
) -> Mobile:
    """Put a number forward for *contact*; *source* says where it comes from. It takes the place of one that waits.

    Raises Refused: ROLE_MISSING, MOBILE_MISSING, MOBILE_FORM, MOBILE_UNCHANGED, MOBILE_SOURCE_MISSING, REASON_TOO_LONG.
    """
    if not may_enter_address(actor.roles):
        raise Refused(Reason.ROLE_MISSING)
    number, now = mobiles.normalise(typed), services.now()
    present = await in_use(contact.id, now=now)
    if present is not None and present.number == number:
        raise Refused(Reason.MOBILE_UNCHANGED)
    text = _tidy(services, source, missing=Reason.MOBILE_SOURCE_MISSING)

    async def work(connection: BaseDBAsyncClient) -> Mobile:
        before = Mobile.filter(contact_id=contact.id, approver_id=None, ended_at=None)
        await before.using_db(connection).update(ended_at=now)
        row = await _create(services, connection, contact, number, actor.id, source=text, now=now)
        await _note(connection, row, "mobile put forward", actor, now)
        return row

    return await unit(work)


async def _create(
    services: Services,
    connection: BaseDBAsyncClient,
    contact: Contact,
    number: str,
    registrar_id: int,
    *,
    source: str,
    now: datetime,
) -> Mobile:
    return await Mobile.create(
        ref=services.ref(),
        contact_id=contact.id,
        number=number,
        look_up=number_look_up(services, number),
        source=source,
        registrar_id=registrar_id,
        created_at=now,
        using_db=connection,
    )


def _tidy(services: Services, typed: str, *, missing: Reason) -> str:
    text, most = typed.strip(), services.policy.reason_characters
    if not text:
        raise Refused(missing)
    if len(text) > most:
        raise Refused(Reason.REASON_TOO_LONG, limit=most)
    return text


def hindrance(actor: Actor, row: Mobile) -> Reason | None:
    """Why *actor* may not approve *row*, or None if he may."""
    if row.approver_id is not None or row.ended_at is not None:
        return Reason.STALE
    if row.registrar_id == actor.id:
        return Reason.REGISTRAR_SAME_PERSON
    if not may_approve_address(actor.roles, first=roles_from(row.registrar.roles)):
        return Reason.ROLE_MISSING
    return None if row.registrar.active else Reason.NOT_STAFF


async def approve(services: Services, actor: Actor, ref: str, *, call_back: str) -> Mobile:
    """Approve a number as the second person, after calling back; it works after the waiting time.

    Raises Refused: STALE, REGISTRAR_SAME_PERSON, ROLE_MISSING, NOT_STAFF, CALL_BACK_MISSING, REASON_TOO_LONG.
    """
    row, now = await find(ref), services.now()
    if (why := hindrance(actor, row)) is not None:
        raise Refused(why)
    noted = _tidy(services, call_back, missing=Reason.CALL_BACK_MISSING)

    async def work(connection: BaseDBAsyncClient) -> Mobile:
        await _approved(connection, row, actor.id, noted, works_from=now + services.policy.address_wait)
        await _note(connection, row, "mobile approved", actor, now)
        await _tell(connection, row, now)
        return row

    return await unit(work)


async def _approved(
    connection: BaseDBAsyncClient, row: Mobile, approver_id: int, call_back: str, *, works_from: datetime
) -> None:
    """Write who approved it, once. Raises Refused(STALE)."""
    row.approver_id, row.call_back, row.works_from = approver_id, call_back, works_from
    row.bond = bonds.of_mobile(row)
    mine = Mobile.filter(id=row.id, approver_id=None, ended_at=None).using_db(connection)
    values = {"approver_id": approver_id, "call_back": call_back, "works_from": works_from, "bond": row.bond}
    if not await mine.update(**values):
        raise Refused(Reason.STALE)


async def end(services: Services, actor: Actor, ref: str, *, reason: str) -> None:
    """Take a number away, or send back one that was put forward: nothing is sent to it any more.

    One member of staff is enough, since nothing works that did not before. Raises Refused: ROLE_MISSING,
    REASON_MISSING, REASON_TOO_LONG, STALE.
    """
    row, now = await find(ref), services.now()
    if hindrance(actor, row) is not None:
        require_role(actor, {Role.REGISTRAR})
    text = _tidy(services, reason, missing=Reason.REASON_MISSING)

    async def work(connection: BaseDBAsyncClient) -> None:
        if not await Mobile.filter(id=row.id, ended_at=None).using_db(connection).update(ended_at=now):
            raise Refused(Reason.STALE)
        if row.works_from is not None and row.works_from <= now:
            # What it took the place of does not come back.
            older = Mobile.filter(contact_id=row.contact_id, ended_at=None, works_from__lte=now)
            await older.using_db(connection).update(ended_at=now)
        await _note(connection, row, "mobile ended", actor, now, reason=text)

    await unit(work)


async def _note(
    connection: BaseDBAsyncClient, row: Mobile, kind: str, actor: Actor, now: datetime, **more: str
) -> None:
    payload = {"number": mobiles.masked(row.number), **more}
    await history.record(
        connection, Subject.CONTACT, row.contact_id, kind, actor=str(actor), at=now, payload=payload
    )


# With an entry


async def enter(
    services: Services,
    connection: BaseDBAsyncClient,
    contact: Contact,
    number: str,
    by: tuple[Staff, Staff],
    *,
    now: datetime,
) -> Mobile:
    """Write a number that was approved together with its entry: by the same two people, and it works as soon."""
    registrar, approver = by
    row = await _create(
        services, connection, contact, number, registrar.id, source=contact.consent_note, now=now
    )
    await _approved(connection, row, approver.id, contact.call_back, works_from=contact.works_from)
    await _tell(connection, row, now)
    return row


async def _tell(connection: BaseDBAsyncClient, row: Mobile, now: datetime) -> None:
    """Have the company told by mail, so that it can object before a code goes there."""
    await tasks.enqueue(connection, Task.MOBILE_MAIL, str(row.id), now=now, ids={"mobile": row.id})


async def carry_over(
    services: Services, connection: BaseDBAsyncClient, before: Contact, contact: Contact
) -> None:
    """Give the numbers of *before* to the entry that takes its place, where it is the same person's."""
    if before.person != contact.person or not same_company(before.company, contact.company):
        return
    for old in await Mobile.filter(contact_id=before.id, ended_at=None).using_db(connection).order_by("id"):
        if not bonds.is_approved(old):
            continue
        assert old.approver_id is not None
        assert old.works_from is not None
        row = await _create(
            services,
            connection,
            contact,
            old.number,
            old.registrar_id,
            source=old.source,
            now=contact.created_at,
        )
        await _approved(connection, row, old.approver_id, old.call_back or "", works_from=old.works_from)
