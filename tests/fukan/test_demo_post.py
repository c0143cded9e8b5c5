"""The demo's post office, where it differs from a real one. The rest is in tests/bot, beside Dovecot."""

import asyncio
import email
import email.policy
import smtplib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fukan.demo.mailboxes import owner_of
from fukan.demo.post import AUTHSERV_ID, NotLoopback, PostOffice, without_results

MAIL = b"From: =?utf-8?b?5bGx55Sw?= <yamada@mura.example>\r\nSubject: =?utf-8?b?5aWR57SE5pu4?=\r\n\r\nx\r\n"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PostOffice]:
    office = PostOffice(tmp_path / "post.sqlite3")
    await office.start()
    yield office
    await office.close()


async def send(office: PostOffice, to: str, raw: bytes = MAIL, sender: str = "yamada@mura.example") -> None:
    await asyncio.to_thread(_send, office.smtp_port, to, raw, sender)


def _send(port: int, to: str, raw: bytes, sender: str) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail(sender, [to], raw)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "mura.example", ""])
async def test_it_listens_on_the_loopback_address_only(tmp_path: Path, host: str) -> None:
    office = PostOffice(tmp_path / "post.sqlite3")
    with pytest.raises(NotLoopback):
        await office.start(host=host)
    await office.close()


async def test_lists_show_what_people_wrote(office: PostOffice) -> None:
    await send(office, "keiyaku@mura.example")
    (box,) = office.mailboxes()
    assert (box.address, box.count) == ("keiyaku@mura.example", 1)
    (line,) = office.mails(box.address)
    assert (line.subject, line.author, line.folder) == ("契約書", "山田 <yamada@mura.example>", "INBOX")
    assert office.mail(line.id) is not None
    assert office.mail(line.id + 1) is None


async def test_detail_folds_into_one_mailbox_but_stays_to_be_read(office: PostOffice) -> None:
    await send(office, "Bot+b.Token@mura.example")
    (line,) = office.mails("bot@mura.example")
    assert b"Delivered-To: Bot+b.Token@mura.example\r\n" in (office.mail(line.id) or b"")


async def test_every_sender_passes_and_forged_results_go(office: PostOffice) -> None:
    forged = (
        b"Authentication-Results: demo.invalid;\r\n dmarc=fail\r\nauthentication-results : other; x=y\r\n"
    )
    await send(office, "keiyaku@mura.example", forged + MAIL)
    (line,) = office.mails("keiyaku@mura.example")
    results = email.message_from_bytes(office.mail(line.id) or b"").get_all("Authentication-Results")
    assert results == [f"{AUTHSERV_ID}; dkim=pass header.d=mura.example; dmarc=pass header.from=mura.example"]


@pytest.mark.parametrize("author", [b"", b"From: a@a.example, b@b.example\r\n", b"From: nobody here\r\n"])
async def test_mail_without_one_author_gets_no_pass(office: PostOffice, author: bytes) -> None:
    await send(office, "keiyaku@mura.example", author + b"Subject: x\r\n\r\nx\r\n")
    (line,) = office.mails("keiyaku@mura.example")
    assert b"Authentication-Results: demo.invalid; dmarc=none\r\n" in (office.mail(line.id) or b"")


async def test_bounce_comes_back_as_a_report_to_the_return_path(office: PostOffice) -> None:
    await send(office, "bounce@kensetsu.example", sender="bot+b.token@mura.example")
    (line,) = office.mails("bot@mura.example")
    report = email.message_from_bytes(office.mail(line.id) or b"", policy=email.policy.default)
    assert report.get_content_type() == "multipart/report"
    assert report["Return-Path"] == "<>"
    assert report["Delivered-To"] == "bot+b.token@mura.example"
    status = report.get_payload(1).get_payload(1)  # type: ignore[union-attr]
    assert (status["Action"], status["Status"]) == ("failed", "5.1.1")  # type: ignore[index]
    assert status["Final-Recipient"] == "rfc822; bounce@kensetsu.example"  # type: ignore[index]


async def test_report_about_a_report_is_never_written(office: PostOffice) -> None:
    await send(office, "bounce@kensetsu.example", sender="")
    assert office.mailboxes() == []


async def test_mails_survive_a_restart(tmp_path: Path) -> None:
    for expected in (1, 2):
        office = PostOffice(tmp_path / "post.sqlite3")
        await office.start()
        await send(office, "keiyaku@mura.example")
        assert len(office.mails("keiyaku@mura.example")) == expected
        await office.close()


def test_a_mail_without_forged_results_is_left_alone() -> None:
    assert without_results(MAIL) == MAIL


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        ("A@B.example", "a@b.example"),
        ("a+x+y@b.example", "a@b.example"),
        ('"a..b"@docomo.ne.jp', "a..b@docomo.ne.jp"),
    ],
)
def test_owner_of_an_address(address: str, owner: str) -> None:
    assert owner_of(address) == owner


async def test_a_line_longer_than_smtp_allows_is_taken_as_relays_take_it(office: PostOffice) -> None:
    line = b"x" * 400_000
    await send(office, "keiyaku@mura.example", b"X-Long: " + line + b"\r\n" + MAIL.rstrip() + line + b"\r\n")
    (mail,) = office.mails("keiyaku@mura.example")
    assert (office.mail(mail.id) or b"").count(line) == 2


async def test_commands_may_come_together(office: PostOffice) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", office.smtp_port)
    writer.write(b"EHLO mura.example\r\n")
    offered = await reader.readuntil(b"250 HELP\r\n")
    assert b"250-PIPELINING\r\n" in offered
    writer.write(
        b"MAIL FROM:<a@mura.example>\r\nRCPT TO:<nobody@mura.example>\r\nRCPT TO:<b@mura.example>\r\nDATA\r\n"
    )
    writer.write(MAIL + b".\r\nQUIT\r\n")
    codes = [line[:3] for line in (await reader.read()).splitlines()]
    assert codes == [b"250", b"550", b"250", b"354", b"250", b"221"]
    writer.close()
    await writer.wait_closed()
    (mail,) = office.mails("b@mura.example")
    assert b"Received: from mura.example" in (office.mail(mail.id) or b"")
