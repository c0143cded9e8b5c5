"""The town's own face: a colour that can be read, a mark that does nothing, both under the strict policy."""

import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from pydantic import ValidationError

from envelopes.settings import SettingsFaulty, Town
from portal import face, pages
from portal.app import create_app
from portal.views import Mark
from tests import engines
from tests.portal.samples import SAMPLES, SITE
from tests.portal.test_templates import CSS_LIMIT

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 32"{more}>{inside}</svg>'
CREST = SVG.format(more="", inside='<circle cx="16" cy="16" r="15" fill="url(#a)"/><use href="#b"/>')
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 96, 32) + b"\x08\x06\x00\x00\x00"


def town(folder: Path, body: bytes | str, name: str = "mark.svg") -> Town:
    place = folder / name
    place.write_bytes(body if isinstance(body, bytes) else body.encode())
    return Town(mark=place)


@pytest.fixture
async def client(town: engines.Town, tmp_path: Path) -> AsyncIterator[TestClient[Request, Application]]:
    """A portal with a face of its own."""
    place = tmp_path / "mark.svg"
    place.write_text(CREST)
    own = town.services.settings.town.model_copy(update={"colour": "#7a1f3d", "mark": place})
    services = replace(town.services, settings=town.services.settings.model_copy(update={"town": own}))
    async with TestClient(TestServer(create_app(services))) as made:
        yield made


async def test_pages_have_the_towns_colour_and_mark(client: TestClient[Request, Application]) -> None:
    page = await (await client.get("/")).text()
    assert 'width="64" height="32" alt=""' in page
    for name, kind, part in (("face", "text/css", "--main:#7a1f3d"), ("mark", "image/svg+xml", "<circle")):
        address = next(one for one in page.split('"') if one.startswith(f"/static/{name}."))
        answer = await client.get(address)
        assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (200, kind)
        assert part in await answer.text()
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert address not in pages.render(SAMPLES["landing"], site=SITE)


@pytest.mark.parametrize("colour", ["#0017C1", "#7a1f3d", "#6b6b6b", "#000000"])
def test_a_colour_that_can_be_read_is_taken(colour: str) -> None:
    assert Town(colour=colour).colour == colour.lower()


@pytest.mark.parametrize(("colour", "instead"), [("#ff8800", "#a"), ("#ffffff", "#6"), ("#777777", "#6")])
def test_a_colour_that_cannot_be_read_is_refused_with_one_that_can(colour: str, instead: str) -> None:
    with pytest.raises(ValidationError) as told:
        Town(colour=colour)
    text = str(told.value)
    assert "薄すぎて" in text
    assert "is too light to be read" in text
    suggestion = text.partition("4.5); ")[2][:7]
    assert suggestion.startswith(instead)
    assert Town(colour=suggestion).colour == suggestion


def test_the_style_sheets_stay_small_together() -> None:
    own = pages.static_files()[pages.static("app.css").removeprefix(pages.PREFIX)].body
    made = face.load(Town(colour="#7a1f3d"))
    sheet = made.files[made.stylesheet.removeprefix(pages.PREFIX)].body
    assert len(own) + len(sheet) <= CSS_LIMIT
    assert b"http" not in sheet


def test_the_sheet_names_every_colour_that_the_pages_take_from_the_towns() -> None:
    sheet = (pages.TEMPLATES / "static" / "app.css").read_text()
    for shade in ("--main:#0017c1", "--deep:#00118f", "--tint:#e8f1fe"):
        assert shade in sheet


def test_the_portals_own_face_needs_no_file_more() -> None:
    made = face.load(Town())
    assert (made.stylesheet, dict(made.files)) == ("", {})
    assert made.mark == Mark(url=pages.static("icon.svg"), width=32, height=32)


def test_without_a_mark_the_portals_own_has_the_towns_colour() -> None:
    made = face.load(Town(colour="#7a1f3d"))
    body = made.files[made.mark.url.removeprefix(pages.PREFIX)].body
    assert b"#7a1f3d" in body
    assert b"#0017c1" not in body


@pytest.mark.parametrize(
    ("body", "name", "width"),
    [
        (CREST, "mark.svg", 64),
        (f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- made by hand -->{CREST}', "mark.svg", 64),
        ('<svg xmlns="http://www.w3.org/2000/svg" width="20mm" height="20mm"/>', "Mark.SVG", 32),
        (PNG, "mark.png", 96),
        (CREST.replace("0 0 64 32", "0 0 6400 32"), "mark.svg", 128),
    ],
)
def test_a_picture_is_taken_in_its_own_shape(
    tmp_path: Path, body: bytes | str, name: str, width: int
) -> None:
    made = face.load(town(tmp_path, body, name))
    assert (made.mark.width, made.mark.height) == (width, 32)
    assert made.mark.url.removeprefix(pages.PREFIX) in made.files


@pytest.mark.parametrize(
    ("body", "name", "why"),
    [
        (SVG.format(more="", inside="<script>alert(1)</script>"), "mark.svg", "no script"),
        (SVG.format(more=' onload="alert(1)"', inside=""), "mark.svg", "no script"),
        (SVG.format(more="", inside='<a href="javascript:alert(1)"/>'), "mark.svg", "no script"),
        (
            SVG.format(more="", inside='<image href="https://elsewhere.example/x.png"/>'),
            "mark.svg",
            "elsewhere",
        ),
        (SVG.format(more="", inside="<foreignObject/>"), "mark.svg", "no script"),
        (SVG.format(more="", inside="<animate/>"), "mark.svg", "no script, no animation"),
        (SVG.format(more="", inside="<style>@import 'x.css'</style>"), "mark.svg", "elsewhere"),
        (SVG.format(more=' style="fill:url(https://x.example/a)"', inside=""), "mark.svg", "elsewhere"),
        (f'<!DOCTYPE svg [<!ENTITY a "b">]>{CREST}', "mark.svg", "declarations"),
        (f'<?xml-stylesheet href="x.css"?>{CREST}', "mark.svg", "instructions"),
        ("<html/>", "mark.svg", "no script"),
        ("<svg", "mark.svg", "no SVG"),
        ('<svg xmlns="http://www.w3.org/2000/svg"/>', "mark.svg", "no size"),
        (b"GIF89a", "mark.png", "no PNG"),
        (PNG[:20], "mark.png", "no PNG"),
        (PNG, "mark.gif", "SVG or PNG"),
        (CREST + " " * 32_000, "mark.svg", "32 kB"),
    ],
)
def test_what_is_more_than_a_picture_is_refused(
    tmp_path: Path, body: bytes | str, name: str, why: str
) -> None:
    with pytest.raises(SettingsFaulty, match=why) as told:
        face.load(town(tmp_path, body, name))
    assert "town.mark: " in str(told.value)
    assert "ください" in str(told.value) or "ません" in str(told.value)


def test_a_mark_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsFaulty, match="cannot be read"):
        face.load(Town(mark=tmp_path / "none.svg"))
