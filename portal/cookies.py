"""Cookies and the sessions behind them. Over https a cookie's name begins with `__Host-`: no other host can set it."""

from datetime import timedelta
from typing import Final

from aiohttp import web

from envelopes.records import bonds, sessions
from envelopes.records.models import Proof, Session, Staff
from portal.respond import services

SIGNER = "fukan"
STAFF = "fukan-staff"
ASKED = "fukan-asked"
REGISTRATION = "fukan-registration"
KNOWN: Final = timedelta(days=1)  # so long a browser is asked for a code, or led on, instead of turned away


def _name(request: web.Request, kind: str) -> str:
    return f"__Host-{kind}" if _secure(request) else kind


def _secure(request: web.Request) -> bool:
    return services(request).settings.portal.url.startswith("https:")


def keep(request: web.Request, response: web.Response, kind: str, value: str) -> None:
    """Set the cookie for this browser session."""
    response.set_cookie(
        _name(request, kind), value, httponly=True, secure=_secure(request), samesite="Lax", path="/"
    )


def read(request: web.Request, kind: str) -> str:
    """The cookie's value; empty where the browser has none."""
    return request.cookies.get(_name(request, kind), "")


def drop(request: web.Request, response: web.Response, kind: str) -> None:
    """Remove the cookie."""
    response.del_cookie(
        _name(request, kind), path="/", secure=_secure(request), httponly=True, samesite="Lax"
    )


def device(request: web.Request) -> str:
    """The secret of the browser that asked for a code; it opens nothing. Empty where it has none."""
    return read(request, ASKED)


async def signer_session(request: web.Request) -> Session | None:
    """The session of this browser."""
    return await _find(request, SIGNER, services(request).policy.signer_idle, None)


async def proved(request: web.Request, ref: str, *, asleep: bool = False) -> Proof | None:
    """What this browser has proved about the signer called *ref*, with all that one look at the database can bring.

    *asleep*: also where it was idle too long since, to go on where it stopped.
    """
    provided, value = services(request), request.cookies.get(_name(request, SIGNER), "")
    if not value:
        return None
    idle = KNOWN if asleep else provided.policy.signer_idle
    return await sessions.proved(value, ref, now=provided.now(), idle=idle)


async def staff_session(request: web.Request) -> Session | None:
    """The staff session of this browser, proved or not yet."""
    policy = services(request).policy
    return await _find(request, STAFF, policy.staff_idle, policy.staff_total)


async def was_signed_in(request: web.Request) -> Staff | None:
    """Who was signed in here with both factors until a while ago, and did not sign out."""
    policy = services(request).policy
    session = await _find(request, STAFF, KNOWN + policy.staff_idle, None)
    if session is None or not bonds.is_sign_in(session):
        return None
    return await Staff.filter(id=session.staff_id or 0, active=True).first()


async def _find(request: web.Request, kind: str, idle: timedelta, total: timedelta | None) -> Session | None:
    value = read(request, kind)
    if not value:
        return None
    return await sessions.find(value, now=services(request).now(), idle=idle, total=total)


async def signed_in(request: web.Request) -> Staff | None:
    """The member of staff who is signed in here with both factors; moves the time of last use."""
    session = await staff_session(request)
    if session is None or session.staff_id is None or not bonds.is_sign_in(session):
        return None
    await sessions.touch(session, now=services(request).now())
    return await Staff.filter(id=session.staff_id, active=True).select_related("section").first()
