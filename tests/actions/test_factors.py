"""The second proof of a signer: asked for after the mail, counted in the database, and named in what is signed."""

import base64
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest

from envelopes.actions import access_codes, authenticators, factors, seats, signer, staff
from envelopes.actions.worker import completion
from envelopes.records import history, sessions, store
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Authenticator, Code, Consent, Contact, Session, Signer, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules import consent as consents
from envelopes.rules.codes import Verdict
from envelopes.rules.errors import FukanError, Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.kinds import Kind
from envelopes.rules.states import State
from envelopes.rules.wording import jst_date
from envelopes.signing.seal import read_entries
from fukan.demo.seed import app_seed
from tests.actions.test_certifying import words
from tests.engines import Town

pytestmark = pytest.mark.engines
WRONG = "0000 0000"


def why(error: pytest.ExceptionInfo[Refused]) -> Reason:
    return error.value.reason


async def asked(town: Town, method: Method = Method.ACCESS_CODE) -> tuple[Snapshot, Signer]:
    shot = await town.out(method=method, kind=Kind.ACCEPTANCE)
    return shot, shot.signers[0]


async def told(town: Town, one: Signer) -> str:
    return await access_codes.tell(town.services, staff.actor_of(town.drafter), one)


async def enter(town: Town, one: Signer, browser: Session, typed: str) -> factors.Tried:
    return await factors.check(town.services, one, browser, typed, ip="203.0.113.7")


async def kinds(shot: Snapshot) -> list[str]:
    return [fact.kind for fact, _ in await history.payloads(Subject.ENVELOPE, shot.envelope.id)]


async def missing(one: Signer, browser: Session) -> Method | None:
    proof = await sessions.proof(browser, one)
    assert proof is not None
    return factors.missing(proof, one)


async def give(town: Town, shot: Snapshot, one: Signer, browser: Session) -> Snapshot:
    await town.read(shot, one)
    proof = await sessions.proof(browser, one)
    assert proof is not None
    offer = await town.offer(shot, one)
    grants = await factors.grants(town.services, proof, one)
    actor = signer.actor_of(one)
    return await signer.give_consent(town.services, one.ref, offer=offer, grants=grants, actor=actor)


# The access code


async def test_the_code_told_by_telephone_has_eight_digits_and_is_for_one_signer(town: Town) -> None:
    _, one = await asked(town)
    _, other = await asked(town)
    digits = await told(town, one)
    assert len(digits) == 8
    assert digits.isdecimal()
    assert digits == await told(town, one)
    assert digits != await told(town, other)


async def test_it_is_right_as_often_as_it_is_needed_and_however_it_is_typed(town: Town) -> None:
    shot, one = await asked(town)
    digits = await told(town, one)
    browser = await town.session(one)
    assert await missing(one, browser) is Method.ACCESS_CODE
    wide = digits.translate({ord(str(n)): 0xFF10 + n for n in range(10)})
    assert (await enter(town, one, browser, f"{wide[:4]}　{wide[4:]}")).verdict is Verdict.OK
    assert await missing(one, browser) is None
    town.clock.forward(minutes=61)
    again = await town.session(one)
    assert (await enter(town, one, again, digits)).verdict is Verdict.OK
    assert (await kinds(shot)).count("proved") == 4


async def test_who_comes_back_after_a_while_proves_both_again(town: Town) -> None:
    _, one = await asked(town)
    browser = await town.session(one)
    await enter(town, one, browser, await told(town, one))
    await sessions.prove(
        browser, one, generation=one.generation, method=signer.MAIL_CODE, now=town.clock.forward(hours=2)
    )
    assert await missing(one, browser) is Method.ACCESS_CODE


async def test_five_tries_are_counted_in_the_database_and_staff_tell_a_new_code(town: Town) -> None:
    shot, one = await asked(town)
    digits, browser = await told(town, one), await town.session(one)
    left = [(await enter(town, one, browser, WRONG)).left for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    assert (await Code.get(signer_id=one.id, purpose="access-code")).wrong == 5
    # The right one comes too late, in this browser and in any other.
    assert (await enter(town, one, browser, digits)).verdict is Verdict.SPENT
    assert (await enter(town, one, await _other(town, one), digits)).verdict is Verdict.SPENT
    with pytest.raises(Refused) as error:
        await told(town, one)
    assert why(error) is Reason.ACCESS_CODE_SPENT
    await access_codes.renew(town.services, staff.actor_of(town.drafter), one)
    fresh = await told(town, one)
    assert fresh != digits
    assert (await enter(town, one, browser, digits)).left == 4
    assert (await enter(town, one, browser, fresh)).verdict is Verdict.OK
    assert {"access code spent", "access code renewed", "access code shown"} <= set(await kinds(shot))


async def test_staff_are_told_once_of_a_spent_code_by_mail_and_on_the_desk(town: Town) -> None:
    shot, one = await asked(town)
    browser = await town.session(one)
    for _ in range(4):
        await enter(town, one, browser, WRONG)
    assert "note_mail" not in await town.tasks(shot)
    assert await access_codes.spent(town.services, shot.signers) == set()
    for _ in range(3):
        await enter(town, one, browser, WRONG)
    assert (await town.tasks(shot)).count("note_mail") == 1
    assert await access_codes.spent(town.services, shot.signers) == {one.id}
    await access_codes.renew(town.services, staff.actor_of(town.drafter), one)
    assert await access_codes.spent(town.services, shot.signers) == set()


async def _other(town: Town, one: Signer) -> Session:
    town.clock.forward(minutes=2)
    return await town.session(one)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", Reason.ACCESS_CODE_EMPTY),
        ("123456", Reason.ACCESS_CODE_FORMAT),
        ("abc", Reason.ACCESS_CODE_FORMAT),
    ],
)
async def test_what_cannot_be_a_code_costs_no_try(town: Town, typed: str, reason: Reason) -> None:
    _, one = await asked(town)
    with pytest.raises(Refused) as error:
        await enter(town, one, await town.session(one), typed)
    assert why(error) is reason
    assert await access_codes.left(town.services, one) == 5


async def test_nobody_without_the_mailbox_uses_up_a_try(town: Town) -> None:
    _, one = await asked(town)
    _, stranger = await sessions.start(now=town.clock())
    with pytest.raises(Refused) as error:
        await enter(town, one, stranger, WRONG)
    assert why(error) is Reason.PROOF_MISSING
    assert await access_codes.left(town.services, one) == 5


async def test_a_new_link_leaves_the_code_but_another_person_gets_his_own(town: Town) -> None:
    _, one = await asked(town)
    digits = await told(town, one)
    await Signer.filter(id=one.id).update(generation=one.generation + 1)
    assert await told(town, await Signer.get(id=one.id)) == digits
    contact = await Contact.get(id=one.contact_id or 0)
    moved = await Signer.get(id=one.id)
    await unit(lambda connection: seats.move(connection, moved, contact, now=town.clock()))
    assert await told(town, await Signer.get(id=one.id)) != digits


async def test_the_digits_are_in_no_row_and_no_task(town: Town) -> None:
    shot, one = await asked(town)
    digits = await told(town, one)
    for row in await TaskRow.filter(envelope_id=shot.envelope.id):
        assert digits not in row.ids
    for _, payload in await history.payloads(Subject.ENVELOPE, shot.envelope.id):
        assert digits not in str(payload)
    (row,) = await Code.filter(signer_id=one.id)
    assert digits not in str(row.__dict__)


# The app on a phone


async def set_up(town: Town, one: Signer) -> str:
    """Let the contractor set an app up, as the page does once everything is proved; returns its seed."""
    browser = await town.session(one)
    await enter(town, one, browser, await told(town, one))
    seed = (await authenticators.offer(town.services, one, browser)).seed
    actor = signer.actor_of(one)
    await authenticators.set_up(town.services, one, browser, town.digits(seed), actor=actor)
    return seed


async def next_request(town: Town) -> Signer:
    """Another request to the same contractor, some minutes before somebody opens it."""
    _, one = await asked(town, Method.AUTHENTICATOR)
    town.clock.forward(minutes=2)
    return one


async def test_without_an_app_the_access_code_stands_in_and_says_so(town: Town) -> None:
    _, one = await asked(town, Method.AUTHENTICATOR)
    assert await factors.asked(one) is Method.ACCESS_CODE
    browser = await town.session(one)
    assert (await enter(town, one, browser, await told(town, one))).verdict is Verdict.OK
    proof = await sessions.proof(browser, one)
    assert proof is not None
    grants = await factors.grants(town.services, proof, one)
    assert [grant.level for grant in grants] == ["mail", "access-code"]


async def test_an_app_counts_from_the_next_request_on(town: Town) -> None:
    shot, one = await asked(town, Method.AUTHENTICATOR)
    seed = await set_up(town, one)
    assert await factors.asked(one) is Method.ACCESS_CODE
    following = await next_request(town)
    assert await factors.asked(following) is Method.AUTHENTICATOR
    browser = await town.session(following)
    assert (await enter(town, following, browser, town.digits(seed))).verdict is Verdict.OK
    assert await missing(following, browser) is None
    assert "authenticator set up" in await kinds(shot)
    life = await history.payloads(Subject.CONTACT, one.contact_id or 0)
    assert [fact.kind for fact, _ in life][-1] == "authenticator set up"


async def test_the_demo_s_phone_knows_the_seed_from_the_page_that_offers_it(town: Town) -> None:
    _, one = await asked(town, Method.AUTHENTICATOR)
    browser = await town.session(one)
    assert await app_seed(town.services, one.email) is None
    await enter(town, one, browser, await told(town, one))
    seed = (await authenticators.offer(town.services, one, browser)).seed
    assert await app_seed(town.services, one.email) == seed
    actor = signer.actor_of(one)
    await authenticators.set_up(town.services, one, browser, town.digits(seed), actor=actor)
    await _other(town, one)
    assert await app_seed(town.services, one.email) == seed
    assert await app_seed(town.services, "nobody@example.jp") is None


async def test_digits_count_once_and_one_step_either_way(town: Town) -> None:
    _, one = await asked(town, Method.AUTHENTICATOR)
    seed = await set_up(town, one)
    following = await next_request(town)
    town.clock.forward(minutes=20)
    browser = await town.session(following)
    late = pyotp.TOTP(seed).at(town.clock() - timedelta(seconds=30))
    old = pyotp.TOTP(seed).at(town.clock() - timedelta(seconds=90))
    assert (await enter(town, following, browser, old)).verdict is Verdict.WRONG
    assert (await enter(town, following, browser, late)).verdict is Verdict.OK
    assert (await enter(town, following, browser, late)).verdict is Verdict.WRONG
    assert (await enter(town, following, browser, town.digits(seed))).verdict is Verdict.OK
    assert (await enter(town, following, browser, town.digits(seed))).verdict is Verdict.WRONG


async def test_the_tries_of_an_app_are_limited_in_the_database(town: Town) -> None:
    _, one = await asked(town, Method.AUTHENTICATOR)
    seed = await set_up(town, one)
    following = await next_request(town)
    town.clock.forward(minutes=20)
    browser = await town.session(following)
    wrong = "000000" if town.digits(seed) != "000000" else "111111"
    for _ in range(5):
        assert (await enter(town, following, browser, wrong)).verdict is Verdict.WRONG
    with pytest.raises(Refused) as error:
        await enter(town, following, browser, town.digits(seed))
    assert why(error) is Reason.AUTHENTICATOR_LOCKED
    town.clock.forward(minutes=16)
    assert (await enter(town, following, browser, town.digits(seed))).verdict is Verdict.OK


async def test_a_seed_is_sealed_and_of_one_entry(town: Town) -> None:
    _, one = await asked(town, Method.AUTHENTICATOR)
    seed = await set_up(town, one)
    (stored,) = await town.engine.rows("SELECT secret FROM authenticators")
    assert seed not in str(stored)
    following = await next_request(town)
    await Authenticator.all().update(contact_id=town.contacts[1].id)
    await Signer.filter(id=following.id).update(contact_id=town.contacts[1].id)
    moved = await Signer.get(id=following.id)
    with pytest.raises(Refused) as error:
        await authenticators.check(town.services, moved, "123 45")
    assert why(error) is Reason.AUTHENTICATOR_FORMAT
    assert await authenticators.check(town.services, moved, town.digits(seed)) is Verdict.WRONG


async def test_an_app_is_set_up_once(town: Town) -> None:
    _, one = await asked(town, Method.AUTHENTICATOR)
    await set_up(town, one)
    browser = await _other(town, one)
    seed = (await authenticators.offer(town.services, one, browser)).seed
    with pytest.raises(Refused) as error:
        await authenticators.set_up(
            town.services, one, browser, town.digits(seed), actor=signer.actor_of(one)
        )
    assert why(error) is Reason.AUTHENTICATOR_THERE


async def test_the_app_and_when_it_was_set_up_stand_in_the_signature(town: Town, tmp_path: Path) -> None:
    _, one = await asked(town, Method.AUTHENTICATOR)
    seed = await set_up(town, one)
    app = await Authenticator.get()
    await Authenticator.all().update(last_step=0)  # half a minute passes
    shot, one = await asked(town, Method.AUTHENTICATOR)
    browser = await town.session(one)
    await enter(town, one, browser, town.digits(seed))
    await give(town, shot, one, browser)
    shot = await town.sign(await town.again(shot))
    await completion.complete(town.shop, shot.envelope.id)
    shot = await town.again(shot)
    level = f"メール＋認証アプリ（{jst_date(app.set_up_at)}に、メールとアクセスコードで確かめて登録）"
    (written, *_) = read_entries(await town.bytes_of(shot.documents[0]))
    assert written.reason is not None
    assert written.reason.endswith(f"（本人確認：{level}）")
    assert shot.certificate is not None
    assert level in words(await town.bytes_of(shot.certificate), tmp_path)


# A lost phone


async def lost(town: Town) -> tuple[str, Signer]:
    """A phone with an app is reported lost; the seed, and a request that asks for it."""
    _, one = await asked(town, Method.AUTHENTICATOR)
    seed = await set_up(town, one)
    contact = await Contact.get(id=one.contact_id or 0)
    actor = staff.actor_of(town.registrar)
    await authenticators.report_lost(town.services, actor, contact.ref, note="電話で申し出")
    return seed, await next_request(town)


async def end(town: Town, by: Staff, one: Signer, call_back: str = "登記簿の番号") -> None:
    contact = await Contact.get(id=one.contact_id or 0)
    await authenticators.end(town.services, staff.actor_of(by), contact.ref, call_back=call_back)


async def test_a_phone_reported_lost_opens_nothing_and_nothing_takes_its_place(town: Town) -> None:
    seed, one = await lost(town)
    browser = await town.session(one)
    assert await factors.asked(one) is Method.AUTHENTICATOR
    with pytest.raises(Refused) as error:
        await enter(town, one, browser, town.digits(seed))
    assert why(error) is Reason.AUTHENTICATOR_LOST


async def test_what_a_lost_phone_has_proved_signs_nothing_any_more(town: Town) -> None:
    _, one = await asked(town, Method.AUTHENTICATOR)
    seed = await set_up(town, one)
    one = await next_request(town)
    browser = await town.session(one)
    await enter(town, one, browser, town.digits(seed))
    proof = await sessions.proof(browser, one)
    assert proof is not None
    contact = await Contact.get(id=one.contact_id or 0)
    await authenticators.report_lost(town.services, staff.actor_of(town.registrar), contact.ref, note="紛失")
    assert await sessions.proof(browser, one) is None
    assert [grant.level for grant in await factors.grants(town.services, proof, one)] == ["mail"]


async def test_a_lost_app_is_ended_by_two_people_and_the_address_is_told(town: Town) -> None:
    _, one = await lost(town)
    with pytest.raises(Refused) as error:
        await end(town, town.registrar, one)
    assert why(error) is Reason.REGISTRAR_SAME_PERSON
    with pytest.raises(Refused) as error:
        await end(town, town.village, one)
    assert why(error) is Reason.ROLE_MISSING
    with pytest.raises(Refused) as error:
        await end(town, town.approver, one, "　")
    assert why(error) is Reason.CALL_BACK_MISSING
    assert await factors.asked(one) is Method.AUTHENTICATOR
    await end(town, town.approver, one)
    assert await factors.asked(one) is Method.ACCESS_CODE
    assert await TaskRow.filter(kind="authenticator_mail").count() == 2
    life = [fact.kind for fact, _ in await history.payloads(Subject.CONTACT, one.contact_id or 0)]
    assert life[-3:] == ["authenticator set up", "authenticator lost", "authenticator ended"]
    with pytest.raises(Refused) as error:
        await end(town, town.approver, one)
    assert why(error) is Reason.STALE


async def test_a_new_phone_has_a_new_seed_and_counts_from_the_next_request(town: Town) -> None:
    seed, one = await lost(town)
    await end(town, town.approver, one)
    fresh = await set_up(town, one)
    assert fresh != seed
    following = await next_request(town)
    browser = await town.session(following)
    assert (await enter(town, following, browser, town.digits(seed))).verdict is Verdict.WRONG
    assert (await enter(town, following, browser, town.digits(fresh))).verdict is Verdict.OK


async def test_a_report_is_taken_back(town: Town) -> None:
    seed, one = await lost(town)
    contact = await Contact.get(id=one.contact_id or 0)
    actor = staff.actor_of(town.registrar)
    await authenticators.take_back(town.services, actor, contact.ref)
    assert (await enter(town, one, await town.session(one), town.digits(seed))).verdict is Verdict.OK
    with pytest.raises(Refused) as error:
        await authenticators.report_lost(
            town.services, staff.actor_of(town.village), contact.ref, note="紛失"
        )
    assert why(error) is Reason.ROLE_MISSING


# What is signed


async def test_the_mail_alone_signs_nothing_where_more_is_asked_for(town: Town) -> None:
    shot, one = await asked(town)
    browser = await town.session(one)
    with pytest.raises(Refused) as error:
        await give(town, shot, one, browser)
    assert why(error) is Reason.PROOF_MISSING
    await enter(town, one, browser, await told(town, one))
    await give(town, shot, one, browser)
    assert (await town.again(shot)).state is State.SIGNING


async def test_a_place_whose_wish_was_lowered_in_the_database_is_found_out(town: Town) -> None:
    shot, one = await asked(town)
    await Signer.filter(id=one.id).update(proof="mail")
    with pytest.raises(FukanError):
        await store.snapshot(id=shot.envelope.id)


async def test_a_second_proof_written_into_the_database_proves_nothing(town: Town) -> None:
    _, one = await asked(town)
    browser = await town.session(one)
    proof = await sessions.proof(browser, one)
    assert proof is not None
    await type(proof).filter(id=proof.id).update(factor="access-code", factor_at=town.clock())
    assert await sessions.proof(browser, one) is None


async def test_the_level_stands_in_consent_signature_certificate_and_history(
    town: Town, tmp_path: Path
) -> None:
    shot, one = await asked(town)
    browser = await town.session(one)
    await enter(town, one, browser, await told(town, one))
    await give(town, shot, one, browser)
    said = consents.read(base64.b64decode((await Consent.get(signer_id=one.id)).record))
    assert [grant.level for grant in said.grants] == ["mail", "access-code"]
    shot = await town.sign(await town.again(shot))
    await completion.complete(town.shop, shot.envelope.id)
    shot = await town.again(shot)
    (written, *_) = read_entries(await town.bytes_of(shot.documents[0]))
    assert written.reason is not None
    assert written.reason.endswith("（本人確認：メール＋アクセスコード（電話でお伝え））")
    assert shot.certificate is not None
    text = words(await town.bytes_of(shot.certificate), tmp_path)
    assert "メール＋アクセスコード（電話でお伝え）" in text
    levels = [
        payload["levels"]
        for fact, payload in await history.payloads(Subject.ENVELOPE, shot.envelope.id)
        if fact.kind == "consented"
    ]
    assert levels == [["mail", "access-code"]]


async def test_a_way_that_is_not_set_up_here_is_not_sent_out(town: Town) -> None:
    shot = await town.draft()
    with pytest.raises(Refused) as error:
        await town.confirm(shot, methods={1: Method.SMS})
    assert why(error) is Reason.IDENTITY_NOT_HERE
