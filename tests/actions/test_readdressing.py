"""A corrected address: once it is in force, what did not reach the old one is asked of the new one, by a new link."""

import asyncio
import json

import pytest

from envelopes.actions import registry
from envelopes.actions import signer as signers
from envelopes.actions import staff as clerks
from envelopes.actions.applications import deciding, doors, proving, steps
from envelopes.actions.signer import CodeFor
from envelopes.actions.worker import readdressing, reminding
from envelopes.records import history, tasks
from envelopes.records.history import Subject
from envelopes.records.models import Contact, Signer, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules import codes, terms
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.states import State
from tests.engines import Town

pytestmark = pytest.mark.engines
NEW = "honsha@takahashi-kensetsu.example"


async def correct(town: Town, contact: Contact, email: str = NEW, *, second: Staff | None = None) -> Contact:
    """The registry's way: the drafter puts it forward, the new address proves itself, a second person approves."""
    drafter, keeper = clerks.actor_of(town.drafter), clerks.actor_of(second or town.registrar)
    row = await doors.correct(town.services, drafter, contact, email=email)
    await proving.agree(town.services, row, version=terms.VERSION, network="n")
    row = await steps.find(row.ref)
    digits = codes.make(town.services.code_key, proving.code_subject(row), row.serial)
    assert (await proving.check_code(town.services, row, digits)).verdict is codes.Verdict.OK
    return await deciding.approve(town.services, keeper, row.ref, call_back="登記簿の番号に電話")


async def missed(town: Town) -> tuple[Snapshot, Signer, Contact]:
    """A request that did not arrive."""
    shot = await town.out()
    assert shot.turn is not None
    await town.comes_back(shot.turn, "5.1.1", "User unknown")
    return shot, shot.turn, town.contacts[0]


async def kinds(shot: Snapshot) -> list[str]:
    return [fact.kind for fact, _ in await history.payloads(Subject.ENVELOPE, shot.envelope.id)]


async def queued(shot: Snapshot, kind: str) -> list[TaskRow]:
    return await TaskRow.filter(envelope_id=shot.envelope.id, kind=kind).order_by("id")


async def test_the_request_follows_when_the_correction_is_in_force_and_not_before(town: Town) -> None:
    shot, before, contact = await missed(town)
    after = await correct(town, contact)
    town.clock.forward(hours=23)
    await readdressing.readdress(town.services)
    assert "reissued" not in await kinds(shot)
    town.clock.forward(hours=2)
    await readdressing.readdress(town.services)
    shot = await town.again(shot)
    assert shot.state is State.OUT
    turn = shot.turn
    assert turn is not None
    assert (turn.email, turn.contact_id, turn.registry_revision) == (NEW, after.id, after.revision)
    assert turn.generation == before.generation + 1
    (fact,) = [
        f for f in await history.payloads(Subject.ENVELOPE, shot.envelope.id) if f[0].kind == "reissued"
    ]
    assert fact[0].actor == "worker"
    assert fact[1] == {"corrected": after.ref, "from": contact.ref}
    (mail,) = await queued(shot, "new_link_mail")
    assert json.loads(mail.ids) == {"signer": turn.id, "corrected": 1}
    assert "corrected" in json.loads((await queued(shot, "sent_mail"))[-1].ids)


async def test_the_new_address_signs_and_the_old_proof_opens_nothing(town: Town) -> None:
    shot, _, contact = await missed(town)
    await correct(town, contact)
    town.clock.forward(hours=25)
    old = shot.turn
    assert old is not None
    await signers.send_code(town.services, old, CodeFor.SIGN, browser="b")
    digits = await town.code(old)
    await readdressing.readdress(town.services)
    fresh = (await town.again(shot)).turn
    assert fresh is not None
    # The code that went to the old address belongs to the link that died.
    checked = await signers.check_code(town.services, fresh, CodeFor.SIGN, digits)
    assert checked.verdict is not codes.Verdict.OK
    town.clock.forward(minutes=5)
    shot = await town.sign(await town.consent(await town.again(shot)))
    assert [one.signed_at is not None for one in shot.signers] == [True, False]


async def test_it_follows_once_with_two_workers_and_after_a_crash(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot, before, contact = await missed(town)
    await correct(town, contact)
    town.clock.forward(hours=25)
    real = tasks.enqueue

    async def die(*_given: object, **_named: object) -> int:
        raise OSError("killed")

    monkeypatch.setattr(tasks, "enqueue", die)
    with pytest.raises(OSError, match="killed"):
        await readdressing.readdress(town.services)
    monkeypatch.setattr(tasks, "enqueue", real)
    now_so = (await town.again(shot)).turn
    assert now_so is not None
    assert (now_so.generation, now_so.email) == (before.generation, before.email)
    await asyncio.gather(*(readdressing.readdress(town.services) for _ in range(3)))
    await readdressing.readdress(town.services)
    assert (await kinds(shot)).count("reissued") == 1
    assert len(await queued(shot, "new_link_mail")) == 1
    now_so = (await town.again(shot)).turn
    assert now_so is not None
    assert now_so.generation == before.generation + 1


async def test_a_request_that_arrived_stays_where_it_is(town: Town) -> None:
    shot = await town.out()
    assert shot.turn is not None
    await town.delivered(shot.turn)
    await correct(town, town.contacts[0])
    town.clock.forward(hours=25)
    await readdressing.readdress(town.services)
    assert "reissued" not in await kinds(shot)


async def test_all_open_requests_follow_and_no_ended_one(town: Town) -> None:
    first, second, ended = await town.out(), await town.out(), await town.out()
    assert first.turn is not None
    await town.comes_back(first.turn, "5.1.1", "User unknown")
    await clerks.cancel(
        town.services,
        clerks.actor_of(town.drafter),
        ended.envelope.ref,
        version=ended.envelope.version,
        reason="届かないため",
    )
    await correct(town, town.contacts[0])
    town.clock.forward(hours=25)
    await readdressing.readdress(town.services)
    assert [(await kinds(one)).count("reissued") for one in (first, second, ended)] == [1, 1, 0]


async def test_an_objection_keeps_the_request_where_it_is(town: Town) -> None:
    shot, _, contact = await missed(town)
    after = await correct(town, contact)
    keeper = clerks.actor_of(town.registrar)
    await registry.end(town.services, keeper, after.ref, reason="前の宛先から申し出があったため")
    town.clock.forward(hours=25)
    await readdressing.readdress(town.services)
    assert "reissued" not in await kinds(shot)


async def test_a_second_correction_counts(town: Town) -> None:
    shot, _, contact = await missed(town)
    wrong = await correct(town, contact, "wrong@takahashi-kensetsu.example")
    town.clock.forward(hours=25)
    await correct(town, wrong)
    town.clock.forward(hours=25)
    await readdressing.readdress(town.services)
    turn = (await town.again(shot)).turn
    assert turn is not None
    assert turn.email == NEW


async def test_one_who_put_the_address_forward_cannot_approve_it(town: Town) -> None:
    _, _, contact = await missed(town)
    with pytest.raises(Refused) as refused:
        await correct(town, contact, second=town.drafter)
    assert refused.value.reason is Reason.REGISTRAR_SAME_PERSON
    contact = await Contact.get(id=contact.id)
    assert contact.works_until is None


async def test_reminders_go_to_the_new_address(town: Town) -> None:
    shot, _, contact = await missed(town)
    await correct(town, contact)
    town.clock.forward(hours=25)
    await readdressing.readdress(town.services)
    turn = (await town.again(shot)).turn
    assert turn is not None
    await town.delivered(turn)
    town.clock.at = town.clock.at.replace(hour=1, minute=0)  # ten in the morning in Japan
    for _ in range(14):
        town.clock.forward(days=1)
        await reminding.remind_due(town.services)
    assert "reminded" in await kinds(shot)
