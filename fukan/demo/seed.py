"""The cast of the demo, put into a new installation: sections, enrolled staff, contractors that work at once.

Goes through the same verbs as the command line and the enrolment page, so seeded people are real people. May run
again: whoever is there stays as he is.
"""

from collections.abc import Sequence
from typing import Final

import pyotp

from envelopes.actions import registrar
from envelopes.actions import staff as staff_actions
from envelopes.records import bonds
from envelopes.records.models import Contact, Credential, Section, Staff, Task
from envelopes.rules import states
from envelopes.rules.schedule import jst_day
from envelopes.services import Services
from fukan.demo import cast

_CODES: Final = {"建設課": "kensetsu", "村長室": "soncho", "総務課": "soumu"}
_PERIOD: Final = 30  # RFC 6238 5.2


async def seed(services: Services, contractors: Sequence[cast.Contractor]) -> None:
    """Make everybody who is missing. Raises Refused(NOT_PERMITTED) outside the demo."""
    people = [await _member(services, person) for person in cast.STAFF]
    by_address = {person.address: row for person, row in zip(cast.STAFF, people, strict=True)}
    registrar_, approver = by_address[cast.KOBAYASHI.address], by_address[cast.MARUYAMA.address]
    for contractor in contractors:
        await _contractor(services, contractor, registrar_=registrar_, approver=approver)


async def _member(services: Services, person: cast.StaffMember) -> Staff:
    look_up = services.address_look_up(person.address)
    staff = await Staff.filter(email_look_up=look_up).first()
    if staff is None:
        staff = await registrar.add_staff(
            services,
            name=person.name,
            office=person.office,
            email=person.address,
            section=await _section(services, person.section),
            roles=frozenset(person.roles),
        )
    if staff.enrolled_at is None:
        await _enrol(services, await Staff.get(id=staff.id), person)
    return staff


async def _section(services: Services, name: str) -> Section:
    code = _CODES[name]
    email = f"{code}@{cast.STAFF_DOMAIN}"
    return await registrar.add_section(
        services, code=code, name=name, email=email, phone=cast.PHONE, hours=cast.HOURS
    )


async def _enrol(services: Services, staff: Staff, person: cast.StaffMember) -> None:
    link, _ = staff_actions.enrolment_link(services, staff)
    token = link.rpartition("/")[2]
    opened = await staff_actions.open_enrolment(services, token)
    # The digits before the present ones: those now on the authenticator stay good for the first sign-in.
    code = pyotp.TOTP(opened.seed).at(services.now().timestamp() - _PERIOD)
    await staff_actions.enrol(services, token, password=person.password, code=code)
    # The mail with the link has nothing left to say.
    await Task.filter(kind=states.Task.ENROL_MAIL.value, key__startswith=f"enrol_mail:{staff.id}:").delete()


async def _contractor(
    services: Services, person: cast.Contractor, *, registrar_: Staff, approver: Staff
) -> None:
    look_up = services.address_look_up(person.address)
    if await Contact.filter(email_look_up=look_up, state=registrar.ACTIVE).exists():
        return
    entry = registrar.Entry(
        company=person.company,
        office=person.office,
        person=person.name,
        email=person.address,
        consented_on=jst_day(services.now()),
        consent_note="見本：電子契約の承諾書を受領",
        call_back="見本：入札参加資格の名簿にある電話番号",
        reason=person.reason,
    )
    await registrar.add_contact(services, entry, registrar=registrar_, approver=approver, seeded=True)


async def authenticator_seed(services: Services, address: str) -> str | None:
    """The seed (base32) in the authenticator of that member of staff, or None."""
    look_up = services.address_look_up(address)
    staff = await Staff.filter(email_look_up=look_up).first()
    if staff is None:
        return None
    row = await Credential.filter(staff_id=staff.id, kind=staff_actions.TOTP).first()
    return bonds.secret_of(row) if row else None
