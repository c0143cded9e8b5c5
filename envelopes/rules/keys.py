"""The words of an order: each thing that a line can be about, and every way to call it.

How a line looks around these words stands in `lines`, what its value means in `orders`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Key(StrEnum):
    """What a line can be about, in the words that answers use and in the order in which pages show them."""

    TITLE = "封筒名"
    RECIPIENT = "宛先"
    KIND = "種別"
    AMOUNT = "金額"
    DEADLINE = "期限"
    START = "履行開始日"
    PERIOD = "履行期間"
    SECTION = "担当課"
    SIGNER = "署名者"
    IDENTITY = "本人確認"
    COPY = "写し"
    HAND_OVER = "引継ぎ"
    NOTE = "備考"
    DOCUMENT = "文書"
    ANSWERED = "確認済"


SEVERAL: Final = frozenset(
    {Key.RECIPIENT, Key.IDENTITY, Key.COPY, Key.DOCUMENT}
)  # keys of which each line counts

# fmt: off
_NAMES: Final[Mapping[Key, tuple[str, ...]]] = {
    Key.TITLE: ("封筒名", "件名", "案件名", "工事名", "工事件名", "工事名称", "工事の名称", "業務名", "業務件名",
                "業務名称", "業務の名称", "契約名", "契約件名", "契約名称", "契約の名称", "委託名", "委託件名",
                "委託業務名", "委託業務名称", "委託業務の名称", "事業名"),
    Key.RECIPIENT: ("宛先", "宛て先", "あて先", "送付先", "相手方", "相手先", "契約相手方", "契約の相手方",
                    "契約相手", "契約の相手", "契約相手先", "契約先", "契約業者", "受注者", "受注者名", "受注業者",
                    "発注先", "請負者", "請負人", "請負先", "請負業者", "施工業者", "受託者", "受託業者", "委託先",
                    "委託業者", "業者", "業者名"),
    Key.KIND: ("種別", "契約種別", "契約の種別", "契約書種別", "文書種別", "書類種別", "契約書の種類", "書類の種類",
               "契約の種類", "契約種類", "種類", "契約区分", "区分"),
    Key.AMOUNT: ("金額", "契約金額", "契約金", "契約額", "契約代金", "契約総額", "総額", "請負代金額", "請負代金",
                 "請負金額", "請負額", "工事金額", "工事請負金額", "委託料", "業務委託料", "委託金額", "委託額",
                 "売買代金", "購入金額", "変更契約金額", "変更後契約金額", "変更後の契約金額"),
    Key.DEADLINE: ("期限", "期限日", "署名期限", "署名期限日", "署名の期限", "署名期日", "署名締切", "署名締切日",
                   "回答期限", "締切", "締切り", "締切日", "締め切り", "締め切り日", "しめきり", "〆切", "〆切り",
                   "〆切日", "〆"),
    Key.START: ("履行開始日", "履行開始", "着工日", "着手日", "工事開始日", "業務開始日", "契約開始日", "開始日"),
    Key.PERIOD: ("履行期間", "契約期間", "契約の期間", "期間", "工期", "工事期間", "委託期間", "業務期間",
                 "賃貸借期間", "リース期間", "貸付期間", "借受期間", "借入期間"),
    Key.SECTION: ("担当課", "担当課名", "担当課係", "担当", "担当部署", "部署", "部署名", "所属", "所属課", "課名",
                  "主管課", "所管課"),
    Key.SIGNER: ("署名者", "村側署名者", "町側署名者", "市側署名者", "署名権者"),
    Key.IDENTITY: ("本人確認", "本人確認方法", "本人確認の方法", "本人確認方式", "本人確認の方式", "認証方法",
                   "認証方式"),
    Key.COPY: ("写し", "写し先", "写し送付先", "写しの送付先", "控え送付先"),
    Key.HAND_OVER: ("引継ぎ", "引き継ぎ", "引継", "担当者の引継ぎ", "担当者の引き継ぎ"),
    Key.NOTE: ("備考", "備考欄", "連絡事項", "メッセージ", "伝言", "相手方への連絡"),
    Key.ANSWERED: ("確認済", "確認済み", "対象外の確認", "対象外確認"),
}
# Lines of a letter's signature and of everyday prose that look like key and value but are not.
NOT_KEYS: Final = frozenset({
    "tel", "fax", "電話", "電話番号", "内線", "直通", "携帯", "代表", "e-mail", "email", "mail", "メール",
    "メールアドレス", "url", "http", "https", "mailto", "ホームページ", "hp", "住所", "所在地", "郵便番号", "担当者",
    "担当者名", "担当職員", "氏名", "名前", "職名", "職氏名", "役職", "連絡先", "問合せ先", "問い合わせ先",
    "お問合せ先", "お問い合わせ先", "時間", "日時", "場所", "to", "subject", "date", "no", "no.", "項目", "内容",
})
# fmt: on
KEY_OF: Final = {name: key for key, names in _NAMES.items() for name in names}
# Words that may be about something else (区分：委託): such a line counts where no other says the same.
WEAK: Final = frozenset({"種類", "区分", "契約区分", "契約の種類", "契約種類"})
