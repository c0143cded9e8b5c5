"""Authenticator apps (認証アプリ) of contractors: set up once on a phone, bound to the entry of the registry.

An app is set up in a browser that has proved mailbox and access code, so that nobody who only reads the mailbox has his
own phone let in for the next contracts. It does not count for the request in which it was set up. One that is lost is
ended by two members of staff; from the first one's report on it opens nothing, and nothing takes its place.

The digits are TOTP (RFC 6238): one time step either way, each step once. The tries are counted in the database.
"""

import hmac
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyotp
from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import registry
from envelopes.actions.credentials import SEED, matching_step
from envelopes.records import bonds, counters, history, store, tasks
from envelopes.records.database import is_sqlite, unit
from envelopes.records.history import Subject
from envelopes.records.models import Authenticator, Contact, Proof, Session, Signer, Staff
from envelopes.rules import codes
from envelopes.rules.codes import Verdict
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.people import Actor, may_approve_address, may_enter_address, roles_from
from envelopes.rules.policy import days
from envelopes.rules.states import Task
from envelopes.services import Services

SET_UP: Final = "authenticator set up"
LOST: Final = "authenticator lost"
FOUND: Final = "authenticator found"
ENDED: Final = "authenticator ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a phone is given: the seed (base32), and the same as the address that a QR code carries."""

    seed: str
    uri: str


async def of(contact_id: int | None) -> Authenticator | None:
    """The app that the entry has now, also one that is reported lost; None where it has none."""
    return await Authenticator.filter(contact_id=contact_id or 0, ended_at=None).first()


def counts_for(app: Authenticator | None, signer: Signer) -> bool:
    """Whether *app* proves anything in the request of *signer*: it was not set up in it."""
    return app is not None and app.envelope_id != signer.envelope_id


async def asked_of(signer: Signer) -> Method:
    """What a signer who is asked for an app has to show: the access code while there is no app that counts."""
    return Method.AUTHENTICATOR if counts_for(await of(signer.contact_id), signer) else Method.ACCESS_CODE


# Setting it up


async def offer(services: Services, signer: Signer, session: Session) -> Offer:
    """The seed for a new app in this browser. Derived, not stored: showing it twice shows the same."""
    before = await Authenticator.filter(contact_id=signer.contact_id or 0).count()
    subject = f"authenticator:{signer.ref}:{session.digest}:{before}".encode()
    seed = b32encode(hmac.new(services.code_key, subject, "sha256").digest()[:SEED]).decode()
    issuer = f"{services.settings.town.name} 電子契約"
    uri = pyotp.TOTP(seed).provisioning_uri(name=signer.company, issuer_name=issuer)
    return Offer(seed=seed, uri=uri)


async def set_up(services: Services, signer: Signer, session: Session, typed: str, *, actor: Actor) -> None:
    """Bind the app that shows *typed* to the entry of *signer*. The caller has seen to it that everything is proved.

    Raises Refused: AUTHENTICATOR_FORMAT, AUTHENTICATOR_WRONG, AUTHENTICATOR_LOCKED, AUTHENTICATOR_THERE.
    """
    offered, now = await offer(services, signer, session), services.now()
    digits = _tidy(typed)
    contact = await Contact.filter(id=signer.contact_id or 0).first()
    if contact is None:
        raise Refused(Reason.AUTHENTICATOR_THERE)
    await _count(services, contact)
    step = matching_step(offered.seed, digits, now)
    if step is None:
        raise Refused(Reason.AUTHENTICATOR_WRONG)

    async def work(connection: BaseDBAsyncClient) -> None:
        await _lock(connection, contact)
        if await Authenticator.filter(contact_id=contact.id, ended_at=None).using_db(connection).exists():
            raise Refused(Reason.AUTHENTICATOR_THERE)
        row = await Authenticator.create(
            contact_id=contact.id,
            envelope_id=signer.envelope_id,
            secret=bonds.of_authenticator(contact.ref, offered.seed),
            last_step=step,
            set_up_at=now,
            using_db=connection,
        )
        await store.note(connection, signer.envelope_id, SET_UP, actor=actor, now=now)
        await _note(connection, row, SET_UP, actor, now)
        await _tell(connection, row, SET_UP, now)

    await unit(work)


# Using it


async def check(services: Services, signer: Signer, typed: str) -> Verdict:
    """Judge the digits of the app; each time step counts once.

    Raises Refused: AUTHENTICATOR_FORMAT, which counts nothing, AUTHENTICATOR_LOCKED after too many tries, and
    AUTHENTICATOR_LOST while staff are ending the app.
    """
    digits, app = _tidy(typed), await of(signer.contact_id)
    if app is None or not counts_for(app, signer):
        raise Refused(Reason.PROOF_MISSING)
    if app.lost_at is not None:
        raise Refused(Reason.AUTHENTICATOR_LOST)
    contact = await Contact.get(id=app.contact_id)
    await _count(services, contact)
    seed = bonds.seed_of(app, contact.ref)
    step = matching_step(seed, digits, services.now()) if seed else None
    if step is None:
        return Verdict.WRONG
    fresh = Authenticator.filter(id=app.id, last_step__lt=step, ended_at=None, lost_at=None)
    return Verdict.OK if await fresh.update(last_step=step) else Verdict.WRONG


def _tidy(typed: str) -> str:
    form = Reason.AUTHENTICATOR_FORMAT
    return codes.tidy(typed, empty=form, form=form)


async def _count(services: Services, contact: Contact) -> None:
    policy, now = services.policy, services.now()
    limits = (
        (f"authenticator:{contact.ref}", policy.authenticator_tries, policy.sign_in_pause),
        (f"authenticator-day:{contact.ref}", policy.authenticator_tries_a_day, days(1)),
    )
    for name, events, per in limits:
        if not await counters.allowed(name, events=events, per=per, now=now):
            raise Refused(Reason.AUTHENTICATOR_LOCKED)


# A lost phone: two members of staff


async def report_lost(services: Services, actor: Actor, ref: str, *, note: str) -> None:
    """Note that the phone is lost, and how staff heard of it: the app opens nothing from now on.

    Raises Refused: ROLE_MISSING, REASON_MISSING, REASON_TOO_LONG, STALE where there is no app, or it is reported.
    """
    if not may_enter_address(actor.roles):
        raise Refused(Reason.ROLE_MISSING)
    contact, text, now = await registry.find(ref), registry.tidy_note(services, note), services.now()
    values = {"lost_at": now, "lost_note": text, "reporter_id": actor.id}

    async def work(connection: BaseDBAsyncClient) -> None:
        row = await _change(connection, contact, values, lost=False)
        await _void(connection, contact)
        await _note(connection, row, LOST, actor, now, reason=text)

    await unit(work)


async def take_back(services: Services, actor: Actor, ref: str) -> None:
    """The phone was found again, or the report was a mistake: the app counts as before. Raises Refused as above."""
    if not may_enter_address(actor.roles):
        raise Refused(Reason.ROLE_MISSING)
    contact, now = await registry.find(ref), services.now()
    values = {"lost_at": None, "lost_note": None, "reporter_id": None}

    async def work(connection: BaseDBAsyncClient) -> None:
        row = await _change(connection, contact, values, lost=True)
        await _note(connection, row, FOUND, actor, now)

    await unit(work)


async def hindrance(actor: Actor, app: Authenticator) -> Reason | None:
    """Why this member of staff may not be the second person, or None."""
    if app.lost_at is None or app.reporter_id is None:
        return Reason.STALE
    if app.reporter_id == actor.id:
        return Reason.REGISTRAR_SAME_PERSON
    first = await Staff.get(id=app.reporter_id)
    allowed = may_approve_address(actor.roles, first=roles_from(first.roles))
    return None if allowed else Reason.ROLE_MISSING


async def end(services: Services, actor: Actor, ref: str, *, call_back: str) -> None:
    """End a lost app, as the second person, after calling back on a number from elsewhere; the address is told.

    Raises Refused: STALE, REGISTRAR_SAME_PERSON, ROLE_MISSING, CALL_BACK_MISSING, REASON_TOO_LONG.
    """
    contact, now = await registry.find(ref), services.now()
    app = await of(contact.id)
    why = Reason.STALE if app is None else await hindrance(actor, app)
    if why is not None:
        raise Refused(why)
    noted = registry.tidy_note(services, call_back, missing=Reason.CALL_BACK_MISSING)
    values = {"ended_at": now, "approver_id": actor.id, "call_back": noted}

    async def work(connection: BaseDBAsyncClient) -> None:
        row = await _change(connection, contact, values, lost=True)
        await _void(connection, contact)
        await _note(connection, row, ENDED, actor, now, reason=noted)
        await _tell(connection, row, ENDED, now)

    await unit(work)


async def _change(
    connection: BaseDBAsyncClient, contact: Contact, values: Mapping[str, Any], *, lost: bool
) -> Authenticator:
    """Change the living app if it is still in the state it was seen in. Raises Refused(STALE)."""
    await _lock(connection, contact)
    row = await Authenticator.filter(contact_id=contact.id, ended_at=None).using_db(connection).first()
    if row is None or (row.lost_at is not None) is not lost:
        raise Refused(Reason.STALE)
    await Authenticator.filter(id=row.id).using_db(connection).update(**values)
    return row


async def _void(connection: BaseDBAsyncClient, contact: Contact) -> None:
    """What was proved by the phone before counts no more: whoever has it may be somebody else."""
    mine = await Signer.filter(contact_id=contact.id).using_db(connection).values_list("id", flat=True)
    proofs = Proof.filter(signer_id__in=list(mine), factor=Method.AUTHENTICATOR.value)
    await proofs.using_db(connection).delete()


async def _lock(connection: BaseDBAsyncClient, contact: Contact) -> None:
    """Let one transaction at a time change the app of an entry. SQLite has one writer anyway."""
    if not is_sqlite():
        await Contact.filter(id=contact.id).using_db(connection).select_for_update().first()


async def _note(
    connection: BaseDBAsyncClient,
    row: Authenticator,
    kind: str,
    actor: Actor,
    now: datetime,
    *,
    reason: str = "",
) -> None:
    payload = {"reason": reason} if reason else {}
    await history.record(
        connection, Subject.CONTACT, row.contact_id, kind, actor=str(actor), at=now, payload=payload
    )


async def _tell(connection: BaseDBAsyncClient, row: Authenticator, kind: str, now: datetime) -> None:
    key, ids = f"{row.id}:{kind}", {"authenticator": row.id, "ended": int(kind == ENDED)}
    await tasks.enqueue(connection, Task.AUTHENTICATOR_MAIL, key, now=now, ids=ids)
