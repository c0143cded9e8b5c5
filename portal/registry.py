"""S9: the registry: what waits for a decision, whom an order can go to, lists in and out. Verbs decide who may what.

Everybody on the staff list may look up whom an order can go to; a page offers the buttons of the own roles only.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from aiohttp import web

from envelopes.actions import mobiles as numbers
from envelopes.actions import registry
from envelopes.actions.applications import doors
from envelopes.actions.staff import actor_of
from envelopes.records.models import Application, Contact
from envelopes.rules.applications import OPEN, Door, Stage
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.lists import ListFaulty
from envelopes.rules.names import search_form
from envelopes.rules.people import Role, roles_from
from envelopes.rules.schedule import jst_day
from portal import mobiles, registry_file
from portal import registry_views as views
from portal.errors import STATUS
from portal.phrases import _, reason
from portal.respond import answer, file, number, path, services, told
from portal.staff import nav, require_staff
from portal.uploads import uploaded
from portal.views import FieldError

BASE: Final = ("staff", "registry")


_ROWS: Final = 200  # of the registry on one page; a part of the name finds the others


KINDS: Final = {"own": _("会社のアドレス"), "free": _("フリーメール"), "carrier": _("携帯会社")}


async def show(request: web.Request) -> web.Response:
    """What waits for a decision, and whom an order can go to."""
    staff = await require_staff(request)
    asked, now = request.query.get("q", "").strip()[:100], services(request).now()
    found = await _found(asked, now)
    keeps = Role.REGISTRAR in roles_from(staff.roles)
    page = views.Registry(
        nav=nav(staff),
        open=tuple([_application_row(row) for row in await _staged(*OPEN)]),
        waiting=tuple([_application_row(row) for row in await _staged(Stage.UNPROVED) if row.registrar_id]),
        mobiles=await mobiles.waiting(),
        contacts=tuple(contact_row(one, now) for one in found[:_ROWS]),
        here_url=path(*BASE),
        import_url=path(*BASE, "import") if keeps else None,
        export_url=path(*BASE, "list.csv"),
        asked=asked,
        more=len(found) > _ROWS,
        notice=_notice(request),
    )
    return answer(request, page)


def _notice(request: web.Request) -> str | None:
    count = number(request.query.get("invited", ""))
    if count is None:
        return None
    return _("{count}件の申請を作り、確認をお願いするメールを送ります。", count=count)


async def _staged(*stages: Stage) -> list[Application]:
    return await Application.filter(stage__in=[one.value for one in stages]).order_by("created_at")


async def _found(asked: str, now: datetime) -> list[Contact]:
    """The living entries, those whose company has *asked* in its name."""
    query = Contact.filter(registry.living(now))
    if asked:
        query = query.filter(company_search__contains=search_form(asked))
    return await query.order_by("company_search", "id").limit(_ROWS + 1)


def _application_row(row: Application) -> views.ApplicationRow:
    return views.ApplicationRow(
        number=row.number or "",
        company=row.company,
        who=_who(row),
        kind=KINDS[row.kind],
        stage=Stage(row.stage),
        door=Door(row.door),
        at=row.proved_at or row.created_at,
        url=path(*BASE, "applications", row.ref),
    )


def _who(row: Application | Contact) -> str:
    return " ".join(part for part in (row.office, row.person) if part)


def contact_row(row: Contact, now: datetime) -> views.ContactRow:
    """An entry as a line of the list."""
    standing, day = _standing(row, now)
    return views.ContactRow(
        company=row.company,
        who=_who(row),
        address=row.email,
        kind=KINDS[row.kind],
        standing=standing,
        day=jst_day(day) if day else None,
        url=path(*BASE, row.ref),
    )


def _standing(row: Contact, now: datetime) -> tuple[str, datetime | None]:
    """How an entry stands, and the day of it."""
    if row.ended_at is not None or (row.works_until is not None and row.works_until <= now):
        return "ended", row.ended_at or row.works_until
    if row.withdrawn_at is not None:
        return "withdrawn", row.withdrawn_at
    if row.dead_at is not None:
        return "dead", row.dead_at
    if row.works_from > now:
        return "waits", row.works_from
    return ("ends", row.works_until) if row.works_until is not None else ("works", None)


async def import_list(request: web.Request) -> web.Response:
    """A list as CSV: all of it, or none."""
    staff = await require_staff(request)
    if Role.REGISTRAR not in roles_from(staff.roles):
        raise Refused(Reason.ROLE_MISSING)
    provided = services(request)
    page = views.RegistryImport(
        nav=nav(staff),
        registry_url=path(*BASE),
        post_url=path(*BASE, "import"),
        columns=doors.COLUMNS.known,
        needed=doors.COLUMNS.needed,
        most=provided.policy.list_lines,
    )
    if request.method != "POST":
        return answer(request, page)
    try:
        wishes = await doors.read_list(provided, await uploaded(request, most=provided.policy.list_bytes))
        made = await doors.put_forward(provided, actor_of(staff), wishes)
    except ListFaulty as faulty:
        error = FieldError(text=reason(Reason.LIST_FAULTY), field="file")
        return answer(request, replace(page, faults=faulty.faults, errors=(error,)), status=422)
    except Refused as refused:
        error = FieldError(text=told(request, refused), field="file")
        return answer(request, replace(page, errors=(error,)), status=STATUS.get(refused.reason, 422))
    return web.Response(status=303, headers={"Location": f"{path(*BASE)}?invited={len(made)}"})


async def export(request: web.Request) -> web.Response:
    """The registry as CSV."""
    await require_staff(request)
    now = services(request).now()
    found = await Contact.filter(registry.living(now)).order_by("company_search", "id")
    in_use = await numbers.all_in_use(now=now)
    data = registry_file.table(((one, _standing(one, now)[0]) for one in found), in_use)
    return file(data, name=registry_file.name(f"{jst_day(now):%Y%m%d}"), content_type="text/csv")
