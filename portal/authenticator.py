"""認証アプリ, for contractors: setting up an app for the requests to come. Staff's part is in the registry."""

from aiohttp import web

from envelopes.actions import authenticators as act
from envelopes.actions import signer as signing
from envelopes.records.models import Session
from envelopes.rules import factors
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from portal import cookies, signer_views
from portal.proved import reading
from portal.respond import answer, form, move, qr_code, told
from portal.views import FieldError
from portal.visit import Visit, request_of

_BESIDE_FIELD = (Reason.AUTHENTICATOR_FORMAT, Reason.AUTHENTICATOR_WRONG, Reason.AUTHENTICATOR_LOCKED)


async def wanted(visit: Visit) -> bool:
    """Whether staff have asked this signer for an app, and his entry has none yet."""
    asks = factors.second(visit.signer.proof) is Method.AUTHENTICATOR
    return asks and await act.of(visit.signer.contact_id) is None


async def show(request: web.Request) -> web.Response:
    """The page with the QR code."""
    found = await _found(request)
    if isinstance(found, web.Response):
        return found
    return answer(request, await _page(*found))


async def qr(request: web.Request) -> web.Response:
    """The QR code itself."""
    found = await _found(request)
    if isinstance(found, web.Response):
        raise Refused(Reason.LINK_UNKNOWN)
    visit, session = found
    return qr_code((await act.offer(visit.services, visit.signer, session)).uri)


async def set_up(request: web.Request) -> web.Response:
    """Set the app up, if it shows the right digits, and go on to the documents."""
    found = await _found(request)
    if isinstance(found, web.Response):
        return found
    visit, session = found
    typed = (await form(request)).get("code", "")
    actor = signing.actor_of(visit.signer)
    try:
        await act.set_up(visit.services, visit.signer, session, typed, actor=actor)
    except Refused as refused:
        if refused.reason not in _BESIDE_FIELD:
            raise
        error = FieldError(text=told(request, refused), field="code")
        return answer(request, await _page(visit, session, error), status=422)
    return move("sign", visit.signer.ref, "1")


async def _found(request: web.Request) -> tuple[Visit, Session] | web.Response:
    """Who sets an app up: only a browser that has proved everything, and only where one is wanted."""
    visit = await reading(request)
    if isinstance(visit, web.Response):
        return visit
    session = await cookies.signer_session(request)
    if session is None or not await wanted(visit):
        return move("sign", visit.signer.ref, "1")
    return visit, session


async def _page(visit: Visit, session: Session, *errors: FieldError) -> signer_views.AppSetUp:
    offered = await act.offer(visit.services, visit.signer, session)
    return signer_views.AppSetUp(
        request=request_of(visit),
        qr_url=visit.at("app", "qr.svg"),
        app_url=offered.uri,
        secret=" ".join(offered.seed[at : at + 4] for at in range(0, len(offered.seed), 4)),
        post_url=visit.at("app"),
        later_url=visit.at("1"),
        errors=errors,
    )
