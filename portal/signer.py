"""The contractor's way after the proof: documents, confirm, done. What may be done is decided in the actions."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from aiohttp import web

from envelopes.actions import factors
from envelopes.actions import signer as act
from envelopes.records import sessions
from envelopes.records.models import Document
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.reminders import open_day_after
from envelopes.rules.schedule import jst_day
from portal import cookies, languages, papers, signer_views, views
from portal.declining import declined
from portal.pages import static, text_file
from portal.proved import mailed, proved, reading, reading_or
from portal.respond import answer, file, form, ip, move, number, path, site, told
from portal.views import FieldError
from portal.visit import Visit, dead, download_page, kind_of, party_of, request_of, signed_after, waits_for

# Until when the village usually signs; a contractor without a mail by then should call.
CALL_AFTER: Final = 5  # open days: the three in which the town signs, and two for the mail to arrive


async def viewer(request: web.Request) -> web.Response:
    """C3. Shows one document; that a proved signer had it before him is noted once."""
    visit = await reading(request)
    if isinstance(visit, web.Response):
        return visit
    item = papers.document(visit.shot, request.match_info["number"])
    shown = await act.shown(visit.signer)
    if request.method == "GET" and item.id not in shown:
        await act.view(visit.services, visit.signer, item.id)
        shown = await act.shown(visit.signer)
    page = await _viewer(visit, item, shown, first=papers.first_page(request) or 1)
    here = replace(page.document, unfolded=papers.unfolded(request))
    return answer(request, replace(page, document=here, errors=papers.unread_page(request, here)))


async def _viewer(
    visit: Visit, item: Document, shown: Mapping[int, Document], *, first: int
) -> signer_views.Viewer:
    seen = {*shown, item.id}
    return signer_views.Viewer(
        request=request_of(visit),
        tabs=_tabs(visit, seen),
        document=await _document(visit, item, shown.get(item.id), first=first),
        confirm_url=visit.at("confirm") + _from(item.position),
        confirmation=_confirmation(visit, seen, back_to=item.position),
        wrong_person_url=visit.at("wrong"),
        decline_url=visit.at("decline"),
    )


async def _document(
    visit: Visit, item: Document, shown: Document | None, *, first: int
) -> views.DocumentView:
    base, contents = visit.at(str(item.position)), visit.contents
    size = contents.lengths.get(item.position) if contents else None
    if contents is None or size is None or shown is None:
        return await papers.view(visit.services, item, base, first=first)
    return await papers.laid_out(
        visit.services,
        item,
        base,
        size=size,
        images=await contents.leaves(item.id),
        text=shown.text,
        first=first,
    )


def _tabs(visit: Visit, seen: Collection[int]) -> tuple[views.DocumentTab, ...]:
    return papers.tabs(visit.shot, seen, lambda item: visit.at(str(item.position)))


def _from(position: int) -> str:
    """What the address of the last question says about the document that one came from."""
    return f"?from={position}" if position != 1 else ""


def _came_from(request: web.Request, visit: Visit) -> int:
    came_from = number(request.query.get("from", ""))
    return next((one.position for one in visit.shot.documents if one.position == came_from), 1)


def _confirmation(visit: Visit, seen: Collection[int], *, back_to: int) -> views.Confirmation:
    offered = visit.contents.offered if visit.contents else None
    offer = ""
    if offered is not None:
        offer = act.offer_digest(visit.shot, visit.signer, offered, language=visit.language)
    return views.Confirmation(
        party=party_of(visit.signer),
        kind=kind_of(visit.shot),
        documents=_tabs(visit, seen),
        waits_for=waits_for(visit),
        complete_url=visit.at("complete") + _from(back_to),
        back_url=visit.at(str(back_to)),
        offer=offer,
    )


async def image(request: web.Request) -> web.Response:
    """A page image, for a proved signer. Whose session was idle too long sees in its place what to do."""
    visit = await proved(request)
    if isinstance(visit, web.Response):
        return web.Response(status=303, headers={"Location": static("no-image.svg")})
    item = papers.document(visit.shot, request.match_info["number"])
    page, width = int(request.match_info["page"]), int(request.match_info["width"])
    return await papers.image(visit.services, item, page, width)


async def pdf(request: web.Request) -> web.Response:
    """署名前の文書, for a proved signer."""
    visit = await reading(request)
    if isinstance(visit, web.Response):
        return visit
    item = papers.document(visit.shot, request.match_info["number"])
    data = await papers.prepared(visit.services, item)
    return file(data, name=f"署名前_{item.title}.pdf")


async def confirm(request: web.Request) -> web.Response:
    """C4: the last question, as a page of its own."""
    visit = await reading(request)
    if isinstance(visit, web.Response):
        return visit
    return await _confirm(request, visit)


async def _confirm(request: web.Request, visit: Visit, *errors: FieldError) -> web.Response:
    seen = await act.seen(visit.signer)
    confirmation = _confirmation(visit, seen, back_to=_came_from(request, visit))
    page = signer_views.Confirm(request=request_of(visit), confirmation=confirmation, errors=errors)
    return answer(request, page, status=422 if errors else 200)


_SHOWN_ON_CONFIRM: Final = (Reason.DOCUMENTS_UNREAD, Reason.OFFER_CHANGED, Reason.PAGES_NOT_READY)


async def complete(request: web.Request) -> web.Response:
    """Consent. A second press of the button leads to the same page."""
    visit = await proved(request)
    if isinstance(visit, web.Response):
        return visit
    if visit.signer.consented_at is not None:
        return move("sign", visit.signer.ref, "done")
    session = await cookies.signer_session(request)
    proof = await sessions.proof(session, visit.signer) if session else None
    if proof is None:
        raise Refused(Reason.PROOF_MISSING)
    offer = (await form(request)).get("offer", "")
    grants = await factors.grants(visit.services, proof, visit.signer)
    try:
        await act.give_consent(
            visit.services,
            visit.signer.ref,
            offer=offer,
            grants=grants,
            actor=act.actor_of(visit.signer),
            ip=ip(request),
            language=visit.language,
        )
    except Refused as refused:
        if refused.reason not in _SHOWN_ON_CONFIRM:
            return await reading_or(request, refused)
        return await _confirm(request, visit, FieldError(text=told(request, refused)))
    return move("sign", visit.signer.ref, "done")


async def done(request: web.Request) -> web.Response:
    """C5: received, in the words for a 契約書 or a 請書; or the refusal that was received.

    The mailbox alone is enough here: it was told the same by mail.
    """
    visit = await mailed(request)
    if isinstance(visit, web.Response):
        return visit
    # Also for who has signed: what ended afterwards is not waiting for anybody any more.
    if (ended := dead(visit)) is not None:
        return answer(request, declined(visit) or ended)
    if visit.signer.consented_at is None:
        return move("sign", visit.signer.ref, "1")
    return answer(request, await _done(visit))


async def receipt(request: web.Request) -> web.Response:
    """What `done` says of the signature, as a text file to keep, for who cannot print."""
    visit = await mailed(request)
    if isinstance(visit, web.Response):
        return visit
    if visit.signer.consented_at is None:
        return move("sign", visit.signer.ref, "1")
    page = await _done(visit)
    data = text_file("receipt.txt", page, site=site(request), language=languages.of(request))
    return file(data, name=f"受領書_{page.number}.txt", content_type="text/plain")


async def _done(visit: Visit) -> signer_views.Done:
    shot, signer = visit.shot, visit.signer
    assert signer.consented_at is not None
    offered = await act.offered(shot)
    pages = {document.position: document.page_count for document in shot.documents}
    others = waits_for(visit)
    # How soon another company signs is its own affair.
    town_alone = bool(others) and all(
        one.staff_id for one in shot.signers if one.signed_at is None and one.id != signer.id
    )
    return signer_views.Done(
        request=request_of(visit),
        kind=kind_of(shot),
        number=shot.number,
        signed_at=signer.consented_at,
        waits_for=others,
        signed_after=signed_after(visit),
        documents=tuple(
            signer_views.SignedDocument(
                number=item.position, title=item.title, pages=pages[item.position], sha256=item.sha256
            )
            for item in offered
        ),
        masked_address=visit.masked,
        expected_by=open_day_after(jst_day(signer.consented_at), CALL_AFTER) if town_alone else None,
        concluded_on=shot.envelope.transaction_on if shot.envelope.completed_at else None,
        download_url=download_page(visit),
        receipt_url=path("sign", signer.ref, "receipt"),
        download_days=visit.services.policy.download_days,
    )
