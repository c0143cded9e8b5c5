"""A draft from what a mail said: envelope, documents and signers in one transaction, with their 締結証明書ID."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import seats
from envelopes.actions.worker.mails import MailFacts, next_draft_number, noted
from envelopes.records import store
from envelopes.records.blobs import BOTH, Reader, Stored
from envelopes.records.database import unit
from envelopes.records.models import Contact, Document, Envelope, Mail, Staff
from envelopes.rules.errors import Reason, StaleEnvelope
from envelopes.rules.factors import Method
from envelopes.rules.kinds import Kind, Tax
from envelopes.rules.mails import MailStatus
from envelopes.rules.people import WORKER
from envelopes.rules.states import By, Event, State
from envelopes.services import Services

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHECK: Final = 37  # Crockford's check: the value modulo this prime
_ID_BITS: Final = 80
_TITLE: Final = 200  # characters of the columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A document that was received: what came, and what it became."""

    title: str
    file_name: str
    original: bytes
    data: bytes
    pages: int
    warnings: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Everything a draft is made of. `reading` is what was read from the mail, for the draft page, as plain JSON.

    Where replies completed the order, `number` was given out with the first answer, to the mails `earlier`.
    """

    certificate_id: str
    kind: Kind
    title: str
    amount: int | None
    tax: Tax
    deadline_on: date
    section_id: int
    contacts: Sequence[Contact]
    papers: Sequence[Paper]
    reading: Mapping[str, Any]
    methods: Sequence[Method] = ()
    number: str = ""
    earlier: Sequence[Mail] = ()


def certificate_id(services: Services) -> str:
    """A new 締結証明書ID: 80 random bits in Crockford's base32 with his check digit, in groups of four.

    Values whose check would be one of his five extra symbols are drawn again: ids use digits and letters only.
    """
    value = secrets.randbits(_ID_BITS)
    while value % _CHECK >= len(_CROCKFORD):
        value = secrets.randbits(_ID_BITS)
    digits = "".join(_CROCKFORD[value >> shift & 31] for shift in range(_ID_BITS - 5, -1, -5))
    groups = "-".join(digits[i : i + 4] for i in range(0, len(digits), 4))
    return f"{services.settings.town.prefix}-{groups}-{_CROCKFORD[value % _CHECK]}"


async def open_draft(
    services: Services, mail: Mail, drafter: Staff, opening: Opening, facts: MailFacts
) -> int | None:
    """Make a draft of what a mail said, and have its pages rendered and its drafter told.

    Returns the envelope's id, or None where the mail has been dealt with meanwhile. Raises StaleEnvelope where
    another reply has completed the same order first.
    """
    ref, now = services.ref(), services.now()
    kept = [await _keep(services, ref, paper) for paper in opening.papers]

    async def work(connection: BaseDBAsyncClient) -> int | None:
        values = noted(services, MailStatus.READ, None, facts)
        still = Mail.filter(id=mail.id, status=MailStatus.RECEIVED.value).using_db(connection)
        if not await still.update(**values):
            return None
        await _complete(connection, opening.earlier)
        envelope = await _create(services, connection, ref=ref, mail=mail, drafter=drafter, opening=opening)
        for position, (paper, files) in enumerate(zip(opening.papers, kept, strict=True), 1):
            await _add_document(connection, envelope, position, paper, files)
        await seats.seat_contractors(
            services, connection, envelope.id, opening.contacts, methods=opening.methods
        )
        await store.apply(connection, envelope, Event.OPENED, By.WORKER, actor=WORKER, now=now)
        return int(envelope.id)

    return await unit(work)


async def _complete(connection: BaseDBAsyncClient, earlier: Sequence[Mail]) -> None:
    """The mails that were answered before have led to a draft now: of two replies at once, one opens it."""
    ids = [mail.id for mail in earlier]
    waiting = Mail.filter(id__in=ids, status=MailStatus.ANSWERED.value).using_db(connection)
    if await waiting.update(status=MailStatus.READ.value) != len(ids):
        raise StaleEnvelope


async def _keep(services: Services, ref: str, paper: Paper) -> tuple[Stored, Stored]:
    original = await services.blobs.put(
        paper.original, purpose="original", readers=(Reader.ARCHIVE,), envelope_ref=ref
    )
    base = await services.blobs.put(paper.data, purpose="base", readers=BOTH, envelope_ref=ref)
    return original, base


async def _create(
    services: Services,
    connection: BaseDBAsyncClient,
    *,
    ref: str,
    mail: Mail,
    drafter: Staff,
    opening: Opening,
) -> Envelope:
    return await Envelope.create(
        ref=ref,
        draft_number=opening.number or await next_draft_number(connection),
        certificate_id=opening.certificate_id,
        kind=opening.kind.value,
        state=State.NONE.value,
        version=0,
        section_id=opening.section_id,
        drafter_id=drafter.id,
        mail_id=mail.id,
        title=opening.title[:_TITLE],
        **seats.party_columns(opening.contacts),
        amount=opening.amount,
        tax=opening.tax.value,
        deadline_on=opening.deadline_on,
        reading=json.dumps(opening.reading, ensure_ascii=False),
        policy=services.policy_text(),
        opened_at=services.now(),
        using_db=connection,
    )


async def _add_document(
    connection: BaseDBAsyncClient,
    envelope: Envelope,
    position: int,
    paper: Paper,
    files: tuple[Stored, Stored],
) -> None:
    original, base = files
    now = envelope.opened_at
    await Document.create(
        envelope_id=envelope.id,
        position=position,
        title=paper.title[:_TITLE],
        file_name=paper.file_name,
        page_count=paper.pages,
        warnings=",".join(paper.warnings),
        original=await original.record(connection, now),
        base=await base.record(connection, now),
        using_db=connection,
    )
