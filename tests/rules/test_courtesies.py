"""What may stand beside an order by reply: what clerks write every day passes, what might mean something does not."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.courtesies import NOBODY, Writer, is_courtesy
from envelopes.rules.lines import scan
from envelopes.rules.quoting import own_lines
from envelopes.rules.replies import objection, read

WRITER = Writer(
    name="中村 美咲", office="主任", section="建設課", town="みほん村", address="nakamura@vill-mihon.example"
)

ASKED_BACK = [
    # when
    "村長決裁後に送ってください。",
    "課長の決裁が下りたらお願いします。",
    "決裁が下りてから送ってください",
    "8月10日に送ってください。",
    "10日に送信をお願いします",
    "15日発送でお願いします",
    "２週間後でお願いします",
    "月曜に送ってください",
    "月曜日にお願いします",
    "週明けにお願いします。",
    "13時になったら送って下さい",
    "明日の朝に",
    "※明日の朝に送ってください",
    "問題なければ送ってください",
    "確認後、送信をお願いします",
    "※まだ送らないでください",
    "まだ確認中です",
    "総務課 確認中です",
    "建設課 確認中",
    "課長 不在です",
    "建設課 保留",
    "中止",
    "変更はありませんが、まだ待ってください。",
    # what, and to whom
    "田中組は外してください",
    "田中組にも送ってください",
    "文書2は外してください。",
    "仕様書は抜いてください",
    "仕様書も付けてください",
    "差し替え後の分を送ってください",
    "やっぱり請書でお願いします",
    "請書でした",
    "建設課 請書",
    "税抜でした",
    "署名者は副村長です",
    "署名者　村長",
    "相手は山田さんです",
    "本人確認はアクセスコードでお願いします",
    "認証アプリでお願いします",
    "件名の「令和7年度」は「令和8年度」です",
    "令和8年度が正です",
    "来年度分です",
    "備考に「急ぎ」と入れてください。",
    "備考はいいです",
    "仕様書は大丈夫です",
    "部長に変えてください",
    "代表取締役を追記してください",
    "髙ではなく高です",
    "ただ、氏名の漢字が旧字です。",
    "住所が古いようです",
    "髙橋建設の社長が交代しています。",
    "写しは総務課長にもお願いします。",
    "控えを総務課にも送ってください。",
    "総務課",
    "税務課 鈴木",
    "みほん村は後回しにしてください",
    "メール：taro@takahashi.example",
    "携帯：090-1234-5678",
    "なお、金額は変更になりました。",
    "期限を直しますので、この下書きは破棄してください。",
    "金額に心当たりがある点があるので、まだ送らないでください。",
    "本メールは誤りなので送らないでください。",
    "ただし、期限は9月10日に直してから送ってください。",
    "期眼：9月10日",
    "期限：9月10日",
    "期限は9月10日でお願いします",
    "期限は9月10日で間違いありません",
    "担当課：税務課",
    "担当：税務課",
    "部署：建設課",  # directly below the order it may be one
    "納期：9月10日",
    "金額は1,500,000円の間違いでした",
    "１５０万円でお願いします。",
    "9月10日(木)までにしてください。",
    "確認済：10年超、ただし期間は9年に直してください",
    "宛先は田中様にしてください。",
    f"{'長い' * 300}ただし、直してから",
    "マイナンバーカードの申請期限は9月30日です！",
    "クールビズ実施中（10月31日まで）",
    # what a town writes below every mail, or nearly
    "このメールは個人情報の記載が間違っています。",
    "このメールは個人情報を含むので、暗号化して送ってください",
    "本メールは決裁が下りるまで転送を控えてください",
    "このメールの相手方への転送は明日まで控えてください",
    "本メールの内容は、まだ先方に転送しないよう控えてください。",
    "お心当たりのない方は宛先から削除してください",
    "誤送信の場合は連絡します",
    "誤って届いた場合は田中組を外して連絡してください",
    "誤送信の場合は、この下書きを破棄してください",
    # doubt
    "まずは確認します。",
    "取り急ぎ確認します。",
    "担当課：みほん村役場 税務課",
    "担当：みほん村教育委員会",
    "で合っていますか？",
    "これでよろしいでしょうか。",
    "内容は問題ありませんか",
    "と書けばよいですか？",
    "テストなので実際には送られませんよね？",
    "？",
    "×",
]

PASSING = [
    "よろしくお願いします。",
    "よろしくお願いいたします",
    "宜しくお願い致します。",
    "以上、よろしくお願い申し上げます。",
    "どうぞよろしくお願いします！",
    "お願いします",
    "お世話になっております。",
    "いつもお世話になっております。建設課の中村です。",
    "お世話になっております、建設課の中村です。",
    "お世話さまです。みほん村役場建設課の中村と申します。",
    "お疲れさまです。",
    "お疲れ様です。建設課 中村です。",
    "お疲れさまです。お待たせしました。",
    "お待たせして申し訳ありません。",
    "ご苦労さまです。",
    "おはようございます。",
    "お忙しいところ恐れ入りますが、よろしくお願いします。",
    "お手数ですが、よろしくお願いいたします。",
    "お手数をおかけします。",
    "お手数をおかけして申し訳ございません。",
    "遅くなりました。",
    "返信が遅くなり申し訳ありません。",
    "電子契約担当 様",
    "みほん村 電子契約 御中",
    "ご担当者様",
    "ありがとうございます。",
    "いつもありがとうございます",
    "早速のご対応ありがとうございました。",
    "ご連絡いただき、ありがとうございます。",
    "お知らせいただきありがとうございます",
    "助かりました。",
    "はい",
    "了解です。",
    "了解しました。",
    "承知いたしました。",
    "かしこまりました。",
    "わかりました。",
    "確認しました",
    "確認いたしました。",
    "確認済みです。",
    "内容を確認しました。",
    "内容、確認しました。問題ありません。",
    "下書きを確認しました。",
    "拝見しました。",
    "内容を確認しました。問題ないです。",
    "内容に問題ありません。",
    "内容に誤りはありませんでした。",
    "問題なし",
    "問題ございません。",
    "特に問題ありません",
    "異議ありません。",
    "間違いありません。変更点はありません。",
    "修正はありません。",
    "金額、期限とも確認しました。",
    "宛先・金額・期限、いずれも問題ありません。",
    "すべて確認済みです",
    "これでお願いします。",
    "この内容でお願いします",
    "この内容で送ってください。",
    "このままで結構です。",
    "下書きのとおりで問題ありません。",
    "内容OKです。",
    "課長の決裁済みです。",
    "課長に確認済みです",
    "決裁が下りました。",
    "手続きをお願いします。",
    "進めてください。",
    "ご確認のほど、よろしくお願いいたします。",
    "ご対応よろしくお願いします",
    "取り急ぎご連絡まで。",
    "まずはご報告まで",
    "以上です。",
    "では",
    "先に電話で伝えてあります。",
    "iPhoneから送信",
    "スマートフォンから送信しています",
    "Android携帯から送信",
    "Sent from my iPhone",
    "Outlook for iOS を入手",
    "Outlook for iOS<https://aka.ms/o0ukef>を入手",
    "建設課 中村",
    "建設課　中村美咲",
    "建設課・中村",
    "みほん村役場 建設課",
    "みほん村役場 建設課 工務係　主任 中村 美咲",
    "みほん村役場　建設課　中村　美咲（なかむら みさき）",
    "中村",
    "中村 美咲",
    "中村拝",
    "建設課より",
    "担当者：中村",
    "問合せ：kensetsu@vill-mihon.example",
    "本メールを誤って受信された場合は、お手数ですが削除してください。",
    "お心当たりのない方は、このメールを破棄し、差出人までご連絡願います。宛先の誤りにご注意ください。",
    "※本メールは機密情報を含みます。誤送信の場合は破棄してください。",
    "※このメールに心当たりのない場合は削除をお願いします。",
    "このメールには個人情報が含まれている場合があります。",
    "このメールは、個人情報や機密情報を含むことがあります。",
    "本メールの全部又は一部を無断で転載・複製することを禁止します。",
    "このメールの内容を第三者に開示することを固く禁じます。",
    "本メールを無断で複製、転送することは固くご遠慮ください。",
    "誤って受信された場合は、直ちに削除のうえ、送信者までご連絡ください。",
    "万一、誤って受信された場合は、送信者にご連絡いただくとともに、本メールを破棄してくださいますようお願いします。",
    "誤送信の場合は破棄してください",
    "確認済：10年超、開始日",
    "------------------------------",
    "◆◇◆◇◆◇",
    "よろしくお願いします m(_ _)m",
]

# Below a signature's first line.
SIGNED = [
    "電話：0261-00-0000（直通）",
    "電話　0261-72-5000（内線1234）",
    "TEL/FAX：0261-00-0000",
    "TEL:0261-72-5000 / FAX:0261-72-5001",
    "℡ 0261(72)5000 内線 221・222",
    "建設課直通：0261-00-0000（内線 12）",
    "携帯 090-1234-5678",
    "Mail: nakamura@vill-mihon.example",
    "E-mail：kensetsu@vill-mihon.example",
    "https://www.vill-mihon.example/",
    "URL: http://www.vill-mihon.example/kensetsu/",
    "〒399-9301　長野県みほん村大字北城7025番地",
    "〒100-0001千代田区1番地",
    "長野県北安曇郡みほん村大字北城7025番地",
    "所在地：〒399-0000　長野県みほん村大字本郷1",
    "開庁時間：8:30～17:15まで",
    "開庁日　平日8:30～17:15（土日祝日、12/29～1/3を除く）まで",
    "所属：みほん村役場 建設課",
    "部署：建設課",
    "氏名：中村",
    "担当：中村",
    "担当者：鈴木 太郎",
    "主事　鈴木 一郎",
    "主査　鈴木　一郎",
    "主任 田中",
    "工務係",
    "Mihon Village Office",
    "Misaki NAKAMURA",
    "マイナンバーカードの申請期限は9月30日です！",
    "クールビズ実施中（10月31日まで）",
    "クールビズ実施中です",
    "脱炭素社会へ。クールビズ実施中（10月31日まで）",
    "【みほん村公式LINE】友だち追加はこちら",
    "《お知らせ》8月10日まで夏まつり開催！",
    "ゼロカーボンシティ宣言の村 期限切れ食品の削減にご協力を",
    "ふるさと納税もよろしくお願いします",
    "誤送信の場合は破棄してください",
    "#######",
]
NOT_SIGNED = [
    "※まだ送らないでください",
    "追伸 期限は9月10日でした",
    "期限：9月10日",
    "宛先：田中組",
    "担当課：税務課",
    "マイナンバーの件は来週送ってください",
    "ふるさと納税業務の金額は税抜です",
    "LINEの分は外してください",
    "延期希望",
    "来月",
    "（まだ）",
    "主任 不在",
    "請書 二部",
    "鈴木",
    "髙橋建設",
    "Tomorrow",
    "副村長署名",
    "please wait",
    "村長決裁後に送ってください。",
    "担当課：みほん村役場 税務課",
    "防災無線は中止になりました",
    "健康診断は来年度からです",
    "防災アプリは田中組です",
    "観光協会は保留です",
    "健康診断は9月30日です",
    "建設課 主任 反対",
    "建設課 主任 白紙",
    "建設課 主任 凍結",
    "建設課 主任 再提出",
    "建設課 主任 作成中",
    "建設課 主任 調整中",
    "担当 ペンディング",
]

# Whole replies, with the signatures that town halls have and what mailers put above a quote.
MAILS = [
    """みほん村 電子契約 御中

いつもお世話になっております。
みほん村建設課の中村です。

下書きを確認いたしました。
内容に問題ございませんので、送信をお願いいたします。

送信 483920

お手数をおかけしますが、よろしくお願いいたします。

**********************************************
　みほん村役場　建設課　工務係
　　主任　中村　美咲（なかむら　みさき）
　〒399-9301　長野県北安曇郡みほん村大字北城7025番地
　TEL：0261-72-5000（内線　123）
　FAX：0261-72-5001
　E-mail：kensetsu@vill-mihon.example
　URL：https://www.vill-mihon.example/
**********************************************
""",
    """お疲れ様です、建設課中村です。
確認しました。問題ありません。
送信 483920

+++++++++++++++++++++++++
みほん村 建設課 中村 美咲
電話 0261-72-5000 (内線231)
LGWAN: kensetsu@vill-mihon.example
+++++++++++++++++++++++++
★☆★みほん村公式LINEはじめました★☆★
マイナンバーカードの申請はお済みですか？
""",
    """送信 483920

中村
""",
    """OK 483920

iPhoneから送信

2026年8月4日(火) 14:21 みほん村 電子契約 <keiyaku@keiyaku.vill-mihon.example>:
> 送信 123456
""",
    """送信 483920

On Tue, 4 Aug 2026 14:21:00 +0900
みほん村 電子契約 <keiyaku@keiyaku.vill-mihon.example> wrote:

> 送信 123456
""",
    """送信 483920

2026年8月4日(火) 14:21 みほん村 電子契約
<keiyaku@keiyaku.vill-mihon.example>:

> 送信 123456
""",
    """送信 483920

━━━━━━━━━━━━━━━━━━━━━━
  みほん村役場 総務部 建設課
     工務係 主任 中村 美咲
   Misaki Nakamura
  Tel 0261-72-5000（代表）内線 1234
  Fax 0261-72-5001
  mail nakamura@vill-mihon.example
  【開庁時間】平日 8:30～17:15
━━━━━━━━━━━━━━━━━━━━━━
""",
    """電子契約担当様

お疲れさまです。
ご連絡ありがとうございます。
下記のとおり送信をお願いします。

送信 483920

以上、よろしくお願いします。

＝＝＝＝＝＝＝＝＝＝
建設課　中村（内線１２３）
＝＝＝＝＝＝＝＝＝＝
""",
    """送信してください。483920
よろしくお願いします。
建設課 中村　内線123
""",
    """送信 483920

＊＊＊＊＊＊＊＊＊＊＊
長野県みほん村
建設課　中村　美咲
直通　0261-72-5010
＊＊＊＊＊＊＊＊＊＊＊
※本メールの内容を無断で転送することはお控えください。
""",
    """送信 483920

(建設課 中村)
""",
    """送信 483920

みほん村役場建設課　中村
℡0261-72-5000(内231)　fax 0261-72-5001
""",
    """> 下書き D-0123 を作りました。

送信 483920
""",
    """送信 483920

みほん村 建設課 土木係 中村
TEL 0261-72-5000
〇------------------------〇
""",
    """お世話になります。
送信 483920
取り急ぎ
中村
""",
    """課長決裁済みです。送信 483920
""",
    """お世話になっております。
送信よろしくお願いします。
483920
""",
    """お疲れさまです。
先日はありがとうございました。
こちらで問題ありませんので、送信よろしくお願いいたします。
送信 483920
""",
]


def objected(*lines: str, writer: Writer = WRITER) -> str:
    reply = read("\n".join(lines), writer)
    return objection(reply, scan(reply.text, day=date(2026, 8, 4), quoted=False), writer)


@pytest.mark.parametrize("line", ASKED_BACK)
def test_a_line_that_may_mean_something_is_asked_back_wherever_it_stands(line: str) -> None:
    assert objected("お疲れさまです。", "送信 483920", line, "建設課 中村") == line
    assert objected("送信 483920", line, "", "みほん村役場 建設課 中村 美咲", "TEL 0261-00-0000") == line
    assert objected(line, "", "送信してください 483920") == line


@pytest.mark.parametrize("line", PASSING)
def test_what_clerks_write_beside_an_order_means_nothing_else(line: str) -> None:
    assert objected("送信 483920", line) == ""
    assert objected(line, "送信 483920") == ""
    assert objected("送信 483920", "", line, "建設課 中村") == ""
    assert objected("再送 483920", f"> {ASKED_BACK[0]}", line) == ""


@pytest.mark.parametrize(
    "begins", ["建設課　中村", "◆◇◆◇◆◇", "みほん村役場 建設課", "所属：みほん村役場 建設課"]
)
@pytest.mark.parametrize("line", SIGNED)
def test_a_signature_is_known_by_its_first_line(line: str, begins: str) -> None:
    assert objected("送信 483920", "", begins, "主任　中村　美咲", line) == ""
    assert objected("送信 483920", "", begins, "", line, "TEL 0261-72-5000") == ""
    assert objected("建設課 中村", "", "送信 483920", line) in ("", line)


@pytest.mark.parametrize("line", NOT_SIGNED)
def test_a_signature_holds_no_orders(line: str) -> None:
    assert objected("送信 483920", "", "みほん村役場 建設課 中村 美咲", "TEL 0261-00-0000", line) == line


@pytest.mark.parametrize("mail", MAILS)
def test_the_mails_of_clerks_pass(mail: str) -> None:
    (command,) = read(mail, WRITER).commands
    assert (command.verb, command.code) == ("送信", "483920")
    assert objected(*mail.split("\n")) == ""


@pytest.mark.parametrize("mail", MAILS)
@pytest.mark.parametrize("line", ["村長決裁後に送ってください。", "田中組は外してください", "期限：9月10日"])
def test_but_not_with_one_line_more(mail: str, line: str) -> None:
    lines = mail.split("\n")
    own = [at for at, words in enumerate(own_lines(mail)) if words.strip()]
    for at in own:
        assert objected(*lines[: at + 1], line, *lines[at + 1 :]) == line
    for at in own:
        told = objected(*lines[:at], f"{lines[at]}{line}", *lines[at + 1 :])
        assert told or not read("\n".join([*lines[:at], f"{lines[at]}{line}"]), WRITER).commands


# Beside 取消: no reason, and nothing that may be told to others.
NO_REASONS = [
    ("取消 483920\n村長決裁後にお願いします", "村長決裁後にお願いします"),
    ("取消 483920 明日お願いします", "明日お願いします"),
    ("取消 483920 決裁後に", "決裁後に"),
    ("取消 483920 決裁後、取り消してください", "決裁後、取り消してください"),
    ("取消 483920\nまだ取り消さないでください", "まだ取り消さないでください"),
    ("取消 483920 ではなく修正でお願いします", "ではなく修正でお願いします"),
    ("取消：不要 483920", "不要"),
    ("取消 483920 まだ", "まだ"),
    ("取消 483920 来週にします", "来週にします"),
    ("取消 483920\n9月10日に", "9月10日に"),
    ("取消 483920 でよいですか？", "でよいですか？"),
    ("取消 483920 しないでください", "しないでください"),
    (
        "取消 483920\n田中組だけ取り消してください。髙橋建設はそのままで",
        "田中組だけ取り消してください。髙橋建設はそのままで",
    ),
    (
        "取消 483920\n理由：金額の誤り\n取消後、下書きに戻してください",
        "取消後、下書きに戻してください",
    ),
    ("取消 483920\n\n期限は8月末でした", "期限は8月末でした"),
]


@pytest.mark.parametrize(("text", "asked"), NO_REASONS)
def test_what_is_asked_for_is_no_reason_to_cancel(text: str, asked: str) -> None:
    told = objected(*text.split("\n"))
    assert told == asked or not read(text, WRITER).commands


@pytest.mark.parametrize(
    "text",
    [
        "取消 483920 宛先を間違えました",
        "取消 483920\n宛先を間違えました。\n改めて送ります。",
        "取消 483920 不要になったため",
        "取消 483920 理由：受注者だけが変わるため",
        "取消 483920 宛先の間違いのため、取り消しをお願いします",
        "取消 483920\n\n（理由）契約内容の変更のため",
        "取消 483920\n契約の相手方が辞退しました。\nよろしくお願いします。",
        "取消 483920 申し訳ありませんが、金額を誤ったため",
    ],
)
def test_reasons_to_cancel_are_asked_back_no_more(text: str) -> None:
    (command,) = read(text, WRITER).commands
    assert command.words
    assert objected(*text.split("\n"), "", "建設課 中村") == ""


# What looks like a mailer's line, written by the clerk, and what stands below it.
UNDER_A_MARK = [
    ("送信日時：8月10日 9:00", "送信日時：8月10日 9:00"),
    ("送信日時：8月10日でお願いします", "送信日時：8月10日でお願いします"),
    ("\n差出人：建設課 中村\n※田中組は外してください", "※田中組は外してください"),
    ("発信者：建設課 中村\n宛先は田中組だけにしてください", "宛先は田中組だけにしてください"),
    ("差出人：建設課 中村\n宛先：田中組", "宛先：田中組"),
    ("送信者：副村長", "送信者：副村長"),
    ("--元の期限に戻してから送ってください", "--元の期限に戻してから送ってください"),
    ("--転送はしないでください", "--転送はしないでください"),
    ("備考に追記することと書きました：\n決裁後に送ってください", "備考に追記することと書きました："),
    (
        "\n____________\n建設課 中村\n____________\n追伸：期限は9月10日に直してから送ってください",
        "追伸：期限は9月10日に直してから送ってください",
    ),
]
# The same lines where mailers write them: what stands below is not the clerk's.
MAILERS = [
    "From: みほん村 <keiyaku@keiyaku.example>",
    "差出人: みほん村\n件名: Re: x",
    "________________________________\n差出人: みほん村\n送信日時: 2026年8月4日 14:21\n宛先: 中村",
    "送信日時: 2026年8月4日 14:21\n差出人: みほん村",
    "From: みほん村\nTo: nakamura@vill-mihon.example",
    "-----Original Message-----",
    "---------- Forwarded message ---------",
    "-------- 転送されたメッセージ --------",
    "----- 元のメッセージ -----",
    "---- 引用 ----",
    "--- 引用開始",
    "----- 転送者 中村/みほん村 投稿日 2026/08/04 14:21 -----",
    "2026/08/04 14:21、みほん村 電子契約 さんは書きました:",
    "みほん村 電子契約さんは書きました:",
    "2026年8月4日 14:21 みほん村と書きました:",
]


@pytest.mark.parametrize(("lines", "asked"), UNDER_A_MARK)
def test_a_line_that_only_looks_like_a_mailers_hides_nothing(lines: str, asked: str) -> None:
    assert objected("送信 483920", *lines.split("\n")) == asked


@pytest.mark.parametrize("mark", MAILERS)
def test_what_stands_below_a_mailers_lines_is_not_the_clerks(mark: str) -> None:
    assert objected("送信 483920", "", *mark.split("\n"), "", "決裁後に送ってください") == ""


QUOTED = "2026年8月4日(火) 14:21 みほん村 電子契約 <keiyaku@keiyaku.example>:\n> 期限：8月31日"


@pytest.mark.parametrize("line", ASKED_BACK)
def test_an_answer_between_quoted_lines_is_asked_back(line: str) -> None:
    assert objected("送信 483920", *QUOTED.split("\n"), line, "> 金額：100円") == line


@pytest.mark.parametrize("line", ["", "確認しました。", "問題ありません", "建設課 中村"])
def test_a_courtesy_between_quoted_lines_means_nothing(line: str) -> None:
    assert objected("送信 483920", *QUOTED.split("\n"), line, "> 金額：100円") == ""


def test_the_rest_of_a_quoted_line_that_was_wrapped_is_no_answer() -> None:
    long = "> この下書きで署名を依頼すると、相手方にメールが届き、期限まで署名で"
    assert objected("送信 483920", *QUOTED.split("\n"), long, "きます。", "> 金額：100円") == ""
    assert objected("送信 483920", *QUOTED.split("\n"), "> 期限", "きます。", "> 金額：100円") == "きます。"


@pytest.mark.parametrize("blank", [" ", "\u3000", "\u200b"])
@pytest.mark.parametrize("many", [400, 5000])
def test_nothing_is_hidden_behind_blanks(blank: str, many: int) -> None:
    text = f"送信 483920{blank * many}※決裁後に送ってください"
    assert objected(text) or not read(text, WRITER).commands


def test_who_writes_at_the_top_has_not_signed_yet() -> None:
    """Below the order a number or an address may be meant for the request."""
    for line in ("携帯：090-1234-5678", "メール：taro@takahashi.example", "総務課"):
        assert objected("建設課 中村です。", "送信 483920", line) == line
        assert objected("建設課 中村", "送信 483920", line) == line


def test_a_signature_that_the_town_does_not_know_is_asked_back() -> None:
    assert objected("送信 483920", "", "北沢土木 中村", writer=NOBODY) == "北沢土木 中村"
    assert objected("送信 483920", "", "建設課 中村", writer=NOBODY) == "建設課 中村"
    assert objected("送信 483920", "", "建設課 鈴木", "TEL 0261-72-5000") == "建設課 鈴木"
    assert objected("送信 483920", "", "建設課 担当：鈴木", "主事 鈴木", "TEL 0261-72-5000") == ""
    assert objected("送信 483920", "", "田中") == "田中"


@given(st.text(alphabet="よろしくお願いします確認問題ありません、。はがの・-建設課中村", max_size=400))
def test_judging_words_takes_no_time_and_never_raises(text: str) -> None:
    is_courtesy(text, WRITER)


def test_long_lines_of_courtesies_take_no_time() -> None:
    for words in (
        "よろしくお願いします" * 30,
        "、".join(["内容の"] * 90),
        "建設課" * 100,
        "課" * 300,
        "0-" * 150,
    ):
        assert objected("送信 483920", f"{words}？") == f"{words}？"
