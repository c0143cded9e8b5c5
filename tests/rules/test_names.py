"""Company names as people search for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.names import legal_form, same_company, search_form

ONE_COMPANY = [
    "髙橋建設株式会社",
    "株式会社髙橋建設",
    "高橋建設㈱",
    "高橋建設 (株)",
    "（株）髙橋・建設",
    "㍿　髙橋建設",
    "髙橋建設",
]


@pytest.mark.parametrize("name", ONE_COMPANY)
def test_spellings_of_one_company_meet(name: str) -> None:
    assert search_form(name) == search_form("髙橋建設")
    assert same_company(name, "高橋建設(株)")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\ufa11川工業", "崎川工業"),
        ("渡邊", "渡辺"),
        ("渡邉", "渡辺"),
        ("みほん", "ミホン"),
        ("ﾐﾎﾝ工業", "ミホン工業"),
        ("ＭＩＨＯＮ", "mihon"),
        ("\ufa19戸", "神戸"),
        ("𠮷田", "吉田"),
        ("Mihon Co., Ltd.", "mihon"),
    ],
)
def test_variants_are_folded_for_searching(one: str, other: str) -> None:
    assert search_form(one) == search_form(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("髙橋建設株式会社", "髙橋建設有限会社"),
        ("髙橋建設㈱", "髙橋工業㈱"),
        ("髙橋建設", "髙橋建設共同企業体"),
        ("みほん", "みほんの"),
    ],
)
def test_different_companies_stay_apart(one: str, other: str) -> None:
    assert not same_company(one, other)


@pytest.mark.parametrize(
    ("name", "form"),
    {
        "㈲みほん": "有限会社",
        "一般社団法人みほん": "一般社団法人",
        "NPO法人みほん": "特定非営利活動法人",
        "みほん": "",
    }.items(),
)
def test_legal_form_is_given_in_full(name: str, form: str) -> None:
    assert legal_form(name) == form


def test_a_name_that_is_only_a_legal_form_can_be_found() -> None:
    assert search_form("株式会社") == "株式会社"


@given(st.text())
def test_form_is_stable(name: str) -> None:
    assert search_form(search_form(name)) in (search_form(name), search_form(search_form(search_form(name))))
