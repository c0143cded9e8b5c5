"""The way out, against Postfix and against the demo's post office; odd answers come from a scripted server."""

import asyncio
import email
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from bot.answers import NO_ANSWER
from bot.smtp import LARGE_BYTES, MAILS_PER_CONNECTION, Deferred, Delivered, Failed, Sender, SmtpRelay, Tls
from tests.bot.conftest import Office
from tests.servers.dovecot_postfix import RealPostOffice

BODIES = [b"x\r\n", b"x\r\n" * LARGE_BYTES]  # each goes its own way
RETURN_PATH = "bot+b.t0ken@mura.example"


def mail(to: str, body: bytes = b"honbun\r\n") -> bytes:
    return b"From: bot@mura.example\r\nTo: %s\r\nSubject: x\r\n\r\n%s" % (to.encode(), body)


def fresh(domain: str = "kensetsu.example", local: str = "u") -> str:
    return f"{local}{uuid.uuid4().hex[:12]}@{domain}"


async def send(sender: Sender, to: str, data: bytes | None = None) -> Delivered | Deferred | Failed:
    return await sender.send(sender=RETURN_PATH, recipient=to, data=data or mail(to), envid="e1")


async def test_mail_is_delivered_with_its_return_path(office: Office, sender: Sender) -> None:
    to = fresh()
    answer = await send(sender, to)
    assert isinstance(answer, Delivered)
    assert answer.code == 250
    (raw,) = await office.arrived(to)
    assert email.message_from_bytes(raw)["Return-Path"] == f"<{RETURN_PATH}>"
    assert raw.endswith(b"honbun\r\n")


async def test_empty_return_path_is_allowed(office: Office, sender: Sender) -> None:
    to = fresh()
    answer = await sender.send(sender="", recipient=to, data=mail(to), envid="e1")
    assert isinstance(answer, Delivered)
    (raw,) = await office.arrived(to)
    assert email.message_from_bytes(raw)["Return-Path"] == "<>"


async def test_dots_and_bare_line_ends_arrive_as_lines(office: Office, sender: Sender) -> None:
    to = fresh()
    await send(sender, to, mail(to, b".one\n..two\r\n.\r\nend\r\n"))
    (raw,) = await office.arrived(to)
    assert raw.endswith(b"\r\n\r\n.one\r\n..two\r\n.\r\nend\r\n")


async def test_unknown_mailbox_fails(sender: Sender) -> None:
    answer = await send(sender, "nobody@kensetsu.example")
    assert isinstance(answer, Failed)
    assert (answer.code, answer.status) == (550, "5.1.1")
    assert answer == Failed(code=550, text=answer.text)  # without a flag


async def test_resting_mailbox_is_deferred(sender: Sender) -> None:
    answer = await send(sender, "later@kensetsu.example")
    assert isinstance(answer, Deferred)
    assert (answer.code, answer.status) == (450, "4.2.1")


async def test_connection_serves_the_next_mail_after_a_refusal(office: Office, sender: Sender) -> None:
    to = fresh()
    await send(sender, "nobody@kensetsu.example")
    assert isinstance(await send(sender, to), Delivered)
    assert len(sender._free) == 1
    assert sender._free[0].mails == 2
    assert len(await office.arrived(to)) == 1


async def test_mail_over_the_servers_limit_is_too_big(sender: Sender) -> None:
    to = fresh()
    answer = await send(sender, to, mail(to, (b"x" * 70 + b"\r\n") * 600_000))
    assert isinstance(answer, Failed)
    assert answer.code == 552
    assert answer.too_big


async def test_six_megabytes_arrive_byte_for_byte(office: Office, sender: Sender) -> None:
    to = fresh()
    data = mail(to, (b".23456789" * 7 + b"\r\n") * 95_000)
    assert len(data) > 6 * LARGE_BYTES
    answer = await send(sender, to, data)
    assert isinstance(answer, Delivered)
    assert answer.text
    (raw,) = await office.arrived(to)
    assert raw.endswith(data.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("local", ["a..b", ".a", "a.", "-a..-"])
async def test_carriers_odd_local_parts_arrive(office: Office, sender: Sender, local: str) -> None:
    to = f"{uuid.uuid4().hex[:8]}{local}@docomo.ne.jp" if local[0] != "." else fresh("docomo.ne.jp", ".a")
    assert isinstance(await send(sender, to), Delivered)
    assert len(await office.arrived(to)) == 1


async def test_what_is_no_address_fails_without_a_connection() -> None:
    sender = Sender(SmtpRelay(host="127.0.0.1", port=1, tls=Tls.NONE))
    answer = await send(sender, "no address", mail("x"))
    assert isinstance(answer, Failed)
    assert answer.code == 553


async def test_many_mails_share_four_connections(office: Office, sender: Sender) -> None:
    to = fresh()
    answers = await asyncio.gather(*(send(sender, to) for _ in range(40)))
    assert all(isinstance(answer, Delivered) for answer in answers)
    assert len(sender._free) <= 4
    assert sum(line.mails for line in sender._free) == 40
    assert len(await office.arrived(to, 40)) == 40


async def test_worn_connection_is_replaced(sender: Sender) -> None:
    await send(sender, fresh())
    (worn,) = sender._free
    worn.mails = MAILS_PER_CONNECTION
    assert isinstance(await send(sender, fresh()), Delivered)
    assert worn not in sender._free
    assert not worn.client.is_connected


async def test_relay_that_is_not_there_defers() -> None:
    sender = Sender(SmtpRelay(host="127.0.0.1", port=1, tls=Tls.NONE))
    for data in (mail("x"), mail("x", b"x\r\n" * LARGE_BYTES)):
        answer = await send(sender, fresh(), data)
        assert isinstance(answer, Deferred)
        assert answer.code == NO_ANSWER


async def test_text_of_an_answer_is_not_in_its_repr_nor_in_the_log(
    sender: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await send(sender, "nobody@himitsu.example")
    assert "himitsu" not in repr(answer)
    assert "himitsu" not in caplog.text


# What only a real relay offers


def real(office: RealPostOffice, port: int, tls: Tls, **changes: str) -> SmtpRelay:
    return SmtpRelay(host="127.0.0.1", port=port, tls=tls, ca_file=office.ca_file, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("body", BODIES, ids=["small", "large"])
@pytest.mark.parametrize(
    ("port", "tls"), [("smtp", Tls.NONE), ("smtp", Tls.STARTTLS), ("smtps", Tls.IMPLICIT)]
)
async def test_each_way_of_tls_delivers(
    post_office_real: RealPostOffice, port: str, tls: Tls, body: bytes
) -> None:
    sender = Sender(real(post_office_real, getattr(post_office_real, port), tls))
    to = fresh()
    assert isinstance(await send(sender, to, mail(to, body)), Delivered)
    await sender.close()


@pytest.mark.parametrize("body", BODIES, ids=["small", "large"])
@pytest.mark.parametrize(("port", "tls"), [("smtp", Tls.STARTTLS), ("smtps", Tls.IMPLICIT)])
async def test_unknown_certificate_defers(
    post_office_real: RealPostOffice, port: str, tls: Tls, body: bytes
) -> None:
    sender = Sender(SmtpRelay(host="127.0.0.1", port=getattr(post_office_real, port), tls=tls))
    answer = await send(sender, fresh(), mail("x", body))
    assert isinstance(answer, Deferred)


@pytest.mark.parametrize("body", BODIES, ids=["small", "large"])
async def test_login_lets_mail_pass_and_a_wrong_one_is_named(
    post_office_real: RealPostOffice, body: bytes
) -> None:
    to = fresh()
    data = mail(to, body)
    place = (post_office_real, post_office_real.submission, Tls.STARTTLS)
    knows = Sender(real(*place, user="bot@mura.example", password=post_office_real.password))
    assert isinstance(await send(knows, to, data), Delivered)
    await knows.close()
    wrong = await send(Sender(real(*place, user="bot@mura.example", password="wrong")), to, data)
    assert isinstance(wrong, Failed)
    assert wrong.login
    assert wrong.code == 535


async def test_policy_and_full_mailbox_are_told_apart(post_office_real: RealPostOffice) -> None:
    sender = Sender(real(post_office_real, post_office_real.smtp, Tls.NONE))
    policy = await send(sender, "policy@kensetsu.example")
    full = await send(sender, "full@kensetsu.example")
    busy = await send(sender, "busy@kensetsu.example")
    assert isinstance(policy, Failed)
    assert policy.policy
    assert isinstance(full, Failed)
    assert not full.too_big
    assert isinstance(busy, Deferred)
    assert busy.code == 421
    assert isinstance(await send(sender, fresh()), Delivered)
    await sender.close()


@pytest.mark.parametrize("body", BODIES, ids=["small", "large"])
async def test_report_brings_the_parameters_back(post_office_real: RealPostOffice, body: bytes) -> None:
    """Postfix offers DSN: envelope id and original recipient come back with the report, without the body."""
    sender = Sender(real(post_office_real, post_office_real.smtp, Tls.NONE))
    back = fresh("mura.example", "bot")
    token = back.replace("@", "+b.t0ken@")
    data = mail("x", body.replace(b"x", b"himitsu"))
    answer = await sender.send(sender=token, recipient="bounce+a=b@x.example", data=data, envid="e+1=2")
    assert isinstance(answer, Delivered)
    (raw,) = await _real_office(post_office_real).arrived(back)
    assert b"Original-Envelope-Id: e+1=2" in raw.replace(b"e+2B1+3D2", b"e+1=2")
    assert b"Original-Recipient: rfc822;bounce+" in raw
    assert f"Delivered-To: {token}".encode() in raw
    assert b"himitsu" not in raw
    await sender.close()


def _real_office(real_one: RealPostOffice) -> Office:
    async def kick(_: str) -> None: ...

    return Office(imap=real_one.imap, smtp=real_one.smtp, password=real_one.password, kick=kick)


# Servers that misbehave


@asynccontextmanager
async def scripted(
    answer: Callable[[bytes], bytes | None], greeting: bytes = b"220 hi"
) -> AsyncIterator[int]:
    """A server that answers each command as told; None is silence, empty closes the line."""
    tasks: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        writer.write(greeting + b"\r\n")
        while line := await reader.readline():
            reply = answer(line.strip().upper())
            if reply == b"":
                break
            if reply is not None:
                writer.write(reply + b"\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*(task for task in tasks if task), return_exceptions=True)


def _impatient(port: int) -> SmtpRelay:
    return SmtpRelay(
        host="127.0.0.1", port=port, tls=Tls.NONE, connect_seconds=0.3, command_seconds=0.3, data_seconds=0.3
    )


@pytest.mark.parametrize("body", BODIES, ids=["small", "large"])
@pytest.mark.parametrize("reply", [None, b""], ids=["silent", "closing"])
@pytest.mark.parametrize("at", [b"EHLO", b"MAIL", b"RCPT", b"DATA"])
async def test_silence_and_loss_defer(at: bytes, reply: bytes | None, body: bytes) -> None:
    def answer(line: bytes) -> bytes | None:
        return reply if line.startswith((at, b"HELO")) else b"250 ok"

    async with scripted(answer) as port:
        sender = Sender(_impatient(port))
        started = time.monotonic()
        outcome = await send(sender, fresh(), mail("x", body))
        assert isinstance(outcome, Deferred)
        assert time.monotonic() - started < 5
        assert not sender._free
        await sender.close()


@pytest.mark.parametrize("body", BODIES, ids=["small", "large"])
async def test_refusal_before_the_mail_says_nothing_about_it(body: bytes) -> None:
    async with scripted(lambda _: b"250 ok", greeting=b"554 5.7.1 not you") as port:
        outcome = await send(Sender(_impatient(port)), fresh(), mail("x", body))
        assert isinstance(outcome, Deferred)
        assert outcome.code == 554


@pytest.mark.parametrize("body", BODIES, ids=["small", "large"])
@pytest.mark.parametrize(("limit", "over"), [(b"20", True), (b"0", False), (b"", False), (b"9999999", False)])
async def test_mail_over_the_announced_size_is_not_even_begun(
    limit: bytes, *, over: bool, body: bytes
) -> None:
    seen: list[bytes] = []

    def answer(line: bytes) -> bytes:
        seen.append(line)
        if line.startswith(b"EHLO"):
            return b"250-hi\r\n250 SIZE " + limit
        return b"550 5.1.1 no" if line.startswith(b"MAIL") else b"250 ok"

    async with scripted(answer) as port:
        sender = Sender(_impatient(port))
        outcome = await send(sender, fresh(), mail("x", body))
        await sender.close()
    assert isinstance(outcome, Failed)
    assert outcome.too_big is over
    assert any(line.startswith(b"MAIL") for line in seen) is not over


@pytest.mark.parametrize("body", BODIES, ids=["small", "large"])
async def test_starttls_never_falls_back_to_the_clear(body: bytes) -> None:
    seen: list[bytes] = []

    def answer(line: bytes) -> bytes:
        seen.append(line)
        return b"250 ok"

    async with scripted(answer) as port:
        relay = SmtpRelay(host="127.0.0.1", port=port, tls=Tls.STARTTLS)
        assert isinstance(await send(Sender(relay), fresh(), mail("x", body)), Deferred)
    assert not any(line.startswith((b"MAIL", b"AUTH")) for line in seen)


@pytest.mark.parametrize("body", BODIES, ids=["small", "large"])
async def test_cancelled_send_leaves_no_connection_behind(body: bytes) -> None:
    async with scripted(lambda line: None if line.startswith(b"MAIL") else b"250 ok") as port:
        sender = Sender(SmtpRelay(host="127.0.0.1", port=port, tls=Tls.NONE))
        task = asyncio.create_task(send(sender, fresh(), mail("x", body)))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not sender._free
