"""The cast of the demo, put into a new installation: sections, enrolled staff, contractors that work at once.

Goes through the same verbs as the command line and the enrolment page, so seeded people are real people. May run
again: whoever is there stays as he is.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pyotp

from envelopes.actions import authenticators, credentials, registrar, registry, replying, usual
from envelopes.actions import staff as staff_actions
from envelopes.actions.applications import doors, proving
from envelopes.records import bonds
from envelopes.records.models import Application, Contact, Credential, Proof, Section, Staff, Task
from envelopes.rules import codes, factors, states, terms
from envelopes.rules.applications import Wish
from envelopes.rules.factors import Method
from envelopes.rules.schedule import jst_day
from envelopes.services import Services
from fukan.demo import cast

_SECTIONS: Final = {
    "建設課": ("kensetsu", "Construction Section"),
    "村長室": ("soncho", "Mayor's Office"),
    "総務課": ("soumu", "General Affairs Section"),
}
_PERIOD: Final = 30  # RFC 6238 5.2


async def seed(services: Services, contractors: Sequence[cast.Contractor]) -> None:
    """Make everybody who is missing. Raises Refused(NOT_PERMITTED) outside the demo."""
    people = [await _member(services, person) for person in cast.STAFF]
    by_address = {person.address: row for person, row in zip(cast.STAFF, people, strict=True)}
    registrar_, approver = by_address[cast.KOBAYASHI.address], by_address[cast.MARUYAMA.address]
    for contractor in contractors:
        await _contractor(services, contractor, registrar_=registrar_, approver=approver)
    await _applicant(services, cast.MINAMI)


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
    if not await replying.is_enrolled(staff):
        await _enrol_replies(services, await Staff.get(id=staff.id))
    return staff


async def _section(services: Services, name: str) -> Section:
    code, english = _SECTIONS[name]
    return await registrar.add_section(
        services,
        code=code,
        name=name,
        name_english=english,
        email=f"{code}@{cast.STAFF_DOMAIN}",
        phone=cast.PHONE,
        hours=cast.HOURS,
    )


async def _enrol(services: Services, staff: Staff, person: cast.StaffMember) -> None:
    link, _ = credentials.enrolment_link(services, staff)
    token = link.rpartition("/")[2]
    opened = await credentials.open_enrolment(services, token)
    at = _standing(services)
    code = _digits_before(opened.seed, at)
    await credentials.enrol(at, token, password=person.password, code=code)
    # The mail with the link has nothing left to say.
    await Task.filter(kind=states.Task.ENROL_MAIL.value, key__startswith=f"enrol_mail:{staff.id}:").delete()


async def _enrol_replies(services: Services, staff: Staff) -> None:
    seed = replying.offered(services, staff).secret
    at = _standing(services)
    await replying.enrol(at, staff, code=_digits_before(seed, at))


def _standing(services: Services) -> Services:
    """Return *services* with the clock stopped: no half minute ends between the digits and the look at them."""
    now = services.now()
    return replace(services, clock=lambda: now)


def _digits_before(seed: str, services: Services) -> str:
    """Return the digits before the present ones: those now on the authenticator stay good for the first sign-in."""
    return pyotp.TOTP(seed).at(services.now().timestamp() - _PERIOD)


async def _contractor(
    services: Services, person: cast.Contractor, *, registrar_: Staff, approver: Staff
) -> None:
    look_up = services.address_look_up(person.address)
    if await Contact.filter(email_look_up=look_up, state=registry.ACTIVE).exists():
        return
    entry = registry.Entry(
        company=person.company,
        office=person.office,
        person=person.name,
        email=person.address,
        consented_on=jst_day(services.now()),
        consent_note="見本：電子契約の承諾書を受領",
        call_back="見本：入札参加資格の名簿にある電話番号",
        reason=person.reason,
        mobile=person.mobile,
    )
    made = await registrar.add_contact(services, entry, registrar=registrar_, approver=approver, seeded=True)
    # The first contract is to need no more than a mailbox; more is chosen on the draft's page.
    await usual.choose(services, staff_actions.actor_of(registrar_), made.ref, Method.MAIL)
    # Whoever begins to play has heard of it.
    await Task.filter(kind=states.Task.MOBILE_MAIL.value).delete()


async def _applicant(services: Services, person: cast.Contractor) -> None:
    """An application that has been proved, for staff to decide about."""
    look_up = services.address_look_up(person.address)
    if await Application.filter(email_look_up=look_up).exists():
        return
    wish = Wish(company=person.company, office=person.office, person=person.name, email=person.address)
    row = await doors.apply(services, wish, version=terms.VERSION, network="demo")
    code = codes.make(services.code_key, proving.code_subject(row), row.serial)
    await proving.check_code(services, row, code)
    # Nobody reads these mails: the applicant has typed the code already.
    kinds = (
        states.Task.APPLICATION_CODE_MAIL,
        states.Task.APPLICATION_MAIL,
        states.Task.APPLICATION_DESK_MAIL,
    )
    await Task.filter(kind__in=[kind.value for kind in kinds]).delete()


async def authenticator_seed(services: Services, address: str, kind: str = credentials.TOTP) -> str | None:
    """The seed (base32) in the authenticator of that member of staff, for signing in or for replies, or None."""
    look_up = services.address_look_up(address)
    staff = await Staff.filter(email_look_up=look_up).first()
    if staff is None:
        return None
    row = await Credential.filter(staff_id=staff.id, kind=kind).first()
    return bonds.secret_of(row) if row else None


async def app_seed(services: Services, address: str) -> str | None:
    """The seed (base32) that the contractor's own app knows: the one that he has set up, or may set up now, or None."""
    look_up = services.address_look_up(address)
    contact = await Contact.filter(email_look_up=look_up, state=registry.ACTIVE).first()
    if contact is None:
        return None
    app = await authenticators.of(contact.id)
    if app is not None:
        return bonds.seed_of(app, contact.ref)
    # In earnest the phone reads the QR code of the page that this browser is shown.
    proved = Proof.filter(signer__contact_id=contact.id, factor__isnull=False).order_by("-factor_at")
    for proof in await proved.prefetch_related("session", "signer"):
        if factors.second(proof.signer.proof) is Method.AUTHENTICATOR:
            return (await authenticators.offer(services, proof.signer, proof.session)).seed
    return None
