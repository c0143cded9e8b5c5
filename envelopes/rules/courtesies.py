"""What stands beside an order and means nothing for it: greetings, thanks, agreement, and the writer's own signature.

A closed set. What cannot be taken back is done only where every other line is one of these, and all the rest is asked
back (`replies.objection`). So nothing belongs in here that could ever mean: not yet, not so, or not to them. What a
signature holds is harmless only within one, below a line that is plainly the writer's own.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from envelopes.rules.names import folded

_LONGEST_SIGNED: Final = 100
_SPELT: Final = 4  # letters of an address that may be a name
_LONGEST: Final = 160  # characters of a line: no greeting and no line of a signature is longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Whose signature it may be, as the town knows him; his address tells the town's domain besides."""

    name: str = field(default="", repr=False)
    office: str = ""
    section: str = ""
    town: str = ""
    address: str = field(default="", repr=False)


NOBODY: Final = Writer()


def is_courtesy(words: str, writer: Writer = NOBODY) -> bool:
    """Whether *words* are greetings, thanks, agreement, and who is writing, in any number and nothing else."""
    if len(words) > _LONGEST:
        return False
    sentences = [sentence for sentence in _ENDS.split(_plain(words)) if sentence]
    return all(_is_harmless(sentence, writer) for sentence in sentences)


def strange(lines: Sequence[str], writer: Writer, *, orders: frozenset[int] = frozenset()) -> Iterator[int]:
    """The lines, counted from 0, that mean something or are not understood.

    *orders* are the lines of the order, empty by now: only below the last of them a signature begins, with a rule, or a
    line that names the writer.
    """
    below = max(orders, default=-1)
    signed = False
    for at, line in enumerate(lines):
        if _RULE.fullmatch(_compact(line)):
            signed = signed or at > below
        elif not line.strip() or is_courtesy(line):
            continue
        elif found := _in_signature(line, writer):
            free = at > 0 and not lines[at - 1].strip() and at - 1 not in orders
            if found.own and (signed or free or not found.keyed):
                signed = signed or (at > below and not found.introduces)
            elif not signed or found.keyed:
                yield at
        elif not is_courtesy(line, writer) and not (signed and _is_footer(line, writer)):
            yield at


def is_signature(line: str, writer: Writer) -> bool:
    """Whether *line* ends what somebody has to say: it names him, or tells how he is reached."""
    found = _in_signature(line, writer)
    return _RULE.fullmatch(_compact(line)) is not None or (found is not None and (found.own or found.data))


# Greetings and agreement, in NFKC, lower case and without blanks.


def _words(text: str) -> str:
    """The alternatives of *text*, which blanks part."""
    return f"(?:{'|'.join(text.split())})"


_PLEASE: Final = rf"""(?:
    (?:{_words("どうぞ どうか 何卒 なにとぞ 引き?続き 今後とも 今後も 重ねて 以上 ご?対応の?ほど ご?対応の?程")}、?)*
    (?:(?:よろしく|宜しく)、?)?お?(?:願|ねが)い(?:いたし|致し|し|申し?上げ|もうしあげ)?ます
    |(?:どうぞ)?(?:よろしく|宜しく)(?:です|どうぞ)?)"""
_SORRY: Final = r"""(?:(?:大変|誠に|たいへん)?
    (?:すみません|すいません|申し?訳(?:あり|ござい)ません|恐縮です|恐れ入ります|失礼しました)(?:でした)?)"""
_DID: Final = (
    r"(?:を?(?:(?:(?:いた|致)?し|させて(?:いただき|頂き)|いただき|頂き|でき|済み)ました)|済み?(?:です)?)"
)
_NOUN: Final = "(?:この|その|上記の?|添付の?|記載)?" + _words("""
    下書き? 内容 記載内容 記載事項 記載 文書 書類 添付ファイル 添付書類 添付文書 添付 契約書 契約 請書 仕様書 図面
    宛て?先 宛名 相手方 受注者 契約金額 金額 署名期限 期限 署名者 本人確認 履行期間 工期 件名 封筒名 題名 工事名 業務名
    担当課 種別 備考 (?:契約書)?pdf メールアドレス アドレス メール 日付 ご?連絡 確認事項 項目 通知 画面 案 氏名 会社名
    すべて 全て 全部 全体 上記 こちら これ 本件""")
_OF: Final = _words(
    "の ・ 、 , / と や 及び および 並びに 等 など ともに とも も は が を に いずれも どれも について に関して"
)
_WHAT: Final = rf"(?:(?:{_NOUN}(?:{_OF}|すべて|全て|全部|特に|とくに){{0,5}})+、?)"
_NOTHING: Final = rf"""(?:(?:(?:特に|とくに|特段の?|まったく|全く|一切|何も)、?)?
    {_words("問題 異議 異存 異論 支障 不備 相違 誤り 誤字 脱字 間違い? 訂正 修正 変更 直し 追加 指摘")}
    {_words("点 箇所 個所 事項 等 など は も が 特に とくに 一切")}{{0,3}}
    (?:(?:あり|ござい)ません(?:でした)?|(?:ない|無い)です|(?:なし|無し)(?:です)?
    |(?:ない|無い)(?:こと|旨)を確認(?:いた)?しました|(?:ない|無い)(?=ので)))"""
_SO: Final = (
    _words("""
    これ こちら 下記の?とおり 下記の?通り 次の?とおり 次の?通り 以下の?とおり 以下の?通り
    上記内容 記載の?とおり 記載の?通り
    この内容 このまま この形 このとおり この通り その内容 そのまま そのとおり その通り
    上記の内容 上記の?とおり 上記の?通り
    下書きの内容 下書きの?とおり 下書きの?通り 下書きどおり 下書きのまま""")
    + "(?:で|にて)?、?"
)
_GOOD: Final = _words("ok オーケー オッケー 結構 大丈夫 良い よい いい よろしい") + "です"
_SEND: Final = r"(?:(?:送信|送付|進行|手続き?|処理)を?(?:して)?|送って|進めて)"
_DEED: Final = "[ごお]?" + _words("""
    電話 対応 連絡 確認 返信 返事 送付 送り 案内 手配 協力 教示 作成 準備 用意 知らせ 回答 教え""")
_ABOVE: Final = (
    "[一-鿿]{0,4}?"
    + _words("課長補佐 課長 部長 係長 室長 所長 局長 次長 副?[村町市区]長 上司 上長 所属長 課内")
    + "(?:にも|の|に|から|も|より)?"
)
_CONSENT: Final = r"(?:(?:決裁|承認|了承)(?:は|を|が|も)?)"
_DEVICE: Final = _words("""
    iphone ipad android android携帯 android端末 スマホ スマートフォン 携帯 携帯電話 ドコモ ドコモの携帯 au
    ソフトバンク xperia galaxy windows outlook gmail yahoo!?メール yahoo!?メールアプリ""")

_PHRASE: Final = rf"""(?>
    # greetings
    (?:(?:いつも|大変|たいへん|毎度|日頃より|平素より|平素は)、?)*お?世話(?:様|さま)?
        (?:に(?:なって(?:おり|い)?ます|なります|なりました)|です|でした|でございます)
    |(?:お疲れ|ご苦労|御苦労)(?:様|さま|さん)?(?:です|でした|でございます)
    |{_words("おはようございます こんにち[はわ] こんばん[はわ] はじめまして 初めまして 前略 草々 敬具 拝啓")}
    |(?:先ほど|先程|昨日|先日|本日)?は?失礼(?:(?:いた|致)?し)?(?:ます|ました)
    |(?:お忙しい|ご?多忙の?|ご?多用の?)(?:中|ところ|所|折)(?:を|、)?
    |{_SORRY}
    |(?:大変|たいへん)?お手数(?:です|を?お?(?:かけ|掛け)(?:(?:(?:いた|致)?し)?(?:ます|ました)|(?:いた|致)?して、?{_SORRY}))
    |(?:大変|たいへん)?お待たせ(?:いた|致)?し(?:ました|て、?{_SORRY})
    |(?:ご?(?:返信|連絡|回答|確認|返事|報告)[がの]?)?
        (?:遅く(?:なりました|(?:なり(?:まして)?|なって(?:しまい)?)、?{_SORRY})|遅れ(?:まして|て(?:しまい)?)、?{_SORRY})

    # thanks
    |(?:(?:お忙しい中|早速|早々|迅速|いつも|先日は|先ほどは|先程は|大変|本当に|誠に|どうも|この度は|このたびは)[のにな]?、?)*
        (?:(?:下書き|契約書|書類)[のを])?
        (?:{_DEED}を?(?:いただき|頂き|下さり|くださり)?、?)?(?:誠に|本当に|どうも)?
        (?:(?:ありがとう|有難う)(?:ございま(?:す|した))?|感謝(?:いたし|致し|し|申し?上げ)ます|助かりま(?:す|した))

    # agreement
    |{_words("はい ええ かしこまりました 畏まりました 分かりました わかりました")}
    |(?:了解|承知)(?:です|(?:いた|致)?しました)
    |(?:内容は、?)?{_SO}(?:{_NOTHING}|問題(?:ない|無い)です|{_GOOD}|{_SEND}?{_PLEASE}|{_SEND}(?:ください|下さい))
    |(?:{_WHAT}?確認(?:(?:いた|致)?した(?:ところ|結果)|の結果)、?)?{_WHAT}?{_NOTHING}
    |(?:表題|標題|標記|件名|首題|掲題)の件(?:ですが|は|につき(?:まして)?|について)?
    |{_WHAT}?(?:正しいです|合って(?:い|おり)ます|(?:その|この)(?:とおり|通り)です|問題なく確認{_DID})
    |(?:内容|下書き|すべて|全て|全部)[はもでが]?(?:ok|オーケー|オッケー|大丈夫)です
    |(?:先ほど|先程|本日|昨日)?{_WHAT}?(?:ご?確認|再確認|拝見|拝受|受領|チェック){_DID}
    |{_WHAT}?(?:見|受け?取り)ました

    # what others have agreed to, and what they know
    |(?:{_ABOVE})?(?:{_CONSENT}|了解|確認)(?:済み?(?:です)?|(?:して)?(?:いただき|頂き|もらい)ました)
    |(?:{_ABOVE})?{_CONSENT}(?:得|受け|取り|下り|され|し|完了し)ました
    |(?:{_ABOVE})?(?:承認|了承|了解)を、?(?:得|いただい|頂い|もらっ)(?:ました|て(?:い|おり)ます)
    |(?:承認|了承)(?:いたし|致し|し)ます
    |(?:(?:相手方|先方|業者)(?:さん)?(?:に|には|へは|にも)?)?(?:先に|既に|すでに|事前に)?(?:(?:お?電話|口頭)(?:で|にて))?
        (?:お?伝え|ご?連絡し?|説明し?)(?:て(?:あり|い)ます|ました|済みです)

    # requests to go on
    |(?:お?手続き?|処理|ご?対応|ご?確認|ご?査収|ご?手配|ご?協力)(?:の?(?:ほど|程))?[を、]?(?:{_PLEASE}|(?:進めて)?(?:ください|下さい))
    |進めて(?:ください|下さい)
    |{_PLEASE}

    # beginnings and ends
    |(?:以上|取り?急ぎ|まずは)(?:、?ご?(?:確認(?:まで)?
        |(?:連絡|報告|返信|返事|回答|御礼|お礼)(?:まで(?:に)?|(?:いた)?します|申し上げます)?|お願いまで|用件のみ))?
        (?:です|でございます|となります)?
    |ご?返信(?:いたし|致し|し|申し上げ)ます|ご?(?:連絡|報告)(?:いたし|致し|し)ます
    |(?:ご?指示|(?:返信用の?|認証)?(?:数字|コード|番号))は、?(?:次|以下|下記)の?(?:とおり|通り)です
    |(?:次|以下|下記)の?(?:とおり|通り)、?ご?(?:指示|連絡|回答|返信)(?:いたし|致し|し)ます
    |\A(?:記|指示)\Z
    |それでは|それじゃ|では|さて
    |(?:\w{{1,8}}[都道府県市区町村])?(?:電子契約|ご?担当|システム|事務局|窓口)(?:ご?担当|システム|サービス|係|窓口|事務局)?者?
        (?:様|さま|御中|殿|さん|各位)

    # what phones and programs add
    |(?:私の)?{_DEVICE}(?:から|より)の?(?:送信|返信)(?:です|しています|しました|されました)?
    |sentfrom(?:my)?(?:iphone|ipad|android|outlook|mobile|galaxy|xperia|windows|mail)\w{{0,12}}
    |(?:get)?outlookfor(?:ios|android|windows|mac)(?:を入手(?:する)?)?(?:<[^<>]{{1,80}}>(?:を入手)?)?
    )
    (?:ので|が|から|けれど|けど|ね)?[、,・]?  # what follows is looked at by itself
"""
_COURTESIES: Final = re.compile(rf"(?>{_PHRASE})+", re.VERBOSE)
# The signs among them bow, thank and agree.
_ENDS: Final = re.compile(
    r"[。!♪☆★🙇🙏😊☺🙂😄😀✨👍🏻-🏿♂♀\u200d\ufe0f]|\.{2,}|…|m\(_{0,3}\)m|\(?\^[_o]?\^\)?|(?<![0-9a-z])\.|\.$"
)
_MARKS: Final = " \t\u3000■□◆◇●○◎・･*＊※▼▽▶→⇒【】［］[]「」〈〉《》<>＜＞(（)）{}-–—=~|"
_RULE: Final = re.compile(r"[-–—―─━=_*#~〜+|/\\.,・…^`'\"◆◇■□●○〇◎☆★♪♦▼▽△▲※┌┐└┘├┤│┃┏┓┗┛┼<>ー、。:;()\[\]]+")
# What towns let their mail servers write below every mail.
_MISDIRECTED: Final = re.compile(
    r"""(?:(?:本|この)(?:電子)?メール[にをがは]?)?、?(?:万一|万が一|もし)?、?
        (?:誤送信|(?:誤って|間違って)(?:(?:本|この)(?:電子)?メールを)?(?:受信|受け取|届|配信)[^。]{0,12}?|お?心当たり[のが](?:ない|無い|なき))
        の?(?:場合|方|際|とき)[はに]{0,2}
        (?:(?!宛|期限|送[^信]|送信(?!者|元)|外し|下書|契約|依頼|先方|相手)[^。]){0,60}?(?:削除|破棄|廃棄|連絡|知らせ)
        (?:(?:の上|のうえ)、?(?:ご?(?:連絡|一報|返信)|お?知らせ))?[のをし]?(?:て|ほど)?
        (?:お?願い(?:いたし|致し|し|申し?上げ)?ます|願います|(?:ください|下さい)(?:ますよう、?お?願い(?:いたし|致し|し|申し?上げ)?ます)?)
    |(?:本|この)(?:電子)?メールに?は、?(?:機密|秘密|個人|業務上の)(?:に関する|性の高い)?(?:情報)?
        (?:[をがや・等]|など|または|又は|機密|秘密|個人|情報){0,12}
        含(?:む|みます|まれます|んで(?:い|おり)ます|まれて(?:い|おり)ます|(?:む|まれる|まれている)(?:場合|こと)があります)
    |(?:本|この)(?:電子)?メール(?:の|に記載された|に含まれる)?
        (?:内容|情報|添付ファイル|全部又は一部|全部または一部|一部|または|又は|及び|および|[・、をの]){0,6}
        を?(?:無断|第三者)[でにへの]{0,2}、?(?:[・、や又はまた]{0,3}(?:転送|複製|転載|開示|利用|使用|配布|公開)){1,5}
        (?:する|される)?(?:こと|の)?[はをも]?(?:固く|堅く)?
        (?:禁じ(?:ます|られて(?:い|おり)ます)|禁止(?:します|です|されて(?:い|おり)ます)|ご?遠慮(?:ください|下さい|願います)
        |お控え(?:ください|下さい))
    |宛て?先の(?:誤り|間違い)にご?注意(?:ください|下さい)""",
    re.VERBOSE,
)


def _compact(text: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).casefold()


def _plain(text: str) -> str:
    return _compact(text).strip(_MARKS)


def _is_harmless(sentence: str, writer: Writer) -> bool:
    if _COURTESIES.fullmatch(sentence) or _MISDIRECTED.fullmatch(sentence):
        return True
    pieces = [piece for piece in re.split(r"[、,]", sentence) if piece]
    return bool(pieces) and all(
        _COURTESIES.fullmatch(piece) is not None
        or ((found := _in_signature(piece, writer)) is not None and found.own and not found.keyed)
        for piece in pieces
    )


# Signatures


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a line that may stand in a signature has.

    `own`: something that is the writer's; `data`: how he is reached. A line `keyed` like one of an order (担当課：…)
    might be one; one that `introduces` (建設課の中村です) stands at the top of mails too.
    """

    own: bool
    data: bool
    keyed: bool
    introduces: bool


_KANA_OF_OFFICES: Final = _words("こども 子ども まちづくり くらし ふるさと みらい すこやか いきいき ふれあい")
_PARTS: Final = _words("""
    役場 役所 支所 出張所 庁舎 本庁 公民館 図書館 事務所 事務局 委員会 協議会 課 室 係 局
    (?<![一二三四五六七八九十全両0-9])部 班 担当 グループ チーム センター 組合 広域連合 企業団
    病院 診療所 学校 保育園 消防署 消防本部 (?<=[一-鿿ぁ-んヶ])[都道府県郡市区町村]""")
_OFFICE: Final = f"(?:[一-鿿々ヶケァ-ヺー・0-9]|{_KANA_OF_OFFICES}){{0,14}}?{_PARTS}"
_POSTS: Final = _words("課長補佐 課長 室長 部長 局長 次長 所長 参事 主幹 副主幹 主管 補佐")
# Before a name that the town does not know: one who signs for an address that several use.
_NAMING: Final = _words("""
    係長代理 係長 主任主事 主任技師 主査 副主査 主任 主事補? 技師補? 技術員 専門員 事務員 会計年度任用職員 臨時職員
    嘱託員? 書記 担当者 担当 氏名 お?名前 発信者 差出人 送信者 お?問い?合わ?せ先? 連絡先?""")
_KEYED: Final = _words("担当課係 担当課 担当部署 部署名? 所属 担当")
_KEY: Final = re.compile(rf"{_KEYED}[\s:].*[課室係局部所館班会]")
_LABELS: Final = _words("""
    電話番号 電話 tel fax番号 fax ファックス ファクシミリ ファクス e-?mail mail メールアドレス メール
    アドレス homepage ホームページ url hp web website 内線番号 内線 内 直通 代表 代 公用携帯 携帯電話 携帯
    ip電話 郵便番号 住所 所在地 lgwan 夜間 平日 または 及び および""")
_DATA: Final = re.compile(
    r"""(?:https?:|www\.)[!-~]{1,200} | [a-z0-9.+_-]{1,64}@[a-z0-9.-]{1,255}
    | [+(]{0,2}\d{2,5}[()-]{1,2}\d{1,4}[()-]{1,2}\d{3,4} | 0\d{9,10}(?!\d) | 〒?\d{3}-\d{4}(?![\d-])
    | (?:(?<=線)|(?<=内)|(?<=線:)|(?<=線番号))\d{2,5}(?:[-~・,/]\d{1,5}){0,4}""",
    re.VERBOSE,
)
_PLACE: Final = re.compile(
    r"""(?:(?:住所|所在地):?)?(?:〒?\d{3}-\d{4})?(?:[一-鿿]{2,3}[都道府県])?[ぁ-ん一-鿿々ヶケァ-ヺー]{1,20}[市区町村郡]
        [一-鿿々ヶケァ-ヺー・のノ]{0,30}\d{1,5}(?:番地|番|号|丁目|の|-|\d{1,4}){0,8}(?:[一-鿿ァ-ヺーa-z0-9]{0,12}(?:階|館|庁舎|ビル|f))?
    |(?:住所|所在地)?:?〒?\d{3}-\d{4}(?:[一-鿿]{2,3}[都道府県])?[ぁ-ん一-鿿々ヶケァ-ヺー]{1,20}[市区町村郡][一-鿿々ヶケァ-ヺー・]{0,20}""",
    re.VERBOSE,
)
_SEEN: Final = "\x00"  # stands where something was understood
_NAMED: Final = "\x01"  # and where a name may follow
_BETWEEN: Final = r"[\x00\x01の/・,、:;()\[\]<>|-]*"
_LEFT: Final = re.compile(
    rf"{_BETWEEN}(?:(?<=\x01)[:(]?(?P<name>[一-鿿々ヶケァ-ヺー]{{2,7}}){_BETWEEN})?"
    r"(?P<introduces>です|でございます|と申し?ます|より|拝)?"
)
_READING: Final = re.compile(r"[(（][ぁ-ん]{2,6}[\s・][ぁ-ん]{2,6}[)）]")  # 中村 美咲（なかむら みさき）
# Nobody's name, though it looks like one: what somebody may want, when, or a company.
_NO_NAME: Final = re.compile(
    "[止留追除変更待停不未延差替訂却否可済書文税署契約額宛送依頼直込抜円年後前曜週組来旧別誤]|"
    + _words("""
    至急 急ぎ 明日 翌日 本日 今日 [一二三四五六七八九十]日 確認 検討 協議 相談 以外 代理 交代 中止 建設 工業
    会社 商店 土木 電機 電気 興業 産業 商事 設備 測量 設計 破棄 無効 取下 試験
    試行 練習 要注意 修正 押印 テスト ダミー ストップ キャンセル ペンディング 反対 白紙 凍結 再[提作考]
    (?:作成|調整|精査|照会|審査|申請|手配|対応|準備|訂正)中""")
)
_ROMAN: Final = re.compile(r"[a-z][a-z.,'&()\s-]{2,80}")  # Mihon Village Office, Misaki Nakamura
_OFFICE_IN_ROMAN: Final = re.compile(r"office|division|section|department|town hall|city hall")
_HOURS: Final = re.compile(
    r"""(?:開庁|閉庁|開館|受付|業務|執務|勤務|営業|窓口)(?:時間|日)?[】\])]?:?
    (?:[0-9:~〜・,、()/.-]|平日|[月火水木金土日祝]|曜日?|祝日|年末年始|午前|午後|昼休み?|時|分|から|まで|を?除く|休み?|閉庁|開庁)+""",
    re.VERBOSE,
)
_TALK: Final = re.compile(
    _words(r"""
    マイナンバーカード マイナポ クール.?ビズ ウォーム.?ビズ 公式(?:line|x|アカウント|ホームページ|サイト)
    line公式 instagram インスタ facebook フェイスブック youtube ふるさと納税 コンビニ交付 ゼロカーボン 脱炭素
    カーボンニュートラル sdgs 防災(?:メール|アプリ|無線|訓練|の日|週間) 国勢調査 期日前投票 投票日
    移住(?:・|体験|相談|定住) 観光(?:協会|情報|大使|サイト) 健康(?:づくり|診断|宣言|寿命) 献血 火の用心
    特殊詐欺 (?:祭り?|まつり|フェスタ|フェスティバル|花火大会|マラソン|大会)[をが]?開催 周年 世界遺産
    ジオパーク 国スポ 省エネ 節電 節水 ペーパーレス 環境(?:に|を|保全|宣言) 熱中症 感染症 消費生活 あいさつ運動
    人権(?:週間|尊重|の) 食品ロス リサイクル ごみ(?:の|減量|分別) 日本で最も美しい村 日本一""")
)
# Where a town talks about itself it orders nothing.
_NO_TALK: Final = re.compile(
    r"""送[っりるら付信]|契約|署名|宛|金額|税[込抜]|下書|文書|書類|仕様|修正|訂正|変更|取り?消|(?<!友だち)(?<!友達)追加|削除|外し|でした|ではなく
    |中止|保留|延期|未定|取りやめ|なりました|ません|は.{0,40}(?<!日)です(?!か)|(?<!期限)(?<!期間)(?<!投票日)は(?:令和)?[0-9]
    |じゃなく|間違|違い|まだ|待っ|決裁|業務|課|係|の件|の方は|分は|期限:|までに|後で|後に|の後|次第|てから|以降|(?<!お済みですか)[?]|(?<!お済み)ですか|ますか
    |(?<!協力を)(?<!協力)(?<!よろしく)お願い|(?<!ご覧)(?<!登録して)(?<!フォローして)(?<!参加)(?<!利用)(?<!応募)(?:ください|下さい)""",
    re.VERBOSE,
)


def _is_footer(line: str, writer: Writer) -> bool:
    """Whether *line* may stand below a signature: when the office is open, or what the town tells everybody."""
    words = _plain(line)
    return len(words) <= _LONGEST and (
        _HOURS.fullmatch(words) is not None
        or (_TALK.search(words) is not None and _NO_TALK.search(words) is None)
        or _is_roman(line.strip().casefold(), writer)
    )


def _is_roman(words: str, writer: Writer) -> bool:
    """Whether *words* are the office in English, or the writer's name as his address spells it."""
    parts = [part for part in re.split(r"[^a-z]+", writer.address.casefold()) if len(part) >= _SPELT]
    known = _OFFICE_IN_ROMAN.search(words) is not None or any(part in words for part in parts)
    return known and _ROMAN.fullmatch(words) is not None


def _in_signature(line: str, writer: Writer) -> _Found | None:
    """What *line* has of a signature, if it has nothing else."""
    if len(line) > _LONGEST_SIGNED:
        return None
    mine, tokens = _tokens(writer)
    words = folded(_READING.sub("", line)).strip(_MARKS).rstrip("。.!")
    is_place = _PLACE.fullmatch(words) is not None
    data = is_place or _DATA.search(words) is not None
    keyed = _KEY.match(unicodedata.normalize("NFKC", line).strip(_MARKS)) is not None
    own = mine is not None and mine.search(words) is not None
    if keyed:  # of a line that may say which section is in charge, the town's name is not enough
        own = any(folded(part) in words for part in (writer.section, *writer.name.split()) if part)
    left = tokens.sub(lambda found: _NAMED if found["naming"] else _SEEN, _DATA.sub(_SEEN, words))
    hit = None if is_place else _LEFT.fullmatch(left)
    if not is_place and (hit is None or left == words or _NO_NAME.search(hit["name"] or "")):
        return None
    return _Found(
        own=own,
        data=data,
        keyed=keyed,
        introduces=hit is not None and hit["introduces"] is not None,
    )


@lru_cache(maxsize=64)
def _tokens(writer: Writer) -> tuple[re.Pattern[str] | None, re.Pattern[str]]:
    """What is the writer's own, and everything that a signature is made of."""
    parts = (*writer.name.split(), *writer.section.split())
    names = (writer.name, *parts, writer.office, writer.section, writer.town, writer.address)
    spelt = sorted({folded(name) for name in names if name}, key=len, reverse=True)
    domain = writer.address.partition("@")[2].casefold()
    own = "|".join([*map(re.escape, spelt), *([rf"@{re.escape(domain)}(?![\w.-])"] if domain else [])])
    known = [own] if own else []
    kinds = (f"(?P<naming>{_NAMING})", *known, _LABELS, _KEYED, _POSTS, _OFFICE)
    return (re.compile(own) if own else None), re.compile("|".join(kinds))
