"""封筒を探す: by day, party, amount and words, alone or together, and the same as a file."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from envelopes.actions import searching
from envelopes.records import store
from envelopes.rules.errors import Refused
from envelopes.rules.kinds import Kind
from envelopes.rules.schedule import jst_day
from envelopes.rules.searching import Fault, Search, Standing, read
from portal import search_file, staff_views
from portal.desk import row
from portal.phrases import _
from portal.respond import answer, file, number, path, services, told
from portal.staff import nav, require_staff
from portal.views import FieldError

_FIELDS: Final = tuple(one.name for one in fields(staff_views.SearchFields))
_ROWS: Final = 50  # of one page
_STANDINGS: Final = {
    Standing.ALL: _("すべて"),
    Standing.OPEN: _("手続き中"),
    Standing.CONCLUDED: _("締結・提出済み"),
    Standing.ENDED: _("差戻し・辞退・期限切れ・取消"),
}
_KINDS: Final = {"": _("すべて"), Kind.CONTRACT.value: _("契約書"), Kind.ACCEPTANCE.value: _("請書")}


async def show(request: web.Request) -> web.Response:
    """The form and what fits, newest first."""
    await require_staff(request)
    search, faults = read(_said(request))
    page = await _page(request, search, _told(request, faults))
    return answer(request, page, status=422 if faults else 200)


async def export(request: web.Request) -> web.Response:
    """The same as CSV; all of it or a word on how to ask for less."""
    staff, provided = await require_staff(request), services(request)
    search, faults = read(_said(request))
    if faults:
        return answer(request, await _page(request, search, _told(request, faults)), status=422)
    try:
        entries = await searching.export(provided, staff, search)
    except Refused as refused:
        error = FieldError(text=told(request, refused), field="since")
        return answer(request, await _page(request, search, (error,)), status=422)
    if not entries:
        return web.Response(
            status=303, headers={"Location": f"{path('staff', 'search')}?{request.rel_url.raw_query_string}"}
        )
    day = f"{jst_day(provided.now()):%Y%m%d}"
    return file(search_file.table(entries), name=search_file.name(day), content_type="text/csv")


def _said(request: web.Request) -> dict[str, str]:
    return {name: request.query.get(name, "") for name in _FIELDS}


def _told(request: web.Request, faults: Sequence[Fault]) -> tuple[FieldError, ...]:
    return tuple(FieldError(text=told(request, one.refused), field=one.field) for one in faults)


async def _page(request: web.Request, search: Search, errors: tuple[FieldError, ...]) -> staff_views.Search:
    staff, said = await require_staff(request), _said(request)
    asked = {name: value for name, value in said.items() if value}
    nth = max(1, number(request.query.get("page", "")) or 1)
    count, ids = (
        (0, ()) if errors else await searching.find(staff, search, first=(nth - 1) * _ROWS, most=_ROWS)
    )
    here = path("staff", "search")

    def at(page: int) -> str:
        return f"{here}?{urlencode({**asked, 'page': str(page)})}"

    return staff_views.Search(
        nav=nav(staff),
        here_url=here,
        typed=staff_views.SearchFields(**said),
        standings=tuple((one.value, _STANDINGS[one], "") for one in Standing),
        standing=search.standing.value,
        kinds=tuple((value, label, "") for value, label in _KINDS.items()),
        kind=search.kind.value if search.kind else "",
        count=count,
        rows=tuple([row(await store.snapshot(id=one)) for one in ids]),
        first=(nth - 1) * _ROWS + 1,
        before_url=at(nth - 1) if nth > 1 else None,
        after_url=at(nth + 1) if count > nth * _ROWS else None,
        export_url=f"{path('staff', 'search.csv')}?{urlencode(asked)}" if count else None,
        errors=errors,
    )
