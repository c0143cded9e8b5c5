"""Mails on their way out: composed once, kept as bytes, sent until a server has taken or refused them.

Theory of operation. A mail task is composed and signed in the worker; each recipient gets an encrypted blob, a row in
`deliveries` and a task of its own to send it, all in one transaction. Sending and sending again use those bytes, so a
double has the same Message-ID. A row's state is the server's own answer. Code mails are composed when they are sent and
never stored. Who is told what is decided in `bot.compose`, what an answer means in `bot.answers`, whose turn it is in
`bot.pace`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, assert_never

from tortoise.backends.base.client import BaseDBAsyncClient

from bot import compose, dkim_signing, letters_about_addresses, letters_about_requests
from bot.case import Outgoing
from bot.pace import Pace
from bot.render import Mailbox, build, render
from bot.returned import token
from bot.smtp import CONNECTIONS, Deferred, Delivered, Failed, Sender
from envelopes.actions.worker import alerting, undelivered, windows
from envelopes.records import tasks
from envelopes.records.blobs import Reader, Stored
from envelopes.records.database import unit, update_each
from envelopes.records.fields import look_up
from envelopes.records.gathering import Gathered
from envelopes.records.models import Application, Code, Delivery, Envelope
from envelopes.records.tasks import Claimed, Result
from envelopes.rules.addresses import domain_of
from envelopes.rules.alerts import Alert
from envelopes.rules.errors import FukanError, Later, Reason
from envelopes.rules.returns import DEFERRED, DeliveryState
from envelopes.rules.states import Task
from envelopes.services import Services

log = logging.getLogger(__name__)

_LOCAL_PART: Final = 64  # RFC 5321 4.5.3.1.1: octets of a local-part
_LATE: Final = "late"  # the code of a delivery whose confirmation code was over before a server took it
_USED: Final = (
    "used"  # the code of a delivery that is known to have arrived because its confirmation code was used
)


class NotDelivered(FukanError):
    """No server has taken the mail yet; try again. The message holds the answer's code, never its words."""


class NotYet(FukanError):
    """It is not this task's turn; nothing has failed."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__("not this task's turn")
        self.wait = wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """The way out. Codes have connections of their own, so that they never wait behind large files."""

    services: Services
    mails: Sender
    codes: Sender
    pace: Pace
    hands: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2 * CONNECTIONS))
    """How many mails are in memory: with the relay, or read and next."""

    async def close(self) -> None:
        """Take leave of the relay."""
        await self.mails.close()
        await self.codes.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A mail in bytes."""

    outgoing: Outgoing
    message_id: str
    data: bytes


# Composing


async def write(services: Services, task: Claimed) -> None:
    """Compose what *task* asks for and queue one delivery a recipient. A second run finds the first one's work."""
    if await Delivery.filter(task_id=task.id).exists():
        return
    outgoing = await compose.compose(services, task)
    written = [await _write(services, task, one) for one in outgoing]
    kept = [await _keep(services, task, one) for one in written]

    async def work(connection: BaseDBAsyncClient) -> None:
        if await Delivery.filter(task_id=task.id).using_db(connection).exists():
            return
        if task.kind is Task.FRESH_DOWNLOAD_MAIL and written:
            await _open_window(services, connection, task, written)
        for mail, stored in zip(written, kept, strict=True):
            await _queue(services, connection, task, mail, stored)

    await unit(work)


async def _write(services: Services, task: Claimed, outgoing: Outgoing) -> _Written:
    """Put one mail into bytes and sign them, in a thread: a mail of 6 MB would stall the loop for 140 ms."""
    message_id = _message_id(services, task, outgoing)
    data = await asyncio.to_thread(_signed, services, outgoing, message_id)
    return _Written(outgoing=outgoing, message_id=message_id, data=data)


def _message_id(services: Services, task: Claimed, outgoing: Outgoing) -> str:
    """The same for the same task and recipient, whoever composes it and however often."""
    name = look_up(services.keyring.look_up, "message", f"{task.id}:{outgoing.recipient.look_up}")[:32]
    return f"<{name}@{domain_of(services.settings.mail.address)}>"


def _signed(services: Services, outgoing: Outgoing, message_id: str) -> bytes:
    keys = dkim_signing.keys(services.settings)
    return dkim_signing.signed(_bytes(services, outgoing, message_id), keys, at=services.now())


def _bytes(services: Services, outgoing: Outgoing, message_id: str) -> bytes:
    settings, recipient = services.settings, outgoing.recipient
    rendered = render(outgoing.letter, site=compose.site(services))
    return build(
        rendered,
        sender=Mailbox(rendered.sender, settings.mail.address),
        recipient=Mailbox(recipient.addressee.person, recipient.address),
        message_id=message_id,
        date=services.now(),
        reply_to=outgoing.reply_to,
        references=outgoing.references,
        attachments=outgoing.attachments,
        plain_only=recipient.plain_only,
        auto_submitted=outgoing.auto_submitted,
    )


async def _keep(services: Services, task: Claimed, written: _Written) -> Stored:
    ref = ""
    if task.envelope_id is not None:
        ref = (await Envelope.filter(id=task.envelope_id).get()).ref
    return await services.blobs.put(
        written.data, purpose="outgoing", readers=(Reader.ARCHIVE,), envelope_ref=ref
    )


async def _open_window(
    services: Services, connection: BaseDBAsyncClient, task: Claimed, written: Sequence[_Written]
) -> None:
    """Open the download window that the letter promises, in the transaction that queues the letter."""
    envelope = await Envelope.filter(id=task.envelope_id).using_db(connection).get()
    window = await windows.open_window(services, connection, envelope)
    promised = {getattr(one.outgoing.letter, "window_ends", window) for one in written}
    if promised != {window}:
        raise Later(Reason.STALE)  # midnight passed between the letter and the window


async def _queue(
    services: Services, connection: BaseDBAsyncClient, task: Claimed, mail: _Written, stored: Stored
) -> None:
    now = services.now()
    delivery = await _new_delivery(services, connection, task, mail.outgoing, mail.message_id)
    file = await stored.record(connection, now)
    await Delivery.filter(id=delivery.id).using_db(connection).update(file_id=file.id)
    ids = {"delivery": delivery.id}
    await tasks.enqueue(connection, Task.SEND, delivery.ref, now=now, envelope_id=task.envelope_id, ids=ids)


async def _new_delivery(
    services: Services,
    connection: BaseDBAsyncClient,
    task: Claimed,
    outgoing: Outgoing,
    message_id: str,
) -> Delivery:
    recipient, now = outgoing.recipient, services.now()
    return await Delivery.create(
        ref=services.ref(),
        task_id=task.id,
        mail=outgoing.letter.template,
        envelope_id=task.envelope_id,
        signer_id=recipient.signer.id if recipient.signer else None,
        staff_id=recipient.staff_id,
        recipient=recipient.address,
        recipient_look_up=recipient.look_up,
        message_id=message_id,
        attached=bool(outgoing.attachments),
        why_link=outgoing.why_link.value if outgoing.why_link else None,
        state=DeliveryState.QUEUED.value,
        created_at=now,
        updated_at=now,
        using_db=connection,
    )


# Sending


async def send(post: Post, task: Claimed) -> Result | None:
    """Hand one kept mail to the relay; returns what is to be noted together with the task's end.

    Raises NotDelivered while no server has taken or refused the mail, or NotYet.
    """
    delivery = await _load(task.ids["delivery"])
    if delivery.state not in (DeliveryState.QUEUED, DeliveryState.RETRY):
        return None
    _wait(post.pace.wait(delivery.ref, domain_of(delivery.recipient), post.services.now()))
    assert delivery.file is not None
    async with post.hands:
        data = await post.services.blobs.get(delivery.file)
        answer = await _hand_over(post.services, post.mails, delivery, data)
    return await _settle(post, delivery, answer)


async def _load_all(ids: Sequence[int]) -> Sequence[Delivery]:
    found = {row.id: row for row in await Delivery.filter(id__in=ids).select_related("file")}
    return [found[one] for one in ids]


_load: Final = Gathered(_load_all)


def _wait(time: timedelta) -> None:
    if time:
        raise NotYet(time)


_CODES: Final[Mapping[Task, Callable[[Services, Claimed], Awaitable[Outgoing | None]]]] = {
    Task.CODE_MAIL: letters_about_requests.code_mail,
    Task.APPLICATION_CODE_MAIL: letters_about_addresses.code_mail,
}


async def send_code(post: Post, task: Claimed) -> Result | None:
    """Compose and send a confirmation code; nothing of it is kept. Returns and raises like `send`.

    A code is waited for and goes at once, however much has gone to its domain.
    """
    delivery = await Delivery.filter(task_id=task.id).first()
    if delivery is not None and delivery.state not in (DeliveryState.QUEUED, DeliveryState.RETRY):
        return None
    outgoing = await _CODES[task.kind](post.services, task)
    if outgoing is None:
        await _note_over(post.services, delivery, used=await _was_used(task))
        return None
    _wait(post.pace.shut(post.services.now()))
    written = await _write(post.services, task, outgoing)
    delivery = delivery or await _code_delivery(post.services, task, written)
    return await _settle(post, delivery, await _hand_over(post.services, post.codes, delivery, written.data))


async def _code_delivery(services: Services, task: Claimed, written: _Written) -> Delivery:
    async def work(connection: BaseDBAsyncClient) -> Delivery:
        return await _new_delivery(services, connection, task, written.outgoing, written.message_id)

    return await unit(work)


async def _was_used(task: Claimed) -> bool:
    if task.kind is Task.APPLICATION_CODE_MAIL:
        mine = Application.filter(id=task.ids["application"], serial=task.ids["serial"])
        return await mine.filter(proved_at__isnull=False).exists()
    return await Code.filter(id=task.ids["code"], used_at__isnull=False).exists()


async def _note_over(services: Services, delivery: Delivery | None, *, used: bool) -> None:
    """A code that was typed in has arrived, though the worker died before it could note that; any other is late."""
    if delivery is None:
        return
    state = DeliveryState.DELIVERED if used else DeliveryState.FAILED
    values = {"state": state.value, "code": _USED if used else _LATE, "updated_at": services.now()}
    await Delivery.filter(id=delivery.id).update(**values)


async def _hand_over(
    services: Services, sender: Sender, delivery: Delivery, data: bytes
) -> Delivered | Deferred | Failed:
    path = return_path(services, delivery.ref)
    return await sender.send(sender=path, recipient=delivery.recipient, data=data, envid=delivery.ref)


def return_path(services: Services, ref: str) -> str:
    """The address to which reports on this delivery come back (VERP): its token, in the mailbox that is watched.

    Lower-case letters and digits only, because some servers change the case of what they return.
    """
    intake = services.settings.mail.intake
    local, _, domain = intake.rpartition("@")
    path = f"{local}+b.{token(services.keyring.token.newest[1], ref)}"
    return f"{path}@{domain}" if len(path) <= _LOCAL_PART else intake


# What came of it


async def _settle(post: Post, delivery: Delivery, answer: Delivered | Deferred | Failed) -> Result | None:
    """Note the server's answer. Raises NotDelivered where another attempt is due.

    That a mail was taken is left to be noted with the task's end: a relay takes mails faster than a disk commits.
    """
    services = post.services
    match answer:
        case Delivered():
            return Result(_note_all, _noted(services, delivery, DeliveryState.DELIVERED, answer))
        case Deferred():
            await _put_off(services, delivery, answer)
        case Failed(login=True):
            log.error("the relay refuses our login: no mail goes out")
            post.pace.shut_for_a_while(services.now())
            await _stopped(services, delivery, answer)
        case Failed():
            await _fail(services, delivery, answer)
        case _:
            assert_never(answer)
    return None


def _code(answer: Delivered | Deferred | Failed) -> str:
    return f"{answer.code} {answer.status}".strip()


def _noted(
    services: Services, delivery: Delivery, state: DeliveryState, answer: Delivered | Deferred | Failed
) -> Mapping[str, object]:
    return {
        "id": delivery.id,
        "state": state.value,
        "code": _code(answer)[:20],
        "answer": answer.text,
        "attempts": delivery.attempts + 1,
        "updated_at": services.now(),
    }


async def _note_all(connection: BaseDBAsyncClient, notes: Sequence[Mapping[str, object]]) -> None:
    # A report that came back in this very moment knows more than the answer of the first server.
    waiting = (DeliveryState.QUEUED.value, DeliveryState.RETRY.value)
    await update_each(connection, Delivery, notes, among={"state": waiting})


async def _put_off(services: Services, delivery: Delivery, answer: Deferred | Failed) -> None:
    if services.now() >= delivery.created_at + services.policy.retry_end:
        await _fail(services, delivery, answer)
        return
    note = _noted(services, delivery, DeliveryState.RETRY, answer)
    await unit(lambda connection: _note_all(connection, [note]))
    raise NotDelivered(f"{DEFERRED} {_code(answer)}")


async def _stopped(services: Services, delivery: Delivery, answer: Failed) -> None:
    """Keep the mail however long it takes: that we are not let in says nothing about it. Tell the operator."""

    async def work(connection: BaseDBAsyncClient) -> None:
        await _note_all(connection, [_noted(services, delivery, DeliveryState.RETRY, answer)])
        await alerting.tell(connection, Alert.LOGIN, now=services.now(), delivery=delivery)

    await unit(work)
    raise NotDelivered(f"{DEFERRED} {_code(answer)}")


async def _fail(services: Services, delivery: Delivery, answer: Deferred | Failed) -> None:
    """Note that the mail is not delivered; a completion mail that was too big goes again with its link."""
    policy = isinstance(answer, Failed) and answer.policy
    if policy:
        log.error("mail refused by policy (%s): look at DNS, DKIM and the relay", _code(answer))
    again = isinstance(answer, Failed) and answer.too_big and delivery.attached

    async def work(connection: BaseDBAsyncClient) -> None:
        await _note_all(connection, [_noted(services, delivery, DeliveryState.FAILED, answer)])
        if policy:
            await alerting.tell(connection, Alert.POLICY, now=services.now(), delivery=delivery)
        if not again:
            await undelivered.tell(connection, delivery, policy=services.policy, now=services.now())
        else:
            await tasks.enqueue(
                connection,
                Task.COMPLETION_MAIL,
                f"too-big:{delivery.id}",
                now=services.now(),
                envelope_id=delivery.envelope_id,
                ids={"delivery": delivery.id},
            )

    await unit(work)
