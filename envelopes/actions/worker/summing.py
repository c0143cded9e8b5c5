"""The daily summary (日次まとめ): what each section is told on the morning of an open day, once.

What stands in it is read when the mail is composed (`of_section`), so a mail that goes out late is not out of date.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import reachable
from envelopes.records import anchors, tasks
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Anchor, Envelope, Fact, Section, Signer
from envelopes.rules.notes import About
from envelopes.rules.reminders import may_remind, open_before
from envelopes.rules.schedule import JST, jst_day
from envelopes.rules.states import Event, State, Task, permits
from envelopes.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How a section's requests stand. `rows` and `anchor` are of the newest anchor: 0 and empty before the first."""

    waiting: Sequence[Envelope]
    near: Sequence[Envelope]
    undelivered: Sequence[Envelope]
    notes: Sequence[Envelope]
    rows: int
    anchor: str


async def summarise(services: Services) -> None:
    """Queue today's summary of each section that has ever had a request."""
    now = services.now()
    if not may_remind(now, services.policy):
        return
    today = jst_day(now)

    async def work(connection: BaseDBAsyncClient) -> None:
        for section in await Section.all().using_db(connection):
            if await Envelope.filter(section_id=section.id).using_db(connection).exists():
                key, ids = f"{section.id}:{today}", {"section": section.id}
                await tasks.enqueue(connection, Task.DAILY_MAIL, key, now=now, ids=ids)

    await unit(work)


async def of_section(services: Services, section_id: int) -> Summary:
    """Read how the requests of a section stand now."""
    now, policy = services.now(), services.policy
    open_states = [state.value for state in State if permits(state, Event.EXPIRED)]
    rows = Envelope.filter(section_id=section_id, state__in=open_states).order_by("deadline_on", "id")
    waiting = await rows
    ids = [one.id for one in waiting]
    last = jst_day(now) + timedelta(days=sorted(policy.remind_days)[1] if len(policy.remind_days) > 1 else 1)
    asked = await Signer.filter(envelope_id__in=ids, asked_at__isnull=False, consented_at=None, staff_id=None)
    unreached = await reachable.unreached([signer.id for signer in asked])
    missed = {signer.envelope_id for signer in asked if signer.id in unreached}
    paused = {signer.envelope_id for signer in asked if signer.paused_at is not None}
    noted = await Fact.filter(
        subject=Subject.ENVELOPE.value,
        subject_id__in=ids,
        kind__in=[About.WRONG_PERSON.value, About.MORE_TIME.value, About.CHANGE.value],
        at__gte=_since(now, policy.remind_hours[0]),
    )
    return Summary(
        waiting=waiting,
        near=[one for one in waiting if one.deadline_on <= last],
        undelivered=[one for one in waiting if one.id in missed],
        notes=[one for one in waiting if one.id in {fact.subject_id for fact in noted} | paused],
        rows=sum([one.count for one in await Anchor.all().only("id", "count")]),
        anchor=await anchors.newest_value(),
    )


def _since(now: datetime, hour: int) -> datetime:
    """The morning of the open day before: what happened since then, the last summary has not told."""
    return datetime.combine(open_before(jst_day(now) - timedelta(days=1)), time(hour), JST)
