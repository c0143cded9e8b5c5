"""Forms as they come in: small, whole, and in time."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from portal import respond
from portal.app import FORM_BYTES

Client = TestClient[web.Request, web.Application]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async def echo(request: web.Request) -> web.Response:
        return web.json_response(await respond.form(request))

    app = web.Application(client_max_size=FORM_BYTES)
    app.router.add_post("/", echo)
    async with TestClient(TestServer(app)) as made:
        yield made


async def test_a_form_that_drips_in_is_cut_off(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(respond, "BODY_SECONDS", 0.3)

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b"a"
            await asyncio.sleep(0.05)

    async with asyncio.timeout(20), client.post("/", data=drip(), headers=FORM) as answer:
        assert answer.status == 408


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_a_form_that_is_too_big_is_refused(client: Client, kind: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"1" * FORM_BYTES + b"\r\n--x--\r\n"
    async with client.post("/", data=body, headers={"Content-Type": kind}) as answer:
        assert answer.status == 413


async def test_values_lose_control_characters_and_nothing_else(client: Client) -> None:
    async with client.post("/", data={"a": "㈱ 髙橋\x00\x1b 1\n2"}) as answer:
        assert await answer.json() == {"a": "㈱ 髙橋 1\n2"}
