"""Numbers of mobile phones: what people type, the one form that is kept, and what is shown of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules import mobiles
from envelopes.rules.errors import Reason, Refused


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("09012345678", "+819012345678"),
        ("090-1234-5678", "+819012345678"),
        ("０９０ー１２３４ー５６７８", "+819012345678"),
        ("080－1234－5678", "+818012345678"),
        (" 070 1234 5678\u200b", "+817012345678"),
        ("060(1234)5678", "+816012345678"),
        ("+81 90-1234-5678", "+819012345678"),
        ("＋81 (0)80 1234 5678", "+818012345678"),
        ("81-90-1234-5678", "+819012345678"),
        ("010-81-90-1234-5678", "+819012345678"),
        ("0081 90 1234 5678", "+819012345678"),
    ],
)
def test_a_number_has_one_form_however_it_is_typed(typed: str, kept: str) -> None:
    assert mobiles.normalise(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "03-1234-5678",
        "050-1234-5678",
        "020-1234-5678",
        "090-0234-5678",
        "090-1234-567",
        "090-1234-56789",
        "+1 212 555 0100",
        "+82 10-1234-5678",
        "+8190-1234-567",
        "0９０-1234-567x",
        "٠٩٠١٢٣٤٥٦٧٨",
        "taro@example.co.jp",
    ],
)
def test_what_receives_no_sms_is_refused(typed: str) -> None:
    with pytest.raises(Refused) as refused:
        mobiles.normalise(typed)
    assert refused.value.reason is Reason.MOBILE_FORM


@pytest.mark.parametrize("typed", ["", " ", "-", "　ー　"])
def test_nothing_typed_is_said_to_be_missing(typed: str) -> None:
    with pytest.raises(Refused) as refused:
        mobiles.normalise(typed)
    assert refused.value.reason is Reason.MOBILE_MISSING


@given(st.from_regex(r"\A0[6-9]0[1-9][0-9]{7}\Z"))
def test_what_is_shown_says_only_the_beginning_and_the_end(number: str) -> None:
    kept = mobiles.normalise(number)
    assert mobiles.normalise(mobiles.written(kept)) == kept == "+81" + number[1:]
    assert mobiles.masked(kept) == f"{number[:3]}-****-{number[-4:]}"
