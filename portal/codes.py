"""Asking for a confirmation code and checking it, through the link or where a session was idle too long."""

import secrets

from aiohttp import web

from envelopes.actions import signer as act
from envelopes.actions.signer import Checked, CodeFor, SentCode
from envelopes.records import sessions
from envelopes.records.models import Signer
from envelopes.rules.codes import Verdict
from envelopes.rules.errors import Reason, Refused
from envelopes.texts import say
from portal import cookies, views
from portal.respond import answer, browser, form, ip, move, services, told
from portal.views import DeadLink, FieldError
from portal.visit import Visit, request_of


async def ask(request: web.Request, signer: Signer, purpose: CodeFor, device: str) -> None:
    """Have a code mailed to *signer*, asked for in the browser that holds *device*."""
    await act.send_code(services(request), signer, purpose, browser=browser(request), device=device)


def new_device(request: web.Request) -> str:
    """The secret by which this browser is known again when the code is typed."""
    return cookies.device(request) or secrets.token_urlsafe(16)


async def send(request: web.Request, visit: Visit) -> web.Response:
    """Have a code mailed, then show where to enter it."""
    purpose, device = wanted(request), new_device(request)
    try:
        await ask(request, visit.signer, CodeFor.SIGN, device)
    except Refused as refused:
        if refused.reason not in (Reason.RESEND_EARLY, Reason.RESEND_CAP):
            raise
        error = FieldError(text=told(request, refused))
        sent = await act.last_code(visit.services, visit.signer, CodeFor.SIGN)
        page = code_page(visit, purpose, sent, errors=(error,))
        return answer(request, page, status=429)
    query = "&for=decline" if purpose is views.CodeFor.DECLINE else ""
    response = web.Response(status=303, headers={"Location": f"{visit.at('code')}?sent=1{query}"})
    cookies.keep(request, response, cookies.ASKED, device)
    return response


def wanted(request: web.Request) -> views.CodeFor:
    """What the code is asked for: to sign, or to decline."""
    return views.CodeFor.DECLINE if request.query.get("for") == "decline" else views.CodeFor.SIGN


def code_page(
    visit: Visit,
    purpose: views.CodeFor,
    sent: SentCode | None,
    *,
    resent: bool = False,
    notice: str | None = None,
    typed: str = "",
    errors: tuple[FieldError, ...] = (),
) -> views.CodeEntry:
    """C2: where the code is typed."""
    query = "?for=decline" if purpose is views.CodeFor.DECLINE else ""
    wait = (sent.resend_at - visit.services.now()).total_seconds() if sent else 0
    return views.CodeEntry(
        purpose=purpose,
        title=visit.shot.envelope.title,
        masked_address=visit.masked,
        verify_url=visit.at("verify") + query,
        resend_url=visit.at("code") + query,
        request=request_of(visit),
        valid_until=sent.valid_until if sent else None,
        word=sent.word if sent else None,
        resend_wait=max(0, int(wait)),
        resent=resent,
        notice=notice,
        wrong_person_url=visit.at("wrong") if visit.token else None,
        typed=typed,
        errors=errors,
    )


async def check(request: web.Request, signer: Signer, purpose: CodeFor, typed: str) -> Checked:
    """Judge what was typed in this browser."""
    here = {"ip": ip(request), "device": cookies.device(request)}
    return await act.check_code(services(request), signer, purpose, typed, **here)


async def verify(request: web.Request, visit: Visit) -> web.Response:
    """Check what was typed; a right code opens the documents in this browser."""
    typed = (await form(request)).get("code", "")
    try:
        checked = await check(request, visit.signer, CodeFor.SIGN, typed)
    except Refused as refused:
        if refused.reason not in (Reason.CODE_EMPTY, Reason.CODE_FORMAT):
            raise
        return await _again(request, visit, told(request, refused), typed=typed)
    if checked.renewed:
        page = views.UnusableLink(why=DeadLink.SPENT, request=request_of(visit), masked_address=visit.masked)
        return answer(request, page, status=410)
    match checked.verdict:
        case Verdict.OK:
            return await _let_in(request, visit)
        case Verdict.WRONG if checked.left:
            return await _again(request, visit, say(Reason.CODE_WRONG, n=checked.left))
        case Verdict.LATE:
            return await _late(request, visit)
        case _:
            return await _again(request, visit, say(Reason.CODE_SPENT))


async def _again(request: web.Request, visit: Visit, text: str, *, typed: str = "") -> web.Response:
    sent = await act.last_code(visit.services, visit.signer, CodeFor.SIGN)
    error = FieldError(text=text, field="code")
    page = code_page(visit, wanted(request), sent, typed=typed, errors=(error,))
    return answer(request, page, status=422)


async def _late(request: web.Request, visit: Visit) -> web.Response:
    # Entering a code that is over counts as asking for a new one.
    device = new_device(request)
    try:
        await ask(request, visit.signer, CodeFor.SIGN, device)
    except Refused as refused:
        return await _again(request, visit, told(request, refused))
    response = await _again(request, visit, say(Reason.CODE_LATE))
    cookies.keep(request, response, cookies.ASKED, device)
    return response


async def _let_in(request: web.Request, visit: Visit) -> web.Response:
    now = visit.services.now()
    session = await cookies.signer_session(request)
    cookie = ""
    if session is None:
        cookie, session = await sessions.start(now=now)
    await sessions.prove(
        session, visit.signer, generation=visit.signer.generation, method=act.MAIL_CODE, now=now
    )
    onward = "decline" if wanted(request) is views.CodeFor.DECLINE else "1"
    response = move("sign", visit.signer.ref, onward)
    if cookie:
        cookies.keep(request, response, cookies.SIGNER, cookie)
    return response
