"""Mails on their way out: kept once, sent until taken or refused, and the server's answer on record."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot import outbox
from bot.outbox import NotDelivered
from bot.smtp import Delivered, Failed, Sender
from bot.worker import Worker
from envelopes.actions import signer as signers
from envelopes.actions.signer import CodeFor
from envelopes.records import tasks
from envelopes.records.blobs import Blobs
from envelopes.records.models import Delivery, Envelope, File, Signer, Staff, Task
from envelopes.records.tasks import Claimed, Lane
from envelopes.rules import tokens
from fukan.demo import cast
from tests.bot.test_worker import confirm, draft, sign_by_mail
from tests.world import ACCEPTANCE, World, text_of, world


@pytest.fixture
async def built(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


async def claim(built: World, lane: Lane = Lane.MAIL) -> list[Claimed]:
    return await tasks.claim(lane, limit=50, now=built.clock(), lease=built.services.policy.lease)


async def enrolment(built: World) -> Claimed:
    """The mail task of the first person; the others are left."""
    return next(task for task in await claim(built) if task.ids.get("staff") == built.clerk.id)


async def test_a_mail_is_composed_once_however_often_its_task_runs(built: World) -> None:
    task = await enrolment(built)
    await outbox.write(built.services, task)
    await outbox.write(built.services, task)
    (row,) = await Delivery.all()
    assert (row.state, row.recipient, row.mail) == ("queued", cast.NAKAMURA.address, "enrol_mail")
    assert await Task.filter(kind="send").count() == 1
    assert await File.filter(purpose="outgoing").count() == 1
    file = await File.get(id=row.file_id)
    assert file.view_wrap is None


async def test_a_retry_sends_the_same_bytes(built: World) -> None:
    await outbox.write(built.services, await enrolment(built))
    (send,) = [task for task in await claim(built) if task.kind == "send"]
    assert await outbox.send(built.tools.post, send) is not None  # and died before that was noted
    await Worker(built.tools).work_on(send)
    first, second = built.mails(cast.NAKAMURA.address)
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_body() is not None
    assert text_of(first) == text_of(second)
    await outbox.send(built.tools.post, send)
    assert len(built.mails(cast.NAKAMURA.address)) == 2


async def to(built: World, address: str) -> tuple[Delivery, Claimed]:
    """A queued delivery whose recipient is *address*."""
    await Staff.filter(id=built.clerk.id).update(email=address)
    await outbox.write(built.services, await enrolment(built))
    (send,) = [task for task in await claim(built) if task.kind == "send"]
    return await Delivery.all().first(), send  # type: ignore[return-value]


async def test_a_refused_mail_failed_and_is_not_sent_again(built: World) -> None:
    row, send = await to(built, "nobody@mihon.example")
    await outbox.send(built.tools.post, send)
    await row.refresh_from_db()
    assert (row.state, row.code, row.attempts) == ("failed", "550 5.1.1", 1)
    assert "no such mailbox" in (row.answer or "")


async def test_a_mail_put_off_waits_and_fails_after_two_days(built: World) -> None:
    row, send = await to(built, "later@mihon.example")
    with pytest.raises(NotDelivered, match=r"^mail-deferred 450 4\.2\.1$"):
        await outbox.send(built.tools.post, send)
    await row.refresh_from_db()
    assert (row.state, row.attempts) == ("retry", 1)
    built.clock.offset = timedelta(hours=49)
    await outbox.send(built.tools.post, send)
    await row.refresh_from_db()
    assert row.state == "failed"


async def waiting(built: World) -> dict[str, int]:
    """The kinds of mail that still have to go, and how often each was tried."""
    rows = await Task.filter(lane__in=("mail", "code")).exclude(state="done")
    sends = {
        row.id: (await Delivery.get(ref=row.key.partition(":")[2])).mail for row in rows if row.kind == "send"
    }
    return {sends.get(row.id, row.kind): row.attempts for row in rows}


async def test_few_mails_are_in_memory_however_many_are_on_their_way(
    built: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = most = 0
    get = Blobs.get

    async def counted(blobs: Blobs, file: File) -> bytes:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        return await get(blobs, file)

    async def take(_: Sender, **_more: object) -> Delivered:
        nonlocal reading
        await asyncio.sleep(0.01)
        reading -= 1
        return Delivered(code=250, text="2.0.0 kept")

    _, task = await to(built, "kanri@mihon.example")
    monkeypatch.setattr(Blobs, "get", counted)
    monkeypatch.setattr(Sender, "send", take)
    await asyncio.gather(*(outbox.send(built.tools.post, task) for _ in range(12)))
    assert (most, reading) == (8, 0)


async def test_a_refused_login_stops_the_queue_and_loses_nothing(
    built: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    async def refuse(_: Sender, *, recipient: str, **_more: object) -> Failed:
        tried.append(recipient)
        return Failed(code=535, text="5.7.8 authentication failed", login=True)

    with monkeypatch.context() as patch:
        patch.setattr(Sender, "send", refuse)
        await built.drain()
        assert len(tried) == 1
        assert await waiting(built) == {"enrol_mail": 0, "alert_mail": 0} | {"enrol_mail": 0}
        built.clock.forward(hours=49)
        await built.drain()
        assert len(tried) == 2
    assert not await Delivery.filter(state="failed").exists()
    built.clock.forward(hours=5)
    await built.drain()
    assert not await waiting(built)
    said = [
        mail for mail in built.mails(cast.MARUYAMA.address) if "ログインを拒まれました" in mail["Subject"]
    ]
    assert len(said) == 2  # once a day
    assert "535 5.7.8" in text_of(said[0])


async def test_a_mail_refused_by_policy_is_told_to_the_operator(built: World) -> None:
    row, send = await to(built, "seisaku@mihon.example")
    failed = Failed(code=550, text="5.7.26 unauthenticated", policy=True)
    for _ in range(2):
        await outbox._settle(built.tools.post, row, failed)
    await tasks.done(send, now=built.clock())
    await built.drain()
    said = [mail for mail in built.mails(cast.MARUYAMA.address) if "規則により" in mail["Subject"]]
    assert len(said) == 1
    assert "5.7.26" in text_of(said[0])


async def test_a_burst_to_a_carrier_is_spread_and_nothing_counts_as_failing(built: World) -> None:
    row, send = await to(built, "minami@docomo.ne.jp")
    for n in range(5):
        assert not built.tools.post.pace.wait(str(n), "docomo.ne.jp", built.clock())
    await Worker(built.tools).work_on(send)
    again = await Task.get(id=send.id)
    assert (again.state, again.attempts, again.failing_since, again.error) == ("ready", 0, None, None)
    assert timedelta() < again.run_at - built.clock() <= timedelta(seconds=3)
    await row.refresh_from_db()
    assert (row.state, row.attempts) == ("queued", 0)
    built.clock.forward(seconds=4)
    await built.drain()
    await row.refresh_from_db()
    assert row.state == "delivered"


async def test_nothing_about_a_code_is_kept(built: World) -> None:
    envelope = await draft(built, ACCEPTANCE, kind="請書")
    await confirm(built, envelope)
    signer = await Signer.get(envelope_id=envelope.id)
    files = await File.all().count()
    await signers.send_code(built.services, signer, CodeFor.SIGN, browser="b")
    await built.drain()
    row = await Delivery.get(mail="code_mail")
    assert (row.state, row.file_id) == ("delivered", None)
    assert await File.all().count() == files
    mail = built.last(cast.TAKAHASHI.address)
    assert re.match(r"\d{6}", text_of(mail)) or re.search(r"^\d{6}", text_of(mail), re.MULTILINE)
    assert not re.search(r"\d{6}", mail["Subject"])


async def test_a_code_that_is_over_is_not_sent(built: World) -> None:
    envelope = await draft(built, ACCEPTANCE, kind="請書")
    await confirm(built, envelope)
    signer = await Signer.get(envelope_id=envelope.id)
    await signers.send_code(built.services, signer, CodeFor.SIGN, browser="b")
    before = len(built.mails(cast.TAKAHASHI.address))
    built.clock.forward(minutes=11)
    await built.drain()
    assert len(built.mails(cast.TAKAHASHI.address)) == before
    assert await Delivery.filter(mail="code_mail").count() == 0
    assert (await Task.get(kind="code_mail")).state == "done"


async def test_a_completion_mail_that_is_too_big_goes_again_as_a_link(built: World) -> None:
    envelope = await draft(built, ACCEPTANCE, kind="請書")
    await confirm(built, envelope)
    await sign_by_mail(built, cast.TAKAHASHI.address)
    row = await Delivery.get(mail="completion_mail", recipient_look_up=_look_up(built))
    assert row.attached
    failed = Failed(code=552, text="5.3.4 message too big", too_big=True)
    await outbox._settle(built.tools.post, row, failed)
    await built.drain()
    again = await Delivery.filter(mail="completion_mail").order_by("-id").first()
    assert again is not None
    assert (again.state, again.attached, again.why_link) == ("delivered", False, "refused-as-too-big")
    assert again.message_id != row.message_id
    assert again.recipient == cast.TAKAHASHI.address
    assert not list(built.last(cast.TAKAHASHI.address).iter_attachments())
    assert await Delivery.filter(mail="completion_mail").count() == 3


def _look_up(built: World) -> str:
    return built.services.address_look_up(cast.TAKAHASHI.address)


async def test_a_fresh_download_opens_the_window_it_promises(built: World) -> None:
    envelope = await draft(built, ACCEPTANCE, kind="請書")
    await confirm(built, envelope)
    shot = await sign_by_mail(built, cast.TAKAHASHI.address)
    before = shot.envelope.window_ends_at
    built.clock.forward(days=15)
    await built.drain()
    kinds = ("prepared", "signature", "timestamp")
    assert await File.filter(purpose__in=kinds, view_wrap__isnull=False).count() == 0
    await signers.ask_download(built.services, shot.signers[0])
    await built.drain()
    after = await Envelope.get(id=envelope.id)
    assert before is not None
    assert after.window_ends_at is not None
    assert after.window_ends_at > before
    assert await File.filter(purpose__in=kinds, view_wrap=None).count() == 0
    assert "再交付" in built.last(cast.TAKAHASHI.address)["Subject"]


async def test_the_return_path_fits_and_cannot_be_guessed(built: World) -> None:
    refs = [built.services.ref() for _ in range(2)]
    one, other = (outbox.return_path(built.services, ref) for ref in refs)
    local, _, domain = one.rpartition("@")
    assert local.startswith(f"uketsuke+b.{refs[0]}")
    assert len(local) <= 64
    assert local == local.lower()
    assert domain == cast.SENDER.rpartition("@")[2]
    mac = local.removeprefix(f"uketsuke+b.{refs[0]}")
    assert len(mac) == 16
    assert not other.split("@")[0].endswith(mac)
    assert one == outbox.return_path(built.services, refs[0])
    assert tokens.REF_BYTES == 10
