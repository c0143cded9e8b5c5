"""Two bots and two portals on one Postgres and one bucket share the work. Not collected on SQLite."""

import asyncio
import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urljoin, urlsplit, urlunsplit

import pytest

from envelopes.records.models import Envelope
from envelopes.rules.states import State
from fukan.demo.browser import Browser, Form, Page
from tests.crash.scene import (
    CONTRACTOR,
    POLICY,
    Scene,
    require_every_mail_once,
    require_intake_empty,
    require_whole,
    text_of,
)
from tests.servers.ports import free_ports

pytestmark = [pytest.mark.engines, pytest.mark.timeout(400)]

TITLES = tuple(f"村道{number}号線舗装工事" for number in range(1, 11))
UNHURRIED = {**POLICY, "lease": "PT60S"}  # nobody dies here, so nothing may be done twice


class EitherPortal:
    """One person's browser before a proxy that sends every request to the next portal."""

    def __init__(self, browser: Browser, ports: Sequence[int]) -> None:
        self._browser = browser
        self._ports = itertools.cycle(ports)
        self._count = len(ports)

    def _moved(self, url: str) -> str:
        return urlunsplit(urlsplit(url)._replace(netloc=f"127.0.0.1:{next(self._ports)}"))

    async def open(self, url: str) -> Page:
        """Return the page behind *url*, which every portal shows alike."""
        pages = [await self._browser.open(self._moved(url)) for _ in range(self._count)]
        assert len({(page.heading, page.images, page.status) for page in pages}) == 1
        return pages[-1]

    async def submit(self, page: Page, form: Form, **typed: str) -> Page:
        return await self._browser.submit(replace(page, url=self._moved(page.url)), form, **typed)

    async def save(self, page: Page, href: str) -> bytes:
        """Return what lies behind *href*, the same from every portal."""
        moved = [replace(page, url=self._moved(page.url)) for _ in range(self._count)]
        (saved,) = {await self._browser.save(one, href) for one in moved}
        return saved[0]


def link_in(scene: Scene, title: str) -> str:
    """The link in the request for *title*."""
    texts = [text_of(mail) for mail in scene.arrived(CONTRACTOR) if title in str(mail["Subject"])]
    found: set[str] = {link for text in texts for link in re.findall(r"http://\S+/s/\S+", text)}
    assert len(found) == 1
    return found.pop()


async def consent_through_the_portals(scene: Scene, title: str, person: EitherPortal) -> None:
    """Landing, code, every page of the document, confirm: each step at another portal than the one before."""
    shot = await scene.asked(title, 1)
    one = shot.signers[0]
    page = await person.open(link_in(scene, title))
    page = await person.submit(page, page.form(button="確認コードをメールで受け取る"))
    code = await scene.mailed_code(shot, one)
    page = await person.submit(page, page.form(having="code"), code=code)
    page = await person.open(page.url)
    images = [src for src in page.images if "/static/" not in src]
    assert images
    for src in images:
        assert await person.save(page, src)
    prepared = await scene.town.bytes_of(shot.documents[0])
    assert await person.save(page, page.link("PDFを保存").href) == prepared
    page = await person.open(urljoin(page.url, page.link("完了する").href))
    await person.submit(page, page.form(having="offer"))


async def test_two_bots_and_two_portals_share_ten_envelopes(scene: Scene) -> None:
    ports = free_ports(2)
    bots = [scene.start("bot", policy=UNHURRIED) for _ in range(2)]
    for port in ports:
        place = {"port": port, "url": f"http://127.0.0.1:{ports[0]}"}
        scene.start("portal", policy=UNHURRIED, portal=place)
    await scene.ready(4)
    for title in TITLES:
        await scene.forward(title)
    await asyncio.gather(*(scene.confirm(title) for title in TITLES))
    async with Browser("contractor") as browser:
        for title in TITLES:
            await consent_through_the_portals(scene, title, EitherPortal(browser, ports))
    await asyncio.gather(*(scene.asked(title, 2) for title in TITLES))
    # One goes, as for an update; the other does what is left.
    assert await bots[0].end() == 0
    await asyncio.gather(*(scene.consent_for_village(title) for title in TITLES))
    await asyncio.gather(*(scene.reach(title, State.COMPLETED) for title in TITLES))
    await scene.quiet()
    assert [await one.end() for one in scene.runners[1:]] == [0, 0, 0]
    await require_shared(scene)


async def require_shared(scene: Scene) -> None:
    """All is done, nothing twice, and both bots did some of it."""
    for title in TITLES:
        await require_whole(scene, title)
    await require_every_mail_once(scene, TITLES, doubles=False)
    await require_intake_empty(scene)
    for place in ("done", "send", "move", "apply"):
        what = [" ".join(line[2:-1]) for line in scene.lines(place)]
        assert len(what) == len(set(what))
    assert len({line[1] for line in scene.lines("done")}) == 2
    assert all("Traceback" not in one.said for one in scene.runners)
    numbers = await Envelope.all().values_list("number", flat=True)
    assert len(set(numbers)) == len(TITLES)
