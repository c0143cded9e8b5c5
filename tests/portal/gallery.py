"""Every sample page in the portal itself, beside its own pages: its headers, its packing, its static files.

The pages have the face of the town in the settings, whose name they leave to the samples.

No database is open, so of the portal's own pages only those can be had that read none.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import segno
from aiohttp import web

import fukan
from envelopes.papers import pages as drawn
from envelopes.services import Services
from portal import languages
from portal.app import create_app
from portal.face import FACE
from portal.pages import render
from portal.views import Site
from tests.portal.samples import SAMPLES, SITE

_SITE: Final = web.AppKey("sample site", Site)
CONTRACT = Path(fukan.__file__).parent / "demo" / "samples" / "工事請負契約書.pdf"


@cache
def _leaves() -> list[drawn.Page]:
    return drawn.render(CONTRACT.read_bytes(), first=1, last=9)


async def _image(request: web.Request) -> web.Response:
    leaves = _leaves()
    page = leaves[(int(request.match_info["page"]) - 1) % len(leaves)]
    width = int(request.match_info["width"])
    (image,) = (image for image in page.images if image.width_px == width)
    return web.Response(body=image.data, content_type="image/webp", headers={"Cache-Control": "private"})


async def _qr(_request: web.Request) -> web.Response:
    drawing = segno.make("otpauth://totp/x?secret=JBSWY3DPEHPK3PXP").svg_inline(scale=4)
    body = drawing.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return web.Response(text=body, content_type="image/svg+xml")


async def _larger(_request: web.Request) -> web.Response:
    """What a reader sets who wants letters twice as large."""
    return web.Response(text="html{font-size:200%}", content_type="text/css")


async def _page(request: web.Request) -> web.Response:
    page = SAMPLES[request.match_info["name"]]
    text = render(
        page, site=request.app[_SITE], language=languages.of(request), switch=languages.switch(request)
    )
    return web.Response(text=text, content_type="text/html", charset="utf-8")


async def _spoilt(_request: web.Request) -> web.Response:
    """A page with a fault, for validators to find: its first picture says nothing to those who cannot see it."""
    text = render(SAMPLES["landing"], site=SITE).replace(' alt=""', "", 1)
    return web.Response(text=text, content_type="text/html", charset="utf-8")


def _app(services: Services) -> web.Application:
    app = create_app(services)
    own = services.settings.town
    app[_SITE] = replace(SITE, mark=app[FACE].mark, stylesheet=app[FACE].stylesheet, dates=own.dates)
    app.add_routes(
        [
            web.get(r"/img/{page:\d+}-{width:\d+}.webp", _image),
            web.get("/img/qr.svg", _qr),
            web.get("/spoilt", _spoilt),
            web.get("/larger.css", _larger),
            web.get("/{name}", _page),
        ]
    )
    return app


@contextmanager
def gallery(services: Services) -> Iterator[str]:
    """Serve it from a thread of its own; gives its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    runner = web.AppRunner(_app(services))
    try:
        yield asyncio.run_coroutine_threadsafe(_serve(runner), loop).result(30)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve(runner: web.AppRunner) -> str:
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"
