"""The local mail world in the browser, against the real post office."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from typing import Any

import pyotp
import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer

from bot.render import Attachment, Mailbox, build, render
from envelopes.actions.credentials import TOTP
from envelopes.rules import hooks
from envelopes.rules.kinds import Kind
from envelopes.rules.orders import read
from envelopes.rules.policy import Policy
from envelopes.rules.replies import read as commands
from fukan.demo import cast
from fukan.demo.letters import LETTERS, SITE
from fukan.demo.pages import World, create_app
from fukan.demo.post import PostOffice

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
REPLY_SEED = "KRUGKIDROVUWG2ZAMJZG653OEBTG66BA"
APP_SEED = "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U"
NOW = datetime(2026, 8, 4, 5, 21, 8, tzinfo=UTC)
Client = TestClient[Any, Any]


async def _seed(address: str, kind: str) -> str | None:
    if address != cast.NAKAMURA.address:
        return None
    return SEED if kind == TOTP else REPLY_SEED


async def _app(address: str) -> str | None:
    return APP_SEED if address == cast.SATO.address else None


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[PostOffice]:
    office = PostOffice(tmp_path / "post.sqlite3")
    await office.start()
    yield office
    await office.close()


@pytest.fixture
def world(post: PostOffice) -> World:
    return World(
        post=post,
        portal_url="http://127.0.0.1:8000",
        intake=cast.INTAKE,
        seed=_seed,
        app=_app,
        now=lambda: NOW,
    )


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(world))) as made:
        yield made


def _put(post: PostOffice, raw: bytes, address: str = cast.TAKAHASHI.address) -> int:
    post._boxes.add(address, raw)
    return post.mails(address)[0].id


def _letter(**changes: Any) -> bytes:
    values: dict[str, Any] = {
        "sender": Mailbox("みほん村 電子契約", cast.SENDER),
        "recipient": Mailbox("髙橋 一郎 様", cast.TAKAHASHI.address),
        "message_id": "<1@keiyaku.vill-mihon.example>",
        "date": NOW,
        "attachments": (Attachment("契約書①.pdf", "1.pdf", b"%PDF-1.7 body"),),
    }
    return build(render(LETTERS["request_mail"], site=SITE), **{**values, **changes})


def _form(**changes: str | list[str]) -> FormData:
    values: dict[str, str | list[str]] = {
        "clerk": cast.NAKAMURA.address,
        "contractor": cast.TAKAHASHI.address,
        "kind": "契約書",
        "title": "令和8年度 村道北城線 舗装補修工事 請負契約",
        "amount": "12,980,000円（税込）",
        "deadline": "2026-08-31",
        "samples": ["工事請負契約書.pdf", "特記仕様書.pdf"],
        **changes,
    }
    form = FormData(quote_fields=False, default_to_multipart=True)
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            form.add_field(name, one)
    return form


async def _page(client: Client, path: str) -> str:
    response = await client.get(path)
    assert response.status == 200, path
    return await response.text()


async def test_start_page_explains_in_six_lines_and_shows_the_cast(client: Client) -> None:
    page = await _page(client, "/")
    lines = page.split('<ol class="six">')[1].split("</ol>")[0]
    assert lines.count("<li>") == 6
    for person in cast.STAFF:
        assert person.name in page
        assert person.password in page
    for contractor in cast.CONTRACTORS:
        assert contractor.address in page
    for name in ("工事請負契約書.pdf", "特記仕様書.pdf", "請書.pdf"):
        assert name in page


async def test_every_page_says_that_everything_counts_as_authenticated(
    client: Client, post: PostOffice
) -> None:
    number = _put(post, _letter())
    address = cast.TAKAHASHI.address
    for path in (
        "/",
        "/mailboxes",
        f"/mailboxes/{address}",
        f"/mails/{number}",
        "/forward",
        "/authenticator",
        "/phones",
    ):
        assert "すべてのメールを「本人から届いた」とみなします" in await _page(client, path)


async def test_forwarded_document_reaches_the_intake_as_a_readable_order(
    client: Client, post: PostOffice
) -> None:
    form = _form()
    form.add_field("files", b"%PDF-1.4 own", filename="自分の図面①.pdf", content_type="application/pdf")
    response = await client.post("/forward", data=form, allow_redirects=False)
    assert response.status == 303
    assert response.headers["Location"] == f"/mailboxes/{cast.NAKAMURA.address}?sent&wait"
    (summary,) = post.mails(cast.INTAKE)
    mail = message_from_bytes(post.mail(summary.id) or b"", policy=policy.default)
    assert mail["From"].addresses[0].addr_spec == cast.NAKAMURA.address
    names = [part.get_filename() for part in mail.iter_attachments()]
    assert names == ["工事請負契約書.pdf", "特記仕様書.pdf", "自分の図面①.pdf"]
    body = mail.get_body(("plain",))
    assert body is not None
    reading = read(body.get_content(), subject=mail["Subject"], today=NOW.date(), policy=Policy())
    assert reading.problems == ()
    assert reading.kind is Kind.CONTRACT
    assert reading.recipients[0].address == cast.TAKAHASHI.address


@pytest.mark.parametrize("contractor", [person.address for person in cast.CONTRACTORS])
async def test_every_sample_contractor_can_be_written_to(
    client: Client, post: PostOffice, contractor: str
) -> None:
    response = await client.post("/forward", data=_form(contractor=contractor), allow_redirects=False)
    assert response.status == 303
    mail = message_from_bytes(post.mail(post.mails(cast.INTAKE)[0].id) or b"", policy=policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    reading = read(body.get_content(), subject=mail["Subject"], today=NOW.date(), policy=Policy())
    assert reading.problems == ()
    assert [recipient.address for recipient in reading.recipients] == [contractor]


async def test_line_break_in_the_form_becomes_no_header(client: Client, post: PostOffice) -> None:
    await client.post("/forward", data=_form(title="件名\r\nBcc: evil@evil.example\r\n\r\nx"))
    mail = message_from_bytes(post.mail(post.mails(cast.INTAKE)[0].id) or b"", policy=policy.default)
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Fwd: 件名 Bcc: evil@evil.example x"


async def test_form_refuses_people_who_are_not_in_the_cast(client: Client, post: PostOffice) -> None:
    response = await client.post("/forward", data=_form(clerk="stranger@evil.example"))
    assert response.status == 400
    assert (await client.post("/forward", data={"clerk": "x"})).status == 415
    assert post.mails(cast.INTAKE) == []


async def test_silent_post_office_is_said(client: Client, post: PostOffice, world: World) -> None:
    await post.close()
    response = await client.post("/forward", data=_form())
    assert response.status == 503
    assert "送れませんでした" in await response.text()


async def test_mail_page_shows_text_headers_and_attachments(client: Client, post: PostOffice) -> None:
    number = _put(post, _letter())
    page = await _page(client, f"/mails/{number}")
    assert "署名依頼が届いています" in page
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "契約書①.pdf" in page
    assert "2026年8月4日 14:21:08" in page
    assert "X-Auto-Response-Suppress" in page
    assert 'target="_blank"' in page


async def test_html_of_a_mail_stands_under_its_own_strict_policy(client: Client, post: PostOffice) -> None:
    number = _put(post, _letter())
    response = await client.get(f"/mails/{number}/html")
    content_policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in content_policy
    assert content_policy.startswith("sandbox allow-popups ")
    assert "allow-scripts" not in content_policy
    assert "allow-same-origin" not in content_policy
    assert '<base target="_blank">' in await response.text()


async def test_every_mail_can_be_previewed_in_html_and_text(client: Client) -> None:
    index = await _page(client, "/mail-previews")
    assert set(re.findall(r'href="/mail-previews/([^"]+)"', index)) == set(LETTERS)
    for name, letter in LETTERS.items():
        made = render(letter, site=SITE)
        page = await _page(client, f"/mail-previews/{name}")
        assert f'src="/mail-previews/{name}/html" sandbox="allow-popups' in page
        assert unescape(page.split('<pre class="text">')[1].split("</pre>")[0]) == made.text
        html = await client.get(f"/mail-previews/{name}/html")
        assert html.headers["Content-Security-Policy"].startswith("sandbox ")
        assert (await html.text()).replace('<base target="_blank">', "") == made.html
    assert (await client.get("/mail-previews/nothing")).status == 404
    assert (await client.get("/mail-previews/nothing/html")).status == 404


async def test_attachment_and_raw_mail_can_be_saved(client: Client, post: PostOffice) -> None:
    raw = _letter()
    number = _put(post, raw)
    response = await client.get(f"/mails/{number}/parts/2")
    assert await response.read() == b"%PDF-1.7 body"
    assert response.headers["Content-Disposition"] == (
        "attachment; filename*=UTF-8''%E5%A5%91%E7%B4%84%E6%9B%B8%E2%91%A0.pdf"
    )
    whole = await client.get(f"/mails/{number}.eml")
    assert await whole.read() == raw
    assert whole.content_type == "message/rfc822"


async def test_text_only_mail_has_a_link_to_press(client: Client, post: PostOffice) -> None:
    number = _put(post, _letter(plain_only=True, attachments=()), cast.YAMADA.address)
    page = await _page(client, f"/mails/{number}")
    assert "iframe" not in page
    assert re.search(r'<a href="https://keiyaku\.vill-mihon\.example/s/[^"]+"[^>]*target="_blank"', page)
    assert (await client.get(f"/mails/{number}/html")).status == 404


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no header at all",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x",
        b"Content-Type: text/plain; charset=x-nonsense\r\nSubject: =?x-nonsense?B?gA==?=\r\n\r\n\x80\xff",
        b"Date: yesterday\r\nDate: Tue, 4 Aug 2026 05:21:08 -0000\r\n\r\nx",
        b"Date: Tue, 4 Aug 2026 05:21:08 -0000\r\n\r\nx",
        b"Date: Tue, 40 Aug 0001 25:00:00 +9999\r\n\r\nx",
        b"Date: Fri, 31 Dec 9999 23:59:59 -0000\r\n\r\nx",
        b"Date: Mon, 1 Jan 0001 00:00:00 +0900\r\n\r\nx",
        b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nbody",
        b"Content-Disposition: attachment; filename*=x-nonsense''%80.pdf\r\n\r\nx",
    ],
)
async def test_odd_mails_are_shown_all_the_same(client: Client, post: PostOffice, raw: bytes) -> None:
    assert await _page(client, f"/mails/{_put(post, raw)}")


async def test_mail_cannot_put_markup_into_the_pages(client: Client, post: PostOffice) -> None:
    raw = b"Subject: <script>alert(1)</script>\r\nFrom: <b>x</b>\r\n\r\n<img src=x> javascript:alert(1)"
    number = _put(post, raw)
    for path in (f"/mails/{number}", f"/mailboxes/{cast.TAKAHASHI.address}"):
        page = await _page(client, path)
        assert "<script" not in page
        assert "<img src=x>" not in page
        assert 'href="javascript' not in page


async def test_carrier_mailbox_opens_with_or_without_quotes(client: Client, post: PostOffice) -> None:
    _put(post, _letter(), cast.YAMADA.address)
    for address in (cast.YAMADA.address, '"yamada..zouen."@docomo.ne.jp'):
        page = await _page(client, f"/mailboxes/{address}")
        assert "山田 太郎（山田造園）" in page
        assert "署名依頼が届いています" in page


async def test_authenticator_shows_the_digits_of_the_moment(client: Client) -> None:
    page = await _page(client, "/authenticator")
    code = pyotp.TOTP(SEED).at(NOW)
    assert f"{code[:3]} {code[3:]}" in page
    reply = pyotp.TOTP(REPLY_SEED).at(NOW)
    assert f"{reply[:3]} {reply[3:]}" in page
    assert '<noscript><meta http-equiv="refresh" content="23"></noscript>' in page
    assert 'data-refresh="23"' in page
    assert page.count("まだ設定されていません") == 2 * (len(cast.STAFF) - 1)


async def test_staff_reply_to_a_mail_and_others_do_not(client: Client, post: PostOffice) -> None:
    told = EmailMessage()
    told["From"], told["To"] = cast.SENDER, f"中村 美咲 <{cast.NAKAMURA.address}>"
    told["Reply-To"] = cast.INTAKE.replace("@", "+r.abc-1-def@")
    told["Subject"], told["Message-ID"], told["References"] = "[D-0001] 受け付けました", "<b@x>", "<a@x>"
    told.set_content("下書きを作りました。\n送信 123456\n")
    number = _put(post, told.as_bytes(), cast.NAKAMURA.address)
    assert "中村 美咲さんとして返信する" in await _page(client, f"/mails/{number}")
    answer = await client.post(f"/mails/{number}/reply", data={"words": "送信 483920"}, allow_redirects=False)
    assert answer.headers["Location"] == f"/mailboxes/{cast.NAKAMURA.address}?sent&wait"
    raw = post.mail(post.mails(cast.INTAKE)[0].id) or b""
    mail = message_from_bytes(raw, policy=policy.default)
    assert (mail["To"], mail["Subject"]) == (told["Reply-To"], "Re: [D-0001] 受け付けました")
    assert (mail["In-Reply-To"], mail["References"]) == ("<b@x>", "<a@x> <b@x>")
    body = mail.get_body(("plain",))
    assert body is not None
    assert [one.code for one in commands(body.get_content()).commands] == ["483920"]
    told.replace_header("Reply-To", "kensetsu@vill-mihon.example")
    number = _put(post, told.as_bytes(), cast.NAKAMURA.address)
    assert "返信する" not in await _page(client, f"/mails/{number}")
    assert (await client.post(f"/mails/{number}/reply", data={"words": "x"})).status == 404


async def test_names_that_are_not_loopback_are_refused(client: Client) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example:8025", "192.0.2.1"):
        assert (await client.get("/", headers={"Host": host})).status == 403
    assert (await client.get("/", headers={"Host": "localhost:8025"})).status == 200
    assert (await client.get("/", headers={"Host": "[::1]:8025"})).status == 200


async def test_form_posted_by_another_site_is_refused(client: Client, post: PostOffice) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}):
        assert (await client.post("/forward", data=_form(), headers=headers)).status == 403
    assert post.mails(cast.INTAKE) == []


async def test_every_answer_carries_the_headers(client: Client) -> None:
    for path in ("/", "/missing", "/mails/999", "/static/demo.css", "/samples/nothing.pdf"):
        response = await client.get(path)
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "same-origin"


async def test_pages_have_no_inline_code_and_load_nothing_from_elsewhere(
    client: Client, post: PostOffice
) -> None:
    number = _put(post, _letter())
    for path in ("/", "/mailboxes", f"/mails/{number}", "/forward", "/authenticator"):
        page = await _page(client, path)
        assert not re.search(
            r"<script(?! type=\"module\" src=\"/static/)|<style|\sstyle=|\son\w+=|src=\"http", page
        )


async def test_samples_and_style_are_served(client: Client) -> None:
    response = await client.get("/samples/請書.pdf")
    assert response.content_type == "application/pdf"
    assert (await response.read()).startswith(b"%PDF-")
    for name in ("app.css", "demo.css", "demo.js", "icon.svg"):
        assert (await client.get(f"/static/{name}")).status == 200
    assert (await client.get("/static/..%2fpages.py")).status == 404


def test_world_is_a_value(world: World) -> None:
    assert replace(world, portal_url="http://127.0.0.1:9000") != world


async def test_an_sms_that_the_service_signed_is_on_its_phone_once(client: Client, world: World) -> None:
    data = hooks.body({"id": "A", "to": cast.TAKAHASHI.mobile, "text": "確認コード 246810"})
    assert "まだ届いていません" in await _page(client, "/phones")
    forged = hooks.headers("another" * 8, data, key="A", timestamp=1)
    assert (await client.post("/sms", data=data, headers=forged)).status == 401
    signed = hooks.headers(world.phones.secret, data, key="A", timestamp=1)
    for _ in range(2):
        assert (await client.post("/sms", data=data, headers=signed)).status == 204
    page = await _page(client, "/phones")
    assert page.count("確認コード 246810") == 1
    assert "090-1234-5678" in page


async def test_a_contractor_s_phone_shows_the_digits_of_his_own_app(client: Client) -> None:
    page = await _page(client, "/phones")
    code = pyotp.TOTP(APP_SEED).at(NOW)
    (his,) = [phone for phone in page.split("<li>") if f"{code[:3]} {code[3:]}" in phone]
    assert cast.SATO.name in his
    assert page.count("まだ設定されていません") == len(cast.CONTRACTORS) - 1
