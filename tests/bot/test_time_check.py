"""The clock against a time server: the difference is said, and only an answer that tells the time counts."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from bot import time_check
from bot.outcomes import Bearing
from envelopes.settings import Clock
from tests.servers.ports import free_ports
from tests.servers.sntp import TimeServer, serving


@pytest.fixture
def server() -> Iterator[TimeServer]:
    with serving(TimeServer()) as one:
        yield one


def settings(server: TimeServer) -> Clock:
    return Clock(server="127.0.0.1", port=server.port)


def now() -> datetime:
    return datetime.now(UTC)


async def test_a_clock_that_is_right_is_said_with_its_difference(server: TimeServer) -> None:
    outcome = await time_check.examine(settings(server), now)
    assert outcome.findings == ()
    assert "127.0.0.1 との差は" in outcome.notes[0]


@pytest.mark.parametrize("ahead", [-3600.0, -60.0, 60.0, 86_400.0])
async def test_a_clock_that_is_wrong_is_found(server: TimeServer, ahead: float) -> None:
    server.ahead = ahead
    (finding,) = (await time_check.examine(settings(server), now)).findings
    said = re.search(r"との差は ([+-]\d+\.\d\d) 秒", finding.what)
    assert said is not None
    assert abs(float(said[1]) + ahead) < 3
    assert "chrony" in finding.todo
    assert finding.bearing is Bearing.FAULT


def test_the_difference_is_that_of_the_clock_in_use(server: TimeServer) -> None:
    found = time_check.difference(settings(server), lambda: now() + timedelta(seconds=7))
    assert abs(found - timedelta(seconds=7)) < timedelta(seconds=3)


BROKEN = {
    "mode": {"head": 0x23},
    "leap": {"head": 0xE4},
    "stratum": {"stratum": 0},
    "origin": {"echoes": False},
}


@pytest.mark.parametrize("what", BROKEN)
async def test_an_answer_that_tells_no_time_is_no_finding(server: TimeServer, what: str) -> None:
    for name, value in BROKEN[what].items():
        setattr(server, name, value)
    outcome = await time_check.examine(settings(server), now)
    assert outcome.findings == ()
    assert "NoTime" in outcome.without


async def test_no_answer_and_no_server_are_no_finding() -> None:
    outcome = await time_check.examine(Clock(server="127.0.0.1", port=free_ports(1)[0]), now)
    assert outcome.findings == ()
    assert "比べていません" in outcome.without
    outcome = await time_check.examine(Clock(), now)
    assert outcome.findings == ()
    assert "clock.server" in outcome.without


def test_the_era_that_begins_in_2036_is_understood() -> None:
    assert time_check._instant(bytes(8)) == datetime(2036, 2, 7, 6, 28, 16, tzinfo=UTC)
    assert time_check._instant(b"\x83\xaa\x7e\x80" + bytes(4)) == datetime(1970, 1, 1, tzinfo=UTC)
