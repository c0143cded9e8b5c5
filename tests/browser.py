"""Chromium as Debian packages it: whole, and as its shell without windows, where a page costs a third of the time.

Sample pages are looked at in the shell. Of the stories, those that are played on both engines are played in both.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, sync_playwright

from tests.engines import ENGINE
from tests.patience import PATIENCE

WHOLE: Final = "/usr/bin/chromium"
SHELL: Final = "/usr/bin/chromium-headless-shell"
OF_THE_ENGINE: Final = WHOLE if ENGINE == "postgres" else SHELL
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium(program: str) -> Iterator[Browser]:
    """Run it until the block ends. While its driver lives, no test can run an event loop in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS, timeout=PATIENCE * 1000)
        yield browser
        browser.close()
