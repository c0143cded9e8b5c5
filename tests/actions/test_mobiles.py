"""Mobile numbers of the registry: two people, a call-back and a day, at every door; and what a forged one is worth."""

import json
from typing import Any

import pytest

from envelopes.actions import mobiles, registrar, registry, staff
from envelopes.actions.applications import deciding, doors, proving
from envelopes.records import history
from envelopes.records.history import Subject
from envelopes.records.models import Application, Contact, Mobile
from envelopes.records.models import Task as TaskRow
from envelopes.rules import codes, terms
from envelopes.rules.applications import Wish
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.lists import ListFaulty
from envelopes.rules.states import Task
from tests.engines import Town

pytestmark = pytest.mark.engines

NUMBER = "+819012345678"
TYPED = "090-1234-5678"
SOURCE = "4月2日の来庁時に本人から聞いた"


async def refused(work: Any) -> Reason:
    with pytest.raises(Refused) as error:
        await work
    return error.value.reason


async def proposed(town: Town, typed: str = TYPED) -> Mobile:
    actor = staff.actor_of(town.registrar)
    return await mobiles.put_forward(town.services, actor, town.contacts[0], typed, source=SOURCE)


async def approved(town: Town, row: Mobile) -> Mobile:
    actor = staff.actor_of(town.approver)
    return await mobiles.approve(town.services, actor, row.ref, call_back="登記簿の番号に電話")


async def in_use(town: Town, contact: Contact | None = None) -> str | None:
    row = await mobiles.in_use((contact or town.contacts[0]).id, now=town.clock())
    return row.number if row else None


async def test_a_number_works_after_two_people_and_a_day(town: Town) -> None:
    row = await proposed(town, "０９０ー１２３４ー５６７８")
    assert [one.id for one in await mobiles.to_approve()] == [row.id]
    assert await mobiles.waiting(town.contacts[0].id, now=town.clock()) == row
    assert await in_use(town) is None
    await approved(town, row)
    assert await in_use(town) is None
    assert await mobiles.to_approve() == []
    # The company is told while it can still object.
    (told,) = await TaskRow.filter(kind=Task.MOBILE_MAIL.value)
    assert json.loads(told.ids) == {"mobile": row.id}
    town.clock.forward(hours=24)
    assert await in_use(town) == NUMBER
    facts = await history.payloads(Subject.CONTACT, town.contacts[0].id)
    assert [(fact.kind, said["number"]) for fact, said in facts[-2:]] == [
        ("mobile put forward", "090-****-5678"),
        ("mobile approved", "090-****-5678"),
    ]


async def test_nobody_approves_his_own_number_nor_without_a_call_back(town: Town) -> None:
    row = await proposed(town)
    mine, second = staff.actor_of(town.registrar), staff.actor_of(town.approver)
    assert mobiles.hindrance(mine, row) is Reason.REGISTRAR_SAME_PERSON
    assert await refused(mobiles.approve(town.services, mine, row.ref, call_back="x")) is (
        Reason.REGISTRAR_SAME_PERSON
    )
    drafter = staff.actor_of(town.drafter)
    assert await refused(mobiles.approve(town.services, drafter, row.ref, call_back="x")) is (
        Reason.ROLE_MISSING
    )
    assert await refused(mobiles.approve(town.services, second, row.ref, call_back=" ")) is (
        Reason.CALL_BACK_MISSING
    )
    await approved(town, row)
    assert await refused(mobiles.approve(town.services, second, row.ref, call_back="x")) is Reason.STALE


async def test_what_is_no_mobile_number_or_has_no_source_is_refused(town: Town) -> None:
    actor, contact = staff.actor_of(town.registrar), town.contacts[0]

    def put(typed: str, source: str = SOURCE) -> Any:
        return mobiles.put_forward(town.services, actor, contact, typed, source=source)

    assert await refused(put("03-1234-5678")) is Reason.MOBILE_FORM
    assert await refused(put("")) is Reason.MOBILE_MISSING
    assert await refused(put(TYPED, "")) is Reason.MOBILE_SOURCE_MISSING
    headman = staff.actor_of(town.village)
    work = mobiles.put_forward(town.services, headman, contact, TYPED, source=SOURCE)
    assert await refused(work) is Reason.ROLE_MISSING
    assert await Mobile.all().count() == 0


async def test_a_new_number_leaves_the_old_one_working_until_it_works_itself(town: Town) -> None:
    await approved(town, await proposed(town))
    town.clock.forward(hours=24)
    assert await refused(proposed(town)) is Reason.MOBILE_UNCHANGED
    new = await approved(town, await proposed(town, "080-2222-3333"))
    assert await in_use(town) == NUMBER
    assert (await mobiles.waiting(town.contacts[0].id, now=town.clock())) == new
    town.clock.forward(hours=24)
    assert await in_use(town) == "+818022223333"
    await mobiles.end(town.services, staff.actor_of(town.registrar), new.ref, reason="番号が変わった")
    assert await in_use(town) is None


async def test_an_objection_stops_a_number_before_it_works(town: Town) -> None:
    row = await approved(town, await proposed(town))
    await mobiles.end(town.services, staff.actor_of(town.registrar), row.ref, reason="覚えがないと電話")
    town.clock.forward(hours=24)
    assert await in_use(town) is None
    assert await refused(mobiles.end(town.services, staff.actor_of(town.registrar), row.ref, reason="x")) is (
        Reason.STALE
    )


async def test_a_number_of_the_list_works_with_its_entry(town: Town) -> None:
    head = "会社名,氏名,メールアドレス,携帯電話\r\n"
    line = "南アルプス電設株式会社,南 一郎,minami@minami-densetsu.example,０８０－１１１１－２２２２\r\n"
    keeper = staff.actor_of(town.registrar)
    (wish,) = await doors.read_list(town.services, (head + line).encode())
    (row,) = await doors.put_forward(town.services, keeper, [wish])
    await proving.agree(town.services, row, version=terms.VERSION, network="n")
    row = await Application.get(id=row.id)
    code = codes.make(town.services.code_key, proving.code_subject(row), row.serial)
    await proving.check_code(town.services, row, code)
    second = staff.actor_of(town.approver)
    contact = await deciding.approve(town.services, second, row.ref, call_back="登記簿の番号に電話")
    assert await in_use(town, contact) is None
    town.clock.forward(hours=24)
    assert await in_use(town, contact) == "+818011112222"
    # The same person gets another address; the number goes along.
    fix = Wish(
        company=contact.company,
        person=contact.person,
        email="ichiro@minami-densetsu.example",
        previous=contact.email,
    )
    (row,) = await doors.put_forward(town.services, keeper, [fix])
    await proving.agree(town.services, row, version=terms.VERSION, network="n")
    row = await Application.get(id=row.id)
    code = codes.make(town.services.code_key, proving.code_subject(row), row.serial)
    await proving.check_code(town.services, row, code)
    after = await deciding.approve(town.services, second, row.ref, call_back="登記簿の番号に電話")
    assert await in_use(town, after) == "+818011112222"


async def test_a_line_with_no_mobile_number_is_named(town: Town) -> None:
    head, line = "会社名,氏名,メールアドレス,携帯電話\r\n", "南電設,南 一郎,m@minami.example,03-1234-5678\r\n"
    with pytest.raises(ListFaulty) as faulty:
        await doors.read_list(town.services, (head + line).encode())
    (fault,) = faulty.value.faults
    assert "携帯電話" in fault


async def test_at_the_command_line_a_number_comes_with_the_two_names_of_its_entry(town: Town) -> None:
    entry = town.entry(email="new@mihon-kensetsu.example", mobile=NUMBER)
    contact = await registrar.add_contact(
        town.services, entry, registrar=town.registrar, approver=town.approver
    )
    assert await in_use(town, contact) is None
    town.clock.forward(hours=24)
    assert await in_use(town, contact) == NUMBER


async def test_another_person_at_the_same_address_does_not_get_the_number(town: Town) -> None:
    same, other = [
        town.entry(email="a@mihon-kensetsu.example", person=person) for person in ("見本 太郎", "見本 次郎")
    ]

    async def add(entry: registry.Entry) -> Contact:
        return await registrar.add_contact(
            town.services, entry, registrar=town.registrar, approver=town.approver
        )

    await add(town.entry(email="a@mihon-kensetsu.example", mobile=NUMBER))
    town.clock.forward(hours=24)
    assert await in_use(town, await add(same)) == NUMBER
    assert await in_use(town, await add(other)) is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE mobiles SET contact_id = {other} WHERE id = {row}",
        "UPDATE mobiles SET approver_id = registrar_id WHERE id = {row}",
        "UPDATE mobiles SET number = (SELECT number FROM mobiles WHERE id <> {row}) WHERE id = {row}",
        "UPDATE mobiles SET bond = (SELECT bond FROM mobiles WHERE id <> {row}) WHERE id = {row}",
    ],
)
async def test_a_number_that_was_changed_in_the_database_is_used_by_nobody(town: Town, change: str) -> None:
    first, other = town.contacts[0], town.contacts[1]
    row = await approved(town, await proposed(town))
    actor = staff.actor_of(town.registrar)
    evil = await mobiles.put_forward(town.services, actor, other, "070-6666-6666", source=SOURCE)
    await approved(town, evil)
    town.clock.forward(hours=24)
    assert (await in_use(town), await in_use(town, other)) == (NUMBER, "+817066666666")
    await town.engine.run(change.format(row=row.id, other=other.id))
    assert await in_use(town, first) is None
    assert await in_use(town, other) == "+817066666666"
