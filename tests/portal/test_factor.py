"""The second proof in the browser: its page, its doors, and the staff's page with the digits."""

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from envelopes.actions import access_codes, staff
from envelopes.actions import signer as act
from envelopes.records import sessions
from envelopes.records.models import Contact, Signer
from envelopes.records.store import Snapshot
from envelopes.rules.factors import Method
from envelopes.rules.kinds import Kind
from portal.app import create_app
from portal.pages import static
from tests.engines import SMALL, Town
from tests.portal.test_evidence import Client, signed_in

pytestmark = pytest.mark.engines
FORM = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    async with TestClient[Request, Application](TestServer(create_app(town.services))) as made:
        yield made


async def request(town: Town) -> tuple[Snapshot, Signer]:
    shot = await town.out(method=Method.ACCESS_CODE, kind=Kind.ACCEPTANCE)
    return shot, shot.signers[0]


async def mailed(town: Town, client: Client, one: Signer) -> str:
    """Let the browser have proved the mailbox; gives the path of the signer's pages."""
    now = town.services.now()
    cookie, session = await sessions.start(now=now)
    await sessions.prove(session, one, generation=one.generation, method=act.MAIL_CODE, now=now)
    client.session.cookie_jar.update_cookies({"fukan": cookie})
    return f"/sign/{one.ref}"


async def get(client: Client, path: str) -> tuple[int, str, str]:
    async with client.get(path, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", ""), plain(await answer.text(errors="replace"))


async def post(client: Client, path: str, **fields: str) -> tuple[int, str, str]:
    async with client.post(path, data=fields, headers=FORM, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", ""), plain(await answer.text(errors="replace"))


def plain(html: str) -> str:
    return re.sub(r"<[^>]+>|\s+", "", html)


async def digits_of(town: Town, one: Signer) -> str:
    return await access_codes.tell(town.services, staff.actor_of(town.drafter), one)


@pytest.mark.parametrize("door", ["/1", "/1/pdf", "/confirm", "/decline", "/checking"])
async def test_nothing_is_shown_before_the_second_proof(town: Town, client: Client, door: str) -> None:
    _, one = await request(town)
    base = await mailed(town, client, one)
    status, place, _ = await get(client, base + door)
    assert (status, place.partition("?")[0]) == (303, f"{base}/factor")
    assert ("step=decline" in place) == (door == "/decline")
    assert (await post(client, f"{base}/factor", code=await digits_of(town, one)))[:2] == (303, f"{base}/1")
    assert (await get(client, base + door))[0] == 200


async def test_images_and_the_button_wait_for_it_too(town: Town, client: Client) -> None:
    _, one = await request(town)
    base = await mailed(town, client, one)
    image = f"{base}/1/1-{SMALL[0]}.webp"
    assert (await get(client, image))[:2] == (303, static("no-image.svg"))
    for path in ("complete", "refuse", "decline", "checking"):
        status, place, _ = await post(client, f"{base}/{path}", offer="x", choice="decline", reason="x")
        assert (status, place.partition("?")[0]) == (303, f"{base}/factor"), path
    assert (await Signer.get(id=one.id)).consented_at is None
    await post(client, f"{base}/factor", code=await digits_of(town, one))
    assert (await client.get(image)).status == 200


async def test_a_wrong_code_says_how_many_tries_are_left_and_at_last_whom_to_call(
    town: Town, client: Client
) -> None:
    shot, one = await request(town)
    base = await mailed(town, client, one)
    _, _, page = await get(client, f"{base}/factor")
    assert "アクセスコードを入力してください" in page
    assert "8けたの数字で" in (await post(client, f"{base}/factor", code="123456"))[2]
    for left in (4, 3, 2, 1):
        status, _, page = await post(client, f"{base}/factor", code="00000000")
        assert (status, f"残り{left}回" in page) == (422, True)
    _, _, page = await post(client, f"{base}/factor", code="00000000")
    assert "このアクセスコードは使えません" in page
    assert shot.section.phone in page
    assert "文書の確認へ進む" not in page
    digits = await access_codes.newest(one)
    assert digits is not None
    assert digits.wrong == 5


async def test_the_way_to_decline_leads_on_to_declining(town: Town, client: Client) -> None:
    _, one = await request(town)
    base = await mailed(town, client, one)
    answer = await post(client, f"{base}/factor?step=decline", code=await digits_of(town, one))
    assert answer[:2] == (303, f"{base}/decline")


async def test_a_stranger_finds_no_page(town: Town, client: Client) -> None:
    _, one = await request(town)
    assert (await get(client, f"/sign/{one.ref}/factor"))[0] == 404
    assert (await post(client, f"/sign/{one.ref}/factor", code="00000000"))[0] == 404
    assert await access_codes.left(town.services, one) == 5


async def test_who_needs_no_second_proof_is_led_to_the_documents(town: Town, client: Client) -> None:
    one = (await town.out()).signers[0]
    base = await mailed(town, client, one)
    assert (await get(client, f"{base}/factor"))[:2] == (303, f"{base}/1")


async def test_staff_choose_it_on_the_draft_and_read_the_digits_out(town: Town) -> None:
    shot = await town.draft(kind=Kind.ACCEPTANCE)
    draft, envelope = (f"/staff/{kind}/{shot.envelope.ref}" for kind in ("drafts", "envelopes"))
    async with signed_in(town, town.drafter) as client:
        assert "髙橋建設株式会社の本人確認" in (await get(client, draft))[2]
        sent = await post(
            client, f"{draft}/confirm", version=str(shot.envelope.version), identity_1="access-code"
        )
        assert sent[0] == 303, sent
        one = (await town.again(shot)).signers[0]
        assert one.proof == "access-code"
        assert "メール＋アクセスコード（電話でお伝え）" in (await get(client, envelope))[2]
        status, _, page = await post(client, f"{envelope}/access-code/1")
        assert status == 200
        digits = await digits_of(town, one)
        assert digits in page
        assert "アクセスコードを画面に表示しました" in (await get(client, envelope))[2]
        # A reload repeats what shows the digits, not what makes new ones.
        status, onward, _ = await post(client, f"{envelope}/access-code/1/new")
        assert (status, onward) == (307, f"{envelope}/access-code/1")
        status, _, page = await post(client, onward)
        assert (status, digits in page) == (200, False)
        assert await digits_of(town, one) in page


async def test_nobody_else_reads_the_digits(town: Town) -> None:
    shot, _ = await request(town)
    path = f"/staff/envelopes/{shot.envelope.ref}/access-code/1"
    async with signed_in(town, town.village) as client:
        assert (await post(client, path))[0] in (403, 404)
    async with signed_in(town, None) as client:
        assert (await post(client, path))[0] != 200
    async with signed_in(town, town.drafter) as client:
        assert (await post(client, f"{path[:-1]}2"))[0] == 409


# The app on a phone


async def test_an_app_is_set_up_after_both_proofs_and_asked_for_next_time(town: Town, client: Client) -> None:
    shot = await town.out(method=Method.AUTHENTICATOR, kind=Kind.ACCEPTANCE)
    one = shot.signers[0]
    base = await mailed(town, client, one)
    for door in ("/app", "/1"):
        assert (await get(client, base + door))[:2] == (303, f"{base}/factor")
    assert (await get(client, f"{base}/app/qr.svg"))[0] == 404
    _, _, page = await get(client, f"{base}/factor")
    assert "認証アプリがまだ登録されていないため" in page
    assert (await post(client, f"{base}/factor", code=await digits_of(town, one)))[:2] == (303, f"{base}/app")
    _, _, page = await get(client, f"{base}/app")
    seed = await _seed(client, base)
    assert seed in page
    assert "今は登録しないで" in page
    assert "<svg" in (await raw(client, f"{base}/app/qr.svg"))
    status, _, page = await post(client, f"{base}/app", code="12")
    assert (status, "6けたの数字を入力してください" in page) == (422, True)
    assert (await post(client, f"{base}/app", code=town.digits(seed)))[:2] == (303, f"{base}/1")
    assert (await get(client, f"{base}/1"))[0] == 200
    assert (await get(client, f"{base}/app"))[:2] == (303, f"{base}/1")
    following = (await town.out(method=Method.AUTHENTICATOR, kind=Kind.ACCEPTANCE)).signers[0]
    town.clock.forward(minutes=2)
    base = await mailed(town, client, following)
    assert "認証アプリの数字を入力してください" in (await get(client, f"{base}/factor"))[2]
    wrong = "000000" if town.digits(seed) != "000000" else "111111"
    status, _, page = await post(client, f"{base}/factor", code=wrong)
    assert (status, "数字が違います" in page) == (422, True)
    assert (await post(client, f"{base}/factor", code=town.digits(seed)))[:2] == (303, f"{base}/1")
    assert (await get(client, f"{base}/1"))[0] == 200


async def raw(client: Client, path: str) -> str:
    async with client.get(path, allow_redirects=False) as answer:
        return await answer.text()


async def _seed(client: Client, base: str) -> str:
    found = re.search(r'class="secret">([A-Z2-7 ]+)<', await raw(client, f"{base}/app"))
    assert found is not None
    return found[1].replace(" ", "")


async def test_a_lost_phone_is_reported_and_ended_on_the_entrys_page(town: Town, client: Client) -> None:
    one = (await town.out(method=Method.AUTHENTICATOR, kind=Kind.ACCEPTANCE)).signers[0]
    base = await mailed(town, client, one)
    await post(client, f"{base}/factor", code=await digits_of(town, one))
    seed = await _seed(client, base)
    await post(client, f"{base}/app", code=town.digits(seed))
    contact = await Contact.get(id=one.contact_id or 0)
    entry = f"/staff/registry/{contact.ref}"
    async with signed_in(town, town.registrar) as desk:
        assert "スマートフォンをなくしたとの申し出を記録する" in (await get(desk, entry))[2]
        assert (await post(desk, f"{entry}/app/lost", app_note=""))[0] == 422
        assert (await post(desk, f"{entry}/app/lost", app_note="本人から電話"))[0] == 303
        _, _, page = await get(desk, entry)
        assert "なくしたとの申し出を記録しました：本人から電話" in page
        assert "折り返し確かめて解除する" not in page
        assert (await post(desk, f"{entry}/app/end", app_call_back="登記簿の番号"))[0] == 403
    following = (await town.out(method=Method.AUTHENTICATOR, kind=Kind.ACCEPTANCE)).signers[0]
    theirs = await mailed(town, client, following)
    assert "なくしたとの届け出があったため" in (await get(client, f"{theirs}/factor"))[2]
    async with signed_in(town, town.approver) as desk:
        assert "折り返し確かめて解除する" in (await get(desk, entry))[2]
        assert (await post(desk, f"{entry}/app/end", app_call_back="登記簿の番号に電話"))[0] == 303
        _, _, page = await get(desk, entry)
        assert "折り返し確かめて、認証アプリを解除しました" in page
        assert "登録" in page
    assert "アクセスコードを入力してください" in (await get(client, f"{theirs}/factor"))[2]
