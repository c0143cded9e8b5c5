"""The second proof: the page after the code by mail, where staff chose one. What is right, the actions decide."""

from aiohttp import web

from envelopes.actions import access_codes, authenticators, sms_codes
from envelopes.actions import factors as act
from envelopes.actions.factors import Tried
from envelopes.records import sessions
from envelopes.rules import factors
from envelopes.rules.codes import Verdict
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from portal import authenticator, cookies, resuming, signer_views, sms_step
from portal.phrases import reason
from portal.proved import mailed
from portal.respond import answer, form, ip, move, phone, told
from portal.views import FieldError
from portal.visit import Visit, dead, request_of, status, with_receipt

# What a method says about an entry that it has not judged: shown beside the field.
_BESIDE_FIELD = frozenset(
    {
        Reason.ACCESS_CODE_EMPTY,
        Reason.ACCESS_CODE_FORMAT,
        Reason.AUTHENTICATOR_FORMAT,
        Reason.AUTHENTICATOR_LOCKED,
        Reason.AUTHENTICATOR_LOST,
        Reason.CODE_EMPTY,
        Reason.CODE_FORMAT,
        Reason.SMS_OVER,
    }
)


async def show(request: web.Request) -> web.Response:
    """C2b: where the second proof is given."""
    found = await _asked(request)
    if isinstance(found, web.Response):
        return found
    visit, method = found
    return answer(request, await _page(request, visit, method))


async def check(request: web.Request) -> web.Response:
    """Check what was typed; a right one opens the documents in this browser."""
    found = await _asked(request)
    if isinstance(found, web.Response):
        return found
    visit, method = found
    session = await cookies.signer_session(request)
    if session is None:
        raise Refused(Reason.LINK_UNKNOWN)
    typed = (await form(request)).get("code", "")
    try:
        tried = await act.check(visit.services, visit.signer, session, typed, ip=ip(request))
    except Refused as refused:
        if refused.reason not in _BESIDE_FIELD:
            raise
        about = FieldError(text=told(request, refused), field="code")
        return answer(request, await _page(request, visit, method, about, typed=typed), status=422)
    if tried.verdict is Verdict.OK:
        onto = onward(request)
        sets_up = onto == "1" and await authenticator.wanted(visit)
        return move("sign", visit.signer.ref, "app" if sets_up else onto)
    return answer(request, await _page(request, visit, method, _wrong(request, method, tried)), status=422)


async def send_sms(request: web.Request) -> web.Response:
    """Have a code sent by SMS, then show where to enter it, or that it could not be sent."""
    found = await _asked(request)
    if isinstance(found, web.Response):
        return found
    visit, method = found
    if method is not Method.SMS:
        return move("sign", visit.signer.ref, "factor")
    try:
        await sms_codes.send(visit.services, visit.signer)
    except Refused as refused:
        if refused.reason not in sms_step.ABOUT_SENDING:
            raise
        page = await _page(request, visit, method, FieldError(text=told(request, refused)))
        return answer(request, page, status=429)
    await sms_step.settled(visit)
    query = f"&step={step}" if (step := onward(request)) != "1" else ""
    return web.Response(status=303, headers={"Location": f"{visit.at('factor')}?sent=1{query}"})


def onward(request: web.Request) -> str:
    """Where the way goes on once everything is proved: where it was stopped, else to the documents."""
    return resuming.step(request.query.get("step", "")) or "1"


def _wrong(request: web.Request, method: Method, tried: Tried) -> FieldError | None:
    match method:
        case Method.SMS:
            return sms_step.wrong(request, tried)
        case Method.AUTHENTICATOR:
            return FieldError(text=reason(Reason.AUTHENTICATOR_WRONG), field="code")
        case _:
            again = FieldError(text=reason(Reason.ACCESS_CODE_WRONG, n=tried.left), field="code")
            return again if tried.left else None


async def _asked(request: web.Request) -> tuple[Visit, Method] | web.Response:
    """The visit and what it has yet to prove; else the page that it belongs on."""
    visit = await mailed(request)
    if isinstance(visit, web.Response):
        return visit
    if (ended := dead(visit)) is not None:
        return answer(request, ended, status=410)
    if (standing := await status(visit)) is not None:
        return answer(request, with_receipt(standing, visit))
    session = await cookies.signer_session(request)
    proof = await sessions.proof(session, visit.signer) if session else None
    method = await act.asked(visit.signer)
    if method is None or proof is None or act.missing(proof, visit.signer) is None:
        return move("sign", visit.signer.ref, onward(request))
    return visit, method


async def _page(
    request: web.Request,
    visit: Visit,
    method: Method,
    error: FieldError | None = None,
    *,
    typed: str = "",
) -> signer_views.SecondFactor | signer_views.SmsFactor:
    query = f"?step={step}" if (step := onward(request)) != "1" else ""
    if method is Method.SMS:
        return await sms_step.page(request, visit, error, query=query, typed=typed)
    closed = await _closed(visit, method)
    errors: tuple[FieldError, ...] = (error,) if error else ()
    if closed is not None:
        errors = (FieldError(text=reason(closed, tel=phone(request))),)
    return signer_views.SecondFactor(
        method=method,
        request=request_of(visit),
        post_url=visit.at("factor") + query,
        stands_in=factors.second(visit.signer.proof) is not method,
        closed=closed is not None,
        typed=typed,
        errors=errors,
    )


async def _closed(visit: Visit, method: Method) -> Reason | None:
    """Why nothing can be entered until the section has been called, or None."""
    if method is Method.ACCESS_CODE and not await access_codes.left(visit.services, visit.signer):
        return Reason.ACCESS_CODE_SPENT
    app = await authenticators.of(visit.signer.contact_id) if method is Method.AUTHENTICATOR else None
    return Reason.AUTHENTICATOR_LOST if app is not None and app.lost_at is not None else None
