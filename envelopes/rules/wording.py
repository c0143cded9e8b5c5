"""Dates, times, money and sizes as people read them: the same words on pages and in mails. Japanese time throughout."""

from datetime import date, datetime
from typing import Final

from envelopes.rules.schedule import JST

WEEKDAYS: Final = "月火水木金土日"
KB: Final = 1000  # decimal, as the town's limits are: 6MB is 6,000,000 bytes
MB: Final = 1_000_000


def local(at: datetime) -> datetime:
    """An aware instant in Japan. Raises ValueError for one without a time zone."""
    if at.tzinfo is None:
        raise ValueError("an instant without a time zone")
    return at.astimezone(JST)


def jst_date(at: date) -> str:
    """2026年8月31日（月）; an aware instant counts by its date in Japan."""
    day = local(at) if isinstance(at, datetime) else at
    return f"{day.year}年{day.month}月{day.day}日（{WEEKDAYS[day.weekday()]}）"


def jst_time(at: datetime, *, seconds: bool = False) -> str:
    """14時32分 in Japan; with *seconds*, where the order may matter, 14時32分8秒."""
    there = local(at)
    tail = f"{there.second}秒" if seconds else ""
    return f"{there.hour}時{there.minute:02}分{tail}"


def jst_datetime(at: datetime, *, seconds: bool = False) -> str:
    """2026年8月31日（月）14時32分."""
    return jst_date(at) + jst_time(at, seconds=seconds)


def yen(amount: int) -> str:
    """12,980,000円."""
    return f"{amount:,}円"


def size(octets: int) -> str:
    """312KB, 7.2MB or 6MB, rounded up so that no limit looks kept that is not."""
    if octets < MB:
        return f"{-(-octets // KB)}KB"
    tenths = -(-octets * 10 // MB)
    return f"{tenths // 10}.{tenths % 10}MB".replace(".0MB", "MB")
