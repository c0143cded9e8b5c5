"""Whether mail reaches an address of the registry: refusals are counted, and a code that was typed in says it does.

What counts is decided in `envelopes.rules.returns`. A dead address is asked nothing new; the registry's keeper corrects
it, or registers the same one again once it works.
"""

from collections.abc import Collection
from datetime import date, datetime
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F

from envelopes.records import history
from envelopes.records.history import Subject
from envelopes.records.models import Access, Contact, Delivery, Signer
from envelopes.rules.addresses import AddressKind
from envelopes.rules.people import WORKER
from envelopes.rules.policy import Policy
from envelopes.rules.returns import DeliveryState, meaning_of, refusals_to_die
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import Task

LINKS: Final = (
    Task.REQUEST_MAIL,
    Task.NEW_LINK_MAIL,
    Task.PROOF_MAIL,
    Task.EXTENDED_MAIL,
    Task.REMINDER_MAIL,
)
DEAD: Final = "address dead"
ALIVE: Final = "address alive"


async def refused(
    connection: BaseDBAsyncClient, delivery: Delivery, *, policy: Policy, now: datetime
) -> None:
    """Count against its address that *delivery* was refused, in the caller's transaction."""
    standing = Contact.filter(email_look_up=delivery.recipient_look_up, ended_at=None).using_db(connection)
    contact = await standing.first()
    if contact is None:
        return
    carrier = contact.kind == AddressKind.CARRIER.value
    most = refusals_to_die(delivery.code, delivery.answer, carrier=carrier, policy=policy)
    if most is None:
        return
    await standing.update(refusals=F("refusals") + 1)
    if await standing.filter(refusals__gte=most, dead_at=None).update(dead_at=now):
        why = meaning_of(delivery.code, delivery.answer)
        payload = {"meaning": why.value, "delivery": delivery.ref}
        await history.record(
            connection, Subject.CONTACT, contact.id, DEAD, actor=str(WORKER), at=now, payload=payload
        )


async def reached(connection: BaseDBAsyncClient, email_look_up: str, *, now: datetime) -> None:
    """A code that was mailed to the address has been typed in: mail arrives there."""
    standing = Contact.filter(email_look_up=email_look_up, ended_at=None, refusals__gt=0)
    contact = await standing.using_db(connection).first()
    if contact is None:
        return
    await Contact.filter(id=contact.id).using_db(connection).update(refusals=0, dead_at=None)
    if contact.dead_at is not None:
        await history.record(connection, Subject.CONTACT, contact.id, ALIVE, actor=str(WORKER), at=now)


async def is_dead(contacts: Collection[int | None]) -> bool:
    """Whether one of these entries is dead."""
    ids = [one for one in contacts if one is not None]
    return await Contact.filter(id__in=ids, dead_at__isnull=False).exists()


async def mail_of(task: Task, key: str) -> Delivery | None:
    """The mail that *task* about *key* has made; None while it is still to be made."""
    return await Delivery.filter(task__key=f"{task}:{key}").first()


async def last(signer: Signer, mails: tuple[Task, ...] = LINKS) -> Delivery | None:
    """The newest of these *mails* to the signer."""
    named = [mail.value for mail in mails]
    return await Delivery.filter(signer_id=signer.id, mail__in=named).order_by("-id").first()


async def came_back(signer: Signer, mails: tuple[Task, ...] = LINKS) -> bool:
    """Whether the newest of these *mails* to the signer did not arrive (不達)."""
    newest = await last(signer, mails)
    return newest is not None and newest.state == DeliveryState.FAILED.value


async def opened(signer: Signer) -> tuple[date, int] | None:
    """The last day on which his link was opened since the signer was asked, and how often. Scanners do it too."""
    if signer.asked_at is None:
        return None
    rows = await Access.filter(signer_id=signer.id, kind="landing", day__gte=jst_day(signer.asked_at))
    return (max(row.day for row in rows), sum(row.count for row in rows)) if rows else None


async def unreached(signers: Collection[int]) -> frozenset[int]:
    """Those of *signers* whose newest mail with a link did not arrive."""
    sent = Delivery.filter(signer_id__in=list(signers), mail__in=[mail.value for mail in LINKS])
    newest = {row.signer_id: row.state for row in await sent.order_by("id").only("id", "signer_id", "state")}
    return frozenset(
        one for one, state in newest.items() if one is not None and state == DeliveryState.FAILED.value
    )
