"""Mails that come back: the envelope shows why, the drafter hears of it once, and nothing goes round."""

from datetime import date
from email import message_from_bytes, policy

import pytest

from bot import desk, outbox
from bot.smtp import Failed
from envelopes.actions import chronicle, registrar
from envelopes.actions.registry import Entry
from envelopes.records import history, store
from envelopes.records.history import Subject
from envelopes.records.models import Delivery, Envelope, Mail, Task
from envelopes.rules.provenance import Why
from fukan.demo import cast
from tests.bot.test_returned import BACK, CASES, DAEMON
from tests.bot.test_worker import confirm, draft
from tests.world import ACCEPTANCE, World, text_of

pytestmark = pytest.mark.engines


@pytest.fixture
def built(service: World) -> World:
    return service


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
    assert "\n2. 正しいアドレスを聞き、画面の「台帳のアドレスを直す」" in letter
    assert "\n3. 登録が済むと" in letter
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
    assert "受け取らないまま" in told(built)[0]


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


async def test_the_mail_about_a_bounce_that_bounces_is_told_to_the_operator_and_no_further(
    built: World,
) -> None:
    _, row = await asked(built)
    await comes_back(built, row, "postfix: user unknown")
    about = await Delivery.get(mail="undelivered_mail")
    await comes_back(built, about, "postfix: full")
    await about.refresh_from_db()
    assert about.state == "failed"
    alert = await Delivery.get(mail="alert_mail")
    assert alert.recipient == cast.MARUYAMA.address
    before = await Delivery.all().count()
    await comes_back(built, alert, "postfix: full")
    assert await Delivery.all().count() == before


async def test_our_own_mail_that_goes_round_is_known(built: World) -> None:
    _, row = await asked(built)
    own = built.last(cast.TAKAHASHI.address)
    number = await built.deliver(own.as_bytes())
    await built.drain()
    mail = await Mail.get(id=number)
    assert (mail.status, mail.reason) == ("quarantined", Why.OWN_ADDRESS)
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


def alerts(built: World, address: str) -> list[str]:
    return [text_of(mail) for mail in built.mails(address) if "【要確認】" in mail["Subject"]]


async def test_a_mail_to_staff_that_comes_back_is_told_to_the_operator_once_a_day(built: World) -> None:
    await asked(built)
    for row in await Delivery.filter(mail__in=("draft_mail", "sent_mail")):
        await comes_back(built, row, "postfix: user unknown")
    (told_,) = alerts(built, cast.MARUYAMA.address)
    assert cast.NAKAMURA.address in told_
    assert "アドレスが存在しません" in told_
    assert alerts(built, cast.NAKAMURA.address) == []


async def test_a_notice_about_the_registry_that_comes_back_is_told_to_who_keeps_it(built: World) -> None:
    entry = Entry(
        company=cast.TAKAHASHI.company,
        office="",
        person="髙橋 二郎",
        email="jiro@takahashi-kensetsu.example",
        consented_on=date(2026, 4, 1),
        consent_note="書面で承諾",
        call_back="登記簿の番号に電話",
    )
    await registrar.add_contact(built.services, entry, registrar=built.keeper, approver=built.operator)
    await built.drain()
    await comes_back(built, await Delivery.get(mail="address_mail"), "postfix: full")
    (told_,) = alerts(built, built.keeper.email)
    assert "台帳" in told_
    assert cast.TAKAHASHI.address in told_
    assert "受信箱がいっぱい" in told_


async def test_the_drafter_hears_that_the_villages_signer_was_not_reached(built: World) -> None:
    envelope, row = await asked(built)
    await Delivery.filter(id=row.id).update(staff_id=built.headman.id)
    await row.refresh_from_db()
    await comes_back(built, row, "postfix: user unknown")
    assert len(alerts(built, cast.NAKAMURA.address)) == 1
    assert "mail undelivered" in await kinds(envelope)


# Without a return path

UNKNOWN = CASES["postfix: user unknown"].raw.replace(BACK.encode(), cast.INTAKE.encode())
SERVER = f"MAILER-DAEMON@mx.{cast.TAKAHASHI.address.partition('@')[2]}"


async def comes_back_bare(
    built: World, *, envid: str = "", message_id: str = "", sender: str = SERVER
) -> Mail:
    """Deliver a report that lost its return path."""
    raw = UNKNOWN.replace(DAEMON.encode(), sender.encode())
    if envid:
        raw = raw.replace(b"Reporting-MTA:", f"Original-Envelope-Id: {envid}\nReporting-MTA:".encode())
    if message_id:
        raw = raw.replace(b"Subject: test", f"Message-ID: {message_id}\nSubject: test".encode())
    number = await built.deliver(raw)
    await desk.read_mail(built.tools.shop, number)
    await built.drain()
    return await Mail.get(id=number)


async def test_a_bounce_that_gives_back_the_envelope_id_names_its_mail(built: World) -> None:
    envelope, row = await asked(built)
    mail = await comes_back_bare(built, envid=row.ref.upper(), sender="MAILER-DAEMON@elsewhere.example")
    await row.refresh_from_db()
    assert (row.state, mail.reason) == ("failed", "mail undelivered")
    assert (await kinds(envelope)).count("mail undelivered") == 1
    assert len(told(built)) == 1


@pytest.mark.parametrize(
    "sender", [SERVER, f"Postmaster@{cast.SENDER.partition('@')[2]}", SERVER.replace("mx.", "").lower()]
)
async def test_a_server_of_the_recipients_or_our_own_may_name_a_mail_by_its_id(
    built: World, sender: str
) -> None:
    _, row = await asked(built)
    await comes_back_bare(built, message_id=row.message_id, sender=sender)
    await row.refresh_from_db()
    assert row.state == "failed"


@pytest.mark.parametrize(
    ("sender", "proven"),
    [
        ("MAILER-DAEMON@stranger.example", True),
        (f"MAILER-DAEMON@{cast.TAKAHASHI.address.partition('@')[2]}.stranger.example", True),
        (cast.TAKAHASHI.address, True),  # a person, and no server
        (SERVER, False),
    ],
)
async def test_nobody_else_names_a_mail_by_its_id(built: World, sender: str, *, proven: bool) -> None:
    _, row = await asked(built)
    if not proven:
        settings = built.services.settings.model_copy(update={"demo": False})
        object.__setattr__(built.services, "settings", settings)
    mail = await comes_back_bare(built, message_id=row.message_id, envid="a" * 16, sender=sender)
    await row.refresh_from_db()
    assert row.state == "delivered"
    assert (mail.status, mail.reason) == ("quarantined", "automatic")
