"""Dates, times, money and sizes as people read them: the same words on pages and in mails. Japanese time throughout.

`Wording` knows how one reader wants them: in which language, and in Japanese with which years. The functions below it
write Japanese with western years, for whatever knows no reader: the history, certificates, the command line.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from envelopes.rules.schedule import JST

WEEKDAYS: Final = "月火水木金土日"
KB: Final = 1000  # decimal, as the town's limits are: 6MB is 6,000,000 bytes
MB: Final = 1_000_000
_MANY: Final = 5  # documents: with more, a button below their list is out of sight
_QUICK: Final = 50  # pages

# The first day of each era and the year before its year 1. 元号を改める政令: 令和 on 2019-05-01, 平成 on 1989-01-08,
# 昭和 on 1926-12-25. A date before these keeps its western year.
_ERAS: Final = (
    (date(2019, 5, 1), "令和", 2018),
    (date(1989, 1, 8), "平成", 1988),
    (date(1926, 12, 25), "昭和", 1925),
)
# Not the process's locale: English is the same on every server.
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Language(StrEnum):
    """The languages of pages and mails. Japanese is that of the sources."""

    JAPANESE = "ja"
    ENGLISH = "en"


class Dates(StrEnum):
    """How Japanese dates name the year: 2026年, 令和8年, or 2026年（令和8年）."""

    WESTERN = "western"
    WAREKI = "wareki"
    BOTH = "both"


def spoken(code: str) -> Language:
    """The language of *code*; Japanese for any that is not spoken here."""
    return Language(code) if code in set(Language) else Language.JAPANESE


def local(at: datetime) -> datetime:
    """An aware instant in Japan. Raises ValueError for one without a time zone."""
    if at.tzinfo is None:
        raise ValueError("an instant without a time zone")
    return at.astimezone(JST)


def _day(at: date) -> date:
    return local(at).date() if isinstance(at, datetime) else at


def wareki(day: date) -> str:
    """令和8年, 令和元年; 1925年 for a day before the eras that people still write."""
    for first, era, before in _ERAS:
        if day >= first:
            year = day.year - before
            return f"{era}{'元' if year == 1 else year}年"
    return f"{day.year}年"


def _year(day: date, dates: Dates) -> str:
    western, era = f"{day.year}年", wareki(day)
    if dates is Dates.WESTERN or era == western:
        return western
    return era if dates is Dates.WAREKI else f"{western}（{era}）"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How one reader wants dates, times, money and sizes written. English has western years alone."""

    language: Language = Language.JAPANESE
    dates: Dates = Dates.WESTERN

    @property
    def _english(self) -> bool:
        return self.language is Language.ENGLISH

    def day(self, at: date) -> str:
        """2026年8月31日（月）, 31 August 2026 (Mon); an aware instant counts by its date in Japan."""
        return "".join(self.day_parts(at))

    def day_parts(self, at: date) -> tuple[str, ...]:
        """What `day` says, in the parts between which a line may break: with both years it is long for a phone."""
        on = _day(at)
        if self._english:
            return (f"{on.day} {_MONTHS[on.month - 1]} {on.year} ({_DAYS[on.weekday()]})",)
        parts = (_year(on, self.dates), self.month_day(on))
        return parts if self.dates is Dates.BOTH else ("".join(parts),)

    def month_day(self, at: date) -> str:
        """8月31日（月）, 31 August (Mon): for subjects of mails, where there is little room."""
        on = _day(at)
        if self._english:
            return f"{on.day} {_MONTHS[on.month - 1]} ({_DAYS[on.weekday()]})"
        return f"{on.month}月{on.day}日（{WEEKDAYS[on.weekday()]}）"

    def clock(self, at: datetime, *, seconds: bool = False) -> str:
        """14時32分, 14:32 JST; with *seconds*, where the order may matter, 14時32分8秒."""
        there = local(at)
        if self._english:
            return f"{there:%H:%M:%S} JST" if seconds else f"{there:%H:%M} JST"
        tail = f"{there.second}秒" if seconds else ""
        return f"{there.hour}時{there.minute:02}分{tail}"

    def instant(self, at: datetime, *, seconds: bool = False) -> str:
        """2026年8月31日（月）14時32分, 31 August 2026 (Mon) 14:32 JST."""
        return self.day(at) + self.gap + self.clock(at, seconds=seconds)

    def second(self, at: datetime) -> str:
        """An instant with its seconds: for signatures, where the order may matter."""
        return self.instant(at, seconds=True)

    @property
    def gap(self) -> str:
        """What stands between two sentences, or a date and its time."""
        return " " if self._english else ""

    def yen(self, amount: int) -> str:
        """12,980,000円, ¥12,980,000."""
        return f"¥{amount:,}" if self._english else f"{amount:,}円"

    def size(self, octets: int) -> str:
        """312KB, 7.2MB or 6MB, rounded up so that no limit looks kept that is not; in English 312 KB."""
        if octets < MB:
            return f"{-(-octets // KB)}{self.gap}KB"
        tenths = -(-octets * 10 // MB)
        return f"{tenths // 10}.{tenths % 10}".removesuffix(".0") + f"{self.gap}MB"


_PLAIN: Final = Wording()
jst_date = _PLAIN.day
jst_time = _PLAIN.clock
jst_datetime = _PLAIN.instant
yen = _PLAIN.yen
size = _PLAIN.size


def are_many(documents: int) -> bool:
    """Whether so many documents are listed after what there is to do, not before it."""
    return documents > _MANY


def are_quick(pages: int) -> bool:
    """Whether so many pages are read in the five minutes that mail and page promise."""
    return pages <= _QUICK
