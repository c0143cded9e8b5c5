"""Mails that led to nothing, for the operator (管理): which they are, reading one again, and the end of their keeping.

The portal holds no archive key, so nobody reads a mail here: there is when it came, why it was put aside, how big it
is, and a sender whose name is covered. The mail itself lies in the intake's mailbox, for whoever looks after that.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.expressions import Q

from envelopes.records import history, tasks
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import File, Mail, Sighting, Staff
from envelopes.rules.addresses import mask_person
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.mails import ASIDE, MailStatus, may_be_read_again
from envelopes.rules.people import Actor, Role
from envelopes.rules.states import Task
from envelopes.services import Services

MOST: Final = 200  # why: what an operator looks through at once; older ones are gone after a month anyway
NOT_TAKEN_IN: Final = "not-taken-in"  # the reason of a copy that could not even be stored
_STATUS: Final = tuple(status.value for status in ASIDE)
_LOST: Final = Q(failed_at__isnull=False, mail_id__isnull=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """One mail that led to nothing.

    `ref` is empty where it could not even be stored; then it lies in the mailbox's folder for failed mails, with `size`
    unknown (0). `claims` is the member of staff whose address stands in From, proven or not.
    """

    at: datetime
    failed: bool
    reason: str
    sender: str = ""
    claims: str = ""
    size: int = 0
    ref: str = ""

    @property
    def again(self) -> bool:
        """Whether reading it again could help."""
        return bool(self.ref) and may_be_read_again(self.reason)


def require_operator(actor: Actor) -> None:
    """Raise Refused(LINK_UNKNOWN) unless *actor* is an administrator: to others there is no such page."""
    if Role.ADMIN not in actor.roles:
        raise Refused(Reason.LINK_UNKNOWN)


async def count() -> int:
    """How many there are."""
    mails, lost = Mail.filter(status__in=_STATUS), Sighting.filter(_LOST)
    return int(await mails.count()) + int(await lost.count())


async def found(services: Services, actor: Actor) -> list[Aside]:
    """Return what was put aside or failed, newest first. Raises Refused(LINK_UNKNOWN)."""
    require_operator(actor)
    rows = await Mail.filter(status__in=_STATUS).order_by("-arrived_at").limit(MOST).select_related("file")
    lost = await Sighting.filter(_LOST).order_by("-failed_at").limit(MOST)
    asides = [await _aside(services, row) for row in rows]
    asides += [Aside(at=row.failed_at, failed=True, reason=NOT_TAKEN_IN) for row in lost if row.failed_at]
    return sorted(asides, key=lambda one: one.at, reverse=True)[:MOST]


async def _aside(services: Services, row: Mail) -> Aside:
    return Aside(
        at=row.arrived_at,
        failed=row.status == MailStatus.FAILED.value,
        reason=row.reason or "",
        sender=mask_person(row.sender) if row.sender else "",
        claims=await _claimed(services, row.sender or ""),
        size=row.file.size,
        ref=row.ref,
    )


async def _claimed(services: Services, address: str) -> str:
    try:
        look_up = services.address_look_up(address)
    except Refused:
        return ""
    staff = await Staff.filter(email_look_up=look_up, active=True).first()
    return staff.name if staff else ""


async def read_again(services: Services, actor: Actor, ref: str) -> None:
    """Have a mail read again, as if it had come just now. Raises Refused(LINK_UNKNOWN | STALE)."""
    require_operator(actor)
    mail = await Mail.filter(ref=ref).first()
    if mail is None:
        raise Refused(Reason.LINK_UNKNOWN)
    now = services.now()

    async def work(connection: BaseDBAsyncClient) -> bool:
        unread = None if mail.whole else Reason.MAIL_TOO_BIG.value
        waiting = Mail.filter(id=mail.id, status__in=_STATUS).using_db(connection)
        if not await waiting.update(status=MailStatus.RECEIVED.value, reason=unread, read_at=None):
            return False
        key, ids = f"{mail.id}:{now.isoformat()}", {"mail": mail.id}
        await tasks.enqueue(connection, Task.READ_MAIL, key, now=now, ids=ids)
        payload = {"mail": mail.ref, "was": mail.reason or ""}
        await history.record(
            connection, Subject.STAFF, actor.id, "mail_read_again", actor=str(actor), at=now, payload=payload
        )
        return True

    if not await unit(work):
        raise Refused(Reason.STALE)


async def sweep(services: Services) -> None:
    """Remove what was put aside or failed longer ago than the policy keeps it, bytes and all."""
    over = services.now() - services.policy.aside_kept
    for mail in await Mail.filter(status__in=_STATUS, arrived_at__lte=over).select_related("file"):
        await _remove(services, mail)
    await Sighting.filter(_LOST, failed_at__lte=over).delete()


async def _remove(services: Services, mail: Mail) -> None:
    async def work(connection: BaseDBAsyncClient) -> bool:
        gone = await Mail.filter(id=mail.id, status__in=_STATUS).using_db(connection).delete()
        if gone:
            await File.filter(id=mail.file_id).using_db(connection).delete()
        return bool(gone)

    # Row first, so that none names what is gone.
    if await unit(work):
        await services.blobs.remove(mail.file.ref)
