"""Whose turn it is: evenly spaced for each domain, a few at once, nothing while the login is refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.pace import Pace, mails_a_minute
from envelopes.rules.policy import Policy, minutes

NOW = datetime(2026, 8, 4, 5, 21, tzinfo=UTC)
CARRIER = "docomo.ne.jp"


@pytest.mark.parametrize(
    ("domain", "count"),
    [("kensetsu.example", 300), (CARRIER, 20), ("x.ezweb.ne.jp", 20), ("slow.example", 3)],
)
def test_a_carrier_gets_fewer_and_a_listed_domain_what_the_list_says(domain: str, count: int) -> None:
    assert mails_a_minute(domain, Policy(mails_a_minute_by_domain=(("Slow.example", 3),))) == count


def test_a_burst_to_a_carrier_is_spread_and_others_do_not_wait_for_it() -> None:
    pace = Pace(Policy())
    waits = [pace.wait(str(n), CARRIER, NOW) for n in range(12)]
    assert waits[:5] == [timedelta()] * 5
    assert waits[5:] == [timedelta(seconds=3 * n) for n in range(1, 8)]
    assert not pace.wait("other", "kensetsu.example", NOW)
    assert not pace.wait("another carrier", "softbank.ne.jp", NOW)


def test_a_mail_that_waited_goes_when_its_turn_has_come_and_not_before() -> None:
    pace = Pace(Policy(mails_a_minute_by_domain=(("slow.example", 1),)))
    assert not pace.wait("first", "slow.example", NOW)
    assert pace.wait("second", "slow.example", NOW) == minutes(1)
    assert pace.wait("second", "slow.example", NOW + timedelta(seconds=59)) == timedelta(seconds=1)
    assert not pace.wait("second", "slow.example", NOW + minutes(1))
    assert pace.wait("third", "slow.example", NOW + minutes(1)) == minutes(1)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 90), max_size=60), st.integers(1, 40))
def test_no_minute_sees_more_than_a_minutes_mails_and_those_at_once(gaps: list[int], count: int) -> None:
    pace, now, sent = Pace(Policy(mails_a_minute_by_domain=(("a.example", count),))), NOW, []
    for n, gap in enumerate(gaps):
        now += timedelta(seconds=gap)
        sent.append(now + pace.wait(str(n), "a.example", now))
    for first in sent:
        assert sum(first <= at < first + minutes(1) for at in sent) <= count + max(count // 4, 1)


def test_a_refused_login_stops_everything_for_a_while() -> None:
    pace = Pace(Policy())
    pace.shut_for_a_while(NOW)
    assert pace.shut(NOW) == pace.wait("1", "kensetsu.example", NOW) == minutes(5)
    assert not pace.shut(NOW + minutes(5))
    assert not pace.wait("1", "kensetsu.example", NOW + minutes(5))
