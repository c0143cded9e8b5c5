"""`fukan evidence`: the evidence bundle of a contract, for whoever may use the server's command line."""

import asyncio
from functools import partial
from pathlib import Path

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import bundling, evidence
from envelopes.actions.registrar import COMMAND_LINE
from envelopes.records import history, store
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.rules.errors import FukanError, Reason
from envelopes.sandbox import Limits, Sandbox
from envelopes.services import Services
from envelopes.settings import Settings
from envelopes.signing import anatomy, inspection
from envelopes.signing.anatomy import Anatomy
from envelopes.signing.inspection import Trusted
from fukan.history import judge_of
from fukan.installation import opened

_OPEN_FILES = 64  # why: a child that reads a PDF opens time zones and little else


class FileThere(FukanError):
    """Nothing is written over what is there."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} はもうあります。--out で別の名前を指定してください。")


def write(settings: Settings, typed: str, out: Path | None) -> Path:
    """Write the bundle of the envelope that *typed* names; returns where.

    Raises Refused(CERTIFICATE_ID_UNKNOWN), FileThere, KeyMissing, DatabaseUnreachable, BlobError.
    """
    return asyncio.run(_write(settings, typed, out))


async def _write(settings: Settings, typed: str, out: Path | None) -> Path:
    async with opened(settings, bot=True) as services:
        envelope = await evidence.find(typed)
        path = out or Path(f"evidence-{envelope.certificate_id}.zip")
        if path.exists():
            raise FileThere(path)
        data = await _gathered(services, envelope.ref)
        await asyncio.to_thread(path.write_bytes, data)
        await _noted(services, envelope.id)
    return path


async def _gathered(services: Services, ref: str) -> bytes:
    sandbox, trusted = Sandbox(preload=inspection.PRELOAD), await _trusted(services)

    async def by(data: bytes) -> Anatomy:
        return await sandbox.run(
            partial(anatomy.anatomy, data, crls=trusted.crls),
            limits=_limits(services),
            on_crash=Reason.PDF_BROKEN,
            on_timeout=Reason.PDF_TOOK_TOO_LONG,
        )

    try:
        return await bundling.gather(services, await store.snapshot(ref=ref), by=by, trusted=trusted)
    finally:
        await sandbox.close()


async def _trusted(services: Services) -> Trusted:
    """Whom the bundle rests on: what the bot has published, and the authorities that give the time."""
    judge = await judge_of(services)
    own = inspection.published(services.settings.public_directory)
    return Trusted(
        roots=tuple(dict.fromkeys((*own.roots, *judge.roots))),
        crls=tuple(dict.fromkeys((*own.crls, *judge.evidence.crls))),
    )


def _limits(services: Services) -> Limits:
    policy = services.policy
    return Limits(
        cpu_seconds=int(policy.parse_seconds),
        memory_bytes=policy.parse_memory,
        wall_seconds=policy.parse_seconds,
        files=_OPEN_FILES,
    )


async def _noted(services: Services, envelope_id: int) -> None:
    """Write into the history that a bundle has left the house."""

    async def work(connection: BaseDBAsyncClient) -> None:
        await store.lock(connection, envelope_id)
        await history.record(
            connection,
            Subject.ENVELOPE,
            envelope_id,
            "evidence taken",
            actor=COMMAND_LINE,
            at=services.now(),
        )

    await unit(work)
