"""Asking for a confirmation code and checking it, through the link or where a session was idle too long."""

import secrets
from typing import Final

from aiohttp import web

from envelopes.actions import signer as act
from envelopes.actions.signer import Checked, CodeFor, SentCode
from envelopes.records import sessions
from envelopes.records.models import Delivery, Signer
from envelopes.rules.codes import Verdict
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.returns import DeliveryState
from portal import cookies, resuming, signer_views
from portal.phrases import reason
from portal.respond import answer, browser, form, ip, services, told
from portal.signer_views import DeadLink
from portal.views import FieldError
from portal.visit import Visit, request_of

_ON_THE_WAY: Final = {
    DeliveryState.RETRY.value: Reason.CODE_UNDER_WAY,
    DeliveryState.DELAYED.value: Reason.CODE_UNDER_WAY,
}


async def ask(request: web.Request, signer: Signer, purpose: CodeFor, device: str) -> None:
    """Have a code mailed to *signer*, asked for in the browser that holds *device*."""
    await act.send_code(services(request), signer, purpose, browser=browser(request), device=device)


async def unreached(request: web.Request, signer: Signer, purpose: CodeFor) -> tuple[FieldError, ...]:
    """That the newest code came back from the registered address, where waiting would be in vain, or is held up."""
    return fate(request, await act.code_mail(signer, purpose))


def fate(
    request: web.Request, mail: Delivery | None, *, lost: Reason = Reason.CODE_UNREACHED
) -> tuple[FieldError, ...]:
    """What has become of a code's *mail*, where that is nothing good."""
    reasons = {**_ON_THE_WAY, DeliveryState.FAILED.value: lost}
    why = reasons.get(mail.state) if mail else None
    return (FieldError(text=told(request, Refused(why))),) if why else ()


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
        page = code_page(visit, purpose, sent, errors=(error,), kept=await resuming.kept(request))
        return answer(request, page, status=429)
    response = await _sent(request, visit, purpose)
    cookies.keep(request, response, cookies.ASKED, device)
    return response


async def _sent(request: web.Request, visit: Visit, purpose: signer_views.CodeFor) -> web.Response:
    if carried := await resuming.kept(request):
        sent = await act.last_code(visit.services, visit.signer, CodeFor.SIGN)
        return answer(request, code_page(visit, purpose, sent, resent=True, kept=carried))
    return web.Response(status=303, headers={"Location": f"{visit.at('code')}?sent=1{_query('&', purpose)}"})


# Where a right code leads, by what it was asked for. Without a word about it in the address: to the documents.
_ONWARD: Final = {
    signer_views.CodeFor.SIGN: "1",
    signer_views.CodeFor.DECLINE: "decline",
    signer_views.CodeFor.CHANGE: "wrong",
}


def wanted(request: web.Request) -> signer_views.CodeFor:
    """What the code is asked for: to sign, to decline, or to tell of another person."""
    asked = request.query.get("for", "")
    named = (signer_views.CodeFor.DECLINE, signer_views.CodeFor.CHANGE)
    return next((one for one in named if one == asked), signer_views.CodeFor.SIGN)


def _query(mark: str, purpose: signer_views.CodeFor) -> str:
    return "" if purpose is signer_views.CodeFor.SIGN else f"{mark}for={purpose.value}"


def code_page(
    visit: Visit,
    purpose: signer_views.CodeFor,
    sent: SentCode | None,
    *,
    resent: bool = False,
    notice: str | None = None,
    typed: str = "",
    errors: tuple[FieldError, ...] = (),
    kept: resuming.Kept = (),
) -> signer_views.CodeEntry:
    """C2: where the code is typed."""
    query = _query("?", purpose)
    wait = (sent.resend_at - visit.services.now()).total_seconds() if sent else 0
    return signer_views.CodeEntry(
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
        kept=kept,
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
        page = signer_views.UnusableLink(
            why=DeadLink.SPENT, request=request_of(visit), masked_address=visit.masked
        )
        return answer(request, page, status=410)
    match checked.verdict:
        case Verdict.OK | Verdict.AGAIN:
            return await _let_in(request, visit)
        case Verdict.LATE:
            return await _late(request, visit)
        case _:
            return await _again(request, visit, told(request, refusal(checked)))


def refusal(checked: Checked) -> Refused:
    """Why an entered code opens nothing."""
    match checked.verdict:
        case Verdict.WRONG if checked.left:
            return Refused(Reason.CODE_WRONG, n=checked.left)
        case Verdict.LATE:
            return Refused(Reason.CODE_LATE)
        case Verdict.USED:
            return Refused(Reason.CODE_USED)
        case _:
            return Refused(Reason.CODE_SPENT)


async def _again(request: web.Request, visit: Visit, text: str, *, typed: str = "") -> web.Response:
    sent = await act.last_code(visit.services, visit.signer, CodeFor.SIGN)
    error = FieldError(text=text, field="code")
    carried = await resuming.kept(request)
    page = code_page(visit, wanted(request), sent, typed=typed, errors=(error,), kept=carried)
    return answer(request, page, status=422)


async def _late(request: web.Request, visit: Visit) -> web.Response:
    # Entering a code that is over counts as asking for a new one.
    device = new_device(request)
    try:
        await ask(request, visit.signer, CodeFor.SIGN, device)
    except Refused as refused:
        return await _again(request, visit, told(request, refused))
    response = await _again(request, visit, reason(Reason.CODE_LATE))
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
    response = await onward(request, visit)
    if cookie:
        cookies.keep(request, response, cookies.SIGNER, cookie)
    return response


async def onward(request: web.Request, visit: Visit) -> web.Response:
    """Lead a browser that has proved its signer to where it was, or to the first page of what the code was for."""
    return resuming.onward(visit.signer.ref, await resuming.kept(request), default=_ONWARD[wanted(request)])
