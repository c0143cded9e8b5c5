"""What staff write in the mail, and what is read from it."""

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.amounts import Amount
from envelopes.rules.errors import Reason
from envelopes.rules.keys import Key
from envelopes.rules.kinds import Kind, Tax
from envelopes.rules.lines import Statement, merged, not_read, scan
from envelopes.rules.orders import SUBJECT_LINE, Reading, in_order, plain_subject, read
from envelopes.rules.policy import Policy
from envelopes.rules.quoting import own_lines
from envelopes.rules.reading import Remark

TODAY = date(2026, 8, 4)
POLICY = Policy()
MAIL = """総務課 契約係 ご担当者様

お世話になっております。下記のとおりお願いします。

■封筒名：令和8年度 村道北城線　舗装補修工事
【宛先】　髙橋建設株式会社 代表取締役 髙橋一郎 様 <Taro@Takahashi-Kensetsu.example>
金額　　１２，９８０，０００円（税込）
期限＝R8.8.31
種別: 工事請負契約書

-----Original Message-----
From: someone@example.com
金額：1円
"""
COMPLETE = "封筒名：A\n宛先：髙橋建設㈱ <a@b.example>\n種別：契約書\n金額：1円（税込）\n"


def reading(text: str, *, subject: str = "") -> Reading:
    return read(text, subject=subject, today=TODAY, policy=POLICY)


def problems(result: Reading) -> list[Reason]:
    return [problem.reason for problem in result.problems]


def addresses(text: str) -> list[str | None]:
    return [one.address for one in reading(text).recipients]


def test_whole_order_is_read() -> None:
    result = reading(MAIL)
    assert result.problems == result.warnings == ()
    assert result.title is not None
    assert result.title.value == "令和8年度 村道北城線　舗装補修工事"
    assert result.kind is Kind.CONTRACT
    assert result.amount == Amount(yen=12_980_000, tax=Tax.INCLUDED)
    assert result.deadline == date(2026, 8, 31)
    [recipient] = result.recipients
    assert recipient.name == "髙橋建設株式会社 代表取締役 髙橋一郎"
    assert (recipient.company, recipient.person) == ("髙橋建設株式会社", "代表取締役 髙橋一郎")
    assert recipient.address == "Taro@takahashi-kensetsu.example"


def test_every_value_knows_its_line() -> None:
    result = reading(MAIL)
    assert result.title is not None
    assert result.title.line == 5
    assert result.recipients[0].source.line == 6
    amount, kind = result.source(Key.AMOUNT), result.source(Key.KIND)
    assert amount is not None
    assert kind is not None
    assert (amount.line, amount.text) == (7, "金額　　１２，９８０，０００円（税込）")
    assert kind.value == "工事請負契約書"


@pytest.mark.parametrize(
    "line",
    [
        "封筒名：契約A",
        "封筒名:契約A",
        "封筒名＝契約A",
        "封筒名 = 契約A",
        "封筒名\t契約A",
        "封筒名  契約A",
        "封筒名　契約A",
        "封　筒　名：契約A",
        "> 封筒名：契約A",
        "> > ・封筒名：契約A",
        "＞　封筒名：契約A",
        "・封筒名：契約A",
        "■封筒名：契約A",
        "【封筒名】契約A",
        "【封筒名】：契約A",
        "［封筒名］ 契約A",
        "「封筒名」契約A",
        "1. 封筒名：契約A",
        "（１）封筒名：契約A",
        "①封筒名：契約A",
        "- 封筒名：契約A",
        "* 封筒名：契約A",
        "　　封筒名：契約A",
        "件名：契約A",
        "工事名：契約A",
        "業務名：契約A",
        "契約名：契約A",
        "封筒名：\n契約A",
        "封\u200b筒名：契約A",
    ],
)
def test_line_may_look_many_ways(line: str) -> None:
    title = reading(f"よろしくお願いします。\n{line}\n").title
    assert title is not None
    assert title.value == "契約A"
    assert title.line > 1


@pytest.mark.parametrize(
    "stop",
    [
        "-----Original Message-----",
        "---------- Forwarded message ----------",
        "-------- 転送メッセージ --------",
        "----- 元のメッセージ -----",
        "From: taro@example.jp",
        "差出人: 髙橋一郎",
        "差出人：髙橋一郎",
        "送信者: 髙橋一郎",
        "________________________________",
        "-- ",
        "--",
        "On Tue, Aug 4, 2026, Taro <taro@example.jp> wrote:",
        "2026年8月4日(火) 10:00 髙橋一郎 <taro@example.jp> のメッセージ:",
        "Begin forwarded message:",
        "> From: taro@example.jp",
        "*差出人:* taro@example.jp",
        "*From*: taro@example.jp",
        "wrote:",
        "髙橋一郎 <taro@example.jp> wrote:",
        "髙橋一郎さんは書きました:",
        "2026/08/04 10:00、髙橋一郎 のメール：",
    ],
)
def test_nothing_below_a_forwarded_mail_or_a_signature_counts(stop: str) -> None:
    result = reading(f"{COMPLETE}{stop}\n金額：999円（税込）\n期限：8月31日\n部暑：x\n")
    assert result.amount == Amount(yen=1, tax=Tax.INCLUDED)
    assert result.deadline is None
    [warning] = result.warnings
    assert (warning.reason, warning.line, warning.details["key"]) == (Reason.LINES_BELOW, 5, "期限")


@pytest.mark.parametrize(
    "line",
    [
        "相手方担当者のメール：a@b.example",
        "相手方担当者のメール：",
        "2026年8月4日 髙橋一郎のメール：a@b.example",
    ],
)
def test_a_line_about_an_address_ends_nothing(line: str) -> None:
    assert reading(f"{COMPLETE}{line}\n期限：8月31日\n").deadline == date(2026, 8, 31)


def test_a_rule_of_dashes_is_decoration() -> None:
    assert problems(reading(f"----------\n{COMPLETE}----------\n")) == []


@pytest.mark.parametrize(
    ("written", "kind"),
    {
        "契約書": Kind.CONTRACT,
        "工事請負契約書": Kind.CONTRACT,
        "委託契約書（双方署名）": Kind.CONTRACT,
        "変更契約書": Kind.CONTRACT,
        "覚書": Kind.CONTRACT,
        "協定書": Kind.CONTRACT,
        "請書": Kind.ACCEPTANCE,
        "注文請書": Kind.ACCEPTANCE,
        "請　書": Kind.ACCEPTANCE,
        "請け書": Kind.ACCEPTANCE,
    }.items(),
)
def test_kind_is_one_of_two(written: str, kind: Kind) -> None:
    assert reading(f"種別：{written}").kind is kind


@pytest.mark.parametrize("written", ["見積書", "契約書または請書", "契約書ではない", "x"])
def test_other_kinds_are_asked_back(written: str) -> None:
    result = reading(f"種別：{written}")
    assert result.kind is None
    assert Reason.KIND_UNREADABLE in problems(result)


def test_missing_lines_are_asked_for_all_at_once() -> None:
    result = reading("よろしくお願いします。")
    assert problems(result) == [
        Reason.TITLE_MISSING,
        Reason.RECIPIENT_MISSING,
        Reason.KIND_MISSING,
        Reason.AMOUNT_MISSING,
    ]
    assert [problem.details["key"] for problem in result.problems] == ["封筒名", "宛先", "種別", "金額"]


def test_amount_without_tax_is_a_question_that_quotes_the_line() -> None:
    [problem] = reading(COMPLETE.replace("1円（税込）", "12,980,000円")).problems
    assert problem.reason is Reason.AMOUNT_TAX_UNSAID
    assert problem.line == 4
    assert problem.details == {"key": "金額", "text": "金額：12,980,000円", "yen": 12_980_000}


@pytest.mark.parametrize(
    ("deadline", "reason"),
    {
        "2026年8月3日": Reason.DEADLINE_PAST,
        "令和8年2月30日": Reason.DEADLINE_NOT_A_DATE,
        "来週中": Reason.DEADLINE_UNREADABLE,
        "2126/8/31": Reason.DEADLINE_TOO_FAR,
    }.items(),
)
def test_unusable_deadline_is_refused(deadline: str, reason: Reason) -> None:
    result = reading(f"{COMPLETE}期限：{deadline}")
    assert problems(result) == [reason]
    assert result.deadline is None


def test_today_is_not_past() -> None:
    assert reading(f"{COMPLETE}期限：8月4日").deadline == TODAY


def test_weekday_mismatch_is_a_warning() -> None:
    result = reading(f"{COMPLETE}期限：8月31日（火）")
    assert result.deadline == date(2026, 8, 31)
    [warning] = result.warnings
    assert warning.reason is Reason.WEEKDAY_MISMATCH
    assert (warning.details["said"], warning.details["right"]) == ("火", "月")


def test_several_recipients_keep_their_order() -> None:
    text = "宛先：㈱Ｂ <b@b.example>\n宛先：有限会社A 様 a@a.example\n宛先：C工業\n"
    assert addresses(text) == ["b@b.example", "a@a.example", None]
    assert [one.name for one in reading(text).recipients] == ["㈱Ｂ", "有限会社A", "C工業"]


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        ("髙橋建設㈱　ｔａｒｏ＠ｔａｋａｈａｓｈｉ．ｅｘａｍｐｌｅ", "髙橋建設㈱", "taro@takahashi.example"),
        ("髙橋建設（株） 御中 （taro@takahashi.example）", "髙橋建設（株）", "taro@takahashi.example"),
        ("<taro@takahashi.example>", "", "taro@takahashi.example"),
        ("taro@takahashi.example（髙橋建設）", "（髙橋建設）", "taro@takahashi.example"),
        ("髙橋一郎様＜taro@takahashi.example＞", "髙橋一郎", "taro@takahashi.example"),
        ("髙橋 taro@t.example<mailto:taro@t.example>", "髙橋", "taro@t.example"),
        ("髙橋 <a..b.@docomo.ne.jp>", "髙橋", "a..b.@docomo.ne.jp"),
        ('髙橋 <"a..b."@docomo.ne.jp>', "髙橋", "a..b.@docomo.ne.jp"),
        ("鵜殿", "鵜殿", None),
        ("髙﨑\U000e0100建設 殿", "髙﨑\U000e0100建設", None),
        ("\ufa19戸工業", "\ufa19戸工業", None),
        ("髙橋建設 <taro@takahashi.example>、", "髙橋建設", "taro@takahashi.example"),
    ],
)
def test_recipient_keeps_the_name_and_mends_the_address(written: str, name: str, address: str | None) -> None:
    [recipient] = reading(f"宛先：{written}").recipients
    assert (recipient.name, recipient.address) == (name, address)


def test_two_recipients_may_share_a_line() -> None:
    assert addresses("宛先：A <a@a.example>、B <b@b.example>") == ["a@a.example", "b@b.example"]


def test_recipient_goes_on_below() -> None:
    text = "宛先：髙橋建設株式会社\n　　　代表取締役 髙橋一郎 様\n　　　taro@t.example\n"
    text += "　　　㈱B b@b.example\n\nc@c.example"
    assert addresses(text) == ["taro@t.example", "b@b.example"]
    assert reading(text).recipients[0].name == "髙橋建設株式会社 代表取締役 髙橋一郎"


def test_prose_below_a_recipient_is_no_recipient() -> None:
    [one] = reading("宛先：髙橋建設株式会社\nよろしくお願いします。\n").recipients
    assert one.name == "髙橋建設株式会社"


@pytest.mark.parametrize(
    ("written", "company"),
    {
        "株式会社 髙橋建設 髙橋一郎": "株式会社 髙橋建設",
        "髙橋建設 ㈱ 髙橋一郎": "髙橋建設 ㈱",
        "髙橋建設株式会社 髙橋一郎": "髙橋建設株式会社",
        "髙橋建設　髙橋一郎": "髙橋建設",
    }.items(),
)
def test_company_is_told_from_the_person(written: str, company: str) -> None:
    [recipient] = reading(f"宛先：{written}").recipients
    assert (recipient.company, recipient.person) == (company, "髙橋一郎")


@pytest.mark.parametrize(
    "written", ["髙橋 taro@", "髙橋 taro@localhost", "ta ro@@x.example", "taro@[127.0.0.1]"]
)
def test_broken_address_is_asked_back(written: str) -> None:
    result = reading(f"宛先：{written}")
    assert result.recipients == ()
    assert Reason.RECIPIENT_UNREADABLE in problems(result)


def test_recipient_written_twice_signs_once() -> None:
    result = reading("宛先：A <a@a.example>\n宛先：A <A@A.example>\n")
    assert len(result.recipients) == 1
    assert [warning.reason for warning in result.warnings] == [Reason.LINE_REPEATED]


def test_first_value_wins_and_the_second_is_reported() -> None:
    result = reading(f"{COMPLETE}金額：2円（税込）\n")
    assert result.amount == Amount(yen=1, tax=Tax.INCLUDED)
    assert [(warning.reason, warning.line) for warning in result.warnings] == [(Reason.LINE_REPEATED, 5)]


@pytest.mark.parametrize(
    ("line", "suggestion"),
    [
        ("宛名：髙橋", "宛先"),
        ("金顎：1円", "金額"),
        ("封筒：x", "封筒名"),
        ("部暑：建設課", "部署"),
        ("■部暑　建設課", "部署"),
        ("【部暑】建設課", "部署"),
        ("・金顎\t1円", "金額"),
        ("◆期眼＝8月31日", "期限"),
        ("納品先：x", ""),
        ("部暑：x", ""),
        ("金顎：髙橋建設㈱", ""),
        ("期眼：1,000円", ""),
        ("期眼：髙橋建設㈱", ""),
        ("封筒：髙橋建設㈱", ""),
        ("書名：1,000円（税込）", ""),
        ("前金額：1,000円（税込）", ""),
        ("納期限：8月31日", ""),
        ("工事費：1,000円（税込）", ""),
        ("契約書：工事請負契約書", ""),
        ("発注者：みほん村長", ""),
        ("契約日：8月10日", ""),
        ("契約者：みほん村", ""),
        ("履行期限：令和9年3月31日", ""),
        ("納期：9月30日", ""),
        ("増額：520,000円", ""),
        ("税額：1,000円", ""),
        ("月額：1,000円", ""),
        ("変更前契約金額：12,980,000円（税込）", ""),
        ("期眼：8月20日まで", "期限"),
        ("期日：8月20日まで", "期限"),
        ("期眼：令和8年9月1日から令和9年3月31日まで", "期間"),
    ],
)
def test_unknown_key_is_reported_with_the_nearest(line: str, suggestion: str) -> None:
    [warning] = reading(f"{COMPLETE}{line}\n").warnings
    assert warning.reason is (Reason.LINE_TYPO if suggestion else Reason.LINE_UNKNOWN)
    assert warning.line == 5
    assert warning.details["suggestion"] == suggestion


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("金顎：1,000円（税込）", "金額：1,000円（税込）"),
        ("期眼：8月20日", "期限：8月20日"),
        ("限期：8月20日", "期限：8月20日"),
        ("期日：8月20日まで", "期限：8月20日まで"),
        ("部暑：総務課", "部署：総務課"),
        ("種別別：請書", "種別：請書"),
        ("宛名：髙橋建設㈱", "宛先：髙橋建設㈱"),
        ("宛名：髙橋", "宛先："),
        ("封筒：舗装補修工事", "封筒名："),
        ("備孝：よろしく", "備考："),
        ("期限1：8月20日", "期限："),
    ],
)
def test_only_a_value_that_is_one_of_the_key_is_offered_with_it(line: str, offered: str) -> None:
    [odd] = scan(line, day=TODAY).warnings
    assert odd.reason is Reason.LINE_TYPO
    assert f"{odd.details['suggestion']}：{odd.details['value']}" == offered
    result = reading(offered)
    assert result.warnings == ()
    assert [one for one in result.problems if one.line] == []


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("期限は8月20日です。", "期限：8月20日"),
        ("締切 8月20日までにお願いします。", "締切：8月20日まで"),
        ("金額（税込） 1,000円", "金額：1,000円（税込）"),
        ("| 種別 | 請書 |", "種別：請書"),
        ("期限は8月20日に直してください。", "期限："),
        ("工事名 舗装補修工事", "工事名："),
    ],
)
def test_a_line_without_a_colon_is_offered_with_it_where_its_value_is_plain(line: str, offered: str) -> None:
    [odd] = scan(line, day=TODAY).warnings
    assert odd.reason is Reason.LINE_UNPARTED
    assert f"{odd.details['suggestion']}：{odd.details['value']}" == offered
    assert [one for one in reading(offered).problems if one.line] == []


def test_what_nobody_can_read_is_said_once_and_not_quoted() -> None:
    noise = "ﾛ乞\ufffd燁:ﾓ\ufffd!ｼ|\ufffd弡\n\ufffd\ufffd\ufffd：\ufffd\n納品先：倉庫\nYﾔ:x\n"
    read = reading(f"{COMPLETE}{noise}金額：1円（税込）\n")
    [garbled, repeated] = read.warnings
    assert (garbled.reason, garbled.line, dict(garbled.details)) == (Reason.LINES_GARBLED, 5, {})
    assert Remark.of(garbled).where == "5行目"
    assert (repeated.reason, repeated.line) == (Reason.LINE_REPEATED, 9)


def test_one_letter_that_cannot_be_read_is_no_noise() -> None:
    [warning] = reading(f"{COMPLETE}納品先：みほん村役場 倉庫\ufffd 1階\n").warnings
    assert warning.reason is Reason.LINE_UNKNOWN


@pytest.mark.parametrize(
    "line",
    [
        "部長　山田 様",
        "■納品先　倉庫",
        "備考：村長へ\n■部長　山田",
        "10:30に伺います",
        "TEL: 0261-00-0000",
        "https://mihon.example/",
        "電話：0261",
        "担当者：中村",
        "担当：中村",
        "氏名：中村",
        "問い合わせ先：建設課 中村",
        "所在地：みほん村大字北城1",
        "下記のとおり、です：x",
        "^D)c$:81#",
        "(^_^)：x",
    ],
)
def test_everyday_lines_are_not_reported(line: str) -> None:
    assert reading(f"{COMPLETE}{line}\n").warnings == ()


@pytest.mark.parametrize(
    ("subject", "title"),
    {
        "契約の件": "契約の件",
        "Re: Fwd: 契約の件": "契約の件",
        "RE：ＦＷ": "ＦＷ",
        "転送：契約の件": "契約の件",
        "【転送】Re[2]: 契約の件": "契約の件",
        "FW:FW: FW:契約の件": "契約の件",
        "Report 1": "Report 1",
    }.items(),
)
def test_subject_is_proposed_as_title(subject: str, title: str) -> None:
    found = reading("", subject=subject).title
    assert found is not None
    assert (found.value, found.line) == (title, SUBJECT_LINE)
    assert plain_subject(subject) == title


@pytest.mark.parametrize("subject", ["", "Re:", "　"])
def test_empty_subject_is_no_title(subject: str) -> None:
    assert Reason.TITLE_MISSING in problems(reading("", subject=subject))


def test_title_may_be_sixty_characters_and_no_more() -> None:
    assert reading("封筒名：" + "長" * 60).title is not None
    result = reading("封筒名：" + "長" * 61)
    assert result.title is None
    assert Reason.TITLE_TOO_LONG in problems(result)


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x1d", "\x85", "\u2028", "\u2029"])
def test_no_value_can_carry_a_line_end(end: str) -> None:
    result = reading(f"封筒名：A{end}Bcc: x@evil.example", subject=f"A{end}Bcc: x@evil.example")
    assert result.title is not None
    assert result.title.value == "A"
    assert end not in plain_subject(f"A{end}Bcc: x@evil.example")


def test_characters_that_turn_the_line_are_dropped() -> None:
    title = reading("封筒名：A\u202egpj.exe\x00\u2066").title
    assert title is not None
    assert title.value == "Agpj.exe"


@given(text=st.text(), subject=st.text())
def test_reading_never_fails(text: str, subject: str) -> None:
    reading(text, subject=subject)


FRAGMENTS = st.sampled_from(
    [
        *Key,
        *(key.value + "：" for key in Key),
        "文書1：",
        "（税込）：",
        "うち消費税額",
        "から",
        "10年間",
        "今月末",
        "令和8年",
        *"：　\n\t@<>様㈱【】",
        "  ",
        "a@b.example",
        "1,000円",
        "（税込）",
        "8月31日",
        "契約書",
        "-- ",
        "From:",
    ]
)


@given(st.lists(FRAGMENTS, max_size=40).map("".join))
def test_reading_of_near_orders_never_fails_and_quotes_real_lines(text: str) -> None:
    result = reading(text)
    for line in [one.line for one in result.statements]:
        assert 1 <= line <= text.count("\n") + text.count("\r") + 1
    assert result.problems or (result.title and result.recipients and result.kind and result.amount)


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize(
    "piece",
    [
        *(
            " ",
            "　",
            ">",
            "宛先：",
            "a@",
            "(",
            "封 ",
            "1,",
            "-",
            "Re:",
            "<mailto:",
            '"',
            "金額（",
            "うち消費税",
            "年/",
            "@a>",
        ),
        *("備考：\n", "a\n", "宛先：a\n　b@c.example\n", "文書1：a\n", "部暑：a\n", "写し：a\n", "\n"),
    ],
)
def test_long_repetition_is_read_in_time(piece: str) -> None:
    reading(piece * 20_000, subject=piece * 2_000)
    for key in ("宛先", "金額", "期限", "履行期間", "備考", "写し", "文書1", "確認済"):
        reading(f"{key}：" + piece * 5_000)


def test_a_correction_takes_the_place_of_what_was_said() -> None:
    first = scan("宛先：A\n宛先：B\n金額：1円（税込）\n文書1：a.pdf\n文書2：b.pdf", day=TODAY)
    later = scan("宛先：C\n文書2：c.pdf", day=TODAY, mail=1)
    said = [(one.key, one.value, one.mail) for one in merged(first.statements, later.statements)]
    assert said == [
        (Key.AMOUNT, "1円（税込）", 0),
        (Key.DOCUMENT, "a.pdf", 0),
        (Key.RECIPIENT, "C", 1),
        (Key.DOCUMENT, "c.pdf", 1),
    ]


def test_words_of_others_are_passed_over_in_a_reply() -> None:
    text = "> 金額：1円（税込）\n＞ 種別：請書\n金額：2円（税込）\n> 期限：8月31日"
    assert [one.value for one in scan(text, day=TODAY, quoted=False).statements] == ["2円（税込）"]


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        ("お世話になります。\n\n2026/8/4 wrote:\n> 種別がありません。\n種別：契約書\n> 以上", 3),
        ("種別：契約書\n2026/8/4 wrote:\n> 種別がありません。\n種別：契約書\n> 以上", 0),
        ("2026/8/4 wrote:\n> 種別：契約書\n> 以上\n種別：契約書", 0),
        ("お世話になります。\n差出人：みほん村\n種別：契約書", 0),
        ("2026/8/4 wrote:\n> 種別がありません。\n契約書です\n> 以上", 0),
    ],
)
def test_answers_between_quoted_lines_are_spoken_of(reply: str, line: int) -> None:
    said = scan("\n".join(own_lines(reply)), day=TODAY, mail=1, quoted=False)
    found = not_read(reply, said.statements, mail=1, quoted=False)
    assert [one.line for one in found] == ([line] if line else [])


def test_a_statement_is_kept_as_it_was() -> None:
    for one in scan(MAIL + "文書2：b.pdf", day=TODAY, mail=3).statements:
        assert Statement.from_json(json.loads(json.dumps(one.to_json()))) == one


@pytest.mark.parametrize(
    ("said", "order"),
    [
        ("", ["1 契約書.pdf", "2 仕様書.pdf", "10 図面.pdf"]),
        ("文書1：10 図面.pdf", ["10 図面.pdf", "1 契約書.pdf", "2 仕様書.pdf"]),
        ("文書2：１　契約書\n文書1：仕様書", ["2 仕様書.pdf", "1 契約書.pdf", "10 図面.pdf"]),
    ],
)
def test_documents_follow_their_lines_and_then_their_names(said: str, order: list[str]) -> None:
    names = ["10 図面.pdf", "2 仕様書.pdf", "1 契約書.pdf"]
    places, unknown = in_order(names, reading(said).documents)
    assert [names[place] for place in places] == order
    assert unknown == []


@pytest.mark.parametrize("said", ["文書1：なし.pdf", "文書1：.pdf"])
def test_a_document_that_is_not_there_is_told(said: str) -> None:
    places, unknown = in_order(["b.pdf", "a.pdf"], reading(said).documents)
    assert places == [1, 0]
    assert [one.value for one in unknown] == [said.partition("：")[2]]


@given(st.lists(st.text(max_size=12), max_size=6), st.text(max_size=40))
def test_every_file_has_one_place(names: list[str], said: str) -> None:
    places, _ = in_order(names, reading(f"文書1：{said}\n文書2：{said[::-1]}").documents)
    assert sorted(places) == list(range(len(names)))


@pytest.mark.parametrize(
    "remark", ["千円", "単位：千円", "月額", "年額", "増額分", "予定", "上限額", "税込・月額"]
)
@pytest.mark.parametrize("gap", ["：", "：\n"])
def test_a_remark_of_the_key_that_makes_it_no_total_is_asked_back(remark: str, gap: str) -> None:
    result = reading(COMPLETE.replace("金額：1円", f"契約金額（{remark}）{gap}100,000円"))
    assert [one.reason for one in result.problems] == [Reason.AMOUNT_UNREADABLE]
    assert result.amount is None


@pytest.mark.parametrize("remark", ["円", "総額", "変更後", "税込"])
@pytest.mark.parametrize("gap", ["：", "：\n"])
def test_a_remark_of_the_key_may_say_that_it_is_the_total(remark: str, gap: str) -> None:
    result = reading(COMPLETE.replace("金額：1円", f"契約金額（{remark}）{gap}100,000円"))
    assert result.amount == Amount(yen=100_000, tax=Tax.INCLUDED)


def test_a_deadline_without_a_year_that_has_just_passed_is_not_next_years() -> None:
    [problem] = reading(f"{COMPLETE}期限：8/3").problems
    assert (problem.reason, problem.line) == (Reason.DEADLINE_PAST, 5)
    assert reading(f"{COMPLETE}期限：2027/8/3").problems == ()


def test_work_that_began_a_few_days_ago_is_not_next_years() -> None:
    assert reading(f"{COMPLETE}着工日：8月1日").start == date(2026, 8, 1)
    assert reading(f"{COMPLETE}着工日：2月1日").start == date(2027, 2, 1)
