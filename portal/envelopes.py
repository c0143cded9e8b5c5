"""One envelope on its page: how it stands, what can be done, its files and its history."""

import secrets
from datetime import date, timedelta
from typing import Final

from aiohttp import web

from envelopes.actions import staff as act
from envelopes.records import store
from envelopes.records.models import Delivery as DeliveryRow
from envelopes.records.models import Signer, Staff
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.people import Role, may_have_evidence, roles_from
from envelopes.rules.returns import WORDS, DeliveryState, meaning_of
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import FINAL, Event, Task, permits
from envelopes.services import Services
from portal import chronicle, papers, views
from portal.phrases import _
from portal.respond import answer, file, form, move, path, services, told
from portal.staff import money, nav, phase, require_staff, version, visible
from portal.views import Delivery, FieldError, Phase, Seat
from portal.visit import kind_of, party_of


async def envelope(request: web.Request) -> web.Response:
    """S3: one envelope."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
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
        evidence_url=path(*base, "evidence") if _has_evidence(staff, shot) else None,
        reason_limit=provided.policy.reason_characters,
        typed_reason=typed,
        errors=errors,
    )


def _has_evidence(staff: Staff, shot: Snapshot) -> bool:
    may = may_have_evidence(act.actor_of(staff), section_id=shot.envelope.section_id)
    return may and shot.envelope.completed_at is not None


async def _unsigned(shot: Snapshot, index: int) -> views.File:
    item = shot.documents[index]
    revisions = await store.segments(item.id)
    size = revisions[0].length if revisions else item.base.size
    url = path("staff", "envelopes", shot.envelope.ref, str(item.position), "pdf")
    return views.File(title=item.title, url=url, size=size)


async def _signed(shot: Snapshot) -> tuple[views.File, ...]:
    files = []
    for item in shot.papers:
        place = ("certificate.pdf",) if item is shot.certificate else (str(item.position), "signed.pdf")
        url = path("staff", "envelopes", shot.envelope.ref, *place)
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
    elif signer.asked_at or shot.state in FINAL:
        seat = Seat.NOT_SIGNED
    failed = sent if sent is not None and sent.state == DeliveryState.FAILED.value else None
    return views.SignerLine(
        position=signer.position,
        party=party_of(signer),
        address=signer.email,
        seat=seat,
        at=signer.consented_at or (shot.envelope.ended_on if refused else None),
        delivery=_DELIVERY[DeliveryState(sent.state)] if sent else None,
        why=WORDS[meaning_of(failed.code, failed.answer)][0] if failed else "",
        delivered_at=sent.updated_at if sent and sent.state == "delivered" else None,
        trouble=_(
            "電話で相手方に確かめ、直ったら依頼を送り直してください。アドレスが変わるときは、台帳も直してください。"
        )
        if failed
        else "",
    )


_DELIVERY: Final = {
    DeliveryState.QUEUED: Delivery.SENDING,
    DeliveryState.RETRY: Delivery.SENDING,
    DeliveryState.DELIVERED: Delivery.ACCEPTED,
    DeliveryState.DELAYED: Delivery.DELAYED,
    DeliveryState.FAILED: Delivery.UNDELIVERED,
}


async def extend(request: web.Request) -> web.Response:
    """Move the deadline."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
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
            version=version(posted),
            deadline_on=deadline,
        )
    except Refused as refused:
        return await _envelope_again(request, staff, refused, "deadline_on")
    return move("staff", "envelopes", shot.envelope.ref)


async def cancel(request: web.Request) -> web.Response:
    """End the envelope with a reason."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    posted = await form(request)
    reason = posted.get("reason", "")
    try:
        await act.cancel(
            services(request), act.actor_of(staff), shot.envelope.ref, version=version(posted), reason=reason
        )
    except Refused as refused:
        return await _envelope_again(request, staff, refused, "reason", typed=reason)
    return move("staff", "envelopes", shot.envelope.ref)


async def reissue(request: web.Request) -> web.Response:
    """A new link for the contractor whose turn it is."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    posted = await form(request)
    try:
        await act.reissue(services(request), act.actor_of(staff), shot.envelope.ref, version=version(posted))
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
    return answer(request, page, status=422 if about_field else 409)


async def image(request: web.Request) -> web.Response:
    """A page image."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    item = papers.document(shot, request.match_info["number"])
    page, width = int(request.match_info["page"]), int(request.match_info["width"])
    return await papers.image(services(request), item, page, width)


async def pdf(request: web.Request) -> web.Response:
    """署名前の文書."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    item = papers.document(shot, request.match_info["number"])
    return file(await papers.prepared(services(request), item), name=f"署名前_{item.title}.pdf")


async def signed_pdf(request: web.Request) -> web.Response:
    """The signed file, while the window is open; a half-signed one is shown to nobody."""
    shot = await _concluded(request)
    item = papers.document(shot, request.match_info["number"])
    return file(await papers.signed(services(request), item), name=f"{item.title}.pdf")


async def certificate(request: web.Request) -> web.Response:
    """締結証明書, while the window is open."""
    item = papers.certificate(await _concluded(request))
    return file(await papers.signed(services(request), item), name=f"{item.title}.pdf")


async def _concluded(request: web.Request) -> Snapshot:
    """The envelope, if its files may be had. Raises Refused(WINDOW_OVER)."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    ends = shot.envelope.window_ends_at
    if ends is None or services(request).now() > ends:
        raise Refused(Reason.WINDOW_OVER)
    return shot
