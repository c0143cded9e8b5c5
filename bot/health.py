"""Certificates that are about to end: told to the administrators 60, 30 and 7 days before, and once they have ended.

Looked at when the bot starts, a few times a day, and before each signature. That nothing is signed with a certificate
that has ended is `envelopes.signing.keys`' rule; here people hear of it while they can still act. At the start, and
a few times a day, the signing key is tried out too: that an HSM is away is known before somebody signs.
"""

import asyncio
import logging
from datetime import datetime, timedelta
from enum import IntEnum
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records import tasks
from envelopes.records.database import unit
from envelopes.rules.errors import Later, Reason, Refused
from envelopes.rules.states import Task
from envelopes.services import Services
from envelopes.signing.keys import KeySource
from envelopes.signing.seal import Seal

log = logging.getLogger(__name__)

# why: a new certificate wants a decision, then an order, then somebody on the spot. 0: it has ended.
NOTICES: Final = (60, 30, 7, 0)
UNUSABLE: Final = -1  # in the place of a notice: the key cannot be used
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
            await _queue(certificate, notice, now, key=f"{_named(der)}:{notice}")


async def try_out(services: Services, seal: Seal) -> None:
    """Make a trial signature; where that fails queue a mail, one a day. An ended certificate is `look`'s business."""
    now = services.now()
    try:
        await asyncio.to_thread(_tried, seal.key, now)
    except (Refused, Later) as error:
        if error.reason is Reason.CERTIFICATE_ENDED:
            return
        log.warning("signing key: %s", error)
        der = seal.key.current().certificate
        certificate = x509.load_der_x509_certificate(der)
        await _queue(certificate, UNUSABLE, now, key=f"{_named(der)}:{now.date()}")


def _tried(key: KeySource, now: datetime) -> None:
    key.fit(now).try_out()


def due(ends: datetime, now: datetime) -> int | None:
    """Return the last notice (days before the end) that has come due, or None while there is time."""
    return min((days for days in NOTICES if ends - now <= days * _DAY), default=None)


async def _queue(certificate: x509.Certificate, notice: int, now: datetime, *, key: str) -> None:
    ids = {
        "use": int(_use(certificate)),
        "ends": int(certificate.not_valid_after_utc.timestamp()),
        "notice": notice,
    }

    async def work(connection: BaseDBAsyncClient) -> None:
        await tasks.enqueue(connection, Task.HEALTH_MAIL, key, now=now, ids=ids)

    await unit(work)


def _named(der: bytes) -> str:
    return sha256(der).hexdigest()[:32]


def _use(certificate: x509.Certificate) -> Use:
    found = {type(one.value): one.value for one in certificate.extensions}
    basic, purposes = found.get(x509.BasicConstraints), found.get(x509.ExtendedKeyUsage)
    if isinstance(basic, x509.BasicConstraints) and basic.ca:
        return Use.AUTHORITY
    stamps = isinstance(purposes, x509.ExtendedKeyUsage) and ExtendedKeyUsageOID.TIME_STAMPING in purposes
    return Use.TIME if stamps else Use.SIGNATURE
