"""The page of an evidence bundle: who sees it, what it shows while one is made, and the ZIP itself."""

import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from envelopes.actions import bundling
from envelopes.records import sessions
from envelopes.records.models import Staff
from envelopes.records.models import Task as TaskRow
from portal.app import create_app
from tests.engines import Town

pytestmark = pytest.mark.engines
Client = TestClient[Request, Application]


@asynccontextmanager
async def signed_in(town: Town, person: Staff | None) -> AsyncIterator[Client]:
    """A browser in which *person* has signed in; None: nobody has."""
    cookies = {}
    if person is not None:
        cookie, session = await sessions.start(now=town.clock(), staff_id=person.id)
        await sessions.prove_staff(session, now=town.clock())
        cookies["fukan-staff"] = cookie
    async with TestClient(TestServer(create_app(town.services)), cookies=cookies) as client:
        yield client


async def asked(client: Client, path: str, method: str = "GET") -> tuple[int, bytes]:
    headers = {"Sec-Fetch-Site": "same-origin"} if method == "POST" else {}
    async with client.request(method, path, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.read()


async def test_it_is_asked_for_waited_for_and_saved(town: Town) -> None:
    shot = await town.completed()
    page = f"/staff/envelopes/{shot.envelope.ref}/evidence"
    async with signed_in(town, town.drafter) as client:
        assert f'href="{page}"' in (await asked(client, page.removesuffix("/evidence")))[1].decode()
        status, body = await asked(client, page)
        assert status == 200
        assert "証拠一式を用意する" in body.decode()
        assert (await asked(client, f"{page}.zip"))[0] == 410
        assert (await asked(client, page, "POST"))[0] == 303
        assert "作っています" in (await asked(client, page))[1].decode()
        await bundling.make(town.shop, shot.envelope.id)
        await TaskRow.filter(kind="evidence").update(state="done")
        status, body = await asked(client, page)
        assert f'href="{page}.zip"' in body.decode()
        assert "証拠一式を求めました" in (await asked(client, page.removesuffix("/evidence")))[1].decode()
        status, body = await asked(client, f"{page}.zip")
        assert status == 200
        assert "README.txt" in zipfile.ZipFile(BytesIO(body)).namelist()
