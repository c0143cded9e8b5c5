"""Staff and the registry of contractors' addresses, as the server's command line keeps them.

An address works only after two members of staff have answered for it, one of whom called the contractor back on a
number that was not on the form, and after the policy's waiting time. The company's other addresses are told meanwhile.
Only the demo may seed addresses that work at once.
"""

from dataclasses import dataclass
from datetime import date, datetime

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records import history, tasks
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Contact, Section, Staff
from envelopes.rules.addresses import AddressKind, classify, normalise
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.names import same_company, search_form
from envelopes.rules.people import Role
from envelopes.rules.states import Task
from envelopes.services import Services

ACTIVE = "active"
ENDED = "ended"
COMMAND_LINE = "command line"


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


async def add_section(
    services: Services, *, code: str, name: str, email: str, phone: str = "", hours: str = ""
) -> Section:
    """Add a section or bring it up to date."""
    town = services.settings.town
    values = {
        "name": name,
        "email": normalise(email),
        "phone": phone or town.phone,
        "hours": hours or town.hours,
    }
    section, _ = await Section.update_or_create(defaults=values, code=code)
    return section


async def add_staff(
    services: Services, *, name: str, office: str, email: str, section: Section, roles: frozenset[Role]
) -> Staff:
    """Add a member of staff and have the enrolment link mailed. Raises Refused(ADDRESS_TAKEN | ADDRESS_FORM)."""
    look_up, now = services.address_look_up(email), services.now()

    async def work(connection: BaseDBAsyncClient) -> Staff:
        if await Staff.filter(email_look_up=look_up).using_db(connection).exists():
            raise Refused(Reason.ADDRESS_TAKEN)
        staff = await Staff.create(
            ref=services.ref(),
            section=section,
            office=office,
            name=name,
            email=normalise(email),
            email_look_up=look_up,
            roles=",".join(sorted(roles)),
            created_at=now,
            using_db=connection,
        )
        payload = {"roles": sorted(roles)}
        await history.record(
            connection, Subject.STAFF, staff.id, "added", actor=COMMAND_LINE, at=now, payload=payload
        )
        await invite(connection, staff, now=now)
        return staff

    return await unit(work)


async def invite(connection: BaseDBAsyncClient, staff: Staff, *, now: datetime) -> None:
    """Queue the mail with a one-time enrolment link; an earlier link stops working."""
    generation = staff.enrolment + 1
    await Staff.filter(id=staff.id).using_db(connection).update(enrolment=generation)
    key, ids = f"{staff.id}:{generation}", {"staff": staff.id, "generation": generation}
    await tasks.enqueue(connection, Task.ENROL_MAIL, key, now=now, ids=ids)


async def add_contact(
    services: Services, entry: Entry, *, registrar: Staff, approver: Staff, seeded: bool = False
) -> Contact:
    """Register an address and have the company's others told; an entry with the same address becomes a new revision.

    Raises Refused: REGISTRAR_SAME_PERSON unless two people answer for it, ROLE_MISSING unless the registrar keeps the
    registry, NOT_STAFF for people who have left, CALL_BACK_MISSING without a note of the call-back,
    ADDRESS_REASON_MISSING for free-mail and carrier addresses without a reason, ADDRESS_FORM.
    """
    kind = _require_sound(entry, registrar=registrar, approver=approver)
    if seeded and not services.settings.demo:
        raise Refused(Reason.NOT_PERMITTED)
    look_up, now = services.address_look_up(entry.email), services.now()

    async def work(connection: BaseDBAsyncClient) -> Contact:
        living = Contact.filter(email_look_up=look_up, state=ACTIVE).using_db(connection)
        before = await living.first()
        last = await Contact.filter(email_look_up=look_up).using_db(connection).order_by("-revision").first()
        await living.update(state=ENDED, ended_at=now)
        if before is not None:
            await history.record(
                connection, Subject.CONTACT, before.id, "replaced", actor=COMMAND_LINE, at=now
            )
        contact = await Contact.create(
            ref=services.ref(),
            company=entry.company,
            company_search=search_form(entry.company),
            office=entry.office,
            person=entry.person,
            email=normalise(entry.email),
            email_look_up=look_up,
            kind=kind.value,
            reason=entry.reason or None,
            language=entry.language,
            state=ACTIVE,
            revision=last.revision + 1 if last else 1,
            consented_on=entry.consented_on,
            consent_note=entry.consent_note,
            registrar=registrar,
            approver=approver,
            call_back=entry.call_back,
            works_from=now if seeded else now + services.policy.address_wait,
            created_at=now,
            using_db=connection,
        )
        payload = {"revision": contact.revision, "registrar": registrar.ref, "approver": approver.ref}
        await history.record(
            connection, Subject.CONTACT, contact.id, "registered", actor=COMMAND_LINE, at=now, payload=payload
        )
        await _tell_others(connection, contact, now=now)
        return contact

    return await unit(work)


async def _tell_others(connection: BaseDBAsyncClient, contact: Contact, *, now: datetime) -> None:
    """Queue a notice to every other living address of the company, so that it can object before the new one works."""
    alike = Contact.filter(company_search=contact.company_search, state=ACTIVE).exclude(id=contact.id)
    for other in await alike.using_db(connection).order_by("id"):
        if same_company(other.company, contact.company):
            key, ids = f"{contact.id}:{other.id}", {"contact": contact.id, "told": other.id}
            await tasks.enqueue(connection, Task.ADDRESS_MAIL, key, now=now, ids=ids)


async def end_contact(services: Services, email: str, *, registrar: Staff, approver: Staff) -> Contact:
    """End the living entry with that address: nothing is asked of it any more.

    Raises Refused: ADDRESS_UNKNOWN, ADDRESS_FORM, and what `add_contact` says about the two people.
    """
    _require_two(registrar, approver)
    look_up, now = services.address_look_up(email), services.now()

    async def work(connection: BaseDBAsyncClient) -> Contact:
        living = Contact.filter(email_look_up=look_up, state=ACTIVE).using_db(connection)
        contact = await living.first()
        if contact is None or not await living.update(state=ENDED, ended_at=now):
            raise Refused(Reason.ADDRESS_UNKNOWN)
        payload = {"registrar": registrar.ref, "approver": approver.ref}
        await history.record(
            connection, Subject.CONTACT, contact.id, "ended", actor=COMMAND_LINE, at=now, payload=payload
        )
        return contact

    return await unit(work)


def _require_two(registrar: Staff, approver: Staff) -> None:
    if registrar.id == approver.id:
        raise Refused(Reason.REGISTRAR_SAME_PERSON)
    if Role.REGISTRAR.value not in registrar.roles.split(","):
        raise Refused(Reason.ROLE_MISSING)
    if not (registrar.active and approver.active):
        raise Refused(Reason.NOT_STAFF)


def _require_sound(entry: Entry, *, registrar: Staff, approver: Staff) -> AddressKind:
    _require_two(registrar, approver)
    if not entry.call_back.strip():
        raise Refused(Reason.CALL_BACK_MISSING)
    kind = classify(normalise(entry.email))
    if kind is not AddressKind.OWN and not entry.reason.strip():
        raise Refused(Reason.ADDRESS_REASON_MISSING)
    return kind


async def import_contacts(
    services: Services, entries: list[Entry], *, registrar: Staff, approver: Staff
) -> list[Contact]:
    """Register all *entries* or, if one of them is refused, none."""

    async def work(_connection: BaseDBAsyncClient) -> list[Contact]:
        return [
            await add_contact(services, entry, registrar=registrar, approver=approver) for entry in entries
        ]

    return await unit(work)


async def staff_by_address(services: Services, email: str) -> Staff:
    """The active member of staff with that address. Raises Refused(NOT_STAFF)."""
    look_up = services.address_look_up(email)
    staff = await Staff.filter(email_look_up=look_up, active=True).select_related("section").first()
    if staff is None:
        raise Refused(Reason.NOT_STAFF)
    return staff
