"""What staff do: sign in, check a draft and send it, follow, extend, end and re-issue, and sign for the village.

Every verb checks the actor's roles itself; pages that hide a button are a courtesy, not a guard.
"""

import asyncio
import hashlib
import hmac
import json
import secrets
import unicodedata
from base64 import b32encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import pyotp
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F

from envelopes.actions import registry, seats, sms_codes
from envelopes.actions import signer as signer_actions
from envelopes.records import bonds, counters, history, store, tasks
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Contact, Credential, Envelope, Session, Signer, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules import consent, exclusions, factors, tokens
from envelopes.rules.codes import tidy
from envelopes.rules.consent import Grant
from envelopes.rules.errors import NotPermitted, Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.kinds import Kind
from envelopes.rules.people import (
    Actor,
    ActorKind,
    Party,
    Role,
    may_sign_for_village,
    require_role,
    roles_from,
)
from envelopes.rules.reading import Record
from envelopes.rules.schedule import day_over, jst_day
from envelopes.rules.states import By, Event, Task, permits
from envelopes.rules.tokens import Purpose, Ticket
from envelopes.services import Services
from envelopes.texts import ANSWERS, say

PASSWORD: Final = "password"  # noqa: S105 -- a kind of credential
TOTP: Final = "totp"
RECOVERY: Final = "recovery"
REPLY: Final = "reply"  # the seed for commands by reply: see replying

# scrypt with N = 2^15, r = 8, p = 1: 32 MiB and about 0.1 s, the first choice of RFC 7914 for interactive use.
_SCRYPT_N: Final = 2**15
_SCRYPT_R: Final = 8
_SCRYPT_MEMORY: Final = 64 * 1024 * 1024
_NOBODY: Final = f"{'00' * 16}:{'00' * 64}"  # matches no password
STEP: Final = 30  # RFC 6238: seconds
_DRIFT: Final = (0, -1, 1)  # one step either way for clocks that are a little off
SEED: Final = 20  # RFC 4226 4: at least 128 bits, 160 recommended
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


# Enrolment and sign-in


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A one-time link that was opened: who, and the seed that the authenticator is given."""

    staff: Staff
    seed: str
    uri: str


def enrolment_link(services: Services, staff: Staff) -> tuple[str, datetime]:
    """The one-time link for *staff* and until when it works."""
    expires = services.now() + services.policy.enrolment_lifetime
    ticket = Ticket(ref=staff.ref, generation=staff.enrolment, expires=expires)
    token = tokens.seal(ticket, Purpose.ENROL, tuple(services.keyring.token))
    return services.url("staff", "enrol", token), expires


async def open_enrolment(services: Services, token: str) -> Enrolment:
    """Read a one-time link; changes nothing. Raises Refused(LINK_UNKNOWN | LINK_EXPIRED | LINK_REPLACED)."""
    ticket = services.ticket(Purpose.ENROL, token)
    staff = await Staff.filter(ref=ticket.ref, active=True).select_related("section").first()
    if staff is None:
        raise Refused(Reason.LINK_UNKNOWN)
    if ticket.generation != staff.enrolment:
        raise Refused(Reason.LINK_REPLACED)
    # Derived, not stored: showing the page twice shows the same seed, and GET writes nothing.
    subject = f"enrol:{staff.ref}:{ticket.generation}".encode()
    seed = b32encode(hmac.new(services.code_key, subject, "sha256").digest()[:SEED]).decode()
    issuer = f"{services.settings.town.name} 電子契約"
    return Enrolment(
        staff=staff, seed=seed, uri=pyotp.TOTP(seed).provisioning_uri(name=staff.email, issuer_name=issuer)
    )


async def enrol(services: Services, token: str, *, password: str, code: str) -> tuple[str, ...]:
    """Set password and authenticator and return the recovery codes, which are shown once.

    Raises Refused: PASSWORD_WEAK, CODE_EMPTY, CODE_FORMAT, TOTP_WRONG, and what `open_enrolment` says.
    """
    opened, now = await open_enrolment(services, token), services.now()
    if len(password) < services.policy.password_characters:
        raise Refused(Reason.PASSWORD_WEAK, characters=services.policy.password_characters)
    step = matching_step(opened.seed, tidy(code), now)
    if step is None:
        raise Refused(Reason.TOTP_WRONG)
    recovery = tuple(_recovery_code() for _ in range(services.policy.recovery_codes))
    hashed = await asyncio.to_thread(_hash, password)
    secrets_of = [(PASSWORD, hashed, 0), (TOTP, opened.seed, step)]
    secrets_of += [(RECOVERY, _hash_recovery(item), 0) for item in recovery]

    async def work(connection: BaseDBAsyncClient) -> None:
        mine = Staff.filter(id=opened.staff.id, enrolment=opened.staff.enrolment).using_db(connection)
        if not await mine.update(enrolment=F("enrolment") + 1, enrolled_at=now):
            raise Refused(Reason.LINK_REPLACED)
        await Credential.filter(staff_id=opened.staff.id).using_db(connection).delete()
        for kind, secret, last in secrets_of:
            await Credential.create(
                staff_id=opened.staff.id,
                kind=kind,
                secret=bonds.of_credential(opened.staff.id, kind, secret),
                last_step=last,
                created_at=now,
                using_db=connection,
            )
        # Whoever sits in a session of before has not proved himself with the new password.
        living = Session.filter(staff_id=opened.staff.id, ended_at=None).using_db(connection)
        await living.update(ended_at=now)
        actor = str(actor_of(opened.staff))
        await history.record(connection, Subject.STAFF, opened.staff.id, "enrolled", actor=actor, at=now)

    await unit(work)
    return recovery


def _recovery_code() -> str:
    text = b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[i : i + 4] for i in range(0, 16, 4))


def _hash_recovery(code: str) -> str:
    folded = unicodedata.normalize("NFKC", code).lower()
    plain = "".join(char for char in folded if char.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()


def _hash(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_scrypt(password, salt).hex()}"


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=1, maxmem=_SCRYPT_MEMORY)


def _matches(password: str, stored: str) -> bool:
    salt, _, digest = stored.partition(":")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt)).hex(), digest)


def matching_step(seed: str, code: str, now: datetime) -> int | None:
    """The time step whose digits *code* are: the present one, or one either way; None where they are of none."""
    current = int(now.timestamp()) // STEP
    totp = pyotp.TOTP(seed)
    matching = [step for step in (current + drift for drift in _DRIFT) if _same(totp, step, code)]
    return matching[0] if matching else None


def _same(totp: pyotp.TOTP, step: int, code: str) -> bool:
    return hmac.compare_digest(totp.generate_otp(step), code)


async def sign_in(services: Services, *, address: str, password: str) -> Staff:
    """First factor. Raises Refused: SIGN_IN_WRONG (the same for an unknown person), SIGN_IN_LOCKED."""
    try:
        look_up = services.address_look_up(address)
    except Refused:
        look_up = ""
    await count_try(services, f"password:{look_up}")
    staff = await Staff.filter(email_look_up=look_up, active=True).select_related("section").first()
    stored = await Credential.filter(staff_id=staff.id if staff else 0, kind=PASSWORD).first()
    # An unknown person costs the same time as a wrong password.
    right = await asyncio.to_thread(
        _matches, password, (bonds.secret_of(stored) if stored else None) or _NOBODY
    )
    if staff is None or stored is None or not right:
        raise Refused(Reason.SIGN_IN_WRONG)
    return staff


async def count_try(services: Services, name: str) -> None:
    """Count one try of *name*. Raises Refused(SIGN_IN_LOCKED) when there were too many."""
    policy = services.policy
    if not await counters.allowed(
        name, events=policy.sign_in_tries, per=policy.sign_in_pause, now=services.now()
    ):
        raise Refused(Reason.SIGN_IN_LOCKED)


async def second_factor(services: Services, staff: Staff, typed: str) -> str:
    """Check the authenticator's digits or a recovery code and return which it was. Each works once.

    Raises Refused: TOTP_WRONG, SIGN_IN_LOCKED.
    """
    await count_try(services, f"totp:{staff.ref}")
    now = services.now()
    is_recovery = len([char for char in typed if char.isalnum()]) > tokens.REF_BYTES
    used = await (_recover(staff, typed, now) if is_recovery else totp(services, staff, typed))
    # Wrong digits in mails have closed the replies until somebody who is certainly this person comes.
    await Credential.filter(staff_id=staff.id, kind=REPLY).update(wrong=0)
    return used


async def totp(services: Services, staff: Staff, typed: str) -> str:
    """Check the authenticator's six digits; a time step counts once. Raises Refused(TOTP_WRONG)."""
    now = services.now()
    stored = await Credential.filter(staff_id=staff.id, kind=TOTP).first()
    try:
        seed = bonds.secret_of(stored) if stored else None
        step = matching_step(seed, tidy(typed), now) if seed else None
    except Refused:
        step = None
    if stored is None or step is None:
        raise Refused(Reason.TOTP_WRONG)
    if not await Credential.filter(id=stored.id, last_step__lt=step).update(last_step=step, used_at=now):
        raise Refused(Reason.TOTP_WRONG)
    return TOTP


async def prove_again(services: Services, staff: Staff, typed: str) -> None:
    """Have somebody who is signed in give the authenticator's digits once more.

    Raises Refused(TOTP_WRONG | SIGN_IN_LOCKED).
    """
    await count_try(services, f"totp:{staff.ref}")
    await totp(services, staff, typed)


async def _recover(staff: Staff, typed: str, now: datetime) -> str:
    digest = _hash_recovery(typed)
    for row in await Credential.filter(staff_id=staff.id, kind=RECOVERY, used_at=None):
        if hmac.compare_digest(bonds.secret_of(row) or "", digest) and await Credential.filter(
            id=row.id, used_at=None
        ).update(used_at=now):
            return RECOVERY
    raise Refused(Reason.TOTP_WRONG)


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
        raise Refused(Reason.QUESTIONS_OPEN, list="、".join(exclusions.WORDS[reason][0] for reason in left))
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
    own = shot.envelope.drafter_id == actor.id
    require_role(actor, _WORK, section_id=None if own else shot.envelope.section_id)
    return shot


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
        raise Refused(Reason.DEADLINE_TOO_FAR)
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
    shot = await store.snapshot(id=row.envelope_id)
    require_role(actor, (*_WORK, Role.ADMIN, Role.SIGNER), section_id=shot.envelope.section_id)
    await tasks.hurry(task_id, now=services.now())


# The village's signature


def seat_of(actor: Actor, shot: Snapshot) -> Signer:
    """The place of this member of staff among the signers. Raises Refused(ROLE_MISSING)."""
    for signer in shot.signers:
        if signer.staff_id == actor.id and Role.SIGNER in actor.roles:
            return signer
    raise Refused(Reason.ROLE_MISSING)


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
    seat = seat_of(actor, shot)
    hindrance = may_sign_for_village(
        signer_id=staff.id,
        drafter_id=shot.envelope.drafter_id,
        registrar_ids=await _registrars(shot.signers),
        policy=services.policy,
    )
    if hindrance:
        raise Refused(hindrance)
    signer_actions.require_open(shot, seat, now=services.now())
    await prove_again(services, staff, code)
    now = services.now()
    await Signer.filter(id=seat.id).update(proved_at=now)
    issuer = services.settings.operator.name
    grants = [
        Grant(method="password", level="staff", issuer=issuer, at=consent.instant(signed_in_at)),
        Grant(method=TOTP, level="authenticator", issuer=issuer, at=consent.instant(now)),
    ]
    return await signer_actions.give_consent(
        services, seat.ref, offer=offer, grants=grants, actor=actor, language=language
    )
