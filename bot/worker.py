"""The worker: claims due tasks and runs their handlers; what fails is tried again, later each time.

Lanes do not wait for each other, so that a code never waits behind four thousand page images. A task that runs keeps
its lease by a beat, so nobody else takes it; a worker that died loses it, and another one runs the task again. What the
work consists of stands in `bot.desk`, `bot.outbox` and `envelopes.actions`.
"""

import asyncio
import contextlib
import logging
import random
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from tortoise.backends.base.client import BaseDBAsyncClient

from bot import desk, health, outbox, sms, uploads
from bot.outbox import NotDelivered, NotYet, Post
from envelopes.actions import anchoring, bundling, renewing
from envelopes.actions.worker import completion, pages, preparing, signing, windows
from envelopes.actions.worker.workshop import Workshop
from envelopes.records import tasks
from envelopes.records.database import is_sqlite, unit
from envelopes.records.models import Task as TaskRow
from envelopes.records.tasks import Claimed, Lane, Result
from envelopes.rules.errors import Later, Reason, Refused
from envelopes.rules.policy import Policy
from envelopes.rules.schedule import jst_day, retry_after
from envelopes.rules.states import Task
from envelopes.services import Services

log = logging.getLogger(__name__)

# How many tasks of a lane run at once. Signing and papers are bound by processors. Of the mails a few are with the
# relay and the others in the database, where many at once cost one commit.
WIDTH: Final[Mapping[Lane, int]] = {
    Lane.CODE: 4,
    Lane.MAIL: 64,
    Lane.SIGN: 2,
    Lane.INTAKE: 2,
    Lane.OFFICE: 2,
    Lane.PAPERS: 2,
    Lane.VERIFY: 2,
    Lane.KEEP: 1,
}
# Fewer than this are not claimed, as each claim is a commit.
_FREE: Final[Mapping[Lane, int]] = {Lane.MAIL: 32}
POLL: Final = 1.0  # why: seconds until work is found whose bell was not heard
_RECONNECT: Final = 5.0  # seconds between attempts to listen again; meanwhile the poll finds the work
_TIMED: Final = frozenset({Task.TIMESTAMP, Task.ANCHOR})  # what waits for the timestamp authority alone
_SOON: Final = timedelta(seconds=2)  # why: another lane is at work, or somebody was first
# Records or files are not what was agreed to. Trying again soon changes nothing, and nothing may be lost.
_ALARMS: Final = frozenset({Reason.RECORD_ALTERED, Reason.CONSENT_INVALID, Reason.BYTES_DIFFER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What handlers work with."""

    shop: Workshop
    post: Post

    @property
    def services(self) -> Services:
        return self.shop.services


# Returns what is to be written in the transaction that marks the task done.
Handler = Callable[[Tools, Claimed], Awaitable[Result | None]]


def _envelope(task: Claimed) -> int:
    assert task.envelope_id is not None
    return task.envelope_id


async def _read_mail(tools: Tools, task: Claimed) -> None:
    await desk.read_mail(tools.shop, task.ids["mail"])


async def _read_files(tools: Tools, task: Claimed) -> None:
    await desk.read_mail(tools.shop, task.ids["mail"], patient=True)


async def _pages(tools: Tools, task: Claimed) -> None:
    if await pages.render_pages(tools.shop, _envelope(task)):
        # The other documents take their turn behind what others sent meanwhile, which may be a single page.
        raise NotYet(timedelta())


async def _prepare(tools: Tools, task: Claimed) -> None:
    if not await preparing.prepare(tools.shop, _envelope(task)):
        raise NotYet(_SOON)


async def _sign(tools: Tools, task: Claimed) -> None:
    await health.look(tools.services, tools.shop.seal)
    await signing.sign(tools.shop, _envelope(task), task.ids["consent"])


async def _timestamp(tools: Tools, task: Claimed) -> None:
    await completion.complete(tools.shop, _envelope(task))


async def _anchor(tools: Tools, _task: Claimed) -> None:
    await anchoring.anchor(tools.shop)


async def _renew(tools: Tools, _task: Claimed) -> None:
    await renewing.renew(tools.shop)


async def _verify(tools: Tools, task: Claimed) -> None:
    await uploads.judge(tools.shop, task.ids["verification"])


async def _evidence(tools: Tools, task: Claimed) -> None:
    await bundling.make(tools.shop, _envelope(task))


async def _close_window(tools: Tools, task: Claimed) -> None:
    await windows.close_window(tools.services, _envelope(task))


async def _write(tools: Tools, task: Claimed) -> None:
    await outbox.write(tools.services, task)


async def _send(tools: Tools, task: Claimed) -> Result | None:
    return await outbox.send(tools.post, task)


async def _send_code(tools: Tools, task: Claimed) -> Result | None:
    return await outbox.send_code(tools.post, task)


async def _send_sms(tools: Tools, task: Claimed) -> Result | None:
    return await sms.send(tools.services, task)


HANDLERS: Final[Mapping[Task, Handler]] = {
    Task.READ_MAIL: _read_mail,
    Task.READ_FILES: _read_files,
    Task.PAGES: _pages,
    Task.PREPARE: _prepare,
    Task.SIGN: _sign,
    Task.TIMESTAMP: _timestamp,
    Task.ANCHOR: _anchor,
    Task.RENEW: _renew,
    Task.CLOSE_WINDOW: _close_window,
    Task.SEND: _send,
    Task.CODE_MAIL: _send_code,
    Task.CODE_SMS: _send_sms,
    Task.APPLICATION_CODE_MAIL: _send_code,
    Task.ANSWER_MAIL: _write,
    Task.NEWCOMER_MAIL: _write,
    Task.COMMAND_MAIL: _write,
    Task.STATUS_MAIL: _write,
    Task.DRAFT_MAIL: _write,
    Task.REQUEST_MAIL: _write,
    Task.SENT_MAIL: _write,
    Task.RECEIVED_MAIL: _write,
    Task.COMPLETION_MAIL: _write,
    Task.DECLINED_MAIL: _write,
    Task.RETURNED_MAIL: _write,
    Task.CANCELLED_MAIL: _write,
    Task.EXPIRED_MAIL: _write,
    Task.EXTENDED_MAIL: _write,
    Task.NEW_LINK_MAIL: _write,
    Task.PROOF_MAIL: _write,
    Task.FRESH_DOWNLOAD_MAIL: _write,
    Task.ENROL_MAIL: _write,
    Task.ADDRESS_MAIL: _write,
    Task.MOBILE_MAIL: _write,
    Task.AUTHENTICATOR_MAIL: _write,
    Task.APPLICATION_MAIL: _write,
    Task.APPLICATION_DESK_MAIL: _write,
    Task.INVITATION_MAIL: _write,
    Task.REMINDER_MAIL: _write,
    Task.WINDOW_MAIL: _write,
    Task.UNDELIVERED_MAIL: _write,
    Task.DAILY_MAIL: _write,
    Task.TROUBLE_MAIL: _write,
    Task.HEALTH_MAIL: _write,
    Task.ALERT_MAIL: _write,
    Task.NOTE_MAIL: _write,
    Task.CHANGE_MAIL: _write,
    Task.DEVICE_MAIL: _write,
    Task.VERIFY: _verify,
    Task.EVIDENCE: _evidence,
}


class Worker:
    """Works through all lanes until it is stopped; then it finishes what runs."""

    def __init__(self, tools: Tools, *, handlers: Mapping[Task, Handler] = HANDLERS) -> None:
        self._tools = tools
        self._services = tools.services
        self._handlers = handlers
        self._bells = {lane: asyncio.Event() for lane in Lane}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until *stop*."""
        unsubscribe = tasks.subscribe(self._ring)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._wait_for_stop(stop))
                for lane in Lane:
                    group.create_task(self._lane(lane, stop))
                if not is_sqlite():
                    group.create_task(self._listen(stop))
        finally:
            unsubscribe()

    def _ring(self) -> None:
        for bell in self._bells.values():
            bell.set()

    async def _wait_for_stop(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._ring()

    # One lane

    async def _lane(self, lane: Lane, stop: asyncio.Event) -> None:
        running: set[asyncio.Task[None]] = set()
        bell = self._bells[lane]

        def ended(work: asyncio.Task[None]) -> None:
            running.discard(work)
            bell.set()

        while not stop.is_set():
            bell.clear()
            free = WIDTH[lane] - len(running)
            if free >= _FREE.get(lane, 1):
                for task in await self._claim(lane, free):
                    work = asyncio.create_task(self.work_on(task))
                    running.add(work)
                    work.add_done_callback(ended)
            # The bell tells of new work, the end of a task or the end of it all; the poll finds what nobody rang for.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await bell.wait()
        await asyncio.gather(*running)

    async def _claim(self, lane: Lane, limit: int) -> list[Claimed]:
        now, lease = self._services.now(), self._services.policy.lease
        try:
            return await tasks.claim(lane, limit=limit, now=now, lease=lease)
        except Exception as error:  # noqa: BLE001 -- the top of the loop: a database that is away comes back
            log.warning("lane %s: %s", lane, describe(error))
            await asyncio.sleep(POLL)
            return []

    # One task

    async def work_on(self, task: Claimed) -> None:
        """Run one claimed task to its end: done, or put back with what went wrong."""
        beat = asyncio.create_task(self._beat(task))
        try:
            result = await self._handlers[task.kind](self._tools, task)
            await tasks.done(task, now=self._services.now(), result=result)
        except NotYet as early:
            await self._put_off(task, early.wait)
        except Exception as error:  # noqa: BLE001 -- the top of the loop: logs, counts and backs off
            await self._failed(task, error)
        finally:
            beat.cancel()
            await asyncio.gather(beat, return_exceptions=True)

    async def _beat(self, task: Claimed) -> None:
        """Keep the lease on a task that runs long, so that no other worker takes it."""
        lease = self._services.policy.lease
        while True:
            await asyncio.sleep(lease.total_seconds() / 3)
            try:
                await tasks.keep(task, until=self._services.now() + lease)
            except Exception as error:  # noqa: BLE001 -- two more beats follow before the lease is over
                log.warning("task %s %d: %s", task.kind, task.id, describe(error))

    async def _put_off(self, task: Claimed, wait: timedelta) -> None:
        try:
            await tasks.put_off(task, run_at=self._services.now() + wait)
        except Exception as error:  # noqa: BLE001 -- the lease ends, and the task is claimed again
            log.warning("task %s %d: %s", task.kind, task.id, describe(error))

    async def _failed(self, task: Claimed, error: Exception) -> None:
        now, policy, what = self._services.now(), self._services.policy, describe(error)
        level = _level(error)
        log.log(level, "task %s %d, attempt %d: %s", task.kind, task.id, task.attempts, what)
        run_at = now + _pause(error, task.attempts, policy)
        try:
            await tasks.retry(task, run_at=run_at, now=now, error=_error(error))
            await self._tell(task, error, now)
        except Exception as second:  # noqa: BLE001 -- the lease ends, and the task is claimed again
            log.warning("task %s %d: %s", task.kind, task.id, describe(second))

    async def _tell(self, task: Claimed, error: Exception, now: datetime) -> None:
        """Have staff told, once, of work that has been failing for long."""
        policy, since = self._services.policy, task.failing_since
        timed = task.kind in _TIMED or (isinstance(error, Later) and error.reason is Reason.TSA_UNAVAILABLE)
        patience = policy.timestamp_tell if timed else policy.retry_tell
        if since is None or task.told_at is not None or now - since < patience:
            return

        async def work(connection: BaseDBAsyncClient) -> None:
            await TaskRow.filter(id=task.id).using_db(connection).update(told_at=now)
            await tasks.enqueue(
                connection,
                Task.TROUBLE_MAIL,
                _cause(task, since, now),
                now=now,
                envelope_id=task.envelope_id,
                ids={"task": task.id},
            )

        await unit(work)

    # Wake-ups from other processes

    async def _listen(self, stop: asyncio.Event) -> None:
        """Hear what other processes queue on Postgres. Where that fails, the poll still finds the work."""
        while not stop.is_set():
            try:
                await self._hear(stop)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                log.warning("listening for tasks: %s", type(error).__name__)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _RECONNECT)

    async def _hear(self, stop: asyncio.Event) -> None:
        parts = urlsplit(self._services.settings.database_url)
        connection = await asyncpg.connect(
            urlunsplit(parts._replace(scheme="postgresql")), timeout=_RECONNECT
        )
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(tasks.CHANNEL, lambda *_: self._ring())
            self._ring()
            ends = {asyncio.create_task(stop.wait()), asyncio.create_task(lost.wait())}
            _, waiting = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            connection.terminate()
        if lost.is_set() and not stop.is_set():
            raise ConnectionResetError


def _cause(task: Claimed, since: datetime, now: datetime) -> str:
    """What one mail about trouble is for: of mails that wait for the same relay nobody reads a hundred."""
    if task.kind is Task.SEND and task.envelope_id is None:
        return f"{task.kind}:{jst_day(now)}"
    return f"{task.id}:{since.isoformat()}"


def _is_alarm(error: Exception) -> bool:
    return isinstance(error, Refused) and error.reason in _ALARMS


def _level(error: Exception) -> int:
    """How loud the log says it: that somebody was first is everyday."""
    if _is_alarm(error):
        return logging.ERROR
    return logging.INFO if _is_no_fault(error) else logging.WARNING


def _is_no_fault(error: Exception) -> bool:
    return isinstance(error, Refused) and error.reason is Reason.STALE


def _pause(error: Exception, attempts: int, policy: Policy) -> timedelta:
    """How long a task waits after *error*."""
    if _is_no_fault(error):
        return _SOON
    if _is_alarm(error):
        return policy.retry_cap
    return retry_after(attempts, policy, random.random())  # noqa: S311 -- spreads load, guards nothing


def _error(error: Exception) -> str:
    """What stands in the task's row: a reason code and its note, or an error's class; nothing personal."""
    if isinstance(error, Later):
        # With the note, which names no person: of several authorities it says which failed why.
        return str(error)
    if isinstance(error, Refused):
        return error.reason.value
    return str(error) if isinstance(error, NotDelivered) else type(error).__name__


def describe(error: Exception) -> str:
    """What a log may say: the error as in the row, and for a surprise where it happened; never its message."""
    if isinstance(error, Refused | Later | NotDelivered):
        return _error(error)
    places = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{place.name}:{place.lineno}" for place in reversed(places[-4:]))
    return f"{type(error).__name__} at {where}"
