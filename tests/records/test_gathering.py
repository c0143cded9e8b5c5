"""Many at once: each learns of his own part only, and a group that gathers waits for the one before it."""

import asyncio
from collections.abc import Sequence

import pytest

from envelopes.records.gathering import Gathered


class Double:
    """Doubles numbers, and notes the groups in which they came; cannot double 13."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []

    async def __call__(self, group: Sequence[int]) -> Sequence[int]:
        self.groups.append(list(group))
        await asyncio.sleep(0.01)
        if 13 in group:
            raise ValueError
        return [2 * number for number in group]


async def test_those_who_ask_at_once_are_one_group_and_get_their_own_result() -> None:
    work = Double()
    double = Gathered(work)
    assert await asyncio.gather(*(double(number) for number in range(5))) == [0, 2, 4, 6, 8]
    assert work.groups == [[0, 1, 2, 3, 4]]
    assert await double(7) == 14


async def test_whoever_comes_meanwhile_is_in_the_next_group() -> None:
    work = Double()
    double = Gathered(work)
    first = asyncio.create_task(double(1))
    await asyncio.sleep(0.005)
    assert await asyncio.gather(first, double(2), double(3)) == [2, 4, 6]
    assert work.groups == [[1], [2, 3]]


async def test_one_bad_part_harms_nobody_else() -> None:
    work = Double()
    double = Gathered(work)
    results = await asyncio.gather(double(1), double(13), double(2), return_exceptions=True)
    assert results[::2] == [2, 4]
    assert isinstance(results[1], ValueError)
    assert work.groups == [[1, 13, 2], [1], [13], [2]]


async def test_one_who_goes_away_keeps_the_others_from_nothing() -> None:
    work = Double()
    double = Gathered(work)
    gone, stays = asyncio.create_task(double(1)), asyncio.create_task(double(2))
    await asyncio.sleep(0.005)
    gone.cancel()
    assert await stays == 4
    with pytest.raises(asyncio.CancelledError):
        await gone
