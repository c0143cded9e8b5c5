"""Limits, numbers, leases, and what has begun and is not over: small rows that many processes share.

A limit is a leaky bucket (GCRA): *events* in *per*, all of which may come at once. It fails closed. Its key is a
hash, so that no address or token stands in the table.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import F

from envelopes.records.database import is_sqlite, unit
from envelopes.records.models import Access, Lease, Limit, Number

_ROUNDING = 1e-3  # seconds: sums of fractions must not cost the last event
DOWNLOAD = "download"  # the kind of access that says: signed files were taken
ACCESSES_A_DAY = 1000  # counting further would only let a stranger write


async def allowed(name: str, *, events: int, per: timedelta, now: datetime, count: int = 1) -> bool:
    """Count *count* events of *name*; False, and none counted, when more than are left of *events* in *per*."""
    return await full([(name, events, per)], now=now, count=count) is None


async def full(limits: Sequence[tuple[str, int, timedelta]], *, now: datetime, count: int = 1) -> int | None:
    """Count *count* events of each of *limits* (name, events, in what time), or of none where one is full.

    Returns the place of the first that is full. In the caller's transaction, if there is one.
    """

    async def work(connection: BaseDBAsyncClient) -> int | None:
        found: list[tuple[str, float, bool]] = []
        for place, (name, events, per) in enumerate(limits):
            if events < 1:
                return place
            key, stamp = sha256(name.encode()).hexdigest(), now.timestamp()
            query = Limit.filter(key=key).using_db(connection)
            row = await (query if is_sqlite() else query.select_for_update()).first()
            tat = max(row.tat if row else stamp, stamp) + count * per.total_seconds() / events
            if tat > stamp + per.total_seconds() + _ROUNDING:
                return place
            found.append((key, tat, row is not None))
        for key, tat, known in found:
            if known:
                await Limit.filter(key=key).using_db(connection).update(tat=tat)
            else:
                await Limit.create(key=key, tat=tat, using_db=connection)
        return None

    return await unit(work)


async def next_number(connection: BaseDBAsyncClient, series: str) -> int:
    """Give out the next number of *series* inside the caller's transaction; without gaps, from 1."""
    if not await Number.filter(series=series).using_db(connection).update(value=F("value") + 1):
        await Number.create(series=series, value=1, using_db=connection)
    row = await Number.filter(series=series).using_db(connection).get()
    return int(row.value)


async def hold(name: str, holder: str, *, now: datetime, lasting: timedelta) -> bool:
    """Take or keep the lease called *name*; False while somebody else holds it."""

    async def work(connection: BaseDBAsyncClient) -> bool:
        query = Lease.filter(name=name).using_db(connection)
        row = await (query if is_sqlite() else query.select_for_update()).first()
        if row is not None and row.holder != holder and row.until > now:
            return False
        if row is None:
            await Lease.create(name=name, holder=holder, until=now + lasting, using_db=connection)
        else:
            await Lease.filter(name=name).using_db(connection).update(holder=holder, until=now + lasting)
        return True

    return await unit(work)


async def release(name: str, holder: str) -> None:
    """Give the lease back, so that the next process need not wait for its end."""
    await Lease.filter(name=name, holder=holder).delete()


async def begin(connection: BaseDBAsyncClient, name: str, *, now: datetime) -> bool:
    """Note in the caller's transaction that *name* has begun; False while that is known already."""
    if await Lease.filter(name=name).using_db(connection).exists():
        return False
    await Lease.create(name=name, holder="begun", until=now, using_db=connection)
    return True


async def end(name: str) -> None:
    """Note that *name* is over: the next time it begins anew."""
    await Lease.filter(name=name).delete()


async def count_access(signer_id: int, kind: str, day: date) -> None:
    """Count that a link was opened without a proof, or files were taken. Says nothing about a person."""

    async def work(connection: BaseDBAsyncClient) -> None:
        mine = Access.filter(signer_id=signer_id, kind=kind, day=day).using_db(connection)
        if not await mine.exists():
            await Access.create(signer_id=signer_id, kind=kind, day=day, count=1, using_db=connection)
        else:
            await mine.filter(count__lt=ACCESSES_A_DAY).update(count=F("count") + 1)

    await unit(work)
