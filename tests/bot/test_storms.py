"""Servers in trouble: a relay that puts off and hangs up at random, a mailbox whose connections are thrown out."""

import asyncio
import random
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bot import mailbox
from bot.smtp import Deferred, Delivered, Sender, SmtpRelay, Tls
from envelopes.records.models import Mail, Task
from tests.bot.conftest import Office, real
from tests.bot.test_mailbox import count, letters, until, watching
from tests.servers.dovecot_postfix import RealPostOffice, real_post_office
from tests.world import plain_services

MAILS = 60


@asynccontextmanager
async def stormy(taken: dict[bytes, int], chance: random.Random) -> AsyncIterator[int]:
    """A relay that at every third command says 451 or 421, or hangs up, also after it has taken a mail."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        while line := await reader.readline():
            match chance.randrange(12):
                case 0:
                    break
                case 1:
                    writer.write(b"421 4.3.2 closing\r\n")
                    break
                case 2 | 3 if line[:4].upper() != b"RSET":
                    writer.write(b"451 4.3.0 not now\r\n")
                    continue
            if line.upper().startswith(b"EHLO"):
                writer.write(b"250-hi\r\n250 PIPELINING\r\n")
            elif line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                taken[await reader.readuntil(b"\r\n.\r\n")] += 1
                if chance.randrange(6) == 0:
                    break  # it has the mail, and we cannot know
                writer.write(b"250 taken\r\n")
            else:
                writer.write(b"250 ok\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_in_a_storm_every_mail_arrives_and_doubles_are_the_same() -> None:
    taken: dict[bytes, int] = defaultdict(int)
    mails = [b"From: a@x.example\r\nMessage-ID: <%d@x.example>\r\n\r\nhonbun\r\n" % n for n in range(MAILS)]
    async with stormy(taken, random.Random(4)) as port:
        sender = Sender(SmtpRelay(host="127.0.0.1", port=port, tls=Tls.NONE, command_seconds=5))
        waiting, rounds = list(mails), 0
        while waiting:
            rounds += 1
            assert rounds < 100
            answers = await asyncio.gather(
                *(
                    sender.send(sender="b@x.example", recipient="u@y.example", data=d, envid="e")
                    for d in waiting
                )
            )
            assert all(isinstance(answer, Delivered | Deferred) for answer in answers)
            waiting = [
                data for data, answer in zip(waiting, answers, strict=True) if isinstance(answer, Deferred)
            ]
        await sender.close()
    assert rounds > 1
    assert set(taken) == {mail + b".\r\n" for mail in mails}


async def test_connections_thrown_out_again_and_again_lose_and_double_no_mail(
    tmp_path: Path, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "_FIRST_WAIT", 0.1)
    who = f"thrown-{tmp_path.name}@mihon.example"
    async with plain_services(tmp_path) as services:
        await office.fill(who, letters(20))
        async with watching(services, office, who):
            thrown = 0
            while thrown < 3:
                await asyncio.sleep(0.3)
                with suppress(subprocess.CalledProcessError):  # nobody is there at this moment
                    await office.kick(who)
                    thrown += 1

            async def all_moved() -> bool:
                return await Mail.all().count() == 20 and await count(office, who, "INBOX") == 0

            await until(all_moved)
        assert await Task.filter(kind="read_mail").count() == 20
        assert await count(office, who, "Processed") == 20
        assert await count(office, who, "Failed") == 0


async def handed_over(sender: Sender, mails: list[bytes], recipient: str) -> None:
    """Send *mails* until each is taken; what was put off is tried again, as the worker does later."""
    waiting = list(mails)
    while waiting:
        answers = [
            await sender.send(sender="b@mihon.example", recipient=recipient, data=data, envid="e")
            for data in waiting
        ]
        assert all(isinstance(answer, Delivered | Deferred) for answer in answers)
        waiting = [
            data for data, answer in zip(waiting, answers, strict=True) if isinstance(answer, Deferred)
        ]
        await asyncio.sleep(0.1)


async def restarted(servers: RealPostOffice, times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0.5)
        await asyncio.to_thread(servers.stop)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(servers.start)


async def test_servers_that_start_anew_meanwhile_lose_and_double_no_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dovecot and Postfix are stopped and started again while mails go out to the mailbox that is watched."""
    monkeypatch.setattr(mailbox, "_FIRST_WAIT", 0.1)
    who = "intake@mihon.example"
    with real_post_office() as servers:
        office = real(servers)
        sender = Sender(office.relay(command_seconds=5.0))
        async with plain_services(tmp_path) as services, watching(services, office, who):
            async with asyncio.TaskGroup() as group:
                group.create_task(handed_over(sender, letters(MAILS), who))
                group.create_task(restarted(servers, 3))

            async def all_in() -> bool:
                return await Mail.all().count() == MAILS and await count(office, who, "INBOX") == 0

            await until(all_in)
            assert await Task.filter(kind="read_mail").count() == MAILS
            assert (
                await count(office, who, "Processed") >= MAILS
            )  # doubles of the way are known by their digest
            assert await count(office, who, "Failed") == 0
        await sender.close()
