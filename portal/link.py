"""Through the link: landing, code, and what anybody with the link may do.

GET and HEAD only show: mail scanners open links, run scripts and press buttons, so a link alone can do no more than
have a code mailed to the registered address.
"""

from typing import Final

from aiohttp import web

from envelopes.actions import signer as act
from envelopes.actions.signer import CodeFor
from envelopes.records import counters, store
from envelopes.rules.schedule import jst_day
from envelopes.rules.tokens import Purpose
from portal import codes, views
from portal.phrases import _
from portal.respond import answer, form, services
from portal.views import DeadLink, FieldError
from portal.visit import Visit, dead, request_of, status


async def _by_link(request: web.Request) -> Visit | web.Response:
    """Read the link of the path. A link that leads nowhere is answered with its page."""
    token, provided = request.match_info["token"], services(request)
    ticket = provided.ticket(Purpose.REQUEST, token)
    shot, signer = await store.of_signer(ticket.ref)
    visit = Visit(services=provided, shot=shot, signer=signer, token=token)
    page = dead(visit)
    if page is None and ticket.generation != signer.generation:
        page = views.UnusableLink(
            why=DeadLink.REPLACED,
            request=request_of(visit),
            masked_address=visit.masked,
            new_link_url=visit.at("link"),
        )
    if page is not None:
        return answer(request, page, status=410)
    standing = status(visit)
    return visit if standing is None else answer(request, standing)


async def landing(request: web.Request) -> web.Response:
    """C1. Counts that the link was opened, which says nothing about a person."""
    visit = await _by_link(request)
    if isinstance(visit, web.Response):
        return visit
    if request.method == "GET":
        await counters.count_access(visit.signer.id, "landing", jst_day(visit.services.now()))
    return answer(request, _landing(visit))


def _landing(visit: Visit, *errors: FieldError) -> views.Landing:
    return views.Landing(
        request=request_of(visit),
        masked_address=visit.masked,
        send_code_url=visit.at("code"),
        have_code_url=visit.at("code"),
        wrong_person_url=visit.at("wrong"),
        decline_url=f"{visit.at('code')}?for=decline",
        errors=errors,
    )


async def send_code(request: web.Request) -> web.Response:
    """Have a code mailed, then show where to enter it."""
    visit = await _by_link(request)
    if isinstance(visit, web.Response):
        return visit
    return await codes.send(request, visit)


async def enter_code(request: web.Request) -> web.Response:
    """C2: where the code is typed; on any device."""
    visit = await _by_link(request)
    if isinstance(visit, web.Response):
        return visit
    sent = await act.last_code(visit.services, visit.signer, CodeFor.SIGN)
    resent = bool(request.query.get("sent")) and sent is not None and sent.again
    page = codes.code_page(visit, codes.wanted(request), sent, resent=resent)
    return answer(request, page)


async def verify(request: web.Request) -> web.Response:
    """Check the code; a right one opens the documents in this browser."""
    visit = await _by_link(request)
    if isinstance(visit, web.Response):
        return visit
    return await codes.verify(request, visit)


async def new_link(request: web.Request) -> web.Response:
    """Mail the present link once more to the registered address; an old link may ask for that too."""
    provided = services(request)
    ticket = provided.ticket(Purpose.REQUEST, request.match_info["token"])
    shot, signer = await store.of_signer(ticket.ref)
    visit = Visit(services=provided, shot=shot, signer=signer, token=request.match_info["token"])
    if (ended := dead(visit)) is not None:
        return answer(request, ended, status=410)
    await act.ask_link(provided, signer)
    return answer(request, views.LinkSent(title=shot.envelope.title, masked_address=visit.masked))


_WRONG: Final = {
    "changed": _("担当者が変わった"),
    "address": _("メールアドレスが変わった"),
    "not-ours": _("自社あてではない"),
}


async def wrong_person(request: web.Request) -> web.Response:
    """C7: a note to staff. Without a proof it is only a note."""
    visit = await _by_link(request)
    if isinstance(visit, web.Response):
        return visit
    if request.method != "POST":
        return answer(request, _wrong_page(visit))
    posted = await form(request)
    choice, note = posted.get("choice", ""), posted.get("note", "")
    if choice not in _WRONG:
        error = FieldError(text=_("どれかを選んでください"), field="choice")
        page = _wrong_page(visit, choice=choice, note=note, errors=(error,))
        return answer(request, page, status=422)
    await act.wrong_person(visit.services, visit.signer, note=f"{_WRONG[choice]}　{note}", proved=False)
    thanks = views.Message(
        title=_("村に知らせました"),
        paragraphs=(_("担当の課が内容を確かめて、ご連絡します。"), _("この画面は閉じて構いません。")),
        good=True,
    )
    return answer(request, thanks)


def _wrong_page(
    visit: Visit, *, choice: str = "", note: str = "", errors: tuple[FieldError, ...] = ()
) -> views.WrongPerson:
    return views.WrongPerson(
        request=request_of(visit),
        post_url=visit.at("wrong"),
        back_url=visit.at(),
        choice=choice,
        note=note,
        # The choice stands before the note in what staff read.
        note_limit=visit.services.policy.reason_characters - max(map(len, _WRONG.values())) - 1,
        errors=errors,
    )
