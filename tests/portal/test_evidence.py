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
from envelopes.records.models import Envelope, Section, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.rules.people import Role
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


async def test_to_others_there_is_no_such_page(town: Town) -> None:
    shot = await town.draft()
    await Envelope.filter(id=shot.envelope.id).update(completed_at=town.clock())
    page = f"/staff/envelopes/{shot.envelope.ref}/evidence"
    other = await Section.create(
        code="zeimu", name="税務課", phone="", hours="", email="zeimu@vill-mihon.example"
    )
    await Staff.filter(id=town.village.id).update(section_id=other.id)
    for person, status in ((await Staff.get(id=town.village.id), 404), (None, 303)):
        async with signed_in(town, person) as client:
            for path, method in ((page, "GET"), (page, "POST"), (f"{page}.zip", "GET")):
                assert (await asked(client, path, method))[0] == status
    assert not await TaskRow.filter(kind="evidence").exists()
    # Administrators have no page of the envelope, but this one.
    await Staff.filter(id=town.village.id).update(roles=Role.ADMIN.value)
    async with signed_in(town, town.village) as client:
        assert (await asked(client, page.removesuffix("/evidence")))[0] == 404
        assert (await asked(client, page))[0] == 200
        assert (await asked(client, page, "POST"))[0] == 303
