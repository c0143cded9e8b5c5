"""The tour's browser: reads a page as a person uses it, and sends what a browser sends."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from fukan.demo.browser import Browser, UnexpectedPage, read

PAGE = """<!doctype html><title>t</title><h1>件 <b>名</b></h1><span class="chip act">下書き</span>
<a href="/1"><span>契約書</span> <span>PDF</span></a><img src="/i.webp" alt="">
<form method="post" action="/go?x=1&amp;y=2">
<input type="hidden" name="version" value="3">
<input name="code" value=""><input name="off" value="no" disabled>
<input type="radio" name="who" id="a" value="A" checked><label for="a">甲</label>
<input type="radio" name="who" id="b" value="B"><label for="b">乙</label>
<input type="radio" name="who" id="c" value="C" disabled><label for="c">丙</label>
<input type="checkbox" name="ack" value="1" id="k"><label for="k">確かめた</label>
<button type="submit">送る</button></form>
<form action="/other"><button>やめる</button></form>"""


def test_a_page_is_read_as_a_person_sees_it() -> None:
    page = read(PAGE, url="http://127.0.0.1/", status=200)
    assert (page.heading, page.chip) == ("件 名", "下書き")
    assert page.images == ("/i.webp",)
    assert page.link("契約書").href == "/1"
    form = page.form(button="送る")
    assert (form.method, form.action) == ("post", "/go?x=1&y=2")
    assert form.fields == {"version": "3", "code": ""}
    assert [(one.value, one.words, one.chosen) for one in form.choices] == [
        ("A", "甲", True),
        ("B", "乙", False),
        ("1", "確かめた", False),
    ]


def test_a_form_is_found_by_its_button_or_its_field() -> None:
    page = read(PAGE, url="http://127.0.0.1/", status=200)
    assert page.form(having="who") == page.form(button="送る")
    assert page.form(button="やめる").action == "/other"
    assert not page.has_form(having="off")


def test_what_is_missing_is_said_with_the_heading_and_without_the_address() -> None:
    page = read(PAGE, url="http://127.0.0.1/s/secret-token", status=200)
    with pytest.raises(UnexpectedPage) as caught:
        page.form(button="署名する")
    assert "件 名" in str(caught.value)
    assert "secret-token" not in str(caught.value)


async def test_a_form_goes_with_what_was_preset_the_cookie_and_its_origin() -> None:
    seen: list[tuple[dict[str, str], str, str]] = []

    async def show(_: web.Request) -> web.Response:
        response = web.Response(text=PAGE, content_type="text/html")
        response.set_cookie("session", "mine", httponly=True, samesite="Lax")
        return response

    async def go(request: web.Request) -> web.Response:
        posted = {name: str(value) for name, value in (await request.post()).items()}
        seen.append((posted, request.cookies["session"], request.headers["Origin"]))
        raise web.HTTPSeeOther("/")

    app = web.Application()
    app.add_routes([web.get("/", show), web.post("/go", go)])
    async with TestServer(app) as server, Browser("test") as browser:
        page = await browser.open(str(server.make_url("/")))
        page = await browser.submit(page, page.form(button="送る"), code="123456", who="B")
        assert page.heading == "件 名"
        site = str(server.make_url("")).rstrip("/")
    ((posted, cookie, origin),) = seen
    assert posted == {"version": "3", "code": "123456", "who": "B"}
    assert cookie == "mine"
    assert origin == site


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (
            "attachment; filename=\"document.pdf\"; filename*=UTF-8''%E5%9B%B3%E9%9D%A2%E2%91%A0.pdf",
            "図面①.pdf",
        ),
        ('attachment; filename="document.pdf"', "document.pdf"),
        ("", ""),
    ],
)
async def test_a_file_is_named_by_the_server_and_never_by_the_link(disposition: str, name: str) -> None:
    async def show(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def give(_: web.Request) -> web.Response:
        headers = {"Content-Disposition": disposition} if disposition else {}
        return web.Response(body=b"%PDF-", content_type="application/pdf", headers=headers)

    app = web.Application()
    app.add_routes([web.get("/", show), web.get("/1", give)])
    async with TestServer(app) as server, Browser("test") as browser:
        page = await browser.open(str(server.make_url("/")))
        assert await browser.save(page, page.link("契約書").href) == (b"%PDF-", "application/pdf", name)


async def test_an_error_page_and_silence_are_said() -> None:
    app = web.Application()
    async with TestServer(app) as server, Browser("test") as browser:
        with pytest.raises(UnexpectedPage, match="404"):
            await browser.open(str(server.make_url("/nothing")))
        url = str(server.make_url("/"))
    async with Browser("test") as browser:
        with pytest.raises(UnexpectedPage, match="応答しません"):
            await browser.open(url)
