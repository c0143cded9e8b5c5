"""本人確認の変更: by what a contractor proves who he is, changed while his request is out.

Asking for more is one person's act and holds at once: what a browser has proved so far is not enough any more. For less
one member of staff puts it forward with a reason, and another one of the section approves it with the authenticator's
digits; what waits stands in the request's history and nowhere else. What counts as more, `rules.factors` knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import credentials, seats, staff
from envelopes.actions.signer import tidy_reason
from envelopes.records import history, store, tasks
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Fact, Signer, Staff
from envelopes.records.store import Snapshot
from envelopes.rules import factors
from envelopes.rules.errors import NotPermitted, Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.people import Actor, Party, Role, require_role
from envelopes.rules.states import FINAL, State, Task
from envelopes.services import Services

CHANGED: Final = "identity changed"
PUT_FORWARD: Final = "identity put forward"
REFUSED: Final = "identity refused"
KINDS: Final = (CHANGED, PUT_FORWARD, REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Less that somebody has put forward. `n` is the fact's number, `first` the reference of that member of staff."""

    n: int
    at: datetime
    method: Method
    reason: str
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A change that holds. `second` is empty where one person was enough."""

    signer_ref: str
    at: datetime
    before: Method
    after: Method
    first: str
    second: str


def is_open(shot: Snapshot, signer: Signer) -> bool:
    """Whether the way of *signer* can still be changed: he has been or will be asked, and has not consented."""
    sent = shot.state not in FINAL and shot.state is not State.DRAFT
    return sent and signer.party == Party.CONTRACTOR and signer.consented_at is None


async def waiting(shot: Snapshot, signer: Signer) -> Waiting | None:
    """What waits for a second person about *signer*, or None."""
    said = [one for one in await _said(shot.envelope.id) if one[1].get("signer") == signer.ref]
    if not said or said[-1][0].kind != PUT_FORWARD:
        return None
    fact, payload = said[-1]
    first = fact.actor.rpartition(":")[2]
    return Waiting(n=fact.n, at=fact.at, method=Method(payload["to"]), reason=payload["reason"], first=first)


async def _said(envelope_id: int) -> Sequence[tuple[Fact, Mapping[str, Any]]]:
    facts = await history.payloads(Subject.ENVELOPE, envelope_id)
    return [(fact, payload) for fact, payload in facts if fact.kind in KINDS and payload]


async def changes(envelope_id: int) -> list[Changed]:
    """Every change that came to hold in an envelope, oldest first."""
    return [
        Changed(
            signer_ref=said["signer"],
            at=fact.at,
            before=Method(said["from"]),
            after=Method(said["to"]),
            first=said["first"],
            second=said.get("second", ""),
        )
        for fact, said in await _said(envelope_id)
        if fact.kind == CHANGED
    ]


async def to_approve(shots: Sequence[Snapshot]) -> list[tuple[Snapshot, Signer]]:
    """Those of *shots* in which less is put forward and waits, with the signer whom it is about."""
    ids = [shot.envelope.id for shot in shots]
    facts = Fact.filter(subject=Subject.ENVELOPE.value, subject_id__in=ids, kind=PUT_FORWARD)
    asked = {fact.subject_id for fact in await facts}
    found = [(shot, one) for shot in shots for one in shot.signers if shot.envelope.id in asked]
    return [(shot, one) for shot, one in found if is_open(shot, one) and await waiting(shot, one)]


async def change(
    services: Services, actor: Actor, ref: str, position: int, method: Method, *, reason: str = ""
) -> bool:
    """Ask the contractor at *position* for *method*; True if that holds at once, False if it waits for a second person.

    *reason* is needed for less. Raises Refused: ROLE_MISSING, NOT_PERMITTED, IDENTITY_SAME, IDENTITY_NOT_HERE,
    MOBILE_NONE, REASON_MISSING, REASON_TOO_LONG.
    """
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> bool:
        shot, signer = await _place(connection, actor, ref, position)
        before = Method(signer.proof)
        if method is before:
            raise Refused(Reason.IDENTITY_SAME)
        await staff.require_way(services, signer, method)
        at_once = factors.raises(before, method)
        payload = {"signer": signer.ref, "from": before.value, "to": method.value}
        if at_once:
            await seats.ask(connection, signer, method, now=now)
            payload["first"] = actor.ref
        else:
            payload["reason"] = tidy_reason(reason, services)
        kind = CHANGED if at_once else PUT_FORWARD
        fact = await store.note(connection, shot.envelope.id, kind, actor=actor, now=now, payload=payload)
        if at_once:
            await _tell(connection, signer, fact)
        return at_once

    return await unit(work)


async def approve(services: Services, person: Staff, ref: str, position: int, *, n: int, code: str) -> None:
    """Let the change that the fact *n* put forward hold, as the second person, with the authenticator's digits.

    Raises Refused: ROLE_MISSING, NOT_PERMITTED, STALE where something else waits, IDENTITY_SAME_PERSON, TOTP_WRONG,
    SIGN_IN_LOCKED, and what `change` says of the method.
    """
    actor, now = staff.actor_of(person), services.now()
    shot = await store.snapshot(ref=ref)
    require_role(actor, _WORK, section_id=shot.envelope.section_id)
    seen = await _still(shot, _at(shot, position), n)
    if seen.first == actor.ref:
        raise Refused(Reason.IDENTITY_SAME_PERSON)
    await credentials.prove_again(services, person, code)

    async def work(connection: BaseDBAsyncClient) -> None:
        shot, signer = await _place(connection, actor, ref, position)
        asked = await _still(shot, signer, n)
        before = Method(signer.proof)
        await staff.require_way(services, signer, asked.method)
        await seats.ask(connection, signer, asked.method, now=now)
        payload = {
            "signer": signer.ref,
            "from": before.value,
            "to": asked.method.value,
            "first": asked.first,
            "second": actor.ref,
        }
        fact = await store.note(connection, shot.envelope.id, CHANGED, actor=actor, now=now, payload=payload)
        await _tell(connection, signer, fact)

    await unit(work)


async def _tell(connection: BaseDBAsyncClient, signer: Signer, fact: Fact) -> None:
    """Let the contractor be told what he proves himself by from now on."""
    key, told = f"{signer.id}:{fact.n}", {"signer": signer.id}
    await tasks.enqueue(
        connection, Task.PROOF_MAIL, key, now=fact.at, envelope_id=signer.envelope_id, ids=told
    )


async def refuse(services: Services, actor: Actor, ref: str, position: int, *, n: int) -> None:
    """Let the change that the fact *n* put forward come to nothing: its own author may, or anybody of the section.

    Raises Refused: ROLE_MISSING, NOT_PERMITTED, STALE.
    """
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        shot, signer = await _place(connection, actor, ref, position)
        await _still(shot, signer, n)
        payload = {"signer": signer.ref}
        await store.note(connection, shot.envelope.id, REFUSED, actor=actor, now=now, payload=payload)

    await unit(work)


_WORK: Final = (Role.DRAFTER, Role.APPROVER)


def _at(shot: Snapshot, position: int) -> Signer:
    signer = next((one for one in shot.signers if one.position == position), None)
    if signer is None or not is_open(shot, signer):
        raise NotPermitted(shot.state, CHANGED)
    return signer


async def _place(
    connection: BaseDBAsyncClient, actor: Actor, ref: str, position: int
) -> tuple[Snapshot, Signer]:
    """The place as it stands once nobody else writes to the envelope. Raises Refused(ROLE_MISSING | NOT_PERMITTED)."""
    shot = await store.snapshot(ref=ref, connection=connection)
    require_role(actor, _WORK, section_id=shot.envelope.section_id)
    await store.lock(connection, shot.envelope.id)
    current = await store.snapshot(ref=ref, connection=connection)
    return current, _at(current, position)


async def _still(shot: Snapshot, signer: Signer, n: int) -> Waiting:
    asked = await waiting(shot, signer)
    if asked is None or asked.n != n:
        raise Refused(Reason.STALE)
    return asked
