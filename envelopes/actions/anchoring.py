"""The worker's verb for the history: put timestamped Merkle roots over the facts that have none yet.

Once an hour while there is something new, and at each completion. What an anchor is stands in `rules.anchors`, how one
is kept in `records.anchors`. May run twice and on several workers at once: of two for one place the first one holds.
"""

import asyncio

from envelopes.actions.worker.workshop import Workshop
from envelopes.records import anchors, tasks
from envelopes.rules.errors import Later, Reason
from envelopes.rules.states import Task
from envelopes.services import Services
from envelopes.signing import stamps


async def anchor(shop: Workshop) -> None:
    """Anchor every fact that is there now. Raises Later(TSA_UNAVAILABLE | KEY_UNAVAILABLE | STALE)."""
    end = await anchors.settled()
    while (made := await anchors.draft(end)) is not None:
        token = await asyncio.to_thread(shop.seal.timestamper, made.statement.imprint)
        try:
            at = stamps.read_time(token)
        except stamps.BadToken:
            raise Later(Reason.TSA_UNAVAILABLE, "token") from None
        # Where another worker was first, the next draft begins after its anchor.
        await anchors.add(made, token, at=at)


async def anchor_hourly(services: Services) -> None:
    """Queue the anchoring of this hour if there are new facts and nothing of the kind is queued already."""
    if await anchors.waiting():
        await tasks.enqueue_hourly(Task.ANCHOR, now=services.now())
