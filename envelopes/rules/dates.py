"""What a date or a span of time written by a person says: western or 和暦, with or without year and weekday.

A date that leaves room for doubt (来週中, 31日頃) is refused, not rounded, and so is a time of day. Whether a date is
too late or too early for a deadline is orders.py's question.
"""

import calendar
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from envelopes.rules.errors import Reason, Refused

WEEKDAYS: Final = "月火水木金土日"
_LONGEST: Final = 60  # a date with its weekday; anything longer is prose
_LONGEST_SPAN: Final = 120  # two dates and the words between them
# Year 1 of an era is the year after its base (元号を改める政令: 平成 from 1989, 令和 from 2019).
_ERAS: Final = {"令和": 2018, "R": 2018, "平成": 1988, "H": 1988}
_FISCAL_END: Final = (3, 31)  # 地方自治法208条: the fiscal year ends on 31 March
_MONTHS: Final = 12
_FAR: Final = timedelta(days=275)  # nobody leaves the year out of a day so far ahead, but of one just passed
_Said = Mapping[str, str | None]

_TAIL: Final = (
    r"(?:[(【\[]?(?P<weekday>[月火水木金土日])(?:曜日?)?(?:・?祝日?)?[)】\]]?)?"
    r"(?:中(?:に)?|いっぱい)?(?:まで(?:に)?|迄|必着|限り?|締め?切り?|〆切?)?(?:厳守|必着)?"
    r"(?:です|(?:で|に)?(?:よろしく|宜しく)?お願い(?:し|いたし|致し)ます)?。?"
)
_TIME_OF_DAY: Final = re.compile(r"[0-9]{1,2}時|[0-9]{1,2}:[0-9]{2}|正午|午前|午後")
_ERA_YEAR: Final = r"(?P<era>令和|平成|[RH])\.?(?P<year>元|[0-9]{1,2})"
_MONTH_DAY: Final = r"(?P<month>[0-9]{1,2})[月./-](?P<day>[0-9]{1,2})日?"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenDate:
    """A day, and the weekday written beside it ("" where none was), which may be a wrong one.

    `doubtful`: written without a year, and so far ahead that the same day a year earlier may be meant.
    """

    day: date
    weekday: str
    doubtful: bool = False

    @property
    def weekday_right(self) -> bool:
        """No weekday was written, or the day's own."""
        return self.weekday in ("", WEEKDAYS[self.day.weekday()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From the first day to the last, both included. Where no first day is named it counts from `written`."""

    start: date | None
    end: date
    written: date

    def exceeds(self, years: int) -> bool:
        """Whether it is longer than *years*: 1 April to 31 March ten years later is not longer than ten."""
        return self.end >= _years_later(self.start or self.written, years)


def parse_date(text: str, *, today: date, nearest: bool = False) -> WrittenDate:
    """Return the day that *text* names; without a year the next such day, *today* included.

    With *nearest* it is the nearest such day, before *today* or after.

    Raises `Refused`: `DEADLINE_UNREADABLE`, `DEADLINE_TIME` for a time of day (a deadline is a day, and ends with it),
    or `DEADLINE_NOT_A_DATE` for a day that no calendar has.
    """
    compact = _compact(text, _LONGEST)
    for form, resolve in _FORMS:
        if found := form.fullmatch(compact):
            said = found.groupdict()
            yearless = bool(said.get("month")) and not (said.get("year") or said.get("western"))
            day = _nearest(resolve, said, today) if yearless and nearest else resolve(said, today)
            doubtful = yearless and day - today > _FAR
            return WrittenDate(day=day, weekday=said.get("weekday") or "", doubtful=doubtful)
    raise Refused(Reason.DEADLINE_TIME if _TIME_OF_DAY.search(compact) else Reason.DEADLINE_UNREADABLE)


def parse_deadline(text: str, *, today: date) -> date:
    """Return the day to which a deadline is to be moved: from *today* on, and not where the weekday is wrong.

    Raises `Refused` as `parse_date` does, `WEEKDAY_MISMATCH`, and `DEADLINE_PAST` for a day without a year that is over
    this year.
    """
    written = parse_date(text, today=today)
    if not written.weekday_right:
        day = written.day
        words, right = f"{day.year}年{day.month}月{day.day}日", WEEKDAYS[day.weekday()]
        raise Refused(Reason.WEEKDAY_MISMATCH, date=words, said=written.weekday, right=right)
    if written.doubtful:
        raise Refused(Reason.DEADLINE_PAST)
    return written.day


def parse_span(text: str, *, today: date) -> Span:
    """Return what a 履行期間 says: `…から…まで`, `…から3年間`, `10年間`.

    A beginning without a year is the nearest such day; one that is no date (契約締結日) is left open. Raises `Refused`
    as `parse_date` does.
    """
    compact = _LENGTH_BESIDE.sub("", _compact(text, _LONGEST_SPAN))
    found = _SPAN.fullmatch(compact)
    left, right = (found["left"], found["right"]) if found else ("", compact)
    start = _day_or_none(_whole_months(left, first=True), today)
    if length := _LENGTH.fullmatch(right):
        end = _after(start or today, int(length["number"]), length["unit"])
    else:
        end = _end_of_span(_whole_months(right, first=False), start or today)
    if end < (start or end):
        raise Refused(Reason.DEADLINE_NOT_A_DATE)
    return Span(start=start, end=end, written=today)


def _compact(text: str, longest: int) -> str:
    """NFKC without blanks. Raises `Refused` for prose."""
    if len(text) > longest:
        raise Refused(Reason.DEADLINE_UNREADABLE)
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


# Single days


def _calendar(said: _Said, today: date) -> date:
    month, day = int(said["month"] or 0), int(said["day"] or 0)
    year = _year(said)
    return _day(year, month, day) if year is not None else _next(month, day, today)


def _year(said: _Said) -> int | None:
    """The western year, `None` where none is written; 0, which no date has, for an era's year 0."""
    written, era = said.get("year"), said.get("era")
    if written is None:
        return None
    number = 1 if written == "元" else int(written)
    if not era:
        return number
    return _ERAS[era.upper()] + number if number else 0


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError as error:
        raise Refused(Reason.DEADLINE_NOT_A_DATE) from error


def _next(month: int, day: int, today: date) -> date:
    passed = (month, day) < (today.month, today.day)
    return _day(today.year + 1 if passed else today.year, month, day)


def _nearest(resolve: Callable[[_Said, date], date], said: _Said, today: date) -> date:
    """The nearer of the next such day and the last one; Refused where no calendar has either."""
    found = []
    for since in (today, _months_later(today, -_MONTHS)):
        try:
            found.append(resolve(said, since))
        except Refused as refused:
            none = refused
    if not found:
        raise none
    return min(found, key=lambda day: abs(day - today))


def _month_end(said: _Said, today: date) -> date:
    month = int(said["month"] or 0)
    year = _year(said)
    if year is None:
        year = today.year + 1 if month < today.month else today.year
    return _end_of(year, month)


def _end_of(year: int, month: int) -> date:
    _day(year, month, 1)
    return date(year, month, calendar.monthrange(year, month)[1])


def _in_near_month(said: _Said, today: date) -> date:
    """今月末, 来月末, 来月10日. A bare 月末 is this month's."""
    later = 1 if said["which"] in ("来", "翌") else 0
    year, month = divmod(today.year * _MONTHS + today.month - 1 + later, _MONTHS)
    day = said["day"]
    return _day(year, month + 1, int(day)) if day else _end_of(year, month + 1)


def _fiscal_year_end(_said: _Said, today: date) -> date:
    return _next(*_FISCAL_END, today)


def _in_days(said: _Said, today: date) -> date:
    return _after(today, int(said["number"] or 0), said["unit"] or "日", last=False)


_FORMS: Final[tuple[tuple[re.Pattern[str], Callable[[_Said, date], date]], ...]] = (
    (re.compile(rf"{_ERA_YEAR}[年./-]{_MONTH_DAY}{_TAIL}", re.IGNORECASE), _calendar),
    (re.compile(rf"(?P<year>[0-9]{{4}})[年./-]{_MONTH_DAY}{_TAIL}"), _calendar),
    (re.compile(rf"(?P<year>[0-9]{{4}})(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}}){_TAIL}"), _calendar),
    (re.compile(rf"(?P<month>[0-9]{{1,2}})[月/](?P<day>[0-9]{{1,2}})日?{_TAIL}"), _calendar),
    (
        re.compile(rf"(?:(?:{_ERA_YEAR}|(?P<western>[0-9]{{4}}))年)?(?P<month>[0-9]{{1,2}})月末日?{_TAIL}"),
        lambda said, today: _month_end({**said, "year": said["year"] or said["western"]}, today),
    ),
    (re.compile(rf"(?P<which>今|来|翌|当)月(?:末日?|(?P<day>[0-9]{{1,2}})日){_TAIL}"), _in_near_month),
    (re.compile(rf"(?P<which>)月末日?(?P<day>){_TAIL}"), _in_near_month),
    (re.compile(rf"(?:今|本)?年度(?:末|内){_TAIL}"), _fiscal_year_end),
    (
        re.compile(
            r"(?:(?:本日|今日|受付日?|送信日?)(?:から|より))?(?P<number>[0-9]{1,3})(?P<unit>日|週間|[かヶカヵケ]月)(?:間)?"
            r"(?:以内|後)(?:に|です|まで)?。?"
        ),
        _in_days,
    ),
)


# Spans


_SPAN: Final = re.compile(
    r"自?(?P<left>[^~〜―–—至]{0,60}?)(?:から|より|[~〜―–—]|至|(?<=[0-9日])-(?=令和|R|[0-9]{4}))(?P<right>.+?)(?:まで)?",
    re.IGNORECASE,
)
_LENGTH: Final = re.compile(
    r"(?P<number>[0-9]{1,3})(?P<unit>[かヶカヵケ箇]?年|[かヶカヵケ箇]月|週|日)(?:間|以内)?(?:\([^()]*\))?"
)
# How long it is, beside its two days.
_LENGTH_BESIDE: Final = re.compile(
    r"(?<=[日末まで])\([0-9]{1,5}(?:日|[かヶカヵケ箇]月|[かヶカヵケ箇]?年)間?\)$"
)
_MONTH: Final = re.compile(rf"(?:{_ERA_YEAR}|[0-9]{{4}})年[0-9]{{1,2}}月", re.IGNORECASE)
_FISCAL_YEAR: Final = re.compile(rf"(?:{_ERA_YEAR}|(?P<western>[0-9]{{4}}))年度末?", re.IGNORECASE)


def _whole_months(written: str, *, first: bool) -> str:
    """*written* with its first or last day, where it names a month or a fiscal year (1 April to 31 March)."""
    if _MONTH.fullmatch(written):
        return written + ("1日" if first else "末日")
    if found := _FISCAL_YEAR.fullmatch(written):
        year = _year({**found.groupdict(), "year": found["year"] or found["western"]}) or 0
        return f"{year}年4月1日" if first else f"{year + 1}年3月31日"
    return written


def _end_of_span(written: str, start: date) -> date:
    """The last day; 翌年 is the year after the one of *start*."""
    if written.startswith("翌年"):
        written = f"{start.year + 1}年{written.removeprefix('翌年')}"
    return parse_date(written, today=start).day


def _day_or_none(text: str, today: date) -> date | None:
    try:
        return parse_date(text, today=today, nearest=True).day
    except Refused:
        return None


def _after(start: date, number: int, unit: str, *, last: bool = True) -> date:
    """The day *number* units after *start*; *last*: the last day of a span of that length instead."""
    match "年" if unit.endswith("年") else unit[0]:
        case "年":
            end = _years_later(start, number)
        case "日":
            end = start + timedelta(days=number)
        case "週":
            end = start + timedelta(weeks=number)
        case _:
            end = _months_later(start, number)
    return end - timedelta(days=1) if last else end


def _years_later(day: date, years: int) -> date:
    return _months_later(day, years * _MONTHS)


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or the month's last day where it has no such day (民法143条2項)."""
    year, month = divmod(day.year * _MONTHS + day.month - 1 + months, _MONTHS)
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
