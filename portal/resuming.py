"""Where somebody was when his session went to sleep, and what he had typed: carried through the question for a code.

It stands in hidden fields of that page's forms, so two tabs keep two things, and nothing of it is in an address, a
cookie or the database. What ends something is not done over: its last question is asked again.
"""

import re
from typing import Final

from aiohttp import web

from portal.respond import form, path

_STEP: Final = re.compile(r"\d{1,2}|confirm|decline|checking|wrong")
_ASKED_AGAIN: Final = {"complete": "confirm", "refuse": "decline"}
_TYPED: Final = ("choice", "reason", "note", "remind_on", "person", "office", "email")

Kept = tuple[tuple[str, str], ...]


async def kept(request: web.Request) -> Kept:
    """Names and values to carry: the step, and what was typed there. Empty where no step is known."""
    posted = await form(request) if request.method == "POST" else {}
    here = _step(request, posted)
    typed = tuple((name, posted[name]) for name in _TYPED if name in posted)
    return (("step", here), *typed) if here else ()


def _step(request: web.Request, posted: dict[str, str]) -> str:
    """The step's name, from the form or from a signer's own path; empty where neither tells one."""
    place = request.path.split("/")[3] if "ref" in request.match_info else ""
    return step(posted.get("step") or place)


def step(name: str) -> str:
    """The step that is meant by the name of a page; empty where it is none to go on at."""
    name = _ASKED_AGAIN.get(name, name)
    return name if _STEP.fullmatch(name) else ""


def onward(ref: str, carried: Kept, *, default: str) -> web.Response:
    """Lead to the step that was *carried*, or to *default*.

    What was typed is sent there by the browser itself: 307 repeats the form (RFC 9110 15.4.8).
    """
    place = dict(carried).get("step", default)
    status = 307 if len(carried) > 1 else 303
    return web.Response(status=status, headers={"Location": path("sign", ref, place)})
