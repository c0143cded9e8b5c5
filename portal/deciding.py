"""変更の申出 for staff: what somebody asked for who has proved himself, and putting it forward or refusing it."""

from aiohttp import web

from envelopes.actions import changing
from envelopes.actions import staff as act
from envelopes.actions.staff import actor_of
from envelopes.records.models import Staff
from envelopes.records.store import Snapshot
from envelopes.rules.addresses import AddressKind, classify
from envelopes.rules.changes import Change
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.people import Role, roles_from
from envelopes.rules.states import Event, permits
from portal import readdressing, staff_views
from portal.registry import KINDS
from portal.respond import answer, form, move, path, services, told
from portal.staff import nav, require_staff, visible
from portal.views import FieldError
from portal.visit import party_of


async def show(request: web.Request) -> web.Response:
    """What was asked for, and how far it is."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    if shot.turn is None or shot.turn.paused_at is None:
        return move("staff", "envelopes", shot.envelope.ref)
    return answer(request, await _page(request, staff, shot))


async def put_forward(request: web.Request) -> web.Response:
    """Put the new person or address forward for the registry."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    why = (await form(request)).get("why", "")
    try:
        await changing.put_forward(services(request), actor_of(staff), shot.envelope.ref, reason=why)
    except Refused as refused:
        return await _again(request, staff, shot, refused, field="why", typed=why)
    return move("staff", "envelopes", shot.envelope.ref, "change")


async def refuse(request: web.Request) -> web.Response:
    """Refuse it: the request goes on as before."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    reason = (await form(request)).get("reason", "")
    try:
        await changing.refuse(services(request), actor_of(staff), shot.envelope.ref, reason=reason)
    except Refused as refused:
        return await _again(request, staff, shot, refused, field="reason", typed=reason)
    return move("staff", "envelopes", shot.envelope.ref)


_MENDED = frozenset(
    {Reason.ADDRESS_FREE, Reason.ADDRESS_CARRIER, Reason.REASON_MISSING, Reason.REASON_TOO_LONG}
)
_SHOWN = frozenset({Reason.SIGNS_FOR_VILLAGE, Reason.CHANGE_DECIDED})


async def _again(
    request: web.Request, staff: Staff, shot: Snapshot, refused: Refused, *, field: str, typed: str
) -> web.Response:
    """The page once more with what is to be mended, or why this person cannot; anything else is raised."""
    if refused.reason not in _MENDED | _SHOWN:
        raise refused
    error = FieldError(text=told(request, refused), field=field if refused.reason in _MENDED else "")
    page = await _page(request, staff, shot, error, **{field: typed})
    return answer(request, page, status=422 if refused.reason in _MENDED else 409)


async def _page(
    request: web.Request, staff: Staff, shot: Snapshot, *errors: FieldError, why: str = "", reason: str = ""
) -> staff_views.DecideChange:
    asked, turn, provided = await changing.waiting(shot), shot.turn, services(request)
    if asked is None or turn is None:
        raise Refused(Reason.CHANGE_GONE)
    base, wish = ("staff", "envelopes", shot.envelope.ref), asked.wish
    decides = may_decide(staff, shot)
    forward = decides and wish.change is not Change.NOT_OURS and await changing.is_open(asked)
    return staff_views.DecideChange(
        nav=nav(staff),
        number=shot.number,
        title=shot.envelope.title,
        envelope_url=path(*base),
        change=wish.change,
        at=asked.at,
        party=party_of(turn),
        address=turn.email,
        deadline_on=shot.envelope.deadline_on,
        person=wish.person,
        office=wish.office,
        email=wish.email,
        kind=KINDS[classify(wish.email).value] if wish.email else "",
        needs_why=bool(wish.email) and classify(wish.email) is not AddressKind.OWN,
        note=wish.note,
        hours=int(provided.policy.address_wait.total_seconds()) // 3600,
        progress=await readdressing.said(asked.application) if asked.application else "",
        forward_url=path(*base, "change", "forward") if forward else None,
        refuse_url=path(*base, "change", "refuse") if decides and await changing.may_end(asked) else None,
        reason_limit=provided.policy.reason_characters,
        why=why,
        reason=reason,
        errors=errors,
    )


def may_decide(staff: Staff, shot: Snapshot) -> bool:
    """Whether this person may decide about the change now: a drafter of the section, while the request is out."""
    drafts = act.works_on(staff, shot) and Role.DRAFTER in roles_from(staff.roles)
    return drafts and permits(shot.state, Event.REISSUED)
