"""What staff may do, each with his own roles and both factors."""

import asyncio
import base64
import dataclasses
from datetime import timedelta

import pytest

from envelopes.actions import credentials, staff
from envelopes.actions.worker import expiry
from envelopes.records import store
from envelopes.records.models import Consent, Envelope, Signer, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules import consent as consents
from envelopes.rules.errors import FukanError, Reason, Refused
from envelopes.rules.kinds import Kind
from envelopes.rules.people import Actor, Role
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import State
from tests.engines import Town

pytestmark = pytest.mark.engines


async def fresh(person: Staff) -> Staff:
    return await Staff.get(id=person.id)


def drafter(town: Town) -> Actor:
    return staff.actor_of(town.drafter)


# Drafts


async def confirm(town: Town, shot: Snapshot, actor: Actor, signer: Staff | None = None) -> Snapshot:
    chosen = (signer or town.village).ref
    ref, version = shot.envelope.ref, shot.envelope.version
    return await staff.confirm(town.services, actor, ref, version=version, village_signer=chosen)


async def test_confirming_gives_a_number_and_seats_the_village_last(town: Town) -> None:
    shot = await confirm(town, await town.draft(contractors=2), drafter(town))
    year = jst_day(town.clock()).year
    assert shot.number == f"MHN-{year}-0001"
    assert shot.state is State.PREPARING
    assert shot.signers[-1].staff_id == town.village.id
    assert [one.position for one in shot.signers] == [1, 2, 3]
    assert shot.envelope.confirmer_id == town.drafter.id
    assert (await confirm(town, await town.draft(), drafter(town))).number == f"MHN-{year}-0002"


async def test_an_acceptance_has_no_village_signer(town: Town) -> None:
    shot = await confirm(town, await town.draft(kind=Kind.ACCEPTANCE), drafter(town))
    assert [one.staff_id for one in shot.signers] == [None]


async def with_roles(town: Town, person: Staff, *roles: Role, section: int | None = None) -> Actor:
    actor = staff.actor_of(person)
    return dataclasses.replace(actor, roles=frozenset(roles), section_id=section or actor.section_id)


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.DRAFTER, Role.APPROVER)])
async def test_only_drafters_and_approvers_of_the_section_send(town: Town, role: Role) -> None:
    shot = await town.draft()
    elsewhere = (Role.DRAFTER, Role.APPROVER, Role.AUDITOR)
    for actor in (
        await with_roles(town, town.approver, role),
        await with_roles(town, town.approver, *elsewhere, section=99),
    ):
        with pytest.raises(Refused) as error:
            await confirm(town, shot, actor)
        assert error.value.reason is Reason.ROLE_MISSING
    assert (await town.again(shot)).state is State.DRAFT


async def test_who_drafted_or_registered_does_not_sign_for_the_village(town: Town) -> None:
    shot = await town.draft()
    for person in (town.drafter, town.registrar, town.approver):
        await Staff.filter(id=person.id).update(roles="signer,drafter")
        with pytest.raises(Refused) as error:
            await confirm(town, shot, drafter(town), person)
        assert error.value.reason is Reason.SELF_APPROVAL
    found = await staff.village_candidates(town.services, shot)
    assert [item.staff.id for item in found if item.hindrance is None] == [town.village.id]
    assert found[0].staff.id == town.village.id
    assert len(found) == 4


@pytest.mark.parametrize("lack", ["role", "enrolment", "activity", "everything"])
async def test_the_village_signer_is_somebody_who_can_sign(town: Town, lack: str) -> None:
    shot = await town.draft()
    changes: dict[str, dict[str, object]] = {
        "role": {"roles": "drafter"},
        "enrolment": {"enrolled_at": None},
        "activity": {"active": False},
        "everything": {},
    }
    await Staff.filter(id=town.village.id).update(**(changes[lack] or {"ref": "z" * 16}))
    with pytest.raises(Refused) as error:
        await confirm(town, shot, drafter(town))
    assert error.value.reason is Reason.SIGNER_MISSING


async def test_a_draft_is_sent_once(town: Town) -> None:
    shot = await town.draft()
    outcomes = await asyncio.gather(
        *(confirm(town, shot, drafter(town)) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(item, Snapshot) for item in outcomes) == 1
    assert {item.reason for item in outcomes if isinstance(item, Refused)} == {Reason.STALE}
    assert await Signer.filter(envelope_id=shot.envelope.id).count() == 2
    assert (await town.tasks(shot)).count("prepare") == 1


async def test_a_draft_whose_deadline_is_over_is_not_sent(town: Town) -> None:
    shot = await town.draft(days=1)
    town.clock.forward(days=2)
    with pytest.raises(Refused) as error:
        await confirm(town, shot, drafter(town))
    assert error.value.reason is Reason.DEADLINE_PAST


async def test_a_draft_can_be_discarded_and_then_nothing_else(town: Town) -> None:
    shot = await town.draft()
    ref, version = shot.envelope.ref, shot.envelope.version
    await staff.discard(town.services, drafter(town), ref, version=version)
    after = await town.again(shot)
    assert after.state is State.DISCARDED
    with pytest.raises(Refused):
        await confirm(town, after, drafter(town))
    assert "request_mail" not in await town.tasks(shot)


# Out


async def test_a_deadline_moves_only_to_a_later_day(town: Town) -> None:
    shot = await town.out()
    before = shot.envelope.deadline_on

    async def extend(days: int) -> None:
        now = await town.again(shot)
        ref, version, later = now.envelope.ref, now.envelope.version, before + timedelta(days=days)
        await staff.extend(town.services, drafter(town), ref, version=version, deadline_on=later)

    for days, why in (
        (-1, Reason.DEADLINE_PAST),
        (0, Reason.DEADLINE_PAST),
        (400, Reason.DEADLINE_TOO_FAR),
    ):
        with pytest.raises(Refused) as error:
            await extend(days)
        assert error.value.reason is why
    await extend(1)
    after = await town.again(shot)
    assert after.envelope.deadline_on == before + timedelta(days=1)
    assert after.signers[0].generation == shot.signers[0].generation
    assert (await town.tasks(shot))[-1] == "extended_mail"


async def test_an_expired_envelope_comes_back_with_today(town: Town) -> None:
    shot = await town.out(days=1)
    town.clock.forward(days=5)
    await expiry.expire_due(town.services)
    late = await town.again(shot)
    assert late.state is State.EXPIRED
    today = jst_day(town.clock())
    for day, works in ((today - timedelta(days=1), False), (today, True)):
        extending = staff.extend(
            town.services, drafter(town), late.envelope.ref, version=late.envelope.version, deadline_on=day
        )
        if works:
            await extending
        else:
            with pytest.raises(Refused):
                await extending
    assert (await town.again(shot)).state is State.OUT


async def test_cancelling_needs_a_reason_and_tells_everybody(town: Town) -> None:
    shot = await town.out()
    ref, version = shot.envelope.ref, shot.envelope.version
    with pytest.raises(Refused) as error:
        await staff.cancel(town.services, drafter(town), ref, version=version, reason=" ")
    assert error.value.reason is Reason.REASON_MISSING
    await staff.cancel(town.services, drafter(town), ref, version=version, reason="入札のやり直し")
    after = await town.again(shot)
    assert (after.state, after.envelope.end_reason) == (State.CANCELLED, "入札のやり直し")
    assert (await town.tasks(shot))[-1] == "cancelled_mail"


async def test_a_new_link_for_the_contractor_ends_the_old_one(town: Town) -> None:
    shot = await town.out()
    await Signer.filter(id=shot.signers[0].id).update(wrong_codes=7)
    ref, version = shot.envelope.ref, shot.envelope.version
    await staff.reissue(town.services, drafter(town), ref, version=version)
    one = await Signer.get(id=shot.signers[0].id)
    assert (one.generation, one.wrong_codes) == (1, 0)
    village = await town.sign(await town.consent(await town.again(shot)))
    with pytest.raises(Refused) as error:
        await staff.reissue(town.services, drafter(town), ref, version=village.envelope.version)
    assert error.value.reason is Reason.NOT_YOUR_TURN


@pytest.mark.parametrize("verb", ["extend", "cancel", "reissue", "discard"])
async def test_nobody_else_ends_or_moves_anything(town: Town, verb: str) -> None:
    shot = await town.out()
    arguments: dict[str, object] = {"version": shot.envelope.version}
    if verb == "extend":
        arguments["deadline_on"] = shot.envelope.deadline_on + timedelta(days=1)
    if verb == "cancel":
        arguments["reason"] = "理由"
    for person in (town.village, town.registrar, town.approver):
        with pytest.raises(Refused) as error:
            await getattr(staff, verb)(town.services, staff.actor_of(person), shot.envelope.ref, **arguments)
        assert error.value.reason is Reason.ROLE_MISSING
    stale = arguments | {"version": 0}
    with pytest.raises(Refused) as error:
        await getattr(staff, verb)(town.services, drafter(town), shot.envelope.ref, **stale)
    assert error.value.reason is Reason.STALE


async def test_failing_work_can_be_hurried_by_those_who_may(town: Town) -> None:
    shot = await town.out()
    task = await TaskRow.get(envelope_id=shot.envelope.id, kind="request_mail")
    later = town.clock() + timedelta(hours=4)
    await TaskRow.filter(id=task.id).update(run_at=later)
    with pytest.raises(Refused):
        await staff.retry(town.services, staff.actor_of(town.registrar), task.id)
    assert (await TaskRow.get(id=task.id)).run_at == later
    await staff.retry(town.services, drafter(town), task.id)
    assert (await TaskRow.get(id=task.id)).run_at == town.clock()
    for nothing in (0, (await TaskRow.filter(kind="enrol_mail"))[0].id):
        with pytest.raises(Refused) as error:
            await staff.retry(town.services, drafter(town), nothing)
        assert error.value.reason is Reason.NOT_PERMITTED


# The village's signature


async def at_the_village(town: Town) -> tuple[Snapshot, str, str]:
    """An envelope that waits for the village, what it is offered, and the authenticator's seed."""
    seed, _ = await town.enrol(town.village)
    shot = await town.sign(await town.consent(await town.out()))
    town.clock.forward(minutes=1)
    turn = shot.turn
    assert turn is not None
    await town.read(shot, turn)
    return shot, await town.offer(shot, turn), seed


async def village_signs(
    town: Town, shot: Snapshot, offer: str, code: str, person: Staff | None = None
) -> Snapshot:
    who = await fresh(person or town.village)
    return await staff.sign(
        town.services, who, shot.envelope.ref, offer=offer, code=code, signed_in_at=town.clock()
    )


async def test_the_village_signs_with_its_authenticator(town: Town) -> None:
    shot, offer, seed = await at_the_village(town)
    await village_signs(town, shot, offer, town.digits(seed))
    after = await town.sign(await town.again(shot))
    assert after.state is State.SIGNED
    row = await Consent.filter(envelope_id=shot.envelope.id).order_by("-id").first()
    assert row is not None
    said = consents.read(base64.b64decode(row.record))
    assert [grant.level for grant in said.grants] == ["staff", "authenticator"]
    assert said.signer.person == "北沢 健"


async def test_the_digits_are_asked_for_again_and_count_once(town: Town) -> None:
    shot, offer, seed = await at_the_village(town)
    code = town.digits(seed)
    assert await credentials.totp(town.services, await fresh(town.village), code) == credentials.TOTP
    for typed in (code, "000000", ""):
        with pytest.raises(Refused) as error:
            await village_signs(town, shot, offer, typed)
        assert error.value.reason is Reason.TOTP_WRONG
    assert await Consent.all().count() == 1
    town.clock.forward(seconds=30)
    await village_signs(town, shot, offer, town.digits(seed))
    assert await Consent.all().count() == 2


async def test_a_recovery_code_signs_nothing(town: Town) -> None:
    _, recovery = await town.enrol(town.village)
    shot = await town.sign(await town.consent(await town.out()))
    assert shot.turn is not None
    await town.read(shot, shot.turn)
    with pytest.raises(Refused):
        await village_signs(town, shot, await town.offer(shot, shot.turn), recovery[0])


async def test_only_the_one_in_the_seat_signs(town: Town) -> None:
    shot, offer, _ = await at_the_village(town)
    for person in (town.drafter, town.registrar):
        await Staff.filter(id=person.id).update(roles="signer,drafter,registrar")
        seed, _ = await town.enrol(person)
        town.clock.forward(seconds=30)
        with pytest.raises(Refused) as error:
            await village_signs(town, shot, offer, town.digits(seed), person)
        assert error.value.reason is Reason.ROLE_MISSING
    assert await Consent.all().count() == 1


@pytest.mark.parametrize("change", ["role", "drafted it", "approved the address"])
async def test_duties_are_looked_at_again_when_signing(town: Town, change: str) -> None:
    shot, offer, seed = await at_the_village(town)
    match change:
        case "role":
            await Staff.filter(id=town.village.id).update(roles="drafter")
        case "drafted it":
            await Envelope.filter(id=shot.envelope.id).update(drafter_id=town.village.id)
        case _:
            await town.engine.run(f"UPDATE contacts SET approver_id = {town.village.id}")
    with pytest.raises(Refused) as error:
        await village_signs(town, shot, offer, town.digits(seed))
    assert error.value.reason in (Reason.ROLE_MISSING, Reason.SELF_APPROVAL)
    assert await Consent.all().count() == 1


async def test_the_village_does_not_sign_before_its_turn(town: Town) -> None:
    seed, _ = await town.enrol(town.village)
    shot = await town.out()
    town.clock.forward(minutes=1)
    seat = shot.signers[1]
    await town.read(shot, seat)
    with pytest.raises(Refused) as error:
        await village_signs(town, shot, await town.offer(shot, seat), town.digits(seed))
    assert error.value.reason is Reason.NOT_YOUR_TURN


async def test_the_village_is_not_bound_by_the_contractors_deadline(town: Town) -> None:
    shot, offer, seed = await at_the_village(town)
    town.clock.forward(days=30)
    await village_signs(town, shot, offer, town.digits(seed))
    assert (await town.again(shot)).state is State.SIGNING


async def test_the_village_reads_before_it_signs(town: Town) -> None:
    seed, _ = await town.enrol(town.village)
    shot = await town.sign(await town.consent(await town.out()))
    town.clock.forward(minutes=1)
    assert shot.turn is not None
    with pytest.raises(Refused) as error:
        await village_signs(town, shot, await town.offer(shot, shot.turn), town.digits(seed))
    assert error.value.reason is Reason.DOCUMENTS_UNREAD


async def test_no_single_account_reaches_a_signed_contract(town: Town) -> None:
    """One person with every role drafts, confirms and would sign: the last step is not his."""
    await Staff.filter(id=town.drafter.id).update(roles=",".join(Role))
    mighty = await fresh(town.drafter)
    shot = await town.draft()
    with pytest.raises(Refused) as error:
        await confirm(town, shot, staff.actor_of(mighty), mighty)
    assert error.value.reason is Reason.SELF_APPROVAL
    sent = await confirm(town, shot, staff.actor_of(mighty))
    with pytest.raises(FukanError):
        staff.seat_of(staff.actor_of(mighty), await store.snapshot(id=sent.envelope.id))
