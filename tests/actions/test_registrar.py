"""The registry's rules at the server's command line."""

import json
from datetime import timedelta

import pytest

from envelopes.actions import registrar, registry, staff
from envelopes.actions.registry import Entry
from envelopes.records import history, sessions
from envelopes.records.history import Subject
from envelopes.records.models import Contact, Credential, Section, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.people import Role
from tests.engines import Town, build_services

pytestmark = pytest.mark.engines


async def add(town: Town, entry: Entry | None = None, **people: object) -> Contact:
    both = {"registrar": town.registrar, "approver": town.approver} | people
    return await registrar.add_contact(town.services, entry or town.entry(), **both)  # type: ignore[arg-type]


async def refused(town: Town, entry: Entry | None = None, **people: object) -> Reason:
    before = await Contact.all().count()
    with pytest.raises(Refused) as error:
        await add(town, entry, **people)
    assert await Contact.all().count() == before
    return error.value.reason


async def test_an_address_works_after_two_people_and_a_day(town: Town) -> None:
    contact = await add(town)
    assert contact.works_from == town.clock() + timedelta(hours=24)
    assert (contact.registrar_id, contact.approver_id) == (town.registrar.id, town.approver.id)
    (fact, said), *_ = await history.payloads(Subject.CONTACT, contact.id)
    assert fact.kind == "registered"
    assert said == {"revision": 1, "registrar": town.registrar.ref, "approver": town.approver.ref}


async def test_nobody_registers_and_approves_alone(town: Town) -> None:
    assert await refused(town, approver=town.registrar) is Reason.REGISTRAR_SAME_PERSON
    again = await Staff.get(id=town.registrar.id)
    assert await refused(town, approver=again) is Reason.REGISTRAR_SAME_PERSON


async def test_only_the_registrys_keeper_registers(town: Town) -> None:
    for person in (town.drafter, town.village, town.approver):
        assert await refused(town, registrar=person, approver=town.registrar) is Reason.ROLE_MISSING


@pytest.mark.parametrize("who", ["registrar", "approver"])
async def test_people_who_have_left_answer_for_nothing(town: Town, who: str) -> None:
    person: Staff = getattr(town, who)
    await Staff.filter(id=person.id).update(active=False)
    assert await refused(town, **{who: await Staff.get(id=person.id)}) is Reason.NOT_STAFF


@pytest.mark.parametrize("note", ["", " ", "\n　"])
async def test_the_call_back_is_noted(town: Town, note: str) -> None:
    assert await refused(town, town.entry(call_back=note)) is Reason.CALL_BACK_MISSING


@pytest.mark.parametrize(
    "email", ["taro@gmail.com", "taro@yahoo.co.jp", "a..b.@docomo.ne.jp", "x@softbank.ne.jp"]
)
async def test_free_and_carrier_addresses_need_a_reason(town: Town, email: str) -> None:
    assert await refused(town, town.entry(email=email)) is Reason.ADDRESS_REASON_MISSING
    assert await refused(town, town.entry(email=email, reason="　")) is Reason.ADDRESS_REASON_MISSING
    assert (
        await add(town, town.entry(email=email, reason="会社のアドレスがない"))
    ).reason == "会社のアドレスがない"


@pytest.mark.parametrize(
    "email", ["", "taro", "taro@", "a..b@mihon.example", "a@b@c.example", "a\n@b.example"]
)
async def test_what_is_no_address_is_refused_without_repeating_it(town: Town, email: str) -> None:
    assert await refused(town, town.entry(email=email)) is Reason.ADDRESS_FORM


async def test_only_the_demo_seeds_addresses_that_work_at_once(town: Town) -> None:
    assert await refused(town, seeded=True) is Reason.NOT_PERMITTED
    demo = build_services(town.engine, town.clock, demo=True)
    contact = await registrar.add_contact(
        demo, town.entry(), registrar=town.registrar, approver=town.approver, seeded=True
    )
    assert contact.works_from == town.clock()
    waiting = await registrar.add_contact(
        demo, town.entry(), registrar=town.registrar, approver=town.approver
    )
    assert waiting.works_from > town.clock()


async def test_the_same_address_again_is_a_new_revision_that_waits_too(town: Town) -> None:
    first = await add(town)
    second = await add(town, town.entry(email="TARO@mihon-kensetsu.example", person="後任 花子"))
    before = await Contact.get(id=first.id)
    assert (before.state, before.ended_at) == (registry.ENDED, town.clock())
    assert (second.revision, second.state, second.person) == (2, registry.ACTIVE, "後任 花子")
    assert second.works_from == town.clock() + timedelta(hours=24)
    assert before.person == "見本 太郎"
    kinds = [fact.kind for fact, _ in await history.payloads(Subject.CONTACT, first.id)]
    assert kinds == ["registered", "replaced"]


async def test_an_import_is_all_or_nothing(town: Town) -> None:
    entries = [town.entry(email=f"a{n}@mihon-kensetsu.example") for n in range(5)]
    before = await Contact.all().count()
    with pytest.raises(Refused) as error:
        await registrar.import_contacts(
            town.services,
            [*entries, town.entry(email="x@gmail.com")],
            registrar=town.registrar,
            approver=town.approver,
        )
    assert error.value.reason is Reason.ADDRESS_REASON_MISSING
    assert await Contact.all().count() == before
    made = await registrar.import_contacts(
        town.services, entries, registrar=town.registrar, approver=town.approver
    )
    assert await Contact.all().count() == before + 5
    assert [row.revision for row in made] == [1] * 5


async def test_a_new_member_of_staff_is_mailed_one_link(town: Town) -> None:
    person = await registrar.add_staff(
        town.services,
        name="新人 一郎",
        office="主事",
        email="Shinjin@vill-mihon.example",
        section=town.section,
        roles=frozenset({Role.DRAFTER, Role.SIGNER}),
    )
    person = await Staff.get(id=person.id)
    assert (person.roles, person.enrolment, person.enrolled_at) == ("drafter,signer", 1, None)
    tasks = [row for row in await TaskRow.filter(kind="enrol_mail") if str(person.id) in row.ids]
    assert len(tasks) == 1
    assert (await registrar.staff_by_address(town.services, "shinjin@VILL-mihon.example")).id == person.id


async def test_an_address_has_one_member_of_staff(town: Town) -> None:
    with pytest.raises(Refused) as error:
        await registrar.add_staff(
            town.services,
            name="別 人",
            office="主事",
            email="NAKAMURA@vill-mihon.example",
            section=town.section,
            roles=frozenset(),
        )
    assert error.value.reason is Reason.ADDRESS_TAKEN


async def test_who_leaves_can_do_nothing_more_and_what_waits_for_him_is_named(town: Town) -> None:
    waits = await town.out()
    cookie, session = await sessions.start(now=town.clock(), staff_id=town.village.id)
    await sessions.prove_staff(session, now=town.clock())
    left, waiting = await registrar.end_staff(town.services, town.village.email.upper())
    assert left.id == town.village.id
    assert [one.number for one in waiting] == [waits.envelope.number]
    assert await sessions.find(cookie, now=town.clock(), idle=timedelta(hours=1)) is None
    assert await Credential.filter(staff_id=left.id).count() == 0
    for refused in (registrar.end_staff, registrar.invite_again, registrar.staff_by_address):
        with pytest.raises(Refused) as error:
            await refused(town.services, left.email)
        assert error.value.reason is Reason.NOT_STAFF
    *_, (fact, _) = await history.payloads(Subject.STAFF, left.id)
    assert fact.kind == "left"


async def test_who_had_left_comes_back_as_the_same_person_and_enrols_anew(town: Town) -> None:
    await registrar.end_staff(town.services, town.drafter.email)
    again = await registrar.add_staff(
        town.services,
        name=town.drafter.name,
        office="係長",
        email=town.drafter.email,
        section=town.section,
        roles=frozenset({Role.REGISTRAR}),
    )
    person = await Staff.get(id=again.id)
    assert (person.id, person.ref, person.active) == (town.drafter.id, town.drafter.ref, True)
    assert (person.office, person.roles, person.enrolled_at) == ("係長", "registrar", None)
    assert person.enrolment == town.drafter.enrolment + 2


async def test_a_section_is_brought_up_to_date(town: Town) -> None:
    again = await registrar.add_section(
        town.services, code="kensetsu", name="建設水道課", email="suido@vill-mihon.example", phone="1"
    )
    assert (again.id, again.name, again.phone) == (town.section.id, "建設水道課", "1")
    assert (again.name_english, again.hours_english) == ("", "")
    english = {"name_english": "Waterworks Section", "hours_english": "weekdays 9:00–16:00"}
    named = await registrar.add_section(
        town.services, code="kensetsu", name="建設水道課", email="suido@vill-mihon.example", **english
    )
    assert {name: getattr(await Section.get(id=named.id), name) for name in english} == english


async def test_a_draft_to_an_address_that_was_changed_meanwhile_is_not_sent(town: Town) -> None:
    shot = await town.draft()
    mine = town.contacts[0]
    entry = town.entry(email=mine.email, company=mine.company)
    await add(town, entry)
    with pytest.raises(Refused) as error:
        await town.confirm(shot)
    assert error.value.reason is Reason.RECIPIENT_NOT_READY
    await Contact.filter(email_look_up=mine.email_look_up).update(state=registry.ENDED, ended_at=town.clock())
    with pytest.raises(Refused) as error:
        await town.confirm(shot)
    assert error.value.reason is Reason.RECIPIENT_UNKNOWN
    assert staff.actor_of(town.drafter).id == town.drafter.id


# Who is told of an address, and how an address ends


async def told(contact: Contact) -> list[int]:
    """The entries whose addresses are told of *contact*."""
    ids = [json.loads(row.ids) for row in await TaskRow.filter(kind="address_mail").order_by("id")]
    return [one["told"] for one in ids if one["contact"] == contact.id]


async def end(town: Town, email: str, **people: Staff) -> Contact:
    both = {"registrar": town.registrar, "approver": town.approver} | people
    return await registrar.end_contact(town.services, email, **both)


async def test_every_living_address_of_the_company_is_told_of_another(town: Town) -> None:
    company = "髙橋水道株式会社"
    first = await add(town, town.entry(email="a@suido.example", company=company))
    second = await add(town, town.entry(email="b@suido.example", company="高橋水道㈱"))
    third = await add(town, town.entry(email="c@suido.example", company=company))
    assert [await told(one) for one in (first, second, third)] == [[], [first.id], [first.id, second.id]]
    await end(town, "A@suido.example")
    await end(town, "c@suido.example")
    assert await told(await add(town, town.entry(email="d@suido.example", company=company))) == [second.id]


@pytest.mark.parametrize("company", ["有限会社髙橋水道", "佐藤水道", "髙橋水道・佐藤水道共同企業体"])
async def test_another_company_hears_nothing(town: Town, company: str) -> None:
    await add(town, town.entry(email="a@suido.example", company="髙橋水道株式会社"))
    assert await told(await add(town, town.entry(email="b@other.example", company=company))) == []


async def test_an_end_stands_in_the_history_with_both_people(town: Town) -> None:
    contact = await add(town)
    await end(town, contact.email)
    row = await Contact.get(id=contact.id)
    assert (row.state, row.ended_at) == (registry.ENDED, town.clock())
    fact, said = (await history.payloads(Subject.CONTACT, contact.id))[-1]
    assert (fact.kind, said) == ("ended", {"registrar": town.registrar.ref, "approver": town.approver.ref})
    assert (await add(town)).revision == contact.revision + 1


async def test_one_person_alone_ends_nothing(town: Town) -> None:
    contact = await add(town)
    for people, reason in (
        ({"approver": town.registrar}, Reason.REGISTRAR_SAME_PERSON),
        ({"registrar": town.approver, "approver": town.registrar}, Reason.ROLE_MISSING),
    ):
        with pytest.raises(Refused) as error:
            await end(town, contact.email, **people)
        assert error.value.reason is reason
    assert (await Contact.get(id=contact.id)).state == registry.ACTIVE


async def test_what_is_not_in_the_registry_cannot_end(town: Town) -> None:
    with pytest.raises(Refused) as error:
        await end(town, "nobody@suido.example")
    assert error.value.reason is Reason.ADDRESS_UNKNOWN
