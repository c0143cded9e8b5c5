"""The registry's part: one member of staff puts an application forward, another calls back and approves it."""

from datetime import datetime

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import mobiles as numbers
from envelopes.actions import registry
from envelopes.actions.applications import steps
from envelopes.actions.registry import Answerable, Entry, living
from envelopes.records import history
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Application, Contact, Staff
from envelopes.rules.applications import OPEN, Stage
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.names import same_company
from envelopes.rules.people import Actor, Role, may_approve_address, require_role, roles_from
from envelopes.rules.schedule import jst_day
from envelopes.services import Services


async def check(services: Services, actor: Actor, ref: str) -> None:
    """Put an application of the form forward: the registry's keeper has looked at it and answers for it.

    Raises Refused: ROLE_MISSING, SIGNS_FOR_VILLAGE, STALE.
    """
    require_role(actor, {Role.REGISTRAR})
    row, now = await steps.find(ref), services.now()
    await require_apart(services, actor, row)

    async def work(connection: BaseDBAsyncClient) -> None:
        await steps.move(connection, row, Stage.PROVED, Stage.CHECKED, registrar_id=actor.id)
        await steps.note(connection, row, "checked", now, actor=actor)
        await steps.tell_desk(connection, row, now, checked=True)

    await unit(work)


async def to_decide(actor: Actor) -> int:
    """How many applications and mobile numbers wait for *actor*: to be checked, or to be approved."""
    stages = [one.value for one in OPEN]
    rows = await Application.filter(stage__in=stages).select_related("registrar")
    waiting = [row for row in await numbers.to_approve() if numbers.hindrance(actor, row) is None]
    return sum(1 for row in rows if _waits_for(actor, row)) + len(waiting)


def _waits_for(actor: Actor, row: Application) -> bool:
    is_stranded = (
        row.registrar is not None and not row.registrar.active
    )  # to be sent back and put forward anew
    if row.stage == Stage.PROVED or is_stranded:
        return Role.REGISTRAR in actor.roles
    return may_approve(actor, row) is None


def may_approve(actor: Actor, row: Application) -> Reason | None:
    """Why *actor* may not approve *row*, or None if he may."""
    if row.registrar is None:
        return Reason.STALE
    if row.registrar_id == actor.id:
        return Reason.REGISTRAR_SAME_PERSON
    if not may_approve_address(actor.roles, first=roles_from(row.registrar.roles)):
        return Reason.ROLE_MISSING
    return None if row.registrar.active else Reason.NOT_STAFF


async def require_apart(services: Services, actor: Actor, row: Application) -> None:
    """Raise Refused(SIGNS_FOR_VILLAGE) where either of the two signs for the village what *row* will move."""
    first = {row.registrar_id} if row.registrar_id else set()
    await steps.require_nobody_signs(services, {actor.id} | first, row.previous or "")


async def approve(services: Services, actor: Actor, ref: str, *, call_back: str) -> Contact:
    """Enter the address into the registry, as the second person, after calling back; it works after the waiting time.

    The entry that it replaces ends when it works. Raises Refused: STALE, REGISTRAR_SAME_PERSON, ROLE_MISSING,
    NOT_STAFF where the first person has left, SIGNS_FOR_VILLAGE, CALL_BACK_MISSING, REASON_TOO_LONG.
    """
    row, now = await steps.find(ref), services.now()
    hindrance = may_approve(actor, row)
    if hindrance is not None:
        raise Refused(hindrance)
    await require_apart(services, actor, row)
    noted = registry.tidy_note(services, call_back, missing=Reason.CALL_BACK_MISSING)
    assert row.registrar is not None
    second = await Staff.get(id=actor.id)
    by = Answerable(registrar=row.registrar, approver=second, actor=str(actor))
    works_from = now + services.policy.address_wait

    async def work(connection: BaseDBAsyncClient) -> Contact:
        decided = {"approver_id": actor.id, "call_back": noted, "decided_at": now}
        await steps.move(connection, row, Stage.CHECKED, Stage.APPROVED, **decided)
        if await steps.is_elsewhere(connection, row, now):
            raise Refused(Reason.ADDRESS_ELSEWHERE)
        before = await _previous(services, connection, row, now)
        contact = await registry.enter(
            services, connection, _entry(row, noted), by, now=now, works_from=works_from, application=row
        )
        if before is not None and before.id != contact.id:
            await _retire(connection, before, contact, actor=actor, now=now)
            if not row.mobile:
                await numbers.carry_over(services, connection, before, contact)
        await Application.filter(id=row.id).using_db(connection).update(contact_id=contact.id)
        await steps.note(connection, row, "approved", now, actor=actor, contact=contact.ref)
        await steps.tell(connection, row, steps.News.APPROVED, now)
        return contact

    return await unit(work)


def _entry(row: Application, call_back: str) -> Entry:
    assert row.agreed_at is not None
    return Entry(
        company=row.company,
        office=row.office,
        person=row.person,
        email=row.email,
        consented_on=jst_day(row.agreed_at),
        consent_note=f"画面で承諾（受付番号 {row.number}、文面 {row.terms_version}版）",
        call_back=call_back,
        reason=row.reason or "",
        language=row.language,
        mobile=row.mobile or "",
    )


async def _previous(
    services: Services, connection: BaseDBAsyncClient, row: Application, now: datetime
) -> Contact | None:
    """The living entry that *row* is to take the place of."""
    if not row.previous:
        return None
    look_up = services.address_look_up(row.previous)
    if look_up == row.email_look_up:
        return None
    return await Contact.filter(living(now), email_look_up=look_up).using_db(connection).first()


async def _retire(
    connection: BaseDBAsyncClient, before: Contact, contact: Contact, *, actor: Actor, now: datetime
) -> None:
    """Tell the old address; where it is the same company's, let it end when the new one works."""
    await registry.tell(connection, contact, before, now=now)
    if not same_company(before.company, contact.company):
        return
    await Contact.filter(id=before.id).using_db(connection).update(works_until=contact.works_from)
    payload = {"by": contact.ref}
    await history.record(
        connection, Subject.CONTACT, before.id, "to be replaced", actor=str(actor), at=now, payload=payload
    )


async def send_back(services: Services, actor: Actor, ref: str, *, reason: str) -> None:
    """Refuse an application with the reason, which the applicant is told.

    By the registry's keeper, or whoever may approve it. Raises Refused: ROLE_MISSING, STALE, REASON_MISSING,
    REASON_TOO_LONG.
    """
    row, now = await steps.find(ref), services.now()
    if Role.REGISTRAR not in actor.roles and may_approve(actor, row) is not None:
        raise Refused(Reason.ROLE_MISSING)
    text = registry.tidy_note(services, reason)

    async def work(connection: BaseDBAsyncClient) -> None:
        await steps.turn_down(connection, row, text, now, actor=actor)

    await unit(work)


async def take_back(services: Services, actor: Actor, ref: str) -> None:
    """End an application of staff that the address has not proved; the invitation opens nothing any more.

    A reported change that it came of can be put forward anew, or refused. By the registry's keeper.
    Raises Refused: ROLE_MISSING, STALE.
    """
    require_role(actor, {Role.REGISTRAR})
    row, now = await steps.find(ref), services.now()
    if not steps.is_invited(row):
        raise Refused(Reason.STALE)

    async def work(connection: BaseDBAsyncClient) -> None:
        answer = Reason.TAKEN_BACK.value
        await steps.move(connection, row, Stage.UNPROVED, Stage.RETURNED, answer=answer, decided_at=now)
        await steps.note(connection, row, "returned", now, actor=actor, reason=answer)

    await unit(work)


async def call_off(connection: BaseDBAsyncClient, row: Application, *, actor: Actor, now: datetime) -> None:
    """End an application of staff whose ground is gone, in the caller's transaction; whoever proved it is told.

    Raises Refused(CHANGE_DECIDED) once it is approved.
    """
    stage = Stage(row.stage)
    if stage is Stage.RETURNED:
        return
    if stage is Stage.APPROVED:
        raise Refused(Reason.CHANGE_DECIDED)
    answer = Reason.CALLED_OFF.value
    await steps.move(connection, row, stage, Stage.RETURNED, answer=answer, decided_at=now)
    await steps.note(connection, row, "returned", now, actor=actor, reason=answer)
    if row.proved_at is not None:
        await steps.tell(connection, row, steps.News.RETURNED, now)
