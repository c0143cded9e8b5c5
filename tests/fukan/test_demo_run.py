"""`fukan demo` as a newcomer runs it: one process, ready soon, stopped by Ctrl-C, going on where it was."""

import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from fukan.demo import cast
from tests.fukan.command import fukan
from tests.patience import PATIENCE
from tests.servers.ports import free_ports

START = re.compile(r"http://127\.0\.0\.1:\d+/")


class Demo:
    """A demo that is ready."""

    def __init__(self, process: subprocess.Popen[str], ports: list[int], seconds: float) -> None:
        self.process = process
        self.portal, self.pages, self.smtp, self.imap = ports
        self.seconds = seconds

    def page(self, path: str) -> str:
        with urlopen(f"http://127.0.0.1:{self.pages}{path}", timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def _words(directory: Path, ports: list[int]) -> list[str]:
    names = ("--port", "--mail-port", "--smtp-port", "--imap-port")
    pairs = [f"{name}={port}" for name, port in zip(names, ports, strict=True)]
    return ["demo", "--directory", str(directory), *pairs]


@contextmanager
def demo(directory: Path, ports: list[int]) -> Iterator[Demo]:
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "fukan", *_words(directory, ports)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "default"},
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if START.search(line):
                    break
            else:
                assert process.stderr is not None
                pytest.fail(process.stderr.read())
            yield Demo(process, ports, time.monotonic() - began)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which a demo has been started and stopped once, with one mail in it."""
    directory = tmp_path_factory.mktemp("demo") / "var"
    with demo(directory, free_ports(4)) as running:
        with smtplib.SMTP("127.0.0.1", running.smtp) as line:
            mail = b"From: a@a.example\r\nTo: b@b.example\r\nSubject: kept\r\n\r\nkept\r\n"
            line.sendmail("a@a.example", ["b@b.example"], mail)
        assert running.stop(signal.SIGINT) == 0
    return directory


@pytest.mark.alone
def test_the_second_start_is_quick_and_goes_on_where_the_first_stopped(made: Path) -> None:
    with demo(made, free_ports(4)) as running:
        assert running.seconds < 15
        assert "kept" in running.page("/mailboxes/b@b.example")
        assert running.stop(signal.SIGTERM) == 0


def test_everybody_is_there_and_can_use_the_authenticator(made: Path) -> None:
    with demo(made, free_ports(4)) as running:
        assert cast.KITAZAWA.password in running.page("/")
        digits = re.findall(r"\b\d{3}\s?\d{3}\b", running.page("/authenticator"))
        assert len(digits) >= len(cast.STAFF)
        with urlopen(f"http://127.0.0.1:{running.portal}/staff", timeout=PATIENCE) as answer:
            assert answer.status == 200


def test_a_start_again_seeds_nobody_twice(made: Path) -> None:
    listed = fukan("staff", "list", "--directory", made).out.splitlines()
    assert [line.split("\t")[4] for line in listed] == ["登録済み"] * len(cast.STAFF)
    contacts = fukan("registry", "list", "--directory", made).out.splitlines()
    assert sorted(line.split("\t")[5] for line in contacts) == ["1"] * len(cast.EVERYBODY)


def test_seeded_staff_get_no_link_that_would_enrol_them_again(made: Path) -> None:
    with demo(made, free_ports(4)) as running:
        assert cast.NAKAMURA.address not in re.findall(r"/mailboxes/([^\"?]+)", running.page("/mailboxes"))


@pytest.mark.parametrize("place", range(4))
def test_a_port_that_is_taken_is_named(made: Path, place: int) -> None:
    ports = free_ports(4)
    with socket.create_server(("127.0.0.1", ports[place])):
        ran = fukan(*_words(made, ports))
    assert ran.status == 1
    assert f"{ports[place]}" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_the_demo_does_not_start_off_loopback(tmp_path: Path, host: str) -> None:
    ran = fukan(*_words(tmp_path / "var", free_ports(4)), FUKAN_PORTAL__HOST=host)
    assert ran.status == 1
    assert "127.0.0.1" in ran.err
    assert not (tmp_path / "var" / "keys").exists()


def test_a_real_installation_does_not_become_a_demo(tmp_path: Path) -> None:
    (tmp_path / "fukan.toml").write_text('[town]\nname = "村"\n', encoding="utf-8")
    ran = fukan(*_words(tmp_path, free_ports(4)))
    assert ran.status == 1
    assert "見本の環境ではありません" in ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fukan.toml"]
