"""The form on which contractors register an address: its way, its errors, and what it keeps where."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import ClientResponse, DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application as WebApplication
from aiohttp.web import Request
from lxml import html  # type: ignore[import-untyped]

from envelopes.actions import registry, staff
from envelopes.actions.applications import deciding, doors, proving
from envelopes.records.database import unit
from envelopes.records.models import Application, Contact, Delivery
from envelopes.records.models import Task as TaskRow
from envelopes.rules import codes, terms
from envelopes.rules.applications import COMPANY_CHARACTERS, NAME_CHARACTERS, Stage, Wish
from envelopes.rules.policy import hours
from envelopes.rules.returns import DeliveryState
from envelopes.rules.states import Task
from portal.app import create_app
from tests.engines import Town

pytestmark = pytest.mark.engines
Client = TestClient[Request, WebApplication]

TYPED = (
    ("company", {"company": "南アルプス電設株式会社"}),
    ("person", {"office": "代表取締役", "person": "南 一郎"}),
    ("address", {"email": "minami@minami-densetsu.example", "previous": ""}),
    ("terms", {"agree": "yes", "version": terms.VERSION}),
)


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(town.services))) as made:
        yield made


async def fill(client: Client, *, until: str = "check", **changed: str) -> ClientResponse:
    """Answer the questions in order and stop at the page *until*."""
    answer = await client.get("/register/company")
    for name, values in TYPED:
        if name == until:
            break
        said = {field: changed.get(field, value) for field, value in values.items()}
        answer = await client.post(f"/register/{name}", data={**said, **extra(name, changed)})
    return answer


def extra(name: str, changed: dict[str, str]) -> dict[str, str]:
    return {"reason": changed["reason"]} if name == "address" and "reason" in changed else {}


async def said(answer: ClientResponse) -> str:
    tree = html.document_fromstring(await answer.text())
    return " ".join(tree.xpath("//main")[0].text_content().split())


async def digits(town: Town) -> str:
    row = await Application.all().order_by("-id").first()
    assert row is not None
    return codes.make(town.services.code_key, proving.code_subject(row), row.serial)


async def test_a_code_that_came_back_is_told_and_a_new_one_has_not_come_back(
    town: Town, client: Client
) -> None:
    await fill(client)
    words = await said(await client.post("/register/check"))
    row = await Application.all().order_by("-id").first()
    assert row is not None
    task = await TaskRow.get(kind=Task.APPLICATION_CODE_MAIL.value)
    now = town.clock()
    mail = await Delivery.create(
        ref=town.services.ref(),
        task_id=task.id,
        mail=task.kind,
        recipient=row.email,
        recipient_look_up=row.email_look_up,
        message_id="<1@mihon.example>",
        state=DeliveryState.DELAYED.value,
        created_at=now,
        updated_at=now,
    )
    told = "このアドレスに届きませんでした"
    assert "まだ届けられていません" in await said(await client.get("/register/code"))
    await Delivery.filter(id=mail.id).update(state=DeliveryState.FAILED.value)
    assert told not in words
    assert told in await said(await client.get("/register/code"))
    town.clock.forward(minutes=2)
    words = await said(await client.post("/register/code"))
    assert told not in words
    assert "新しいコードを送りました" in words


async def test_the_form_leads_to_a_number(town: Town, client: Client) -> None:
    front = await said(await client.get("/"))
    assert "契約に使うメールアドレスを登録する" in front
    answer = await fill(client)
    assert answer.url.path == "/register/check"
    words = await said(answer)
    assert "南アルプス電設株式会社" in words
    assert "minami@minami-densetsu.example" in words
    answer = await client.post("/register/check")
    assert answer.url.path == "/register/code"
    assert "minami-densetsu.example" not in await answer.text()
    answer = await client.post("/register/verify", data={"code": await digits(town)})
    assert answer.url.path == "/register/done"
    row = await Application.get()
    assert row.number in await said(answer)
    assert (row.stage, row.person, row.terms_version) == (Stage.PROVED, "南 一郎", terms.VERSION)


async def test_a_mobile_number_is_asked_for_where_sms_can_be_sent_and_need_not_be_given(
    town: Town, client: Client
) -> None:
    await fill(client, until="terms")
    assert (await client.get("/register/mobile")).url.path == "/register/terms"
    settings = town.engine.settings(sms={"url": "https://sms.example/send", "secret": "x" * 32})
    texting = replace(town.services, settings=settings)
    async with TestClient(TestServer(create_app(texting))) as phone:
        assert (await fill(phone, until="terms")).url.path == "/register/mobile"
        answer = await phone.post("/register/mobile", data={"mobile": "03-1234-5678"})
        assert answer.status == 422
        assert "4 / 6" in await said(answer)
        answer = await phone.post("/register/mobile", data={"mobile": ""})
        assert answer.url.path == "/register/terms"
        answer = await phone.post("/register/terms", data=TYPED[-1][1])
        assert answer.url.path == "/register/check"
        answer = await phone.post("/register/mobile?change=1", data={"mobile": "０９０ー１２３４ー５６７８"})
        assert "090-1234-5678" in await said(answer)
        await phone.post("/register/check")
    row = await Application.get()
    assert row.mobile == "+819012345678"


async def test_back_shows_what_was_typed_and_a_change_returns_to_the_last_page(client: Client) -> None:
    await fill(client)
    tree = html.document_fromstring(await (await client.get("/register/person")).text())
    assert tree.xpath("//input[@name='person']/@value") == ["南 一郎"]
    answer = await client.post("/register/person?change=1", data={"office": "社長", "person": "南 二郎"})
    assert answer.url.path == "/register/check"
    words = await said(answer)
    assert ("南 二郎" in words, "南 一郎" in words) == (True, False)


async def test_a_later_page_leads_to_the_first_question_that_is_open(client: Client) -> None:
    answer = await client.get("/register/terms")
    assert (answer.url.path, answer.url.query_string) == ("/register", "again=1")
    assert "Cookie" in await said(answer)
    await fill(client, until="person")
    assert (await client.get("/register/check")).url.path == "/register/person"


async def test_back_from_the_code_leads_to_the_code_and_a_new_beginning_stays_open(client: Client) -> None:
    await fill(client)
    await client.post("/register/check")
    for page in ("person", "terms", "check"):
        assert (await client.get(f"/register/{page}")).url.path == "/register/code"
        assert (await client.post(f"/register/{page}")).url.path == "/register/code"
    assert await Application.all().count() == 1
    assert (await client.get("/register/company")).url.path == "/register/company"
    assert (await fill(client, company="別の会社")).url.path == "/register/check"


async def test_a_browser_that_takes_no_cookies_is_told_so_in_place_of_a_code(town: Town) -> None:
    jar = DummyCookieJar()
    async with TestClient(TestServer(create_app(town.services)), cookie_jar=jar) as client:
        answer = await client.post("/register/withdraw", data={"email": town.contacts[0].email})
        assert (answer.url.path, answer.url.query_string) == ("/register", "again=1")
        words = await said(answer)
        assert "Cookieが使えない設定になっています" in words
        assert "承諾を取りやめる" in words


async def test_nothing_personal_is_stored_before_the_code_or_stands_in_a_cookie(
    town: Town, client: Client
) -> None:
    await fill(client)
    assert await Application.all().count() == 0
    kept = [one.value for one in client.session.cookie_jar if one.key.endswith("fukan-registration")]
    assert len(kept) == 1
    assert not re.search("minami|南", kept[0])
    await client.post("/register/check")
    dump = await town.engine.dump()
    for secret in ("minami@", "南 一郎"):
        assert secret not in dump


async def test_the_longest_answers_fit_into_a_cookie(town: Town, client: Client) -> None:
    longest = {
        "company": "髙" * COMPANY_CHARACTERS,
        "office": "﨑" * NAME_CHARACTERS,
        "person": "邊" * NAME_CHARACTERS,
        "email": f"{'a' * 60}@gmail.com",
        "previous": f"{'b' * 60}@{'c' * 60}.{'d' * 60}.example",
        "reason": "瀨" * town.services.policy.reason_characters,
    }
    assert (await fill(client, **longest)).url.path == "/register/check"
    (kept,) = [one for one in client.session.cookie_jar if one.key.endswith("fukan-registration")]
    # RFC 6265 6.1: browsers keep 4096 bytes of name, value and attributes.
    assert len(kept.OutputString()) < 4096


@pytest.mark.parametrize("change", ["x", ""])
async def test_a_cookie_that_was_altered_is_none(client: Client, change: str) -> None:
    await fill(client)
    (kept,) = [one for one in client.session.cookie_jar if one.key.endswith("fukan-registration")]
    client.session.cookie_jar.update_cookies({kept.key: kept.value[:-6] + change}, client.make_url("/"))
    assert (await client.get("/register/check")).url.path == "/register"


async def test_what_was_typed_is_forgotten_after_an_hour(town: Town, client: Client) -> None:
    await fill(client)
    town.clock.forward(minutes=61)
    assert (await client.get("/register/check")).url.path == "/register"


async def test_the_number_is_there_after_an_hour_and_nobody_is_told_to_begin_again(
    town: Town, client: Client
) -> None:
    await fill(client)
    await client.post("/register/check")
    town.clock.forward(minutes=61)
    answer = await client.get("/register/code")
    assert answer.url.path == "/register/code"
    await client.post("/register/code")
    await client.post("/register/verify", data={"code": await digits(town)})
    town.clock.forward(hours=5)
    answer = await client.get("/register/done")
    assert answer.url.path == "/register/done"
    assert (await Application.get()).number in await said(answer)
    town.clock.forward(hours=25)
    assert (await client.get("/register/done")).url.path == "/register"


async def test_who_mistyped_the_address_finds_the_way_back_beside_the_code(
    town: Town, client: Client
) -> None:
    await fill(client)
    await client.post("/register/check")
    assert "/register" in await links(await client.get("/register/code"))
    answer = await client.post("/register/withdraw", data={"email": "ichiro@takahashi-kensetsu.example"})
    assert "/register/withdraw" in await links(answer)
    invited = await invitation(town)
    await client.post(invited, data={"version": terms.VERSION, "agree": "yes"})
    answer = await client.get(f"{invited}/code")
    assert "もう一度はじめから" not in await said(answer)
    assert "へご連絡ください" in await said(answer)


async def test_no_code_is_offered_before_the_invited_has_agreed(town: Town, client: Client) -> None:
    invited = await invitation(town)
    assert (await client.get(f"{invited}/code")).url.path == invited
    answer = await client.post(f"{invited}/code")
    assert (answer.status, answer.url.path) == (200, invited)
    assert (await Application.get()).serial == 0


async def links(answer: ClientResponse) -> list[str]:
    """Where the links of a page lead."""
    return [str(one) for one in html.document_fromstring(await answer.text()).xpath("//main//a/@href")]


async def invitation(town: Town) -> str:
    """The link of an address that staff have put forward."""
    wish = Wish(company="南アルプス電設株式会社", person="南 一郎", email="minami@minami-densetsu.example")
    (row,) = await doors.put_forward(town.services, staff.actor_of(town.registrar), [wish])
    return "/r/" + proving.link(town.services, row).rpartition("/")[2]


async def problem(client: Client, **changed: str) -> str:
    answer = await fill(client, until="terms", **changed)
    assert answer.status == 422
    tree = html.document_fromstring(await answer.text())
    assert tree.xpath("//*[@role='alert']")
    return " ".join(tree.xpath("//*[@class='err']")[0].text_content().split())


@pytest.mark.parametrize(
    ("email", "words"),
    [
        ("", "メールアドレスを入力してください"),
        ("minami", "メールアドレスの形が正しくありません"),
        ("南@minami.example", "全角文字が入っています"),
        ("minami@gmial.com", "もしかして minami@gmail.com ですか"),
        ("minami@gmail.com", "フリーメールの登録には理由が必要です"),
        ("minami@docomo.ne.jp", "携帯会社のアドレスの登録には理由が必要です"),
    ],
)
async def test_each_slip_in_the_address_is_told_with_the_way_out(
    client: Client, email: str, words: str
) -> None:
    assert words in await problem(client, email=email)


async def test_full_width_letters_become_half_width(client: Client) -> None:
    answer = await fill(client, email="ｍｉｎａｍｉ＠ｍｉｎａｍｉ－ｄｅｎｓｅｔｓｕ．ｅｘａｍｐｌｅ")
    assert "minami@minami-densetsu.example" in await said(answer)


async def test_a_suggestion_can_be_taken_or_left(client: Client) -> None:
    typed = {"email": "minami@gmial.com", "previous": "", "as_typed": "minami@gmial.com"}
    await fill(client, until="address")
    assert (await client.post("/register/address", data=typed)).url.path == "/register/terms"
    taken = {**typed, "use": "minami@gmail.com", "reason": "会社のアドレスがない"}
    assert (await client.post("/register/address", data=taken)).url.path == "/register/terms"
    await client.post("/register/terms", data={"agree": "yes", "version": terms.VERSION})
    assert "minami@gmail.com" in await said(await client.get("/register/check"))


async def test_a_carriers_address_is_met_with_help(client: Client) -> None:
    await fill(client, until="address")
    data = {"email": "minami@docomo.ne.jp", "previous": ""}
    words = await said(await client.post("/register/address", data=data))
    assert "指定受信リスト" in words
    assert "大きな文書は、メールに添付されません" in words
    reason = {**data, "reason": "現場にいることが多い"}
    assert (await client.post("/register/address", data=reason)).url.path == "/register/terms"


async def test_the_numbers_on_the_pages_are_those_of_the_policy(town: Town) -> None:
    rules = replace(
        town.services.policy, reason_characters=123, registration_codes_a_day=7, address_wait=hours(37)
    )
    async with TestClient(TestServer(create_app(replace(town.services, policy=rules)))) as client:
        await fill(client, until="address")
        free = {"email": "minami@gmail.com", "previous": ""}
        assert "123字まで" in await said(await client.post("/register/address", data=free))
        await fill(client)
        assert "1日7回まで" in await said(await client.post("/register/check"))
        words = await said(await client.post("/register/verify", data={"code": await digits(town)}))
        assert "承認から37時間たつと" in words


async def test_without_the_tick_nothing_goes_on(client: Client) -> None:
    await fill(client, until="terms")
    answer = await client.post("/register/terms", data={"version": terms.VERSION})
    assert answer.status == 422
    assert "同意の欄にチェックを入れてください" in await said(answer)
    answer = await client.post("/register/terms", data={"version": "2001-01", "agree": "yes"})
    assert "もう一度お読みください" in await said(answer)


async def test_who_reads_english_is_shown_both_and_the_record_says_so(town: Town, client: Client) -> None:
    await fill(client, until="terms")
    page = await (await client.get("/register/terms?lang=en")).text()
    tree = html.document_fromstring(page)
    assert tree.get("lang") == "en"
    assert tree.xpath("//main//div[@lang='ja']//li")
    version = tree.xpath("//input[@name='version']/@value")[0]
    await client.post("/register/terms", data={"agree": "yes", "version": version})
    await client.post("/register/check")
    row = await Application.get()
    assert (row.terms_version, row.language) == ("2026-11+en-1", "en")
    assert row.terms is not None
    assert [one.language for one in terms.from_kept(row.terms)] == ["en", "ja"]


async def test_the_fourth_code_of_a_day_is_refused_with_the_number_to_call(
    town: Town, client: Client
) -> None:
    for _ in range(3):
        await fill(client)
        assert (await client.post("/register/check")).url.path == "/register/code"
    await fill(client)
    answer = await client.post("/register/check")
    assert answer.status == 429
    assert "送信回数の上限" in await said(answer)


async def test_wrong_codes_are_counted_down_and_a_known_address_is_told_only_then(
    town: Town, client: Client
) -> None:
    known = town.contacts[0].email
    answer = await fill(client, email=known)
    assert answer.url.path == "/register/check"
    answer = await client.post("/register/check")
    assert answer.url.path == "/register/code"
    right = await digits(town)
    wrong = "000000" if right != "000000" else "000001"
    assert "残り4回" in await said(await client.post("/register/verify", data={"code": wrong}))
    assert "6けたの数字で" in await said(await client.post("/register/verify", data={"code": "12"}))
    answer = await client.post("/register/verify", data={"code": right})
    assert "別の事業者が登録しています" in await said(answer)


async def test_looking_changes_nothing(town: Town, client: Client) -> None:
    await fill(client)
    await client.post("/register/check")
    before = await town.engine.dump()
    for page in ("", "/company", "/person", "/address", "/terms", "/check", "/code", "/done"):
        await client.get(f"/register{page}")
        await client.head(f"/register{page}")
    assert await town.engine.dump() == before


async def test_an_invited_address_agrees_and_proves_itself(town: Town, client: Client) -> None:
    wish = Wish(company="南アルプス電設株式会社", person="南 一郎", email="minami@minami-densetsu.example")
    keeper = staff.actor_of(town.registrar)
    (row,) = await doors.put_forward(town.services, keeper, [wish])
    link = "/r/" + proving.link(town.services, row).rpartition("/")[2]
    page = await client.get(link)
    assert "南アルプス電設株式会社" in await said(page)
    assert "minami-densetsu.example" not in await page.text()
    assert (await client.post(link, data={"version": terms.VERSION})).status == 422
    answer = await client.post(link, data={"version": terms.VERSION, "agree": "yes"})
    assert answer.url.path == f"{link}/code"
    answer = await client.post(f"{link}/verify", data={"code": await digits(town)})
    assert answer.url.path == f"{link}/done"
    assert (await Application.get(id=row.id)).stage == Stage.CHECKED
    assert (await client.get(link)).url.path == f"{link}/done"
    assert (await client.get(link[:-1] + ("A" if link[-1] != "A" else "B"))).status == 404


async def test_an_invitation_that_was_taken_back_says_so(town: Town, client: Client) -> None:
    wish = Wish(company="南アルプス電設株式会社", person="南 一郎", email="minami@minami-densetsu.example")
    keeper = staff.actor_of(town.registrar)
    (row,) = await doors.put_forward(town.services, keeper, [wish])
    await deciding.take_back(town.services, keeper, row.ref)
    link = "/r/" + proving.link(town.services, row).rpartition("/")[2]
    for page in ("", "/code", "/done"):
        answer = await client.get(link + page)
        assert answer.status == 410
        assert "取りやめになりました。あなたが行うことはありません。" in await said(answer)


async def test_who_comes_back_is_told_what_was_decided(town: Town, client: Client) -> None:
    keeper, approver = staff.actor_of(town.registrar), staff.actor_of(town.approver)

    async def apply() -> Application:
        client.session.cookie_jar.clear()
        await fill(client)
        await client.post("/register/check")
        await client.post("/register/verify", data={"code": await digits(town)})
        made = await Application.all().order_by("-id").first()
        assert made is not None
        return made

    row = await apply()
    await deciding.send_back(town.services, keeper, row.ref, reason="会社名が登記と違います。")
    words = await said(await client.get("/register/code"))
    assert "登録できませんでした" in words
    assert "会社名が登記と違います。" in words
    assert "もう一度登録できます" in words
    assert "受け付けました" not in words
    town.clock.forward(hours=1)
    row = await apply()
    await deciding.check(town.services, keeper, row.ref)
    contact = await deciding.approve(town.services, approver, row.ref, call_back="電話で確かめた")
    words = await said(await client.get("/register/done"))
    assert "登録は承認されました" in words
    assert "から、このアドレスに署名の依頼をお送りできます" in words
    assert "このあとの流れ" not in words
    await registry.end(town.services, keeper, contact.ref, reason="廃業")
    assert "登録は終わりました" in await said(await client.get("/register/done"))


async def test_who_proved_an_address_that_was_called_off_is_told_so(town: Town, client: Client) -> None:
    drafter = staff.actor_of(town.drafter)
    row = await doors.correct(
        town.services, drafter, town.contacts[0], email="minami@minami-densetsu.example"
    )
    link = "/r/" + proving.link(town.services, row).rpartition("/")[2]
    await client.post(link, data={"version": terms.VERSION, "agree": "yes"})
    await client.post(f"{link}/verify", data={"code": await digits(town)})
    row = await Application.get(id=row.id)
    await unit(lambda connection: deciding.call_off(connection, row, actor=drafter, now=town.clock()))
    words = await said(await client.get(link))
    assert "登録できませんでした" in words
    assert "もとになった申し出が取り下げられたか" in words
    assert "もう一度登録できます" not in words


async def test_a_domain_that_takes_no_mail_is_told(town: Town) -> None:
    async def receives(domain: str) -> bool:
        return domain != "nomail.example"

    services = replace(town.services, receives=receives)
    async with TestClient(TestServer(create_app(services))) as client:
        assert "このドメインはメールを受け取れません" in await problem(client, email="a@nomail.example")
        await fill(client, until="address")
        answer = await client.post("/register/address", data={"email": "a@mail.example", "previous": ""})
        assert answer.url.path == "/register/terms"


async def test_the_consent_is_taken_back_with_a_code(town: Town, client: Client) -> None:
    contact = town.contacts[0]
    start = html.document_fromstring(await (await client.get("/register")).text())
    assert "/register/withdraw" in start.xpath("//main//a/@href")
    assert (await client.post("/register/withdraw", data={"email": "x"})).status == 422
    for email, words in (
        (contact.email, "取りやめを受け付けました"),
        ("no@one.example", "登録されていません"),
    ):
        answer = await client.post("/register/withdraw", data={"email": email})
        assert answer.url.path == "/register/code"
        assert "承諾の取りやめ" in await said(answer)
        answer = await client.post("/register/verify", data={"code": await digits(town)})
        assert words in await said(answer)
    assert (await Contact.get(id=contact.id)).withdrawn_at is not None
