"""修正: what was said anew takes the place of what was read, and nothing else moves."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from envelopes.actions import revising, staff
from envelopes.records import history
from envelopes.records.history import Subject
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.keys import Key
from envelopes.rules.kinds import Kind, Tax
from envelopes.rules.lines import ON_PAGE, Statement, scan
from envelopes.rules.people import Party
from envelopes.rules.reading import Record, Remark
from envelopes.rules.schedule import jst_day
from envelopes.rules.wording import jst_date
from tests.engines import Town

pytestmark = pytest.mark.engines


async def revise(town: Town, shot: Snapshot, text: str) -> tuple[Remark, ...]:
    said = scan(text, day=jst_day(town.clock()), mail=1).statements
    actor, version = staff.actor_of(town.drafter), shot.envelope.version
    return await revising.revise(town.services, actor, shot.envelope.ref, version=version, statements=said)


def record(shot: Snapshot) -> Record:
    return Record.from_json(json.loads(shot.envelope.reading))


async def test_a_correction_makes_the_next_revision_and_mails_it(town: Town) -> None:
    shot = await town.draft()
    day = jst_day(town.clock()) + timedelta(days=20)
    said = f"金額：11,800,000円（税抜）\n期限：{day.isoformat()}\n備考：差し替えました。\nご確認ください。"
    assert await revise(town, shot, said) == ()
    after = await town.again(shot)
    envelope, kept = after.envelope, record(after)
    assert (envelope.amount, envelope.tax, envelope.deadline_on) == (11_800_000, Tax.EXCLUDED.value, day)
    assert (envelope.title, envelope.kind) == (shot.envelope.title, shot.envelope.kind)
    assert (envelope.state, envelope.version) == ("draft", shot.envelope.version + 1)
    assert kept.revision == 2
    assert kept.note == "差し替えました。\nご確認ください。"
    amount = next(line for line in kept.lines if line.label == Key.AMOUNT)
    assert amount.where == "返信の1行目「金額：11,800,000円（税抜）」"
    tasks = await TaskRow.filter(kind="draft_mail", envelope_id=envelope.id)
    assert len(tasks) == 2
    fact, payload = (await history.payloads(Subject.ENVELOPE, envelope.id))[-1]
    assert (fact.kind, payload["revision"]) == ("revised", 2)
    assert {"key": "金額", "value": "11,800,000円（税抜）"} in payload["lines"]


async def test_leave_to_hand_over_is_given_and_taken_back(town: Town) -> None:
    shot = await town.draft()
    assert record(shot).hand_over is False
    for said, allowed in (("可", True), ("不可", False)):
        shot = await town.again(shot)
        assert await revise(town, shot, f"引継ぎ：{said}") == ()
        kept = record(await town.again(shot))
        assert kept.hand_over is allowed
        (line,) = [line.value for line in kept.lines if line.label == Key.HAND_OVER]
        assert line.startswith(f"{said}（")


async def test_where_nothing_is_said_the_policy_gives_leave(town: Town) -> None:
    shot = await town.draft()
    services = replace(town.services, policy=replace(town.services.policy, hand_over=True))
    said = scan("備考：よろしく", day=jst_day(town.clock()), mail=1).statements
    actor, version = staff.actor_of(town.drafter), shot.envelope.version
    await revising.revise(services, actor, shot.envelope.ref, version=version, statements=said)
    assert record(await town.again(shot)).hand_over is True


async def test_other_signers_take_the_places_of_the_first(town: Town) -> None:
    shot = await town.draft()
    second, first = town.contacts[1], town.contacts[0]
    assert await revise(town, shot, f"宛先：{second.email}\n宛先：{first.email}\n種別：請書") == ()
    after = await town.again(shot)
    assert [signer.email for signer in after.signers] == [second.email, first.email]
    assert after.envelope.party == f"{second.company}、{first.company}"
    assert after.envelope.kind == Kind.ACCEPTANCE.value
    sent = await town.confirm(after)
    assert all(signer.party == Party.CONTRACTOR for signer in sent.signers)


async def test_a_correction_that_cannot_be_read_changes_nothing(town: Town) -> None:
    shot = await town.draft()
    problems = await revise(town, shot, "金額：壱千弐百万円也\n宛先：見知らぬ建設")
    assert {problem.reason for problem in problems} == {Reason.AMOUNT_UNREADABLE, Reason.RECIPIENT_UNKNOWN}
    after = await town.again(shot)
    assert (after.envelope.version, after.envelope.reading) == (shot.envelope.version, shot.envelope.reading)


async def test_what_is_emptied_on_the_page_is_taken_back(town: Town) -> None:
    shot = await town.draft()
    tomorrow = jst_day(town.clock()) + timedelta(days=1)
    assert await revise(town, shot, f"備考：急ぎます\n履行開始日：{tomorrow.isoformat()}") == ()
    asked = await town.again(shot)
    assert [one.reason for one in record(asked).questions] == [Reason.EXCLUDED_START]
    day = jst_day(town.clock())
    empty = [Statement(key=key, value="", day=day, mail=ON_PAGE) for key in (Key.NOTE, Key.START)]
    actor, ref, version = staff.actor_of(town.drafter), shot.envelope.ref, asked.envelope.version
    assert await revising.revise(town.services, actor, ref, version=version, statements=empty) == ()
    kept = record(await town.again(shot))
    assert (kept.note, kept.questions, kept.revision) == ("", (), 3)


async def test_questions_are_answered_before_a_draft_is_sent_and_kept(town: Town) -> None:
    shot = await town.draft()
    tomorrow = jst_day(town.clock()) + timedelta(days=1)
    await revise(town, shot, f"着工日：{tomorrow.isoformat()}\n契約期間：20年間")
    asked = await town.again(shot)
    actor, ref, version = staff.actor_of(town.drafter), shot.envelope.ref, asked.envelope.version
    for answered in ([], [Reason.EXCLUDED_TERM]):
        with pytest.raises(Refused) as refusal:
            await staff.confirm(
                town.services, actor, ref, version=version, village_signer=town.village.ref, answered=answered
            )
        assert refusal.value.reason is Reason.QUESTIONS_OPEN
        assert Reason.EXCLUDED_START in str(refusal.value.details["questions"]).split()
    both = [Reason.EXCLUDED_TERM, Reason.EXCLUDED_START]
    sent = await staff.confirm(
        town.services, actor, ref, version=version, village_signer=town.village.ref, answered=both
    )
    assert sent.envelope.state == "preparing"
    _, payload = (await history.payloads(Subject.ENVELOPE, sent.envelope.id))[-1]
    assert len(payload["answers"]) == 2
    assert any(jst_date(tomorrow) in one["question"] for one in payload["answers"])


async def test_only_a_present_draft_is_corrected_by_its_section(town: Town) -> None:
    shot = await town.draft()
    said = scan("備考：x", day=jst_day(town.clock())).statements
    ref, version = shot.envelope.ref, shot.envelope.version
    for actor, at, reason in (
        (staff.actor_of(town.village), version, Reason.ROLE_MISSING),
        (staff.actor_of(town.drafter), version + 1, Reason.STALE),
    ):
        with pytest.raises(Refused) as refusal:
            await revising.revise(town.services, actor, ref, version=at, statements=said)
        assert refusal.value.reason is reason
    sent = await town.confirm(shot)
    with pytest.raises(Refused) as refusal:
        await revise(town, sent, "備考：x")
    assert refusal.value.reason is Reason.NOT_PERMITTED


async def test_of_two_corrections_at_once_one_wins(town: Town) -> None:
    shot = await town.draft()
    found = await asyncio.gather(
        *(revise(town, shot, f"備考：{number}") for number in range(4)), return_exceptions=True
    )
    assert [one for one in found if one == ()] == [()]
    assert all(isinstance(one, Refused) and one.reason is Reason.STALE for one in found if one != ())
    assert record(await town.again(shot)).revision == 2
