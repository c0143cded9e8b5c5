"""The queue: once per key, one owner at a time, never lost."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records import tasks
from envelopes.records.database import unit, update_each
from envelopes.records.models import Task as TaskRow
from envelopes.records.tasks import LANES, Claimed, Lane, Result
from envelopes.rules.errors import FukanError
from envelopes.rules.states import Task
from tests.engines import Engine
from tests.patience import PATIENCE

pytestmark = pytest.mark.engines
NOW = datetime(2026, 4, 1, 9, tzinfo=UTC)
LEASE = timedelta(minutes=10)


async def queue(
    count: int = 1, kind: Task = Task.REQUEST_MAIL, *, start: int = 0, **wishes: object
) -> list[int]:
    async def work(connection: BaseDBAsyncClient) -> list[int]:
        values = {"now": NOW} | wishes
        return [
            await tasks.enqueue(connection, kind, str(n), **values)  # type: ignore[arg-type]
            for n in range(start, start + count)
        ]

    return await unit(work)


async def claim(lane: Lane = Lane.MAIL, *, limit: int = 10, now: datetime = NOW) -> list[Claimed]:
    return await tasks.claim(lane, limit=limit, now=now, lease=LEASE)


async def test_a_task_exists_exactly_if_its_cause_does(engine: Engine) -> None:
    async def fails(connection: BaseDBAsyncClient) -> None:
        await tasks.enqueue(connection, Task.SIGN, "1", now=NOW)
        raise FukanError

    with pytest.raises(FukanError):
        await unit(fails)
    assert await TaskRow.all().count() == 0


async def test_a_known_key_changes_nothing(engine: Engine) -> None:
    (first,) = await queue(ids={"signer": 1})
    (second,) = await queue(ids={"signer": 2})
    assert first == second
    (task,) = await claim()
    assert task.ids == {"signer": 1}
    await tasks.done(task, now=NOW)
    assert await queue() == [first]
    assert await claim() == []


async def test_the_same_key_of_another_kind_is_another_task(engine: Engine) -> None:
    await queue()
    await queue(kind=Task.SENT_MAIL)
    assert len(await claim()) == 2


async def test_two_that_queue_the_same_at_once_queue_it_once(engine: Engine) -> None:
    await asyncio.gather(*(queue() for _ in range(5)))
    assert await TaskRow.all().count() == 1


async def test_the_oldest_due_come_first_and_others_wait(engine: Engine) -> None:
    await queue(run_at=NOW + timedelta(seconds=1))
    await queue(start=1, run_at=NOW - timedelta(minutes=1))
    await queue(start=2)
    assert [task.envelope_id for task in await claim(limit=1)] == [None]
    keys = [row.key for row in await TaskRow.filter(state="running")]
    assert keys == ["request_mail:1"]
    assert len(await claim()) == 1
    assert len(await claim(now=NOW + timedelta(seconds=1))) == 1


async def test_lanes_do_not_mix(engine: Engine) -> None:
    for kind in Task:
        await queue(kind=kind)
    found = {lane: {task.kind for task in await claim(lane, limit=99)} for lane in Lane}
    assert found[Lane.CODE] == {Task.CODE_MAIL, Task.APPLICATION_CODE_MAIL, Task.CODE_SMS}
    assert found[Lane.SIGN] == {kind for kind, lane in LANES.items() if lane is Lane.SIGN}
    assert sum(map(len, found.values())) == len(Task)


async def test_a_claimed_task_belongs_to_one_worker_until_its_lease_ends(engine: Engine) -> None:
    await queue()
    (task,) = await claim()
    assert (task.attempts, task.failing_since) == (1, None)
    assert await claim(now=NOW + LEASE - timedelta(microseconds=1)) == []
    (again,) = await claim(now=NOW + LEASE)
    assert (again.id, again.attempts) == (task.id, 2)
    assert again.token != task.token


async def test_a_worker_that_comes_back_too_late_changes_nothing(engine: Engine) -> None:
    await queue()
    (late,) = await claim()
    (owner,) = await claim(now=NOW + LEASE)
    await tasks.done(late, now=NOW)
    await tasks.retry(late, run_at=NOW, now=NOW, error="late")
    row = await TaskRow.get(id=owner.id)
    assert (row.state, row.error, row.token) == ("running", None, owner.token)
    await tasks.done(owner, now=NOW)
    assert (await TaskRow.get(id=owner.id)).state == "done"


async def test_a_failure_keeps_its_beginning_and_success_clears_it(engine: Engine) -> None:
    await queue()
    for minute in range(3):
        at = NOW + timedelta(minutes=minute)
        (task,) = await claim(now=at)
        await tasks.retry(task, run_at=at + timedelta(minutes=1), now=at, error="tsa-unavailable" * 30)
    row = await TaskRow.get(id=task.id)
    assert (row.failing_since, row.attempts, row.state) == (NOW, 3, "ready")
    assert len(row.error or "") == 200
    (task,) = await claim(now=NOW + timedelta(hours=1))
    assert task.failing_since == NOW
    await tasks.done(task, now=NOW)
    row = await TaskRow.get(id=task.id)
    assert (row.error, row.failing_since) == (None, None)


async def test_a_person_can_hurry_what_waits_and_nothing_else(engine: Engine) -> None:
    (first,) = await queue(run_at=NOW + timedelta(hours=4))
    await tasks.hurry(first, now=NOW)
    (task,) = await claim()
    await tasks.hurry(first, now=NOW - timedelta(days=1))
    assert await claim(now=NOW) == []
    await tasks.done(task, now=NOW)
    await tasks.hurry(first, now=NOW)
    assert await claim(now=NOW + LEASE) == []


async def test_many_claimers_share_the_work_and_nothing_is_claimed_twice(engine: Engine) -> None:
    await queue(60)
    taken = await asyncio.gather(*(claim(limit=7) for _ in range(12)))
    # Whoever found every row locked by others comes back.
    while more := await claim(limit=7):
        taken.append(more)
    ids = [task.id for batch in taken for task in batch]
    assert len(ids) == len(set(ids)) == 60


WORKER = """
import asyncio, os, sys
from datetime import UTC, datetime, timedelta
from envelopes.records import tasks
from envelopes.records.database import Database
from envelopes.records.tasks import Lane

async def main():
    database = Database(sys.argv[1])
    await database.open()
    lease = timedelta(seconds=float(sys.argv[2]))
    while batch := await tasks.claim(Lane.MAIL, limit=3, now=datetime.now(UTC), lease=lease):
        if len(sys.argv) > 3:
            print("claimed", flush=True)
            os._exit(9)
        for task in batch:
            await tasks.done(task, now=datetime.now(UTC))
            print(task.id, flush=True)
    await database.close()

asyncio.run(main())
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WORKER, *arguments], stdout=subprocess.PIPE, text=True)


async def test_workers_in_three_processes_do_everything_once(engine: Engine) -> None:
    await queue(60)
    processes = [start(engine.url, "600") for _ in range(3)]
    outs = [(await asyncio.to_thread(process.communicate, None, 90))[0] for process in processes]
    ids = [line for out in outs for line in out.split()]
    assert len(ids) == len(set(ids)) == 60
    assert await TaskRow.filter(state="done").count() == 60


async def test_what_a_dead_worker_had_claimed_is_claimed_again(engine: Engine) -> None:
    await queue(2)
    dead = start(engine.url, "0.05", "die")
    out, _ = await asyncio.to_thread(dead.communicate, None, 60)
    assert (out, dead.returncode) == ("claimed\n", 9)
    await asyncio.sleep(0.1)
    again = await claim(now=datetime.now(UTC))
    assert [task.attempts for task in again] == [2, 2]


async def test_whoever_sleeps_is_woken_after_the_commit(engine: Engine) -> None:
    if not engine.is_sqlite:
        return  # there the bell is NOTIFY: see the next test
    rung: list[int] = []
    stop = tasks.subscribe(lambda: rung.append(1))
    with pytest.raises(FukanError):
        await unit(_queue_and_fail)
    assert rung == []
    await queue()
    assert rung == [1]
    stop()
    await queue(start=1)
    assert rung == [1]


async def _queue_and_fail(connection: BaseDBAsyncClient) -> None:
    await tasks.enqueue(connection, Task.SIGN, "1", now=NOW)
    raise FukanError


async def test_other_processes_are_notified_on_postgres(engine: Engine) -> None:
    if engine.is_sqlite:
        return
    import asyncpg

    listener = await asyncpg.connect(engine.url.replace("asyncpg://", "postgresql://"))
    heard = asyncio.Event()
    await listener.add_listener(tasks.CHANNEL, lambda *_: heard.set())
    with pytest.raises(FukanError):
        await unit(_queue_and_fail)
    assert not heard.is_set()
    await queue()
    async with asyncio.timeout(PATIENCE):
        await heard.wait()
    await listener.close()


async def test_what_ends_together_is_noted_together(engine: Engine) -> None:
    noted: list[Sequence[str]] = []

    async def write(_: BaseDBAsyncClient, parts: Sequence[str]) -> None:
        noted.append(parts)

    await queue(4)
    owned = await claim()
    results = [Result(write, "a"), None, Result(write, "b"), Result(write, "c")]
    await asyncio.gather(
        *(tasks.done(task, now=NOW, result=result) for task, result in zip(owned, results, strict=True))
    )
    assert noted == [["a", "b", "c"]]
    assert await TaskRow.filter(state="done").count() == 4


async def test_rows_are_changed_in_one_go_each_in_its_own_way(engine: Engine) -> None:
    ids = await queue(3)
    await TaskRow.filter(id=ids[1]).update(state="done")
    later = [NOW + timedelta(hours=n) for n in range(3)]
    rows = [
        {"id": one, "run_at": at, "attempts": n, "error": None if n else "日本語"}
        for n, (one, at) in enumerate(zip(ids, later, strict=True))
    ]
    await unit(
        lambda connection: update_each(connection, TaskRow, rows, among={"state": ("ready", "running")})
    )
    found = [(row.state, row.run_at, row.attempts, row.error) for row in await TaskRow.all().order_by("id")]
    assert found == [("ready", later[0], 0, "日本語"), ("done", NOW, 0, None), ("ready", later[2], 2, None)]
