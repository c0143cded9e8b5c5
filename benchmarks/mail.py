"""Mail beside what the mail servers can do by themselves: sending, taking in, the way from an order to its answer.

Ours and the other are measured in turn on the same servers, and the medians are compared: mail servers have good and
bad moments of their own, so the least would be chance.
"""

import asyncio
import contextlib
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import mail_memory, post
from benchmarks.post import Mailbox
from benchmarks.rows import Row, medians, row, timed
from benchmarks.scene import Scene
from bot.app import open_tools
from bot.imap import Imap
from bot.mailbox import Watcher, account
from bot.smtp import Delivered, Sender
from bot.worker import WIDTH, Worker
from envelopes.records.tasks import Lane
from fukan.demo import cast
from fukan.demo.forwarding import hand_over
from fukan.demo.run import ANY_PORTS, World, world
from tests.servers.dovecot_postfix import RealPostOffice, real_post_office

_3KB, _6MB = 3_000, 6_000_000
RUNS = 5
INTAKE = 1_000
ANSWERS = 15
_PATIENCE = 60.0


def rows(scene: Scene, only: str) -> Iterator[Row]:
    """Measure the rows of mail whose names begin with *only*."""
    measures: tuple[tuple[str, Callable[[Scene, RealPostOffice], Iterator[Row]]], ...] = (
        ("mail.outbox.3kb", partial(_sending, name="mail.outbox.3kb", count=1_000, size=_3KB)),
        ("mail.outbox.6mb", partial(_sending, name="mail.outbox.6mb", count=40, size=_6MB)),
        ("mail.outbox.whole.3kb", _whole),
        ("mail.intake.1000", _intake),
        ("mail.draft_reply", _draft_reply),
        ("mail.memory.10000", _memory),
    )
    wanted = [measure for name, measure in measures if name.startswith(only)]
    if not wanted:
        return
    with real_post_office() as office:
        for measure in wanted:
            yield from measure(scene, office)


def _rates(name: str, count: int, ours_ms: float, other_ms: float, other_is: str) -> Row:
    return row(name, "/s", 1000 * count / ours_ms, 1000 * count / other_ms, other_is)


# Going out


def _sending(_scene: Scene, office: RealPostOffice, *, name: str, count: int, size: int) -> Iterator[Row]:
    """Hand over mails that are composed already, as many at once as the worker does."""
    letters = [post.letter(number, size) for number in range(count)]
    ours, kept, one, anew = medians(
        RUNS,
        timed(lambda: asyncio.run(_send_all(office, letters))),
        timed(lambda: post.source(office, count, size, kept=True)),
        timed(lambda: post.source(office, count, size, kept=True, one_recipient=True)),
        timed(lambda: post.source(office, count, size)),
    )
    yield _rates(name, count, ours, kept, "smtp-source, 4 sessions")
    yield _rates(f"{name}.one", count, ours, one, "the same, all to one recipient")
    yield _rates(f"{name}.anew", count, ours, anew, "the same, a session a mail")


async def _send_all(office: RealPostOffice, letters: list[bytes]) -> None:
    sender, rest = Sender(post.relay(office)), iter(enumerate(letters))

    async def one() -> None:
        for number, data in rest:
            answer = await sender.send(
                sender=f"b.{number:026d}@{cast.STAFF_DOMAIN}",
                recipient=post.recipient(number),
                data=data,
                envid=f"{number:022d}",
            )
            assert isinstance(answer, Delivered), answer

    await asyncio.gather(*(one() for _ in range(WIDTH[Lane.MAIL])))
    await sender.close()


def _whole(scene: Scene, office: RealPostOffice) -> Iterator[Row]:
    """Let the worker claim, read, decrypt, hand over and note as many mails as wait in its queue."""
    count = 1_000
    ours, other, one = medians(
        RUNS,
        lambda: asyncio.run(_work_off(scene, office, count)),
        timed(lambda: post.source(office, count, _3KB, kept=True)),
        timed(lambda: post.source(office, count, _3KB, kept=True, one_recipient=True)),
    )
    yield _rates("mail.outbox.whole.3kb", count, ours, other, "smtp-source, 4 sessions")
    yield _rates("mail.outbox.whole.3kb.one", count, ours, one, "the same, all to one recipient")


async def _work_off(scene: Scene, office: RealPostOffice, count: int) -> float:
    with tempfile.TemporaryDirectory(dir=scene.folder) as folder:
        async with post.installed(Path(folder), office) as services, open_tools(services) as tools:
            await post.queue(services, count, _3KB)
            began = time.perf_counter()
            async with post.at_work(Worker(tools).run):
                await post.all_sent()
                return 1000 * (time.perf_counter() - began)


# Coming in


def _intake(scene: Scene, office: RealPostOffice) -> Iterator[Row]:
    """Take mails in: fetched, kept with their tasks, moved away. Beside it a client that keeps nothing."""
    users = (f"intake{number}@{cast.STAFF_DOMAIN}" for number in itertools.count())
    shares: list[float] = []

    def ours() -> float:
        user = _filled(scene, office, next(users))
        taken, outside = asyncio.run(_take_in(scene, office, user))
        shares.append(outside / taken)
        return taken

    def other() -> float:
        mailbox = Mailbox(office, _filled(scene, office, next(users)))
        with contextlib.closing(mailbox):
            return timed(mailbox.empty)()

    ours_ms, other_ms = medians(3, ours, other)
    yield _rates("mail.intake.1000", INTAKE, ours_ms, other_ms, "imaplib, which keeps nothing")
    share = statistics.median(shares)
    yield row("mail.intake.1000.outside", "%", 100 * share, None, "of that time not spent on IMAP")


def _filled(scene: Scene, office: RealPostOffice, user: str) -> str:
    """Put the mails into the mailbox of *user*; returns *user*."""
    pdf = scene.pdf("small").read_bytes()
    with contextlib.closing(Mailbox(office, user)) as mailbox:
        mailbox.fill(post.order(number, pdf).as_bytes() for number in range(INTAKE))
    return user


async def _take_in(scene: Scene, office: RealPostOffice, user: str) -> tuple[float, float]:
    """Return how many ms the watcher took, and how many of them it did not wait for the server."""
    clock = ServerClock()
    with tempfile.TemporaryDirectory(dir=scene.folder) as folder, clock.running():
        async with post.installed(Path(folder), office, user=user) as services:
            began = time.perf_counter()
            async with post.at_work(Watcher(services, account(services.settings.imap)).run):
                await clock.moved(INTAKE)
                taken = 1000 * (time.perf_counter() - began)
    return taken, taken - clock.ms


class ServerClock:
    """Adds up how long IMAP commands took, and counts the mails that were moved."""

    def __init__(self) -> None:
        self.ms = 0.0
        self._moved = 0
        self._news = asyncio.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        run = Imap._run

        async def timed_run(imap: Imap, name: str, *rest: Any) -> Any:
            began = time.perf_counter()
            result = await run(imap, name, *rest)
            self.ms += 1000 * (time.perf_counter() - began)
            if name == "MOVE":
                self._moved += 1
                self._news.set()
            return result

        Imap._run = timed_run  # type: ignore[method-assign]
        try:
            yield
        finally:
            Imap._run = run  # type: ignore[method-assign]

    async def moved(self, count: int) -> None:
        """Return once *count* mails have been moved."""
        while self._moved < count:
            self._news.clear()
            await self._news.wait()


# From an order to its answer


def _draft_reply(scene: Scene, _office: RealPostOffice) -> Iterator[Row]:
    """Time from the demo's post office taking an order with a 3-page PDF until it takes the draft mail."""
    pdf = scene.pdf("small").read_bytes()
    taken = asyncio.run(_answer_times(scene, pdf))
    yield row("mail.draft_reply", "ms", statistics.median(taken), 1000.0, "limit")


async def _answer_times(scene: Scene, pdf: bytes) -> list[float]:
    stop = asyncio.Event()
    with tempfile.TemporaryDirectory(dir=scene.folder) as folder:
        async with world(Path(folder), ANY_PORTS, stop=stop) as made:
            return [await _answer_time(made, pdf, number) for number in range(ANSWERS + 1)][1:]


async def _answer_time(made: World, pdf: bytes, number: int) -> float:
    clerk, order = cast.NAKAMURA.address, post.order(number, pdf)
    before = len(made.post.mails(clerk))
    await asyncio.to_thread(hand_over, order, recipients=[cast.INTAKE], port=made.post.smtp_port)
    accepted = time.time()
    async with asyncio.timeout(_PATIENCE):
        while len(answers := made.post.mails(clerk)) == before:
            await asyncio.sleep(0.005)
    return 1000 * (answers[0].at.timestamp() - accepted)


# Memory


def _memory(scene: Scene, office: RealPostOffice) -> Iterator[Row]:
    """Send mails, and take in and read others' mails, 5,000 each: growth of the bot after the first 1,000 each."""
    user = f"memory@{cast.STAFF_DOMAIN}"
    with contextlib.closing(Mailbox(office, user)) as mailbox:
        mailbox.fill(post.letter(number, _3KB) for number in range(mail_memory.EACH_WAY))
    with tempfile.TemporaryDirectory(dir=scene.folder) as folder:
        places = [folder, user, str(office.smtp), str(office.imap)]
        command = [sys.executable, "-m", "benchmarks.mail_memory", *places]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    yield row("mail.memory.10000", "MiB", float(done.stdout), 16.0, "limit")
