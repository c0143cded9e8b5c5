"""Realistic views of the registry's pages, beside `samples`."""

from dataclasses import replace
from datetime import UTC, date, datetime

from envelopes.rules import terms
from envelopes.rules.applications import Door, Stage
from envelopes.rules.errors import Reason
from portal import registry_views as v
from portal.phrases import _, reason
from portal.staff_views import Choice
from portal.views import FieldError, Page

AT = datetime(2026, 8, 4, 5, 21, 8, tzinfo=UTC)
TEXTS = terms.texts(terms.VERSION, town="みほん村", english="Mihon Village")
COMPANY = "南アルプス電設株式会社"
MASKED = "mi･････@minami-de…"

ADDRESS = v.RegistrationQuestion(
    number=3,
    heading=_("契約に使うメールアドレスを入力してください"),
    lead=_("契約を結ぶ権限のある方が、ご自分で読めるアドレスです。"),
    inputs=(
        v.Input(
            name="email",
            label=_("メールアドレス"),
            value="minami@docomo.ne.jp",
            hint=_("署名の依頼と契約書が届きます。例：taro@example.co.jp"),
            shape="email",
            fill="email",
        ),
        v.Input(
            name="reason",
            label=_("このアドレスを使う理由"),
            hint=_("会社のアドレスがあれば、そちらを登録してください。"),
            rows=3,
            limit=400,
        ),
        v.Input(
            name="previous",
            label=_("前に登録したアドレス（変更のときだけ）"),
            hint=_("変更をお知らせするメールを、前のアドレスにも送ります。"),
            required=False,
            shape="email",
        ),
    ),
    post_url="/register/address",
    back_url="/register/person",
    carrier=True,
    errors=(FieldError(text=reason(Reason.ADDRESS_CARRIER), field="reason"),),
)
TERMS = v.RegistrationTerms(
    terms=TEXTS, version=terms.VERSION, post_url="/register/terms", back_url="/register/address", number=4
)
CHECK = v.RegistrationCheck(
    answers=(
        v.Answered(label=_("会社名"), value=COMPANY, url="/register/company?change=1"),
        v.Answered(label=_("氏名"), value="南 一郎", url="/register/person?change=1"),
        v.Answered(label=_("メールアドレス"), value="minami@docomo.ne.jp", url="/register/address?change=1"),
    ),
    carrier=True,
    post_url="/register/check",
    back_url="/register/terms",
)
CODE = v.RegistrationCode(
    masked_address=MASKED,
    verify_url="/register/verify",
    resend_url="/register/code",
    valid_until=datetime(2026, 8, 4, 5, 32, tzinfo=UTC),
    word="ほたる",
    resend_wait=45,
    again_url="/register",
    codes_a_day=3,
)
DONE = v.RegistrationDone(number="MHN-R2026-0007", company=COMPANY, masked_address=MASKED, at=AT, hours=24)

SAMPLES: dict[str, Page] = {
    "registration_start": v.RegistrationStart(
        begin_url="/register/company", withdraw_url="/register/withdraw", purposes=TEXTS
    ),
    "registration_start-lost": v.RegistrationStart(
        begin_url="/register/company", withdraw_url="/register/withdraw", purposes=TEXTS, lost=True
    ),
    "registration_question": ADDRESS,
    "registration_question-mobile": v.RegistrationQuestion(
        number=4,
        steps=6,
        heading=_("SMSを受け取れる携帯電話はありますか"),
        lead=_(
            "署名のとき、本人確認の数字をSMSでお送りすることがあります。契約を結ぶ権限のある方が、ご自分で使っている番号です。"
            "ほかのことには使いません。入力しなくても登録できます。"
        ),
        inputs=(
            v.Input(
                name="mobile",
                label=_("携帯電話の番号（あれば）"),
                value="03-1234-5678",
                hint=_("例：090-1234-5678"),
                required=False,
                shape="tel",
                fill="tel",
            ),
        ),
        post_url="/register/mobile",
        back_url="/register/address",
        errors=(FieldError(text=reason(Reason.MOBILE_FORM), field="mobile"),),
    ),
    "registration_question-slip": replace(
        ADDRESS,
        carrier=False,
        inputs=(replace(ADDRESS.inputs[0], value="minami@docmo.ne.jp"), ADDRESS.inputs[2]),
        suggestion="minami@docomo.ne.jp",
        as_typed="minami@docmo.ne.jp",
        errors=(
            FieldError(text=reason(Reason.ADDRESS_TYPO, suggestion="minami@docomo.ne.jp"), field="email"),
        ),
    ),
    "registration_question-withdraw": v.RegistrationQuestion(
        number=None,
        heading=_("電子契約の承諾を取りやめます"),
        lead=_(
            "取りやめると、これからの契約は書面で行います。すでに届いている署名の依頼は、そのまま続けられます。"
        ),
        inputs=(
            v.Input(
                name="email",
                label=_("登録したメールアドレス"),
                hint=_("このアドレスに、6けたの確認コードをお送りします。"),
                shape="email",
                fill="email",
            ),
        ),
        post_url="/register/withdraw",
        back_url="/register",
    ),
    "registration_terms": replace(
        TERMS, errors=(FieldError(text=reason(Reason.TERMS_UNTICKED), field="agree"),)
    ),
    "registration_terms-english": replace(
        TERMS,
        terms=terms.texts(f"{terms.VERSION}+en-1", town="みほん村", english="Mihon Village"),
        agreed=True,
    ),
    "registration_terms-invited": replace(
        TERMS, number=None, back_url=None, facts=((_("会社名"), COMPANY), (_("アドレス"), MASKED))
    ),
    "registration_check": CHECK,
    "registration_check-often": replace(CHECK, errors=(FieldError(text=reason(Reason.RESEND_CAP)),)),
    "registration_code": CODE,
    "registration_code-late": replace(
        CODE,
        valid_until=None,
        word=None,
        errors=(FieldError(text=reason(Reason.CODE_SPENT), field="code"),),
    ),
    "registration_code-invited": replace(CODE, again_url=None),
    "registration_code-withdrawal": replace(CODE, withdrawal=True),
    "registration_done": DONE,
    "registration_done-withdrawn": replace(DONE, withdrawal=True),
    "registration_done-unknown": replace(DONE, withdrawal=True, unknown=True, company=""),
    "registration_done-elsewhere": replace(DONE, elsewhere=True),
    "registration_done-returned": replace(
        DONE,
        stage=Stage.RETURNED,
        answer="会社名が登記と違います。直して、もう一度登録してください。",
        again_url="/register",
    ),
    "registration_done-approved": replace(DONE, stage=Stage.APPROVED, works_from=AT),
    "registration_done-over": replace(DONE, stage=Stage.APPROVED),
}

# The staff's pages

NAV = v.StaffNav(
    name="小林 直樹",
    section="総務課",
    desk_url="/staff",
    replies_url="/staff/replies",
    registry_url="/staff/registry",
    sign_out_url="/staff/sign-out",
)
STARTED = v.ApplicationRow(
    number="MHN-R2026-0007",
    company=COMPANY,
    who="代表取締役 南 一郎",
    kind=_("会社のアドレス"),
    stage=Stage.PROVED,
    door=Door.FORM,
    at=AT,
    url="/staff/registry/applications/a",
)
ENTRY = v.ContactRow(
    company="髙橋建設株式会社",
    who="代表取締役 髙橋 一郎",
    address="ichiro@takahashi-kensetsu.example",
    kind=_("会社のアドレス"),
    standing="works",
    day=None,
    url="/staff/registry/a",
)
HISTORY = (
    v.Happening(at=AT, text=_("確認コードでアドレスを確かめました"), who=_("申請者")),
    v.Happening(at=AT, text=_("登録の申請がありました"), who=_("申請者")),
)
APPLICATION = v.RegistryApplication(
    nav=NAV,
    registry_url="/staff/registry",
    number=STARTED.number,
    stage=Stage.PROVED,
    door=Door.FORM,
    company=COMPANY,
    office="代表取締役",
    person="南 一郎",
    address="minami@minami-densetsu.example",
    kind=_("会社のアドレス"),
    why="",
    previous="mae@minami-densetsu.example",
    version=terms.VERSION,
    agreed_at=AT,
    terms=TEXTS,
    first="",
    second="",
    call_back="",
    answer="",
    history=HISTORY,
    check_url="/staff/registry/applications/a/check",
    approve_url=None,
    return_url="/staff/registry/applications/a/return",
    hindrance=None,
    contact_url=None,
    remarks=(_("前のアドレスは台帳にありません。"),),
    limit=400,
    hours=24,
)
CONTACT = v.RegistryContact(
    nav=NAV,
    registry_url="/staff/registry",
    row=ENTRY,
    office="代表取締役",
    person="髙橋 一郎",
    why="",
    revision=2,
    usual="メール1経路",
    consented_on=date(2026, 8, 1),
    consent_note="画面で承諾（受付番号 MHN-R2026-0003、文面 2026-11版）",
    first="小林 直樹",
    second="丸山 翔",
    call_back="0261-00-1111 入札参加資格の名簿",
    works_from=AT,
    works_until=AT,
    application_url="/staff/registry/applications/a",
    history=HISTORY,
    end_url="/staff/registry/a/end",
    withdraw_url="/staff/registry/a/withdraw",
    correct_url="/staff/registry/a/correct",
    limit=400,
    hours=24,
)
MOBILE = v.MobileNumber(
    number="090-1234-5678",
    works=True,
    proposed=False,
    works_from=AT,
    first="小林 直樹",
    second="丸山 翔",
    source="4月2日の来庁時に本人から",
    call_back="0261-00-1111 入札参加資格の名簿、本人に確認",
    approve_url=None,
    hindrance=None,
    end_url="/staff/registry/a/mobiles/a/end",
    end_name="stop",
)
PROPOSED = replace(
    MOBILE,
    number="080-2222-3333",
    works=False,
    proposed=True,
    works_from=None,
    second="",
    call_back="",
    approve_url="/staff/registry/a/mobiles/b/approve",
    end_url="/staff/registry/a/mobiles/b/end",
    end_name="reject",
)
IMPORT = v.RegistryImport(
    nav=NAV,
    registry_url="/staff/registry",
    post_url="/staff/registry/import",
    columns=("会社名", "役職", "氏名", "メールアドレス", "前のアドレス", "備考", "言語", "携帯電話"),
    needed=("会社名", "氏名", "メールアドレス"),
    most=500,
)

SAMPLES |= {
    "registry": v.Registry(
        nav=NAV,
        open=(STARTED, replace(STARTED, number="MHN-R2026-0006", stage=Stage.CHECKED)),
        waiting=(replace(STARTED, number="MHN-R2026-0008", stage=Stage.UNPROVED, door=Door.LIST),),
        mobiles=(
            v.MobileRow(
                company="髙橋建設株式会社",
                who="代表取締役 髙橋 一郎",
                day=date(2026, 8, 4),
                url="/staff/registry/a",
            ),
        ),
        contacts=(
            ENTRY,
            replace(ENTRY, standing="waits", day=date(2026, 8, 5)),
            replace(ENTRY, standing="withdrawn", day=date(2026, 8, 5)),
        ),
        here_url="/staff/registry",
        import_url="/staff/registry/import",
        export_url="/staff/registry/list.csv",
        notice=_("{count}件の申請を作り、確認をお願いするメールを送ります。", count=3),
    ),
    "registry-empty": v.Registry(
        nav=NAV,
        open=(),
        waiting=(),
        contacts=(),
        here_url="/staff/registry",
        import_url=None,
        export_url="/staff/registry/list.csv",
        asked="髙橋",
    ),
    "registry_application": APPLICATION,
    "registry_application-checked": replace(
        APPLICATION,
        stage=Stage.CHECKED,
        first="小林 直樹",
        check_url=None,
        approve_url="/staff/registry/applications/a/approve",
        errors=(FieldError(text=reason(Reason.CALL_BACK_MISSING), field="call_back"),),
    ),
    "registry_application-own": replace(
        APPLICATION,
        stage=Stage.CHECKED,
        first="小林 直樹",
        check_url=None,
        hindrance=reason(Reason.REGISTRAR_SAME_PERSON),
    ),
    "registry_application-invited": replace(
        APPLICATION,
        stage=Stage.UNPROVED,
        door=Door.LIST,
        agreed_at=None,
        first="小林 直樹",
        check_url=None,
        return_url=None,
        remarks=(),
        again_url="/staff/registry/applications/a/again",
        back_url="/staff/registry/applications/a/back",
        history=(v.Happening(at=AT, text=_("登録の申請がありました"), who="小林 直樹"),),
    ),
    "registry_application-returned": replace(
        APPLICATION,
        stage=Stage.RETURNED,
        check_url=None,
        return_url=None,
        remarks=(),
        second="小林 直樹",
        answer="会社名が登記と違います。",
    ),
    "registry_contact": CONTACT,
    "registry_contact-app": replace(
        CONTACT, app=v.App(set_up_at=AT, lost_at=None, lost_url="/staff/registry/r/app/lost")
    ),
    "registry_contact-app-lost": replace(
        CONTACT,
        app=v.App(
            set_up_at=AT,
            lost_at=AT,
            reporter="宮﨑 さくら",
            note="8月4日、髙橋様から電話。機種変更で前のスマートフォンを手放した",
            found_url="/staff/registry/r/app/found",
            end_url="/staff/registry/r/app/end",
        ),
    ),
    "registry_contact-app-second": replace(
        CONTACT,
        app=v.App(
            set_up_at=AT,
            lost_at=AT,
            reporter="宮﨑 さくら",
            note="8月4日、髙橋様から電話",
            found_url="/staff/registry/r/app/found",
            hindrance=reason(Reason.REGISTRAR_SAME_PERSON),
        ),
    ),
    "registry_contact-error": replace(
        CONTACT, errors=(FieldError(text=reason(Reason.REASON_MISSING), field="reason"),)
    ),
    "registry_contact-mobiles": replace(
        CONTACT,
        mobiles=(MOBILE, PROPOSED),
        mobile_url="/staff/registry/a/mobiles",
        usual="メール＋SMSの確認コード",
        identity=(
            Choice(
                value="",
                label="登録に合わせる",
                chosen=True,
                note="認証アプリか携帯電話が登録されていれば、それも求めます。",
            ),
            Choice(value="mail", label="メール1経路"),
            Choice(value="access-code", label="メール＋アクセスコード（電話でお伝え）"),
            Choice(value="sms", label="メール＋SMSの確認コード"),
        ),
        identity_url="/staff/registry/a/identity",
        errors=(FieldError(text=reason(Reason.CALL_BACK_MISSING), field="call_back"),),
    ),
    "registry_contact-own-mobile": replace(
        CONTACT,
        mobiles=(replace(PROPOSED, approve_url=None, hindrance=reason(Reason.REGISTRAR_SAME_PERSON)),),
        mobile_url="/staff/registry/a/mobiles",
        typed={"mobile": "03-1234-5678", "source": ""},
        errors=(FieldError(text=reason(Reason.MOBILE_FORM), field="mobile"),),
    ),
    "registry_import": IMPORT,
    "registry_import-faulty": replace(
        IMPORT,
        faults=(
            "2行目：氏名がありません。",
            "5行目：2行目と同じメールアドレスです。",
            f"6行目：{reason(Reason.ENTRY_KNOWN)}",
        ),
        errors=(FieldError(text=reason(Reason.LIST_FAULTY), field="file"),),
    ),
}
