"""修正: statements put in the place of earlier ones, and the whole draft read anew.

The same verb for the draft's page and for a mail. A statement with an empty value takes back what was said under its
key. Documents are not touched: other files are another draft.
"""

import json
from collections.abc import Sequence

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import ordering, seats
from envelopes.actions.ordering import Order
from envelopes.actions.staff import drafted
from envelopes.records import store
from envelopes.records.database import unit
from envelopes.records.store import Snapshot
from envelopes.rules import orders
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.kinds import Kind
from envelopes.rules.lines import Statement, merged
from envelopes.rules.people import Actor
from envelopes.rules.reading import Record, Remark
from envelopes.rules.states import By, Event
from envelopes.services import Services


async def revise(
    services: Services, actor: Actor, ref: str, *, version: int, statements: Sequence[Statement]
) -> tuple[Remark, ...]:
    """Correct a draft, whose next revision is then mailed to its drafter; returns what keeps it from being one.

    Where something is returned, nothing was changed. Raises Refused: ROLE_MISSING, STALE, NOT_PERMITTED.
    """
    shot = await drafted(actor, ref)
    if shot.envelope.version != version:
        raise Refused(Reason.STALE)
    record = Record.from_json(json.loads(shot.envelope.reading))
    order = await _read_anew(services, shot, record, statements)
    if not order.problems:
        await _apply(services, actor, shot, order, _next(record, order))
    return tuple(order.problems)


async def _read_anew(
    services: Services, shot: Snapshot, record: Record, statements: Sequence[Statement]
) -> Order:
    reading = orders.understand(
        merged(record.statements, statements),
        subject=record.subject,
        policy=services.policy,
        kind=Kind(shot.envelope.kind),
    )
    # A day that nobody wrote was set when the draft was opened, and stays.
    order = await ordering.look_up(services, shot.drafter, reading, deadline=shot.envelope.deadline_on)
    order.warnings += [remark for remark in record.warnings if _is_about_papers(remark)]
    return order


def _is_about_papers(remark: Remark) -> bool:
    return "position" in remark.details


def _next(record: Record, order: Order) -> Record:
    return ordering.record(
        order, subject=record.subject, received_at=record.received_at, revision=record.revision + 1
    )


async def _apply(services: Services, actor: Actor, shot: Snapshot, order: Order, record: Record) -> None:
    reading = order.reading
    # Without problems, all of these were read.
    assert reading.title is not None
    assert reading.kind is not None
    assert reading.amount is not None
    changes = {
        "title": reading.title.value,
        "kind": reading.kind.value,
        "amount": reading.amount.yen,
        "tax": reading.amount.tax.value,
        "deadline_on": order.deadline,
        "section_id": order.section.id,
        "reading": json.dumps(record.to_json(), ensure_ascii=False),
        **seats.party_columns(order.contacts),
    }

    async def work(connection: BaseDBAsyncClient) -> None:
        await store.apply(
            connection,
            shot.envelope,
            Event.REVISED,
            By.STAFF,
            actor=actor,
            now=services.now(),
            changes=changes,
            payload={"revision": record.revision, "lines": [_plain(line) for line in reading.statements]},
        )
        await seats.seat_contractors(
            services, connection, shot.envelope.id, order.contacts, methods=order.methods
        )

    await unit(work)


def _plain(said: Statement) -> dict[str, str]:
    return {"key": said.key.value, "value": said.value}
