"""The operator is told: one mail to the administrators a kind, a cause and a day. What it says, the bot knows."""

from collections.abc import Mapping
from datetime import datetime

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records import tasks
from envelopes.records.models import Delivery
from envelopes.rules.alerts import Alert
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import Task


async def tell(
    connection: BaseDBAsyncClient,
    what: Alert,
    *,
    now: datetime,
    delivery: Delivery | None = None,
    about: str = "",
    numbers: Mapping[str, int] | None = None,
) -> None:
    """Queue the mail in the caller's transaction, once a day for the same *about* (nothing personal).

    *numbers* are told in the mail as they are now; how, the bot knows.
    """
    ids = {"alert": int(what)} | ({"delivery": delivery.id} if delivery else {}) | dict(numbers or {})
    await tasks.enqueue(connection, Task.ALERT_MAIL, f"{what}:{about}:{jst_day(now)}", now=now, ids=ids)
