"""Browsers that have proved something, and for how long that counts."""

from datetime import timedelta

import pytest

from envelopes.records import sessions
from envelopes.records.models import Proof, Session, Signer
from tests.engines import Engine, Town

pytestmark = pytest.mark.engines
IDLE, TOTAL = timedelta(minutes=30), timedelta(hours=10)


async def found(town: Town, cookie: str, *, total: timedelta | None = TOTAL) -> Session | None:
    return await sessions.find(cookie, now=town.clock(), idle=IDLE, total=total)


async def test_the_cookie_is_random_and_not_in_the_database(town: Town) -> None:
    cookie, row = await sessions.start(now=town.clock())
    other, _ = await sessions.start(now=town.clock())
    assert cookie != other
    assert len(cookie) == 43
    assert cookie not in await town.engine.dump()
    again = await found(town, cookie)
    assert again is not None
    assert again.id == row.id


@pytest.mark.parametrize("cookie", ["", "x", "あ", "0" * 5000])
async def test_another_value_finds_nothing(engine: Engine, cookie: str, town: Town) -> None:
    await sessions.start(now=town.clock())
    assert await found(town, cookie) is None


async def test_the_digest_itself_is_no_cookie(town: Town) -> None:
    _, row = await sessions.start(now=town.clock())
    assert await found(town, row.digest) is None


async def test_a_session_ends_when_it_is_left_alone(town: Town) -> None:
    cookie, _ = await sessions.start(now=town.clock())
    town.clock.forward(minutes=29, seconds=59)
    assert await found(town, cookie) is not None
    town.clock.forward(seconds=1)
    assert await found(town, cookie) is None


async def test_use_keeps_it_alive_but_not_beyond_its_total(town: Town) -> None:
    cookie, row = await sessions.start(now=town.clock())
    for _ in range(23):
        town.clock.forward(minutes=25)
        living = await found(town, cookie)
        assert living is not None
        await sessions.touch(living, now=town.clock())
    town.clock.forward(minutes=25)
    assert town.clock() - row.created_at == TOTAL
    assert await found(town, cookie) is None
    assert await found(town, cookie, total=None) is not None


async def test_a_page_view_writes_at_most_once_a_minute(town: Town) -> None:
    cookie, row = await sessions.start(now=town.clock())
    await sessions.touch(row, now=town.clock.forward(seconds=59))
    assert (await Session.get(id=row.id)).used_at == row.used_at
    await sessions.touch(row, now=town.clock.forward(seconds=1))
    assert (await Session.get(id=row.id)).used_at == town.clock()
    assert cookie


async def test_a_revoked_session_stays_revoked(town: Town) -> None:
    cookie, row = await sessions.start(now=town.clock(), staff_id=town.village.id)
    await sessions.end(row, now=town.clock())
    await sessions.touch(row, now=town.clock.forward(minutes=2))
    assert await found(town, cookie) is None


async def test_a_proof_is_of_one_signer_in_one_browser_and_one_generation(town: Town) -> None:
    one, other = (await town.draft(contractors=2)).signers
    _, here = await sessions.start(now=town.clock())
    _, there = await sessions.start(now=town.clock())
    for _ in range(2):
        await sessions.prove(here, one, generation=one.generation, method="mail-code", now=town.clock())
    assert await Proof.all().count() == 1
    assert await sessions.proof(here, one) is not None
    assert await sessions.proof(here, other) is None
    assert await sessions.proof(there, one) is None
    await Signer.filter(id=one.id).update(generation=1)
    assert await sessions.proof(here, await Signer.get(id=one.id)) is None


async def test_one_browser_holds_proofs_for_two_contracts(town: Town) -> None:
    (first,), (second,) = (await town.draft()).signers, (await town.draft()).signers
    _, here = await sessions.start(now=town.clock())
    for one in (first, second):
        await sessions.prove(here, one, generation=0, method="mail-code", now=town.clock())
    assert await sessions.proof(here, first) is not None
    assert await sessions.proof(here, second) is not None
