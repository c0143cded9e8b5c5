"""What a date written by a person says: western or 和暦, with or without year and weekday.

A date that leaves room for doubt (来週中, 31日頃, a time of day) is refused, not rounded. Whether a date is too
late or too early for a deadline is orders.py's question.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Final

from envelopes.rules.errors import Reason, Refused

WEEKDAYS: Final = "月火水木金土日"
_LONGEST: Final = 60  # a date with its weekday; anything longer is prose
# Year 1 of an era is the year after its base (元号を改める政令: 平成 from 1989, 令和 from 2019).
_ERAS: Final = {"令和": 2018, "R": 2018, "平成": 1988, "H": 1988}
_TAIL: Final = (
    r"(?:\(?(?P<weekday>[月火水木金土日])(?:曜日?)?(?:・?祝日?)?\)?)?"
    r"(?:まで(?:に)?|迄|必着|限り?|締め?切り?)?"
)
_MONTH_DAY: Final = r"(?P<month>[0-9]{1,2})[月./-](?P<day>[0-9]{1,2})日?"
_FORMS: Final = (
    re.compile(
        rf"(?P<era>令和|平成|[RH])\.?(?P<year>元|[0-9]{{1,2}})[年./-]{_MONTH_DAY}{_TAIL}", re.IGNORECASE
    ),
    re.compile(rf"(?P<year>[0-9]{{4}})[年./-]{_MONTH_DAY}{_TAIL}"),
    re.compile(rf"(?P<year>[0-9]{{4}})(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}}){_TAIL}"),
    re.compile(rf"(?P<month>[0-9]{{1,2}})[月/](?P<day>[0-9]{{1,2}})日?{_TAIL}"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenDate:
    """A day, and the weekday written beside it ("" where none was), which may be a wrong one."""

    day: date
    weekday: str

    @property
    def weekday_right(self) -> bool:
        """No weekday was written, or the day's own."""
        return self.weekday in ("", WEEKDAYS[self.day.weekday()])


def parse_date(text: str, *, today: date) -> WrittenDate:
    """Return the day that *text* names; without a year the next such day, *today* included.

    Raises `Refused`: `DEADLINE_UNREADABLE`, or `DEADLINE_NOT_A_DATE` for a day that no calendar has.
    """
    compact = re.sub(r"\s", "", unicodedata.normalize("NFKC", text[:_LONGEST]))
    found = next((hit for form in _FORMS if (hit := form.fullmatch(compact))), None)
    if not found or len(text) > _LONGEST:
        raise Refused(Reason.DEADLINE_UNREADABLE)
    said = found.groupdict()
    month, day = int(said["month"]), int(said["day"])
    year = _year(said)
    found_day = _day(year, month, day) if year is not None else _next(month, day, today)
    return WrittenDate(day=found_day, weekday=said["weekday"] or "")


def _year(said: dict[str, str | None]) -> int | None:
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
