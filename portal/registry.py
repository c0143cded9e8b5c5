"""S9: the staff's pages of the registry: applications, entries, lists in and out. Who may do what, the verbs decide.

Everybody on the staff list may look up whom an order can go to; a page offers the buttons of the own roles only.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from aiohttp import web

from envelopes.actions import authenticators, registry, usual
from envelopes.actions import mobiles as numbers
from envelopes.actions.applications import deciding, doors, steps
from envelopes.actions.staff import actor_of
from envelopes.records import history
from envelopes.records.history import Subject
from envelopes.records.models import Application, Contact, Fact, Staff
from envelopes.rules import factors, terms
from envelopes.rules.applications import OPEN, Door, Stage
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.lists import ListFaulty
from envelopes.rules.mobiles import written
from envelopes.rules.names import same_company, search_form
from envelopes.rules.people import Actor, Role, may_enter_address, roles_from
from envelopes.rules.schedule import jst_day
from envelopes.services import Services
from portal import mobiles, registry_file
from portal import registry_views as views
from portal.errors import STATUS
from portal.phrases import _, both, reason
from portal.respond import answer, file, form, move, path, services, told
from portal.staff import nav, require_staff
from portal.staff_views import Choice
from portal.uploads import uploaded
from portal.views import FieldError, Happening

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
        contacts=tuple(_contact_row(one, now) for one in found[:_ROWS]),
        here_url=path(*BASE),
        import_url=path(*BASE, "import") if keeps else None,
        export_url=path(*BASE, "list.csv"),
        asked=asked,
        more=len(found) > _ROWS,
        notice=_notice(request),
    )
    return answer(request, page)


def _notice(request: web.Request) -> str | None:
    count = request.query.get("invited", "")
    if not (count.isascii() and count.isdigit()):
        return None
    return _("{count}件の申請を作り、確認をお願いするメールを送ります。", count=int(count))


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


def _contact_row(row: Contact, now: datetime) -> views.ContactRow:
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


# One application


async def application(request: web.Request) -> web.Response:
    """What was applied for, and what this person may do about it."""
    staff = await require_staff(request)
    return answer(request, await _application(request, staff))


async def _application(request: web.Request, staff: Staff) -> views.RegistryApplication:
    provided, actor = services(request), actor_of(staff)
    row = await steps.find(request.match_info["ref"])
    base, stage = (*BASE, "applications", row.ref), Stage(row.stage)
    hindrance = await _hindrance(request, actor, row)
    keeps, is_open = Role.REGISTRAR in actor.roles, stage in OPEN
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
        history=await _happenings(Subject.APPLICATION, row.id),
        check_url=path(*base, "check") if stage is Stage.PROVED and keeps else None,
        approve_url=path(*base, "approve") if stage is Stage.CHECKED and hindrance is None else None,
        return_url=path(*base, "return") if is_open and (keeps or hindrance is None) else None,
        hindrance=hindrance if stage is Stage.CHECKED else None,
        contact_url=path(*BASE, contact.ref) if contact else None,
        remarks=await _remarks(provided, row) if is_open else (),
        limit=provided.policy.reason_characters,
        hours=int(provided.policy.address_wait.total_seconds() // 3600),
    )


async def _hindrance(request: web.Request, actor: Actor, row: Application) -> str | None:
    """Why this person may not approve it, in words, or None if he may."""
    why = deciding.may_approve(actor, row)
    if why is not None:
        return reason(why)
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
    staff = await require_staff(request)
    await deciding.check(services(request), actor_of(staff), request.match_info["ref"])
    return move(*BASE, "applications", request.match_info["ref"])


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


_MENDED: Final = frozenset({Reason.CALL_BACK_MISSING, Reason.REASON_MISSING, Reason.REASON_TOO_LONG})


async def _again(
    request: web.Request, staff: Staff, refused: Refused, *, field: str, typed: str
) -> web.Response:
    """The page once more with what is to be mended; what cannot be mended there is raised."""
    if refused.reason not in _MENDED:
        raise refused
    error = FieldError(text=told(request, refused), field=field)
    page = replace(await _application(request, staff), errors=(error,), typed=typed)
    return answer(request, page, status=422)


# One entry


async def contact(request: web.Request) -> web.Response:
    """One entry and its history."""
    staff = await require_staff(request)
    return answer(request, await _contact(request, staff))


async def _contact(request: web.Request, staff: Staff) -> views.RegistryContact:
    provided = services(request)
    row, now = await registry.find(request.match_info["ref"]), provided.now()
    shown = _contact_row(row, now)
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
    await usual.choose(services(request), actor_of(staff), ref, method)
    return move(*BASE, ref)


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
    said = list(await _happenings(Subject.APPLICATION, origin.id)) if origin else []
    for one in await Contact.filter(email_look_up=row.email_look_up):
        said += await _happenings(Subject.CONTACT, one.id)
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
    await authenticators.take_back(services(request), actor_of(staff), ref)
    return move(*BASE, ref)


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
        page = replace(await _contact(request, staff), errors=(error,), typed_email=email, typed_why=why)
        return answer(request, page, status=422)
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
        page = await _contact(request, staff)
        page = replace(page, errors=(error,), typed_mobile=typed, typed_source=source)
        return answer(request, page, status=422)
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
    return await _done(request, staff, work, "call_back")


async def end_mobile(request: web.Request) -> web.Response:
    """Take a number away, or send it back."""
    staff, posted = await require_staff(request), await form(request)
    name = mobiles.STOP if mobiles.STOP in posted else mobiles.REJECT
    ref = request.match_info["mobile"]
    work = numbers.end(services(request), actor_of(staff), ref, reason=posted.get(name, ""))
    return await _done(request, staff, work, name)


async def _done(request: web.Request, staff: Staff, work: Awaitable[object], field: str) -> web.Response:
    """The entry's page after *work*; what can be mended in *field* is said there."""
    try:
        await work
    except Refused as refused:
        if refused.reason not in _MENDED:
            raise
        error = FieldError(text=told(request, refused), field=field)
        return answer(request, replace(await _contact(request, staff), errors=(error,)), status=422)
    return move(*BASE, request.match_info["ref"])


_ABOUT_WHY: Final = frozenset({Reason.ADDRESS_FREE, Reason.ADDRESS_CARRIER, Reason.REASON_TOO_LONG})


async def _noted(request: web.Request, verb: Any, name: str, *, field: str = "") -> web.Response:
    """Do what needs a note: the verb calls it *name*, the form *field* or the same."""
    field = field or name
    staff, posted = await require_staff(request), await form(request)
    ref = request.match_info["ref"]
    work = verb(services(request), actor_of(staff), ref, **{name: posted.get(field, "")})
    return await _done(request, staff, work, field)


# Histories in words

_WORDS: Final[Mapping[str, str]] = {
    "applied": _("登録の申請がありました"),
    "agreed": _("電子契約を行うことを承諾しました"),
    "proved": _("確認コードでアドレスを確かめました"),
    "checked": _("申請の内容を確かめました"),
    "approved": _("折り返し確かめて、承認しました"),
    "returned": _("差し戻しました"),
    "registered": _("台帳に登録しました"),
    "replaced": _("新しい登録に替わりました"),
    "to be replaced": _("新しいアドレスの使用開始の時に、台帳から外れることになりました"),
    "stands again": _("新しいアドレスの登録が取りやめになり、このアドレスを使い続けます"),
    "ended": _("台帳から外しました"),
    "consent withdrawn": _("電子契約の承諾が取りやめられました"),
    usual.CHOSEN: _("本人確認の既定を変えました"),
    "mobile put forward": _("携帯電話の番号を届け出ました"),
    "mobile approved": _("折り返し確かめて、携帯電話の番号を承認しました"),
    "mobile ended": _("携帯電話の番号を使えなくしました"),
    authenticators.SET_UP: _("認証アプリが登録されました"),
    authenticators.LOST: _("認証アプリをなくしたとの申し出を記録しました"),
    authenticators.FOUND: _("認証アプリをなくしたとの申し出を取り下げました"),
    authenticators.ENDED: _("折り返し確かめて、認証アプリを解除しました"),
    "address dead": _("メールが届かないため、使えないアドレスになりました"),
    "address alive": _("メールが届くことが確かめられました"),
}


async def _happenings(subject: Subject, subject_id: int) -> tuple[Happening, ...]:
    """Every fact of a subject in words, newest first."""
    facts = await history.payloads(subject, subject_id)
    names = {f"staff:{one.ref}": one.name for one in await Staff.all()}
    return tuple(
        Happening(at=fact.at, text=_text(fact, payload), who=_actor(fact, names))
        for fact, payload in reversed(facts)
    )


def _text(fact: Fact, payload: Mapping[str, Any]) -> str:
    words, why = _WORDS.get(fact.kind, fact.kind), payload.get("reason")
    if number := payload.get("number") if fact.kind.startswith("mobile") else None:
        words = _("{words}（{number}）", words=words, number=number)
    if fact.kind == usual.CHOSEN:
        return _("{words}：{reason}", words=words, reason=_usual(payload.get("method", "")))
    if not why:
        return words
    said = reason(Reason(why)) if why in set(Reason) else why
    return _("{words}：{reason}", words=words, reason=said)


def _usual(method: str) -> str:
    return both(partial(factors.called, Method(method))) if method else _("登録に合わせる")


def _actor(fact: Fact, names: Mapping[str, str]) -> str:
    if fact.actor == str(steps.APPLICANT):
        return _("申請者")
    return names.get(fact.actor, _("自動処理") if fact.actor == "worker" else _("サーバーのコマンド"))


# Lists


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
        wishes = doors.read_list(provided, await uploaded(request, most=provided.policy.list_bytes))
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
