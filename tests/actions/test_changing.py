"""変更の申出: a proved signer names another person; two of the staff approve; the request goes over."""

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import access_codes, changing, registry
from envelopes.actions import signer as signers
from envelopes.actions import staff as clerks
from envelopes.actions.applications import deciding, doors, proving, steps
from envelopes.actions.changing import Asked
from envelopes.actions.chronicle import happenings
from envelopes.actions.signer import CodeFor, Refusal
from envelopes.actions.worker import expiry, readdressing, reminding
from envelopes.records import bonds, history
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Application, Contact, Envelope, Signer, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules import codes, terms
from envelopes.rules.applications import Door, Stage
from envelopes.rules.applications import Wish as Applied
from envelopes.rules.changes import Change, Wish
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.people import Role
from envelopes.rules.states import State
from tests.engines import Town

pytestmark = pytest.mark.engines
NEW = "kimura@takahashi-kensetsu.example"
KIMURA = Wish(
    change=Change.PERSON, person="木村 花子", office="工事部長", email=NEW, note="髙橋は退任します。"
)


async def prove_address(town: Town, row: Application) -> Application:
    """The new person agrees and types the code."""
    await proving.agree(town.services, row, version=terms.VERSION, network="n")
    row = await steps.find(row.ref)
    digits = codes.make(town.services.code_key, proving.code_subject(row), row.serial)
    assert (await proving.check_code(town.services, row, digits)).verdict is codes.Verdict.OK
    return await steps.find(row.ref)


async def asked(town: Town, wish: Wish = KIMURA) -> tuple[Snapshot, Signer]:
    """A request whose proved signer has told of a change."""
    shot = await town.out()
    assert shot.turn is not None
    await changing.ask(town.services, await town.prove(shot.turn), wish)
    shot = await town.again(shot)
    assert shot.turn is not None
    return shot, shot.turn


async def put_forward(town: Town, shot: Snapshot) -> Application:
    drafter = clerks.actor_of(town.drafter)
    return await changing.put_forward(town.services, drafter, shot.envelope.ref)


async def approved(town: Town, shot: Snapshot, *, by: Staff | None = None) -> Contact:
    """Put forward, proved and approved; not in force yet."""
    row = await prove_address(town, await put_forward(town, shot))
    second = clerks.actor_of(by or town.registrar)
    return await deciding.approve(town.services, second, row.ref, call_back="登記簿の番号に電話")


async def handed_over(town: Town) -> tuple[Snapshot, Signer, Signer]:
    """A request that went over: as it is now, and its place before and after."""
    shot, before = await asked(town)
    await approved(town, shot)
    town.clock.forward(hours=25)
    await readdressing.readdress(town.services)
    shot = await town.again(shot)
    assert shot.turn is not None
    return shot, before, shot.turn


async def payloads(shot: Snapshot, kind: str) -> list[dict[str, Any]]:
    facts = await history.payloads(Subject.ENVELOPE, shot.envelope.id)
    return [said for fact, said in facts if fact.kind == kind]


async def queued(shot: Snapshot, kind: str) -> list[dict[str, int]]:
    rows = await TaskRow.filter(envelope_id=shot.envelope.id, kind=kind).order_by("id")
    return [json.loads(row.ids) for row in rows]


async def refusal(work: Awaitable[object]) -> Reason:
    with pytest.raises(Refused) as refused:
        await work
    return refused.value.reason


# Asking


async def test_what_was_asked_for_pauses_the_place_and_staff_are_told(town: Town) -> None:
    shot, turn = await asked(town)
    assert shot.state is State.OUT
    assert turn.paused_at is not None
    waits = await changing.waiting(shot)
    assert waits == Asked(wish=KIMURA, at=waits.at if waits else town.clock(), application=None)
    assert len(await queued(shot, "note_mail")) == len(await queued(shot, "change_mail")) == 1
    assert await Application.all().count() == 0


async def test_nobody_signs_or_ends_what_is_paused(town: Town) -> None:
    shot, turn = await asked(town)
    await town.read(shot, turn)
    offer, grants = await town.offer(shot, turn), town.grants()
    consent = signers.give_consent(
        town.services, turn.ref, offer=offer, grants=grants, actor=signers.actor_of(turn)
    )
    assert await refusal(consent) is Reason.PAUSED
    assert await refusal(signers.refuse(town.services, turn.ref, Refusal.DECLINE, "だめ")) is Reason.PAUSED
    assert await refusal(changing.ask(town.services, turn, KIMURA)) is Reason.PAUSED
    drafter, ref = clerks.actor_of(town.drafter), shot.envelope.ref
    again = clerks.reissue(town.services, drafter, ref, version=shot.envelope.version)
    assert await refusal(again) is Reason.PAUSED
    assert await refusal(clerks.remind(town.services, drafter, ref)) is Reason.PAUSED


async def test_nobody_is_reminded_while_it_is_paused_and_the_deadline_goes_on(town: Town) -> None:
    shot, _ = await asked(town)
    town.clock.at = town.clock.at.replace(hour=1, minute=0)  # ten in the morning in Japan
    for _day in range(16):
        await reminding.remind_due(town.services)
        town.clock.forward(days=1)
    assert await queued(shot, "reminder_mail") == []
    await expiry.expire_due(town.services)
    assert (await town.again(shot)).state is State.EXPIRED


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (Wish(change=Change.PERSON, email=NEW), Reason.PERSON_MISSING),
        (Wish(change=Change.PERSON, person="木村 花子"), Reason.ADDRESS_EMPTY),
        (Wish(change=Change.PERSON, person="木" * 51, email=NEW), Reason.ENTRY_TOO_LONG),
        (Wish(change=Change.ADDRESS, email="kimura"), Reason.ADDRESS_FORM),
        (Wish(change=Change.ADDRESS, email="Ichiro@takahashi-kensetsu.example"), Reason.ADDRESS_UNCHANGED),
        (Wish(change=Change.NOT_OURS, note="あ" * 401), Reason.REASON_TOO_LONG),
    ],
)
async def test_what_cannot_be_is_refused_and_pauses_nothing(town: Town, wish: Wish, reason: Reason) -> None:
    shot = await town.out()
    assert shot.turn is not None
    assert await refusal(changing.ask(town.services, await town.prove(shot.turn), wish)) is reason
    assert (await Signer.get(id=shot.turn.id)).paused_at is None


async def test_of_a_consent_and_a_pause_at_once_one_holds(town: Town) -> None:
    shot = await town.out()
    assert shot.turn is not None
    turn = await town.prove(shot.turn)
    await town.read(shot, turn)
    offer, grants = await town.offer(shot, turn), town.grants()
    consent = signers.give_consent(
        town.services, turn.ref, offer=offer, grants=grants, actor=signers.actor_of(turn)
    )
    await asyncio.gather(
        consent, *(changing.ask(town.services, turn, KIMURA) for _ in range(4)), return_exceptions=True
    )
    after = await Signer.get(id=turn.id)
    assert (after.consented_at is None) != (after.paused_at is None)
    assert len(await payloads(shot, "change asked for")) == (after.paused_at is not None)


async def test_a_link_that_was_replaced_meanwhile_asks_for_nothing(town: Town) -> None:
    shot = await town.out()
    assert shot.turn is not None
    turn = await town.prove(shot.turn)
    drafter = clerks.actor_of(town.drafter)
    await clerks.reissue(town.services, drafter, shot.envelope.ref, version=shot.envelope.version)
    assert await refusal(changing.ask(town.services, turn, KIMURA)) is Reason.STALE


# Taking back and refusing


async def test_the_signer_takes_it_back_and_signs(town: Town) -> None:
    shot, turn = await asked(town)
    row = await put_forward(town, shot)
    await changing.take_back(town.services, turn)
    assert (await steps.find(row.ref)).stage == Stage.RETURNED
    assert await refusal(changing.take_back(town.services, turn)) is Reason.CHANGE_GONE
    town.clock.forward(minutes=5)
    shot = await town.sign(await town.consent(await town.again(shot)))
    assert shot.signers[0].signed_at is not None
    assert (await queued(shot, "note_mail"))[-1]["fact"]


async def test_staff_refuse_with_a_reason_and_the_link_goes_on(town: Town) -> None:
    shot, turn = await asked(town)
    drafter, ref = clerks.actor_of(town.drafter), shot.envelope.ref
    assert await refusal(changing.refuse(town.services, drafter, ref, reason=" ")) is Reason.REASON_MISSING
    await changing.refuse(town.services, drafter, ref, reason="担当は変わっていないと確かめました。")
    after = await Signer.get(id=turn.id)
    assert (after.paused_at, after.generation) == (None, turn.generation)
    assert (await payloads(shot, "change refused"))[0]["reason"].startswith("担当は")
    assert len(await queued(shot, "change_mail")) == 2
    assert (
        await refusal(changing.refuse(town.services, drafter, ref, reason="もう一度")) is Reason.CHANGE_GONE
    )


@pytest.mark.parametrize("who", ["village", "registrar", "approver"])
async def test_only_drafters_of_the_section_decide(town: Town, who: str) -> None:
    shot, _ = await asked(town)
    actor, ref = clerks.actor_of(getattr(town, who)), shot.envelope.ref
    assert await refusal(changing.put_forward(town.services, actor, ref)) is Reason.ROLE_MISSING
    assert await refusal(changing.refuse(town.services, actor, ref, reason="だめ")) is Reason.ROLE_MISSING


async def test_what_is_approved_is_not_taken_back_and_what_came_to_nothing_is_decided_anew(
    town: Town,
) -> None:
    shot, turn = await asked(town)
    contact = await approved(town, shot)
    assert await refusal(changing.take_back(town.services, turn)) is Reason.CHANGE_DECIDED
    keeper = clerks.actor_of(town.registrar)
    await registry.end(town.services, keeper, contact.ref, reason="会社から申し出があったため")
    town.clock.forward(hours=25)
    await readdressing.readdress(town.services)
    assert (await Signer.get(id=turn.id)).generation == turn.generation
    waits = await changing.waiting(await town.again(shot))
    assert waits is not None
    assert await changing.is_open(waits)
    await changing.take_back(town.services, turn)


async def test_what_the_registry_takes_back_can_be_put_forward_again(town: Town) -> None:
    shot, _turn = await asked(town)
    row = await put_forward(town, shot)
    await deciding.take_back(town.services, clerks.actor_of(town.registrar), row.ref)
    waits = await changing.waiting(await town.again(shot))
    assert waits is not None
    assert await changing.is_open(waits)
    assert (await put_forward(town, shot)).id != row.id


async def test_an_approved_address_that_receives_no_mail_leaves_the_place_to_be_decided_anew(
    town: Town,
) -> None:
    shot, turn = await asked(town)
    contact = await approved(town, shot)
    await Contact.filter(id=contact.id).update(dead_at=town.clock())
    town.clock.forward(hours=25)
    await readdressing.readdress(town.services)
    waits = await changing.waiting(await town.again(shot))
    assert waits is not None
    assert await changing.may_end(waits)
    row = await put_forward(town, shot)
    waits = await changing.waiting(await town.again(shot))
    assert waits is not None
    assert waits.application is not None
    assert (waits.application.id, await changing.is_open(waits)) == (row.id, False)
    await changing.take_back(town.services, turn)
    assert (await Signer.get(id=turn.id)).paused_at is None


async def test_what_the_registry_sends_back_can_be_put_forward_again(town: Town) -> None:
    shot, _ = await asked(town)
    row = await prove_address(town, await put_forward(town, shot))
    assert await refusal(put_forward(town, shot)) is Reason.CHANGE_GONE
    await deciding.send_back(
        town.services, clerks.actor_of(town.registrar), row.ref, reason="電話がつながらない"
    )
    again = await put_forward(town, shot)
    assert again.id != row.id


async def test_of_five_who_put_it_forward_at_once_one_wins(town: Town) -> None:
    shot, _ = await asked(town)
    await asyncio.gather(*(put_forward(town, shot) for _ in range(5)), return_exceptions=True)
    assert await Application.all().count() == 1


# Handing over


async def test_the_request_goes_over_when_the_new_person_is_in_force_and_not_before(town: Town) -> None:
    shot, before = await asked(town)
    row = await put_forward(town, shot)
    assert (row.door, row.person, row.previous) == (Door.HAND_OVER, "木村 花子", before.email)
    row = await prove_address(town, row)
    contact = await deciding.approve(
        town.services, clerks.actor_of(town.registrar), row.ref, call_back="登記簿の番号に電話"
    )
    town.clock.forward(hours=23)
    await readdressing.readdress(town.services)
    assert (await Signer.get(id=before.id)).generation == before.generation
    town.clock.forward(hours=2)
    await readdressing.readdress(town.services)
    shot = await town.again(shot)
    after = shot.turn
    assert after is not None
    assert (after.person, after.office, after.email) == ("木村 花子", "工事部長", NEW)
    assert (after.company, after.contact_id) == (before.company, contact.id)
    assert (after.generation, after.paused_at, after.proved_at) == (before.generation + 1, None, None)
    (said,) = await payloads(shot, "handed over")
    assert (said["from"]["person"], said["to"]["person"]) == (before.person, "木村 花子")
    assert (said["first"], said["second"]) == (town.drafter.ref, town.registrar.ref)
    assert said["application"] == row.number
    assert (await queued(shot, "request_mail"))[-1]["signer"] == after.id
    assert (await queued(shot, "change_mail"))[-1]["from"] == before.contact_id


async def test_it_goes_over_once_with_five_workers(town: Town) -> None:
    shot, before = await asked(town)
    await approved(town, shot)
    town.clock.forward(hours=25)
    await asyncio.gather(*(readdressing.readdress(town.services) for _ in range(5)))
    assert len(await payloads(shot, "handed over")) == 1
    assert (await Signer.get(id=before.id)).generation == before.generation + 1


async def test_of_taking_back_and_going_over_at_once_one_wins(town: Town) -> None:
    shot, turn = await asked(town)
    contact = await approved(town, shot)
    town.clock.forward(hours=25)
    await Contact.filter(id=contact.id).update(ended_at=town.clock())  # so that both may be done
    await asyncio.gather(
        readdressing.readdress(town.services), changing.take_back(town.services, turn), return_exceptions=True
    )
    assert (await Signer.get(id=turn.id)).person == turn.person
    assert (await Signer.get(id=turn.id)).paused_at is None


async def test_the_old_proof_and_code_open_nothing_and_the_new_person_signs(town: Town) -> None:
    shot, before = await asked(town)
    await approved(town, shot)
    town.clock.forward(hours=25)
    await signers.send_code(town.services, before, CodeFor.SIGN, browser="b")
    digits = await town.code(before)
    await readdressing.readdress(town.services)
    after = (await town.again(shot)).turn
    assert after is not None
    checked = await signers.check_code(town.services, after, CodeFor.SIGN, digits)
    assert checked.verdict is not codes.Verdict.OK
    town.clock.forward(minutes=5)
    shot = await town.sign(await town.consent(await town.again(shot)))
    assert shot.signers[0].signed_at is not None


async def test_an_old_link_is_known_as_the_former_persons(town: Town) -> None:
    shot, before, after = await handed_over(town)
    former = await changing.former(after, before.generation)
    assert former is not None
    assert former.said["from"]["person"] == before.person
    assert await changing.former(after, after.generation) is None
    drafter = clerks.actor_of(town.drafter)
    await clerks.reissue(town.services, drafter, shot.envelope.ref, version=shot.envelope.version)
    # A link that the new person had before is replaced, and not handed over.
    assert await changing.former(await Signer.get(id=after.id), after.generation) is None


async def test_each_stands_in_the_history_as_who_he_was(town: Town) -> None:
    shot, _, after = await handed_over(town)
    await town.prove(after)
    lines = await happenings(shot)
    who = [line.who for line in lines if line.text.startswith("本人確認")]
    assert [name.rpartition(" ")[2] for name in who] == ["花子", "一郎"]
    (went,) = [line.text for line in lines if "引き継ぎ、" in line.text]
    assert "届出 中村 美咲、承認 小林 直樹" in went


async def test_the_same_person_gets_the_request_at_the_new_address(town: Town) -> None:
    shot, before = await asked(town, Wish(change=Change.ADDRESS, email=NEW))
    await approved(town, shot)
    town.clock.forward(hours=25)
    await readdressing.readdress(town.services)
    shot = await town.again(shot)
    assert shot.turn is not None
    assert (shot.turn.person, shot.turn.email, shot.turn.paused_at) == (before.person, NEW, None)
    assert await payloads(shot, "handed over") == []
    assert await changing.former(shot.turn, before.generation) is None


async def test_a_request_for_another_company_is_only_stopped(town: Town) -> None:
    shot, _ = await asked(town, Wish(change=Change.NOT_OURS))
    assert await refusal(put_forward(town, shot)) is Reason.CHANGE_GONE
    drafter = clerks.actor_of(town.drafter)
    envelope = await Envelope.get(id=shot.envelope.id)
    await clerks.cancel(
        town.services, drafter, envelope.ref, version=envelope.version, reason="宛先を誤ったため"
    )
    assert (await town.again(shot)).state is State.CANCELLED


async def test_after_an_extension_the_request_still_goes_over(town: Town) -> None:
    shot, before = await asked(town)
    await approved(town, shot)
    town.clock.forward(days=20)
    await expiry.expire_due(town.services)
    await readdressing.readdress(town.services)
    assert (await Signer.get(id=before.id)).generation == before.generation
    expired = await town.again(shot)
    assert expired.state is State.EXPIRED
    drafter, later = clerks.actor_of(town.drafter), town.clock.forward(days=0).date().replace(day=28)
    assert later
    await clerks.extend(
        town.services,
        drafter,
        shot.envelope.ref,
        version=expired.envelope.version,
        deadline_on=expired.envelope.deadline_on.replace(year=expired.envelope.deadline_on.year + 1, day=1),
    )
    await readdressing.readdress(town.services)
    assert (await Signer.get(id=before.id)).person == "木村 花子"


# Two people, and not the one who signs for the village


async def with_roles(person: Staff, *roles: Role) -> Staff:
    await Staff.filter(id=person.id).update(roles=",".join(sorted(roles)))
    return await Staff.get(id=person.id)


async def test_the_villages_signer_hears_at_once_that_he_may_not_approve(town: Town) -> None:
    shot, _ = await asked(town)
    row = await prove_address(town, await put_forward(town, shot))
    headman = await with_roles(town.village, Role.SIGNER, Role.REGISTRAR)
    approve = deciding.approve(
        town.services, clerks.actor_of(headman), row.ref, call_back="登記簿の番号に電話"
    )
    assert await refusal(approve) is Reason.SIGNS_FOR_VILLAGE
    assert (await steps.find(row.ref)).stage == Stage.CHECKED


async def test_the_villages_signer_puts_no_address_forward_that_his_request_will_follow(town: Town) -> None:
    shot = await town.out()
    headman = clerks.actor_of(await with_roles(town.village, Role.SIGNER, Role.REGISTRAR))
    correct = doors.correct(town.services, headman, town.contacts[0], email=NEW)
    assert await refusal(correct) is Reason.SIGNS_FOR_VILLAGE
    drafter = clerks.actor_of(town.drafter)
    envelope = shot.envelope
    await clerks.cancel(town.services, drafter, envelope.ref, version=envelope.version, reason="取り直すため")
    row = await doors.correct(town.services, headman, town.contacts[0], email=NEW)
    assert row.stage == Stage.UNPROVED


async def test_the_village_signs_what_was_handed_over(town: Town) -> None:
    shot, _, _ = await handed_over(town)
    shot = await town.sign(await town.consent(shot))
    candidates = await clerks.village_candidates(town.services, shot)
    assert [one.hindrance for one in candidates if one.staff.id == town.village.id] == [None]
    shot = await town.sign(await town.consent_village(shot))
    assert shot.state is State.SIGNED


async def test_whoever_answers_for_an_address_to_come_is_no_candidate_for_the_village(town: Town) -> None:
    """A correction that waits would reach the request after it was sent."""
    headman = await with_roles(town.village, Role.SIGNER, Role.REGISTRAR)
    drafter = clerks.actor_of(town.drafter)
    row = await doors.correct(town.services, drafter, town.contacts[0], email=NEW)
    row = await prove_address(town, row)
    await deciding.approve(town.services, clerks.actor_of(headman), row.ref, call_back="名簿の番号に電話")
    candidates = await clerks.village_candidates(town.services, await town.draft())
    assert [one.hindrance for one in candidates if one.staff.id == headman.id] == [Reason.SELF_APPROVAL]


async def test_the_villages_signer_takes_up_no_application_that_his_request_will_follow(town: Town) -> None:
    await town.out()
    wish = Applied(company="髙橋建設株式会社", person="髙橋 一郎", email=NEW, previous=town.contacts[0].email)
    row = await doors.apply(town.services, wish, version=terms.VERSION, network="n")
    digits = codes.make(town.services.code_key, proving.code_subject(row), row.serial)
    await proving.check_code(town.services, row, digits)
    headman = clerks.actor_of(await with_roles(town.village, Role.SIGNER, Role.REGISTRAR))
    assert await refusal(deciding.check(town.services, headman, row.ref)) is Reason.SIGNS_FOR_VILLAGE
    await deciding.check(town.services, clerks.actor_of(town.registrar), row.ref)


async def test_where_the_policy_allows_it_one_person_may_do_both(town: Town) -> None:
    await town.out()
    policy = replace(town.services.policy, signer_apart_from_registrar=False)
    services = replace(town.services, policy=policy)
    headman = clerks.actor_of(await with_roles(town.village, Role.SIGNER, Role.REGISTRAR))
    row = await doors.correct(services, headman, town.contacts[0], email=NEW)
    assert row.stage == Stage.UNPROVED


# Codes


async def test_twenty_wrong_codes_renew_the_link_and_keep_the_pause(town: Town) -> None:
    shot, turn = await asked(town)
    for _round in range(4):
        town.clock.forward(hours=1)
        await signers.send_code(town.services, turn, CodeFor.SIGN, browser=f"b{_round}")
        right = await town.code(turn)
        wrong = "000000" if right != "000000" else "000001"
        for _try in range(5):
            await signers.check_code(town.services, turn, CodeFor.SIGN, wrong)
    renewed = await Signer.get(id=turn.id)
    assert renewed.generation == turn.generation + 1
    assert renewed.paused_at is not None
    await approved(town, shot)
    town.clock.forward(hours=25)
    await readdressing.readdress(town.services)
    after = await Signer.get(id=turn.id)
    assert after.generation == turn.generation + 2
    # Both links that he had are known as his.
    for generation in (turn.generation, renewed.generation):
        assert await changing.former(after, generation) is not None


async def test_the_access_code_that_was_told_does_not_go_over(town: Town) -> None:
    shot, turn = await asked(town)
    turn.proof = Method.ACCESS_CODE.value
    turn.bond = bonds.of_signer(turn)
    await turn.save(update_fields=["proof", "bond"])

    async def work(connection: BaseDBAsyncClient) -> None:
        await access_codes.issue(connection, turn, now=town.clock())

    await unit(work)
    drafter = clerks.actor_of(town.drafter)
    before = await access_codes.tell(town.services, drafter, turn)
    await approved(town, shot)
    town.clock.forward(hours=25)
    await readdressing.readdress(town.services)
    after = await Signer.get(id=turn.id)
    assert await access_codes.tell(town.services, drafter, after) != before
