"""S9: one application for the registry: what was applied for, and what the person who looks may do about it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from aiohttp import web

from envelopes.actions import registry
from envelopes.actions.applications import deciding, doors, steps
from envelopes.actions.staff import actor_of
from envelopes.records.history import Subject
from envelopes.records.models import Application, Contact, Staff
from envelopes.rules import terms
from envelopes.rules.applications import OPEN, Door, Stage
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.mobiles import written
from envelopes.rules.names import same_company
from envelopes.rules.people import Actor, Role
from envelopes.services import Services
from portal import registry_views as views
from portal.errors import STATUS
from portal.phrases import _, reason
from portal.registry import BASE, KINDS
from portal.registry_life import happenings
from portal.respond import answer, form, move, path, services, told
from portal.staff import nav, require_staff
from portal.views import FieldError


async def application(request: web.Request) -> web.Response:
    """What was applied for, and what this person may do about it."""
    staff = await require_staff(request)
    return answer(request, await _application(request, staff))


async def _application(request: web.Request, staff: Staff) -> views.RegistryApplication:
    provided, actor = services(request), actor_of(staff)
    row = await steps.find(request.match_info["ref"])
    base, stage = (*BASE, "applications", row.ref), Stage(row.stage)
    apart = await _apart(request, actor, row)
    hindrance = _second(actor, row) or apart
    keeps, is_open = Role.REGISTRAR in actor.roles, stage in OPEN
    checks = stage is Stage.PROVED and keeps
    contact = await Contact.filter(id=row.contact_id or 0).first()
    return views.RegistryApplication(
        nav=nav(staff),
        registry_url=path(*BASE),
        number=row.number or "",
        stage=stage,
        door=Door(row.door),
        company=row.company,
        office=row.office,
        person=row.person,
        address=row.email,
        kind=KINDS[row.kind],
        why=row.reason or "",
        previous=row.previous or "",
        mobile=written(row.mobile) if row.mobile else "",
        version=row.terms_version or "",
        agreed_at=row.agreed_at,
        terms=terms.from_kept(row.terms) if row.terms else (),
        first=row.registrar.name if row.registrar else "",
        second=row.approver.name if row.approver else "",
        call_back=row.call_back or "",
        answer=_said(row),
        history=await happenings(Subject.APPLICATION, row.id),
        check_url=path(*base, "check") if checks and apart is None else None,
        approve_url=path(*base, "approve") if stage is Stage.CHECKED and hindrance is None else None,
        return_url=path(*base, "return") if is_open and (keeps or hindrance is None) else None,
        again_url=path(*base, "again") if keeps and steps.is_invited(row) else None,
        back_url=path(*base, "back") if keeps and steps.is_invited(row) else None,
        hindrance=hindrance if stage is Stage.CHECKED else apart if checks else None,
        contact_url=path(*BASE, contact.ref) if contact else None,
        remarks=await _remarks(provided, row) if is_open else (),
        limit=provided.policy.reason_characters,
        hours=int(provided.policy.address_wait.total_seconds() // 3600),
    )


def _second(actor: Actor, row: Application) -> str | None:
    """Why this person may not approve it as the second one, in words, or None if he may."""
    why = deciding.may_approve(actor, row)
    return reason(why) if why is not None else None


async def _apart(request: web.Request, actor: Actor, row: Application) -> str | None:
    """Why this person may neither check nor approve what he would sign for, in words, or None."""
    try:
        await deciding.require_apart(services(request), actor, row)
    except Refused as refused:
        return told(request, refused)
    return None


def _said(row: Application) -> str:
    return reason(Reason(row.answer)) if row.answer in set(Reason) else row.answer or ""


async def _remarks(provided: Services, row: Application) -> tuple[str, ...]:
    """What whoever decides has to know: what the registry has of this company, and of the address before."""
    found = await Contact.filter(registry.living(provided.now()), company_search=row.company_search)
    known = [one for one in found if same_company(one.company, row.company)]
    said: list[str] = [
        _("この会社は、{address}（{person}）も登録しています。", address=one.email, person=one.person)
        for one in known
    ]
    if row.previous:
        look_up = provided.address_look_up(row.previous)
        before = await Contact.filter(registry.living(provided.now()), email_look_up=look_up).first()
        if before is None:
            said.append(_("前のアドレスは台帳にありません。"))
        elif not same_company(before.company, row.company):
            said.append(
                _("前のアドレスは、別の会社名（{company}）で登録されています。", company=before.company)
            )
    return tuple(said)


async def check(request: web.Request) -> web.Response:
    """Put an application forward."""
    return await _done(request, deciding.check)


async def approve(request: web.Request) -> web.Response:
    """Approve, with the note of the call-back."""
    staff, posted = await require_staff(request), await form(request)
    call_back = posted.get("call_back", "")
    try:
        await deciding.approve(
            services(request), actor_of(staff), request.match_info["ref"], call_back=call_back
        )
    except Refused as refused:
        return await _again(request, staff, refused, field="call_back", typed=call_back)
    return move(*BASE, "applications", request.match_info["ref"])


async def send_back(request: web.Request) -> web.Response:
    """Send back with the reason."""
    staff, posted = await require_staff(request), await form(request)
    typed = posted.get("reason", "")
    try:
        await deciding.send_back(services(request), actor_of(staff), request.match_info["ref"], reason=typed)
    except Refused as refused:
        return await _again(request, staff, refused, field="reason", typed=typed)
    return move(*BASE, "applications", request.match_info["ref"])


async def invite_again(request: web.Request) -> web.Response:
    """Have the invitation mailed once more."""
    return await _done(request, doors.invite_again)


async def take_back(request: web.Request) -> web.Response:
    """End an application whose address has not proved itself."""
    return await _done(request, deciding.take_back)


async def _done(
    request: web.Request, verb: Callable[[Services, Actor, str], Awaitable[None]]
) -> web.Response:
    """The page after *verb*, which needs nothing to be typed."""
    staff, ref = await require_staff(request), request.match_info["ref"]
    try:
        await verb(services(request), actor_of(staff), ref)
    except Refused as refused:
        return await _again(request, staff, refused)
    return move(*BASE, "applications", ref)


MENDED: Final = frozenset({Reason.CALL_BACK_MISSING, Reason.REASON_MISSING, Reason.REASON_TOO_LONG})
_ELSEWHERE: Final = _(
    "このアドレスは、申請のあとに別の事業者か職員のものとして登録されたため、承認できません。差し戻してください。"
)


async def _again(
    request: web.Request, staff: Staff, refused: Refused, *, field: str = "", typed: str = ""
) -> web.Response:
    """The page as it stands now, with what is to be mended or what cannot be done; anything else is raised."""
    status, page = STATUS.get(refused.reason, 422), await _application(request, staff)
    match refused.reason:
        case Reason.ADDRESS_ELSEWHERE:
            error = FieldError(text=_ELSEWHERE)
        case Reason.LIMIT_REACHED:
            most = services(request).policy.new_links_a_day
            text = _(
                "このメールは24時間に{n}回まで送れます。あすになってから、もう一度送ってください。", n=most
            )
            error = FieldError(text=text)
            page = replace(page, again_url=None)
        case Reason.STALE:
            error = FieldError(text=told(request, refused))
        case why if why in MENDED:
            error = FieldError(text=told(request, refused), field=field)
        case _:
            raise refused
    return answer(request, replace(page, errors=(error,), typed=typed), status=status)
