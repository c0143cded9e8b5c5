"""A signer's request as his pages see it: which page it leads to, and what may be said before a proof."""

from dataclasses import dataclass
from typing import Final

from envelopes.records.models import Signer
from envelopes.records.store import Snapshot
from envelopes.rules import addresses, kinds
from envelopes.rules.schedule import day_over, jst_day, link_end
from envelopes.rules.states import Event, State, permits
from envelopes.services import Services
from portal import views
from portal.respond import path
from portal.views import DeadLink, Kind, Standing

_ENDED: Final = {
    State.CANCELLED: DeadLink.CANCELLED,
    State.DECLINED: DeadLink.DECLINED,
    State.RETURNED: DeadLink.RETURNED,
    State.EXPIRED: DeadLink.DEADLINE,
}
KINDS: Final = {kinds.Kind.CONTRACT: Kind.CONTRACT, kinds.Kind.ACCEPTANCE: Kind.ACCEPTANCE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request to one signer's pages: through a link (`token`) or in a proved session (no token)."""

    services: Services
    shot: Snapshot
    signer: Signer
    token: str = ""

    def at(self, *parts: str) -> str:
        """The path of one of this signer's pages."""
        return path("s", self.token, *parts) if self.token else path("sign", self.signer.ref, *parts)

    @property
    def masked(self) -> str:
        return addresses.mask(self.signer.email)


def request_of(visit: Visit) -> views.Request:
    """The envelope as its signer sees it before he has proved who he is: no amount, no content."""
    return views.Request(
        title=visit.shot.envelope.title,
        section=f"{visit.services.settings.town.name} {visit.shot.section.name}",
        party=party_of(visit.signer),
        deadline_on=visit.shot.envelope.deadline_on,
    )


def party_of(signer: Signer) -> views.Party:
    """A signer's name as pages show it."""
    return views.Party(company=signer.company, office=signer.office, person=signer.person)


def kind_of(shot: Snapshot) -> Kind:
    """契約書 or 請書."""
    return KINDS[kinds.Kind(shot.envelope.kind)]


def waits_for(shot: Snapshot, signer: Signer) -> tuple[str, ...]:
    """Who has still to sign after *signer*, in order."""
    later = [other for other in shot.signers if other.position > signer.position]
    return tuple(other.company for other in later if other.signed_at is None)


def signed_after(shot: Snapshot, signer: Signer) -> tuple[str, ...]:
    """Who has signed after *signer*, in order."""
    later = [other for other in shot.signers if other.position > signer.position]
    return tuple(other.company for other in later if other.signed_at is not None)


def dead(visit: Visit) -> views.UnusableLink | None:
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
    return views.UnusableLink(
        why=why,
        request=request_of(visit),
        on=ended,
        masked_address=visit.masked,
        has_signed=visit.signer.consented_at is not None,
    )


def status(visit: Visit) -> views.Status | None:
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
    else:
        return None
    return views.Status(
        standing=standing,
        request=request_of(visit),
        kind=kind_of(shot),
        number=shot.number if signer.consented_at else None,
        at=signer.consented_at,
        waits_for=waits_for(shot, signer),
    )
