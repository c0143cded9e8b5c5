"""A link that opens nothing tells nothing: the same words, and the same work, whatever is wrong with it.

Work is counted, not timed: what is asked of the database and how often a signature is computed.
"""

import logging
import re
import secrets
from collections.abc import AsyncIterator
from unittest.mock import patch

import itsdangerous.signer
import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from envelopes.actions import signer as act
from envelopes.records import sessions
from envelopes.rules.tokens import Purpose
from portal.app import create_app
from tests.engines import Town

pytestmark = pytest.mark.engines
Client = TestClient[Request, Application]
DOORS = {"s": Purpose.REQUEST, "d": Purpose.DOWNLOAD, "r": Purpose.REGISTER, "staff/enrol": Purpose.ENROL}


@pytest.fixture
async def client(town: Town) -> AsyncIterator[Client]:
    async with TestClient(TestServer(create_app(town.services))) as made:
        yield made


async def look(
    client: Client, path: str, caplog: pytest.LogCaptureFixture, *, cookie: str = ""
) -> tuple[int, str, int, int]:
    """Status and words of a page, how often the database was asked, and how many signatures were computed."""
    caplog.clear()
    signing = itsdangerous.signer.HMACAlgorithm.get_signature
    with (
        caplog.at_level(logging.DEBUG, logger="tortoise.db_client"),
        patch.object(itsdangerous.signer.HMACAlgorithm, "get_signature", autospec=True) as signed,
    ):
        signed.side_effect = signing
        answer = await client.get(path, headers={"Cookie": cookie} if cookie else {})
        words = (await answer.text()).replace(path, "(address)")
    asked = [one for one in caplog.records if re.search(r"\b(SELECT|UPDATE|INSERT)\b", one.getMessage())]
    return answer.status, words, len(asked), signed.call_count


def useless(town: Town, door: str, ref: str) -> dict[str, str]:
    """Links of the right shape that open nothing behind *door*, by what is wrong with them."""
    good = town.services.link(DOORS[door], ref, 0)
    other = next(purpose for purpose in Purpose if purpose is not DOORS[door])
    body, _, signature = good.partition(".")
    return {
        "cut off": good[:-4],
        "altered": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "for something else": town.services.link(other, ref, 0),
        "signature of nothing": f"{secrets.token_urlsafe(24)[: len(body)]}.{signature}",
        "made up": f"{secrets.token_urlsafe(24)}.{secrets.token_urlsafe(32)}",
    }


@pytest.mark.parametrize("door", DOORS)
async def test_links_that_open_nothing_are_alike(
    town: Town, client: Client, caplog: pytest.LogCaptureFixture, door: str
) -> None:
    shot = await town.out()
    seen = {
        fault: await look(client, f"/{door}/{token}", caplog)
        for fault, token in useless(town, door, shot.signers[0].ref).items()
    }
    status, words, asked, signed = seen["made up"]
    assert (status, asked, signed) == (404, 0, 1)
    assert "このリンクは使えません" in words
    assert town.services.settings.town.phone in words
    assert {fault for fault, found in seen.items() if found != seen["made up"]} == set()
    # So is one that lost its signature altogether, for which there is nothing to compute.
    token = town.services.link(DOORS[door], shot.signers[0].ref, 0).partition(".")[0]
    assert await look(client, f"/{door}/{token}", caplog) == (404, words, 0, 0)


async def test_the_right_link_is_another_page(
    town: Town, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    shot = await town.out()
    token = town.services.link(Purpose.REQUEST, shot.signers[0].ref, 0)
    status, words, asked, _ = await look(client, f"/s/{token}", caplog)
    assert (status, asked > 0) == (200, True)
    assert shot.envelope.title in words


@pytest.mark.parametrize("proved", [False, True])
async def test_pages_of_others_are_like_pages_of_nobody(
    town: Town, client: Client, caplog: pytest.LogCaptureFixture, *, proved: bool
) -> None:
    """Also for a browser that has proved who it is, about another request."""
    mine, others = await town.out(), await town.out()
    cookie, now = "", town.services.now()
    if proved:
        value, session = await sessions.start(now=now)
        one = mine.signers[0]
        await sessions.prove(session, one, generation=one.generation, method=act.MAIL_CODE, now=now)
        cookie = f"fukan={value}; __Host-fukan={value}"
        assert (await look(client, f"/sign/{one.ref}/1", caplog, cookie=cookie))[0] == 200
    theirs = await look(client, f"/sign/{others.signers[0].ref}/1", caplog, cookie=cookie)
    nobodys = await look(client, f"/sign/{'a' * 16}/1", caplog, cookie=cookie)
    assert theirs == nobodys
    assert theirs[0] == 404
    assert "メールのリンクから、もう一度開いてください" in theirs[1]
