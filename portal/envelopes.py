"""One envelope on its page: how it stands, what can be done, its files and its history."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from aiohttp import web

from envelopes.actions import access_codes as codes
from envelopes.actions import changing, chronicle, reachable
from envelopes.actions import staff as act
from envelopes.actions.changing import HandedOver
from envelopes.records import store
from envelopes.records.models import Signer, Sms, Staff
from envelopes.records.store import Snapshot
from envelopes.rules import factors, sms
from envelopes.rules.dates import parse_deadline
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.people import Role, may_have_evidence, roles_from
from envelopes.rules.returns import DeliveryState, meaning_of, meant
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import FINAL, Event, permits
from envelopes.services import Services
from portal import access_codes, identity, papers, readdressing, staff_views, views
from portal.phrases import _, both
from portal.respond import answer, file, form, move, path, services, told
from portal.staff import money, nav, phase, require_staff, version, visible, window_is_over
from portal.staff_views import Delivery, Phase, Seat
from portal.views import FieldError
from portal.visit import kind_of, party_of


async def envelope(request: web.Request) -> web.Response:
    """S3: one envelope."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    if phase(shot) is Phase.DRAFT:
        return move("staff", "drafts", shot.envelope.ref)
    return answer(request, await _envelope(services(request), staff, shot))


async def _envelope(
    provided: Services,
    staff: Staff,
    shot: Snapshot,
    *errors: FieldError,
    posted: Mapping[str, str] | None = None,
) -> staff_views.Envelope:
    row, base, typed = shot.envelope, ("staff", "envelopes", shot.envelope.ref), posted or {}
    works = act.works_on(staff, shot)
    today, turn = jst_day(provided.now()), shot.turn
    may_sign = turn is not None and turn.staff_id == staff.id and permits(shot.state, Event.CONSENTED)
    reissues = works and turn is not None and turn.staff_id is None and permits(shot.state, Event.REISSUED)
    reissues = reissues and turn is not None and turn.paused_at is None
    handed_over = await changing.hand_overs(row.id)
    over = window_is_over(provided, shot)
    earliest = max(today, row.deadline_on + timedelta(days=1))
    latest = today + timedelta(days=provided.policy.deadline_max_days)

    def when(event: Event, name: str) -> str | None:
        return path(*base, name) if works and permits(shot.state, event) else None

    return staff_views.Envelope(
        nav=nav(staff),
        number=shot.number,
        title=row.title,
        kind=kind_of(shot),
        phase=phase(shot),
        money=money(row),
        section=shot.section.name,
        drafter=shot.drafter.name,
        deadline_on=row.deadline_on,
        documents=() if over else tuple([await _unsigned(shot, n) for n in range(len(shot.documents))]),
        signers=tuple([await _signer_line(provided, staff, shot, one, handed_over) for one in shot.signers]),
        history=tuple([views.Happening(**one._asdict()) for one in await chronicle.happenings(shot)]),
        version=row.version,
        reason=row.end_reason or "",
        certificate_id=row.certificate_id,
        concluded_on=row.transaction_on,
        signed_files=await _signed(shot) if row.window_ends_at is not None and not over else (),
        window_over=over,
        sign_url=path(*base, "1") if may_sign else None,
        extend_url=when(Event.EXTENDED, "extend") if earliest <= latest else None,
        extend_from=earliest,
        extend_until=latest,
        typed_deadline=typed.get("deadline_on", ""),
        remind_url=path(*base, "remind") if reissues and turn and turn.asked_at else None,
        reissue_url=path(*base, "reissue") if reissues else None,
        cancel_url=when(Event.CANCELLED, "cancel"),
        evidence_url=path(*base, "evidence") if _has_evidence(staff, shot) else None,
        reason_limit=provided.policy.reason_characters,
        typed_reason=typed.get("reason", ""),
        drawing=papers.drawing(shot) if phase(shot) is Phase.PREPARING else None,
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


async def _signer_line(
    provided: Services, staff: Staff, shot: Snapshot, signer: Signer, handed_over: Sequence[HandedOver]
) -> staff_views.SignerLine:
    sent, opened = await reachable.last(signer), await reachable.opened(signer)
    refused = shot.envelope.ended_on is not None and shot.turn is not None and shot.turn.id == signer.id
    refused = refused and phase(shot) in (Phase.RETURNED, Phase.DECLINED)
    seat = Seat.WAITING
    if signer.signed_at:
        seat = Seat.SIGNED
    elif refused:
        seat = Seat.REFUSED
    elif signer.consented_at and phase(shot) is Phase.SIGNING:
        seat = Seat.CONSENTED
    elif signer.asked_at and phase(shot) in (Phase.CONTRACTOR, Phase.VILLAGE):
        seat = Seat.CURRENT
    elif signer.asked_at or shot.state in FINAL:
        seat = Seat.NOT_SIGNED
    code_url, new_code_url = None, None
    if await access_codes.may_tell(staff, shot, signer):
        code_url, new_code_url = access_codes.urls(shot, signer)
        code_url = code_url if await codes.left(provided, signer) else None
    failed = sent if sent is not None and sent.state == DeliveryState.FAILED.value else None
    changes = shot.turn is not None and shot.turn.id == signer.id and signer.paused_at is not None
    return staff_views.SignerLine(
        position=signer.position,
        party=party_of(signer),
        address=signer.email,
        seat=seat,
        at=signer.consented_at or (shot.envelope.ended_on if refused else None),
        delivery=_DELIVERY[DeliveryState(sent.state)] if sent else None,
        why=both(partial(meant, meaning_of(failed.code, failed.answer))) if failed else "",
        opened_on=opened[0] if opened else None,
        opened=opened[1] if opened else 0,
        delivered_at=sent.updated_at if sent and sent.state == "delivered" else None,
        trouble=_(
            "電話で相手方に確かめ、直ったら依頼を送り直してください。アドレスが変わるときは、台帳も直してください。"
        )
        if failed
        else "",
        progress=await readdressing.progress(signer.contact_id) if failed else "",
        correct_url=path("staff", "envelopes", shot.envelope.ref, "address")
        if failed and _may_correct(staff, shot, signer)
        else None,
        identity=both(partial(factors.called, Method(signer.proof))) if signer.contact_id else "",
        identity_url=identity.url(staff, shot, signer),
        sms_trouble=await _sms_trouble(signer) if seat is Seat.CURRENT else "",
        code_url=code_url,
        new_code_url=new_code_url,
        before=tuple([(_former(one), one.at) for one in handed_over if one.signer_ref == signer.ref]),
        change_url=path("staff", "envelopes", shot.envelope.ref, "change") if changes else None,
    )


def _former(one: HandedOver) -> views.Party:
    who = one.said["from"]
    return views.Party(company=who["company"], office=who["office"], person=who["person"])


async def _sms_trouble(signer: Signer) -> str:
    """Why the newest SMS could not be sent, as long as none after it was."""
    row = await Sms.filter(code__signer_id=signer.id).order_by("-id").first()
    if row is None or row.state != DeliveryState.FAILED.value:
        return ""
    why = both(partial(sms.meant, sms.why(row.note)))
    return _("SMSを送れませんでした（{at}）：{why}。", at=row.updated_at, why=why)


def _may_correct(staff: Staff, shot: Snapshot, signer: Signer) -> bool:
    mine = act.works_on(staff, shot) and Role.DRAFTER in roles_from(staff.roles)
    is_asked = shot.turn is not None and shot.turn.id == signer.id and signer.contact_id is not None
    return mine and is_asked and signer.paused_at is None and permits(shot.state, Event.REISSUED)


_DELIVERY: Final = {
    DeliveryState.QUEUED: Delivery.SENDING,
    DeliveryState.RETRY: Delivery.DELAYED,
    DeliveryState.DELIVERED: Delivery.ACCEPTED,
    DeliveryState.DELAYED: Delivery.DELAYED,
    DeliveryState.FAILED: Delivery.UNDELIVERED,
}


async def extend(request: web.Request) -> web.Response:
    """Move the deadline."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    posted = await form(request)
    provided = services(request)
    try:
        day = parse_deadline(posted.get("deadline_on", ""), today=jst_day(provided.now()))
        await act.extend(
            provided, act.actor_of(staff), shot.envelope.ref, version=version(posted), deadline_on=day
        )
    except Refused as refused:
        return await _envelope_again(request, staff, refused, "deadline_on", posted)
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
        return await _envelope_again(request, staff, refused, "reason", posted)
    return move("staff", "envelopes", shot.envelope.ref)


async def remind(request: web.Request) -> web.Response:
    """再送: remind the contractor whose turn it is, by the same link."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    try:
        await act.remind(services(request), act.actor_of(staff), shot.envelope.ref)
    except Refused as refused:
        return await _envelope_again(request, staff, refused, "")
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
    request: web.Request,
    staff: Staff,
    refused: Refused,
    field: str,
    posted: Mapping[str, str] | None = None,
) -> web.Response:
    """The page as it stands now, with what went wrong and what was typed."""
    fresh = await store.snapshot(ref=request.match_info["ref"])
    about_field = refused.reason not in (Reason.STALE, Reason.NOT_PERMITTED, Reason.ROLE_MISSING)
    text = told(request, refused)
    error = FieldError(text=text, field=field if about_field else "")
    page = await _envelope(services(request), staff, fresh, error, posted=posted)
    return answer(request, page, status=422 if about_field else 409)


async def image(request: web.Request) -> web.Response:
    """A page image."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    if window_is_over(services(request), shot):
        raise Refused(Reason.WINDOW_OVER)
    item = papers.document(shot, request.match_info["number"])
    page, width = int(request.match_info["page"]), int(request.match_info["width"])
    return await papers.image(services(request), item, page, width)


async def pdf(request: web.Request) -> web.Response:
    """署名前の文書, until the window is over."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    if window_is_over(services(request), shot):
        raise Refused(Reason.WINDOW_OVER)
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
    if shot.envelope.window_ends_at is None or window_is_over(services(request), shot):
        raise Refused(Reason.WINDOW_OVER)
    return shot
