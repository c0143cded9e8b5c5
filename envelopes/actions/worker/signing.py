"""Signing: only with a consent that verifies against the bytes in hand, and never before the use is written down."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions.signer import party_of
from envelopes.actions.worker.revisions import Revision, add_revision, plan_of, revision_of
from envelopes.actions.worker.workshop import Workshop
from envelopes.records import store
from envelopes.records.database import unit
from envelopes.records.models import Consent, Contact, Document, KeyUse, Segment, Signer
from envelopes.records.store import Snapshot
from envelopes.rules import consent as consents
from envelopes.rules import factors, turns
from envelopes.rules.consent import require_fit
from envelopes.rules.errors import Reason, Refused, StaleEnvelope
from envelopes.rules.people import WORKER
from envelopes.rules.schedule import day_over
from envelopes.rules.states import By, Event, permits
from envelopes.services import Services
from envelopes.signing import seal as seals
from envelopes.signing.seal import Entry


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
    # What the signature will name is taken from the signed bytes, never from the columns beside them.
    said = read_consent(services, row)
    if not _fits_envelope(said, shot, turn):
        raise Refused(Reason.CONSENT_INVALID)
    if not await _is_own_address(services, turn):
        raise Refused(Reason.CONSENT_INVALID)
    return Order(row=row, said=said, signer=turn)


def read_consent(services: Services, row: Consent) -> consents.Consent:
    """Return what the portal has signed. Raises Refused(CONSENT_INVALID) where it has not signed this."""
    try:
        data, signature = base64.b64decode(row.record), base64.b64decode(row.signature)
    except ValueError:
        raise Refused(Reason.CONSENT_INVALID) from None
    if not services.keyring.consent.verifies(data, signature) or sha256(data).hexdigest() != row.sha256:
        raise Refused(Reason.CONSENT_INVALID)
    return consents.read(data)


def _fits_envelope(said: consents.Consent, shot: Snapshot, turn: Signer) -> bool:
    at = datetime.fromisoformat(said.at)
    in_time = turn.staff_id is not None or at < day_over(shot.envelope.deadline_on)
    return (
        said.envelope == shot.envelope.ref
        and said.certificate_id == shot.envelope.certificate_id
        and said.generation == turn.generation
        and said.signer == party_of(turn)
        and len(said.documents) == len(shot.documents)
        and factors.suffice(turn.proof, said.grants)
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
    field, plan = seals.signer_field(order.signer.position), plan_of(services, held.known)
    tail = await asyncio.to_thread(partial(shop.seal.sign, held.data, field=field, entry=entry, plan=plan))
    revision = await revision_of(services, shot.envelope, held.known, "signature", data=held.data, tail=tail)
    return replace(revision, signer_id=order.signer.id)


def _entry(
    services: Services, shot: Snapshot, order: Order, document: Document, offered: consents.Offered
) -> Entry:
    signer, operator = order.signer, services.settings.operator
    who = " ".join(part for part in (signer.company, signer.office, signer.person) if part)
    level = factors.together(order.said.grants)
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
            await add_revision(connection, revision, now)
        await Signer.filter(id=order.signer.id).using_db(connection).update(signed_at=now)
        uses = KeyUse.filter(consent_id=order.row.id, done_at=None).using_db(connection)
        await uses.update(done_at=now)
        if following is not None:
            await Signer.filter(id=following.id).using_db(connection).update(asked_at=now)

    await unit(work)
