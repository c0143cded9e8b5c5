"""Browsers that have proved something. The cookie's value is random, stored only as SHA-256, and can be revoked."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records import bonds
from envelopes.records.database import unit
from envelopes.records.models import Proof, Session, Signer
from envelopes.records.prepared import Prepared

_ID_BYTES = 32
_with_all = Prepared(
    lambda digest, ref: (
        Proof.filter(session__digest=digest, session__ended_at=None, signer__ref=ref)
        .select_related("session", "signer__envelope__section", "signer__envelope__drafter")
        .limit(1)
    ),
    "digest",
    "ref",
)


def _digest(cookie: str) -> str:
    return sha256(cookie.encode()).hexdigest()


async def start(*, now: datetime, staff_id: int | None = None) -> tuple[str, Session]:
    """Begin a session and return the cookie's value with it."""
    cookie = secrets.token_urlsafe(_ID_BYTES)
    row = await Session.create(digest=_digest(cookie), staff_id=staff_id, created_at=now, used_at=now)
    return cookie, row


async def find(
    cookie: str, *, now: datetime, idle: timedelta, total: timedelta | None = None
) -> Session | None:
    """Return the living session of *cookie*, or None."""
    row = await Session.filter(digest=_digest(cookie), ended_at=None).first()
    if row is None or now >= row.used_at + idle or (total is not None and now >= row.created_at + total):
        return None
    return row


async def touch(session: Session, *, now: datetime) -> None:
    """Move the time of last use, at most once a minute: the only write that a page view makes."""
    if now - session.used_at >= timedelta(minutes=1):
        await Session.filter(id=session.id).update(used_at=now)


async def end(session: Session, *, now: datetime) -> None:
    """Revoke a session."""
    await Session.filter(id=session.id).update(ended_at=now)


async def end_all(connection: BaseDBAsyncClient, *, staff_id: int, now: datetime) -> None:
    """Revoke every session of a member of staff, in the caller's transaction."""
    await Session.filter(staff_id=staff_id, ended_at=None).using_db(connection).update(ended_at=now)


async def prove_staff(session: Session, *, now: datetime) -> None:
    """Both factors of a member of staff were right."""
    bond = bonds.of_sign_in(session, now)
    await Session.filter(id=session.id).update(proved_at=now, used_at=now, bond=bond)


async def prove(session: Session, signer: Signer, *, generation: int, method: str, now: datetime) -> None:
    """Note in *session* that this signer has proved who is there. A second proof is asked for again."""
    said = {
        "generation": generation,
        "method": method,
        "at": now,
        "factor": None,
        "factor_at": None,
        "bond": bonds.of_proof(session, signer, generation=generation, method=method, at=now),
    }

    async def work(connection: BaseDBAsyncClient) -> None:
        mine = Proof.filter(session_id=session.id, signer_id=signer.id).using_db(connection)
        if not await mine.update(**said):
            await Proof.create(session=session, signer=signer, using_db=connection, **said)

    await unit(work)


async def prove_more(session: Session, signer: Signer, proof: Proof, *, factor: str, now: datetime) -> None:
    """Note beside *proof* that the second one, *factor*, was given too; nothing where a newer proof has come."""
    bond = bonds.of_proof(
        session, signer, generation=proof.generation, method=proof.method, at=proof.at, second=(factor, now)
    )
    same = Proof.filter(id=proof.id, at=proof.at, generation=proof.generation)
    await same.update(factor=factor, factor_at=now, bond=bond)


async def proved(cookie: str, ref: str, *, now: datetime, idle: timedelta) -> Proof | None:
    """What the living session of *cookie* has proved about the signer called *ref* in the link's present generation.

    Comes with session, signer, envelope, section and drafter, all read at once. Raises FieldUnreadable for a row that
    the service did not write.
    """
    row = next(iter(await _with_all(_digest(cookie), ref)), None)
    if row is None or now >= row.session.used_at + idle or row.generation != row.signer.generation:
        return None
    return row if bonds.is_proof(row, row.session, row.signer) and bonds.holds(row.signer) else None


async def proof(session: Session, signer: Signer) -> Proof | None:
    """What this session has proved about *signer* in the link's present generation.

    Raises FieldUnreadable for a row that the service did not write.
    """
    mine = Proof.filter(session_id=session.id, signer_id=signer.id, generation=signer.generation)
    row = await mine.first()
    return row if row is not None and bonds.is_proof(row, session, signer) else None
