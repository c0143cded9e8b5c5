"""Codes by SMS (SMSの確認コード): asked for by a signer who has proved his mailbox, sent by the worker, checked here.

A code is made and counted like one by mail: derived when it is needed, stored nowhere, ten minutes, five tries, a new
one ends the old. It goes to the number that the registry has for the signer's entry and to no other. How it is sent
stands in `envelopes.actions.worker.texting`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F
from tortoise.functions import Sum

from envelopes.actions import mobiles, notes
from envelopes.actions.signer import actor_of, is_again
from envelopes.records import counters, store, tasks
from envelopes.records.database import is_sqlite, unit
from envelopes.records.models import Code, Mobile, Signer, Sms
from envelopes.rules import codes
from envelopes.rules.codes import Issued, Verdict
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.mobiles import masked
from envelopes.rules.notes import About
from envelopes.rules.policy import days, hours
from envelopes.rules.returns import DeliveryState
from envelopes.rules.states import Task
from envelopes.services import Services

PURPOSE: Final = "sms"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentSms:
    """A code that is out or was to go out. `failed`: it could not be sent; then nothing can be typed."""

    number: str
    valid_until: datetime
    word: str
    resend_at: datetime
    again: bool
    failed: bool


def subject(signer: Signer, generation: int) -> str:
    """What a code's key is derived for."""
    return f"{PURPOSE}:{signer.ref}:{generation}"


async def number_of(services: Services, signer: Signer) -> Mobile | None:
    """The number to which a code for *signer* goes now, if the registry has one."""
    return await mobiles.in_use(signer.contact_id, now=services.now())


async def last(services: Services, signer: Signer) -> SentSms | None:
    """The code that is out for *signer*, or could not be sent; None once it is used, spent or late."""
    row = await _newest(signer)
    if row is None or row.used_at or row.wrong >= services.policy.code_tries:
        return None
    if services.now() >= row.sent_at + services.policy.code_lifetime:
        return None
    sent = await Sms.filter(code_id=row.id).select_related("mobile").get()
    return await _shown(services, signer, row, sent.mobile, failed=sent.state == DeliveryState.FAILED)


async def _newest(signer: Signer, connection: BaseDBAsyncClient | None = None) -> Code | None:
    query = Code.filter(signer_id=signer.id, purpose=PURPOSE, generation=signer.generation)
    if connection is not None:
        query = query.using_db(connection)
        query = query if is_sqlite() else query.select_for_update()
    return await query.order_by("-serial").first()


async def _shown(services: Services, signer: Signer, row: Code, mobile: Mobile, *, failed: bool) -> SentSms:
    return SentSms(
        number=masked(mobile.number),
        valid_until=row.sent_at + services.policy.code_lifetime,
        word=codes.word(services.code_key, subject(signer, row.generation), row.serial),
        resend_at=row.sent_at + services.policy.code_resend,
        again=await is_again(row),
        failed=failed,
    )


async def send(services: Services, signer: Signer) -> SentSms:
    """Have a new code sent by SMS; it ends the one before. Only for a signer whose mailbox is proved.

    Raises Refused: SMS_OVER, SMS_NO_NUMBER, RESEND_EARLY (seconds), SMS_CAP.
    """
    now = services.now()
    if await is_over(services, signer):
        raise Refused(Reason.SMS_OVER)
    mobile = await number_of(services, signer)
    if mobile is None:
        raise Refused(Reason.SMS_NO_NUMBER)
    _require_pause(services, await _newest(signer), now)
    await _require_below_cap(services, signer, mobile, now)

    async def work(connection: BaseDBAsyncClient) -> Code:
        await store.lock(connection, signer.envelope_id)
        # Two presses at once both came this far; the second finds the first one's code.
        _require_pause(services, await _newest(signer, connection), now)
        row = await _issue(services, connection, signer, mobile, now)
        payload = {"number": masked(mobile.number), "signer": signer.ref}
        actor = actor_of(signer)
        await store.note(
            connection, signer.envelope_id, "sms asked for", actor=actor, now=now, payload=payload
        )
        return row

    return await _shown(services, signer, await unit(work), mobile, failed=False)


async def _issue(
    services: Services, connection: BaseDBAsyncClient, signer: Signer, mobile: Mobile, now: datetime
) -> Code:
    before = await Code.filter(signer_id=signer.id).using_db(connection).order_by("-serial").first()
    row = await Code.create(
        signer_id=signer.id,
        purpose=PURPOSE,
        generation=signer.generation,
        serial=before.serial + 1 if before else 1,
        sent_at=now,
        using_db=connection,
    )
    await Sms.create(
        ref=services.ref(),
        code_id=row.id,
        mobile_id=mobile.id,
        state=DeliveryState.QUEUED.value,
        created_at=now,
        updated_at=now,
        using_db=connection,
    )
    ids = {"code": row.id, "signer": signer.id}
    await tasks.enqueue(
        connection, Task.CODE_SMS, str(row.id), now=now, envelope_id=signer.envelope_id, ids=ids
    )
    return row


def _require_pause(services: Services, newest: Code | None, now: datetime) -> None:
    if newest is not None and now < newest.sent_at + services.policy.code_resend:
        wait = newest.sent_at + services.policy.code_resend - now
        raise Refused(Reason.RESEND_EARLY, seconds=int(wait.total_seconds()) + 1)


async def _require_below_cap(services: Services, signer: Signer, mobile: Mobile, now: datetime) -> None:
    policy = services.policy
    # Each SMS costs the town money, so the limits hold for the signer, whichever browser asks.
    limits = (
        (f"sms-hour:{signer.ref}", policy.codes_an_hour, hours(1)),
        (f"sms-day:{signer.ref}", policy.codes_a_day, days(1)),
        (f"sms-number:{mobile.look_up}", policy.codes_a_day_total, days(1)),
    )
    for name, events, per in limits:
        if not await counters.allowed(name, events=events, per=per, now=now):
            raise Refused(Reason.SMS_CAP)


async def check(services: Services, signer: Signer, typed: str) -> tuple[Verdict, int]:
    """Judge what was typed against the newest code and count it in the database; with it, how many tries are left.

    Raises Refused: CODE_EMPTY and CODE_FORMAT, which count nothing, and SMS_OVER once all the codes of this link
    together were mistyped too often; then staff are told by mail, who alone can send another link.
    """
    given, now = codes.tidy(typed), services.now()

    async def work(connection: BaseDBAsyncClient) -> tuple[Verdict, int]:
        await store.lock(connection, signer.envelope_id)
        row = await _newest(signer, connection)
        if row is None:
            return Verdict.LATE, 0
        if await is_over(services, signer, connection):
            raise Refused(Reason.SMS_OVER)
        issued = Issued(serial=row.serial, sent_at=row.sent_at, wrong=row.wrong, used_at=row.used_at)
        expected = codes.make(services.code_key, subject(signer, row.generation), row.serial)
        verdict = codes.check(issued, expected=expected, given=given, now=now, policy=services.policy)
        mine = Code.filter(id=row.id).using_db(connection)
        if verdict is Verdict.OK:
            await mine.update(used_at=now)
        elif verdict is Verdict.WRONG:
            await mine.update(wrong=F("wrong") + 1)
            row.wrong += 1
            if await is_over(services, signer, connection):
                payload: dict[str, str | bool] = {"signer": signer.ref, "note": "", "proved": True}
                await notes.write(services, connection, signer, About.SMS_SPENT, payload)
        return verdict, max(0, services.policy.code_tries - row.wrong)

    return await unit(work)


async def is_over(services: Services, signer: Signer, connection: BaseDBAsyncClient | None = None) -> bool:
    """Whether all codes of this link together were mistyped so often that it takes no more."""
    mine = Code.filter(signer_id=signer.id, purpose=PURPOSE, generation=signer.generation)
    mine = mine.using_db(connection) if connection is not None else mine
    (counted,) = await mine.annotate(all=Sum("wrong")).values("all")
    return int(counted["all"] or 0) >= services.policy.link_tries
