"""締結証明書: what is certified at the completion, on paper, sealed by the service itself, and kept for good.

Everything in it is taken from what is signed or was just validated: consents that the portal signed, times of tokens,
hashes of the files in hand. The seal is the one use of the signing key that no consent asks for, so it is written down
on its own before it happens.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from typing import Final, NamedTuple

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import changing, identity
from envelopes.actions.worker.revisions import Revision, add_revision, sealed_plan
from envelopes.actions.worker.signing import read_consent
from envelopes.actions.worker.workshop import Workshop
from envelopes.records import history, store
from envelopes.records.blobs import BOTH, Stored
from envelopes.records.history import Subject
from envelopes.records.models import (
    CERTIFICATE,
    CertificateUse,
    Consent,
    Contact,
    Document,
    Segment,
    Signer,
    Staff,
)
from envelopes.records.store import Snapshot
from envelopes.rules import certificate as rules
from envelopes.rules import factors
from envelopes.rules.accreditation import Stamp, covering
from envelopes.rules.certificate import (
    Certificate,
    Concluded,
    Custodian,
    HandOver,
    OtherProof,
    Proof,
    Signatory,
    Times,
)
from envelopes.rules.errors import Later, Reason, Refused
from envelopes.rules.kinds import Kind
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import Event
from envelopes.services import Services
from envelopes.signing import seal as seals
from envelopes.signing.certificates import common_name
from envelopes.signing.seal import OPERATOR_FIELD, Entry, Prepared
from envelopes.signing.times import Stamped
from envelopes.signing.verify import Report, TimestampReport

_FILE_NAME: Final = f"{rules.TITLE}.pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A document with its document timestamp, validated, as it is about to be committed."""

    document: Document
    seen: Segment
    revision: Revision
    signed_at: tuple[datetime, ...]
    report: Report
    stamps: tuple[Stamped, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """The certificate with all its files in the store, and no row yet."""

    use: CertificateUse
    paper: Stored
    pages: int
    revisions: tuple[Revision, ...]


async def certify(shop: Workshop, shot: Snapshot, finished: Sequence[Finished]) -> Certified:
    """Make the certificate of an envelope that is otherwise complete.

    Raises Refused(CONSENT_INVALID), Later(CERTIFICATE_NOT_MADE | VERIFICATION_FAILED), and what sealing raises.
    """
    services = shop.services
    said = await _gather(shop, shot, finished)
    made = await shop.papers.typeset(said)
    prepare = partial(seals.prepare_planned, made.data, fields=[OPERATOR_FIELD], now=services.now())
    prepared = await shop.papers.run(prepare)
    use = await CertificateUse.create(
        envelope_id=shot.envelope.id, sha256=sha256(prepared.data).hexdigest(), at=services.now()
    )
    sealed = await asyncio.to_thread(_seal, shop, prepared, _entry(services, shot, prepared.data))
    paper = await services.blobs.put(made.data, purpose="base", readers=BOTH, envelope_ref=shot.envelope.ref)
    revisions = await _store(services, shot, prepared, sealed)
    return Certified(use=use, paper=paper, pages=made.pages, revisions=revisions)


def _entry(services: Services, shot: Snapshot, prepared: bytes) -> Entry:
    operator = services.settings.operator.name
    return Entry(
        name=operator,
        reason=f"{operator}（事業者）が{rules.TITLE}の内容を証明",
        location="",
        contact=shot.section.name,
        seen_sha256=sha256(prepared).hexdigest(),
        seen_length=len(prepared),
        consent_sha256=None,
        envelope_ref=shot.envelope.ref,
        certificate_id=shot.envelope.certificate_id,
    )


class _Sealed(NamedTuple):
    """The tails of seal and document timestamp, and what the timestamp says."""

    signature: bytes
    timestamp: bytes
    stamp: TimestampReport


def _seal(shop: Workshop, prepared: Prepared, entry: Entry) -> _Sealed:
    """Seal, timestamp and validate. Raises Later(VERIFICATION_FAILED), and what the seal raises."""
    seal, plan, since = shop.seal, prepared.plan, shop.services.now()
    signed = seal.sign(prepared.data, field=OPERATOR_FIELD, entry=entry, plan=plan)
    stamped = seal.timestamp(prepared.data + signed, plan=plan, since=since)
    report = seal.verify(prepared.data + signed + stamped)
    if not report.valid or len(report.signatures) != 1 or len(report.timestamps) != 1:
        raise Later(Reason.VERIFICATION_FAILED)
    return _Sealed(signed, stamped, report.timestamps[0])


async def _store(
    services: Services, shot: Snapshot, prepared: Prepared, sealed: _Sealed
) -> tuple[Revision, ...]:
    """Store the three revisions; which document they are of is known when it has a row."""
    digest, length, revisions = sha256(), 0, list[Revision]()
    parts = {"prepared": prepared.data, "signature": sealed.signature, "timestamp": sealed.timestamp}
    for number, (kind, part) in enumerate(parts.items()):
        stored = await services.blobs.put(part, purpose=kind, readers=BOTH, envelope_ref=shot.envelope.ref)
        digest.update(part)
        length += len(part)
        revisions.append(
            Revision(
                document_id=0,
                number=number,
                kind=kind,
                stored=stored,
                length=length,
                sha256=digest.hexdigest(),
                plan=sealed_plan(services, stored.sha256, prepared.plan) if number == 0 else None,
            )
        )
    revisions[-1] = revisions[-1].stamped(sealed.stamp)
    return tuple(revisions)


async def keep(connection: BaseDBAsyncClient, shot: Snapshot, certified: Certified, *, now: datetime) -> None:
    """Write the certificate's rows, in the transaction that completes the envelope."""
    file = await certified.paper.record(connection, now)
    document = await Document.create(
        envelope_id=shot.envelope.id,
        position=CERTIFICATE,
        title=rules.TITLE,
        file_name=_FILE_NAME,
        page_count=certified.pages,
        warnings="",
        original=file,
        base=file,
        using_db=connection,
    )
    for revision in certified.revisions:
        await add_revision(connection, replace(revision, document_id=document.id), now)
    await CertificateUse.filter(id=certified.use.id).using_db(connection).update(done_at=now)


# What it says


async def _gather(shop: Workshop, shot: Snapshot, finished: Sequence[Finished]) -> Certificate:
    services, envelope = shop.services, shot.envelope
    count, head = await history.head(Subject.ENVELOPE, envelope.id)
    return Certificate(
        certificate_id=envelope.certificate_id,
        number=shot.number,
        kind=Kind(envelope.kind),
        title=envelope.title,
        town=services.settings.town.name,
        section=shot.section.name,
        drafter=_with_office(shot.drafter),
        approver=_with_office(await Staff.get(id=envelope.confirmer_id)),
        signatories=tuple([await _signatory(services, one) for one in shot.signers]),
        documents=tuple(_concluded(shot, one) for one in finished),
        custodian=_custodian(shop, finished[0].report),
        times=_times(services, [stamp for one in finished for stamp in one.stamps]),
        history_head=head,
        history_count=count,
        made_at=services.now(),
        software=f"Fukan {version('fukan')}",
        verify_url=services.url("verify"),
    )


def _with_office(person: Staff) -> str:
    return " ".join(part for part in (person.office, person.name) if part)


async def _signatory(services: Services, signer: Signer) -> Signatory:
    """One party in the words of the consent that the portal signed. Raises Refused(CONSENT_INVALID)."""
    row = await Consent.filter(signer_id=signer.id, generation=signer.generation).first()
    if row is None:
        raise Refused(Reason.CONSENT_INVALID)
    said = read_consent(services, row)
    if said.signer.ref != signer.ref:
        raise Refused(Reason.CONSENT_INVALID)
    of_town = signer.staff_id is not None
    return Signatory(
        of_town=of_town,
        company=said.signer.company,
        office=said.signer.office,
        person=said.signer.person,
        proofs=tuple(
            Proof(level=level, at=datetime.fromisoformat(grant.at))
            for level, grant in zip(factors.in_words(said.grants), said.grants, strict=True)
        ),
        consented_at=datetime.fromisoformat(said.at),
        consent_sha256=row.sha256,
        agreed_on=await _agreed_on(signer),
        registry_revision=said.signer.registry_revision,
        hand_overs=await _hand_overs(signer),
        other_proofs=await _other_proofs(signer),
        ip="" if of_town else await _ip(signer, row.sha256),
    )


async def _agreed_on(signer: Signer) -> date | None:
    contact = await Contact.filter(id=signer.contact_id or 0).first()
    return None if contact is None else contact.consented_on


async def _hand_overs(signer: Signer) -> tuple[HandOver, ...]:
    """Who had this place before, as the history noted it when it went over."""
    staff = {one.ref: _with_office(one) for one in await Staff.all()}
    return tuple(
        HandOver(
            before=_called(one.said["from"]),
            after=_called(one.said["to"]),
            at=one.at,
            entered_by=staff.get(one.said["first"], ""),
            approved_by=staff.get(one.said["second"], ""),
            number=one.said["application"],
        )
        for one in await changing.hand_overs(signer.envelope_id)
        if one.signer_ref == signer.ref
    )


async def _other_proofs(signer: Signer) -> tuple[OtherProof, ...]:
    """By what else this place was to be proved before, as the history noted each change."""
    staff = {one.ref: _with_office(one) for one in await Staff.all()}
    return tuple(
        OtherProof(
            before=factors.called(one.before),
            after=factors.called(one.after),
            at=one.at,
            entered_by=staff.get(one.first, ""),
            approved_by=staff.get(one.second, ""),
        )
        for one in await identity.changes(signer.envelope_id)
        if one.signer_ref == signer.ref
    )


def _called(person: Mapping[str, str]) -> str:
    return " ".join(part for part in (person["office"], person["person"]) if part)


async def _ip(signer: Signer, consent_sha256: str) -> str:
    """From where the button was pressed, as the history noted it; empty where it did not, or has forgotten."""
    for fact, said in await history.payloads(Subject.ENVELOPE, signer.envelope_id):
        if fact.kind == Event.CONSENTED and said.get("consent_sha256") == consent_sha256:
            return str(said.get("ip", ""))
    return ""


def _concluded(shot: Snapshot, one: Finished) -> Concluded:
    return Concluded(
        title=one.document.title,
        pages=one.document.page_count,
        certificate_id=store.certificate_id(shot.envelope, one.document),
        seen_sha256=one.seen.sha256,
        seen_length=one.seen.length,
        sha256=one.revision.sha256,
        length=one.revision.length,
        signed_at=one.signed_at,
        stamped_at=one.report.timestamps[-1].at,
    )


def _custodian(shop: Workshop, report: Report) -> Custodian:
    operator, signature = shop.services.settings.operator, report.signatures[0]
    return Custodian(
        name=operator.name,
        is_party=operator.party,
        certificate=signature.signer,
        issuer=signature.issuer,
        roots=tuple((common_name(root), sha256(root).hexdigest()) for root in shop.seal.roots),
    )


def _times(services: Services, stamps: Sequence[Stamped]) -> Times:
    pins = [pin for tsa in services.settings.tsa for pin in tsa.accreditation]
    covered = covering([Stamp(one.fingerprint, jst_day(one.at)) for one in stamps], pins)
    return Times(
        authorities=tuple(dict.fromkeys(one.authority for one in stamps)),
        accreditations=tuple(dict.fromkeys(pin.number for pin in covered)),
    )
