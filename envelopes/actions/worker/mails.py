"""Mails that came in: each kept once, read once, and what became of it. What they say is read in the bot."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records import counters, tasks
from envelopes.records.blobs import Reader
from envelopes.records.database import unit
from envelopes.records.models import Mail, Sighting, Staff
from envelopes.rules.errors import Reason
from envelopes.rules.states import Task
from envelopes.services import Services


class MailStatus(StrEnum):
    """What became of a mail."""

    RECEIVED = "received"
    READ = "read"
    ANSWERED = "answered"
    QUARANTINED = "quarantined"
    FAILED = "failed"


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


async def set_aside(
    services: Services, mail: Mail, status: MailStatus, reason: str, facts: MailFacts | None
) -> None:
    """Note why a mail led to nothing: quarantined without an answer, or failed. It stays to be looked at."""
    await Mail.filter(id=mail.id).update(**noted(services, status, reason, facts))


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
    number: str | None = None,
) -> None:
    """Queue an answer that says what to mend. *said* is plain JSON and is kept sealed with the mail.

    *number* is that of the draft which replies may still complete: None gives out a new one, "" none at all.
    """
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        values = noted(services, MailStatus.ANSWERED, None, facts)
        values |= {"answer": json.dumps(said), "sender_look_up": staff.email_look_up}
        values["draft_number"] = (await next_draft_number(connection)) if number is None else number or None
        await Mail.filter(id=mail.id).using_db(connection).update(**values)
        ids = {"mail": mail.id, "staff": staff.id}
        await tasks.enqueue(connection, Task.ANSWER_MAIL, str(mail.id), now=now, ids=ids)

    await unit(work)
