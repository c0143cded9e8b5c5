"""Reminders of a deadline, and of the end of a download window; and staff hear of silence. When: `rules.reminders`.

Each is given once: its task has a key, and its fact is written in the same transaction. Nobody is reminded at an
address from which the mail before came back.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import reachable
from envelopes.records import store, tasks
from envelopes.records.counters import DOWNLOAD
from envelopes.records.database import unit
from envelopes.records.models import Access, Delivery, Envelope, Signer
from envelopes.records.models import Task as TaskRow
from envelopes.rules.addresses import AddressKind
from envelopes.rules.people import WORKER
from envelopes.rules.reminders import may_remind, notice_due
from envelopes.rules.returns import DeliveryState
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import Event, State, Task, permits
from envelopes.services import Services

_CLOSED: Final = timedelta(
    days=14
)  # why: no row of closed days is longer, so that far before notices can fall
_SILENT_FOR: Final = timedelta(days=7)  # why: what is older than a week, the reminders have told
_FILES: Final = (Task.COMPLETION_MAIL, Task.FRESH_DOWNLOAD_MAIL, Task.WINDOW_MAIL)


async def remind_due(services: Services) -> None:
    """Remind every contractor whose turn it is of a deadline that is near."""
    now, policy = services.now(), services.policy
    if not may_remind(now, policy):
        return
    today = jst_day(now)
    horizon = today + timedelta(days=max(policy.remind_days, default=0)) + _CLOSED
    waiting = [state.value for state in State if permits(state, Event.EXPIRED)]
    near = Envelope.filter(state__in=waiting, deadline_on__gte=today, deadline_on__lte=horizon)
    async for shot in store.readable([one.id for one in await near.only("id")]):
        signer, envelope = shot.turn, shot.envelope
        if signer is None or signer.staff_id is not None or signer.asked_at is None or signer.paused_at:
            continue
        asked_on = jst_day(signer.asked_at)
        notice = notice_due(envelope.deadline_on, policy.remind_days, since=asked_on, today=today)
        if notice is not None and not await reachable.came_back(signer):
            key = f"{signer.id}:{envelope.deadline_on}:{notice}"
            await _once(Task.REMINDER_MAIL, key, "reminded", signer, now, days=notice)


async def remind_as_asked(services: Services) -> None:
    """Remind whoever told that his side is still looking, on the day that he chose or the next open one."""
    now = services.now()
    if not may_remind(now, services.policy):
        return
    today = jst_day(now)
    chosen = Signer.filter(remind_on__lte=today, remind_on__gt=today - _CLOSED, consented_at__isnull=True)
    asked = {signer.id: signer.envelope_id for signer in await chosen.only("id", "envelope_id")}
    async for shot in store.readable(sorted(set(asked.values()))):
        signer = shot.turn
        if (
            signer is None
            or signer.id not in asked
            or signer.paused_at
            or not permits(shot.state, Event.EXPIRED)
        ):
            continue
        if not await reachable.came_back(signer):
            key = f"{signer.id}:asked:{signer.remind_on}"
            await _once(Task.REMINDER_MAIL, key, "reminded", signer, now, asked=str(signer.remind_on))


async def remind_of_windows(services: Services) -> None:
    """Remind every contractor who has taken nothing yet that the download window ends."""
    now, policy = services.now(), services.policy
    if not may_remind(now, policy):
        return
    horizon = now + timedelta(days=max(policy.window_remind_days, default=0)) + _CLOSED
    for envelope in await Envelope.filter(window_ends_at__gte=now, window_ends_at__lte=horizon):
        assert envelope.window_ends_at is not None
        last_day = jst_day(envelope.window_ends_at)
        opened = last_day - timedelta(days=policy.download_days)
        notice = notice_due(last_day, policy.window_remind_days, since=opened, today=jst_day(now))
        if notice is None:
            continue
        for signer in await Signer.filter(envelope_id=envelope.id, staff_id__isnull=True):
            if not await has_files(signer) and not await reachable.came_back(signer, _FILES):
                key = f"{signer.id}:{last_day}:{notice}"
                await _once(Task.WINDOW_MAIL, key, "window reminded", signer, now, days=notice)


async def tell_of_silence(services: Services) -> None:
    """Tell the drafter where a phone carrier's address has opened nothing for a day and nothing came back."""
    now = services.now()
    quiet = now - services.policy.carrier_silence
    asked = Signer.filter(
        address_kind=AddressKind.CARRIER.value,
        asked_at__lte=quiet,
        asked_at__gte=quiet - _SILENT_FOR,
        proved_at__isnull=True,
        consented_at__isnull=True,
    )
    silent = {signer.id: signer.envelope_id for signer in await asked.only("id", "envelope_id")}
    async for shot in store.readable(sorted(set(silent.values()))):
        signer = shot.turn
        if signer is None or signer.id not in silent or not permits(shot.state, Event.EXPIRED):
            continue
        sent = await reachable.last(signer)
        if sent is None or sent.state == DeliveryState.FAILED.value:
            continue
        # Whoever had the place before, or the same person at another address, may have opened the link.
        seen = Access.filter(signer_id=signer.id, day__gte=jst_day(signer.asked_at or now))
        if sent.created_at <= quiet and not await seen.exists():
            key, ids = f"silent:{signer.id}:{signer.generation}", {"delivery": sent.id, "silent": 1}
            await _once(Task.UNDELIVERED_MAIL, key, "mail unopened", signer, now, ids=ids)


async def has_files(signer: Signer) -> bool:
    """Whether the signer took signed files, or has them in the mailbox."""
    attached = Delivery.filter(signer_id=signer.id, mail=Task.COMPLETION_MAIL.value, attached=True)
    taken = Access.filter(signer_id=signer.id, kind=DOWNLOAD)
    return await taken.exists() or await attached.exclude(state=DeliveryState.FAILED.value).exists()


async def _once(
    task: Task,
    key: str,
    kind: str,
    signer: Signer,
    now: datetime,
    *,
    ids: Mapping[str, int] | None = None,
    **payload: Any,
) -> None:
    """Queue *task* and write its fact, unless that has been done."""
    queued = TaskRow.filter(key=f"{task}:{key}")
    if await queued.exists():
        return

    async def work(connection: BaseDBAsyncClient) -> None:
        await store.lock(connection, signer.envelope_id)
        if await queued.using_db(connection).exists():
            return
        told = {"signer": signer.id, **payload}
        await store.note(connection, signer.envelope_id, kind, actor=WORKER, now=now, payload=told)
        named = {"signer": signer.id, **(ids or {})}
        await tasks.enqueue(connection, task, key, now=now, envelope_id=signer.envelope_id, ids=named)

    await unit(work)
