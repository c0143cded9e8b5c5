"""Who may go on: a browser that has proved to be the signer, or has done so before and is asked again."""

from aiohttp import web

from envelopes.actions import signer as act
from envelopes.actions.signer import CodeFor
from envelopes.records import sessions, store
from envelopes.rules.errors import Reason, Refused
from portal import codes, cookies
from portal.phrases import _
from portal.respond import answer, services
from portal.visit import Visit, dead, status


async def proved(request: web.Request) -> Visit | web.Response:
    """Find the signer of the path, if this browser has proved to be him. Raises Refused(LINK_UNKNOWN)."""
    provided = services(request)
    session = await cookies.signer_session(request)
    found = await _sleeping(request) if session is None else await _visit(request)
    if found is None:
        raise Refused(Reason.LINK_UNKNOWN)
    if session is not None and await sessions.proof(session, found.signer) is not None:
        await sessions.touch(session, now=provided.now())
        return found
    if await _was_here(request, found):
        return await _wake(request, found)
    raise Refused(Reason.LINK_UNKNOWN)


async def _visit(request: web.Request) -> Visit | None:
    shot, signer = await store.of_signer(request.match_info["ref"])
    return Visit(services=services(request), shot=shot, signer=signer)


async def _sleeping(request: web.Request) -> Visit | None:
    return await _visit(request) if await cookies.signer_session(request, asleep=True) else None


async def _was_here(request: web.Request, visit: Visit) -> bool:
    session = await cookies.signer_session(request, asleep=True)
    return session is not None and await sessions.proof(session, visit.signer) is not None


async def _wake(request: web.Request, visit: Visit) -> web.Response:
    """The session was idle too long: ask for a code and go on at the same step."""
    if (ended := dead(visit) or status(visit)) is not None:
        return answer(request, ended)
    sent = await act.last_code(visit.services, visit.signer, CodeFor.SIGN)
    notice = _("時間がたったため、もう一度、本人確認をお願いします。続きから再開できます。")
    return answer(request, codes.code_page(visit, codes.wanted(request), sent, notice=notice))


async def resume(request: web.Request) -> web.Response:
    """Ask for a code, or check one, in a browser whose session was idle too long."""
    visit = await _sleeping(request)
    if visit is None or not await _was_here(request, visit):
        raise Refused(Reason.LINK_UNKNOWN)
    if (ended := dead(visit) or status(visit)) is not None:
        return answer(request, ended)
    # HEAD comes here too (aiohttp adds it to every GET): only a form may have a code mailed.
    if request.method != "POST":
        return await _wake(request, visit)
    return await (codes.verify if request.path.endswith("/verify") else codes.send)(request, visit)


async def reading(request: web.Request) -> Visit | web.Response:
    """A proved signer whose request is open; everybody else gets the page that says how it stands."""
    visit = await proved(request)
    if isinstance(visit, web.Response):
        return visit
    if (ended := dead(visit)) is not None:
        return answer(request, ended, status=410)
    if (standing := status(visit)) is not None:
        return answer(request, standing)
    return visit
