"""アクセスコード for staff: the digits to tell a contractor by telephone, and new ones. Never in a mail."""

from aiohttp import web

from envelopes.actions import access_codes, factors
from envelopes.actions import staff as act
from envelopes.records.models import Contact, Signer, Staff
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.states import FINAL, State
from portal import staff_views
from portal.respond import answer, move, path, services
from portal.staff import nav, require_staff, visible
from portal.visit import party_of


async def may_tell(staff: Staff, shot: Snapshot, signer: Signer) -> bool:
    """Whether this person tells the signer his access code: who works on the envelope, while it is still needed."""
    needed = signer.consented_at is None and await factors.asked(signer) is Method.ACCESS_CODE
    sent = shot.state not in FINAL and shot.state is not State.DRAFT
    return needed and sent and act.works_on(staff, shot)


def urls(shot: Snapshot, signer: Signer) -> tuple[str, str]:
    """Where the digits are shown, and where new ones are made."""
    base = ("staff", "envelopes", shot.envelope.ref, "access-code", str(signer.position))
    return path(*base), path(*base, "new")


async def show(request: web.Request) -> web.Response:
    """The digits. Asked for by a POST, because that somebody looked stands in the history."""
    staff, shot, signer = await _found(request)
    try:
        digits = await access_codes.tell(services(request), act.actor_of(staff), signer)
    except Refused as refused:
        if refused.reason is not Reason.ACCESS_CODE_SPENT:
            raise
        return move("staff", "envelopes", shot.envelope.ref)
    contact = await Contact.filter(id=signer.contact_id or 0).first()
    page = staff_views.AccessCode(
        nav=nav(staff),
        number=shot.number,
        title=shot.envelope.title,
        party=party_of(signer),
        digits=f"{digits[:4]} {digits[4:]}",
        call_back=contact.call_back if contact else "",
        renew_url=urls(shot, signer)[1],
        envelope_url=path("staff", "envelopes", shot.envelope.ref),
    )
    return answer(request, page)


async def renew(request: web.Request) -> web.Response:
    """A new code ends the one before. On to where it is shown, so that a reload shows it and makes no other."""
    staff, shot, signer = await _found(request)
    await access_codes.renew(services(request), act.actor_of(staff), signer)
    # 307 repeats the form (RFC 9110 15.4.8): digits are shown to a POST alone.
    return web.Response(status=307, headers={"Location": urls(shot, signer)[0]})


async def _found(request: web.Request) -> tuple[Staff, Snapshot, Signer]:
    """Who asks, and about whom. Raises Refused(ROLE_MISSING | NOT_PERMITTED)."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    position = int(request.match_info["number"])
    signer = next((one for one in shot.signers if one.position == position), None)
    if not act.works_on(staff, shot):
        raise Refused(Reason.ROLE_MISSING)
    if signer is None or not await may_tell(staff, shot, signer):
        raise Refused(Reason.NOT_PERMITTED, state=shot.state, event="access-code")
    return staff, shot, signer
