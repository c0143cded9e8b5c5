"""Whom a line names, beside whom the registry has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.addressees import Fit, fit

COMPANY, OFFICE, PERSON = "髙橋建設株式会社", "代表取締役", "髙橋 一郎"


def compared(name: str, *, company: str = COMPANY) -> Fit:
    return fit(name, company=company, office=OFFICE, person=PERSON)


@pytest.mark.parametrize(
    "name",
    [
        "髙橋建設株式会社",
        "高橋建設㈱",
        "髙橋建設",
        "髙橋建設㈱ 髙橋",
        "髙橋建設㈱ 髙橋 一郎",
        "髙橋建設㈱ 代表取締役",
        "髙橋建設㈱ 代表取締役社長 髙橋一郎",
        "髙橋建設㈱ 営業部長 髙橋",
        "髙橋建設㈱ 長野支店 髙橋一郎",
        "髙橋建設㈱ ご担当者",
        "髙橋建設㈱髙橋一郎",
        "髙橋建設㈱代表取締役髙橋一郎",
        "髙橋建設㈱ 髙橋一郎 （担当 佐藤）",
        "髙橋建設㈱（除雪班）",
        "髙橋一郎",
        "髙橋",
        "代表取締役 髙橋一郎",
        "（髙橋建設）",
    ],
)
def test_short_names_are_those_of_the_registered(name: str) -> None:
    assert compared(name) is Fit.WHOLE


@pytest.mark.parametrize(
    "name",
    [
        "髙橋建設㈱ 佐藤",
        "髙橋建設㈱ 髙橋二郎",
        "髙橋建設㈱ 末長",
        "髙橋建設㈱ 長野支店",
        "髙橋建設㈱髙橋一郎様中村工業",
        "髙橋建設工業 髙橋",
        "髙橋建 髙橋一郎",
        "髙橋建設㈱ 髙橋一郎 中村太郎",
        "株式会社髙橋建設",
        "(株) 髙橋建設 髙橋一郎",
        "㈱髙橋建設髙橋一郎",
        "髙橋建設㈱（今回は除く）",
        "髙橋建設㈱ 髙橋一郎 (取消)",
        "髙橋（髙橋二郎に変更）",
    ],
)
def test_another_person_a_name_only_nearly_the_same_and_one_left_out_are_in_doubt(name: str) -> None:
    assert compared(name) is Fit.IN_DOUBT


@pytest.mark.parametrize(
    "name",
    [
        "中村工業㈱ 中村太郎",
        "中村工業",
        "㈲髙橋建設",
        "合同会社髙橋建設 髙橋一郎",
        "佐藤",
        "中村工業 髙橋一郎",
    ],
)
def test_another_company_is_another(name: str) -> None:
    assert compared(name) is Fit.ANOTHER_COMPANY


def test_letters_that_are_only_mixed_up_are_in_doubt() -> None:
    assert compared("斉藤建設㈱", company="斎藤建設株式会社") is Fit.IN_DOUBT
    assert compared("齋藤建設㈱", company="斎藤建設株式会社") is Fit.WHOLE
    assert compared("斉藤建設㈱髙橋一郎", company="斎藤建設株式会社") is Fit.IN_DOUBT


def test_a_branch_is_part_of_the_name() -> None:
    assert compared("髙橋建設㈱ 長野支店 髙橋", company="髙橋建設株式会社 長野支店") is Fit.WHOLE
    assert compared("髙橋建設㈱ 髙橋一郎", company="髙橋建設株式会社 長野支店") is Fit.IN_DOUBT


@given(st.text(max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_comparing_never_fails(name: str, company: str, person: str) -> None:
    fit(name, company=company, office="", person=person)
