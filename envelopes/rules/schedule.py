"""When something is over, and when to try again. Days are Japanese days; instants are aware."""

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from envelopes.rules.policy import Policy

JST: Final = ZoneInfo("Asia/Tokyo")


def jst_day(at: datetime) -> date:
    """The day in Japan on which *at* falls."""
    return at.astimezone(JST).date()


def day_over(day: date) -> datetime:
    """A deadline is a day in Japan; it is over at the next 00:00."""
    return datetime.combine(day + timedelta(days=1), time(), JST)


def window_end(completed_at: datetime, policy: Policy) -> datetime:
    """Last second of the download window: 23:59:59 JST on its last day, the same in mail and page."""
    last = jst_day(completed_at) + timedelta(days=policy.download_days)
    return day_over(last) - timedelta(seconds=1)


def link_end(deadline: date, policy: Policy) -> datetime:
    """When a request's link stops explaining itself."""
    return day_over(deadline) + policy.link_grace


def retry_after(attempts: int, policy: Policy, jitter: float) -> timedelta:
    """Wait before attempt *attempts* + 1: doubled each time up to the cap; *jitter* 0–1 spreads it by ±20 %."""
    doubled = policy.retry_first * 2 ** min(max(attempts - 1, 0), 16)
    capped: timedelta = min(doubled, policy.retry_cap)
    return capped * (0.8 + 0.4 * jitter)
