"""Staff and the registry of contractors' addresses, as the server's command line keeps them.

An address works only after two members of staff have answered for it, one of whom called the contractor back on a
number that was not on the form, and after the policy's waiting time. The company's other addresses are told meanwhile.
Only the demo may seed addresses that work at once.
"""

from datetime import datetime

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F

from envelopes.actions import registry
from envelopes.actions.registry import ACTIVE, ENDED, Answerable, Entry
from envelopes.records import history, sessions, tasks
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Contact, Credential, Envelope, Section, Signer, Staff
from envelopes.rules.addresses import AddressKind, classify, domain_of, normalise
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.people import Role
from envelopes.rules.states import Event, State, Task, permits
from envelopes.services import Services

COMMAND_LINE = "command line"


async def add_section(
    services: Services,
    *,
    code: str,
    name: str,
    email: str,
    phone: str = "",
    hours: str = "",
    name_english: str = "",
    hours_english: str = "",
) -> Section:
    """Add a section or bring it up to date."""
    town = services.settings.town
    values = {
        "name": name,
        "name_english": name_english,
        "email": normalise(email),
        "phone": phone or town.phone,
        "hours": hours or town.hours,
        "hours_english": hours_english,
    }
    section, _ = await Section.update_or_create(defaults=values, code=code)
    return section


async def add_staff(
    services: Services, *, name: str, office: str, email: str, section: Section, roles: frozenset[Role]
) -> Staff:
    """Add a member of staff and have the enrolment link mailed; somebody who had left comes back.

    Raises Refused(ADDRESS_TAKEN | ADDRESS_FORM).
    """
    look_up, now = services.address_look_up(email), services.now()
    said = {"section": section, "office": office, "name": name, "roles": ",".join(sorted(roles))}

    async def work(connection: BaseDBAsyncClient) -> Staff:
        staff = await Staff.filter(email_look_up=look_up).using_db(connection).first()
        if staff is None:
            address = {"email": normalise(email), "email_look_up": look_up}
            staff = await Staff.create(
                ref=services.ref(), created_at=now, using_db=connection, **address, **said
            )
        elif staff.active:
            raise Refused(Reason.ADDRESS_TAKEN)
        else:
            await Staff.filter(id=staff.id).using_db(connection).update(**said, active=True)
        payload = {"roles": sorted(roles)}
        await history.record(
            connection, Subject.STAFF, staff.id, "added", actor=COMMAND_LINE, at=now, payload=payload
        )
        await invite(connection, staff, now=now)
        return staff

    return await unit(work)


async def invite_again(services: Services, email: str) -> Staff:
    """Have a new enrolment link mailed to the member of staff with that address.

    What he signs in with works until he uses it. Raises Refused(NOT_STAFF | ADDRESS_FORM).
    """
    staff, now = await staff_by_address(services, email), services.now()

    async def work(connection: BaseDBAsyncClient) -> Staff:
        current = await Staff.get(id=staff.id, using_db=connection)
        await history.record(connection, Subject.STAFF, staff.id, "invited", actor=COMMAND_LINE, at=now)
        await invite(connection, current, now=now)
        return current

    return await unit(work)


async def end_staff(services: Services, email: str) -> tuple[Staff, list[Envelope]]:
    """Let a member of staff leave: no session, factor or link of his works any more, and mails go to the section.

    What he did stays his. Returns him, and the open envelopes that wait for his signature: those are for others to end
    and to send anew. Raises Refused(NOT_STAFF | ADDRESS_FORM).
    """
    staff, now = await staff_by_address(services, email), services.now()

    async def work(connection: BaseDBAsyncClient) -> list[Envelope]:
        left = Staff.filter(id=staff.id, active=True).using_db(connection)
        if not await left.update(active=False, enrolled_at=None, enrolment=F("enrolment") + 1):
            raise Refused(Reason.NOT_STAFF)
        await Credential.filter(staff_id=staff.id).using_db(connection).delete()
        await sessions.end_all(connection, staff_id=staff.id, now=now)
        await history.record(connection, Subject.STAFF, staff.id, "left", actor=COMMAND_LINE, at=now)
        seats = Signer.filter(staff_id=staff.id, consented_at=None).using_db(connection)
        to_sign = [seat.envelope_id for seat in await seats.only("envelope_id")]
        unfinished = [state.value for state in State if permits(state, Event.CANCELLED)]
        return await Envelope.filter(id__in=to_sign, state__in=unfinished).using_db(connection).order_by("id")

    return staff, await unit(work)


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
    _require_sound(entry, registrar=registrar, approver=approver)
    if seeded and not services.settings.demo:
        raise Refused(Reason.NOT_PERMITTED)
    now = services.now()
    works_from = now if seeded else now + services.policy.address_wait
    by = Answerable(registrar=registrar, approver=approver, actor=COMMAND_LINE)

    async def work(connection: BaseDBAsyncClient) -> Contact:
        return await registry.enter(services, connection, entry, by, now=now, works_from=works_from)

    return await unit(work)


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


def _require_sound(entry: Entry, *, registrar: Staff, approver: Staff) -> None:
    _require_two(registrar, approver)
    if not entry.call_back.strip():
        raise Refused(Reason.CALL_BACK_MISSING)
    if classify(normalise(entry.email)) is not AddressKind.OWN and not entry.reason.strip():
        raise Refused(Reason.ADDRESS_REASON_MISSING)


async def import_contacts(
    services: Services, entries: list[Entry], *, registrar: Staff, approver: Staff
) -> list[Contact]:
    """Register all *entries* or, if one of them is refused, none."""

    async def work(_connection: BaseDBAsyncClient) -> list[Contact]:
        return [
            await add_contact(services, entry, registrar=registrar, approver=approver) for entry in entries
        ]

    return await unit(work)


async def staff_domains() -> frozenset[str]:
    """The town's own mail domains: where its staff have their addresses, free mail and phone carriers left out."""
    addresses = [staff.email for staff in await Staff.filter(active=True).only("email")]
    return frozenset(domain_of(one) for one in addresses if classify(one) is AddressKind.OWN)


async def staff_by_address(services: Services, email: str) -> Staff:
    """The active member of staff with that address. Raises Refused(NOT_STAFF)."""
    look_up = services.address_look_up(email)
    staff = await Staff.filter(email_look_up=look_up, active=True).select_related("section").first()
    if staff is None:
        raise Refused(Reason.NOT_STAFF)
    return staff
