"""What a signer may do, what a stranger with the link may not."""

import asyncio
import base64
import hashlib
from datetime import timedelta
from typing import Any

import pytest
from tortoise.expressions import F

from envelopes.actions import notes, signer, staff
from envelopes.actions.signer import CodeFor, Refusal
from envelopes.records import history, sessions
from envelopes.records.history import Subject
from envelopes.records.models import Code, Consent, Document, Envelope, Signer, Viewing
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules import consent as consents
from envelopes.rules.codes import WORDS, Verdict
from envelopes.rules.errors import Reason, Refused, StaleEnvelope
from envelopes.rules.kinds import Kind
from envelopes.rules.notes import About
from envelopes.rules.schedule import day_over, jst_day
from envelopes.rules.states import State
from tests.engines import Town

pytestmark = pytest.mark.engines
SIGN, DOWNLOAD = CodeFor.SIGN, CodeFor.DOWNLOAD


async def send(town: Town, one: Signer, purpose: CodeFor = SIGN, browser: str = "phone") -> None:
    await signer.send_code(town.services, one, purpose, browser=browser)


async def check(town: Town, one: Signer, typed: str, purpose: CodeFor = SIGN) -> signer.Checked:
    return await signer.check_code(town.services, one, purpose, typed)


async def wrong_code(town: Town, one: Signer, purpose: CodeFor = SIGN) -> str:
    right = await town.code(one, purpose)
    return f"{(int(right) + 1) % 1_000_000:06d}"


async def first_signer(town: Town) -> Signer:
    return (await town.out()).signers[0]


def reason(error: pytest.ExceptionInfo[Refused]) -> Reason:
    return error.value.reason


# Codes


async def test_the_right_code_proves_the_signer_once(town: Town) -> None:
    one = await first_signer(town)
    await send(town, one)
    code = await town.code(one)
    assert (await check(town, one, code)).verdict is Verdict.OK
    assert (await Signer.get(id=one.id)).proved_at == town.clock()
    assert (await check(town, one, code)).verdict is Verdict.USED
    kinds = [fact.kind for fact, _ in await history.payloads(Subject.ENVELOPE, one.envelope_id)]
    assert kinds[-2:] == ["code asked for", "proved"]


async def test_a_code_is_spent_after_five_tries(town: Town) -> None:
    one = await first_signer(town)
    await send(town, one)
    wrong = await wrong_code(town, one)
    left = [(await check(town, one, wrong)).left for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    assert (await check(town, one, await town.code(one))).verdict is Verdict.SPENT
    assert await signer.last_code(town.services, one, SIGN) is None


async def test_tries_at_once_are_all_counted(town: Town) -> None:
    one = await first_signer(town)
    await send(town, one)
    wrong = await wrong_code(town, one)
    verdicts = [each.verdict for each in await asyncio.gather(*(check(town, one, wrong) for _ in range(12)))]
    assert verdicts.count(Verdict.WRONG) == 5
    assert verdicts.count(Verdict.SPENT) == 7
    assert (await Signer.get(id=one.id)).wrong_codes == 5


async def test_a_right_code_at_once_from_many_counts_once(town: Town) -> None:
    one = await first_signer(town)
    await send(town, one)
    code = await town.code(one)
    verdicts = [each.verdict for each in await asyncio.gather(*(check(town, one, code) for _ in range(6)))]
    assert verdicts.count(Verdict.OK) == 1


async def test_a_code_lives_ten_minutes(town: Town) -> None:
    one = await first_signer(town)
    await send(town, one)
    code = await town.code(one)
    town.clock.forward(minutes=10)
    assert await signer.last_code(town.services, one, SIGN) is None
    assert (await check(town, one, code)).verdict is Verdict.LATE
    assert (await Signer.get(id=one.id)).proved_at is None


async def test_a_new_code_ends_the_one_before(town: Town) -> None:
    one = await first_signer(town)
    await send(town, one)
    old = await town.code(one)
    town.clock.forward(minutes=1)
    await send(town, one)
    new = await town.code(one)
    assert old != new
    assert (await check(town, one, old)).verdict is Verdict.WRONG
    assert (await check(town, one, new)).verdict is Verdict.OK


async def test_digits_may_be_full_width_and_mistakes_in_form_count_nothing(town: Town) -> None:
    one = await first_signer(town)
    await send(town, one)
    for typed in ("", "12345", "abcdef"):
        with pytest.raises(Refused):
            await check(town, one, typed)
    assert (await Signer.get(id=one.id)).wrong_codes == 0
    wide = (await town.code(one)).translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    assert (await check(town, one, wide)).verdict is Verdict.OK


async def test_without_a_code_nothing_is_right(town: Town) -> None:
    one = await first_signer(town)
    assert (await check(town, one, "000000")).verdict is Verdict.LATE


async def test_codes_for_signing_and_for_downloads_open_only_their_own(town: Town) -> None:
    one = await first_signer(town)
    await send(town, one)
    await send(town, one, DOWNLOAD, browser="pc")
    sign, download = await town.code(one), await town.code(one, DOWNLOAD)
    assert (await check(town, one, sign, DOWNLOAD)).verdict is not Verdict.OK or sign == download
    assert (await check(town, one, download, DOWNLOAD)).verdict is Verdict.OK
    assert (await Signer.get(id=one.id)).proved_at is None


async def test_a_code_stands_nowhere(town: Town) -> None:
    one = await first_signer(town)
    await send(town, one)
    code = await town.code(one)
    rows = [repr(await town.engine.rows(f"SELECT * FROM {name}")) for name in ("codes", "tasks", "limits")]
    assert not any(code in row.replace("'serial'", "") for row in rows)


async def test_page_and_mail_show_the_same_word(town: Town) -> None:
    one = await first_signer(town)
    sent = await signer.send_code(town.services, one, SIGN, browser="phone")
    again = await signer.last_code(town.services, one, SIGN)
    assert again is not None
    assert sent.word == again.word
    assert sent.word in WORDS
    assert sent.valid_until == town.clock() + timedelta(minutes=10)
    assert (sent.resend_at, sent.again) == (town.clock() + timedelta(seconds=60), False)


# Limits


@pytest.mark.parametrize(("asked", "typed"), [("phone", "phone"), ("", ""), ("", "phone")])
async def test_a_code_typed_where_it_was_asked_for_is_nothing_to_report(
    town: Town, asked: str, typed: str
) -> None:
    shot = await town.out()
    one = shot.signers[0]
    await signer.send_code(town.services, one, SIGN, browser="b", device=asked)
    await signer.check_code(town.services, one, SIGN, await town.code(one), device=typed)
    assert "device_mail" not in await town.tasks(shot)


@pytest.mark.parametrize("typed", ["desktop", ""])
async def test_a_code_typed_elsewhere_is_noted_and_reported(town: Town, typed: str) -> None:
    shot = await town.out()
    one = shot.signers[0]
    await signer.send_code(town.services, one, SIGN, browser="b", device="phone")
    checked = await signer.check_code(town.services, one, SIGN, await town.code(one), device=typed)
    assert checked.verdict is Verdict.OK
    assert (await town.tasks(shot)).count("device_mail") == 1
    (said,) = [
        said
        for fact, said in await history.payloads(Subject.ENVELOPE, shot.envelope.id)
        if fact.kind == "proved"
    ]
    assert said["elsewhere"] is True
    row = await Code.get(signer_id=one.id)
    assert "phone" not in str(row.asked_in)


async def test_a_second_code_waits_a_minute(town: Town) -> None:
    one = await first_signer(town)
    await send(town, one)
    town.clock.forward(seconds=59)
    with pytest.raises(Refused) as error:
        await send(town, one, browser="other")
    assert reason(error) is Reason.RESEND_EARLY
    assert error.value.details == {"seconds": 2}
    town.clock.forward(seconds=1)
    await send(town, one)


async def test_two_presses_at_once_send_one_code(town: Town) -> None:
    one = await first_signer(town)
    outcomes = await asyncio.gather(
        *(send(town, one, browser=str(n)) for n in range(4)), return_exceptions=True
    )
    assert outcomes.count(None) == 1
    assert {item.reason for item in outcomes if isinstance(item, Refused)} == {Reason.RESEND_EARLY}
    assert await TaskRow.filter(kind="code_mail").count() == 1


async def test_one_browser_has_three_codes_an_hour(town: Town) -> None:
    one = await first_signer(town)
    for _ in range(3):
        await send(town, one)
        town.clock.forward(seconds=61)
    with pytest.raises(Refused) as error:
        await send(town, one)
    assert reason(error) is Reason.RESEND_CAP
    await send(town, one, browser="another")


async def sends(town: Town, one: Signer, browser: str, times: int, *, every: float = 21) -> int:
    sent = 0
    for _ in range(times):
        try:
            await send(town, one, browser=browser)
            sent += 1
        except Refused:
            pass
        town.clock.forward(minutes=every)
    return sent


async def test_one_browser_has_ten_codes_a_day_give_or_take_what_leaks(town: Town) -> None:
    one = await first_signer(town)
    start = town.clock()
    # Ten at once, and one more for each tenth of a day that has gone by meanwhile.
    assert await sends(town, one, "a", 40) <= 10 + int((town.clock() - start) / timedelta(hours=2.4)) + 1


async def test_strangers_cannot_use_up_the_contractors_share_alone(town: Town) -> None:
    one = await first_signer(town)
    assert await sends(town, one, "stranger", 12, every=1.1) == 3
    await send(town, one, browser="contractor")


async def test_all_browsers_together_have_a_total(town: Town) -> None:
    one = await first_signer(town)
    sent = 0
    for n in range(45):
        sent += await sends(town, one, f"browser {n}", 1, every=1.1)
    assert 30 <= sent <= 31
    assert await TaskRow.filter(kind="code_mail").count() == sent


async def twenty_wrong(town: Town, one: Signer, purpose: CodeFor = SIGN) -> signer.Checked:
    checked = None
    for n in range(20):
        if n % 5 == 0:
            town.clock.forward(minutes=2)
            await send(town, one, purpose, browser=str(n))
        checked = await check(town, one, await wrong_code(town, one, purpose), purpose)
        assert checked.renewed is (n == 19)
    assert checked is not None
    return checked


async def test_twenty_wrong_codes_end_the_link_and_mail_a_new_one(town: Town) -> None:
    shot = await town.out()
    one = shot.signers[0]
    await twenty_wrong(town, one)
    after, fresh = await town.again(shot), await Signer.get(id=one.id)
    assert (fresh.generation, fresh.wrong_codes) == (one.generation + 1, 0)
    assert after.state is State.OUT
    assert (await town.tasks(shot)).count("new_link_mail") == 1
    # The last code of the old link is of the old link.
    code = await town.code(one)
    assert (await check(town, fresh, code)).verdict is Verdict.LATE


async def test_a_proof_of_the_old_link_ends_with_it(town: Town) -> None:
    one = await first_signer(town)
    _, browser = await sessions.start(now=town.clock())
    await sessions.prove(browser, one, generation=0, method=signer.MAIL_CODE, now=town.clock())
    await twenty_wrong(town, one)
    assert await sessions.proof(browser, await Signer.get(id=one.id)) is None


async def test_wrong_codes_count_and_end_also_while_a_signature_is_being_made(town: Town) -> None:
    shot = await town.consent(await town.out())
    assert shot.state is State.SIGNING
    one = shot.signers[0]
    await Signer.filter(id=one.id).update(wrong_codes=18)
    town.clock.forward(minutes=2)
    await send(town, one)
    wrong, right = await wrong_code(town, one), await town.code(one)
    assert [(await check(town, one, wrong)).renewed for _ in range(2)] == [False, False]
    with pytest.raises(Refused) as error:
        await check(town, one, right)
    assert reason(error) is Reason.LIMIT_REACHED
    # The consent names the generation: a stranger with the link must not be able to void it.
    assert (await town.sign(shot)).state is State.OUT


async def test_twenty_wrong_download_codes_renew_the_download_link_only(town: Town) -> None:
    shot = await town.completed(kind=Kind.ACCEPTANCE)
    one = shot.signers[0]
    await twenty_wrong(town, one, DOWNLOAD)
    fresh = await Signer.get(id=one.id)
    assert (fresh.download_generation, fresh.generation) == (1, 0)
    assert (await town.again(shot)).state is State.COMPLETED
    assert (await town.tasks(shot)).count("fresh_download_mail") == 1


# Consent


async def ready(town: Town) -> tuple[Snapshot, Signer, str]:
    shot = await town.out(documents=2)
    one = await town.prove(shot.signers[0])
    await town.read(shot, one)
    return shot, one, await town.offer(shot, one)


async def give(town: Town, one: Signer, offer: str) -> Snapshot:
    actor = signer.actor_of(one)
    return await signer.give_consent(town.services, one.ref, offer=offer, grants=town.grants(), actor=actor)


async def test_a_consent_says_what_was_offered_and_is_signed_by_the_portal(town: Town) -> None:
    shot, one, offer = await ready(town)
    n, head = await history.head(Subject.ENVELOPE, shot.envelope.id)
    await give(town, one, offer)
    row = await Consent.get(signer_id=one.id)
    data = base64.b64decode(row.record)
    said = consents.read(data)
    assert row.sha256 == hashlib.sha256(data).hexdigest()
    assert town.services.keyring.consent.verifies(data, base64.b64decode(row.signature))
    assert row.key_id == town.services.keyring.consent.id
    assert (said.envelope, said.generation) == (shot.envelope.ref, one.generation)
    assert (said.chain_head, said.text_version) == (head, consents.TEXT_VERSION)
    assert said.signer == signer.party_of(one)
    assert [item.position for item in said.documents] == [1, 2]
    assert [grant.level for grant in said.grants] == ["mail"]
    assert len(said.nonce) == 32
    assert (await history.head(Subject.ENVELOPE, shot.envelope.id))[0] == n + 1


async def test_where_a_contractor_was_is_noted_sealed_and_for_the_evidence_alone(town: Town) -> None:
    shot = await town.out()
    (one,) = [item for item in shot.signers if item.staff_id is None]
    await send(town, one)
    code = await town.code(one)
    await signer.check_code(town.services, one, SIGN, code, ip="203.0.113.77")
    await town.read(shot, one)
    offer, actor = await town.offer(shot, one), signer.actor_of(one)
    await signer.give_consent(
        town.services, one.ref, offer=offer, grants=town.grants(), actor=actor, ip="2001:db8::7"
    )
    said = {
        fact.kind: payload.get("ip")
        for fact, payload in await history.payloads(Subject.ENVELOPE, shot.envelope.id)
    }
    assert (said["proved"], said["consented"], said["document shown"]) == (
        "203.0.113.77",
        "2001:db8::7",
        None,
    )
    kept = await town.engine.dump()
    assert "203.0.113.77" not in kept
    assert "2001:db8::7" not in kept


async def test_a_second_press_changes_nothing(town: Town) -> None:
    shot, one, offer = await ready(town)
    await give(town, one, offer)
    after = await town.again(shot)
    await give(town, one, offer)
    await give(town, one, "anything")
    assert (await town.again(shot)).envelope.version == after.envelope.version
    assert await Consent.all().count() == 1
    assert (await town.tasks(shot)).count("sign") == 1


async def test_two_presses_at_once_are_one_consent(town: Town) -> None:
    shot, one, offer = await ready(town)
    outcomes = await asyncio.gather(*(give(town, one, offer) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(item, Snapshot | StaleEnvelope) for item in outcomes)
    assert await Consent.all().count() == 1
    assert (await town.tasks(shot)).count("sign") == 1


async def test_unread_documents_are_named(town: Town) -> None:
    shot = await town.out(documents=3)
    one = shot.signers[0]
    await signer.view(town.services, one, shot.documents[1].id)
    assert await signer.seen(one) == {shot.documents[1].id}
    with pytest.raises(Refused) as error:
        await give(town, one, await town.offer(shot, one))
    assert reason(error) is Reason.DOCUMENTS_UNREAD
    assert error.value.details == {"positions": "1 3"}
    assert await Consent.all().count() == 0


async def test_reading_is_noted_once(town: Town) -> None:
    shot = await town.out()
    one, document = shot.signers[0], shot.documents[0]
    views = (signer.view(town.services, one, document.id) for _ in range(4))
    await asyncio.gather(*views)
    assert await Viewing.all().count() == 1
    kinds = [fact.kind for fact, _ in await history.payloads(Subject.ENVELOPE, shot.envelope.id)]
    assert kinds.count("document shown") == 1


async def test_what_was_read_through_an_old_link_is_read_again(town: Town) -> None:
    shot, one, _ = await ready(town)
    await Signer.filter(id=one.id).update(generation=F("generation") + 1)
    fresh = await Signer.get(id=one.id)
    with pytest.raises(Refused) as error:
        await give(town, fresh, await town.offer(shot, fresh))
    assert reason(error) is Reason.DOCUMENTS_UNREAD


@pytest.mark.parametrize("change", ["title", "generation", "pages"])
async def test_an_offer_that_changed_meanwhile_is_shown_anew(town: Town, change: str) -> None:
    shot, one, offer = await ready(town)
    document = shot.documents[0]
    match change:
        case "title":
            await Document.filter(id=document.id).update(title="別の文書")
        case "pages":
            await Document.filter(id=document.id).update(pages_sha256="0" * 64)
        case _:
            await Signer.filter(id=one.id).update(generation=5)
    with pytest.raises(Refused) as error:
        await give(town, one, offer)
    assert reason(error) is Reason.OFFER_CHANGED
    assert (await town.again(shot)).state is State.OUT


async def test_nothing_is_offered_before_it_is_prepared(town: Town) -> None:
    shot = await town.draft()
    with pytest.raises(Refused) as error:
        await signer.offered(shot)
    assert reason(error) is Reason.PAGES_NOT_READY


async def test_a_consent_after_the_deadline_is_too_late(town: Town) -> None:
    shot, one, offer = await ready(town)
    over = day_over(shot.envelope.deadline_on)
    town.clock.at = over
    with pytest.raises(Refused) as error:
        await give(town, one, offer)
    assert reason(error) is Reason.DEADLINE_OVER
    town.clock.at = over - timedelta(microseconds=1)
    await give(town, one, offer)
    assert (await town.again(shot)).state is State.SIGNING


async def test_nobody_consents_out_of_turn(town: Town) -> None:
    shot = await town.out(contractors=2)
    second = shot.signers[1]
    await town.read(shot, second)
    with pytest.raises(Refused) as error:
        await give(town, second, await town.offer(shot, second))
    assert reason(error) is Reason.NOT_YOUR_TURN
    with pytest.raises(Refused) as error:
        await signer.refuse(town.services, second.ref, Refusal.DECLINE, "いいえ")
    assert reason(error) is Reason.NOT_YOUR_TURN


@pytest.mark.parametrize("state", [state for state in State if state is not State.OUT])
async def test_consents_are_given_only_while_it_is_out(town: Town, state: State) -> None:
    shot, one, offer = await ready(town)
    await Envelope.filter(id=shot.envelope.id).update(state=state.value)
    with pytest.raises(Refused) as error:
        await give(town, one, offer)
    assert reason(error) is Reason.NOT_PERMITTED
    assert await Consent.all().count() == 0


# Not signing


@pytest.mark.parametrize(
    ("refusal", "state", "mail"),
    [
        (Refusal.DECLINE, State.DECLINED, "declined_mail"),
        (Refusal.RETURN, State.RETURNED, "returned_mail"),
    ],
)
async def test_a_refusal_ends_it_and_has_everybody_told(
    town: Town, refusal: Refusal, state: State, mail: str
) -> None:
    shot = await town.out()
    await signer.refuse(town.services, shot.signers[0].ref, refusal, " 金額が違います\r\n直してください\x07 ")
    after = await town.again(shot)
    assert after.state is state
    assert after.envelope.end_reason == "金額が違います\n直してください"
    assert after.envelope.ended_on == town.clock()
    assert (await town.tasks(shot))[-1] == mail
    with pytest.raises(Refused):
        await signer.refuse(town.services, shot.signers[0].ref, refusal, "もう一度")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", Reason.REASON_MISSING),
        (" \n　\x00", Reason.REASON_MISSING),
        ("あ" * 401, Reason.REASON_TOO_LONG),
    ],
)
async def test_a_refusal_has_a_reason_of_some_length(town: Town, text: str, why: Reason) -> None:
    shot = await town.out()
    with pytest.raises(Refused) as error:
        await signer.refuse(town.services, shot.signers[0].ref, Refusal.RETURN, text)
    assert reason(error) is why
    await signer.refuse(town.services, shot.signers[0].ref, Refusal.RETURN, "あ" * 400)


async def test_a_note_about_a_wrong_person_changes_nothing_and_comes_twice_a_day(town: Town) -> None:
    shot = await town.out()
    one = shot.signers[0]
    for _ in range(2):
        await notes.tell(town.services, one, About.WRONG_PERSON, note="担当が替わりました", proved=False)
    with pytest.raises(Refused) as error:
        await notes.tell(town.services, one, About.WRONG_PERSON, note="担当が替わりました", proved=False)
    assert reason(error) is Reason.NOTES_SPENT
    assert (await town.again(shot)).envelope.version == shot.envelope.version
    assert (await town.tasks(shot)).count("note_mail") == 2


async def test_who_is_still_looking_chooses_a_day_until_the_deadline_and_nothing_else_changes(
    town: Town,
) -> None:
    shot = await town.out()
    one, today = shot.signers[0], jst_day(town.services.now())
    for day in (today, shot.envelope.deadline_on + timedelta(days=1)):
        with pytest.raises(Refused) as error:
            await notes.checking(town.services, one, note="", remind_on=day)
        assert reason(error) is Reason.REMINDER_DAY
    await notes.checking(town.services, one, note="社長が出張中です", remind_on=today + timedelta(days=1))
    assert (await Signer.get(id=one.id)).remind_on == today + timedelta(days=1)
    await notes.checking(town.services, one, note="", remind_on=None)
    assert (await Signer.get(id=one.id)).remind_on is None
    with pytest.raises(Refused) as error:
        await notes.checking(town.services, one, note="", remind_on=None)
    assert reason(error) is Reason.NOTES_SPENT
    assert (await town.again(shot)).envelope.version == shot.envelope.version
    assert (await town.tasks(shot)).count("note_mail") == 2


async def test_more_time_is_asked_for_twice_a_day_and_nothing_is_extended(town: Town) -> None:
    shot = await town.out()
    one = shot.signers[0]
    for _ in range(2):
        await notes.ask_for_time(town.services, one)
    with pytest.raises(Refused) as error:
        await notes.ask_for_time(town.services, one)
    assert reason(error) is Reason.NOTES_SPENT
    assert (await town.again(shot)).envelope.deadline_on == shot.envelope.deadline_on
    assert (await town.tasks(shot)).count("note_mail") == 2


async def test_no_more_time_for_what_was_cancelled(town: Town) -> None:
    shot = await town.out()
    ref, version = shot.envelope.ref, shot.envelope.version
    await staff.cancel(town.services, staff.actor_of(town.drafter), ref, version=version, reason="取りやめ")
    with pytest.raises(Refused) as error:
        await notes.ask_for_time(town.services, shot.signers[0])
    assert reason(error) is Reason.NOT_PERMITTED


# Links again


async def test_a_link_is_mailed_again_twice_a_day_and_stays_the_same(town: Town) -> None:
    shot = await town.out()
    one = shot.signers[0]
    for _ in range(2):
        await signer.ask_link(town.services, one)
    with pytest.raises(Refused) as error:
        await signer.ask_link(town.services, one)
    assert reason(error) is Reason.RESEND_CAP
    assert (await Signer.get(id=one.id)).generation == one.generation
    assert (await town.again(shot)).envelope.version == shot.envelope.version
    assert (await town.tasks(shot)).count("new_link_mail") == 2


async def test_a_fresh_download_is_asked_for_only_when_there_is_one(town: Town) -> None:
    shot = await town.out(kind=Kind.ACCEPTANCE)
    with pytest.raises(Refused) as error:
        await signer.ask_download(town.services, shot.signers[0])
    assert reason(error) is Reason.NOT_PERMITTED
    done = await town.completed(kind=Kind.ACCEPTANCE)
    for _ in range(2):
        await signer.ask_download(town.services, done.signers[0])
    with pytest.raises(Refused) as error:
        await signer.ask_download(town.services, done.signers[0])
    assert reason(error) is Reason.RESEND_CAP


async def test_an_old_link_may_not_bring_in_a_second_signature(town: Town) -> None:
    """After a reissue, consents of the old generation are of no offer."""
    shot, one, offer = await ready(town)
    actor = staff.actor_of(town.drafter)
    await staff.reissue(town.services, actor, shot.envelope.ref, version=shot.envelope.version)
    with pytest.raises(Refused) as error:
        await give(town, one, offer)
    assert reason(error) is Reason.OFFER_CHANGED
    assert await Code.filter(generation=1).count() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"person": "別 人"},
        {"company": "別の会社"},
        {"email": "mallory@example.net"},
        {"email_look_up": "0" * 64},
        {"position": 9},
        {"registry_revision": 7},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_signer_that_something_else_changed_is_refused(town: Town, change: dict[str, Any]) -> None:
    _, one, offer = await ready(town)
    await Signer.filter(id=one.id).update(**change)
    with pytest.raises(Refused) as error:
        await give(town, one, offer)
    assert reason(error) is Reason.RECORD_ALTERED
