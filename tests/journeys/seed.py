"""Puts the cast into a new installation, two days ago, through the same verbs as the command line and the portal.

Runs as a process of its own, so that nothing of the product is open in the tests' process. Prints the seeds of the
authenticators as JSON: they are what the cast's phones know, `reply:` before an address for the one that replies use.
"""

import asyncio
import json
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyotp

from envelopes.actions import credentials, operating, registrar, registry, replying
from envelopes.records.database import Database
from envelopes.records.models import Contact, Staff, Task
from envelopes.rules.factors import Method
from envelopes.services import Services, build
from envelopes.settings import load
from fukan import installation
from tests.journeys import cast

AGO = timedelta(days=2)  # longer than an address has to wait before it works


async def main(directory: Path) -> dict[str, str]:
    settings = load(directory)
    await installation.create(settings)
    services = build(settings, portal=True, bot=True, clock=lambda: datetime.now(UTC) - AGO)
    database = Database(settings.database_url)
    await database.open()
    try:
        return await _people(services)
    finally:
        await database.close()


async def sound(directory: Path) -> None:
    """Keep of the mail what doctor would, were this a town with DNS."""
    settings = load(directory)
    database = Database(settings.database_url)
    await database.open()
    try:
        await operating.note_mail(build(settings, portal=False, bot=True), [])
    finally:
        await database.close()


async def _people(services: Services) -> dict[str, str]:
    seeds = {clerk.address: await _hire(services, clerk) for clerk in cast.CLERKS}
    seeds[f"reply:{cast.NAKAMURA.address}"] = await _reply_seed(services, cast.NAKAMURA)
    await operating.note_mail(services, [])  # what doctor would keep, were this a town with DNS
    # The enrolment links are used up; their mails would only be noise.
    await Task.filter(kind="enrol_mail").delete()
    keeper = await registrar.staff_by_address(services, cast.KOBAYASHI.address)
    second = await registrar.staff_by_address(services, cast.MARUYAMA.address)
    entries = [_entry(company) for company in cast.COMPANIES]
    await registrar.import_contacts(services, entries, registrar=keeper, approver=second)
    await Task.filter(kind="mobile_mail").delete()  # it was sent two days ago
    # What the journeys ask of whom, they say themselves.
    await Contact.all().update(identity=Method.MAIL.value)
    return seeds


async def _hire(services: Services, clerk: cast.Clerk) -> str:
    code, name = clerk.section
    email = f"{code}@{cast.STAFF_DOMAIN}"
    section = await registrar.add_section(services, code=code, name=name, email=email)
    person = await registrar.add_staff(
        services,
        name=clerk.name,
        office=clerk.office,
        email=clerk.address,
        section=section,
        roles=clerk.roles,
    )
    link, _ = credentials.enrolment_link(services, await Staff.get(id=person.id))
    token = link.rpartition("/")[2]
    seed = (await credentials.open_enrolment(services, token)).seed
    digits = pyotp.TOTP(seed).at(services.now())
    await credentials.enrol(services, token, password=cast.PASSWORD, code=digits)
    return seed


async def _reply_seed(services: Services, clerk: cast.Clerk) -> str:
    person = await registrar.staff_by_address(services, clerk.address)
    seed = replying.offered(services, person).secret
    await replying.enrol(services, person, code=pyotp.TOTP(seed).at(services.now()))
    return seed


def _entry(company: cast.Company) -> registry.Entry:
    return registry.Entry(
        company=company.name,
        office=company.office,
        person=company.person,
        email=company.address,
        consented_on=date(2026, 4, 1),
        consent_note="書面で承諾",
        call_back="登記簿の番号に電話",
        reason=company.reason,
        language=company.language,
        mobile=company.mobile,
    )


if __name__ == "__main__":
    if sys.argv[2:] == ["sound"]:
        asyncio.run(sound(Path(sys.argv[1])))
    else:
        sys.stdout.write(json.dumps(asyncio.run(main(Path(sys.argv[1])))))
