"""Not signing: 差戻し or 辞退, with a reason, after one more question."""

import unicodedata
from datetime import date, timedelta
from typing import Final

from aiohttp import web

from envelopes.actions import notes
from envelopes.actions import signer as act
from envelopes.rules.errors import Refused
from envelopes.rules.notes import About
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import State
from portal import papers, signer_views, views
from portal.errors import STATUS
from portal.link import Telling, to_told, told_staff, unheard
from portal.phrases import _
from portal.phrases import reason as why
from portal.proved import proved, reading, reading_or
from portal.respond import answer, form, move
from portal.views import FieldError
from portal.visit import Visit, request_of

_REFUSALS: Final = {
    signer_views.Refusal.RETURN: act.Refusal.RETURN,
    signer_views.Refusal.DECLINE: act.Refusal.DECLINE,
}
_STILL_LOOKING: Final = Telling(
    about=About.CHECKING, then=_("依頼はそのまま続きます。署名期限までは、同じリンクから署名できます。")
)
_REFUSED: Final = {State.RETURNED: signer_views.Refusal.RETURN, State.DECLINED: signer_views.Refusal.DECLINE}


async def decline(request: web.Request) -> web.Response:
    """C6: choose between 差戻し and 辞退 and say why; then the confirm page."""
    visit = await reading(request)
    if isinstance(visit, web.Response):
        return visit
    if request.method != "POST":
        return answer(request, _decline(visit))
    posted = await form(request)
    choice, reason = posted.get("choice", ""), posted.get("reason", "")
    try:
        text = act.tidy_reason(reason, visit.services)
        picked = signer_views.Refusal(choice)
    except (Refused, ValueError) as error:
        return answer(request, _decline_again(visit, choice, reason, error), status=422)
    page = signer_views.DeclineConfirm(
        request=request_of(visit),
        choice=picked,
        reason=text,
        refuse_url=visit.at("refuse"),
        edit_url=visit.at("decline", "edit"),
    )
    return answer(request, page)


def _picked(choice: str) -> signer_views.Refusal | None:
    return signer_views.Refusal(choice) if choice in set(signer_views.Refusal) else None


def _decline(
    visit: Visit, *, choice: str = "", reason: str = "", errors: tuple[FieldError, ...] = ()
) -> signer_views.Decline:
    return signer_views.Decline(
        request=request_of(visit),
        next_url=visit.at("decline"),
        back_url=visit.at("1"),
        checking_url=visit.at("checking"),
        choice=_picked(choice),
        reason=reason,
        reason_limit=visit.services.policy.reason_characters,
        errors=errors,
    )


def _decline_again(
    visit: Visit, choice: str, reason: str, error: Refused | ValueError
) -> signer_views.Decline:
    errors = []
    if _picked(choice) is None:
        errors.append(FieldError(text=_("差戻しか辞退かを選んでください。"), field="choice"))
    if isinstance(error, Refused):
        errors.append(
            FieldError(text=why(error.reason, limit=visit.services.policy.reason_characters), field="reason")
        )
    return _decline(visit, choice=choice, reason=reason, errors=tuple(errors))


async def edit_decline(request: web.Request) -> web.Response:
    """Back from the confirm page with what was written."""
    visit = await reading(request)
    if isinstance(visit, web.Response):
        return visit
    posted = await form(request)
    page = _decline(visit, choice=posted.get("choice", ""), reason=posted.get("reason", ""))
    return answer(request, page)


async def refuse(request: web.Request) -> web.Response:
    """End the request with the reason given."""
    visit = await reading(request)
    if isinstance(visit, web.Response):
        return await _received(request) or visit
    posted = await form(request)
    choice = _picked(posted.get("choice", ""))
    if choice is None:
        return answer(request, _decline(visit), status=422)
    try:
        await act.refuse(visit.services, visit.signer.ref, _REFUSALS[choice], posted.get("reason", ""))
    except Refused as refused:
        return await _received(request) or await reading_or(request, refused)
    return move("sign", visit.signer.ref, "done")


async def _received(request: web.Request) -> web.Response | None:
    """The way to what was received, where it is this signer who has ended the request: he has pressed twice."""
    visit = await proved(request)
    if isinstance(visit, web.Response) or declined(visit) is None:
        return None
    return move("sign", visit.signer.ref, "done")


async def checking(request: web.Request) -> web.Response:
    """C6: not sure yet. The request stays as it is; staff are told, the signer is reminded on a day of his choice."""
    visit = await reading(request)
    if isinstance(visit, web.Response):
        return visit
    if request.method != "POST":
        thanks = await told_staff(request, visit, _STILL_LOOKING)
        return answer(request, thanks or await _checking(visit, day=_chosen(visit)))
    posted = await form(request)
    day, note = posted.get("remind_on", ""), posted.get("note", "")
    try:
        await notes.checking(visit.services, visit.signer, note=note, remind_on=_day(day))
    except Refused as error:
        page = await _checking(visit, day=day, note=note, errors=(unheard(request, error),))
        return answer(request, page, status=STATUS.get(error.reason, 422))
    return to_told(visit, "checking")


def _chosen(visit: Visit) -> str:
    """The day on which he wants to be reminded, unless it has come."""
    chosen = visit.signer.remind_on
    return chosen.isoformat() if chosen is not None and chosen > jst_day(visit.services.now()) else ""


def _day(text: str) -> date | None:
    """The day that a browser's date field posts, or what somebody typed into it where it has none."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(unicodedata.normalize("NFKC", text).strip().replace("/", "-"))
    except ValueError:
        return date.min  # a day in no reach: refused like any other


async def _checking(
    visit: Visit, *, day: str = "", note: str = "", errors: tuple[FieldError, ...] = ()
) -> signer_views.Checking:
    tomorrow = jst_day(visit.services.now()) + timedelta(days=1)
    return signer_views.Checking(
        request=request_of(visit),
        files=tuple(
            [
                views.File(
                    title=item.title,
                    url=visit.at(str(item.position), "pdf"),
                    size=await papers.prepared_size(item),
                )
                for item in visit.shot.documents
            ]
        ),
        post_url=visit.at("checking"),
        back_url=visit.at("1"),
        first=tomorrow if tomorrow <= visit.shot.envelope.deadline_on else None,
        remind_on=day,
        note=note,
        note_limit=visit.services.policy.reason_characters,
        errors=errors,
    )


def declined(visit: Visit) -> signer_views.Declined | None:
    """The page for the one who returned or declined."""
    shot, choice = visit.shot, _REFUSED.get(visit.shot.state)
    mine = shot.turn is not None and shot.turn.id == visit.signer.id
    if choice is None or not mine or shot.envelope.ended_on is None:
        return None
    return signer_views.Declined(
        request=request_of(visit), choice=choice, number=shot.number, at=shot.envelope.ended_on
    )
