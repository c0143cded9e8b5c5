"""The staff's pages: sign in, the desk, drafts, envelopes, and the village's signature.

Which button a page offers follows from the table of states and the roles; whether the act is allowed is decided again
in `envelopes.actions.staff`.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

import segno
from aiohttp import web
from tortoise.expressions import Q

from envelopes.actions import signer as sign_act
from envelopes.actions import staff as act
from envelopes.records import sessions, store
from envelopes.records.models import Contact, Envelope, Mail, Signer, Staff
from envelopes.records.models import Delivery as DeliveryRow
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.people import Party, Role, roles_from
from envelopes.rules.reading import Record, Remark
from envelopes.rules.schedule import day_over, jst_day
from envelopes.rules.states import Event, State, Task, permits
from envelopes.services import Services
from envelopes.texts import say
from portal import chronicle, cookies, papers, views
from portal.respond import answer, file, form, move, path, services, told
from portal.signer import kind_of, party_of
from portal.views import Choice, Delivery, FieldError, Money, Phase, Seat, StaffNav

TAXES: Final = {"included": "税込", "excluded": "税抜", "none": ""}
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
_NEAR: Final = timedelta(days=3)
_ROWS: Final = 200  # of one list; older envelopes are found by searching


def nav(staff: Staff) -> StaffNav:
    """Who is signed in."""
    return StaffNav(
        name=staff.name,
        section=staff.section.name,
        desk_url=path("staff"),
        sign_out_url=path("staff", "sign-out"),
    )


async def require_staff(request: web.Request) -> Staff:
    """The member of staff who is signed in; others are sent to the sign-in page."""
    staff = await cookies.signed_in(request)
    if staff is None:
        raise web.HTTPSeeOther(path("staff", "sign-in"))
    return staff


# Sign-in


async def sign_in(request: web.Request) -> web.Response:
    """First factor: address and password."""
    page = views.SignIn(post_url=path("staff", "sign-in"))
    if request.method != "POST":
        return answer(request, page)
    posted = await form(request)
    address = posted.get("address", "")
    try:
        staff = await act.sign_in(services(request), address=address, password=posted.get("password", ""))
    except Refused as refused:
        error = FieldError(text=told(request, refused), field="address")
        return answer(request, replace(page, address=address, errors=(error,)), status=422)
    cookie, _ = await sessions.start(now=services(request).now(), staff_id=staff.id)
    response = move("staff", "code")
    cookies.keep(request, response, cookies.STAFF, cookie)
    return response


async def sign_in_code(request: web.Request) -> web.Response:
    """Second factor: the authenticator's digits, or a recovery code."""
    session = await cookies.staff_session(request)
    if session is None or session.staff_id is None:
        return move("staff", "sign-in")
    page = views.SignInCode(post_url=path("staff", "code"), back_url=path("staff", "sign-in"))
    if request.method != "POST":
        return answer(request, page)
    staff = await Staff.get(id=session.staff_id)
    try:
        await act.second_factor(services(request), staff, (await form(request)).get("code", ""))
    except Refused as refused:
        error = FieldError(text=told(request, refused), field="code")
        return answer(request, replace(page, errors=(error,)), status=422)
    now = services(request).now()
    # A new cookie for the proved session: one that was known before proves nothing.
    await sessions.end(session, now=now)
    cookie, proved = await sessions.start(now=now, staff_id=staff.id)
    await sessions.prove_staff(proved, now=now)
    response = move("staff")
    cookies.keep(request, response, cookies.STAFF, cookie)
    return response


async def sign_out(request: web.Request) -> web.Response:
    """End the session on the server too."""
    session = await cookies.staff_session(request)
    if session is not None:
        await sessions.end(session, now=services(request).now())
    response = move("staff", "sign-in")
    cookies.drop(request, response, cookies.STAFF)
    return response


async def enrol(request: web.Request) -> web.Response:
    """The one-time link: password, QR, six digits; then the recovery codes, once."""
    token, provided = request.match_info["token"], services(request)
    opened = await act.open_enrolment(provided, token)
    page = views.Enrolment(
        name=opened.staff.name,
        address=opened.staff.email,
        post_url=path("staff", "enrol", token),
        qr_url=path("staff", "enrol", token, "qr.svg"),
        secret=" ".join(opened.seed[i : i + 4] for i in range(0, len(opened.seed), 4)),
        password_characters=provided.policy.password_characters,
    )
    if request.method != "POST":
        return answer(request, page)
    posted = await form(request)
    password = posted.get("password", "")
    if password != posted.get("password_again", ""):
        error = FieldError(text="2つのパスワードが同じではありません", field="password_again")
        return answer(request, replace(page, errors=(error,)), status=422)
    try:
        codes = await act.enrol(provided, token, password=password, code=posted.get("code", ""))
    except Refused as refused:
        if refused.reason is Reason.LINK_REPLACED:
            raise
        field = "password" if refused.reason is Reason.PASSWORD_WEAK else "code"
        error = FieldError(text=told(request, refused), field=field)
        return answer(request, replace(page, errors=(error,)), status=422)
    return answer(request, views.RecoveryCodes(codes=codes, next_url=path("staff", "sign-in")))


async def enrol_qr(request: web.Request) -> web.Response:
    """The authenticator's seed as a QR image."""
    opened = await act.open_enrolment(services(request), request.match_info["token"])
    body = segno.make(opened.uri, error="m").svg_inline(scale=5, border=4, xmldecl=False, svgns=True)
    return web.Response(text=body, content_type="image/svg+xml")


# The desk


async def desk(request: web.Request) -> web.Response:
    """What needs doing, by what needs doing."""
    staff = await require_staff(request)
    rows = await _shots(staff)
    now = services(request).now()
    by_phase: dict[Phase, list[Snapshot]] = {}
    for shot in rows:
        by_phase.setdefault(phase(shot), []).append(shot)
    contractor = by_phase.get(Phase.CONTRACTOR, [])
    ended = (Phase.COMPLETED, Phase.RETURNED, Phase.DECLINED, Phase.EXPIRED, Phase.CANCELLED)
    page = views.Desk(
        nav=nav(staff),
        intake_address=services(request).settings.mail.intake,
        drafts=_rows(by_phase.get(Phase.DRAFT, []) + by_phase.get(Phase.PREPARING, [])),
        village=_rows(by_phase.get(Phase.VILLAGE, [])),
        contractor=_rows(contractor),
        near=_rows([one for one in contractor if day_over(one.envelope.deadline_on) - now < _NEAR]),
        undelivered=_rows(await _undelivered(contractor)),
        recent=_rows([one for name in ended for one in by_phase.get(name, [])]),
        stuck=await _stuck(rows),
    )
    return answer(request, page)


async def _shots(staff: Staff) -> list[Snapshot]:
    """The envelopes this person may see: the own section's and those to sign; all for an auditor."""
    query = Envelope.exclude(state=State.DISCARDED.value)
    if Role.AUDITOR not in roles_from(staff.roles):
        to_sign = [seat.envelope_id for seat in await Signer.filter(staff_id=staff.id)]
        query = query.filter(Q(section_id=staff.section_id) | Q(id__in=to_sign))
    rows = await query.order_by("-id").limit(_ROWS).only("id")
    return [await store.snapshot(id=row.id) for row in rows]


def phase(shot: Snapshot) -> Phase:
    """The state in the words of the staff's pages: while it is out, whose signature is awaited."""
    if shot.state in _PHASES:
        return _PHASES[shot.state]
    turn = shot.turn
    return Phase.VILLAGE if turn is not None and turn.staff_id is not None else Phase.CONTRACTOR


def _rows(shots: Sequence[Snapshot]) -> tuple[views.DeskRow, ...]:
    return tuple(_row(shot) for shot in shots)


def _row(shot: Snapshot) -> views.DeskRow:
    envelope, now = shot.envelope, phase(shot)
    where = "drafts" if now in (Phase.DRAFT, Phase.PREPARING) else "envelopes"
    return views.DeskRow(
        number=shot.number,
        title=envelope.title,
        party=envelope.party,
        money=money(envelope),
        phase=now,
        kind=kind_of(shot),
        url=path("staff", where, envelope.ref),
        deadline_on=envelope.deadline_on,
        drafter=shot.drafter.name,
        note=say(Reason(envelope.trouble)) if envelope.trouble else "",
    )


def money(envelope: Envelope) -> Money:
    """The amount as pages show it."""
    return Money(amount=envelope.amount, tax=TAXES.get(envelope.tax, ""))


async def _undelivered(shots: Sequence[Snapshot]) -> list[Snapshot]:
    ids = [shot.envelope.id for shot in shots]
    failed = {row.envelope_id for row in await DeliveryRow.filter(envelope_id__in=ids, state="failed")}
    return [shot for shot in shots if shot.envelope.id in failed]


_WORK: Final = {
    Task.PREPARE: "署名用の文書の作成",
    Task.SIGN: "電子署名",
    Task.TIMESTAMP: "時刻の付与（署名済・時刻付与待ち）",
    Task.PAGES: "ページ画像の作成",
}


async def _stuck(shots: Sequence[Snapshot]) -> tuple[views.Stuck, ...]:
    ids = {shot.envelope.id: shot for shot in shots}
    failing = TaskRow.filter(envelope_id__in=list(ids), failing_since__isnull=False).exclude(state="done")
    return tuple(
        views.Stuck(
            what=f"{ids[row.envelope_id].number} {_WORK.get(Task(row.kind), 'メールの送信')}",
            since=row.failing_since,
            trouble=_trouble(row.error or ""),
            retry_url=path("staff", "tasks", str(row.id), "retry"),
            key=secrets.token_hex(8),
        )
        for row in await failing
        if row.envelope_id is not None and row.failing_since is not None
    )


def _trouble(error: str) -> str:
    known = error in set(Reason)
    return say(Reason(error)) if known else "処理の途中で問題が起きました。自動でもう一度試みます。"


async def retry(request: web.Request) -> web.Response:
    """Try failing work again now."""
    staff = await require_staff(request)
    await act.retry(services(request), act.actor_of(staff), int(request.match_info["task"]))
    return move("staff")


# Drafts


async def draft(request: web.Request) -> web.Response:
    """S4: what was read beside the documents."""
    staff = await require_staff(request)
    shot = await _visible(request, staff)
    if phase(shot) not in (Phase.DRAFT, Phase.PREPARING, Phase.DISCARDED):
        return move("staff", "envelopes", shot.envelope.ref)
    return answer(request, await _draft(services(request), staff, shot))


async def _visible(request: web.Request, staff: Staff) -> Snapshot:
    """The envelope of the path, if this person may see it. Raises Refused(LINK_UNKNOWN)."""
    shot = await store.snapshot(ref=request.match_info["ref"])
    mine = shot.envelope.section_id == staff.section_id or Role.AUDITOR in roles_from(staff.roles)
    if not mine and all(signer.staff_id != staff.id for signer in shot.signers):
        raise Refused(Reason.LINK_UNKNOWN)
    return shot


async def _draft(
    provided: Services, staff: Staff, shot: Snapshot, *errors: FieldError, chosen: str = ""
) -> views.Draft:
    envelope = shot.envelope
    may = bool(roles_from(staff.roles) & {Role.DRAFTER, Role.APPROVER})
    open_to = may and permits(shot.state, Event.CONFIRMED)
    mail = await Mail.filter(id=envelope.mail_id or 0).first()
    reading = Record.from_json(json.loads(envelope.reading))
    choices = await _choices(provided, shot, chosen)
    blocked = [] if may else [say(Reason.ROLE_MISSING)]
    if envelope.trouble:
        blocked.append(say(Reason(envelope.trouble)))
    return views.Draft(
        nav=nav(staff),
        number=shot.number,
        title=envelope.title,
        kind=kind_of(shot),
        phase=phase(shot),
        received_at=mail.arrived_at if mail else envelope.opened_at,
        drafter=shot.drafter.name,
        readings=_readings(reading),
        signers=tuple([await _draft_signer(one) for one in shot.signers if one.party == Party.CONTRACTOR]),
        village_signers=choices,
        documents=tuple(
            [
                await papers.view(
                    provided, item, path("staff", "envelopes", envelope.ref, str(item.position))
                )
                for item in shot.documents
            ]
        ),
        version=envelope.version,
        key=secrets.token_hex(8),
        confirm_url=path("staff", "drafts", envelope.ref, "confirm") if open_to else None,
        discard_url=path("staff", "drafts", envelope.ref, "discard") if open_to else None,
        warnings=_warnings(shot, reading),
        blocked=tuple(blocked),
        errors=errors,
    )


def _readings(reading: Record) -> tuple[views.Reading, ...]:
    return tuple(
        views.Reading(label=one.label, value=one.value, source=one.source, line=one.line or None)
        for one in reading.lines
    )


_ADDRESS_NOTES: Final = {
    "free": "フリーメールのアドレスです。",
    "carrier": "携帯会社のアドレスです。2MBを超える文書は添付されません。",
}


async def _draft_signer(signer: Signer) -> views.DraftSigner:
    contact = await Contact.filter(id=signer.contact_id or 0).first()
    kinds = {
        "free": "フリーメールのアドレスです。",
        "carrier": "携帯会社のアドレスです。2MBを超える文書は添付されません。",
    }
    note = kinds.get(signer.address_kind, "")
    if note and contact and contact.reason:
        note += f"登録の理由：{contact.reason}"
    return views.DraftSigner(
        position=signer.position, party=party_of(signer), address=signer.email, note=note
    )


async def _choices(provided: Services, shot: Snapshot, chosen: str) -> tuple[Choice, ...]:
    if kind_of(shot) is not views.Kind.CONTRACT:
        return ()
    candidates = await act.village_candidates(provided, shot)
    able = [one for one in candidates if one.hindrance is None]
    picked = chosen or (able[0].staff.ref if able else "")
    return tuple(
        Choice(
            value=one.staff.ref,
            label=f"{one.staff.section.name}　{one.staff.office}　{one.staff.name}",
            chosen=one.staff.ref == picked,
            disabled=one.hindrance is not None,
            note=say(one.hindrance) if one.hindrance else "",
        )
        for one in candidates
    )


def _said(remark: Remark) -> str:
    details: dict[str, Any] = dict(remark.details)
    return say(remark.reason, **details)


def _warnings(shot: Snapshot, reading: Record) -> tuple[str, ...]:
    found = [_said(warning) for warning in reading.warnings]
    for item in shot.documents:
        found += [f"文書{item.position}：{say(Reason(code))}" for code in item.warnings.split(",") if code]
    return tuple(found)


async def confirm(request: web.Request) -> web.Response:
    """内容を確認して送信する."""
    staff = await require_staff(request)
    shot = await _visible(request, staff)
    posted, provided = await form(request), services(request)
    chosen = posted.get("village_signer", "")
    reading = Record.from_json(json.loads(shot.envelope.reading))
    if _warnings(shot, reading) and not posted.get("acknowledged"):
        error = FieldError(text="注意する点を確かめて、チェックを入れてください", field="acknowledged")
        return answer(request, await _draft(provided, staff, shot, error, chosen=chosen), status=422)
    try:
        await act.confirm(
            provided,
            act.actor_of(staff),
            shot.envelope.ref,
            version=_version(posted),
            village_signer=chosen,
        )
    except Refused as refused:
        error = FieldError(text=told(request, refused))
        fresh = await store.snapshot(ref=shot.envelope.ref)
        return answer(request, await _draft(provided, staff, fresh, error, chosen=chosen), status=409)
    return move("staff", "envelopes", shot.envelope.ref)


def _version(posted: dict[str, str]) -> int:
    version = posted.get("version", "")
    return int(version) if version.isascii() and version.isdigit() else -1


async def discard(request: web.Request) -> web.Response:
    """Throw the draft away."""
    staff = await require_staff(request)
    posted = await form(request)
    await act.discard(
        services(request), act.actor_of(staff), request.match_info["ref"], version=_version(posted)
    )
    return move("staff")


# Envelopes


async def envelope(request: web.Request) -> web.Response:
    """S3: one envelope."""
    staff = await require_staff(request)
    shot = await _visible(request, staff)
    if phase(shot) is Phase.DRAFT:
        return move("staff", "drafts", shot.envelope.ref)
    return answer(request, await _envelope(services(request), staff, shot))


async def _envelope(
    provided: Services, staff: Staff, shot: Snapshot, *errors: FieldError, typed: str = ""
) -> views.Envelope:
    row, base = shot.envelope, ("staff", "envelopes", shot.envelope.ref)
    works = bool(roles_from(staff.roles) & {Role.DRAFTER, Role.APPROVER})
    works = works and staff.section_id == row.section_id
    today, turn = jst_day(provided.now()), shot.turn
    may_sign = turn is not None and turn.staff_id == staff.id and permits(shot.state, Event.CONSENTED)
    reissues = works and turn is not None and turn.staff_id is None and permits(shot.state, Event.REISSUED)
    window_open = row.window_ends_at is not None and provided.now() <= row.window_ends_at

    def when(event: Event, name: str) -> str | None:
        return path(*base, name) if works and permits(shot.state, event) else None

    return views.Envelope(
        nav=nav(staff),
        number=shot.number,
        title=row.title,
        kind=kind_of(shot),
        phase=phase(shot),
        money=money(row),
        section=shot.section.name,
        drafter=shot.drafter.name,
        deadline_on=row.deadline_on,
        documents=tuple([await _unsigned(shot, number) for number in range(len(shot.documents))]),
        signers=tuple([await _signer_line(shot, one) for one in shot.signers]),
        history=await chronicle.happenings(shot),
        version=row.version,
        key=secrets.token_hex(8),
        reason=row.end_reason or "",
        certificate_id=row.certificate_id,
        concluded_on=row.transaction_on,
        signed_files=await _signed(shot) if window_open else (),
        sign_url=path(*base, "1") if may_sign else None,
        extend_url=when(Event.EXTENDED, "extend"),
        extend_from=max(today, row.deadline_on),
        extend_until=today + timedelta(days=provided.policy.deadline_max_days),
        reissue_url=path(*base, "reissue") if reissues else None,
        cancel_url=when(Event.CANCELLED, "cancel"),
        reason_limit=provided.policy.reason_characters,
        typed_reason=typed,
        errors=errors,
    )


async def _unsigned(shot: Snapshot, index: int) -> views.File:
    item = shot.documents[index]
    revisions = await store.segments(item.id)
    size = revisions[0].length if revisions else item.base.size
    url = path("staff", "envelopes", shot.envelope.ref, str(item.position), "pdf")
    return views.File(title=item.title, url=url, size=size)


async def _signed(shot: Snapshot) -> tuple[views.File, ...]:
    files = []
    for item in shot.documents:
        url = path("staff", "envelopes", shot.envelope.ref, str(item.position), "signed.pdf")
        files.append(views.File(title=item.title, url=url, size=await papers.signed_size(item)))
    return tuple(files)


async def _signer_line(shot: Snapshot, signer: Signer) -> views.SignerLine:
    asked = DeliveryRow.filter(signer_id=signer.id, mail__in=[Task.REQUEST_MAIL, Task.NEW_LINK_MAIL])
    sent = await asked.order_by("-id").first()
    refused = shot.envelope.ended_on is not None and shot.turn is not None and shot.turn.id == signer.id
    refused = refused and phase(shot) in (Phase.RETURNED, Phase.DECLINED)
    seat = Seat.WAITING
    if signer.signed_at:
        seat = Seat.SIGNED
    elif refused:
        seat = Seat.REFUSED
    elif signer.asked_at and phase(shot) in (Phase.CONTRACTOR, Phase.VILLAGE, Phase.SIGNING):
        seat = Seat.CURRENT
    failed = sent is not None and sent.state == "failed"
    return views.SignerLine(
        position=signer.position,
        party=party_of(signer),
        address=signer.email,
        seat=seat,
        at=signer.consented_at or (shot.envelope.ended_on if refused else None),
        delivery=_delivery(sent) if sent else None,
        delivered_at=sent.updated_at if sent and sent.state == "delivered" else None,
        trouble="電話で相手方に確かめ、正しいアドレスを台帳に登録してください。" if failed else "",
    )


# RFC 3463: what the enhanced status of a refusal says about the receiving mailbox.
_NO_SUCH: Final = ("5.1.1", "5.1.2", "5.1.10")


def _delivery(row: DeliveryRow) -> Delivery:
    if row.state == "delivered":
        return Delivery.ACCEPTED
    if row.state != "failed":
        return Delivery.SENDING
    if (row.code or "").startswith(_NO_SUCH):
        return Delivery.NO_SUCH_ADDRESS
    return Delivery.REFUSED if row.code else Delivery.OUR_FAULT


async def extend(request: web.Request) -> web.Response:
    """Move the deadline."""
    staff = await require_staff(request)
    shot = await _visible(request, staff)
    posted = await form(request)
    try:
        deadline = date.fromisoformat(posted.get("deadline_on", ""))
    except ValueError:
        return await _envelope_again(request, staff, Refused(Reason.DEADLINE_UNREADABLE), "deadline_on")
    try:
        await act.extend(
            services(request),
            act.actor_of(staff),
            shot.envelope.ref,
            version=_version(posted),
            deadline_on=deadline,
        )
    except Refused as refused:
        return await _envelope_again(request, staff, refused, "deadline_on")
    return move("staff", "envelopes", shot.envelope.ref)


async def cancel(request: web.Request) -> web.Response:
    """End the envelope with a reason."""
    staff = await require_staff(request)
    shot = await _visible(request, staff)
    posted = await form(request)
    reason = posted.get("reason", "")
    try:
        await act.cancel(
            services(request), act.actor_of(staff), shot.envelope.ref, version=_version(posted), reason=reason
        )
    except Refused as refused:
        return await _envelope_again(request, staff, refused, "reason", typed=reason)
    return move("staff", "envelopes", shot.envelope.ref)


async def reissue(request: web.Request) -> web.Response:
    """A new link for the contractor whose turn it is."""
    staff = await require_staff(request)
    shot = await _visible(request, staff)
    posted = await form(request)
    try:
        await act.reissue(services(request), act.actor_of(staff), shot.envelope.ref, version=_version(posted))
    except Refused as refused:
        return await _envelope_again(request, staff, refused, "")
    return move("staff", "envelopes", shot.envelope.ref)


async def _envelope_again(
    request: web.Request, staff: Staff, refused: Refused, field: str, *, typed: str = ""
) -> web.Response:
    """The page as it stands now, with what went wrong."""
    fresh = await store.snapshot(ref=request.match_info["ref"])
    about_field = refused.reason not in (Reason.STALE, Reason.NOT_PERMITTED, Reason.ROLE_MISSING)
    text = told(request, refused)
    error = FieldError(text=text, field=field if about_field else "")
    page = await _envelope(services(request), staff, fresh, error, typed=typed)
    return answer(request, page, shot=fresh, status=422 if about_field else 409)


async def image(request: web.Request) -> web.Response:
    """A page image."""
    staff = await require_staff(request)
    shot = await _visible(request, staff)
    item = papers.document(shot, request.match_info["number"])
    page, width = int(request.match_info["page"]), int(request.match_info["width"])
    return await papers.image(services(request), item, page, width)


async def pdf(request: web.Request) -> web.Response:
    """署名前の文書."""
    staff = await require_staff(request)
    shot = await _visible(request, staff)
    item = papers.document(shot, request.match_info["number"])
    return file(await papers.prepared(services(request), item), name=f"署名前_{item.title}.pdf")


async def signed_pdf(request: web.Request) -> web.Response:
    """The signed file, while the window is open; a half-signed one is shown to nobody."""
    staff = await require_staff(request)
    shot = await _visible(request, staff)
    ends = shot.envelope.window_ends_at
    if ends is None or services(request).now() > ends:
        raise Refused(Reason.WINDOW_OVER)
    item = papers.document(shot, request.match_info["number"])
    return file(await papers.signed(services(request), item), name=f"{item.title}.pdf")


# The village's signature


async def viewer(request: web.Request) -> web.Response:
    """The documents as the village's signer reads them; his reading is noted."""
    staff = await require_staff(request)
    shot = await _visible(request, staff)
    item = papers.document(shot, request.match_info["number"])
    seat = next((one for one in shot.signers if one.staff_id == staff.id), None)
    turn = seat is not None and shot.turn is not None and shot.turn.id == seat.id
    seen: frozenset[int] = frozenset({item.id})
    if seat is not None and turn and request.method == "GET":
        await sign_act.view(services(request), seat, item.id)
        seen |= await sign_act.seen(seat)
    page = views.StaffViewer(
        nav=nav(staff),
        number=shot.number,
        title=shot.envelope.title,
        deadline_on=shot.envelope.deadline_on,
        envelope_url=path("staff", "envelopes", shot.envelope.ref),
        tabs=_tabs(shot, seen),
        document=await papers.view(
            services(request), item, path("staff", "envelopes", shot.envelope.ref, str(item.position))
        ),
        confirm_url=path("staff", "envelopes", shot.envelope.ref, "sign")
        if turn and permits(shot.state, Event.CONSENTED)
        else None,
    )
    return answer(request, page, shot=shot)


def _tabs(shot: Snapshot, seen: frozenset[int]) -> tuple[views.DocumentTab, ...]:
    return papers.tabs(
        shot, seen, lambda item: path("staff", "envelopes", shot.envelope.ref, str(item.position))
    )


async def sign(request: web.Request) -> web.Response:
    """The last question, with the authenticator's digits asked for again; then the consent."""
    staff = await require_staff(request)
    shot = await _visible(request, staff)
    seat = act.seat_of(act.actor_of(staff), shot)
    if seat.consented_at is not None:
        return move("staff", "envelopes", shot.envelope.ref)
    if request.method != "POST":
        sign_act.require_open(shot, seat, now=services(request).now())
        return answer(request, await _sign(staff, shot, seat), shot=shot)
    posted = await form(request)
    try:
        await act.sign(
            services(request),
            staff,
            shot.envelope.ref,
            offer=posted.get("offer", ""),
            code=posted.get("code", ""),
        )
    except Refused as refused:
        field = "code" if refused.reason is Reason.TOTP_WRONG else ""
        error = FieldError(text=told(request, refused), field=field)
        fresh = await store.snapshot(ref=shot.envelope.ref)
        return answer(request, await _sign(staff, fresh, seat, error), shot=fresh, status=422)
    return move("staff", "envelopes", shot.envelope.ref)


async def _sign(staff: Staff, shot: Snapshot, seat: Signer, *errors: FieldError) -> views.StaffSign:
    offered = await sign_act.offered(shot)
    base = ("staff", "envelopes", shot.envelope.ref)
    confirmation = views.Confirmation(
        party=party_of(seat),
        kind=kind_of(shot),
        documents=_tabs(shot, await sign_act.seen(seat)),
        waits_for=tuple(one.company for one in shot.signers if one.position > seat.position),
        complete_url=path(*base, "sign"),
        back_url=path(*base, "1"),
        offer=sign_act.offer_digest(shot, seat, offered),
        key=secrets.token_hex(8),
    )
    return views.StaffSign(
        nav=nav(staff),
        number=shot.number,
        title=shot.envelope.title,
        counterparty=shot.envelope.party,
        money=money(shot.envelope),
        confirmation=confirmation,
        errors=errors,
    )
