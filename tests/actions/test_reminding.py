"""Reminders: each once, in the morning of an open day, and not where they are of no use."""

import re
from datetime import datetime, time, timedelta

import pytest

from envelopes.actions import anchoring, notes
from envelopes.actions.worker import reminding, summing
from envelopes.records import anchors, counters, history
from envelopes.records.history import Subject
from envelopes.records.models import Delivery, Envelope, Signer
from envelopes.records.models import Task as TaskRow
from envelopes.rules.reminders import is_open
from envelopes.rules.schedule import JST, jst_day
from envelopes.rules.tokens import Purpose
from fukan.demo import cast
from fukan.history import anchor_in
from tests.bot.test_worker import _link, confirm, draft, sign_by_mail
from tests.world import ACCEPTANCE, World, text_of

pytestmark = pytest.mark.engines


@pytest.fixture
def built(service: World) -> World:
    return service


async def every_morning(built: World, days: int) -> None:
    """Let *days* days pass and the clock tick twice on each at ten o'clock."""
    for _ in range(days):
        tomorrow = jst_day(built.clock()) + timedelta(days=1)
        built.clock.offset += datetime.combine(tomorrow, time(10), JST) - built.clock()
        for _ in range(2):
            await reminding.remind_due(built.services)
            await reminding.remind_as_asked(built.services)
            await reminding.remind_of_windows(built.services)
            await reminding.tell_of_silence(built.services)
            await summing.summarise(built.services)


async def kinds(envelope: Envelope) -> list[str]:
    return [fact.kind for fact, _ in await history.payloads(Subject.ENVELOPE, envelope.id)]


async def out(built: World, **more: str) -> Envelope:
    envelope = await draft(built, ACCEPTANCE, kind="請書", **more)
    await confirm(built, envelope)
    return envelope


async def test_a_deadline_is_told_of_once_a_notice_with_the_same_link(built: World) -> None:
    envelope = await out(built)
    request = built.last(cast.TAKAHASHI.address)
    await every_morning(built, 13)
    facts = [
        one for one in await history.payloads(Subject.ENVELOPE, envelope.id) if one[0].kind == "reminded"
    ]
    told = [said["days"] for _, said in facts]
    assert told
    assert told == sorted(set(told), reverse=True)
    assert set(told) <= {7, 3, 1}
    assert told[-1] == 1
    assert all(is_open(jst_day(fact.at)) for fact, _ in facts)
    await built.drain()
    reminder = built.last(cast.TAKAHASHI.address)
    assert "署名期限は" in reminder["Subject"]
    tickets = [built.services.ticket(Purpose.REQUEST, _link(mail, "/s/")) for mail in (request, reminder)]
    assert len({(ticket.ref, ticket.generation) for ticket in tickets}) == 1


async def test_who_is_still_looking_is_reminded_once_on_the_day_he_chose(built: World) -> None:
    envelope = await out(built)
    signer = await Signer.get(envelope_id=envelope.id)
    chosen = jst_day(built.clock()) + timedelta(days=2)
    await notes.checking(built.services, signer, note="", remind_on=chosen)
    await every_morning(built, 13)
    told = [
        (jst_day(fact.at), said)
        for fact, said in await history.payloads(Subject.ENVELOPE, envelope.id)
        if fact.kind == "reminded" and "asked" in said
    ]
    assert [said["asked"] for _, said in told] == [chosen.isoformat()]
    assert told[0][0] >= chosen
    assert is_open(told[0][0])
    await built.drain()
    assert "署名期限は" in built.last(cast.TAKAHASHI.address)["Subject"]


async def test_nobody_is_reminded_where_the_request_came_back(built: World) -> None:
    envelope = await out(built)
    await Delivery.filter(mail="request_mail").update(state="failed")
    await every_morning(built, 13)
    assert "reminded" not in await kinds(envelope)


async def test_only_those_who_took_nothing_hear_of_the_windows_end(built: World) -> None:
    envelope = await out(built)
    await sign_by_mail(built, cast.TAKAHASHI.address)
    signer = await Signer.get(envelope_id=envelope.id)
    await reminding.remind_due(built.services)
    mine = Delivery.filter(mail="completion_mail", signer_id=signer.id)
    before = built.clock.offset
    await every_morning(built, 13)
    assert "window reminded" not in await kinds(envelope)  # the files were attached
    built.clock.offset = before
    await mine.update(attached=False)
    await every_morning(built, 13)
    assert 1 <= (await kinds(envelope)).count("window reminded") <= 2
    await built.drain()
    assert "ダウンロードは" in built.last(cast.TAKAHASHI.address)["Subject"]


async def test_who_has_downloaded_is_left_in_peace(built: World) -> None:
    envelope = await out(built)
    await sign_by_mail(built, cast.TAKAHASHI.address)
    signer = await Signer.get(envelope_id=envelope.id)
    await Delivery.filter(mail="completion_mail").update(attached=False)
    await counters.count_access(signer.id, counters.DOWNLOAD, jst_day(built.clock()))
    await every_morning(built, 13)
    assert "window reminded" not in await kinds(envelope)


async def test_silence_from_a_carriers_address_is_told_once(built: World) -> None:
    carrier = next(one for one in cast.CONTRACTORS if "docomo" in one.address)
    envelope = await out(built, to=carrier.company)
    await reminding.tell_of_silence(built.services)
    assert "mail unopened" not in await kinds(envelope)
    await every_morning(built, 3)
    assert (await kinds(envelope)).count("mail unopened") == 1
    await built.drain()
    letter = next(mail for mail in built.mails(cast.NAKAMURA.address) if "未開封" in mail["Subject"])
    assert "送ったあと、リンクが開かれていません" in text_of(letter)
    assert cast.SENDER in text_of(letter)


async def test_each_section_hears_every_open_morning_how_things_stand(built: World) -> None:
    envelope = await out(built)
    await anchoring.anchor(built.tools.shop)
    value = await anchors.newest_value()
    await Delivery.filter(mail="request_mail").update(state="failed")
    await every_morning(built, 4)
    mornings = [jst_day(built.clock()) - timedelta(days=n) for n in range(4)]
    queued = await TaskRow.filter(kind="daily_mail").count()
    assert queued == len([day for day in mornings if is_open(day)])
    await built.drain()
    letter = built.last(built.section.email)
    assert "の状況" in letter["Subject"]
    text = text_of(letter)
    assert envelope.title in text
    assert re.search(r"不達\s+1件", text)
    assert anchor_in(letter.as_bytes()) == value
