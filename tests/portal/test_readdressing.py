"""台帳のアドレスを直す: from the page of a request that did not arrive to a request at the corrected address."""

import re

import pytest

from envelopes.actions import staff as clerks
from envelopes.actions.applications import deciding, proving, steps
from envelopes.actions.worker import readdressing
from envelopes.records.models import Application
from envelopes.rules import codes, terms
from envelopes.rules.wording import Wording
from tests.engines import Town
from tests.portal.test_evidence import Client, signed_in

pytestmark = pytest.mark.engines
NEW = "honsha@takahashi-kensetsu.example"


async def page(client: Client, path: str) -> str:
    async with client.get(path, allow_redirects=False) as answer:
        assert answer.status == 200, path
        return re.sub(r"<[^>]+>|\s+", "", await answer.text())


async def post(client: Client, path: str, **fields: str) -> tuple[int, str]:
    headers = {"Sec-Fetch-Site": "same-origin"}
    async with client.post(path, data=fields, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def test_from_the_bounce_to_the_new_address(town: Town) -> None:
    shot = await town.out()
    assert shot.turn is not None
    base = f"/staff/envelopes/{shot.envelope.ref}"
    async with signed_in(town, town.drafter) as client:
        assert "台帳のアドレスを直す" not in await page(client, base)
        await town.comes_back(shot.turn, "5.1.1", "User unknown")
        said = await page(client, base)
        assert "不達" in said
        assert "アドレスが存在しません" in said
        assert "台帳のアドレスを直す" in said
        assert "24時間待ちます" in await page(client, f"{base}/address")
        assert (await post(client, f"{base}/address", email=NEW))[0] == 303
        assert f"{NEW}に確認のメールを送りました" in await page(client, base)
        assert "新しい宛先を台帳に届け出ました" in await page(client, base)
    row = await Application.get()
    await proving.agree(town.services, row, version=terms.VERSION, network="n")
    row = await steps.find(row.ref)
    digits = codes.make(town.services.code_key, proving.code_subject(row), row.serial)
    await proving.check_code(town.services, row, digits)
    async with signed_in(town, town.drafter) as client:
        assert "承認するのを待っています" in await page(client, base)
        keeper = clerks.actor_of(town.registrar)
        contact = await deciding.approve(town.services, keeper, row.ref, call_back="登記簿の番号に電話")
        said = await page(client, base)
        assert Wording().instant(contact.works_from).replace(" ", "") in said
    town.clock.forward(hours=25)
    await readdressing.readdress(town.services)
    async with signed_in(town, town.drafter) as client:
        said = await page(client, base)
        assert NEW in said
        assert "新しいアドレスに依頼を送り直し" in said


@pytest.mark.parametrize(
    ("email", "words"),
    [
        ("ichiro@takahashi-kensetsu.example", "今のアドレスと同じです"),
        ("honsha", "形が正しくありません"),
        ("takahashi@yahoo.co.jp", "理由"),
        ("", "アドレス"),
    ],
)
async def test_what_is_wrong_is_said_beside_the_field(town: Town, email: str, words: str) -> None:
    shot = await town.out()
    async with signed_in(town, town.drafter) as client:
        status, said = await post(client, f"/staff/envelopes/{shot.envelope.ref}/address", email=email)
    assert status == 422
    assert words in said
    assert 'aria-invalid="true"' in said
    assert await Application.all().count() == 0


async def test_a_request_that_has_ended_is_not_corrected(town: Town) -> None:
    shot = await town.out()
    await clerks.cancel(
        town.services,
        clerks.actor_of(town.drafter),
        shot.envelope.ref,
        version=shot.envelope.version,
        reason="届かないため",
    )
    async with signed_in(town, town.drafter) as client:
        path = f"/staff/envelopes/{shot.envelope.ref}/address"
        assert (await post(client, path, email=NEW))[0] == 409
    assert await Application.all().count() == 0
