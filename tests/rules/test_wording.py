"""How dates, times, money and sizes are written: in Japanese with western years, 和暦 or both, and in English."""

from datetime import UTC, date, datetime

import pytest

from envelopes.rules.wording import (
    Dates,
    Language,
    Wording,
    are_many,
    are_quick,
    jst_date,
    jst_datetime,
    jst_time,
    size,
    spoken,
    wareki,
    yen,
)

ENGLISH = Wording(language=Language.ENGLISH)
LATE = datetime(2026, 8, 30, 15, 2, 9, tzinfo=UTC)


def test_dates_are_japanese_and_in_japanese_time() -> None:
    assert jst_date(date(2026, 8, 31)) == "2026年8月31日（月）"
    assert jst_date(LATE) == "2026年8月31日（月）"
    assert jst_time(LATE) == "0時02分"
    assert jst_datetime(LATE, seconds=True) == "2026年8月31日（月）0時02分9秒"


def test_english_dates_are_western_and_say_whose_time_it_is() -> None:
    for dates in Dates:
        english = Wording(language=Language.ENGLISH, dates=dates)
        assert english.day(LATE) == "31 August 2026 (Mon)"
        assert english.month_day(LATE) == "31 August (Mon)"
        assert english.second(LATE) == "31 August 2026 (Mon) 00:02:09 JST"
    assert ENGLISH.instant(LATE) == "31 August 2026 (Mon) 00:02 JST"


@pytest.mark.parametrize(
    ("day", "year"),
    [
        (date(2026, 8, 31), "令和8年"),
        (date(2019, 12, 31), "令和元年"),
        (date(2019, 5, 1), "令和元年"),
        (date(2019, 4, 30), "平成31年"),
        (date(1989, 1, 8), "平成元年"),
        (date(1989, 1, 7), "昭和64年"),
        (date(1926, 12, 25), "昭和元年"),
        (date(1926, 12, 24), "1926年"),
    ],
)
def test_eras_begin_and_end_on_their_days(day: date, year: str) -> None:
    assert wareki(day) == year


def test_a_town_has_its_years_as_it_wants_them() -> None:
    first = date(2019, 5, 1)
    assert Wording(dates=Dates.WESTERN).day(first) == "2019年5月1日（水）"
    assert Wording(dates=Dates.WAREKI).day(first) == "令和元年5月1日（水）"
    assert Wording(dates=Dates.BOTH).day(first) == "2019年（令和元年）5月1日（水）"
    assert Wording(dates=Dates.BOTH).day_parts(first) == ("2019年（令和元年）", "5月1日（水）")
    assert Wording(dates=Dates.BOTH).day(date(1900, 1, 1)) == "1900年1月1日（月）"


def test_the_era_of_an_instant_is_that_of_its_day_in_japan() -> None:
    wording = Wording(dates=Dates.WAREKI)
    assert wording.day(datetime(2019, 4, 30, 14, 59, 59, tzinfo=UTC)) == "平成31年4月30日（火）"
    assert wording.day(datetime(2019, 4, 30, 15, 0, tzinfo=UTC)) == "令和元年5月1日（水）"


def test_an_instant_without_a_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="time zone"):
        jst_date(datetime(2026, 8, 31))  # noqa: DTZ001 -- the mistake itself


@pytest.mark.parametrize(
    ("octets", "shown"),
    [
        (0, "0KB"),
        (1, "1KB"),
        (312_000, "312KB"),
        (999_999, "1000KB"),
        (6_000_000, "6MB"),
        (6_000_001, "6.1MB"),
        (100_000_000, "100MB"),
    ],
)
def test_sizes_are_rounded_up(octets: int, shown: str) -> None:
    assert size(octets) == shown
    assert ENGLISH.size(octets) == shown.replace("KB", " KB").replace("MB", " MB")


def test_yen_are_grouped() -> None:
    assert yen(12_980_000) == "12,980,000円"
    assert ENGLISH.yen(12_980_000) == "¥12,980,000"


def test_a_language_that_is_not_spoken_is_japanese() -> None:
    assert [spoken(code) for code in ("en", "ja", "fr", "")] == ["en", "ja", "ja", "ja"]


def test_twenty_documents_are_many_and_four_thousand_pages_take_longer() -> None:
    assert (are_many(5), are_many(6), are_quick(50), are_quick(51)) == (False, True, True, False)
