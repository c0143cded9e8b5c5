"""The village's signature: reading the documents, and the last question with the authenticator asked again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from aiohttp import web

from envelopes.actions import signer as sign_act
from envelopes.actions import staff as act
from envelopes.records import store
from envelopes.records.models import Signer, Staff
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.states import Event, permits
from envelopes.rules.wording import Language
from portal import cookies, languages, papers, staff_views, views
from portal.respond import answer, form, move, path, services, told
from portal.staff import money, nav, require_staff, visible, window_is_over
from portal.views import FieldError
from portal.visit import kind_of, party_of


async def viewer(request: web.Request) -> web.Response:
    """The documents as the village's signer reads them; his reading is noted."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    if window_is_over(services(request), shot):
        raise Refused(Reason.WINDOW_OVER)
    item = papers.document(shot, request.match_info["number"])
    turn = shot.turn if shot.turn is not None and shot.turn.staff_id == staff.id else None
    seen: frozenset[int] | None = None
    if turn is not None:
        if request.method == "GET":
            await sign_act.view(services(request), turn, item.id)
        seen = await sign_act.seen(turn) | {item.id}
    shown = await papers.view(
        services(request),
        item,
        path("staff", "envelopes", shot.envelope.ref, str(item.position)),
        first=papers.first_page(request) or 1,
        unfolded=papers.unfolded(request),
    )
    page = staff_views.StaffViewer(
        nav=nav(staff),
        number=shot.number,
        title=shot.envelope.title,
        deadline_on=shot.envelope.deadline_on,
        envelope_url=path("staff", "envelopes", shot.envelope.ref),
        tabs=_tabs(shot, seen),
        document=shown,
        confirm_url=path("staff", "envelopes", shot.envelope.ref, "sign")
        if turn is not None and permits(shot.state, Event.CONSENTED)
        else None,
        errors=papers.unread_page(request, shown),
    )
    return answer(request, page)


def _tabs(shot: Snapshot, seen: frozenset[int] | None) -> tuple[views.DocumentTab, ...]:
    return papers.tabs(
        shot, seen, lambda item: path("staff", "envelopes", shot.envelope.ref, str(item.position))
    )


async def sign(request: web.Request) -> web.Response:
    """The last question, with the authenticator's digits asked for again; then the consent."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    seat, language = act.seat_of(act.actor_of(staff), shot), languages.of(request)
    if seat.consented_at is not None:
        return move("staff", "envelopes", shot.envelope.ref)
    if request.method != "POST":
        await act.require_signing(services(request), act.actor_of(staff), shot)
        return answer(request, await _sign(staff, shot, seat, language=language))
    posted = await form(request)
    try:
        await act.sign(
            services(request),
            staff,
            shot.envelope.ref,
            offer=posted.get("offer", ""),
            code=posted.get("code", ""),
            signed_in_at=await _signed_in_at(request),
            language=language,
        )
    except Refused as refused:
        if refused.reason not in _ASKED_AGAIN:
            raise
        error = FieldError(text=told(request, refused), field=_ASKED_AGAIN[refused.reason])
        fresh = await store.snapshot(ref=shot.envelope.ref)
        return answer(request, await _sign(staff, fresh, seat, error, language=language), status=422)
    return move("staff", "envelopes", shot.envelope.ref)


_ASKED_AGAIN: Final[Mapping[Reason, str]] = {
    Reason.TOTP_WRONG: "code",
    Reason.SIGN_IN_LOCKED: "code",
    Reason.DOCUMENTS_UNREAD: "",
    Reason.OFFER_CHANGED: "",
    Reason.PAGES_NOT_READY: "",
}
"""What can be mended where the question is asked, and the field in which it is."""


async def _signed_in_at(request: web.Request) -> datetime:
    session = await cookies.staff_session(request)
    if session is None or session.proved_at is None:
        raise Refused(Reason.PROOF_MISSING)
    return session.proved_at


async def _sign(
    staff: Staff, shot: Snapshot, seat: Signer, *errors: FieldError, language: Language
) -> staff_views.StaffSign:
    offered = await sign_act.offered(shot)
    base = ("staff", "envelopes", shot.envelope.ref)
    confirmation = views.Confirmation(
        party=party_of(seat),
        kind=kind_of(shot),
        documents=_tabs(shot, await sign_act.seen(seat)),
        waits_for=tuple(one.company for one in shot.signers if one.position > seat.position),
        complete_url=path(*base, "sign"),
        back_url=path(*base, "1"),
        offer=sign_act.offer_digest(shot, seat, offered, language=language),
    )
    return staff_views.StaffSign(
        nav=nav(staff),
        number=shot.number,
        title=shot.envelope.title,
        counterparty=shot.envelope.party,
        money=money(shot.envelope),
        confirmation=confirmation,
        errors=errors,
    )
