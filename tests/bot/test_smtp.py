"""The way out, against Postfix and against the demo's post office; odd answers come from a scripted server."""

import asyncio
import email
import logging
import re
import smtplib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import relay
from bot.answers import NO_ANSWER
from bot.relay import MAILS_PER_CONNECTION, on_wire
from bot.smtp import LARGE_BYTES, Deferred, Delivered, Failed, Sender, SmtpRelay, Tls
from tests.bot.conftest import Office
from tests.patience import PATIENCE
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
    answer = await send(sender, to, mail(to, (b"x" * 70 + b"\r\n") * 900_000))
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
    before = worn._client
    assert isinstance(await send(sender, fresh()), Delivered)
    assert worn.mails == 1
    assert worn._client is not before
    assert before is not None
    assert not before.is_connected


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

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting + b"\r\n")
        while line := await reader.readline():
            reply = answer(line.strip().upper())
            if reply == b"":
                break
            if reply is not None:
                writer.write(reply + b"\r\n")

    async with listening(serve) as port:
        yield port


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A server that does *serve* with each connection and then closes it."""
    tasks: set[asyncio.Task[None] | None] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(one, "127.0.0.1", 0, limit=4 * LARGE_BYTES)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*(task for task in tasks if task), return_exceptions=True)


def _waiting(port: int, seconds: float = PATIENCE, *, data_seconds: float = 0) -> SmtpRelay:
    return SmtpRelay(
        host="127.0.0.1",
        port=port,
        tls=Tls.NONE,
        connect_seconds=seconds,
        command_seconds=seconds,
        data_seconds=data_seconds or seconds,
    )


@pytest.mark.parametrize("body", BODIES, ids=["small", "large"])
@pytest.mark.parametrize("reply", [None, b""], ids=["silent", "closing"])
@pytest.mark.parametrize("at", [b"EHLO", b"MAIL", b"RCPT", b"DATA"])
async def test_silence_and_loss_defer(at: bytes, reply: bytes | None, body: bytes) -> None:
    def answer(line: bytes) -> bytes | None:
        return reply if line.startswith((at, b"HELO")) else b"250 ok"

    async with scripted(answer) as port:
        sender = Sender(_waiting(port, 0.3))
        started = time.monotonic()
        outcome = await send(sender, fresh(), mail("x", body))
        assert isinstance(outcome, Deferred)
        assert time.monotonic() - started < 30
        assert not sender._free
        assert not sender._free_for_large
        await sender.close()


@pytest.mark.parametrize("body", BODIES, ids=["small", "large"])
async def test_refusal_before_the_mail_says_nothing_about_it(body: bytes) -> None:
    async with scripted(lambda _: b"250 ok", greeting=b"554 5.7.1 not you") as port:
        outcome = await send(Sender(_waiting(port)), fresh(), mail("x", body))
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
        sender = Sender(_waiting(port))
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
@pytest.mark.parametrize("reply", [b"354 go on", b"554 no valid recipients", b"", b"421 bye", None])
async def test_commands_that_went_together_are_answered_by_the_first_refusal(
    reply: bytes | None, body: bytes
) -> None:
    """RFC 2920 3.1: DATA is said before its turn, and nothing of a refused mail may follow it."""
    seen: list[bytes] = []

    def answer(line: bytes) -> bytes | None:
        seen.append(line)
        answers = {b"EHLO": b"250-hi\r\n250 PIPELINING", b"RCPT": b"550 5.1.1 no", b"DATA": reply}
        return answers.get(line[:4], b"250 ok")

    async with scripted(answer) as port:
        sender = Sender(_waiting(port) if reply is not None else _waiting(port, 2, data_seconds=0.3))
        outcome = await send(sender, fresh(), mail("x", body))
        assert isinstance(outcome, Failed)
        assert outcome.code == 550
        assert bool(sender._free or sender._free_for_large) is (reply is not None and reply[:3] == b"554")
        await sender.close()
    assert [line[:4] for line in seen if line[:4] in {b"MAIL", b"RCPT", b"DATA"}] == [
        b"MAIL",
        b"RCPT",
        b"DATA",
    ]
    assert not any(b"HONBUN" in line for line in seen)


@asynccontextmanager
async def hasty(
    *, offers: bytes, replies: bytes, after: bytes = b"250 taken\r\n", piece: int = 0
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that hears three commands before it answers them, as *replies* says, so many octets at a time."""
    heard: list[bytes] = []

    async def say(writer: asyncio.StreamWriter, words: bytes) -> None:
        for start in range(0, len(words), piece or len(words)):
            writer.write(words[start : start + (piece or len(words))])
            await writer.drain()
            await asyncio.sleep(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        await reader.readline()
        await say(writer, b"250-hi\r\n250 " + offers + b"\r\n")
        while line := await reader.readline():
            if not line.startswith(b"MAIL"):
                break
            await reader.readline()
            await reader.readline()
            await say(writer, replies)
            try:
                heard.append(await reader.readuntil(b"\r\n.\r\n"))
            except asyncio.IncompleteReadError as left:
                heard.append(left.partial)
                break
            if not after:
                break
            await say(writer, after)

    async with listening(serve) as port:
        yield port, heard


_GO = b"250 2.1.0 ok\r\n250-2.1.5 here\r\n250 and there\r\n354 go on\r\n"


@pytest.mark.parametrize("body", BODIES, ids=["small", "large"])
@pytest.mark.parametrize("piece", [0, 1, 7])
async def test_answers_are_heard_however_they_are_cut(body: bytes, piece: int) -> None:
    async with hasty(offers=b"PIPELINING", replies=_GO, piece=piece) as (port, heard):
        sender = Sender(_waiting(port))
        answers = [await send(sender, fresh(), mail("x", body)) for _ in range(3)]
        assert [(type(answer), answer.text) for answer in answers] == [(Delivered, "taken")] * 3
        assert len(sender._free) + len(sender._free_for_large) == 1
        await sender.close()
    assert heard == [b"".join(on_wire(mail("x", body)))] * 3


async def test_who_does_not_offer_it_hears_one_command_at_a_time() -> None:
    async with hasty(offers=b"SIZE", replies=_GO) as (port, heard):
        outcome = await send(Sender(_waiting(port, 0.3)), fresh())
    assert isinstance(outcome, Deferred)
    assert outcome.code == NO_ANSWER
    assert not any(heard)


@pytest.mark.parametrize(
    "replies",
    [
        b"421 4.3.2 Shutting down\r\n",
        b"250 ok\r\n421 4.3.2 Shutting down\r\n",
        b"250 ok\r\n250 ok\r\n421 4.3.2 Shutting down\r\n",
        b"250 ok\r\n421 4.3.2 Shutting down\r\n421 4.3.2 Shutting down\r\n",
    ],
)
async def test_a_server_that_closes_amid_commands_defers_the_mail(replies: bytes) -> None:
    async with hasty(offers=b"PIPELINING", replies=replies) as (port, heard):
        sender = Sender(_waiting(port, 2))
        outcome = await send(sender, fresh())
        assert isinstance(outcome, Deferred)
        assert (outcome.code, outcome.status) == (421, "4.3.2")
        assert not sender._free
    assert not any(heard)


@pytest.mark.parametrize("more", [b"250 taken\r\n", b"250-tak", b"2"])
async def test_what_is_said_before_the_mail_is_no_answer_to_it(more: bytes) -> None:
    """Else a mail would count as taken that was never read."""
    async with hasty(offers=b"PIPELINING", replies=_GO + more) as (port, heard):
        sender = Sender(_waiting(port))
        outcome = await send(sender, fresh())
        assert isinstance(outcome, Deferred)
        assert outcome.code == NO_ANSWER
        assert not sender._free
    assert not any(heard)


@pytest.mark.parametrize("body", BODIES, ids=["small", "large"])
async def test_a_line_lost_after_the_mail_leaves_it_to_be_sent_again(body: bytes) -> None:
    async with hasty(offers=b"PIPELINING", replies=_GO, after=b"") as (port, heard):
        sender = Sender(_waiting(port))
        outcome = await send(sender, fresh(), mail("x", body))
        assert isinstance(outcome, Deferred)
        assert outcome.code == NO_ANSWER
        assert not sender._free
        assert not sender._free_for_large
    assert heard == [b"".join(on_wire(mail("x", body)))]


@pytest.mark.parametrize("after", [b"451 4.3.0 later\r\n", b"554 5.7.1 spam\r\n"])
async def test_a_refused_mail_leaves_the_line_to_the_next(after: bytes) -> None:
    async with hasty(offers=b"PIPELINING", replies=_GO, after=after) as (port, heard):
        sender = Sender(_waiting(port))
        outcomes = [await send(sender, fresh()) for _ in range(2)]
        assert {outcome.code for outcome in outcomes} == {int(after[:3])}
        assert sender._free[0].mails == 2
        await sender.close()
    assert len(heard) == 2


@pytest.mark.parametrize("words", [b"hello\r\n", b"25\r\n", b"\r\n", b"250-" + b"x" * 40_000])
async def test_who_does_not_speak_smtp_is_left(words: bytes) -> None:
    async with hasty(offers=b"PIPELINING", replies=words) as (port, _):
        sender = Sender(SmtpRelay(host="127.0.0.1", port=port, tls=Tls.NONE))
        outcome = await asyncio.wait_for(send(sender, fresh()), 30)
    assert isinstance(outcome, Deferred)
    assert not sender._free


async def test_the_server_may_take_its_time_for_each_answer() -> None:
    """Patience begins anew with each answer, and a short one is not forgotten behind a long one."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        await reader.readline()
        writer.write(b"250-hi\r\n250 PIPELINING\r\n")
        for _ in range(3):
            await reader.readline()
        for words in (b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n"):
            await asyncio.sleep(1.4)
            writer.write(words)
        await reader.readuntil(b"\r\n.\r\n")
        writer.write(b"250 taken\r\n")
        await reader.read()  # and silence

    async with listening(serve) as port:
        sender = Sender(
            SmtpRelay(host="127.0.0.1", port=port, tls=Tls.NONE, command_seconds=4, data_seconds=PATIENCE)
        )
        assert isinstance(await send(sender, fresh()), Delivered)
        outcome = await asyncio.wait_for(send(sender, fresh()), 30)
        assert isinstance(outcome, Deferred)


@pytest.mark.parametrize("body", BODIES, ids=["small", "large"])
async def test_a_yes_in_place_of_go_on_is_no_delivery(body: bytes) -> None:
    async with scripted(lambda _: b"250 ok") as port:
        outcome = await send(Sender(_waiting(port)), fresh(), mail("x", body))
    assert isinstance(outcome, Deferred)


@pytest.mark.parametrize("body", BODIES, ids=["small", "large"])
async def test_a_connection_that_was_dropped_while_kept_costs_no_mail(body: bytes) -> None:
    async with dropping() as port:
        sender = Sender(_waiting(port))
        for _ in range(3):
            assert isinstance(await send(sender, fresh(), mail("x", body)), Delivered)
            await asyncio.sleep(0.05)
        await sender.close()


@asynccontextmanager
async def dropping() -> AsyncIterator[int]:
    """A server that takes one mail a connection and hangs up without a word."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        while line := await reader.readline():
            if line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 taken\r\n")
                break
            writer.write(b"250 ok\r\n")

    async with listening(serve) as port:
        yield port


@pytest.mark.parametrize("odd", ["a\r\nRCPT TO:<x@x.example>", "a\x00b", "日本", "a\x7f"])
async def test_a_return_path_cannot_be_a_command(odd: str) -> None:
    seen: list[bytes] = []

    def answer(line: bytes) -> bytes:
        seen.append(line)
        return b"250 ok"

    async with scripted(answer) as port:
        outcome = await Sender(_waiting(port)).send(sender=odd, recipient=fresh(), data=mail("x"), envid="e")
    assert isinstance(outcome, Deferred)
    assert not any(line.startswith((b"MAIL", b"RCPT")) for line in seen)


@given(parts=st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"..", b"a"]), max_size=60))
def test_what_goes_on_the_wire_is_lines_with_their_dots_doubled(parts: list[bytes]) -> None:
    """In blocks or whole, it is what the standard library's own client would have sent."""
    data = b"".join(parts)
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", data)
    lines += b"" if lines.endswith(b"\r\n") else b"\r\n"
    expected = smtplib._quote_periods(lines) + b".\r\n"  # type: ignore[attr-defined]
    assert b"".join(on_wire(data)) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relay, "BLOCK", 3)
        assert b"".join(on_wire(data)) == expected


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
        assert not sender._free_for_large
