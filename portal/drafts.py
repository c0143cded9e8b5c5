"""Drafts: what was read from a mail beside the documents, checked and sent or thrown away."""

import json
import secrets
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from envelopes.actions import revising
from envelopes.actions import staff as act
from envelopes.records import store
from envelopes.records.models import Contact, Mail, Signer, Staff
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.exclusions import QUESTIONS
from envelopes.rules.lines import Key
from envelopes.rules.people import Party, Role, roles_from
from envelopes.rules.reading import Record, Remark
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import Event, permits
from envelopes.services import Services
from envelopes.texts import ANSWERS, say, say_remark, say_trouble
from portal import corrections, papers, views
from portal.phrases import _
from portal.respond import answer, form, move, path, services, told
from portal.staff import nav, phase, require_staff, version, visible
from portal.views import Choice, FieldError, Phase
from portal.visit import kind_of, party_of


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
) -> views.Draft:
    envelope, given = shot.envelope, posted or {}
    may = bool(roles_from(staff.roles) & {Role.DRAFTER, Role.APPROVER})
    at_home = envelope.section_id == staff.section_id
    open_to = may and permits(shot.state, Event.CONFIRMED)
    mail = await Mail.filter(id=envelope.mail_id or 0).first()
    reading = Record.from_json(json.loads(envelope.reading))
    choices = await _choices(provided, shot, given.get("village_signer", "") or reading.village_signer)
    blocked = [] if may else [say(Reason.ROLE_MISSING)]
    if open_to and not at_home:
        blocked.append(say(Reason.SECTION_ELSEWHERE, section=shot.section.name))
    if envelope.trouble:
        blocked.append(say_trouble(envelope.trouble))
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
        confirm_url=path("staff", "drafts", envelope.ref, "confirm") if open_to and at_home else None,
        discard_url=path("staff", "drafts", envelope.ref, "discard") if open_to else None,
        revise_url=path("staff", "drafts", envelope.ref, "revise") if open_to else None,
        corrections=corrections.fields(envelope, reading, given if correcting else None),
        correcting=correcting,
        exclusions=_exclusions(reading, given),
        warnings=tuple(say_remark(remark) for remark in _warnings(reading)),
        blocked=tuple(blocked),
        errors=errors,
    )


def _readings(reading: Record) -> tuple[views.Reading, ...]:
    return tuple(
        views.Reading(label=one.label, value=one.value, where=one.where)
        for one in reading.lines
        if one.label != Key.KIND  # the page says it in words of its own
    )


_ADDRESS_NOTES: Final = {
    "free": _("フリーメールのアドレスです。"),
    "carrier": _("携帯会社のアドレスです。2MBを超える文書は添付されません。"),
}


async def _draft_signer(signer: Signer) -> views.DraftSigner:
    contact = await Contact.filter(id=signer.contact_id or 0).first()
    note: str = _ADDRESS_NOTES.get(signer.address_kind, "")
    if note and contact and contact.reason:
        note = _("{note}登録の理由：{reason}", note=note, reason=contact.reason)
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


def _warnings(reading: Record) -> list[Remark]:
    return [remark for remark in reading.warnings if remark.reason not in QUESTIONS]


def _exclusions(reading: Record, posted: Mapping[str, str]) -> tuple[views.Exclusion, ...]:
    """Each question once, with everything that led to it."""
    found: dict[Reason, list[str]] = {}
    for remark in reading.questions:
        found.setdefault(remark.reason, []).append(say_remark(remark))
    return tuple(
        views.Exclusion(
            name=_tick(reason), text="".join(texts), answer=ANSWERS[reason].ja, ticked=_tick(reason) in posted
        )
        for reason, texts in found.items()
    )


def _tick(reason: Reason) -> str:
    """The name of the field that answers *reason*."""
    return f"answer_{reason.value}"


def _unticked(reading: Record, posted: Mapping[str, str]) -> list[FieldError]:
    """What has to be ticked before the draft is sent, and is not."""
    found = [
        FieldError(text=_("対象外の確認に答えてください：{answer}", answer=one.answer), field=one.name)
        for one in _exclusions(reading, posted)
        if not one.ticked
    ]
    if _warnings(reading) and not posted.get("acknowledged"):
        found.append(
            FieldError(text=_("注意する点を確かめて、チェックを入れてください"), field="acknowledged")
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
            answered=[reason for reason in QUESTIONS if _tick(reason) in posted],
        )
    except Refused as refused:
        error = FieldError(text=told(request, refused))
        fresh = await store.snapshot(ref=shot.envelope.ref)
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
    problems: tuple[FieldError, ...] = (FieldError(text=_("直すところを書き換えてください")),)
    if said:
        found = await revising.revise(provided, actor, ref, version=version(posted), statements=said)
        problems = corrections.errors(found)
    if problems:
        page = await _draft(provided, staff, shot, *problems, posted=posted, correcting=True)
        return answer(request, page, status=422)
    return move("staff", "drafts", ref)


async def discard(request: web.Request) -> web.Response:
    """Throw the draft away."""
    staff = await require_staff(request)
    posted = await form(request)
    await act.discard(
        services(request), act.actor_of(staff), request.match_info["ref"], version=version(posted)
    )
    return move("staff")
