"""Limits, leases and counts that processes share."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from envelopes.records import counters
from envelopes.records.models import Access, Lease, Limit
from tests.engines import Engine, Town

pytestmark = pytest.mark.engines
NOW = datetime(2026, 4, 1, 9, 0, 0, 123457, UTC)
HOUR = timedelta(hours=1)


async def hits(
    times: int, *, events: int = 3, per: timedelta = HOUR, now: datetime = NOW, name: str = "n"
) -> int:
    return sum([await counters.allowed(name, events=events, per=per, now=now) for _ in range(times)])


async def test_all_events_may_come_at_once_and_not_one_more(engine: Engine) -> None:
    assert await hits(10) == 3
    assert await hits(1, name="other") == 1


async def test_one_event_comes_free_after_its_share_of_the_time(engine: Engine) -> None:
    await hits(3)
    assert await hits(1, now=NOW + timedelta(minutes=20) - timedelta(seconds=1)) == 0
    assert await hits(2, now=NOW + timedelta(minutes=20)) == 1
    assert await hits(9, now=NOW + timedelta(days=1)) == 3


async def test_what_was_refused_is_not_counted(engine: Engine) -> None:
    await hits(3)
    assert await hits(50, now=NOW + timedelta(minutes=1)) == 0
    assert await hits(1, now=NOW + timedelta(minutes=20)) == 1


@pytest.mark.parametrize("events", [1, 2, 3, 7, 10, 20, 30])
async def test_the_last_event_is_not_lost_to_rounding(engine: Engine, events: int) -> None:
    assert await hits(events + 2, events=events, per=timedelta(days=1), name=str(events)) == events


@pytest.mark.parametrize("events", [0, -1])
async def test_a_limit_of_none_allows_nothing(engine: Engine, events: int) -> None:
    assert await hits(2, events=events) == 0


async def test_a_clock_that_goes_back_frees_nothing(engine: Engine) -> None:
    await hits(3)
    assert await hits(3, now=NOW - timedelta(hours=5)) == 0


async def test_of_many_at_once_exactly_the_limit_gets_through(engine: Engine) -> None:
    found = await asyncio.gather(*(counters.allowed("n", events=10, per=HOUR, now=NOW) for _ in range(40)))
    assert sum(found) == 10


async def test_names_do_not_stand_in_the_table(engine: Engine) -> None:
    await hits(1, name="code:taro@mihon.example")
    (row,) = await Limit.all()
    assert "taro" not in row.key
    assert len(row.key) == 64


async def test_a_lease_has_one_holder_until_it_ends_or_is_given_back(engine: Engine) -> None:
    async def hold(who: str, now: datetime = NOW) -> bool:
        return await counters.hold("intake", who, now=now, lasting=HOUR)

    assert await hold("a")
    assert not await hold("b")
    assert await hold("a", NOW + timedelta(minutes=30))
    assert not await hold("b", NOW + HOUR)
    assert await hold("b", NOW + timedelta(minutes=90))
    await counters.release("intake", "a")
    assert not await hold("a", NOW + timedelta(minutes=91))
    await counters.release("intake", "b")
    assert await hold("a", NOW + timedelta(minutes=91))


async def test_of_many_that_reach_for_a_lease_one_holds_it(engine: Engine) -> None:
    found = await asyncio.gather(*(counters.hold("x", str(n), now=NOW, lasting=HOUR) for n in range(10)))
    assert sum(found) == 1
    assert await Lease.all().count() == 1


async def test_openings_are_counted_by_day_up_to_a_cap(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    one = (await town.draft()).signers[0]
    monkeypatch.setattr(counters, "ACCESSES_A_DAY", 3)
    await asyncio.gather(*(counters.count_access(one.id, "landing", date(2026, 4, 1)) for _ in range(5)))
    await counters.count_access(one.id, "landing", date(2026, 4, 2))
    rows = await Access.all().order_by("day")
    assert [row.count for row in rows] == [3, 1]


async def test_many_events_are_counted_at_once(engine: Engine) -> None:
    assert await counters.allowed("bytes", events=100, per=24 * HOUR, now=NOW, count=60)
    assert not await counters.allowed("bytes", events=100, per=24 * HOUR, now=NOW, count=60)
    assert await counters.allowed("bytes", events=100, per=24 * HOUR, now=NOW, count=40)


async def test_of_several_limits_all_are_counted_or_none(engine: Engine) -> None:
    limits = [("wide", 3, HOUR), ("narrow", 1, HOUR)]
    assert [await counters.full(limits, now=NOW) for _ in range(5)] == [None, 1, 1, 1, 1]
    # Only the first call counted.
    assert await hits(5, name="wide") == 2
    assert await counters.full(limits, now=NOW) == 0
