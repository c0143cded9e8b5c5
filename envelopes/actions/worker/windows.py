"""The download window: while it is open the portal can read the signed files, afterwards it cannot."""

from datetime import datetime, timedelta

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records import store, tasks
from envelopes.records.database import unit
from envelopes.records.models import Envelope, File
from envelopes.rules.people import WORKER
from envelopes.rules.schedule import window_end
from envelopes.rules.states import Task
from envelopes.services import Services


async def close_window(services: Services, envelope_id: int) -> None:
    """Take the portal's key off the envelope's files once their window is over."""
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> None:
        envelope = await Envelope.filter(id=envelope_id).using_db(connection).get()
        if envelope.window_ends_at is None or now <= envelope.window_ends_at:
            return
        files = File.filter(envelope_ref=envelope.ref, archive_wrap__isnull=False, view_wrap__isnull=False)
        if not await files.using_db(connection).update(view_wrap=None):
            return
        await store.note(connection, envelope.id, "window closed", actor=WORKER, now=now)

    await unit(work)


async def open_window(services: Services, connection: BaseDBAsyncClient, envelope: Envelope) -> datetime:
    """Open the signed files to the portal again for the policy's days; returns the new window's end."""
    now = services.now()
    window = window_end(now, services.policy)
    kinds = ("prepared", "signature", "timestamp")
    files = File.filter(envelope_ref=envelope.ref, purpose__in=kinds, view_wrap=None).using_db(connection)
    for file in await files:
        wrap = services.blobs.view_wrap(file)
        await File.filter(id=file.id).using_db(connection).update(view_wrap=wrap)
    await Envelope.filter(id=envelope.id).using_db(connection).update(window_ends_at=window)
    await store.note(connection, envelope.id, "window opened", actor=WORKER, now=now)
    await close_later(connection, envelope.id, window, now)
    return window


async def close_later(
    connection: BaseDBAsyncClient, envelope_id: int, window: datetime, now: datetime
) -> None:
    """Queue the end of a window, in the transaction that opens it."""
    # The window's last second still belongs to it.
    key, closes = f"{envelope_id}:{window.isoformat()}", window + timedelta(seconds=1)
    await tasks.enqueue(
        connection, Task.CLOSE_WINDOW, key, now=now, envelope_id=envelope_id, run_at=closes, ids={}
    )
