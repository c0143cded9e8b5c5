"""受領書: what the page after signing says, as a file that a phone or an office keeps."""

from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer

from envelopes.records.models import Envelope, Signer
from envelopes.rules.states import State
from envelopes.rules.tokens import Purpose
from envelopes.rules.wording import Language
from portal.app import create_app
from portal.pages import text_file
from portal.signer_views import Done
from tests.engines import Town
from tests.portal.samples import LONG, SAMPLES, SITE
from tests.portal.test_changing import get, link, prove

pytestmark = pytest.mark.engines


def lines(page: Done, language: Language = Language.JAPANESE) -> list[str]:
    data = text_file("receipt.txt", page, site=SITE, language=language)
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\n") == data.count(b"\r\n")
    return data.decode("utf-8-sig").split("\r\n")


def sample(name: str = "done") -> Done:
    page = SAMPLES[name]
    assert isinstance(page, Done)
    return page


async def test_receipt_is_there_after_the_signature_and_in_every_state_that_follows(town: Town) -> None:
    shot = await town.out(documents=2)
    turn = shot.signers[0]
    async with TestClient(TestServer(create_app(town.services))) as phone:
        base = await prove(town, phone, turn)
        assert (await get(phone, f"{base}/receipt"))[0] == 303
        signed = await town.sign(await town.consent(shot))
        async with phone.get(f"{base}/receipt", headers={"Cookie": cookies(phone)}) as answer:
            assert answer.content_type == "text/plain"
            assert "filename*=UTF-8''%E5%8F%97%E9%A0%98%E6%9B%B8_" in answer.headers["Content-Disposition"]
            said = (await answer.read()).decode("utf-8-sig")
        assert f"受付番号：{signed.number}" in said
        for document in signed.documents:
            assert document.title in said
        assert said.count("SHA-256: ") == len(signed.documents)
        assert signed.turn is not None
        assert (await town.sign(await town.consent_village(signed))).state is State.SIGNED
        assert (await get(phone, f"{base}/receipt"))[0] == 200


def cookies(phone: TestClient) -> str:  # type: ignore[type-arg]
    return "; ".join(f"{one.key}={one.value}" for one in phone.session.cookie_jar)


def test_receipt_says_what_was_received_from_whom_and_that_it_is_no_contract() -> None:
    page = replace(sample(), request=replace(sample().request, title="道路 <A&B> 工事", party=LONG))
    said = lines(page)
    assert said[:2] == ["受領書（署名の受付の控え）", ""]
    # Nothing is written as a page would have it.
    assert "件名：道路 <A&B> 工事" in said
    assert f"署名した方：{LONG.company} {LONG.office} {LONG.person}" in said
    assert "受付の日時：2026年8月4日（火）14時21分8秒" in said
    assert f"電話：{SITE.phone}" in said
    assert "契約書ではありません" in said[-2]
    assert said[-1] == ""
    assert "請書（PDF）は" in lines(sample("done-acceptance"))[-2]


def test_receipt_speaks_english_to_who_reads_english() -> None:
    said = lines(sample(), Language.ENGLISH)
    assert said[0] == "Receipt for your signature"
    assert any(line.startswith("Signed by: ") for line in said)
    assert "It is not the contract" in said[-2]


async def test_whoever_waits_for_the_town_alone_is_told_from_when_to_call(town: Town) -> None:
    shot = await town.out(contractors=2)
    async with TestClient(TestServer(create_app(town.services))) as phone:
        for expected in (False, True):
            turn = shot.turn
            assert turn is not None
            shot = await town.sign(await town.consent(shot))
            _, said = await get(phone, f"{await prove(town, phone, turn)}/done")
            assert ("を過ぎてもメールが届かないときは" in said) is expected


async def test_who_signed_here_is_led_from_a_completed_request_to_its_files(town: Town) -> None:
    shot = await town.completed()
    signer = await Signer.get(id=shot.signers[0].id)
    files = f"/d/{town.services.link(Purpose.DOWNLOAD, signer.ref, signer.download_generation)}"
    async with TestClient(TestServer(create_app(town.services))) as phone:
        here, mail = link(town, signer), "「署名を受け付けました」メールにあります"
        said = await text(phone, here)
        assert files not in said
        assert mail in said
        base = await prove(town, phone, signer)
        for path in (here, f"{base}/1", f"{base}/confirm"):
            said = await text(phone, path)
            assert f'href="{files}"' in said
            assert mail not in said
            assert "メールが見つからないときは" not in said
        assert f"{files}/1.pdf" in await text(phone, files)
        await Envelope.filter(id=shot.envelope.id).update(window_ends_at=town.clock() - timedelta(seconds=1))
        said = await text(phone, here)
        assert files not in said
        assert "メールが見つからないときは" in said


async def text(phone: TestClient, path: str) -> str:  # type: ignore[type-arg]
    async with phone.get(path, headers={"Cookie": cookies(phone)}) as answer:
        return await answer.text()
