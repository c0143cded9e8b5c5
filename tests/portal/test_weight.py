"""What a page weighs on the wire: few requests, packed text, nothing from elsewhere, nothing twice."""

import gzip
import time
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, ViewportSize

from tests.patience import PATIENCE
from tests.portal.samples import CONTRACTOR_PAGES

ON_THE_WIRE = 15_000
REQUESTS = 8
PHONE: ViewportSize = {"width": 390, "height": 844}


class Wire:
    """What one visit to one page brings over the network, as Chromium's own network log counts it."""

    def __init__(self, session: CDPSession) -> None:
        self.urls: dict[str, str] = {}
        self.octets: dict[str, int] = {}
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.loadingFinished", self._came)
        session.send("Network.enable")

    def _asked(self, event: dict[str, Any]) -> None:
        # Chromium draws its own date field from `data:` addresses, which no network sees.
        if not (url := event["request"]["url"]).startswith("data:"):
            self.urls[event["requestId"]] = url

    def _came(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self.urls:
            self.octets[event["requestId"]] = int(event["encodedDataLength"])

    @property
    def is_still(self) -> bool:
        """Whether all that was asked for has come."""
        return self.octets.keys() >= self.urls.keys()

    def weight(self) -> int:
        """Octets with headers, of everything but page images."""
        return sum(size for key, size in self.octets.items() if not self.urls[key].endswith(".webp"))


def visit(browser: Browser, url: str, **headers: str) -> Wire:
    """Open *url* in a browser that has seen nothing yet, down to the first screen."""
    context = browser.new_context(viewport=PHONE, locale="ja-JP", extra_http_headers=headers)
    page = context.new_page()
    wire = Wire(context.new_cdp_session(page))
    page.goto(url)
    page.wait_for_load_state("networkidle")
    end = time.monotonic() + PATIENCE
    while not wire.is_still and time.monotonic() < end:  # the network log comes behind
        page.wait_for_timeout(20)
    context.close()
    return wire


@pytest.mark.parametrize("name", CONTRACTOR_PAGES)
def test_page_is_light_on_the_wire_and_asks_for_little(name: str, browser: Browser, address: str) -> None:
    wire = visit(browser, f"{address}/{name}")
    assert wire.is_still
    assert 3_000 < wire.weight() <= ON_THE_WIRE
    assert len(wire.urls) <= REQUESTS
    assert {url.split("/")[2] for url in wire.urls.values()} == {address.rpartition("/")[2]}


def test_the_same_page_unpacked_would_be_too_heavy(browser: Browser, address: str) -> None:
    wire = visit(browser, f"{address}/viewer", **{"Accept-Encoding": "identity"})
    assert wire.weight() > ON_THE_WIRE


def fetched(url: str, accepted: str | None) -> tuple[Any, bytes]:
    request = urllib.request.Request(url)
    if accepted is not None:
        request.add_header("Accept-Encoding", accepted)
    with urllib.request.urlopen(request) as answer:
        return answer.headers, answer.read()


@pytest.mark.parametrize("accepted", ["gzip", "br, GZIP", "deflate;q=0.5, gzip ; q=0.1"])
def test_browser_that_takes_gzip_gets_the_page_packed(accepted: str, address: str) -> None:
    _, plain = fetched(f"{address}/landing", None)
    headers, packed = fetched(f"{address}/landing", accepted)
    assert headers["Content-Encoding"] == "gzip"
    assert int(headers["Content-Length"]) == len(packed) < len(plain)
    assert gzip.decompress(packed) == plain


@pytest.mark.parametrize("accepted", [None, "br", "gzip;q=0", "gzip; q=0.000", "xgzip", "*;q=0"])
def test_browser_that_does_not_take_gzip_gets_the_page_as_it_is(accepted: str | None, address: str) -> None:
    headers, body = fetched(f"{address}/landing", accepted)
    assert headers["Content-Encoding"] is None
    assert headers["Vary"] == "Accept-Encoding"
    assert body.lstrip().startswith(b"<!doctype html>")


def test_images_are_not_packed_a_second_time(address: str) -> None:
    headers, _ = fetched(f"{address}/img/1-828.webp", "gzip")
    assert headers["Content-Encoding"] is None
