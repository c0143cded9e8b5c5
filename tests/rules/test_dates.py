"""Dates as people write them in mails."""

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.dates import WEEKDAYS, parse_date, parse_deadline, parse_span
from envelopes.rules.errors import Reason, Refused

TODAY = date(2026, 8, 4)
END = date(2026, 8, 31)
READABLE = {
    "令和8年8月31日": END,
    "令和８年８月３１日（月）": END,
    "令和 8年 8月 31日": END,
    "R8.8.31": END,
    "Ｒ８．８．３１": END,
    "r8/8/31": END,
    "R8-8-31": END,
    "平成38年8月31日": END,
    "2026/8/31": END,
    "2026-08-31": END,
    "2026.8.31": END,
    "２０２６年８月３１日": END,
    "20260831": END,
    "8月31日": END,
    "8月31日まで": END,
    "8/31（月）まで": END,
    "８／３１": END,
    "2026年8月31日月曜日": END,
    "8月31日（月）必着": END,
    "8月31日(月・祝)": END,
    "8月31日【月】": END,
    "8月31日（月）中": END,
    "8月31日厳守": END,
    "8月31日までにお願いします。": END,
    "8月31日です": END,
    "8月31日〆切": END,
    "４週間以内": date(2026, 9, 1),
    "１ヵ月以内": date(2026, 9, 4),
    "1/15": date(2027, 1, 15),
    "8月4日": TODAY,
    "8月3日": date(2027, 8, 3),
    "令和元年5月1日": date(2019, 5, 1),
}


@pytest.mark.parametrize(("written", "day"), READABLE.items())
def test_written_date_is_read(written: str, day: date) -> None:
    assert parse_date(written, today=TODAY).day == day


@pytest.mark.parametrize(
    "written",
    [
        "来週中",
        "なるべく早く",
        "8月31日頃",
        "31日",
        "26/8/31",
        "8.31",
        "昭和101年8月31日",
        "",
        "8月",
        "2026年8月31日または9月1日",
        "٨月٣١日",
        "9" * 100,
    ],
)
def test_doubtful_date_is_refused(written: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_date(written, today=TODAY)
    assert refusal.value.reason is Reason.DEADLINE_UNREADABLE


@pytest.mark.parametrize(
    "written",
    ["8月31日17時", "８月３１日１７時まで", "8/31 17:00", "8月31日正午", "8月31日（月）午後5時まで"],
)
def test_a_time_of_day_is_refused_as_such(written: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_date(written, today=TODAY)
    assert refusal.value.reason is Reason.DEADLINE_TIME


@pytest.mark.parametrize(
    ("written", "start", "end"),
    [
        ("令和8年8月20日から令和9年3月19日まで（212日間）", date(2026, 8, 20), date(2027, 3, 19)),
        ("R8.8.20-R9.3.19", date(2026, 8, 20), date(2027, 3, 19)),
        ("2026/8/20-2027/3/19", date(2026, 8, 20), date(2027, 3, 19)),
        ("2026-08-20～2027-03-19", date(2026, 8, 20), date(2027, 3, 19)),
        ("令和8年9月1日から5か年", date(2026, 9, 1), date(2031, 8, 31)),
        ("令和8年9月1日から翌年3月31日まで", date(2026, 9, 1), date(2027, 3, 31)),
        ("令和8年4月～令和19年3月", date(2026, 4, 1), date(2037, 3, 31)),
        ("令和8年度から令和18年度まで", date(2026, 4, 1), date(2037, 3, 31)),
    ],
)
def test_a_period_is_read_as_clerks_write_it(written: str, start: date, end: date) -> None:
    span = parse_span(written, today=TODAY)
    assert (span.start, span.end) == (start, end)


@pytest.mark.parametrize(
    "written", ["令和8年2月30日", "2026/13/1", "2月29日", "0000/1/1", "令和0年1月1日", "20260231"]
)
def test_day_that_no_calendar_has_is_refused(written: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_date(written, today=TODAY)
    assert refusal.value.reason is Reason.DEADLINE_NOT_A_DATE


def test_wrong_weekday_is_seen_and_the_right_one_is_not_reported() -> None:
    assert not parse_date("8月31日（火）", today=TODAY).weekday_right
    assert parse_date("8月31日（月）", today=TODAY).weekday_right
    assert parse_date("8月31日", today=TODAY).weekday_right


@pytest.mark.parametrize(
    ("written", "doubtful"),
    [
        ("8月3日", True),
        ("7月末", True),
        ("8/4", False),
        ("4/30", False),
        ("2027年8月3日", False),
        ("2027年7月末", False),
    ],
)
def test_a_day_without_a_year_that_has_just_passed_is_doubtful(written: str, *, doubtful: bool) -> None:
    assert parse_date(written, today=TODAY).doubtful is doubtful


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("8月3日", date(2026, 8, 3)),
        ("8月4日", TODAY),
        ("4/1", date(2026, 4, 1)),
        ("1/15", date(2027, 1, 15)),
        ("7月末", date(2026, 7, 31)),
        ("2027年8月3日", date(2027, 8, 3)),
    ],
)
def test_the_nearest_day_may_have_passed(written: str, day: date) -> None:
    assert parse_date(written, today=TODAY, nearest=True).day == day


def test_the_last_day_of_february_is_found_where_the_next_year_has_none() -> None:
    assert parse_date("2/29", today=date(2028, 3, 1), nearest=True).day == date(2028, 2, 29)


def test_a_period_without_years_begins_at_the_nearest_day_and_ends_after_it() -> None:
    span = parse_span("8月1日から3月31日まで", today=TODAY)
    assert (span.start, span.end) == (date(2026, 8, 1), date(2027, 3, 31))


@given(st.dates(date(2019, 5, 1), date(2099, 12, 31)))
def test_every_day_is_read_in_both_calendars(day: date) -> None:
    weekday = WEEKDAYS[day.weekday()]
    era = f"令和{day.year - 2018}年{day.month}月{day.day}日（{weekday}）"
    assert parse_date(era, today=TODAY).day == parse_date(day.isoformat(), today=TODAY).day == day
    assert parse_date(era, today=TODAY).weekday_right


@given(st.text(alphabet="0123456789年月日/-.令和R元月（火）まで ", max_size=30))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with contextlib.suppress(Refused):
        parse_date(text, today=TODAY)


@pytest.mark.parametrize(
    ("written", "why"),
    [("8月31日（火）", Reason.WEEKDAY_MISMATCH), ("7月31日", Reason.DEADLINE_PAST)],
)
def test_a_deadline_is_moved_to_no_day_that_may_be_a_slip(written: str, why: Reason) -> None:
    with pytest.raises(Refused) as refusal:
        parse_deadline(written, today=TODAY)
    assert refusal.value.reason is why


@pytest.mark.parametrize("written", ["2026-08-31", "令和8年8月31日", "8月31日（月）"])
def test_a_deadline_is_written_as_any_day(written: str) -> None:
    assert parse_deadline(written, today=TODAY) == date(2026, 8, 31)


@pytest.mark.parametrize(
    "words",
    [
        "9月30日まで よろしくお願いします",
        "9月30日までよろしくお願いいたします。",
        "9月30日で宜しくお願いします",
    ],
)
def test_a_day_may_be_asked_for_politely(words: str) -> None:
    assert parse_deadline(words, today=date(2026, 8, 4)) == date(2026, 9, 30)


@pytest.mark.parametrize("words", ["9月30日頃よろしくお願いします", "来週よろしくお願いします"])
def test_but_not_vaguely(words: str) -> None:
    with pytest.raises(Refused):
        parse_deadline(words, today=date(2026, 8, 4))
