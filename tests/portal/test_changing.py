"""C7 in the portal: what a proved signer asks for, what staff make of it, and what old links say afterwards."""

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from envelopes.actions import changing
from envelopes.actions import signer as act
from envelopes.actions import staff as clerks
from envelopes.actions.applications import steps
from envelopes.actions.worker import readdressing
from envelopes.records import sessions
from envelopes.records.models import Application as Applied
from envelopes.records.models import Contact, Envelope, Signer, Staff
from envelopes.records.store import Snapshot
from envelopes.rules.people import Role
from envelopes.rules.tokens import Purpose
from portal.app import create_app
from tests.actions.test_changing import KIMURA, NEW, approved, asked, handed_over, payloads, prove_address
from tests.engines import Town
from tests.portal.test_evidence import signed_in

pytestmark = pytest.mark.engines
Client = TestClient[Request, Application]
ASKED = {
    "choice": "changed",
    "person": "木村 花子",
    "office": "工事部長",
    "email": NEW,
    "note": "退任します。",
}


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(town.services))) as made:
        yield made


async def out(town: Town, *, hand_over: bool = True) -> tuple[Snapshot, Signer]:
    """A request, with leave to hand it over or without."""
    shot = await town.out()
    if hand_over:
        said = shot.envelope.reading.replace('"hand_over": false', '"hand_over": true')
        assert said != shot.envelope.reading
        envelope = await Envelope.get(id=shot.envelope.id)
        envelope.reading = said
        await envelope.save(update_fields=["reading"])
    assert shot.turn is not None
    return await town.again(shot), shot.turn


async def prove(town: Town, client: Client, turn: Signer) -> str:
    """Let the client's browser have proved to be *turn*; gives the path of his pages."""
    now = town.services.now()
    cookie, session = await sessions.start(now=now)
    await sessions.prove(session, turn, generation=turn.generation, method=act.MAIL_CODE, now=now)
    client.session.cookie_jar.update_cookies({"__Host-fukan": cookie, "fukan": cookie})
    return f"/sign/{turn.ref}"


def flat(text: str) -> str:
    return re.sub(r"<[^>]+>|\s+", "", text)


async def get(client: Client, path: str) -> tuple[int, str]:
    cookie = "; ".join(f"{one.key}={one.value}" for one in client.session.cookie_jar)
    async with client.get(path, allow_redirects=False, headers={"Cookie": cookie}) as answer:
        return answer.status, flat(await answer.text())


async def post(client: Client, path: str, **fields: str) -> tuple[int, str]:
    cookie = "; ".join(f"{one.key}={one.value}" for one in client.session.cookie_jar)
    headers = {"Sec-Fetch-Site": "same-origin", "Cookie": cookie}
    async with client.post(path, data=fields, headers=headers, allow_redirects=False) as answer:
        return answer.status, flat(await answer.text())


def link(town: Town, turn: Signer, generation: int | None = None) -> str:
    number = turn.generation if generation is None else generation
    return f"/s/{town.services.link(Purpose.REQUEST, turn.ref, number)}"


# The contractor


async def test_he_asks_sees_it_on_hold_and_takes_it_back(town: Town, client: Client) -> None:
    _, turn = await out(town)
    base = await prove(town, client, turn)
    assert "引き継ぎます" in (await get(client, f"{base}/wrong"))[1]
    status, said = await post(client, f"{base}/wrong", **ASKED)
    assert status == 200
    assert "この内容で申し出ますか" in said
    assert "工事部長木村花子" in said
    assert (await Signer.get(id=turn.id)).paused_at is None
    status, said = await post(client, f"{base}/wrong/edit", **ASKED)
    assert "退任します。" in said
    assert (await post(client, f"{base}/wrong/ask", **ASKED))[0] == 303
    assert (await Signer.get(id=turn.id)).paused_at is not None
    for page in ("wrong", "1", "confirm", "decline", "checking"):
        assert "変更の申し出を受け付けました" in (await get(client, f"{base}/{page}"))[1], page
    # A second press finds the first.
    assert "変更の申し出を受け付けました" in (await post(client, f"{base}/wrong/ask", **ASKED))[1]
    assert (await post(client, f"{base}/wrong/back"))[0] == 303
    assert (await Signer.get(id=turn.id)).paused_at is None
    assert "文書を確認してください" in (await get(client, f"{base}/1"))[1]


async def test_what_is_approved_is_not_offered_to_be_taken_back(town: Town, client: Client) -> None:
    shot, turn = await out(town)
    base = await prove(town, client, turn)
    await post(client, f"{base}/wrong/ask", **ASKED)
    assert "申し出を取り下げる" in (await get(client, f"{base}/1"))[1]
    await approved(town, shot)
    assert (await post(client, f"{base}/wrong/back"))[0] == 303
    for page in (f"{base}/1", link(town, turn)):
        said = (await get(client, page))[1]
        assert "が承認しました" in said
        assert "取りやめるときは" in said
        assert "申し出を取り下げる" not in said
        assert "確認コードをメールで受け取る" not in said


async def test_staff_are_told_that_the_new_address_receives_no_mail(town: Town) -> None:
    shot, _turn = await asked(town)
    contact = await approved(town, shot)
    page = f"/staff/envelopes/{shot.envelope.ref}/change"
    async with signed_in(town, town.drafter) as client:
        assert "自動で新しいアドレスに送り直されます" in (await get(client, page))[1]
    await Contact.filter(id=contact.id).update(dead_at=town.clock())
    async with signed_in(town, town.drafter) as client:
        said = (await get(client, page))[1]
    assert "メールが届かないため、依頼は送り直されません" in said
    assert "台帳に届け出る" in said
    assert "申し出を断る" in said


async def test_what_is_paused_cannot_be_completed(town: Town, client: Client) -> None:
    shot, turn = await out(town)
    base = await prove(town, client, turn)
    await town.read(shot, turn)
    offer = await town.offer(shot, turn)
    await post(client, f"{base}/wrong/ask", **ASKED)
    status, said = await post(client, f"{base}/complete", offer=offer)
    assert (status, "変更の申し出を受け付けました" in said) == (200, True)
    assert (await Signer.get(id=turn.id)).consented_at is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"choice": ""}, "どれかを選んでください"),
        ({"person": ""}, "氏名"),
        ({"email": "木村@takahashi.example"}, "全角文字"),
        ({"office": "長" * 51}, "50字"),
        ({"choice": "address", "email": "ichiro@takahashi-kensetsu.example"}, "今のアドレスと同じです"),
    ],
)
async def test_what_is_wrong_is_said_beside_its_field(
    town: Town, client: Client, changed: dict[str, str], words: str
) -> None:
    _, turn = await out(town)
    base = await prove(town, client, turn)
    status, said = await post(client, f"{base}/wrong", **{**ASKED, **changed})
    assert status == 422
    assert words in said
    assert (await post(client, f"{base}/wrong/ask", **{**ASKED, **changed}))[0] in (422, 400)
    assert (await Signer.get(id=turn.id)).paused_at is None


async def test_without_the_towns_leave_staff_are_only_told(town: Town, client: Client) -> None:
    shot, turn = await out(town, hand_over=False)
    base = await prove(town, client, turn)
    assert "別の方に引き継ぐことができません" in (await get(client, f"{base}/wrong"))[1]
    assert "依頼はそのまま続きます" in (await post(client, f"{base}/wrong", **ASKED))[1]
    assert (await post(client, f"{base}/wrong/ask", **ASKED))[0] == 303
    told = (await get(client, f"{base}/wrong?told=1"))[1]
    assert "村に知らせました" in told
    assert "文書の確認に戻る" in told
    assert (await Signer.get(id=turn.id)).paused_at is None
    (said,) = await payloads(shot, "wrong person")
    assert said["proved"] is True
    assert "木村 花子" in said["note"]
    # That it is not his company's is no matter of leave.
    assert (await post(client, f"{base}/wrong/ask", choice="not-ours"))[0] == 303
    assert (await Signer.get(id=turn.id)).paused_at is not None


async def test_a_link_alone_pauses_nothing_and_lets_nothing_go_on(town: Town, client: Client) -> None:
    shot, turn = await out(town)
    await post(client, f"{link(town, turn)}/wrong", **ASKED)
    assert (await Signer.get(id=turn.id)).paused_at is None
    (said,) = await payloads(shot, "wrong person")
    assert said["proved"] is False
    await changing.ask(town.services, turn, KIMURA)
    status, seen = await get(client, link(town, turn))
    assert (status, "変更の申し出を受け付けました" in seen) == (200, True)
    assert "申し出を取り下げる</button>" not in seen
    assert "木村" not in seen
    for path in (f"/sign/{turn.ref}/wrong/back", f"/sign/{turn.ref}/wrong/ask"):
        assert (await post(client, path, **ASKED))[0] == 404
    # A code still goes out, so that he can take it back; it leads to that page.
    town.clock.forward(minutes=2)
    assert (await post(client, f"{link(town, turn)}/code?for=change"))[0] == 303
    digits = await town.code(turn)
    async with client.post(
        f"{link(town, turn)}/verify?for=change",
        data={"code": digits},
        headers={"Sec-Fetch-Site": "same-origin"},
        allow_redirects=False,
    ) as answer:
        assert answer.headers["Location"] == f"/sign/{turn.ref}/wrong"


async def test_the_former_persons_link_says_so_and_does_nothing(town: Town, client: Client) -> None:
    shot, before, after = await handed_over(town)
    old = link(town, after, before.generation)
    status, said = await get(client, old)
    assert status == 410
    assert "新しい担当者に引き継がれました" in said
    assert "髙橋一郎" in said
    assert "木村" not in said
    for action in ("code", "verify", "link", "wrong"):
        status, said = await post(client, f"{old}/{action}", choice="changed", code="123456")
        assert (status, "新しい担当者に引き継がれました" in said) == (410, True), action
    assert (await post(client, f"{old}/time"))[0] == 303
    assert "署名の依頼が届いています" in (await get(client, link(town, after)))[1]
    actor, envelope = clerks.actor_of(town.drafter), shot.envelope
    await clerks.cancel(town.services, actor, envelope.ref, version=envelope.version, reason="取りやめ")
    said = (await get(client, old))[1]
    assert "新しい担当者に引き継がれました" in said
    assert "もう終わっています" in said


# Staff


async def test_from_the_desk_to_the_new_person(town: Town, client: Client) -> None:
    shot, turn = await out(town)
    await changing.ask(town.services, turn, KIMURA)
    base = f"/staff/envelopes/{shot.envelope.ref}"
    async with signed_in(town, town.drafter) as office:
        assert "1変更申出" in (await get(office, "/staff"))[1]
        assert "変更の申し出を見る" in (await get(office, base))[1]
        said = (await get(office, f"{base}/change"))[1]
        assert "工事部長木村花子" in said
        assert NEW in said
        assert (await post(office, f"{base}/change/forward"))[0] == 303
        said = (await get(office, f"{base}/change"))[1]
        assert "確認コードを入力するのを待っています" in said
        assert "台帳に届け出る</button>" not in said
    row = await prove_address(town, await Applied.get())
    async with signed_in(town, town.registrar) as office:
        page = f"/staff/registry/applications/{row.ref}"
        assert "職員が新しい担当者を登録" in (await get(office, page))[1]
        assert (await post(office, f"{page}/approve", call_back="名簿の番号に電話"))[0] == 303
    town.clock.forward(hours=25)
    await readdressing.readdress(town.services)
    async with signed_in(town, town.drafter) as office:
        said = (await get(office, base))[1]
        assert "前の担当者：髙橋建設株式会社代表取締役髙橋一郎" in said
        assert "届出中村美咲、承認小林直樹" in said
        assert "0変更申出" in (await get(office, "/staff"))[1]
        async with office.get(f"{base}/change", allow_redirects=False) as answer:
            assert answer.status == 303


async def test_staff_refuse_with_a_reason(town: Town, client: Client) -> None:
    shot, turn = await out(town)
    await changing.ask(town.services, turn, KIMURA)
    base = f"/staff/envelopes/{shot.envelope.ref}/change"
    async with signed_in(town, town.drafter) as office:
        status, said = await post(office, f"{base}/refuse", reason="")
        assert (status, "理由を入力してください" in said) == (422, True)
        assert (await post(office, f"{base}/refuse", reason="担当は変わっていません。"))[0] == 303
    assert (await Signer.get(id=turn.id)).paused_at is None
    assert "署名の依頼が届いています" in (await get(client, link(town, turn)))[1]


async def test_a_free_mail_address_needs_a_reason(town: Town) -> None:
    shot, turn = await out(town)
    wish = type(KIMURA)(change=KIMURA.change, person="木村 花子", email="kimura@yahoo.co.jp")
    await changing.ask(town.services, turn, wish)
    base = f"/staff/envelopes/{shot.envelope.ref}/change"
    async with signed_in(town, town.drafter) as office:
        status, said = await post(office, f"{base}/forward", why="")
        assert (status, "理由" in said) == (422, True)
        assert (await post(office, f"{base}/forward", why="会社のアドレスがないため"))[0] == 303


async def test_others_decide_nothing(town: Town) -> None:
    shot, turn = await out(town)
    await changing.ask(town.services, turn, KIMURA)
    base = f"/staff/envelopes/{shot.envelope.ref}/change"
    async with signed_in(town, town.village) as office:
        said = (await get(office, base))[1]
        assert "工事部長木村花子" in said
        assert "台帳に届け出る</button>" not in said
        assert (await post(office, f"{base}/forward"))[0] == 403
        assert (await post(office, f"{base}/refuse", reason="だめ"))[0] == 403
    async with signed_in(town, None) as office:
        for path in (f"{base}/forward", f"{base}/refuse"):
            assert (await post(office, path, reason="だめ"))[0] == 303
    assert (await Signer.get(id=turn.id)).paused_at is not None


async def test_the_villages_signer_sees_before_he_calls_that_he_cannot_approve(town: Town) -> None:
    shot, turn = await out(town)
    await changing.ask(town.services, turn, KIMURA)
    await changing.put_forward(town.services, clerks.actor_of(town.drafter), shot.envelope.ref)
    row = await prove_address(town, await Applied.get())
    await Staff.filter(id=town.village.id).update(roles=f"{Role.REGISTRAR},{Role.SIGNER}")
    page = f"/staff/registry/applications/{row.ref}"
    async with signed_in(town, await Staff.get(id=town.village.id)) as office:
        said = (await get(office, page))[1]
        assert "自庁の署名者は、アドレスを届け出ることも承認することもできません" in said
        assert "承認する</button>" not in said
        assert (await post(office, f"{page}/approve", call_back="電話"))[0] == 403
    async with signed_in(town, town.registrar) as office:
        assert "自庁の署名者は" not in (await get(office, page))[1]
    assert (await steps.find(row.ref)).approver_id is None
