"""The service as these tests start it: the real doors in a process of their own, which a plan may tell to die.

`python -m tests.crash.main PLAN` runs until SIGTERM. Where the plan names a place to die, a supervisor forks one run
after the other: each is killed the first time it passes a place at which no run has died yet, until one survives.
What a run did is written to the plan's journal. A run that may die reads papers in its own process: to start a sandbox
takes longer than all else, and its own tests kill it often enough. The product knows nothing of all this.
"""

import asyncio
import fcntl
import importlib
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from bot import app as bot_app  # the slow imports are done once, before the first fork
from bot import mailbox
from bot.imap import Imap
from bot.smtp import Sender
from envelopes.actions import replying
from envelopes.records import database, store, tasks
from envelopes.records.blobs import Blobs
from envelopes.sandbox import Sandbox
from envelopes.settings import Settings
from fukan import serve
from fukan.installation import opened
from fukan.serve import Door

T = TypeVar("T")

BUSY_STATUS = 70


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run, and at which place to die ("" for none)."""

    settings: Settings
    doors: tuple[Door, ...]
    die_at: str
    journal: Path

    @classmethod
    def read(cls, path: Path) -> "Plan":
        values = json.loads(path.read_text())
        return cls(
            settings=Settings.model_validate(values["settings"]),
            doors=tuple(Door(name) for name in values["doors"]),
            die_at=values["die_at"],
            journal=Path(values["journal"]),
        )


class Journal:
    """Lines that several processes write and a kill does not lose."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, line: str) -> None:
        self.first(f"{line} {time.time():.2f}", always=True)

    def first(self, line: str, *, always: bool = False) -> bool:
        """Write *line* unless it is there already; says whether it was not."""
        with self._path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            new = line not in file.read().splitlines()
            if new or always:
                file.write(line + "\n")
                file.flush()
        return new

    def count(self, word: str) -> int:
        return sum(line.startswith(f"{word} ") for line in self._path.read_text().splitlines())


class Passages:
    """Counts who goes through which place, and kills at the one that the plan names."""

    def __init__(self, plan: Plan) -> None:
        self._die_at = plan.die_at
        self._journal = Journal(plan.journal)
        self._blobs: Counter[str] = Counter()

    def pass_by(self, place: str, when: str, what: str) -> None:
        if place == self._die_at and self._journal.first(f"killed {when} {place} {what}"):
            os.kill(os.getpid(), signal.SIGKILL)

    async def through(self, place: str, what: str, work: Callable[[], Awaitable[Any]]) -> Any:
        self.pass_by(place, "before", what)
        result = await work()
        self._journal.write(f"{place} {os.getpid()} {what}")
        self.pass_by(place, "after", what)
        return result

    def number_of(self, purpose: str) -> str:
        """Name a blob by what stays the same when the work is done again: its purpose, its turn, how far all is."""
        name = f"{purpose} at {self._journal.count('apply')}"
        self._blobs[name] += 1
        return f"{name} no. {self._blobs[name]}"


def wrap(passages: Passages) -> None:
    """Put *passages* around the six places at which something becomes true outside this process."""
    _wrap_apply(passages)
    put, move, send, done, spend = Blobs.put, Imap.move, Sender.send, tasks.done, replying._spend

    async def counted_put(self: Blobs, data: bytes, **named: Any) -> Any:
        what = passages.number_of(named["purpose"])
        return await passages.through("blob", what, lambda: put(self, data, **named))

    async def counted_move(self: Imap, uid: int, folder: str) -> None:
        await passages.through("move", f"{uid} {folder}", lambda: move(self, uid, folder))

    async def counted_send(self: Sender, **named: Any) -> Any:
        return await passages.through("send", named["envid"], lambda: send(self, **named))

    async def counted_done(task: tasks.Claimed, **named: Any) -> None:
        await passages.through("done", f"{task.kind} {task.id}", lambda: done(task, **named))

    async def counted_spend(services: Any, stored: Any, step: int, arrival: replying.Arrival) -> bool:
        what = f"{arrival.mail_id}"
        return bool(await passages.through("spend", what, lambda: spend(services, stored, step, arrival)))

    Blobs.put, Imap.move, Sender.send = counted_put, counted_move, counted_send  # type: ignore[method-assign]
    tasks.done, replying._spend = counted_done, counted_spend


def _wrap_apply(passages: Passages) -> None:
    """A change of state becomes true with the commit of its transaction, not when `apply` returns."""
    apply, once = store.apply, database._once
    changed: dict[asyncio.Task[Any] | None, tuple[str, int]] = {}

    async def noted_apply(connection: Any, envelope: Any, event: Any, *rest: Any, **named: Any) -> Any:
        result = await apply(connection, envelope, event, *rest, **named)
        # Postgres gives a new id to what is inserted again after a death; version and event stay the same.
        changed[asyncio.current_task()] = f"{envelope.version} {event}", envelope.id
        return result

    async def counted_once(work: Callable[[Any], Awaitable[Any]]) -> Any:
        async def until_commit(connection: Any) -> Any:
            result = await work(connection)
            if what := changed.get(asyncio.current_task()):
                passages.pass_by("apply", "before", what[0])
            return result

        try:
            result = await once(until_commit)
        finally:
            what = changed.pop(asyncio.current_task(), None)
        if what:
            passages._journal.write(f"apply {os.getpid()} {what[1]} {what[0]}")
            passages.pass_by("apply", "after", what[0])
        return result

    store.apply, database._once = noted_apply, counted_once


async def run(plan: Plan) -> None:
    """Keep the doors of *plan* open until SIGTERM."""
    stop = serve.stop_on_signals()
    async with (
        opened(plan.settings, portal=Door.PORTAL in plan.doors, bot=Door.BOT in plan.doors) as services,
        serve.running(services, plan.doors, stop=stop),
    ):
        Journal(plan.journal).write(f"ready {os.getpid()}")
        await stop.wait()


class Here(Sandbox):
    """Runs the functions in a thread: in one, since pdfium must never be entered by two."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._thread = ThreadPoolExecutor(max_workers=1)

    async def start(self) -> None:
        """There is nothing to start."""

    async def run(self, function: Callable[..., T], *arguments: object, **_limits: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


def one_run(plan: Plan) -> None:
    # Else every death would leave the mailbox unwatched for twenty seconds.
    mailbox.LEASE, mailbox.BEAT = timedelta(seconds=2), 0.5  # type: ignore[misc]
    if plan.die_at:
        bot_app.Sandbox = Here  # type: ignore[attr-defined]
    wrap(Passages(plan))
    serve.log_to_terminal()
    asyncio.run(run(plan))


def supervise(plan: Plan) -> int:
    """Fork runs until one is not killed; returns its exit status."""
    ended = False
    child = 0

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal ended
        ended = True
        if child:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    while True:
        child = os.fork()
        if not child:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            one_run(plan)
            os._exit(0)
        if ended:  # the signal came between the last look and the fork
            os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        child = 0
        code = os.waitstatus_to_exitcode(status)
        if code != -signal.SIGKILL or ended:
            return code if code >= 0 else BUSY_STATUS


if __name__ == "__main__":
    for name in bot_app.PRELOAD:
        importlib.import_module(name)
    given = Plan.read(Path(sys.argv[1]))
    if given.die_at:
        sys.exit(supervise(given))
    one_run(given)
