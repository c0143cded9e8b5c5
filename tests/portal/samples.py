"""One realistic view (or more) of every page, by name, with the cast of all tests: みほん村 and its contractors."""

from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256

from portal import views as v

SITE = v.Site(
    town="みほん村",
    section="みほん村 総務課 電子契約担当",
    phone="0261-00-0000",
    hours="平日 8時30分〜17時15分",
    domain="keiyaku.mihon.example",
    public_url="https://keiyaku.mihon.example",
    sender="keiyaku@keiyaku.mihon.example",
    demo=False,
)

TITLE = "令和8年度 村道北城線 舗装補修工事 請負契約"
NUMBER = "MHN-2026-0123"
CONTRACTOR = v.Party(company="髙橋建設株式会社", office="代表取締役", person="髙橋 一郎")
LONG = v.Party(
    company="特定建設工事共同企業体 みほん・北アルプス山麓地域総合開発建設株式会社",
    office="代表取締役社長執行役員 兼 北信越統括本部長",
    person="勅使河原 龍之介左衛門",
)
VILLAGE = v.Party(company="みほん村", office="村長", person="﨑山 花子")
MASKED = "ta･････@takahashi-kensetsu.example"
SIGNED_AT = datetime(2026, 8, 4, 5, 21, 8, tzinfo=UTC)
DEADLINE = date(2026, 8, 31)
CERTIFICATE = "MHN-7K3Q-9XTM-2B5C-WD8R-4"
OFFER = sha256(b"offer").hexdigest()

REQUEST = v.Request(title=TITLE, section="みほん村 建設課", party=CONTRACTOR, deadline_on=DEADLINE)
LONG_REQUEST = v.Request(
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


def leaf(number: int, *, text: tuple[str, ...] = TEXT) -> v.PageImage:
    sources = tuple(v.ImageSource(url=f"/img/{number}-{w}.svg", width=w) for w in (828, 1240, 1654))
    return v.PageImage(number=number, width=1240, height=1754, sources=sources, text=text)


def tab(number: int, title: str, pages: int, *, seen: bool) -> v.DocumentTab:
    return v.DocumentTab(number=number, title=title, pages=pages, seen=seen, url=f"/sign/r4k9/{number}")


def document(
    number: int = 1, title: str = "工事請負契約書", pages: int = 3, *, text: tuple[str, ...] = TEXT
) -> v.DocumentView:
    return v.DocumentView(
        number=number,
        title=title,
        pdf_url=f"/sign/r4k9/{number}.pdf",
        pdf_size=312_000,
        pages=tuple(leaf(at + 1, text=text) for at in range(pages)),
    )


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
    v.SignedDocument(
        number=item.number, title=item.title, pages=item.pages, sha256=sha256(item.title.encode()).hexdigest()
    )
    for item in TABS
)
FILES = (
    v.File(title="20260806_12980000_髙橋建設_工事請負契約書.pdf", url="/d/x/1", size=345_000),
    v.File(title="20260806_12980000_髙橋建設_特記仕様書.pdf", url="/d/x/2", size=90_000),
    v.File(title="締結証明書", url="/d/x/c", size=61_000),
)

CONFIRMATION = v.Confirmation(
    party=CONTRACTOR,
    kind=v.Kind.CONTRACT,
    documents=SEEN,
    waits_for=("みほん村",),
    complete_url="/sign/r4k9/complete",
    back_url="/sign/r4k9/1",
    offer=OFFER,
    key="k1",
)
UNSEEN = replace(CONFIRMATION, documents=TABS)
CODE = v.CodeEntry(
    purpose=v.CodeFor.SIGN,
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
VIEWER = v.Viewer(
    request=REQUEST,
    tabs=SEEN,
    document=document(),
    confirm_url="/sign/r4k9/confirm",
    confirmation=CONFIRMATION,
    wrong_person_url="/sign/r4k9/wrong",
    decline_url="/sign/r4k9/decline",
)
DONE = v.Done(
    request=REQUEST,
    kind=v.Kind.CONTRACT,
    number=NUMBER,
    signed_at=SIGNED_AT,
    waits_for=("みほん村",),
    documents=SIGNED_DOCUMENTS,
    masked_address=MASKED,
    expected_by=date(2026, 8, 11),
)
STATUS = v.Status(
    standing=v.Standing.SIGNED,
    request=REQUEST,
    kind=v.Kind.CONTRACT,
    number=NUMBER,
    at=SIGNED_AT,
    waits_for=("みほん村",),
)
WRONG = (v.FieldError(text="確認コードが違います。もう一度入力してください（残り3回）", field="code"),)

NAV = v.StaffNav(name="宮﨑 さくら", section="建設課", desk_url="/staff/", sign_out_url="/staff/sign-out")
PRICE = v.Money(amount=12_980_000, tax="税込")


def desk_row(number: int, phase: v.Phase, *, note: str = "", title: str = TITLE) -> v.DeskRow:
    return v.DeskRow(
        number=f"MHN-2026-{number:04}",
        title=title,
        party=CONTRACTOR.company,
        money=PRICE if number % 4 else v.Money(amount=None),
        phase=phase,
        kind=v.Kind.CONTRACT,
        url=f"/staff/e/{number}",
        deadline_on=DEADLINE,
        drafter="宮﨑",
        note=note,
    )


DESK = v.Desk(
    nav=NAV,
    intake_address="uketsuke@keiyaku.mihon.example",
    drafts=(
        desk_row(131, v.Phase.DRAFT),
        desk_row(132, v.Phase.PREPARING, title=LONG_REQUEST.title),
    ),
    village=(desk_row(123, v.Phase.VILLAGE),),
    contractor=tuple(desk_row(n, v.Phase.CONTRACTOR) for n in range(124, 129)),
    near=(desk_row(124, v.Phase.CONTRACTOR, note="あと2日"),),
    undelivered=(desk_row(129, v.Phase.CONTRACTOR, note="アドレスが存在しません"),),
    recent=(desk_row(110, v.Phase.COMPLETED), desk_row(109, v.Phase.DECLINED)),
    stuck=(
        v.Stuck(
            what="MHN-2026-0119 のタイムスタンプ",
            since=SIGNED_AT,
            trouble="タイムスタンプ局が応答しません。自動で試し続けています。",
            retry_url="/staff/retry/7",
            key="k7",
        ),
    ),
)

READINGS = (
    v.Reading(label="封筒名", value=TITLE, where=f"3行目「封筒名：{TITLE}」"),
    v.Reading(label="宛先", value="髙橋建設株式会社", where="4行目「宛先：髙橋建設（株）」"),
    v.Reading(
        label="金額",
        value="12,980,000円（税込）",
        where="返信の1行目「金額：１２，９８０，０００円（税込）」",
    ),
    v.Reading(label="署名期限", value="2026年8月31日（月）", where="指定がないため、既定の値です"),
)
DRAFT = v.Draft(
    nav=NAV,
    number="D-0123",
    title=TITLE,
    kind=v.Kind.CONTRACT,
    phase=v.Phase.DRAFT,
    received_at=SIGNED_AT,
    drafter="宮﨑 さくら",
    readings=READINGS,
    signers=(
        v.DraftSigner(
            position=1, party=CONTRACTOR, address="taro@takahashi-kensetsu.example", note="台帳と一致"
        ),
    ),
    village_signers=(
        v.Choice(value="s1", label="村長 﨑山 花子", chosen=True),
        v.Choice(value="s2", label="副村長 渡邉 次郎"),
        v.Choice(value="s3", label="宮﨑 さくら", disabled=True, note="下書きを作った人は署名者になれません"),
    ),
    documents=(document(), document(2, "特記仕様書", 1, text=())),
    version=1,
    key="k3",
    confirm_url="/staff/d/123/confirm",
    discard_url="/staff/d/123/discard",
    revise_url="/staff/d/123/revise",
    corrections=(
        v.Correction(name="fix_title", label="封筒名", value=TITLE, hint="60字まで"),
        v.Correction(
            name="fix_recipient", label="宛先", value="髙橋建設（株）", hint="署名する順に1行に1者", rows=2
        ),
        v.Correction(
            name="fix_amount", label="金額", value="12,980,000円（税込）", hint="例：12,980,000円（税込）"
        ),
        v.Correction(name="fix_deadline", label="期限", value="", hint="例：8月31日"),
    ),
    exclusions=(
        v.Exclusion(
            name="answer_excluded-term",
            text="文書1「契約書.pdf」：契約の期間または効力が10年を超えるようです（3ページ「契約期間は20年間」）。",
            answer="期間も効力も10年以内であることを確かめました",
        ),
    ),
    warnings=("文書2「特記仕様書」に文字の情報がありません。画面の読み上げでは読めません。",),
)

HISTORY = (
    v.Happening(at=SIGNED_AT, text="相手方が電子署名を指示しました", who="髙橋 一郎 様"),
    v.Happening(at=datetime(2026, 8, 4, 5, 19, tzinfo=UTC), text="文書2を表示", who="髙橋 一郎 様"),
    v.Happening(at=datetime(2026, 8, 4, 5, 17, tzinfo=UTC), text="本人確認ができました（メールのコード）"),
    v.Happening(at=datetime(2026, 8, 4, 5, 0, tzinfo=UTC), text="依頼メールを相手のサーバーが受け取りました"),
    v.Happening(at=datetime(2026, 8, 4, 4, 58, tzinfo=UTC), text="内容を確認して送信", who="宮﨑 さくら"),
)
ENVELOPE = v.Envelope(
    nav=NAV,
    number=NUMBER,
    title=TITLE,
    kind=v.Kind.CONTRACT,
    phase=v.Phase.VILLAGE,
    money=PRICE,
    section="建設課",
    drafter="宮﨑 さくら",
    deadline_on=DEADLINE,
    documents=(
        v.File(title="工事請負契約書", url="/staff/e/1/1.pdf", size=312_000),
        v.File(title="特記仕様書", url="/staff/e/1/2.pdf", size=84_000),
    ),
    signers=(
        v.SignerLine(
            position=1,
            party=CONTRACTOR,
            address="taro@takahashi-kensetsu.example",
            seat=v.Seat.SIGNED,
            at=SIGNED_AT,
            delivery=v.Delivery.ACCEPTED,
            delivered_at=SIGNED_AT,
        ),
        v.SignerLine(
            position=2,
            party=VILLAGE,
            address="soncho@mihon.example",
            seat=v.Seat.CURRENT,
            delivery=v.Delivery.SENDING,
        ),
    ),
    history=HISTORY,
    version=4,
    key="k4",
    sign_url="/staff/e/1/view/1",
    extend_url="/staff/e/1/extend",
    extend_from=date(2026, 8, 5),
    extend_until=date(2027, 8, 4),
    reissue_url="/staff/e/1/reissue",
    cancel_url="/staff/e/1/cancel",
)
STAFF_SIGN = v.StaffSign(
    nav=NAV,
    number=NUMBER,
    title=TITLE,
    counterparty=CONTRACTOR.company,
    money=PRICE,
    confirmation=replace(CONFIRMATION, party=VILLAGE, waits_for=()),
)

VERIFICATION = v.Verification(post_url="/verify", most=20_000_000, minutes=10)
PART = v.PanelPart(
    stamp=False,
    title="髙橋建設株式会社 代表取締役 髙橋 一郎",
    lines=(
        v.PanelLine(
            good=True,
            text="文書は、この署名が適用されてから変更されていません",
            means="署名したときの内容のままです。",
        ),
        v.PanelLine(
            good=False,
            text="署名者のIDは不明です",
            means="発行元「みほん村」の証明書を確かめられませんでした。",
        ),
    ),
)
FOUND = v.VerificationResult(
    outcome=v.Outcome.SOUND,
    mark="✔",
    headline="変更されていません／発行元 みほん村 電子契約 認証局 1",
    reasons=(),
    parts=(PART, replace(PART, stamp=True, title="みほん村 電子契約 時刻 1")),
    sha256=OFFER,
    again_url="/verify",
)

EVIDENCE = v.Evidence(
    nav=NAV,
    number=NUMBER,
    title=TITLE,
    envelope_url="/staff/e/1",
    here_url="/staff/e/1/evidence",
    ask_url="/staff/e/1/evidence",
    waiting=False,
    days=3,
)

SAMPLES: dict[str, v.Page] = {
    "evidence": EVIDENCE,
    "evidence-waiting": replace(EVIDENCE, waiting=True),
    "evidence-made": replace(
        EVIDENCE,
        envelope_url=None,
        file=v.File(title="証拠一式.zip", url="/staff/e/1/evidence.zip", size=1_480_000),
        made_at=SIGNED_AT,
        until=datetime(2026, 8, 7, 5, 21, 8, tzinfo=UTC),
    ),
    "landing": v.Landing(
        request=REQUEST,
        masked_address=MASKED,
        send_code_url="/s/t/code",
        have_code_url="/s/t/code",
        wrong_person_url="/s/t/wrong",
        decline_url="/s/t/decline",
    ),
    "landing-long": v.Landing(
        request=LONG_REQUEST,
        masked_address="te･････@mihon-kita-alps-sanroku-chiiki-sogo-kaihatsu-kensetsu.example",
        send_code_url="/s/t/code",
        have_code_url="/s/t/code",
        errors=(v.FieldError(text="本日の送信回数の上限に達しました。0261-00-0000 へご連絡ください"),),
    ),
    "code": CODE,
    "code-wrong": replace(CODE, typed="123 45", errors=WRONG, resend_wait=0),
    "code-resent": replace(CODE, resent=True, resend_wait=60),
    "code-session": replace(
        CODE,
        notice="時間がたったため、もう一度、本人確認をお願いします。続きから再開できます。",
        valid_until=None,
        word=None,
    ),
    "code-download": replace(CODE, purpose=v.CodeFor.DOWNLOAD, request=None, wrong_person_url=None),
    "viewer": VIEWER,
    "viewer-unseen": replace(
        VIEWER,
        tabs=TABS,
        confirmation=UNSEEN,
        errors=(v.FieldError(text="まだ表示していない文書があります：文書2 特記仕様書"),),
    ),
    "viewer-twenty": replace(
        VIEWER,
        request=LONG_REQUEST,
        tabs=TWENTY,
        document=document(4, NAMES[4], 4, text=()),
        confirmation=replace(UNSEEN, party=LONG, documents=TWENTY),
    ),
    "viewer-waiting": replace(VIEWER, tabs=SEEN[:1], document=replace(document(), pages=())),
    "confirm": v.Confirm(request=REQUEST, confirmation=CONFIRMATION),
    "confirm-unseen": v.Confirm(request=REQUEST, confirmation=UNSEEN),
    "confirm-acceptance": v.Confirm(
        request=REQUEST, confirmation=replace(CONFIRMATION, kind=v.Kind.ACCEPTANCE, waits_for=())
    ),
    "done": DONE,
    "done-acceptance": replace(
        DONE, kind=v.Kind.ACCEPTANCE, waits_for=(), expected_by=None, download_url="/d/x"
    ),
    "done-concluded": replace(
        DONE,
        waits_for=(),
        signed_after=("みほん村",),
        expected_by=None,
        concluded_on=date(2026, 8, 5),
        download_url="/d/x",
    ),
    "done-stamping": replace(DONE, waits_for=(), signed_after=("みほん村",), expected_by=None),
    "done-two": replace(DONE, waits_for=(LONG.company, "みほん村")),
    "done-acceptance-two": replace(DONE, kind=v.Kind.ACCEPTANCE, waits_for=(LONG.company,)),
    "decline": v.Decline(request=REQUEST, next_url="/sign/r4k9/decline", back_url="/sign/r4k9/1"),
    "decline-empty": v.Decline(
        request=REQUEST,
        next_url="/sign/r4k9/decline",
        back_url="/sign/r4k9/1",
        errors=(
            v.FieldError(text="どうするかを選んでください", field="choice"),
            v.FieldError(text="理由を入力してください", field="reason"),
        ),
    ),
    "decline-confirm": v.DeclineConfirm(
        request=REQUEST,
        choice=v.Refusal.RETURN,
        reason="工期の終わりが仕様書と違っています。\n12月18日か12月25日か、ご確認ください。",
        refuse_url="/sign/r4k9/refuse",
        edit_url="/sign/r4k9/decline/edit",
        key="k2",
    ),
    "declined-return": v.Declined(request=REQUEST, choice=v.Refusal.RETURN, number=NUMBER, at=SIGNED_AT),
    "declined": v.Declined(request=REQUEST, choice=v.Refusal.DECLINE, number=NUMBER, at=SIGNED_AT),
    "wrong-person": v.WrongPerson(request=REQUEST, post_url="/s/t/wrong", back_url="/s/t"),
    "status-turn": v.Status(standing=v.Standing.NOT_YOUR_TURN, request=REQUEST, kind=v.Kind.CONTRACT),
    "status-progress": replace(STATUS, standing=v.Standing.IN_PROGRESS),
    "status-signed": STATUS,
    "status-stamping": replace(STATUS, standing=v.Standing.SIGNED, waits_for=()),
    "status-completed": replace(STATUS, standing=v.Standing.COMPLETED, waits_for=(), open_url="/d/x"),
    **{
        f"dead-{why.value}": v.UnusableLink(
            why=why, request=REQUEST if why != v.DeadLink.UNKNOWN else None, on=date(2026, 8, 20)
        )
        for why in v.DeadLink
    },
    "dead-expired": v.UnusableLink(
        why=v.DeadLink.EXPIRED, request=REQUEST, masked_address=MASKED, new_link_url="/s/t/new"
    ),
    "link-sent": v.LinkSent(title=TITLE, masked_address=MASKED),
    "download": v.Download(
        title=TITLE,
        kind=v.Kind.CONTRACT,
        certificate_id=CERTIFICATE,
        concluded_on=date(2026, 8, 6),
        consented_on=date(2026, 8, 5),
        until=datetime(2026, 8, 20, 14, 59, 59, tzinfo=UTC),
        files=FILES,
        together=v.File(title="ZIP", url="/d/x/zip", size=7_151_000),
    ),
    "download-acceptance": v.Download(
        title=TITLE,
        kind=v.Kind.ACCEPTANCE,
        certificate_id=CERTIFICATE,
        concluded_on=date(2026, 8, 6),
        until=datetime(2026, 8, 20, 14, 59, 59, tzinfo=UTC),
        files=FILES[:1],
    ),
    "download-closed": v.DownloadClosed(
        title=TITLE,
        since=date(2026, 8, 6),
        until=date(2026, 8, 20),
        masked_address=MASKED,
        fresh_url="/d/x/fresh",
    ),
    "message": v.Message(
        title="お知らせを村に送りました",
        paragraphs=("担当者が確認し、登録済みの連絡先へご連絡します。", "この画面は閉じて構いません。"),
        good=True,
    ),
    "message-staff": v.Message(
        title="ほかの職員が先に変更しました",
        paragraphs=("最新の内容を開き直してください。",),
        next_url="/staff/e/1",
        next_label="封筒を開く",
        nav=NAV,
    ),
    "failure": v.Failure(
        title="ただいま利用できません",
        happened="システムの内部で問題が起きました。入力した内容は保存されていません。",
        todo="5分ほどたってから、メールのリンクをもう一度開いてください。",
        reference="7f3a91c2",
    ),
    "sign-in": v.SignIn(post_url="/staff/sign-in"),
    "sign-in-wrong": v.SignIn(
        post_url="/staff/sign-in",
        address="sakura@mihon.example",
        errors=(v.FieldError(text="メールアドレスかパスワードが違います", field="address"),),
    ),
    "sign-in-code": v.SignInCode(post_url="/staff/sign-in/code", back_url="/staff/sign-in"),
    "enrolment": v.Enrolment(
        name="宮﨑 さくら",
        address="sakura@mihon.example",
        post_url="/enrol/t",
        qr_url="/img/qr.svg",
        secret="JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP",
        password_characters=12,
    ),
    "enrolment-wrong": v.Enrolment(
        name="宮﨑 さくら",
        address="sakura@mihon.example",
        post_url="/enrol/t",
        qr_url="/img/qr.svg",
        secret="JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP",
        password_characters=12,
        errors=(
            v.FieldError(text="パスワードは12文字以上にしてください", field="password"),
            v.FieldError(
                text="認証コードが違います。端末の時刻がずれていないか確かめてください", field="code"
            ),
        ),
    ),
    "recovery-codes": v.RecoveryCodes(
        codes=tuple(f"{n:04}-{n * 7919 % 10000:04}-K{n}" for n in range(1, 9)), next_url="/staff/"
    ),
    "desk": DESK,
    "desk-empty": v.Desk(
        nav=NAV, intake_address="uketsuke@keiyaku.mihon.example", notice="下書きを破棄しました。"
    ),
    "draft": DRAFT,
    "draft-wrong": replace(
        DRAFT,
        errors=(
            v.FieldError(text="村側署名者を選んでください", field="village_signer"),
            v.FieldError(text="注意を確かめて、チェックを入れてください", field="acknowledged"),
        ),
    ),
    "draft-blocked": replace(
        DRAFT,
        kind=v.Kind.ACCEPTANCE,
        confirm_url=None,
        village_signers=(),
        signers=(DRAFT.signers[0], replace(DRAFT.signers[0], position=2, party=LONG)),
        blocked=("文書1「工事請負契約書」に署名欄を作れません。PDFを作り直して、もう一度転送してください。",),
    ),
    "envelope": ENVELOPE,
    "envelope-bounced": replace(
        ENVELOPE,
        phase=v.Phase.CONTRACTOR,
        sign_url=None,
        signers=(
            v.SignerLine(
                position=1,
                party=LONG,
                address="teshigawara.ryunosuke.saemon@mihon-kita-alps-sanroku-chiiki.example",
                seat=v.Seat.CURRENT,
                delivery=v.Delivery.UNDELIVERED,
                why="アドレスが存在しません",
                delivered_at=SIGNED_AT,
                trouble="電話でアドレスを確かめ、台帳を直してから、送り直してください。",
            ),
            v.SignerLine(position=2, party=VILLAGE, address="soncho@mihon.example", seat=v.Seat.WAITING),
        ),
        errors=(v.FieldError(text="理由を入力してください", field="reason"),),
    ),
    "envelope-completed": replace(
        ENVELOPE,
        phase=v.Phase.COMPLETED,
        sign_url=None,
        extend_url=None,
        reissue_url=None,
        cancel_url=None,
        certificate_id=CERTIFICATE,
        concluded_on=date(2026, 8, 6),
        signed_files=FILES,
        evidence_url="/staff/e/1/evidence",
    ),
    "envelope-returned": replace(
        ENVELOPE,
        phase=v.Phase.RETURNED,
        sign_url=None,
        extend_url=None,
        reissue_url=None,
        cancel_url=None,
        reason="差戻しの理由：工期の終わりが仕様書と違っています。",
        signers=(replace(ENVELOPE.signers[0], seat=v.Seat.REFUSED),),
    ),
    "staff-viewer": v.StaffViewer(
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
            v.FieldError(
                text="認証コードが違います。端末の時刻がずれていないか確かめてください", field="code"
            ),
        ),
    ),
    "verify": VERIFICATION,
    "verify-wrong": replace(
        VERIFICATION,
        typed="MHN-1",
        errors=(
            v.FieldError(text="PDFファイルを選んでください", field="file"),
            v.FieldError(text="この締結証明書IDの契約は見つかりません", field="certificate_id"),
        ),
    ),
    "verify-waiting": v.VerificationWaiting(look_url="/verify/1", minutes=10),
    "verify-sound": FOUND,
    "verify-altered": replace(
        FOUND,
        outcome=v.Outcome.ALTERED,
        mark="✖",
        headline="変更されています",
        reasons=("末尾に余分なデータがあります。",),
    ),
    "verify-undecided": replace(
        FOUND,
        outcome=v.Outcome.UNDECIDED,
        mark="▲",
        headline="判断できません",
        reasons=("電子署名がありません。",),
        parts=(),
    ),
    "verify-own": v.VerificationOwn(
        concluded_on=date(2026, 8, 6),
        certificate_id=CERTIFICATE,
        is_certificate=False,
        signatures=(
            v.OwnSignature(company=LONG.company, at=SIGNED_AT),
            v.OwnSignature(company="みほん村", at=None),
        ),
        stamped_at=SIGNED_AT,
        accredited=False,
        sha256=OFFER,
        again_url="/verify",
    ),
    "verify-own-certificate": v.VerificationOwn(
        concluded_on=date(2026, 8, 6),
        certificate_id=CERTIFICATE,
        is_certificate=True,
        signatures=(),
        stamped_at=SIGNED_AT,
        accredited=True,
        sha256=OFFER,
        again_url="/verify",
    ),
    "verify-id": v.VerificationId(
        certificate_id=CERTIFICATE,
        concluded_on=date(2026, 8, 6),
        documents=2,
        parties=("髙＊＊＊", "みほん村"),
        again_url="/verify",
    ),
}
