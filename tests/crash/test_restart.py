"""Stopped in the middle, killed beside its children, or cut off from a server: it goes on where it was."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from envelopes.records.models import Delivery
from envelopes.records.models import Task as TaskRow
from envelopes.rules.states import State, Task
from tests.crash.lines import Line, line
from tests.crash.scene import POLICY, Scene, require_every_mail_once, require_intake_empty, require_whole

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600)]

TITLE = "村道1号線舗装工事"
A_WHILE = 0.7  # why: seconds in which a part of the work is done, and never all of it
LONGER = 1.3  # why: each life is longer than the one before, so that a busy machine gets on too
UNHURRIED = {**POLICY, "lease": "PT60S"}  # nobody dies here, so nothing may be done twice


async def test_stopped_again_and_again_it_goes_on_where_it_was(scene: Scene) -> None:
    story = asyncio.create_task(scene.whole_way(TITLE))
    while not story.done():
        bot = scene.start("bot", policy=UNHURRIED)
        await scene.ready(len(scene.runners))
        await asyncio.sleep(A_WHILE * LONGER ** len(scene.runners))
        assert await bot.end() == 0
    await story
    scene.start("bot", policy=UNHURRIED)
    await scene.quiet()
    await require_whole(scene, TITLE)
    await require_every_mail_once(scene, [TITLE], doubles=False)
    await require_intake_empty(scene)
    done = [line[-2] for line in scene.lines("done")]
    assert len(done) == len(set(done))
    assert len(scene.runners) > 2


def descendants(pid: int) -> Iterator[int]:
    for place in Path("/proc").glob("[0-9]*/status"):
        try:
            parent = re.search(r"^PPid:\t(\d+)$", place.read_text(), re.MULTILINE)
        except OSError:
            continue
        if parent and int(parent[1]) == pid:
            child = int(place.parent.name)
            yield child
            yield from descendants(child)


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_a_killed_bot_leaves_no_child_behind(scene: Scene) -> None:
    bot = scene.start("bot")
    await scene.ready(1)
    children = list(descendants(bot.process.pid))
    assert children
    bot.kill()

    async def gone() -> bool:
        return not any(map(is_there, children))

    await scene.until(gone, "an end of the killed bot's children")


async def test_servers_that_are_away_for_seconds_are_waited_for(
    scene: Scene, servers: dict[str, int]
) -> None:
    async with AsyncExitStack() as stack:
        lines = {name: await stack.enter_async_context(line(port)) for name, port in servers.items()}
        bot = scene.start("bot", policy=UNHURRIED, **through(scene.values, lines))
        await scene.ready(1)
        await _way_with_cuts(scene, lines)
        await scene.quiet()
        assert await bot.end() == 0
    await require_whole(scene, TITLE)
    await require_every_mail_once(scene, [TITLE], doubles=False)
    await require_intake_empty(scene)


async def _way_with_cuts(scene: Scene, lines: dict[str, Line]) -> None:
    """One contract; each server is away while it is needed."""
    async with _away(lines, "imap"):
        await scene.forward(TITLE)
        await asyncio.sleep(2)
        assert not await TaskRow.filter(kind=Task.READ_MAIL.value).exists()
    await scene.reach(TITLE, State.DRAFT)
    # Cut off between a mail and the server's word that it has it, nobody could tell whether to send it again.
    await scene.until(
        Delivery.filter(mail="draft_mail", state="delivered").exists, "the mail about the draft"
    )
    async with _away(lines, "smtp"):
        await scene.confirm(TITLE)
        waiting = Delivery.filter(mail="request_mail", state="retry")
        await scene.until(waiting.exists, "a request that waits for the relay")
    await scene.asked(TITLE, 1)
    async with _away(lines, "files"):
        await scene.consent(TITLE)
        if "files" in lines:
            failing = TaskRow.filter(kind="sign", error__isnull=False)
            await scene.until(failing.exists, "a signature that waits for the files")
    shot = await scene.asked(TITLE, 2)
    async with _away(lines, "database"):
        await scene.town.consent_village(shot)
        await asyncio.sleep(3)
    await scene.reach(TITLE, State.COMPLETED)


@asynccontextmanager
async def _away(lines: dict[str, Line], name: str) -> AsyncIterator[None]:
    """Nobody answers at *name* while the block runs, where this engine has such a server."""
    if name in lines:
        await lines[name].cut()
    yield
    if name in lines:
        await lines[name].mend()


@pytest.fixture
def servers(scene: Scene) -> dict[str, int]:
    """The ports of everything the bot talks to."""
    found = {"smtp": scene.office.smtp_port, "imap": scene.office.imap_port}
    for name, address in (("database", scene.values["database"]), ("files", _endpoint(scene.values))):
        if port := urlsplit(address).port:
            found[name] = port
    return found


def _endpoint(values: dict[str, Any]) -> str:
    return str(values["s3"]["endpoint"]) if values["s3"] else ""


def through(values: dict[str, Any], lines: dict[str, Line]) -> dict[str, Any]:
    """The settings that lead through *lines*."""
    changed: dict[str, Any] = {name: {**values[name], "port": lines[name].port} for name in ("smtp", "imap")}
    if "database" in lines:
        changed["database"] = _moved(values["database"], lines["database"])
    if "files" in lines:
        changed["s3"] = {**values["s3"], "endpoint": _moved(_endpoint(values), lines["files"])}
    return changed


def _moved(address: str, to: Line) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{to.port}")))
