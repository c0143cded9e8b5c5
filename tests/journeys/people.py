"""People with phones: they open what their mails link to, read what the page says and press what it offers."""

import re
import time
from collections.abc import Sequence
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pyotp
from playwright.sync_api import Browser, BrowserContext, Page, Response, ViewportSize

from tests.journeys import cast
from tests.journeys.post import Attachment, Letter, order
from tests.journeys.world import World
from tests.papers.odd import plain, saved
from tests.patience import PATIENCE

PHONE: ViewportSize = {"width": 390, "height": 844}
SMALL: Attachment = ("契約書.pdf", saved(plain(1)))


class Phone:
    """One browser of one person."""

    def __init__(self, world: World, context: BrowserContext, *, shots: Path | None = None) -> None:
        self.world = world
        self.context = context
        self._shots = shots
        self.script_errors: list[str] = []

    @cached_property
    def page(self) -> Page:
        """The one page that is open in this browser."""
        page = self.context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.script_errors.append(str(error)))
        return page

    def _hear(self, message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        # The browser notes every page with an error status; those are wanted here.
        if kind == "error" and "the server responded with a status of" not in text:
            self.script_errors.append(text)

    @property
    def text(self) -> str:
        return self.page.inner_text("body")

    @property
    def heading(self) -> str:
        return self.page.inner_text("h1").replace("\n", "")

    def shot(self, name: str) -> None:
        """Keep a picture of the whole page, where pictures were asked for."""
        if self._shots is not None:
            self._shots.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=self._shots / f"{name}.png", full_page=True)
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{name} is {width} px wide"

    def open(self, link: str) -> Response:
        """Open a link, whole or as a path of the portal."""
        answer = self.page.goto(link if "://" in link else self.world.url + link)
        assert answer is not None
        return answer

    def press(self, name: str, *, exact: bool = True) -> None:
        """Press the visible button or link called *name*."""
        button = self.page.get_by_role("button", name=name, exact=exact)
        link = self.page.get_by_role("link", name=name, exact=exact)
        button.or_(link).first.click()
        self.page.wait_for_load_state()

    def pick(self, value: str) -> None:
        """Choose the option *value* by touching its label, as a finger does."""
        name = self.page.get_attribute(f"input:not([type=hidden])[value='{value}']", "id")
        self.page.click(f"label[for='{name}']")

    def status(
        self, path: str, method: str = "GET", form: dict[str, str | float | bool] | None = None
    ) -> int:
        """What the portal answers to this browser's cookies, without following redirects."""
        url = path if "://" in path else self.world.url + path
        answer = self.context.request.fetch(url, method=method, form=form, max_redirects=0)
        return answer.status

    def fetch(self, link: str) -> bytes:
        """What this browser gets under *link*, which must be there."""
        answer = self.context.request.get(link)
        assert answer.ok, answer.status
        return answer.body()

    def submit(self, value: str) -> None:
        """Type *value* into the code field of the form and send it."""
        self.page.fill("#code", value)
        self.page.locator("form:has(#code) button[type=submit]").click()
        self.page.wait_for_load_state()


class Contractor(Phone):
    """Somebody at a company, on the way from the mail to the end of his part."""

    def __init__(
        self, world: World, context: BrowserContext, company: cast.Company, title: str, *, shots: Path | None
    ) -> None:
        super().__init__(world, context, shots=shots)
        self.company = company
        self.title = title
        self.link = ""

    def letter(self, subject: str) -> Letter:
        return self.world.post.wait(self.company.address, subject, about=self.title)

    def letters(self, subject: str = "") -> list[Letter]:
        """Everything that came about this envelope."""
        found = self.world.post.letters(self.company.address, about=self.title)
        return [letter for letter in found if subject in letter.subject]

    def asked(self) -> Letter:
        """Wait for the request and keep its link."""
        letter = self.letter("署名依頼が届いています")
        self.link = letter.link
        return letter

    def send_code(self) -> str:
        """From the landing page: have a code sent and fetch it from the mailbox."""
        self.open(self.link)
        self.press("確認コードをメールで受け取る")
        return self.letter("確認コード").code

    def prove(self) -> None:
        """Go through landing and code to the documents."""
        self.submit(self.send_code())
        assert self.heading == "文書を確認してください", self.text

    def read_on(self) -> None:
        """Open every document that is not marked as seen yet."""
        for number in range(1, 21):
            if self.page.locator(f"a[href='{self.base}/{number}']").count() == 0:
                break
            self.open(f"{self.base}/{number}")

    @cached_property
    def base(self) -> str:
        """/sign/<ref>, without a token."""
        found = re.search(r"/sign/[a-z2-7]{16}", self.page.url)
        assert found is not None, self.page.url
        return found[0]

    def complete(self) -> None:
        """Press the button, and once more on the question that follows."""
        self.press("完了する")
        self.press("署名手続きを完了する")
        self.page.wait_for_url("**/done")

    def sign(self) -> None:
        """The whole part, from the request mail to the page that says it was received."""
        self.asked()
        self.prove()
        self.read_on()
        self.complete()


class Clerk(Phone):
    """Somebody at the village office."""

    def __init__(
        self, world: World, context: BrowserContext, who: cast.Clerk, title: str, *, shots: Path | None
    ) -> None:
        super().__init__(world, context, shots=shots)
        self.who = who
        self.title = title

    def letter(self, subject: str) -> Letter:
        return self.world.post.wait(self.who.address, subject, about=self.title)

    def digits(self) -> str:
        """What the authenticator shows. Half a minute passes first, so that the digits are new ones."""
        where = f"kind = 'totp' AND staff_id = (SELECT id FROM staff WHERE ref = '{self._ref()}')"
        self.world.run(f"UPDATE credentials SET last_step = 0 WHERE {where}")
        return pyotp.TOTP(self.world.seeds[self.who.address]).at(time.time())

    def _ref(self) -> str:
        position = cast.CLERKS.index(self.who)
        return str(self.world.rows("SELECT ref FROM staff ORDER BY id")[position]["ref"])

    def sign_in(self, *, next_to: str = "/staff") -> None:
        """Go to *next_to*, signed in."""
        self.take_up_work()
        self.open(next_to)

    def take_up_work(self) -> None:
        """Get the cookie of a working day that has begun; where it holds no more, sign in in full."""
        if self._shots is None:
            self.context.add_cookies(self.world.signed_in.get(self.who.address, []))
        if self.status("/staff") != HTTPStatus.OK:
            self.sign_in_in_full()
            self.world.signed_in[self.who.address] = self.context.cookies()

    def sign_in_in_full(self) -> None:
        """Password and digits, up to the desk."""
        self.world.run("DELETE FROM limits")  # a quarter of an hour passes
        self.open("/staff")
        self.page.fill("#address", self.who.address)
        self.page.fill("#password", cast.PASSWORD)
        self.shot("02-sign-in")
        self.press("次へ進む")
        self.page.fill("#code", self.digits())
        self.shot("03-sign-in-code")
        self.press("ログインする")
        assert self.page.url == f"{self.world.url}/staff", self.text

    def forward(
        self,
        *companies: cast.Company,
        kind: str = "契約書",
        documents: Sequence[Attachment] = (SMALL,),
        hand_over: str = "",
    ) -> None:
        """Send the documents to the intake."""
        asked = companies or (cast.TAKAHASHI,)
        self.world.post.send(
            order(self.title, companies=asked, kind=kind, documents=documents, hand_over=hand_over)
        )

    def confirm(self) -> None:
        """Check the draft that the mail links to, and send it."""
        draft = self.letter("受け付けました（下書き）")
        self.sign_in(next_to=draft.link)
        if self.page.locator("#acknowledged").count():
            self.pick("1")
        self.press("内容を確認して送信する")

    def confirm_without_looking(self) -> None:
        """The same as `confirm` by the forms alone, for stories that are about something else."""
        draft = self.letter("受け付けました（下書き）")
        self.take_up_work()
        html = self.fetch(draft.link).decode()
        form: dict[str, str | float | bool] = {"acknowledged": "1"}
        form |= dict(re.findall(r'name="(version|key)" value="([^"]*)"', html))
        if village := re.search(r'name="village_signer" id="\S+" value="(\w+)" required checked', html):
            form["village_signer"] = village[1]
        assert self.status(f"{draft.link}/confirm", "POST", form) == 303

    def envelope_page(self) -> None:
        ref = self.world.one(f"SELECT ref FROM envelopes WHERE title = '{self.title}'")
        self.take_up_work()
        self.open(f"/staff/envelopes/{ref}")

    def sign_for_village(self) -> None:
        """The village's signature: mail, sign-in, documents, digits."""
        asked = self.letter("【署名待ち】")
        self.sign_in(next_to=asked.link)
        self.shot("13-village-viewer")
        base = self.page.url.removeprefix(self.world.url).rpartition("/")[0]
        for number in range(2, 21):
            if self.page.locator(f"a[href='{base}/{number}']").count() == 0:
                break
            self.open(f"{base}/{number}")
        self.press("署名へ進む")
        self.shot("14-village-sign")
        self.submit(self.digits())
        assert re.search(r"/staff/envelopes/\w+$", self.page.url), self.text


class Roles:
    """The cast of one test. Phones are made when they are first needed."""

    def __init__(self, world: World, browser: Browser, *, shots: Path | None) -> None:
        self.world = world
        self.browser = browser
        self._shots = shots
        self._contexts: list[BrowserContext] = []

    def context(self, *, scripts: bool = True, agent: str | None = None) -> BrowserContext:
        """A browser without any history. *agent*: the name it goes by, to be another browser for the limits."""
        context = self.browser.new_context(
            viewport=PHONE, locale="ja-JP", java_script_enabled=scripts, user_agent=agent
        )
        context.set_default_timeout(PATIENCE * 1000)
        self._contexts.append(context)
        return context

    def contractor(
        self, title: str, company: cast.Company = cast.TAKAHASHI, *, scripts: bool = True, shots: bool = False
    ) -> Contractor:
        return Contractor(
            self.world, self.context(scripts=scripts), company, title, shots=self._shots if shots else None
        )

    def clerk(
        self, title: str, who: cast.Clerk = cast.NAKAMURA, *, scripts: bool = True, shots: bool = False
    ) -> Clerk:
        return Clerk(
            self.world, self.context(scripts=scripts), who, title, shots=self._shots if shots else None
        )

    def stranger(self, *, scripts: bool = True, agent: str | None = None) -> Phone:
        return Phone(self.world, self.context(scripts=scripts, agent=agent))

    def out(
        self, title: str, *companies: cast.Company, scripts: bool = False, **wishes: Any
    ) -> tuple[Clerk, Contractor]:
        """Bring an envelope to its first contractor: the clerk who sent it, and him with the request mail."""
        clerk = self.clerk(title, scripts=scripts)
        clerk.forward(*companies, **wishes)
        clerk.confirm_without_looking()
        contractor = self.contractor(title, *companies[:1], scripts=scripts)
        contractor.asked()
        return clerk, contractor

    def leave(self) -> None:
        for context in self._contexts:
            context.close()
