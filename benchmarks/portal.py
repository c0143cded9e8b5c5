"""The portal: pages a second beside bare aiohttp, how long the landing page waits while the bot signs, and its memory.

The doors run in processes of their own, one at a time on one core; who asks sits on the other core.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.portal_scene import DOCUMENTS, ENVELOPES, LANDING, VIEWER
from benchmarks.rows import Row, medians, row
from benchmarks.scene import Scene

RUNS = 5
PAGES, AT_ONCE = 400, 4
_PACE = 0.02  # seconds between two visits to the landing page: fifty a second
_QUIET_VISITS = 500


def rows(scene: Scene, only: str) -> Iterator[Row]:
    """Measure the rows of the portal whose names begin with *only*."""
    measures = {
        "portal.viewer": _viewer,
        "portal.landing.p99_while_signing": _landing,
        "portal.memory": _memory,
    }
    wanted = [measure for name, measure in measures.items() if name.startswith(only)]
    if wanted:
        folder = scene.folder / "portal"
        folder.mkdir()
        subprocess.run([sys.executable, "-m", "benchmarks.portal_scene", folder], check=True)
        for measure in wanted:
            yield measure(folder)


@dataclass(frozen=True, kw_only=True)
class Door:
    """A door that is open."""

    process: subprocess.Popen[str]
    port: int

    @property
    def resident(self) -> float:
        """What its process holds at this moment, in MiB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def _open(folder: Path, what: str, *, core: int | None = None) -> Iterator[Door]:
    command = [sys.executable, "-m", "benchmarks.portal_door", folder, what]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            if core is not None:
                os.sched_setaffinity(process.pid, {core})
            yield Door(process=process, port=port)
        finally:
            process.terminate()


@contextmanager
def _on(core: int) -> Iterator[None]:
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, everywhere)


class Visitor:
    """A browser that keeps one connection and reads whole pages."""

    def __init__(self, folder: Path, port: int, page: str) -> None:
        self._port = port
        head = {
            "Host": f"127.0.0.1:{port}",
            "Cookie": (folder / "cookie").read_text(),
            "Accept-Encoding": "gzip, deflate, br",
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        self._request = f"GET {(folder / page).read_text()} HTTP/1.1\r\n{lines}\r\n".encode()

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def look(self) -> float:
        """Ask for the page; gives the seconds until all of it was here."""
        began = time.perf_counter()
        self._writer.write(self._request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await self._reader.readexactly(int(head.lower().split(b"content-length:")[1].split()[0]))
        return time.perf_counter() - began


# Pages a second


def _viewer(folder: Path) -> Row:
    first, last = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
    with _open(folder, "ours", core=first) as ours, _open(folder, "bare", core=first) as bare, _on(last):
        ours_ms, bare_ms = medians(RUNS, *(lambda door=door: _many(folder, door) for door in (ours, bare)))
    return row(
        "portal.viewer",
        "/s",
        1000 * PAGES / ours_ms,
        1000 * PAGES / bare_ms,
        "aiohttp and the template alone",
    )


def _many(folder: Path, door: Door) -> float:
    """The ms in which the viewer was looked at PAGES times, by some at once."""

    async def one(left: Iterator[int]) -> None:
        async with Visitor(folder, door.port, VIEWER) as visitor:
            for _ in left:
                await visitor.look()

    async def all_of_them() -> None:
        left = iter(range(PAGES))
        await asyncio.gather(*(one(left) for _ in range(AT_ONCE)))

    began = time.perf_counter()
    asyncio.run(all_of_them())
    return 1000 * (time.perf_counter() - began)


# While the bot signs


def _landing(folder: Path) -> Row:
    with _open(folder, "ours") as door:
        quiet = asyncio.run(_visits(folder, door, lambda seen: seen < _QUIET_VISITS))
        signing = subprocess.Popen([sys.executable, "-m", "benchmarks.portal_scene", folder, "sign"])
        busy = asyncio.run(_visits(folder, door, lambda _: signing.poll() is None))
    assert signing.returncode == 0
    what = f"while nobody signs; {len(busy)} visits beside {ENVELOPES} times {DOCUMENTS} PDFs"
    return row("portal.landing.p99_while_signing", "ms", _p99(busy), _p99(quiet), what)


async def _visits(folder: Path, door: Door, more: Callable[[int], bool]) -> list[float]:
    """The ms of each visit to the landing page, at a steady pace, for as long as *more* says of their number."""
    taken: list[float] = []
    async with Visitor(folder, door.port, LANDING) as visitor:
        await visitor.look()
        while more(len(taken)):
            seconds = await visitor.look()
            taken.append(1000 * seconds)
            await asyncio.sleep(max(0.0, _PACE - seconds))
    return taken


def _p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))]


# Memory


def _memory(folder: Path) -> Row:
    """What the portal's process holds after a thousand pages, beside the bare one's."""
    held = []
    for what in ("ours", "bare"):
        with _open(folder, what) as door:
            for _ in range(3):
                _many(folder, door)
            held.append(door.resident)
    return row("portal.memory", "MiB", *held, "aiohttp and the template alone")
