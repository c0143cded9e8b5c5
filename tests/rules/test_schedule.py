"""Days in Japan, to the second."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.policy import Policy
from envelopes.rules.schedule import JST, day_over, jst_day, link_end, retry_after, window_end

POLICY = Policy()


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 3, 31, 14, 59, 59, 999999, UTC), date(2026, 3, 31)),
        (datetime(2026, 3, 31, 15, 0, tzinfo=UTC), date(2026, 4, 1)),
        (datetime(2026, 4, 1, 0, 0, tzinfo=JST), date(2026, 4, 1)),
        (datetime(2026, 12, 31, 23, 59, tzinfo=JST), date(2026, 12, 31)),
    ],
)
def test_a_day_is_a_day_in_japan(at: datetime, day: date) -> None:
    assert jst_day(at) == day


def test_a_deadline_is_over_at_the_next_midnight_in_japan() -> None:
    assert day_over(date(2026, 4, 30)) == datetime(2026, 4, 30, 15, tzinfo=UTC)
    assert jst_day(day_over(date(2026, 4, 30)) - timedelta(microseconds=1)) == date(2026, 4, 30)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_window_ends_in_the_last_second_of_the_fourteenth_day(at: datetime) -> None:
    end = window_end(at, POLICY).astimezone(JST)
    assert (end.hour, end.minute, end.second, end.microsecond) == (23, 59, 59, 0)
    assert end.date() - jst_day(at) == timedelta(days=14)
    assert timedelta(days=14) - timedelta(seconds=1) <= end - at <= timedelta(days=15)


def test_a_link_explains_itself_for_thirty_days_after_the_deadline() -> None:
    assert link_end(date(2026, 4, 30), POLICY) == datetime(2026, 5, 31, tzinfo=JST)


@given(st.integers(-1, 10_000), st.floats(0, 1))
def test_waits_double_to_the_cap_and_never_pass_it_by_more_than_a_fifth(attempts: int, jitter: float) -> None:
    wait = retry_after(attempts, POLICY, jitter)
    assert POLICY.retry_first * 0.8 <= wait <= POLICY.retry_cap * 1.2


def test_waits_without_jitter() -> None:
    assert [retry_after(n, POLICY, 0.5) for n in (1, 2, 3)] == [timedelta(minutes=n) for n in (1, 2, 4)]
    assert retry_after(99, POLICY, 0.5) == POLICY.retry_cap
