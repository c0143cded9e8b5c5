"""Every route of the portal before everybody: who gets something, who nothing, and that looking changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData

from envelopes.records.database import Database, sqlite_path
from tests.conftest import _bucket
from tests.engines import (
    ENGINE,
    SMALL,
    Engine,
    Template,
    postgres_copy,
    postgres_drop,
    sqlite_copy,
    sqlite_drop,
)
from tests.portal.rights import EVERYBODY, RIGHTS, UNPROVED, Right, routes
from tests.portal.stage import Answer, Place, Scene, Stage, Who, build

pytestmark = pytest.mark.timeout(300)

COUNTED = frozenset({"accesses"})
"""What a look at a page may leave behind: that a link was opened, which says nothing about a person."""
NOTHING: frozenset[str] = frozenset()
TRIED = COUNTED | {"limits"}
ANYONE = frozenset({Who.OUTSIDER, Who.SIGNER, Who.CLERK})
"""They stand for all where a form is for everybody, which is nobody's right."""
NOWHERE = Place(ref="a" * 16, envelope="a" * 16, signer="a" * 16, link="A" * 60, files="A" * 60)
FILES = {"application/pdf": b"%PDF-", "application/zip": b"PK", "image/webp": b"RIFF", "image/svg+xml": b"<"}


@pytest.fixture(scope="session")
def stage(
    request: pytest.FixtureRequest,
    template: Template,
    keys: Path,
    authority_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Stage:
    """The stage of the run."""
    folder = tmp_path_factory.mktemp("stage")
    url = template.copy(folder)
    if ENGINE == "postgres":
        server = request.getfixturevalue("postgres")
        finished = Template(copy=partial(postgres_copy, server, url), drop=partial(postgres_drop, server))
    else:
        finished = Template(copy=partial(sqlite_copy, sqlite_path(url)), drop=sqlite_drop)

    async def play() -> Stage:
        database = Database(url)
        await database.open()
        engine = Engine(url=url, directory=folder, keys=keys, s3=_bucket(request), database=database)
        try:
            return await build(engine, authority_folder, finished)
        finally:
            await database.close()

    return asyncio.run(play())


def address(right: Right, place: Place, pattern: str = "") -> str:
    """The path of *right* at *place*."""
    path = pattern or right.path
    ref = place.ref
    if path.startswith("/sign/"):
        ref = place.signer
    elif path.startswith(("/staff/drafts/", "/staff/envelopes/")):
        ref = place.envelope
    token = place.files if path.startswith("/d/") else place.link
    known = {"ref": ref, "token": token, "signer": place.signer, "name": place.ref, "task": place.ref}
    known["mobile"] = place.forms.get("mobile", place.ref)
    return path.format(**known, number="1", page="1", width=SMALL[0])


def posted(right: Right, place: Place) -> Any:
    """What is posted, or None."""
    if right.file:
        form = FormData()
        form.add_field("file", right.file, filename="x")
        return form
    if right.method == "GET":
        return None
    return {name: value.format(**place.forms) for name, value in right.form.items()}


@pytest.fixture
async def scene(stage: Stage, tmp_path: Path) -> AsyncIterator[Scene]:
    async with stage.copy(tmp_path) as made:
        yield made


def tells(right: Right, who: Who, answer: Answer) -> bool:
    """Whether *answer* could tell that there is something at an address that can be guessed.

    Whoever has proved himself there, an hour ago or in part, knows it.
    """
    known = who in {Who.ASLEEP, Who.MAILED}
    return answer.status == HTTPStatus.NOT_FOUND and "{ref}" in right.path and not known


PAGES = [right for right in RIGHTS if right.method == "GET"]
FORMS = [right for right in RIGHTS if right.method == "POST"]


def require_nothing(right: Right, who: Who, answer: Answer, place: Place) -> None:
    """*answer* is the one to somebody without a right, and holds nothing that is not his."""
    assert answer.status == right.answer_to(who), f"{right.name} answers {answer.status} to {who}"
    assert answer.kind in {"text/html", "application/octet-stream"}, f"{who} gets {answer.kind}"
    readable = right.open if answer.status == HTTPStatus.OK else ()
    leaked = [
        name for name, secret in place.secrets.items() if name not in readable and secret in answer.said
    ]
    assert who in right.reads or not leaked, f"{right.name} shows {leaked} to {who}"


def require_something(right: Right, who: Who, answer: Answer, place: Place) -> None:
    """*answer* shows what the line says, and a contractor's page no more than that."""
    assert answer.status == right.status, f"{right.name} answers {answer.status} to {who}: {answer.said}"
    if right.status in {HTTPStatus.SEE_OTHER, HTTPStatus.TEMPORARY_REDIRECT}:
        assert f"Location: {address(right, place, right.to)}" in answer.said, answer.said
        return
    assert answer.kind == right.kind
    assert answer.body.startswith(FILES.get(answer.kind, b""))
    missing = [name for name in right.shows if place.secrets[name] not in answer.said]
    assert not missing, f"{right.name} shows no {missing} to {who}"
    if right.kind == "text/html" and not right.path.startswith("/staff"):
        said = {*right.shows, *right.open}
        more = [name for name, one in place.secrets.items() if name not in said and one in answer.said]
        assert not more, f"{right.name} shows {more} to {who}"


@pytest.mark.parametrize("right", PAGES, ids=[f"{right.name}@{right.at}" for right in PAGES])
async def test_a_page_shows_something_to_some_and_nothing_to_others(scene: Scene, right: Right) -> None:
    place = scene.stage.places[right.at]
    path = address(right, place)
    before = await scene.state(but=COUNTED)
    for who in Who:
        answer = await scene.ask(who, "GET", path)
        require = require_something if who in right.gets else require_nothing
        require(right, who, answer, place)
        if tells(right, who, answer):
            there = await scene.ask(who, "GET", address(right, NOWHERE))
            assert answer.page == there.page, f"{who} learns from GET {right.path} that there is something"
    assert await scene.state(but=COUNTED) == before, f"{right.name} changes something"
    before = await scene.state(but=NOTHING)
    for who in Who:
        head = await scene.ask(who, "HEAD", path)
        assert head.status == (right.status if who in right.gets else right.answer_to(who))
        assert head.body == b""
    assert await scene.state(but=NOTHING) == before, f"HEAD {right.path} changes something"


@pytest.mark.parametrize("right", FORMS, ids=[f"{right.name}@{right.at}" for right in FORMS])
async def test_a_form_acts_for_some_and_for_nobody_else(stage: Stage, tmp_path: Path, right: Right) -> None:
    place = stage.places[right.at]
    path = address(right, place)
    (tmp_path / "nobody").mkdir()
    async with stage.copy(tmp_path / "nobody") as scene:
        before = await scene.state(but=TRIED | right.counts)
        for who in EVERYBODY - right.gets:
            answer = await scene.ask(who, "POST", path, posted(right, place))
            require_nothing(right, who, answer, place)
            if tells(right, who, answer):
                there = await scene.ask(who, "POST", address(right, NOWHERE), posted(right, place))
                assert answer.page == there.page, (
                    f"{who} learns from POST {right.path} that there is something"
                )
        assert await scene.state(but=TRIED | right.counts) == before, f"{right.name} acts for somebody else"
    for who in sorted(ANYONE & right.gets if right.gets >= UNPROVED else right.gets):
        (tmp_path / who.name).mkdir()
        async with stage.copy(tmp_path / who.name) as scene:
            before = await scene.state(but=TRIED)
            require_something(right, who, await scene.ask(who, "POST", path, posted(right, place)), place)
            changed = await scene.state(but=TRIED) != before
            assert changed == right.changes, f"{right.name} for {who} changes: {changed}"


LOOKED_AT = {"viewings", "facts", "fact_details"}


async def test_the_first_look_of_a_proved_signer_is_noted_once_and_nothing_else(scene: Scene) -> None:
    path = f"/sign/{scene.stage.places['other'].signer}/1"
    states = [await scene.state(but=NOTHING)]
    for method in ("HEAD", "GET", "GET"):
        answer = await scene.ask(Who.ELSEWHERE, method, path)
        assert answer.status == HTTPStatus.OK
        states.append(await scene.state(but=NOTHING))
    before, head, first, again = states
    assert before == head
    assert {name for name, rows in first.items() if rows != head[name]} == LOOKED_AT
    assert first == again


LINKED = [right for right in RIGHTS if "{token}" in right.path]


@pytest.mark.parametrize("right", LINKED, ids=[f"{right.name}@{right.at}" for right in LINKED])
async def test_links_that_are_none_are_all_answered_alike(scene: Scene, right: Right) -> None:
    """Cut off, altered, turned round, for another purpose, or in no key of ours: the same page, and nothing happens."""
    place = scene.stage.places[right.at]
    token = place.files if right.path.startswith("/d/") else place.link
    other = scene.stage.places["out" if right.path.startswith("/d/") else "done"]
    another = other.link if right.path.startswith("/d/") else other.files
    altered = ("B" if token[0] == "A" else "A") + token[1:]
    before = await scene.state(but=NOTHING)
    pages = set()
    for forged in (token[:-1], token[:-4], altered, token[::-1], another, "A" * 60, token + "A"):
        path = right.path.format(token=forged, number="1")
        answer = await scene.ask(Who.SIGNER, right.method, path, posted(right, place))
        assert answer.status == HTTPStatus.NOT_FOUND, forged
        pages.add(answer.page)
    assert len(pages) == 1
    assert await scene.state(but=NOTHING) == before


ALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


async def test_methods_that_a_route_does_not_have_do_nothing(scene: Scene) -> None:
    before = await scene.state(but=NOTHING)
    for right in RIGHTS:
        place = scene.stage.places[right.at]
        for method in ALL_METHODS:
            if f"{method} {right.path}" not in routes():
                who = min(right.gets)
                answer = await scene.ask(who, method, address(right, place))
                # A look at where only forms go leads to the page with the form.
                leads = HTTPStatus.SEE_OTHER if method == "GET" else HTTPStatus.METHOD_NOT_ALLOWED
                assert answer.status == leads, f"{method} {right.path}"
                assert not [one for one in place.secrets.values() if one in answer.said]
    assert await scene.state(but=NOTHING) == before
