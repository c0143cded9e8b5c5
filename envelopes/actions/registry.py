"""Entries of the registry of contractors' addresses (台帳): how one comes to stand, who is told, which may be used.

Whatever door an address came in by, its entry is made here, in the name of two members of staff. It works after the
policy's waiting time; the company's other addresses are told meanwhile, so that they can object.
"""

from dataclasses import dataclass
from datetime import date, datetime

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q

from envelopes.actions import mobiles
from envelopes.records import history, tasks
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Application, Contact, Staff
from envelopes.rules.addresses import classify, normalise
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.names import same_company, search_form
from envelopes.rules.people import Actor, Role, require_role
from envelopes.rules.states import Task
from envelopes.services import Services

ACTIVE = "active"
ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One contractor's address as it is to stand in the registry."""

    company: str
    office: str
    person: str
    email: str
    consented_on: date
    consent_note: str
    call_back: str
    reason: str = ""
    language: str = "ja"
    mobile: str = ""
    """For codes by SMS, in the form in which it is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerable:
    """The two members of staff who answer for an entry, and who stands in the history as having made it."""

    registrar: Staff
    approver: Staff
    actor: str


def living(now: datetime) -> Q:
    """The entries that stand at *now*: not ended, and not given up for a newer one that works by now."""
    return Q(state=ACTIVE) & (Q(works_until=None) | Q(works_until__gt=now))


async def enter(
    services: Services,
    connection: BaseDBAsyncClient,
    entry: Entry,
    by: Answerable,
    *,
    now: datetime,
    works_from: datetime,
    application: Application | None = None,
) -> Contact:
    """Write *entry* and have the company's other addresses told, inside the caller's transaction.

    An entry with the same address ends and becomes a new revision. Raises Refused(ADDRESS_FORM).
    """
    look_up = services.address_look_up(entry.email)
    living_twin = Contact.filter(email_look_up=look_up, state=ACTIVE).using_db(connection)
    before = await living_twin.first()
    last = await Contact.filter(email_look_up=look_up).using_db(connection).order_by("-revision").first()
    await living_twin.update(state=ENDED, ended_at=now)
    if before is not None:
        await history.record(connection, Subject.CONTACT, before.id, "replaced", actor=by.actor, at=now)
    contact = await Contact.create(
        ref=services.ref(),
        company=entry.company,
        company_search=search_form(entry.company),
        office=entry.office,
        person=entry.person,
        email=normalise(entry.email),
        email_look_up=look_up,
        kind=classify(normalise(entry.email)).value,
        reason=entry.reason or None,
        language=entry.language,
        identity=before.identity if before is not None else "",
        state=ACTIVE,
        revision=last.revision + 1 if last else 1,
        consented_on=entry.consented_on,
        consent_note=entry.consent_note,
        registrar=by.registrar,
        approver=by.approver,
        call_back=entry.call_back,
        works_from=works_from,
        application_id=application.id if application else None,
        created_at=now,
        using_db=connection,
    )
    if entry.mobile:
        await mobiles.enter(services, connection, contact, entry.mobile, (by.registrar, by.approver), now=now)
    elif before is not None:
        await mobiles.carry_over(services, connection, before, contact)
    payload = {"revision": contact.revision, "registrar": by.registrar.ref, "approver": by.approver.ref}
    await history.record(
        connection, Subject.CONTACT, contact.id, "registered", actor=by.actor, at=now, payload=payload
    )
    await _tell_others(connection, contact, now=now)
    return contact


async def _tell_others(connection: BaseDBAsyncClient, contact: Contact, *, now: datetime) -> None:
    """Queue a notice to every other living address of the company, so that it can object before the new one works."""
    alike = Contact.filter(living(now), company_search=contact.company_search).exclude(id=contact.id)
    for other in await alike.using_db(connection).order_by("id"):
        if same_company(other.company, contact.company):
            await tell(connection, contact, other, now=now)


async def tell(connection: BaseDBAsyncClient, contact: Contact, other: Contact, *, now: datetime) -> None:
    """Queue a notice to the address of *other* that *contact* was registered; once."""
    key, ids = f"{contact.id}:{other.id}", {"contact": contact.id, "told": other.id}
    await tasks.enqueue(connection, Task.ADDRESS_MAIL, key, now=now, ids=ids)


async def successor(contact: Contact, now: datetime) -> Contact | None:
    """The entry that has taken the place of *contact* by now, or None where none has."""
    after, passed = contact, {contact.id}
    while after.works_until is not None and after.works_until <= now:
        stands = Contact.filter(
            state=ACTIVE, company_search=after.company_search, works_from=after.works_until
        ).exclude(id__in=passed)
        found = await stands.order_by("-id").first()
        if found is None:
            return None
        passed.add(found.id)
        after = found
    return None if after.id == contact.id else after


# Ends


async def find(ref: str) -> Contact:
    """The entry called *ref*. Raises Refused(ADDRESS_UNKNOWN)."""
    row = await Contact.filter(ref=ref).select_related("registrar", "approver").first()
    if row is None:
        raise Refused(Reason.ADDRESS_UNKNOWN)
    return row


async def end(services: Services, actor: Actor, ref: str, *, reason: str) -> None:
    """End an entry: nothing is asked of it any more. One that it was to take the place of stands again.

    One member of staff is enough, since nothing works that did not before. Raises Refused: ROLE_MISSING,
    REASON_MISSING, REASON_TOO_LONG, STALE where it has ended.
    """
    require_role(actor, {Role.REGISTRAR})
    contact, text, now = await find(ref), tidy_note(services, reason), services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        mine = Contact.filter(living(now), id=contact.id).using_db(connection)
        if not await mine.update(state=ENDED, ended_at=now):
            raise Refused(Reason.STALE)
        await _note(connection, contact, "ended", actor, now=now, reason=text)
        if contact.works_from > now:
            await _reinstate(connection, contact, actor, now)

    await unit(work)


async def _reinstate(connection: BaseDBAsyncClient, contact: Contact, actor: Actor, now: datetime) -> None:
    """Undo what *contact* was to end, in the same company."""
    waiting = Contact.filter(
        company_search=contact.company_search, state=ACTIVE, works_until=contact.works_from
    )
    for before in await waiting.using_db(connection):
        await Contact.filter(id=before.id).using_db(connection).update(works_until=None)
        await _note(connection, before, "stands again", actor, now=now)


async def withdraw(services: Services, actor: Actor, ref: str, *, note: str) -> None:
    """Note that a contractor has taken back the consent, and how staff heard of it: no new request goes there.

    What has been asked already goes on. Raises Refused: ROLE_MISSING, REASON_MISSING, REASON_TOO_LONG, STALE.
    """
    require_role(actor, {Role.REGISTRAR})
    contact, text, now = await find(ref), tidy_note(services, note), services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        await note_withdrawal(connection, contact, actor=actor, now=now, reason=text)

    await unit(work)


async def note_withdrawal(
    connection: BaseDBAsyncClient, contact: Contact, *, actor: Actor, now: datetime, reason: str = ""
) -> None:
    """Put down that nothing new is asked of *contact*, in the caller's transaction. Raises Refused(STALE)."""
    mine = Contact.filter(living(now), id=contact.id, withdrawn_at=None).using_db(connection)
    if not await mine.update(withdrawn_at=now):
        raise Refused(Reason.STALE)
    await _note(connection, contact, "consent withdrawn", actor, now=now, reason=reason)


async def _note(
    connection: BaseDBAsyncClient,
    contact: Contact,
    kind: str,
    actor: Actor,
    *,
    now: datetime,
    reason: str = "",
) -> None:
    payload = {"reason": reason} if reason else {}
    await history.record(
        connection, Subject.CONTACT, contact.id, kind, actor=str(actor), at=now, payload=payload
    )


def tidy_note(services: Services, typed: str, *, missing: Reason = Reason.REASON_MISSING) -> str:
    """Return what staff noted, without spaces around it. Raises Refused(*missing* | REASON_TOO_LONG)."""
    text, most = typed.strip(), services.policy.reason_characters
    if not text:
        raise Refused(missing)
    if len(text) > most:
        raise Refused(Reason.REASON_TOO_LONG, limit=most)
    return text
