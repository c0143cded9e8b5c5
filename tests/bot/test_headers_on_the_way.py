"""No name of a person, company, section or town becomes a header on the whole way, from order to signed files."""

from datetime import date
from pathlib import Path

import pytest

from envelopes.actions import registrar
from envelopes.records.models import Contact, Envelope, Staff
from envelopes.rules.people import Role
from envelopes.rules.states import State
from fukan.demo import cast
from fukan.lists import read_list
from tests.bot.test_header_injection import INJECTED, arrived, order_of
from tests.bot.test_worker import confirm, sign_by_mail
from tests.world import ACCEPTANCE, World, world

# Together they hold every way; the whole of a contract takes its time.
WHOLE_WAY = (INJECTED[3], INJECTED[8], INJECTED[5] + INJECTED[6] + INJECTED[7], INJECTED[11] + INJECTED[13])


async def people_called(built: World, text: str) -> None:
    """Section, staff and contractors are called so, through the doors by which they come in."""
    services = built.services
    section = await registrar.add_section(
        services,
        code="kensetsu",
        name=text,
        email=f"kensetsu@{cast.STAFF_DOMAIN}",
        phone=text[:40],
        hours=text,
    )
    await registrar.add_staff(
        services,
        name=text,
        office=text,
        email=f"evil@{cast.STAFF_DOMAIN}",
        section=section,
        roles=frozenset({Role.DRAFTER}),
    )
    cell = text.replace('"', '""')
    listed = (
        "会社名,役職,氏名,メールアドレス,承諾日,承諾の方法,折返し\r\n"
        f'"{cell}社","{cell}役","{cell}氏",new@kaisha.example,2026-04-01,書面,"{cell}番"\r\n'
    )
    entries = read_list(listed.encode(), today=date(2026, 11, 1))
    await registrar.import_contacts(services, entries, registrar=built.keeper, approver=built.operator)
    await Contact.filter(email_look_up=services.address_look_up(cast.TAKAHASHI.address)).update(
        company=f"{text}社", office=text, person=text
    )
    await Staff.filter(id=built.clerk.id).update(name=text)


@pytest.mark.parametrize("text", WHOLE_WAY, ids=["lines", "encoded", "unicode", "quotes"])
async def test_no_name_becomes_a_header_from_the_order_to_the_signed_files(tmp_path: Path, text: str) -> None:
    town = text[:20]  # it stands in certificates too, which are short of room
    async with world(tmp_path, town={"name": town, "name_english": town, "section": text}) as built:
        await people_called(built, text)
        address = cast.TAKAHASHI.address
        await built.deliver(order_of(text, kind="請書", to=f"<{address}>", file=ACCEPTANCE))
        await built.drain()
        envelope = await Envelope.all().first()
        assert envelope is not None, [str(mail) for mail in arrived(built)]
        await confirm(built, envelope)
        shot = await sign_by_mail(built, address)
        assert shot.state is State.COMPLETED
        mails = arrived(built)
        files = [part.get_filename() for mail in mails for part in mail.iter_attachments()]
        assert len(files) == 4  # the document and its certificate, for each side
        assert all(name and name.endswith(".pdf") for name in files)
        assert {mail["To"].addresses[0].addr_spec for mail in mails} <= {
            person.address for person in (*cast.STAFF, *cast.CONTRACTORS)
        } | {f"evil@{cast.STAFF_DOMAIN}"}
