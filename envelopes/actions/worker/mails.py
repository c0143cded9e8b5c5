"""Mails that came in: each kept once, read once, and what became of it. What they say is read in the bot."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.queryset import QuerySet

from envelopes.actions.worker import alerting
from envelopes.records import counters, tasks
from envelopes.records.blobs import Reader
from envelopes.records.database import unit
from envelopes.records.models import Mail, Sighting, Staff
from envelopes.rules import answers
from envelopes.rules.alerts import Alert
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.mails import MailStatus
from envelopes.rules.provenance import Why
from envelopes.rules.states import Task
from envelopes.services import Services

_WHO: Final = 16  # characters of a look-up hash: enough to tell people apart in a counter's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Where one copy of a mail lies: mailbox, UIDVALIDITY, UID (RFC 3501 2.3.1.1)."""

    mailbox: str
    uidvalidity: int
    uid: int


async def is_known(copy: Copy) -> bool:
    """Whether this very copy has been taken in already."""
    return await Sighting.filter(**_key(copy), mail_id__isnull=False).exists()


def _key(copy: Copy) -> dict[str, Any]:
    return {"mailbox": copy.mailbox, "uidvalidity": copy.uidvalidity, "uid": copy.uid}


async def take_in(
    services: Services,
    copy: Copy,
    raw: bytes,
    *,
    digest: str,
    arrived_at: datetime,
    unread: Reason | None = None,
) -> None:
    """Keep *raw* and queue its reading, once per mail however many copies of it arrive. Durable on return.

    *digest* is over everything but trace headers, so that the same mail delivered twice is one mail. *unread* is why
    *raw* is the mail's head alone.
    """
    stored = await services.blobs.put(raw, purpose="mail", readers=(Reader.ARCHIVE,))
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        mail = await Mail.filter(digest=digest).using_db(connection).first()
        if mail is None:
            mail = await Mail.create(
                ref=services.ref(),
                digest=digest,
                file=await stored.record(connection, now),
                status=MailStatus.RECEIVED.value,
                reason=unread.value if unread else None,
                whole=unread is None,
                arrived_at=arrived_at,
                using_db=connection,
            )
            key = str(mail.id)
            await tasks.enqueue(connection, Task.READ_MAIL, key, now=now, ids={"mail": mail.id})
        if not await Sighting.filter(**_key(copy)).using_db(connection).update(mail_id=mail.id):
            await Sighting.create(**_key(copy), mail_id=mail.id, using_db=connection)

    await unit(work)


async def read_later(services: Services, mail: Mail) -> None:
    """Queue the reading of a mail whose files must be converted first: that takes time, and others shall not wait."""

    async def work(connection: BaseDBAsyncClient) -> None:
        now = services.now()
        await tasks.enqueue(connection, Task.READ_FILES, str(mail.id), now=now, ids={"mail": mail.id})

    await unit(work)


async def give_up(copy: Copy, *, now: datetime) -> None:
    """Note that this copy could not be taken in: it lies in the mailbox's folder for failed mails, and only there."""
    await Sighting.filter(**_key(copy), mail_id__isnull=True).update(failed_at=now)


async def count_failure(copy: Copy) -> int:
    """Count that taking in this copy raised an error; returns how often by now."""

    async def work(connection: BaseDBAsyncClient) -> int:
        row = await Sighting.filter(**_key(copy)).using_db(connection).first()
        if row is None:
            row = await Sighting.create(**_key(copy), tries=0, using_db=connection)
        await Sighting.filter(id=row.id).using_db(connection).update(tries=row.tries + 1)
        return int(row.tries) + 1

    return await unit(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFacts:
    """What is noted of a mail once it is read. Sender and subject are sealed; `message_id` threads the answer."""

    subject: str
    sender: str
    message_id: str


async def note_proof(mail: Mail, why: Why, key: str) -> None:
    """Keep whose word there is for the sender; *key* is the DNS record that verified it, "" for none."""
    await Mail.filter(id=mail.id).update(proof=why.value, proof_key=key or None)


async def set_aside(
    services: Services, mail: Mail, status: MailStatus, reason: str, facts: MailFacts | None
) -> None:
    """Note why a mail led to nothing: quarantined without an answer, or failed. It stays to be looked at."""
    await Mail.filter(id=mail.id).update(**noted(services, status, reason, facts))


async def tell_newcomer(services: Services, mail: Mail, address: str, facts: MailFacts) -> None:
    """Put aside a mail of the town's own *address* that is not on the staff list, and tell him, once a day.

    He is the only one outside the list who is ever told: his address is proven, and it is the town's own server that
    would carry an answer to somebody wronged.
    """
    now, look_up = services.now(), services.address_look_up(address)
    limits = answers.limits(f"newcomer:{look_up[:_WHO]}", Reason.NOT_STAFF, services.policy)

    async def work(connection: BaseDBAsyncClient) -> None:
        unread = _unread(mail, connection)
        if not await unread.exists():
            return
        await unread.update(**noted(services, MailStatus.QUARANTINED, Reason.NOT_STAFF, facts))
        full = await counters.full([limit[:3] for limit in limits], now=now)
        if full is None:
            await tasks.enqueue(connection, Task.NEWCOMER_MAIL, str(mail.id), now=now, ids={"mail": mail.id})
        elif limits[full].reason is Reason.ANSWERS_STOPPED:
            await alerting.tell(connection, Alert.ANSWERS, now=now)

    await unit(work)


def noted(
    services: Services, status: MailStatus, reason: str | None, facts: MailFacts | None
) -> dict[str, Any]:
    """What a mail's row says once it is read."""
    values: dict[str, Any] = {"status": status.value, "reason": reason, "read_at": services.now()}
    if facts is not None:
        values |= {"subject": facts.subject, "sender": facts.sender, "message_id": facts.message_id}
    return values


async def next_draft_number(connection: BaseDBAsyncClient) -> str:
    """The next number of a draft, as people write it."""
    return f"D-{await counters.next_number(connection, 'draft'):04d}"


async def answer(
    services: Services,
    mail: Mail,
    staff: Staff,
    *,
    said: Mapping[str, Any],
    facts: MailFacts,
    kind: str,
    number: str | None = None,
) -> None:
    """Queue an answer that says what to mend, or put the mail aside where its sender has been told enough.

    *said* is plain JSON and is kept sealed with the mail; *kind* is the mistake's (`rules.answers`). *number* is that
    of the draft which replies may still complete: None gives out a new one, "" none at all. A mail that has been dealt
    with meanwhile is left alone.
    """
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        unread = _unread(mail, connection)
        if not await unread.exists() or await _told_enough(
            services, connection, mail, staff, kind=kind, facts=facts
        ):
            return
        values = noted(services, MailStatus.ANSWERED, None, facts)
        values |= {"answer": json.dumps(said), "sender_look_up": staff.email_look_up}
        values["draft_number"] = (await next_draft_number(connection)) if number is None else number or None
        await unread.update(**values)
        ids = {"mail": mail.id, "staff": staff.id}
        await tasks.enqueue(connection, Task.ANSWER_MAIL, str(mail.id), now=now, ids=ids)

    await unit(work)


def _unread(mail: Mail, connection: BaseDBAsyncClient) -> QuerySet[Mail]:
    """*mail*, while nobody has dealt with it."""
    return Mail.filter(id=mail.id, status=MailStatus.RECEIVED.value).using_db(connection)


async def _told_enough(
    services: Services,
    connection: BaseDBAsyncClient,
    mail: Mail,
    staff: Staff,
    *,
    kind: str,
    facts: MailFacts,
) -> bool:
    """Put *mail* aside where *staff* has been told of this kind of mistake often enough; else count it."""
    limits = answers.limits(staff.ref, kind, services.policy)
    full = await counters.full([limit[:3] for limit in limits], now=services.now())
    if full is None:
        return False
    reason = limits[full].reason
    values = noted(services, MailStatus.QUARANTINED, reason.value, facts)
    await _unread(mail, connection).update(**values)
    if reason is Reason.ANSWERS_STOPPED:
        await alerting.tell(connection, Alert.ANSWERS, now=services.now())
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The answer to a command by reply: what it says (plain JSON, kept sealed), about which envelope, as which mail.

    `kind` is the mistake's, or "" where there is none: what was done is always told.
    """

    said: Mapping[str, Any]
    envelope_id: int | None
    task: Task = Task.COMMAND_MAIL
    kind: str = ""


async def answer_command(services: Services, mail: Mail, staff: Staff, told: Told, facts: MailFacts) -> None:
    """Queue the answer to a command, or put a mistake aside as `answer` does.

    Raises Refused(STALE) where the mail has been dealt with meanwhile: then nothing may be done for it twice.
    """
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        unread = _unread(mail, connection)
        if not await unread.exists():
            raise Refused(Reason.STALE)
        if told.kind and await _told_enough(services, connection, mail, staff, kind=told.kind, facts=facts):
            return
        values = noted(services, MailStatus.ANSWERED, told.said.get("reason"), facts)
        values |= {
            "answer": json.dumps(told.said, ensure_ascii=False),
            "sender_look_up": staff.email_look_up,
        }
        await unread.update(**values)
        ids = {"mail": mail.id, "staff": staff.id}
        envelope_id, key = told.envelope_id, str(mail.id)
        await tasks.enqueue(connection, told.task, key, now=now, envelope_id=envelope_id, ids=ids)

    await unit(work)
