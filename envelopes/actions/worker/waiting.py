"""Mails that wait: the operator is told once when the queue has stopped, and again only after it has flowed.

A queue has stopped where a mail is long due and nobody takes it, or where no server has answered for as long. A mail
that one receiver puts off, or that waits for its turn, is no sign of that.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q

from envelopes.actions.worker import alerting
from envelopes.records import counters
from envelopes.records.database import unit
from envelopes.records.models import Task as TaskRow
from envelopes.records.tasks import Lane
from envelopes.rules.alerts import Alert
from envelopes.rules.returns import DEFERRED
from envelopes.services import Services

log = logging.getLogger(__name__)

_SILENT: Final = f"{DEFERRED} 0"
_INCIDENT: Final = "the queue waits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many mails have waited too long, and since when the first."""

    count: int
    since: datetime | None


async def waiting(services: Services) -> Waiting:
    """Look at the queue as it is now."""
    late = services.now() - services.policy.queue_tell
    rows = await TaskRow.filter(
        Q(state="ready", run_at__lt=late, failing_since=None)
        | Q(failing_since__lt=late, error__startswith=_SILENT),
        lane__in=(Lane.CODE.value, Lane.MAIL.value),
    ).exclude(state="done")
    return Waiting(
        count=len(rows), since=min((row.failing_since or row.run_at for row in rows), default=None)
    )


async def tell_of_waiting(services: Services) -> None:
    """Tell the operator of a queue that has stopped since the last look, or note that it flows again."""
    found, now = await waiting(services), services.now()
    if found.since is None:
        await counters.end(_INCIDENT)
        return
    numbers = {"count": found.count, "since": int(found.since.timestamp())}

    async def work(connection: BaseDBAsyncClient) -> bool:
        begun = await counters.begin(connection, _INCIDENT, now=now)
        if begun:
            await alerting.tell(connection, Alert.QUEUE, now=now, about=now.isoformat(), numbers=numbers)
        return begun

    if await unit(work):
        # The mail may have to wait as well; the log does not.
        log.error("%d mails have waited since %s", found.count, found.since.isoformat())
