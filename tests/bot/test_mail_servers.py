"""The mail servers as doctor tries them: real ones without a finding, and each fault named with what to do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from bot import mail_servers
from bot.outcomes import Bearing, Outcome
from envelopes.rules.policy import Policy
from envelopes.settings import Imap, Mail, Settings, Smtp, Tls
from tests.servers.dovecot_postfix import RealPostOffice
from tests.servers.ports import free_ports

INTAKE = "uketsuke@keiyaku.mihon.example"


@pytest.fixture
def office(post_office_real: RealPostOffice) -> RealPostOffice:
    return post_office_real


def settings(office: RealPostOffice, **changes: dict[str, Any]) -> Settings:
    password = SecretStr(office.password)
    smtp = {"host": "localhost", "port": office.submission, "user": INTAKE, "password": password}
    imap = {"host": "localhost", "port": office.imaps, "user": INTAKE, "password": password}
    for part in (smtp, imap):
        part["ca_file"] = office.ca_file
    return Settings(
        directory=office.folder,
        mail=Mail(
            address="keiyaku@keiyaku.mihon.example", intake=changes.pop("mail", {}).get("intake", INTAKE)
        ),
        smtp=Smtp.model_validate(smtp | changes.pop("smtp", {})),
        imap=Imap.model_validate(imap | changes.pop("imap", {})),
    )


def now() -> datetime:
    return datetime.now(UTC)


async def sending(made: Settings, *, at: datetime | None = None) -> Outcome:
    return await mail_servers.sending(made, Policy(), at or now())


async def receiving(made: Settings, *, at: datetime | None = None) -> Outcome:
    return await mail_servers.receiving(made, at or now())


def fault(outcome: Outcome, words: str, bearing: Bearing = Bearing.FAULT) -> None:
    (finding,) = outcome.findings
    assert words in finding.what
    assert finding.todo
    assert finding.bearing is bearing


async def test_real_servers_have_no_finding_and_no_mail_is_sent(office: RealPostOffice) -> None:
    for change in (
        {},
        {"port": office.smtps, "tls": Tls.IMPLICIT, "user": ""},
        {"host": "127.0.0.1", "port": office.smtp, "tls": Tls.NONE, "user": ""},
    ):
        assert (await sending(settings(office, smtp=change))).findings == ()
    for change in ({}, {"host": "127.0.0.1", "port": office.imap, "tls": False}):
        outcome = await receiving(settings(office, imap=change))
        assert outcome == Outcome(name=outcome.name)
    assert not list((office.folder / "home").glob(f"{INTAKE}/Maildir/new/*"))


ELSEWHERE = "::1"  # the same machine under an address that the certificate does not name


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(handler: Handler, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Serve on a free port; every connection is over at the end."""
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        with closing(writer), suppress(ConnectionError):
            await handler(reader, writer)

    server = await asyncio.start_server(serve, host, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.wait_for(asyncio.gather(*running), 10)
    await asyncio.sleep(0)


@asynccontextmanager
async def relayed(port: int) -> AsyncIterator[int]:
    """Another way to *port* of this machine."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))

    async with listening(serve, ELSEWHERE) as elsewhere:
        yield elsewhere


async def test_an_unknown_authority_and_another_name_are_told_apart(office: RealPostOffice) -> None:
    for change in ({"ca_file": None}, {"ca_file": None, "port": office.smtps, "tls": Tls.IMPLICIT}):
        fault(await sending(settings(office, smtp=change)), "自己署名です")
    fault(await receiving(settings(office, imap={"ca_file": None})), "自己署名です")
    async with relayed(office.smtps) as smtps, relayed(office.imaps) as imaps:
        other = {"host": ELSEWHERE, "port": smtps, "tls": Tls.IMPLICIT}
        fault(await sending(settings(office, smtp=other)), "ほかのアドレスのものです")
        elsewhere = {"host": ELSEWHERE, "port": imaps}
        fault(await receiving(settings(office, imap=elsewhere)), "ほかのアドレスのものです")


async def test_a_certificate_that_ends_soon_or_has_ended_is_said(office: RealPostOffice) -> None:
    soon = now() + timedelta(days=17)  # the servers' certificate is good for 30 days
    fault(await sending(settings(office), at=soon), "あと12日です", Bearing.NOTICE)
    fault(await receiving(settings(office), at=soon), "あと12日です", Bearing.NOTICE)


async def test_a_refused_login_is_said(office: RealPostOffice) -> None:
    wrong = {"password": SecretStr("chigau")}
    fault(await sending(settings(office, smtp=wrong)), "ログインを拒みました（535）")
    outcome = await receiving(settings(office, imap=wrong))
    fault(outcome, "ログインを拒みました（AUTHENTICATIONFAILED）")
    assert "himitsu" not in repr(outcome)


async def test_a_server_that_takes_no_such_mail_is_said(office: RealPostOffice) -> None:
    mail = {"intake": "nobody@keiyaku.mihon.example"}
    fault(
        await sending(settings(office, mail=mail)),
        "宛先 nobody+doctor@keiyaku.mihon.example を拒みました（550）",
    )
    mail = {"intake": "later@keiyaku.mihon.example"}
    fault(await sending(settings(office, mail=mail)), "拒みました（450）", Bearing.SILENCE)


async def test_a_folder_that_is_not_there_is_said(office: RealPostOffice) -> None:
    fault(await receiving(settings(office, imap={"mailbox": "契約"})), "フォルダー 契約 がありません")


async def test_a_port_of_another_kind_and_nobody_at_all_are_said(office: RealPostOffice) -> None:
    (nobody,) = free_ports(1)
    fault(await sending(settings(office, smtp={"port": nobody})), "つながりません", Bearing.SILENCE)
    fault(await receiving(settings(office, imap={"port": nobody})), "つながりません", Bearing.SILENCE)
    plain = {"port": office.smtp, "tls": Tls.IMPLICIT}
    fault(await sending(settings(office, smtp=plain)), "つながりません", Bearing.SILENCE)


async def test_no_tls_is_a_fault_anywhere_but_here(
    office: RealPostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = settings(
        office,
        smtp={"port": office.smtp, "tls": Tls.NONE, "user": ""},
        imap={"port": office.imap, "tls": False},
    )
    assert not (await sending(plain)).findings + (await receiving(plain)).findings
    monkeypatch.setattr(mail_servers, "LOOPBACK", frozenset())  # as if the servers were elsewhere
    fault(await sending(plain), "TLS なし")
    fault(await receiving(plain), "TLS なし")


# Servers that can little

Answer = Callable[[bytes], bytes | None]


@asynccontextmanager
async def scripted(greeting: bytes, answer: Answer) -> AsyncIterator[int]:
    """A server that says *greeting*, and *answer* to each line; None: hang up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        while (line := await reader.readline()) and (said := answer(line)) is not None:
            writer.write(said)

    async with listening(serve) as port:
        yield port


def poor_smtp(line: bytes) -> bytes | None:
    if line.upper().startswith(b"EHLO"):
        return b"250-poor.example\r\n250 SIZE 1000000\r\n"
    return None if line.upper().startswith(b"QUIT") else b"250 ok\r\n"


async def test_what_a_relay_cannot_do_is_said_without_a_fault(office: RealPostOffice) -> None:
    async with scripted(b"220 poor.example\r\n", poor_smtp) as port:
        here = {"host": "127.0.0.1", "port": port, "user": ""}
        outcome = await sending(settings(office, smtp=here | {"tls": Tls.NONE}))
        assert outcome.findings == ()
        assert [
            words in note for words, note in zip(("1,000,000", "DSN", "8BITMIME"), outcome.notes, strict=True)
        ]
        fault(await sending(settings(office, smtp=here | {"tls": Tls.STARTTLS})), "STARTTLS かログイン")


def poor_imap(more: bytes) -> Answer:
    def answer(line: bytes) -> bytes | None:
        tag, _, command = line.partition(b" ")
        if command.startswith(b"CAPABILITY"):
            return b"* CAPABILITY IMAP4rev1" + more + b"\r\n" + tag + b" OK done\r\n"
        if command.startswith(b"SELECT"):
            return b"* 0 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n" + tag + b" OK done\r\n"
        return tag + b" OK done\r\n"

    return answer


async def test_a_mailbox_whose_mails_cannot_be_moved_is_a_fault(office: RealPostOffice) -> None:
    async with scripted(b"* OK poor\r\n", poor_imap(b"")) as port:
        poor = settings(office, imap={"host": "127.0.0.1", "port": port, "tls": False})
        fault(await receiving(poor), "MOVE も UIDPLUS もありません")
    async with scripted(b"* OK poor\r\n", poor_imap(b" UIDPLUS")) as port:
        poor = settings(office, imap={"host": "127.0.0.1", "port": port, "tls": False})
        outcome = await receiving(poor)
        assert outcome.findings == ()
        assert "IDLE" in outcome.notes[0]
