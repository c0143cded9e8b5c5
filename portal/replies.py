"""返信での指示: the authenticator's second seed, set up and given up by the member of staff who is signed in."""

from dataclasses import replace

from aiohttp import web

from envelopes.actions import replying
from envelopes.records.models import Staff
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.replies import SAMPLES, Verb
from envelopes.texts import ORDERS
from portal import staff_views
from portal.phrases import both, reason
from portal.respond import answer, form, move, path, qr_code, services, told
from portal.staff import nav, require_staff
from portal.views import FieldError


async def show(request: web.Request) -> web.Response:
    """Whether replies order anything, and if not yet, the seed to set up."""
    return answer(request, await _page(request, await require_staff(request)))


async def _page(request: web.Request, staff: Staff) -> staff_views.ReplyCommands:
    provided, policy = services(request), services(request).policy
    on, why = await replying.is_enrolled(staff), await replying.hindrance(provided, staff)
    secret = "" if on else replying.offered(provided, staff).secret
    return staff_views.ReplyCommands(
        nav=nav(staff),
        samples=tuple(_sample(verb) for verb in SAMPLES),
        on=on,
        why=reason(why) if why not in (None, Reason.REPLY_NOT_ENROLLED) else "",
        qr_url="" if on else path("staff", "replies", "qr.svg"),
        secret=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        start_url=path("staff", "replies", "start"),
        stop_url=path("staff", "replies", "stop"),
        tries=policy.reply_tries,
        minutes=int(policy.reply_before.total_seconds() // 60),
    )


def _sample(verb: Verb) -> staff_views.ReplySample:
    return staff_views.ReplySample(written=SAMPLES[verb], meaning=both(ORDERS[verb].in_))


async def qr(request: web.Request) -> web.Response:
    """The seed as a QR image. A seed that is in use is never shown again."""
    staff = await require_staff(request)
    if await replying.is_enrolled(staff):
        raise web.HTTPNotFound
    return qr_code(replying.offered(services(request), staff).uri)


async def start(request: web.Request) -> web.Response:
    """Switch replies on with the first digits."""
    staff = await require_staff(request)
    code = (await form(request)).get("code", "")
    try:
        await replying.enrol(services(request), staff, code=code)
    except Refused as refused:
        error = FieldError(text=told(request, refused), field="code")
        return answer(request, replace(await _page(request, staff), errors=(error,)), status=422)
    return move("staff", "replies")


async def stop(request: web.Request) -> web.Response:
    """Switch them off."""
    await replying.stop(services(request), await require_staff(request))
    return move("staff", "replies")
