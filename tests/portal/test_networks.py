"""The staff's pages from networks that the settings name, also behind a proxy; contractors come from everywhere."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from portal.app import create_app
from tests.engines import Town

Client = TestClient[Request, Application]


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    portal = {"trusted_proxies": ["127.0.0.1"], "staff_networks": ["10.20.0.0/16"]}
    services = replace(town.services, settings=town.engine.settings(portal=portal))
    async with TestClient(TestServer(create_app(services))) as made:
        yield made


async def ask(client: Client, path: str, came_from: str) -> tuple[int, str]:
    headers = {"X-Forwarded-For": came_from}
    async with client.get(path, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("path", ["/staff", "/staff/sign-in", "/staff/registry/list.csv"])
async def test_staff_come_from_their_own_networks_alone(client: Client, path: str) -> None:
    status, said = await ask(client, path, "203.0.113.7")
    assert status == 403
    assert "この場所からは利用できません（接続元 203.0.113.7）" in said
    # What a client writes into the header himself stands before what the proxy adds.
    assert (await ask(client, path, "10.20.3.4, 203.0.113.7"))[0] == 403
    assert (await ask(client, path, "10.20.3.4"))[0] in (200, 303)


async def test_contractors_come_from_everywhere(client: Client) -> None:
    for path in ("/", "/register", "/verify"):
        assert (await ask(client, path, "203.0.113.7"))[0] == 200, path
