"""電子署名を確認する, for everybody: a PDF, or a certificate id. Nobody signs in, nothing needs a script.

The portal reads no PDF. It knows its own files by their hash; any other it hands to the bot and shows what that found.
GET changes nothing: a result that was shown by a POST is removed at once, one behind a link by the clock.
"""

import asyncio
from hashlib import sha256
from typing import Final

from aiohttp import BodyPartReader, web

from envelopes.actions import verification as act
from envelopes.actions.verification import Judged, Own
from envelopes.rules import findings
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.findings import Of, Part
from envelopes.services import Services
from portal import views
from portal.errors import STATUS
from portal.respond import answer, form, network, path, services, told
from portal.views import FieldError

UPLOADS: Final = web.AppKey("uploads", asyncio.Semaphore)
UPLOAD_SECONDS: Final = 60  # why: 20 MB over a line of 3 Mbit/s; a body that drips longer is cut off
_LOOK: Final = 0.2  # why: seconds between two looks for the result; most files take half of one
_CHUNK: Final = 256 * 1024
_FRAME: Final = 64 * 1024  # why: what a form adds to its file
_ASK: Final = path("verify")


async def show(request: web.Request) -> web.Response:
    """C13: the form."""
    return answer(request, _form(request))


def _form(request: web.Request, *errors: FieldError, typed: str = "") -> views.Verification:
    policy = services(request).policy
    return views.Verification(
        post_url=_ASK,
        most=policy.verify_bytes,
        minutes=_minutes(request),
        typed=typed,
        roots=_roots(request),
        errors=errors,
    )


def _roots(request: web.Request) -> tuple[views.Root, ...]:
    """The roots that the bot has published; none until its authority is made."""
    found = sorted(services(request).settings.public_directory.glob("root-*.cer"))
    return tuple(
        views.Root(url=path("pki", file.name), sha256=sha256(file.read_bytes()).hexdigest()) for file in found
    )


def _minutes(request: web.Request) -> int:
    return int(services(request).policy.verify_kept.total_seconds() // 60)


async def ask(request: web.Request) -> web.Response:
    """Verify the file, or look up the certificate id, that was sent."""
    if request.content_type.startswith("multipart/"):
        return await _verify(request)
    typed = (await form(request)).get("certificate_id", "")
    try:
        known = await act.look_up(services(request), typed, network=network(request))
    except Refused as refused:
        return _again(request, refused, field="certificate_id", typed=typed)
    page = views.VerificationId(
        certificate_id=known.certificate_id,
        concluded_on=known.concluded_on,
        documents=known.documents,
        parties=known.parties,
        again_url=_ASK,
    )
    return answer(request, page)


def _again(request: web.Request, refused: Refused, *, field: str, typed: str = "") -> web.Response:
    error = FieldError(text=told(request, refused), field=field)
    page = _form(request, error, typed=typed)
    return answer(request, page, status=STATUS.get(refused.reason, 400))


async def _verify(request: web.Request) -> web.Response:
    provided = services(request)
    try:
        await act.admit(provided, network=network(request))
        data = await _in_turn(request, most=provided.policy.verify_bytes)
        digest = sha256(data).hexdigest()
        if (own := await act.find_own(digest)) is not None:
            return answer(request, _own(own, digest))
        ref = await act.submit(provided, data)
    except Refused as refused:
        return _again(request, refused, field="file")
    judged = await _wait(provided, ref)
    if judged is None:
        page = views.VerificationWaiting(look_url=path("verify", ref), minutes=_minutes(request))
        return answer(request, page, status=202)
    await act.forget(provided, ref)
    return answer(request, _result(judged))


async def _in_turn(request: web.Request, *, most: int) -> bytes:
    """Read the file unless too many are being read already. Raises Refused(UPLOADS_WAITING) and as `_upload`."""
    turns = request.app[UPLOADS]
    if turns.locked():
        raise Refused(Reason.UPLOADS_WAITING)
    async with turns:
        return await _upload(request, most=most)


async def _upload(request: web.Request, *, most: int) -> bytes:
    """Read the file's part of the form and nothing behind it. Raises Refused(UPLOAD_MISSING | UPLOAD_TOO_BIG)."""
    if (request.content_length or 0) > most + _FRAME:
        raise Refused(Reason.UPLOAD_TOO_BIG, most=most)
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            data = await _file_part(request, most)
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except ValueError:
        # A body that is no form (RFC 7578), or one that was cut off.
        raise Refused(Reason.UPLOAD_MISSING) from None
    if not data:
        raise Refused(Reason.UPLOAD_MISSING)
    return data


async def _file_part(request: web.Request, most: int) -> bytes:
    form_ = await request.multipart()
    while (part := await form_.next()) is not None:
        if isinstance(part, BodyPartReader) and part.name == "file":
            return await _bytes(part, most)
    return b""


async def _bytes(part: BodyPartReader, most: int) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(_CHUNK):
        data += chunk
        if len(data) > most:
            raise Refused(Reason.UPLOAD_TOO_BIG, most=most)
    return bytes(data)


async def _wait(provided: Services, ref: str) -> Judged | None:
    """Hold the request for as long as the policy says; None where the file is still being looked at then."""
    left = int(provided.policy.verify_hold.total_seconds() / _LOOK)
    for _ in range(left):
        if (judged := await act.found(provided, ref)) is not None:
            return judged
        await asyncio.sleep(_LOOK)
    return await act.found(provided, ref)


async def look(request: web.Request) -> web.Response:
    """The result of a file that took longer."""
    ref = request.match_info["ref"]
    try:
        judged = await act.found(services(request), ref)
    except Refused as refused:
        return _again(request, refused, field="file")
    if judged is None:
        page = views.VerificationWaiting(look_url=path("verify", ref), minutes=_minutes(request))
        return answer(request, page)
    return answer(request, _result(judged))


def _result(judged: Judged) -> views.VerificationResult:
    found = judged.result
    return views.VerificationResult(
        outcome=views.Outcome(found.verdict.value),
        mark=findings.mark(found),
        headline=findings.headline(found),
        reasons=findings.reasons(found),
        parts=tuple(map(_part, found.parts)),
        sha256=judged.sha256,
        again_url=_ASK,
    )


def _part(part: Part) -> views.PanelPart:
    said = findings.lines(part)
    return views.PanelPart(
        stamp=part.of is Of.TIMESTAMP,
        title=findings.title(part),
        lines=tuple(views.PanelLine(good=one.good, text=one.text, means=one.means) for one in said),
    )


def _own(own: Own, digest: str) -> views.VerificationOwn:
    return views.VerificationOwn(
        concluded_on=own.concluded_on,
        certificate_id=own.certificate_id,
        is_certificate=own.is_certificate,
        signatures=tuple(views.OwnSignature(company=one.company, at=one.at) for one in own.signatures),
        stamped_at=own.stamped_at,
        accredited=own.accredited,
        sha256=digest,
        again_url=_ASK,
    )
