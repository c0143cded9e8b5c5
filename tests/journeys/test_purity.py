"""A program that opens and presses everything it finds proves nobody. What looking changes: portal/test_rights."""

import re
from collections.abc import Iterator

import pytest
from aiohttp.web import RouteDef
from playwright.sync_api import Page

from portal.routes import ROUTES
from tests.digits import says
from tests.journeys import cast
from tests.journeys.people import Contractor, Phone, Roles
from tests.journeys.world import World

pytestmark = pytest.mark.timeout(300)

SENDING = {"accesses", "codes", "tasks", "limits", "facts", "fact_details", "deliveries"}
PRESSABLE = "a[href], button, input[type=submit], summary"


def urls(world: World, *, token: str, download: str, ref: str) -> Iterator[str]:
    """The address of every page that can be looked at."""
    known = {"ref": ref, "number": "1", "page": "1", "width": "828", "task": "1", "name": "x"}
    for route in ROUTES:
        assert isinstance(route, RouteDef)
        if route.method == "GET":
            yield world.url + fill(route.path, {**known, "token": download if "/d/" in route.path else token})


def fill(path: str, known: dict[str, str]) -> str:
    """Put values into a route's pattern: {ref:[a-z2-7]{16}} becomes the reference."""
    return re.sub(r"\{(\w+)(?::[^/]*?)?\}(?=[/.-]|$)", lambda part: known[part[1]], path)


def links_of(world: World, contractor: Contractor, done: str) -> list[str]:
    ref = world.one(f"SELECT ref FROM signers WHERE position = 1 AND envelope_id = {mine(contractor.title)}")
    token = contractor.link.rpartition("/")[2]
    return list(urls(world, ref=ref, token=token, download=done.rpartition("/")[2]))


def mine(title: str) -> str:
    return f"(SELECT id FROM envelopes WHERE title = '{title}')"


def press_everything(page: Page, link: str, *, deep: bool = True) -> None:
    """Open *link* and press each thing on it once, always from a fresh page; where that leads, press on."""
    page.goto(link)
    count = page.locator(PRESSABLE).count()
    for number in range(count):
        page.goto(link)
        thing = page.locator(PRESSABLE).nth(number)
        if (thing.get_attribute("href") or "").startswith(("tel:", "mailto:")):
            continue
        thing.focus()  # some things show only then
        thing.click(force=True)
        page.wait_for_load_state("load")
        if deep and page.url != link and page.url.startswith("http"):
            press_everything(page, page.url, deep=False)


def test_browser_that_presses_everything_on_the_landing_page_moves_nothing(
    world: World, roles: Roles, title: str
) -> None:
    _, contractor = roles.out(title)
    scanner = roles.stranger()
    world.quiet()
    before = world.dump(but=SENDING)
    last = world.one("SELECT max(id) FROM facts")
    deliveries = world.one("SELECT count(*) FROM deliveries")
    press_everything(scanner.page, contractor.link)
    world.quiet()
    assert world.dump(but=SENDING) == before
    sent = world.rows(f"SELECT mail, file_id FROM deliveries ORDER BY id LIMIT 100 OFFSET {deliveries}")
    assert sent == [{"mail": "code_mail", "file_id": None}]
    said = world.rows(f"SELECT kind FROM facts WHERE id > {last} AND subject <> 'settings'")
    assert said == [{"kind": "code asked for"}]
    assert len(contractor.letters("確認コード")) == 1
    assert len(contractor.letters()) == 2
    assert scanner.script_errors == []
    # The person the code went to can go on.
    contractor.open(contractor.link)
    contractor.press("コードをお持ちの方はこちら")
    contractor.submit(contractor.letter("確認コード").code)
    assert contractor.heading == "文書を確認してください"


def test_browser_that_presses_everything_wherever_a_link_leads_proves_nobody(
    world: World, roles: Roles, title: str
) -> None:
    """The same on every page that can be looked at: by a signer's link, by a download link, and without any."""
    _, finished = roles.out(f"{title}b", kind="請書")
    finished.prove()
    finished.complete()
    done = finished.letter("電子署名完了").link
    _, contractor = roles.out(title)
    links = links_of(world, contractor, done)
    scanner = roles.stranger()
    shown = [link for link in links if scanner.status(link) == 200]
    pages = [link for link in shown if is_page(scanner, link)]
    assert len(pages) >= 5
    world.quiet()
    before = world.dump(but=SENDING)
    deliveries = world.one("SELECT count(*) FROM deliveries")
    for link in pages:
        press_everything(scanner.page, link, deep=False)
    world.quiet()
    assert world.dump(but=SENDING) == before
    sent = world.rows(f"SELECT mail FROM deliveries ORDER BY id LIMIT 100 OFFSET {deliveries}")
    # A code to each of the two registered addresses at the most, which proves nobody.
    assert {row["mail"] for row in sent} <= {"code_mail"}
    assert len(sent) <= 2
    assert scanner.script_errors == []


def is_page(phone: Phone, link: str) -> bool:
    return str(phone.context.request.get(link).headers["content-type"]).startswith("text/html")


def test_foreign_page_cannot_send_a_form(world: World, roles: Roles, title: str) -> None:
    _, contractor = roles.out(title)
    contractor.prove()
    world.quiet()
    before = world.dump()
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://yoso.example"}):
        answer = contractor.context.request.post(
            f"{world.url}{contractor.base}/refuse",
            form={"choice": "decline", "reason": "よその頁から"},
            headers=headers,
        )
        assert answer.status == 403
    assert world.dump() == before


def test_logs_hold_no_token_no_reference_and_no_address(world: World, roles: Roles, title: str) -> None:
    _, contractor = roles.out(title)
    code = contractor.send_code()
    contractor.submit(code)
    token = contractor.link.rpartition("/")[2]
    ref = contractor.base.rpartition("/")[2]
    logs = world.log("portal") + world.log("bot")
    assert "/s/{token}" in logs
    for secret in (token, ref, cast.TAKAHASHI.address, cast.TAKAHASHI.person, title):
        assert secret not in logs
    assert not says(logs, code)
