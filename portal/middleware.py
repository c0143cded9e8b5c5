"""What every request goes through: an id, security headers, packing, the same-origin check, a log line without tokens.

Knows no page. A form is accepted only from the portal's own pages: `Sec-Fetch-Site`, or `Origin` where a browser does
not send it. Both cannot be set by a foreign page.
"""

import logging
import secrets
import time
import traceback
import zlib
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from envelopes.rules import networks
from envelopes.rules.errors import FukanError, Reason, Refused
from portal import languages
from portal.errors import broken, failure_response
from portal.leading import to_page
from portal.respond import REQUEST_ID, client, ip, services

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
_STAFF: Final = "/staff"
_SAFE: Final = frozenset({"GET", "HEAD"})
_PACKED: Final = frozenset({"text/html", "text/css", "text/javascript", "image/svg+xml"})
_GZIP: Final = 16 + zlib.MAX_WBITS  # zlib's way of saying RFC 1952
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
            response = await to_page(request, error) or await failure_response(request, error)
    except Exception as error:  # noqa: BLE001 -- the door's last resort: a page, and a log line without values
        frames = "".join(traceback.format_tb(error.__traceback__)[-_FRAMES:])
        log.error("%s %s\n%s", type(error).__name__, request[REQUEST_ID], frames)  # noqa: TRY400 -- no message, no values
        response = broken(request)
    languages.remember(request, response, secure=services(request).settings.portal.url.startswith("https:"))
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


@web.middleware
async def compact(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Pack text where the browser takes gzip (RFC 9110 12.5.3). Images and PDFs are packed in themselves.

    Lengths of packed pages give no secret away (BREACH): that needs a page at a known address that repeats a foreign
    text beside a secret. A signer's pages lie at addresses nobody else knows; what staff pages hold opens nothing.
    """
    response = await handler(request)
    if isinstance(response, web.Response) and response.content_type in _PACKED:
        response.headers["Vary"] = "Accept-Encoding"
        if isinstance(response.body, bytes) and _takes_gzip(request.headers.get("Accept-Encoding", "")):
            packer = zlib.compressobj(wbits=_GZIP)
            response.body = packer.compress(response.body) + packer.flush()
            response.headers["Content-Encoding"] = "gzip"
    return response


def _takes_gzip(accepted: str) -> bool:
    for one in accepted.lower().split(","):
        coding, _, quality = one.replace(" ", "").partition(";q=")
        if coding == "gzip":
            return quality.strip("0.") != "" or not quality
    return False


@web.middleware
async def same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse forms that another site's page sent. Raises Refused(REQUEST_FORGED)."""
    if request.method not in _SAFE and not _own(request):
        raise Refused(Reason.REQUEST_FORGED)
    return await handler(request)


@web.middleware
async def near(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Serve the staff's pages to their own networks alone, where the settings name some.

    Raises Refused(NETWORK_ELSEWHERE).
    """
    allowed = services(request).settings.portal.staff_networks
    of_staff = request.path == _STAFF or request.path.startswith(f"{_STAFF}/")
    if allowed and of_staff and not networks.is_within(client(request), allowed):
        raise Refused(Reason.NETWORK_ELSEWHERE, ip=ip(request) or "？")
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
