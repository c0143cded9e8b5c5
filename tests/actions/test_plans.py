"""The plan of a prepared file: kept for the worker alone, used where it opens, missed where it does not."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from envelopes.actions.worker import signing
from envelopes.keyring import KeySet
from envelopes.records import store
from envelopes.records.fields import Cipher
from envelopes.records.models import Document, Segment
from envelopes.rules.states import State
from envelopes.signing import writing
from envelopes.signing.seal import WritingFailed
from tests.engines import Town

pytestmark = pytest.mark.engines


async def prepared(document_id: int) -> Segment:
    return (await store.segments(document_id))[0]


async def is_valid(town: Town, document: Document) -> bool:
    data = await town.bytes_of(document)
    return (await asyncio.to_thread(town.shop.seal.verify, data)).valid


@pytest.fixture
def only_by_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads a PDF to write into it fails; PREPARE has done so by then."""

    def refuse(*_: object) -> None:
        raise WritingFailed

    monkeypatch.setattr(writing, "append_signature", refuse)
    monkeypatch.setattr(writing, "append_timestamp", refuse)


@pytest.mark.usefixtures("only_by_plan")
async def test_a_contract_is_signed_and_stamped_by_its_plan_alone(town: Town) -> None:
    shot = await town.completed(documents=2)
    assert shot.state is State.COMPLETED
    for document in shot.documents:
        rows = await store.segments(document.id)
        assert [row.plan is not None for row in rows] == [True, False, False, False]
        assert await is_valid(town, document)


async def test_the_database_says_nothing_of_a_plan(town: Town) -> None:
    shot = await town.out()
    plan = (await prepared(shot.documents[0].id)).plan
    assert plan is not None
    assert "Signer" not in plan
    assert "length" not in plan


async def removed(row: Segment, other: Segment) -> None:
    await Segment.filter(id=row.id).update(plan=None)


async def garbled(row: Segment, other: Segment) -> None:
    await Segment.filter(id=row.id).update(plan="nonsense")


async def exchanged(row: Segment, other: Segment) -> None:
    await Segment.filter(id=row.id).update(plan=other.plan)


async def forged(row: Segment, other: Segment) -> None:
    """By somebody with all the portal's keys, who knows everything but the archive key."""
    cipher = Cipher(KeySet((("00000000", bytes(32)),)))
    await Segment.filter(id=row.id).update(plan=cipher.seal("{}", f"segments.plan {row.sha256}"))


@pytest.mark.parametrize("harm", [removed, garbled, exchanged, forged])
async def test_a_plan_that_does_not_open_is_done_without(
    town: Town,
    harm: Callable[[Segment, Segment], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used: list[str | None] = []
    real = signing.plan_of
    monkeypatch.setattr(signing, "plan_of", lambda *given: used.append(real(*given)) or used[-1])
    shot = await town.out(documents=2)
    one, other = [await prepared(document.id) for document in shot.documents]
    await harm(one, other)
    shot = await town.sign(await town.consent(shot))
    assert used[0] is None
    assert used[1] is not None
    for document in shot.documents:
        assert await is_valid(town, document)
