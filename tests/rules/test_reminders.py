"""On which days the town hall is open, and which reminder has come due."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.policy import Policy
from envelopes.rules.reminders import is_open, may_remind, notice_due, open_day_after

NOTICES = (7, 3, 1)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 8, 4), True),
        (date(2026, 8, 8), False),  # Saturday
        (date(2026, 8, 11), False),  # 山の日
        (date(2026, 9, 22), False),  # 国民の休日, between two holidays
        (date(2026, 12, 28), True),
        (date(2026, 12, 29), False),
        (date(2027, 1, 3), False),
        (date(2027, 1, 4), True),
        (date(2027, 3, 22), False),  # 振替休日
    ],
)
def test_the_town_hall_is_open_on_working_days(day: date, *, expected: bool) -> None:
    assert is_open(day) is expected


@pytest.mark.parametrize(("hour", "expected"), [(8, False), (9, True), (11, True), (12, False), (23, False)])
def test_people_are_reminded_in_the_morning(hour: int, *, expected: bool) -> None:
    at = datetime(2026, 8, 4, hour, 30, tzinfo=UTC) - timedelta(hours=9)
    assert may_remind(at, Policy()) is expected


def test_each_notice_comes_on_its_day_and_the_nearest_one_counts() -> None:
    asked, last = date(2026, 8, 3), date(2026, 8, 27)  # a Thursday
    on = {day: notice_due(last, NOTICES, since=asked, today=date(2026, 8, day)) for day in range(19, 28)}
    assert on == {19: None, 20: 7, 21: 7, 22: 7, 23: 7, 24: 3, 25: 3, 26: 1, 27: 1}


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        (date(2026, 8, 4), 5, date(2026, 8, 12)),  # 11 August is a holiday
        (date(2026, 12, 25), 3, date(2027, 1, 5)),
        (date(2027, 4, 28), 3, date(2027, 5, 7)),
        (date(2026, 8, 8), 1, date(2026, 8, 10)),
    ],
)
def test_open_days_are_counted_from_the_day_after(day: date, count: int, expected: date) -> None:
    assert open_day_after(day, count) == expected


def test_a_notice_on_a_closed_day_comes_on_the_open_day_before() -> None:
    last, asked = date(2026, 9, 24), date(2026, 9, 1)
    assert notice_due(last, (1,), since=asked, today=date(2026, 9, 17)) is None
    assert notice_due(last, (1,), since=asked, today=date(2026, 9, 18)) == 1


def test_who_was_asked_late_is_not_reminded_at_once() -> None:
    last = date(2026, 8, 20)
    assert notice_due(last, NOTICES, since=date(2026, 8, 17), today=date(2026, 8, 18)) is None
    assert notice_due(last, NOTICES, since=date(2026, 8, 17), today=date(2026, 8, 19)) == 1


def test_nobody_is_reminded_of_what_is_over() -> None:
    assert notice_due(date(2026, 8, 20), NOTICES, since=date(2026, 8, 1), today=date(2026, 8, 21)) is None


@given(st.dates(date(2026, 1, 1), date(2040, 1, 1)), st.integers(0, 40))
def test_no_deadline_has_more_reminders_than_notices(last: date, asked_before: int) -> None:
    asked = last - timedelta(days=asked_before)
    days = [asked + timedelta(days=n) for n in range(asked_before + 2)]
    given = [notice_due(last, NOTICES, since=asked, today=day) for day in days]
    told = [one for one in given if one is not None]
    assert told == sorted(told, reverse=True)
    assert len(set(told)) <= len(NOTICES)
    assert given[0] is None
