"""By what a contractor proves who he is, changed while his request is out: more at once, less by two people."""

from pathlib import Path

import pytest

from envelopes.actions import access_codes, chronicle, factors, identity, registrar, signer, staff
from envelopes.actions.worker import completion
from envelopes.records import history, sessions
from envelopes.records.history import Subject
from envelopes.records.models import Session, Signer, Staff
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.kinds import Kind
from envelopes.rules.people import Role
from tests.actions.test_certifying import words
from tests.engines import Town

pytestmark = pytest.mark.engines
WHY = "電話に出られないため"


async def asked(town: Town, method: Method) -> tuple[Snapshot, Signer]:
    shot = await town.out(method=method, kind=Kind.ACCEPTANCE)
    return shot, shot.signers[0]


async def change(town: Town, shot: Snapshot, method: Method, *, reason: str = "") -> bool:
    actor = staff.actor_of(town.drafter)
    return await identity.change(town.services, actor, shot.envelope.ref, 1, method, reason=reason)


async def colleague(town: Town) -> tuple[Staff, str]:
    """A second member of staff of the section, and the seed of his authenticator."""
    made = await registrar.add_staff(
        town.services,
        name="宮下 忠",
        office="係長",
        email="miyashita@vill-mihon.example",
        section=town.section,
        roles=frozenset({Role.APPROVER}),
    )
    person = await Staff.get(id=made.id).select_related("section")
    seed, _ = await town.enrol(person)
    town.clock.forward(seconds=30)
    return person, seed


async def missing(one: Signer, browser: Session) -> Method | None:
    now = await Signer.get(id=one.id)
    proof = await sessions.proof(browser, now)
    assert proof is not None
    return factors.missing(proof, now)


async def refused(work: object) -> Reason:
    with pytest.raises(Refused) as error:
        await work  # type: ignore[misc]
    return error.value.reason


async def test_more_is_asked_for_at_once_also_of_a_browser_that_reads_already(town: Town) -> None:
    shot, one = await asked(town, Method.MAIL)
    browser = await town.session(one)
    await town.read(shot, one)
    offer = await town.offer(shot, one)
    assert await change(town, shot, Method.ACCESS_CODE)
    assert (await town.tasks(shot)).count("proof_mail") == 1
    assert await missing(one, browser) is Method.ACCESS_CODE
    given = {"offer": offer, "grants": town.grants(), "actor": signer.actor_of(one)}
    assert await refused(signer.give_consent(town.services, one.ref, **given)) is Reason.PROOF_MISSING
    now = await Signer.get(id=one.id)
    digits = await access_codes.tell(town.services, staff.actor_of(town.drafter), now)
    await factors.check(town.services, now, browser, digits)
    assert await missing(one, browser) is None
    told = chronicle.happenings(await town.again(shot))
    assert any("「メール1経路」から「メール＋アクセスコード" in line.text for line in await told)


async def test_less_waits_for_another_person_with_his_authenticator(town: Town) -> None:
    shot, one = await asked(town, Method.ACCESS_CODE)
    ref = shot.envelope.ref
    assert await refused(change(town, shot, Method.MAIL)) is Reason.REASON_MISSING
    assert not await change(town, shot, Method.MAIL, reason=WHY)
    assert (await Signer.get(id=one.id)).proof == Method.ACCESS_CODE
    waits = await identity.waiting(shot, one)
    assert waits is not None
    assert (waits.method, waits.reason, waits.first) == (Method.MAIL, WHY, town.drafter.ref)
    assert [found.id for _, found in await identity.to_approve([shot])] == [one.id]
    second, seed = await colleague(town)
    n = waits.n

    async def approve(person: Staff, *, number: int = n, code: str = "000000") -> None:
        await identity.approve(town.services, person, ref, 1, n=number, code=code)

    assert await refused(approve(town.drafter)) is Reason.IDENTITY_SAME_PERSON
    assert await refused(approve(town.registrar)) is Reason.ROLE_MISSING
    assert await refused(approve(second)) is Reason.TOTP_WRONG
    assert await refused(approve(second, number=n - 1)) is Reason.STALE
    assert (await Signer.get(id=one.id)).proof == Method.ACCESS_CODE
    assert (await town.tasks(shot)).count("proof_mail") == 0
    await approve(second, code=town.digits(seed))
    assert (await Signer.get(id=one.id)).proof == Method.MAIL
    assert (await town.tasks(shot)).count("proof_mail") == 1
    assert await identity.waiting(shot, one) is None
    assert await identity.to_approve([shot]) == []
    assert await missing(one, await town.session(one)) is None


async def test_the_certificate_says_what_was_changed_and_by_whom(town: Town, tmp_path: Path) -> None:
    town.clock.forward(minutes=-2)  # whatever is signed needs the real time
    shot, one = await asked(town, Method.ACCESS_CODE)
    await change(town, shot, Method.MAIL, reason=WHY)
    second, seed = await colleague(town)
    waits = await identity.waiting(shot, one)
    assert waits is not None
    ref, code = shot.envelope.ref, town.digits(seed)
    await identity.approve(town.services, second, ref, 1, n=waits.n, code=code)
    given = await town.consent(await town.again(shot))
    town.clock.forward(seconds=90)
    shot = await town.sign(given)
    await completion.complete(town.shop, shot.envelope.id)
    certificate = (await town.again(shot)).certificate
    assert certificate is not None
    said = words(await town.bytes_of(certificate), tmp_path)
    assert "本人確認の変更" in said
    assert "「メール＋アクセスコード（電話でお伝え）」から「メール1経路」へ" in said
    assert f"承認{second.office}{second.name}".replace(" ", "") in said
    assert WHY not in said


async def test_what_waits_can_be_dropped_and_is_not_approved_afterwards(town: Town) -> None:
    shot, one = await asked(town, Method.ACCESS_CODE)
    await change(town, shot, Method.MAIL, reason=WHY)
    waits = await identity.waiting(shot, one)
    assert waits is not None
    actor = staff.actor_of(town.drafter)
    await identity.refuse(town.services, actor, shot.envelope.ref, 1, n=waits.n)
    second, seed = await colleague(town)
    late = identity.approve(town.services, second, shot.envelope.ref, 1, n=waits.n, code=town.digits(seed))
    assert await refused(late) is Reason.STALE
    kinds = [fact.kind for fact, _ in await history.payloads(Subject.ENVELOPE, shot.envelope.id)]
    assert kinds[-2:] == ["identity put forward", "identity refused"]


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        (Method.MAIL, Reason.IDENTITY_SAME),
        (Method.SMS, Reason.IDENTITY_NOT_HERE),
    ],
)
async def test_what_cannot_be_asked_for_changes_nothing(town: Town, method: Method, reason: Reason) -> None:
    shot, one = await asked(town, Method.MAIL)
    assert await refused(change(town, shot, method)) is reason
    assert (await Signer.get(id=one.id)).proof == Method.MAIL


async def test_after_the_consent_nothing_is_changed(town: Town) -> None:
    shot, _ = await asked(town, Method.MAIL)
    given = await town.consent(shot)
    assert await refused(change(town, given, Method.ACCESS_CODE)) is Reason.NOT_PERMITTED
    strangers = identity.change(
        town.services, staff.actor_of(town.registrar), shot.envelope.ref, 1, Method.ACCESS_CODE
    )
    assert await refused(strangers) is Reason.ROLE_MISSING
