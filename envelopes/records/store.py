"""Envelopes as they stand, and the one way to change their state.

`apply` writes state, history and tasks in one transaction, by compare-and-set on state and version: of several
concurrent changes exactly one wins, the others are told that the envelope is stale. Facts that are no change of state
are written with `note` and do not touch the version.
"""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records import bonds, history, tasks
from envelopes.records.blobs import Blobs
from envelopes.records.database import is_sqlite
from envelopes.records.history import Subject
from envelopes.records.models import CERTIFICATE, Document, Envelope, Fact, Section, Segment, Signer, Staff
from envelopes.rules import turns
from envelopes.rules.errors import Reason, Refused, StaleEnvelope
from envelopes.rules.people import Actor
from envelopes.rules.states import By, Event, State, look_up

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One envelope with everything that belongs to it, as it was at one moment.

    The certificate is None until the envelope is completed.
    """

    envelope: Envelope
    section: Section
    drafter: Staff
    documents: Sequence[Document]
    signers: Sequence[Signer]
    certificate: Document | None = None

    @property
    def state(self) -> State:
        return State(self.envelope.state)

    @property
    def turn(self) -> Signer | None:
        """The signer whose turn it is, if any."""
        return turns.whose(self.signers)

    @property
    def papers(self) -> Sequence[Document]:
        """All that the parties keep of it: its documents, then the certificate."""
        return [*self.documents, *([self.certificate] if self.certificate else [])]

    @property
    def asked(self) -> Sequence[Signer]:
        """Everybody who has been asked so far."""
        return [signer for signer in self.signers if signer.asked_at is not None]

    def signer(self, ref: str) -> Signer:
        """The signer called *ref*, or Refused(LINK_UNKNOWN)."""
        for signer in self.signers:
            if signer.ref == ref:
                return signer
        raise Refused(Reason.LINK_UNKNOWN)

    @property
    def number(self) -> str:
        """The number people use for it: the draft's until it is sent."""
        return self.envelope.number or self.envelope.draft_number


async def snapshot(*, connection: BaseDBAsyncClient | None = None, **which: Any) -> Snapshot:
    """Read the envelope that *which* names (id=…, ref=…). Raises Refused(LINK_UNKNOWN | RECORD_ALTERED)."""
    query = Envelope.filter(**which).select_related("section", "drafter")
    envelope = await (query.using_db(connection) if connection else query).first()
    if envelope is None:
        raise Refused(Reason.LINK_UNKNOWN)
    documents = (
        Document.filter(envelope_id=envelope.id).select_related("base", "original").order_by("position")
    )
    signers = Signer.filter(envelope_id=envelope.id).order_by("position")
    found = await (signers.using_db(connection) if connection else signers)
    if not all(bonds.holds(signer) for signer in found):
        raise Refused(Reason.RECORD_ALTERED)
    papers = await (documents.using_db(connection) if connection else documents)
    return Snapshot(
        envelope=envelope,
        section=envelope.section,
        drafter=envelope.drafter,
        documents=[one for one in papers if one.position != CERTIFICATE],
        signers=found,
        certificate=next((one for one in papers if one.position == CERTIFICATE), None),
    )


async def readable(ids: Sequence[int]) -> AsyncIterator[Snapshot]:
    """Read these envelopes one by one; one whose rows were altered keeps no other from its turn: doctor names it."""
    for number in ids:
        try:
            shot = await snapshot(id=number)
        except Refused as refused:
            log.error("envelope %d is passed over: %s", number, refused.reason)  # noqa: TRY400 -- a reason says it all
        else:
            yield shot


async def of_signer(ref: str, *, connection: BaseDBAsyncClient | None = None) -> tuple[Snapshot, Signer]:
    """Read the envelope of the signer called *ref*. Raises Refused(LINK_UNKNOWN)."""
    query = Signer.filter(ref=ref)
    signer = await (query.using_db(connection) if connection else query).first()
    if signer is None:
        raise Refused(Reason.LINK_UNKNOWN)
    shot = await snapshot(connection=connection, id=signer.envelope_id)
    return shot, shot.signer(ref)


def certificate_id(envelope: Envelope, document: Document) -> str:
    """The id that stands on this paper: the envelope's, and the number of the document behind it."""
    if document.position == CERTIFICATE:
        return envelope.certificate_id
    return f"{envelope.certificate_id}-{document.position}"


def file_name(document: Document) -> str:
    """What a paper is called among the others of its envelope: by its place, and so that they sort."""
    place = "" if document.position == CERTIFICATE else f"{document.position:02}_"
    return f"{place}{document.title}.pdf"


async def segments(document_id: int, connection: BaseDBAsyncClient | None = None) -> list[Segment]:
    """The revisions of a document, oldest first, with their files."""
    query = Segment.filter(document_id=document_id).select_related("file").order_by("number")
    return await (query.using_db(connection) if connection else query)


async def lock(connection: BaseDBAsyncClient, envelope_id: int) -> None:
    """Let one transaction at a time write to an envelope's chain. SQLite has one writer anyway."""
    if not is_sqlite():
        await Envelope.filter(id=envelope_id).using_db(connection).select_for_update().first()


async def apply(
    connection: BaseDBAsyncClient,
    envelope: Envelope,
    event: Event,
    by: By,
    *,
    actor: Actor,
    now: datetime,
    changes: Mapping[str, Any] | None = None,
    payload: Mapping[str, Any] | None = None,
    ids: Mapping[str, int] | None = None,
) -> State:
    """Let *event* happen to *envelope* inside the caller's transaction and return the new state.

    *changes* are columns set with it, *payload* is what the history keeps, *ids* go to every task of the row.
    Raises NotPermitted where the table has no such row, StaleEnvelope where somebody was first.
    """
    row = look_up(State(envelope.state), event, by)
    await lock(connection, envelope.id)
    touched = await (
        Envelope.filter(id=envelope.id, state=envelope.state, version=envelope.version)
        .using_db(connection)
        .update(state=row.to.value, version=envelope.version + 1, **(changes or {}))
    )
    if touched != 1:
        raise StaleEnvelope
    await history.record(
        connection, Subject.ENVELOPE, envelope.id, event.value, actor=str(actor), at=now, payload=payload
    )
    for task in row.tasks:
        key = f"{envelope.id}:{envelope.version + 1}"
        await tasks.enqueue(connection, task, key, now=now, envelope_id=envelope.id, ids=ids)
    return row.to


async def note(
    connection: BaseDBAsyncClient,
    envelope_id: int,
    kind: str,
    *,
    actor: Actor,
    now: datetime,
    payload: Mapping[str, Any] | None = None,
) -> Fact:
    """Write a fact that is no change of state."""
    await lock(connection, envelope_id)
    return await history.record(
        connection, Subject.ENVELOPE, envelope_id, kind, actor=str(actor), at=now, payload=payload
    )


async def content(blobs: Blobs, revisions: Sequence[Segment]) -> bytes:
    """The PDF that *revisions* make together. Raises BlobError if one is closed to this process or altered."""
    return b"".join([await blobs.get(revision.file) for revision in revisions])


async def was_accredited(envelope_id: int) -> bool:
    """Whether every time in the files was 認定タイムスタンプ when they were completed; it may be said only then."""
    facts = await history.payloads(Subject.ENVELOPE, envelope_id)
    return any(said.get("accredited") is True for fact, said in facts if fact.kind == Event.TIMESTAMPED)
