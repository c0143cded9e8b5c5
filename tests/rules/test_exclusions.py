"""What keeps a contract from being electronic is seen in its dates, its title and its pages, and is asked."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.dates import parse_span
from envelopes.rules.errors import Reason
from envelopes.rules.exclusions import QUESTIONS, answered, in_line, in_pages, in_terms, in_title, unanswered
from envelopes.rules.policy import Policy
from envelopes.texts import ANSWERS, TEXTS

POLICY = Policy()
TODAY = date(2026, 8, 4)


def signs(*pages: str) -> list[tuple[Reason, int]]:
    return [(sign.reason, sign.page) for sign in in_pages(pages, POLICY)]


@pytest.mark.parametrize(
    "text",
    [
        "（契約期間）第3条　この契約の期間は、令和8年9月1日から20年間とする。",
        "賃貸借期間は、契約締結の日から三十年間とする。",
        "貸付期間は令和8年4月1日から令和28年3月31日までとする。",
        "本契約の有効期間は、15年とする。",
        "賃貸借期間\n令和 8 年 9 月 1 日から\n令和 20 年 8 月 31 日まで",
        "使用期間は11か年とする。",
        "賃貸借期間　30年\n賃料　月額10,000円",
    ],
)
def test_a_long_term_is_seen(text: str) -> None:
    assert signs("表紙", text) == [(Reason.EXCLUDED_TERM, 2)]


@pytest.mark.parametrize(
    "text",
    [
        "契約期間は、令和8年9月1日から令和18年8月31日までとする。",
        "契約期間は、10年間とする。",
        "履行期間は、令和8年8月10日から令和9年3月31日までとする。",
        "工期　令和8年8月10日から令和9年3月19日まで",
        "帳簿を30年間保存しなければならない。",
        "契約期間は、令和18年3月31日までとする。",
        "資本金は20年間変わらない。契約期間は別に定める。",
        "契約期間　平成30年4月1日から平成31年3月31日まで",
        "契約期間　H30年4月1日から1年",
    ],
)
def test_ten_years_and_other_years_are_not(text: str) -> None:
    assert signs(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "この契約は自動的に更新されるものとする。",
        "期間満了の1月前までに申出がないときは、同一の条件で1年間更新するものとする。",
        "期間満了の3か月前までに甲乙いずれからも書面による意思表示がない場合は、更に1年間延長されたものとみなす。",
        "本サービスは自動更新です。",
        "従前の条件により継続する。",
        "終了の申出がない限り、その効力を有する。",
        "本契約は1年ごとの自動更新とし、異議がない場合は以後も同様とする。",
        "自動更新（申出がない限り）",
        "自動更新（解約の申出がない場合）",
        "自動更新とし、変更がない限り同一条件とする。",
        "自動更新（途中解約不可）",
        "自動更新あり・中途解約なし",
        "自動的に更新し、終期は定めない。",
    ],
)
def test_a_renewal_by_itself_is_seen(text: str) -> None:
    assert signs(text) == [(Reason.EXCLUDED_RENEWAL, 1)]


@pytest.mark.parametrize(
    "text",
    [
        "この契約は自動更新しない。",
        "契約の自動更新は行わない。",
        "自動更新なし",
        "自動更新：なし",
        "自動更新（なし）",
        "自動更新の有無：無",
        "自動更新の条項はない。",
        "許可の更新を受けること。",
        "工期を延長することができる。",
    ],
)
def test_no_renewal_is_not(text: str) -> None:
    assert signs(text) == []


def test_contracts_on_paper_are_seen_in_title_and_pages_also_those_of_the_town() -> None:
    assert in_title("農地 賃貸借契約（北城）", POLICY) == "農地賃貸借契約"
    assert in_title("農地の賃貸借契約", POLICY) == "農地賃貸借契約"
    assert in_title("工事請負契約", POLICY) == ""
    assert in_title("墓地使用契約", Policy(paper_contracts=("墓地使用契約",))) == "墓地使用契約"
    assert signs("事業用定期借地権設定契約書") == [(Reason.EXCLUDED_PAPER, 1)]


@pytest.mark.parametrize(
    ("label", "value", "asked"),
    [
        ("履行期間", "1年間（以後自動更新）", [Reason.EXCLUDED_RENEWAL]),
        ("履行期間", "1年間（自動更新なし）", []),
        ("備考", "1年ごとに自動更新します。", [Reason.EXCLUDED_RENEWAL]),
        ("封筒名", "自動更新つきコピー機保守契約", [Reason.EXCLUDED_RENEWAL]),
        ("備考", "契約期間は20年間です", [Reason.EXCLUDED_TERM]),
    ],
)
def test_the_words_of_an_order_are_looked_at_as_pages_are(
    label: str, value: str, asked: list[Reason]
) -> None:
    found = in_line(label, value, POLICY)
    assert [reason for reason, _ in found] == asked
    assert all(str(details["where"]).startswith(f"{label}「") for _, details in found)


def test_each_question_is_asked_once_with_the_first_place() -> None:
    page = "契約期間は20年間とし、自動更新とする。"
    assert signs("表紙", page, page) == [(Reason.EXCLUDED_TERM, 2), (Reason.EXCLUDED_RENEWAL, 2)]


@pytest.mark.parametrize(
    ("deadline", "start", "span", "asked"),
    [
        (date(2026, 9, 2), date(2026, 9, 1), "", {Reason.EXCLUDED_START}),
        (date(2026, 9, 1), date(2026, 9, 1), "", set()),
        (date(2026, 9, 2), None, "9月1日から3月31日まで", {Reason.EXCLUDED_START}),
        (date(2026, 9, 2), None, "契約締結日から3月31日まで", set()),
        (date(2026, 8, 31), None, "9月1日から11年間", {Reason.EXCLUDED_TERM}),
        (date(2026, 8, 31), None, "9月1日から10年間", set()),
        (date(2026, 8, 31), None, "", set()),
    ],
)
def test_dates_that_do_not_fit_are_asked(
    deadline: date, start: date | None, span: str, asked: set[Reason]
) -> None:
    term = parse_span(span, today=TODAY) if span else None
    found = in_terms(deadline=deadline, start=start, span=term, policy=POLICY)
    assert {reason for reason, _ in found} == asked


def test_every_question_has_words_and_an_answer() -> None:
    assert set(ANSWERS) == QUESTIONS
    assert set(TEXTS) >= QUESTIONS


def test_answers_are_read_by_their_words() -> None:
    assert answered("書面必須、自動更新") == {Reason.EXCLUDED_PAPER, Reason.EXCLUDED_RENEWAL}
    assert answered("書面必須 / 履行開始日") == {Reason.EXCLUDED_PAPER, Reason.EXCLUDED_START}
    assert answered("期間") == {Reason.EXCLUDED_TERM, Reason.SPAN_UNREADABLE}
    assert answered("期限の件、書面必須は確認済みです。") == {Reason.EXCLUDED_START, Reason.EXCLUDED_PAPER}
    for doubt in (
        "10年以内、自動更新なし",
        "自動更新はまだ確認していません",
        "期間は未確認です",
        "期限は未定",
    ):
        assert answered(doubt) == frozenset()
    assert answered("はい") == answered("") == frozenset()


def test_what_is_left_to_answer_keeps_its_order() -> None:
    asked = [Reason.EXCLUDED_START, Reason.EXCLUDED_TERM, Reason.PDF_NO_TEXT]
    assert unanswered(asked, []) == [Reason.EXCLUDED_TERM, Reason.EXCLUDED_START]
    assert unanswered(asked, [Reason.EXCLUDED_TERM]) == [Reason.EXCLUDED_START]


@given(
    st.lists(
        st.text(alphabet="契約期間自動更新申出がない場合は令和一二十年から至0123456789。、 ", max_size=200)
    )
)
def test_no_page_is_too_odd(pages: list[str]) -> None:
    for sign in in_pages(pages, POLICY):
        assert 1 <= sign.page <= len(pages)


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize(
    "piece", ["契約期間", "申出がない", "同一条件", "期間令和8年から", "自動更新", "一", "1"]
)
def test_long_pages_are_read_in_time(piece: str) -> None:
    in_pages([piece * 20_000] * 2_000, POLICY)
