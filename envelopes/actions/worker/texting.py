"""A code by SMS on its way: what is to be sent while the code lives, and what came of it. The hook is the bot's."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import sms_codes
from envelopes.records import bonds, store
from envelopes.records.database import unit
from envelopes.records.models import Code, Signer, Sms
from envelopes.rules import codes, sms
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.people import WORKER
from envelopes.rules.returns import DeliveryState
from envelopes.rules.wording import spoken
from envelopes.services import Services

_OPEN = (DeliveryState.QUEUED, DeliveryState.RETRY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A message that is to be sent now."""

    row: Sms
    number: str = field(repr=False)
    text: str = field(repr=False)


async def due(services: Services, code_id: int) -> Due | None:
    """Return the message with the code, or None once it has been dealt with or would open nothing any more.

    Raises Refused(RECORD_ALTERED) where the number or the signer's place is not what the service wrote.
    """
    row = await Sms.filter(code_id=code_id).select_related("code__signer", "mobile").get()
    code: Code = row.code
    signer: Signer = code.signer
    if row.state not in _OPEN:
        return None
    if await _is_replaced(row, code, signer):
        await _give_up(services, row, row.note)
        return None
    if services.now() >= code.sent_at + services.policy.code_lifetime:
        await failed(services, row, row.note or sms.LATE)
        return None
    # A superuser of the database can write a row, but none that the service believes.
    mobile = row.mobile
    if not (bonds.holds(signer) and bonds.is_approved(mobile) and mobile.contact_id == signer.contact_id):
        raise Refused(Reason.RECORD_ALTERED)
    subject = sms_codes.subject(signer, code.generation)
    text = sms.text(
        town=services.settings.town.name,
        code=codes.make(services.code_key, subject, code.serial),
        word=codes.word(services.code_key, subject, code.serial),
        minutes=int(services.policy.code_lifetime / timedelta(minutes=1)),
        language=spoken(signer.language),
    )
    return Due(row=row, number=mobile.number, text=text)


async def _is_replaced(row: Sms, code: Code, signer: Signer) -> bool:
    """Whether the code would open nothing any more though its time is not over. A code that was used has arrived."""
    newer = Code.filter(signer_id=signer.id, purpose=code.purpose, serial__gt=code.serial)
    dead = code.used_at is not None or code.generation != signer.generation
    return dead or row.mobile.ended_at is not None or await newer.exists()


async def _give_up(services: Services, row: Sms, note: str) -> None:
    async def work(connection: BaseDBAsyncClient) -> None:
        await _set(connection, row, DeliveryState.FAILED, note, services.now())

    await unit(work)


async def taken(services: Services, connection: BaseDBAsyncClient, row: Sms, note: str) -> None:
    """Note that the hook has taken it, in the transaction that ends the task."""
    await _set(connection, row, DeliveryState.DELIVERED, note, services.now())


async def put_off(services: Services, row: Sms, note: str) -> timedelta:
    """Note an attempt that may be repeated; returns the pause before the next.

    Zero where the code will be over by then: it counts as failed, and that is a fact of the envelope.
    """
    now, wait = services.now(), sms.wait(row.attempts + 1, services.policy)
    if now + wait >= row.code.sent_at + services.policy.code_lifetime:
        await failed(services, row, note)
        return timedelta()

    async def work(connection: BaseDBAsyncClient) -> None:
        await _set(connection, row, DeliveryState.RETRY, note, now)

    await unit(work)
    return wait


async def failed(services: Services, row: Sms, note: str) -> None:
    """Note that it will not be sent, and why: for the contractor's page at once, and in the envelope's history."""
    now, signer = services.now(), row.code.signer
    payload = {"signer": signer.ref, "note": note, "why": sms.why(note).value}

    async def work(connection: BaseDBAsyncClient) -> None:
        if not await _set(connection, row, DeliveryState.FAILED, note, now):
            return
        await store.note(
            connection, signer.envelope_id, "sms not sent", actor=WORKER, now=now, payload=payload
        )

    await unit(work)


async def _set(
    connection: BaseDBAsyncClient, row: Sms, state: DeliveryState, note: str, now: datetime
) -> int:
    mine = Sms.filter(id=row.id, state__in=[one.value for one in _OPEN]).using_db(connection)
    values = {"state": state.value, "note": note[:40], "updated_at": now}
    return await mine.update(**values, attempts=row.attempts + 1)
