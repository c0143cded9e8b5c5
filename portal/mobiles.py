"""Mobile numbers on an entry's page: which stand, which wait for a second person, and what this person may do."""

from datetime import datetime

from envelopes.actions import mobiles
from envelopes.actions.staff import actor_of
from envelopes.records.models import Contact, Mobile, Staff
from envelopes.rules.mobiles import written
from envelopes.rules.people import Role, roles_from
from envelopes.rules.schedule import jst_day
from portal import registry_views as views
from portal.phrases import reason
from portal.respond import path

STOP, REJECT = "stop", "reject"


async def of_contact(row: Contact, staff: Staff, *, now: datetime) -> tuple[views.MobileNumber, ...]:
    """The number in use and the one that waits, those of them that there are."""
    present, next_ = await mobiles.in_use(row.id, now=now), await mobiles.waiting(row.id, now=now)
    found = [await mobiles.find(one.ref) for one in (present, next_) if one is not None]
    return tuple(_shown(one, staff, now) for one in found)


def _shown(row: Mobile, staff: Staff, now: datetime) -> views.MobileNumber:
    why = mobiles.hindrance(actor_of(staff), row)
    works = row.works_from is not None and row.works_from <= now
    proposed, keeps = row.approver_id is None, Role.REGISTRAR in roles_from(staff.roles)
    base = ("staff", "registry", row.contact.ref, "mobiles", row.ref)
    return views.MobileNumber(
        number=written(row.number),
        works=works,
        proposed=proposed,
        works_from=row.works_from,
        first=row.registrar.name,
        second=row.approver.name if row.approver else "",
        source=row.source,
        call_back=row.call_back or "",
        approve_url=path(*base, "approve") if why is None else None,
        hindrance=reason(why) if proposed and why is not None else None,
        end_url=path(*base, "end") if keeps or why is None else None,
        end_name=STOP if works else REJECT,
    )


async def waiting() -> tuple[views.MobileRow, ...]:
    """The numbers that wait for a second person."""
    return tuple(
        views.MobileRow(
            company=row.contact.company,
            who=" ".join(part for part in (row.contact.office, row.contact.person) if part),
            day=jst_day(row.created_at),
            url=path("staff", "registry", row.contact.ref),
        )
        for row in await mobiles.to_approve()
    )
