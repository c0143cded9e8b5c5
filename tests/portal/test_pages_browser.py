"""Every page in a real browser: accessible, narrow enough for a small phone, quiet under the strict policy."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import axe_playwright_python  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Browser, Locator, Page

from envelopes.rules.wording import Language
from portal.pages import render
from portal.signer_views import Viewer
from tests.patience import PATIENCE
from tests.portal.samples import SAMPLES, SITE, VIEWER, document, leaf


def violations(page: Page) -> list[str]:
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE)
    found = page.evaluate("axe.run({resultTypes: ['violations']}).then(result => result.violations)")
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


# Whatever is pressed, but for links inside running text (WCAG 2.2, 2.5.8) and inputs whose label is larger.
SMALL = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), summary, textarea')]
  .filter(e => e.offsetParent && !e.matches('a.tel') && getComputedStyle(e).opacity !== '0')
  .filter(e => !e.matches('.pick input, .problems a, .unseen a, .skip'))
  .filter(e => e.getBoundingClientRect().height < 43.5)
  .map(e => e.outerHTML.slice(0, 120))"""


AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
WIDTHS = (390, 1280, 320)

# Boxes whose own text does not fit into them.
CUT = """() => [...document.querySelectorAll('main *, header *, footer *')]
  .filter(e => e.offsetParent && !e.closest('.vh, svg, details:not([open]) > :not(summary), .tabs ~ .now'))
  .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
  .filter(e => !['visible', 'auto', 'scroll'].includes(getComputedStyle(e).overflowY) &&
    (e.scrollHeight > e.clientHeight + 2 || e.scrollWidth > e.clientWidth + 2))
  .map(e => e.outerHTML.slice(0, 120))"""

# Buttons and chosen things without a line around or beside them.
EDGELESS = """() => [...document.querySelectorAll('.btn, .bar, .note, .panel, .pick, [aria-current]')]
  .filter(e => e.offsetParent)
  .filter(e => ['Top', 'Right', 'Bottom', 'Left'].every(side => {
    const style = getComputedStyle(e);
    return style[`border${side}Style`] === 'none' || parseFloat(style[`border${side}Width`]) < 1;
  }))
  .filter(e => !(e.matches('.flow > li')))
  .map(e => e.outerHTML.slice(0, 120))"""

# Everything to press, by its place in the page. Of radio buttons with one name the keyboard reaches one.
REACHABLE = """() => [...document.querySelectorAll('*')].map((e, number) => [e, number])
  .filter(([e]) => e.matches('a[href], button, summary, textarea, input:not([type=hidden], [type=radio])'))
  .filter(([e]) => e.checkVisibility({visibilityProperty: true}) && !e.closest('dialog'))
  .map(([, number]) => number)"""
FOCUSED = """() => {
  const e = document.activeElement;
  if (e === document.body) return null;
  const box = e.getBoundingClientRect(), style = getComputedStyle(e);
  const bar = document.querySelector('.bar')?.getBoundingClientRect();
  const covered = bar && !e.closest('.bar') && box.bottom > bar.top + 1 && box.top < bar.bottom && box.height < 300;
  return {
    number: [...document.querySelectorAll('*')].indexOf(e),
    seen: box.bottom > 0 && box.top < innerHeight && !covered &&
      (style.outlineStyle !== 'none' || getComputedStyle(e.nextElementSibling ?? e).outlineStyle !== 'none'),
    what: e.outerHTML.slice(0, 120),
  };
}"""


def too_small(page: Page) -> list[str]:
    return list(page.evaluate(SMALL))


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("name", SAMPLES)
def test_page_is_accessible_and_fits(name: str, language: Language, tab: Page, address: str) -> None:
    with heard(tab) as said:
        tab.set_viewport_size({"width": 390, "height": 844})
        tab.goto(f"{address}/{name}?lang={language}")
        assert too_small(tab) == []
        assert_fits(tab)
        if tab.locator("[data-dialog]").count():
            tab.click("[data-dialog]")
            assert_fits(tab)
    assert said == []


@contextmanager
def heard(page: Page) -> Iterator[list[str]]:
    """What the page says on its console, and what goes wrong in its scripts, until the block ends."""
    said: list[str] = []
    console, failed = (
        lambda message: said.append(message.text),
        lambda error: said.append(error.message),
    )
    page.on("console", console)
    page.on("pageerror", failed)
    yield said
    page.remove_listener("console", console)
    page.remove_listener("pageerror", failed)


def assert_fits(page: Page) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert overflow(page) <= 0
        assert violations(page) == [], width


@pytest.mark.parametrize("name", SAMPLES)
def test_text_twice_as_large_is_all_there(name: str, tab: Page, address: str) -> None:
    """WCAG 1.4.4: nothing is cut off or beside the screen, on the smallest phone."""
    tab.set_viewport_size({"width": 320, "height": 640})
    tab.goto(f"{address}/{name}")
    tab.add_style_tag(url="/larger.css")
    assert overflow(tab) <= 0
    assert tab.evaluate(CUT) == []


def test_text_that_is_cut_off_is_noticed(page: Page, address: str) -> None:
    page.goto(f"{address}/landing")
    page.evaluate(
        "document.querySelector('main .btn').style.cssText = 'overflow: hidden; height: 1rem; min-height: 0'"
    )
    assert len(page.evaluate(CUT)) == 1


@pytest.mark.parametrize(
    "name", ["viewer", "confirm", "done", "code-wrong", "decline-empty", "envelope", "draft"]
)
def test_state_is_seen_in_forced_colours(name: str, page: Page, address: str) -> None:
    """What only a background says is gone there: every button, chosen tab and step has an edge of its own."""
    page.emulate_media(forced_colors="active")
    page.goto(f"{address}/{name}")
    assert page.evaluate("matchMedia('(forced-colors: active)').matches")
    assert page.evaluate(EDGELESS) == []
    assert violations(page) == []


def test_what_is_folded_on_the_receipt_is_printed(page: Page, address: str) -> None:
    page.goto(f"{address}/done")
    values = page.locator("dl.hashes")
    assert not values.is_visible()
    page.pdf(format="A4")
    assert values.is_visible()


@pytest.mark.parametrize("name", ["done", "viewer", "download", "confirm", "envelope-completed"])
def test_print_holds_the_content_and_nothing_to_press(name: str, page: Page, address: str) -> None:
    page.goto(f"{address}/{name}")
    heading = page.inner_text("h1")
    page.emulate_media(media="print")
    assert page.inner_text("h1") == heading
    assert [
        one.inner_text() for one in page.locator(".bar, .tools, .zoom, .skip").all() if one.is_visible()
    ] == []
    assert len(page.pdf(format="A4")) > 5_000


@pytest.mark.parametrize(
    "name", ["landing", "code-wrong", "viewer", "confirm", "done", "decline", "download"]
)
def test_every_thing_to_press_is_reached_by_the_keyboard_in_the_order_of_the_page(
    name: str, page: Page, address: str
) -> None:
    page.goto(f"{address}/{name}")
    page.evaluate(
        "document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')"
    )
    wanted = page.evaluate(REACHABLE)
    reached = []
    for _ in range(len(wanted) + 8):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if at is None:
            break
        assert at["seen"], at
        reached.append(at["number"])
    assert [number for number in reached if number in wanted] == wanted
    assert reached == sorted(reached)


def test_whole_dialog_is_used_by_the_keyboard(page: Page, address: str) -> None:
    page.goto(f"{address}/viewer")
    page.locator("[data-dialog]").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "confirm-h"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()") == "署名手続きを完了する"
    # The words that are agreed to are read out with the button.
    described = page.locator("dialog button[type=submit]").get_attribute("aria-describedby")
    assert "取り消しや変更ができません" in page.inner_text(f"#{described}")
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()
    assert page.evaluate("document.activeElement.dataset.dialog") == "confirm"


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
    context = browser.new_context(java_script_enabled=False, locale="ja-JP")
    page = context.new_page()
    page.goto(f"{address}/viewer")
    sample = SAMPLES["viewer"]
    assert isinstance(sample, Viewer)
    assert page.get_by_role("link", name="完了する", exact=True).get_attribute("href") == sample.confirm_url
    assert not page.locator("dialog").is_visible()
    page.get_by_text("1ページ目を文字で読む").click()
    assert page.get_by_text("1 工事名").first.is_visible()
    context.close()


def test_text_of_every_page_is_unfolded_by_a_link_without_script(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False, locale="ja-JP")
    page = context.new_page()
    page.goto(f"{address}/viewer")
    assert page.get_by_role("link", name="文字で読む").get_attribute("href") == "?text=open#text-1-1"
    assert not page.get_by_text("1 工事名").first.is_visible()
    page.goto(f"{address}/viewer-unfolded")
    assert [text.is_visible() for text in page.get_by_text("1 工事名").all()] == [True] * 3
    assert page.get_by_role("link", name="文字をたたむ").get_attribute("href") == "?"
    context.close()


def test_link_to_the_first_text_leads_past_pages_without_any() -> None:
    pages = (leaf(1, text=()), leaf(2))
    shown = replace(document(), pages=pages)
    html = render(replace(VIEWER, document=shown), site=SITE)
    assert 'href="?text=open#text-1-2"' in html
    assert "文字で読む</a>" not in render(
        replace(VIEWER, document=replace(shown, pages=pages[:1])), site=SITE
    )


def test_zoom_takes_a_sharper_image_and_works_without_script(browser: Browser, address: str) -> None:
    for scripts in (True, False):
        context = browser.new_context(
            java_script_enabled=scripts,
            locale="ja-JP",
            viewport={"width": 390, "height": 844},
            device_scale_factor=2,
        )
        page = context.new_page()
        page.goto(f"{address}/viewer")
        # The first image is asked for at once, so its size is guessed; the others know theirs.
        image = page.locator("figure img").nth(0 if scripts else 1)
        image.scroll_into_view_if_needed()
        assert chosen(image, "828") == "828"
        page.get_by_label("最大").check()
        image.scroll_into_view_if_needed()
        assert chosen(image, "1654") == "1654"
        context.close()


def chosen(image: Locator, expected: str) -> str:
    """The width of the rendering that the browser shows; the one that is *expected* is waited for."""
    end = time.monotonic() + PATIENCE
    while True:
        shown = str(image.evaluate("image => image.currentSrc")).rpartition("-")[2].removesuffix(".webp")
        if shown == expected or time.monotonic() > end:
            return shown
        image.page.wait_for_timeout(50)


def test_without_script_nothing_is_offered_that_needs_it(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False, locale="ja-JP")
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


@pytest.mark.parametrize("name", ["confirm", "checking", "registration_question-withdraw"])
def test_a_second_press_sends_nothing(name: str, page: Page, address: str) -> None:
    page.goto(f"{address}/{name}")
    page.evaluate(
        "window.sent = 0; addEventListener('submit', e => {if (!e.defaultPrevented) window.sent++; e.preventDefault()})"
    )
    button = page.locator("main form button")
    button.dispatch_event("click")
    button.dispatch_event("click")
    assert page.evaluate("window.sent") == 1


def test_enter_sends_the_address_as_typed_and_takes_no_suggestion(page: Page, address: str) -> None:
    page.goto(f"{address}/registration_question-slip")
    page.evaluate(
        "addEventListener('submit', e => {e.preventDefault(); window.sent = [...new FormData(e.target, e.submitter)]})"
    )
    page.fill("#email", "taro@example.co.jp")
    page.press("#email", "Enter")
    sent = dict(page.evaluate("window.sent"))
    assert (sent["email"], "use" in sent) == ("taro@example.co.jp", False)
    page.get_by_role("button", name="に直して進む").click()
    assert dict(page.evaluate("window.sent"))["use"] == "minami@docomo.ne.jp"


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
