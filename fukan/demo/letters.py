"""One sample of every mail: what `/mail-previews` shows, and what the golden files of the tests keep."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Final

from bot import letters as mails
from bot.letters_about_alerts import WORDS_OF
from bot.letters_about_returns import steps
from bot.render import MailSite
from envelopes.phrases import named
from envelopes.rules.alerts import Alert
from envelopes.rules.changes import Change
from envelopes.rules.delivery import WhyLink
from envelopes.rules.errors import Reason
from envelopes.rules.factors import Method
from envelopes.rules.kinds import Kind, Tax
from envelopes.rules.notes import About
from envelopes.rules.replies import SAMPLES, Verb
from envelopes.rules.returns import WORDS, Meaning
from envelopes.rules.wording import Language
from envelopes.texts import ORDERS, say

SITE: Final = MailSite(
    town="みほん村",
    town_english="Mihon Village",
    portal_url="https://keiyaku.vill-mihon.example",
    hours="平日8:30〜17:15",
    hours_english="weekdays 8:30–17:15",
    intake="uketsuke@keiyaku.vill-mihon.example",
)
TITLE: Final = "令和8年度 村道北城線 舗装補修工事 請負契約"
PARTY: Final = "髙橋建設株式会社"
LINK: Final = (
    "https://keiyaku.vill-mihon.example/s/AgEBf3v9QkC2hT0Zs8mXyw.6c4dJ0q5u7W1bN3xR8pLkQ2vT9yZ4aHs6eFgUiOjMn0"
)
PAGE: Final = "https://keiyaku.vill-mihon.example/staff/envelopes/4kq2mvtxb97c"
HASH: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
HEAD: Final = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
AT: Final = datetime(2026, 8, 4, 5, 21, 8, tzinfo=UTC)
DEADLINE: Final = date(2026, 8, 31)
CONTRACTOR: Final = mails.Addressee(PARTY, "代表取締役", "髙橋 一郎")
CLERK: Final = mails.Addressee("みほん村 建設課", "", "中村 美咲")
ANCHOR: Final = "7c2d9ab6c5f0a4de6c1b0f6c0b1f6f6d0a39f5a8d8a3b2c1d0e9f8a7b6c5d4e3"
APPLICANT: Final = mails.Addressee("南アルプス電設株式会社", "代表取締役", "南 一郎")
HEADMAN: Final = mails.Addressee("みほん村", "村長", "北沢 健")
FOOT: Final[dict[str, Any]] = {
    "section": named("建設課", "Construction Section"),
    "phone": "0261-00-0000",
    "number": "MHN-2026-0123",
}
DRAFT_FOOT: Final = {**FOOT, "number": "D-0123"}
NO_FOOT: Final = {**FOOT, "number": ""}
PAPERS: Final = (
    mails.DocumentLine("工事請負契約書", 3, 312_400),
    mails.DocumentLine("特記仕様書", 1, 84_100),
)
SEEN: Final = tuple(paper._replace(sha256=HASH) for paper in PAPERS)
_MANY: Final = tuple(PAPERS[n % len(PAPERS)]._replace(pages=200, size=1_500_000) for n in range(20))
READ: Final = (
    mails.ReadLine("封筒名", TITLE, f"3行目「封筒名：{TITLE}」"),
    mails.ReadLine(
        "宛先",
        "髙橋建設株式会社 代表取締役 髙橋 一郎 様 <ichiro@takahashi-kensetsu.example>（台帳と一致）",
        "4行目「宛先：髙橋建設」",
    ),
    mails.ReadLine("種別", "契約書（相手方→自庁の順に署名）", "5行目「種別：契約書」"),
    mails.ReadLine("金額", "12,980,000円（税込）", "返信の1行目「金額：１２，９８０，０００円（税込）」"),
    mails.ReadLine("期限", "2026年8月31日（月）23時59分", "指定がないため、既定の値です"),
)
QUESTIONS: Final = (
    mails.Question(
        "税込か税抜かが分かりません。", "6行目「金額：12,980,000円」", "金額：12,980,000円（税込）"
    ),
    mails.Question("種別がありません。契約書か請書を書いてください。", sample="種別：契約書"),
)
FAULT: Final = mails.Question(
    "金額を読み取れません。総額だけを、算用数字で書いてください。月額や増減などの説明は備考に書けます。",
    "3行目「金額：壱千弐百九拾八万円也」",
    "金額：12,980,000円（税込）",
)
NOTE: Final = "仕様書を差し替えました。\nご確認ください。"
TYPO: Final = mails.Question(
    "「部暑」は「部署」の書き間違いではありませんか。この行は使っていません。", "8行目「部暑：建設課」"
)
REPLY: Final = ("金額：12,980,000円（税込／税抜 のどちらかを消す）", "種別：契約書／請書（どちらかを消す）")
MAY_DRAFT: Final = tuple(
    mails.Option(SAMPLES[verb], ORDERS[verb].ja) for verb in (Verb.SEND, Verb.REVISE, Verb.STATUS)
)
MAY_OUT: Final = tuple(
    mails.Option(SAMPLES[verb], ORDERS[verb].ja)
    for verb in (Verb.REMIND, Verb.EXTEND, Verb.CANCEL, Verb.STATUS)
)
STAFF, OUTSIDE = mails.Reader.STAFF, mails.Reader.CONTRACTOR


def _device(reader: mails.Reader) -> mails.DeviceMail:
    return mails.DeviceMail(
        **FOOT,
        to=CLERK if reader is STAFF else CONTRACTOR,
        reader=reader,
        title=TITLE,
        party=PARTY,
        at=AT,
        purpose=mails.CodePurpose.SIGN,
        url=PAGE if reader is STAFF else "",
    )


def _completion(**changes: object) -> mails.CompletionMail:
    values: dict[str, object] = {
        **FOOT,
        "to": CONTRACTOR,
        "reader": OUTSIDE,
        "kind": Kind.CONTRACT,
        "title": TITLE,
        "party": PARTY,
        "concluded_on": date(2026, 8, 6),
        "consented_on": None,
        "certificate_id": "MHN-7K3QW-9XTPA-2M8ZC-4",
        "documents": SEEN,
        "certificate": mails.DocumentLine("締結証明書", 2, 141_000, HASH[::-1]),
        "attached": (
            "20260806_12980000_髙橋建設株式会社_工事請負契約書.pdf",
            "20260806_12980000_髙橋建設株式会社_特記仕様書.pdf",
            "20260806_12980000_髙橋建設株式会社_締結証明書.pdf",
        ),
        "url": LINK.replace("/s/", "/d/"),
        "window_ends": datetime(2026, 8, 20, 14, 59, 59, tzinfo=UTC),
        "accredited": False,
        "history_head": HEAD,
        "anchor": ANCHOR,
    }
    return mails.CompletionMail(**{**values, **changes})  # type: ignore[arg-type]


def _health(*, days: int, ended: bool, unusable: bool = False) -> mails.HealthMail:
    return mails.HealthMail(
        **NO_FOOT,
        to=CLERK,
        what="電子署名",
        ends=datetime(2026, 9, 3, 5, 21, tzinfo=UTC),
        days=days,
        ended=ended,
        mend="運用者に、fukan doctor の実行を頼んでください。理由と直し方が表示されます。"
        "HSM を使っているときは、動いていて、つながるかも確かめてください。"
        if unusable
        else "運用者に、新しい証明書の用意を頼んでください。運用者は fukan doctor で期限を確かめられます。",
        url=PAGE,
        unusable=unusable,
    )


def _alert(what: Alert, *facts: tuple[str, str]) -> mails.AlertMail:
    return mails.AlertMail(
        **NO_FOOT,
        to=CLERK,
        **WORDS_OF[what]._asdict(),
        facts=facts,
        at=AT,
        url="https://keiyaku.vill-mihon.example/staff",
    )


def _ended(
    letter: type[mails.DeclinedMail] | type[mails.ReturnedMail], reader: mails.Reader, *, own: bool
) -> mails.Letter:
    return letter(
        **FOOT,
        to=CLERK if reader is STAFF else CONTRACTOR,
        reader=reader,
        title=TITLE,
        party=PARTY,
        at=AT,
        reason="工期の終わりが9月30日になっています。\n打合せでは10月15日でした。",
        own=own,
        url=PAGE if reader is STAFF else "",
    )


def _request(**changes: object) -> mails.RequestMail:
    values: dict[str, object] = {
        **FOOT,
        "to": CONTRACTOR,
        "kind": Kind.CONTRACT,
        "title": TITLE,
        "documents": PAPERS,
        "deadline": DEADLINE,
        "message": "契約保証金の納付書は別に郵送します。\nご不明な点は中村までお電話ください。",
        "url": LINK,
    }
    return mails.RequestMail(**{**values, **changes})  # type: ignore[arg-type]


def _spent(about: About) -> mails.NoteMail:
    return mails.NoteMail(
        **FOOT,
        to=CLERK,
        title=TITLE,
        party=PARTY,
        about=about,
        at=AT,
        proved=True,
        note="",
        url=PAGE,
    )


def _received(kind: Kind, waits_for: tuple[str, ...]) -> mails.ReceivedMail:
    return mails.ReceivedMail(
        **FOOT,
        to=CONTRACTOR,
        kind=kind,
        title=TITLE,
        signed_at=AT,
        documents=SEEN,
        waits_for=waits_for,
        open_days=3,
        history_head=HEAD,
    )


def _draft(**changes: object) -> mails.DraftMail:
    values: dict[str, object] = {
        **DRAFT_FOOT,
        "to": CLERK,
        "original_subject": "Fwd: 舗装補修工事の契約書について（起案番号 建第512号）",
        "lines": READ,
        "documents": PAPERS,
        "warnings": ("文書2に文字情報がありません（画面読み上げで読めません）。",),
        "url": PAGE,
    }
    return mails.DraftMail(**{**values, **changes})  # type: ignore[arg-type]


def _sent(**changes: object) -> mails.SentMail:
    values: dict[str, object] = {
        **FOOT,
        "to": CLERK,
        "title": TITLE,
        "party": PARTY,
        "addressee": "代表取締役 髙橋 一郎",
        "address": "taro@takahashi-kensetsu.example",
        "deadline": DEADLINE,
        "sent_at": AT,
        "url": PAGE,
    }
    return mails.SentMail(**{**values, **changes})  # type: ignore[arg-type]


def _command(**changes: object) -> mails.CommandMail:
    values: dict[str, object] = {**DRAFT_FOOT, "to": CLERK, "verb": "送信", "title": TITLE, "url": PAGE}
    return mails.CommandMail(**{**values, **changes})  # type: ignore[arg-type]


HAPPENED: Final = (
    mails.Event(AT, "電子署名を付けました", "自動処理"),
    mails.Event(AT, "署名手続きを完了しました", "髙橋建設株式会社 髙橋 一郎"),
    mails.Event(datetime(2026, 8, 4, 5, 17, tzinfo=UTC), "本人確認ができました", PARTY),
    mails.Event(datetime(2026, 8, 3, 23, 42, tzinfo=UTC), "内容を確認して送信しました", "中村 美咲"),
)


def _status(**changes: object) -> mails.StatusMail:
    values: dict[str, object] = {
        **FOOT,
        "to": CLERK,
        "kind": Kind.CONTRACT,
        "title": TITLE,
        "party": PARTY,
        "phase": "village",
        "deadline": DEADLINE,
        "places": (
            mails.Place("髙橋建設株式会社 代表取締役 髙橋 一郎", signed_at=AT, delivery="delivered"),
            mails.Place("みほん村 村長 北沢 健", current=True, delivery="delivered"),
        ),
        "events": HAPPENED,
        "options": MAY_OUT[1:],
        "url": PAGE,
    }
    return mails.StatusMail(**{**values, **changes})  # type: ignore[arg-type]


def _answer(
    *,
    questions: tuple[mails.Question, ...],
    lines: tuple[mails.ReadLine, ...],
    reply: tuple[str, ...],
    refused: bool = False,
    number: str = "D-0123",
) -> mails.AnswerMail:
    return mails.AnswerMail(
        **{**NO_FOOT, "number": number},
        to=CLERK,
        original_subject="Fwd: 舗装補修工事の契約書について（起案番号 建第512号）",
        received_at=AT,
        refused=refused,
        lines=lines,
        questions=questions,
        reply=reply,
        files=refused,
        attachments=("工事請負契約書.pdf", "特記仕様書①.pdf"),
    )


def _expired(reader: mails.Reader, *, signed: bool = False) -> mails.ExpiredMail:
    url = PAGE if reader is STAFF else ""
    to = CLERK if reader is STAFF else CONTRACTOR
    return mails.ExpiredMail(
        **FOOT, to=to, reader=reader, title=TITLE, party=PARTY, deadline=DEADLINE, url=url, signed=signed
    )


def _extended(reader: mails.Reader) -> mails.ExtendedMail:
    return mails.ExtendedMail(
        **FOOT,
        to=CLERK if reader is STAFF else CONTRACTOR,
        reader=reader,
        title=TITLE,
        party=PARTY,
        old_deadline=DEADLINE,
        deadline=date(2026, 9, 14),
        url=PAGE if reader is STAFF else LINK,
    )


def _cancelled(reader: mails.Reader, *, replaced: bool) -> mails.CancelledMail:
    to = CLERK if reader is STAFF else CONTRACTOR
    reason = "工期を誤って記載していたため。"
    return mails.CancelledMail(
        **FOOT, to=to, reader=reader, title=TITLE, party=PARTY, at=AT, reason=reason, replaced=replaced
    )


def _change(news: mails.ChangeNews, **changes: object) -> mails.ChangeMail:
    values: dict[str, object] = {**FOOT, "to": CONTRACTOR, "news": news, "title": TITLE, "at": AT}
    return mails.ChangeMail(**{**values, **changes})  # type: ignore[arg-type]


def _new_link(cause: mails.NewLinkCause, second: Method | None = None) -> mails.NewLinkMail:
    return mails.NewLinkMail(
        **FOOT, to=CONTRACTOR, cause=cause, title=TITLE, at=AT, deadline=DEADLINE, second=second, url=LINK
    )


def _proof(second: Method | None) -> mails.ProofMail:
    return mails.ProofMail(
        **FOOT,
        to=CONTRACTOR,
        kind=Kind.CONTRACT,
        title=TITLE,
        at=AT,
        deadline=DEADLINE,
        second=second,
        url=LINK,
    )


def _code(purpose: mails.CodePurpose) -> mails.CodeMail:
    return mails.CodeMail(
        **FOOT,
        to=CONTRACTOR,
        code="048213",
        valid_until=datetime(2026, 8, 4, 5, 32, tzinfo=UTC),
        word="さくら",
        purpose=purpose,
        title=TITLE,
    )


_LINK_ONLY: Final = {
    WhyLink.TOO_BIG: (7_200_000, 6_000_000),
    WhyLink.TOO_BIG_FOR_CARRIER: (2_310_000, 2_000_000),
    WhyLink.ENCODED_TOO_BIG: (10_700_000, 10_000_000),
    WhyLink.REFUSED_AS_TOO_BIG: (5_400_000, 0),
}


def _reminder(*, days: int, second: Method | None = None) -> mails.ReminderMail:
    return mails.ReminderMail(
        **FOOT,
        to=CONTRACTOR,
        kind=Kind.CONTRACT,
        title=TITLE,
        deadline=DEADLINE,
        days=days,
        second=second,
        url=LINK,
    )


_WAITING: Final = (
    mails.DayLine("MHN-2026-0123", TITLE, PARTY, date(2026, 8, 7)),
    mails.DayLine("MHN-2026-0131", "村有林 下刈業務委託契約", "佐藤土木", DEADLINE),
)


def _daily(waiting: tuple[mails.DayLine, ...]) -> mails.DailyMail:
    return mails.DailyMail(
        **NO_FOOT,
        to=mails.Addressee("みほん村 建設課", "", "ご担当"),
        day=date(2026, 8, 5),
        waiting=waiting,
        near=waiting[:1],
        undelivered=waiting[1:],
        notes=(),
        rows=1_204 if waiting else 0,
        anchor=ANCHOR if waiting else "",
        url=PAGE,
    )


def _undelivered(*, silent: bool = False) -> mails.UndeliveredMail:
    why = Meaning.SILENT if silent else Meaning.NO_SUCH_ADDRESS
    return mails.UndeliveredMail(
        **FOOT,
        to=CLERK,
        title=TITLE,
        party=PARTY,
        addressee=f"{PARTY} 代表取締役 髙橋 一郎",
        address="takahashi.kensetsu@docomo.ne.jp" if silent else "ichiro@takahashi-kensetsu.example",
        what="署名依頼のメール",
        meaning=WORDS[why][0],
        steps=steps(why, sender="keiyaku@keiyaku.vill-mihon.example"),
        at=AT,
        answer="" if silent else "550 5.1.1 <ichiro@takahashi-kensetsu.example>: Recipient address rejected",
        silent=silent,
        url=PAGE,
    )


def _application(news: mails.ApplicationNews, **more: Any) -> mails.ApplicationMail:
    values = {"address": "minami@minami-densetsu.example", **more}
    return mails.ApplicationMail(
        **{**FOOT, "number": "MHN-R2026-0007"},
        to=APPLICANT,
        news=news,
        company=APPLICANT.organisation,
        at=AT,
        **values,
    )


def _desk(
    step: mails.ApplicationStep, *, reason: str = "", checked_by: str = ""
) -> mails.ApplicationDeskMail:
    return mails.ApplicationDeskMail(
        **{**FOOT, "number": "MHN-R2026-0007"},
        to=mails.Addressee("みほん村 総務課", "", "ご担当者"),
        step=step,
        company=APPLICANT.organisation,
        person="代表取締役 南 一郎",
        kind="フリーメール" if reason else "会社のアドレス",
        reason=reason,
        at=AT,
        checked_by=checked_by,
        url="https://keiyaku.vill-mihon.example/staff/registry/applications/4kq2mvtxb97c",
    )


def _invitation(replaces: str) -> mails.InvitationMail:
    return mails.InvitationMail(
        **{**FOOT, "number": "MHN-R2026-0008"},
        to=APPLICANT,
        company=APPLICANT.organisation,
        address="minami@minami-densetsu.example",
        replaces=replaces,
        url=LINK.replace("/s/", "/r/"),
    )


_JAPANESE: Final[dict[str, mails.Letter]] = {
    "request_mail": _request(),
    "request_mail-access-code": _request(second=Method.ACCESS_CODE),
    "request_mail-sms": _request(second=Method.SMS, message=""),
    "request_mail-app": _request(second=Method.AUTHENTICATOR, message=""),
    "request_mail-acceptance": _request(kind=Kind.ACCEPTANCE, message=""),
    "request_mail-many": _request(documents=_MANY),
    "village_request_mail": mails.VillageRequestMail(
        **FOOT,
        to=HEADMAN,
        title=TITLE,
        party=PARTY,
        amount=12_980_000,
        tax=Tax.INCLUDED,
        documents=SEEN,
        signed=(mails.SignedBy(PARTY, AT),),
        drafter="建設課 中村 美咲",
        url=PAGE,
    ),
    "code_mail": _code(mails.CodePurpose.SIGN),
    "code_mail-download": _code(mails.CodePurpose.DOWNLOAD),
    "received_mail": _received(Kind.CONTRACT, ("みほん村",)),
    "received_mail-acceptance": _received(Kind.ACCEPTANCE, ()),
    "completion_mail": _completion(),
    "completion_mail-staff": _completion(to=CLERK, reader=STAFF, consented_on=date(2026, 8, 5)),
    "completion_mail-acceptance": _completion(kind=Kind.ACCEPTANCE, accredited=True),
    **{
        f"completion_mail-{why.value}": _completion(attached=(), why_link=why, actual=actual, limit=limit)
        for why, (actual, limit) in _LINK_ONLY.items()
    },
    "completion_mail-too-many": _completion(
        documents=tuple(one._replace(sha256=HASH) for one in _MANY),
        attached=(),
        why_link=WhyLink.TOO_MANY,
        actual=21,
        limit=20,
    ),
    "reminder_mail": _reminder(days=3),
    "reminder_mail-last-day": _reminder(days=0),
    "reminder_mail-access-code": _reminder(days=3, second=Method.ACCESS_CODE),
    "window_mail": mails.WindowMail(
        **FOOT,
        to=CONTRACTOR,
        kind=Kind.CONTRACT,
        title=TITLE,
        certificate_id="MHN-7K3QW-9XTPA-2M8ZC-4",
        window_ends=datetime(2026, 8, 20, 14, 59, 59, tzinfo=UTC),
        url=LINK.replace("/s/", "/d/"),
    ),
    "daily_mail": _daily(_WAITING),
    "daily_mail-quiet": _daily(()),
    "undelivered_mail": _undelivered(),
    "undelivered_mail-silent": _undelivered(silent=True),
    "declined_mail-own": _ended(mails.DeclinedMail, OUTSIDE, own=True),
    "declined_mail-other": _ended(mails.DeclinedMail, OUTSIDE, own=False),
    "declined_mail-staff": _ended(mails.DeclinedMail, STAFF, own=False),
    "returned_mail-own": _ended(mails.ReturnedMail, OUTSIDE, own=True),
    "returned_mail-other": _ended(mails.ReturnedMail, OUTSIDE, own=False),
    "returned_mail-staff": _ended(mails.ReturnedMail, STAFF, own=False),
    "cancelled_mail": _cancelled(OUTSIDE, replaced=False),
    "cancelled_mail-replaced": _cancelled(OUTSIDE, replaced=True),
    "cancelled_mail-staff": _cancelled(STAFF, replaced=False),
    "expired_mail": _expired(OUTSIDE),
    "expired_mail-signed": _expired(OUTSIDE, signed=True),
    "expired_mail-staff": _expired(STAFF),
    "extended_mail": _extended(OUTSIDE),
    "extended_mail-staff": _extended(STAFF),
    "new_link_mail": _new_link(mails.NewLinkCause.ASKED),
    "new_link_mail-wrong-codes": _new_link(mails.NewLinkCause.WRONG_CODES),
    "new_link_mail-staff": _new_link(mails.NewLinkCause.STAFF),
    "new_link_mail-sms": _new_link(mails.NewLinkCause.STAFF, Method.SMS),
    "proof_mail": _proof(Method.ACCESS_CODE),
    "proof_mail-app": _proof(Method.AUTHENTICATOR),
    "proof_mail-mail-alone": _proof(None),
    "fresh_download_mail": mails.FreshDownloadMail(
        **FOOT,
        to=CONTRACTOR,
        kind=Kind.CONTRACT,
        title=TITLE,
        at=AT,
        certificate_id="MHN-7K3QW-9XTPA-2M8ZC-4",
        url=LINK.replace("/s/", "/d/"),
        window_ends=datetime(2026, 8, 20, 14, 59, 59, tzinfo=UTC),
    ),
    "sent_mail": _sent(),
    "sent_mail-corrected": _sent(corrected=True),
    "sent_mail-handed-over": _sent(
        handed_over=True, addressee="工事部長 木村 花子", address="kimura@takahashi-kensetsu.example"
    ),
    "sent_mail-reply": _sent(options=MAY_OUT),
    "draft_mail": _draft(),
    "draft_mail-unsealable": _draft(
        unsealable="「特記仕様書.pdf」に署名を付けられません。\nPDFを印刷機能で作り直してください。",
        warnings=(),
    ),
    "draft_mail-questions": _draft(
        number="D-0123-r2",
        revision=2,
        lines=(*READ, mails.ReadLine("備考", NOTE, "8行目「備考：仕様書を…」")),
        questions=(
            say(Reason.EXCLUDED_TERM, years=10, where="文書1の3ページ「契約期間は20年間」"),
            say(Reason.EXCLUDED_START, deadline="2026年8月31日（月）", start="2026年8月10日（月）"),
        ),
    ),
    "draft_mail-reply": _draft(
        signer="村長 北沢 健",
        questions=(say(Reason.EXCLUDED_TERM, years=10, where="文書1の3ページ「契約期間は20年間」"),),
        options=(
            mails.Option(
                "送信 123456\n確認済：10年超",
                "相手方に署名依頼を送る\n"
                "「10年超」は、期間も効力も、その年数を超えないことを確かめました、という答えです",
            ),
            *MAY_DRAFT[1:],
        ),
    ),
    "command_mail": _command(verb="送信", why=""),
    "command_mail-cancelled": _command(
        verb="取消", why="", number="MHN-2026-0123", reason="契約の相手方を間違えたため"
    ),
    "command_mail-wrong": _command(why=say(Reason.REPLY_CODE_WRONG, n=4), options=MAY_DRAFT),
    "command_mail-how": _command(
        why=say(Reason.REPLY_NOT_ENROLLED), url="https://keiyaku.vill-mihon.example/staff/replies"
    ),
    "command_mail-unread": _command(
        verb="", why=say(Reason.COMMAND_UNREAD), number="MHN-2026-0123", options=MAY_OUT
    ),
    "command_mail-nothing": _command(why=say(Reason.COMMAND_ABOUT_NOTHING), number="", title=""),
    "command_mail-odd": _command(
        verb="修正",
        why="",
        number="D-0123-r2",
        problems=("返信の3行目「部暑：建設課」：" + say(Reason.LINE_TYPO, key="部暑", suggestion="部署"),),
    ),
    "command_mail-unfit": _command(
        verb="修正",
        why=say(Reason.COMMAND_NOT_DONE),
        problems=("返信の2行目「期限：来週中」：" + say(Reason.DEADLINE_UNREADABLE),),
        options=MAY_DRAFT,
    ),
    "command_mail-changed": _command(
        why=say(Reason.DRAFT_CHANGED),
        number="D-0123-r2",
        lines=READ,
        documents=PAPERS,
        signer="村長 北沢 健",
        options=MAY_DRAFT,
    ),
    "status_mail": _status(),
    "status_mail-undelivered": _status(
        places=(
            mails.Place(
                "髙橋建設株式会社 代表取締役 髙橋 一郎",
                current=True,
                delivery="failed",
                why="アドレスが存在しません",
            ),
            mails.Place("みほん村 村長 北沢 健"),
        ),
        phase="contractor",
        events=HAPPENED[1:],
        more=12,
    ),
    "status_mail-paused": _status(
        places=(
            mails.Place(
                "髙橋建設株式会社 代表取締役 髙橋 一郎", current=True, paused=True, delivery="delivered"
            ),
            mails.Place("みほん村 村長 北沢 健"),
        ),
        phase="contractor",
        events=HAPPENED[2:],
    ),
    "answer_mail": _answer(questions=QUESTIONS, lines=READ[:2], reply=REPLY),
    "answer_mail-refused": _answer(
        refused=True, questions=(FAULT, TYPO), lines=(), reply=("金額：", "部署：建設課")
    ),
    "answer_mail-final": _answer(
        refused=True, number="", questions=(mails.Question(say(Reason.ROLE_MISSING)),), lines=(), reply=()
    ),
    "newcomer_mail": mails.NewcomerMail(
        **NO_FOOT,
        to=mails.Addressee("みほん村", "", "ご担当者"),
        original_subject="Fwd: 舗装補修工事の契約書について（起案番号 建第512号）",
        received_at=AT,
        address="arai@vill-mihon.example",
    ),
    "enrol_mail": mails.EnrolMail(
        **NO_FOOT,
        to=CLERK,
        roles=("担当", "台帳"),
        password_characters=12,
        url="https://keiyaku.vill-mihon.example/enrol/AgEBf3v9QkC2hT0Zs8mXyw.6c4dJ0q5u7W1bN3xR8pLkQ2v",
        valid_until=datetime(2026, 8, 11, 5, 21, tzinfo=UTC),
    ),
    "address_mail": mails.AddressMail(
        **NO_FOOT,
        to=CONTRACTOR,
        company=PARTY,
        address="ha･････@takahashi…",
        at=AT,
        works_from=datetime(2026, 8, 5, 5, 21, 8, tzinfo=UTC),
    ),
    "address_mail-ends": mails.AddressMail(
        **NO_FOOT,
        to=CONTRACTOR,
        company=PARTY,
        address="ha･････@takahashi…",
        at=AT,
        works_from=datetime(2026, 8, 5, 5, 21, 8, tzinfo=UTC),
        ends=True,
    ),
    "mobile_mail": mails.MobileMail(
        **NO_FOOT,
        to=CONTRACTOR,
        company=PARTY,
        mobile="090-****-5678",
        works_from=datetime(2026, 8, 5, 5, 21, 8, tzinfo=UTC),
    ),
    "authenticator_mail": mails.AuthenticatorMail(**NO_FOOT, to=CONTRACTOR, company=PARTY, at=AT),
    "authenticator_mail-ended": mails.AuthenticatorMail(
        **NO_FOOT, to=CONTRACTOR, company=PARTY, at=AT, ended=True
    ),
    "application_code_mail": mails.ApplicationCodeMail(
        **NO_FOOT,
        to=APPLICANT,
        code="480291",
        valid_until=datetime(2026, 8, 4, 5, 31, 8, tzinfo=UTC),
        word="ほたる",
    ),
    "application_code_mail-withdrawal": mails.ApplicationCodeMail(
        **NO_FOOT,
        to=APPLICANT,
        code="480291",
        valid_until=datetime(2026, 8, 4, 5, 31, 8, tzinfo=UTC),
        word="ほたる",
        withdrawal=True,
    ),
    "application_mail": _application(mails.ApplicationNews.RECEIVED),
    "application_mail-withdrawn": _application(mails.ApplicationNews.WITHDRAWN),
    "application_desk_mail-withdrawn": _desk(mails.ApplicationStep.WITHDRAWN),
    "application_mail-approved": _application(
        mails.ApplicationNews.APPROVED, works_from=datetime(2026, 8, 5, 5, 21, 8, tzinfo=UTC)
    ),
    "application_mail-carrier": _application(
        mails.ApplicationNews.APPROVED,
        address="minami.densetsu@docomo.ne.jp",
        works_from=datetime(2026, 8, 5, 5, 21, 8, tzinfo=UTC),
        carrier=True,
    ),
    "application_mail-returned": _application(
        mails.ApplicationNews.RETURNED,
        reason="会社名が登記の名前と違います。登記のとおり「南アルプス電設株式会社」と入力してください。",
        url=f"{SITE.portal_url}/register",
    ),
    "application_desk_mail": _desk(mails.ApplicationStep.CHECK),
    "application_desk_mail-approve": _desk(
        mails.ApplicationStep.APPROVE, reason="会社のアドレスがないため", checked_by="小林 直樹"
    ),
    "invitation_mail": _invitation(""),
    "invitation_mail-replaces": _invitation("mi･････@minami…"),
    "trouble_mail": mails.TroubleMail(
        **FOOT,
        to=CLERK,
        title=TITLE,
        task="timestamp",
        what="時刻の証明の取得",
        why="時刻認証局（TSA）から返事がありません。",
        mend="情報担当に、時刻認証局とネットワークの状態を確かめてもらってください。",
        since=AT,
        tries=6,
        next_try=datetime(2026, 8, 4, 6, 25, tzinfo=UTC),
        url=PAGE,
    ),
    "health_mail": _health(days=29, ended=False),
    "health_mail-ended": _health(days=0, ended=True),
    "health_mail-unusable": _health(days=800, ended=False, unusable=True),
    "alert_mail": _alert(Alert.LOGIN, ("サーバーの応答", "535 5.7.8 Error: authentication failed")),
    "alert_mail-policy": _alert(
        Alert.POLICY, ("サーバーの応答", "550 5.7.26 Unauthenticated mail is not accepted")
    ),
    "alert_mail-answers": _alert(Alert.ANSWERS),
    "alert_mail-staff": _alert(
        Alert.STAFF_MAIL,
        ("宛先", "nakamura@vill-mihon.example"),
        ("意味", "アドレスが存在しません"),
        ("サーバーの応答", "550 5.1.1 User unknown"),
    ),
    "alert_mail-registry": _alert(
        Alert.REGISTRY_MAIL,
        ("宛先", "mukashi@takahashi-kensetsu.example"),
        ("意味", "相手の受信箱がいっぱいです"),
        ("サーバーの応答", "552 5.2.2 Mailbox full"),
    ),
    "alert_mail-queue": _alert(
        Alert.QUEUE,
        ("送信待ち", "12通"),
        ("いつから", "2026年8月4日（火）14時2分"),
        (
            "調べた結果",
            "メールの送信（SMTP）：mx.keiyaku.example:587 につながりません（ConnectionRefusedError）",
        ),
    ),
    "device_mail": _device(OUTSIDE),
    "device_mail-staff": _device(STAFF),
    "note_mail": mails.NoteMail(
        **FOOT,
        to=CLERK,
        title=TITLE,
        party=PARTY,
        about=About.WRONG_PERSON,
        at=AT,
        proved=False,
        note="高橋は退職しました。後任は 総務部 木村です。",
        url=PAGE,
    ),
    "note_mail-code-spent": _spent(About.CODE_SPENT),
    "note_mail-sms-spent": _spent(About.SMS_SPENT),
    "note_mail-time": mails.NoteMail(
        **FOOT,
        to=CLERK,
        title=TITLE,
        party=PARTY,
        about=About.MORE_TIME,
        at=AT,
        proved=False,
        note="署名期限の延長を希望しています。",
        url=PAGE,
    ),
    "note_mail-checking": mails.NoteMail(
        **FOOT,
        to=CLERK,
        title=TITLE,
        party=PARTY,
        about=About.CHECKING,
        at=AT,
        proved=True,
        note="",
        remind_on=date(2026, 8, 24),
        url=PAGE,
    ),
    "note_mail-change": mails.NoteMail(
        **FOOT,
        to=CLERK,
        title=TITLE,
        party=PARTY,
        about=About.CHANGE,
        at=AT,
        proved=True,
        note="髙橋は9月で退任します。",
        change=Change.PERSON,
        person="工事部長 木村 花子",
        address="kimura@takahashi-kensetsu.example",
        url=f"{PAGE}/change",
    ),
    "note_mail-not-ours": mails.NoteMail(
        **FOOT,
        to=CLERK,
        title=TITLE,
        party=PARTY,
        about=About.CHANGE,
        at=AT,
        proved=True,
        note="",
        change=Change.NOT_OURS,
        url=f"{PAGE}/change",
    ),
    "note_mail-taken-back": mails.NoteMail(
        **FOOT,
        to=CLERK,
        title=TITLE,
        party=PARTY,
        about=About.TAKEN_BACK,
        at=AT,
        proved=True,
        note="",
        url=PAGE,
    ),
    "change_mail": _change(mails.ChangeNews.RECEIVED, person="木村 花子", url=LINK),
    "change_mail-not-ours": _change(mails.ChangeNews.RECEIVED, change=Change.NOT_OURS, url=LINK),
    "change_mail-refused": _change(
        mails.ChangeNews.REFUSED,
        reason="代表の方に電話で確かめたところ、担当は変わっていないとのことでした。",
        url=LINK,
    ),
    "change_mail-handed-over": _change(mails.ChangeNews.HANDED_OVER, person="木村 花子"),
    "change_mail-completed": _change(mails.ChangeNews.COMPLETED),
    "change_mail-cancelled": _change(mails.ChangeNews.CANCELLED),
    "change_mail-declined": _change(mails.ChangeNews.DECLINED),
    "change_mail-returned": _change(mails.ChangeNews.RETURNED),
    "change_mail-expired": _change(mails.ChangeNews.EXPIRED),
}


def _in_english(letter: mails.Letter) -> mails.Letter:
    """The same to somebody who is registered with English."""
    if isinstance(letter, mails.ReceivedMail):
        letter = replace(letter, waits_for=(SITE.town_english,))
    return replace(letter, to=letter.to._replace(language=Language.ENGLISH))


# Every mail that a contractor may get, once in English; and those that say something else each time.
_SAID_OTHERWISE: Final = frozenset(
    {
        "change_mail-handed-over",
        "change_mail-completed",
        "request_mail-access-code",
        "request_mail-sms",
        "request_mail-app",
    }
)
_ENGLISH: Final = {
    f"{name}-english": _in_english(letter)
    for name, letter in _JAPANESE.items()
    if letter.reader is OUTSIDE and ("-" not in name or name in _SAID_OTHERWISE)
}
LETTERS: Final[dict[str, mails.Letter]] = _JAPANESE | _ENGLISH
