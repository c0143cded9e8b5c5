"""本人確認の変更 on its pages: more at once, also for a browser that reads already, and less by a second person."""

import pytest
from aiohttp.test_utils import TestClient, TestServer

from envelopes.actions import identity
from envelopes.records.models import Signer
from envelopes.rules.factors import Method
from portal.app import create_app
from tests.actions.test_identity import WHY, colleague
from tests.engines import Town
from tests.portal.test_changing import flat, get, prove
from tests.portal.test_evidence import signed_in

pytestmark = pytest.mark.engines


async def test_a_contractor_who_reads_is_asked_for_the_rest(town: Town) -> None:
    shot = await town.out()
    turn = shot.signers[0]
    here = f"/staff/envelopes/{shot.envelope.ref}/identity/1"
    async with TestClient(TestServer(create_app(town.services))) as phone:
        base = await prove(town, phone, turn)
        assert (await get(phone, f"{base}/1"))[0] == 200
        async with signed_in(town, town.drafter) as client:
            said = await (await client.get(here.rpartition("/identity")[0])).text()
            assert f'href="{here}"' in said
            # The request is out: nothing is to be sent before the digits can be seen.
            assert "送信したあと" not in await (await client.get(here)).text()
            assert (await client.post(here, data={})).status == 422
            answer = await client.post(here, data={"identity": "access-code"})
            assert "アクセスコードを表示する" in await answer.text()
        assert (await get(phone, f"{base}/1"))[0] == 303
        assert "アクセスコードを入力" in (await get(phone, f"{base}/factor"))[1]


async def test_less_stands_on_the_desk_until_another_person_approves(town: Town) -> None:
    shot = await town.out(method=Method.ACCESS_CODE)
    one = shot.signers[0]
    here = f"/staff/envelopes/{shot.envelope.ref}/identity/1"
    async with signed_in(town, town.drafter) as client:
        assert (await client.post(here, data={"identity": "mail"})).status == 422
        answer = await client.post(here, data={"identity": "mail", "reason": WHY})
        assert "別の職員が承認します" in flat(await answer.text())
    waits = await identity.waiting(shot, one)
    assert waits is not None
    second, seed = await colleague(town)
    async with signed_in(town, second) as client:
        assert f'href="{here}"' in await (await client.get("/staff")).text()
        assert WHY in await (await client.get(here)).text()
        posted = {"n": str(waits.n), "code": "000000"}
        assert (await client.post(f"{here}/approve", data=posted)).status == 422
        posted["code"] = town.digits(seed)
        answer = await client.post(f"{here}/approve", data=posted)
        assert (
            "本人確認を「メール＋アクセスコード（電話でお伝え）」から「メール1経路」に変えました"
            in await answer.text()
        )
    assert (await Signer.get(id=one.id)).proof == Method.MAIL
