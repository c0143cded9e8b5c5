"""The contractor's way: landing, code, documents, confirm, done; and not signing.

GET and HEAD only show: mail scanners open links, run scripts and press buttons, so a link alone can do no more than
have a code mailed to the registered address. What a link or a session may do is decided in `envelopes.actions.signer`.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from envelopes.actions import signer as act
from envelopes.actions.signer import CodeFor, SentCode
from envelopes.records import counters, sessions, store
from envelopes.records.models import Signer
from envelopes.records.store import Snapshot
from envelopes.rules import addresses, kinds
from envelopes.rules.codes import Verdict
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.schedule import day_over, jst_day, link_end
from envelopes.rules.states import Event, State, permits
from envelopes.rules.tokens import Purpose
from envelopes.services import Services
from envelopes.texts import say
from portal import cookies, papers, views
from portal.respond import answer, browser, file, form, move, path, services, told
from portal.views import DeadLink, FieldError, Kind, Standing

_ENDED: Final = {
    State.CANCELLED: DeadLink.CANCELLED,
    State.DECLINED: DeadLink.DECLINED,
    State.RETURNED: DeadLink.RETURNED,
    State.EXPIRED: DeadLink.DEADLINE,
}
KINDS: Final = {kinds.Kind.CONTRACT: Kind.CONTRACT, kinds.Kind.ACCEPTANCE: Kind.ACCEPTANCE}
# Until when the village usually signs; a contractor without a mail by then should call.
EXPECTED_DAYS: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request to one signer's pages: through a link (`token`) or in a proved session (no token)."""

    services: Services
    shot: Snapshot
    signer: Signer
    token: str = ""

    def at(self, *parts: str) -> str:
        """The path of one of this signer's pages."""
        return path("s", self.token, *parts) if self.token else path("sign", self.signer.ref, *parts)

    @property
    def masked(self) -> str:
        return addresses.mask(self.signer.email)


# What pages say about a request


def request_of(visit: Visit) -> views.Request:
    """The envelope as its signer sees it before he has proved who he is: no amount, no content."""
    return views.Request(
        title=visit.shot.envelope.title,
        section=visit.shot.section.name,
        party=party_of(visit.signer),
        deadline_on=visit.shot.envelope.deadline_on,
    )


def party_of(signer: Signer) -> views.Party:
    """A signer's name as pages show it."""
    return views.Party(company=signer.company, office=signer.office, person=signer.person)


def kind_of(shot: Snapshot) -> Kind:
    """契約書 or 請書."""
    return KINDS[kinds.Kind(shot.envelope.kind)]


def waits_for(shot: Snapshot, signer: Signer) -> tuple[str, ...]:
    """Who signs after *signer*, in order."""
    return tuple(other.company for other in shot.signers if other.position > signer.position)


def _dead(visit: Visit) -> views.UnusableLink | None:
    """The page for a request that cannot be signed any more, or None."""
    envelope, now = visit.shot.envelope, visit.services.now()
    why = _ENDED.get(visit.shot.state)
    late = now >= day_over(envelope.deadline_on) and visit.signer.consented_at is None
    if now >= link_end(envelope.deadline_on, visit.services.policy) and visit.signer.signed_at is None:
        why = DeadLink.EXPIRED
    elif why is None and late and permits(visit.shot.state, Event.CONSENTED):
        why = DeadLink.DEADLINE
    if why is None:
        return None
    ended = jst_day(envelope.ended_on) if envelope.ended_on else envelope.deadline_on
    return views.UnusableLink(why=why, request=request_of(visit), on=ended, masked_address=visit.masked)


def _status(visit: Visit) -> views.Status | None:
    """The page for a request with nothing to sign now, or None."""
    shot, signer = visit.shot, visit.signer
    if shot.envelope.completed_at is not None:
        standing = Standing.COMPLETED
    elif signer.signed_at is not None:
        standing = Standing.SIGNED
    elif signer.consented_at is not None:
        standing = Standing.IN_PROGRESS
    elif shot.turn is None or shot.turn.id != signer.id:
        standing = Standing.NOT_YOUR_TURN
    else:
        return None
    return views.Status(
        standing=standing,
        request=request_of(visit),
        kind=kind_of(shot),
        number=shot.number if signer.consented_at else None,
        at=signer.consented_at,
        waits_for=waits_for(shot, signer),
    )


# Through the link


async def _by_link(request: web.Request) -> Visit | web.Response:
    """Read the link of the path. A link that leads nowhere is answered with its page."""
    token, provided = request.match_info["token"], services(request)
    ticket = provided.ticket(Purpose.REQUEST, token)
    shot, signer = await store.of_signer(ticket.ref)
    visit = Visit(services=provided, shot=shot, signer=signer, token=token)
    page = _dead(visit)
    if page is None and ticket.generation != signer.generation:
        page = views.UnusableLink(
            why=DeadLink.REPLACED,
            request=request_of(visit),
            masked_address=visit.masked,
            new_link_url=visit.at("link"),
        )
    if page is not None:
        return answer(request, page, shot=shot, status=410)
    status = _status(visit)
    return visit if status is None else answer(request, status, shot=shot)


async def landing(request: web.Request) -> web.Response:
    """C1. Counts that the link was opened, which says nothing about a person."""
    visit = await _by_link(request)
    if isinstance(visit, web.Response):
        return visit
    if request.method == "GET":
        await counters.count_access(visit.signer.id, "landing", jst_day(visit.services.now()))
    return answer(request, _landing(visit), shot=visit.shot)


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
    return await _send(request, visit)


async def _send(request: web.Request, visit: Visit) -> web.Response:
    purpose = _wanted(request)
    try:
        await act.send_code(visit.services, visit.signer, CodeFor.SIGN, browser=browser(request))
    except Refused as refused:
        if refused.reason not in (Reason.RESEND_EARLY, Reason.RESEND_CAP):
            raise
        error = FieldError(text=told(request, refused))
        sent = await act.last_code(visit.services, visit.signer, CodeFor.SIGN)
        page = _code_page(visit, purpose, sent, errors=(error,))
        return answer(request, page, shot=visit.shot, status=429)
    query = "&for=decline" if purpose is views.CodeFor.DECLINE else ""
    return web.Response(status=303, headers={"Location": f"{visit.at('code')}?sent=1{query}"})


def _wanted(request: web.Request) -> views.CodeFor:
    return views.CodeFor.DECLINE if request.query.get("for") == "decline" else views.CodeFor.SIGN


async def enter_code(request: web.Request) -> web.Response:
    """C2: where the code is typed; on any device."""
    visit = await _by_link(request)
    if isinstance(visit, web.Response):
        return visit
    sent = await act.last_code(visit.services, visit.signer, CodeFor.SIGN)
    resent = bool(request.query.get("sent")) and sent is not None
    page = _code_page(visit, _wanted(request), sent, resent=resent)
    return answer(request, page, shot=visit.shot)


def _code_page(
    visit: Visit,
    purpose: views.CodeFor,
    sent: SentCode | None,
    *,
    resent: bool = False,
    notice: str | None = None,
    typed: str = "",
    errors: tuple[FieldError, ...] = (),
) -> views.CodeEntry:
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


async def verify(request: web.Request) -> web.Response:
    """Check the code; a right one opens the documents in this browser."""
    visit = await _by_link(request)
    if isinstance(visit, web.Response):
        return visit
    return await _verify(request, visit)


async def _verify(request: web.Request, visit: Visit) -> web.Response:
    typed = (await form(request)).get("code", "")
    try:
        checked = await act.check_code(visit.services, visit.signer, CodeFor.SIGN, typed)
    except Refused as refused:
        if refused.reason not in (Reason.CODE_EMPTY, Reason.CODE_FORMAT):
            raise
        return await _again(request, visit, told(request, refused), typed=typed)
    if checked.renewed:
        page = views.UnusableLink(why=DeadLink.SPENT, request=request_of(visit), masked_address=visit.masked)
        return answer(request, page, shot=visit.shot, status=410)
    match checked.verdict:
        case Verdict.OK:
            return await _let_in(request, visit)
        case Verdict.WRONG if checked.left:
            return await _again(request, visit, say(Reason.CODE_WRONG, left=checked.left))
        case Verdict.LATE:
            return await _late(request, visit)
        case _:
            return await _again(request, visit, say(Reason.CODE_SPENT))


async def _again(request: web.Request, visit: Visit, text: str, *, typed: str = "") -> web.Response:
    sent = await act.last_code(visit.services, visit.signer, CodeFor.SIGN)
    error = FieldError(text=text, field="code")
    page = _code_page(visit, _wanted(request), sent, typed=typed, errors=(error,))
    return answer(request, page, shot=visit.shot, status=422)


async def _late(request: web.Request, visit: Visit) -> web.Response:
    # Entering a code that is over counts as asking for a new one.
    try:
        await act.send_code(visit.services, visit.signer, CodeFor.SIGN, browser=browser(request))
    except Refused as refused:
        return await _again(request, visit, told(request, refused))
    return await _again(request, visit, say(Reason.CODE_LATE))


async def _let_in(request: web.Request, visit: Visit) -> web.Response:
    now = visit.services.now()
    session = await cookies.signer_session(request)
    cookie = ""
    if session is None:
        cookie, session = await sessions.start(now=now)
    await sessions.prove(
        session, visit.signer, generation=visit.signer.generation, method=act.MAIL_CODE, now=now
    )
    onward = "decline" if _wanted(request) is views.CodeFor.DECLINE else "1"
    response = move("sign", visit.signer.ref, onward)
    if cookie:
        cookies.keep(request, response, cookies.SIGNER, cookie)
    return response


async def new_link(request: web.Request) -> web.Response:
    """Mail the present link once more to the registered address; an old link may ask for that too."""
    provided = services(request)
    ticket = provided.ticket(Purpose.REQUEST, request.match_info["token"])
    shot, signer = await store.of_signer(ticket.ref)
    await act.ask_link(provided, signer)
    page = views.LinkSent(title=shot.envelope.title, masked_address=addresses.mask(signer.email))
    return answer(request, page, shot=shot)


_WRONG: Final = {
    "changed": "担当者が変わった",
    "address": "メールアドレスが変わった",
    "not-ours": "自社あてではない",
}


async def wrong_person(request: web.Request) -> web.Response:
    """C7: a note to staff. Without a proof it is only a note."""
    visit = await _by_link(request)
    if isinstance(visit, web.Response):
        return visit
    if request.method != "POST":
        return answer(request, _wrong_page(visit), shot=visit.shot)
    posted = await form(request)
    choice, note = posted.get("choice", ""), posted.get("note", "")
    if choice not in _WRONG:
        error = FieldError(text="どれかを選んでください", field="choice")
        page = _wrong_page(visit, choice=choice, note=note, errors=(error,))
        return answer(request, page, shot=visit.shot, status=422)
    await act.wrong_person(visit.services, visit.signer, note=f"{_WRONG[choice]}　{note}", proved=False)
    thanks = views.Message(
        title="村に知らせました",
        paragraphs=("担当の課が内容を確かめて、ご連絡します。", "この画面は閉じて構いません。"),
        good=True,
    )
    return answer(request, thanks, shot=visit.shot)


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


# In a proved session


async def _proved(request: web.Request) -> Visit | web.Response:
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
    if (ended := _dead(visit) or _status(visit)) is not None:
        return answer(request, ended, shot=visit.shot)
    sent = await act.last_code(visit.services, visit.signer, CodeFor.SIGN)
    notice = "時間がたったため、もう一度、本人確認をお願いします。続きから再開できます。"
    return answer(request, _code_page(visit, _wanted(request), sent, notice=notice), shot=visit.shot)


async def resume(request: web.Request) -> web.Response:
    """Ask for a code, or check one, in a browser whose session was idle too long."""
    visit = await _sleeping(request)
    if visit is None or not await _was_here(request, visit):
        raise Refused(Reason.LINK_UNKNOWN)
    if (ended := _dead(visit) or _status(visit)) is not None:
        return answer(request, ended, shot=visit.shot)
    if request.method == "GET":
        return await _wake(request, visit)
    return await (_verify if request.path.endswith("/verify") else _send)(request, visit)


async def _reading(request: web.Request) -> Visit | web.Response:
    """A proved signer whose request is open; everybody else gets the page that says how it stands."""
    visit = await _proved(request)
    if isinstance(visit, web.Response):
        return visit
    if (ended := _dead(visit)) is not None:
        return answer(request, ended, shot=visit.shot, status=410)
    if (standing := _status(visit)) is not None:
        return answer(request, standing, shot=visit.shot)
    return visit


async def viewer(request: web.Request) -> web.Response:
    """C3. Shows one document; that a proved signer had it before him is noted once."""
    visit = await _reading(request)
    if isinstance(visit, web.Response):
        return visit
    item = papers.document(visit.shot, request.match_info["number"])
    if request.method == "GET":
        await act.view(visit.services, visit.signer, item.id)
    page = await _viewer(visit, item.id)
    return answer(request, page, shot=visit.shot)


async def _viewer(visit: Visit, document_id: int, *errors: FieldError) -> views.Viewer:
    item = next(one for one in visit.shot.documents if one.id == document_id)
    seen = await act.seen(visit.signer)
    return views.Viewer(
        request=request_of(visit),
        tabs=_tabs(visit, seen | {document_id}),
        document=await papers.view(visit.services, item, visit.at(str(item.position))),
        confirm_url=visit.at("confirm"),
        confirmation=await _confirmation(visit, seen | {document_id}),
        decline_url=visit.at("decline"),
        errors=errors,
    )


def _tabs(visit: Visit, seen: frozenset[int]) -> tuple[views.DocumentTab, ...]:
    return papers.tabs(visit.shot, seen, lambda item: visit.at(str(item.position)))


async def _confirmation(visit: Visit, seen: frozenset[int]) -> views.Confirmation:
    try:
        offered = await act.offered(visit.shot)
        offer = act.offer_digest(visit.shot, visit.signer, offered)
    except Refused:
        offer = ""
    return views.Confirmation(
        party=party_of(visit.signer),
        kind=kind_of(visit.shot),
        documents=_tabs(visit, seen),
        waits_for=waits_for(visit.shot, visit.signer),
        complete_url=visit.at("complete"),
        back_url=visit.at("1"),
        offer=offer,
        key=secrets.token_hex(8),
    )


async def image(request: web.Request) -> web.Response:
    """A page image, for a proved signer."""
    visit = await _proved(request)
    if isinstance(visit, web.Response):
        raise Refused(Reason.LINK_UNKNOWN)
    item = papers.document(visit.shot, request.match_info["number"])
    page, width = int(request.match_info["page"]), int(request.match_info["width"])
    return await papers.image(visit.services, item, page, width)


async def pdf(request: web.Request) -> web.Response:
    """署名前の文書, for a proved signer."""
    visit = await _reading(request)
    if isinstance(visit, web.Response):
        return visit
    item = papers.document(visit.shot, request.match_info["number"])
    data = await papers.prepared(visit.services, item)
    return file(data, name=f"署名前_{item.title}.pdf")


async def confirm(request: web.Request) -> web.Response:
    """C4: the last question, as a page of its own."""
    visit = await _reading(request)
    if isinstance(visit, web.Response):
        return visit
    return await _confirm(request, visit)


async def _confirm(request: web.Request, visit: Visit, *errors: FieldError) -> web.Response:
    seen = await act.seen(visit.signer)
    page = views.Confirm(
        request=request_of(visit), confirmation=await _confirmation(visit, seen), errors=errors
    )
    return answer(request, page, shot=visit.shot, status=422 if errors else 200)


_SHOWN_ON_CONFIRM: Final = (Reason.DOCUMENTS_UNREAD, Reason.OFFER_CHANGED, Reason.PAGES_NOT_READY)


async def complete(request: web.Request) -> web.Response:
    """Consent. A second press of the button leads to the same page."""
    visit = await _proved(request)
    if isinstance(visit, web.Response):
        return visit
    if visit.signer.consented_at is not None:
        return move("sign", visit.signer.ref, "done")
    session = await cookies.signer_session(request)
    proof = await sessions.proof(session, visit.signer) if session else None
    if proof is None:
        raise Refused(Reason.PROOF_MISSING)
    offer = (await form(request)).get("offer", "")
    grants = [act.mail_code_grant(visit.services, proof.at)]
    try:
        await act.give_consent(
            visit.services, visit.signer.ref, offer=offer, grants=grants, actor=act.actor_of(visit.signer)
        )
    except Refused as refused:
        if refused.reason not in _SHOWN_ON_CONFIRM:
            return await _reading_or(request, refused)
        return await _confirm(request, visit, FieldError(text=told(request, refused)))
    return move("sign", visit.signer.ref, "done")


async def _reading_or(request: web.Request, refused: Refused) -> web.Response:
    """Somebody was faster: show how the request stands now."""
    fresh = await _reading(request)
    if isinstance(fresh, web.Response):
        return fresh
    raise refused


async def done(request: web.Request) -> web.Response:
    """C5: received, in the words for a 契約書 or a 請書; or the refusal that was received."""
    visit = await _proved(request)
    if isinstance(visit, web.Response):
        return visit
    if visit.signer.consented_at is None:
        if (ended := _dead(visit)) is not None:
            return answer(request, _declined(visit) or ended, shot=visit.shot)
        return move("sign", visit.signer.ref, "1")
    return answer(request, await _done(visit), shot=visit.shot)


async def _done(visit: Visit) -> views.Done:
    shot, signer = visit.shot, visit.signer
    assert signer.consented_at is not None
    offered = await act.offered(shot)
    pages = {document.position: document.page_count for document in shot.documents}
    others = waits_for(shot, signer)
    expected = jst_day(signer.consented_at).toordinal() + EXPECTED_DAYS
    download = None
    if shot.envelope.completed_at is not None and signer.staff_id is None:
        token = visit.services.link(Purpose.DOWNLOAD, signer.ref, signer.download_generation)
        download = path("d", token)
    return views.Done(
        request=request_of(visit),
        kind=kind_of(shot),
        number=shot.number,
        signed_at=signer.consented_at,
        waits_for=others,
        documents=tuple(
            views.SignedDocument(
                number=item.position, title=item.title, pages=pages[item.position], sha256=item.sha256
            )
            for item in offered
        ),
        masked_address=visit.masked,
        expected_by=shot.envelope.deadline_on.fromordinal(expected) if others else None,
        download_url=download,
    )


# Not signing

_REFUSALS: Final = {
    views.Refusal.RETURN: act.Refusal.RETURN,
    views.Refusal.DECLINE: act.Refusal.DECLINE,
}
_REFUSED: Final = {State.RETURNED: views.Refusal.RETURN, State.DECLINED: views.Refusal.DECLINE}


async def decline(request: web.Request) -> web.Response:
    """C6: choose between 差戻し and 辞退 and say why; then the confirm page."""
    visit = await _reading(request)
    if isinstance(visit, web.Response):
        return visit
    if request.method != "POST":
        return answer(request, _decline(visit), shot=visit.shot)
    posted = await form(request)
    choice, reason = posted.get("choice", ""), posted.get("reason", "")
    try:
        text = act.tidy_reason(reason, visit.services)
        picked = views.Refusal(choice)
    except (Refused, ValueError) as error:
        return answer(request, _decline_again(visit, choice, reason, error), shot=visit.shot, status=422)
    page = views.DeclineConfirm(
        request=request_of(visit),
        choice=picked,
        reason=text,
        refuse_url=visit.at("refuse"),
        edit_url=visit.at("decline", "edit"),
        key=secrets.token_hex(8),
    )
    return answer(request, page, shot=visit.shot)


def _picked(choice: str) -> views.Refusal | None:
    return views.Refusal(choice) if choice in set(views.Refusal) else None


def _decline(
    visit: Visit, *, choice: str = "", reason: str = "", errors: tuple[FieldError, ...] = ()
) -> views.Decline:
    return views.Decline(
        request=request_of(visit),
        next_url=visit.at("decline"),
        back_url=visit.at("1"),
        choice=_picked(choice),
        reason=reason,
        reason_limit=visit.services.policy.reason_characters,
        errors=errors,
    )


def _decline_again(visit: Visit, choice: str, reason: str, error: Refused | ValueError) -> views.Decline:
    errors = []
    if _picked(choice) is None:
        errors.append(FieldError(text="差戻しか辞退かを選んでください", field="choice"))
    if isinstance(error, Refused):
        errors.append(
            FieldError(text=say(error.reason, limit=visit.services.policy.reason_characters), field="reason")
        )
    return _decline(visit, choice=choice, reason=reason, errors=tuple(errors))


async def edit_decline(request: web.Request) -> web.Response:
    """Back from the confirm page with what was written."""
    visit = await _reading(request)
    if isinstance(visit, web.Response):
        return visit
    posted = await form(request)
    page = _decline(visit, choice=posted.get("choice", ""), reason=posted.get("reason", ""))
    return answer(request, page, shot=visit.shot)


async def refuse(request: web.Request) -> web.Response:
    """End the request with the reason given."""
    visit = await _reading(request)
    if isinstance(visit, web.Response):
        return visit
    posted = await form(request)
    choice = _picked(posted.get("choice", ""))
    if choice is None:
        return answer(request, _decline(visit), shot=visit.shot, status=422)
    await act.refuse(visit.services, visit.signer.ref, _REFUSALS[choice], posted.get("reason", ""))
    return move("sign", visit.signer.ref, "done")


def _declined(visit: Visit) -> views.Declined | None:
    """The page for the one who returned or declined."""
    shot, choice = visit.shot, _REFUSED.get(visit.shot.state)
    mine = shot.turn is not None and shot.turn.id == visit.signer.id
    if choice is None or not mine or shot.envelope.ended_on is None:
        return None
    return views.Declined(
        request=request_of(visit), choice=choice, number=shot.number, at=shot.envelope.ended_on
    )
