"""The page where the code is typed: what it says when the mail came back or the code is used, and who gets past it."""

from collections.abc import AsyncIterator
from hashlib import sha256

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from envelopes.actions import signer as act
from envelopes.actions.signer import CodeFor
from envelopes.records.models import Code, Delivery, Signer
from envelopes.rules.factors import Method
from envelopes.rules.returns import DeliveryState
from envelopes.rules.states import Task
from portal.app import create_app
from tests.engines import Town
from tests.portal.test_changing import ASKED, get, link, out, post, prove
from tests.portal.test_download import done

pytestmark = pytest.mark.engines
Client = TestClient[Request, Application]
SAME = {"Sec-Fetch-Site": "same-origin"}
TOLD = "確認コードのメールは、登録されたアドレスに届きませんでした"


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(town.services))) as made:
        yield made


async def mailed(town: Town, one: Signer, purpose: CodeFor) -> Delivery:
    """A code that was asked for, and its mail, which a server has taken."""
    await act.send_code(town.services, one, purpose, browser="a")
    code = await Code.filter(signer_id=one.id).order_by("-id").first()
    assert code is not None
    return await town.delivered(one, Task.CODE_MAIL, str(code.id))


async def becomes(delivery: Delivery, state: DeliveryState) -> None:
    await Delivery.filter(id=delivery.id).update(state=state.value)


async def test_a_code_that_came_back_is_told_with_the_number_to_call(town: Town, client: Client) -> None:
    shot, one = await out(town)
    page = f"{link(town, one)}/code"
    delivery = await mailed(town, one, CodeFor.SIGN)
    _, said = await get(client, page)
    assert TOLD not in said
    assert "まだ届けられていません" not in said
    await becomes(delivery, DeliveryState.FAILED)
    phone = shot.section.phone or town.services.settings.town.phone
    _, told = await get(client, page)
    assert f"{TOLD}。{phone}へご連絡ください" in told
    for state in (DeliveryState.RETRY, DeliveryState.DELAYED):
        await becomes(delivery, state)
        _, told = await get(client, page)
        assert TOLD not in told
        assert "まだ届けられていません" in told


async def test_a_new_code_that_is_still_to_be_sent_has_not_come_back(town: Town, client: Client) -> None:
    _, one = await out(town)
    page = f"{link(town, one)}/code"
    await becomes(await mailed(town, one, CodeFor.SIGN), DeliveryState.FAILED)
    town.clock.forward(minutes=2)
    assert (await post(client, page))[0] == 303
    _, said = await get(client, f"{page}?sent=1")
    assert TOLD not in said
    assert "新しいコードを送りました" in said


async def test_a_code_that_came_back_is_told_to_who_was_away(town: Town, client: Client) -> None:
    _, one = await out(town)
    base = await prove(town, client, one)
    town.clock.forward(minutes=61)
    await becomes(await mailed(town, one, CodeFor.SIGN), DeliveryState.FAILED)
    for page in (f"{base}/1", f"{base}/code?sent=1"):
        assert TOLD in (await get(client, page))[1]


async def test_a_code_that_came_back_is_told_to_who_wants_the_files(town: Town, client: Client) -> None:
    _, one, page = await done(town)
    await becomes(await mailed(town, one, CodeFor.DOWNLOAD), DeliveryState.FAILED)
    assert TOLD in (await get(client, page))[1]


@pytest.mark.parametrize("purpose", list(CodeFor))
async def test_a_code_that_opened_the_pages_elsewhere_is_said_to_be_used(
    town: Town, client: Client, purpose: CodeFor
) -> None:
    if purpose is CodeFor.SIGN:
        _, one = await out(town)
        page = link(town, one)
    else:
        _, one, page = await done(town)
    await act.send_code(town.services, one, purpose, browser="a")
    code = await town.code(one, purpose)
    async with TestClient(TestServer(create_app(town.services))) as mail_app:
        assert (await post(mail_app, f"{page}/verify", code=code))[0] == 303
    status, said = await post(client, f"{page}/verify", code=code)
    assert status == 422
    assert "使用済みです" in said
    assert "間違いが続いた" not in said


async def test_the_landing_page_still_names_the_second_proof_after_the_code_by_mail(
    town: Town, client: Client
) -> None:
    shot = await town.out(method=Method.ACCESS_CODE)
    turn = shot.turn
    assert turn is not None
    await prove(town, client, turn)
    status, said = await get(client, link(town, turn))
    assert (status, "続きから開く" in said) == (200, True)
    assert "8けたのアクセスコードを入力します" in said


async def test_the_first_code_for_the_files_is_called_no_new_one(town: Town, client: Client) -> None:
    _, _, page = await done(town)
    assert (await post(client, f"{page}/code"))[0] == 303
    said = (await get(client, f"{page}?sent=1"))[1]
    assert "確認コードを入力してください" in said
    assert "新しいコードを送りました" not in said
    town.clock.forward(minutes=2)
    assert (await post(client, f"{page}/code"))[0] == 303
    assert "新しいコードを送りました" in (await get(client, f"{page}?sent=1"))[1]


async def led(client: Client, method: str, path: str) -> str:
    """Where the browser is led, if it is."""
    cookie = "; ".join(f"{one.key}={one.value}" for one in client.session.cookie_jar)
    headers = {**SAME, "Cookie": cookie}
    async with client.request(method, path, headers=headers, allow_redirects=False) as answer:
        return answer.headers.get("Location", "")


async def test_a_browser_that_has_proved_its_signer_goes_on_from_the_link(town: Town, client: Client) -> None:
    shot, turn = await out(town)
    base, page = await prove(town, client, turn), link(town, turn)
    status, said = await get(client, page)
    assert (status, "続きから開く" in said) == (200, True)
    assert "確認コードをメールで受け取る" not in said
    before = await town.tasks(shot)
    for method, path in (("GET", "code"), ("POST", "code"), ("POST", "verify")):
        assert await led(client, method, f"{page}/{path}") == f"{base}/1"
        assert await led(client, method, f"{page}/{path}?for=decline") == f"{base}/decline"
    assert await town.tasks(shot) == before
    await post(client, f"{base}/wrong/ask", **ASKED)
    assert await led(client, "GET", f"{page}/code?for=change") == f"{base}/wrong"


async def test_a_browser_that_has_proved_its_signer_goes_on_to_the_files(town: Town, client: Client) -> None:
    shot, one, page = await done(town)
    await prove(town, client, one)
    before = await town.tasks(shot)
    for path in ("code", "verify"):
        assert await led(client, "POST", f"{page}/{path}") == page
    assert await town.tasks(shot) == before


async def test_a_code_for_the_files_that_is_asked_for_too_early_blames_no_field(
    town: Town, client: Client
) -> None:
    _, _, page = await done(town)
    await post(client, f"{page}/code")
    async with client.post(f"{page}/code", headers=SAME) as answer:
        said = await answer.text()
    assert answer.status == 429
    assert "秒お待ちください" in said
    assert "aria-invalid" not in said


async def test_a_code_for_the_files_in_place_of_a_late_one_is_asked_for_by_this_browser(
    town: Town, client: Client
) -> None:
    _, one, page = await done(town)
    await act.send_code(town.services, one, CodeFor.DOWNLOAD, browser="a")
    town.clock.forward(minutes=11)
    status, said = await post(client, f"{page}/verify", code=await town.code(one, CodeFor.DOWNLOAD))
    assert (status, "新しいコードを送りました" in said) == (422, True)
    newest = await Code.filter(signer_id=one.id).order_by("-id").first()
    assert newest is not None
    (asked,) = [one.value for one in client.session.cookie_jar if "asked" in one.key]
    assert newest.asked_in == sha256(asked.encode()).hexdigest()
