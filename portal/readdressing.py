"""台帳のアドレスを直す: the page from which a drafter puts a new address forward for a request that did not arrive."""

from typing import assert_never

from aiohttp import web

from envelopes.actions import correcting
from envelopes.actions.staff import actor_of
from envelopes.records.models import Application, Contact, Staff
from envelopes.records.store import Snapshot
from envelopes.rules.applications import Stage
from envelopes.rules.errors import Reason, Refused
from portal import staff_views
from portal.phrases import _
from portal.respond import answer, form, move, path, services, told
from portal.staff import nav, require_staff, visible
from portal.views import FieldError

_ABOUT_REASON = frozenset({Reason.ADDRESS_FREE, Reason.ADDRESS_CARRIER, Reason.REASON_TOO_LONG})


async def show(request: web.Request) -> web.Response:
    """The form, and how far a correction is that was put forward."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    contact = await correcting.concerned(actor_of(staff), shot)
    return answer(request, await _page(request, staff, shot, contact))


async def put_forward(request: web.Request) -> web.Response:
    """Put the address forward."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    posted, actor = await form(request), actor_of(staff)
    email, reason = posted.get("email", ""), posted.get("reason", "")
    contact = await correcting.concerned(actor, shot)
    try:
        await correcting.put_forward(services(request), actor, shot.envelope.ref, email=email, reason=reason)
    except Refused as refused:
        field = "reason" if refused.reason in _ABOUT_REASON else "email"
        error = FieldError(text=told(request, refused), field=field)
        page = await _page(request, staff, shot, contact, error, email=email, reason=reason)
        return answer(request, page, status=422)
    return move("staff", "envelopes", shot.envelope.ref, "address")


async def _page(
    request: web.Request,
    staff: Staff,
    shot: Snapshot,
    contact: Contact,
    *errors: FieldError,
    email: str = "",
    reason: str = "",
) -> staff_views.Readdress:
    base, policy = ("staff", "envelopes", shot.envelope.ref), services(request).policy
    return staff_views.Readdress(
        nav=nav(staff),
        number=shot.number,
        title=shot.envelope.title,
        envelope_url=path(*base),
        here_url=path(*base, "address"),
        company=contact.company,
        person=contact.person,
        address=contact.email,
        progress=await progress(contact.id),
        hours=int(policy.address_wait.total_seconds()) // 3600,
        reason_limit=policy.reason_characters,
        email=email,
        reason=reason,
        errors=errors,
    )


async def progress(contact_id: int | None) -> str:
    """How far the newest correction of an entry is, in words; empty where there is none."""
    row = await correcting.under_way(contact_id)
    return "" if row is None else await said(row)


async def said(row: Application) -> str:
    """How far an application of staff for a new address is, in words."""
    about = {"address": row.email, "number": row.number or ""}
    match Stage(row.stage):
        case Stage.UNPROVED | Stage.PROVED:
            return _(
                "{address} に確認のメールを送りました（受付番号 {number}）。"
                "相手方が確認コードを入力するのを待っています。",
                **about,
            )
        case Stage.CHECKED:
            return _(
                "{address} は相手方が確認しました（受付番号 {number}）。"
                "台帳の担当が電話で確かめて承認するのを待っています。",
                **about,
            )
        case Stage.APPROVED:
            contact = await Contact.filter(id=row.contact_id or 0).first()
            if contact is not None and contact.ended_at is not None:
                return _("{address} の登録は取りやめになりました（受付番号 {number}）。", **about)
            if contact is not None and contact.dead_at is not None:
                return _(
                    "{address} にはメールが届かないため、依頼は送り直されません（受付番号 {number}）。"
                    "電話で相手方に確かめ、受け取れるアドレスを届け出てください。",
                    **about,
                )
            return _(
                "{address} は承認されました（受付番号 {number}）。"
                "{at}から使え、依頼は自動で新しいアドレスに送り直されます。",
                at=contact.works_from if contact else row.decided_at,
                **about,
            )
        case Stage.RETURNED:
            return _("{address} の届け出は差し戻されました（受付番号 {number}）。", **about)
        case never:
            assert_never(never)
