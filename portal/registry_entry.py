"""S9: one entry of the registry: its life, its address, telephone, authenticator and usual proof."""

from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web

from envelopes.actions import authenticators, registry, usual
from envelopes.actions import mobiles as numbers
from envelopes.actions.applications import doors
from envelopes.actions.staff import actor_of
from envelopes.records.history import Subject
from envelopes.records.models import Application, Contact, Staff
from envelopes.rules import factors
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.people import Role, may_enter_address, roles_from
from envelopes.services import Services
from portal import mobiles
from portal import registry_views as views
from portal.errors import STATUS
from portal.phrases import _, both, reason
from portal.registry import BASE, contact_row
from portal.registry_application import MENDED
from portal.registry_life import happenings
from portal.respond import answer, form, move, path, services, told
from portal.staff import nav, require_staff
from portal.staff_views import Choice
from portal.views import FieldError, Happening


async def contact(request: web.Request) -> web.Response:
    """One entry and its history."""
    staff = await require_staff(request)
    return answer(request, await _contact(request, staff))


async def _contact(
    request: web.Request, staff: Staff, *errors: FieldError, typed: Mapping[str, str] | None = None
) -> views.RegistryContact:
    provided = services(request)
    row, now = await registry.find(request.match_info["ref"]), provided.now()
    shown = contact_row(row, now)
    keeps = Role.REGISTRAR in roles_from(staff.roles) and shown.standing != "ended"
    origin = await Application.filter(id=row.application_id or 0).first()
    return views.RegistryContact(
        nav=nav(staff),
        registry_url=path(*BASE),
        row=shown,
        office=row.office,
        person=row.person,
        why=row.reason or "",
        revision=row.revision,
        consented_on=row.consented_on,
        consent_note=row.consent_note,
        first=row.registrar.name,
        second=row.approver.name,
        call_back=row.call_back,
        works_from=row.works_from,
        works_until=row.works_until,
        application_url=path(*BASE, "applications", origin.ref) if origin else None,
        history=await _life(row, origin),
        end_url=path(*BASE, row.ref, "end") if keeps else None,
        withdraw_url=path(*BASE, row.ref, "withdraw") if keeps and row.withdrawn_at is None else None,
        correct_url=path(*BASE, row.ref, "correct") if _may_correct(staff, shown) else None,
        limit=provided.policy.reason_characters,
        hours=int(provided.policy.address_wait.total_seconds() // 3600),
        mobiles=await mobiles.of_contact(row, staff, now=now),
        mobile_url=path(*BASE, row.ref, "mobiles")
        if provided.settings.sms is not None and _may_correct(staff, shown)
        else None,
        app=await _app(staff, row, open_=shown.standing != "ended"),
        usual=both(partial(factors.called, await usual.of(provided, row))),
        identity=await _identity(provided, row),
        identity_url=path(*BASE, row.ref, "identity") if _may_correct(staff, shown) else None,
        typed=typed or {},
        errors=errors,
    )


async def _identity(provided: Services, row: Contact) -> tuple[Choice, ...]:
    """What may be noted as usual for this entry."""
    texts = await numbers.in_use(row.id, now=provided.now()) is not None
    by_itself = Choice(
        value="",
        label=_("登録に合わせる"),
        chosen=not row.identity,
        note=_("認証アプリか携帯電話が登録されていれば、それも求めます。"),
    )
    found = (
        Choice(
            value=method.value,
            label=both(partial(factors.called, method)),
            chosen=row.identity == method,
            disabled=method is Method.SMS and not texts,
        )
        for method in provided.methods
    )
    return (by_itself, *found)


async def choose_identity(request: web.Request) -> web.Response:
    """Note by what this person proves who he is where an order says nothing."""
    staff, posted = await require_staff(request), await form(request)
    chosen, ref = posted.get("identity", ""), request.match_info["ref"]
    method = Method(chosen) if chosen in set(Method) else None
    return await _done(request, staff, usual.choose(services(request), actor_of(staff), ref, method), posted)


async def _app(staff: Staff, row: Contact, *, open_: bool) -> views.App | None:
    app = await authenticators.of(row.id)
    if app is None:
        return None
    actor, base = actor_of(staff), (*BASE, row.ref, "app")
    may = open_ and may_enter_address(actor.roles)
    reporter = await Staff.filter(id=app.reporter_id or 0).first()
    hindrance = await authenticators.hindrance(actor, app) if app.lost_at else None
    return views.App(
        set_up_at=app.set_up_at,
        lost_at=app.lost_at,
        reporter=reporter.name if reporter else "",
        note=app.lost_note or "",
        lost_url=path(*base, "lost") if may and app.lost_at is None else None,
        found_url=path(*base, "found") if may and app.lost_at else None,
        end_url=path(*base, "end") if open_ and app.lost_at and hindrance is None else None,
        hindrance=reason(hindrance) if hindrance else "",
    )


def _may_correct(staff: Staff, shown: views.ContactRow) -> bool:
    return may_enter_address(roles_from(staff.roles)) and shown.standing != "ended"


async def _life(row: Contact, origin: Application | None) -> tuple[Happening, ...]:
    """All that happened to the address: its application, and every revision of its entry; newest first."""
    said = list(await happenings(Subject.APPLICATION, origin.id)) if origin else []
    for one in await Contact.filter(email_look_up=row.email_look_up):
        said += await happenings(Subject.CONTACT, one.id)
    return tuple(sorted(said, key=lambda item: item.at, reverse=True))


async def end(request: web.Request) -> web.Response:
    """Take an entry off the registry."""
    return await _noted(request, registry.end, "reason")


async def withdraw(request: web.Request) -> web.Response:
    """Note that the consent was taken back."""
    return await _noted(request, registry.withdraw, "note")


async def app_lost(request: web.Request) -> web.Response:
    """Note that the phone with the app is lost."""
    return await _noted(request, authenticators.report_lost, "note", field="app_note")


async def app_end(request: web.Request) -> web.Response:
    """End the app, as the second person."""
    return await _noted(request, authenticators.end, "call_back", field="app_call_back")


async def app_found(request: web.Request) -> web.Response:
    """Take the report back."""
    staff, ref = await require_staff(request), request.match_info["ref"]
    return await _done(request, staff, authenticators.take_back(services(request), actor_of(staff), ref))


async def correct(request: web.Request) -> web.Response:
    """Put a new address forward in the place of this one."""
    staff, posted = await require_staff(request), await form(request)
    email, why = posted.get("email", ""), posted.get("why", "")
    row = await registry.find(request.match_info["ref"])
    try:
        made = await doors.correct(services(request), actor_of(staff), row, email=email, reason=why)
    except Refused as refused:
        if refused.reason is Reason.ROLE_MISSING:
            raise
        field = "why" if refused.reason in _ABOUT_WHY else "email"
        error = FieldError(text=told(request, refused), field=field)
        return answer(request, await _contact(request, staff, error, typed=posted), status=422)
    return move(*BASE, "applications", made.ref)


async def put_mobile(request: web.Request) -> web.Response:
    """Put a mobile number forward for this entry."""
    staff, posted = await require_staff(request), await form(request)
    typed, source = posted.get("mobile", ""), posted.get("source", "")
    row = await registry.find(request.match_info["ref"])
    try:
        await numbers.put_forward(services(request), actor_of(staff), row, typed, source=source)
    except Refused as refused:
        if refused.reason is Reason.ROLE_MISSING:
            raise
        field = "source" if refused.reason in _ABOUT_SOURCE else "mobile"
        error = FieldError(text=told(request, refused), field=field)
        return answer(request, await _contact(request, staff, error, typed=posted), status=422)
    return move(*BASE, row.ref)


_ABOUT_SOURCE: Final = frozenset({Reason.MOBILE_SOURCE_MISSING, Reason.REASON_TOO_LONG})


async def approve_mobile(request: web.Request) -> web.Response:
    """Approve a number, with the note of the call-back."""
    staff, posted = await require_staff(request), await form(request)
    work = numbers.approve(
        services(request),
        actor_of(staff),
        request.match_info["mobile"],
        call_back=posted.get("call_back", ""),
    )
    return await _done(request, staff, work, posted, "call_back")


async def end_mobile(request: web.Request) -> web.Response:
    """Take a number away, or send it back."""
    staff, posted = await require_staff(request), await form(request)
    name = mobiles.STOP if mobiles.STOP in posted else mobiles.REJECT
    ref = request.match_info["mobile"]
    work = numbers.end(services(request), actor_of(staff), ref, reason=posted.get(name, ""))
    return await _done(request, staff, work, posted, name)


async def _done(
    request: web.Request,
    staff: Staff,
    work: Awaitable[object],
    posted: Mapping[str, str] | None = None,
    field: str = "",
) -> web.Response:
    """The entry's page after *work*, as it stands then; what can be mended in *field* is said there."""
    try:
        await work
    except Refused as refused:
        if refused.reason not in MENDED | {Reason.STALE}:
            raise
        error = FieldError(text=told(request, refused), field=field if refused.reason in MENDED else "")
        page = await _contact(request, staff, error, typed=posted)
        return answer(request, page, status=STATUS.get(refused.reason, 422))
    return move(*BASE, request.match_info["ref"])


_ABOUT_WHY: Final = frozenset({Reason.ADDRESS_FREE, Reason.ADDRESS_CARRIER, Reason.REASON_TOO_LONG})


async def _noted(request: web.Request, verb: Any, name: str, *, field: str = "") -> web.Response:
    """Do what needs a note: the verb calls it *name*, the form *field* or the same."""
    field = field or name
    staff, posted = await require_staff(request), await form(request)
    ref = request.match_info["ref"]
    work = verb(services(request), actor_of(staff), ref, **{name: posted.get(field, "")})
    return await _done(request, staff, work, posted, field)
