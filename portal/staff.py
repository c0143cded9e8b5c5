"""What all staff pages share: who is signed in, which envelopes this person may see, states and amounts in words.

Which button a page offers follows from the table of states and the roles; whether the act is allowed is decided again
in `envelopes.actions.staff`.
"""

from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from envelopes.actions import staff as act
from envelopes.records import store
from envelopes.records.models import Envelope, Staff
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.states import State
from envelopes.services import Services
from portal import cookies
from portal.leading import page_above, page_of
from portal.phrases import _
from portal.respond import about, form, number, path
from portal.staff_views import Money, Phase
from portal.views import StaffNav

_KNOWN: Final = web.RequestKey("staff", Staff)
_FILLED_IN: Final = frozenset({"version", "offer", "n"})
TYPED_BY: Final = "typed_by"
TAXES: Final = {"included": _("税込"), "excluded": _("税抜"), "none": ""}
_PHASES: Final = {
    State.DRAFT: Phase.DRAFT,
    State.PREPARING: Phase.PREPARING,
    State.SIGNING: Phase.SIGNING,
    State.SIGNED: Phase.STAMPING,
    State.COMPLETED: Phase.COMPLETED,
    State.RETURNED: Phase.RETURNED,
    State.DECLINED: Phase.DECLINED,
    State.EXPIRED: Phase.EXPIRED,
    State.CANCELLED: Phase.CANCELLED,
    State.DISCARDED: Phase.DISCARDED,
}


def nav(staff: Staff) -> StaffNav:
    """Who is signed in."""
    return StaffNav(
        name=staff.name,
        section=staff.section.name,
        desk_url=path("staff"),
        replies_url=path("staff", "replies"),
        registry_url=path("staff", "registry"),
        sign_out_url=path("staff", "sign-out"),
    )


async def require_staff(request: web.Request) -> Staff:
    """The member of staff who is signed in; others are sent to sign in, and from there back to the page.

    Raises Refused(SIGNED_OUT) where something was typed that would be lost.
    """
    staff = await cookies.signed_in(request)
    if staff is None and request.method != "POST":
        raise web.HTTPSeeOther(sign_in_url(next=_page_to_show(request)))
    if staff is None:
        if await cookies.was_signed_in(request) and await typed(request):
            raise Refused(Reason.SIGNED_OUT)
        raise web.HTTPSeeOther(sign_in_url(next=page_of(request), again="1"))
    request[_KNOWN] = staff
    if request.method == "POST" and await _typed_by(request) not in ("", staff.ref):
        raise web.HTTPSeeOther(page_of(request))  # somebody else has signed in meanwhile: it is not his
    return staff


def _page_to_show(request: web.Request) -> str:
    """What to lead to after sign-in: in place of a file, which would leave the sign-in on the screen, its page."""
    name = request.path.rpartition("/")[2]
    if name == "search.csv":
        return str(request.rel_url.with_path(path("staff", "search"), keep_query=True))
    return page_above(request) if name == "pdf" or "." in name else request.path_qs


async def _typed_by(request: web.Request) -> str:
    """Who filled in a form that is sent once more, where it says so."""
    is_form = request.content_type == "application/x-www-form-urlencoded"
    return (await form(request)).get(TYPED_BY, "") if is_form else ""


def sign_in_url(**query: str) -> str:
    """Where staff sign in; *next*: where they are led from there."""
    return f"{path('staff', 'sign-in')}?{urlencode(query)}"


async def typed(request: web.Request) -> dict[str, str]:
    """What a form says that its page cannot fill in by itself; empty where nothing was typed. Never digits."""
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    said = {name: value for name, value in (await form(request)).items() if name not in ("code", TYPED_BY)}
    return said if any(value.strip() for name, value in said.items() if name not in _FILLED_IN) else {}


def known(request: web.Request) -> Staff | None:
    """Whoever `require_staff` has found, for the pages of refusals; looks nothing up."""
    return request.get(_KNOWN)


async def visible(request: web.Request, staff: Staff) -> Snapshot:
    """The envelope of the path, if this person may see it. Raises Refused(LINK_UNKNOWN)."""
    shot = await store.snapshot(ref=request.match_info["ref"])
    if not act.sees(staff, shot):
        raise Refused(Reason.LINK_UNKNOWN)
    about(request, shot.section)
    return shot


def window_is_over(provided: Services, shot: Snapshot) -> bool:
    """Whether the portal has lost the key to this envelope's files."""
    ends = shot.envelope.window_ends_at
    return ends is not None and provided.now() > ends


def phase(shot: Snapshot) -> Phase:
    """The state in the words of the staff's pages: while it is out, whose signature is awaited."""
    if shot.state in _PHASES:
        return _PHASES[shot.state]
    turn = shot.turn
    return Phase.VILLAGE if turn is not None and turn.staff_id is not None else Phase.CONTRACTOR


def money(envelope: Envelope) -> Money:
    """The amount as pages show it."""
    return Money(amount=envelope.amount, tax=TAXES.get(envelope.tax, ""))


def version(posted: dict[str, str]) -> int:
    """The version a form was made for; -1, which fits no envelope, where none was posted."""
    version = number(posted.get("version", ""))
    return -1 if version is None else version
