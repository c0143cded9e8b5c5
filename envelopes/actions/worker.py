"""What the service does by itself: take in mail, open drafts, prepare, sign, timestamp, expire, close windows.

Every verb may run twice: files come first and are immutable, one transaction picks the winner, and what somebody else
has done meanwhile is not done again. A signing key is used only in `sign`, only after a consent that verifies against
the bytes in hand, and each use is written down before it happens.
"""

import asyncio
import base64
import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import partial
from hashlib import sha256
from typing import Any, Final

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions.signer import party_of
from envelopes.papers.desk import Papers
from envelopes.papers.pages import Page
from envelopes.records import bonds, counters, store, tasks
from envelopes.records.blobs import Reader, Stored
from envelopes.records.database import unit
from envelopes.records.fields import Cipher, FieldUnreadable
from envelopes.records.models import (
    Consent,
    Contact,
    Document,
    Envelope,
    File,
    Image,
    KeyUse,
    Mail,
    Segment,
    Sighting,
    Signer,
    Staff,
)
from envelopes.records.store import Snapshot
from envelopes.rules import consent as consents
from envelopes.rules import turns
from envelopes.rules.accreditation import Stamp, are_accredited
from envelopes.rules.consent import require_fit
from envelopes.rules.errors import Later, NotPermitted, Reason, Refused, StaleEnvelope
from envelopes.rules.kinds import Kind, Tax
from envelopes.rules.names import search_form
from envelopes.rules.people import WORKER, Party
from envelopes.rules.schedule import day_over, jst_day, window_end
from envelopes.rules.states import By, Event, State, Task, permits
from envelopes.services import Services
from envelopes.signing import seal as seals
from envelopes.signing.seal import Entry, Seal
from envelopes.signing.times import stamped

log = logging.getLogger(__name__)

_BOTH: Final = (Reader.VIEW, Reader.ARCHIVE)
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHECK: Final = 37  # Crockford's check: the value modulo this prime
_ID_BITS: Final = 80
_TITLE: Final = 200  # characters of the columns
_PARTY: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What the worker has beyond the services: the seal and the tools for paper."""

    services: Services
    seal: Seal
    papers: Papers


class MailStatus(StrEnum):
    """What became of a mail."""

    RECEIVED = "received"
    READ = "read"
    ANSWERED = "answered"
    QUARANTINED = "quarantined"
    FAILED = "failed"


# Mail


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


async def take_in(services: Services, copy: Copy, raw: bytes, *, digest: str, arrived_at: datetime) -> None:
    """Keep *raw* and queue its reading, once per mail however many copies of it arrive. Durable on return.

    *digest* is over everything but trace headers, so that the same mail delivered twice is one mail.
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
                arrived_at=arrived_at,
                using_db=connection,
            )
            key = str(mail.id)
            await tasks.enqueue(connection, Task.READ_MAIL, key, now=now, ids={"mail": mail.id})
        if not await Sighting.filter(**_key(copy)).using_db(connection).update(mail_id=mail.id):
            await Sighting.create(**_key(copy), mail_id=mail.id, using_db=connection)

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
    await Mail.filter(id=mail.id).update(**_read(services, status, reason, facts))


def _read(
    services: Services, status: MailStatus, reason: str | None, facts: MailFacts | None
) -> dict[str, Any]:
    values: dict[str, Any] = {"status": status.value, "reason": reason, "read_at": services.now()}
    if facts is not None:
        values |= {"subject": facts.subject, "sender": facts.sender, "message_id": facts.message_id}
    return values


async def answer(
    services: Services, mail: Mail, staff: Staff, *, said: Mapping[str, Any], facts: MailFacts
) -> None:
    """Queue an answer that says what to mend. *said* is plain JSON and is kept sealed with the mail."""
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        values = _read(services, MailStatus.ANSWERED, None, facts)
        await Mail.filter(id=mail.id).using_db(connection).update(**values, answer=json.dumps(said))
        ids = {"mail": mail.id, "staff": staff.id}
        await tasks.enqueue(connection, Task.ANSWER_MAIL, str(mail.id), now=now, ids=ids)

    await unit(work)


# Drafts


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
    """Everything a draft is made of. `reading` is what was read from the mail, for the draft page, as plain JSON."""

    certificate_id: str
    kind: Kind
    title: str
    amount: int | None
    tax: Tax
    deadline_on: date
    contacts: Sequence[Contact]
    papers: Sequence[Paper]
    reading: Mapping[str, Any]


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

    Returns the envelope's id, or None where the mail has been dealt with meanwhile.
    """
    ref, now = services.ref(), services.now()
    kept = [await _keep(services, ref, paper) for paper in opening.papers]

    async def work(connection: BaseDBAsyncClient) -> int | None:
        values = _read(services, MailStatus.READ, None, facts)
        still = Mail.filter(id=mail.id, status=MailStatus.RECEIVED.value).using_db(connection)
        if not await still.update(**values):
            return None
        envelope = await _create(services, connection, ref=ref, mail=mail, drafter=drafter, opening=opening)
        for position, (paper, files) in enumerate(zip(opening.papers, kept, strict=True), 1):
            await _add_document(connection, envelope, position, paper, files)
        for position, contact in enumerate(opening.contacts, 1):
            await _add_contractor(services, connection, envelope, position, contact)
        await store.apply(connection, envelope, Event.OPENED, By.WORKER, actor=WORKER, now=now)
        return int(envelope.id)

    return await unit(work)


async def _keep(services: Services, ref: str, paper: Paper) -> tuple[Stored, Stored]:
    original = await services.blobs.put(
        paper.original, purpose="original", readers=(Reader.ARCHIVE,), envelope_ref=ref
    )
    base = await services.blobs.put(paper.data, purpose="base", readers=_BOTH, envelope_ref=ref)
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
    party = "、".join(dict.fromkeys(contact.company for contact in opening.contacts))
    number = await counters.next_number(connection, "draft")
    return await Envelope.create(
        ref=ref,
        draft_number=f"D-{number:04d}",
        certificate_id=opening.certificate_id,
        kind=opening.kind.value,
        state=State.NONE.value,
        version=0,
        section_id=drafter.section_id,
        drafter_id=drafter.id,
        mail_id=mail.id,
        title=opening.title[:_TITLE],
        party=party[:_PARTY],
        party_search=search_form(party)[:_PARTY],
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


async def _add_contractor(
    services: Services, connection: BaseDBAsyncClient, envelope: Envelope, position: int, contact: Contact
) -> None:
    signer = Signer(
        ref=services.ref(),
        envelope_id=envelope.id,
        position=position,
        party=Party.CONTRACTOR.value,
        contact_id=contact.id,
        company=contact.company,
        office=contact.office,
        person=contact.person,
        email=contact.email,
        email_look_up=contact.email_look_up,
        address_kind=contact.kind,
        registry_revision=contact.revision,
        language=contact.language,
        proof="mail",
    )
    signer.bond = bonds.of_signer(signer)
    await signer.save(using_db=connection)


# Pages


async def render_pages(shop: Workshop, envelope_id: int) -> None:
    """Make images and text of every page that has none yet, a document at a time."""
    shot = await store.snapshot(id=envelope_id)
    for document in shot.documents:
        if document.pages_sha256 is None:
            await _render(shop, shot, document)


async def _render(shop: Workshop, shot: Snapshot, document: Document) -> None:
    services = shop.services
    data = await services.blobs.get(document.base)
    texts: list[str] = []
    images: list[tuple[int, int, int, Stored]] = []
    async for batch in shop.papers.batches(data, count=document.page_count):
        for page in batch:
            texts.append(page.text)
            images += await _keep_images(services, shot.envelope.ref, page)
    text = await services.blobs.put(
        json.dumps(texts, ensure_ascii=False).encode(),
        purpose="text",
        readers=_BOTH,
        envelope_ref=shot.envelope.ref,
    )
    digest = sha256("".join(stored.sha256 for *_, stored in images).encode()).hexdigest()
    await _commit_pages(services, document, text, images, digest)


async def _keep_images(services: Services, ref: str, page: Page) -> list[tuple[int, int, int, Stored]]:
    return [
        (
            page.number,
            image.width_px,
            image.height_px,
            await services.blobs.put(image.data, purpose="image", readers=_BOTH, envelope_ref=ref),
        )
        for image in page.images
    ]


async def _commit_pages(
    services: Services,
    document: Document,
    text: Stored,
    images: Sequence[tuple[int, int, int, Stored]],
    digest: str,
) -> None:
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        fresh = Document.filter(id=document.id, pages_sha256=None).using_db(connection)
        if not await fresh.update(pages_sha256=digest):
            return
        row = await text.record(connection, now)
        await Document.filter(id=document.id).using_db(connection).update(text_id=row.id)
        for number, width, height, stored in images:
            await Image.create(
                document_id=document.id,
                page=number,
                width=width,
                height=height,
                file=await stored.record(connection, now),
                using_db=connection,
            )

    await unit(work)


# Preparing and signing


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One more revision of a document: the tail that was stored, and what the whole file is with it."""

    document_id: int
    number: int
    kind: str
    stored: Stored
    length: int
    sha256: str
    signer_id: int | None = None
    time_stamped_at: datetime | None = None
    plan: str | None = None


def _first(document: Document, stored: Stored, plan: str | None) -> Revision:
    return Revision(
        document_id=document.id,
        number=0,
        kind="prepared",
        stored=stored,
        length=stored.size,
        sha256=stored.sha256,
        plan=plan,
    )


async def prepare(shop: Workshop, envelope_id: int) -> None:
    """Make the files that the signers will see, and ask the first. Raises Later(PAGES_NOT_READY)."""
    shot = await store.snapshot(id=envelope_id)
    if not permits(shot.state, Event.PREPARED):
        return
    if any(document.pages_sha256 is None for document in shot.documents):
        raise Later(Reason.PAGES_NOT_READY)
    fields = [seals.signer_field(signer.position) for signer in shot.signers]
    try:
        prepared = [await _prepare(shop, shot, document, fields) for document in shot.documents]
    except Refused as refused:
        await _unsealable(shop.services, shot, refused.reason)
        return
    await _commit_prepared(shop.services, shot, prepared)


async def _prepare(
    shop: Workshop, shot: Snapshot, document: Document, fields: Sequence[str]
) -> tuple[Document, Revision]:
    services = shop.services
    data = await services.blobs.get(document.base)
    made = await shop.papers.run(partial(seals.prepare_planned, data, fields=fields, now=services.now()))
    stored = await services.blobs.put(
        made.data, purpose="prepared", readers=_BOTH, envelope_ref=shot.envelope.ref
    )
    return document, _first(document, stored, _sealed_plan(services, stored.sha256, made.plan))


def _plan_cipher(services: Services) -> Cipher:
    # The archive key is the bot's alone: no other process can make a plan that opens.
    assert services.keyring.archive is not None
    return Cipher(services.keyring.archive)


def _sealed_plan(services: Services, prepared: str, plan: str | None) -> str | None:
    """Return *plan* sealed and bound to the prepared file's SHA-256."""
    return None if plan is None else _plan_cipher(services).seal(plan, f"segments.plan {prepared}")


def _plan(services: Services, known: Sequence[Segment]) -> str | None:
    """Return the plan that PREPARE made for this file; None where there is none or it has been altered."""
    first = known[0]
    if first.plan is None:
        return None
    try:
        return _plan_cipher(services).open(first.plan, f"segments.plan {first.sha256}")
    except FieldUnreadable:
        # Nothing is lost: revisions are then written without a plan, which only takes longer.
        log.warning("the plan of document %d does not open", first.document_id)
        return None


async def _unsealable(services: Services, shot: Snapshot, reason: Reason) -> None:
    async def work(connection: BaseDBAsyncClient) -> None:
        await store.apply(
            connection,
            shot.envelope,
            Event.UNSEALABLE,
            By.WORKER,
            actor=WORKER,
            now=services.now(),
            changes={"trouble": reason.value},
            payload={"reason": reason.value},
        )

    await unit(work)


async def _commit_prepared(
    services: Services, shot: Snapshot, prepared: Sequence[tuple[Document, Revision]]
) -> None:
    now, first = services.now(), shot.turn
    assert first is not None

    async def work(connection: BaseDBAsyncClient) -> None:
        hashes = {document.position: revision.sha256 for document, revision in prepared}
        # First of all who wins: a second worker is told that the envelope is stale, and writes nothing.
        await store.apply(
            connection,
            shot.envelope,
            Event.PREPARED,
            By.WORKER,
            actor=WORKER,
            now=now,
            changes={"out_at": now},
            payload={"documents": hashes},
            ids={"signer": first.id},
        )
        for _, revision in prepared:
            await _add_revision(connection, revision, now)
        await Signer.filter(id=first.id).using_db(connection).update(asked_at=now)

    await unit(work)


async def _add_revision(connection: BaseDBAsyncClient, revision: Revision, now: datetime) -> None:
    await Segment.create(
        document_id=revision.document_id,
        number=revision.number,
        kind=revision.kind,
        file=await revision.stored.record(connection, now),
        signer_id=revision.signer_id,
        length=revision.length,
        sha256=revision.sha256,
        time_stamped_at=revision.time_stamped_at,
        plan=revision.plan,
        using_db=connection,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A consent that was verified and fits its envelope: the only thing a signing key is used for."""

    row: Consent
    said: consents.Consent
    signer: Signer


async def sign(shop: Workshop, envelope_id: int, consent_id: int) -> None:
    """Sign every document for the signer who consented, then ask the next or go on to the timestamp.

    Trusts nothing but the consent's id. Raises Refused(CONSENT_INVALID | BYTES_DIFFER | …) before any key is used, and
    Later where key or timestamp authority are silent: the state stays as it is. A consent that has been carried out is
    left alone, whatever the state says.
    """
    shot = await store.snapshot(id=envelope_id)
    if not permits(shot.state, Event.SIGNED) or await _is_carried_out(shot, consent_id):
        return
    try:
        order = await verified_order(shop.services, shot, consent_id)
        # All files first: where one of them is not what was seen, none is signed.
        for document in shot.documents:
            await _in_hand(shop, shot, order, document)
        revisions = [await _sign_one(shop, shot, order, document) for document in shot.documents]
    except Refused:
        await _require_unchanged(shot)
        raise
    await _commit_signed(shop.services, shot, order, revisions)


async def _require_unchanged(shot: Snapshot) -> None:
    """Raise StaleEnvelope if another worker was first: then files that do not fit are no alarm."""
    if (await store.snapshot(id=shot.envelope.id)).envelope.version != shot.envelope.version:
        raise StaleEnvelope


async def _is_carried_out(shot: Snapshot, consent_id: int) -> bool:
    """Whether the consent's signatures are committed: a worker that died had not yet said so, and the next asks again.

    By then the envelope may be in SIGNING for the next signer, so this is no alarm.
    """
    row = await Consent.filter(id=consent_id, envelope_id=shot.envelope.id).first()
    signed = Segment.filter(document__envelope_id=shot.envelope.id, kind="signature")
    return row is not None and await signed.filter(signer_id=row.signer_id).exists()


async def verified_order(services: Services, shot: Snapshot, consent_id: int) -> Order:
    """Return the consent if the portal signed it, for this envelope, by the signer whose turn it is, in time.

    Raises Refused(CONSENT_INVALID).
    """
    row = await Consent.filter(id=consent_id, envelope_id=shot.envelope.id).first()
    turn = shot.turn
    if row is None or turn is None or row.signer_id != turn.id:
        raise Refused(Reason.CONSENT_INVALID)
    try:
        data, signature = base64.b64decode(row.record), base64.b64decode(row.signature)
    except ValueError:
        raise Refused(Reason.CONSENT_INVALID) from None
    if not services.keyring.consent.verifies(data, signature):
        raise Refused(Reason.CONSENT_INVALID)
    said = consents.read(data)
    # What the signature will name is taken from the signed bytes, never from the columns beside them.
    if sha256(data).hexdigest() != row.sha256 or not _fits_envelope(said, shot, turn):
        raise Refused(Reason.CONSENT_INVALID)
    if not await _is_own_address(services, turn):
        raise Refused(Reason.CONSENT_INVALID)
    return Order(row=row, said=said, signer=turn)


def _fits_envelope(said: consents.Consent, shot: Snapshot, turn: Signer) -> bool:
    at = datetime.fromisoformat(said.at)
    in_time = turn.staff_id is not None or at < day_over(shot.envelope.deadline_on)
    return (
        said.envelope == shot.envelope.ref
        and said.certificate_id == shot.envelope.certificate_id
        and said.generation == turn.generation
        and said.signer == party_of(turn)
        and len(said.documents) == len(shot.documents)
        and bool(said.grants)
        and all(grant.level in LEVELS for grant in said.grants)
        and in_time
    )


async def _is_own_address(services: Services, signer: Signer) -> bool:
    """Whether codes went to the address that the consent names, and a contractor's is the registry's."""
    if services.address_look_up(signer.email) != signer.email_look_up:
        return False
    contact = await Contact.filter(id=signer.contact_id or 0).first()
    known = contact.email_look_up if contact is not None else None
    return signer.contact_id is None or known == signer.email_look_up


@dataclass(frozen=True, slots=True, kw_only=True)
class _InHand:
    """A document's bytes, found to be what the signer saw under exactly the earlier signers' signatures."""

    known: Sequence[Segment]
    data: bytes
    offered: consents.Offered


async def _in_hand(shop: Workshop, shot: Snapshot, order: Order, document: Document) -> _InHand:
    """Read a document and hold it against the consent. Raises Refused(BYTES_DIFFER | CONSENT_INVALID)."""
    known = await store.segments(document.id)
    data = await store.content(shop.services.blobs, known)
    offered = require_fit(
        order.said, position=document.position, data=data, revisions=[item.sha256 for item in known]
    )
    await _require_earlier(shop, shot, data, known)
    used = KeyUse.filter(document_id=document.id, consent_id=order.row.id, done_at__isnull=False)
    if await used.exists():
        raise Refused(Reason.CONSENT_INVALID)
    return _InHand(known=known, data=data, offered=offered)


async def _require_earlier(shop: Workshop, shot: Snapshot, data: bytes, known: Sequence[Segment]) -> None:
    """Raise Refused(BYTES_DIFFER) unless everybody before has signed these bytes, validly, and nobody else."""
    earlier = {seals.signer_field(signer.position) for signer in shot.signers if signer.signed_at is not None}
    if len(known) != 1 + len(earlier):
        raise Refused(Reason.BYTES_DIFFER)
    if not earlier:
        return
    report = await asyncio.to_thread(shop.seal.verify, data)
    if not report.valid or {item.field for item in report.signatures} != earlier:
        raise Refused(Reason.BYTES_DIFFER)


async def _sign_one(shop: Workshop, shot: Snapshot, order: Order, document: Document) -> Revision:
    services, held = shop.services, await _in_hand(shop, shot, order, document)
    entry = _entry(services, shot, order, document, held.offered)
    await KeyUse.create(
        document_id=document.id, consent_id=order.row.id, sha256=held.known[-1].sha256, at=services.now()
    )
    field, plan = seals.signer_field(order.signer.position), _plan(services, held.known)
    tail = await asyncio.to_thread(partial(shop.seal.sign, held.data, field=field, entry=entry, plan=plan))
    revision = await _revision(services, shot, held.known, "signature", data=held.data, tail=tail)
    return replace(revision, signer_id=order.signer.id)


def _entry(
    services: Services, shot: Snapshot, order: Order, document: Document, offered: consents.Offered
) -> Entry:
    signer, operator = order.signer, services.settings.operator
    who = " ".join(part for part in (signer.company, signer.office, signer.person) if part)
    level = "、".join(LEVELS[grant.level] for grant in order.said.grants)
    return Entry(
        name=who,
        reason=f"{who}の指示に基づき{operator.name}（事業者）が署名（本人確認：{level}）",
        location="",
        contact=shot.section.name,
        seen_sha256=offered.sha256,
        seen_length=offered.length,
        consent_sha256=order.row.sha256,
        envelope_ref=shot.envelope.ref,
        certificate_id=store.certificate_id(shot.envelope, document),
    )


async def _revision(
    services: Services, shot: Snapshot, known: Sequence[Segment], kind: str, *, data: bytes, tail: bytes
) -> Revision:
    stored = await services.blobs.put(tail, purpose=kind, readers=_BOTH, envelope_ref=shot.envelope.ref)
    digest = sha256(data)
    digest.update(tail)
    return Revision(
        document_id=known[-1].document_id,
        number=known[-1].number + 1,
        kind=kind,
        stored=stored,
        length=len(data) + len(tail),
        sha256=digest.hexdigest(),
    )


async def _commit_signed(
    services: Services, shot: Snapshot, order: Order, revisions: Sequence[Revision]
) -> None:
    now = services.now()
    following = turns.whose([signer for signer in shot.signers if signer.id != order.signer.id])
    event = Event.SIGNED_BY_LAST if turns.is_last(shot.signers, order.signer) else Event.SIGNED

    async def work(connection: BaseDBAsyncClient) -> None:
        await store.apply(
            connection,
            shot.envelope,
            event,
            By.WORKER,
            actor=WORKER,
            now=now,
            payload={"signer": order.signer.ref, "sha256": [item.sha256 for item in revisions]},
            ids={"signer": following.id} if following else None,
        )
        for revision in revisions:
            await _add_revision(connection, revision, now)
        await Signer.filter(id=order.signer.id).using_db(connection).update(signed_at=now)
        uses = KeyUse.filter(consent_id=order.row.id, done_at=None).using_db(connection)
        await uses.update(done_at=now)
        if following is not None:
            await Signer.filter(id=following.id).using_db(connection).update(asked_at=now)

    await unit(work)


# Completion


async def complete(shop: Workshop, envelope_id: int) -> None:
    """Put the document timestamp on every file, validate all, and complete the envelope.

    Raises Later(TSA_UNAVAILABLE) while no authority answers and Later(VERIFICATION_FAILED) if a file does not validate:
    nothing weaker is ever mailed.
    """
    shot = await store.snapshot(id=envelope_id)
    if not permits(shot.state, Event.TIMESTAMPED):
        return
    finished = [await _finish(shop, shot, document) for document in shot.documents]
    await _commit_completed(shop.services, shot, finished)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finished:
    """A document with its timestamp: when the last party signed, and whether all its times are 認定タイムスタンプ."""

    revision: Revision
    concluded: datetime
    accredited: bool


async def _finish(shop: Workshop, shot: Snapshot, document: Document) -> _Finished:
    known = await store.segments(document.id)
    data = await store.content(shop.services.blobs, known)
    # CRLs made since the last signature say that its certificate was good then: once for all documents.
    since = max(signer.signed_at for signer in shot.signers if signer.signed_at is not None)
    plan = _plan(shop.services, known)
    tail = await asyncio.to_thread(partial(shop.seal.timestamp, data, plan=plan, since=since))
    report = await asyncio.to_thread(shop.seal.verify, data + tail)
    if not report.valid or not report.timestamps or len(report.signatures) != len(shot.signers):
        raise Later(Reason.VERIFICATION_FAILED)
    revision = await _revision(shop.services, shot, known, "timestamp", data=data, tail=tail)
    times = [item.at for item in report.signatures if item.at is not None]
    if len(times) != len(shot.signers):
        raise Later(Reason.VERIFICATION_FAILED)
    accredited = await asyncio.to_thread(_is_accredited, shop.services, data + tail)
    return _Finished(revision=revision, concluded=max(times), accredited=accredited)


def _is_accredited(services: Services, data: bytes) -> bool:
    pins = [pin for tsa in services.settings.tsa for pin in tsa.accreditation]
    if not pins:
        return False  # the embedded authority never is
    return are_accredited([Stamp(one.fingerprint, jst_day(one.at)) for one in stamped(data)], pins)


async def _commit_completed(services: Services, shot: Snapshot, finished: Sequence[_Finished]) -> None:
    now = services.now()
    revisions = [one.revision for one in finished]
    concluded = max(one.concluded for one in finished)
    window = window_end(now, services.policy)

    async def work(connection: BaseDBAsyncClient) -> None:
        await store.apply(
            connection,
            shot.envelope,
            Event.TIMESTAMPED,
            By.WORKER,
            actor=WORKER,
            now=now,
            changes={
                "completed_at": now,
                "window_ends_at": window,
                # 地方自治法234条5項: concluded when the last party has signed; the token's time, as a day in Japan.
                "transaction_on": jst_day(concluded),
            },
            payload={
                "sha256": [item.sha256 for item in revisions],
                "accredited": all(one.accredited for one in finished),
            },
        )
        for revision in revisions:
            await _add_revision(connection, revision, now)
        await tasks.enqueue(connection, Task.ANCHOR, f"completed:{shot.envelope.id}", now=now)
        await _close_later(connection, shot.envelope.id, window, now)

    await unit(work)


async def _close_later(
    connection: BaseDBAsyncClient, envelope_id: int, window: datetime, now: datetime
) -> None:
    # The window's last second still belongs to it.
    key, closes = f"{envelope_id}:{window.isoformat()}", window + timedelta(seconds=1)
    await tasks.enqueue(
        connection, Task.CLOSE_WINDOW, key, now=now, envelope_id=envelope_id, run_at=closes, ids={}
    )


# The download window


async def close_window(services: Services, envelope_id: int) -> None:
    """Take the portal's key off the envelope's files once their window is over."""
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        envelope = await Envelope.filter(id=envelope_id).using_db(connection).get()
        if envelope.window_ends_at is None or now <= envelope.window_ends_at:
            return
        files = File.filter(envelope_ref=envelope.ref, archive_wrap__isnull=False, view_wrap__isnull=False)
        if not await files.using_db(connection).update(view_wrap=None):
            return
        await store.note(connection, envelope.id, "window closed", actor=WORKER, now=now)

    await unit(work)


async def open_window(services: Services, connection: BaseDBAsyncClient, envelope: Envelope) -> datetime:
    """Open the signed files to the portal again for the policy's days; returns the new window's end."""
    now = services.now()
    window = window_end(now, services.policy)
    kinds = ("prepared", "signature", "timestamp")
    files = File.filter(envelope_ref=envelope.ref, purpose__in=kinds, view_wrap=None).using_db(connection)
    for file in await files:
        wrap = services.blobs.view_wrap(file)
        await File.filter(id=file.id).using_db(connection).update(view_wrap=wrap)
    await Envelope.filter(id=envelope.id).using_db(connection).update(window_ends_at=window)
    await store.note(connection, envelope.id, "window opened", actor=WORKER, now=now)
    await _close_later(connection, envelope.id, window, now)
    return window


# The clock


async def expire_due(services: Services) -> None:
    """End every envelope whose deadline is over on the contractor's turn, and tell both sides."""
    now = services.now()
    ending = [state.value for state in State if permits(state, Event.EXPIRED)]
    for envelope in await Envelope.filter(state__in=ending, deadline_on__lt=jst_day(now)):
        shot = await store.snapshot(id=envelope.id)
        if shot.turn is not None and shot.turn.staff_id is None:
            await _expire(shot, now)


async def _expire(shot: Snapshot, now: datetime) -> None:
    async def work(connection: BaseDBAsyncClient) -> None:
        await store.apply(connection, shot.envelope, Event.EXPIRED, By.WORKER, actor=WORKER, now=now)

    # Somebody extended, ended or consented in this very moment: that holds, and the others still expire.
    with suppress(StaleEnvelope, NotPermitted):
        await unit(work)


LEVELS: Final[Mapping[str, str]] = {
    "mail": "メール1経路",
    "staff": "職員のパスワード",
    "authenticator": "認証アプリ",
}
