"""From a view to a response, and what all handlers share: services, site, form values, the browser's key.

Knows no rule. A handler has three steps: parse the request, await one action, render with `answer` or `move`.
"""

import asyncio
import io
import re
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import Any, Final
from urllib.parse import quote, urlsplit

import segno
from aiohttp import web

from envelopes.records.models import Section
from envelopes.rules.errors import Refused
from envelopes.services import Services
from portal import languages
from portal.face import FACE
from portal.pages import render
from portal.phrases import Phrase, named, reason
from portal.views import Page, Site

SERVICES: Final = web.AppKey("services", Services)
REQUEST_ID: Final = web.RequestKey("id", str)
_SECTION: Final = web.RequestKey("section", Section)
BODY_SECONDS: Final = 20  # a form is small; a body that drips longer than this is cut off
FIELD_CHARACTERS: Final = 4000  # longer than every limit of the policy, short enough to be harmless

_DIGITS: Final = 9  # more than any count here has; int() itself takes no more than 4,300

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def services(request: web.Request) -> Services:
    """The services of this process."""
    return request.app[SERVICES]


def about(request: web.Request, section: Section, language: str | None = None) -> None:
    """Note what a page is about: the section to call, and the language its reader is registered with."""
    request[_SECTION] = section
    if language is not None:
        languages.prefer(request, language)


def town(services: Services) -> Phrase:
    """The town's name."""
    return named(services.settings.town.name, services.settings.town.name_english)


def site(request: web.Request) -> Site:
    """The town as every page shows it; the section is the one in charge of what the page is about."""
    settings, section = services(request).settings, request.get(_SECTION)
    return Site(
        town=town(services(request)),
        section=called(section) if section else named(settings.town.section, settings.town.section_english),
        phone=phone(request),
        hours=_hours(request),
        domain=urlsplit(settings.portal.url).netloc,
        public_url=settings.portal.url,
        sender=settings.mail.address,
        demo=settings.demo,
        mark=request.app[FACE].mark,
        stylesheet=request.app[FACE].stylesheet,
        dates=settings.town.dates,
    )


def called(section: Section) -> Phrase:
    """The section's name."""
    return named(section.name, section.name_english)


def phone(request: web.Request) -> str:
    """The number to call."""
    section = request.get(_SECTION)
    return (section.phone if section else "") or services(request).settings.town.phone


def _hours(request: web.Request) -> Phrase:
    """When somebody answers: the section's own hours, or the town's."""
    section, names = request.get(_SECTION), services(request).settings.town
    own = section if section and section.hours not in ("", names.hours) else names
    return named(own.hours, own.hours_english)


def told(request: web.Request, refused: Refused) -> Phrase:
    """What to say about a refusal."""
    details: dict[str, Any] = {"tel": phone(request), **refused.details}
    return reason(refused.reason, **details)


def answer(request: web.Request, page: Page, *, status: int = 200) -> web.Response:
    """Render *page*."""
    text = render(page, site=site(request), language=languages.of(request), switch=languages.switch(request))
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")


def move(*parts: str) -> web.Response:
    """Send the browser on with a GET (PRG). Parts are path segments."""
    return web.Response(status=303, headers={"Location": path(*parts)})


def path(*parts: str) -> str:
    """The path of a page."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def number(text: str) -> int | None:
    """The number that stands in *text*; None where it is none, or longer than any here."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


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


def file(data: bytes | io.BytesIO, *, name: str, content_type: str = "application/pdf") -> web.Response:
    """Send a file to be saved under a Japanese name (RFC 6266, RFC 8187), with an ASCII name beside it."""
    suffix = name.rpartition(".")[2]
    disposition = f"attachment; filename=\"document.{suffix}\"; filename*=UTF-8''{quote(name, safe='')}"
    headers = {"Content-Disposition": disposition}
    return web.Response(body=data, content_type=content_type, headers=headers)


def qr_code(text: str) -> web.Response:
    """*text* as a QR image, made here: an address with a seed in it goes to no other server."""
    image = io.BytesIO()
    segno.make(text, error="m").save(image, kind="svg", scale=5, border=4)
    return web.Response(body=image.getvalue(), content_type="image/svg+xml")
