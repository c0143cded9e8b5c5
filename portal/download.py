"""The signed PDFs by link, for two weeks; afterwards a fresh link to the registered address.

A download by link asks for a code (policy), unless the PDFs were attached to this person's mail anyway: whoever reads
that mailbox has them already.
"""

import io
import zipfile
from dataclasses import dataclass, replace

from aiohttp import web

from envelopes.actions import notes
from envelopes.actions import signer as act
from envelopes.actions.signer import CodeFor
from envelopes.records import counters, sessions, store
from envelopes.records.models import Delivery, Document, Signer
from envelopes.records.store import Snapshot
from envelopes.rules import addresses
from envelopes.rules.codes import Verdict
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import Task
from envelopes.rules.tokens import Purpose
from envelopes.services import Services
from portal import codes, cookies, papers, signer_views, views
from portal.respond import about, answer, file, form, move, path, services, told
from portal.signer_views import DeadLink
from portal.views import FieldError
from portal.visit import kind_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request through a download link."""

    services: Services
    shot: Snapshot
    signer: Signer
    token: str

    def at(self, *parts: str) -> str:
        """The path of one of this link's pages."""
        return path("d", self.token, *parts)

    @property
    def masked(self) -> str:
        return addresses.mask(self.signer.email)


async def _by_link(request: web.Request, *, closed_too: bool = False) -> Visit | web.Response:
    """Read the link. *closed_too*: also after the window, for the form that asks for a fresh link."""
    token, provided = request.match_info["token"], services(request)
    ticket = provided.ticket(Purpose.DOWNLOAD, token)
    shot, signer = await store.of_signer(ticket.ref)
    about(request, shot.section, signer.language)
    visit = Visit(services=provided, shot=shot, signer=signer, token=token)
    if shot.envelope.window_ends_at is None:
        raise Refused(Reason.LINK_UNKNOWN)
    if closed_too:
        return visit
    if _is_over(visit):
        return answer(request, _closed(visit), status=410)
    if ticket.generation != signer.download_generation:
        return answer(request, _replaced(visit), status=410)
    return visit


def _replaced(visit: Visit, *errors: FieldError) -> signer_views.UnusableLink:
    return signer_views.UnusableLink(
        why=DeadLink.REPLACED, masked_address=visit.masked, new_link_url=visit.at("fresh"), errors=errors
    )


def _is_over(visit: Visit) -> bool:
    ends = visit.shot.envelope.window_ends_at
    return ends is not None and visit.services.now() > ends


def _closed(visit: Visit, *errors: FieldError) -> signer_views.DownloadClosed:
    envelope = visit.shot.envelope
    assert envelope.window_ends_at is not None
    assert envelope.completed_at is not None
    return signer_views.DownloadClosed(
        title=envelope.title,
        since=jst_day(envelope.completed_at),
        until=jst_day(envelope.window_ends_at),
        masked_address=visit.masked,
        fresh_url=visit.at("fresh"),
        errors=errors,
    )


async def _is_open(request: web.Request, visit: Visit) -> bool:
    """Whether this browser may have the files: proved here, or already sent to this mailbox."""
    if not visit.services.policy.download_code or await _was_attached(visit):
        return True
    session = await cookies.signer_session(request)
    if session is None or await sessions.proof(session, visit.signer) is None:
        return False
    await sessions.touch(session, now=visit.services.now())
    return True


async def _closed_here(request: web.Request) -> Visit | web.Response:
    """Read the link for a browser that has yet to prove itself; one that may have the files is led to them."""
    visit = await _by_link(request)
    if isinstance(visit, Visit) and await _is_open(request, visit):
        return move("d", visit.token)
    return visit


async def _was_attached(visit: Visit) -> bool:
    mine = Delivery.filter(signer_id=visit.signer.id, mail=Task.COMPLETION_MAIL.value, attached=True)
    return await mine.filter(state="delivered").exists()


async def show(request: web.Request) -> web.Response:
    """C9, or the code first."""
    visit = await _by_link(request)
    if isinstance(visit, web.Response):
        return visit
    if not await _is_open(request, visit):
        page = await _code_page(visit, resent="sent" in request.query)
        if page.valid_until:
            errors = await codes.unreached(request, visit.signer, CodeFor.DOWNLOAD)
            page = replace(page, errors=errors, resent=page.resent and not errors)
        return answer(request, page)
    return answer(request, await _page(visit))


async def _page(visit: Visit) -> signer_views.Download:
    envelope = visit.shot.envelope
    assert envelope.transaction_on is not None
    assert envelope.window_ends_at is not None
    files = [await _file(visit, item) for item in visit.shot.papers]
    consented = max(jst_day(one.consented_at) for one in visit.shot.signers if one.consented_at)
    together = views.File(
        title=f"{envelope.title}.zip", url=visit.at("all.zip"), size=sum(one.size for one in files)
    )
    return signer_views.Download(
        title=envelope.title,
        kind=kind_of(visit.shot),
        certificate_id=envelope.certificate_id,
        concluded_on=envelope.transaction_on,
        until=envelope.window_ends_at,
        files=tuple(files),
        consented_on=consented if consented != envelope.transaction_on else None,
        together=together if len(files) > 1 else None,
    )


async def _file(visit: Visit, item: Document) -> views.File:
    name = "certificate" if item is visit.shot.certificate else str(item.position)
    return views.File(title=item.title, url=visit.at(f"{name}.pdf"), size=await papers.signed_size(item))


async def _code_page(
    visit: Visit, *, typed: str = "", errors: tuple[FieldError, ...] = (), resent: bool = False
) -> signer_views.CodeEntry:
    sent = await act.last_code(visit.services, visit.signer, CodeFor.DOWNLOAD)
    wait = (sent.resend_at - visit.services.now()).total_seconds() if sent else 0
    return signer_views.CodeEntry(
        purpose=signer_views.CodeFor.DOWNLOAD,
        title=visit.shot.envelope.title,
        masked_address=visit.masked,
        verify_url=visit.at("verify"),
        resend_url=visit.at("code"),
        valid_until=sent.valid_until if sent else None,
        word=sent.word if sent else None,
        resend_wait=max(0, int(wait)),
        resent=resent and sent is not None and sent.again,
        typed=typed,
        errors=errors,
    )


async def send_code(request: web.Request) -> web.Response:
    """Have a code mailed for the download."""
    visit = await _closed_here(request)
    if isinstance(visit, web.Response):
        return visit
    device = codes.new_device(request)
    try:
        await codes.ask(request, visit.signer, CodeFor.DOWNLOAD, device)
    except Refused as refused:
        if refused.reason not in (Reason.RESEND_EARLY, Reason.RESEND_CAP):
            raise
        page = await _code_page(visit, errors=(FieldError(text=told(request, refused)),))
        return answer(request, page, status=429)
    response = web.Response(status=303, headers={"Location": f"{visit.at()}?sent=1"})
    cookies.keep(request, response, cookies.ASKED, device)
    return response


async def _again(request: web.Request, visit: Visit, refused: Refused, *, typed: str = "") -> web.Response:
    error = FieldError(text=told(request, refused), field="code")
    page = await _code_page(visit, typed=typed, errors=(error,))
    return answer(request, page, status=422)


async def verify(request: web.Request) -> web.Response:
    """Check the code and open the files to this browser."""
    visit = await _closed_here(request)
    if isinstance(visit, web.Response):
        return visit
    typed, device = (await form(request)).get("code", ""), codes.new_device(request)
    try:
        checked = await codes.check(request, visit.signer, CodeFor.DOWNLOAD, typed)
        if checked.verdict is Verdict.LATE:
            await codes.ask(request, visit.signer, CodeFor.DOWNLOAD, device)
    except Refused as refused:
        return await _again(request, visit, refused, typed=typed)
    if checked.renewed:
        page = signer_views.UnusableLink(why=DeadLink.SPENT, masked_address=visit.masked)
        return answer(request, page, status=410)
    if checked.verdict in (Verdict.OK, Verdict.AGAIN):
        return await _let_in(request, visit)
    response = await _again(request, visit, codes.refusal(checked))
    if checked.verdict is Verdict.LATE:
        cookies.keep(request, response, cookies.ASKED, device)
    return response


async def _let_in(request: web.Request, visit: Visit) -> web.Response:
    now = visit.services.now()
    session = await cookies.signer_session(request)
    response = move("d", visit.token)
    if session is None:
        cookie, session = await sessions.start(now=now)
        cookies.keep(request, response, cookies.SIGNER, cookie)
    await sessions.prove(
        session, visit.signer, generation=visit.signer.generation, method=act.MAIL_CODE, now=now
    )
    return response


async def _files(request: web.Request) -> Visit | web.Response:
    """Read the link for one of its files. Where no file may be had, what the link itself would answer."""
    visit = await _by_link(request)
    if isinstance(visit, web.Response):
        return visit
    if not await _is_open(request, visit):
        return move("d", visit.token)
    if request.method == "GET":
        day = jst_day(visit.services.now())
        await counters.count_access(visit.signer.id, counters.DOWNLOAD, day)
    return visit


async def pdf(request: web.Request) -> web.Response:
    """One signed PDF."""
    visit = await _files(request)
    if isinstance(visit, web.Response):
        return visit
    item = papers.document(visit.shot, request.match_info["number"])
    return file(await papers.signed(visit.services, item), name=f"{item.title}.pdf")


async def certificate(request: web.Request) -> web.Response:
    """締結証明書."""
    visit = await _files(request)
    if isinstance(visit, web.Response):
        return visit
    item = papers.certificate(visit.shot)
    return file(await papers.signed(visit.services, item), name=f"{item.title}.pdf")


async def together(request: web.Request) -> web.Response:
    """All signed PDFs and their certificate in one ZIP; names in it are UTF-8."""
    visit = await _files(request)
    if isinstance(visit, web.Response):
        return visit
    buffer = io.BytesIO()
    # Signed PDFs hardly shrink, and storing them keeps this page quick.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for item in visit.shot.papers:
            data = await papers.signed(visit.services, item)
            archive.writestr(store.file_name(item), data)
    name = f"{visit.shot.envelope.title}.zip"
    buffer.seek(0)
    # Sent from where it lies, a part at a time; bytes would be copied whole into the line's own buffer.
    return file(buffer, name=name, content_type="application/zip")


async def fresh(request: web.Request) -> web.Response:
    """Have a fresh link mailed to the registered address, and to no other; then say so."""
    visit = await _by_link(request, closed_too=True)
    assert isinstance(visit, Visit)
    if request.method != "POST":
        if not await notes.lately(visit.services, visit.signer, act.DOWNLOAD_ASKED):
            return move("d", visit.token)
        title = visit.shot.envelope.title
        return answer(request, signer_views.LinkSent(title=title, masked_address=visit.masked))
    try:
        await act.ask_download(visit.services, visit.signer)
    except Refused as refused:
        error = FieldError(text=told(request, refused))
        again = _closed(visit, error) if _is_over(visit) else _replaced(visit, error)
        return answer(request, again, status=429)
    return move("d", visit.token, "fresh")
