"""Every address that takes forms alone leads whoever looks at it to the page with the form."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from lxml import html  # type: ignore[import-untyped]

from envelopes.records.models import Signer
from envelopes.rules.tokens import Purpose
from portal.app import create_app
from tests.engines import Town
from tests.portal.rights import routes

Client = TestClient[Request, Application]
FORMS = sorted(name for one in routes() if (name := one.removeprefix("POST ")) != one)
SHUT = [path for path in FORMS if f"GET {path}" not in routes()]
KNOWN = {"token": "A" * 60, "ref": "a" * 16, "mobile": "b" * 16, "number": "1", "task": "1"}
BESIDE = {
    "/d/{token}/verify": "/d/{token}",
    "/d/{token}/code": "/d/{token}",
    "/r/{token}/verify": "/r/{token}/code",
    "/register/verify": "/register/code",
    "/s/{token}/time": "/s/{token}",
    "/s/{token}/verify": "/s/{token}/code",
    "/sign/{ref}/complete": "/sign/{ref}/confirm",
    "/sign/{ref}/decline/edit": "/sign/{ref}/decline",
    "/sign/{ref}/factor/sms": "/sign/{ref}/factor",
    "/sign/{ref}/refuse": "/sign/{ref}/decline",
    "/sign/{ref}/verify": "/sign/{ref}/code",
    "/sign/{ref}/wrong/ask": "/sign/{ref}/wrong",
    "/staff/drafts/{ref}/confirm": "/staff/drafts/{ref}",
    "/staff/envelopes/{ref}/access-code/{number}/new": "/staff/envelopes/{ref}",
    "/staff/envelopes/{ref}/change/refuse": "/staff/envelopes/{ref}/change",
    "/staff/envelopes/{ref}/extend": "/staff/envelopes/{ref}",
    "/staff/registry/applications/{ref}/approve": "/staff/registry/applications/{ref}",
    "/staff/registry/{ref}/mobiles/{mobile}/end": "/staff/registry/{ref}",
    "/staff/tasks/{task}/retry": "/staff",
}


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(town.services))) as made:
        yield made


async def pattern(client: Client, path: str) -> str:
    """The page at *path* as the portal's table writes it."""
    for one in client.app.router.resources():
        if one.get_info().get("pattern") and one.get_info()["pattern"].fullmatch(path):
            if f"GET {one.canonical}" in routes():
                return one.canonical
        elif one.canonical == path and f"GET {path}" in routes():
            return path
    return ""


async def test_a_look_at_where_only_forms_go_leads_to_a_page(client: Client) -> None:
    led = {}
    for path in SHUT:
        for method in ("GET", "HEAD"):
            address = path.format(**KNOWN)
            answer = await client.request(method, f"{address}?lang=en", allow_redirects=False)
            assert answer.status == 303, f"{method} {path}"
            there = urlsplit(answer.headers["Location"])
            assert there.query == "lang=en"
            assert address.startswith(there.path.rpartition("/")[0])
            led[path] = await pattern(client, there.path)
    assert [path for path, page in led.items() if not page] == []
    assert {path: led[path] for path in BESIDE} == BESIDE


async def test_the_language_of_a_second_wrong_code_can_be_changed(town: Town, client: Client) -> None:
    shot = await town.out()
    signer: Signer = shot.signers[0]
    path = f"/s/{town.services.link(Purpose.REQUEST, signer.ref, signer.generation)}"
    referer = str(client.make_url(f"{path}/verify"))
    headers = {"Sec-Fetch-Site": "same-origin", "Referer": referer}
    answer = await client.post(f"{path}/verify", data={"code": "1"}, headers=headers)
    (switch,) = html.document_fromstring(await answer.text()).xpath("//header//a[@hreflang]/@href")
    page = await client.get(switch)
    assert page.status == 200
    assert page.url.path == f"{path}/code"
    assert html.document_fromstring(await page.text()).get("lang") == "en"
