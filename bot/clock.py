"""What happens because time has passed: every minute, and the worker's verbs decide whether anything is due."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from bot.worker import describe
from envelopes.actions import anchoring, aside, evidence, renewing, verification
from envelopes.actions.applications import steps
from envelopes.actions.worker import expiry, readdressing, reminding, summing, waiting
from envelopes.services import Services

log = logging.getLogger(__name__)

TICK: Final = 60.0  # why: deadlines are days, and a minute late is not noticed


async def run(services: Services, stop: asyncio.Event) -> None:
    """Tick until *stop*. A verb that fails is repeated with the next tick, and the others still run."""
    while not stop.is_set():
        for verb in _verbs():
            await _try(verb, services)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), TICK)


def _verbs() -> tuple[Callable[[Services], Awaitable[None]], ...]:
    return (
        readdressing.readdress,
        expiry.expire_due,
        reminding.remind_due,
        reminding.remind_as_asked,
        reminding.remind_of_windows,
        reminding.tell_of_silence,
        summing.summarise,
        waiting.tell_of_waiting,
        anchoring.anchor_hourly,
        renewing.renew_hourly,
        verification.sweep,
        evidence.sweep,
        aside.sweep,
        steps.sweep,
    )


async def _try(verb: Callable[[Services], Awaitable[None]], services: Services) -> None:
    try:
        await verb(services)
    except Exception as error:  # noqa: BLE001 -- the top of the loop: logs and goes on with the next tick
        log.warning("clock: %s", describe(error))
