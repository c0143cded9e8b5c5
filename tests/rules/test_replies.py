"""Commands by reply, as people write them on PCs and phones, above and below what their mailers quote."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.courtesies import Writer
from envelopes.rules.errors import Reason
from envelopes.rules.lines import Problem, scan
from envelopes.rules.quoting import own_lines
from envelopes.rules.replies import (
    CODED,
    EXAMPLE,
    Command,
    Verb,
    blackened,
    is_code,
    order_without_codes,
    read,
    subject_without_codes,
    to_be_told,
    unread,
    without_codes,
)

BELOW = """\
> ──── 返信は、この線より上に書いてください ────
>
> 中村 美咲 様
> 下書き D-0123 を作りました。
> 　送信 123456
> 　取消 123456 理由
"""
WRITER = Writer(name="中村 美咲", section="建設課", town="みほん村", address="nakamura@vill-mihon.example")
S, R, C, M, E, Q = Verb.SEND, Verb.REVISE, Verb.CANCEL, Verb.REMIND, Verb.EXTEND, Verb.STATUS

WRITTEN = [
    # 送信
    ("送信 483920", S, ""),
    ("送信483920", S, ""),
    ("送信　４８３９２０", S, ""),
    ("送信：483 920", S, ""),
    ("送信 483-920", S, ""),
    ("「送信 483920」", S, ""),
    ("■送信 483920", S, ""),
    ("送信してください 483920", S, ""),
    ("送信して下さい。483920", S, ""),
    ("送信をお願いします。 483920", S, ""),
    ("送信お願いいたします　483920", S, ""),
    ("送信願います 483920", S, ""),
    ("送信でお願いします 483920", S, ""),
    ("送信します。483920", S, ""),
    ("送信 483920 よろしくお願いします。", S, ""),
    ("送信 483920 です", S, ""),
    ("送信（483920）", S, ""),
    ("送信 コード：483920", S, ""),
    ("送信してください。認証コードは 483 920", S, ""),
    ("返信用コード：483920\n送信お願いします", S, ""),
    ("送信 返信用の数字：483920", S, ""),
    ("送信してください。\n認証アプリの数字：483920", S, ""),
    ("送信をお願いします。6けたの数字は483920です。", S, ""),
    ("送付してください 483920", S, ""),
    ("送ってください 483920", S, ""),
    ("OK 483920", S, ""),
    ("ＯＫです。４８３９２０", S, ""),
    ("ok 483920", S, ""),
    ("483920 送信", S, ""),
    ("送信\n483920", S, ""),
    ("送信してください。\n\n認証コード 483920", S, ""),
    ("483920\n送信", S, ""),
    ("お世話になっております。\n\n送信 483920\n\n建設課 中村", S, ""),
    ("送信 483920\n\niPhoneから送信", S, ""),
    ("送信 483920\n\nAndroid携帯から送信", S, ""),
    ("送信 483920\n\n-- \n中村 美咲\n電話 0261-00-0000", S, ""),
    ("送信 483920\n確認済：10年超", S, ""),
    ("はい、送信してください 483920", S, ""),
    ("了解です。送信 483920", S, ""),
    ("OKです。送信 483920", S, ""),
    ("確認しました。送信 483920", S, ""),
    ("確認しましたので送信してください 483920", S, ""),
    ("それでは送信 483920", S, ""),
    ("建設課の中村です。送信をお願いします。483920", S, ""),
    ("内容確認済み。送信してください。\n483920", S, ""),
    ("送信をお願いします。\n\n送信 483920", S, ""),
    ("OKです。\n送信 483920", S, ""),
    ("お世話になっております。建設課の中村です。\n送信をお願いします。\n送信 483920", S, ""),
    ("下書きを送信してください。483920", S, ""),
    ("この下書きを送信してください 483920", S, ""),
    ("この内容で送信してください 483920", S, ""),
    ("本件、送信をお願いします。\n483920", S, ""),
    ("相手方に送信してください 483920", S, ""),
    ("送信OKです。483920", S, ""),
    ("送信で大丈夫です。483920", S, ""),
    ("送信して結構です 483920", S, ""),
    ("送って構いません。483920", S, ""),
    ("1. 送信 483920", S, ""),
    ("①送信 483920", S, ""),
    ("【指示】送信 483920", S, ""),
    ("指示：送信 483920", S, ""),
    ("問題ないので送信してください 483920", S, ""),
    ("特に問題ないので送信してください。\n483920", S, ""),
    # 修正
    ("修正 483920\n期限：9月10日", R, ""),
    ("修正してください 483920\n\n金額：1,000円（税込）", R, ""),
    ("訂正 483920\n期限：9月10日", R, ""),
    ("修正\n483920\n期限：9月10日", R, ""),
    # 取消
    ("取消 483920 宛先を間違えました", C, "宛先を間違えました"),
    ("取り消し 483920 宛先の間違い。", C, "宛先の間違い"),
    ("取消し　483920　二重に送ったため", C, "二重に送ったため"),
    (
        "取り消してください 483920\n宛先を間違えました。\n改めて送ります。",
        C,
        "宛先を間違えました。 改めて送ります。",
    ),
    ("取消 宛先を間違えました 483920", C, "宛先を間違えました"),
    ("取消 483920 ㈱髙橋建設あてだったため", C, "㈱髙橋建設あてだったため"),
    ("キャンセル 483920 不要になったため", C, "不要になったため"),
    ("取消 483920\n\n建設課 中村", C, ""),
    ("取消 483920\nよろしくお願いします。\n建設課 中村", C, ""),
    ("取消 483920 よろしくお願いします。", C, ""),
    ("取消 483920\nお手数をおかけします。\n\n理由：金額の誤り", C, "金額の誤り"),
    (
        "取消 483920\nお手数をおかけします。\n金額の誤りのため。\nよろしくお願いします。",
        C,
        "金額の誤りのため。",
    ),
    ("取消 483920\n\n建設課 中村\n\n理由は、宛先の間違いです。", C, "宛先の間違いです。"),
    ("取消 483920\n理由：\n㈱髙橋建設あてだったため", C, "㈱髙橋建設あてだったため"),
    ("取消 483920 理由：宛先の間違い", C, "宛先の間違い"),
    ("取消 483920 理由\n宛先の間違い", C, "宛先の間違い"),
    ("取消 483920\n宛先の間違い\n建設課 中村美咲\nTEL 0261-72-5000", C, "宛先の間違い"),
    ("取消 483920\n宛先の間違い\n----------\n建設課 中村美咲", C, "宛先の間違い"),
    ("取消します。宛先間違い 483920", C, "宛先間違い"),
    ("取消します。㈱髙橋建設あて 483920", C, "㈱髙橋建設あて"),
    ("483920 取消 宛先間違い", C, "宛先間違い"),
    ("取消 483920\n状況が変わったため", C, "状況が変わったため"),
    ("取消 483920\n状況が変わりましたので。", C, "状況が変わりましたので。"),
    ("取消をお願いします。\n取消 483920 二重発注のため", C, "二重発注のため"),
    ("取消をお願いします。\n取消 483920\n二重発注のため", C, "二重発注のため"),
    ("取消 483920\n\n（理由）契約内容の変更のため", C, "契約内容の変更のため"),
    ("取消 483920\n（理由：契約内容の変更）", C, "契約内容の変更"),
    ("取消 483920\n理由：㈱髙橋建設（本店）", C, "㈱髙橋建設（本店）"),
    ("取消 483920\n\n契約内容の変更のため\n\n建設課 中村", C, "契約内容の変更のため"),
    ("取消 483920\n\n契約内容に変更があったためです。", C, "契約内容に変更があったためです。"),
    ("取消 483920 理由：受注者だけが変わるため", C, "受注者だけが変わるため"),
    ("取消 483920\n理由：受注者だけが変わるため", C, "受注者だけが変わるため"),
    ("取消 483920 契約後、相手方が辞退したため", C, "契約後、相手方が辞退したため"),
    (
        "取消 483920 宛先の間違いのため、取り消しをお願いします",
        C,
        "宛先の間違いのため、取り消しをお願いします",
    ),
    (
        "取消 483920\n改めて送りますので、よろしくお願いします。",
        C,
        "改めて送りますので、よろしくお願いします。",
    ),
    # 再送
    ("再送 483920", M, ""),
    ("再送信してください 483920", M, ""),
    ("再送をお願いします。483920", M, ""),
    ("再送お願いします。\n再送 483920", M, ""),
    # 延長
    ("延長 483920 9月30日", E, "9月30日"),
    ("延長 9月30日 483920", E, "9月30日"),
    ("延長 483920 令和8年9月30日まで", E, "令和8年9月30日まで"),
    ("延長 483 920 9/30", E, "9/30"),
    ("延長 20260930 483920", E, "20260930"),
    ("期限延長 483920 2026-09-30", E, "2026-09-30"),
    ("期限を延長してください 483920 9月末", E, "9月末"),
    ("9月30日まで延長してください 483920", E, "9月30日"),
    ("令和8年9月30日に期限を延長 483920", E, "令和8年9月30日"),
    ("483920 9月末まで延長", E, "9月末"),
    ("期限を9月30日まで延長してください 483920", E, "9月30日"),
    ("署名期限を9/30に延長 483920", E, "9/30"),
    ("延長 483920\n9月30日", E, "9月30日"),
    ("延長 483920\n期限：9月30日", E, "9月30日"),
    ("延長 483920\n\n新しい期限は 令和8年9月30日", E, "令和8年9月30日"),
    ("延長をお願いします。\n延長 483920 9月30日", E, "9月30日"),
    ("延長 483920\n9月30日まで延長してください", E, "9月30日"),
    ("延長 483920 9月30日（火）", E, "9月30日(火"),
    ("延長 483920\n\n建設課 中村\nTEL 0261-72-5000", E, ""),
    # 状況
    ("状況", Q, ""),
    ("状況を教えてください。", Q, ""),
    ("状況を知らせてください", Q, ""),
    ("状況は？", Q, ""),
    ("状況はどうなっていますか。", Q, ""),
    ("状況確認", Q, ""),
    ("進捗を教えてください", Q, ""),
    ("お疲れさまです。\n状況", Q, ""),
    ("進捗状況を教えてください。", Q, ""),
    ("署名状況を教えてください", Q, ""),
    ("現在の状況を教えてください。", Q, ""),
    ("その後の状況はいかがでしょうか。", Q, ""),
    ("今の状況は？", Q, ""),
]


def below(quoted: str, words: str) -> str:
    """*words* under what was quoted, as some mailers and many people write."""
    return f"On 2026/08/04 14:21, みほん村 <keiyaku@keiyaku.vill-mihon.example> wrote:\n{quoted}\n{words}\n"


def above(words: str, mark: str, quoted: str) -> str:
    return f"{words}\n\n{mark}\n{quoted}"


PLAIN = BELOW.replace("> ", "").replace(">", "")
MAILERS = [
    lambda words: words,
    lambda words: above(words, "2026年8月4日(火) 14:21 みほん村 電子契約 <keiyaku@keiyaku.example>:", BELOW),
    lambda words: above(words, "-----Original Message-----", f"From: みほん村\n{PLAIN}"),
    lambda words: above(words, "________________________________", f"差出人: みほん村\n件名: Re: x\n{PLAIN}"),
    lambda words: above(words, "2026/08/04 14:21、みほん村 電子契約のメール:", BELOW),
    lambda words: above(words, "", PLAIN),
    lambda words: above(words, "＞＞ みほん村さん", BELOW.replace(">", "＞")),
    lambda words: below(BELOW, words),
    lambda words: below(BELOW.replace(">", "|"), words),
]


@pytest.mark.parametrize("mailer", range(len(MAILERS)))
@pytest.mark.parametrize(("written", "verb", "words"), WRITTEN)
def test_what_is_written_is_understood_in_every_mailer(
    written: str, verb: Verb, words: str, mailer: int
) -> None:
    (command,) = read(MAILERS[mailer](written), WRITER).commands
    code = "483920" if verb in CODED else ""
    assert (command.verb, command.code, command.words) == (verb, code, words)


@pytest.mark.parametrize(
    "text",
    [
        "送信しました",
        "送信しますか？",
        "送信?",
        "送信しないでください 483920",
        "下書きを送信しないでください 483920",
        "この下書きを送信しました。483920",
        "相手方に送信しますか？ 483920",
        "相手方にまだ送信しないでください 483920",
        "田中組に送信してください 483920",
        "下書きを直して送信してください 483920",
        "問題がないのであれば送信してください 483920",
        "問題ないか確認して送信してください 483920",
        "【確認中】送信 483920",
        "送信は来週にしてください",
        "まだ送信しないでください。",
        "修正しました。ご確認ください。",
        "取消しの件ですが、後ほど電話します。",
        "延長戦になりそうです",
        "工期を9月30日まで延長する契約書を送ります。",
        "9月30日まで延長しました。",
        "状況が変わりましたので、契約書の案を送り直します。",
        "了解しました。",
        "ありがとうございます。",
        "OKかどうか確認します",
        "内容を確認しました。送信してください。",
        "田中組です。送信 483920",
        "まだです。送信 483920",
        "iPhoneから送信",
        "> 送信 483920",
        "＞送信 483920",
        "-----Original Message-----\n送信 483920",
        "-- \n送信 483920",
        "2026年8月4日(火) 14:21 みほん村 電子契約 <keiyaku@keiyaku.example>:\n下書き\n送信 483920",
        "483920",
        "",
    ],
)
def test_prose_and_other_peoples_words_order_nothing(text: str) -> None:
    assert read(text).commands == ()


def test_words_below_a_quote_count_only_where_all_of_it_is_marked() -> None:
    mixed = BELOW.replace("> 中村", "中村")
    assert read(below(BELOW, "送信 483920")).commands
    assert not read(below(mixed, "送信 483920")).commands


def test_several_orders_are_all_seen_so_that_none_is_chosen() -> None:
    assert [one.verb for one in read("送信 483920\n取消 483920 間違い").commands] == [S, C]
    assert len(read("送信 483920\n送信 483920").commands) == 1
    assert len(read("送信 483920\n送信 483921").commands) == 2
    assert len(read("取消 483920 宛先の間違い\n取消 483920 金額の間違い").commands) == 2
    assert len(read("再送 483920\n確認しましたので送信してください").commands) == 2


@pytest.mark.parametrize(
    "text", ["送信 483920 明日の朝にしてください", "送信 483920？", "再送 483920 と 483921"]
)
def test_words_that_do_not_belong_there_are_kept_for_the_answer(text: str) -> None:
    (command,) = read(text).commands
    assert command.words


def test_without_digits_it_is_an_order_that_lacks_them() -> None:
    for text in (
        "送信",
        "OK",
        "送信してください。",
        "再送",
        "修正\n期限：9月1日",
        "取消 間違えました",
        "延長 9月30日",
    ):
        (command,) = read(text).commands
        assert command.code == ""
        assert not is_code(command)


def test_our_own_example_is_no_code() -> None:
    (command,) = read(f"送信 {EXAMPLE}").commands
    assert not is_code(command)
    assert is_code(Command(verb=S, code="483920"))


def test_the_other_words_keep_their_lines_and_lose_the_order() -> None:
    reply = read("お世話になります。\n修正 483920\n期限：9月10日\n\n> 期限：8月1日")
    assert reply.text.split("\n") == ["お世話になります。", "", "期限：9月10日", "", ""]
    assert read("取消 483920\n間違えました\n\nでは").text.split("\n") == ["", "", "", "では"]


def test_what_a_correction_does_not_read_is_told() -> None:
    text = (
        "お疲れさまです。\n修正 483920\n期限：9月10日\n備考：鍵は\n　役場で渡します\n宛先は田中組に変更してください"
        "\n部暑：建設課"
        "\n宛先：髙橋建設㈱\n　代表取締役 髙橋 一郎 様\n\nよろしくお願いします。\n\n建設課 中村\nTEL 0261-72-5000"
    )
    reply = read(text, WRITER)
    found = scan(reply.text, day=date(2026, 8, 4), mail=2, quoted=False)
    assert [(one.line, one.mail) for one in unread(reply, found, WRITER, mail=2)] == []
    text = "修正 483920\n期限：9月10日\n\n宛先は田中組に変更してください"
    reply = read(text, WRITER)
    found = scan(reply.text, day=date(2026, 8, 4), mail=2, quoted=False)
    (odd,) = unread(reply, found, WRITER, mail=2)
    assert (odd.line, odd.mail, odd.details["text"]) == (4, 2, "宛先は田中組に変更してください")


@pytest.mark.parametrize("written", [text for text, verb, _ in WRITTEN if verb in CODED])
def test_no_digits_are_left_in_what_is_kept(written: str) -> None:
    for kept in (read(written).text, without_codes(f"Re: {written}")):
        plain = kept.translate(str.maketrans("４８３９２０", "483920")).replace(" ", "").replace("-", "")
        assert "483920" not in plain


@pytest.mark.parametrize(
    "text",
    [
        "金額：980000円（税込）",
        "修正後の金額：980000円",
        "送付先：〒399-9301 みほん村",
        "電話 0261-00-0000",
        "契約番号 202608",
        "送信日時: 2026/08/04 14:21",
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert without_codes(text) == text


def test_own_lines_keep_their_places() -> None:
    text = "一\n> 二\n三\n-- \n四"
    assert own_lines(text) == ("一", "", "三", "", "")


@pytest.mark.parametrize(
    "introduced",
    [
        "On Tue, 4 Aug 2026 14:21:00 +0900\nみほん村 電子契約 <keiyaku@keiyaku.example> wrote:",
        "2026年8月4日(火) 14:21 みほん村 電子契約\n<keiyaku@keiyaku.example>:",
        "みほん村 電子契約 <keiyaku@keiyaku.example>:",
        "2026/08/04 14:21 みほん村:",
        "みほん村 電子契約さんのメール:",
    ],
)
def test_who_is_quoted_is_not_said_by_the_writer(introduced: str) -> None:
    text = f"送信 483920\n\n{introduced}\n\n> 一\n> 二"
    assert [line for line in own_lines(text) if line] == ["送信 483920"]
    assert [line for line in own_lines("期限は次のとおり：\n\n> 一") if line] == ["期限は次のとおり："]


# Lines, and subjects before anyone knows whose they are, that are built to take long.
LONG = [
    f"送信{'(' * 3900}",
    f"送信{'- ' * 1900}",
    f"送信{'()' * 1900}",
    f"延長{'-' * 3900}",
    f"取消 {'コード ' * 900}",
    f"延長9月{'日' * 3900}",
    f"483920{' ' * 3900}x",
    f"送信{' 123456' * 500}",
    f"送信{'返信用の' * 900}",
]


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize("line", LONG)
def test_long_lines_are_read_in_time(line: str) -> None:
    text = "\n".join([line] * 500)
    read(text, WRITER)
    without_codes(text)


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize(
    "subject",
    [
        f"Re: x{' ' * 100_000}x",
        f"Re: 送信{' ' * 100_000}x",
        f"{'Re: ' * 30_000}x",
        f"送信{chr(10) * 100_000}x",
        "送信(" * 30_000,
        f"送信{' コード ' * 20_000}",
    ],
)
def test_long_subjects_are_read_in_time(subject: str) -> None:
    for answers in (True, False):
        assert subject_without_codes(subject, answers=answers) == subject


def test_a_long_reason_is_read_whole() -> None:
    (command,) = read(f"取消 483920 {'長い理由' * 200}").commands
    assert command.words == "長い理由" * 200


def test_digits_that_an_answer_might_quote_are_cut() -> None:
    for words in ("返信用ナンバー：483920", "４８３　９２０です"):
        problem = Problem(reason=Reason.LINE_UNREAD, line=1, details={"text": words, "years": 10})
        told = to_be_told(problem).details
        assert told["years"] == 10
        assert not any(letter.isdigit() for letter in str(told["text"]))
    assert blackened("金額：980000円") == "金額：980000円"


@given(st.text(max_size=400))
def test_reading_never_raises_and_never_invents_digits(text: str) -> None:
    for command in read(text).commands:
        assert command.code == "" or (len(command.code) == 6 and command.code.isdigit())


TITLE = "080123 修正設計業務委託"


def test_digits_of_a_title_are_kept() -> None:
    text = f"封筒名：{TITLE}\n文書1：080123 修正設計書.pdf\n備考：工事番号 080123 修正分です"
    found = order_without_codes(scan(text, day=date(2026, 8, 4)))
    assert [one.value for one in found.statements] == [line.partition("：")[2] for line in text.split("\n")]
    assert subject_without_codes(TITLE, answers=False) == TITLE
    assert subject_without_codes(f"Fwd: {TITLE}", answers=False) == f"Fwd: {TITLE}"


@pytest.mark.parametrize(
    "text",
    [
        "封筒名：\n送信 483920",
        "備考：送信 483920",
        "備考：\n\n483920 送信",
        "備考：一行目\n送信お願いします 483920",
        "部暑：送信 483920",
        "宛先：髙橋\n　送信 483920",
        "封筒名：A\n封筒名：送信 483920",
    ],
)
def test_digits_of_a_command_in_an_order_are_not_kept(text: str) -> None:
    assert "483920" not in repr(order_without_codes(scan(text, day=date(2026, 8, 4))))
    assert "483920" not in subject_without_codes("送信 483920", answers=False)
    assert "483920" not in subject_without_codes("Re: x 送信 483920", answers=False)
    assert "483920" not in subject_without_codes("x 送信 483920", answers=True)
