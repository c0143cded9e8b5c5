"""What a signer tells staff without changing anything: a wrong person, more time, 社内で確認中.

Whoever has the link may tell of a wrong person and ask for more time, so these are notes and no facts about the signer;
staff are told whether he was proved.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions.signer import actor_of, tidy_reason
from envelopes.records import counters, history, store, tasks
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Fact, Signer
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.notes import About, require_reminder_day
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import Event, Task, permits
from envelopes.services import Services


async def tell(
    services: Services, signer: Signer, about: About, *, note: str, proved: bool, chosen: str = ""
) -> None:
    """Pass what was *chosen* and the *note* to staff; with a choice, the note may be empty.

    It changes nothing else: anybody with the link may write one, twice a day. Raises Refused(NOTES_SPENT |
    REASON_MISSING | REASON_TOO_LONG).
    """
    written = tidy_reason(note, services) if note.strip() or not chosen else ""
    text = "　".join(part for part in (chosen, written) if part)

    async def work(connection: BaseDBAsyncClient) -> None:
        await write(services, connection, signer, about, {"note": text, "proved": proved})

    await _count(services, signer, about)
    await unit(work)


async def ask_for_time(services: Services, signer: Signer) -> None:
    """Tell staff that the signer wants the deadline moved. Raises Refused(NOTES_SPENT | NOT_PERMITTED)."""
    shot = await store.snapshot(id=signer.envelope_id)
    if not permits(shot.state, Event.EXTENDED) or signer.consented_at is not None:
        raise Refused(Reason.NOT_PERMITTED, state=shot.state, event=Event.EXTENDED)
    await tell(services, signer, About.MORE_TIME, note="署名期限の延長を希望しています。", proved=False)


async def noted(signer: Signer, kind: str, *, since: datetime) -> datetime | None:
    """When the history first has a fact of this *kind* by this signer at *since* or later, or None."""
    facts = Fact.filter(subject=Subject.ENVELOPE.value, subject_id=signer.envelope_id, at__gte=since)
    mine = facts.filter(kind=str(kind), actor=str(actor_of(signer)))
    fact = await mine.order_by("n").first()
    return fact.at if fact else None


async def lately(services: Services, signer: Signer, kind: str) -> bool:
    """Whether the history has a fact of this *kind* by this signer within a day."""
    return await noted(signer, kind, since=services.now() - timedelta(days=1)) is not None


async def checking(services: Services, signer: Signer, *, note: str, remind_on: date | None) -> None:
    """Tell staff that the signer's side is still looking, and remind him on *remind_on*, a day of his choice.

    *note* may be empty. Raises Refused(REMINDER_DAY | NOTES_SPENT | REASON_TOO_LONG).
    """
    text = tidy_reason(note, services) if note.strip() else ""
    shot = await store.snapshot(id=signer.envelope_id)
    require_reminder_day(remind_on, today=jst_day(services.now()), deadline=shot.envelope.deadline_on)

    async def work(connection: BaseDBAsyncClient) -> None:
        await Signer.filter(id=signer.id).using_db(connection).update(remind_on=remind_on)
        day = remind_on.isoformat() if remind_on else ""
        payload: dict[str, str | bool] = {"note": text, "proved": True, "remind_on": day}
        await write(services, connection, signer, About.CHECKING, payload)

    await _count(services, signer, About.CHECKING)
    await unit(work)


async def _count(services: Services, signer: Signer, about: About) -> None:
    name, most = f"note:{about}:{signer.ref}", services.policy.new_links_a_day
    if not await counters.allowed(name, events=most, per=timedelta(days=1), now=services.now()):
        raise Refused(Reason.NOTES_SPENT, n=most)


async def write(
    services: Services,
    connection: BaseDBAsyncClient,
    signer: Signer,
    about: About,
    payload: Mapping[str, str | bool],
) -> None:
    """Write the fact and queue the mail that passes it on, in the caller's transaction."""
    now = services.now()
    await store.note(
        connection, signer.envelope_id, about.value, actor=actor_of(signer), now=now, payload=payload
    )
    n, _ = await history.head(Subject.ENVELOPE, signer.envelope_id, connection)
    key, ids = f"{signer.envelope_id}:{n}", {"signer": signer.id, "fact": n}
    await tasks.enqueue(connection, Task.NOTE_MAIL, key, now=now, envelope_id=signer.envelope_id, ids=ids)
