"""Applications for the registry: what proves an address, who decides, and what nobody can do alone."""

import json
from collections.abc import Sequence
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest

from envelopes.actions import ordering, registrar, registry, staff
from envelopes.actions.applications import deciding, doors, proving, steps
from envelopes.records import history
from envelopes.records.history import Subject
from envelopes.records.models import Application, Contact, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.rules import codes, terms
from envelopes.rules.applications import Stage, Wish
from envelopes.rules.codes import Verdict
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.lists import ListFaulty
from envelopes.rules.orders import read
from envelopes.rules.people import Actor, Role
from envelopes.rules.schedule import jst_day
from tests.engines import Town

pytestmark = pytest.mark.engines

COMPANY = "南アルプス電設株式会社"
ADDRESS = "minami@minami-densetsu.example"


def wish(**changes: Any) -> Wish:
    values = {"company": COMPANY, "office": "代表取締役", "person": "南 一郎", "email": ADDRESS}
    return Wish(**(values | changes))


async def applied(town: Town, *, network: str = "192.0.2.0/24", **changes: Any) -> Application:
    return await doors.apply(town.services, wish(**changes), version=terms.VERSION, network=network)


async def digits(town: Town, row: Application) -> str:
    """The digits of the newest code, as its mail would say them."""
    now = await steps.find(row.ref)
    return codes.make(town.services.code_key, proving.code_subject(now), now.serial)


async def prove(town: Town, row: Application) -> Application:
    checked = await proving.check_code(town.services, row, await digits(town, row))
    assert checked.verdict is Verdict.OK
    return await steps.find(row.ref)


async def approved(town: Town, **changes: Any) -> Contact:
    """All of the way, with both members of staff."""
    row = await prove(town, await applied(town, **changes))
    await deciding.check(town.services, staff.actor_of(town.registrar), row.ref)
    return await deciding.approve(
        town.services, staff.actor_of(town.approver), row.ref, call_back="登記簿の番号に電話"
    )


async def refused(work: Any) -> Reason:
    with pytest.raises(Refused) as error:
        await work
    return error.value.reason


async def mails(kind: str) -> list[dict[str, int]]:
    return [json.loads(row.ids) for row in await TaskRow.filter(kind=kind).order_by("id")]


async def problems(town: Town, recipient: str) -> list[Reason]:
    """What a mail order to *recipient* is answered."""
    lines = ["封筒名：電気設備工事", f"宛先：{recipient}", "種別：請書", "金額：100円（税込）"]
    day = jst_day(town.clock())
    reading = read("\n".join(lines), subject="", today=day, policy=town.services.policy)
    order = await ordering.look_up(town.services, town.drafter, reading)
    return [one.reason for one in order.problems]


# The whole way


async def test_an_address_of_the_form_works_after_code_two_people_and_a_day(town: Town) -> None:
    assert await problems(town, COMPANY) == [Reason.RECIPIENT_UNKNOWN]
    row = await applied(town)
    assert await mails("application_code_mail") == [{"application": row.id, "serial": 1}]
    assert row.number is None
    row = await prove(town, row)
    assert (row.stage, row.number) == (Stage.PROVED, f"MHN-R{jst_day(town.clock()).year}-0001")
    assert await mails("application_mail") == [{"application": row.id, "news": 1}]
    assert await problems(town, COMPANY) == [Reason.RECIPIENT_UNKNOWN]
    await deciding.check(town.services, staff.actor_of(town.registrar), row.ref)
    contact = await deciding.approve(
        town.services, staff.actor_of(town.approver), row.ref, call_back="登記簿の番号に電話"
    )
    assert await problems(town, COMPANY) == [Reason.RECIPIENT_NOT_READY]
    assert contact.works_from == town.clock() + timedelta(hours=24)
    town.clock.forward(hours=24)
    assert await problems(town, COMPANY) == []
    assert await problems(town, f"{COMPANY} <{ADDRESS}>") == []
    assert [one["news"] for one in await mails("application_mail")] == [1, 2]


async def test_what_was_agreed_to_is_kept_word_for_word(town: Town) -> None:
    contact = await approved(town)
    row = await Application.get(id=contact.application_id)
    assert row.terms is not None
    kept = json.loads(row.terms)
    assert kept["version"] == terms.VERSION == row.terms_version
    (shown,) = terms.from_kept(row.terms)
    assert shown.agreement.startswith("契約を結ぶ権限のある者として")
    facts = await history.payloads(Subject.APPLICATION, row.id)
    assert [fact.kind for fact, _ in facts] == ["applied", "agreed", "proved", "checked", "approved"]
    assert facts[1][1] == {"version": terms.VERSION, "sha256": terms.digest(row.terms)}
    assert contact.consented_on == jst_day(town.clock())


async def test_terms_that_were_renewed_meanwhile_are_shown_again(town: Town) -> None:
    work = doors.apply(town.services, wish(), version="2001-01", network="n")
    assert await refused(work) is Reason.TERMS_CHANGED
    assert await Application.all().count() == 0


# Codes and limits


async def test_a_wrong_code_proves_nothing_and_five_spend_it(town: Town) -> None:
    row = await applied(town)
    right = await digits(town, row)
    wrong = "000000" if right != "000000" else "000001"
    lefts = [(await proving.check_code(town.services, row, wrong)).left for _ in range(5)]
    assert lefts == [4, 3, 2, 1, 0]
    assert (await proving.check_code(town.services, row, right)).verdict is Verdict.SPENT
    assert (await steps.find(row.ref)).stage == Stage.UNPROVED


async def test_a_code_is_over_after_ten_minutes_and_after_the_next_one(town: Town) -> None:
    row = await applied(town)
    first = await digits(town, row)
    town.clock.forward(minutes=2)
    await proving.send_code(town.services, await steps.find(row.ref), network="n")
    if first != await digits(town, row):
        assert (await proving.check_code(town.services, row, first)).verdict is Verdict.WRONG
    town.clock.forward(minutes=10)
    second = await digits(town, row)
    assert (await proving.check_code(town.services, row, second)).verdict is Verdict.LATE


async def test_three_codes_a_day_go_to_one_address_whoever_asks(town: Town) -> None:
    for n in range(3):
        await applied(town, network=f"198.51.{n}.0/24")
    assert await refused(applied(town, network="203.0.113.0/24")) is Reason.RESEND_CAP
    await applied(town, network="203.0.113.0/24", email="other@minami-densetsu.example")
    town.clock.forward(days=1)
    await applied(town, network="203.0.113.0/24")


async def test_one_network_and_everybody_together_are_limited(town: Town) -> None:
    policy = town.services.policy
    for n in range(policy.registration_codes_an_hour):
        await applied(town, email=f"a{n}@minami-densetsu.example")
    assert await refused(applied(town, email="b@minami-densetsu.example")) is Reason.RESEND_CAP
    for n in range(policy.registration_codes_an_hour_total - policy.registration_codes_an_hour):
        await applied(town, network=f"10.0.{n}.0/24", email=f"c{n}@minami-densetsu.example")
    late = applied(town, network="10.9.9.0/24", email="d@minami-densetsu.example")
    assert await refused(late) is Reason.RESEND_CAP


async def test_another_code_is_asked_for_once_a_minute(town: Town) -> None:
    row = await applied(town)
    assert await refused(proving.send_code(town.services, row, network="n")) is Reason.RESEND_EARLY


async def test_nothing_is_said_of_known_addresses_before_the_code(town: Town) -> None:
    known = town.contacts[0]
    row = await applied(town, email=known.email)
    stranger = await applied(town, email="nobody@minami-densetsu.example")
    assert (row.stage, row.number) == (stranger.stage, stranger.number)
    assert len(await mails("application_code_mail")) == 2
    assert await mails("application_mail") == []
    row = await prove(town, row)
    assert (row.stage, row.answer) == (Stage.RETURNED, Reason.ADDRESS_ELSEWHERE.value)
    assert await mails("application_mail") == [{"application": row.id, "news": 3}]


async def test_an_address_of_the_towns_own_people_is_no_contractors(town: Town) -> None:
    row = await prove(town, await applied(town, email=town.drafter.email))
    assert row.stage == Stage.RETURNED


# A change


async def test_a_change_tells_the_old_address_and_ends_it_when_the_new_one_works(town: Town) -> None:
    old = await approved(town)
    town.clock.forward(hours=25)
    new = await approved(town, email="jiro@minami-densetsu.example", previous=ADDRESS, person="南 二郎")
    assert await mails("address_mail") == [{"contact": new.id, "told": old.id}]
    assert await problems(town, COMPANY) == []
    assert await problems(town, new.email) == [Reason.RECIPIENT_NOT_READY]
    town.clock.forward(hours=24)
    assert await problems(town, new.email) == []
    assert await problems(town, old.email) == [Reason.RECIPIENT_UNKNOWN]
    kinds = [fact.kind for fact, _ in await history.payloads(Subject.CONTACT, old.id)]
    assert kinds == ["registered", "to be replaced"]


async def test_an_objection_in_time_leaves_the_old_address_standing(town: Town) -> None:
    old = await approved(town)
    town.clock.forward(hours=25)
    new = await approved(town, email="jiro@minami-densetsu.example", previous=ADDRESS)
    keeper = staff.actor_of(town.registrar)
    await registry.end(
        town.services, keeper, new.ref, reason="前のアドレスの方から、覚えがないと電話があった"
    )
    town.clock.forward(hours=25)
    assert await problems(town, new.email) == [Reason.RECIPIENT_UNKNOWN]
    assert await problems(town, old.email) == []
    kinds = [fact.kind for fact, _ in await history.payloads(Subject.CONTACT, old.id)]
    assert kinds == ["registered", "to be replaced", "stands again"]


async def test_naming_another_companys_address_ends_nothing(town: Town) -> None:
    victim = town.contacts[0]
    new = await approved(town, previous=victim.email)
    assert {"contact": new.id, "told": victim.id} in await mails("address_mail")
    town.clock.forward(hours=25)
    assert await problems(town, victim.email) == []


# Taking the consent back


async def test_a_consent_taken_back_stops_new_requests(town: Town) -> None:
    shot = await town.draft()
    contact = town.contacts[0]
    keeper = staff.actor_of(town.registrar)
    await registry.withdraw(town.services, keeper, contact.ref, note="電話で申し出があった")
    assert await problems(town, contact.email) == [Reason.RECIPIENT_WITHDRAWN]
    assert await refused(town.confirm(shot)) is Reason.RECIPIENT_WITHDRAWN
    assert await refused(registry.withdraw(town.services, keeper, contact.ref, note="二度目")) is Reason.STALE
    drafter = staff.actor_of(town.drafter)
    assert (
        await refused(registry.withdraw(town.services, drafter, contact.ref, note="x")) is Reason.ROLE_MISSING
    )


async def test_who_agrees_again_is_asked_again(town: Town) -> None:
    contact = await approved(town)
    town.clock.forward(hours=25)
    await registry.withdraw(town.services, staff.actor_of(town.registrar), contact.ref, note="電話")
    again = await approved(town)
    assert again.revision == contact.revision + 1
    town.clock.forward(hours=25)
    assert await problems(town, COMPANY) == []


async def withdrawn(town: Town, email: str) -> Application:
    row = await doors.ask_to_withdraw(town.services, email, network="n")
    return await prove(town, row)


async def test_the_owner_of_an_address_takes_the_consent_back_with_a_code(town: Town) -> None:
    contact = town.contacts[0]
    row = await doors.ask_to_withdraw(town.services, contact.email, network="n")
    assert await problems(town, contact.email) == []
    row = await prove(town, row)
    assert (row.stage, row.contact_id, row.company) == (Stage.APPROVED, contact.id, contact.company)
    assert await problems(town, contact.email) == [Reason.RECIPIENT_WITHDRAWN]
    assert await mails("application_mail") == [{"application": row.id, "news": 4}]
    assert await mails("application_desk_mail") == [{"application": row.id, "checked": 1}]
    kinds = [fact.kind for fact, _ in await history.payloads(Subject.CONTACT, contact.id)]
    assert kinds[-1] == "consent withdrawn"
    # A second time there is nothing to take back, and nothing is decided by staff.
    again = await withdrawn(town, contact.email)
    assert (again.stage, again.answer) == (Stage.RETURNED, Reason.ADDRESS_UNKNOWN.value)
    keeper = staff.actor_of(town.registrar)
    assert await refused(deciding.check(town.services, keeper, again.ref)) is Reason.STALE


async def test_an_unknown_address_gets_the_same_code_and_takes_nothing_back(town: Town) -> None:
    row = await doors.ask_to_withdraw(town.services, ADDRESS, network="n")
    assert await mails("application_code_mail") == [{"application": row.id, "serial": 1}]
    row = await prove(town, row)
    assert (row.stage, row.contact_id) == (Stage.RETURNED, None)
    assert await mails("application_mail") == []


# The doors of staff


async def test_a_list_puts_forward_all_or_nothing_and_nothing_works_yet(town: Town) -> None:
    keeper = staff.actor_of(town.registrar)
    bad = [wish(), wish(email="x@gmail.com")]
    assert await refused(doors.put_forward(town.services, keeper, bad)) is Reason.ADDRESS_FREE
    assert await Application.all().count() == 0
    (row,) = await doors.put_forward(town.services, keeper, [wish()])
    assert await mails("invitation_mail") == [{"application": row.id}]
    assert await refused(approve(town, town.approver, row)) is Reason.STALE
    assert await problems(town, COMPANY) == [Reason.RECIPIENT_UNKNOWN]
    # The address proves itself, and whoever reads its mail agrees.
    assert await refused(proving.send_code(town.services, row, network="n")) is Reason.TERMS_UNTICKED
    await proving.agree(town.services, row, version=terms.VERSION, network="n")
    row = await prove(town, row)
    assert row.stage == Stage.CHECKED
    await approve(town, town.approver, row)
    town.clock.forward(hours=24)
    assert await problems(town, COMPANY) == []


HEAD = "会社名,役職,氏名,メールアドレス,携帯電話\r\n"


def line(one: Wish | Contact, mobile: str = "") -> str:
    return f"{one.company},{one.office},{one.person},{one.email},{mobile}\r\n"


async def faults(town: Town, *lines: str) -> tuple[str, ...]:
    try:
        await doors.read_list(town.services, (HEAD + "".join(lines)).encode())
    except ListFaulty as faulty:
        return faulty.faults
    return ()


async def test_a_list_asks_nobody_twice_and_names_what_the_registry_says_already(town: Town) -> None:
    first = town.contacts[0]
    fresh = line(wish(email="fresh@minami-densetsu.example"))
    # What a stranger typed and never proved keeps no address out.
    await applied(town)
    assert await faults(town, line(wish()), fresh) == ()
    (row,) = await doors.put_forward(town.services, staff.actor_of(town.registrar), [wish()])
    said = await faults(town, line(wish()), fresh, line(first))
    assert said == (
        f"2行目：このアドレスの申請（{row.number}）が進んでいます。この行を消すか、その申請を取り下げてください。",
        "4行目：同じ内容で、すでに台帳にあります。この行を消してください。",
    )
    # Another person, or a number, at the same address is news.
    assert await faults(town, line(first, "090-1234-5678")) == ()
    first.person = "髙橋 二郎"
    assert await faults(town, line(first)) == ()
    await proving.agree(town.services, row, version=terms.VERSION, network="n")
    await approve(town, town.approver, await prove(town, row))
    assert await faults(town, line(wish())) == (
        "2行目：同じ内容で、すでに台帳にあります。この行を消してください。",
    )


async def test_an_invitation_is_mailed_again_until_the_address_has_proved_itself(town: Town) -> None:
    keeper, drafter = staff.actor_of(town.registrar), staff.actor_of(town.drafter)
    (row,) = await doors.put_forward(town.services, keeper, [wish()])
    assert await refused(doors.invite_again(town.services, drafter, row.ref)) is Reason.ROLE_MISSING
    most = town.services.policy.new_links_a_day
    for _ in range(most):
        await doors.invite_again(town.services, keeper, row.ref)
    assert await refused(doors.invite_again(town.services, keeper, row.ref)) is Reason.LIMIT_REACHED
    assert await mails("invitation_mail") == [{"application": row.id}] * (most + 1)
    town.clock.forward(days=1)
    await proving.agree(town.services, row, version=terms.VERSION, network="n")
    await prove(town, row)
    assert await refused(doors.invite_again(town.services, keeper, row.ref)) is Reason.STALE
    # Nobody of the town has invited whoever typed the form.
    typed = await applied(town, email="form@minami-densetsu.example")
    assert await refused(doors.invite_again(town.services, keeper, typed.ref)) is Reason.STALE


async def test_an_application_of_staff_is_taken_back_and_may_be_made_anew(town: Town) -> None:
    keeper, drafter = staff.actor_of(town.registrar), staff.actor_of(town.drafter)
    (row,) = await doors.put_forward(town.services, keeper, [wish()])
    await proving.agree(town.services, row, version=terms.VERSION, network="n")
    token, code = proving.link(town.services, row).rpartition("/")[2], await digits(town, row)
    assert await refused(deciding.take_back(town.services, drafter, row.ref)) is Reason.ROLE_MISSING
    await deciding.take_back(town.services, keeper, row.ref)
    row = await steps.find(row.ref)
    assert (row.stage, row.answer) == (Stage.RETURNED, Reason.TAKEN_BACK)
    assert (await proving.check_code(town.services, row, code)).verdict is Verdict.SPENT
    assert await refused(proving.invited(town.services, token)) is Reason.INVITATION_OVER
    assert await faults(town, line(wish())) == ()
    assert await mails("application_mail") == []
    # A mistyped correction makes room for the right one.
    fix = await doors.correct(town.services, drafter, town.contacts[0], email="b@minami-densetsu.example")
    await deciding.take_back(town.services, keeper, fix.ref)
    assert (await steps.find(fix.ref)).answer == Reason.TAKEN_BACK
    await doors.correct(town.services, drafter, town.contacts[0], email="c@minami-densetsu.example")
    # What was proved is decided.
    (row,) = await doors.put_forward(town.services, keeper, [wish()])
    await proving.agree(town.services, row, version=terms.VERSION, network="m")
    await prove(town, row)
    assert await refused(deciding.take_back(town.services, keeper, row.ref)) is Reason.STALE


async def test_an_invitation_opens_its_application_only(town: Town) -> None:
    keeper = staff.actor_of(town.registrar)
    first, second = await doors.put_forward(
        town.services, keeper, [wish(), wish(email="b@minami-densetsu.example")]
    )
    token = proving.link(town.services, first).rpartition("/")[2]
    assert (await proving.invited(town.services, token)).id == first.id != second.id
    forged = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert await refused(proving.invited(town.services, forged)) is Reason.LINK_UNKNOWN


async def test_a_corrected_address_takes_the_place_of_the_one_that_is_dead(town: Town) -> None:
    dead = town.contacts[0]
    drafter = staff.actor_of(town.drafter)
    row = await doors.correct(town.services, drafter, dead, email=ADDRESS)
    assert (row.replaces_id, row.company, row.person) == (dead.id, dead.company, dead.person)
    await proving.agree(town.services, row, version=terms.VERSION, network="n")
    row = await prove(town, row)
    # Put forward by a drafter, so the second person is the registry's keeper.
    assert await refused(approve(town, town.approver, row)) is Reason.ROLE_MISSING
    contact = await approve(town, town.registrar, row)
    assert (await Application.get(id=row.id)).contact_id == contact.id
    town.clock.forward(hours=24)
    assert await problems(town, ADDRESS) == []
    assert await problems(town, dead.email) == [Reason.RECIPIENT_UNKNOWN]


# Deciding


async def approve(town: Town, person: Staff, row: Application, note: str = "登記簿の番号に電話") -> Contact:
    return await deciding.approve(town.services, staff.actor_of(person), row.ref, call_back=note)


async def test_nothing_is_approved_without_a_noted_call_back(town: Town) -> None:
    row = await prove(town, await applied(town))
    await deciding.check(town.services, staff.actor_of(town.registrar), row.ref)
    for note in ("", "　\n"):
        assert await refused(approve(town, town.approver, row, note)) is Reason.CALL_BACK_MISSING
    await approve(town, town.approver, row)
    assert await refused(approve(town, town.approver, row)) is Reason.STALE


async def test_an_application_is_sent_back_once_with_the_reason(town: Town) -> None:
    keeper = staff.actor_of(town.registrar)
    row = await prove(town, await applied(town))
    assert (
        await refused(deciding.send_back(town.services, keeper, row.ref, reason=" ")) is Reason.REASON_MISSING
    )
    drafter = staff.actor_of(town.drafter)
    work = deciding.send_back(town.services, drafter, row.ref, reason="x")
    assert await refused(work) is Reason.ROLE_MISSING
    await deciding.send_back(town.services, keeper, row.ref, reason="会社名が登記と違います")
    row = await steps.find(row.ref)
    assert (row.stage, row.answer) == (Stage.RETURNED, "会社名が登記と違います")
    assert [one["news"] for one in await mails("application_mail")] == [1, 3]
    assert await refused(deciding.check(town.services, keeper, row.ref)) is Reason.STALE


async def test_what_nobody_proved_is_deleted_after_ninety_days(town: Town) -> None:
    lost, kept = await applied(town), await applied(town, email="b@minami-densetsu.example")
    await prove(town, kept)
    town.clock.forward(days=89)
    await steps.sweep(town.services)
    assert await Application.all().count() == 2
    town.clock.forward(days=2)
    await steps.sweep(town.services)
    assert [row.id for row in await Application.all()] == [kept.id] != [lost.id]


# One account alone


def role_sets() -> list[frozenset[Role]]:
    """Every role alone, every two, and all of them in one hand."""
    few = [frozenset(some) for n in (1, 2) for some in combinations(Role, n)]
    return [*few, frozenset(Role)]


async def alone(town: Town, door: str, actor: Actor) -> None:
    """Everything one account can do about an address of its own at *door*, with the mailbox in its hand."""
    rows: Sequence[Application] = []
    try:
        match door:
            case "form":
                rows = [await applied(town, network=actor.ref)]
            case "list":
                rows = await doors.put_forward(town.services, actor, [wish()])
            case _:
                rows = [await doors.correct(town.services, actor, town.contacts[0], email=ADDRESS)]
    except Refused:
        return
    for row in rows:
        if row.agreed_at is None:
            await proving.agree(town.services, row, version=terms.VERSION, network=actor.ref)
        await prove(town, row)
        for step in (
            deciding.check(town.services, actor, row.ref),
            deciding.approve(town.services, actor, row.ref, call_back="自分に電話"),
            deciding.check(town.services, actor, row.ref),
        ):
            try:
                await step
            except Refused:
                continue


@pytest.mark.parametrize("door", ["form", "list", "correction"])
async def test_no_account_alone_makes_an_address_work(town: Town, door: str) -> None:
    before = await Contact.all().count()
    for number, roles in enumerate(role_sets()):
        town.clock.forward(days=2)
        person = await registrar.add_staff(
            town.services,
            name="一人 で",
            office="",
            email=f"alone{number}@vill-mihon.example",
            section=town.section,
            roles=roles,
        )
        await alone(town, door, staff.actor_of(person))
        town.clock.forward(days=2)
        assert await problems(town, ADDRESS) == [Reason.RECIPIENT_UNKNOWN], sorted(roles)
    assert await Contact.all().count() == before
    # His twin: two people, and it works.
    await approved(town)
    town.clock.forward(days=2)
    assert await problems(town, ADDRESS) == []
