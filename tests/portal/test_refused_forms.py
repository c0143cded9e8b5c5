"""Forms that are refused: they come again with what was typed and why, or say how the request stands now."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from portal.app import create_app
from tests.engines import Town
from tests.portal.test_changing import ASKED, link, out, post, prove

pytestmark = pytest.mark.engines
Client = TestClient[Request, Application]


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(town.services))) as made:
        yield made


async def test_a_note_that_is_too_long_comes_back_with_its_own_limit(town: Town, client: Client) -> None:
    _, turn = await out(town)
    note = "退" * town.services.policy.reason_characters
    status, said = await post(client, f"{link(town, turn)}/wrong", choice="changed", note=note)
    assert status == 422
    assert note in said
    limit = town.services.policy.reason_characters - len("メールアドレスが変わった") - 1
    assert said.count(f"{limit}字以内") == 2  # above the form and at the field


async def test_who_writes_a_third_note_in_a_day_is_thanked_like_before(town: Town, client: Client) -> None:
    shot, turn = await out(town, hand_over=False)
    for _ in range(3):
        status, said = await post(client, f"{link(town, turn)}/wrong", choice="changed", note="退職")
        assert (status, "に知らせました" in said) == (200, True)
    base = await prove(town, client, turn)
    town.clock.forward(minutes=5)
    for _ in range(3):
        status, said = await post(client, f"{base}/wrong/ask", **ASKED)
        assert (status, "に知らせました" in said) == (200, True)
    assert (await town.tasks(shot)).count("note_mail") == town.services.policy.new_links_a_day
