"""The IMAP adapter, the same promises against Dovecot and against the demo's server."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import ImapLost, ImapRefused
from bot.imap import Imap, ImapAccount, encode_folder
from tests.bot.conftest import Office
from tests.patience import PATIENCE
from tests.servers.dovecot_postfix import RealPostOffice

MAIL = b"From: a@mura.example\r\nSubject: =?utf-8?b?5aWR57SE?=\r\n\r\n%b\r\n"
MANY = 1500  # why: more than the library survives in one answer


@pytest.fixture
def user() -> str:
    """An address nobody else uses: Dovecot lives as long as the run."""
    return f"u{uuid.uuid4().hex[:12]}@mura.example"


@asynccontextmanager
async def opened(account: ImapAccount, folder: str = "INBOX") -> AsyncIterator[Imap]:
    imap = Imap(account)
    try:
        await imap.connect()
        await imap.login()
        await imap.select(folder)
        yield imap
    finally:
        await imap.close()


async def test_mails_are_found_fetched_unread_and_moved(office: Office, user: str) -> None:
    await office.fill(user, [MAIL % b"one", MAIL % b"two"])
    async with opened(office.account(user)) as imap:
        await imap.create("Processed")
        first, second = await imap.search()
        mail = await imap.fetch(first)
        assert mail is not None
        assert mail.raw == MAIL % b"one"
        assert abs(datetime.now(UTC) - mail.internal_date) < timedelta(minutes=1)
        assert await imap.search("UNSEEN") == [first, second]
        await imap.move(first, "Processed")
        assert await imap.search() == [second]
        await imap.select("Processed")
        assert len(await imap.search()) == 1


async def test_uidvalidity_is_stable_across_connections(office: Office, user: str) -> None:
    async with opened(office.account(user)) as first, opened(office.account(user)) as second:
        assert await first.select("INBOX") == await second.select("INBOX") > 0


async def test_large_mailbox_is_read_in_batches(office: Office, user: str) -> None:
    await office.fill(user, [MAIL % b"x"] * 100, copies=MANY // 100)
    async with opened(office.account(user)) as imap:
        uids = await imap.search()
        assert len(uids) == MANY
        assert uids == sorted(uids)
        assert await imap.sizes(uids) == dict.fromkeys(uids, len(MAIL % b"x"))


async def test_mail_that_vanished_is_none_and_moves_without_error(office: Office, user: str) -> None:
    await office.fill(user, [MAIL % b"here"])
    async with opened(office.account(user)) as imap:
        await imap.create("Processed")
        (uid,) = await imap.search()
        async with opened(office.account(user)) as other:
            await other.move(uid, "Processed")
        assert await imap.fetch(uid) is None
        assert await imap.sizes([uid]) == {}
        await imap.move(uid, "Processed")
        assert await imap.search() == []


async def test_body_with_literals_and_brackets_is_returned_byte_for_byte(office: Office, user: str) -> None:
    tricky = MAIL % b"a {12}\r\n* 1 FETCH (UID 9 BODY[] {3}\r\nA1 OK done)\r\n((( \xff\x00"[:-1]
    await office.fill(user, [tricky, MAIL % b"next"])
    async with opened(office.account(user)) as imap:
        first, second = await imap.search()
        mail, after = await imap.fetch(first), await imap.fetch(second)
        assert mail is not None
        assert mail.raw == tricky
        assert after is not None
        assert after.raw == MAIL % b"next"


async def test_six_megabytes_come_through(office: Office, user: str) -> None:
    large = MAIL % (b"0123456789" * 7 + b"\r\n") * 1
    large = large + (b"0123456789" * 7 + b"\r\n") * 85_000
    await office.fill(user, [large])
    async with opened(office.account(user)) as imap:
        (uid,) = await imap.search()
        mail = await imap.fetch(uid)
        assert mail is not None
        assert mail.raw == large


@pytest.mark.parametrize("name", ["処理済", 'a "quoted" \\ name', "A&B 契約", "〒①🗂"])
async def test_folder_names_of_any_kind_work(office: Office, user: str, name: str) -> None:
    await office.fill(user, [MAIL % b"x"])
    async with opened(office.account(user)) as imap:
        await imap.create(name)
        (uid,) = await imap.search()
        await imap.move(uid, name)
        assert await imap.select(name) > 0
        assert len(await imap.search()) == 1


async def test_creating_a_folder_twice_is_no_error(office: Office, user: str) -> None:
    async with opened(office.account(user)) as imap:
        await imap.create("Failed")
        await imap.create("Failed")


async def test_missing_folder_is_refused_and_the_connection_stands(office: Office, user: str) -> None:
    async with opened(office.account(user)) as imap:
        with pytest.raises(ImapRefused) as refusal:
            await imap.select("no such folder")
        assert refusal.value.command == "SELECT"
        assert await imap.select("INBOX") > 0


async def test_wrong_password_is_refused_without_naming_it(office: Office, user: str) -> None:
    imap = Imap(office.account(user, password="wrong-secret"))
    await imap.connect()
    with pytest.raises(ImapRefused) as refusal:
        await imap.login()
    assert refusal.value.code == "AUTHENTICATIONFAILED"
    assert "wrong-secret" not in str(refusal.value)
    await imap.close()


async def test_idle_wakes_on_a_new_mail(office: Office, user: str) -> None:
    async with opened(office.account(user)) as imap:
        waiting = asyncio.create_task(imap.idle(20))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await office.fill(user, [MAIL % b"x"])
        assert await waiting
        assert len(await imap.search()) == 1


async def test_idle_ends_quietly_and_leaves_the_connection_usable(office: Office, user: str) -> None:
    async with opened(office.account(user)) as imap:
        for _ in range(3):
            await imap.idle(0.2)
            assert await imap.search() == []


async def test_idle_sees_a_mail_that_came_before_it(office: Office, user: str) -> None:
    async with opened(office.account(user)) as imap:
        assert await imap.search() == []
        await office.fill(user, [MAIL % b"x"])
        assert await imap.idle(20)


async def test_kicked_connection_is_lost_for_good(office: Office, user: str) -> None:
    async with opened(office.account(user)) as imap:
        waiting = asyncio.create_task(imap.idle(60))
        await asyncio.sleep(0.2)
        await office.kick(user)
        with pytest.raises(ImapLost):
            await _search_after(waiting, imap)
        with pytest.raises(ImapLost):
            await imap.search()
    async with opened(office.account(user)) as again:
        assert await again.search() == []


async def _search_after(waiting: asyncio.Task[bool], imap: Imap) -> None:
    await waiting
    await asyncio.sleep(0.5)  # a notice may come before the end of the line
    await imap.search()


async def test_cancelled_command_closes_the_connection(office: Office, user: str) -> None:
    async with opened(office.account(user)) as imap:
        task = asyncio.create_task(imap.select("INBOX"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(ImapLost):
            await imap.search()


async def test_commands_at_the_same_time_take_turns(office: Office, user: str) -> None:
    await office.fill(user, [MAIL % b"%d" % number for number in range(10)])
    async with opened(office.account(user)) as imap:
        uids = await imap.search()
        mails = await asyncio.gather(*(imap.fetch(uid) for uid in uids))
        bodies = [mail.raw.partition(b"\r\n\r\n")[2] for mail in mails if mail]
        assert bodies == [b"%d\r\n" % number for number in range(10)]


async def test_nothing_of_a_mail_reaches_the_log(
    office: Office, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await office.fill(user, [MAIL % b"himitsu-no-honbun"])
    async with opened(office.account(user)) as imap:
        (uid,) = await imap.search()
        await imap.fetch(uid)
    assert "himitsu" not in caplog.text
    assert user not in caplog.text


async def test_tls_is_verified(post_office_real: RealPostOffice) -> None:
    account = ImapAccount(
        host="127.0.0.1", port=post_office_real.imaps, tls=True, user="t@mura.example", password="himitsu"
    )
    with pytest.raises(ImapLost):
        await Imap(account).connect()
    trusting = ImapAccount(
        host="127.0.0.1",
        port=post_office_real.imaps,
        tls=True,
        user="t@mura.example",
        password=post_office_real.password,
        ca_file=post_office_real.ca_file,
    )
    async with opened(trusting) as imap:
        assert await imap.search() == []


@asynccontextmanager
async def scripted(*answers: bytes) -> AsyncIterator[int]:
    """A server that greets, then answers each line with the next of *answers*, then is silent."""

    tasks: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        writer.write(b"* OK ready\r\n")
        for answer in answers:
            line = await reader.readline()
            writer.write(answer.replace(b"TAG", line.split(b" ")[0]))
        while await reader.readline():
            pass
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*(task for task in tasks if task), return_exceptions=True)


CAPABILITY = b"* CAPABILITY IMAP4rev1%b\r\nTAG OK done\r\n"


def _scripted_account(port: int, *, seconds: float = PATIENCE, poll_seconds: float = 30) -> ImapAccount:
    return ImapAccount(
        host="127.0.0.1",
        port=port,
        tls=False,
        user="u",
        password="p",
        command_seconds=seconds,
        poll_seconds=poll_seconds,
    )


async def test_silent_server_is_lost_after_the_time_allowed() -> None:
    async with scripted(CAPABILITY % b"") as port:
        imap = Imap(_scripted_account(port, seconds=2))
        await imap.connect()
        with pytest.raises(ImapLost):
            await imap.login()
        with pytest.raises(ImapLost):
            await imap.login()


async def test_refused_connection_is_lost() -> None:
    async with scripted() as port:
        pass
    with pytest.raises(ImapLost):
        await Imap(_scripted_account(port)).connect()


async def test_without_idle_the_mailbox_is_polled() -> None:
    done = b"TAG OK done\r\n"
    async with scripted(CAPABILITY % b"", done, CAPABILITY % b"", done) as port:
        imap = Imap(_scripted_account(port, poll_seconds=0.01))
        await imap.connect()
        await imap.login()
        assert await imap.idle(60)
        await imap.close()


async def test_update_about_another_mail_is_not_taken_for_the_answer() -> None:
    select = b"* OK [UIDVALIDITY 7] x\r\nTAG OK done\r\n"
    fetch = (
        b"* 1 FETCH (UID 4 FLAGS (\\Seen))\r\n"
        b'* 2 FETCH (INTERNALDATE " 5-Jan-2026 10:00:00 +0900" BODY[] {5}\r\nhello UID 5)\r\nTAG OK done\r\n'
    )
    async with scripted(CAPABILITY % b"", b"TAG OK done\r\n", CAPABILITY % b"", select, fetch) as port:
        imap = Imap(_scripted_account(port))
        await imap.connect()
        await imap.login()
        assert await imap.select("INBOX") == 7
        mail = await imap.fetch(5)
        assert mail is not None
        assert mail.raw == b"hello"
        assert mail.internal_date == datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
        await imap.close()


async def test_without_move_the_mail_is_copied_and_only_it_is_expunged() -> None:
    select = b"* OK [UIDVALIDITY 7] x\r\nTAG OK done\r\n"
    done = b"TAG OK done\r\n"
    async with scripted(
        CAPABILITY % b" UIDPLUS", done, CAPABILITY % b" UIDPLUS", select, done, done, done
    ) as port:
        imap = Imap(_scripted_account(port))
        await imap.connect()
        await imap.login()
        await imap.select("INBOX")
        await imap.move(5, "Processed")
        await imap.close()


async def test_without_move_and_uidplus_nothing_is_removed() -> None:
    select = b"* OK [UIDVALIDITY 7] x\r\nTAG OK done\r\n"
    async with scripted(CAPABILITY % b"", b"TAG OK done\r\n", CAPABILITY % b"", select) as port:
        imap = Imap(_scripted_account(port))
        await imap.connect()
        await imap.login()
        await imap.select("INBOX")
        with pytest.raises(ImapRefused):
            await imap.move(5, "Processed")
        await imap.close()


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("INBOX", '"INBOX"'),
        ("~peter/mail/台北/日本語", '"~peter/mail/&U,BTFw-/&ZeVnLIqe-"'),  # RFC 3501 5.1.3
        ("A&B", '"A&-B"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
    ],
)
def test_folder_names_are_coded_as_the_rfc_says(name: str, encoded: str) -> None:
    assert encode_folder(name) == encoded
