"""What ends the bot, as whoever started it gets to see it."""

import asyncio
from pathlib import Path

import pytest

from bot import app, clock
from envelopes.rules.errors import Later, Reason
from tests.patience import PATIENCE
from tests.world import world


async def _end_with(error: Exception, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_raise(error))

    monkeypatch.setattr(clock, "run", fail)
    async with world(directory) as built:
        await asyncio.wait_for(app.run(built.services, stop=asyncio.Event()), PATIENCE)


async def _raise(error: Exception) -> None:
    raise error


async def test_an_error_that_a_person_can_be_told_of_comes_as_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Later) as caught:
        await _end_with(Later(Reason.KEY_UNAVAILABLE), tmp_path, monkeypatch)
    assert caught.value.reason is Reason.KEY_UNAVAILABLE
    assert caught.value.__suppress_context__


async def test_a_surprise_keeps_its_group_and_its_tracebacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await _end_with(RuntimeError("surprise"), tmp_path, monkeypatch)
    assert caught.value.subgroup(RuntimeError) is not None
