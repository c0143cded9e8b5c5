"""Archive timestamps are renewed in time, once, file by file; what cannot be renewed stays as it is and is told of."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from envelopes.actions import chronicle, renewing, verification
from envelopes.actions.worker import windows
from envelopes.actions.worker.workshop import Workshop
from envelopes.records import history, store
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Document, File, Segment
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules.errors import Later, Reason
from envelopes.rules.findings import Verdict
from envelopes.signing import authority, inspection, seal
from envelopes.signing.certificates import LIFE, Role
from envelopes.signing.timestamps import Timestamper
from fukan import verifying
from tests.engines import PASSPHRASE, Clock, Engine, Town, build_town
from tests.signing.conftest import next_tsa

pytestmark = pytest.mark.engines

# The first timestamp certificate is three days old. With this policy it is about to end, and its successor is not.
BEFORE = LIFE[Role.TSA] - timedelta(days=1, hours=12)


@dataclass(frozen=True)
class Aging:
    """A town, its authority's folder, and a worker for whom the first timestamp certificate is about to end."""

    town: Town
    folder: Path
    shop: Workshop

    def shop_with(self, **rules: object) -> Workshop:
        policy = replace(self.shop.services.policy, **rules)  # type: ignore[arg-type]
        return replace(self.shop, services=replace(self.shop.services, policy=policy))

    def succeed(self) -> "Aging":
        """Give the authority its next timestamp certificate, and the worker a seal that knows it."""
        clock = self.town.clock
        next_tsa(self.folder, clock())
        loaded = seal.embedded(self.folder, passphrase=PASSPHRASE, clock=clock)
        return replace(self, shop=replace(self.shop, seal=loaded))

    async def renew(self) -> None:
        await renewing.renew(self.shop)

    async def bytes_of(self, shot: Snapshot) -> list[bytes]:
        return [await self.town.bytes_of(document) for document in shot.documents]


@pytest.fixture
async def aging(engine: Engine, tmp_path: Path) -> Aging:
    folder, now = tmp_path / "authority", datetime.now(UTC)
    authority.create(
        folder,
        town="みほん村",
        public_url="http://sign.mihon.example",
        now=now - timedelta(days=3),
        passphrase=PASSPHRASE,
        key_type="p256",
    )
    town = await build_town(engine, folder, Clock(now - timedelta(hours=25)))
    made = Aging(town, folder, town.shop)
    return replace(made, shop=made.shop_with(renew_before=BEFORE))


async def kinds(document: Document) -> list[str]:
    return [segment.kind for segment in await store.segments(document.id)]


async def facts(shot: Snapshot) -> list[str]:
    said = await history.payloads(Subject.ENVELOPE, shot.envelope.id)
    return [fact.kind for fact, _ in said]


# What completion notes


async def test_a_finished_file_says_until_when_it_stands(town: Town) -> None:
    shot = await town.completed()
    document = await Document.get(id=shot.documents[0].id)
    last = (await store.segments(document.id))[-1]
    tsa = town.shop.seal.times_until()
    assert document.stands_until == tsa
    assert document.algorithms == "p256 sha256"
    assert last.time_stamped_at is not None
    assert abs(last.time_stamped_at - town.clock()) < timedelta(minutes=1)
    assert await renewing.due(town.services) == []


# Renewing


async def test_what_is_due_gets_one_more_timestamp_and_is_whole(aging: Aging) -> None:
    shot = await aging.town.completed(documents=2)
    before = await aging.bytes_of(shot)
    assert len(await renewing.due(aging.shop.services)) == len(shot.papers) == 3
    new = aging.succeed()
    await new.renew()
    for document, old, data in zip(shot.documents, before, await aging.bytes_of(shot), strict=True):
        assert data.startswith(old)
        assert await kinds(document) == ["prepared", "signature", "signature", "timestamp", "timestamp"]
        report = await asyncio.to_thread(new.shop.seal.verify, data)
        assert report.valid
        assert [one.field for one in report.timestamps] == ["Timestamp1", "Timestamp2"]
        last = (await store.segments(document.id))[-1]
        assert (last.sha256, last.length) == (sha256(data).hexdigest(), len(data))
    assert await renewing.due(new.shop.services) == []
    assert (await facts(shot)).count("timestamp renewed") == 3
    assert [broken async for broken in history.verify()] == []


async def test_a_second_run_and_a_second_worker_add_nothing(aging: Aging) -> None:
    shot = await aging.town.completed()
    new = aging.succeed()
    await asyncio.gather(*(new.renew() for _ in range(3)))
    await new.renew()
    assert (await kinds(shot.documents[0])).count("timestamp") == 2
    assert (await facts(shot)).count("timestamp renewed") == len(shot.papers)


async def test_only_what_was_concluded_is_renewed(aging: Aging) -> None:
    await aging.town.signed_by_all()
    await aging.town.out()
    assert await renewing.due(aging.shop.services) == []
    await aging.succeed().renew()
    assert not await Segment.filter(kind="timestamp").exists()


async def test_both_the_old_and_the_renewed_file_are_known_by_their_hash(aging: Aging) -> None:
    shot = await aging.town.completed()
    (old,) = await aging.bytes_of(shot)
    await aging.succeed().renew()
    (new,) = await aging.bytes_of(shot)
    first, second = [await verification.find_own(sha256(data).hexdigest()) for data in (old, new)]
    assert first is not None
    assert second is not None
    assert first.certificate_id == second.certificate_id
    assert len(second.signatures) == 2
    assert first.stamped_at is not None
    assert second.stamped_at is not None
    assert first.stamped_at <= second.stamped_at


async def test_bulk_verification_finds_the_renewed_file_sound(aging: Aging) -> None:
    await aging.town.completed()
    await aging.succeed().renew()
    believing = inspection.published(aging.folder / "public")
    async with verifying.inspector(replace(aging.shop.services.policy, verify_seconds=60.0)) as by:
        documents = await verifying.concluded(None, None)
        looked = verifying.look_back(aging.shop.services, documents, by=by, believing=believing)
        kept = [one async for one in looked]
    assert [one.name for one in kept] == ["01_文書1.pdf", "締結証明書.pdf"]
    assert {one.result.verdict for one in kept} == {Verdict.SOUND}


async def test_the_history_names_the_renewal_in_words(aging: Aging) -> None:
    shot = await aging.town.completed()
    await aging.succeed().renew()
    newest = {one.text for one in (await chronicle.happenings(shot))[:2]}
    assert newest == {
        f"{paper}に新しいタイムスタンプを加え、証明できる期間を延ばしました"
        for paper in ("文書1「文書1」", "締結証明書")
    }


# What the portal may read


async def may_view(shot: Snapshot) -> list[bool]:
    """For each revision of the first document, whether the portal has a key for it."""
    return [segment.file.view_wrap is not None for segment in await store.segments(shot.documents[0].id)]


async def test_while_a_file_is_on_offer_the_portal_reads_its_new_revision_too(aging: Aging) -> None:
    shot = await aging.town.completed()
    await aging.succeed().renew()
    assert await may_view(shot) == [True] * 5
    aging.town.clock.forward(days=15)
    await windows.close_window(aging.shop.services, shot.envelope.id)
    assert await may_view(shot) == [False] * 5


async def test_after_the_window_a_renewal_stays_closed_until_it_is_opened_again(aging: Aging) -> None:
    shot = await aging.town.completed()
    aging.town.clock.forward(days=15)
    await windows.close_window(aging.shop.services, shot.envelope.id)
    await aging.succeed().renew()
    assert await may_view(shot) == [False] * 5
    services, envelope = aging.shop.services, (await aging.town.again(shot)).envelope
    await unit(lambda connection: windows.open_window(services, connection, envelope))
    assert await may_view(shot) == [True] * 5


# The batch


async def test_an_hour_takes_no_more_than_its_share(aging: Aging) -> None:
    await aging.town.completed(documents=3)
    new = aging.succeed()
    shop = replace(new, shop=new.shop_with(renewals_an_hour=2)).shop
    await renewing.renew(shop)
    assert len(await renewing.due(shop.services)) == 2
    await renewing.renew(shop)
    assert await renewing.due(shop.services) == []


async def test_the_clock_queues_one_batch_an_hour_and_only_for_something_due(aging: Aging) -> None:
    async def queued() -> int:
        return await TaskRow.filter(kind="renew").count()

    services = aging.shop.services
    await aging.town.completed()
    await renewing.renew_hourly(aging.town.services)
    assert await queued() == 0, "eleven years are left"
    await renewing.renew_hourly(services)
    await renewing.renew_hourly(services)
    aging.town.clock.forward(hours=1)
    await renewing.renew_hourly(services)
    assert await queued() == 1, "one that waits is enough"
    await TaskRow.filter(kind="renew").update(state="done")
    await renewing.renew_hourly(services)
    assert await queued() == 2
    task = await TaskRow.filter(kind="renew").first()
    assert task is not None
    assert (task.lane, task.envelope_id) == ("keep", None)


# What goes wrong


async def test_one_file_that_is_damaged_hinders_no_other(aging: Aging) -> None:
    shot = await aging.town.completed(documents=3)
    await aging.town.engine.run(
        "UPDATE segments SET file_id = (SELECT min(file_id) FROM segments)"
        f" WHERE number = 0 AND document_id = {shot.documents[1].id}"
    )
    new = aging.succeed()
    with pytest.raises(Later) as later:
        await new.renew()
    assert (later.value.reason, later.value.note) == (Reason.RENEWAL_FAILED, "1")
    counts = [(await kinds(document)).count("timestamp") for document in shot.documents]
    assert counts == [2, 1, 2]
    (left,) = await renewing.due(new.shop.services)
    assert left.id == shot.documents[1].id


async def test_a_file_whose_time_is_over_is_not_made_to_look_sound(aging: Aging) -> None:
    """The renewal was missed: a new timestamp proves nothing any more, and none is kept."""
    shot = await aging.town.completed()
    broken = replace(aging.succeed().shop.seal, trusts=tuple)
    shop = replace(aging.shop, seal=broken)
    steps = [step async for step in renewing.steps(shop, [shot.documents[0].id])]
    assert [str(step.error) for step in steps] == ["verification-failed"]
    assert (await kinds(shot.documents[0])).count("timestamp") == 1


async def test_a_silent_authority_leaves_everything_as_it_is(aging: Aging) -> None:
    def silent(_: bytes) -> bytes:
        raise Later(Reason.TSA_UNAVAILABLE, "no answer")

    shot = await aging.town.completed()
    made = aging.succeed().shop
    stamper: Timestamper = silent_like(made.seal.timestamper, silent)
    with pytest.raises(Later) as later:
        await renewing.renew(replace(made, seal=replace(made.seal, timestamper=stamper)))
    assert later.value.reason is Reason.TSA_UNAVAILABLE
    assert (await kinds(shot.documents[0])).count("timestamp") == 1


def silent_like(stamper: Timestamper, ask: object) -> Timestamper:
    return replace(stamper, ask=ask)  # type: ignore[type-var]


async def test_no_token_is_spent_on_an_authority_that_ends_as_soon(aging: Aging) -> None:
    asked: list[bytes] = []

    def counting(request: bytes) -> bytes:
        asked.append(request)
        raise AssertionError

    shot = await aging.town.completed()
    stamper = silent_like(aging.shop.seal.timestamper, counting)
    shop = replace(aging.shop, seal=replace(aging.shop.seal, timestamper=stamper))
    await renewing.renew(shop)
    assert asked == [], "a new certificate is waited for in silence while there is time"
    hurried = replace(shop.services, policy=replace(shop.services.policy, renew_tell=BEFORE))
    with pytest.raises(Later) as later:
        await renewing.renew(replace(shop, services=hurried))
    assert (later.value.reason, asked) == (Reason.TSA_ENDS_AS_SOON, [])
    assert (await kinds(shot.documents[0])).count("timestamp") == 1


async def test_a_file_nobody_has_looked_at_is_looked_at(aging: Aging) -> None:
    shot = await aging.town.completed()
    await Document.all().update(stands_until=None, algorithms="")
    assert len(await renewing.due(aging.town.services)) == 2
    await renewing.renew(aging.town.shop)
    document = await Document.get(id=shot.documents[0].id)
    assert document.stands_until == aging.town.shop.seal.times_until()
    assert document.algorithms == "p256 sha256"
    assert (await kinds(document)).count("timestamp") == 1


async def test_an_algorithm_that_is_no_longer_relied_on_makes_files_due(aging: Aging) -> None:
    await aging.town.completed()
    today = datetime.now(UTC).date()
    services = aging.town.services
    ending = replace(services, policy=replace(services.policy, algorithms_until=(("p256", today),)))
    assert len(await renewing.due(ending)) == 2
    other = replace(services, policy=replace(services.policy, algorithms_until=(("rsa3072", today),)))
    assert await renewing.due(other) == []


async def test_killed_between_file_and_commit_it_goes_on(
    aging: Aging, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    async def dies(*_: object) -> None:
        raise Killed

    shot = await aging.town.completed(documents=2)
    new = aging.succeed()
    with monkeypatch.context() as patch:
        patch.setattr(renewing, "_commit", dies)
        with pytest.raises(Killed):
            await new.renew()
    assert [(await kinds(document)).count("timestamp") for document in shot.documents] == [1, 1]
    assert not await File.filter(purpose="timestamp", view_wrap=None).exists()
    await new.renew()
    assert [(await kinds(document)).count("timestamp") for document in shot.documents] == [2, 2]
