"""保留・失敗したメール: who sees the page, what it says of a mail and what it covers, and reading one again."""

from datetime import timedelta

import pytest

from envelopes.actions import aside
from envelopes.actions.worker import mails
from envelopes.actions.worker.mails import Copy, MailFacts
from envelopes.records.blobs import BlobError
from envelopes.records.history import verify
from envelopes.records.models import Delivery, Fact, File, Mail, Sighting, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.rules.errors import Reason
from envelopes.rules.mails import MailStatus
from envelopes.rules.people import Role
from envelopes.rules.provenance import PROVING, Why
from envelopes.rules.states import Task as TaskKind
from envelopes.texts import say_aside
from tests.engines import Town
from tests.portal.test_evidence import asked, signed_in

pytestmark = pytest.mark.engines
PAGE = "/staff/mails"


async def taken_in(town: Town, uid: int, *, unread: Reason | None = None) -> Mail:
    copy = Copy(mailbox="test", uidvalidity=1, uid=uid)
    raw, digest = b"Subject: secret words %d\r\n\r\nx" % uid, f"{uid:064}"
    await mails.take_in(town.services, copy, raw, digest=digest, arrived_at=town.clock(), unread=unread)
    await TaskRow.all().update(state="done")
    return await Mail.get(digest=digest)


async def put_aside(town: Town, uid: int, reason: str, sender: str, **more: Reason) -> Mail:
    mail = await taken_in(town, uid, **more)
    facts = MailFacts(subject="secret words", sender=sender, message_id="<1@x>")
    await mails.set_aside(town.services, mail, MailStatus.QUARANTINED, reason, facts)
    return mail


async def operator(town: Town) -> Staff:
    await Staff.filter(id=town.village.id).update(roles=Role.ADMIN.value)
    return await Staff.get(id=town.village.id)


async def test_the_operator_sees_why_and_covers_who(town: Town) -> None:
    own = await Staff.get(id=town.drafter.id)
    await put_aside(town, 1, Why.NOT_SIGNED, own.email)
    await put_aside(town, 2, Why.AUTOMATIC, "taro.suzuki@elsewhere.example")
    failed = await taken_in(town, 3)
    await mails.set_aside(town.services, failed, MailStatus.FAILED, Reason.MAIL_UNREADABLE, None)
    lost = Copy(mailbox="test", uidvalidity=1, uid=4)
    await mails.count_failure(lost)
    await mails.give_up(lost, now=town.clock())
    async with signed_in(town, await operator(town)) as client:
        assert "保留・失敗したメール（4件）" in (await asked(client, "/staff"))[1].decode()
        status, body = await asked(client, PAGE)
        shown = body.decode()
    assert status == 200
    for reason in (Why.NOT_SIGNED, Why.AUTOMATIC, Reason.MAIL_UNREADABLE, aside.NOT_TAKEN_IN):
        assert say_aside(reason) in shown
    assert f"名簿の {own.name} さんのアドレスを名乗っています" in shown
    assert "ta･････@elsewhere.example" in shown
    assert "taro" not in shown
    assert own.email not in shown
    assert "secret words" not in shown
    assert shown.count("/again") == 2


async def test_a_mail_is_read_again_as_if_it_had_just_come(town: Town) -> None:
    mail = await put_aside(town, 1, Reason.NOT_STAFF, "x@y.example", unread=Reason.MAIL_TOO_BIG)
    person = await operator(town)
    async with signed_in(town, person) as client:
        assert (await asked(client, f"{PAGE}/{mail.ref}/again", "POST"))[0] == 303
        assert (await asked(client, f"{PAGE}/{mail.ref}/again", "POST"))[0] == 409
        assert (await asked(client, f"{PAGE}/{'a' * 16}/again", "POST"))[0] == 404
        assert "いまはありません" in (await asked(client, PAGE))[1].decode()
    await mail.refresh_from_db()
    # Of a mail that was too big there is still the head alone.
    assert (mail.status, mail.reason) == ("received", Reason.MAIL_TOO_BIG)
    assert await TaskRow.filter(kind="read_mail").exclude(state="done").count() == 1
    fact = await Fact.get(subject="staff", subject_id=person.id, kind="mail_read_again")
    assert fact.actor == f"staff:{person.ref}"
    assert [broken async for broken in verify()] == []


async def test_after_thirty_days_nothing_is_left_of_them(town: Town) -> None:
    old = await put_aside(town, 1, Why.NOT_SIGNED, "x@y.example")
    read = await taken_in(town, 2)
    lost = Copy(mailbox="test", uidvalidity=1, uid=3)
    await mails.count_failure(lost)
    await mails.give_up(lost, now=town.clock() - timedelta(days=31))
    await Mail.filter(id__in=[old.id, read.id]).update(arrived_at=town.clock() - timedelta(days=29))
    await aside.sweep(town.services)
    assert await Mail.all().count() == 2
    file = await File.get(id=old.file_id)
    await Mail.filter(id__in=[old.id, read.id]).update(arrived_at=town.clock() - timedelta(days=31))
    await aside.sweep(town.services)
    assert [mail.id for mail in await Mail.all()] == [read.id]
    assert [seen.uid for seen in await Sighting.all()] == [2]
    assert not await File.filter(id=file.id).exists()
    with pytest.raises(BlobError):
        await town.services.blobs.get(file)


@pytest.mark.parametrize("reason", [*sorted(set(Why) - PROVING), Reason.NOT_STAFF, aside.NOT_TAKEN_IN])
def test_every_reason_has_words_in_both_languages(reason: str) -> None:
    assert say_aside(reason) != say_aside(reason, "en")


async def test_what_our_own_people_missed_is_shown_with_its_reason(town: Town) -> None:
    shot = await town.out()
    assert shot.turn is not None
    row = await town.delivered(shot.turn, mail=TaskKind.DRAFT_MAIL)
    values = {"state": "failed", "code": "550 5.1.1", "answer": "User unknown", "updated_at": town.clock()}
    await Delivery.filter(id=row.id).update(
        signer_id=None, staff_id=town.drafter.id, recipient=town.drafter.email, **values
    )
    await town.comes_back(shot.turn, "5.1.1", "a contractor's")
    async with signed_in(town, await operator(town)) as client:
        words = (await asked(client, PAGE))[1].decode()
    assert town.drafter.email in words
    assert "アドレスが存在しません" in words
    assert "User unknown" in words
    assert shot.turn.email not in words  # its own page speaks of it
