"""Certificates that are about to end: told to the administrators 60, 30 and 7 days before, and once they have ended.

Looked at when the bot starts, a few times a day, and before each signature. That nothing is signed with a certificate
that has ended is `envelopes.signing.keys`' rule; here people hear of it while they can still act.
"""

import asyncio
from datetime import datetime, timedelta
from enum import IntEnum
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records import tasks
from envelopes.records.database import unit
from envelopes.rules.states import Task
from envelopes.services import Services
from envelopes.signing.seal import Seal

# why: a new certificate wants a decision, then an order, then somebody on the spot. 0: it has ended.
NOTICES: Final = (60, 30, 7, 0)
_DAY: Final = timedelta(days=1)


class Use(IntEnum):
    """What a certificate is for. A task holds numbers only."""

    SIGNATURE = 1
    TIME = 2
    AUTHORITY = 3


async def look(services: Services, seal: Seal) -> None:
    """Queue a mail for each certificate whose next notice is due; each notice is given once."""
    now = services.now()
    evidence = await asyncio.to_thread(seal.evidence, now)
    for der in dict.fromkeys((seal.key.current().certificate, *evidence.certificates)):
        certificate = x509.load_der_x509_certificate(der)
        notice = due(certificate.not_valid_after_utc, now)
        if notice is not None:
            await _queue(der, certificate, notice, now)


def due(ends: datetime, now: datetime) -> int | None:
    """Return the last notice (days before the end) that has come due, or None while there is time."""
    return min((days for days in NOTICES if ends - now <= days * _DAY), default=None)


async def _queue(der: bytes, certificate: x509.Certificate, notice: int, now: datetime) -> None:
    ids = {
        "use": int(_use(certificate)),
        "ends": int(certificate.not_valid_after_utc.timestamp()),
        "notice": notice,
    }
    key = f"{sha256(der).hexdigest()[:32]}:{notice}"

    async def work(connection: BaseDBAsyncClient) -> None:
        await tasks.enqueue(connection, Task.HEALTH_MAIL, key, now=now, ids=ids)

    await unit(work)


def _use(certificate: x509.Certificate) -> Use:
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return Use.AUTHORITY
    return Use.TIME if ExtendedKeyUsageOID.TIME_STAMPING in purposes else Use.SIGNATURE
