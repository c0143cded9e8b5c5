"""In which language a page is shown, and that a GET which asks for one changes nothing on the server."""

import base64
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from lxml import html  # type: ignore[import-untyped]

from envelopes.records.models import Consent, Section, Signer
from envelopes.records.store import Snapshot
from envelopes.rules.consent import read
from envelopes.rules.tokens import Purpose
from portal.app import create_app
from tests.engines import Engine, Town

pytestmark = pytest.mark.engines
Client = TestClient[Request, Application]
ENGLISH = {"Accept-Language": "en-GB,en;q=0.9,ja;q=0.5"}


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(town.services))) as made:
        yield made


def link(town: Town, signer: Signer) -> str:
    return f"/s/{town.services.link(Purpose.REQUEST, signer.ref, signer.generation)}"


async def speaks(town: Town, shot: Snapshot, language: str) -> None:
    await Signer.filter(envelope_id=shot.envelope.id, position=1).update(language=language)


async def shown(client: Client, path: str, **headers: str) -> tuple[str, str]:
    """The language of the page behind *path*, and where its switch leads."""
    answer = await client.get(path, headers=headers)
    tree = html.document_fromstring(await answer.text())
    return tree.get("lang"), tree.xpath("//header//a[@hreflang]/@href")[0]


async def test_a_signers_link_opens_in_the_language_he_is_registered_with(town: Town, client: Client) -> None:
    shot = await town.out()
    path = link(town, shot.signers[0])
    assert await shown(client, path) == ("ja", f"{path}?lang=en")
    assert (await shown(client, path, **ENGLISH))[0] == "ja"
    await speaks(town, shot, "en")
    assert await shown(client, path) == ("en", f"{path}?lang=ja")


async def test_a_link_chooses_the_language_and_the_browser_remembers(town: Town, client: Client) -> None:
    shot = await town.out()
    path = link(town, shot.signers[0])
    assert await shown(client, f"{path}/code?for=decline&lang=en") == (
        "en",
        f"{path}/code?for=decline&lang=ja",
    )
    assert (await shown(client, path))[0] == "en"
    assert (await shown(client, "/staff/sign-in"))[0] == "en"
    assert (await shown(client, f"{path}?lang=ja"))[0] == "ja"
    assert (await shown(client, path))[0] == "ja"


async def test_asking_for_a_language_writes_nothing(town: Town, client: Client, engine: Engine) -> None:
    shot = await town.out()
    path = link(town, shot.signers[0])
    await shown(client, path)  # the day's first look is counted
    before = await engine.dump()
    for code in ("en", "ja", "fr", "en'"):
        answer = await client.head(path, params={"lang": code}, allow_redirects=False)
        assert answer.status == 200
        await client.get(f"{path}/code", params={"lang": code})
    assert await engine.dump() == before


async def test_what_the_browser_accepts_is_asked_last_and_not_for_staff(client: Client) -> None:
    assert (await shown(client, "/verify", **ENGLISH))[0] == "en"
    assert (await shown(client, "/verify", **{"Accept-Language": "fr, ja;q=0.9, en;q=0.8"}))[0] == "ja"
    assert (await shown(client, "/staff/sign-in", **ENGLISH))[0] == "ja"


async def test_an_answer_to_a_form_leads_back_to_its_page(town: Town, client: Client) -> None:
    shot = await town.out()
    path, here = link(town, shot.signers[0]), str(client.make_url("/")).rstrip("/")
    page = f"{here}{path}/code?for=decline&lang=en"
    for referer, address in ((page, f"{path}/code?for=decline&"), ("https://elsewhere.example/x", "/?")):
        headers = {"Sec-Fetch-Site": "same-origin", "Referer": referer}
        answer = await client.post(f"{path}/verify", data={"code": "1"}, headers=headers)
        assert answer.status == 422
        tree = html.document_fromstring(await answer.text())
        assert tree.xpath("//header//a[@hreflang]/@href") == [f"{address}lang=en"]


async def test_a_refusal_is_said_in_the_readers_language(town: Town, client: Client) -> None:
    shot = await town.out()
    path = link(town, shot.signers[0])
    await speaks(town, shot, "en")
    answer = await client.post(
        f"{path}/verify", data={"code": "1"}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert "The code must be 6 numbers." in await answer.text()


async def test_a_page_names_the_section_in_charge_with_its_own_phone_and_hours(
    town: Town, client: Client
) -> None:
    shot = await town.out()
    own = {"name": "建設課", "phone": "0261-00-0001", "hours": "平日 9時〜16時"}
    for path, words in ((link(town, shot.signers[0]), own.values()), ("/verify", ["総務課 電子契約担当"])):
        await Section.filter(id=shot.section.id).update(**own)
        tree = html.document_fromstring(await (await client.get(path)).text())
        (foot,) = tree.xpath("//footer")
        assert [word for word in words if word not in foot.text_content()] == []
    await Section.filter(id=shot.section.id).update(phone="", hours="")
    tree = html.document_fromstring(await (await client.get(link(town, shot.signers[0]))).text())
    settings = town.services.settings.town
    assert settings.phone in tree.xpath("//footer")[0].text_content()
    assert settings.hours in tree.xpath("//footer")[0].text_content()


async def test_an_english_page_calls_the_section_and_its_hours_what_they_are_called_in_english(
    town: Town, client: Client
) -> None:
    shot = await town.out()
    await speaks(town, shot, "en")
    own = {
        "hours": "平日 9時〜16時",
        "name_english": "Construction Section",
        "hours_english": "weekdays 9:00–16:00",
    }
    await Section.filter(id=shot.section.id).update(**own)
    page = html.document_fromstring(await (await client.get(link(town, shot.signers[0]))).text())
    said, foot = page.xpath("//main")[0].text_content(), page.xpath("//footer")[0].text_content()
    assert "Construction Section" in said
    assert "Construction Section" in foot
    assert "weekdays 9:00–16:00" in foot
    assert "平日" not in foot
    await Section.filter(id=shot.section.id).update(name_english="", hours_english="")
    page = html.document_fromstring(await (await client.get(link(town, shot.signers[0]))).text())
    assert "建設課" in page.xpath("//main")[0].text_content()


async def test_the_record_says_that_the_consent_was_shown_in_two_languages(
    town: Town, client: Client
) -> None:
    shot = await town.out()
    await speaks(town, shot, "en")
    signer, same = shot.signers[0], {"Sec-Fetch-Site": "same-origin"}
    await town.read(shot, signer)
    path = link(town, signer)
    await client.post(f"{path}/code", headers=same)
    await client.post(f"{path}/verify", data={"code": await town.code(signer)}, headers=same)
    page = html.document_fromstring(await (await client.get(f"/sign/{signer.ref}/confirm")).text())
    assert page.xpath("//*[@id='confirm-d']/div/@lang") == ["ja"]
    (offer,) = page.xpath("//input[@name='offer']/@value")
    # What was offered in English is not agreed to on a Japanese page.
    answer = await client.post(f"/sign/{signer.ref}/complete?lang=ja", data={"offer": offer}, headers=same)
    assert answer.status == 422
    answer = await client.post(f"/sign/{signer.ref}/complete?lang=en", data={"offer": offer}, headers=same)
    assert answer.status == 200
    assert await said(shot) == "2026-11+en-1"


async def said(shot: Snapshot) -> str:
    """The version of the text in the record of the consent."""
    row = await Consent.get(envelope_id=shot.envelope.id)
    return read(base64.b64decode(row.record)).text_version
