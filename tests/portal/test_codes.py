"""The page where the code is typed says so when the mail with it came back, or is held up."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from envelopes.actions import signer as act
from envelopes.actions.signer import CodeFor
from envelopes.records.models import Delivery
from envelopes.rules.returns import DeliveryState
from envelopes.rules.states import Task
from envelopes.rules.tokens import Purpose
from portal.app import create_app
from tests.engines import Town

pytestmark = pytest.mark.engines
Client = TestClient[Request, Application]
TOLD = "確認コードのメールは、登録されたアドレスに届きませんでした"


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(town.services))) as made:
        yield made


async def test_a_code_that_came_back_is_told_with_the_number_to_call(town: Town, client: Client) -> None:
    shot = await town.out()
    one = shot.signers[0]
    page = f"/s/{town.services.link(Purpose.REQUEST, one.ref, one.generation)}/code"
    await act.send_code(town.services, one, CodeFor.SIGN, browser="a")
    delivery = await town.delivered(one, Task.CODE_MAIL)
    said = await (await client.get(page)).text()
    assert TOLD not in said
    assert "まだ届けられていません" not in said
    await Delivery.filter(id=delivery.id).update(state=DeliveryState.FAILED.value)
    told = await (await client.get(page)).text()
    assert TOLD in told
    phone = shot.section.phone or town.services.settings.town.phone
    assert f"{phone}</span> へご連絡ください" in told
    for state in (DeliveryState.RETRY, DeliveryState.DELAYED):
        await Delivery.filter(id=delivery.id).update(state=state.value)
        told = await (await client.get(page)).text()
        assert TOLD not in told
        assert "まだ届けられていません" in told
    # Another one may be on its way already.
    town.clock.forward(minutes=2)
    await act.send_code(town.services, one, CodeFor.SIGN, browser="a")
    await town.delivered(one, Task.CODE_MAIL)
    assert TOLD not in await (await client.get(page)).text()
