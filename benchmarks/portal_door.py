"""One door for browsers as a process of its own: `ours`, or `bare`, which renders the same page from constants.

`bare` is aiohttp and the template: no database, no session, no headers of ours, nothing packed. Prints its port, then
serves until it is ended.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web

from benchmarks.portal_scene import VIEWER, opened
from envelopes.services import Services
from fukan.serve import listen, served
from portal import respond
from portal.app import create_app
from portal.pages import render


async def _bare(services: Services, folder: Path) -> web.Application:
    """Return an application with one page: the one that ours shows, its view kept, its template rendered each time."""
    kept: dict[str, Any] = {}

    def keep(page: Any, **how: Any) -> str:
        kept.update(page=page, **how)
        return render(page, **how)

    respond.render = keep  # type: ignore[assignment]
    place = listen("127.0.0.1", 0)
    async with served(create_app(services), place), ClientSession() as browser:
        url = f"http://127.0.0.1:{place.getsockname()[1]}"
        async with browser.get(url + (folder / VIEWER).read_text(), headers=_cookie(folder)) as answer:
            assert answer.ok, await answer.text()

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=render(**kept), content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/{rest:.*}", page)])
    return app


def _cookie(folder: Path) -> dict[str, str]:
    return {"Cookie": (folder / "cookie").read_text()}


async def _serve(folder: Path, what: str) -> None:
    async with opened(folder) as services:
        app = create_app(services) if what == "ours" else await _bare(services, folder)
        place = listen("127.0.0.1", 0)
        async with served(app, place):
            print(place.getsockname()[1], flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), sys.argv[2]))
