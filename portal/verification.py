"""電子署名を確認する, for everybody: a PDF, or a certificate id. Nobody signs in, nothing needs a script.

The portal reads no PDF. It knows its own files by their hash; any other it hands to the bot and shows what that found.
GET changes nothing: a result that was shown by a POST is removed at once, one behind a link by the clock.
"""

import asyncio
from functools import partial
from hashlib import sha256
from typing import Final

from aiohttp import web

from envelopes.actions import verification as act
from envelopes.actions.verification import Judged, Own
from envelopes.rules import findings
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.findings import Of, Part
from envelopes.services import Services
from portal import verification_views
from portal.errors import STATUS
from portal.phrases import both
from portal.respond import answer, form, network, path, services, told
from portal.uploads import uploaded
from portal.views import FieldError

UPLOADS: Final = web.AppKey("uploads", asyncio.Semaphore)
_LOOK: Final = 0.2  # why: seconds between two looks for the result; most files take half of one
_ASK: Final = path("verify")


async def show(request: web.Request) -> web.Response:
    """C13: the form."""
    return answer(request, _form(request))


def _form(request: web.Request, *errors: FieldError, typed: str = "") -> verification_views.Verification:
    policy = services(request).policy
    return verification_views.Verification(
        post_url=_ASK,
        most=policy.verify_bytes,
        minutes=_minutes(request),
        typed=typed,
        roots=_roots(request),
        errors=errors,
    )


def _roots(request: web.Request) -> tuple[verification_views.Root, ...]:
    """The roots that the bot has published; none until its authority is made."""
    found = sorted(services(request).settings.public_directory.glob("root-*.cer"))
    return tuple(
        verification_views.Root(url=path("pki", file.name), sha256=sha256(file.read_bytes()).hexdigest())
        for file in found
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
    page = verification_views.VerificationId(
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
        page = verification_views.VerificationWaiting(look_url=path("verify", ref), minutes=_minutes(request))
        return answer(request, page, status=202)
    await act.forget(provided, ref)
    return answer(request, _result(judged))


async def _in_turn(request: web.Request, *, most: int) -> bytes:
    """Read the file unless too many are being read already. Raises Refused(UPLOADS_WAITING) and as `uploaded`."""
    turns = request.app[UPLOADS]
    if turns.locked():
        raise Refused(Reason.UPLOADS_WAITING)
    async with turns:
        return await uploaded(request, most=most)


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
        page = verification_views.VerificationWaiting(look_url=path("verify", ref), minutes=_minutes(request))
        return answer(request, page)
    return answer(request, _result(judged))


def _result(judged: Judged) -> verification_views.VerificationResult:
    found = judged.result
    return verification_views.VerificationResult(
        outcome=verification_views.Outcome(found.verdict.value),
        mark=findings.mark(found),
        headline=both(lambda language: findings.headline(found, language)),
        reasons=tuple(both(partial(findings.said, fault)) for fault in found.every_fault),
        parts=tuple(map(_part, found.parts)),
        sha256=judged.sha256,
        again_url=_ASK,
    )


def _part(part: Part) -> verification_views.PanelPart:
    return verification_views.PanelPart(
        stamp=part.of is Of.TIMESTAMP,
        title=both(partial(findings.title, part)),
        lines=tuple(_line(part, number, one) for number, one in enumerate(findings.lines(part))),
    )


def _line(part: Part, number: int, line: findings.Line) -> verification_views.PanelLine:
    return verification_views.PanelLine(
        good=line.good,
        text=both(lambda language: findings.lines(part, language)[number].text),
        means=both(lambda language: findings.lines(part, language)[number].means),
    )


def _own(own: Own, digest: str) -> verification_views.VerificationOwn:
    return verification_views.VerificationOwn(
        concluded_on=own.concluded_on,
        certificate_id=own.certificate_id,
        is_certificate=own.is_certificate,
        signatures=tuple(
            verification_views.OwnSignature(company=one.company, at=one.at) for one in own.signatures
        ),
        stamped_at=own.stamped_at,
        accredited=own.accredited,
        sha256=digest,
        again_url=_ASK,
    )
