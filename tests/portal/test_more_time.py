"""Asking for more time: by the link, after the deadline, as often as somebody presses."""

from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer

from envelopes.records.models import Envelope
from envelopes.rules.schedule import jst_day
from portal.app import create_app
from tests.engines import Town
from tests.portal.test_changing import get, link, post, prove

pytestmark = pytest.mark.engines


async def test_who_asks_again_and_again_is_told_each_time_when_the_town_was_asked(town: Town) -> None:
    shot = await town.out()
    turn = shot.signers[0]
    yesterday = jst_day(town.clock()) - timedelta(days=1)
    async with TestClient(TestServer(create_app(town.services))) as phone:
        base = await prove(town, phone, turn)
        await Envelope.filter(id=shot.envelope.id).update(deadline_on=yesterday)
        status, said = await get(phone, f"{base}/1")
        assert status == 410
        # Only the link asks for more time, and this page stands without it.
        assert "メールのリンクをもう一度開いて" in said
        here = link(town, turn)
        status, said = await get(phone, here)
        assert status == 410
        assert "もう一度開いて" not in said
        assert "に依頼する" in said
        for _ in range(4):
            assert (await post(phone, f"{here}/time"))[0] == 303
        # Whoever opens the link reads from now on that it was asked for, and has no button any more.
        status, said = await get(phone, here)
        assert status == 410
        assert f"みほん村{town.section.name}" in said
        assert "期限の延長の依頼を受け付けました。" in said
        assert "に依頼する" not in said
        # It was about the deadline that is over, not about the next one.
        later = jst_day(town.clock()) + timedelta(days=1)
        await Envelope.filter(id=shot.envelope.id).update(deadline_on=later)
        town.clock.forward(days=3)
        _, said = await get(phone, here)
        assert "に依頼する" in said
    # Staff are written to once.
    assert (await town.tasks(shot)).count("note_mail") == 1
