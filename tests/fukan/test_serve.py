"""`fukan serve`: each door with the keys it may hold, a clean stop, and no patience with idlers."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from aiohttp import web

from fukan import serve
from tests.fukan.command import fukan
from tests.patience import PATIENCE
from tests.servers.ports import free_ports


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("serve") / "var"
    assert fukan("init", "--directory", directory).status == 0
    return directory


@pytest.fixture
def var(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "var"))


@contextmanager
def served(var: Path, door: str, port: int) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "fukan", "serve", door, "--directory", str(var)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FUKAN_PORTAL__PORT": str(port)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def answers(url: str) -> int:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with urlopen(url, timeout=20) as answer:
                return int(answer.status)
        except OSError:
            assert time.monotonic() < end, "no answer"
            time.sleep(0.1)


def test_the_portal_runs_without_any_of_the_bots_keys(var: Path) -> None:
    shutil.rmtree(var / "keys" / "bot")
    (port,) = free_ports(1)
    with served(var, "portal", port) as process:
        assert answers(f"http://127.0.0.1:{port}/staff") == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_both_doors_stop_cleanly_although_no_mail_server_answers(var: Path) -> None:
    (port,) = free_ports(1)
    with served(var, "all", port) as process:
        assert answers(f"http://127.0.0.1:{port}/staff") == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


def test_the_log_holds_no_token(var: Path) -> None:
    (port,) = free_ports(1)
    with served(var, "portal", port) as process:
        answers(f"http://127.0.0.1:{port}/staff")
        with pytest.raises(URLError):
            urlopen(f"http://127.0.0.1:{port}/s/a-token-that-nobody-may-see", timeout=20)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    assert "GET" in log
    assert "a-token-that-nobody-may-see" not in log


@pytest.mark.parametrize("missing", ["bot/archive", "bot/passphrase", "shared/operator"])
def test_the_bot_names_the_key_that_is_missing(var: Path, missing: str) -> None:
    (var / "keys" / missing).unlink()
    ran = fukan("serve", "bot", "--directory", var)
    assert ran.status == 1
    assert missing in ran.err
    assert "Traceback" not in ran.err


def test_an_unknown_door_is_refused(var: Path) -> None:
    assert fukan("serve", "window", "--directory", var).status == 2


def test_a_taken_port_is_named(var: Path) -> None:
    (port,) = free_ports(1)
    with served(var, "portal", port):
        answers(f"http://127.0.0.1:{port}/staff")
        ran = fukan("serve", "portal", "--directory", var, FUKAN_PORTAL__PORT=str(port))
    assert ran.status == 1
    assert str(port) in ran.err


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"]
)
async def test_who_sends_nothing_more_is_hung_up_on(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    """Nothing at all, half a line, half a head, and silence after an answer."""
    monkeypatch.setattr(serve, "IDLE_SECONDS", 0.3)
    place = serve.listen("127.0.0.1", 0)
    async with serve.served(web.Application(), place):
        reader, writer = await asyncio.open_connection(*place.getsockname())
        writer.write(begun)
        async with asyncio.timeout(20):
            await reader.read()
        writer.close()


async def test_an_action_is_finished_although_the_visitor_has_gone() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def act(_request: web.Request) -> web.Response:
        began.set()
        await asyncio.sleep(0.3)
        ended.set()
        return web.Response()

    app, place = web.Application(), serve.listen("127.0.0.1", 0)
    app.router.add_get("/", act)
    async with serve.served(app, place):
        _, writer = await asyncio.open_connection(*place.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await began.wait()
        writer.transport.abort()
        async with asyncio.timeout(20):
            await ended.wait()
