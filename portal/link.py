"""Through the link: landing, code, and what anybody with the link may do.

GET and HEAD only show: mail scanners open links, run scripts and press buttons, so a link alone can do no more than
have a code mailed to the registered address.
"""

from dataclasses import dataclass, replace
from typing import Final

from aiohttp import web

from envelopes.actions import changing, notes
from envelopes.actions import signer as act
from envelopes.actions.factors import missing
from envelopes.actions.signer import CodeFor
from envelopes.records import counters, store
from envelopes.records.models import Contact
from envelopes.rules import factors, wording
from envelopes.rules.changes import Change
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.notes import About
from envelopes.rules.schedule import day_over, jst_day
from envelopes.rules.states import FINAL
from envelopes.rules.tokens import Purpose, Ticket
from portal import codes, cookies, signer_views, views
from portal.errors import STATUS
from portal.phrases import _
from portal.respond import answer, form, move, path, services, told, town
from portal.signer_views import DeadLink
from portal.views import FieldError
from portal.visit import Visit, dead, is_paused, request_of, status, visiting, with_receipt


async def _by_link(request: web.Request, *, paused: bool = False) -> Visit | web.Response:
    """Read the link of the path. A link that leads nowhere is answered with its page.

    *paused*: also where the request is paused, for whoever wants to prove that he may take that back.
    """
    token, provided = request.match_info["token"], services(request)
    ticket = provided.ticket(Purpose.REQUEST, token)
    shot, signer = await store.of_signer(ticket.ref)
    found = visiting(request, shot, signer, token)
    page = await _handed_over(found, ticket) or dead(found)
    if page is not None and page.more_time_url:
        page = await _with_what_was_asked(found, page)
    if page is None and ticket.generation != signer.generation:
        page = _replaced(found)
    if page is not None:
        return answer(request, page, status=410)
    standing = await status(found)
    if standing is None or (paused and is_paused(found)):
        return found
    here = await cookies.proved(request, signer.ref) is not None
    return answer(request, with_receipt(standing, found) if here else standing)


def _replaced(visit: Visit, *errors: FieldError) -> signer_views.UnusableLink:
    return signer_views.UnusableLink(
        why=DeadLink.REPLACED,
        request=request_of(visit),
        masked_address=visit.masked,
        new_link_url=visit.at("link"),
        errors=errors,
    )


async def _with_what_was_asked(visit: Visit, page: signer_views.UnusableLink) -> signer_views.UnusableLink:
    """The page of a deadline that is over; whoever has asked for more time since is told so, and asks no more."""
    since = day_over(visit.shot.envelope.deadline_on)
    asked = await notes.noted(visit.signer, About.MORE_TIME, since=since)
    return replace(page, more_time_url=None, asked_on=jst_day(asked)) if asked else page


async def _handed_over(visit: Visit, ticket: Ticket) -> signer_views.UnusableLink | None:
    """The page for a link of whoever had this place before it went to another person, or None.

    It names nobody but him: what became of the request is not for everybody with an old link.
    """
    if ticket.generation == visit.signer.generation:
        return None
    done = await changing.former(visit.signer, ticket.generation)
    if done is None:
        return None
    before = await Contact.get(ref=done.contact)
    party = views.Party(company=before.company, office=before.office, person=before.person)
    return signer_views.UnusableLink(
        why=DeadLink.HANDED_OVER,
        request=replace(request_of(visit), party=party),
        on=jst_day(done.at),
        over=visit.shot.state in FINAL,
    )


async def landing(request: web.Request) -> web.Response:
    """C1. Counts that the link was opened, which says nothing about a person."""
    visit = await _by_link(request)
    if isinstance(visit, web.Response):
        return visit
    if request.method == "GET":
        await counters.count_access(visit.signer.id, "landing", jst_day(visit.services.now()))
    return answer(request, await _landing(request, visit))


async def _landing(request: web.Request, visit: Visit, *errors: FieldError) -> signer_views.Landing:
    proof = await cookies.proved(request, visit.signer.ref)
    return signer_views.Landing(
        request=request_of(visit),
        masked_address=visit.masked,
        send_code_url=visit.at("code"),
        have_code_url=visit.at("code"),
        open_url=path("sign", visit.signer.ref, "1") if proof else None,
        wrong_person_url=visit.at("wrong"),
        decline_url=f"{visit.at('code')}?for=decline",
        second=missing(proof, visit.signer) if proof else factors.second(visit.signer.proof),
        quick=wording.are_quick(sum(item.page_count for item in visit.shot.documents)),
        errors=errors,
    )


async def _unproved(request: web.Request) -> Visit | web.Response:
    """Read the link for a browser that has yet to prove its signer; one that has is led on without a code."""
    visit = await _by_link(request, paused=True)
    if isinstance(visit, Visit) and await cookies.proved(request, visit.signer.ref) is not None:
        return await codes.onward(request, visit)
    return visit


async def send_code(request: web.Request) -> web.Response:
    """Have a code mailed, then show where to enter it."""
    visit = await _unproved(request)
    if isinstance(visit, web.Response):
        return visit
    return await codes.send(request, visit)


async def enter_code(request: web.Request) -> web.Response:
    """C2: where the code is typed; on any device."""
    visit = await _unproved(request)
    if isinstance(visit, web.Response):
        return visit
    sent = await act.last_code(visit.services, visit.signer, CodeFor.SIGN)
    resent = bool(request.query.get("sent")) and sent is not None and sent.again
    errors = await codes.unreached(request, visit.signer, CodeFor.SIGN) if sent else ()
    page = codes.code_page(visit, codes.wanted(request), sent, resent=resent and not errors, errors=errors)
    return answer(request, page)


async def verify(request: web.Request) -> web.Response:
    """Check the code; a right one opens the documents in this browser."""
    visit = await _unproved(request)
    if isinstance(visit, web.Response):
        return visit
    return await codes.verify(request, visit)


async def new_link(request: web.Request) -> web.Response:
    """Mail the present link once more to the registered address, and say so; an old link may ask for that too."""
    provided = services(request)
    ticket = provided.ticket(Purpose.REQUEST, request.match_info["token"])
    shot, signer = await store.of_signer(ticket.ref)
    found = visiting(request, shot, signer, request.match_info["token"])
    if (ended := await _handed_over(found, ticket) or dead(found)) is not None:
        return answer(request, ended, status=410)
    if request.method != "POST":
        return await _link_sent(request, found)
    try:
        await act.ask_link(provided, signer)
    except Refused as refused:
        error = FieldError(text=told(request, refused))
        mine = ticket.generation == signer.generation
        again = await _landing(request, found, error) if mine else _replaced(found, error)
        return answer(request, again, status=429)
    return move("s", found.token, "link")


async def _link_sent(request: web.Request, visit: Visit) -> web.Response:
    if not await notes.lately(visit.services, visit.signer, act.LINK_ASKED):
        return move("s", visit.token)
    title = visit.shot.envelope.title
    return answer(request, signer_views.LinkSent(title=title, masked_address=visit.masked))


async def more_time(request: web.Request) -> web.Response:
    """C8: after the deadline, ask the town to move it. A note like any other: nothing is extended by it.

    Once is enough: the link's page says from then on that it was asked for.
    """
    provided, token = services(request), request.match_info["token"]
    ticket = provided.ticket(Purpose.REQUEST, token)
    shot, signer = await store.of_signer(ticket.ref)
    visit = visiting(request, shot, signer, token)
    ended = await _handed_over(visit, ticket) or dead(visit)
    if ended is not None and ended.more_time_url:
        ended = await _with_what_was_asked(visit, ended)
    if ended is not None and ended.more_time_url:
        await notes.ask_for_time(provided, signer)
    return move("s", token)


CHANGES: Final = {
    Change.PERSON: _("担当者が変わった"),
    Change.ADDRESS: _("メールアドレスが変わった"),
    Change.NOT_OURS: _("自社あてではない"),
}


async def wrong_person(request: web.Request) -> web.Response:
    """C7: a note to staff. Without a proof it is only a note."""
    visit = await _by_link(request)
    if isinstance(visit, web.Response):
        return visit
    if request.method != "POST":
        return answer(request, await told_staff(request, visit, ABOUT_CHANGE) or _wrong_page(visit))
    posted = await form(request)
    choice, note = posted.get("choice", ""), posted.get("note", "")
    if choice not in set(Change):
        error = FieldError(text=_("どれかを選んでください。"), field="choice")
        page = _wrong_page(visit, choice=choice, note=note, errors=(error,))
        return answer(request, page, status=422)
    chosen = CHANGES[Change(choice)]
    try:
        await notes.tell(
            visit.services, visit.signer, About.WRONG_PERSON, note=note, proved=False, chosen=chosen
        )
    except Refused as refused:
        page = _wrong_page(visit, choice=choice, note=note, errors=(unheard(request, refused),))
        return answer(request, page, status=STATUS.get(refused.reason, 422))
    return to_told(visit, "wrong")


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A note that staff get from a page of the signer's, and what happens then."""

    about: About
    then: str


ABOUT_CHANGE: Final = Telling(about=About.WRONG_PERSON, then=_("担当の課が内容を確かめて、ご連絡します。"))


def to_told(visit: Visit, page: str) -> web.Response:
    """On to what *page* says once the note is there, so that a reload sends no second one."""
    return web.Response(status=303, headers={"Location": f"{visit.at(page)}?told=1"})


async def told_staff(request: web.Request, visit: Visit, telling: Telling) -> views.Message | None:
    """The page after a note to staff: that it is there, and what happens now. None where no note was written today."""
    if "told" not in request.query or not await notes.lately(visit.services, visit.signer, telling.about):
        return None
    back_url = "" if visit.token else visit.at("1")
    return views.Message(
        title=_("{town}に知らせました", town=town(visit.services)),
        paragraphs=(telling.then, _("この画面は閉じて構いません。")),
        good=True,
        next_url=back_url,
        next_label=_("文書の確認に戻る") if back_url else "",
    )


def unheard(request: web.Request, refused: Refused) -> FieldError:
    """Why staff were not told, at what has to be mended."""
    field = {Reason.REMINDER_DAY: "remind_on", Reason.NOTES_SPENT: ""}.get(refused.reason, "note")
    return FieldError(text=told(request, refused), field=field)


def _wrong_page(
    visit: Visit, *, choice: str = "", note: str = "", errors: tuple[FieldError, ...] = ()
) -> signer_views.WrongPerson:
    return signer_views.WrongPerson(
        request=request_of(visit),
        post_url=visit.at("wrong"),
        back_url=visit.at(),
        choice=choice,
        note=note,
        code_url=f"{visit.at('code')}?for=change",
        note_limit=visit.services.policy.reason_characters,
        errors=errors,
    )
