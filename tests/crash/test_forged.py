"""What somebody with all rights in the database can order: nothing that a signing key is used for.

The forger writes to every table and file, knows the format of everything, and has the key for sealed columns. He lacks
the portal's consent key. One bot runs while one true order among the forged shows that it works.
"""

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from envelopes.actions import anchoring, signer
from envelopes.actions.worker import completion, signing
from envelopes.keyring import ConsentKey
from envelopes.records import store
from envelopes.records.blobs import Reader
from envelopes.records.models import Consent, Document, Envelope, File, KeyUse, Segment, Signer
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules import consent as consents
from envelopes.rules.errors import FukanError, Reason, Refused
from envelopes.rules.kinds import Kind
from envelopes.rules.states import State
from fukan import doctor
from tests.crash.scene import Scene
from tests.engines import Town
from tests.papers.odd import plain, saved

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

Forgery = Callable[["Desk"], Awaitable[Snapshot]]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What the forger works with."""

    scene: Scene
    true: Consent

    @property
    def town(self) -> Town:
        return self.scene.town

    async def out(self) -> Snapshot:
        return await self.town.out()

    async def consented(self) -> Snapshot:
        """An envelope whose contractor has really consented; its order waits."""
        return await self.town.consent(await self.out())

    async def order(self, shot: Snapshot, consent_id: int) -> Snapshot:
        """Set the state, and queue the work as the actions would."""
        await Envelope.filter(id=shot.envelope.id).update(state=State.SIGNING.value)
        await TaskRow.filter(envelope_id=shot.envelope.id, kind="sign").delete()
        now = self.town.services.now()
        await TaskRow.create(
            kind="sign",
            lane="sign",
            key=f"sign:forged:{shot.envelope.id}",
            envelope_id=shot.envelope.id,
            ids=json.dumps({"consent": consent_id, "signer": shot.signers[0].id}),
            run_at=now,
            created_at=now,
        )
        return await self.town.again(shot)

    async def record(self, shot: Snapshot, data: bytes, signature: bytes, key_id: str = "") -> int:
        """Insert a consent of the envelope's first signer; returns its id."""
        one = shot.signers[0]
        row = await Consent.create(
            envelope_id=shot.envelope.id,
            signer_id=one.id,
            generation=one.generation,
            record=base64.b64encode(data).decode(),
            sha256=sha256(data).hexdigest(),
            signature=base64.b64encode(signature).decode(),
            key_id=key_id or self.town.services.keyring.consent.id,
            at=self.town.services.now(),
        )
        await Signer.filter(id=one.id).update(consented_at=row.at, proved_at=row.at)
        return int(row.id)

    async def words(self, shot: Snapshot) -> consents.Consent:
        """What the first signer would have said."""
        return consents.Consent(
            envelope=shot.envelope.ref,
            certificate_id=shot.envelope.certificate_id,
            generation=shot.signers[0].generation,
            documents=await signer.offered(shot),
            signer=signer.party_of(shot.signers[0]),
            grants=tuple(self.town.grants()),
            text_version=consents.TEXT_VERSION,
            at=consents.instant(self.town.services.now()),
            nonce="00" * 16,
            chain_head="00" * 32,
        )


async def no_consent(desk: Desk) -> Snapshot:
    return await desk.order(await desk.out(), 999_999)


async def the_consent_of_another_envelope(desk: Desk) -> Snapshot:
    return await desk.order(await desk.out(), desk.true.id)


async def a_copied_consent(desk: Desk) -> Snapshot:
    shot = await desk.out()
    data, signature = base64.b64decode(desk.true.record), base64.b64decode(desk.true.signature)
    return await desk.order(shot, await desk.record(shot, data, signature))


async def a_consent_without_the_portals_signature(desk: Desk) -> Snapshot:
    shot = await desk.out()
    data = consents.canonical(await desk.words(shot))
    return await desk.order(shot, await desk.record(shot, data, base64.b64decode(desk.true.signature)))


async def a_consent_signed_with_a_key_of_his_own(desk: Desk) -> Snapshot:
    shot, private = await desk.out(), Ed25519PrivateKey.generate()
    key = ConsentKey(private.public_key(), private)
    data = consents.canonical(await desk.words(shot))
    return await desk.order(shot, await desk.record(shot, data, key.sign(data), key.id))


async def an_altered_record(desk: Desk) -> Snapshot:
    shot = await desk.consented()
    row = await Consent.get(envelope_id=shot.envelope.id)
    said = consents.read(base64.b64decode(row.record))
    document = replace(said.documents[0], sha256="00" * 32)
    data = consents.canonical(replace(said, documents=(document,)))
    await Consent.filter(id=row.id).update(
        record=base64.b64encode(data).decode(), sha256=sha256(data).hexdigest()
    )
    return shot


async def a_swapped_file(desk: Desk) -> Snapshot:
    """Other bytes under the prepared file, with every hash beside them made to fit."""
    shot = await desk.consented()
    blobs = desk.town.services.blobs
    other = await blobs.put(
        saved(plain(3)),
        purpose="prepared",
        readers=(Reader.VIEW, Reader.ARCHIVE),
        envelope_ref=shot.envelope.ref,
    )
    file = await File.create(
        ref=other.ref,
        purpose=other.purpose,
        envelope_ref=other.envelope_ref,
        view_wrap=other.view_wrap,
        archive_wrap=other.archive_wrap,
        size=other.size,
        sha256=other.sha256,
        created_at=desk.town.services.now(),
    )
    segment = Segment.filter(document_id=shot.documents[0].id, number=0)
    await segment.update(file_id=file.id, sha256=other.sha256, length=other.size)
    return shot


async def the_file_of_another_document(desk: Desk) -> Snapshot:
    shot, other = await desk.consented(), await desk.out()
    theirs = await Segment.get(document_id=other.documents[0].id, number=0)
    mine = Segment.filter(document_id=shot.documents[0].id, number=0)
    await mine.update(file_id=theirs.file_id)
    return shot


async def an_additional_document(desk: Desk) -> Snapshot:
    shot, other = await desk.consented(), await desk.out()
    await Document.filter(id=other.documents[0].id).update(envelope_id=shot.envelope.id, position=2)
    return shot


async def a_changed_address(desk: Desk) -> Snapshot:
    shot = await desk.consented()
    address = "forger@takahashi-kensetsu.example"
    look_up = desk.town.services.address_look_up(address)
    await Signer.filter(id=shot.signers[0].id).update(email=address, email_look_up=look_up)
    return shot


async def a_changed_name(desk: Desk) -> Snapshot:
    shot = await desk.consented()
    await Signer.filter(id=shot.signers[0].id).update(person="偽造 太郎")
    return shot


async def a_consent_before_the_link_was_renewed(desk: Desk) -> Snapshot:
    shot = await desk.consented()
    await Signer.filter(id=shot.signers[0].id).update(generation=shot.signers[0].generation + 1)
    return shot


async def a_finished_order_again(desk: Desk) -> Snapshot:
    """The contractor has signed and the village is asked; the contractor's order comes back."""
    shot = await desk.town.sign(await desk.consented())
    row = await Consent.get(envelope_id=shot.envelope.id)
    return await desk.order(shot, row.id)


async def a_finished_order_with_the_signer_unsigned(desk: Desk) -> Snapshot:
    shot = await a_finished_order_again(desk)
    await Signer.filter(id=shot.signers[0].id).update(signed_at=None)
    return shot


async def a_finished_order_with_the_signature_removed(desk: Desk) -> Snapshot:
    shot = await a_finished_order_with_the_signer_unsigned(desk)
    await Segment.filter(document_id=shot.documents[0].id, kind="signature").delete()
    return shot


FORGERIES: tuple[Forgery, ...] = (
    no_consent,
    the_consent_of_another_envelope,
    a_copied_consent,
    a_consent_without_the_portals_signature,
    a_consent_signed_with_a_key_of_his_own,
    an_altered_record,
    a_swapped_file,
    the_file_of_another_document,
    an_additional_document,
    a_changed_address,
    a_changed_name,
    a_consent_before_the_link_was_renewed,
    a_finished_order_again,
    a_finished_order_with_the_signer_unsigned,
    a_finished_order_with_the_signature_removed,
)


async def tally(shot: Snapshot) -> tuple[int, int, int]:
    """How often a key was used for the envelope, how many revisions and how many keys' uses led to one."""
    mine = KeyUse.filter(document__envelope_id=shot.envelope.id)
    revisions = await Segment.filter(document__envelope_id=shot.envelope.id).count()
    return await mine.count(), revisions, await mine.filter(done_at__isnull=False).count()


async def findings(scene: Scene) -> str:
    outcomes = [await doctor._outcome(name, check, scene.services) for name, check in doctor.CHECKS]
    return doctor.report(outcomes)


async def is_named(shot: Snapshot, named: str) -> bool:
    """Whether the doctor speaks of the envelope, or of a consent that it stands on."""
    own = await Consent.filter(envelope_id=shot.envelope.id).values_list("id", flat=True)
    return shot.number in named or any(f"同意の記録 {one} は本物ではありません" in named for one in own)


async def tried(shot: Snapshot) -> bool:
    """Whether the bot has looked at every order of the envelope, and left it."""
    orders = TaskRow.filter(envelope_id=shot.envelope.id, kind="sign")
    return not await orders.filter(attempts=0).exists() and not await orders.filter(state="running").exists()


async def test_no_forged_order_is_carried_out_and_the_doctor_names_each(scene: Scene) -> None:
    honest = await scene.town.consent(await scene.town.out())
    desk = Desk(scene=scene, true=await Consent.get(envelope_id=honest.envelope.id))
    await anchoring.anchor(scene.town.shop)
    assert "×" not in await findings(scene)
    forged = [(forge, await forge(desk)) for forge in FORGERIES]
    before = [await tally(shot) for _, shot in forged]

    scene.start("bot")
    await scene.until(partial(_signed, honest), "the true order carried out")
    for forge, shot in forged:
        await scene.until(partial(tried, shot), f"an attempt at {forge.__name__}")
    assert await scene.runners[0].end() == 0

    named = await findings(scene)
    for (forge, shot), count in zip(forged, before, strict=True):
        assert (forge.__name__, await tally(shot)) == (forge.__name__, count)
        assert (forge.__name__, await is_named(shot, named)) == (forge.__name__, True)
    assert honest.number not in named


async def _signed(shot: Snapshot) -> bool:
    return (await store.snapshot(id=shot.envelope.id)).signers[0].signed_at is not None


async def swap_what_was_prepared(town: Town, shot: Snapshot) -> None:
    other = await town.out()
    theirs = await Segment.get(document_id=other.documents[0].id, number=0)
    await Segment.filter(document_id=shot.documents[0].id, number=0).update(
        file_id=theirs.file_id, sha256=theirs.sha256, length=theirs.length
    )


async def test_bytes_swapped_between_view_and_consent_are_shown_anew(scene: Scene) -> None:
    town = scene.town
    shot = await town.out()
    one = shot.signers[0]
    await town.prove(one)
    await town.read(shot, one)
    seen = await town.offer(shot, one)
    await swap_what_was_prepared(town, shot)
    with pytest.raises(Refused) as refused:
        await signer.give_consent(
            town.services, one.ref, offer=seen, grants=town.grants(), actor=signer.actor_of(one)
        )
    assert refused.value.reason is Reason.OFFER_CHANGED


async def test_bytes_swapped_right_before_the_worker_reads_them_are_refused(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = scene.town
    shot = await town.consent(await town.out())
    row = await Consent.get(envelope_id=shot.envelope.id)
    read = store.segments

    async def swap_and_read(document_id: int, *rest: Any) -> list[Segment]:
        await swap_what_was_prepared(town, shot)
        return await read(document_id, *rest)

    monkeypatch.setattr(store, "segments", swap_and_read)
    with pytest.raises(Refused):
        await signing.sign(town.shop, shot.envelope.id, row.id)
    assert not await KeyUse.filter(document__envelope_id=shot.envelope.id).exists()


async def test_bytes_swapped_after_the_worker_has_read_them_never_leave_as_signed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in hand is what was seen, so it is signed; what lies in the files by then is not, and goes nowhere."""
    town = scene.town
    shot = await town.consent(await town.out(kind=Kind.ACCEPTANCE))
    row = await Consent.get(envelope_id=shot.envelope.id)
    create = KeyUse.create

    async def swap_and_create(**columns: Any) -> KeyUse:
        await swap_what_was_prepared(town, shot)
        return await create(**columns)

    monkeypatch.setattr(KeyUse, "create", swap_and_create)
    await signing.sign(town.shop, shot.envelope.id, row.id)
    with pytest.raises(FukanError):
        await completion.complete(town.shop, shot.envelope.id)
    assert (await town.again(shot)).state is State.SIGNED
    assert shot.number in await findings(scene)
