"""Mails that came back: what a report changes, once. How a report is read, and whose mail it is about, the bot knows.

A report never causes a mail to its sender: only the drafter hears of it. Of a mail to staff the administrators hear, of
one about the registry those who keep it; a mail about that which comes back leads to no other, so nothing goes round.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import reachable
from envelopes.actions.worker import alerting
from envelopes.actions.worker.mails import MailFacts, noted
from envelopes.records import store, tasks
from envelopes.records.database import unit
from envelopes.records.models import Delivery, Mail
from envelopes.rules.alerts import Alert
from envelopes.rules.mails import MailStatus
from envelopes.rules.people import WORKER
from envelopes.rules.policy import Policy
from envelopes.rules.returns import DeliveryState, meaning_of
from envelopes.rules.states import Task
from envelopes.services import Services

log = logging.getLogger(__name__)

_CODE: Final = 20  # characters of the column
_REGISTRY: Final = frozenset({Task.ADDRESS_MAIL.value, Task.MOBILE_MAIL.value})


class News(StrEnum):
    """What a report tells. The value is the fact's kind in the history and the note on the mail."""

    UNDELIVERED = "mail undelivered"
    DELAYED = "mail delayed"
    AUTO_REPLY = "auto reply"
    COMPLAINT = "complaint"
    RECEIPT = "mail receipt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report on the delivery called *ref*. *text* are the server's own words: sealed, for staff only."""

    ref: str
    news: News
    status: str = ""
    text: str = field(default="", repr=False)


async def take(services: Services, mail: Mail, report: Report, facts: MailFacts) -> bool:
    """Note what *mail* reports, once however often it is read; False where it is about none of our mails."""
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> bool:
        delivery = await Delivery.filter(ref=report.ref).using_db(connection).first()
        if delivery is None:
            return False
        unread = Mail.filter(id=mail.id, status=MailStatus.RECEIVED.value).using_db(connection)
        if await unread.update(**noted(services, MailStatus.READ, report.news.value, facts)):
            await _note(connection, delivery, report, policy=services.policy, now=now)
        return True

    return await unit(work)


async def _note(
    connection: BaseDBAsyncClient, delivery: Delivery, report: Report, *, policy: Policy, now: datetime
) -> None:
    match report.news:
        case News.UNDELIVERED:
            if await _turn(connection, delivery, DeliveryState.FAILED, report, now):
                await tell(connection, delivery, policy=policy, now=now)
        case News.DELAYED:
            if await _turn(connection, delivery, DeliveryState.DELAYED, report, now):
                await _fact(connection, delivery, report.news, now)
        case _:
            await _fact(connection, delivery, report.news, now)


async def _turn(
    connection: BaseDBAsyncClient, delivery: Delivery, state: DeliveryState, report: Report, now: datetime
) -> bool:
    """Set the delivery's state; False where it is in that one, or has failed, already."""
    known = {state.value, DeliveryState.FAILED.value}
    mine = Delivery.filter(id=delivery.id).exclude(state__in=known).using_db(connection)
    values = {"state": state.value, "code": report.status[:_CODE], "answer": report.text, "updated_at": now}
    return bool(await mine.update(**values))


async def tell(connection: BaseDBAsyncClient, delivery: Delivery, *, policy: Policy, now: datetime) -> None:
    """Put into the history that this mail did not arrive and have the drafter told, in the caller's transaction."""
    delivery = await Delivery.filter(id=delivery.id).using_db(connection).get()
    await reachable.refused(connection, delivery, policy=policy, now=now)
    if delivery.envelope_id is None or delivery.signer_id is None or delivery.staff_id is not None:
        await _tell_of_our_own(connection, delivery, now=now)
        return
    await _fact(connection, delivery, News.UNDELIVERED, now, meaning=_meaning(delivery))
    ids = {"delivery": delivery.id, "signer": delivery.signer_id}
    await tasks.enqueue(
        connection,
        Task.UNDELIVERED_MAIL,
        str(delivery.id),
        now=now,
        envelope_id=delivery.envelope_id,
        ids=ids,
    )


async def _tell_of_our_own(connection: BaseDBAsyncClient, delivery: Delivery, *, now: datetime) -> None:
    """A mail to staff, a section or the registry came back: somebody misses what it said."""
    log.warning("a %s to staff or registry was not delivered (%s)", delivery.mail, delivery.ref)
    if delivery.mail == Task.ALERT_MAIL.value:
        return  # the last one: nothing goes round
    await _fact(connection, delivery, News.UNDELIVERED, now, meaning=_meaning(delivery))
    what = Alert.REGISTRY_MAIL if delivery.mail in _REGISTRY else Alert.STAFF_MAIL
    await alerting.tell(connection, what, now=now, delivery=delivery, about=delivery.recipient_look_up)


def _meaning(delivery: Delivery) -> str:
    return meaning_of(delivery.code, delivery.answer).value


async def _fact(
    connection: BaseDBAsyncClient, delivery: Delivery, news: News, now: datetime, **more: Any
) -> None:
    if delivery.envelope_id is not None:
        payload = {"mail": delivery.mail, "signer": delivery.signer_id, **more}
        await store.note(connection, delivery.envelope_id, news.value, actor=WORKER, now=now, payload=payload)
