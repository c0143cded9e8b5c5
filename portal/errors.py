"""Domain error → page and status, one table. What to say about a reason stands in `envelopes.texts`."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from aiohttp import web

from envelopes.records.models import Staff
from envelopes.rules.errors import FukanError, NotPermitted, Reason, Refused
from portal import cookies
from portal.leading import page_above, page_of
from portal.phrases import _
from portal.respond import REQUEST_ID, answer, path, phone, told
from portal.signer_views import DeadLink, UnusableLink
from portal.staff import TYPED_BY, known, nav, sign_in_url, typed
from portal.staff_views import SignedOut
from portal.views import Failure

log = logging.getLogger("portal")

STATUS: Final[Mapping[Reason, int]] = {
    Reason.LINK_UNKNOWN: 404,
    Reason.PROVED_ELSEWHERE: 404,
    Reason.LINK_EXPIRED: 410,
    Reason.LINK_REPLACED: 410,
    Reason.WINDOW_OVER: 410,
    Reason.ROLE_MISSING: 403,
    Reason.SELF_APPROVAL: 403,
    Reason.REGISTRAR_SAME_PERSON: 403,
    Reason.IDENTITY_SAME_PERSON: 403,
    Reason.PROOF_MISSING: 403,
    Reason.NETWORK_ELSEWHERE: 403,
    Reason.REQUEST_FORGED: 403,
    Reason.SIGNED_OUT: 403,
    Reason.STALE: 409,
    Reason.NOT_PERMITTED: 409,
    Reason.NOT_YOUR_TURN: 409,
    Reason.PAUSED: 409,
    Reason.CHANGE_DECIDED: 409,
    Reason.CHANGE_GONE: 409,
    Reason.SIGNS_FOR_VILLAGE: 403,
    Reason.OFFER_CHANGED: 409,
    Reason.LIMIT_REACHED: 429,
    Reason.NOTES_SPENT: 429,
    Reason.RESEND_CAP: 429,
    Reason.RESEND_EARLY: 429,
    Reason.SIGN_IN_LOCKED: 429,
    Reason.UPLOAD_MISSING: 422,
    Reason.UPLOAD_TOO_BIG: 413,
    Reason.UPLOADS_WAITING: 429,
    Reason.UPLOAD_GONE: 410,
    Reason.APPLICATION_GONE: 410,
    Reason.INVITATION_OVER: 410,
    Reason.CERTIFICATE_ID_UNKNOWN: 404,
    Reason.EVIDENCE_GONE: 410,
}
_DEAD: Final[Mapping[Reason, DeadLink]] = {
    Reason.LINK_UNKNOWN: DeadLink.UNKNOWN,
    Reason.PROVED_ELSEWHERE: DeadLink.ELSEWHERE,
    Reason.LINK_EXPIRED: DeadLink.EXPIRED,
    Reason.LINK_REPLACED: DeadLink.REPLACED,
}


async def failure_response(request: web.Request, error: FukanError | web.HTTPException) -> web.StreamResponse:
    """Return the page for *error*: what happened, what to do next, and the number that finds it in the log."""
    if isinstance(error, web.HTTPException):
        return _http(request, error)
    if isinstance(error, Refused) and error.reason is Reason.SIGNED_OUT:
        return await _signed_out(request)
    if isinstance(error, Refused):
        return _refused(request, error)
    log.error("%s %s", type(error).__name__, request.get(REQUEST_ID, ""))
    return broken(request)


def broken(request: web.Request) -> web.Response:
    """The page for trouble of our own."""
    page = Failure(
        title=_("ただいま利用できません"),
        happened=_("処理の途中で問題が起きました。入力した内容は保存されていません。"),
        todo=_(
            "少し時間をおいて、もう一度お試しください。続くときは {phone} へご連絡ください。",
            phone=phone(request),
        )
        if known(request) is None
        else _("少し時間をおいて、もう一度お試しください。続くときは、情報担当へ連絡してください。"),
        reference=request.get(REQUEST_ID, ""),
    )
    return answer(request, _leading_on(request, page), status=503)


def _leading_on(request: web.Request, page: Failure) -> Failure:
    """*page* with the ways that staff have on every page, and the one back to where they came from."""
    staff = known(request)
    if staff is None:
        return page
    back = page_above(request)
    if back == "/":  # the desk itself could not be shown
        return replace(page, nav=nav(staff))
    label = _("封筒の一覧に戻る") if back == path("staff") else _("前の画面に戻る")
    return replace(page, nav=nav(staff), next_url=back, next_label=label)


def _refused(request: web.Request, error: Refused) -> web.Response:
    status, staff = STATUS.get(error.reason, 400), known(request)
    if error.reason in _DEAD and staff is not None:
        return answer(request, _unseen(staff), status=status)
    if error.reason in _DEAD:
        return answer(request, UnusableLink(why=_DEAD[error.reason]), status=status)
    happened = told(request, error)
    title = (
        _("いまは、この操作はできません") if isinstance(error, NotPermitted) else _("手続きを進められません")
    )
    if error.reason is Reason.NETWORK_ELSEWHERE:
        return answer(request, _elsewhere(request, happened), status=status)
    page = Failure(
        title=title,
        happened=happened,
        todo=_(
            "分からないときは {phone} へご連絡ください。",
            phone=phone(request),
        )
        if staff is None
        else _("いまの状況を確かめてください。分からないときは、情報担当へ連絡してください。"),
        reference=request.get(REQUEST_ID, ""),
    )
    return answer(request, _leading_on(request, page), status=status)


async def _signed_out(request: web.Request) -> web.Response:
    staff = await cookies.was_signed_in(request)
    assert staff is not None
    page = SignedOut(
        name=staff.name,
        post_url=request.path,
        sign_in_url=sign_in_url(next=page_of(request)),
        typed=(*(await typed(request)).items(), (TYPED_BY, staff.ref)),
    )
    return answer(request, page, status=STATUS[Reason.SIGNED_OUT])


def _unseen(staff: Staff) -> Failure:
    """What is not there, or not for this person: nobody learns which of the two."""
    return Failure(
        title=_("この画面は開けません"),
        happened=_("アドレスが違うか、この画面を見る権限がありません。"),
        todo=_(
            "「封筒の一覧」か「台帳」から探してください。"
            "担当する封筒が見つからないときは、情報担当へ連絡してください。"
        ),
        next_url=path("staff"),
        next_label=_("封筒の一覧に戻る"),
        nav=nav(staff),
    )


def _elsewhere(request: web.Request, happened: str) -> Failure:
    return Failure(
        title=_("この場所からは利用できません"),
        happened=happened,
        todo=_("署名を依頼された事業者の方は、メールのリンクから開いてください。どこからでも利用できます。"),
        reference=request.get(REQUEST_ID, ""),
    )


def _http(request: web.Request, error: web.HTTPException) -> web.Response:
    if error.status == 404:  # noqa: PLR2004 -- RFC 9110 15.5.5
        # An unknown page and an unknown link look the same.
        return answer(request, UnusableLink(why=DeadLink.UNKNOWN), status=404)
    if error.status == 408:  # noqa: PLR2004 -- RFC 9110 15.5.9
        page = Failure(
            title=_("送信に時間がかかりすぎました"),
            happened=_(
                "通信が遅いため、送られた内容を最後まで受け取れませんでした。まだ何も行っていません。"
            ),
            todo=_("Wi-Fiなど、通信の速いところで、もう一度お試しください。"),
            reference=request.get(REQUEST_ID, ""),
        )
        return answer(request, _leading_on(request, page), status=408)
    page = Failure(
        title=_("この操作は受け付けられません"),
        happened=_("送られた内容の形か大きさが、この画面の受け付けられるものではありませんでした。"),
        todo=_("前の画面に戻って、もう一度お試しください。"),
        reference=request.get(REQUEST_ID, ""),
    )
    response = answer(request, _leading_on(request, page), status=error.status)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response
