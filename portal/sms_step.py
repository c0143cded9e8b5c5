"""C2b by SMS: the page with the button that sends one and the field for its digits. What counts, the actions decide."""

import asyncio
from typing import Final

from aiohttp import web

from envelopes.actions import sms_codes
from envelopes.actions.factors import Tried
from envelopes.records.models import Sms
from envelopes.rules.codes import Verdict
from envelopes.rules.errors import Reason
from envelopes.rules.mobiles import masked
from envelopes.rules.returns import DeliveryState
from portal import signer_views
from portal.phrases import reason
from portal.respond import phone
from portal.views import FieldError
from portal.visit import Visit, request_of

_LOOK: Final = 0.1  # seconds between two looks at what became of an SMS
# What is said beside the button; everything else is a page of its own.
ABOUT_SENDING: Final = (Reason.RESEND_EARLY, Reason.SMS_CAP, Reason.SMS_NO_NUMBER, Reason.SMS_OVER)


async def page(
    request: web.Request, visit: Visit, error: FieldError | None, *, query: str = "", typed: str = ""
) -> signer_views.SmsFactor:
    """The page as it stands: before the first SMS, after it, or where it could not be sent."""
    mobile = await sms_codes.number_of(visit.services, visit.signer)
    sent = await sms_codes.last(visit.services, visit.signer)
    failed = sent is not None and sent.failed
    if await sms_codes.is_over(visit.services, visit.signer):
        mobile, sent, error = None, None, FieldError(text=reason(Reason.SMS_OVER, tel=phone(request)))
    if error is None and mobile is None:
        error = FieldError(text=reason(Reason.SMS_NO_NUMBER, tel=phone(request)))
    elif error is None and failed:
        error = FieldError(text=reason(Reason.SMS_NOT_SENT, tel=phone(request)))
    wait = (sent.resend_at - visit.services.now()).total_seconds() if sent else 0
    return signer_views.SmsFactor(
        request=request_of(visit),
        post_url=visit.at("factor") + query,
        send_url=visit.at("factor") + "/sms" + query,
        number=masked(mobile.number) if mobile else "",
        valid_until=sent.valid_until if sent and not failed else None,
        word=sent.word if sent else "",
        resend_wait=max(0, int(wait)),
        resent=bool(request.query.get("sent")) and sent is not None and sent.again,
        failed=failed,
        typed=typed,
        errors=(error,) if error else (),
    )


async def settled(visit: Visit) -> None:
    """Wait a little for what becomes of the newest SMS, so that a failure is on the page that comes next."""
    waiting = (DeliveryState.QUEUED.value,)
    newest = Sms.filter(code__signer_id=visit.signer.id).order_by("-id")
    looks = int(visit.services.policy.sms_hold.total_seconds() / _LOOK)
    for _ in range(looks):
        row = await newest.first()
        if row is None or row.state not in waiting:
            return
        await asyncio.sleep(_LOOK)


def wrong(request: web.Request, tried: Tried) -> FieldError:
    """What to say about an entry that was not right."""
    match tried.verdict:
        case Verdict.LATE:
            return FieldError(text=reason(Reason.SMS_LATE))
        case Verdict.USED:
            return FieldError(text=reason(Reason.CODE_USED))
        case Verdict.WRONG if tried.left:
            return FieldError(text=reason(Reason.CODE_WRONG, n=tried.left), field="code")
        case _:
            return FieldError(text=reason(Reason.SMS_SPENT, tel=phone(request)))
