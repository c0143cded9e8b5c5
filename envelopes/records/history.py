"""Append-only facts: one hash chain a subject.

hash = SHA-256(prev ‖ n ‖ at ‖ kind ‖ actor ‖ digest) and digest = SHA-256(salt ‖ canonical JSON of the payload), each
part written with its length before it. The payload and its salt lie in a table of their own: erasing a person's
data destroys them, and the chain still verifies. A correction is a new fact.
"""

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records.fields import FieldUnreadable
from envelopes.records.models import Fact, FactDetail
from envelopes.rules.consent import instant

GENESIS: Final = "0" * 64
SALT: Final = 16  # bytes before a payload


class Subject(StrEnum):
    """Whose history a chain is."""

    ENVELOPE = "envelope"
    CONTACT = "contact"
    APPLICATION = "application"
    STAFF = "staff"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A chain that does not hold: the first row that is wrong, and how."""

    subject: str
    subject_id: int
    n: int
    fault: str


def _digest(salt: str, payload: str) -> str:
    return sha256(bytes.fromhex(salt) + payload.encode()).hexdigest()


def link(*, prev: str, n: int, at: datetime, kind: str, actor: str, digest: str) -> str:
    """Return the hash of one row."""
    return sha256(spelled(prev=prev, n=n, at=at, kind=kind, actor=actor, digest=digest)).hexdigest()


def spelled(*, prev: str, n: int, at: datetime, kind: str, actor: str, digest: str) -> bytes:
    """Return the bytes that are hashed. Every part is preceded by its length, so no two rows spell the same."""
    parts = (prev, str(n), instant(at), kind, actor, digest)
    return b"".join(len(raw).to_bytes(4) + raw for raw in (part.encode() for part in parts))


async def head(
    subject: Subject, subject_id: int, connection: BaseDBAsyncClient | None = None
) -> tuple[int, str]:
    """Return number and hash of the last fact; (0, zeros) where there is none."""
    query = Fact.filter(subject=subject, subject_id=subject_id).order_by("-n")
    last = await (query.using_db(connection) if connection is not None else query).first()
    return (last.n, last.hash) if last else (0, GENESIS)


async def record(
    connection: BaseDBAsyncClient,
    subject: Subject,
    subject_id: int,
    kind: str,
    *,
    actor: str,
    at: datetime,
    payload: Mapping[str, Any] | None = None,
) -> Fact:
    """Append a fact inside the caller's transaction. *payload* is plain JSON and is stored sealed."""
    n, prev = await head(subject, subject_id, connection)
    text = json.dumps(payload or {}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    salt = secrets.token_hex(SALT)
    digest = _digest(salt, text)
    fact = await Fact.create(
        subject=subject.value,
        subject_id=subject_id,
        n=n + 1,
        at=at,
        kind=kind,
        actor=actor,
        digest=digest,
        hash=link(prev=prev, n=n + 1, at=at, kind=kind, actor=actor, digest=digest),
        using_db=connection,
    )
    await FactDetail.create(fact=fact, salt=salt, payload=text, using_db=connection)
    return fact


async def payloads(subject: Subject, subject_id: int) -> list[tuple[Fact, dict[str, Any]]]:
    """Return all facts of a subject, oldest first, with what they say ({} where it was erased)."""
    facts = await Fact.filter(subject=subject, subject_id=subject_id).order_by("n")
    details = await FactDetail.filter(fact_id__in=[fact.id for fact in facts])
    said = {detail.fact_id: json.loads(detail.payload) for detail in details}
    return [(fact, said.get(fact.id, {})) for fact in facts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """One row as it can be hashed again by anybody.

    `row` is what the fact's hash is over, `detail` what its digest is over: the salt's bytes, then the payload. None
    where it was erased.
    """

    fact: Fact
    row: bytes
    detail: bytes | None


async def extract(subject: Subject, subject_id: int) -> list[Extract]:
    """Return all rows of a subject, oldest first, as the database has them now: nothing is verified here."""
    facts = await Fact.filter(subject=subject, subject_id=subject_id).order_by("n")
    details = {one.fact_id: one for one in await FactDetail.filter(fact_id__in=[fact.id for fact in facts])}
    made, prev = [], GENESIS
    for fact in facts:
        row = spelled(prev=prev, n=fact.n, at=fact.at, kind=fact.kind, actor=fact.actor, digest=fact.digest)
        made.append(Extract(fact=fact, row=row, detail=_salted(details.get(fact.id))))
        prev = fact.hash
    return made


def _salted(detail: FactDetail | None) -> bytes | None:
    return None if detail is None else bytes.fromhex(detail.salt) + detail.payload.encode()


async def verify() -> AsyncIterator[Broken]:
    """Walk every chain and yield the first fault of each."""
    chain: tuple[str, int] = ("", 0)
    prev, n, failed = GENESIS, 0, False
    async for fact in Fact.all().order_by("subject", "subject_id", "n"):
        if (fact.subject, fact.subject_id) != chain:
            chain, prev, n, failed = (fact.subject, fact.subject_id), GENESIS, 0, False
        fault = None if failed else await _fault(fact, prev, n)
        if fault:
            failed = True
            yield Broken(subject=fact.subject, subject_id=fact.subject_id, n=fact.n, fault=fault)
        prev, n = fact.hash, fact.n


async def _fault(fact: Fact, prev: str, n: int) -> str | None:
    if fact.n != n + 1:
        return "missing row before it"
    expected = link(prev=prev, n=fact.n, at=fact.at, kind=fact.kind, actor=fact.actor, digest=fact.digest)
    if expected != fact.hash:
        return "hash differs"
    return None if await _is_payload_true(fact) else "payload differs"


async def _is_payload_true(fact: Fact) -> bool:
    """Whether the payload is the one that was hashed, or was erased."""
    try:
        detail = await FactDetail.filter(fact_id=fact.id).first()
        return detail is None or _digest(detail.salt, detail.payload) == fact.digest
    except (FieldUnreadable, ValueError):
        # Not opened by the field key, or a salt that is no hexadecimal: somebody wrote into it.
        return False
