"""Not signing: 差戻し or 辞退, with a reason, after one more question."""

import secrets
from typing import Final

from aiohttp import web

from envelopes.actions import signer as act
from envelopes.rules.errors import Refused
from envelopes.rules.states import State
from envelopes.texts import say
from portal import views
from portal.phrases import _
from portal.proved import reading
from portal.respond import answer, form, move
from portal.views import FieldError
from portal.visit import Visit, request_of

_REFUSALS: Final = {
    views.Refusal.RETURN: act.Refusal.RETURN,
    views.Refusal.DECLINE: act.Refusal.DECLINE,
}
_REFUSED: Final = {State.RETURNED: views.Refusal.RETURN, State.DECLINED: views.Refusal.DECLINE}


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
        picked = views.Refusal(choice)
    except (Refused, ValueError) as error:
        return answer(request, _decline_again(visit, choice, reason, error), status=422)
    page = views.DeclineConfirm(
        request=request_of(visit),
        choice=picked,
        reason=text,
        refuse_url=visit.at("refuse"),
        edit_url=visit.at("decline", "edit"),
        key=secrets.token_hex(8),
    )
    return answer(request, page)


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
        errors.append(FieldError(text=_("差戻しか辞退かを選んでください"), field="choice"))
    if isinstance(error, Refused):
        errors.append(
            FieldError(text=say(error.reason, limit=visit.services.policy.reason_characters), field="reason")
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
        return visit
    posted = await form(request)
    choice = _picked(posted.get("choice", ""))
    if choice is None:
        return answer(request, _decline(visit), status=422)
    await act.refuse(visit.services, visit.signer.ref, _REFUSALS[choice], posted.get("reason", ""))
    return move("sign", visit.signer.ref, "done")


def declined(visit: Visit) -> views.Declined | None:
    """The page for the one who returned or declined."""
    shot, choice = visit.shot, _REFUSED.get(visit.shot.state)
    mine = shot.turn is not None and shot.turn.id == visit.signer.id
    if choice is None or not mine or shot.envelope.ended_on is None:
        return None
    return views.Declined(
        request=request_of(visit), choice=choice, number=shot.number, at=shot.envelope.ended_on
    )
