"""What every request goes through: an id, security headers, the same-origin check, a log line without tokens.

Knows no page. A form is accepted only from the portal's own pages: `Sec-Fetch-Site`, or `Origin` where a browser does
not send it. Both cannot be set by a foreign page.
"""

import logging
import secrets
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from envelopes.rules.errors import FukanError, Reason, Refused
from portal.errors import broken, failure_response
from portal.respond import REQUEST_ID

log = logging.getLogger("portal")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CSP: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CSP,
    # With no-referrer, browsers would send `Origin: null` with every form.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_SAFE: Final = frozenset({"GET", "HEAD"})
_FRAMES: Final = 6  # of a traceback: where it happened; messages may hold personal data and stay out


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, and write one log line with the route's pattern: never a token, reference or query."""
    request[REQUEST_ID] = secrets.token_hex(4)
    began = time.monotonic()
    response = await handler(request)
    route = request.match_info.route.resource
    log.info(
        "%s %s %s %d ms %s",
        request.method,
        route.canonical if route else "(none)",
        response.status,
        (time.monotonic() - began) * 1000,
        request[REQUEST_ID],
    )
    return response


@web.middleware
async def secure(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Set the security headers, and turn errors into pages."""
    try:
        response = await handler(request)
    except FukanError as error:
        response = await failure_response(request, error)
    except web.HTTPException as error:
        if error.status < 400:  # noqa: PLR2004 -- a redirect is an answer, not an error
            response = web.Response(status=error.status, headers={"Location": error.headers["Location"]})
        else:
            response = await failure_response(request, error)
    except Exception as error:  # noqa: BLE001 -- the door's last resort: a page, and a log line without values
        frames = "".join(traceback.format_tb(error.__traceback__)[-_FRAMES:])
        log.error("%s %s\n%s", type(error).__name__, request[REQUEST_ID], frames)  # noqa: TRY400 -- no message, no values
        response = broken(request)
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


@web.middleware
async def same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse forms that another site's page sent. Raises Refused(REQUEST_FORGED)."""
    if request.method not in _SAFE and not _own(request):
        raise Refused(Reason.REQUEST_FORGED)
    return await handler(request)


def _own(request: web.Request) -> bool:
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return fetch_site == "same-origin"
    origin = request.headers.get("Origin")
    if origin is None:
        # Programs that are no browsers send neither; they carry no cookies of a person either.
        return (
            "Cookie" not in request.headers or "Referer" not in request.headers or _same(request, "Referer")
        )
    return _same(request, "Origin")


def _same(request: web.Request, header: str) -> bool:
    return urlsplit(request.headers.get(header, "")).netloc == request.host
