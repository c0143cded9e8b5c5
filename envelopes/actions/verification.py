"""電子署名を確認する: what anybody may ask about a PDF or a certificate id, and what happens to what was handed in.

A file of our own is known by its hash, at once and for certain. Any other is kept encrypted for minutes, until the
worker has had it judged; the row holds what was found, and both are gone soon after. How a file is judged is the
worker's business: nothing here reads a PDF.
"""

import json
import re
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records import counters, store, tasks
from envelopes.records.blobs import Reader
from envelopes.records.database import unit
from envelopes.records.models import CERTIFICATE, Document, Envelope, File, Segment, Signer, Verification
from envelopes.records.models import Task as TaskRow
from envelopes.rules import names
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.findings import Result, read_result
from envelopes.rules.states import State, Task
from envelopes.services import Services

PURPOSE: Final = "upload"
_HOUR: Final = timedelta(hours=1)
# At most as long as the column: what is longer is no id, and the database is not asked.
_ID: Final = re.compile(r"([A-Z]{2,6}(?:-[0-9A-Z]{1,4}){1,6}?)(?:-\d{1,2})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSignature:
    """A party of a contract of our own, and when it was signed for."""

    company: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A file that was concluded here, byte for byte. A certificate is sealed by the service and signed by nobody."""

    concluded_on: date
    certificate_id: str
    is_certificate: bool
    signatures: tuple[OwnSignature, ...]
    stamped_at: datetime | None
    accredited: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """What anybody may know who has a certificate id: no document, no full name."""

    certificate_id: str
    concluded_on: date
    documents: int
    parties: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was found in a file that was handed in, and the file's hash."""

    result: Result
    sha256: str


# What is known here


async def find_own(digest: str) -> Own | None:
    """Return the concluded document whose bytes hash to *digest* (SHA-256, hex), if there is one.

    A half-signed file is not one, and neither is a file of an envelope that was never concluded.
    """
    found = (
        Segment.filter(sha256=digest, document__envelope__state=State.COMPLETED.value)
        .exclude(kind__in=("prepared", "signature"))
        .select_related("document__envelope")
    )
    segment = await found.first()
    return None if segment is None else await _own(segment)


async def _own(segment: Segment) -> Own:
    document: Document = segment.document
    envelope = document.envelope
    assert envelope.transaction_on is not None
    signed = Segment.filter(document_id=document.id, kind="signature").select_related("signer")
    return Own(
        concluded_on=envelope.transaction_on,
        certificate_id=store.certificate_id(envelope, document),
        is_certificate=document.position == CERTIFICATE,
        signatures=tuple(
            [
                OwnSignature(company=one.signer.company, at=one.signer.signed_at)
                for one in await signed.order_by("number")
                if one.signer is not None
            ]
        ),
        stamped_at=segment.time_stamped_at or envelope.completed_at,
        accredited=await store.was_accredited(envelope.id),
    )


async def look_up(services: Services, typed: str, *, network: str) -> Concluded:
    """Return what a certificate id reveals. Raises Refused(CERTIFICATE_ID_UNKNOWN | LIMIT_REACHED | …)."""
    policy = services.policy
    await _count(
        services, "look-up", network, one=policy.look_ups_an_hour, all_=policy.look_ups_an_hour_total
    )
    for certificate_id in ids(typed):
        envelope = await Envelope.filter(certificate_id=certificate_id, state=State.COMPLETED.value).first()
        if envelope is not None and envelope.transaction_on is not None:
            return await _concluded(services, envelope, envelope.transaction_on)
    # Wrong, not concluded and never given out look the same.
    raise Refused(Reason.CERTIFICATE_ID_UNKNOWN)


def ids(typed: str) -> tuple[str, ...]:
    """The ids that *typed* may mean: as it stands, and without the number of a document behind it."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", typed)).upper()
    plain = re.sub(r"[‐‑‒–—―−ー]", "-", plain)
    found = _ID.fullmatch(plain)
    return () if found is None else tuple(dict.fromkeys((plain, plain.rpartition("-")[0])))


async def _concluded(services: Services, envelope: Envelope, on: date) -> Concluded:
    town = services.settings.town.name
    signers = await Signer.filter(envelope_id=envelope.id).order_by("position")
    return Concluded(
        certificate_id=envelope.certificate_id,
        concluded_on=on,
        documents=await Document.filter(envelope_id=envelope.id).exclude(position=CERTIFICATE).count(),
        # The town's own name stands on every page of this site.
        parties=tuple(town if one.staff_id is not None else names.masked(one.company) for one in signers),
    )


# What has to be judged


async def admit(services: Services, *, network: str) -> None:
    """Count an upload before it is read. Raises Refused(UPLOADS_WAITING | LIMIT_REACHED)."""
    policy = services.policy
    if await _waiting(services) >= policy.verify_waiting:
        raise Refused(Reason.UPLOADS_WAITING)
    await _count(services, "verify", network, one=policy.verify_an_hour, all_=policy.verify_an_hour_total)


async def _count(services: Services, what: str, network: str, *, one: int, all_: int) -> None:
    """Count an event of *network*, then of everybody. Raises Refused(LIMIT_REACHED | UPLOADS_WAITING)."""
    now = services.now()
    # The network's own limit comes first, so that what it wastes is its own share of the total.
    if not await counters.allowed(f"{what}:{network}", events=one, per=_HOUR, now=now):
        raise Refused(Reason.LIMIT_REACHED)
    if not await counters.allowed(f"{what}:", events=all_, per=_HOUR, now=now):
        raise Refused(Reason.UPLOADS_WAITING)


async def _waiting(services: Services, connection: BaseDBAsyncClient | None = None) -> int:
    since = services.now() - services.policy.verify_kept
    query = Verification.filter(done_at__isnull=True, created_at__gt=since)
    return await (query.using_db(connection) if connection else query).count()


async def submit(services: Services, data: bytes) -> str:
    """Keep *data* and have it judged; returns the reference to ask with. Raises Refused(UPLOADS_WAITING)."""
    stored = await services.blobs.put(data, purpose=PURPOSE, readers=(Reader.VIEW,))
    ref, now = services.ref(), services.now()

    async def work(connection: BaseDBAsyncClient) -> bool:
        if await _waiting(services, connection) >= services.policy.verify_waiting:
            return False
        file = await stored.record(connection, now)
        row = await Verification.create(ref=ref, file=file, created_at=now, using_db=connection)
        await tasks.enqueue(connection, Task.VERIFY, ref, now=now, ids={"verification": row.id})
        return True

    if not await unit(work):
        await services.blobs.remove(stored.ref)
        raise Refused(Reason.UPLOADS_WAITING)
    return ref


async def found(services: Services, ref: str) -> Judged | None:
    """Return what was found, None while nothing is. Raises Refused(UPLOAD_GONE)."""
    row = await Verification.filter(ref=ref).first()
    if row is None or row.created_at <= services.now() - services.policy.verify_kept:
        raise Refused(Reason.UPLOAD_GONE)
    if row.result is None:
        return None
    return Judged(result=read_result(row.result), sha256=json.loads(row.result)["sha256"])


async def judge(services: Services, verification_id: int, by: Callable[[bytes], Awaitable[Result]]) -> None:
    """Have *by* judge the file, keep what it says, and remove the file. Nothing to do where it is gone."""
    row = await Verification.filter(id=verification_id).select_related("file").first()
    if row is None or row.file is None:
        return
    file, data = row.file, await services.blobs.get(row.file)
    kept = {**(await by(data)).to_json(), "sha256": sha256(data).hexdigest()}
    row.result, row.done_at, row.file_id = json.dumps(kept), services.now(), None
    await _let_go(services, file, row)


async def _let_go(services: Services, file: File, row: Verification) -> None:
    """Write *row*, which no longer names *file*, and remove the file: row first, so that none names what is gone."""

    async def work(connection: BaseDBAsyncClient) -> None:
        await row.save(using_db=connection, update_fields=["result", "done_at", "file_id"])
        await File.filter(id=file.id).using_db(connection).delete()

    await unit(work)
    await services.blobs.remove(file.ref)


async def forget(services: Services, ref: str) -> None:
    """Remove the result, once it was shown, and the file, should it still be there."""
    row = await Verification.filter(ref=ref).select_related("file").first()
    if row is not None:
        await _remove(services, row)


async def sweep(services: Services) -> None:
    """Remove every upload and result whose minutes are over, and the tasks that were about them."""
    over = services.now() - services.policy.verify_kept
    for row in await Verification.filter(created_at__lte=over).select_related("file"):
        await _remove(services, row)
    await TaskRow.filter(kind=Task.VERIFY.value, created_at__lte=over).delete()


async def _remove(services: Services, row: Verification) -> None:
    file = row.file

    async def work(connection: BaseDBAsyncClient) -> None:
        await Verification.filter(id=row.id).using_db(connection).delete()
        if file is not None:
            await File.filter(id=file.id).using_db(connection).delete()

    await unit(work)
    if file is not None:
        await services.blobs.remove(file.ref)
