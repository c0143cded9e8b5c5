"""Time passes: deadlines end envelopes, and a failing tick is not the end of the clock."""

import asyncio
from pathlib import Path

import pytest

from bot import clock
from envelopes.actions.worker import expiry
from envelopes.records.models import Envelope
from fukan.demo import cast
from tests.bot.test_worker import confirm, draft, sign_by_mail
from tests.patience import PATIENCE
from tests.world import ACCEPTANCE, order, text_of, world


async def test_an_envelope_ends_when_its_deadline_is_over(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        envelope = await draft(built, ACCEPTANCE, kind="請書")
        await confirm(built, envelope)
        built.clock.forward(days=14)
        await expiry.expire_due(built.services)
        assert (await Envelope.get(id=envelope.id)).state == "out"
        built.clock.forward(days=1)
        stop = asyncio.Event()
        ticking = asyncio.create_task(clock.run(built.services, stop))
        async with asyncio.timeout(PATIENCE):
            while (await Envelope.get(id=envelope.id)).state != "expired":  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        stop.set()
        await ticking
        await built.drain()
        for address in (cast.TAKAHASHI.address, cast.NAKAMURA.address):
            assert "期限" in built.last(address)["Subject"]
        said = text_of(built.last(cast.TAKAHASHI.address))
        assert "/s/" not in said
        # What that link's page offers is told where the deadline is.
        assert "前にお送りしたリンクを開いて期限の延長を依頼するか" in said


async def test_a_tick_that_fails_is_repeated(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ticks = 0

    async def expire_due(_: object) -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 1:
            raise RuntimeError("髙橋 一郎")
        stop.set()

    stop = asyncio.Event()
    monkeypatch.setattr(expiry, "expire_due", expire_due)
    monkeypatch.setattr(clock, "TICK", 0.01)
    async with asyncio.timeout(PATIENCE):
        await clock.run(None, stop)  # type: ignore[arg-type]
    assert ticks == 2
    assert "RuntimeError" in caplog.text
    assert "髙橋" not in caplog.text


async def test_whoever_signed_in_time_has_nothing_to_do_after_the_deadline(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        both = (f"宛先：{cast.SATO.company}",)
        await built.deliver(order(ACCEPTANCE, kind="請書", more=both))
        await built.drain()
        envelope = await Envelope.get()
        await confirm(built, envelope)
        await sign_by_mail(built, cast.TAKAHASHI.address)
        built.clock.forward(days=15)
        await expiry.expire_due(built.services)
        await built.drain()
        assert (await Envelope.get()).state == "expired"
        signed, late = (text_of(built.last(one.address)) for one in (cast.TAKAHASHI, cast.SATO))
        assert "あなたの署名は受け付けており" in signed
        assert "期限の延長を依頼するか" not in signed
        assert "期限の延長を依頼するか" in late
