"""Chains of facts: whatever is altered, deleted, inserted or put in another order is named."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.records import history
from envelopes.records.database import unit
from envelopes.records.fields import unlock
from envelopes.records.history import GENESIS, Broken, Subject, link
from envelopes.records.models import Fact, FactDetail
from tests.engines import Engine

pytestmark = pytest.mark.engines
NOW = datetime(2026, 4, 1, 9, tzinfo=UTC)
ROW = {"prev": GENESIS, "n": 1, "at": NOW, "kind": "opened", "actor": "worker", "digest": "d" * 64}


@pytest.fixture
async def chain(engine: Engine) -> list[Fact]:
    """Two chains of five facts each; the first is the one that is attacked."""
    unlock(engine.keyring().field)
    for subject_id in (1, 2):
        for n in range(5):
            at = NOW + timedelta(minutes=n, microseconds=n)
            payload = {"n": n, "名前": "見本 太郎"}
            await unit(lambda c, s=subject_id, a=at, p=payload: write(c, s, a, p))  # type: ignore[misc]
    return await Fact.filter(subject_id=1).order_by("n")


async def write(connection: object, subject_id: int, at: datetime, payload: dict[str, object]) -> Fact:
    return await history.record(
        connection,
        Subject.ENVELOPE,
        subject_id,
        "noted",
        actor="worker",
        at=at,
        payload=payload,  # type: ignore[arg-type]
    )


async def broken() -> list[Broken]:
    return [each async for each in history.verify()]


def at(n: int, fault: str) -> Broken:
    return Broken(subject="envelope", subject_id=1, n=n, fault=fault)


@given(st.sampled_from(sorted(ROW)))
def test_every_part_of_a_row_is_in_its_hash(name: str) -> None:
    value = ROW[name]
    changed: object
    if isinstance(value, int):
        changed = value + 1
    elif isinstance(value, datetime):
        changed = value + timedelta(microseconds=1)
    else:
        changed = value + "x"  # type: ignore[operator]
    assert link(**(ROW | {name: changed})) != link(**ROW)  # type: ignore[arg-type]


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_no_two_rows_spell_the_same(one: str, two: str, three: str) -> None:
    if two:
        spelt = {"kind": one + two, "actor": three}, {"kind": one, "actor": two + three}
        assert link(**(ROW | spelt[0])) != link(**(ROW | spelt[1]))  # type: ignore[arg-type]


async def test_a_chain_that_nobody_touched_holds(chain: list[Fact]) -> None:
    assert await broken() == []
    assert [fact.n for fact in chain] == [1, 2, 3, 4, 5]
    assert chain[0].hash != chain[1].hash
    assert await history.head(Subject.ENVELOPE, 1) == (5, chain[-1].hash)
    assert await history.head(Subject.ENVELOPE, 9) == (0, GENESIS)


async def test_payloads_are_read_oldest_first(chain: list[Fact]) -> None:
    said = await history.payloads(Subject.ENVELOPE, 1)
    assert [payload["n"] for _, payload in said] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "change",
    [
        {"at": NOW + timedelta(days=1)},
        {"kind": "declined"},
        {"actor": "staff:x"},
        {"digest": "0" * 64},
        {"hash": "0" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_an_altered_row_is_named(chain: list[Fact], change: dict[str, object]) -> None:
    await Fact.filter(id=chain[2].id).update(**change)
    assert await broken() == [at(3, "hash differs")]


async def test_a_row_that_was_altered_and_hashed_again_breaks_the_next(chain: list[Fact]) -> None:
    row = chain[2]
    hashed = link(prev=chain[1].hash, n=3, at=row.at, kind="declined", actor=row.actor, digest=row.digest)
    await Fact.filter(id=row.id).update(kind="declined", hash=hashed)
    assert await broken() == [at(4, "hash differs")]


@pytest.mark.parametrize("n", [1, 2, 4])
async def test_a_deleted_row_is_named(chain: list[Fact], n: int) -> None:
    await Fact.filter(id=chain[n - 1].id).delete()
    assert await broken() == [at(n + 1, "missing row before it")]


async def test_a_deleted_row_whose_place_was_closed_up_is_named(chain: list[Fact]) -> None:
    await Fact.filter(id=chain[2].id).delete()
    for fact in chain[3:]:
        await Fact.filter(id=fact.id).update(n=fact.n - 1)
    assert await broken() == [at(3, "hash differs")]


async def test_an_inserted_row_is_named(chain: list[Fact]) -> None:
    for fact in reversed(chain[2:]):
        await Fact.filter(id=fact.id).update(n=fact.n + 1)
    hashed = link(prev=chain[1].hash, n=3, at=NOW, kind="noted", actor="worker", digest="0" * 64)
    await Fact.create(
        subject="envelope",
        subject_id=1,
        n=3,
        at=NOW,
        kind="noted",
        actor="worker",
        digest="0" * 64,
        hash=hashed,
    )
    assert await broken() == [at(4, "hash differs")]


async def test_rows_in_another_order_are_named(chain: list[Fact]) -> None:
    for fact, n in ((chain[1], 99), (chain[2], 2), (chain[1], 3)):
        await Fact.filter(id=fact.id).update(n=n)
    assert await broken() == [at(2, "hash differs")]


async def test_a_row_from_another_chain_is_named(chain: list[Fact]) -> None:
    other = await Fact.get(subject_id=2, n=3)
    await Fact.filter(id=chain[2].id).delete()
    await Fact.filter(id=other.id).update(subject_id=1)
    found = await broken()
    assert {(each.subject_id, each.n) for each in found} == {(1, 3), (2, 4)}


Attack = Callable[[Engine, FactDetail, FactDetail], Awaitable[object]]


async def forge_payload(_engine: Engine, mine: FactDetail, _other: FactDetail) -> None:
    await FactDetail.filter(id=mine.id).update(payload='{"n":9}')


async def swap_payload(engine: Engine, mine: FactDetail, other: FactDetail) -> None:
    await engine.run(
        f"UPDATE fact_details SET payload = (SELECT payload FROM fact_details WHERE id = {other.id})"
        f" WHERE id = {mine.id}"
    )


async def swap_salt(_engine: Engine, mine: FactDetail, other: FactDetail) -> None:
    await FactDetail.filter(id=mine.id).update(salt=other.salt)


async def break_salt(_engine: Engine, mine: FactDetail, _other: FactDetail) -> None:
    await FactDetail.filter(id=mine.id).update(salt="no hex")


async def break_seal(engine: Engine, mine: FactDetail, _other: FactDetail) -> None:
    await engine.run(
        f"UPDATE fact_details SET payload = chr(31) || 'x.AAAA' WHERE id = {mine.id}".replace(
            "chr(31)", "char(31)" if engine.is_sqlite else "chr(31)"
        )
    )


@pytest.mark.parametrize(
    "attack", [forge_payload, swap_payload, swap_salt, break_salt, break_seal], ids=lambda a: a.__name__
)
async def test_an_altered_payload_is_named_and_the_walk_goes_on(
    chain: list[Fact], engine: Engine, attack: Attack
) -> None:
    mine, other = await FactDetail.get(fact_id=chain[1].id), await FactDetail.get(fact_id=chain[3].id)
    await attack(engine, mine, other)
    await Fact.filter(subject_id=2, n=5).update(kind="x")
    assert await broken() == [
        at(2, "payload differs"),
        Broken(subject="envelope", subject_id=2, n=5, fault="hash differs"),
    ]


async def test_an_erased_payload_leaves_the_chain_whole(chain: list[Fact]) -> None:
    await FactDetail.filter(fact_id=chain[2].id).delete()
    assert await broken() == []
    assert [payload.get("n") for _, payload in await history.payloads(Subject.ENVELOPE, 1)] == [
        0,
        1,
        None,
        3,
        4,
    ]


async def test_concurrent_facts_form_one_chain(engine: Engine) -> None:
    unlock(engine.keyring().field)
    await asyncio.gather(
        *(unit(lambda c, n=n: write(c, 1, NOW, {"n": n})) for n in range(4))  # type: ignore[misc]
    )
    assert await broken() == []
    assert (await history.head(Subject.ENVELOPE, 1))[0] == 4


async def test_equal_payloads_have_different_digests(chain: list[Fact], engine: Engine) -> None:
    for _ in range(2):
        await unit(lambda c: write(c, 3, NOW, {"n": 0}))
    one, two = await Fact.filter(subject_id=3)
    assert one.digest != two.digest
