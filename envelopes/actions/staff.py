"""What staff do: check a draft and send it, follow, extend, end and re-issue, and sign for the village.

Every verb checks the actor's roles itself; pages that hide a button are a courtesy, not a guard.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F

from envelopes.actions import credentials, registry, seats, sms_codes
from envelopes.actions import signer as signer_actions
from envelopes.records import counters, store, tasks
from envelopes.records.database import unit
from envelopes.records.models import Contact, Envelope, Signer, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules import consent, exclusions, factors
from envelopes.rules.consent import Grant
from envelopes.rules.errors import NotPermitted, Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.kinds import Kind
from envelopes.rules.people import (
    Actor,
    ActorKind,
    Party,
    Role,
    has_role,
    may_sign_for_village,
    require_role,
    roles_from,
)
from envelopes.rules.reading import Record
from envelopes.rules.schedule import day_over, jst_day
from envelopes.rules.states import By, Event, Task, permits
from envelopes.services import Services
from envelopes.texts import ANSWERS, say

_WORK: Final = (Role.DRAFTER, Role.APPROVER)


def actor_of(staff: Staff) -> Actor:
    """The member of staff as he acts and as he stands in the history."""
    return Actor(
        kind=ActorKind.STAFF,
        ref=staff.ref,
        id=staff.id,
        section_id=staff.section_id,
        roles=roles_from(staff.roles),
    )


# Drafts


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Somebody who might sign for the village, and why he may not."""

    staff: Staff
    hindrance: Reason | None


async def village_candidates(services: Services, shot: Snapshot) -> Sequence[Candidate]:
    """Everybody with the role, those who may sign this envelope first."""
    people = await Staff.filter(active=True, enrolled_at__isnull=False).select_related("section")
    registrars = await _registrars(shot.signers)
    found = [
        Candidate(
            staff=person,
            hindrance=may_sign_for_village(
                signer_id=person.id,
                drafter_id=shot.envelope.drafter_id,
                registrar_ids=registrars,
                policy=services.policy,
            ),
        )
        for person in people
        if Role.SIGNER in roles_from(person.roles)
    ]
    return sorted(found, key=lambda item: (item.hindrance is not None, item.staff.id))


async def proposed_signer(services: Services, shot: Snapshot) -> Staff | None:
    """Who signs for the village where nobody is chosen on the page: whom the order names, or the only one who may."""
    if Kind(shot.envelope.kind) is Kind.ACCEPTANCE:
        return None
    able = [one.staff for one in await village_candidates(services, shot) if one.hindrance is None]
    named = Record.from_json(json.loads(shot.envelope.reading)).village_signer
    if named:
        return next((one for one in able if one.ref == named), None)
    return able[0] if len(able) == 1 else None


async def _registrars(signers: Sequence[Signer]) -> frozenset[int]:
    """Who answers for the addresses of *signers*, and for those that are about to take their place."""
    contacts = await Contact.filter(id__in=[item.contact_id for item in signers if item.contact_id])
    later = [await registry.successor(row, row.works_until) for row in contacts if row.works_until]
    rows = [*contacts, *(row for row in later if row is not None)]
    return frozenset({one for row in rows for one in (row.registrar_id, row.approver_id)})


def sees(staff: Staff, shot: Snapshot) -> bool:
    """Whether this person may see the envelope: of its section, an auditor, or one who takes part in it."""
    mine = shot.envelope.section_id == staff.section_id or Role.AUDITOR in roles_from(staff.roles)
    return mine or _takes_part(staff, shot)


def works_on(staff: Staff, shot: Snapshot) -> bool:
    """Whether this person may send, follow and end the envelope, whatever its state: a drafter of its section."""
    return bool(roles_from(staff.roles) & set(_WORK)) and staff.section_id == shot.envelope.section_id


def _takes_part(staff: Staff, shot: Snapshot) -> bool:
    """Whether somebody drafted it, perhaps for another section, signs it, or is named under 写し."""
    if staff.id in (shot.envelope.drafter_id, *(signer.staff_id for signer in shot.signers)):
        return True
    return staff.ref in Record.from_json(json.loads(shot.envelope.reading)).copies


def _require_drawn(shot: Snapshot) -> None:
    """A draft that came back because its pages cannot be drawn can be shown to nobody."""
    if shot.envelope.trouble and any(document.pages_sha256 is None for document in shot.documents):
        raise Refused(Reason(shot.envelope.trouble.partition(" ")[0]))


async def confirm(
    services: Services,
    actor: Actor,
    ref: str,
    *,
    version: int,
    village_signer: str = "",
    methods: Mapping[int, Method] | None = None,
    answered: Collection[Reason] = (),
) -> Snapshot:
    """Check and send: the draft becomes a request with a number, and the village's signer takes his place.

    *village_signer* is a reference of staff; not used for a 請書. *methods*: by what the contractor at a position has
    to prove who he is, where it is not what the order said. *answered* are the questions of 対象外の確認 that
    this person has answered; they are kept in the history. Raises Refused: ROLE_MISSING, SIGNER_MISSING,
    SELF_APPROVAL, STALE, NOT_PERMITTED, DEADLINE_PAST, QUESTIONS_OPEN, IDENTITY_NOT_HERE, MOBILE_NONE, what stopped
    a document from being drawn, and RECIPIENT_UNKNOWN, RECIPIENT_DEAD, RECIPIENT_WITHDRAWN or RECIPIENT_NOT_READY where
    the registry was changed since the draft.
    """
    shot = await _mine(actor, ref)
    _require_version(shot, version)
    _require_drawn(shot)
    answers = _answers(shot, answered)
    chosen = await _chosen(services, shot, village_signer)
    asked = await _asked(services, shot, methods or {})
    now = services.now()
    if now >= day_over(shot.envelope.deadline_on):
        raise Refused(Reason.DEADLINE_PAST)
    await _require_registered(shot, now)

    async def work(connection: BaseDBAsyncClient) -> None:
        if chosen is not None:
            await seats.seat_village(services, connection, shot.signers, chosen)
        await store.apply(
            connection,
            shot.envelope,
            Event.CONFIRMED,
            By.STAFF,
            actor=actor,
            now=now,
            changes={
                "number": shot.envelope.number or await _next_number(services, connection, now),
                "confirmer_id": actor.id,
                "trouble": None,
            },
            payload={
                "village_signer": chosen.ref if chosen else None,
                "answers": answers,
                "identity": {one.ref: method.value for one, method in asked},
            },
        )
        for one, method in asked:
            await seats.ask(connection, one, method, now=now)

    await unit(work)
    return await store.snapshot(ref=ref)


async def _asked(
    services: Services, shot: Snapshot, methods: Mapping[int, Method]
) -> Sequence[tuple[Signer, Method]]:
    """By what each contractor proves who he is. Raises Refused(IDENTITY_NOT_HERE | MOBILE_NONE)."""
    contractors = [one for one in shot.signers if one.party == Party.CONTRACTOR]
    asked = [(one, methods.get(one.position, Method(one.proof))) for one in contractors]
    for one, method in asked:
        await require_way(services, one, method)
    return asked


async def require_way(services: Services, signer: Signer, method: Method) -> None:
    """Raise Refused(IDENTITY_NOT_HERE | MOBILE_NONE) where *signer* cannot prove himself by *method* here."""
    if method not in services.methods:
        raise Refused(Reason.IDENTITY_NOT_HERE, method=factors.called(method))
    if method is Method.SMS and await sms_codes.number_of(services, signer) is None:
        raise Refused(Reason.MOBILE_NONE, who=signer.company)


def _answers(shot: Snapshot, answered: Collection[Reason]) -> list[dict[str, str]]:
    """Question and answer as they were read, for the history. Raises Refused(QUESTIONS_OPEN)."""
    asked = Record.from_json(json.loads(shot.envelope.reading)).questions
    left = exclusions.unanswered({remark.reason for remark in asked}, answered)
    if left:
        raise Refused(Reason.QUESTIONS_OPEN, questions=" ".join(left))
    return [
        {"question": say(remark.reason, "ja", **remark.details), "answer": ANSWERS[remark.reason].ja}
        for remark in asked
    ]


async def _next_number(services: Services, connection: BaseDBAsyncClient, now: datetime) -> str:
    year = jst_day(now).year
    number = await counters.next_number(connection, f"envelope-{year}")
    return f"{services.settings.town.prefix}-{year}-{number:04d}"


async def _require_registered(shot: Snapshot, now: datetime) -> None:
    """Raise Refused(RECIPIENT_…) unless every contractor stands in the registry as in the draft, and may be used."""
    for one in shot.signers:
        if one.contact_id is None:
            continue
        living = await Contact.filter(registry.living(now), email_look_up=one.email_look_up).first()
        if living is None:
            raise Refused(Reason.RECIPIENT_UNKNOWN)
        if living.dead_at is not None:
            raise Refused(Reason.RECIPIENT_DEAD)
        if living.withdrawn_at is not None:
            raise Refused(Reason.RECIPIENT_WITHDRAWN)
        if living.id != one.contact_id or living.works_from > now:
            raise Refused(Reason.RECIPIENT_NOT_READY, date=jst_day(max(living.works_from, now)).isoformat())


async def _chosen(services: Services, shot: Snapshot, ref: str) -> Staff | None:
    if Kind(shot.envelope.kind) is Kind.ACCEPTANCE:
        return None
    for candidate in await village_candidates(services, shot):
        if candidate.staff.ref == ref:
            if candidate.hindrance:
                raise Refused(candidate.hindrance)
            return candidate.staff
    raise Refused(Reason.SIGNER_MISSING)


async def _mine(actor: Actor, ref: str) -> Snapshot:
    shot = await store.snapshot(ref=ref)
    require_role(actor, _WORK, section_id=shot.envelope.section_id)
    return shot


async def drafted(actor: Actor, ref: str) -> Snapshot:
    """A draft that this person may change: one of the own section, or drafted by oneself for another one."""
    shot = await store.snapshot(ref=ref)
    if not may_change(actor, shot):
        raise Refused(Reason.ROLE_MISSING)
    return shot


def may_change(actor: Actor, shot: Snapshot) -> bool:
    """Whether `drafted` gives this draft to *actor*."""
    own = shot.envelope.drafter_id == actor.id
    return has_role(actor, _WORK, section_id=None if own else shot.envelope.section_id)


def _require_version(shot: Snapshot, version: int) -> None:
    if shot.envelope.version != version:
        raise Refused(Reason.STALE)


async def discard(services: Services, actor: Actor, ref: str, *, version: int) -> None:
    """Throw a draft away; the mail it came from is kept."""
    shot = await drafted(actor, ref)
    _require_version(shot, version)
    await _apply(services, actor, shot.envelope, Event.DISCARDED)


async def _apply(
    services: Services,
    actor: Actor,
    envelope: Envelope,
    event: Event,
    *,
    changes: dict[str, object] | None = None,
    payload: dict[str, object] | None = None,
    ids: dict[str, int] | None = None,
) -> None:
    async def work(connection: BaseDBAsyncClient) -> None:
        await store.apply(
            connection,
            envelope,
            event,
            By.STAFF,
            actor=actor,
            now=services.now(),
            changes=changes,
            payload=payload,
            ids=ids,
        )

    await unit(work)


# Envelopes that are out


async def extend(services: Services, actor: Actor, ref: str, *, version: int, deadline_on: date) -> None:
    """Move the deadline to a later day. Raises Refused(DEADLINE_PAST | DEADLINE_TOO_FAR)."""
    shot = await _mine(actor, ref)
    _require_version(shot, version)
    today = jst_day(services.now())
    if deadline_on < today or deadline_on <= shot.envelope.deadline_on:
        raise Refused(Reason.DEADLINE_PAST)
    if (deadline_on - today).days > services.policy.deadline_max_days:
        raise Refused(Reason.DEADLINE_TOO_FAR, limit=services.policy.deadline_max_days)
    before = shot.envelope.deadline_on
    await _apply(
        services,
        actor,
        shot.envelope,
        Event.EXTENDED,
        changes={"deadline_on": deadline_on},
        payload={"from": before.isoformat(), "to": deadline_on.isoformat()},
        ids={"before": before.toordinal()},
    )


async def cancel(services: Services, actor: Actor, ref: str, *, version: int, reason: str) -> None:
    """End an envelope; everybody who was asked is told. Raises Refused(REASON_MISSING | REASON_TOO_LONG)."""
    text = signer_actions.tidy_reason(reason, services)
    shot = await _mine(actor, ref)
    _require_version(shot, version)
    changes: dict[str, object] = {"end_reason": text, "ended_on": services.now()}
    await _apply(services, actor, shot.envelope, Event.CANCELLED, changes=changes, payload={"reason": text})


async def remind(services: Services, actor: Actor, ref: str) -> None:
    """再送: remind the contractor whose turn it is, by the same link; once a day.

    Raises Refused: NOT_YOUR_TURN, PAUSED, REMINDED_TODAY.
    """
    shot = await _mine(actor, ref)
    turn, now = shot.turn, services.now()
    if not permits(shot.state, Event.CONSENTED):
        raise NotPermitted(shot.state, "reminded")
    if turn is None or turn.staff_id is not None or turn.asked_at is None:
        raise Refused(Reason.NOT_YOUR_TURN)
    if turn.paused_at is not None:
        raise Refused(Reason.PAUSED)
    key = f"{turn.id}:{jst_day(now)}:staff"

    async def work(connection: BaseDBAsyncClient) -> None:
        await store.lock(connection, shot.envelope.id)
        if await TaskRow.filter(key=f"{Task.REMINDER_MAIL}:{key}").using_db(connection).exists():
            raise Refused(Reason.REMINDED_TODAY)
        told = {"signer": turn.id}
        await store.note(connection, shot.envelope.id, "reminded", actor=actor, now=now, payload=told)
        envelope_id = shot.envelope.id
        await tasks.enqueue(connection, Task.REMINDER_MAIL, key, now=now, envelope_id=envelope_id, ids=told)

    await unit(work)


async def reissue(services: Services, actor: Actor, ref: str, *, version: int) -> None:
    """Give the contractor whose turn it is a new link; the old one dies. Raises Refused(NOT_YOUR_TURN | PAUSED)."""
    shot = await _mine(actor, ref)
    _require_version(shot, version)
    turn, now = shot.turn, services.now()
    if turn is None or turn.staff_id is not None:
        raise Refused(Reason.NOT_YOUR_TURN)
    if turn.paused_at is not None:
        raise Refused(Reason.PAUSED)

    async def work(connection: BaseDBAsyncClient) -> None:
        await (
            Signer.filter(id=turn.id)
            .using_db(connection)
            .update(generation=F("generation") + 1, wrong_codes=0)
        )
        ids = {"signer": turn.id, "staff": actor.id}
        await store.apply(connection, shot.envelope, Event.REISSUED, By.STAFF, actor=actor, now=now, ids=ids)

    await unit(work)


async def retry(services: Services, actor: Actor, task_id: int) -> None:
    """Try failing work again now."""
    row = await TaskRow.filter(id=task_id).first()
    if row is None or row.envelope_id is None:
        raise Refused(Reason.NOT_PERMITTED, state="", event="retry")
    if not may_retry(actor, await store.snapshot(id=row.envelope_id)):
        raise Refused(Reason.ROLE_MISSING)
    await tasks.hurry(task_id, now=services.now())


def may_retry(actor: Actor, shot: Snapshot) -> bool:
    """Whether *actor* may have the work of this envelope tried again."""
    return has_role(actor, (*_WORK, Role.ADMIN, Role.SIGNER), section_id=shot.envelope.section_id)


# The village's signature


def seat_of(actor: Actor, shot: Snapshot) -> Signer:
    """The place of this member of staff among the signers. Raises Refused(ROLE_MISSING)."""
    for signer in shot.signers:
        if signer.staff_id == actor.id and Role.SIGNER in actor.roles:
            return signer
    raise Refused(Reason.ROLE_MISSING)


async def require_signing(services: Services, actor: Actor, shot: Snapshot) -> Signer:
    """The place in which this person signs for the village now.

    Raises Refused: SELF_APPROVAL, and what `seat_of` and `signer.require_open` say.
    """
    seat = seat_of(actor, shot)
    hindrance = may_sign_for_village(
        signer_id=actor.id,
        drafter_id=shot.envelope.drafter_id,
        registrar_ids=await _registrars(shot.signers),
        policy=services.policy,
    )
    if hindrance:
        raise Refused(hindrance)
    signer_actions.require_open(shot, seat, now=services.now())
    return seat


async def sign(
    services: Services,
    staff: Staff,
    ref: str,
    *,
    offer: str,
    code: str,
    signed_in_at: datetime,
    language: str = "ja",
) -> Snapshot:
    """Sign for the village, with the authenticator's digits asked for again; *language*: that of the page.

    Raises Refused: TOTP_WRONG, SELF_APPROVAL, and what `signer.give_consent` says.
    """
    actor, shot = actor_of(staff), await store.snapshot(ref=ref)
    seat = await require_signing(services, actor, shot)
    await credentials.prove_again(services, staff, code)
    now = services.now()
    await Signer.filter(id=seat.id).update(proved_at=now)
    issuer = services.settings.operator.name
    grants = [
        Grant(method="password", level="staff", issuer=issuer, at=consent.instant(signed_in_at)),
        Grant(method=credentials.TOTP, level="authenticator", issuer=issuer, at=consent.instant(now)),
    ]
    return await signer_actions.give_consent(
        services, seat.ref, offer=offer, grants=grants, actor=actor, language=language
    )
