"""The worker's verbs, with real papers, a real seal, and somebody who may write whatever he likes into the database."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from tortoise.expressions import F

from envelopes.actions import signer, staff
from envelopes.actions.worker import completion, drafts, expiry, mails, pages, preparing, signing, windows
from envelopes.actions.worker.mails import Copy, MailFacts
from envelopes.actions.worker.workshop import Workshop
from envelopes.keyring import ConsentKey
from envelopes.papers.desk import PRELOAD, Papers
from envelopes.records import history, store
from envelopes.records.blobs import BOTH, BlobError
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import (
    CERTIFICATE,
    Consent,
    Contact,
    Envelope,
    File,
    Image,
    KeyUse,
    Mail,
    Segment,
    Sighting,
    Signer,
)
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules import consent as consents
from envelopes.rules.errors import FukanError, Later, Reason, Refused, StaleEnvelope
from envelopes.rules.kinds import Kind
from envelopes.rules.mails import MailStatus
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import State
from envelopes.sandbox import Sandbox
from envelopes.signing.seal import read_entries
from tests.engines import KeyTouched, Town, forbid_keys
from tests.papers.odd import LIMITS

pytestmark = pytest.mark.engines
FACTS = MailFacts(subject="契約書送付", sender="nakamura@vill-mihon.example", message_id="<1@example>")


# The whole way


async def test_a_contract_goes_its_whole_way(town: Town) -> None:
    shot = await town.completed(documents=2)
    assert shot.state is State.COMPLETED
    assert shot.turn is None
    assert await town.tasks(shot) == [
        *("pages", "draft_mail", "prepare", "request_mail", "sent_mail", "code_mail"),
        *("sign", "received_mail", "request_mail", "sign", "received_mail"),
        *("timestamp", "completion_mail", "close_window"),
    ]
    for document in shot.documents:
        data = await town.bytes_of(document)
        report = await asyncio.to_thread(town.shop.seal.verify, data)
        assert report.valid
        assert [item.field for item in report.signatures] == ["Signer1", "Signer2"]
        assert len(report.timestamps) == 1
        assert shot.envelope.transaction_on == jst_day(max(item.at for item in report.signatures if item.at))
    assert [use async for use in KeyUse.filter(done_at=None)] == []
    assert await KeyUse.all().count() == 4
    assert [broken async for broken in history.verify()] == []


async def test_every_signature_names_the_bytes_that_were_seen_and_the_consent(town: Town) -> None:
    shot = await town.completed(documents=2)
    rows = {row.signer_id: row for row in await Consent.all()}
    for document in shot.documents:
        data = await town.bytes_of(document)
        for one, entry in zip(shot.signers, read_entries(data), strict=True):
            record = base64.b64decode(rows[one.id].record)
            said = consents.read(record)
            seen = said.documents[document.position - 1]
            assert entry.seen_length == seen.length
            assert hashlib.sha256(data[: seen.length]).hexdigest() == entry.seen_sha256 == seen.sha256
            assert entry.consent_sha256 == hashlib.sha256(record).hexdigest()
            assert entry.envelope_ref == shot.envelope.ref
            assert one.company in (entry.name or "")


async def test_an_acceptance_is_signed_by_the_contractor_alone(town: Town) -> None:
    shot = await town.completed(kind=Kind.ACCEPTANCE)
    assert [one.party for one in shot.signers] == ["contractor"]
    (entry,) = read_entries(await town.bytes_of(shot.documents[0]))
    assert entry.field == "Signer1"


async def test_three_signers_sign_in_turn(town: Town) -> None:
    shot = await town.completed(contractors=2)
    assert [one.position for one in shot.signers] == [1, 2, 3]
    asked = [one.asked_at for one in shot.signers]
    assert all(asked)
    assert len(read_entries(await town.bytes_of(shot.documents[0]))) == 3


async def test_one_journey_through_the_sandbox(town: Town) -> None:
    sandbox = Sandbox(preload=PRELOAD)
    papers = Papers(sandbox=sandbox, limits=replace(LIMITS, wall_seconds=60))
    there = replace(town, shop=Workshop(services=town.services, seal=town.shop.seal, papers=papers))
    try:
        assert (await there.completed(kind=Kind.ACCEPTANCE)).state is State.COMPLETED
    finally:
        await sandbox.close()


# Taking in


async def test_a_mail_that_arrives_twice_is_one_mail(town: Town) -> None:
    for uid in (1, 2, 1):
        copy = Copy(mailbox="INBOX", uidvalidity=5, uid=uid)
        await mails.take_in(town.services, copy, b"raw", digest="d" * 64, arrived_at=town.clock())
        assert await mails.is_known(copy)
    assert await Mail.all().count() == 1
    assert await Sighting.all().count() == 2
    assert await TaskRow.filter(kind="read_mail").count() == 1


async def test_two_watchers_that_take_in_one_mail_at_once_make_one(town: Town) -> None:
    copies = [Copy(mailbox="INBOX", uidvalidity=5, uid=uid) for uid in (1, 1, 2, 3)]
    taken = (
        mails.take_in(town.services, copy, b"raw", digest="d" * 64, arrived_at=town.clock())
        for copy in copies
    )
    await asyncio.gather(*taken)
    assert (await Mail.all().count(), await Sighting.all().count()) == (1, 3)


async def test_failures_are_counted_and_a_later_success_keeps_them(town: Town) -> None:
    copy = Copy(mailbox="INBOX", uidvalidity=5, uid=9)
    assert [await mails.count_failure(copy) for _ in range(3)] == [1, 2, 3]
    assert not await mails.is_known(copy)
    await mails.take_in(town.services, copy, b"raw", digest="d" * 64, arrived_at=town.clock())
    assert await mails.is_known(copy)


async def test_a_draft_is_opened_once_however_often_its_mail_is_read(town: Town) -> None:
    mail, opening = await town.mail(), await town.opening()
    opened = [await drafts.open_draft(town.services, mail, town.drafter, opening, FACTS) for _ in range(2)]
    assert opened[1] is None
    assert await Envelope.all().count() == 1
    assert (await Mail.get(id=mail.id)).status == MailStatus.READ


async def test_a_mail_that_was_set_aside_opens_nothing(town: Town) -> None:
    mail = await town.mail()
    await mails.set_aside(town.services, mail, MailStatus.QUARANTINED, "not-staff", FACTS)
    opened = await drafts.open_draft(town.services, mail, town.drafter, await town.opening(), FACTS)
    assert opened is None


def test_a_certificate_id_has_eighty_bits_and_a_check_digit(town_less_services: object) -> None:
    made = drafts.certificate_id(town_less_services)  # type: ignore[arg-type]
    prefix, *groups, check = made.split("-")
    assert prefix == "MHN"
    assert [len(group) for group in groups] == [4, 4, 4, 4]
    value = 0
    for letter in "".join(groups):
        value = value * 32 + drafts._CROCKFORD.index(letter)
    assert drafts._CROCKFORD[value % 37] == check


@pytest.fixture
def town_less_services() -> object:
    class Settings:
        class town:  # noqa: N801
            prefix = "MHN"

    class Services:
        settings = Settings

    return Services


# Pages and preparing


async def test_pages_are_rendered_once(town: Town) -> None:
    shot = await town.draft(documents=2)
    images = await Image.all().count()
    assert images == 9  # three pages, three widths
    assert not await pages.render_pages(town.shop, shot.envelope.id)
    await pages._render(town.shop, shot, shot.documents[0])
    assert await Image.all().count() == images


async def test_nothing_is_prepared_before_the_pages_are_there(town: Town) -> None:
    mail, opening = await town.mail(), await town.opening()
    made = await drafts.open_draft(town.services, mail, town.drafter, opening, FACTS)
    assert made is not None
    await town.confirm(await store.snapshot(id=made))
    assert not await preparing.prepare(town.shop, made)
    assert await Segment.all().count() == 0


async def test_preparing_twice_prepares_once(town: Town) -> None:
    shot = await town.out()
    await preparing.prepare(town.shop, shot.envelope.id)
    assert (await town.again(shot)).envelope.version == shot.envelope.version
    assert await Segment.all().count() == 1


async def test_a_file_that_cannot_be_sealed_goes_back_to_its_drafter(town: Town) -> None:
    shot = await town.confirm(await town.draft())
    document = shot.documents[0]
    broken = await town.services.blobs.put(
        b"%PDF-1.7 no pdf", purpose="base", readers=BOTH, envelope_ref=shot.envelope.ref
    )
    row = await unit(lambda connection: broken.record(connection, town.clock()))
    await type(document).filter(id=document.id).update(base_id=row.id)
    await preparing.prepare(town.shop, shot.envelope.id)
    after = await town.again(shot)
    assert (after.state, after.envelope.trouble) == (State.DRAFT, f"{Reason.PDF_UNSEALABLE} 1")
    number = after.envelope.number
    again = await town.confirm(after)
    assert again.envelope.number == number
    assert len(again.signers) == 2


async def test_a_document_that_cannot_be_drawn_goes_back_at_once_and_cannot_be_sent(town: Town) -> None:
    mail, opening = await town.mail(), await town.opening()
    made = await drafts.open_draft(town.services, mail, town.drafter, opening, FACTS)
    assert made is not None
    shot = await store.snapshot(id=made)
    broken = await town.services.blobs.put(
        b"%PDF-1.7 no pdf", purpose="base", readers=BOTH, envelope_ref=shot.envelope.ref
    )
    row = await unit(lambda connection: broken.record(connection, town.clock()))
    document = shot.documents[0]
    await type(document).filter(id=document.id).update(base_id=row.id)
    await pages.render_pages(town.shop, made)
    after = await town.again(shot)
    assert (after.state, after.envelope.trouble) == (State.DRAFT, f"{Reason.PDF_BROKEN} 1")
    assert await TaskRow.filter(kind="draft_mail").count() == 2
    with pytest.raises(Refused) as refused:
        await town.confirm(after)
    assert refused.value.reason is Reason.PDF_BROKEN


# Twice, and at once


async def test_two_workers_with_one_order_make_one_signature(town: Town) -> None:
    shot = await town.consent(await town.out())
    order = await town.consent_id(shot)
    outcomes = await asyncio.gather(
        *(signing.sign(town.shop, shot.envelope.id, order) for _ in range(3)), return_exceptions=True
    )
    assert outcomes.count(None) == 1
    assert all(item is None or isinstance(item, StaleEnvelope) for item in outcomes)
    assert await Segment.filter(kind="signature").count() == 1
    assert await TaskRow.filter(kind="request_mail").count() == 2


async def test_two_workers_complete_once(town: Town) -> None:
    shot = await town.signed_by_all(kind=Kind.ACCEPTANCE)
    outcomes = await asyncio.gather(
        *(completion.complete(town.shop, shot.envelope.id) for _ in range(3)), return_exceptions=True
    )
    assert outcomes.count(None) == 1
    assert all(item is None or isinstance(item, StaleEnvelope) for item in outcomes)
    assert await Segment.filter(kind="timestamp", document__position=1).count() == 1
    assert await Segment.filter(kind="timestamp", document__position=CERTIFICATE).count() == 1


async def test_signing_and_completing_again_change_nothing(town: Town) -> None:
    shot = await town.completed(kind=Kind.ACCEPTANCE)
    await signing.sign(town.shop, shot.envelope.id, await town.consent_id(shot))
    await completion.complete(town.shop, shot.envelope.id)
    assert (await town.again(shot)).envelope.version == shot.envelope.version
    assert await KeyUse.all().count() == 1


async def test_a_worker_that_died_after_using_the_key_is_followed_by_another(town: Town) -> None:
    shot = await town.consent(await town.out())
    order, document = await town.consent_id(shot), shot.documents[0]
    at = town.clock()
    await KeyUse.create(document_id=document.id, consent_id=order, sha256="0" * 64, at=at)
    assert (await town.sign(shot)).state is State.OUT


# Forged orders: the database is the attacker's, the keys are not

Forgery = Callable[[Town, Snapshot], Awaitable[object]]


async def record(shot: Snapshot) -> Consent:
    found = await Consent.filter(envelope_id=shot.envelope.id).order_by("-id").first()
    assert found is not None
    return found


async def resigned(town: Town, shot: Snapshot, key: ConsentKey | None = None, **changes: object) -> None:
    """Rewrite the consent, signed with *key* (not the portal's unless it is given)."""
    row = await record(shot)
    said = replace(consents.read(base64.b64decode(row.record)), **changes)  # type: ignore[arg-type]
    data = consents.canonical(said)
    signature = base64.b64encode(key.sign(data)).decode() if key else row.signature
    await Consent.filter(id=row.id).update(
        record=base64.b64encode(data).decode(), sha256=hashlib.sha256(data).hexdigest(), signature=signature
    )


async def alter_consent(town: Town, shot: Snapshot) -> None:
    await resigned(town, shot, nonce="1" * 32)


async def alter_hash_column(_town: Town, shot: Snapshot) -> None:
    await Consent.filter(envelope_id=shot.envelope.id).update(sha256="0" * 64)


async def alter_signature(_town: Town, shot: Snapshot) -> None:
    await Consent.filter(envelope_id=shot.envelope.id).update(signature="%%% no base64")


async def foreign_key(town: Town, shot: Snapshot) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    await resigned(town, shot, ConsentKey(private.public_key(), private), nonce="1" * 32)


async def give_to_other_signer(_town: Town, shot: Snapshot) -> None:
    """The contractor's consent, said to be the village's, whose turn it is made to be."""
    first, second = shot.signers
    await Consent.filter(envelope_id=shot.envelope.id).update(signer_id=second.id)
    await Signer.filter(id=first.id).update(signed_at=first.consented_at)


async def other_envelope(town: Town, shot: Snapshot) -> None:
    """A true consent to another envelope, hung on this one."""
    other = await town.consent(await town.out())
    true, mine = await record(other), await record(shot)
    await Consent.filter(id=mine.id).update(record=true.record, sha256=true.sha256, signature=true.signature)


async def raise_generation(_town: Town, shot: Snapshot) -> None:
    await Signer.filter(envelope_id=shot.envelope.id).update(generation=F("generation") + 1)


async def change_office(_town: Town, shot: Snapshot) -> None:
    await Signer.filter(id=shot.signers[0].id).update(office="相談役")


async def change_person(_town: Town, shot: Snapshot) -> None:
    await Signer.filter(id=shot.signers[0].id).update(person="別 人")


async def change_address(_town: Town, shot: Snapshot) -> None:
    await Signer.filter(id=shot.signers[0].id).update(email="mallory@example.net")


async def change_contact(_town: Town, shot: Snapshot) -> None:
    await Contact.filter(id=shot.signers[0].contact_id or 0).update(email_look_up="0" * 64)


async def shorten_deadline(_town: Town, shot: Snapshot) -> None:
    await Envelope.filter(id=shot.envelope.id).update(
        deadline_on=shot.envelope.deadline_on - timedelta(days=90)
    )


async def drop_document(_town: Town, shot: Snapshot) -> None:
    await type(shot.documents[1]).filter(id=shot.documents[1].id).delete()


async def swap_files(_town: Town, shot: Snapshot) -> None:
    """Document 2 shows document 1's prepared file: rows altered so that hashes agree."""
    first, second = [(await store.segments(document.id))[0] for document in shot.documents]
    await Segment.filter(id=second.id).update(file_id=first.file_id, sha256=first.sha256, length=first.length)


async def swap_positions(_town: Town, shot: Snapshot) -> None:
    one, two = shot.documents
    for document, position in ((one, 9), (two, 1), (one, 2)):
        await type(one).filter(id=document.id).update(position=position)


async def other_hash(_town: Town, shot: Snapshot) -> None:
    last = (await store.segments(shot.documents[1].id))[0]
    await Segment.filter(id=last.id).update(sha256="0" * 64)


async def other_base(_town: Town, shot: Snapshot) -> None:
    """The unprepared file in place of the prepared one."""
    document = shot.documents[1]
    base = await File.get(id=document.base_id)
    await Segment.filter(document_id=document.id).update(
        file_id=base.id, sha256=base.sha256, length=base.size
    )


async def add_revision(town: Town, shot: Snapshot) -> None:
    """A second revision that nobody signed for."""
    document = shot.documents[0]
    first = (await store.segments(document.id))[0]
    data = await store.content(town.services.blobs, [first])
    await Segment.create(
        document_id=document.id,
        number=1,
        kind="signature",
        file_id=first.file_id,
        signer_id=None,
        length=2 * len(data),
        sha256=hashlib.sha256(data + data).hexdigest(),
    )


async def skip_turn(_town: Town, shot: Snapshot) -> None:
    """The contractor is said to have signed, so that the village signs an unsigned file."""
    await Signer.filter(id=shot.signers[0].id).update(signed_at=shot.signers[0].consented_at)


FORGERIES: list[Forgery] = [
    alter_consent,
    alter_hash_column,
    alter_signature,
    foreign_key,
    give_to_other_signer,
    other_envelope,
    raise_generation,
    change_office,
    change_person,
    change_address,
    change_contact,
    shorten_deadline,
    drop_document,
    swap_files,
    swap_positions,
    other_hash,
    other_base,
    add_revision,
    skip_turn,
]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
async def test_a_forged_order_touches_no_key(town: Town, forge: Forgery) -> None:
    shot = await town.consent(await town.out(documents=2))
    order = await town.consent_id(shot)
    await forge(town, shot)
    with pytest.raises(FukanError) as refused:
        await signing.sign(forbid_keys(town.shop), shot.envelope.id, order)
    assert isinstance(refused.value, Refused | BlobError)
    assert await KeyUse.all().count() == 0
    assert (await Envelope.get(id=shot.envelope.id)).state == State.SIGNING


async def test_the_forgery_tests_would_see_a_key_in_use(town: Town) -> None:
    shot = await town.consent(await town.out(documents=2))
    with pytest.raises(KeyTouched):
        await signing.sign(forbid_keys(town.shop), shot.envelope.id, await town.consent_id(shot))
    assert await KeyUse.all().count() == 1


async def test_a_state_and_a_task_without_a_consent_touch_no_key(town: Town) -> None:
    shot = await town.out()
    await Envelope.filter(id=shot.envelope.id).update(state=State.SIGNING.value)
    with pytest.raises(Refused) as refused:
        await signing.sign(forbid_keys(town.shop), shot.envelope.id, 1)
    assert refused.value.reason is Reason.CONSENT_INVALID
    assert await KeyUse.all().count() == 0


@pytest.mark.parametrize("also", ["state", "state and signer", "state, signer and revision"])
async def test_a_consent_is_not_used_again_after_its_signature(town: Town, also: str) -> None:
    shot = await town.sign(await town.consent(await town.out()))
    order, uses = await town.consent_id(shot), await KeyUse.all().count()
    await Envelope.filter(id=shot.envelope.id).update(state=State.SIGNING.value)
    if "signer" in also:
        await Signer.filter(id=shot.signers[0].id).update(signed_at=None)
    if "revision" in also:
        await Segment.filter(kind="signature").delete()
    # What has been carried out is left alone; what looks as if it had not is refused.
    with suppress(Refused):
        await signing.sign(forbid_keys(town.shop), shot.envelope.id, order)
    assert await KeyUse.all().count() == uses


@pytest.mark.parametrize("forge", [drop_earlier := "dropped", "replaced by the prepared file"])
async def test_the_village_signs_nothing_without_the_contractors_signature(town: Town, forge: str) -> None:
    shot = await town.consent_village(await town.sign(await town.consent(await town.out())))
    uses = await KeyUse.all().count()
    first, second = await store.segments(shot.documents[0].id)
    if forge == drop_earlier:
        await Segment.filter(id=second.id).delete()
    else:
        await Segment.filter(id=second.id).update(file_id=first.file_id)
    with pytest.raises(Refused):
        await signing.sign(forbid_keys(town.shop), shot.envelope.id, await town.consent_id(shot))
    assert await KeyUse.all().count() == uses


async def test_a_consent_without_a_proof_is_refused_at_both_ends(town: Town) -> None:
    shot = await town.out()
    one = shot.signers[0]
    await town.read(shot, one)
    offer, actor = await town.offer(shot, one), signer.actor_of(one)
    with pytest.raises(Refused) as refused:
        await signer.give_consent(town.services, one.ref, offer=offer, grants=[], actor=actor)
    assert refused.value.reason is Reason.PROOF_MISSING
    shot = await town.consent(shot)
    await resigned(town, shot, town.services.keyring.consent, grants=())
    with pytest.raises(Refused):
        await signing.sign(forbid_keys(town.shop), shot.envelope.id, await town.consent_id(shot))


async def test_a_blob_that_was_altered_in_the_store_touches_no_key(town: Town) -> None:
    shot = await town.consent(await town.out(documents=2))
    last = (await store.segments(shot.documents[1].id))[0]
    name = town.services.blobs._name(last.file.ref)
    sealed = bytearray(bytes(town.engine.files().get(name).bytes()))
    sealed[100] ^= 1
    town.engine.files().put(name, bytes(sealed))
    with pytest.raises(BlobError):
        await signing.sign(forbid_keys(town.shop), shot.envelope.id, await town.consent_id(shot))
    assert await KeyUse.all().count() == 0


async def test_a_consent_in_time_is_signed_after_the_deadline(town: Town) -> None:
    shot = await town.consent(await town.out(days=0, kind=Kind.ACCEPTANCE))
    consented = town.clock()
    assert (await record(shot)).at == consented
    town.clock.forward(days=2)
    assert (await town.sign(shot)).state is State.SIGNED


# Completion and the window


async def test_a_silent_timestamp_authority_leaves_the_envelope_waiting(town: Town) -> None:
    shot = await town.signed_by_all(kind=Kind.ACCEPTANCE)

    class Silent:
        def timestamp(self, *_given: object, **_named: object) -> bytes:
            raise Later(Reason.TSA_UNAVAILABLE)

    shop = Workshop(services=town.services, seal=Silent(), papers=town.shop.papers)  # type: ignore[arg-type]
    with pytest.raises(Later):
        await completion.complete(shop, shot.envelope.id)
    assert (await town.again(shot)).state is State.SIGNED
    assert await TaskRow.filter(kind="completion_mail").count() == 0


async def test_a_file_that_does_not_validate_is_never_mailed(town: Town) -> None:
    shot = await town.signed_by_all()
    first, second, third = await store.segments(shot.documents[0].id)
    await Segment.filter(id=third.id).delete()
    with pytest.raises(Later) as later:
        await completion.complete(town.shop, shot.envelope.id)
    assert later.value.reason is Reason.VERIFICATION_FAILED
    assert await TaskRow.filter(kind="completion_mail").count() == 0
    assert (first.number, second.number) == (0, 1)


async def portal_reads(town: Town, shot: Snapshot) -> bool:
    """Whether the portal alone, without the archive key, can read the finished file."""
    blobs = type(town.services.blobs)(town.engine.files(), town.engine.keyring(bot=False))
    try:
        await store.content(blobs, await store.segments(shot.documents[0].id))
    except BlobError:
        return False
    return True


async def test_the_window_closes_after_its_last_second_and_opens_again_for_two_weeks(town: Town) -> None:
    shot = await town.completed(kind=Kind.ACCEPTANCE)
    window = shot.envelope.window_ends_at
    assert window is not None
    task = await TaskRow.get(kind="close_window")
    assert task.run_at == window + timedelta(seconds=1)
    town.clock.at = window
    await windows.close_window(town.services, shot.envelope.id)
    assert await portal_reads(town, shot)
    town.clock.at = task.run_at
    for _ in range(2):
        await windows.close_window(town.services, shot.envelope.id)
    assert not await portal_reads(town, shot)
    facts = await history.payloads(Subject.ENVELOPE, shot.envelope.id)
    assert [fact.kind for fact, _ in facts].count("window closed") == 1
    assert await town.bytes_of(shot.documents[0])

    again = await unit(lambda connection: windows.open_window(town.services, connection, shot.envelope))
    assert again > window
    assert await portal_reads(town, shot)
    await windows.close_window(town.services, shot.envelope.id)
    assert await portal_reads(town, shot)


async def test_originals_are_never_open_to_the_portal(town: Town) -> None:
    shot = await town.completed(kind=Kind.ACCEPTANCE)
    assert {row.purpose for row in await File.filter(view_wrap=None)} == {"original", "mail"}
    assert {row.purpose for row in await File.filter(archive_wrap=None)} == set()
    assert shot.state is State.COMPLETED


# The clock


async def test_only_the_contractors_turn_expires(town: Town) -> None:
    waiting = await town.out()
    village = await town.sign(await town.consent(await town.out()))
    town.clock.at = (await Envelope.get(id=waiting.envelope.id)).opened_at + timedelta(days=15, hours=10)
    await expiry.expire_due(town.services)
    await expiry.expire_due(town.services)
    assert (await town.again(waiting)).state is State.EXPIRED
    assert (await town.again(village)).state is State.OUT
    assert (await town.tasks(waiting)).count("expired_mail") == 1


async def test_a_deadline_is_not_over_on_its_day(town: Town) -> None:
    shot = await town.out(days=1)
    town.clock.at = town.clock.at.replace(hour=14, minute=59) + timedelta(days=1)
    if jst_day(town.clock()) <= shot.envelope.deadline_on:
        await expiry.expire_due(town.services)
        assert (await town.again(shot)).state is State.OUT
    town.clock.forward(days=2)
    await expiry.expire_due(town.services)
    assert (await town.again(shot)).state is State.EXPIRED


async def test_one_stale_envelope_does_not_keep_the_others_from_expiring(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await town.out(), await town.out()
    town.clock.forward(days=16)
    real, done = store.snapshot, []

    async def snapshot(**which: object) -> Snapshot:
        found = await real(**which)  # type: ignore[arg-type]
        if found.envelope.id == first.envelope.id and not done:
            # Between reading and writing somebody cancels.
            done.append(1)
            actor, version = staff.actor_of(town.drafter), found.envelope.version
            await staff.cancel(town.services, actor, found.envelope.ref, version=version, reason="中止")
        return found

    monkeypatch.setattr(store, "snapshot", snapshot)
    await expiry.expire_due(town.services)
    monkeypatch.undo()
    assert (await town.again(first)).state is State.CANCELLED
    assert (await town.again(second)).state is State.EXPIRED


async def test_task_rows_hold_ids_only(town: Town) -> None:
    await town.completed(contractors=2, documents=2)
    for row in await TaskRow.all():
        assert all(isinstance(value, int) for value in json.loads(row.ids).values())
