"""What many ask for at the same moment, done for all of them at once: one query, one write to the disk.

A commit costs some milliseconds of the disk's time, whatever it holds. Whoever asks waits until his own part is done,
as if he had been alone; meanwhile the next group gathers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _Asked(NamedTuple, Generic[T, R]):
    part: T
    answer: asyncio.Future[R]


class Gathered(Generic[T, R]):
    """Does *work* for a group at a time, in the order in which they asked; *work* returns one result a part.

    *work* must bear to be done again: where a group fails, each of it is done alone, so that one bad part harms nobody
    else. Not to be called inside a unit of work: a group has its own.
    """

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> None:
        self._work = work
        self._waiting: list[_Asked[T, R]] = []
        self._runner: asyncio.Task[None] | None = None

    async def __call__(self, part: T) -> R:
        """Return the result for *part*, or raise what its own work raised."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(part, answer))
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            if not await self._done(group):
                for asked in group:
                    await self._done([asked])

    async def _done(self, group: Sequence[_Asked[T, R]]) -> bool:
        """Do a group's work and tell everybody; False where it failed and each is to be done alone."""
        try:
            results = await self._work([asked.part for asked in group])
        except Exception as error:  # noqa: BLE001 -- raised where it was asked for
            if len(group) > 1:
                return False
            _settle(group[0].answer, error=error)
        else:
            for asked, result in zip(group, results, strict=True):
                _settle(asked.answer, result)
        return True


def _settle(answer: asyncio.Future[R], result: R | None = None, *, error: Exception | None = None) -> None:
    if answer.done():
        return  # whoever asked was cancelled meanwhile
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)  # type: ignore[arg-type]
