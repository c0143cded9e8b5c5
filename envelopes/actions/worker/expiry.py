"""Deadlines that are over: whose envelopes end by themselves. When a day is over stands in `rules.schedule`."""

from contextlib import suppress
from datetime import datetime

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records import store
from envelopes.records.database import unit
from envelopes.records.models import Envelope
from envelopes.records.store import Snapshot
from envelopes.rules.errors import NotPermitted, StaleEnvelope
from envelopes.rules.people import WORKER
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import By, Event, State, permits
from envelopes.services import Services


async def expire_due(services: Services) -> None:
    """End every envelope whose deadline is over on the contractor's turn, and tell both sides."""
    now = services.now()
    ending = [state.value for state in State if permits(state, Event.EXPIRED)]
    over = await Envelope.filter(state__in=ending, deadline_on__lt=jst_day(now)).only("id")
    async for shot in store.readable([one.id for one in over]):
        if shot.turn is not None and shot.turn.staff_id is None:
            await _expire(shot, now)


async def _expire(shot: Snapshot, now: datetime) -> None:
    async def work(connection: BaseDBAsyncClient) -> None:
        await store.apply(connection, shot.envelope, Event.EXPIRED, By.WORKER, actor=WORKER, now=now)

    # Somebody extended, ended or consented in this very moment: that holds, and the others still expire.
    with suppress(StaleEnvelope, NotPermitted):
        await unit(work)
