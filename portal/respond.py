"""From a view to a response, and what all handlers share: services, site, form values, the browser's key.

Knows no rule. A handler has three steps: parse the request, await one action, render with `answer` or `move`.
"""

import asyncio
import re
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import Any, Final
from urllib.parse import quote, urlsplit

from aiohttp import web

from envelopes.rules.errors import Refused
from envelopes.services import Services
from envelopes.texts import say
from portal.pages import render
from portal.views import Page, Site

SERVICES: Final = web.AppKey("services", Services)
REQUEST_ID: Final = web.RequestKey("id", str)
BODY_SECONDS: Final = 20  # a form is small; a body that drips longer than this is cut off
FIELD_CHARACTERS: Final = 4000  # longer than every limit of the policy, short enough to be harmless

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def services(request: web.Request) -> Services:
    """The services of this process."""
    return request.app[SERVICES]


def site(request: web.Request) -> Site:
    """The town as every page shows it."""
    settings = services(request).settings
    return Site(
        town=settings.town.name,
        section=f"{settings.town.name} {settings.town.section}",
        phone=settings.town.phone,
        hours=settings.town.hours,
        domain=urlsplit(settings.portal.url).netloc,
        public_url=settings.portal.url,
        sender=settings.mail.address,
        demo=settings.demo,
    )


def phone(request: web.Request) -> str:
    """The number to call."""
    return services(request).settings.town.phone


def told(request: web.Request, refused: Refused) -> str:
    """What to say about a refusal."""
    details: dict[str, Any] = {"tel": phone(request), **refused.details}
    return say(refused.reason, **details)


def answer(request: web.Request, page: Page, *, status: int = 200) -> web.Response:
    """Render *page*."""
    text = render(page, site=site(request))
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def move(*parts: str) -> web.Response:
    """Send the browser on with a GET (PRG). Parts are path segments."""
    return web.Response(status=303, headers={"Location": path(*parts)})


def path(*parts: str) -> str:
    """The path of a page."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


async def form(request: web.Request) -> dict[str, str]:
    """Return the posted text fields, without control characters; a field that comes twice counts once.

    Raises HTTPRequestTimeout where the form drips in: aiohttp itself waits for a body for ever.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            posted = await request.post()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    return {
        name: _CONTROL.sub("", value)[:FIELD_CHARACTERS]
        for name, value in posted.items()
        if isinstance(value, str)
    }


def browser(request: web.Request) -> str:
    """A key that tells browsers apart for limits: the network they come from and their name. Stored only as a hash."""
    agent = request.headers.get("User-Agent", "")
    return sha256(f"{_network(client(request))}|{agent}".encode()).hexdigest()[:32]


def client(request: web.Request) -> str:
    """The client's address; X-Forwarded-For counts only from a proxy that the settings name."""
    direct = request.remote or ""
    forwarded = request.headers.get("X-Forwarded-For", "")
    if direct in services(request).settings.portal.trusted_proxies and forwarded:
        return forwarded.rpartition(",")[2].strip()
    return direct


def ip(request: web.Request) -> str:
    """The client's address as the history notes it; empty where it is none."""
    try:
        return str(ip_address(client(request)))
    except ValueError:
        return ""


def network(request: web.Request) -> str:
    """The network a client comes from, for limits: stored only as part of a hash."""
    return _network(client(request))


def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    bits = 24 if parsed.version == 4 else 64  # noqa: PLR2004 -- a household or an office
    return str(ip_network(f"{parsed}/{bits}", strict=False))


def file(data: bytes, *, name: str, content_type: str = "application/pdf") -> web.Response:
    """Send a file to be saved under a Japanese name (RFC 6266, RFC 8187), with an ASCII name beside it."""
    suffix = name.rpartition(".")[2]
    disposition = f"attachment; filename=\"document.{suffix}\"; filename*=UTF-8''{quote(name, safe='')}"
    headers = {"Content-Disposition": disposition}
    return web.Response(body=data, content_type=content_type, headers=headers)
