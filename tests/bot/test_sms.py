"""A code by SMS from the button to the hook: retried while it lives, always as one message, and counted."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from bot.worker import HANDLERS, Tools, Worker
from envelopes.actions import mobiles, signer, sms_codes, staff
from envelopes.actions.chronicle import happenings
from envelopes.actions.worker.workshop import Workshop
from envelopes.records import store, tasks
from envelopes.records.database import Database
from envelopes.records.models import Mobile, Signer, Sms
from envelopes.records.models import Task as TaskRow
from envelopes.records.tasks import Lane
from envelopes.rules import sms as rules
from envelopes.rules.codes import Verdict
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.states import Task
from envelopes.rules.wording import Language
from envelopes.settings import Sms as SmsSettings
from tests.engines import Town
from tests.servers.gateway import SECRET, Gateway, Mood, serving

pytestmark = pytest.mark.engines

NUMBER = "+819012345678"


@pytest.fixture
async def gateway(town: Town) -> AsyncIterator[Gateway]:
    async with serving(lambda: town.clock().timestamp()) as made:
        yield made


def with_hook(town: Town, gateway: Gateway, **changes: Any) -> Town:
    values = {"url": gateway.url, "secret": SecretStr(SECRET), "allow_private": True, "timeout": 20.0}
    settings = town.services.settings.model_copy(update={"sms": SmsSettings(**(values | changes))})
    services = replace(town.services, settings=settings)
    shop = Workshop(services=services, seal=town.shop.seal, papers=town.shop.papers)
    return replace(town, services=services, shop=shop)


async def registered(town: Town) -> Mobile:
    """A number that the first contractor has had for a day. Signatures are judged at the real time, so it is now."""
    town.clock.forward(hours=-24)
    first, second = staff.actor_of(town.registrar), staff.actor_of(town.approver)
    row = await mobiles.put_forward(town.services, first, town.contacts[0], NUMBER, source="来庁時に聞いた")
    await mobiles.approve(town.services, second, row.ref, call_back="登記簿の番号に電話")
    town.clock.forward(hours=24)
    return row


@pytest.fixture
async def place(town: Town, gateway: Gateway) -> Town:
    """A town with a hook, whose first contractor has a mobile number."""
    await registered(town)
    return with_hook(town, gateway)


async def signer_of(town: Town) -> Signer:
    shot = await town.out()
    assert shot.turn is not None
    return shot.turn


async def work(town: Town) -> int:
    """Let a worker do what is due in the lane of codes; returns how many tasks ran."""
    crew = Worker(Tools(shop=town.shop, post=None), handlers=HANDLERS)  # type: ignore[arg-type]
    # Nobody reads the mails here, and there is no post office.
    await TaskRow.filter(lane="code").exclude(kind=Task.CODE_SMS.value).update(state="done")
    found = await tasks.claim(Lane.CODE, limit=10, now=town.clock(), lease=town.services.policy.lease)
    for task in found:
        await crew.work_on(task)
    return len(found)


def digits(gateway: Gateway) -> str:
    """The digits of the newest SMS."""
    text = gateway.texts(NUMBER)[-1]
    return text[text.index("コード ") + 4 :][:6]


async def refused(work: Any) -> Reason:
    with pytest.raises(Refused) as error:
        await work
    return error.value.reason


async def facts(town: Town, one: Signer) -> list[str]:
    shot = await store.snapshot(id=one.envelope_id)
    return [str(item.text) for item in await happenings(shot)]


# The way


async def test_a_code_reaches_the_registered_number_and_opens_once(place: Town, gateway: Gateway) -> None:
    one = await signer_of(place)
    sent = await sms_codes.send(place.services, one)
    assert (sent.number, sent.again, sent.failed) == ("090-****-5678", False, False)
    assert await work(place) == 1
    (text,) = gateway.texts(NUMBER)
    assert text.startswith("みほん村 確認コード ")
    assert f"符号 {sent.word}" in text
    assert len(text) <= 70
    assert (await Sms.get()).state == "delivered"
    assert await sms_codes.check(place.services, one, digits(gateway)) == (Verdict.OK, 5)
    assert (await sms_codes.check(place.services, one, digits(gateway)))[0] is Verdict.USED
    assert await work(place) == 0


async def test_a_first_code_is_no_new_one_whatever_other_codes_there_were(
    place: Town, gateway: Gateway
) -> None:
    one = await signer_of(place)
    await signer.send_code(place.services, one, signer.CodeFor.SIGN, browser="a")
    assert not (await sms_codes.send(place.services, one)).again
    place.clock.forward(minutes=2)
    assert (await sms_codes.send(place.services, one)).again
    assert (await signer.send_code(place.services, one, signer.CodeFor.SIGN, browser="a")).again
    assert not (await signer.send_code(place.services, one, signer.CodeFor.DOWNLOAD, browser="a")).again


async def test_a_new_code_ends_the_one_before(place: Town, gateway: Gateway) -> None:
    one = await signer_of(place)
    await sms_codes.send(place.services, one)
    await work(place)
    old = digits(gateway)
    assert await refused(sms_codes.send(place.services, one)) is Reason.RESEND_EARLY
    place.clock.forward(minutes=1)
    assert (await sms_codes.send(place.services, one)).again
    await work(place)
    assert (await sms_codes.check(place.services, one, old))[0] is Verdict.WRONG
    assert (await sms_codes.check(place.services, one, digits(gateway)))[0] is Verdict.OK


async def test_a_code_is_over_after_ten_minutes_and_after_five_tries(place: Town, gateway: Gateway) -> None:
    one = await signer_of(place)
    await sms_codes.send(place.services, one)
    await work(place)
    wrong = "000000" if digits(gateway) != "000000" else "000001"
    lefts = [(await sms_codes.check(place.services, one, wrong))[1] for _ in range(5)]
    assert lefts == [4, 3, 2, 1, 0]
    assert (await sms_codes.check(place.services, one, digits(gateway)))[0] is Verdict.SPENT
    assert await sms_codes.last(place.services, one) is None
    place.clock.forward(minutes=2)
    await sms_codes.send(place.services, one)
    await work(place)
    place.clock.forward(minutes=10)
    assert (await sms_codes.check(place.services, one, digits(gateway)))[0] is Verdict.LATE


async def test_twenty_wrong_entries_are_enough_for_one_link(place: Town, gateway: Gateway) -> None:
    one = await signer_of(place)
    for _ in range(4):
        place.clock.forward(minutes=21)
        await sms_codes.send(place.services, one)
        await work(place)
        wrong = "000000" if digits(gateway) != "000000" else "000001"
        for _try in range(5):
            await sms_codes.check(place.services, one, wrong)
    place.clock.forward(minutes=21)
    sent = len(gateway.sms)
    # Another one would be paid for, and its digits would be refused.
    assert await refused(sms_codes.send(place.services, one)) is Reason.SMS_OVER
    assert await refused(sms_codes.check(place.services, one, digits(gateway))) is Reason.SMS_OVER
    await work(place)
    assert len(gateway.sms) == sent
    told = await TaskRow.filter(kind="note_mail", envelope_id=one.envelope_id)
    assert len(told) == 1  # staff, who alone can send another link


# Retries


async def test_a_hook_that_is_busy_is_asked_again_for_the_same_message(place: Town, gateway: Gateway) -> None:
    one = await signer_of(place)
    gateway.statuses = [503, 429, 500]
    await sms_codes.send(place.services, one)
    pauses = []
    while not gateway.sms:
        assert await work(place) == 1
        row = await TaskRow.get(kind=Task.CODE_SMS.value)
        if row.state == "ready":
            pauses.append(row.run_at - place.clock())
            assert await work(place) == 0  # not before its time
            place.clock.at = row.run_at
    assert pauses == [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20)]
    assert len(gateway.calls) == 4
    assert len(set(gateway.calls)) == 1
    sent = await Sms.get()
    assert (sent.state, sent.attempts, sent.note) == ("delivered", 4, "HTTP 204")
    assert (await sms_codes.check(place.services, one, digits(gateway)))[0] is Verdict.OK


@pytest.mark.parametrize("mood", [Mood.HANG_UP, Mood.HANG])
async def test_what_was_taken_without_an_answer_is_sent_once(
    town: Town, gateway: Gateway, mood: Mood
) -> None:
    await registered(town)
    place, impatient = (
        with_hook(town, gateway),
        with_hook(town, gateway, timeout=2 if mood is Mood.HANG else 20),
    )
    one = await signer_of(place)
    await sms_codes.send(place.services, one)
    gateway.mood = mood
    await work(impatient)
    assert (await Sms.get()).state == "retry"
    gateway.mood = Mood.KIND
    place.clock.forward(seconds=6)
    await work(place)
    assert len(gateway.calls) == 2
    assert list(gateway.sms) == [gateway.calls[0]]


async def test_a_worker_that_died_after_the_hook_answered_sends_the_same_message(
    place: Town, gateway: Gateway
) -> None:
    from bot import sms

    one = await signer_of(place)
    await sms_codes.send(place.services, one)
    lease = place.services.policy.lease
    await TaskRow.filter(kind=Task.CODE_MAIL.value).update(state="done")
    (task,) = await tasks.claim(Lane.CODE, limit=1, now=place.clock(), lease=lease)
    assert await sms.send(place.services, task) is not None  # and died before that was noted
    place.clock.forward(seconds=lease.total_seconds() + 1)
    assert await work(place) == 1
    assert len(gateway.calls) == 2
    assert len(gateway.sms) == 1


async def test_it_is_given_up_with_the_code_and_the_record_says_so(place: Town, gateway: Gateway) -> None:
    one = await signer_of(place)
    gateway.statuses = [503] * 100
    sent = await sms_codes.send(place.services, one)
    while (row := await TaskRow.get(kind=Task.CODE_SMS.value)).state != "done":
        place.clock.at = max(row.run_at, place.clock())
        assert await work(place) == 1
    assert place.clock() < sent.valid_until
    assert 10 <= len(gateway.calls) <= 14
    assert (await Sms.get()).state == "failed"
    shown = await sms_codes.last(place.services, one)
    assert shown is not None
    assert shown.failed
    assert (await facts(place, one))[0].startswith("SMSを送れませんでした：送信サービスが応じないまま")


@pytest.mark.parametrize(
    ("status", "words"),
    [(422, "番号を相手方に確かめ"), (401, "fukan doctor"), (409, "サーバーの担当に知らせて")],
)
async def test_a_refusal_for_good_is_shown_at_once(
    place: Town, gateway: Gateway, status: int, words: str
) -> None:
    one = await signer_of(place)
    gateway.statuses = [status]
    await sms_codes.send(place.services, one)
    await work(place)
    assert (await TaskRow.get(kind=Task.CODE_SMS.value)).state == "done"
    shown = await sms_codes.last(place.services, one)
    assert shown is not None
    assert shown.failed
    assert words in (await facts(place, one))[0]
    place.clock.forward(minutes=1)
    await sms_codes.send(place.services, one)
    await work(place)
    assert len(gateway.sms) == 1


async def test_a_redirect_and_a_private_address_send_nothing(town: Town, gateway: Gateway) -> None:
    await registered(town)
    place = with_hook(town, gateway)
    one = await signer_of(place)
    gateway.mood = Mood.REDIRECT
    await sms_codes.send(place.services, one)
    await work(place)
    assert (gateway.elsewhere, gateway.sms) == (0, {})
    place.clock.forward(minutes=1)
    strict = with_hook(town, gateway, url=gateway.url.replace("http:", "https:"), allow_private=False)
    await sms_codes.send(strict.services, one)
    await work(strict)
    assert [row.note for row in await Sms.all().order_by("id")] == ["HTTP 307", "private address"]
    assert len(gateway.calls) == 1
    assert "設定に誤りがあります" in (await facts(place, one))[0]


async def test_a_code_that_was_replaced_before_it_was_sent_is_not_sent(place: Town, gateway: Gateway) -> None:
    one = await signer_of(place)
    await sms_codes.send(place.services, one)
    place.clock.forward(minutes=1)
    await sms_codes.send(place.services, one)
    assert await work(place) == 2
    assert len(gateway.sms) == 1
    assert (await sms_codes.check(place.services, one, digits(gateway)))[0] is Verdict.OK
    assert not any("送れませんでした" in text for text in await facts(place, one))


# Limits


async def test_three_an_hour_ten_a_day_also_after_a_restart(place: Town, gateway: Gateway) -> None:
    one, sent = await signer_of(place), 0

    async def ask() -> Reason | None:
        place.clock.forward(minutes=1)
        try:
            await sms_codes.send(place.services, one)
        except Refused as why:
            return why.reason
        return None

    assert [await ask() for _ in range(4)] == [None, None, None, Reason.SMS_CAP]
    await place.engine.database.close()
    again = Database(place.engine.url)
    await again.open()
    try:
        assert await ask() is Reason.SMS_CAP
        sent = 3
        for _ in range(30):
            place.clock.forward(minutes=19)
            sent += await ask() is None
        assert 10 <= sent <= 14  # ten at once, and what a day gives back in ten hours
    finally:
        await again.close()
        await place.engine.database.open()
    assert gateway.calls == []


async def test_without_a_number_nothing_is_sent(town: Town, gateway: Gateway) -> None:
    place = with_hook(town, gateway)
    one = await signer_of(place)
    assert await refused(sms_codes.send(place.services, one)) is Reason.SMS_NO_NUMBER
    assert await sms_codes.last(place.services, one) is None
    assert await sms_codes.check(place.services, one, "123456") == (Verdict.LATE, 0)


# What nobody may learn or bend


async def test_number_code_and_text_are_in_no_log_and_not_in_the_database(
    place: Town, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    one = await signer_of(place)
    gateway.statuses = [503, 422]
    await sms_codes.send(place.services, one)
    for _ in range(2):
        await work(place)
        place.clock.forward(minutes=1)
    await sms_codes.send(place.services, one)
    await work(place)
    (text,) = gateway.texts(NUMBER)
    kept = caplog.text + await place.engine.dump()
    for word in (NUMBER, NUMBER[3:], "090-1234-5678", text, f"コード {digits(gateway)}", SECRET):
        assert word not in kept
    assert f"sms {gateway.calls[-1]}, attempt 1: HTTP 204" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sms SET mobile_id = {other}",
        "UPDATE mobiles SET contact_id = {contact} WHERE id = {mine}",
        "UPDATE mobiles SET number = (SELECT number FROM mobiles WHERE id = {other}) WHERE id = {mine}",
    ],
)
async def test_a_number_bent_in_the_database_gets_no_code(place: Town, gateway: Gateway, change: str) -> None:
    mine = await Mobile.get()
    first, second = staff.actor_of(place.registrar), staff.actor_of(place.approver)
    other = await mobiles.put_forward(
        place.services, first, place.contacts[1], "070-6666-6666", source="来庁時に聞いた"
    )
    await mobiles.approve(place.services, second, other.ref, call_back="登記簿の番号に電話")
    one = await signer_of(place)
    await sms_codes.send(place.services, one)
    contact = place.contacts[1].id
    await place.engine.run(change.format(other=other.id, mine=mine.id, contact=contact))
    await work(place)
    assert gateway.calls == []
    assert (await TaskRow.get(kind=Task.CODE_SMS.value)).error == Reason.RECORD_ALTERED


# The words


@pytest.mark.parametrize("language", list(Language))
def test_the_message_fits_one_sms(language: Language) -> None:
    text = rules.text(
        town="みほん県見本郡みほん村", code="123456", word="ねこやなぎ", minutes=10, language=language
    )
    assert len(text) <= 70
    assert "123456" in text
