"""What the clock does is done once: whatever two processes do at the same moment, and wherever one of them dies."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from envelopes.actions import staff as clerks
from envelopes.actions.worker import expiry, reminding, summing
from envelopes.records import history, tasks
from envelopes.records.history import Subject
from envelopes.records.models import Envelope, Signer
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules.addresses import AddressKind
from envelopes.rules.reminders import is_open
from envelopes.rules.schedule import JST, jst_day
from envelopes.services import Services
from tests.engines import Town

pytestmark = pytest.mark.engines
Verb = Callable[[Services], Awaitable[None]]


async def kinds(shot: Snapshot) -> list[str]:
    return [fact.kind for fact, _ in await history.payloads(Subject.ENVELOPE, shot.envelope.id)]


async def together(town: Town, verb: Verb) -> None:
    """Let the clocks of three processes strike at the same moment."""
    await asyncio.gather(*(verb(town.services) for _ in range(3)))


async def mornings(town: Town, days: int, *verbs: Verb) -> None:
    for _ in range(days):
        town.clock.at = datetime.combine(jst_day(town.clock()) + timedelta(days=1), time(10), JST)
        for verb in verbs:
            await together(town, verb)


async def queued(shot: Snapshot, kind: str) -> int:
    return await TaskRow.filter(envelope_id=shot.envelope.id, kind=kind).count()


async def test_each_reminder_is_given_once_and_an_extension_begins_anew(town: Town) -> None:
    shot = await town.out(days=14)
    await mornings(town, 13, reminding.remind_due)
    given = (await kinds(shot)).count("reminded")
    assert 1 <= given <= 3
    assert await queued(shot, "reminder_mail") == given
    shot = await town.again(shot)
    later = shot.envelope.deadline_on + timedelta(days=20)
    await clerks.extend(
        town.services,
        clerks.actor_of(town.drafter),
        shot.envelope.ref,
        version=shot.envelope.version,
        deadline_on=later,
    )
    assert await queued(shot, "extended_mail") == 1
    await mornings(town, 20, reminding.remind_due)
    assert await queued(shot, "reminder_mail") == (await kinds(shot)).count("reminded") > given


async def test_a_deadline_ends_once_and_an_extension_opens_it_again(town: Town) -> None:
    shot = await town.out(days=1)
    town.clock.forward(days=3)
    await together(town, expiry.expire_due)
    assert (await kinds(shot)).count("expired") == 1
    assert await queued(shot, "expired_mail") == 1
    shot = await town.again(shot)
    actor, until = clerks.actor_of(town.drafter), jst_day(town.clock()) + timedelta(days=5)

    async def extend() -> None:
        await clerks.extend(
            town.services, actor, shot.envelope.ref, version=shot.envelope.version, deadline_on=until
        )

    both = await asyncio.gather(extend(), extend(), return_exceptions=True)
    assert both.count(None) == 1
    assert await queued(shot, "extended_mail") == 1
    await together(town, expiry.expire_due)
    assert (await town.again(shot)).state == "out"


async def test_the_end_of_a_window_is_told_once_a_notice(town: Town) -> None:
    shot = await town.out()
    ends = datetime.combine(jst_day(town.clock()) + timedelta(days=14), time(23, 59, 59), JST)
    await Envelope.filter(id=shot.envelope.id).update(window_ends_at=ends)
    await mornings(town, 14, reminding.remind_of_windows)
    given = (await kinds(shot)).count("window reminded")
    assert 1 <= given <= 2
    assert await queued(shot, "window_mail") == given


async def test_silence_is_told_once(town: Town) -> None:
    shot = await town.out()
    assert shot.turn is not None
    await Signer.filter(id=shot.turn.id).update(address_kind=AddressKind.CARRIER.value)
    await town.delivered(shot.turn)
    await mornings(town, 3, reminding.tell_of_silence)
    assert (await kinds(shot)).count("mail unopened") == 1
    assert await queued(shot, "undelivered_mail") == 1


async def test_a_section_is_told_once_a_morning(town: Town) -> None:
    await town.out()
    await mornings(town, 7, summing.summarise)
    days = [jst_day(town.clock()) - timedelta(days=n) for n in range(7)]
    assert await TaskRow.filter(kind="daily_mail").count() == sum(is_open(day) for day in days)


async def test_a_process_that_dies_half_way_leaves_neither_fact_nor_mail(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = await town.out(days=14)
    real = tasks.enqueue

    async def die(*_given: Any, **_named: Any) -> int:
        raise OSError

    died = 0
    for _ in range(13):
        town.clock.at = datetime.combine(jst_day(town.clock()) + timedelta(days=1), time(10), JST)
        monkeypatch.setattr(tasks, "enqueue", die)
        try:
            await reminding.remind_due(town.services)
        except OSError:
            died += 1
        assert (await kinds(shot)).count("reminded") == await queued(shot, "reminder_mail")
        monkeypatch.setattr(tasks, "enqueue", real)
        await reminding.remind_due(town.services)
    assert await queued(shot, "reminder_mail") == (await kinds(shot)).count("reminded") == died >= 1


async def test_one_envelope_that_was_altered_keeps_no_other_from_its_turn(town: Town) -> None:
    altered, sound = await town.out(days=1), await town.out(days=1)
    await town.engine.run(f"UPDATE signers SET company = 'x' WHERE envelope_id = {altered.envelope.id}")
    town.clock.forward(days=3)
    await expiry.expire_due(town.services)
    assert (await town.again(sound)).state == "expired"
