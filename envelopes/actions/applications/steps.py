"""What every step of an application does: its row and stage, its history, and who is told."""

from collections.abc import Collection
from datetime import datetime
from enum import IntEnum
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions.registry import living
from envelopes.records import counters, history, tasks
from envelopes.records.history import Subject
from envelopes.records.models import Application, Contact, Signer, Staff
from envelopes.rules.applications import OPEN, Stage
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.names import same_company
from envelopes.rules.people import Actor, ActorKind
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import FINAL, State, Task
from envelopes.services import Services

APPLICANT: Final = Actor(kind=ActorKind.SIGNER, ref="applicant")  # who types a code is nobody yet


class News(IntEnum):
    """What a mail about an application says."""

    RECEIVED = 1
    APPROVED = 2
    RETURNED = 3
    WITHDRAWN = 4


async def find(ref: str) -> Application:
    """The application called *ref*. Raises Refused(APPLICATION_GONE)."""
    row = await Application.filter(ref=ref).select_related("registrar", "approver").first()
    if row is None:
        raise Refused(Reason.APPLICATION_GONE)
    return row


def is_invited(row: Application) -> bool:
    """Whether staff have put this application forward, and its address has not proved itself yet."""
    return row.stage == Stage.UNPROVED and row.registrar_id is not None


async def next_number(services: Services, connection: BaseDBAsyncClient, now: datetime) -> str:
    """Give out the next receipt number of this year (受付番号)."""
    year = jst_day(now).year
    number = await counters.next_number(connection, f"application-{year}")
    return f"{services.settings.town.prefix}-R{year}-{number:04d}"


async def note(
    connection: BaseDBAsyncClient,
    row: Application,
    kind: str,
    now: datetime,
    *,
    actor: Actor = APPLICANT,
    **payload: str | int,
) -> None:
    """Write into an application's history."""
    await history.record(
        connection, Subject.APPLICATION, row.id, kind, actor=str(actor), at=now, payload=payload
    )


async def tell(connection: BaseDBAsyncClient, row: Application, news: News, now: datetime) -> None:
    """Have the applicant told what became of it."""
    ids = {"application": row.id, "news": int(news)}
    await tasks.enqueue(connection, Task.APPLICATION_MAIL, f"{row.id}:{int(news)}", now=now, ids=ids)


async def tell_desk(connection: BaseDBAsyncClient, row: Application, now: datetime, *, checked: bool) -> None:
    """Have those who keep the registry told that somebody has to check it, or to approve it."""
    ids = {"application": row.id, "checked": int(checked)}
    key = f"{row.id}:{int(checked)}"
    await tasks.enqueue(connection, Task.APPLICATION_DESK_MAIL, key, now=now, ids=ids)


async def is_elsewhere(connection: BaseDBAsyncClient, row: Application, now: datetime) -> bool:
    """Whether the address is another company's, or one of the town's own people's."""
    if await Staff.filter(email_look_up=row.email_look_up).using_db(connection).exists():
        return True
    known = Contact.filter(living(now), email_look_up=row.email_look_up).using_db(connection)
    return any(not same_company(one.company, row.company) for one in await known)


async def move(
    connection: BaseDBAsyncClient, row: Application, before: Stage, after: Stage, **values: object
) -> None:
    """Change the stage by compare-and-set. Raises Refused(STALE)."""
    mine = Application.filter(id=row.id, stage=before.value).using_db(connection)
    if not await mine.update(stage=after.value, **values):
        raise Refused(Reason.STALE)


async def turn_down(
    connection: BaseDBAsyncClient, row: Application, answer: str, now: datetime, *, actor: Actor
) -> None:
    """Give an open application back with an answer, which the applicant is told. Raises Refused(STALE)."""
    if Stage(row.stage) not in OPEN:
        raise Refused(Reason.STALE)
    approver = actor.id or None
    decided = {"answer": answer, "decided_at": now, "approver_id": approver}
    await move(connection, row, Stage(row.stage), Stage.RETURNED, **decided)
    await note(connection, row, "returned", now, actor=actor, reason=answer)
    await tell(connection, row, News.RETURNED, now)


async def require_nobody_signs(services: Services, people: Collection[int], previous: str) -> None:
    """Raise Refused(SIGNS_FOR_VILLAGE) where one of *people* signs for the village in what will follow the new address.

    He would be refused there (`people.may_sign_for_village`), after everybody else has signed.
    """
    if not services.policy.signer_apart_from_registrar or not previous:
        return
    under_way = [state.value for state in State if state not in FINAL]
    asked = Signer.filter(email_look_up=services.address_look_up(previous), consented_at=None)
    open_ones = [one.envelope_id for one in await asked.filter(envelope__state__in=under_way)]
    seats = Signer.filter(staff_id__in=list(people), envelope_id__in=open_ones).select_related("envelope")
    if (seat := await seats.first()) is not None:
        number = seat.envelope.number or seat.envelope.draft_number
        raise Refused(Reason.SIGNS_FOR_VILLAGE, number=number)


async def sweep(services: Services) -> None:
    """Delete applications that nobody has proved for so long that nobody will."""
    before = services.now() - services.policy.registration_unproved
    await Application.filter(stage=Stage.UNPROVED.value, created_at__lt=before).delete()
