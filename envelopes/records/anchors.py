"""Anchors: timestamped Merkle roots over the facts, in one sequence without gaps, and what is wrong with them.

An anchor keeps, beside root and token, the line of every row as it was: so a changed row can be named, and not only
noticed. Whether a token is to be believed is the caller's `judge`; when one is asked for is decided in
`actions.anchoring`. The chains themselves are `history`'s.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from tortoise import connections
from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records.database import is_sqlite, unit
from envelopes.records.models import Anchor, Fact
from envelopes.rules.anchors import NOTHING_BEFORE, Proof, Statement, line, prove, root_of
from envelopes.rules.errors import Later, Reason

ROWS: Final = 10_000  # why: about 1 MB of lines an anchor; a long history is anchored in several steps
_PATIENCE: Final = (
    10.0  # why: seconds; a unit of work lasts milliseconds, and one that hangs is waited for later
)
_LOOK: Final = 0.01  # seconds between two looks at who still writes

# Whoever had begun to insert a fact when this was asked. A row gets its number under this lock, never before.
_WRITERS: Final = (
    "SELECT virtualtransaction AS writer FROM pg_locks WHERE locktype = 'relation' AND granted"
    " AND relation = 'facts'::regclass AND mode = 'RowExclusiveLock'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The next anchor before it has a token. `lines` are its rows in order."""

    statement: Statement
    lines: tuple[str, ...]


async def last() -> Anchor | None:
    """The newest anchor."""
    return await Anchor.all().order_by("-n").first()


async def newest_value() -> str:
    """SHA-256 of the newest anchor's statement, in hex: it stands for all rows up to there. Empty without one."""
    newest = await last()
    return statement(newest).imprint.hex() if newest else ""


async def find(value: str) -> Anchor | None:
    """The anchor whose statement has the SHA-256 *value* (hex) as its columns stand now; without its lines."""
    columns = Anchor.all().only("id", "n", "first_id", "last_id", "count", "root", "previous").order_by("-n")
    return next((one for one in await columns if statement(one).imprint.hex() == value), None)


async def waiting() -> int:
    """How many facts no anchor covers yet."""
    newest = await last()
    return await Fact.filter(id__gt=newest.last_id if newest else 0).count()


async def settled() -> int:
    """Return the number of the newest fact after everybody who might still commit an older one has ended.

    On SQLite there is one writer. On Postgres numbers are given out before they are committed, so a row could
    appear behind an anchor that is past it; nobody is locked out meanwhile. Raises Later(STALE).
    """
    newest = await Fact.all().order_by("-id").first()
    if newest is None or is_sqlite():
        return newest.id if newest else 0
    try:
        async with asyncio.timeout(_PATIENCE):
            await _end_of_writers()
    except TimeoutError:
        raise Later(Reason.STALE, "a unit of work that does not end") from None
    return newest.id


async def _end_of_writers() -> None:
    writers = await _writers()
    while writers:
        await asyncio.sleep(_LOOK)
        writers &= await _writers()


async def _writers() -> set[str]:
    rows = await connections.get("default").execute_query_dict(_WRITERS)
    return {str(row["writer"]) for row in rows}


async def draft(end: int) -> Draft | None:
    """Return the anchor that comes next, over rows up to *end* (at most ROWS of them), or None without such rows."""
    before = await last()
    first = before.last_id + 1 if before else 1
    lines = tuple(await _lines(first, end, limit=ROWS))
    if not lines:
        return None
    return Draft(
        statement=Statement(
            n=before.n + 1 if before else 1,
            first=first,
            last=int(lines[-1].split(" ", 1)[0]),
            count=len(lines),
            root=root_of(lines),
            previous=_digest(before),
        ),
        lines=lines,
    )


def _digest(anchor: Anchor | None) -> str:
    return sha256(_token(anchor)).hexdigest() if anchor else NOTHING_BEFORE


def _token(anchor: Anchor) -> bytes:
    try:
        return base64.b64decode(anchor.token, validate=True)
    except ValueError:
        return b""


async def _lines(first: int, end: int, *, limit: int) -> list[str]:
    rows = Fact.filter(id__gte=first, id__lte=end).order_by("id").limit(limit)
    return [
        line(row_id=row_id, subject=subject, subject_id=subject_id, n=n, chained=chained)
        for row_id, subject, subject_id, n, chained in await rows.values_list(
            "id", "subject", "subject_id", "n", "hash"
        )
    ]


async def add(made: Draft, token: bytes, *, at: datetime) -> bool:
    """Keep *made* with its *token* (DER) of the time *at*; False where somebody has anchored meanwhile."""
    said = made.statement

    async def work(connection: BaseDBAsyncClient) -> bool:
        newest = await Anchor.all().using_db(connection).order_by("-n").first()
        if _digest(newest) != said.previous:
            return False
        await Anchor.create(
            n=said.n,
            first_id=said.first,
            last_id=said.last,
            count=said.count,
            root=said.root,
            previous=said.previous,
            lines="\n".join(made.lines),
            token=base64.b64encode(token).decode(),
            at=at,
            using_db=connection,
        )
        return True

    return await unit(work)


# Proofs


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A row's proof, the anchor's token (DER) and its time: what is handed out with a row."""

    proof: Proof
    token: bytes
    at: datetime


async def evidence(fact: Fact) -> Evidence | None:
    """Return the proof that *fact*, as it stands now, is anchored; None while it is not, or is not any more."""
    anchor = await Anchor.filter(first_id__lte=fact.id, last_id__gte=fact.id).order_by("n").first()
    if anchor is None:
        return None
    lines = anchor.lines.split("\n")
    own = _line(fact)
    if own not in lines:
        return None
    proof = prove(lines, lines.index(own), statement(anchor))
    return Evidence(proof=proof, token=_token(anchor), at=anchor.at) if proof.holds else None


def _line(fact: Fact) -> str:
    return line(row_id=fact.id, subject=fact.subject, subject_id=fact.subject_id, n=fact.n, chained=fact.hash)


def statement(anchor: Anchor) -> Statement:
    """What the anchor's columns say was timestamped."""
    return Statement(
        n=anchor.n,
        first=anchor.first_id,
        last=anchor.last_id,
        count=anchor.count,
        root=anchor.root,
        previous=anchor.previous,
    )


# Verification


class Fault(StrEnum):
    """What is wrong with an anchor or a row under it. The value is stable: it stands in answers."""

    MISSING = "anchor-missing"
    NOT_LINKED = "not-linked"
    TOKEN_UNREADABLE = "unreadable"  # noqa: S105 -- a timestamp token, no secret
    TOKEN_OVER_OTHER_DATA = "other-data"  # noqa: S105
    TOKEN_NOT_TRUSTED = "not-trusted"  # noqa: S105
    ROWS_DIFFER = "rows-differ"
    ROW_ALTERED = "row-altered"
    ROW_DELETED = "row-deleted"
    ROW_INSERTED = "row-inserted"
    ROW_MOVED = "row-moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One fault of the *n*-th anchor, or of the row *line* (as it was; an inserted one as it is) under it."""

    n: int
    fault: Fault
    line: str = ""


# From token (DER), imprint, and when the token is known to have existed: its time, or a fault.
Judge = Callable[[bytes, bytes, datetime], Awaitable[datetime | Fault]]


async def verify(judge: Judge, *, now: datetime) -> AsyncIterator[Wrong]:
    """Walk all anchors from the newest to the first and yield every fault of them and of the rows under them.

    A token is judged at the time of the one after it, which covers it; the newest at *now*.
    """
    moment, later = now, None
    for n in await Anchor.all().order_by("-n").values_list("n", flat=True):
        anchor = await Anchor.get(n=n)
        for one in _links(anchor, later):
            yield one
        judged = await judge(_token(anchor), statement(anchor).imprint, moment)
        if isinstance(judged, Fault):
            yield Wrong(n=anchor.n, fault=judged)
        else:
            moment = judged
        for one in await _rows(anchor):
            yield one
        later = anchor
    for one in _beginning(later):
        yield one


def _links(anchor: Anchor, later: Anchor | None) -> Iterator[Wrong]:
    """Whether the anchor *later* follows this one, and nothing lay between them."""
    if later is None:
        return
    for n in range(later.n - 1, anchor.n, -1):
        yield Wrong(n=n, fault=Fault.MISSING)
    follows = later.first_id == anchor.last_id + 1 and later.previous == _digest(anchor)
    if later.n == anchor.n + 1 and not follows:
        yield Wrong(n=later.n, fault=Fault.NOT_LINKED)


def _beginning(first: Anchor | None) -> Iterator[Wrong]:
    if first is None:
        return
    for n in range(first.n - 1, 0, -1):
        yield Wrong(n=n, fault=Fault.MISSING)
    if first.n == 1 and (first.first_id, first.previous) != (1, NOTHING_BEFORE):
        yield Wrong(n=1, fault=Fault.NOT_LINKED)


async def _rows(anchor: Anchor) -> list[Wrong]:
    # One row more than there were is enough to tell that some were inserted.
    now = await _lines(anchor.first_id, anchor.last_id, limit=2 * ROWS)
    if len(now) == anchor.count and root_of(now) == anchor.root:
        return []
    then = anchor.lines.split("\n")
    if root_of(then) != anchor.root:
        # The list beside the root was altered too: the range is all that can be named.
        return [Wrong(n=anchor.n, fault=Fault.ROWS_DIFFER)]
    return [Wrong(n=anchor.n, fault=fault, line=one) for fault, one in _differences(then, now)]


def _differences(then: Sequence[str], now: Sequence[str]) -> Iterator[tuple[Fault, str]]:
    old, new = _by_number(then), _by_number(now)
    placed = {rest: number for number, rest in new.items()}
    for number in sorted(old.keys() | new.keys(), key=int):
        was, is_ = old.get(number), new.get(number)
        if was == is_:
            continue
        if was is None:
            yield Fault.ROW_INSERTED, f"{number} {is_}"
        elif was in placed:
            yield Fault.ROW_MOVED, f"{number} {was}"
        else:
            yield Fault.ROW_DELETED if is_ is None else Fault.ROW_ALTERED, f"{number} {was}"


def _by_number(lines: Sequence[str]) -> Mapping[str, str]:
    return {number: rest for number, _, rest in (one.partition(" ") for one in lines)}
