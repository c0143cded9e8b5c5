"""A signer's request as his pages see it: which page it leads to, and what may be said before a proof."""

from dataclasses import dataclass, replace
from typing import Final

from aiohttp import web

from envelopes.actions import changing
from envelopes.records.models import Signer
from envelopes.records.store import Snapshot
from envelopes.rules import addresses, kinds
from envelopes.rules.schedule import day_over, jst_day, link_end
from envelopes.rules.states import Event, State, permits
from envelopes.rules.tokens import Purpose
from envelopes.rules.wording import Language
from envelopes.services import Services
from portal import languages, signer_views, views
from portal.phrases import beside
from portal.respond import about, called, path, services, town
from portal.shelf import Contents
from portal.signer_views import DeadLink, Standing
from portal.views import Kind

_ENDED: Final = {
    State.CANCELLED: DeadLink.CANCELLED,
    State.DECLINED: DeadLink.DECLINED,
    State.RETURNED: DeadLink.RETURNED,
    State.EXPIRED: DeadLink.DEADLINE,
}
KINDS: Final = {kinds.Kind.CONTRACT: Kind.CONTRACT, kinds.Kind.ACCEPTANCE: Kind.ACCEPTANCE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request to one signer's pages: through a link (`token`) or in a proved session (no token, but `contents`)."""

    services: Services
    shot: Snapshot
    signer: Signer
    language: Language = Language.JAPANESE
    token: str = ""
    contents: Contents | None = None

    def at(self, *parts: str) -> str:
        """The path of one of this signer's pages."""
        return path("s", self.token, *parts) if self.token else path("sign", self.signer.ref, *parts)

    @property
    def masked(self) -> str:
        return addresses.mask(self.signer.email)


def visiting(
    request: web.Request,
    shot: Snapshot,
    signer: Signer,
    token: str = "",
    *,
    contents: Contents | None = None,
) -> Visit:
    """The visit that *request* is, in the language that its page will have."""
    about(request, shot.section, signer.language)
    return Visit(
        services=services(request),
        shot=shot,
        signer=signer,
        language=languages.of(request),
        token=token,
        contents=contents,
    )


def request_of(visit: Visit) -> signer_views.Request:
    """The envelope as its signer sees it before he has proved who he is: no amount, no content."""
    return signer_views.Request(
        title=visit.shot.envelope.title,
        section=beside(town(visit.services), called(visit.shot.section)),
        party=party_of(visit.signer),
        deadline_on=visit.shot.envelope.deadline_on,
    )


def party_of(signer: Signer) -> views.Party:
    """A signer's name as pages show it."""
    return views.Party(company=signer.company, office=signer.office, person=signer.person)


def kind_of(shot: Snapshot) -> Kind:
    """契約書 or 請書."""
    return KINDS[kinds.Kind(shot.envelope.kind)]


def waits_for(visit: Visit) -> tuple[str, ...]:
    """Who has still to sign after this signer, in order."""
    return tuple(_name(visit, other) for other in _later(visit) if other.signed_at is None)


def signed_after(visit: Visit) -> tuple[str, ...]:
    """Who has signed after this signer, in order."""
    return tuple(_name(visit, other) for other in _later(visit) if other.signed_at is not None)


def _later(visit: Visit) -> list[Signer]:
    return [other for other in visit.shot.signers if other.position > visit.signer.position]


def _name(visit: Visit, signer: Signer) -> str:
    return town(visit.services) if signer.staff_id is not None else signer.company


def dead(visit: Visit) -> signer_views.UnusableLink | None:
    """The page for a request that cannot be signed any more, or None."""
    envelope, now = visit.shot.envelope, visit.services.now()
    why = _ENDED.get(visit.shot.state)
    late = now >= day_over(envelope.deadline_on) and visit.signer.consented_at is None
    if now >= link_end(envelope.deadline_on, visit.services.policy) and visit.signer.signed_at is None:
        why = DeadLink.EXPIRED
    elif why is None and late and permits(visit.shot.state, Event.CONSENTED):
        why = DeadLink.DEADLINE
    if why is None:
        return None
    ended = jst_day(envelope.ended_on) if envelope.ended_on else envelope.deadline_on
    return signer_views.UnusableLink(
        why=why,
        request=request_of(visit),
        on=ended,
        masked_address=visit.masked,
        has_signed=visit.signer.consented_at is not None,
        more_time_url=visit.at("time") if _may_ask_for_time(visit, why) else None,
    )


def _may_ask_for_time(visit: Visit, why: DeadLink) -> bool:
    waits = why is DeadLink.DEADLINE and visit.signer.consented_at is None
    return waits and bool(visit.token) and permits(visit.shot.state, Event.EXTENDED)


def with_receipt(standing: signer_views.Status, visit: Visit) -> signer_views.Status:
    """The same for a browser that has proved to be the signer of *visit*.

    He may see again what he was told when he signed, and have the signed files while they can be downloaded.
    """
    if visit.signer.consented_at is None:
        return standing
    ends = visit.shot.envelope.window_ends_at
    is_open = ends is not None and visit.services.now() <= ends
    return replace(
        standing,
        receipt_url=path("sign", visit.signer.ref, "done"),
        open_url=download_page(visit) if is_open else None,
    )


def download_page(visit: Visit) -> str | None:
    """The path of the signed files, for a contractor whose request is completed."""
    if visit.shot.envelope.completed_at is None or visit.signer.staff_id is not None:
        return None
    signer = visit.signer
    return path("d", visit.services.link(Purpose.DOWNLOAD, signer.ref, signer.download_generation))


def is_paused(visit: Visit) -> bool:
    """Whether this signer has told of another person or address, and nobody has decided about it yet."""
    mine = visit.shot.turn is not None and visit.shot.turn.id == visit.signer.id
    return mine and visit.signer.paused_at is not None


async def status(visit: Visit) -> signer_views.Status | None:
    """The page for a request with nothing to sign now, or None."""
    shot, signer = visit.shot, visit.signer
    if shot.envelope.completed_at is not None:
        standing = Standing.COMPLETED
    elif signer.signed_at is not None:
        standing = Standing.SIGNED
    elif signer.consented_at is not None:
        standing = Standing.IN_PROGRESS
    elif shot.turn is None or shot.turn.id != signer.id:
        standing = Standing.NOT_YOUR_TURN
    elif is_paused(visit):
        standing = Standing.PAUSED
    else:
        return None
    paused = standing is Standing.PAUSED
    decided = paused and await _is_decided(visit)
    return signer_views.Status(
        standing=standing,
        request=request_of(visit),
        kind=kind_of(shot),
        number=shot.number if signer.consented_at else None,
        at=signer.paused_at if paused else signer.consented_at,
        waits_for=waits_for(visit),
        take_back_url=visit.at("wrong", "back") if paused and not decided and not visit.token else None,
        code_url=f"{visit.at('code')}?for=change" if paused and not decided and visit.token else None,
        decided=decided,
    )


async def _is_decided(visit: Visit) -> bool:
    """Whether what this signer has told of is approved, and so not his to take back."""
    asked = await changing.waiting(visit.shot)
    return asked is not None and not await changing.may_end(asked)
