"""本人確認の方法 for staff: the ways there are for a contractor, and changing his while the request is out."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from aiohttp import web

from envelopes.actions import authenticators, identity, sms_codes, usual
from envelopes.actions import staff as act
from envelopes.records.models import Contact, Mobile, Signer, Staff
from envelopes.records.store import Snapshot
from envelopes.rules import factors
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.mobiles import masked
from envelopes.services import Services
from portal import staff_views
from portal.phrases import _, both, joined, reason
from portal.respond import answer, form, move, number, path, services, told
from portal.staff import nav, require_staff, visible
from portal.staff_views import Choice, ProposedIdentity
from portal.views import FieldError
from portal.visit import party_of

_WAYS: Final[Mapping[Method, str]] = {
    Method.MAIL: _("登録済みのアドレスに届く6けたの確認コードだけで確かめます。"),
    Method.ACCESS_CODE: _("封筒の画面に出る8けたの数字を、相手方に電話で伝えます。メールでは送りません。"),
    Method.AUTHENTICATOR: _(
        "相手方がスマートフォンの認証アプリに表示される6けたの数字も入力します。登録済みです。"
    ),
}
_NO_APP: Final = _(
    "まだ登録されていません。今回は電話でアクセスコードを伝え、相手方はそのあと、次の契約のために登録します。"
)


async def ways(provided: Services, signer: Signer, chosen: str) -> tuple[Choice, ...]:
    """By what *signer* may be asked to prove who he is, each with what it means for him and for staff."""
    mobile = await sms_codes.number_of(provided, signer)
    notes = {**_WAYS, Method.SMS: _sms_note(mobile)}
    if await authenticators.of(signer.contact_id) is None:
        notes[Method.AUTHENTICATOR] = _NO_APP
    contact = await Contact.filter(id=signer.contact_id or 0).first()
    if contact is not None:
        mine = await usual.of(provided, contact)
        notes[mine] = joined([_("台帳にある、この方の既定です。"), notes[mine]])
    return tuple(
        Choice(
            value=method.value,
            label=both(partial(factors.called, method)),
            chosen=method == chosen,
            disabled=method is Method.SMS and mobile is None,
            note=notes[method],
        )
        for method in provided.methods
    )


def _sms_note(mobile: Mobile | None) -> str:
    if mobile is None:
        return _(
            "台帳に、SMSに使える携帯電話の番号がありません。台帳の画面で番号を届け出て、承認を受けると選べます。"
        )
    return _("相手方の携帯電話（{number}）にSMSで届く数字も入力します。", number=masked(mobile.number))


# Changing it


def url(staff: Staff, shot: Snapshot, signer: Signer) -> str | None:
    """Where this person changes it for *signer*, or None where he may not, or it is too late."""
    may = act.works_on(staff, shot) and identity.is_open(shot, signer)
    return path("staff", "envelopes", shot.envelope.ref, "identity", str(signer.position)) if may else None


async def show(request: web.Request) -> web.Response:
    """What is asked for, what may be asked for instead, and what waits for a second person."""
    staff, shot, signer = await _found(request)
    return answer(request, await _page(request, staff, shot, signer))


async def change(request: web.Request) -> web.Response:
    """Ask for more, or put forward that less is enough."""
    staff, shot, signer = await _found(request)
    posted = await form(request)
    chosen, why = posted.get("identity", ""), posted.get("reason", "")
    try:
        at_once = await identity.change(
            services(request),
            act.actor_of(staff),
            shot.envelope.ref,
            signer.position,
            Method(chosen if chosen in set(Method) else signer.proof),
            reason=why,
        )
    except Refused as refused:
        return await _again(request, staff, shot, signer, refused, chosen=chosen, typed=why)
    here = ("staff", "envelopes", shot.envelope.ref)
    return move(*here) if at_once else move(*here, "identity", str(signer.position))


async def approve(request: web.Request) -> web.Response:
    """Approve what another one has put forward."""
    staff, shot, signer = await _found(request)
    posted = await form(request)
    try:
        await identity.approve(
            services(request),
            staff,
            shot.envelope.ref,
            signer.position,
            n=_number(posted),
            code=posted.get("code", ""),
        )
    except Refused as refused:
        return await _again(request, staff, shot, signer, refused)
    return move("staff", "envelopes", shot.envelope.ref)


async def refuse(request: web.Request) -> web.Response:
    """Let what was put forward come to nothing."""
    staff, shot, signer = await _found(request)
    n, actor = _number(await form(request)), act.actor_of(staff)
    await identity.refuse(services(request), actor, shot.envelope.ref, signer.position, n=n)
    return move("staff", "envelopes", shot.envelope.ref, "identity", str(signer.position))


def _number(posted: Mapping[str, str]) -> int:
    n = number(posted.get("n", ""))
    return -1 if n is None else n


async def _found(request: web.Request) -> tuple[Staff, Snapshot, Signer]:
    """Who asks, and about whom. Raises Refused(ROLE_MISSING | NOT_PERMITTED)."""
    staff = await require_staff(request)
    shot = await visible(request, staff)
    position = int(request.match_info["number"])
    signer = next((one for one in shot.signers if one.position == position), None)
    if not act.works_on(staff, shot):
        raise Refused(Reason.ROLE_MISSING)
    if signer is None or not identity.is_open(shot, signer):
        raise Refused(Reason.NOT_PERMITTED, state=shot.state, event=identity.CHANGED)
    return staff, shot, signer


_AT: Final[Mapping[Reason, str]] = {
    Reason.IDENTITY_SAME: "identity",
    Reason.IDENTITY_NOT_HERE: "identity",
    Reason.MOBILE_NONE: "identity",
    Reason.REASON_MISSING: "reason",
    Reason.REASON_TOO_LONG: "reason",
    Reason.CODE_EMPTY: "code",
    Reason.CODE_FORMAT: "code",
    Reason.TOTP_WRONG: "code",
    Reason.SIGN_IN_LOCKED: "code",
}


async def _again(
    request: web.Request,
    staff: Staff,
    shot: Snapshot,
    signer: Signer,
    refused: Refused,
    *,
    chosen: str = "",
    typed: str = "",
) -> web.Response:
    """The page once more with what is to be mended; anything else is raised."""
    if refused.reason not in _AT:
        raise refused
    error = FieldError(text=told(request, refused), field=_AT[refused.reason])
    page = await _page(request, staff, shot, signer, error, chosen=chosen, typed=typed)
    return answer(request, page, status=422)


async def _page(
    request: web.Request,
    staff: Staff,
    shot: Snapshot,
    signer: Signer,
    *errors: FieldError,
    chosen: str = "",
    typed: str = "",
) -> staff_views.Identity:
    provided, base = services(request), ("staff", "envelopes", shot.envelope.ref)
    here = (*base, "identity", str(signer.position))
    present = Method(signer.proof)
    return staff_views.Identity(
        nav=nav(staff),
        number=shot.number,
        title=shot.envelope.title,
        envelope_url=path(*base),
        party=party_of(signer),
        address=signer.email,
        present=both(partial(factors.called, present)),
        choices=await _others(provided, signer, present, chosen),
        post_url=path(*here),
        proposed=await _proposed(staff, shot, signer),
        approve_url=path(*here, "approve"),
        refuse_url=path(*here, "refuse"),
        reason_limit=provided.policy.reason_characters,
        reason=typed,
        errors=errors,
    )


_AT_ONCE: Final = _("変えると、すぐに求めます。")
_BY_TWO: Final = _("理由を書いて申し出ます。別の職員が承認すると変わります。")


async def _others(provided: Services, signer: Signer, present: Method, chosen: str) -> tuple[Choice, ...]:
    """The other ways, each with whether it holds at once."""
    found = [one for one in await ways(provided, signer, chosen) if one.value != present]
    return tuple(
        Choice(
            value=one.value,
            label=one.label,
            chosen=one.chosen,
            disabled=one.disabled,
            note=one.note if one.disabled else joined([one.note, _when(present, Method(one.value))]),
        )
        for one in found
    )


def _when(present: Method, other: Method) -> str:
    return _AT_ONCE if factors.raises(present, other) else _BY_TWO


async def _proposed(staff: Staff, shot: Snapshot, signer: Signer) -> ProposedIdentity | None:
    asked = await identity.waiting(shot, signer)
    if asked is None:
        return None
    first = await Staff.filter(ref=asked.first).first()
    return ProposedIdentity(
        n=asked.n,
        method=both(partial(factors.called, asked.method)),
        reason=asked.reason,
        by=first.name if first else "",
        at=asked.at,
        hindrance=reason(Reason.IDENTITY_SAME_PERSON) if asked.first == staff.ref else "",
    )
