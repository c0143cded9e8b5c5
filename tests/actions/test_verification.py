"""What anybody may ask: own files by their bytes, ids that reveal little, uploads that are gone after minutes."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from envelopes.actions import verification as act
from envelopes.records import store, tasks
from envelopes.records.models import File, Verification
from envelopes.records.models import Task as TaskRow
from envelopes.records.tasks import Lane
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.findings import Fault, Result
from envelopes.services import Services
from tests.engines import Clock, Engine, Town, build_services

pytestmark = pytest.mark.engines
HOME = "198.51.100.0/24"


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 4, 1, 9, tzinfo=UTC))


@pytest.fixture
def provided(engine: Engine, clock: Clock) -> Services:
    policy = {"verify_waiting": 2, "verify_an_hour": 3, "look_ups_an_hour": 4}
    return build_services(engine, clock, policy=policy)


def saying(result: Result) -> Callable[[bytes], Awaitable[Result]]:
    async def by(_: bytes) -> Result:
        return result

    return by


NOTHING = Result(faults=(Fault.NO_SIGNATURE,))


async def refused(work: Awaitable[object]) -> Reason:
    with pytest.raises(Refused) as error:
        await work
    return error.value.reason


async def task_id() -> int:
    later = datetime(2027, 1, 1, tzinfo=UTC)
    (claimed,) = await tasks.claim(Lane.VERIFY, limit=5, now=later, lease=timedelta(minutes=2))
    return claimed.ids["verification"]


# Our own


async def test_a_concluded_file_is_known_by_its_bytes_and_by_nothing_less(town: Town) -> None:
    shot = await town.completed(documents=2)
    for document in shot.documents:
        data = await town.bytes_of(document)
        own = await act.find_own(sha256(data).hexdigest())
        assert own is not None
        assert own.certificate_id == f"{shot.envelope.certificate_id}-{document.position}"
        assert own.concluded_on == shot.envelope.transaction_on
        assert [one.company for one in own.signatures] == [one.company for one in shot.signers]
        assert all(one.at for one in own.signatures)
        assert not own.accredited
        assert await act.find_own(sha256(data + b"\n").hexdigest()) is None
        for segment in (await store.segments(document.id))[:-1]:
            assert await act.find_own(segment.sha256) is None


async def test_a_file_that_was_never_concluded_is_not_known(town: Town) -> None:
    shot = await town.signed_by_all()
    (document,) = shot.documents
    assert await act.find_own(sha256(await town.bytes_of(document)).hexdigest()) is None
    assert (
        await refused(act.look_up(town.services, shot.envelope.certificate_id, network=HOME))
        is Reason.CERTIFICATE_ID_UNKNOWN
    )


async def test_an_id_reveals_a_date_a_number_and_masked_parties(town: Town) -> None:
    shot = await town.completed(documents=2, contractors=2)
    number = shot.envelope.certificate_id
    wide = number.translate({ord("-"): "－", **{n: n + 0xFEE0 for n in range(0x30, 0x5B)}})
    for typed in (number, f" {number.lower()} ", f"{number}-2", wide):
        known = await act.look_up(town.services, typed, network=typed)
        assert (known.certificate_id, known.documents) == (number, 2)
        assert known.concluded_on == shot.envelope.transaction_on
        assert known.parties == ("髙＊＊＊", "山＊＊＊", "みほん村")


@pytest.mark.parametrize("typed", ["", "MHN", "MHN-0000-0000-0000-0000-0", "%", "' OR 1=1", "髙橋建設"])
async def test_an_unknown_id_is_refused_whatever_it_is(provided: Services, typed: str) -> None:
    assert await refused(act.look_up(provided, typed, network=HOME)) is Reason.CERTIFICATE_ID_UNKNOWN


async def test_ids_cannot_be_tried_out(provided: Services, clock: Clock) -> None:
    for _ in range(4):
        assert await refused(act.look_up(provided, "MHN-1", network=HOME)) is Reason.CERTIFICATE_ID_UNKNOWN
    assert await refused(act.look_up(provided, "MHN-1", network=HOME)) is Reason.LIMIT_REACHED
    assert await refused(act.look_up(provided, "MHN-1", network="x")) is Reason.CERTIFICATE_ID_UNKNOWN
    clock.forward(hours=1)
    assert await refused(act.look_up(provided, "MHN-1", network=HOME)) is Reason.CERTIFICATE_ID_UNKNOWN


async def test_what_is_too_long_for_an_id_is_no_id(provided: Services) -> None:
    typed = "MHN" + "-AAAA" * 50
    assert await refused(act.look_up(provided, typed, network=HOME)) is Reason.CERTIFICATE_ID_UNKNOWN


# Of strangers


async def test_an_upload_is_judged_once_and_its_file_is_gone(provided: Services, engine: Engine) -> None:
    ref = await act.submit(provided, "髙橋 一郎の契約".encode())
    assert await act.found(provided, ref) is None
    file = await File.get(purpose=act.PURPOSE)
    number = await task_id()
    await act.judge(provided, number, saying(NOTHING))
    judged = await act.found(provided, ref)
    assert judged is not None
    assert judged.result == NOTHING
    assert judged.sha256 == sha256("髙橋 一郎の契約".encode()).hexdigest()
    assert not await File.filter(id=file.id).exists()
    await provided.blobs.remove(file.ref)  # gone already is as good
    await act.judge(provided, number, saying(Result()))
    again = await act.found(provided, ref)
    assert again == judged
    assert "no-signature" not in await engine.dump()


async def test_what_was_handed_in_lies_nowhere_in_the_clear(provided: Services, engine: Engine) -> None:
    await act.submit(provided, "髙橋 一郎の契約".encode())
    assert "髙橋" not in await engine.dump()
    for path in (engine.directory / "files").rglob("*"):
        assert path.is_dir() or "髙橋".encode() not in path.read_bytes()


async def test_a_result_that_was_shown_is_forgotten(provided: Services) -> None:
    ref = await act.submit(provided, b"%PDF")
    await act.judge(provided, await task_id(), saying(NOTHING))
    await act.forget(provided, ref)
    await act.forget(provided, ref)
    assert await refused(act.found(provided, ref)) is Reason.UPLOAD_GONE


async def test_the_clock_sweeps_what_nobody_asked_for(provided: Services, clock: Clock) -> None:
    ref = await act.submit(provided, b"%PDF")
    clock.forward(minutes=9)
    await act.sweep(provided)
    assert await act.found(provided, ref) is None
    clock.forward(minutes=1)
    # Already before the sweep nothing is shown any more.
    assert await refused(act.found(provided, ref)) is Reason.UPLOAD_GONE
    number = await task_id()
    await act.sweep(provided)
    assert not await Verification.all().exists()
    assert not await File.all().exists()
    assert not await TaskRow.all().exists()
    await act.judge(provided, number, saying(NOTHING))


async def test_more_than_may_wait_are_asked_to_come_later(provided: Services, clock: Clock) -> None:
    await act.submit(provided, b"1")
    await act.submit(provided, b"2")
    assert await refused(act.admit(provided, network=HOME)) is Reason.UPLOADS_WAITING
    assert await refused(act.submit(provided, b"3")) is Reason.UPLOADS_WAITING
    assert await File.all().count() == 2
    clock.forward(minutes=10)
    await act.admit(provided, network=HOME)


async def test_one_network_cannot_take_all(provided: Services) -> None:
    for _ in range(3):
        await act.admit(provided, network=HOME)
    assert await refused(act.admit(provided, network=HOME)) is Reason.LIMIT_REACHED
    await act.admit(provided, network="203.0.113.0/24")


async def test_all_networks_together_are_limited_too(engine: Engine, clock: Clock) -> None:
    policy = {"verify_an_hour_total": 3, "look_ups_an_hour_total": 2}
    services = build_services(engine, clock, policy=policy)
    for number in range(3):
        await act.admit(services, network=f"192.0.{number}.0/24")
    assert await refused(act.admit(services, network="203.0.113.0/24")) is Reason.UPLOADS_WAITING
    for number in range(2):
        asked = act.look_up(services, "MHN-1", network=f"192.0.{number}.0/24")
        assert await refused(asked) is Reason.CERTIFICATE_ID_UNKNOWN
    asked = act.look_up(services, "MHN-1", network="203.0.113.0/24")
    assert await refused(asked) is Reason.UPLOADS_WAITING
    clock.forward(hours=1)
    await act.admit(services, network="203.0.113.0/24")
