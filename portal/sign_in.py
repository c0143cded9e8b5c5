"""Staff come in: password, authenticator, enrolment by a one-time link."""

import re
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from envelopes.actions import credentials
from envelopes.records import sessions
from envelopes.records.models import Staff
from envelopes.rules.errors import Reason, Refused
from portal import cookies, staff_views
from portal.errors import STATUS
from portal.phrases import _
from portal.respond import REQUEST_ID, answer, form, move, path, qr_code, services, told
from portal.views import Failure, FieldError

# A staff page that may be gone to after sign-in: a path of this portal, never an address elsewhere.
_NEXT: Final = re.compile(r"/staff(?:/[a-z0-9-]+){0,4}(?:\?[!-~]*)?")


def _next(request: web.Request) -> str:
    """The page that was asked for before sign-in, or empty."""
    wanted = request.query.get("next", "")
    return wanted if _NEXT.fullmatch(wanted) else ""


def _with_next(request: web.Request, name: str, **more: str) -> str:
    wanted = _next(request)
    query = urlencode(more | ({"next": wanted} if wanted else {}))
    return path("staff", name) + (f"?{query}" if query else "")


async def sign_in(request: web.Request) -> web.Response:
    """First factor: address and password."""
    page = staff_views.SignIn(post_url=_with_next(request, "sign-in"), notice=_notice(request))
    if request.method != "POST":
        return answer(request, page)
    posted = await form(request)
    address = posted.get("address", "")
    try:
        staff = await credentials.sign_in(
            services(request), address=address, password=posted.get("password", "")
        )
    except Refused as refused:
        error = FieldError(text=told(request, refused), field="address")
        return answer(request, replace(page, address=address, errors=(error,)), status=422)
    cookie, _ = await sessions.start(now=services(request).now(), staff_id=staff.id)
    response = web.Response(status=303, headers={"Location": _with_next(request, "code")})
    cookies.keep(request, response, cookies.STAFF, cookie)
    return response


def _notice(request: web.Request) -> str | None:
    """Why somebody who signed in a moment ago, or long ago, is here again."""
    if "again" not in request.query or request.method == "POST":
        return None
    return _(
        "もう一度ログインしてください。時間がたったか、お使いのブラウザーが"
        "Cookie（クッキー）を受け付けない設定になっています。"
    )


async def sign_in_code(request: web.Request) -> web.Response:
    """Second factor: the authenticator's digits, or a recovery code."""
    session = await cookies.staff_session(request)
    staff = await Staff.filter(id=session.staff_id, active=True).first() if session else None
    if session is None or staff is None:
        return web.Response(status=303, headers={"Location": _with_next(request, "sign-in", again="1")})
    page = staff_views.SignInCode(
        post_url=_with_next(request, "code"), back_url=_with_next(request, "sign-in")
    )
    if request.method != "POST":
        return answer(request, page)
    try:
        await credentials.second_factor(services(request), staff, (await form(request)).get("code", ""))
    except Refused as refused:
        error = FieldError(text=told(request, refused), field="code")
        return answer(request, replace(page, errors=(error,)), status=422)
    now = services(request).now()
    # A new cookie for the proved session: one that was known before proves nothing.
    await sessions.end(session, now=now)
    cookie, proved = await sessions.start(now=now, staff_id=staff.id)
    await sessions.prove_staff(proved, now=now)
    response = web.Response(status=303, headers={"Location": _next(request) or path("staff")})
    cookies.keep(request, response, cookies.STAFF, cookie)
    return response


async def sign_out(request: web.Request) -> web.Response:
    """End the session on the server too."""
    session = await cookies.staff_session(request)
    if session is not None:
        await sessions.end(session, now=services(request).now())
    response = move("staff", "sign-in")
    cookies.drop(request, response, cookies.STAFF)
    return response


async def enrol(request: web.Request) -> web.Response:
    """The one-time link: password, QR, six digits; then the recovery codes, once."""
    try:
        return await _enrol(request)
    except Refused as refused:
        if refused.reason is not Reason.LINK_REPLACED:
            raise
        return answer(request, _used(request), status=STATUS[refused.reason])


def _used(request: web.Request) -> Failure:
    return Failure(
        title=_("この登録用リンクは、もう使えません"),
        happened=_("登録が済んでいるか、あとから新しいリンクが送られています。"),
        todo=_(
            "登録が済んでいるときは、ログインへ進んでください。済んでいないときや、回復コードを控えていないときは、"
            "情報担当に新しいリンクを依頼してください。"
        ),
        reference=request.get(REQUEST_ID, ""),
        next_url=path("staff", "sign-in"),
        next_label=_("ログインへ進む"),
    )


async def _enrol(request: web.Request) -> web.Response:
    token, provided = request.match_info["token"], services(request)
    opened = await credentials.open_enrolment(provided, token)
    page = staff_views.Enrolment(
        name=opened.staff.name,
        address=opened.staff.email,
        post_url=path("staff", "enrol", token),
        qr_url=path("staff", "enrol", token, "qr.svg"),
        secret=" ".join(opened.seed[i : i + 4] for i in range(0, len(opened.seed), 4)),
        password_characters=provided.policy.password_characters,
    )
    if request.method != "POST":
        return answer(request, page)
    posted = await form(request)
    password = posted.get("password", "")
    if password != posted.get("password_again", ""):
        error = FieldError(text=_("2つのパスワードが同じではありません。"), field="password_again")
        return answer(request, replace(page, errors=(error,)), status=422)
    try:
        codes = await credentials.enrol(provided, token, password=password, code=posted.get("code", ""))
    except Refused as refused:
        if refused.reason is Reason.LINK_REPLACED:
            raise
        field = "password" if refused.reason is Reason.PASSWORD_WEAK else "code"
        error = FieldError(text=told(request, refused), field=field)
        return answer(request, replace(page, errors=(error,)), status=422)
    return answer(request, staff_views.RecoveryCodes(codes=codes, next_url=path("staff", "sign-in")))


async def enrol_qr(request: web.Request) -> web.Response:
    """The authenticator's seed as a QR image."""
    opened = await credentials.open_enrolment(services(request), request.match_info["token"])
    return qr_code(opened.uri)
