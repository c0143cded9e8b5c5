"""Which language a page is in: the one asked for by link, else the browser's choice before, else the reader's own.

`?lang=en` on any page shows it in English and has the browser remember that; the server remembers nothing. A signer's
language is that of his entry in the registry. What the browser says it accepts is asked last, and only on pages whose
reader is not known: a town hall's browser may well be an English one.
"""

from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from envelopes.rules.wording import Language, spoken

PARAMETER: Final = "lang"
COOKIE: Final = "fukan-lang"  # says nothing about a person, so any page of this host may set it
_KEPT: Final = timedelta(days=365)
_PREFERRED: Final = web.RequestKey("language", Language)
_STAFF: Final = "/staff"


def prefer(request: web.Request, code: str) -> None:
    """Note the language that the reader of this page is registered with."""
    request[_PREFERRED] = spoken(code)


def of(request: web.Request) -> Language:
    """The language of the page that answers *request*."""
    chosen = _asked(request) or _known(request.cookies.get(COOKIE))
    return chosen or request.get(_PREFERRED) or _accepted(request)


def _known(code: str | None) -> Language | None:
    return Language(code) if code in set(Language) else None


def _asked(request: web.Request) -> Language | None:
    return _known(request.query.get(PARAMETER))


def _accepted(request: web.Request) -> Language:
    """The first language of Accept-Language that is spoken here (RFC 9110 12.5.4), read in the order it is written."""
    if request.path.startswith(_STAFF):
        return Language.JAPANESE
    ranges = request.headers.get("Accept-Language", "").split(",")
    codes = (one.partition(";")[0].strip().partition("-")[0].lower() for one in ranges)
    return next((found for code in codes if (found := _known(code))), Language.JAPANESE)


def remember(request: web.Request, response: web.StreamResponse, *, secure: bool) -> None:
    """Have the browser keep the language that a link asked for."""
    if (asked := _asked(request)) is not None and asked != request.cookies.get(COOKIE):
        response.set_cookie(
            COOKIE,
            asked,
            max_age=int(_KEPT.total_seconds()),
            path="/",
            httponly=True,
            samesite="Lax",
            secure=secure,
        )


def switch(request: web.Request) -> str:
    """The address of this page without its language. An answer to a form has none: it is the page with the form."""
    here = urlsplit(str(request.rel_url) if request.method != "POST" else _form(request))
    rest = [(name, value) for name, value in parse_qsl(here.query) if name != PARAMETER]
    return f"{here.path}?{urlencode(rest)}&" if rest else f"{here.path}?"


def _form(request: web.Request) -> str:
    """The page that the form was on, if it was one of ours; the front page for browsers that do not say."""
    referer = urlsplit(request.headers.get("Referer", ""))
    return referer._replace(scheme="", netloc="").geturl() if referer.netloc == request.host else "/"
