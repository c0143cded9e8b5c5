"""A code by SMS in the browser: chosen by staff, sent by a button, typed in; and what is said where it cannot be."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from envelopes.actions import access_codes, factors, mobiles, sms_codes, staff
from envelopes.actions.chronicle import happenings
from envelopes.actions.worker import completion
from envelopes.records import store
from envelopes.records.models import Consent, Mobile, Signer, Sms
from envelopes.rules import consent as consents
from envelopes.rules.codes import Verdict
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.kinds import Kind
from envelopes.signing.seal import read_entries
from portal.app import create_app
from tests.actions.test_certifying import words
from tests.actions.test_factors import give
from tests.bot.test_sms import NUMBER, digits, gateway, registered, with_hook, work
from tests.engines import Town
from tests.portal.test_evidence import Client, signed_in
from tests.portal.test_factor import get, mailed, plain, post
from tests.servers.gateway import Gateway

pytestmark = pytest.mark.engines
__all__ = ["gateway"]  # a fixture of the tests of sending


def unhurried(town: Town, gateway: Gateway) -> Town:
    """With a hook, and no waiting for what becomes of an SMS: no worker runs beside these tests."""
    town = with_hook(town, gateway)
    policy = replace(town.services.policy, sms_hold=timedelta())
    return replace(town, services=replace(town.services, policy=policy))


@pytest.fixture
async def place(town: Town, gateway: Gateway) -> Town:
    await registered(town)
    return unhurried(town, gateway)


@pytest.fixture
async def client(place: Town) -> AsyncIterator[Client]:
    async with TestClient[Request, Application](TestServer(create_app(place.services))) as made:
        yield made


async def asked(town: Town, client: Client) -> tuple[Signer, str]:
    """A request with a proof by SMS, in a browser that has proved the mailbox."""
    shot = await town.out(method=Method.SMS, kind=Kind.ACCEPTANCE)
    one = shot.signers[0]
    return one, await mailed(town, client, one)


async def test_the_button_sends_and_the_digits_open_the_documents(
    place: Town, client: Client, gateway: Gateway
) -> None:
    _, base = await asked(place, client)
    assert (await get(client, f"{base}/1"))[:2] == (303, f"{base}/factor")
    _, _, page = await get(client, f"{base}/factor")
    assert "携帯電話にSMSを送ります" in page
    assert "090-****-5678" in page
    assert "090-1234-5678" not in page
    # Looking sends nothing, however often.
    assert await Sms.all().count() == 0
    assert (await post(client, f"{base}/factor/sms"))[:2] == (303, f"{base}/factor?sent=1")
    await work(place)
    _, _, page = await get(client, f"{base}/factor?sent=1")
    assert "SMSで届いた確認コードを入力してください" in page
    word = gateway.texts(NUMBER)[0].partition("符号 ")[2].partition("）")[0]
    assert f"符号{word}" in page
    wide = digits(gateway).translate({48 + n: 0xFF10 + n for n in range(10)})
    assert (await post(client, f"{base}/factor", code=wide))[:2] == (303, f"{base}/1")
    assert (await get(client, f"{base}/1"))[0] == 200


async def test_the_level_stands_in_consent_signature_certificate_and_history(
    place: Town, gateway: Gateway, tmp_path: Path
) -> None:
    shot = await place.out(method=Method.SMS, kind=Kind.ACCEPTANCE)
    one = shot.signers[0]
    browser = await place.session(one)
    await sms_codes.send(place.services, one)
    await work(place)
    tried = await factors.check(place.services, one, browser, digits(gateway), ip="203.0.113.7")
    assert tried.verdict is Verdict.OK
    await give(place, shot, one, browser)
    said = consents.read(base64.b64decode((await Consent.get(signer_id=one.id)).record))
    assert [grant.level for grant in said.grants] == ["mail", "sms"]
    shot = await place.sign(await place.again(shot))
    await completion.complete(place.shop, shot.envelope.id)
    shot = await place.again(shot)
    (written, *_) = read_entries(await place.bytes_of(shot.documents[0]))
    assert written.reason is not None
    assert written.reason.endswith("（本人確認：メール＋SMSの確認コード）")
    assert shot.certificate is not None
    assert "メール＋SMSの確認コード" in words(await place.bytes_of(shot.certificate), tmp_path)
    history = [str(item.text) for item in await happenings(shot)]
    assert "SMSの確認コードを送りました" in history
    assert "本人確認ができました（メール＋SMSの確認コード）" in history


async def test_a_wrong_code_counts_and_a_spent_one_asks_for_another(
    place: Town, client: Client, gateway: Gateway
) -> None:
    _, base = await asked(place, client)
    await post(client, f"{base}/factor/sms")
    await work(place)
    wrong = "000000" if digits(gateway) != "000000" else "000001"
    assert "6けた" in (await post(client, f"{base}/factor", code="12"))[2]
    for left in (4, 3, 2, 1):
        status, _, page = await post(client, f"{base}/factor", code=wrong)
        assert (status, f"残り{left}回" in page) == (422, True)
    _, _, page = await post(client, f"{base}/factor", code=wrong)
    assert "間違いが続いたため" in page
    assert "SMSを送る" in page
    place.clock.forward(minutes=1)
    await post(client, f"{base}/factor/sms")
    await work(place)
    assert (await post(client, f"{base}/factor", code=digits(gateway)))[0] == 303


async def test_a_link_that_takes_no_more_digits_offers_none_and_says_whom_to_call(
    place: Town, gateway: Gateway
) -> None:
    policy = replace(place.services.policy, link_tries=5)
    place = replace(place, services=replace(place.services, policy=policy))
    async with TestClient[Request, Application](TestServer(create_app(place.services))) as client:
        _, base = await asked(place, client)
        await post(client, f"{base}/factor/sms")
        await work(place)
        wrong = "000000" if digits(gateway) != "000000" else "000001"
        *_, last = [await post(client, f"{base}/factor", code=wrong) for _ in range(5)]
        for _, _, page in (
            last,
            await get(client, f"{base}/factor"),
            await post(client, f"{base}/factor", code=digits(gateway)),
            await post(client, f"{base}/factor/sms"),
        ):
            assert "SMSの確認コードの間違いが続いたため" in page
            assert "新しいリンクをお送りします" in page
            assert "SMSを送れません" in page
            assert "6けたの数字" not in page


async def test_what_could_not_be_sent_is_said_to_both_sides_with_what_to_do(
    place: Town, client: Client, gateway: Gateway
) -> None:
    one, base = await asked(place, client)
    gateway.statuses = [422]
    await post(client, f"{base}/factor/sms")
    await work(place)
    _, _, page = await get(client, f"{base}/factor")
    assert "SMSを送れませんでした" in page
    shot = await store.snapshot(id=one.envelope_id)
    assert shot.section.phone in page
    assert "文書の確認へ進む" not in page
    async with signed_in(place, place.drafter) as clerk:
        seen = plain(await (await clerk.get(f"/staff/envelopes/{shot.envelope.ref}")).text())
    assert "本人確認：メール＋SMSの確認コード" in seen
    assert "SMSを送れませんでした（" in seen
    assert "番号を相手方に確かめ、台帳で直してください" in seen
    place.clock.forward(minutes=1)
    await post(client, f"{base}/factor/sms")
    await work(place)
    assert "SMSで届いた確認コード" in (await get(client, f"{base}/factor"))[2]
    async with signed_in(place, place.drafter) as clerk:
        seen = plain(await (await clerk.get(f"/staff/envelopes/{shot.envelope.ref}")).text())
    assert "SMSを送れませんでした（" not in seen


async def test_impatience_and_too_many_are_answered_in_words(place: Town, client: Client) -> None:
    _, base = await asked(place, client)
    await post(client, f"{base}/factor/sms")
    status, _, page = await post(client, f"{base}/factor/sms")
    assert (status, "秒" in page) == (429, True)
    for _ in range(2):
        place.clock.forward(minutes=1)
        assert (await post(client, f"{base}/factor/sms"))[0] == 303
    place.clock.forward(minutes=1)
    status, _, page = await post(client, f"{base}/factor/sms")
    assert (status, "SMSを送る回数の上限" in page) == (429, True)


async def test_a_number_taken_away_leads_to_the_telephone(place: Town, client: Client) -> None:
    one, base = await asked(place, client)
    actor = staff.actor_of(place.registrar)
    await mobiles.end(place.services, actor, (await Mobile.get()).ref, reason="電話を手放した")
    _, _, page = await get(client, f"{base}/factor")
    assert "番号が登録されていません" in page
    assert "SMSを送る携帯" in page
    assert (await post(client, f"{base}/factor/sms"))[0] == 429
    assert await Sms.filter(code__signer_id=one.id).count() == 0


async def test_nobody_without_the_mailbox_has_an_sms_sent(place: Town, client: Client) -> None:
    shot = await place.out(method=Method.SMS, kind=Kind.ACCEPTANCE)
    base = f"/sign/{shot.signers[0].ref}"
    assert (await post(client, f"{base}/factor/sms"))[0] == 404
    assert await Sms.all().count() == 0
    # Nor one who was asked for something else.
    other = await place.out(method=Method.ACCESS_CODE, kind=Kind.ACCEPTANCE)
    base = await mailed(place, client, other.signers[0])
    assert (await post(client, f"{base}/factor/sms"))[:2] == (303, f"{base}/factor")
    assert await Sms.all().count() == 0
    assert await access_codes.newest(other.signers[0]) is not None


# What staff may choose


async def draft_page(town: Town, **wishes: Any) -> str:
    shot = await town.draft(kind=Kind.ACCEPTANCE, **wishes)
    async with signed_in(town, town.drafter) as clerk:
        return await (await clerk.get(f"/staff/drafts/{shot.envelope.ref}")).text()


async def test_sms_is_offered_where_there_is_a_hook_and_a_number(town: Town, gateway: Gateway) -> None:
    assert 'value="sms"' not in await draft_page(town)
    ready = unhurried(town, gateway)
    page = await draft_page(ready)
    assert 'value="sms" required disabled' in page
    assert "SMSに使える携帯電話の番号がありません" in page
    shot = await ready.draft(kind=Kind.ACCEPTANCE)
    with pytest.raises(Refused) as refused:
        await staff.confirm(
            ready.services,
            staff.actor_of(ready.drafter),
            shot.envelope.ref,
            version=shot.envelope.version,
            methods={1: Method.SMS},
        )
    assert refused.value.reason is Reason.MOBILE_NONE
    assert refused.value.details == {"who": ready.contacts[0].company}
    await registered(ready)
    page = await draft_page(ready)
    assert 'value="sms" required aria' in page
    assert "090-****-5678" in page
