"""A queue that has stopped: told once an incident, with what an examination finds, and anew after it has flowed."""

from datetime import timedelta

import pytest

from envelopes.actions.worker import waiting
from envelopes.records import tasks
from envelopes.records.database import unit
from envelopes.records.models import Task as TaskRow
from envelopes.rules.states import Task
from envelopes.services import Services
from tests.engines import Clock, Engine, build_services

pytestmark = pytest.mark.engines


async def queue(services: Services, key: str, **values: object) -> int:
    """A mail that is due now."""
    row = await unit(lambda connection: tasks.enqueue(connection, Task.SEND, key, now=services.now()))
    await TaskRow.filter(id=row).update(**values)
    return row


async def alerts() -> int:
    return await TaskRow.filter(kind=Task.ALERT_MAIL.value).count()


async def look(services: Services) -> int:
    await waiting.tell_of_waiting(services)
    return await alerts()


async def test_a_mail_that_nobody_takes_is_told_once_and_anew_after_the_queue_has_flowed(
    engine: Engine,
) -> None:
    clock = Clock()
    services = build_services(engine, clock)
    await queue(services, "a")
    clock.forward(minutes=15)
    assert await look(services) == 0
    clock.forward(seconds=1)
    assert await look(services) == 1
    assert (await waiting.waiting(services)).count == 1
    await queue(services, "b")
    clock.forward(hours=30)
    assert await look(services) == 1
    await TaskRow.all().update(state="done")
    assert await look(services) == 1
    await queue(services, "c")
    clock.forward(minutes=16)
    assert await look(services) == 2
    assert await look(services) == 2


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("mail-deferred 0", 1),
        ("mail-deferred 450 4.2.1", 0),
        ("mail-deferred 535 5.7.8", 0),
        ("FieldUnreadable", 0),
    ],
)
async def test_only_silence_of_the_relay_is_a_queue_that_stands(
    engine: Engine, error: str, told: int
) -> None:
    clock = Clock()
    services = build_services(engine, clock)
    later = clock() + timedelta(hours=4)
    await queue(services, "a", failing_since=clock(), error=error, run_at=later)
    assert await look(services) == 0
    clock.forward(minutes=16)
    assert await look(services) == told


async def test_mails_that_wait_for_their_turn_and_other_work_are_no_incident(engine: Engine) -> None:
    clock = Clock()
    services = build_services(engine, clock)
    await queue(services, "a", run_at=clock() + timedelta(hours=1))
    await queue(services, "b", lane="papers")
    await queue(services, "c", state="done")
    clock.forward(minutes=30)
    assert await look(services) == 0
