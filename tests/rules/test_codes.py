"""Confirmation codes: six digits, five tries, ten minutes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.codes import WORDS, Issued, Verdict, check, make, tidy, word
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.policy import Policy

SECRET, SUBJECT = b"s" * 32, "sign:abcdefghijklmnop:0"
POLICY, SENT = Policy(), datetime(2026, 4, 1, 9, tzinfo=UTC)


def issued(*, wrong: int = 0, used: bool = False) -> Issued:
    return Issued(serial=1, sent_at=SENT, wrong=wrong, used_at=SENT if used else None)


def judge(what: Issued, given_code: str = "123456", *, after: timedelta = timedelta()) -> Verdict:
    return check(what, expected="123456", given=given_code, now=SENT + after, policy=POLICY)


@given(st.binary(min_size=32, max_size=32), st.text(max_size=40), st.integers(1, 2**31))
def test_a_code_is_six_digits_and_always_the_same(secret: bytes, subject: str, serial: int) -> None:
    code = make(secret, subject, serial)
    assert len(code) == 6
    assert code.isascii()
    assert code.isdigit()
    assert make(secret, subject, serial) == code
    assert word(secret, subject, serial) in WORDS


def test_codes_differ_by_serial_subject_and_secret() -> None:
    by_serial = {make(SECRET, SUBJECT, serial) for serial in range(1, 301)}
    assert len(by_serial) > 295
    assert make(SECRET, SUBJECT, 1) != make(SECRET, SUBJECT + "1", 1)
    assert make(SECRET, SUBJECT, 1) != make(b"t" * 32, SUBJECT, 1)


def test_codes_are_spread_over_all_digits() -> None:
    first = [make(SECRET, SUBJECT, serial)[0] for serial in range(2000)]
    assert all(120 < first.count(digit) < 290 for digit in "0123456789")


def test_the_word_tells_nothing_of_the_code_and_changes_with_it() -> None:
    assert len({word(SECRET, SUBJECT, serial) for serial in range(100)}) > 25
    assert len(set(WORDS)) == len(WORDS)


@pytest.mark.parametrize(
    "typed",
    [
        "123456",
        " 123 456 ",
        "１２３４５６",
        "１２３　４５６",
        "123-456",
        "１２３－４５６",
        "123ー456",
        "123−456",
        "123\u200b456",
        "123\u00a0456\n",
        "１２３・４５６",
    ],
)
def test_what_people_type_is_understood(typed: str) -> None:
    assert tidy(typed) == "123456"


@pytest.mark.parametrize("typed", ["", " ", "　", "-", "\u200b"])
def test_nothing_typed_is_empty(typed: str) -> None:
    with pytest.raises(Refused) as refused:
        tidy(typed)
    assert refused.value.reason is Reason.CODE_EMPTY


@pytest.mark.parametrize(
    "typed", ["12345", "1234567", "12345a", "一二三四五六", "١٢٣٤٥٦", "+12345", "1e5000"]
)
def test_anything_else_is_a_mistake_in_form(typed: str) -> None:
    with pytest.raises(Refused) as refused:
        tidy(typed)
    assert refused.value.reason is Reason.CODE_FORMAT


@given(st.text())
def test_any_text_gives_six_digits_or_a_refusal(text: str) -> None:
    found: str | Reason
    try:
        found = tidy(text)
    except Refused as refused:
        found = refused.reason
    assert found in (Reason.CODE_EMPTY, Reason.CODE_FORMAT) or len(found) == 6


def test_the_right_code_is_right_until_ten_minutes_are_over() -> None:
    assert judge(issued()) is Verdict.OK
    assert judge(issued(), after=timedelta(minutes=10) - timedelta(microseconds=1)) is Verdict.OK
    assert judge(issued(), after=timedelta(minutes=10)) is Verdict.LATE


def test_a_code_is_spent_after_five_wrong_tries_even_for_the_right_digits() -> None:
    assert judge(issued(wrong=4)) is Verdict.OK
    assert judge(issued(wrong=4), "000000") is Verdict.WRONG
    assert judge(issued(wrong=5)) is Verdict.SPENT
    assert judge(issued(wrong=5), "000000") is Verdict.SPENT


def test_a_used_code_stays_used_whatever_is_entered() -> None:
    assert judge(issued(used=True)) is Verdict.USED
    assert judge(issued(used=True), "000000") is Verdict.USED
    assert judge(issued(used=True, wrong=5)) is Verdict.USED
    assert judge(issued(used=True), after=timedelta(days=1)) is Verdict.USED


def test_a_code_sent_twice_by_the_browser_that_asked_for_it_is_one_press() -> None:
    used = Issued(serial=1, sent_at=SENT, wrong=0, used_at=SENT + timedelta(minutes=3))

    def again(after: float, *, given: str = "123456", here: bool = True) -> Verdict:
        now = SENT + timedelta(minutes=3, seconds=after)
        return check(used, expected="123456", given=given, now=now, policy=POLICY, here=here)

    assert again(0) is again(59) is Verdict.AGAIN
    assert again(60) is Verdict.USED
    assert again(1, given="123457") is Verdict.USED
    assert again(1, here=False) is Verdict.USED


def test_a_late_code_does_not_say_whether_the_digits_were_right() -> None:
    late = timedelta(minutes=11)
    assert judge(issued(), after=late) is judge(issued(), "000000", after=late) is Verdict.LATE
