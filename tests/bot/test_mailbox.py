"""The watcher against Dovecot and the demo's post office: every mail once, nothing lost, nothing taken twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bot import mailbox
from bot.digest import digest
from bot.errors import ImapRefused
from bot.imap import Imap
from bot.mailbox import Watcher
from envelopes.actions.worker import mails
from envelopes.actions.worker.mails import Copy
from envelopes.records import counters
from envelopes.records.blobs import BlobError
from envelopes.records.models import Mail, Sighting, Task
from envelopes.rules.errors import Reason
from envelopes.services import Services
from tests.bot.conftest import Office
from tests.bot.mails import letter
from tests.patience import PATIENCE
from tests.world import plain_services


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    async with plain_services(tmp_path) as made:
        yield made


@asynccontextmanager
async def watching(services: Services, office: Office, user: str) -> AsyncIterator[None]:
    stop = asyncio.Event()
    watcher = Watcher(services, office.account(user, poll_seconds=0.1))
    task = asyncio.create_task(watcher.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def count(office: Office, user: str, folder: str) -> int:
    imap = Imap(office.account(user))
    await imap.connect()
    try:
        await imap.login()
        await imap.select(folder)
        return len(await imap.search())
    finally:
        await imap.close()


def letters(number: int) -> list[bytes]:
    return [letter(f"{n}通目".encode(), content_type=b"text/plain; charset=utf-8") for n in range(number)]


def user(request: pytest.FixtureRequest) -> str:
    return f"intake-{abs(hash(request.node.name))}@mihon.example"


async def test_every_mail_becomes_one_task_and_moves_away(
    services: Services, office: Office, request: pytest.FixtureRequest
) -> None:
    who = user(request)
    await office.fill(who, letters(3))
    async with watching(services, office, who):
        await until(lambda: _has(office, who, "Processed", 3))
        await office.fill(who, letters(5)[3:])
        await until(lambda: _has(office, who, "Processed", 5))
    assert await count(office, who, "INBOX") == 0
    assert await Mail.all().count() == await Task.filter(kind="read_mail").count() == 5
    assert {row.status for row in await Mail.all()} == {"received"}


async def _has(office: Office, who: str, folder: str, number: int) -> bool:
    try:
        return await count(office, who, folder) == number
    except ImapRefused:
        return False


async def test_a_mail_that_came_twice_is_one_mail(
    services: Services, office: Office, request: pytest.FixtureRequest
) -> None:
    who = user(request)
    await office.fill(who, letters(1), copies=3)
    async with watching(services, office, who):
        await until(lambda: _has(office, who, "Processed", 3))
    assert await Mail.all().count() == 1
    assert await Sighting.all().count() == 3


async def test_a_lost_connection_is_made_again(
    services: Services, office: Office, request: pytest.FixtureRequest
) -> None:
    who = user(request)
    await office.fill(who, letters(1))
    async with watching(services, office, who):
        await until(lambda: _has(office, who, "Processed", 1))
        await office.kick(who)
        await office.fill(who, letters(2)[1:])
        await until(lambda: _has(office, who, "Processed", 2))
    assert await Mail.all().count() == 2


async def test_of_a_mail_over_the_limit_the_head_is_read(tmp_path: Path, office: Office) -> None:
    who = f"intake-big-{tmp_path.name}@mihon.example"
    async with plain_services(tmp_path, policy={"mail_bytes": 2000}) as services:
        big = letter(b"x" * 3000)
        await office.fill(who, [big, *letters(1)])
        async with watching(services, office, who):
            await until(lambda: _has(office, who, "Processed", 1))
            await until(lambda: _has(office, who, "Failed", 1))
        assert await Mail.filter(reason=None).count() == 1
        mail = await Mail.get(reason=Reason.MAIL_TOO_BIG.value).select_related("file")
        assert await services.blobs.get(mail.file) == big.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


async def test_a_known_copy_is_only_moved(
    services: Services, office: Office, request: pytest.FixtureRequest
) -> None:
    who = user(request)
    await office.fill(who, letters(1))
    watcher = Watcher(services, office.account(who))
    imap = Imap(office.account(who))
    await imap.connect()
    await imap.login()
    uidvalidity = await imap.select("INBOX")
    (uid,) = await imap.search()
    # As after a crash between the transaction and the move.
    copy = Copy(mailbox=watcher.name, uidvalidity=uidvalidity, uid=uid)
    raw = letters(1)[0]
    await mails.take_in(services, copy, raw, digest=digest(raw), arrived_at=services.now())
    await imap.close()
    async with watching(services, office, who):
        await until(lambda: _has(office, who, "Processed", 1))
    assert await Mail.all().count() == 1
    assert await Task.all().count() == 1


async def test_an_error_that_comes_back_five_times_is_put_aside(
    services: Services, office: Office, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = user(request)
    await office.fill(who, letters(2))
    real = services.blobs.put

    async def put(data: bytes, **options: object) -> object:
        if "1通目".encode() in data:
            raise BlobError("cannot store")
        return await real(data, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(type(services.blobs), "put", lambda _, data, **options: put(data, **options))
    monkeypatch.setattr(mailbox, "AGAIN", 0.1)
    async with watching(services, office, who):
        await until(lambda: _has(office, who, "Failed", 1))
        await until(lambda: _has(office, who, "Processed", 1))
        await until(Sighting.filter(failed_at__isnull=False, mail_id__isnull=True).exists)
    assert await Mail.all().count() == 1


async def test_only_one_watches_a_mailbox(
    services: Services, office: Office, request: pytest.FixtureRequest
) -> None:
    who = user(request)
    name = Watcher(services, office.account(who)).name
    assert await counters.hold(name, "somebody", now=services.now(), lasting=timedelta(hours=1))
    await office.fill(who, letters(1))
    async with watching(services, office, who):
        await asyncio.sleep(0.5)
        assert await count(office, who, "INBOX") == 1
    assert not await counters.hold(name, "a third", now=services.now(), lasting=timedelta(hours=1))
    await counters.release(name, "somebody")
    async with watching(services, office, who):
        await until(lambda: _has(office, who, "Processed", 1))
    # The watcher gave its lease back when it was stopped.
    assert await counters.hold(name, "a third", now=services.now(), lasting=timedelta(hours=1))


def test_the_digest_leaves_out_what_the_way_adds() -> None:
    mail = letter("本文".encode())
    trace = (
        b"Received: from a\r\n by b; today\r\nAuthentication-Results: x; dmarc=pass\r\nReturn-Path: <a@b>\r\n"
    )
    assert digest(trace + mail) == digest(mail)
    assert digest(mail + b".") != digest(mail)
    assert digest(b"Subject: x\r\n" + mail) != digest(mail)
