"""Answers about mistakes keep their limits, on any engine and over a restart; what was done is always told."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from bot import desk
from envelopes.records import counters
from envelopes.records.models import Delivery, Mail
from envelopes.records.models import Task as TaskRow
from envelopes.rules.errors import Reason
from envelopes.rules.provenance import Why
from fukan.demo import cast
from tests.bot.test_worker import draft
from tests.world import CONTRACT, World, order, text_of, world

pytestmark = pytest.mark.engines


@pytest.fixture
def built(service: World) -> World:
    return service


async def read(built: World, raw: bytes) -> Mail:
    number = await built.deliver(raw)
    await desk.read_mail(built.tools.shop, number)
    return await Mail.get(id=number)


async def outcome(built: World, *files: Path, **wishes: str) -> str:
    mail = await read(built, order(*files, **wishes))
    return mail.reason or mail.status


async def test_the_same_mistake_is_answered_once_in_a_day(built: World) -> None:
    assert [await outcome(built) for _ in range(3)] == ["answered"] + 2 * [Reason.ANSWERED_ALREADY]
    # Somebody who tries something else is told about that too.
    assert await outcome(built, CONTRACT, to="知らない会社") == "answered"
    assert await outcome(built, amount="100円（税込）") == "answered"
    built.clock.forward(hours=25)
    assert await outcome(built) == "answered"


async def test_a_draft_is_always_told(tmp_path: Path) -> None:
    async with world(tmp_path, policy={"answers_a_day": 0, "answers_an_hour": 0}) as built:
        await built.drain()
        assert await outcome(built) == Reason.LIMIT_REACHED
        envelope = await draft(built, CONTRACT)
        assert "受け付けました（下書き）" in built.last(cast.NAKAMURA.address)["Subject"]
        assert envelope.state == "draft"


async def test_the_breaker_stops_all_answers_and_the_operator_hears_of_it_once(tmp_path: Path) -> None:
    async with world(tmp_path, policy={"answers_an_hour": 2}) as built:
        await built.drain()
        said = [await outcome(built, amount=f"{n}円（税込）") for n in range(1, 6)]
        assert said == 2 * ["answered"] + 3 * [Reason.ANSWERS_STOPPED]
        await built.drain()
        alerts = [one for one in built.mails(cast.MARUYAMA.address) if "返信を止めています" in one["Subject"]]
        assert len(alerts) == 1
        assert "answers_an_hour" in text_of(alerts[0])
        assert (await draft(built, CONTRACT)).state == "draft"
        built.clock.forward(minutes=61)
        assert await outcome(built, amount="9円（税込）") == "answered"


async def test_a_mail_that_is_read_again_after_a_crash_is_answered(built: World) -> None:
    number = await built.deliver(order())
    mail = await Mail.get(id=number)
    await desk.read_mail(built.tools.shop, number)
    # As if the worker had died before its transaction: neither the answer nor its count may be there alone.
    assert (await Mail.get(id=number)).status == "answered"
    await Mail.filter(id=number).update(status=mail.status)
    await desk.read_mail(built.tools.shop, number)
    assert await TaskRow.filter(kind="answer_mail", key=f"answer_mail:{number}").count() == 1


async def test_two_workers_count_one_answer(built: World) -> None:
    numbers = [await built.deliver(order()) for _ in range(4)]
    await asyncio.gather(*(desk.read_mail(built.tools.shop, number) for number in numbers))
    said = sorted([(await Mail.get(id=number)).status for number in numbers])
    assert said == ["answered", "quarantined", "quarantined", "quarantined"]


async def test_a_talk_of_two_bots_ends(built: World) -> None:
    """A colleague's program that replies to everything, and marks nothing as automatic."""
    await read(built, order())
    exchanged = 0
    for _ in range(30):
        await built.drain()
        ours = built.last(cast.NAKAMURA.address)
        about = {"In_Reply_To": ours["Message-ID"], "Subject_": ""}
        del about["Subject_"]
        raw = order(**about).replace(b"Subject: ", b"Subject: Re: ", 1)
        mail = await read(built, raw)
        if mail.status == "quarantined":
            break
        exchanged += 1
    assert exchanged <= 1
    assert mail.reason == Reason.ANSWERED_ALREADY


async def test_counting_stands_in_the_database(built: World) -> None:
    await outcome(built)
    policy, now = built.services.policy, built.clock()
    name, events = f"answers:{built.clerk.ref}", policy.answers_a_day
    left = [await counters.allowed(name, events=events, per=timedelta(days=1), now=now) for _ in range(25)]
    assert left.count(True) == events - 1


@pytest.mark.parametrize("sender", [cast.SENDER, cast.INTAKE, cast.INTAKE.replace("@", "+ukesho@")])
async def test_our_own_addresses_are_never_answered(built: World, sender: str) -> None:
    before = await Delivery.all().count()
    mail = await read(built, order(sender=sender))
    await built.drain()
    assert (mail.status, mail.reason) == ("quarantined", Why.OWN_ADDRESS)
    assert await Delivery.all().count() == before
