"""Commands by reply: the authenticator's seed of their own, whether they are in force, and whether digits are right.

The second channel of a mail (level 2). The seed is another than the one for signing in, so digits that go through mail
servers open no page. What can be ordered, and how it is written, stands in `envelopes.rules.replies`; each order is
carried out by the verb that the pages use.
"""

import hmac
from base64 import b32encode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import pyotp
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F

from envelopes.actions import operating
from envelopes.actions.credentials import REPLY, SEED, STEP, count_try
from envelopes.actions.staff import actor_of
from envelopes.records import bonds, history
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Credential, Staff
from envelopes.rules.codes import tidy
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.policy import ReplyCommands
from envelopes.rules.schedule import jst_day
from envelopes.services import Services

STARTED: Final = "reply commands on"
STOPPED: Final = "reply commands off"
CLOSED: Final = "reply commands closed"


# In force


async def hindrance(services: Services, staff: Staff) -> Reason | None:
    """Why *staff* can order nothing by reply now, or None where he can."""
    if services.policy.reply_commands is ReplyCommands.OFF:
        return Reason.REPLY_OFF
    if not await operating.mail_is_sound(services):
        return Reason.REPLY_UNSOUND
    stored = await _stored(staff)
    if stored is None:
        return Reason.REPLY_NOT_ENROLLED
    return Reason.REPLY_CLOSED if stored.wrong >= services.policy.reply_tries else None


async def _stored(staff: Staff) -> Credential | None:
    return await Credential.filter(staff_id=staff.id, kind=REPLY).first()


async def is_enrolled(staff: Staff) -> bool:
    """Whether an authenticator is set up for replies."""
    return await _stored(staff) is not None


# Enrolment


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """What the authenticator is given: base32, and the same as the address that a QR code holds."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


def offered(services: Services, staff: Staff) -> Seed:
    """The seed that *staff* would enrol now. Derived, not stored: showing it twice shows the same."""
    subject = f"reply:{staff.ref}:{staff.reply_enrolment}".encode()
    secret = b32encode(hmac.new(services.code_key, subject, "sha256").digest()[:SEED]).decode()
    issuer = f"{services.settings.town.name} 電子契約（返信用）"
    return Seed(secret=secret, uri=pyotp.TOTP(secret).provisioning_uri(name=staff.email, issuer_name=issuer))


async def enrol(services: Services, staff: Staff, *, code: str) -> None:
    """Switch replies on for *staff*, whose authenticator shows *code*.

    Raises Refused: AUTHENTICATOR_FORMAT, TOTP_WRONG, SIGN_IN_LOCKED.
    """
    await count_try(services, f"reply:{staff.ref}")
    now, secret, form = services.now(), offered(services, staff).secret, Reason.AUTHENTICATOR_FORMAT
    digits = tidy(code, empty=form, form=form)
    step = _matching(secret, digits, first=now.timestamp() - STEP, last=now.timestamp() + STEP)
    if step is None:
        raise Refused(Reason.TOTP_WRONG)

    async def work(connection: BaseDBAsyncClient) -> None:
        await _replace(connection, staff)
        await Credential.create(
            staff_id=staff.id,
            kind=REPLY,
            secret=bonds.of_credential(staff.id, REPLY, secret),
            last_step=step,
            created_at=now,
            using_db=connection,
        )
        await _note(connection, staff, STARTED, now)

    await unit(work)


async def stop(services: Services, staff: Staff) -> None:
    """Switch replies off for *staff*; the digits of the old seed are good for nothing any more."""
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        if await Credential.filter(staff_id=staff.id, kind=REPLY).using_db(connection).exists():
            await _replace(connection, staff)
            await _note(connection, staff, STOPPED, now)

    await unit(work)


async def _replace(connection: BaseDBAsyncClient, staff: Staff) -> None:
    """Forget the seed, so that the next one offered is another."""
    mine = Staff.filter(id=staff.id, reply_enrolment=staff.reply_enrolment).using_db(connection)
    if not await mine.update(reply_enrolment=F("reply_enrolment") + 1):
        raise Refused(Reason.LINK_REPLACED)
    await Credential.filter(staff_id=staff.id, kind=REPLY).using_db(connection).delete()


async def _note(connection: BaseDBAsyncClient, staff: Staff, kind: str, now: datetime) -> None:
    await history.record(connection, Subject.STAFF, staff.id, kind, actor=str(actor_of(staff)), at=now)


# The digits of a mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """When our own server received a mail, when it was first seen here, and which it is. Never what Date says."""

    mail_id: int
    at: datetime
    seen_at: datetime


async def prove(services: Services, staff: Staff, code: str, arrival: Arrival) -> None:
    """Check the digits that *staff* wrote; they count once, and for the same mail again.

    Raises Refused: what `hindrance` says, REPLY_LATE, REPLY_CODE_SPENT, REPLY_CODE_WRONG (which is counted).
    """
    if reason := await hindrance(services, staff):
        raise Refused(reason)
    policy = services.policy
    if arrival.seen_at - arrival.at > policy.reply_seen_within:
        raise Refused(Reason.REPLY_LATE)
    stored = await _stored(staff)
    secret = bonds.secret_of(stored) if stored else None
    if stored is None or secret is None:
        raise Refused(Reason.REPLY_NOT_ENROLLED)
    first, last = (
        (arrival.at - policy.reply_before).timestamp(),
        (arrival.at + policy.reply_after).timestamp(),
    )
    step = _matching(secret, tidy(code), first=first, last=last)
    if step is None:
        raise await _wrong(services, staff, stored)
    if not await _spend(services, stored, step, arrival):
        raise Refused(Reason.REPLY_CODE_SPENT)


def _matching(secret: str, code: str, *, first: float, last: float) -> int | None:
    """The latest time step between two instants whose digits are *code*: with it, all before are spent."""
    totp, found = pyotp.TOTP(secret), None
    for step in range(int(first) // STEP, int(last) // STEP + 1):
        if hmac.compare_digest(totp.generate_otp(step), code):
            found = step
    return found


async def _spend(services: Services, stored: Credential, step: int, arrival: Arrival) -> bool:
    """Mark *step* as used by this mail. A mail whose reading was cut off finds its own mark."""
    fresh = Credential.filter(id=stored.id, last_step__lt=step)
    if await fresh.update(last_step=step, used_at=services.now(), used_by=arrival.mail_id):
        return True
    return await Credential.filter(id=stored.id, last_step=step, used_by=arrival.mail_id).exists()


async def _wrong(services: Services, staff: Staff, stored: Credential) -> Refused:
    """Count wrong digits, by day; too many end the orders until the next sign-in."""
    now, tries = services.now(), services.policy.reply_tries
    today = jst_day(now)

    async def work(connection: BaseDBAsyncClient) -> int:
        mine = Credential.filter(id=stored.id).using_db(connection)
        await mine.exclude(wrong_on=today).filter(wrong__lt=tries).update(wrong=0, wrong_on=today)
        await mine.filter(wrong_on__isnull=True).update(wrong=0, wrong_on=today)
        await mine.update(wrong=F("wrong") + 1)
        wrong = int((await mine.get()).wrong)
        if wrong == tries:
            await _note(connection, staff, CLOSED, now)
        return wrong

    left = tries - await unit(work)
    return Refused(Reason.REPLY_CODE_WRONG, n=left) if left > 0 else Refused(Reason.REPLY_CLOSED)
