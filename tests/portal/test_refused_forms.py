"""Forms that are refused: they come again with what was typed and why, or say how the request stands now."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from lxml import html  # type: ignore[import-untyped]

from envelopes.actions import signer as act
from envelopes.actions import staff as clerks
from envelopes.records.models import Envelope, Signer
from envelopes.records.store import Snapshot
from envelopes.rules.schedule import jst_day
from portal.app import create_app
from tests.actions.test_changing import payloads
from tests.engines import Town
from tests.portal.test_changing import ASKED, get, link, out, post, prove
from tests.portal.test_download import done

pytestmark = pytest.mark.engines
Client = TestClient[Request, Application]


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(town.services))) as made:
        yield made


async def test_a_note_that_is_too_long_comes_back_with_its_own_limit(town: Town, client: Client) -> None:
    _, turn = await out(town)
    limit = town.services.policy.reason_characters
    base = await prove(town, client, turn)
    for page in (f"{link(town, turn)}/wrong", f"{base}/wrong", f"{base}/checking"):
        asked = {**ASKED, "choice": "not-ours"}
        note = "退" * limit
        assert (await post(client, page, **{**asked, "note": note}))[0] in (200, 303)
        status, said = await post(client, page, **{**asked, "note": note + "職"})
        assert status == 422
        assert note in said
        assert said.count(f"{limit}字以内") == 2  # above the form and at the field
        assert "理由は" not in said


async def test_of_what_staff_are_told_only_the_note_has_the_notes_limit(town: Town, client: Client) -> None:
    shot, turn = await out(town, hand_over=False)
    base = await prove(town, client, turn)
    asked = {**ASKED, "note": "退" * town.services.policy.reason_characters}
    assert (await post(client, f"{base}/wrong", **asked))[0] == 200
    assert (await post(client, f"{base}/wrong/ask", **asked))[0] == 303
    (said,) = await payloads(shot, "wrong person")
    assert said["note"].endswith(f"{asked['office']} {asked['person']} {asked['email']}　{asked['note']}")
    status, seen = await post(client, f"{base}/wrong", **{**asked, "person": "木" * 51})
    assert (status, "50字以内" in seen) == (422, True)


async def test_a_third_note_in_a_day_comes_back_with_what_was_typed_and_whom_to_call(
    town: Town, client: Client
) -> None:
    shot, turn = await out(town, hand_over=False)
    note = {"choice": "changed", "note": "退職しました"}
    here = f"{link(town, turn)}/wrong"
    for _ in range(2):
        assert (await post(client, here, **note))[0] == 303
    base = await prove(town, client, turn)
    for form, fields in ((here, note), (f"{base}/wrong/ask", {**ASKED, "note": note["note"]})):
        status, said = await post(client, form, **fields)
        assert status == 429
        assert "このお知らせは届いていません" in said
        assert town.section.phone in said
        assert note["note"] in said
        assert "に知らせました" not in said
    assert (await town.tasks(shot)).count("note_mail") == town.services.policy.new_links_a_day


async def test_who_only_tells_and_who_does_not_finish_yet_comes_back_to_the_documents(
    town: Town, client: Client
) -> None:
    shot = await town.out(documents=2)
    assert shot.turn is not None
    base = await prove(town, client, shot.turn)
    assert back_of(await page(client, "POST", f"{base}/wrong/ask", **ASKED)) == f"{base}/1"
    for document in (f"{base}/1", f"{base}/2"):
        viewer = await page(client, "GET", document)
        (confirm,) = viewer.xpath("//a[@data-dialog='confirm']/@href")
        question = await page(client, "GET", confirm)
        assert back_of(viewer) == back_of(question) == document
    (complete,) = question.xpath("//main//form/@action")
    assert back_of(await page(client, "POST", complete, offer="none")) == f"{base}/2"
    assert back_of(await page(client, "GET", f"{base}/confirm?from=3")) == f"{base}/1"


async def page(client: Client, method: str, path: str, **fields: str) -> Any:
    cookie = "; ".join(f"{one.key}={one.value}" for one in client.session.cookie_jar)
    headers = {"Sec-Fetch-Site": "same-origin", "Cookie": cookie}
    async with client.request(method, path, data=fields or None, headers=headers) as answer:
        return html.document_fromstring(await answer.text())


def back_of(tree: Any) -> str:
    """Where 文書の確認に戻る leads."""
    (found,) = tree.xpath("//a[normalize-space()='文書の確認に戻る']/@href")
    return str(found)


async def test_that_staff_were_told_is_said_only_after_a_note_and_a_reload_writes_none(
    town: Town, client: Client
) -> None:
    shot, turn = await out(town)
    base = await prove(town, client, turn)
    for page in (f"{link(town, turn)}/wrong", f"{base}/checking"):
        assert "に知らせました" not in (await get(client, f"{page}?told=1"))[1]
        assert (await post(client, page, choice="changed", note=""))[0] == 303
        for _ in range(2):
            assert "に知らせました" in (await get(client, f"{page}?told=1"))[1]
        assert "に知らせました" not in (await get(client, page))[1]
    assert (await town.tasks(shot)).count("note_mail") == 2


async def test_who_is_still_looking_finds_the_day_he_chose_and_on_the_last_day_none_to_choose(
    town: Town, client: Client
) -> None:
    shot, turn = await out(town)
    base = await prove(town, client, turn)
    tomorrow = (jst_day(town.clock()) + timedelta(days=1)).isoformat()
    assert (await post(client, f"{base}/checking", remind_on=tomorrow, note=""))[0] == 303
    assert await chosen(client, base) == [tomorrow]
    assert (await post(client, f"{base}/checking", remind_on=tomorrow, note="まだ"))[0] == 303
    status, said = await post(client, f"{base}/checking", remind_on=tomorrow, note="まだまだ")
    assert (status, "このお知らせは届いていません" in said) == (429, True)
    await Envelope.filter(id=shot.envelope.id).update(deadline_on=jst_day(town.clock()))
    assert await chosen(client, base) == []


async def chosen(client: Client, base: str) -> list[str]:
    """What stands in the field for the day to be reminded on, where there is one."""
    cookie = "; ".join(f"{one.key}={one.value}" for one in client.session.cookie_jar)
    async with client.get(f"{base}/checking", headers={"Cookie": cookie}) as answer:
        found = html.document_fromstring(await answer.text()).xpath("//input[@name='remind_on']/@value")
    return [str(one) for one in found]


async def test_a_link_asked_for_a_third_time_is_refused_on_its_own_page(town: Town, client: Client) -> None:
    _, turn = await out(town)
    old = link(town, turn)
    await Signer.filter(id=turn.id).update(generation=turn.generation + 1)
    assert (await get(client, f"{old}/link"))[0] == 303
    for expected in (303, 303, 429):
        status, said = await post(client, f"{old}/link")
        assert status == expected
        assert "新しいリンクを送りました" in (await get(client, f"{old}/link"))[1]
    assert "新しいリンクが届いています" in said
    assert "送信回数の上限に達しました" in said
    status, said = await post(client, f"{link(town, await Signer.get(id=turn.id))}/link")
    assert (status, "署名の依頼が届いています" in said) == (429, True)
    assert "送信回数の上限に達しました" in said


async def test_a_download_link_asked_for_a_third_time_says_no_window_is_over_that_is_open(
    town: Town, client: Client
) -> None:
    _, signer, old = await done(town)
    await Signer.filter(id=signer.id).update(download_generation=signer.download_generation + 1)
    assert (await get(client, f"{old}/fresh"))[0] == 303
    for expected in (303, 303, 429):
        status, said = await post(client, f"{old}/fresh")
        assert status == expected
        assert "新しいリンクを送りました" in (await get(client, f"{old}/fresh"))[1]
    assert "新しいリンクが届いています" in said
    assert "ダウンロード期間が終わりました" not in said
    assert "送信回数の上限に達しました" in said
    town.clock.forward(days=30)
    for _ in range(3):
        status, said = await post(client, f"{old}/fresh")
    assert (status, "ダウンロード期間が終わりました" in said) == (429, True)


async def test_a_second_press_to_refuse_leads_to_the_number_like_the_first(
    town: Town, client: Client
) -> None:
    shot, turn = await out(town)
    base = await prove(town, client, turn)
    for _ in range(2):
        assert (await post(client, f"{base}/refuse", choice="return", reason="工期が違います"))[0] == 303
    assert (await town.again(shot)).number in (await get(client, f"{base}/done"))[1]


async def test_who_declines_what_staff_have_cancelled_sees_that_it_is_cancelled(
    town: Town, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot, turn = await out(town)
    base = await prove(town, client, turn)
    decline = act.refuse

    async def cancelled_first(*args: Any) -> Snapshot:
        by, version = clerks.actor_of(town.drafter), shot.envelope.version
        await clerks.cancel(town.services, by, shot.envelope.ref, version=version, reason="取りやめ")
        return await decline(*args)

    monkeypatch.setattr(act, "refuse", cancelled_first)
    status, said = await post(client, f"{base}/refuse", choice="decline", reason="できません")
    assert status == 410
    assert "この依頼は取り消されました" in said
