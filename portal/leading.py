"""An address that takes forms alone leads to the page with the form.

The answer to a form has such an address. Browsers ask for it with GET for the language link, for Enter in the address
bar and for a tab that is opened again. Where it leads is told by the address alone, to everybody alike.
"""

from http import HTTPStatus
from typing import Final

from aiohttp import web

_FORM: Final = {"verify": "code", "complete": "confirm", "refuse": "decline"}
"""The page that a form is on, where it is beside its address instead of above it."""
_LOOKS: Final = frozenset({"GET", "HEAD"})


async def to_page(request: web.Request, error: web.HTTPException) -> web.Response | None:
    """The way to the nearest page, if *error* is that *request* looks at an address that only takes forms."""
    if request.method not in _LOOKS or error.status != HTTPStatus.METHOD_NOT_ALLOWED:
        return None
    above, _, name = request.path.rpartition("/")
    if name in _FORM and await _is_page(request, beside := f"{above}/{_FORM[name]}"):
        return _lead(request, beside)
    while above and not await _is_page(request, above):
        above = above.rpartition("/")[0]
    return _lead(request, above or "/")


def page_of(request: web.Request) -> str:
    """The page that a form is on, whatever it was sent to."""
    return _page(request)


def page_above(request: web.Request) -> str:
    """The nearest page above the address that was asked for."""
    return _page(request, above=True)


def _page(request: web.Request, *, above: bool = False) -> str:
    routes, resource = request.app.router.routes(), request.match_info.route.resource
    pages = {one.resource.canonical for one in routes if one.method == "GET" and one.resource}
    pattern, page = resource.canonical if resource else "", request.path
    if above:
        pages.discard(pattern)
    while pattern and pattern not in pages:
        pattern, page = pattern.rpartition("/")[0], page.rpartition("/")[0]
    return page or "/"


async def _is_page(request: web.Request, path: str) -> bool:
    found = await request.app.router.resolve(request.clone(rel_url=path))
    return found.http_exception is None


def _lead(request: web.Request, path: str) -> web.Response:
    asked = request.rel_url.raw_query_string
    return web.Response(status=303, headers={"Location": f"{path}?{asked}" if asked else path})
