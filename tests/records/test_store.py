"""The one way to change a state: all of it or nothing, and one winner."""

import asyncio
from dataclasses import replace

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import staff
from envelopes.records import history, store
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import CERTIFICATE, Document, Envelope, Fact
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules.errors import FukanError, NotPermitted, Reason, Refused, StaleEnvelope
from envelopes.rules.people import WORKER
from envelopes.rules.states import TABLE, By, Event, State
from tests.engines import Town

pytestmark = pytest.mark.engines


async def change(town: Town, shot: Snapshot, event: Event, by: By) -> State:
    async def work(connection: BaseDBAsyncClient) -> State:
        return await store.apply(connection, shot.envelope, event, by, actor=WORKER, now=town.clock())

    return await unit(work)


FIVE = [
    (Event.EXTENDED, By.STAFF),
    (Event.CANCELLED, By.STAFF),
    (Event.DECLINED, By.SIGNER),
    (Event.EXPIRED, By.WORKER),
    (Event.CONSENTED, By.SIGNER),
]


async def test_of_five_concurrent_changes_exactly_one_wins(town: Town) -> None:
    shot = await town.out()
    facts, queued = await Fact.all().count(), await TaskRow.all().count()
    outcomes = await asyncio.gather(
        *(change(town, shot, event, by) for event, by in FIVE), return_exceptions=True
    )
    (winner,) = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, State)]
    assert all(isinstance(item, State | StaleEnvelope) for item in outcomes)
    row, after = TABLE[(State.OUT, FIVE[winner][0])], await town.again(shot)
    assert after.state is row.to
    assert after.envelope.version == shot.envelope.version + 1
    assert await Fact.all().count() == facts + 1
    assert await TaskRow.all().count() == queued + len(row.tasks)


async def test_a_change_writes_state_history_and_tasks_together(town: Town) -> None:
    shot = await town.out()

    async def fails(connection: BaseDBAsyncClient) -> None:
        await store.apply(
            connection, shot.envelope, Event.CANCELLED, By.STAFF, actor=WORKER, now=town.clock()
        )
        raise FukanError

    facts, queued = await Fact.all().count(), await TaskRow.all().count()
    with pytest.raises(FukanError):
        await unit(fails)
    assert (await town.again(shot)).envelope.version == shot.envelope.version
    assert (await Fact.all().count(), await TaskRow.all().count()) == (facts, queued)


async def test_a_stale_snapshot_changes_nothing_even_where_the_state_came_back(town: Town) -> None:
    shot = await town.out()
    await change(town, shot, Event.EXTENDED, By.STAFF)
    assert (await town.again(shot)).state is State.OUT
    with pytest.raises(StaleEnvelope):
        await change(town, shot, Event.CANCELLED, By.STAFF)


@pytest.mark.parametrize(
    ("event", "by"), [(Event.SIGNED, By.WORKER), (Event.CANCELLED, By.SIGNER), (Event.CONSENTED, By.WORKER)]
)
async def test_what_the_table_does_not_say_is_refused(town: Town, event: Event, by: By) -> None:
    shot = await town.out()
    with pytest.raises(NotPermitted):
        await change(town, shot, event, by)
    assert (await town.again(shot)).envelope.version == shot.envelope.version


async def test_notes_do_not_touch_the_version_and_never_collide(town: Town) -> None:
    shot = await town.out()

    async def note(n: int) -> None:
        async def work(connection: BaseDBAsyncClient) -> None:
            await store.note(
                connection, shot.envelope.id, "noted", actor=WORKER, now=town.clock(), payload={"n": n}
            )

        await unit(work)

    await asyncio.gather(*(note(n) for n in range(10)), change(town, shot, Event.EXTENDED, By.STAFF))
    assert (await town.again(shot)).envelope.version == shot.envelope.version + 1
    said = await history.payloads(Subject.ENVELOPE, shot.envelope.id)
    assert sorted(payload["n"] for fact, payload in said if fact.kind == "noted") == list(range(10))
    assert [each async for each in history.verify()] == []


async def test_a_snapshot_is_whole_and_in_order(town: Town) -> None:
    shot = await town.out(contractors=2, documents=3)
    assert [document.position for document in shot.documents] == [1, 2, 3]
    assert [one.position for one in shot.signers] == [1, 2, 3]
    assert shot.turn is shot.signers[0]
    assert list(shot.asked) == [shot.signers[0]]
    assert shot.number.startswith("MHN-")
    assert (await store.snapshot(ref=shot.envelope.ref)).envelope.id == shot.envelope.id
    mine, one = await store.of_signer(shot.signers[1].ref)
    assert (mine.envelope.id, one.id) == (shot.envelope.id, shot.signers[1].id)
    assert shot.signer(one.ref).id == one.id


async def test_a_draft_has_its_own_number_until_it_is_sent(town: Town) -> None:
    shot = await town.draft()
    assert shot.number == "D-0001"
    sent = await town.confirm(shot)
    assert sent.number == sent.envelope.number != "D-0001"


async def test_unknown_references_are_unknown_links(town: Town) -> None:
    shot = await town.draft()
    for find in (
        lambda: store.snapshot(ref="nobody"),
        lambda: store.of_signer("nobody"),
        lambda: asyncio.to_thread(shot.signer, "nobody"),
    ):
        with pytest.raises(Refused) as refused:
            await find()  # type: ignore[operator]
        assert refused.value.reason is Reason.LINK_UNKNOWN


async def test_ids_reach_every_task_of_the_row(town: Town) -> None:
    shot = await town.out()
    actor = staff.actor_of(town.drafter)
    await staff.reissue(town.services, actor, shot.envelope.ref, version=shot.envelope.version)
    task = await TaskRow.get(kind="new_link_mail")
    assert f'"signer": {shot.signers[0].id}' in task.ids
    assert task.envelope_id == shot.envelope.id


async def test_changes_are_written_with_the_state(town: Town) -> None:
    shot = await town.out()
    fresh = replace(shot)

    async def work(connection: BaseDBAsyncClient) -> None:
        await store.apply(
            connection,
            fresh.envelope,
            Event.CANCELLED,
            By.STAFF,
            actor=WORKER,
            now=town.clock(),
            changes={"end_reason": "中止のため", "ended_on": town.clock()},
        )

    await unit(work)
    envelope = await Envelope.get(id=shot.envelope.id)
    assert (envelope.end_reason, envelope.ended_on) == ("中止のため", town.clock())


async def test_the_certificate_is_no_document_and_stands_behind_them(town: Town) -> None:
    shot = await town.out()
    assert shot.certificate is None
    document = shot.documents[0]
    certificate = await Document.create(
        envelope_id=shot.envelope.id,
        position=CERTIFICATE,
        title="締結証明書",
        file_name="",
        page_count=1,
        warnings="",
        original_id=document.original_id,
        base_id=document.base_id,
    )
    after = await town.again(shot)
    assert [one.id for one in after.documents] == [one.id for one in shot.documents]
    assert after.certificate is not None
    assert [one.id for one in after.papers] == [*(one.id for one in shot.documents), certificate.id]
    assert store.certificate_id(after.envelope, after.certificate) == shot.envelope.certificate_id
    assert store.certificate_id(after.envelope, document) == f"{shot.envelope.certificate_id}-1"
