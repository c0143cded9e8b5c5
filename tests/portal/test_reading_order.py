"""What a screen reader is told, in its order: the main pages' accessibility trees as golden files, out of Chromium.

`FUKAN_WRITE_GOLDEN=1` writes them anew. What the order is meant to be stands in docs/pages.md.
"""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.portal.samples import SAMPLES

GOLDEN = Path(__file__).parent / "golden"
DOCS = Path(__file__).parents[2] / "docs" / "pages.md"
CONTRACTORS = (
    "landing",
    "code-wrong",
    "sms-factor",
    "second-factor-wrong",
    "second-factor-app",
    "app-set-up",
    "viewer",
    "viewer-twenty",
    "viewer-long",
    "confirm",
    "done",
    "status-signed",
    "decline",
    "wrong-person",
    "ask-change",
    "confirm-change",
    "status-paused",
    "dead-handed-over",
    "dead-elsewhere",
    "dead-expired",
    "dead-replaced",
    "download",
    "download-closed",
)
STAFF = (
    "sign-in",
    "sign-in-code",
    "signed-out",
    "enrolment",
    "recovery-codes",
    "reply-commands",
    "desk",
    "search",
    "draft",
    "envelope",
    "access-code",
    "identity-proposed",
    "decide-change",
    "readdress",
    "evidence-made",
    "staff-viewer",
    "staff-sign-wrong",
    "registry",
    "registry_application",
    "registry_contact",
    "registry_import-faulty",
    "asides",
)
MAIN = CONTRACTORS + STAFF


def tree(page: Page, address: str, name: str) -> str:
    page.goto(f"{address}/{name}")
    return page.locator("body").aria_snapshot() + "\n"


@pytest.mark.parametrize("name", MAIN)
def test_page_is_read_out_as_it_was_looked_through(name: str, page: Page, address: str) -> None:
    read, kept = tree(page, address, name), GOLDEN / f"{name}.yaml"
    if os.environ.get("FUKAN_WRITE_GOLDEN"):
        kept.write_text(read)
    assert read == kept.read_text()


def test_no_golden_file_is_left_over_and_each_page_has_its_order_written_down() -> None:
    assert {path.stem for path in GOLDEN.glob("*.yaml")} == set(MAIN) <= set(SAMPLES)
    written = DOCS.read_text()
    assert [name for name in MAIN if f"`{name}`" not in written] == []


def test_a_page_that_is_read_out_otherwise_is_noticed(page: Page, address: str) -> None:
    page.goto(f"{address}/landing")
    page.evaluate("document.querySelector('main h1').removeAttribute('lang')")
    page.evaluate("document.querySelector('main .btn').setAttribute('aria-label', 'x')")
    assert page.locator("body").aria_snapshot() + "\n" != (GOLDEN / "landing.yaml").read_text()
