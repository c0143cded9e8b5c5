"""保留・失敗したメール for administrators: what led to nothing and why, and having one read again.

What may be shown of a mail is decided in `envelopes.actions.aside`.
"""

from functools import partial

from aiohttp import web

from envelopes.actions import aside as act
from envelopes.actions import unreached
from envelopes.actions.aside import Aside
from envelopes.actions.staff import actor_of
from envelopes.records.models import Delivery
from envelopes.rules.returns import meaning_of, meant
from portal import phrases, staff_views
from portal.phrases import _, both
from portal.respond import answer, path, services
from portal.staff import nav, require_staff


async def show(request: web.Request) -> web.Response:
    """S12: the newest first."""
    staff = await require_staff(request)
    rows = await act.found(services(request), actor_of(staff))
    page = staff_views.Asides(
        nav=nav(staff),
        rows=tuple(_row(one) for one in rows),
        unreached=tuple(
            [_unreached(one) for one in await unreached.found(services(request), actor_of(staff))]
        ),
        days=services(request).policy.aside_kept.days,
        most=act.MOST,
        notice=_("読み直します。結果は少しあとに変わります。") if "again" in request.query else None,
    )
    return answer(request, page)


def _row(one: Aside) -> staff_views.AsideRow:
    return staff_views.AsideRow(
        at=one.at,
        failed=one.failed,
        why=phrases.aside(one.reason),
        sender=one.sender,
        claims=one.claims,
        size=one.size,
        again_url=path("staff", "mails", one.ref, "again") if one.again else None,
    )


def _unreached(one: Delivery) -> staff_views.UnreachedRow:
    return staff_views.UnreachedRow(
        at=one.updated_at,
        address=one.recipient,
        why=both(partial(meant, meaning_of(one.code, one.answer))),
        answer=" ".join(f"{one.code or ''} {one.answer or ''}".split()),
    )


async def again(request: web.Request) -> web.Response:
    """Have one read again."""
    staff = await require_staff(request)
    await act.read_again(services(request), actor_of(staff), request.match_info["ref"])
    return web.Response(status=303, headers={"Location": f"{path('staff', 'mails')}?again"})
