"""The history is anchored: on time, once, without gaps; and whatever is done to its rows is found and named."""

import asyncio
import base64
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import anchoring
from envelopes.actions.worker.workshop import Workshop
from envelopes.records import anchors, history
from envelopes.records.anchors import Fault, Wrong
from envelopes.records.database import unit
from envelopes.records.history import GENESIS, Subject
from envelopes.records.models import Anchor, Fact
from envelopes.records.models import Task as TaskRow
from envelopes.rules.anchors import root_of
from envelopes.rules.errors import Later, Reason
from envelopes.signing import stamps
from envelopes.signing.timestamps import Timestamper
from envelopes.signing.trust import Evidence
from tests.engines import Engine, Town
from tests.signing.conftest import der_to_pem

engines = pytest.mark.engines


async def write(count: int = 3, *, subject_id: int = 1) -> None:
    """Let the settings' history grow."""

    async def work(connection: BaseDBAsyncClient) -> None:
        for _ in range(count):
            await history.record(
                connection, Subject.SETTINGS, subject_id, "changed", actor="test", at=datetime.now(UTC)
            )

    await unit(work)


async def wrong(town: Town) -> list[Wrong]:
    """What a verification of all anchors finds."""
    seal, now = town.shop.seal, datetime.now(UTC)
    evidence = Evidence(crls=seal.evidence(now).crls)

    async def judge(token: bytes, imprint: bytes, moment: datetime) -> datetime | Fault:
        given = partial(stamps.judge, roots=seal.roots, evidence=evidence, moment=max(moment, now))
        try:
            return (await asyncio.to_thread(given, token, imprint)).at
        except stamps.BadToken as error:
            return Fault(error.fault.value)

    return [one async for one in anchors.verify(judge, now=now)]


async def faults(town: Town) -> list[tuple[Fault, str]]:
    return [(one.fault, one.line.rpartition(" ")[0]) for one in await wrong(town)]


def shop_with(town: Town, timestamper: Callable[[Timestamper], Timestamper]) -> Workshop:
    seal = replace(town.shop.seal, timestamper=timestamper(town.shop.seal.timestamper))
    return replace(town.shop, seal=seal)


# Making


@engines
async def test_every_fact_comes_under_one_anchor_and_the_next_begins_after_it(town: Town) -> None:
    await anchoring.anchor(town.shop)
    await write()
    await anchoring.anchor(town.shop)
    first, second = await Anchor.all().order_by("n")
    assert (first.first_id, first.previous) == (1, "0" * 64)
    assert second.first_id == first.last_id + 1
    assert second.count == 3
    assert second.previous == sha256(base64.b64decode(first.token)).hexdigest()
    assert first.count + second.count == await Fact.all().count()
    assert await anchors.waiting() == 0
    assert await wrong(town) == []


@engines
async def test_nothing_new_is_not_anchored(town: Town) -> None:
    await anchoring.anchor(town.shop)
    await anchoring.anchor(town.shop)
    assert await Anchor.all().count() == 1


@engines
async def test_a_long_history_is_anchored_in_steps(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anchors, "ROWS", 4)
    await write(10)
    await anchoring.anchor(town.shop)
    assert max([anchor.count for anchor in await Anchor.all()]) == 4
    assert sum([anchor.count for anchor in await Anchor.all()]) == await Fact.all().count()
    assert await wrong(town) == []


@engines
async def test_of_workers_at_the_same_time_one_anchors_each_place(town: Town) -> None:
    await write(10)
    await asyncio.gather(*(anchoring.anchor(town.shop) for _ in range(4)))
    assert await anchors.waiting() == 0
    assert sum([anchor.count for anchor in await Anchor.all()]) == await Fact.all().count()
    assert await wrong(town) == []


@engines
async def test_an_anchor_that_comes_second_is_not_kept(town: Town) -> None:
    await write()
    made = await anchors.draft(await anchors.settled())
    assert made is not None
    token = await asyncio.to_thread(town.shop.seal.timestamper, made.statement.imprint)
    at = stamps.read_time(token)
    assert await anchors.add(made, token, at=at)
    assert not await anchors.add(made, token, at=at)
    assert await Anchor.all().count() == 1


@engines
async def test_no_row_appears_behind_an_anchor(town: Town) -> None:
    """A row with a lower number is committed late: the anchor waits for it (on SQLite there is one writer)."""
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(connection: BaseDBAsyncClient) -> None:
        await history.record(connection, Subject.SETTINGS, 1, "slow", actor="test", at=datetime.now(UTC))
        entered.set()
        await leave.wait()

    if town.engine.is_sqlite:
        leave.set()
    writing = asyncio.create_task(unit(slow))
    await entered.wait()
    if not town.engine.is_sqlite:
        await write(subject_id=2)
    anchoring_ = asyncio.create_task(anchoring.anchor(town.shop))
    await asyncio.sleep(0.2)
    assert town.engine.is_sqlite or not anchoring_.done()
    leave.set()
    await asyncio.gather(writing, anchoring_)
    assert await anchors.waiting() == 0
    assert await Fact.filter(kind="slow").count() == 1
    assert await wrong(town) == []


@engines
async def test_a_unit_that_hangs_is_waited_for_later(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs() -> set[str]:
        return {"3/7"}

    monkeypatch.setattr(anchors, "is_sqlite", lambda: False)
    monkeypatch.setattr(anchors, "_writers", hangs)
    monkeypatch.setattr(anchors, "_PATIENCE", 0.05)
    with pytest.raises(Later) as later:
        await anchoring.anchor(town.shop)
    assert later.value.reason is Reason.STALE


@engines
async def test_a_silent_authority_leaves_no_anchor(town: Town) -> None:
    def silent(_: Timestamper) -> Timestamper:
        def ask(_imprint: bytes) -> bytes:
            raise Later(Reason.TSA_UNAVAILABLE)

        return ask  # type: ignore[return-value]

    with pytest.raises(Later):
        await anchoring.anchor(shop_with(town, silent))
    assert await Anchor.all().count() == 0


@engines
async def test_a_completion_is_anchored_with_its_own_facts(town: Town) -> None:
    shot = await town.completed()
    task = await TaskRow.get(kind="anchor")
    assert (task.lane, task.state, task.envelope_id) == ("sign", "ready", None)
    await anchoring.anchor(town.shop)
    completed = await Fact.get(subject="envelope", subject_id=shot.envelope.id, kind="timestamped")
    found = await anchors.evidence(completed)
    assert found is not None
    assert found.proof.holds


# Asking


@engines
async def test_once_an_hour_and_only_for_something_new(town: Town) -> None:
    async def queued() -> int:
        return await TaskRow.filter(kind="anchor").count()

    await anchoring.anchor_hourly(town.services)
    await anchoring.anchor_hourly(town.services)
    assert await queued() == 1
    await TaskRow.filter(kind="anchor").update(state="done")
    await anchoring.anchor(town.shop)
    town.clock.forward(hours=1)
    await anchoring.anchor_hourly(town.services)
    assert await queued() == 1
    await write()
    await anchoring.anchor_hourly(town.services)
    assert await queued() == 2
    town.clock.forward(hours=1)
    await anchoring.anchor_hourly(town.services)
    assert await queued() == 2, "one that waits is enough"


# Proofs


@engines
async def test_a_fact_has_a_proof_once_it_is_anchored(town: Town) -> None:
    await write()
    fact = await Fact.all().order_by("-id").first()
    assert fact is not None
    assert await anchors.evidence(fact) is None
    await anchoring.anchor(town.shop)
    found = await anchors.evidence(fact)
    assert found is not None
    assert found.proof.holds
    assert fact.hash in found.proof.line
    assert stamps.read_time(found.token) == found.at
    assert await wrong(town) == []


@engines
async def test_an_altered_fact_has_no_proof(town: Town) -> None:
    await anchoring.anchor(town.shop)
    fact = await Fact.get(id=2)
    fact.hash = "1" * 64
    assert await anchors.evidence(fact) is None


# What is done to rows as the database's superuser


async def rechain(engine: Engine, subject: str, subject_id: int) -> None:
    """Compute all hashes of a chain anew, as a forger would."""
    prev = GENESIS
    for fact in await Fact.filter(subject=subject, subject_id=subject_id).order_by("n"):
        prev = history.link(
            prev=prev, n=fact.n, at=fact.at, kind=fact.kind, actor=fact.actor, digest=fact.digest
        )
        await engine.run(f"UPDATE facts SET hash = '{prev}' WHERE id = {fact.id}")


@pytest.fixture
async def anchored(town: Town) -> Town:
    """A history of six rows and one more, anchored in two steps; rows are named by what write() made."""
    await write(6)
    await anchoring.anchor(town.shop)
    await write(1)
    await anchoring.anchor(town.shop)
    assert await wrong(town) == []
    assert [one async for one in history.verify()] == []
    return town


async def ids() -> list[int]:
    return [row.id for row in await Fact.filter(subject="settings").order_by("n")]


@engines
async def test_whoever_recomputes_a_whole_chain_is_caught(anchored: Town) -> None:
    rows = await ids()
    await anchored.engine.run(f"UPDATE facts SET actor = 'nobody' WHERE id = {rows[2]}")
    assert [one.n async for one in history.verify()] == [3]
    await rechain(anchored.engine, "settings", 1)
    assert [one async for one in history.verify()] == [], "the chain alone says nothing"
    found = await faults(anchored)
    assert sorted(found) == sorted(
        (Fault.ROW_ALTERED, f"{row} settings 1 {n}") for n, row in enumerate(rows[2:], 3)
    )


@engines
async def test_a_tail_that_was_cut_off_is_named(anchored: Town) -> None:
    last = (await ids())[-1]
    await anchored.engine.run(
        f"DELETE FROM fact_details WHERE fact_id = {last}; DELETE FROM facts WHERE id = {last};"
    )
    assert [one async for one in history.verify()] == [], "the chain alone says nothing"
    assert await faults(anchored) == [(Fault.ROW_DELETED, f"{last} settings 1 7")]


@engines
async def test_a_row_that_was_pushed_into_a_chain_is_noticed(anchored: Town) -> None:
    rows = await ids()
    await anchored.engine.run(
        "UPDATE facts SET n = n + 100 WHERE subject = 'settings' AND n >= 3;"
        "UPDATE facts SET n = n - 99 WHERE subject = 'settings' AND n > 100;"
        "INSERT INTO facts (subject, subject_id, n, at, kind, actor, digest, hash)"
        f" SELECT subject, subject_id, 3, at, 'forged', actor, digest, hash FROM facts WHERE id = {rows[0]}"
    )
    await rechain(anchored.engine, "settings", 1)
    assert [one async for one in history.verify()] == [], "the chain alone says nothing"
    found = await faults(anchored)
    assert sorted(found) == sorted(
        (Fault.ROW_ALTERED, f"{row} settings 1 {n}") for n, row in enumerate(rows[2:], 3)
    )


@engines
async def test_a_row_in_a_gap_of_numbers_is_named(town: Town) -> None:
    await write(2)

    async def fails(connection: BaseDBAsyncClient) -> None:
        await history.record(connection, Subject.SETTINGS, 1, "undone", actor="t", at=datetime.now(UTC))
        raise Later(Reason.STALE)

    with pytest.raises(Later):
        await unit(fails)
    if town.engine.is_sqlite:
        await town.engine.run("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'facts'")
    await write(1)
    await anchoring.anchor(town.shop)
    *_, before, after = await ids()
    assert after == before + 2
    await town.engine.run(
        "INSERT INTO facts (id, subject, subject_id, n, at, kind, actor, digest, hash)"
        f" SELECT {before + 1}, subject, 9, 1, at, kind, actor, digest, hash FROM facts WHERE id = {before}"
    )
    assert await faults(town) == [(Fault.ROW_INSERTED, f"{before + 1} settings 9 1")]


@engines
async def test_rows_that_changed_places_are_named(anchored: Town) -> None:
    one, two = (await ids())[1:3]
    first, second = await Fact.get(id=one), await Fact.get(id=two)
    for number, n, hashed in (
        (one, 90, first.hash),
        (two, first.n, first.hash),
        (one, second.n, second.hash),
    ):
        await anchored.engine.run(f"UPDATE facts SET n = {n}, hash = '{hashed}' WHERE id = {number}")
    assert await faults(anchored) == [
        (Fault.ROW_MOVED, f"{one} settings 1 2"),
        (Fault.ROW_MOVED, f"{two} settings 1 3"),
    ]


@engines
async def test_a_history_that_was_given_to_somebody_else_is_named(anchored: Town) -> None:
    """The chain does not name its subject; the anchor does."""
    await anchored.engine.run("UPDATE facts SET subject_id = 2 WHERE subject = 'settings'")
    assert [one async for one in history.verify()] == []
    assert len(await faults(anchored)) == 7


# What is done to anchors


@engines
async def test_a_root_made_to_fit_is_not_what_was_timestamped(anchored: Town) -> None:
    row = (await ids())[2]
    await anchored.engine.run(f"UPDATE facts SET actor = 'nobody' WHERE id = {row}")
    await rechain(anchored.engine, "settings", 1)
    for anchor in await Anchor.all():
        lines = await anchors._lines(anchor.first_id, anchor.last_id, limit=100)
        root, text = root_of(lines), "\n".join(lines)
        await Anchor.filter(id=anchor.id).update(root=root, lines=text)
    found = await wrong(anchored)
    assert [(one.n, one.fault) for one in found] == [
        (2, Fault.TOKEN_OVER_OTHER_DATA),
        (1, Fault.TOKEN_OVER_OTHER_DATA),
    ]


@engines
async def test_where_the_list_was_altered_too_the_range_is_named(anchored: Town) -> None:
    row = (await ids())[-1]
    await anchored.engine.run(f"UPDATE facts SET hash = '{'1' * 64}' WHERE id = {row}")
    await Anchor.filter(n=2).update(lines="something else")
    assert [(one.n, one.fault) for one in await wrong(anchored)] == [(2, Fault.ROWS_DIFFER)]


@engines
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("DELETE FROM anchors WHERE n = 1", [(1, Fault.MISSING)]),
        ("UPDATE anchors SET token = 'AAAA' WHERE n = 2", [(2, Fault.TOKEN_UNREADABLE)]),
        ("UPDATE anchors SET token = '%' WHERE n = 2", [(2, Fault.TOKEN_UNREADABLE)]),
        (
            "UPDATE anchors SET token = (SELECT token FROM anchors WHERE n = 2) WHERE n = 1",
            [(2, Fault.NOT_LINKED), (1, Fault.TOKEN_OVER_OTHER_DATA)],
        ),
        (
            "UPDATE anchors SET first_id = first_id + 1 WHERE n = 2",
            [(2, Fault.TOKEN_OVER_OTHER_DATA), (2, Fault.ROW_DELETED), (2, Fault.NOT_LINKED)],
        ),
        (
            f"UPDATE anchors SET previous = '{'1' * 64}' WHERE n = 1",
            [(1, Fault.TOKEN_OVER_OTHER_DATA), (1, Fault.NOT_LINKED)],
        ),
    ],
)
async def test_a_change_of_the_anchors_is_named(
    anchored: Town, change: str, expected: list[tuple[int, Fault]]
) -> None:
    await anchored.engine.run(change)
    found = [(one.n, one.fault) for one in await wrong(anchored)]
    assert found == expected


# Without this program


@engines
async def test_openssl_judges_an_anchor_and_refuses_an_altered_one(town: Town, tmp_path: Path) -> None:
    await anchoring.anchor(town.shop)
    fact = await Fact.get(id=2)
    found = await anchors.evidence(fact)
    assert found is not None
    data, token, root = tmp_path / "anchor.json", tmp_path / "anchor.tsr", tmp_path / "root.pem"
    token.write_bytes(found.token)
    root.write_bytes(der_to_pem("x509", town.shop.seal.roots[0]))
    command = ["openssl", "ts", "-verify", "-data", str(data), "-in", str(token), "-token_in"]

    async def accepts(said: bytes) -> bool:
        data.write_bytes(said)
        done = await asyncio.to_thread(
            subprocess.run, [*command, "-CAfile", str(root)], capture_output=True, check=False
        )
        return done.returncode == 0 and b"Verification: OK" in done.stdout + done.stderr

    said = found.proof.statement.canonical()
    assert not await accepts(said.replace(b'"n":1', b'"n":2'))
    assert await accepts(said)
