"""証拠一式 for staff: asking for it, and taking it once the bot has made it.

Who may is decided in `envelopes.actions.evidence`; to everybody else there is no such page.
"""

from aiohttp import web

from envelopes.actions import evidence as act
from envelopes.actions.evidence import Standing
from envelopes.actions.staff import actor_of, sees
from envelopes.records.models import Staff
from envelopes.records.store import Snapshot
from envelopes.rules.errors import NotPermitted
from portal import staff_views, views
from portal.respond import answer, file, move, path, services
from portal.staff import nav, require_staff


async def show(request: web.Request) -> web.Response:
    """S9: how it stands."""
    staff, shot = await _asked_for(request)
    if shot.envelope.completed_at is None:
        raise NotPermitted(shot.state, act.PURPOSE)
    found = await act.standing(services(request), shot)
    return answer(request, _page(request, staff, shot, found))


async def _asked_for(request: web.Request) -> tuple[Staff, Snapshot]:
    staff = await require_staff(request)
    return staff, await act.shown_to(actor_of(staff), request.match_info["ref"])


def _page(request: web.Request, staff: Staff, shot: Snapshot, found: Standing) -> staff_views.Evidence:
    base = ("staff", "envelopes", shot.envelope.ref)
    here, made = path(*base, "evidence"), found.file
    return staff_views.Evidence(
        nav=nav(staff),
        number=shot.number,
        title=shot.envelope.title,
        envelope_url=path(*base) if sees(staff, shot) else None,
        here_url=here,
        ask_url=here,
        waiting=found.waiting,
        days=services(request).policy.evidence_kept.days,
        file=views.File(title=_name(shot), url=f"{here}.zip", size=made.size) if made else None,
        made_at=made.created_at if made else None,
        until=found.until,
    )


def _name(shot: Snapshot) -> str:
    return f"証拠一式_{shot.number}.zip"


async def ask(request: web.Request) -> web.Response:
    """Have one made."""
    staff, shot = await _asked_for(request)
    await act.ask(services(request), actor_of(staff), shot.envelope.ref)
    return move("staff", "envelopes", shot.envelope.ref, "evidence")


async def take(request: web.Request) -> web.Response:
    """The ZIP."""
    _, shot = await _asked_for(request)
    data = await act.take(services(request), shot)
    return file(data, name=_name(shot), content_type="application/zip")
