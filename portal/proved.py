"""Who may go on: a browser that has proved to be the signer, or has done so before and is asked again."""

from dataclasses import replace

from aiohttp import web

from envelopes.actions import factors
from envelopes.actions import signer as act
from envelopes.actions.signer import CodeFor
from envelopes.records import sessions, store
from envelopes.records.models import Signer
from envelopes.rules.errors import Reason, Refused
from portal import codes, cookies, resuming
from portal.phrases import _
from portal.respond import answer, move, services
from portal.shelf import SHELF
from portal.views import Page
from portal.visit import Visit, dead, is_paused, status, visiting, with_receipt


async def proved(request: web.Request) -> Visit | web.Response:
    """Find the signer of the path, if this browser has proved everything that is asked of him.

    Who has a second proof yet to give is sent to its page. Raises Refused(PROVED_ELSEWHERE).
    """
    return await _proved(request, mail_is_enough=False)


async def mailed(request: web.Request) -> Visit | web.Response:
    """The same for what needs the code by mail alone: the second proof itself, and what the signer was told."""
    return await _proved(request, mail_is_enough=True)


async def _proved(request: web.Request, *, mail_is_enough: bool) -> Visit | web.Response:
    if (proof := await cookies.proved(request, request.match_info["ref"])) is not None:
        if not mail_is_enough and factors.missing(proof, proof.signer) is not None:
            return await _to_second(request, proof.signer)
        await sessions.touch(proof.session, now=services(request).now())
        contents = await request.app[SHELF].contents(proof.signer)
        return visiting(request, contents.seen_by(proof.signer), proof.signer, contents=contents)
    return await _wake(request, await _sleeping(request))


async def _to_second(request: web.Request, signer: Signer) -> web.Response:
    response = move("sign", signer.ref, "factor")
    if (step := dict(await resuming.kept(request)).get("step", "1")) != "1":
        response.headers["Location"] += f"?step={step}"
    return response


async def _sleeping(request: web.Request) -> Visit:
    """The signer whom this browser has proved to be within a day. Raises Refused(PROVED_ELSEWHERE).

    A signer whom nobody knows and one who was proved in another browser cost the same and are told the same.
    """
    proof = await cookies.proved(request, request.match_info["ref"], asleep=True)
    if proof is None:
        raise Refused(Reason.PROVED_ELSEWHERE)
    shot, signer = await store.of_signer(proof.signer.ref)
    return visiting(request, shot, signer)


async def _closed(visit: Visit) -> Page | None:
    """The page for a request in which there is nothing to prove. Who has paused it may want to take that back."""
    return dead(visit) or (None if is_paused(visit) else await status(visit))


async def _wake(request: web.Request, visit: Visit) -> web.Response:
    """The session was idle too long: ask for a code and go on at the same step."""
    if (ended := await _closed(visit)) is not None:
        return answer(request, ended)
    sent = await act.last_code(visit.services, visit.signer, CodeFor.SIGN)
    errors = await codes.unreached(request, visit.signer, CodeFor.SIGN) if sent else ()
    notice = _("時間がたったため、もう一度、本人確認をお願いします。続きから再開できます。")
    page = codes.code_page(visit, codes.wanted(request), sent, notice=notice, errors=errors)
    return answer(request, replace(page, kept=await resuming.kept(request)))


async def resume(request: web.Request) -> web.Response:
    """Ask for a code, or check one, in a browser whose session was idle too long."""
    visit = await _sleeping(request)
    if (ended := await _closed(visit)) is not None:
        return answer(request, ended)
    # The same code was sent twice: the first time has opened the pages.
    if await cookies.proved(request, visit.signer.ref) is not None:
        return await codes.onward(request, visit)
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
    if (standing := await status(visit)) is not None:
        return answer(request, with_receipt(standing, visit))
    return visit


async def reading_or(request: web.Request, refused: Refused) -> web.Response:
    """Somebody was faster: show how the request stands now. Raises *refused* where it is open as before."""
    fresh = await reading(request)
    if isinstance(fresh, web.Response):
        return fresh
    raise refused
