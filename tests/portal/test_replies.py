"""返信での指示 on its page: set up with the first digits, never shown again, given up; and the reminder's button."""

import re

import pyotp
import pytest

from envelopes.actions import operating, replying
from envelopes.records.models import Staff
from envelopes.records.models import Task as TaskRow
from tests.engines import Town
from tests.portal.test_evidence import Client, asked, signed_in

pytestmark = pytest.mark.engines

PAGE, SAME = "/staff/replies", {"Sec-Fetch-Site": "same-origin"}


async def shown(client: Client) -> str:
    status, body = await asked(client, PAGE)
    assert status == 200
    return body.decode()


async def typed(client: Client, code: str) -> int:
    answer = await client.post(f"{PAGE}/start", data={"code": code}, headers=SAME, allow_redirects=False)
    return answer.status


async def test_it_is_set_up_with_the_first_digits_and_given_up(town: Town) -> None:
    await operating.note_mail(town.services, [])
    async with signed_in(town, town.drafter) as client:
        page = await shown(client)
        secret = re.search(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", page)
        assert secret is not None
        assert page == await shown(client)  # looking changes nothing
        status, image = await asked(client, f"{PAGE}/qr.svg")
        assert (status, image[:5]) == (200, b"<?xml")
        phone = pyotp.TOTP(secret[0].replace(" ", ""))
        assert await typed(client, "000000") == 422
        assert await typed(client, phone.at(town.clock())) == 303
        page = await shown(client)
        assert "認証アプリ（返信用）を登録しています" in page
        assert phone.secret not in page.replace(" ", "")
        assert (await asked(client, f"{PAGE}/qr.svg"))[0] == 404
        assert await replying.hindrance(town.services, await Staff.get(id=town.drafter.id)) is None
        assert (await asked(client, f"{PAGE}/stop", "POST"))[0] == 303
        again = re.search(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", await shown(client))
        assert again is not None
        assert again[0] != secret[0]


async def test_the_page_says_what_keeps_replies_from_counting(town: Town) -> None:
    async with signed_in(town, town.drafter) as client:
        assert "メールの設定の点検が済んでいない" in await shown(client)
    async with signed_in(town, None) as client:
        for path, method in ((PAGE, "GET"), (f"{PAGE}/qr.svg", "GET"), (f"{PAGE}/start", "POST")):
            assert (await asked(client, path, method))[0] == 303


async def test_the_other_party_is_reminded_from_the_page_once_a_day(town: Town) -> None:
    shot = await town.out()
    page = f"/staff/envelopes/{shot.envelope.ref}"
    async with signed_in(town, town.drafter) as client:
        assert f'action="{page}/remind"' in (await asked(client, page))[1].decode()
        assert (await asked(client, f"{page}/remind", "POST"))[0] == 303
        status, body = await asked(client, f"{page}/remind", "POST")
        assert (status, "もうお知らせを送っています" in body.decode()) == (422, True)
    assert await TaskRow.filter(kind="reminder_mail").count() == 1
    async with signed_in(town, town.village) as client:
        assert (await asked(client, f"{page}/remind", "POST"))[0] == 409
    assert await TaskRow.filter(kind="reminder_mail").count() == 1
