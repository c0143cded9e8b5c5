"""Amounts of money as people write them in mails."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.amounts import Amount, parse_amount
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.kinds import Tax

READABLE = {
    "12,980,000円（税込）": 12_980_000,
    "１２，９８０，０００円（税込）": 12_980_000,
    "¥12,980,000-（税込み）": 12_980_000,
    "￥12,980,000 税込": 12_980_000,
    "\\12,980,000（消費税を含む）": 12_980_000,
    "金 12,980,000 円也（税込）": 12_980_000,
    "一金　１２，９８０，０００円整（税込）": 12_980_000,
    "税込12,980,000円": 12_980_000,
    "１２、９８０、０００円（税込）": 12_980_000,
    "1,298万円（税込）": 12_980_000,
    "1298万円 税込": 12_980_000,
    "12,980千円（税込）": 12_980_000,
    "1億2,300万円（税込）": 123_000_000,
    "1億2,300万5,000円（税込）": 123_005_000,
    "１．５億円（税込）": 150_000_000,
    "5千万円（税込）": 50_000_000,
    "12百万円（税込）": 12_000_000,
    "12980000（税込）": 12_980_000,
    "0円（税込）": 0,
    "一金 12,980,000円（うち消費税額 1,180,000円）": 12_980_000,
    "12,980,000円（うち取引に係る消費税及び地方消費税の額 金1,180,000円）": 12_980_000,
    "12,980,000円（税込、うち消費税1,180,000円）": 12_980_000,
    "12,980,000円 うち消費税及び地方消費税 1,180,000円": 12_980_000,
    "12,980,000円（消費税10％込）": 12_980_000,
    "12,980,000円（税込）（税抜 11,800,000円）": 12_980_000,
    "12,980,000円（税込）（税抜 1,180万円）": 12_980_000,
    "12,980,000（税込）（単位：円）": 12_980_000,
    "12,980,000円（税込）（契約総額）": 12_980_000,
    "12,980,000円（税込）（変更後）": 12_980_000,
    "12,980,000円（消費税及び地方消費税を含む契約総額）": 12_980_000,
    "総額12,980,000円（税込）": 12_980_000,
    "合計 12,980,000円（税込）": 12_980_000,
    "税込み金額 12,980,000円": 12_980_000,
    "契約金額は12,980,000円（税込）です。": 12_980_000,
    "12,980,000円（税込）でお願いします": 12_980_000,
    "12,980,000円（消費税額1,180,000円を含む）": 12_980_000,
    "12,980,000円（消費税及び地方消費税（10％）を含む）": 12_980_000,
    "12,980,000円（うち消費税及び地方消費税相当額（10%）1,180,000円）": 12_980_000,
    "12,980,000円（税込）（消費税1,180,000円）": 12_980_000,
    "12,980,000円（税10%込）": 12_980_000,
    "12,980,000円（税込、消費税率10％）": 12_980_000,
    "12,980,000円（税込・送料込）": 12_980_000,
}
UNREADABLE = [
    "12,980（税込）（千円）",
    "12,980（税込・単位：百万円）",
    "100,000円（税込・月額）",
    "100,000円（税込、増額分）",
    "100,000円（税込、概算）",
    "100,000円（税込）（上限）",
    "100,000円（税込）（施工予定）",
    "22,000円（税込/トン）",
    "5,500円（税込／1回）",
    "5,500円（税込、1時間）",
    "100,000円（税込・月）",
    "1,100,000円（税込・変更増）",
    "1,100,000円（税込・第2回支払分）",
    "330,000円（税込、1年目）",
    "1,000円（1,000円税込）",
    "壱千弐百九拾八万円也（税込）",
    "千二百九十八万円（税込）",
    "別途協議",
    "12,98,000円（税込）",
    "1298,000円（税込）",
    "12.980.000円（税込）",
    "12,980,000.50円（税込）",
    "1.00001万円（税込）",
    "約1,000,000円（税込）",
    "1,000,000円以内（税込）",
    "1,000,000～2,000,000円（税込）",
    "100,000円（月額）（税込）",
    "-1,000円（税込）",
    "▲1,000円（税込）",
    "1298万12,000円（税込）",
    "1万2億円（税込）",
    "USD 1,000（税込）",
    "1,000円（税込",
    "٣٠٠٠円（税込）",
    "99,999,999,999,999円（税込）",
    "11,800,000円（税抜）12,980,000円（税込）",
    "円（税込）",
    "単価1,000円（税込）",
    "単価契約のため、千円",
    "税抜なし",
    "",
    "1" * 5000,
]
UNSAID = [
    "12,980,000円",
    "１２９８万円",
    "12,980,000円（税抜 11,800,000円）",
    "1,000円（税込・税抜）",
    "1,000円（税込ではありません）",
    "1,000円（消費税を含むものではない）",
    "1,000円（消費税を含んでいません）",
    "1,000円（税抜き価格に消費税を加えた額）",
    "1,000円（税込？）",
    "1,000円（たぶん税込）",
    "1,000円（税込と思います）",
    "1,000円（税込で確認中）",
    "1,000円（税込、要確認）",
    "1,000円（税込／税抜のどちらか）",
    "1,000円（税抜900円、消費税100円）",
]


@pytest.mark.parametrize(("written", "yen"), READABLE.items())
def test_written_amount_is_read_as_whole_yen_with_tax(written: str, yen: int) -> None:
    assert parse_amount(written) == Amount(yen=yen, tax=Tax.INCLUDED)


@pytest.mark.parametrize(
    ("written", "tax"),
    {
        "11,800,000円（税抜）": Tax.EXCLUDED,
        "11,800,000円 税別": Tax.EXCLUDED,
        "11,800,000円（外税）": Tax.EXCLUDED,
        "11,800,000円（消費税及び地方消費税を除く）": Tax.EXCLUDED,
        "11,800,000円（消費税を含まない）": Tax.EXCLUDED,
        "11,800,000円（消費税別途）": Tax.EXCLUDED,
        "11,800,000円（別途消費税）": Tax.EXCLUDED,
        "11,800,000円＋消費税": Tax.EXCLUDED,
        "11,800,000円（消費税は含みません）": Tax.EXCLUDED,
        "11,800,000円（消費税及び地方消費税は含みません。）": Tax.EXCLUDED,
        "11,800,000円（消費税は含まれていない）": Tax.EXCLUDED,
        "11,800,000円（消費税は別途加算する）": Tax.EXCLUDED,
        "11,800,000円（内税）": Tax.INCLUDED,
        "11,800,000円（消費税及び地方消費税を含む）": Tax.INCLUDED,
        "11,800,000円（非課税）": Tax.NONE,
        "11,800,000円　不課税": Tax.NONE,
    }.items(),
)
def test_tax_is_what_was_written(written: str, tax: Tax) -> None:
    assert parse_amount(written) == Amount(yen=11_800_000, tax=tax)


@pytest.mark.parametrize(
    "written",
    [
        *(
            "なし",
            "無し",
            "なし（単価契約）",
            "単価契約",
            " な し ",
            "なし。",
            "なしです",
            "金額なし",
            "定めなし",
        ),
        *("単価契約のため、なし", "単価契約のためなし", "単価契約なので、なしです。", "なし、単価契約のため"),
        *("単価契約につき金額の定めなし", "単価契約とする", "契約金額はなし（単価契約のため）"),
    ],
)
def test_no_amount_can_be_said(written: str) -> None:
    assert parse_amount(written) == Amount(yen=None, tax=Tax.NONE)


@pytest.mark.parametrize("written", UNREADABLE)
def test_doubtful_amount_is_refused(written: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_amount(written)
    assert refusal.value.reason is Reason.AMOUNT_UNREADABLE


@pytest.mark.parametrize(
    "written",
    [
        "単価表のとおり",
        "単価契約（別紙）に従う",
        "未定",
        "まだなし",
        "なしかもしれない",
        "契約単価による",
        "1,000円（税込）（単価）",
        "1,000円（1時間当たり・税込）",
    ],
)
def test_words_that_may_mean_none_are_asked_back(written: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_amount(written)
    assert refusal.value.reason is Reason.AMOUNT_NONE_UNSURE


@pytest.mark.parametrize("written", UNSAID)
def test_amount_without_one_word_on_tax_is_a_question(written: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse_amount(written)
    assert refusal.value.reason is Reason.AMOUNT_TAX_UNSAID
    assert int(refusal.value.details["yen"]) >= 1_000


@given(yen=st.integers(0, 10**12), wide=st.booleans(), commas=st.booleans())
def test_every_amount_comes_back_as_written(*, yen: int, wide: bool, commas: bool) -> None:
    digits = f"{yen:,}" if commas else str(yen)
    shown = digits.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789,"}) if wide else digits
    assert parse_amount(f"{shown}円（税込）").yen == yen


@given(st.text())
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        amount = parse_amount(text)
    except Refused:
        return
    assert amount.yen is None or any(c.isdigit() for c in unicodedata.normalize("NFKC", text))
