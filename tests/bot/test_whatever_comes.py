"""Whatever is dropped on the intake ends as a draft, an answer, or a listed reason, never an exception."""

import asyncio
import smtplib
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import desk
from bot.mailbox import Watcher, account
from envelopes.records.models import Envelope, Sighting
from envelopes.records.models import Mail as Row
from envelopes.records.models import Task as TaskRow
from envelopes.rules.mails import ASIDE, MailStatus
from envelopes.texts import say_aside
from fukan.demo import cast
from fukan.demo.mailboxes import MailSummary
from tests.bot import packed, wild
from tests.bot.mails import CRLF, headers, letter, multipart, part, text
from tests.conftest import _bucket
from tests.engines import Template
from tests.world import CONTRACT, World, order, world

pytestmark = pytest.mark.engines

SMALL = b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
CLERK = cast.NAKAMURA.address.encode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def built(
    request: pytest.FixtureRequest, template: Template, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """On the engine of the run: what one database keeps, another may refuse."""
    folder = tmp_path_factory.mktemp("world")
    url, policy = template.copy(folder), {"answers_an_hour": 10_000, "answers_a_day": 10_000}
    async with world(folder, database_url=url, s3=_bucket(request), policy=policy) as made:
        await made.drain()
        yield made
    template.drop(url)


async def ended(mail: Row) -> str:
    """What became of a mail, which has to be one of the four ways; what led to nothing says why."""
    await mail.refresh_from_db()
    status = MailStatus(mail.status)
    assert status is not MailStatus.RECEIVED
    if status in ASIDE:
        assert say_aside(mail.reason or "")
    if status is MailStatus.READ:
        assert await Envelope.filter(mail_id=mail.id).exists()
    return status.value


# Any bytes

SEEDS = (
    order(CONTRACT),
    order(),
    letter("封筒名：道\r\n宛先：x".encode(), content_type=b"text/plain; charset=iso-2022-jp"),
    headers(sender=CLERK)
    + multipart(b"mixed", text("金額：１円"), part(SMALL), part(packed.locked({"a": b"b"}))),
)
ODD = st.sampled_from(
    [
        b"\r\n",
        b"\r",
        b"\n",
        b"\x00",
        b"\xff\xfe",
        b"--b\r\n",
        b"From: x@y.example\r\n",
        b"Content-Type: multipart/mixed; boundary=\r\n",
        b"Content-Type: message/rfc822\r\n\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"DKIM-Signature: v=1; l=0; d=\r\n",
        "宛先：".encode(),
        "金額：".encode("cp932"),
        b"=?utf-8?B?////?=",
        b"\x1b$B",
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    raw = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        # Mostly in the head, where most is decided.
        place = draw(st.integers(0, draw(st.sampled_from([600, len(raw)]))))
        raw[place : place + draw(st.integers(0, 40))] = draw(st.one_of(ODD, st.binary(max_size=12)))
    return bytes(raw)


@pytest.mark.asyncio(loop_scope="module")
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(raw=st.one_of(mutated(), mutated(), wild.mails(), wild.mails(), st.binary(max_size=400)))
async def test_any_bytes_end_as_a_draft_an_answer_or_a_reason(built: World, raw: bytes) -> None:
    number = await built.deliver(raw)
    for patient in (False, True):
        await desk.read_mail(built.tools.shop, number, patient=patient)
    await ended(await Row.get(id=number))


# By the front door

DROPPED: Sequence[bytes] = (
    order(CONTRACT),
    order(),
    b"",
    b"\r\n",
    b"no header at all, and a line that goes on",
    b"From: " + CLERK + b"\r\n\r\n",
    b"From: " + CLERK + b"\r\nFrom: x@y.example\r\n\r\nx",
    b"Subject: =?iso-2022-jp?B?GyRC?=\r\nFrom: <>\r\n\r\n\x1b$B",
    headers(sender=CLERK) + multipart(b"mixed", *[text("x")] * 600),
    headers(b"Content-Type: multipart/mixed; boundary=b", sender=CLERK) + CRLF + b"--b\r\n" * 3,
    headers(b"Subject: " + b"x" * 400_000, sender=CLERK) + CRLF + b"a line: " + b"y" * 400_000,
    headers(b"Content-Type: message/rfc822", sender=CLERK) + CRLF + headers(sender=CLERK) + CRLF,
    headers(b"Content-Type: application/pdf", b"Content-Transfer-Encoding: base64", sender=CLERK) + b"\r\n!!",
    headers(b"Auto-Submitted: auto-replied", sender=CLERK) + CRLF + b"x",
    headers(b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data", sender=CLERK) + CRLF + b"x",
    headers(b"Content-Type: multipart/report; report-type=delivery-status; boundary=b")
    + CRLF
    + b"--b\r\n\r\nx",
    headers(sender=b"\xff <\xe3\x81\x82@y.example>") + CRLF + b"x",
    headers(b"Subject: =?\xff?B?44GC?= =?utf-8?B?4?=", b"To: \xff") + CRLF + b"x",
    headers(b"Subject: \xff\x8f", b"Message-ID: <\xff@x>", b"Date: \xff", sender=b"\xff") + CRLF + b"x",
    headers(sender=b"=?utf-8?Q?=00?= <" + b"x" * 200 + b"@y.example>") + CRLF + b"\xff\x00\xfe",
)


@pytest.mark.asyncio(loop_scope="module")
async def test_whatever_comes_by_smtp_is_dealt_with_and_leaves_the_mailbox(built: World) -> None:
    await asyncio.to_thread(_drop, built.office.smtp_port, DROPPED)
    stop, watcher = asyncio.Event(), Watcher(built.services, account(built.services.settings.imap))
    watching = asyncio.create_task(watcher.run(stop))
    copies = Sighting.filter(mailbox=watcher.name, mail_id__isnull=False)
    async with asyncio.timeout(60):
        while await copies.count() < len(DROPPED) or _waiting(built):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    stop.set()
    await watching
    await built.drain()
    # The same mail twice is one mail.
    dropped = {copy.mail_id for copy in await copies}
    ways = [await ended(mail) for mail in await Row.filter(id__in=dropped)]
    assert len(ways) >= len(DROPPED) - 2
    assert {"read", "answered", "quarantined"} == set(ways)
    assert not await TaskRow.filter(failing_since__isnull=False).exists()


def _waiting(built: World) -> list[MailSummary]:
    return [item for item in built.office.mails(cast.INTAKE) if item.folder == "INBOX"]


def _drop(port: int, mails: Sequence[bytes]) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        for raw in mails:
            client.sendmail("x@y.example", [cast.INTAKE], raw)
