"""The durable queue: work that is due, claimed by workers, done once or tried again later.

A task is enqueued in the transaction that makes it necessary, so it exists exactly if its cause does. It holds ids
only. A worker owns a claimed task for a lease; if the worker dies, another claims it when the lease is over, so a task
may run twice and every handler is idempotent. Tasks never die; they wait longer.
"""

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F

from envelopes.records.database import after_commit, is_sqlite, unit
from envelopes.records.gathering import Gathered
from envelopes.records.models import Task as TaskRow
from envelopes.rules.states import Task

CHANNEL: Final = "fukan_tasks"


class Lane(StrEnum):
    """Queues that do not wait for each other, the most urgent first."""

    CODE = "code"
    MAIL = "mail"
    SIGN = "sign"
    INTAKE = "intake"
    OFFICE = "office"
    PAPERS = "papers"
    VERIFY = "verify"
    KEEP = "keep"


LANES: Final[Mapping[Task, Lane]] = {
    Task.CODE_MAIL: Lane.CODE,
    Task.CODE_SMS: Lane.CODE,
    Task.APPLICATION_CODE_MAIL: Lane.CODE,
    Task.PREPARE: Lane.SIGN,
    Task.SIGN: Lane.SIGN,
    Task.TIMESTAMP: Lane.SIGN,
    Task.ANCHOR: Lane.SIGN,
    Task.READ_MAIL: Lane.INTAKE,
    Task.READ_FILES: Lane.OFFICE,
    Task.PAGES: Lane.PAPERS,
    Task.EVIDENCE: Lane.PAPERS,
    Task.VERIFY: Lane.VERIFY,
    Task.RENEW: Lane.KEEP,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A task that this worker owns until the lease ends. `token` fences off a worker that came back too late."""

    id: int
    kind: Task
    envelope_id: int | None
    ids: Mapping[str, int]
    attempts: int
    token: str
    failing_since: datetime | None
    told_at: datetime | None


@dataclass(frozen=True, slots=True)
class Result:
    """What becomes true with a task's end: *write* notes it for all tasks that end together, each with its *part*."""

    write: Callable[[BaseDBAsyncClient, Sequence[Any]], Awaitable[None]]
    part: Any


def lane(kind: Task) -> Lane:
    """The lane of *kind*; what is not named is mail."""
    return LANES.get(kind, Lane.MAIL)


async def enqueue(
    connection: BaseDBAsyncClient,
    kind: Task,
    key: str,
    *,
    now: datetime,
    envelope_id: int | None = None,
    ids: Mapping[str, int] | None = None,
    run_at: datetime | None = None,
) -> int:
    """Queue *kind* once for *key* inside the caller's transaction. Returns its id; a known key changes nothing."""
    name = f"{kind}:{key}"
    known = await TaskRow.filter(key=name).using_db(connection).first()
    if known is not None:
        return known.id
    row = await TaskRow.create(
        kind=kind.value,
        lane=lane(kind).value,
        key=name,
        envelope_id=envelope_id,
        ids=json.dumps(dict(ids or {}), sort_keys=True),
        run_at=run_at or now,
        created_at=now,
        using_db=connection,
    )
    await _ring(connection)
    return row.id


async def enqueue_hourly(kind: Task, *, now: datetime) -> None:
    """Queue *kind* once in this hour, and not while one of its kind waits: one is enough."""
    key = f"hour:{now.astimezone(UTC):%Y-%m-%dT%H}"

    async def work(connection: BaseDBAsyncClient) -> None:
        queued = TaskRow.filter(kind=kind.value).exclude(state="done").using_db(connection)
        if not await queued.exists():
            await enqueue(connection, kind, key, now=now)

    await unit(work)


async def _ring(connection: BaseDBAsyncClient) -> None:
    if is_sqlite():
        after_commit(_wake)
    else:
        # Delivered by Postgres at commit, to every process that listens.
        await connection.execute_query("SELECT pg_notify($1, '')", [CHANNEL])


_sleepers: set[Callable[[], None]] = set()


def _wake() -> None:
    for wake in tuple(_sleepers):
        wake()


def subscribe(wake: Callable[[], None]) -> Callable[[], None]:
    """Have *wake* called whenever this process queued something. Returns the way to stop that."""
    _sleepers.add(wake)
    return lambda: _sleepers.discard(wake)


async def claim(lane: Lane, *, limit: int, now: datetime, lease: timedelta) -> list[Claimed]:
    """Take up to *limit* due tasks of *lane* for *lease*; on Postgres rows of other workers are skipped."""
    due = TaskRow.filter(lane=lane.value, state__in=("ready", "running"), run_at__lte=now)
    if not await due.exists():
        return []

    async def work(connection: BaseDBAsyncClient) -> list[Claimed]:
        query = due.order_by("run_at", "id").limit(limit).using_db(connection)
        rows = await (query if is_sqlite() else query.select_for_update(skip_locked=True))
        token = secrets.token_hex(16)
        await (
            TaskRow.filter(id__in=[row.id for row in rows])
            .using_db(connection)
            .update(state="running", run_at=now + lease, token=token, attempts=F("attempts") + 1)
        )
        return [_claimed(row, token) for row in rows]

    return await unit(work)


def _claimed(row: TaskRow, token: str) -> Claimed:
    return Claimed(
        id=row.id,
        kind=Task(row.kind),
        envelope_id=row.envelope_id,
        ids=json.loads(row.ids),
        attempts=row.attempts + 1,
        token=token,
        failing_since=row.failing_since,
        told_at=row.told_at,
    )


async def keep(task: Claimed, *, until: datetime) -> None:
    """Own *task* until then, unless another worker owns it by now."""
    await TaskRow.filter(id=task.id, token=task.token, state="running").update(run_at=until)


class _Finished(NamedTuple):
    task: Claimed
    at: datetime
    result: Result | None


async def done(task: Claimed, *, now: datetime, result: Result | None = None) -> None:
    """Mark *task* done, unless another worker owns it by now; *result* becomes true with it. Not inside a unit."""
    await _finish(_Finished(task, now, result))


async def _finish_all(group: Sequence[_Finished]) -> Sequence[None]:
    """Mark a group done in one transaction; what was claimed together has one token."""
    by_token: dict[str, list[int]] = {}
    results: dict[Callable[[BaseDBAsyncClient, Sequence[Any]], Awaitable[None]], list[Any]] = {}
    for one in group:
        by_token.setdefault(one.task.token, []).append(one.task.id)
        if one.result is not None:
            results.setdefault(one.result.write, []).append(one.result.part)

    async def work(connection: BaseDBAsyncClient) -> None:
        for write, parts in results.items():
            await write(connection, parts)
        for token, ids in by_token.items():
            mine = TaskRow.filter(id__in=ids, token=token).using_db(connection)
            await mine.update(state="done", done_at=group[-1].at, error=None, failing_since=None, token=None)

    await unit(work)
    return [None] * len(group)


_finish: Final = Gathered(_finish_all)


async def retry(task: Claimed, *, run_at: datetime, now: datetime, error: str) -> None:
    """Put *task* back with what went wrong (a reason code or an error's class: nothing personal)."""
    await TaskRow.filter(id=task.id, token=task.token).update(
        state="ready",
        run_at=run_at,
        error=error[:200],
        failing_since=task.failing_since or now,
        token=None,
    )


async def put_off(task: Claimed, *, run_at: datetime) -> None:
    """Put *task* back as if it had not been claimed: it is not its turn yet, which is no failure."""
    await TaskRow.filter(id=task.id, token=task.token).update(
        state="ready", run_at=run_at, attempts=task.attempts - 1, token=None
    )


async def hurry(task_id: int, *, now: datetime) -> None:
    """Make a waiting task due at once: a person pressed the button."""
    await TaskRow.filter(id=task_id, state="ready").update(run_at=now)
    _wake()
