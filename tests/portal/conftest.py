"""The sample pages at an address of their own, and Chromium to look at them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from envelopes.services import build
from envelopes.settings import Settings
from tests.browser import SHELL, chromium
from tests.portal.gallery import gallery


@pytest.fixture(scope="session")
def address(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the gallery is."""
    settings = Settings.model_validate({"directory": tmp_path_factory.mktemp("gallery"), "keys": keys})
    with gallery(build(settings, portal=True, bot=False)) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. A module's own, because of what its driver does to the thread."""
    with chromium(SHELL) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page as wide as a phone."""
    page = browser.new_page(viewport={"width": 390, "height": 844}, locale="ja-JP")
    yield page
    page.close()


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """One page for many tests, which leave nothing in it: a new one costs as much as looking at a page."""
    page = browser.new_page(locale="ja-JP")
    yield page
    page.close()
