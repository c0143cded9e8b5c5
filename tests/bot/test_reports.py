"""Mails that come back: the envelope shows why, the drafter hears of it once, and nothing goes round."""

from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from bot import desk, outbox
from bot.smtp import Failed
from envelopes.records import history, store
from envelopes.records.history import Subject
from envelopes.records.models import Delivery, Envelope, Mail, Task
from fukan.demo import cast
from portal import chronicle
from tests.bot.test_returned import BACK, CASES
from tests.bot.test_worker import confirm, draft
from tests.world import ACCEPTANCE, World, text_of, world


@pytest.fixture
async def built(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        await made.drain()
        yield made


async def asked(built: World) -> tuple[Envelope, Delivery]:
    """An envelope that is out, and the delivery of its request."""
    envelope = await draft(built, ACCEPTANCE, kind="請書")
    await confirm(built, envelope)
    return envelope, await Delivery.get(mail="request_mail")


async def comes_back(built: World, row: Delivery, name: str, *, path: str = "") -> Mail:
    """Deliver the report called *name* about *row*; with *path* to that return path instead."""
    raw = CASES[name].raw.replace(
        BACK.encode(), (path or outbox.return_path(built.services, row.ref)).encode()
    )
    number = await built.deliver(raw)
    await desk.read_mail(built.tools.shop, number)
    await built.drain()
    return await Mail.get(id=number)


async def kinds(envelope: Envelope) -> list[str]:
    return [fact.kind for fact, _ in await history.payloads(Subject.ENVELOPE, envelope.id)]


def told(built: World) -> list[str]:
    return [text_of(mail) for mail in built.mails(cast.NAKAMURA.address) if "不達" in mail["Subject"]]


async def test_a_bounce_fails_its_mail_and_tells_the_drafter_once(built: World) -> None:
    envelope, row = await asked(built)
    mail = await comes_back(built, row, "postfix: user unknown")
    await comes_back(built, row, "docomo: unknown user, status says nothing")
    await row.refresh_from_db()
    assert (row.state, row.code) == ("failed", "5.1.1")
    assert (mail.status, mail.reason) == ("read", "mail undelivered")
    (letter,) = told(built)
    assert "アドレスが存在しません" in letter
    assert "\n3. この依頼を画面から取り消し" in letter
    assert letter.index("3. ") < letter.index("User unknown")
    assert (await kinds(envelope)).count("mail undelivered") == 1
    said = (await chronicle.happenings(await store.snapshot(id=envelope.id)))[0].text
    assert said == "メールが届きませんでした：アドレスが存在しません"


async def test_reading_a_report_twice_notes_it_once(built: World) -> None:
    envelope, row = await asked(built)
    mail = await comes_back(built, row, "complaint (ARF)")
    await desk.read_mail(built.tools.shop, mail.id)
    assert (await kinds(envelope)).count("complaint") == 1


@pytest.mark.parametrize("name", ["postfix: user unknown", "qmail", "complaint (ARF)"])
async def test_a_forged_report_changes_nothing(built: World, name: str) -> None:
    envelope, row = await asked(built)
    before, history_before = await Task.all().count(), await kinds(envelope)
    forged = f"{cast.INTAKE.partition('@')[0]}+b.{row.ref}{row.ref}@{cast.INTAKE.partition('@')[2]}"
    mail = await comes_back(built, row, name, path=forged)
    await row.refresh_from_db()
    assert row.state == "delivered"
    assert (mail.status, mail.reason) == ("quarantined", "automatic")
    assert await kinds(envelope) == history_before
    assert await Task.all().count() == before + 1  # reading it


async def test_a_delay_is_noted_and_is_no_failure(built: World) -> None:
    envelope, row = await asked(built)
    await comes_back(built, row, "postfix: delayed")
    await comes_back(built, row, "a provider that keeps trying")
    await row.refresh_from_db()
    assert row.state == "delayed"
    assert told(built) == []
    assert (await kinds(envelope)).count("mail delayed") == 1
    await comes_back(built, row, "postfix: given up after days")
    assert "つながらないまま" in told(built)[0]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("out of office (Exchange)", "auto reply"),
        ("thanks for your mail, null return path", "auto reply"),
        ("receipt: shown", "mail receipt"),
        ("complaint (ARF)", "complaint"),
    ],
)
async def test_what_else_comes_back_is_noted_and_answered_to_nobody(
    built: World, name: str, kind: str
) -> None:
    envelope, row = await asked(built)
    sent = await Delivery.all().count()
    await comes_back(built, row, name)
    await row.refresh_from_db()
    assert (await kinds(envelope))[-1] == kind
    assert (row.state, await Delivery.all().count()) == ("delivered", sent)


async def test_an_address_that_is_refused_at_once_is_told_too(built: World) -> None:
    envelope, row = await asked(built)
    await Delivery.filter(id=row.id).update(state="queued")
    await outbox._settle(built.tools.post, row, Failed(code=552, text="5.2.2 Mailbox is full"))
    await built.drain()
    (letter,) = told(built)
    assert "受信箱がいっぱい" in letter
    assert "依頼メールを送り直す" in letter
    assert "552 5.2.2 5.2.2" not in letter
    assert "mail undelivered" in await kinds(envelope)


async def test_the_mail_about_a_bounce_that_bounces_leads_to_no_other(built: World) -> None:
    _, row = await asked(built)
    await comes_back(built, row, "postfix: user unknown")
    about = await Delivery.get(mail="undelivered_mail")
    before = await Delivery.all().count()
    await comes_back(built, about, "postfix: full")
    await about.refresh_from_db()
    assert about.state == "failed"
    assert await Delivery.all().count() == before


async def test_our_own_mail_that_goes_round_is_known(built: World) -> None:
    _, row = await asked(built)
    own = built.last(cast.TAKAHASHI.address)
    number = await built.deliver(own.as_bytes())
    await built.drain()
    mail = await Mail.get(id=number)
    assert (mail.status, mail.reason) == ("quarantined", desk.OWN)
    await row.refresh_from_db()
    assert row.state == "delivered"


async def test_a_report_that_went_round_too_long_is_dropped(built: World) -> None:
    envelope, row = await asked(built)
    raw = CASES["out of office (Exchange)"].raw.replace(
        BACK.encode(), outbox.return_path(built.services, row.ref).encode()
    )
    number = await built.deliver(b"Received: from a by b\n" * 26 + raw)
    await built.drain()
    assert (await Mail.get(id=number)).status == "quarantined"
    assert "auto reply" not in await kinds(envelope)


async def test_the_demos_bounce_address_comes_back_as_undelivered(built: World) -> None:
    envelope, row = await asked(built)
    path = outbox.return_path(built.services, row.ref)
    await built.tools.post.mails.send(
        sender=path, recipient="bounce@takahashi.example", data=b"To: x\r\n\r\n.\r\n", envid=""
    )
    (item,) = built.office.mails(cast.INTAKE)
    raw = built.office.mail(item.id)
    assert raw is not None
    assert message_from_bytes(raw, policy=policy.default)["To"] == path
    await built.deliver(raw)
    await built.drain()
    await row.refresh_from_db()
    assert (row.state, len(told(built))) == ("failed", 1)
    assert "mail undelivered" in await kinds(envelope)
