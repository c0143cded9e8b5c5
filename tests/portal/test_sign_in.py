"""Staff come in: what the one-time link says once it is used, and what an empty field asks for."""

import pytest

from envelopes.actions import credentials
from tests.engines import Town
from tests.portal.test_evidence import asked, signed_in

pytestmark = pytest.mark.engines
PASSWORD = "correct horse battery staple"


async def test_a_used_enrolment_link_leads_to_sign_in_or_to_a_new_link(town: Town) -> None:
    link = credentials.enrolment_link(town.services, town.village)[0]
    page = "/staff/enrol/" + link.rpartition("/")[2]
    async with signed_in(town, None) as client:
        assert (await asked(client, page))[0] == 200
        await town.enrol(town.village)
        for method in ("GET", "POST"):
            status, body = await asked(client, page, method)
            assert status == 410
            said = body.decode()
            assert "この登録用リンクは、もう使えません" in said
            assert 'href="/staff/sign-in"' in said
            assert "新しいリンクが届いています" not in said


async def test_an_empty_code_at_enrolment_asks_for_the_authenticators_digits(town: Town) -> None:
    link = credentials.enrolment_link(town.services, town.village)[0]
    page = "/staff/enrol/" + link.rpartition("/")[2]
    fields = {"password": PASSWORD, "password_again": PASSWORD, "code": ""}
    async with signed_in(town, None) as client:
        answer = await client.post(page, data=fields, headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status == 422
        assert "認証アプリに表示されている6けたの数字を入力してください" in await answer.text()
