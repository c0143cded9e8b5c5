"""Every page in a real browser: accessible, narrow enough for a small phone, quiet under the strict policy."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import segno
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, sync_playwright

from portal.pages import render, static_files
from portal.views import Viewer
from tests.portal.samples import SAMPLES, SITE

CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def leaf_svg(number: int) -> bytes:
    """A page of a contract, drawn rather than rendered from a PDF."""
    lines = "".join(
        f'<text x="130" y="{430 + 62 * n}">{n + 1}　{"この契約を証するため本書を作成し、" * 2}</text>'
        for n in range(19)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="1240" height="1754" viewBox="0 0 1240 1754">'
        '<rect width="1240" height="1754" fill="#fff"/><g font-family="serif" font-size="28">'
        f'<text x="620" y="270" font-size="56" text-anchor="middle">工 事 請 負 契 約 書　{number}</text>'
        f"{lines}</g></svg>"
    ).encode()


class Handler(BaseHTTPRequestHandler):
    """Serves the samples as the portal would: pages by name, static files, drawn page images."""

    def do_GET(self) -> None:
        body, content_type = self.find(self.path.split("?")[0])
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", CSP)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def find(self, path: str) -> tuple[bytes, str]:
        if path.startswith("/static/"):
            found = static_files()[path.removeprefix("/static/")]
            return found.body, found.content_type
        if path == "/img/qr.svg":
            return segno.make("otpauth://totp/x?secret=JBSWY3DPEHPK3PXP").svg_inline(scale=4).replace(
                "<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1
            ).encode(), "image/svg+xml"
        if path.startswith("/img/"):
            return leaf_svg(int(path.removeprefix("/img/").split("-")[0])), "image/svg+xml"
        if path[1:] in SAMPLES:
            return render(SAMPLES[path[1:]], site=SITE).encode(), "text/html; charset=utf-8"
        return b"", "text/plain"

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 390, "height": 844}, locale="ja-JP")
    yield page
    page.close()


def violations(page: Page) -> list[str]:
    return [
        f"{found['id']}: {node['html']}"
        for found in Axe().run(page).response["violations"]
        for node in found["nodes"]
    ]


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


# Whatever is pressed, but for links inside running text (WCAG 2.2, 2.5.8) and inputs whose label is larger.
SMALL = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), summary, textarea')]
  .filter(e => e.offsetParent && !e.closest('p:has(> a.tel)') && getComputedStyle(e).opacity !== '0')
  .filter(e => !e.matches('.pick input, .problems a, .unseen a, .skip'))
  .filter(e => e.getBoundingClientRect().height < 43.5)
  .map(e => e.outerHTML.slice(0, 120))"""


def too_small(page: Page) -> list[str]:
    return list(page.evaluate(SMALL))


@pytest.mark.parametrize("name", SAMPLES)
def test_page_is_accessible_and_fits(name: str, page: Page, address: str) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(error.message))
    page.goto(f"{address}/{name}")
    assert violations(page) == []
    assert too_small(page) == []
    page.set_viewport_size({"width": 1280, "height": 800})
    assert violations(page) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert overflow(page) <= 0
    assert said == []


def test_axe_sees_a_missing_label(page: Page, address: str) -> None:
    page.goto(f"{address}/code")
    page.evaluate("document.querySelector('label').remove()")
    assert any(found.startswith("label:") for found in violations(page))


def test_a_small_target_and_a_wide_page_are_noticed(page: Page, address: str) -> None:
    page.goto(f"{address}/landing")
    page.evaluate("document.querySelector('main .btn').style.cssText = 'min-height: 0; padding: 0'")
    page.evaluate("document.querySelector('main h1').style.width = '999px'")
    assert len(too_small(page)) == 1
    assert overflow(page) > 0


def test_error_summary_has_the_focus_and_leads_to_the_field(page: Page, address: str) -> None:
    page.goto(f"{address}/code-wrong")
    assert page.evaluate("document.activeElement.className") == "problems"
    page.get_by_role("alert").get_by_role("link").click()
    assert page.evaluate("document.activeElement.id") == "code"


def test_dialog_opens_with_script_and_focuses_its_heading(page: Page, address: str) -> None:
    page.goto(f"{address}/viewer")
    page.get_by_role("link", name="完了する", exact=True).click()
    assert page.get_by_role("dialog").is_visible()
    assert page.evaluate("document.activeElement.id") == "confirm-h"
    assert violations(page) == []
    page.get_by_role("link", name="文書の確認に戻る").click()
    assert not page.locator("dialog").is_visible()


def test_without_script_the_button_leads_to_the_confirm_page(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/viewer")
    sample = SAMPLES["viewer"]
    assert isinstance(sample, Viewer)
    assert page.get_by_role("link", name="完了する", exact=True).get_attribute("href") == sample.confirm_url
    assert not page.locator("dialog").is_visible()
    page.get_by_text("1ページ目を文字で読む").click()
    assert page.get_by_text("1 工事名").first.is_visible()
    context.close()


def test_without_script_nothing_is_offered_that_needs_it(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/done")
    assert not page.get_by_text("この画面を印刷する").is_visible()
    context.close()


def test_zoom_widens_the_page_inside_its_own_region(page: Page, address: str) -> None:
    page.goto(f"{address}/viewer")
    image = page.locator("figure img").first
    before = image.bounding_box()
    page.get_by_label("最大").check()
    after = image.bounding_box()
    assert before
    assert after
    assert after["width"] > 2 * before["width"]
    assert overflow(page) <= 0


def test_a_second_press_sends_nothing(page: Page, address: str) -> None:
    page.goto(f"{address}/confirm")
    page.evaluate(
        "window.sent = 0; addEventListener('submit', e => {if (!e.defaultPrevented) window.sent++; e.preventDefault()})"
    )
    button = page.locator("main form button")
    button.dispatch_event("click")
    button.dispatch_event("click")
    assert page.evaluate("window.sent") == 1


def test_asking_again_too_early_is_told_in_a_status(page: Page, address: str) -> None:
    page.goto(f"{address}/code-resent")
    page.get_by_role("button", name="再送").click()
    assert page.url.endswith("/code-resent")
    page.get_by_text("秒で再送できます 再送は").wait_for()


def test_bar_never_covers_what_has_the_focus(page: Page, address: str) -> None:
    page.goto(f"{address}/viewer")
    page.locator("summary").last.focus()
    page.locator("summary").last.scroll_into_view_if_needed()
    bar = page.locator(".bar").bounding_box()
    box = page.locator("summary").last.bounding_box()
    assert bar
    assert box
    assert box["y"] + box["height"] <= bar["y"] + 1
