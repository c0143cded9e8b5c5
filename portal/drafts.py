"""Drafts: what was read from a mail beside the documents, checked and sent or thrown away."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from aiohttp import web

from envelopes.actions import reachable, revising
from envelopes.actions import staff as act
from envelopes.records import store
from envelopes.records.models import Contact, Document, Envelope, Mail, Signer, Staff
from envelopes.records.store import Snapshot
from envelopes.rules.addresses import AddressKind
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.exclusions import QUESTIONS
from envelopes.rules.factors import Method
from envelopes.rules.keys import Key
from envelopes.rules.people import Party, Role, roles_from
from envelopes.rules.reading import Record, Remark
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import Event, permits
from envelopes.services import Services
from envelopes.texts import ANSWERS
from portal import corrections, identity, papers, staff_views, views
from portal.phrases import _, both, joined, reason, remark, size, trouble
from portal.respond import answer, form, move, path, services, told
from portal.staff import nav, phase, require_staff, version, visible
from portal.staff_views import Choice, Phase
from portal.views import DocumentView, FieldError
from portal.visit import kind_of, party_of

_SHEETS: Final = 3 * views.AT_ONCE  # pages of all documents together; with more a draft's page grows heavy


async def draft(request: web.Request) -> web.Response:
    """S4: what was read beside the documents."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    if phase(shot) not in (Phase.DRAFT, Phase.PREPARING, Phase.DISCARDED):
        return move("staff", "envelopes", shot.envelope.ref)
    return answer(request, await _draft(services(request), staff, shot))


async def _draft(
    provided: Services,
    staff: Staff,
    shot: Snapshot,
    *errors: FieldError,
    posted: Mapping[str, str] | None = None,
    correcting: bool = False,
) -> staff_views.Draft:
    envelope, given = shot.envelope, posted or {}
    may = bool(roles_from(staff.roles) & {Role.DRAFTER, Role.APPROVER})
    at_home = envelope.section_id == staff.section_id
    mine = permits(shot.state, Event.CONFIRMED) and act.may_change(act.actor_of(staff), shot)
    open_to = may and permits(shot.state, Event.CONFIRMED)
    mail = await Mail.filter(id=envelope.mail_id or 0).first()
    reading = Record.from_json(json.loads(envelope.reading))
    choices = await _choices(provided, shot, given.get("village_signer", "") or reading.village_signer)
    blocked = [] if may else [reason(Reason.ROLE_MISSING)]
    if open_to and not at_home:
        blocked.append(reason(Reason.SECTION_ELSEWHERE, section=shot.section.name))
    if envelope.trouble:
        blocked.append(trouble(envelope.trouble))
    if open_to and await reachable.is_dead([one.contact_id for one in shot.signers]):
        blocked.append(reason(Reason.RECIPIENT_DEAD))
    return staff_views.Draft(
        nav=nav(staff),
        number=shot.number,
        title=envelope.title,
        kind=kind_of(shot),
        phase=phase(shot),
        received_at=mail.arrived_at if mail else envelope.opened_at,
        drafter=shot.drafter.name,
        readings=_readings(reading),
        signers=tuple(
            [
                await _draft_signer(provided, one, given)
                for one in shot.signers
                if one.party == Party.CONTRACTOR
            ]
        ),
        village_signers=choices,
        documents=tuple(
            [await _document(provided, envelope, item, apart=apart) for item, apart in _laid_out(shot)]
        ),
        version=envelope.version,
        confirm_url=path("staff", "drafts", envelope.ref, "confirm") if open_to and at_home else None,
        discard_url=path("staff", "drafts", envelope.ref, "discard") if mine else None,
        revise_url=path("staff", "drafts", envelope.ref, "revise") if mine else None,
        corrections=corrections.fields(envelope, reading, provided.policy, given if correcting else None),
        correcting=correcting,
        exclusions=_exclusions(reading, given),
        drawing=papers.drawing(shot) if phase(shot) is not Phase.DISCARDED else None,
        warnings=tuple(remark(one) for one in _warnings(reading)),
        acknowledged=bool(given.get("acknowledged")),
        blocked=tuple(blocked),
        errors=errors,
    )


def _laid_out(shot: Snapshot) -> Iterator[tuple[Document, bool]]:
    """Each document, and whether its pages have no room on the draft's page."""
    room = _SHEETS
    for item in shot.documents:
        shown = min(item.page_count, views.AT_ONCE)
        yield item, shown > room
        room -= shown if shown <= room else 0


async def _document(provided: Services, envelope: Envelope, item: Document, *, apart: bool) -> DocumentView:
    """A document with what was odd about its file."""
    base = path("staff", "envelopes", envelope.ref, str(item.position))
    if apart:
        size = await papers.prepared_size(item)
        seen = await papers.laid_out(provided, item, base, size=size, images=(), text=None)
    else:
        seen = await papers.view(provided, item, base)
    notes = tuple(reason(Reason(one)) for one in item.warnings.split(",") if one)
    return replace(seen, notes=notes, apart=apart)


def _readings(reading: Record) -> tuple[staff_views.Reading, ...]:
    return tuple(
        staff_views.Reading(
            label=corrections.LABELS.get(one.label, one.label), value=one.value, where=both(one.place)
        )
        for one in reading.lines
        if one.label != Key.KIND  # the page says it in words of its own
    )


def _address_note(provided: Services, signer: Signer) -> str:
    match signer.address_kind:
        case AddressKind.FREE:
            return _("フリーメールのアドレスです。")
        case AddressKind.CARRIER:
            most = size(provided.policy.attachment_bytes_carrier)
            return _("携帯会社のアドレスです。{most}を超える文書は添付されません。", most=most)
        case _:
            return ""


async def _draft_signer(
    provided: Services, signer: Signer, posted: Mapping[str, str]
) -> staff_views.DraftSigner:
    contact = await Contact.filter(id=signer.contact_id or 0).first()
    note = _address_note(provided, signer)
    if note and contact and contact.reason:
        note = _("{note}登録の理由：{reason}", note=note, reason=contact.reason)
    return staff_views.DraftSigner(
        position=signer.position,
        party=party_of(signer),
        address=signer.email,
        note=note,
        identity=await identity.ways(
            provided, signer, posted.get(f"identity_{signer.position}", signer.proof)
        ),
    )


def _methods(shot: Snapshot, posted: Mapping[str, str]) -> dict[int, Method]:
    """By what each contractor proves who he is, where the form says it."""
    said = {one.position: posted.get(f"identity_{one.position}", "") for one in shot.signers}
    return {position: Method(value) for position, value in said.items() if value in set(Method)}


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
            note=reason(one.hindrance) if one.hindrance else "",
        )
        for one in candidates
    )


def _warnings(reading: Record) -> list[Remark]:
    return [one for one in reading.warnings if one.reason not in QUESTIONS]


def _exclusions(reading: Record, posted: Mapping[str, str]) -> tuple[staff_views.Exclusion, ...]:
    """Each question once, with everything that led to it."""
    found: dict[Reason, list[str]] = {}
    for one in reading.questions:
        found.setdefault(one.reason, []).append(remark(one))
    return tuple(
        staff_views.Exclusion(
            name=_tick(why), text=joined(texts), answer=both(ANSWERS[why].in_), ticked=_tick(why) in posted
        )
        for why, texts in found.items()
    )


def _tick(why: Reason) -> str:
    """The name of the field that answers *why*."""
    return f"answer_{why.value}"


def _unticked(reading: Record, posted: Mapping[str, str]) -> list[FieldError]:
    """What has to be ticked before the draft is sent, and is not."""
    found = [
        FieldError(text=_("対象外の確認に答えてください：{answer}", answer=one.answer), field=one.name)
        for one in _exclusions(reading, posted)
        if not one.ticked
    ]
    if _warnings(reading) and not posted.get("acknowledged"):
        found.append(
            FieldError(text=_("注意する点を確かめて、チェックを入れてください。"), field="acknowledged")
        )
    return found


async def confirm(request: web.Request) -> web.Response:
    """内容を確認して送信する."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    posted, provided = await form(request), services(request)
    reading = Record.from_json(json.loads(shot.envelope.reading))
    if unticked := _unticked(reading, posted):
        return answer(request, await _draft(provided, staff, shot, *unticked, posted=posted), status=422)
    try:
        await act.confirm(
            provided,
            act.actor_of(staff),
            shot.envelope.ref,
            version=version(posted),
            village_signer=posted.get("village_signer", ""),
            methods=_methods(shot, posted),
            answered=[why for why in QUESTIONS if _tick(why) in posted],
        )
    except Refused as refused:
        error = FieldError(text=told(request, refused))
        fresh = await store.snapshot(ref=shot.envelope.ref)
        if refused.reason is Reason.STALE:  # warnings and questions may be others now
            answers = {"acknowledged", *map(_tick, QUESTIONS)}
            posted = {name: value for name, value in posted.items() if name not in answers}
        return answer(request, await _draft(provided, staff, fresh, error, posted=posted), status=409)
    return move("staff", "envelopes", shot.envelope.ref)


async def revise(request: web.Request) -> web.Response:
    """内容を直す: read the draft anew with what was written into the fields."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    posted, provided = await form(request), services(request)
    reading = Record.from_json(json.loads(shot.envelope.reading))
    said = corrections.changed(shot.envelope, reading, posted, jst_day(provided.now()))
    actor, ref = act.actor_of(staff), shot.envelope.ref
    problems: tuple[FieldError, ...] = (FieldError(text=_("直すところを書き換えてください。")),)
    if said:
        try:
            found = await revising.revise(provided, actor, ref, version=version(posted), statements=said)
        except Refused as refused:
            if refused.reason is not Reason.STALE:
                raise
            return await _overtaken(request, staff, ref, refused, posted)
        problems = corrections.errors(found)
    if problems:
        page = await _draft(provided, staff, shot, *problems, posted=posted, correcting=True)
        return answer(request, page, status=422)
    return move("staff", "drafts", ref)


async def _overtaken(
    request: web.Request, staff: Staff, ref: str, refused: Refused, posted: Mapping[str, str]
) -> web.Response:
    """The draft as a colleague left it, with what was typed and, beside it, what stands there now."""
    shot = await store.snapshot(ref=ref)
    errors = [FieldError(text=told(request, refused))]
    if permits(shot.state, Event.CONFIRMED):
        errors += corrections.standing(
            shot.envelope, Record.from_json(json.loads(shot.envelope.reading)), posted
        )
    page = await _draft(services(request), staff, shot, *errors, posted=posted, correcting=True)
    return answer(request, page, status=409)


async def discard(request: web.Request) -> web.Response:
    """Throw the draft away."""
    staff = await require_staff(request)
    shot, posted = await visible(request, staff), await form(request)
    try:
        await act.discard(services(request), act.actor_of(staff), shot.envelope.ref, version=version(posted))
    except Refused as refused:
        if refused.reason is not Reason.STALE:
            raise
        error = FieldError(text=told(request, refused))
        fresh = await store.snapshot(ref=shot.envelope.ref)
        return answer(request, await _draft(services(request), staff, fresh, error), status=409)
    return move("staff")
