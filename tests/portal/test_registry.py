"""The staff's pages of the registry: who sees which button, and what the buttons do."""

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import ClientResponse, FormData
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application as WebApplication
from aiohttp.web import Request
from lxml import html  # type: ignore[import-untyped]
from pydantic import SecretStr

from envelopes.actions import mobiles, staff
from envelopes.actions.applications import deciding, doors, proving, steps
from envelopes.records import sessions
from envelopes.records.models import Application, Contact, Mobile, Staff
from envelopes.rules import codes, terms
from envelopes.rules.applications import Stage, Wish
from envelopes.rules.people import Role
from envelopes.settings import Sms
from portal.app import create_app
from tests.engines import Town

pytestmark = pytest.mark.engines
Client = TestClient[Request, WebApplication]
COMPANY = "南アルプス電設株式会社"
HEAD = "会社名,役職,氏名,メールアドレス,前のアドレス,備考,言語,携帯電話\r\n"
LINE = "髙橋電気㈱,代表取締役,髙橋 次郎,jiro@takahashi-denki.example,,,ja,090-1234-5678\r\n"


@asynccontextmanager
async def signed_in(town: Town, person: Staff) -> AsyncIterator[Client]:
    cookie, session = await sessions.start(now=town.clock(), staff_id=person.id)
    await sessions.prove_staff(session, now=town.clock())
    async with TestClient(TestServer(create_app(town.services)), cookies={"fukan-staff": cookie}) as client:
        yield client


@pytest.fixture
async def row(town: Town) -> Application:
    """An application of the form that has been proved."""
    return await proved(town)


async def proved(town: Town, *, company: str = COMPANY, previous: str = "") -> Application:
    wish = Wish(company=company, person="南 一郎", email="minami@minami-densetsu.example", previous=previous)
    made = await doors.apply(town.services, wish, version=terms.VERSION, network="n")
    right = codes.make(town.services.code_key, proving.code_subject(made), made.serial)
    await proving.check_code(town.services, made, right)
    return await steps.find(made.ref)


def page(row: Application) -> str:
    return f"/staff/registry/applications/{row.ref}"


async def said(answer: ClientResponse) -> str:
    tree = html.document_fromstring(await answer.text())
    return " ".join(tree.xpath("//main")[0].text_content().split())


async def buttons(client: Client, path: str) -> set[str]:
    """The last part of every form's address on the page."""
    tree = html.document_fromstring(await (await client.get(path)).text())
    return {str(action).rpartition("/")[2] for action in tree.xpath("//main//form[@method='post']/@action")}


async def test_one_checks_and_another_approves_with_the_call_back(town: Town, row: Application) -> None:
    async with signed_in(town, town.registrar) as keeper:
        assert COMPANY in await said(await keeper.get("/staff/registry"))
        assert await buttons(keeper, page(row)) == {"check", "return"}
        await keeper.post(f"{page(row)}/check")
        # Whoever checked it sees why he cannot approve it too.
        assert await buttons(keeper, page(row)) == {"return"}
        assert "別の職員が承認します" in await said(await keeper.get(page(row)))
        answer = await keeper.post(f"{page(row)}/approve", data={"call_back": "自分に電話"})
        assert answer.status == 403
    async with signed_in(town, town.approver) as second:
        assert await buttons(second, page(row)) == {"approve", "return"}
        answer = await second.post(f"{page(row)}/approve", data={"call_back": " "})
        assert answer.status == 422
        assert "折り返し確かめた電話番号" in await said(answer)
        answer = await second.post(f"{page(row)}/approve", data={"call_back": "名簿の番号、本人に確認"})
        words = await said(answer)
        assert "名簿の番号、本人に確認" in words
        contact = await Contact.filter(application_id=row.id).get()
        words = await said(await second.get(f"/staff/registry/{contact.ref}"))
        for sign in ("待機中", "登録の申請がありました", "台帳に登録しました", town.registrar.name, "申請者"):
            assert sign in words


async def test_the_villages_signer_is_told_why_he_checks_no_application_of_his_request(town: Town) -> None:
    await town.out()
    await Staff.filter(id=town.village.id).update(roles="signer,registrar")
    row = await proved(town, company="髙橋建設株式会社", previous=town.contacts[0].email)
    async with signed_in(town, town.village) as headman:
        assert await buttons(headman, page(row)) == {"return"}
        assert "署名者とは別の職員が行ってください" in await said(await headman.get(page(row)))
        assert (await headman.post(f"{page(row)}/check")).status == 403
    async with signed_in(town, town.registrar) as keeper:
        assert await buttons(keeper, page(row)) == {"check", "return"}


async def test_an_address_that_another_company_took_since_is_no_dead_end(
    town: Town, row: Application
) -> None:
    await deciding.check(town.services, staff.actor_of(town.registrar), row.ref)
    await Contact.filter(id=town.contacts[0].id).update(email_look_up=row.email_look_up)
    async with signed_in(town, town.approver) as second:
        answer = await second.post(f"{page(row)}/approve", data={"call_back": "名簿の番号、本人に確認"})
        assert answer.status == 422
        tree = html.document_fromstring(await answer.text())
        assert "別の事業者か職員のものとして登録された" in tree.xpath("//*[@role='alert']")[0].text_content()
        assert tree.xpath("//textarea[@id='call_back']")[0].text_content() == "名簿の番号、本人に確認"
        # What is mailed to the applicant is not what was noted for the registry.
        assert tree.xpath("//textarea[@id='reason']")[0].text_content() == ""
    assert (await steps.find(row.ref)).stage == Stage.CHECKED


async def test_an_application_is_sent_back_with_the_reason(town: Town, row: Application) -> None:
    async with signed_in(town, town.registrar) as keeper:
        answer = await keeper.post(f"{page(row)}/return", data={"reason": ""})
        assert answer.status == 422
        answer = await keeper.post(f"{page(row)}/return", data={"reason": "会社名が登記と違います"})
        assert "差し戻しました：会社名が登記と違います" in await said(answer)
        assert await buttons(keeper, page(row)) == set()


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.REGISTRAR])
async def test_others_look_and_decide_nothing(town: Town, row: Application, role: Role) -> None:
    await Staff.filter(id=town.drafter.id).update(roles=role.value)
    contact = town.contacts[0]
    async with signed_in(town, town.drafter) as client:
        assert (await client.get("/staff/registry")).status == 200
        assert await buttons(client, page(row)) == set()
        corrects = {"correct", "identity"} if role is Role.DRAFTER else set()
        assert await buttons(client, f"/staff/registry/{contact.ref}") == corrects
        for path in (f"{page(row)}/check", f"{page(row)}/return", f"/staff/registry/{contact.ref}/end"):
            answer = await client.post(path, data={"reason": "x"}, allow_redirects=False)
            assert answer.status == 403, path
        assert (await client.get("/staff/registry/import")).status == 403
    assert (await steps.find(row.ref)).stage == Stage.PROVED


async def test_nobody_outside_sees_the_registry(town: Town, row: Application) -> None:
    async with TestClient(TestServer(create_app(town.services))) as stranger:
        paths = ("/staff/registry", "/staff/registry/list.csv", "/staff/registry/import", page(row))
        for path in (*paths, f"/staff/registry/{town.contacts[0].ref}"):
            answer = await stranger.get(path, allow_redirects=False)
            assert answer.status == 303
        answer = await stranger.post(f"{page(row)}/check", allow_redirects=False)
        assert answer.status == 303
    assert (await steps.find(row.ref)).stage == Stage.PROVED


def upload(data: bytes) -> FormData:
    form = FormData()
    form.add_field("file", data, filename="台帳.csv", content_type="text/csv")
    return form


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
async def test_a_list_makes_applications_that_do_not_work_yet(town: Town, encoding: str) -> None:
    before = await Contact.all().count()
    async with signed_in(town, town.registrar) as keeper:
        answer = await keeper.post("/staff/registry/import", data=upload((HEAD + LINE).encode(encoding)))
        assert answer.url.path == "/staff/registry"
        words = await said(answer)
        assert "1件の申請を作り" in words
        assert "アドレスの確認待ち" in words
    row = await Application.get()
    assert (row.company, row.stage) == ("髙橋電気㈱", Stage.UNPROVED)
    assert await Contact.all().count() == before


async def test_a_faulty_list_registers_nothing_and_names_each_line(town: Town) -> None:
    lines = [
        LINE,
        LINE.replace("髙橋 次郎", ""),
        LINE.replace("jiro@takahashi-denki.example", "jiro"),
        LINE.replace("jiro@takahashi-denki.example", "jiro@gmail.com"),
        LINE,
    ]
    async with signed_in(town, town.registrar) as keeper:
        answer = await keeper.post("/staff/registry/import", data=upload((HEAD + "".join(lines)).encode()))
        assert answer.status == 422
        words = await said(answer)
        for fault in (
            "3行目：氏名",
            "4行目：メールアドレスの形",
            "5行目：フリーメール",
            "6行目：2行目と同じ",
        ):
            assert fault in words
        empty = await keeper.post("/staff/registry/import", data=upload(b""))
        assert empty.status == 422
        # It is no PDF that is wanted here.
        assert "ファイルを選んでください" in (words := await said(empty))
        assert "PDF" not in words
        wide = upload(b"a" * (town.services.policy.list_bytes + 1))
        assert (await keeper.post("/staff/registry/import", data=wide)).status == 413
    assert await Application.all().count() == 0


async def test_an_invited_address_is_asked_again_or_no_more(town: Town) -> None:
    async with signed_in(town, town.registrar) as keeper:
        await keeper.post("/staff/registry/import", data=upload((HEAD + LINE).encode()))
        row = await Application.get()
        assert await buttons(keeper, page(row)) == {"again", "back"}
        answer = await keeper.post(page(row) + "/again")
        assert "確認をお願いするメールを、もう一度送りました" in await said(answer)
        twice = await keeper.post("/staff/registry/import", data=upload((HEAD + LINE).encode()))
        assert twice.status == 422
        assert f"2行目：このアドレスの申請（{row.number}）が進んでいます" in await said(twice)
        answer = await keeper.post(page(row) + "/back")
        assert "台帳の担当が、この申請を取り下げました。" in await said(answer)
        assert await buttons(keeper, page(row)) == set()
        again = await keeper.post("/staff/registry/import", data=upload((HEAD + LINE).encode()))
        assert "1件の申請を作り" in await said(again)
    async with signed_in(town, town.drafter) as drafter:
        newest = await Application.all().order_by("-id").first()
        assert newest is not None
        assert await buttons(drafter, page(newest)) == set()


async def test_the_list_that_is_saved_can_be_opened_by_spreadsheets(town: Town) -> None:
    actors = [staff.actor_of(one) for one in (town.registrar, town.approver)]
    first = town.contacts[0]
    row = await mobiles.put_forward(town.services, actors[0], first, "090-1234-5678", source="本人から")
    await mobiles.approve(town.services, actors[1], row.ref, call_back="登記簿の番号")
    town.clock.forward(hours=24)
    async with signed_in(town, town.drafter) as client:
        answer = await client.get("/staff/registry/list.csv")
        rows = list(csv.reader(io.StringIO((await answer.read()).decode("utf-8-sig"), newline="")))
    assert rows[0][-2:] == ["本人確認の既定", "携帯電話"]
    assert {one[3]: one[-1] for one in rows[1:]}[first.email] == "090-1234-5678"
    assert rows[0][:4] == ["会社名", "役職", "氏名", "メールアドレス"]
    assert [row[3] for row in rows[1:]] == sorted(
        (contact.email for contact in town.contacts), key=[row[3] for row in rows[1:]].index
    )


async def test_an_entry_is_found_corrected_withdrawn_and_ended(town: Town) -> None:
    contact = town.contacts[0]
    here = f"/staff/registry/{contact.ref}"
    async with signed_in(town, town.registrar) as keeper:
        found = await keeper.get("/staff/registry", params={"q": contact.company[:4]})
        assert contact.email in await said(found)
        sought = html.fromstring(await (await keeper.get("/staff/registry?q=存在しない")).text())
        assert "見つかりません" in sought.text_content()
        (form,) = sought.xpath("//form[@role='search']")
        # Applications stand before the entries: the answer is to be in sight.
        assert sought.get_element_by_id(form.get("action").partition("#")[2]).tag == "h2"
        answer = await keeper.post(f"{here}/correct", data={"email": "x@gmail.com"})
        assert answer.status == 422
        assert "フリーメール" in await said(answer)
        answer = await keeper.post(f"{here}/correct", data={"email": "neu@minami-densetsu.example"})
        assert "アドレスの確認待ち" in await said(answer)
        assert (await keeper.post(f"{here}/withdraw", data={"note": ""})).status == 422
        words = await said(await keeper.post(f"{here}/withdraw", data={"note": "電話で申し出"}))
        assert "電子契約の承諾が取りやめられました：電話で申し出" in words
        words = await said(await keeper.post(f"{here}/end", data={"reason": "廃業"}))
        assert "台帳から外しました：廃業" in words
        assert await buttons(keeper, here) == set()


# Mobile numbers


def with_sms(town: Town) -> Town:
    hook = Sms(url="https://sms.example/send", secret=SecretStr("x" * 32))
    settings = town.services.settings.model_copy(update={"sms": hook})
    return replace(town, services=replace(town.services, settings=settings))


async def test_a_mobile_number_is_put_forward_by_one_and_approved_by_another(town: Town) -> None:
    town = with_sms(town)
    place = f"/staff/registry/{town.contacts[0].ref}"
    async with signed_in(town, town.registrar) as keeper:
        assert await buttons(keeper, place) == {"correct", "identity", "mobiles", "withdraw", "end"}
        answer = await keeper.post(f"{place}/mobiles", data={"mobile": "03-1234-5678", "source": "本人"})
        assert answer.status == 422
        assert "03-1234-5678" in await answer.text()
        answer = await keeper.post(
            f"{place}/mobiles", data={"mobile": "０９０１２３４５６７８", "source": "本人"}
        )
        words = await said(answer)
        for sign in (
            "090-1234-5678",
            "承認待ち",
            "別の職員",
            "携帯電話の番号を届け出ました（090-****-5678）",
        ):
            assert sign in words
        assert "approve" not in await buttons(keeper, place)
        row = await Mobile.get()
        answer = await keeper.post(f"{place}/mobiles/{row.ref}/approve", data={"call_back": "自分に電話"})
        assert answer.status == 403
        assert "1件、あなたの" not in await said(await keeper.get("/staff"))
    async with signed_in(town, town.approver) as second:
        assert "1件、あなたの確認か承認を待っています" in await said(await second.get("/staff"))
        assert "携帯電話の番号の承認待ち" in await said(await second.get("/staff/registry"))
        answer = await second.post(f"{place}/mobiles/{row.ref}/approve", data={"call_back": " "})
        assert answer.status == 422
        assert "折り返し確かめた電話番号" in await said(answer)
        answer = await second.post(f"{place}/mobiles/{row.ref}/approve", data={"call_back": "名簿の番号"})
        assert "待機中" in await said(answer)
    town.clock.forward(hours=24)
    async with signed_in(town, town.registrar) as keeper:
        assert "090-1234-5678 使用中" in await said(await keeper.get(place))
        answer = await keeper.post(f"{place}/mobiles/{row.ref}/end", data={"stop": ""})
        assert answer.status == 422
        answer = await keeper.post(f"{place}/mobiles/{row.ref}/end", data={"stop": "番号が変わった"})
        assert "使えなくしました（090-****-5678）：番号が変わった" in await said(answer)
    assert await mobiles.in_use(town.contacts[0].id, now=town.clock()) is None


async def test_a_drafter_puts_a_number_forward_and_an_auditor_does_not(town: Town) -> None:
    town = with_sms(town)
    place = f"/staff/registry/{town.contacts[0].ref}"
    posted = {"mobile": "090-1234-5678", "source": "来庁時に本人から"}
    async with signed_in(town, town.drafter) as drafter:
        assert await buttons(drafter, place) == {"correct", "identity", "mobiles"}
        assert (await drafter.post(f"{place}/mobiles", data=posted)).status == 200
    row = await Mobile.get()
    await Staff.filter(id=town.drafter.id).update(roles=Role.AUDITOR.value)
    async with signed_in(town, town.drafter) as auditor:
        assert await buttons(auditor, place) == set()
        for path in ("", f"/{row.ref}/end"):
            assert (
                await auditor.post(f"{place}/mobiles{path}", data={**posted, "reject": "x"})
            ).status == 403
        assert (
            await auditor.post(f"{place}/mobiles/{row.ref}/approve", data={"call_back": "x"})
        ).status == 403
    await row.refresh_from_db()
    assert (row.approver_id, row.ended_at) == (None, None)


async def test_without_a_hook_nobody_is_asked_for_a_mobile_number(town: Town) -> None:
    async with signed_in(town, town.registrar) as keeper:
        assert "mobiles" not in await buttons(keeper, f"/staff/registry/{town.contacts[0].ref}")


async def test_the_number_of_a_list_is_shown_to_whoever_approves_it(town: Town) -> None:
    async with signed_in(town, town.registrar) as keeper:
        form = FormData({"file": io.BytesIO((HEAD + LINE).encode())})
        await keeper.post("/staff/registry/import", data=form)
        row = await Application.get()
        assert "携帯電話090-1234-5678" in await said(await keeper.get(page(row)))


async def test_what_was_typed_into_an_entry_is_there_again_when_it_cannot_be_taken(town: Town) -> None:
    contact = town.contacts[0]
    entry, text = f"/staff/registry/{contact.ref}", "長い" * 201
    async with signed_in(town, town.registrar) as keeper:
        for form, name in (("end", "reason"), ("withdraw", "note")):
            answer = await keeper.post(f"{entry}/{form}", data={name: text})
            assert answer.status == 422
            tree = html.document_fromstring(await answer.text())
            field = tree.xpath(f"//textarea[@name='{name}']")[0]
            assert field.text_content() == text
            assert next(field.iterancestors("details")).get("open") == ""


async def test_an_entry_that_was_taken_off_meanwhile_is_shown_as_it_stands(town: Town) -> None:
    contact = town.contacts[0]
    entry = f"/staff/registry/{contact.ref}"
    async with signed_in(town, town.registrar) as keeper:
        assert (await keeper.post(f"{entry}/end", data={"reason": "廃業"})).status == 200
        answer = await keeper.post(f"{entry}/end", data={"reason": "廃業"})
        assert answer.status == 409
        words = await said(answer)
        assert "先に変更されています" in words
        assert "登録なし" in words


async def test_an_application_that_somebody_else_has_checked_is_shown_as_it_stands(
    town: Town, row: Application
) -> None:
    await deciding.check(town.services, staff.actor_of(town.registrar), row.ref)
    async with signed_in(town, town.registrar) as keeper:
        answer = await keeper.post(f"{page(row)}/check")
        assert answer.status == 409
        words = await said(answer)
        assert "先に変更されています" in words
        assert "承認待ち" in words


async def test_how_often_an_invitation_is_mailed_a_day_is_said(town: Town) -> None:
    async with signed_in(town, town.registrar) as keeper:
        await keeper.post("/staff/registry/import", data=upload((HEAD + LINE).encode()))
        row = await Application.get()
        for _ in range(town.services.policy.new_links_a_day):
            assert (await keeper.post(page(row) + "/again")).status == 200
        answer = await keeper.post(page(row) + "/again")
        assert answer.status == 429
        text = await answer.text()
        assert "24時間に2回まで" in text
        assert "/again" not in text
