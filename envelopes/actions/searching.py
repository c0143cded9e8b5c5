"""Finding envelopes among those that a member of staff may see. What can be looked for, `rules.searching` knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from tortoise.expressions import Q, Subquery
from tortoise.queryset import QuerySet

from envelopes.records.models import Envelope, Section, Signer, Staff
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.names import search_form
from envelopes.rules.people import Role, roles_from
from envelopes.rules.searching import STATES, Search, widths
from envelopes.services import Services

_PLACES: Final = ("title", "number", "draft_number", "certificate_id")  # where words are looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One envelope as a list outside of the service has it."""

    number: str
    title: str
    kind: str
    party: str
    amount: int | None
    tax: str
    state: str
    deadline_on: date
    transaction_on: date | None
    certificate_id: str
    section: str
    drafter: str
    out_at: datetime | None


def visible_to(staff: Staff) -> Q:
    """The envelopes on this person's lists: the own section's, those drafted or to be signed; all for an auditor."""
    if Role.AUDITOR in roles_from(staff.roles):
        return Q()
    to_sign = Subquery(Signer.filter(staff_id=staff.id).values("envelope_id"))
    return Q(section_id=staff.section_id) | Q(drafter_id=staff.id) | Q(id__in=to_sign)


async def find(staff: Staff, search: Search, *, first: int, most: int) -> tuple[int, Sequence[int]]:
    """How many envelopes fit, and the ids of *most* of them from number *first* (0 is the newest) on."""
    query = await _fitting(staff, search)
    ids = await query.order_by("-id").offset(first).limit(most).values_list("id", flat=True)
    return await query.count(), [int(one) for one in ids]  # type: ignore[call-overload]


async def export(services: Services, staff: Staff, search: Search) -> Sequence[Entry]:
    """Everything that fits, oldest first. Raises Refused(EXPORT_TOO_BIG) rather than leave something out."""
    query, most = await _fitting(staff, search), services.policy.export_lines
    if (n := await query.count()) > most:
        raise Refused(Reason.EXPORT_TOO_BIG, n=n, max=most)
    sections = {one.id: one.name for one in await Section.all()}
    people = {one.id: one.name for one in await Staff.all()}
    # Not whole rows: an envelope's reading is sealed, and nobody asks for it here.
    rows: Sequence[dict[str, Any]] = await query.order_by("id").values(
        *("draft_number", "number", "title", "kind", "party", "amount", "tax", "state", "deadline_on"),
        *("transaction_on", "certificate_id", "section_id", "drafter_id", "out_at"),
    )
    return [
        Entry(
            number=row["number"] or row["draft_number"],
            section=sections[row["section_id"]],
            drafter=people[row["drafter_id"]],
            **{
                name: row[name]
                for name in ("title", "kind", "party", "amount", "tax", "state", "deadline_on")
            },
            **{name: row[name] for name in ("transaction_on", "certificate_id", "out_at")},
        )
        for row in rows
    ]


async def _fitting(staff: Staff, search: Search) -> QuerySet[Envelope]:
    states = [one.value for one in STATES[search.standing]]
    query = Envelope.filter(visible_to(staff), state__in=states)
    if search.kind is not None:
        query = query.filter(kind=search.kind.value)
    for word in search.words.split():
        places = [{f"{place}__icontains": form} for place in _PLACES for form in widths(word)]
        query = query.filter(Q(*(Q(**place) for place in places), join_type=Q.OR))
    if search.party:
        query = query.filter(party_search__contains=search_form(search.party))
    if search.without_amount:
        query = query.filter(amount=None)
    bounds = {
        "transaction_on__gte": search.since,
        "transaction_on__lte": search.until,
        "amount__gte": search.least,
        "amount__lte": search.most,
    }
    return query.filter(**{name: bound for name, bound in bounds.items() if bound is not None})
