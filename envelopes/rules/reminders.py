"""When people are reminded, and when the town hall is open. Days are Japanese days.

Whom to remind, and that it happens once, is decided in `envelopes.actions.worker.reminding`.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

import holidays

from envelopes.rules.policy import Policy
from envelopes.rules.schedule import JST

_SATURDAY: Final = 5
_YEAR_END: Final = (
    (12, 29),
    (1, 3),
)  # 地方自治法4条の2: municipal offices are closed from the first to the second


@lru_cache(maxsize=8)
def _national(year: int) -> frozenset[date]:
    """The national holidays of *year* (国民の祝日に関する法律), substitutes among them."""
    return frozenset(holidays.country_holidays("JP", years=year))


def is_open(day: date) -> bool:
    """Whether the town hall is open on *day*."""
    first, last = _YEAR_END
    closed = (day.month, day.day) >= first or (day.month, day.day) <= last
    return day.weekday() < _SATURDAY and not closed and day not in _national(day.year)


def open_day_after(day: date, count: int) -> date:
    """The *count*th day after *day* on which the town hall is open."""
    while count:
        day += timedelta(days=1)
        count -= is_open(day)
    return day


def may_remind(now: datetime, policy: Policy) -> bool:
    """Whether mails that need no hurry go out now: in the morning of an open day."""
    there, (first, end) = now.astimezone(JST), policy.remind_hours
    return is_open(there.date()) and first <= there.hour < end


def notice_due(last_day: date, notices: Sequence[int], *, since: date, today: date) -> int | None:
    """Return the nearest of *notices* (days before *last_day*) that has come due, or None.

    A notice that falls on a closed day is given on the open day before. One whose day had come when the reader was
    first written to (*since*) is not given at all.
    """
    if today > last_day:
        return None
    due = [days for days in notices if since < open_before(last_day - timedelta(days=days)) <= today]
    return min(due, default=None)


def open_before(day: date) -> date:
    """Return *day* if the town hall is open then, else the last open day before it."""
    while not is_open(day):
        day -= timedelta(days=1)
    return day
