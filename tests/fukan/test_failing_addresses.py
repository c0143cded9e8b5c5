"""In the demo: requests to the addresses that fail on purpose, each to the state that its page shows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pyotp
import pytest

from fukan.demo import cast
from fukan.demo.browser import Browser, Page
from fukan.demo.forwarding import Document, Order, compose, hand_over
from fukan.demo.letterbox import Letter, Letterbox
from fukan.demo.run import ANY_PORTS, World, world
from fukan.demo.samples.build import HERE as SAMPLES

pytestmark = pytest.mark.timeout(240)
PATIENCE = 120.0
STATES = {
    cast.NOBODY: ("不達", "アドレスが存在しません"),
    cast.LATER: ("配達が遅れています",),
    cast.BOUNCE: ("不達", "アドレスが存在しません"),
}


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[World]:
    stop = asyncio.Event()
    async with world(tmp_path / "var", ANY_PORTS, stop=stop) as running:
        yield running
        stop.set()


class Clerk:
    """Somebody at the village office: a mailbox and a browser."""

    def __init__(self, made: World, browser: Browser) -> None:
        self.made = made
        self.browser = browser
        self.box = Letterbox(cast.NAKAMURA.address, made.post.imap_port)

    async def forward(self, to: cast.Contractor) -> None:
        file = SAMPLES / "請書.pdf"
        order = Order(
            clerk=cast.NAKAMURA,
            contractor=to,
            kind="請書",
            title=f"{to.company} 請書",
            amount="100,000円（税込）",
            deadline="10日以内",
            documents=(Document(file.name, file.read_bytes()),),
        )
        mail = compose(order, intake=cast.INTAKE, now=self.made.services.now())
        await asyncio.to_thread(hand_over, mail, recipients=[cast.INTAKE], port=self.made.post.smtp_port)

    async def letter(self, words: str) -> Letter:
        return await self.box.expect(words, seconds=PATIENCE)

    async def send(self) -> str:
        """Check the next draft and send it; returns the address of its page."""
        url = (await self.letter("受け付けました（下書き）")).link(self.made.portal_url)
        page = await self._signed_in(url)
        while "ページの画像を準備しています" in page.words:
            await asyncio.sleep(0.2)
            page = await self.browser.open(url)
        ticked = {one.name: one.value for one in page.form(button="内容を確認して送信する").choices}
        await self.browser.submit(page, page.form(button="内容を確認して送信する"), **ticked)
        return url

    async def _signed_in(self, url: str) -> Page:
        page = await self.browser.open(url)
        if not page.has_form(having="password"):
            return page
        who = cast.NAKAMURA
        page = await self.browser.submit(
            page, page.form(having="password"), address=who.address, password=who.password
        )
        seed = await self.made.seed(who.address)
        assert seed is not None
        digits = pyotp.TOTP(seed).at(self.made.services.now())
        await self.browser.submit(page, page.form(having="code"), code=digits)
        return await self.browser.open(url)

    async def sees(self, url: str, *words: str) -> str:
        """Open the page until all of *words* stand on it, and return what it says."""
        async with asyncio.timeout(PATIENCE):
            while True:
                page = await self.browser.open(url)
                if all(one in page.words for one in words):
                    return page.words
                await asyncio.sleep(0.2)


async def test_each_failing_address_shows_its_state_and_staff_hear_what_to_do(made: World) -> None:
    async with AsyncExitStack() as stack:
        clerk = Clerk(made, await stack.enter_async_context(Browser("clerk")))
        for to, words in STATES.items():
            await clerk.forward(to)
            url = await clerk.send()
            said = await clerk.sees(url, *words)
            assert to.address in said
            if "不達" in words:
                letter = await clerk.letter("【不達】")
                text = letter.reading.text
                assert to.company in letter.subject
                assert all(step in text for step in ("1. ", "2. ", "3. ", to.address, "5.1.1"))
        # What was put off is no failure: the desk lists the other two.
        desk = await clerk.browser.open(f"{made.portal_url}/staff")
        missed = desk.words.rpartition("不達")[2].partition("最近終わった封筒")[0]
        assert [f"{to.company} 請書" in missed for to in STATES] == [True, False, True]
        # And the dead address is not written to a second time without a word.
        await clerk.forward(cast.NOBODY)
        answer = await clerk.letter("確認してください")
        assert "前に送ったメールが届いていません" in answer.reading.text
