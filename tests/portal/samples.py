"""One realistic view (or more) of every page, by name, with the cast of all tests: みほん村 and its contractors."""

from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256

from envelopes.rules import replies
from envelopes.rules.changes import Change
from envelopes.rules.errors import Reason
from envelopes.rules.factors import Method
from envelopes.texts import ORDERS
from portal import signer_views as signer
from portal import staff_views as staff
from portal import verification_views as verification
from portal import views
from portal.pages import static
from portal.phrases import aside, both, reason
from tests.portal import registry_samples

SITE = views.Site(
    town=both({"ja": "みほん村", "en": "Mihon Village"}.__getitem__),
    section="総務課 電子契約担当",
    phone="0261-00-0000",
    hours=both({"ja": "平日 8時30分〜17時15分", "en": "weekdays 8:30–17:15"}.__getitem__),
    domain="keiyaku.mihon.example",
    public_url="https://keiyaku.mihon.example",
    sender="keiyaku@keiyaku.mihon.example",
    demo=False,
    mark=views.Mark(url=static("icon.svg"), width=32, height=32),
)

TITLE = "令和8年度 村道北城線 舗装補修工事 請負契約"
NUMBER = "MHN-2026-0123"
CONTRACTOR = views.Party(company="髙橋建設株式会社", office="代表取締役", person="髙橋 一郎")
LONG = views.Party(
    company="特定建設工事共同企業体 みほん・北アルプス山麓地域総合開発建設株式会社",
    office="代表取締役社長執行役員 兼 北信越統括本部長",
    person="勅使河原 龍之介左衛門",
)
VILLAGE = views.Party(company="みほん村", office="村長", person="﨑山 花子")
MASKED = "ta･････@takahashi-kensetsu.example"
SIGNED_AT = datetime(2026, 8, 4, 5, 21, 8, tzinfo=UTC)
DEADLINE = date(2026, 8, 31)
CERTIFICATE = "MHN-7K3Q-9XTM-2B5C-WD8R-4"
OFFER = sha256(b"offer").hexdigest()

REQUEST = signer.Request(title=TITLE, section="みほん村 建設課", party=CONTRACTOR, deadline_on=DEADLINE)
LONG_REQUEST = signer.Request(
    title="令和8年度 社会資本整備総合交付金事業 みほん村公共下水道（特定環境保全）管渠布設替え工事その2",
    section="みほん村 建設水道課 上下水道係",
    party=LONG,
    deadline_on=DEADLINE,
)

TEXT = (
    "工事請負契約書",
    "1 工事名　令和8年度 村道北城線 舗装補修工事",
    "2 工事場所　みほん村大字北城 地内",
    "3 工期　令和8年9月1日から令和8年12月18日まで",
    "4 請負代金額　金12,980,000円（うち消費税及び地方消費税の額 1,180,000円）",
)


def leaf(number: int, *, text: tuple[str, ...] = TEXT) -> views.PageImage:
    sources = tuple(views.ImageSource(url=f"/img/{number}-{w}.webp", width=w) for w in (828, 1240, 1654))
    return views.PageImage(number=number, width=1240, height=1754, sources=sources, text=text)


def tab(number: int, title: str, pages: int, *, seen: bool) -> views.DocumentTab:
    return views.DocumentTab(number=number, title=title, pages=pages, seen=seen, url=f"/sign/r4k9/{number}")


def document(
    number: int = 1, title: str = "工事請負契約書", pages: int = 3, *, text: tuple[str, ...] = TEXT
) -> views.DocumentView:
    return views.DocumentView(
        number=number,
        title=title,
        pdf_url=f"/sign/r4k9/{number}.pdf",
        pdf_size=312_000,
        pages=tuple(leaf(at + 1, text=text) for at in range(pages)),
        count=pages,
        url=f"/sign/r4k9/{number}",
    )


def long_document(first: int) -> views.DocumentView:
    """Twelve pages of two hundred, from the *first* on."""
    pages = tuple(leaf(at) for at in range(first, first + views.AT_ONCE))
    return replace(document(), pages=pages, count=200, pdf_size=5_912_000)


TABS = (tab(1, "工事請負契約書", 3, seen=True), tab(2, "特記仕様書", 1, seen=False))
SEEN = tuple(replace(item, seen=True) for item in TABS)
NAMES = (
    "工事請負契約書",
    "特記仕様書",
    "現場説明書及び質問回答書",
    "工事数量総括表",
    "位置図・平面図・縦断図・横断図",
)
TWENTY = tuple(tab(n, NAMES[n % 5], n, seen=n < 14) for n in range(1, 21))
SIGNED_DOCUMENTS = tuple(
    signer.SignedDocument(
        number=item.number, title=item.title, pages=item.pages, sha256=sha256(item.title.encode()).hexdigest()
    )
    for item in TABS
)
LONG_TABS = (replace(TABS[0], pages=200),)
FILES = (
    views.File(title="20260806_12980000_髙橋建設_工事請負契約書.pdf", url="/d/x/1", size=345_000),
    views.File(title="20260806_12980000_髙橋建設_特記仕様書.pdf", url="/d/x/2", size=90_000),
    views.File(title="締結証明書", url="/d/x/c", size=61_000),
)

CONFIRMATION = views.Confirmation(
    party=CONTRACTOR,
    kind=views.Kind.CONTRACT,
    documents=SEEN,
    waits_for=(SITE.town,),
    complete_url="/sign/r4k9/complete",
    back_url="/sign/r4k9/1",
    offer=OFFER,
)
UNSAID = (signer.DeadLink.UNKNOWN, signer.DeadLink.ELSEWHERE)
UNSEEN = replace(CONFIRMATION, documents=TABS)
WRONG_PERSON = signer.WrongPerson(
    request=REQUEST, post_url="/s/t/wrong", back_url="/s/t", code_url="/s/t/code?for=change"
)
DOWNLOAD_CLOSED = signer.DownloadClosed(
    title=TITLE,
    since=date(2026, 8, 6),
    until=date(2026, 8, 20),
    masked_address=MASKED,
    fresh_url="/d/x/fresh",
)
LANDING = signer.Landing(
    request=REQUEST,
    masked_address=MASKED,
    send_code_url="/s/t/code",
    have_code_url="/s/t/code",
    wrong_person_url="/s/t/wrong",
    decline_url="/s/t/decline",
)
REPLACED = signer.UnusableLink(
    why=signer.DeadLink.REPLACED, request=REQUEST, masked_address=MASKED, new_link_url="/s/t/link"
)
CODE = signer.CodeEntry(
    purpose=signer.CodeFor.SIGN,
    title=TITLE,
    request=REQUEST,
    masked_address=MASKED,
    verify_url="/s/t/verify",
    resend_url="/s/t/code",
    wrong_person_url="/s/t/wrong",
    valid_until=datetime(2026, 8, 4, 5, 32, tzinfo=UTC),
    word="やまざくら",
    resend_wait=45,
)
SECOND = signer.SecondFactor(method=Method.ACCESS_CODE, request=REQUEST, post_url="/sign/r4k9/factor")
SMS = signer.SmsFactor(
    request=REQUEST,
    post_url="/sign/r4k9/factor",
    send_url="/sign/r4k9/factor/sms",
    number="090-****-5678",
    valid_until=CODE.valid_until,
    word="さくら",
    resend_wait=41,
)
APP = signer.AppSetUp(
    request=REQUEST,
    qr_url="/img/qr.svg",
    app_url="otpauth://totp/x?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    secret="JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP",
    post_url="/sign/r4k9/app",
    later_url="/sign/r4k9/1",
)
VIEWER = signer.Viewer(
    request=REQUEST,
    tabs=SEEN,
    document=document(),
    confirm_url="/sign/r4k9/confirm",
    confirmation=CONFIRMATION,
    wrong_person_url="/sign/r4k9/wrong",
    decline_url="/sign/r4k9/decline",
)
DONE = signer.Done(
    request=REQUEST,
    kind=views.Kind.CONTRACT,
    number=NUMBER,
    signed_at=SIGNED_AT,
    waits_for=(SITE.town,),
    documents=SIGNED_DOCUMENTS,
    masked_address=MASKED,
    expected_by=date(2026, 8, 11),
    receipt_url="/sign/a/receipt",
    download_days=14,
)
STATUS = signer.Status(
    standing=signer.Standing.SIGNED,
    request=REQUEST,
    kind=views.Kind.CONTRACT,
    number=NUMBER,
    at=SIGNED_AT,
    waits_for=(SITE.town,),
)
WRONG = (views.FieldError(text="確認コードが違います。もう一度入力してください（残り3回）", field="code"),)

NAV = views.StaffNav(
    name="宮﨑 さくら",
    section="建設課",
    desk_url="/staff/",
    replies_url="/staff/replies",
    registry_url="/staff/registry",
    sign_out_url="/staff/sign-out",
)
PRICE = staff.Money(amount=12_980_000, tax="税込")


def desk_row(number: int, phase: staff.Phase, *, note: str = "", title: str = TITLE) -> staff.DeskRow:
    return staff.DeskRow(
        number=f"MHN-2026-{number:04}",
        title=title,
        party=CONTRACTOR.company,
        money=PRICE if number % 4 else staff.Money(amount=None),
        phase=phase,
        kind=views.Kind.CONTRACT,
        url=f"/staff/e/{number}",
        deadline_on=DEADLINE,
        drafter="宮﨑",
        note=note,
    )


DESK = staff.Desk(
    nav=NAV,
    search_url="/staff/search",
    applications=2,
    intake_address="uketsuke@keiyaku.mihon.example",
    drafts=(
        desk_row(131, staff.Phase.DRAFT),
        desk_row(132, staff.Phase.PREPARING, title=LONG_REQUEST.title),
    ),
    village=(desk_row(123, staff.Phase.VILLAGE),),
    contractor=tuple(desk_row(n, staff.Phase.CONTRACTOR) for n in range(124, 129)),
    near=(desk_row(124, staff.Phase.CONTRACTOR, note="あと2日"),),
    undelivered=(desk_row(129, staff.Phase.CONTRACTOR, note="アドレスが存在しません"),),
    changes=(desk_row(124, staff.Phase.CONTRACTOR),),
    recent=(desk_row(110, staff.Phase.COMPLETED), desk_row(109, staff.Phase.DECLINED)),
    stuck=(
        staff.Stuck(
            what="MHN-2026-0119 のタイムスタンプ",
            since=SIGNED_AT,
            trouble="タイムスタンプ局が応答しません。自動で試し続けています。",
            retry_url="/staff/retry/7",
        ),
    ),
)

ASIDES = staff.Asides(
    nav=NAV,
    rows=(
        staff.AsideRow(
            at=SIGNED_AT,
            failed=False,
            why=aside("not-signed"),
            sender="na･････@vill-mihon.example",
            claims="中村 美咲",
            size=412_000,
            again_url="/staff/mails/aaaaaaaaaaaaaaaa/again",
        ),
        staff.AsideRow(
            at=SIGNED_AT,
            failed=False,
            why=aside("automatic"),
            sender="no･････@a-very-long-name-of-a-news-letter-service.example",
            size=31_000,
        ),
        staff.AsideRow(
            at=SIGNED_AT,
            failed=True,
            why=aside("mail-unreadable"),
            size=29_700_000,
            again_url="/staff/mails/bbbbbbbbbbbbbbbb/again",
        ),
        staff.AsideRow(at=SIGNED_AT, failed=True, why=aside("not-taken-in")),
    ),
    days=30,
    most=200,
    notice="読み直します。結果は少しあとに変わります。",
)

READINGS = (
    staff.Reading(label="封筒名", value=TITLE, where=f"3行目「封筒名：{TITLE}」"),
    staff.Reading(label="宛先", value="髙橋建設株式会社", where="4行目「宛先：髙橋建設（株）」"),
    staff.Reading(
        label="金額",
        value="12,980,000円（税込）",
        where="返信の1行目「金額：１２，９８０，０００円（税込）」",
    ),
    staff.Reading(label="署名期限", value="2026年8月31日（月）", where="指定がないため、既定の値です"),
)
DRAFT = staff.Draft(
    nav=NAV,
    number="D-0123",
    title=TITLE,
    kind=views.Kind.CONTRACT,
    phase=staff.Phase.DRAFT,
    received_at=SIGNED_AT,
    drafter="宮﨑 さくら",
    readings=READINGS,
    signers=(
        staff.DraftSigner(
            position=1,
            party=CONTRACTOR,
            address="taro@takahashi-kensetsu.example",
            note="台帳と一致",
            identity=(
                staff.Choice(
                    value="mail", label="メール1経路", chosen=True, note="確認コードだけで確かめます。"
                ),
                staff.Choice(
                    value="access-code",
                    label="メール＋アクセスコード（電話でお伝え）",
                    note="封筒の画面で8けたの数字を見て、電話で伝えます。",
                ),
                staff.Choice(
                    value="sms",
                    label="メール＋SMSの確認コード",
                    disabled=True,
                    note="台帳に、SMSに使える携帯電話の番号がありません。",
                ),
            ),
        ),
    ),
    village_signers=(
        staff.Choice(value="s1", label="村長 﨑山 花子", chosen=True),
        staff.Choice(value="s2", label="副村長 渡邉 次郎"),
        staff.Choice(
            value="s3", label="宮﨑 さくら", disabled=True, note="下書きを作った人は署名者になれません"
        ),
    ),
    documents=(document(), document(2, "特記仕様書", 1, text=())),
    version=1,
    confirm_url="/staff/d/123/confirm",
    discard_url="/staff/d/123/discard",
    revise_url="/staff/d/123/revise",
    corrections=(
        staff.Correction(name="fix_title", label="封筒名", value=TITLE, hint="60字まで"),
        staff.Correction(
            name="fix_recipient", label="宛先", value="髙橋建設（株）", hint="署名する順に1行に1者", rows=2
        ),
        staff.Correction(
            name="fix_amount", label="金額", value="12,980,000円（税込）", hint="例：12,980,000円（税込）"
        ),
        staff.Correction(name="fix_deadline", label="期限", value="", hint="例：8月31日"),
    ),
    exclusions=(
        staff.Exclusion(
            name="answer_excluded-term",
            text=both(
                {
                    "ja": "文書1「契約書.pdf」：契約の期間または効力が10年を超えるようです"
                    "（3ページ「契約期間は20年間」）。",
                    "en": "Document 1 “契約書.pdf”: Term or effect seems to be over ten years "
                    "(page 3 “契約期間は20年間”).",
                }.__getitem__
            ),
            answer="期間も効力も、その年数を超えないことを確かめました",
        ),
    ),
    warnings=("文書2「特記仕様書」に文字の情報がありません。画面の読み上げでは読めません。",),
)

HISTORY = (
    views.Happening(at=SIGNED_AT, text="相手方が電子署名を指示しました", who="髙橋 一郎 様"),
    views.Happening(at=datetime(2026, 8, 4, 5, 19, tzinfo=UTC), text="文書2を表示", who="髙橋 一郎 様"),
    views.Happening(
        at=datetime(2026, 8, 4, 5, 17, tzinfo=UTC), text="本人確認ができました（メールのコード）"
    ),
    views.Happening(
        at=datetime(2026, 8, 4, 5, 0, tzinfo=UTC), text="依頼メールを相手のサーバーが受け取りました"
    ),
    views.Happening(at=datetime(2026, 8, 4, 4, 58, tzinfo=UTC), text="内容を確認して送信", who="宮﨑 さくら"),
)
ENVELOPE = staff.Envelope(
    nav=NAV,
    number=NUMBER,
    title=TITLE,
    kind=views.Kind.CONTRACT,
    phase=staff.Phase.VILLAGE,
    money=PRICE,
    section="建設課",
    drafter="宮﨑 さくら",
    deadline_on=DEADLINE,
    documents=(
        views.File(title="工事請負契約書", url="/staff/e/1/1.pdf", size=312_000),
        views.File(title="特記仕様書", url="/staff/e/1/2.pdf", size=84_000),
    ),
    signers=(
        staff.SignerLine(
            position=1,
            party=CONTRACTOR,
            address="taro@takahashi-kensetsu.example",
            seat=staff.Seat.SIGNED,
            at=SIGNED_AT,
            delivery=staff.Delivery.ACCEPTED,
            delivered_at=SIGNED_AT,
            opened_on=SIGNED_AT.date(),
            opened=3,
        ),
        staff.SignerLine(
            position=2,
            party=VILLAGE,
            address="soncho@mihon.example",
            seat=staff.Seat.CURRENT,
            delivery=staff.Delivery.SENDING,
        ),
    ),
    history=HISTORY,
    version=4,
    sign_url="/staff/e/1/view/1",
    extend_url="/staff/e/1/extend",
    extend_from=date(2026, 8, 5),
    extend_until=date(2027, 8, 4),
    remind_url="/staff/e/1/remind",
    reissue_url="/staff/e/1/reissue",
    cancel_url="/staff/e/1/cancel",
)
REPLIES = staff.ReplyCommands(
    nav=NAV,
    samples=tuple(
        staff.ReplySample(written=replies.SAMPLES[verb], meaning=both(ORDERS[verb].in_)) for verb in ORDERS
    ),
    on=False,
    qr_url="/img/qr.svg",
    secret="JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP",
    start_url="/staff/replies/start",
    stop_url="/staff/replies/stop",
    tries=5,
    minutes=10,
)
STAFF_SIGN = staff.StaffSign(
    nav=NAV,
    number=NUMBER,
    title=TITLE,
    counterparty=CONTRACTOR.company,
    money=PRICE,
    confirmation=replace(CONFIRMATION, party=VILLAGE, waits_for=()),
)

VERIFICATION = verification.Verification(post_url="/verify", most=20_000_000, minutes=10)
PART = verification.PanelPart(
    stamp=False,
    title="髙橋建設株式会社 代表取締役 髙橋 一郎",
    lines=(
        verification.PanelLine(
            good=True,
            text="文書は、この署名が適用されてから変更されていません",
            means="署名したときの内容のままです。",
        ),
        verification.PanelLine(
            good=False,
            text="署名者のIDは不明です",
            means="発行元「みほん村」の証明書を確かめられませんでした。",
        ),
    ),
)
FOUND = verification.VerificationResult(
    outcome=verification.Outcome.SOUND,
    mark="✔",
    headline="変更されていません（発行元 みほん村 電子契約 認証局 1）",
    reasons=(),
    parts=(PART, replace(PART, stamp=True, title="みほん村 電子契約 時刻 1")),
    sha256=OFFER,
    again_url="/verify",
)

EVIDENCE = staff.Evidence(
    nav=NAV,
    number=NUMBER,
    title=TITLE,
    envelope_url="/staff/e/1",
    here_url="/staff/e/1/evidence",
    ask_url="/staff/e/1/evidence",
    waiting=False,
    days=3,
)

READDRESS = staff.Readdress(
    nav=NAV,
    number=NUMBER,
    title=TITLE,
    envelope_url="/staff/e/1",
    here_url="/staff/e/1/address",
    company=CONTRACTOR.company,
    person=CONTRACTOR.person,
    address="taro@takahashi-kensetsu.example",
    hours=24,
)

CHECKING = signer.Checking(
    request=REQUEST,
    files=FILES,
    post_url="/sign/r4k9/checking",
    back_url="/sign/r4k9/1",
    first=date(2026, 8, 6),
)
WRONG_PERSON = signer.WrongPerson(
    request=REQUEST, post_url="/s/t/wrong", back_url="/s/t", code_url="/s/t/code?for=change"
)
ASK_CHANGE = signer.AskChange(
    request=REQUEST, next_url="/sign/r4k9/wrong", back_url="/sign/r4k9/1", may_hand_over=True
)
CONFIRM_CHANGE = signer.ConfirmChange(
    request=REQUEST,
    choice=Change.PERSON,
    person="木村 花子",
    office="工事部長",
    email="kimura@takahashi-kensetsu.example",
    note="髙橋は9月末で退任します。",
    pauses=True,
    ask_url="/sign/r4k9/wrong/ask",
    edit_url="/sign/r4k9/wrong/edit",
)
DECIDE_CHANGE = staff.DecideChange(
    nav=NAV,
    number=NUMBER,
    title=TITLE,
    envelope_url="/staff/e/1",
    change=Change.PERSON,
    at=SIGNED_AT,
    party=CONTRACTOR,
    address="taro@takahashi-kensetsu.example",
    deadline_on=DEADLINE,
    person="木村 花子",
    office="工事部長",
    email="kimura@takahashi-kensetsu.example",
    kind="会社のアドレス",
    note="髙橋は9月末で退任します。",
    hours=24,
    forward_url="/staff/e/1/change/forward",
    refuse_url="/staff/e/1/change/refuse",
)
SEARCH = staff.Search(
    nav=NAV,
    here_url="/staff/search",
    typed=staff.SearchFields(party="髙橋", since="2026-04-01", until="2026-08-31", least="1,000,000"),
    standings=(
        ("all", "すべて", ""),
        ("open", "手続き中", ""),
        ("concluded", "締結・提出済み", ""),
        ("ended", "差戻し・辞退・期限切れ・取消", ""),
    ),
    standing="all",
    kinds=(("", "すべて", ""), ("契約書", "契約書", ""), ("請書", "請書", "")),
    kind="",
    count=53,
    rows=(
        replace(desk_row(110, staff.Phase.COMPLETED), concluded_on=DEADLINE),
        desk_row(132, staff.Phase.PREPARING),
        desk_row(109, staff.Phase.DECLINED),
    ),
    first=51,
    before_url="/staff/search?page=1",
    export_url="/staff/search.csv",
)
IDENTITY = staff.Identity(
    nav=NAV,
    number=NUMBER,
    title=TITLE,
    envelope_url="/staff/e/1",
    party=CONTRACTOR,
    address="taro@takahashi-kensetsu.example",
    present="メール＋アクセスコード（電話でお伝え）",
    choices=(
        staff.Choice(
            value="mail",
            label="メール1経路",
            note="確認コードだけで確かめます。理由を書いて申し出ます。別の職員が承認すると変わります。",
        ),
        staff.Choice(
            value="authenticator",
            label="メール＋認証アプリ",
            note="相手方がスマートフォンの認証アプリに表示される数字も入力します。変えると、すぐに求めます。",
        ),
        staff.Choice(
            value="sms",
            label="メール＋SMSの確認コード",
            disabled=True,
            note="台帳に、SMSに使える携帯電話の番号がありません。",
        ),
    ),
    post_url="/staff/e/1/identity/1",
    approve_url="/staff/e/1/identity/1/approve",
    refuse_url="/staff/e/1/identity/1/refuse",
)
PROPOSED = staff.ProposedIdentity(
    n=9,
    method="メール1経路",
    reason="現場に電話がつながらないため、町内の工事に限り、メールだけで確かめます。",
    by="宮﨑 さくら",
    at=SIGNED_AT,
)
SAMPLES: dict[str, views.Page] = {
    "search": SEARCH,
    "search-none": replace(SEARCH, count=0, rows=(), before_url=None, export_url=None),
    "search-backwards": replace(
        SEARCH,
        rows=(),
        errors=(views.FieldError(text=reason(Reason.RANGE_BACKWARDS), field="since"),),
    ),
    "identity": IDENTITY,
    "identity-error": replace(
        IDENTITY,
        errors=(views.FieldError(text="理由を入力してください。", field="reason"),),
    ),
    "identity-proposed": replace(IDENTITY, proposed=PROPOSED),
    "identity-proposed-mine": replace(
        IDENTITY,
        proposed=replace(PROPOSED, hindrance="この変更は、申し出た職員とは別の職員が承認します。"),
    ),
    "identity-proposed-wrong": replace(
        IDENTITY,
        proposed=PROPOSED,
        errors=(views.FieldError(text="認証コードが違います。", field="code"),),
    ),
    "asides": ASIDES,
    "asides-unreached": replace(
        ASIDES,
        unreached=(
            staff.UnreachedRow(
                at=SIGNED_AT,
                address="miyazaki@vill-mihon.example",
                why="アドレスが存在しません",
                answer="550 5.1.1 User unknown",
            ),
        ),
    ),
    "asides-none": replace(ASIDES, rows=(), notice=None),
    "readdress": READDRESS,
    "readdress-under-way": replace(
        READDRESS,
        progress="honsha@takahashi-kensetsu.example に確認のメールを送りました（受付番号 MHN-R2026-0003）。"
        "相手方が確認コードを入力するのを待っています。",
    ),
    "readdress-error": replace(
        READDRESS,
        email="honsha＠",
        errors=(views.FieldError(text="メールアドレスの形が正しくありません", field="email"),),
    ),
    "evidence": EVIDENCE,
    "evidence-waiting": replace(EVIDENCE, waiting=True),
    "evidence-made": replace(
        EVIDENCE,
        envelope_url=None,
        file=views.File(title="証拠一式.zip", url="/staff/e/1/evidence.zip", size=1_480_000),
        made_at=SIGNED_AT,
        until=datetime(2026, 8, 7, 5, 21, 8, tzinfo=UTC),
    ),
    "landing": LANDING,
    "landing-proved": replace(LANDING, open_url="/sign/r4k9/1"),
    "landing-long": signer.Landing(
        request=LONG_REQUEST,
        masked_address="te･････@mihon-kita-alps-sanroku-chiiki-sogo-kaihatsu-kensetsu.example",
        send_code_url="/s/t/code",
        have_code_url="/s/t/code",
        errors=(views.FieldError(text="本日の送信回数の上限に達しました。0261-00-0000 へご連絡ください"),),
    ),
    "code": CODE,
    "code-wrong": replace(CODE, typed="123 45", errors=WRONG, resend_wait=0),
    "code-unreached": replace(
        CODE, errors=(views.FieldError(text=reason(Reason.CODE_UNREACHED, tel=SITE.phone)),), resend_wait=0
    ),
    "code-resent": replace(CODE, resent=True, resend_wait=60),
    "code-session": replace(
        CODE,
        notice="時間がたったため、もう一度、本人確認をお願いします。続きから再開できます。",
        valid_until=None,
        word=None,
        kept=(("step", "decline"), ("choice", "return"), ("reason", "工期の年が違います")),
    ),
    "second-factor": SECOND,
    "second-factor-wrong": replace(
        SECOND,
        typed="1234 5670",
        errors=(views.FieldError(text="アクセスコードが違います。残り3回", field="code"),),
    ),
    "second-factor-spent": replace(
        SECOND,
        closed=True,
        errors=(
            views.FieldError(
                text="このアクセスコードは使えません。担当の課（電話 0261-72-0000）へご連絡ください。"
            ),
        ),
    ),
    "sms-factor": SMS,
    "sms-factor-first": replace(SMS, valid_until=None, word="", resend_wait=0),
    "sms-factor-wrong": replace(SMS, typed="123 45", errors=WRONG, resend_wait=0),
    "sms-factor-resent": replace(SMS, resent=True, resend_wait=60),
    "sms-factor-failed": replace(
        SMS,
        valid_until=None,
        failed=True,
        errors=(views.FieldError(text=reason(Reason.SMS_NOT_SENT, tel="0261-72-0000")),),
    ),
    "sms-factor-no-number": replace(
        SMS,
        number="",
        valid_until=None,
        errors=(views.FieldError(text=reason(Reason.SMS_NO_NUMBER, tel="0261-72-0000")),),
    ),
    "landing-sms": replace(LANDING, second=Method.SMS),
    "second-factor-stands-in": replace(SECOND, stands_in=True),
    "second-factor-app": replace(SECOND, method=Method.AUTHENTICATOR),
    "second-factor-app-lost": replace(
        SECOND,
        method=Method.AUTHENTICATOR,
        closed=True,
        errors=(views.FieldError(text=reason(Reason.AUTHENTICATOR_LOST, tel="0261-72-0000")),),
    ),
    "app-set-up": APP,
    "app-set-up-wrong": replace(
        APP, errors=(views.FieldError(text=reason(Reason.AUTHENTICATOR_WRONG), field="code"),)
    ),
    "landing-app": replace(LANDING, second=Method.AUTHENTICATOR),
    "landing-access-code": replace(LANDING, second=Method.ACCESS_CODE),
    "code-download": replace(CODE, purpose=signer.CodeFor.DOWNLOAD, request=None, wrong_person_url=None),
    "viewer": VIEWER,
    "viewer-unseen": replace(
        VIEWER,
        tabs=TABS,
        confirmation=UNSEEN,
        errors=(views.FieldError(text="まだ表示していない文書があります：文書2 特記仕様書"),),
    ),
    "viewer-twenty": replace(
        VIEWER,
        request=LONG_REQUEST,
        tabs=TWENTY,
        document=document(4, NAMES[4], 4, text=()),
        confirmation=replace(UNSEEN, party=LONG, documents=TWENTY),
    ),
    "viewer-long": replace(VIEWER, tabs=LONG_TABS, document=long_document(1)),
    "viewer-long-last": replace(VIEWER, tabs=LONG_TABS, document=replace(long_document(189), unfolded=True)),
    "viewer-long-unread": replace(
        VIEWER,
        tabs=LONG_TABS,
        document=long_document(1),
        errors=(views.FieldError(text="ページ番号は、1から200までの数字で入力してください。", field="page"),),
    ),
    "viewer-unfolded": replace(VIEWER, document=replace(document(), unfolded=True)),
    "viewer-waiting": replace(VIEWER, tabs=SEEN[:1], document=replace(document(), pages=())),
    "confirm": signer.Confirm(request=REQUEST, confirmation=CONFIRMATION),
    "confirm-unseen": signer.Confirm(request=REQUEST, confirmation=UNSEEN),
    "confirm-unread": signer.Confirm(
        request=REQUEST,
        confirmation=UNSEEN,
        errors=(views.FieldError(text=reason(Reason.DOCUMENTS_UNREAD, list="文書2")),),
    ),
    "confirm-acceptance": signer.Confirm(
        request=REQUEST, confirmation=replace(CONFIRMATION, kind=views.Kind.ACCEPTANCE, waits_for=())
    ),
    "done": DONE,
    "done-acceptance": replace(
        DONE, kind=views.Kind.ACCEPTANCE, waits_for=(), expected_by=None, download_url="/d/x"
    ),
    "done-concluded": replace(
        DONE,
        waits_for=(),
        signed_after=(SITE.town,),
        expected_by=None,
        concluded_on=date(2026, 8, 5),
        download_url="/d/x",
    ),
    "done-stamping": replace(DONE, waits_for=(), signed_after=(SITE.town,), expected_by=None),
    "done-two": replace(DONE, waits_for=(LONG.company, "みほん村")),
    "done-acceptance-two": replace(DONE, kind=views.Kind.ACCEPTANCE, waits_for=(LONG.company,)),
    "decline": signer.Decline(
        request=REQUEST,
        next_url="/sign/r4k9/decline",
        back_url="/sign/r4k9/1",
        checking_url="/sign/r4k9/checking",
    ),
    "decline-empty": signer.Decline(
        request=REQUEST,
        next_url="/sign/r4k9/decline",
        back_url="/sign/r4k9/1",
        checking_url="/sign/r4k9/checking",
        errors=(
            views.FieldError(text="どうするかを選んでください", field="choice"),
            views.FieldError(text="理由を入力してください", field="reason"),
        ),
    ),
    "checking": CHECKING,
    "checking-late": replace(
        CHECKING,
        remind_on="2026-09-30",
        errors=(views.FieldError(text="明日から署名期限までの日を選んでください。", field="remind_on"),),
    ),
    "checking-last-day": replace(CHECKING, first=None),
    "decline-confirm": signer.DeclineConfirm(
        request=REQUEST,
        choice=signer.Refusal.RETURN,
        reason="工期の終わりが仕様書と違っています。\n12月18日か12月25日か、ご確認ください。",
        refuse_url="/sign/r4k9/refuse",
        edit_url="/sign/r4k9/decline/edit",
    ),
    "declined-return": signer.Declined(
        request=REQUEST, choice=signer.Refusal.RETURN, number=NUMBER, at=SIGNED_AT
    ),
    "declined": signer.Declined(request=REQUEST, choice=signer.Refusal.DECLINE, number=NUMBER, at=SIGNED_AT),
    "wrong-person": WRONG_PERSON,
    "wrong-person-empty": replace(
        WRONG_PERSON,
        note="木村に代わりました。",
        errors=(views.FieldError(text="どれかを選んでください。", field="choice"),),
    ),
    "wrong-person-unheard": replace(
        WRONG_PERSON,
        choice="changed",
        note="髙橋は9月末で退任しました。",
        errors=(views.FieldError(text=reason(Reason.NOTES_SPENT, n=2, tel=SITE.phone)),),
    ),
    "ask-change": ASK_CHANGE,
    "ask-change-wrong": replace(
        ASK_CHANGE,
        request=LONG_REQUEST,
        choice="changed",
        office="工事部長",
        email="kimura＠takahashi-kensetsu.example",
        note="髙橋は9月末で退任します。",
        errors=(
            views.FieldError(text="氏名を入力してください", field="person"),
            views.FieldError(text="全角文字が入っています。半角で入力してください", field="email"),
        ),
    ),
    "ask-change-closed": replace(ASK_CHANGE, may_hand_over=False),
    "confirm-change": CONFIRM_CHANGE,
    "confirm-change-note": replace(CONFIRM_CHANGE, pauses=False),
    "confirm-change-not-ours": replace(
        CONFIRM_CHANGE, choice=Change.NOT_OURS, person="", office="", email="", note=""
    ),
    "code-change": replace(CODE, purpose=signer.CodeFor.CHANGE),
    "status-paused": replace(
        STATUS, standing=signer.Standing.PAUSED, number=None, take_back_url="/sign/r4k9/wrong/back"
    ),
    "status-paused-link": replace(
        STATUS, standing=signer.Standing.PAUSED, number=None, code_url="/s/t/code?for=change"
    ),
    "status-paused-decided": replace(STATUS, standing=signer.Standing.PAUSED, number=None, decided=True),
    "dead-handed-over-ended": signer.UnusableLink(
        why=signer.DeadLink.HANDED_OVER, request=REQUEST, on=date(2026, 8, 20), over=True
    ),
    "decide-change": DECIDE_CHANGE,
    "decide-change-free": replace(
        DECIDE_CHANGE,
        party=LONG,
        email="kimura@yahoo.co.jp",
        kind="フリーメール",
        needs_why=True,
        errors=(views.FieldError(text="フリーメールの登録には理由が必要です", field="why"),),
    ),
    "decide-change-waiting": replace(
        DECIDE_CHANGE,
        forward_url=None,
        refuse_url=None,
        progress="kimura@takahashi-kensetsu.example は相手方が確認しました（受付番号 MHN-R2026-0003）。"
        "台帳の担当が電話で確かめて承認するのを待っています。",
    ),
    "decide-change-not-ours": replace(
        DECIDE_CHANGE,
        change=Change.NOT_OURS,
        person="",
        office="",
        email="",
        kind="",
        note="",
        forward_url=None,
        errors=(views.FieldError(text="理由を入力してください", field="reason"),),
    ),
    "status-turn": signer.Status(
        standing=signer.Standing.NOT_YOUR_TURN, request=REQUEST, kind=views.Kind.CONTRACT
    ),
    "status-progress": replace(STATUS, standing=signer.Standing.IN_PROGRESS),
    "status-signed": STATUS,
    "status-here": replace(STATUS, receipt_url="/sign/r4k9/done"),
    "status-stamping": replace(STATUS, standing=signer.Standing.SIGNED, waits_for=()),
    "status-completed": replace(STATUS, standing=signer.Standing.COMPLETED, waits_for=(), open_url="/d/x"),
    **{
        f"dead-{why.value}": signer.UnusableLink(
            why=why, request=REQUEST if why not in UNSAID else None, on=date(2026, 8, 20)
        )
        for why in signer.DeadLink
    },
    "dead-deadline-time": signer.UnusableLink(
        why=signer.DeadLink.DEADLINE, request=REQUEST, on=date(2026, 8, 20), more_time_url="/s/t/time"
    ),
    "dead-deadline-asked": signer.UnusableLink(
        why=signer.DeadLink.DEADLINE, request=REQUEST, on=date(2026, 8, 20), asked_on=date(2026, 8, 21)
    ),
    "dead-replaced": REPLACED,
    "dead-replaced-again": replace(REPLACED, errors=(views.FieldError(text=reason(Reason.RESEND_CAP)),)),
    "link-sent": signer.LinkSent(title=TITLE, masked_address=MASKED),
    "download": signer.Download(
        title=TITLE,
        kind=views.Kind.CONTRACT,
        certificate_id=CERTIFICATE,
        concluded_on=date(2026, 8, 6),
        consented_on=date(2026, 8, 5),
        until=datetime(2026, 8, 20, 14, 59, 59, tzinfo=UTC),
        files=FILES,
        together=views.File(title="ZIP", url="/d/x/zip", size=7_151_000),
    ),
    "download-acceptance": signer.Download(
        title=TITLE,
        kind=views.Kind.ACCEPTANCE,
        certificate_id=CERTIFICATE,
        concluded_on=date(2026, 8, 6),
        until=datetime(2026, 8, 20, 14, 59, 59, tzinfo=UTC),
        files=FILES[:1],
    ),
    "download-closed": DOWNLOAD_CLOSED,
    "download-closed-again": replace(
        DOWNLOAD_CLOSED, errors=(views.FieldError(text=reason(Reason.RESEND_CAP)),)
    ),
    "message": views.Message(
        title="みほん村に知らせました",
        paragraphs=("担当者が確認し、登録済みの連絡先へご連絡します。", "この画面は閉じて構いません。"),
        good=True,
    ),
    "message-staff": views.Message(
        title="ほかの人が先に変更しました",
        paragraphs=("最新の内容を開き直してください。",),
        next_url="/staff/e/1",
        next_label="封筒を開く",
        nav=NAV,
    ),
    "failure": views.Failure(
        title="ただいま利用できません",
        happened="システムの内部で問題が起きました。入力した内容は保存されていません。",
        todo="5分ほどたってから、メールのリンクをもう一度開いてください。",
        reference="7f3a91c2",
    ),
    "failure-elsewhere": views.Failure(
        title="この場所からは利用できません",
        happened=reason(Reason.NETWORK_ELSEWHERE, ip="2001:db8:85a3:8d3:1319:8a2e:370:7348"),
        todo="署名を依頼された事業者の方は、メールのリンクから開いてください。どこからでも利用できます。",
        reference="7f3a91c2",
    ),
    "sign-in": staff.SignIn(post_url="/staff/sign-in"),
    "sign-in-wrong": staff.SignIn(
        post_url="/staff/sign-in",
        address="sakura@mihon.example",
        errors=(views.FieldError(text="メールアドレスかパスワードが違います", field="address"),),
    ),
    "sign-in-again": staff.SignIn(
        post_url="/staff/sign-in",
        notice="もう一度ログインしてください。時間がたったか、お使いのブラウザーがCookie（クッキー）を受け付けない"
        "設定になっています。",
    ),
    "signed-out": staff.SignedOut(
        name="宮﨑 さくら",
        post_url="/staff/e/1/cancel",
        sign_in_url="/staff/sign-in",
        typed=(("version", "3"), ("reason", "工期を直すため")),
    ),
    "sign-in-code": staff.SignInCode(post_url="/staff/sign-in/code", back_url="/staff/sign-in"),
    "sign-in-code-wrong": staff.SignInCode(
        post_url="/staff/sign-in/code",
        back_url="/staff/sign-in",
        errors=(views.FieldError(text=reason(Reason.TOTP_WRONG), field="code"),),
    ),
    "enrolment": staff.Enrolment(
        name="宮﨑 さくら",
        address="sakura@mihon.example",
        post_url="/enrol/t",
        qr_url="/img/qr.svg",
        secret="JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP",
        password_characters=12,
    ),
    "reply-commands": REPLIES,
    "reply-commands-wrong": replace(
        REPLIES,
        errors=(
            views.FieldError(
                text="認証コードが違います。端末の時刻がずれていないか確かめてください", field="code"
            ),
        ),
    ),
    "reply-commands-on": replace(REPLIES, on=True, qr_url="", secret=""),
    "reply-commands-closed": replace(REPLIES, on=True, why=reason(Reason.REPLY_CLOSED)),
    "enrolment-wrong": staff.Enrolment(
        name="宮﨑 さくら",
        address="sakura@mihon.example",
        post_url="/enrol/t",
        qr_url="/img/qr.svg",
        secret="JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP",
        password_characters=12,
        errors=(
            views.FieldError(text="パスワードは12文字以上にしてください", field="password"),
            views.FieldError(
                text="認証コードが違います。端末の時刻がずれていないか確かめてください", field="code"
            ),
        ),
    ),
    "recovery-codes": staff.RecoveryCodes(
        codes=tuple(f"{n:04}-{n * 7919 % 10000:04}-K{n}" for n in range(1, 9)), next_url="/staff/"
    ),
    "desk": DESK,
    "desk-spent": replace(DESK, spent=(desk_row(127, staff.Phase.CONTRACTOR),)),
    "desk-operator": replace(DESK, asides=4, asides_url="/staff/mails"),
    "desk-auditor": replace(DESK, stuck=(replace(DESK.stuck[0], retry_url=None),)),
    "desk-empty": staff.Desk(
        nav=NAV, intake_address="uketsuke@keiyaku.mihon.example", notice="下書きを破棄しました。"
    ),
    "draft": DRAFT,
    "draft-wrong": replace(
        DRAFT,
        errors=(
            views.FieldError(text="署名者を選んでください", field="village_signer"),
            views.FieldError(text="注意を確かめて、チェックを入れてください", field="acknowledged"),
        ),
    ),
    "draft-blocked": replace(
        DRAFT,
        kind=views.Kind.ACCEPTANCE,
        confirm_url=None,
        village_signers=(),
        signers=(DRAFT.signers[0], replace(DRAFT.signers[0], position=2, party=LONG)),
        blocked=("文書1「工事請負契約書」に署名欄を作れません。PDFを作り直して、もう一度転送してください。",),
    ),
    "envelope": ENVELOPE,
    "envelope-access-code": replace(
        ENVELOPE,
        phase=staff.Phase.CONTRACTOR,
        sign_url=None,
        signers=(
            staff.SignerLine(
                position=1,
                party=CONTRACTOR,
                address="taro@takahashi-kensetsu.example",
                seat=staff.Seat.CURRENT,
                delivery=staff.Delivery.ACCEPTED,
                delivered_at=SIGNED_AT,
                identity="メール＋アクセスコード（電話でお伝え）",
                identity_url="/staff/e/1/identity/1",
                code_url="/staff/e/1/access-code/1",
                new_code_url="/staff/e/1/access-code/1/new",
            ),
            staff.SignerLine(
                position=2,
                party=LONG,
                address="teshigawara@mihon-kita-alps.example",
                seat=staff.Seat.WAITING,
                identity="メール＋アクセスコード（電話でお伝え）",
                new_code_url="/staff/e/1/access-code/2/new",
            ),
        ),
    ),
    "access-code": staff.AccessCode(
        nav=NAV,
        number=NUMBER,
        title=TITLE,
        party=CONTRACTOR,
        digits="4821 0937",
        call_back="登記簿の番号 0261-72-1234 に電話",
        renew_url="/staff/e/1/access-code/1/new",
        envelope_url="/staff/e/1",
    ),
    "envelope-bounced": replace(
        ENVELOPE,
        phase=staff.Phase.CONTRACTOR,
        sign_url=None,
        signers=(
            staff.SignerLine(
                position=1,
                party=LONG,
                address="teshigawara.ryunosuke.saemon@mihon-kita-alps-sanroku-chiiki.example",
                seat=staff.Seat.CURRENT,
                delivery=staff.Delivery.UNDELIVERED,
                why="アドレスが存在しません",
                delivered_at=SIGNED_AT,
                trouble="電話でアドレスを確かめ、台帳を直してから、送り直してください。",
                progress="honsha@mihon.example に確認のメールを送りました（受付番号 MHN-R2026-0003）。",
                correct_url="/staff/e/1/address",
                before=((CONTRACTOR, SIGNED_AT),),
                change_url="/staff/e/1/change",
            ),
            staff.SignerLine(
                position=2, party=VILLAGE, address="soncho@mihon.example", seat=staff.Seat.WAITING
            ),
        ),
        errors=(views.FieldError(text="理由を入力してください", field="reason"),),
    ),
    "envelope-completed": replace(
        ENVELOPE,
        phase=staff.Phase.COMPLETED,
        sign_url=None,
        extend_url=None,
        reissue_url=None,
        cancel_url=None,
        certificate_id=CERTIFICATE,
        concluded_on=date(2026, 8, 6),
        signed_files=FILES,
        evidence_url="/staff/e/1/evidence",
    ),
    "envelope-window-over": replace(
        ENVELOPE,
        phase=staff.Phase.COMPLETED,
        documents=(),
        window_over=True,
        evidence_url="/staff/e/1/evidence",
    ),
    "envelope-returned": replace(
        ENVELOPE,
        phase=staff.Phase.RETURNED,
        sign_url=None,
        extend_url=None,
        reissue_url=None,
        cancel_url=None,
        reason="工期の終わりが仕様書と違っています。",
        signers=(replace(ENVELOPE.signers[0], seat=staff.Seat.REFUSED),),
    ),
    "staff-viewer": staff.StaffViewer(
        nav=NAV,
        number=NUMBER,
        title=TITLE,
        deadline_on=DEADLINE,
        envelope_url="/staff/e/1",
        tabs=TABS,
        document=document(),
        confirm_url="/staff/e/1/sign",
    ),
    "staff-sign": STAFF_SIGN,
    "staff-sign-wrong": replace(
        STAFF_SIGN,
        errors=(
            views.FieldError(
                text="認証コードが違います。端末の時刻がずれていないか確かめてください", field="code"
            ),
        ),
    ),
    "verify": VERIFICATION,
    "verify-wrong": replace(
        VERIFICATION,
        typed="MHN-1",
        errors=(
            views.FieldError(text="ファイルを選んでください。空のファイルは使えません。", field="file"),
            views.FieldError(text="この締結証明書IDの契約は見つかりません", field="certificate_id"),
        ),
    ),
    "verify-waiting": verification.VerificationWaiting(look_url="/verify/1", minutes=10),
    "verify-sound": FOUND,
    "verify-altered": replace(
        FOUND,
        outcome=verification.Outcome.ALTERED,
        mark="✖",
        headline="変更されています",
        reasons=("末尾に余分なデータがあります。",),
    ),
    "verify-undecided": replace(
        FOUND,
        outcome=verification.Outcome.UNDECIDED,
        mark="▲",
        headline="判断できません",
        reasons=("電子署名がありません。",),
        parts=(),
    ),
    "verify-own": verification.VerificationOwn(
        concluded_on=date(2026, 8, 6),
        certificate_id=CERTIFICATE,
        is_certificate=False,
        signatures=(
            verification.OwnSignature(company=LONG.company, at=SIGNED_AT),
            verification.OwnSignature(company="みほん村", at=None),
        ),
        stamped_at=SIGNED_AT,
        accredited=False,
        sha256=OFFER,
        again_url="/verify",
    ),
    "verify-own-certificate": verification.VerificationOwn(
        concluded_on=date(2026, 8, 6),
        certificate_id=CERTIFICATE,
        is_certificate=True,
        signatures=(),
        stamped_at=SIGNED_AT,
        accredited=True,
        sha256=OFFER,
        again_url="/verify",
    ),
    "verify-id": verification.VerificationId(
        certificate_id=CERTIFICATE,
        concluded_on=date(2026, 8, 6),
        documents=2,
        parties=("髙＊＊＊", "みほん村"),
        again_url="/verify",
    ),
}

SAMPLES |= registry_samples.SAMPLES

STAFF_PAGES = (staff.SignIn, staff.SignInCode, staff.Enrolment, staff.RecoveryCodes)
"""What staff see before they are signed in. Afterwards every page says who they are."""


def _contractor_pages() -> tuple[str, ...]:
    """The first sample of every page that a contractor can come to."""
    first: dict[type[views.Page], str] = {}
    for name, page in SAMPLES.items():
        if getattr(page, "nav", None) is None and not isinstance(page, STAFF_PAGES):
            first.setdefault(type(page), name)
    return tuple(first.values())


CONTRACTOR_PAGES = _contractor_pages()
