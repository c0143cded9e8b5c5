"""What was handed in on the public page, judged by the bot: really read, in a child, in a lane of its own."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.uploads import judge
from bot.worker import HANDLERS, WIDTH
from envelopes.actions import verification as act
from envelopes.actions.verification import Judged
from envelopes.records import tasks
from envelopes.records.tasks import Lane
from envelopes.rules.findings import Fault, Verdict
from envelopes.rules.states import Task
from envelopes.signing import verify
from tests.engines import Clock, Engine, Town, build_town
from tests.signing.conftest import pdf
from tests.signing.test_inspection import never

pytestmark = pytest.mark.engines


async def a_town(engine: Engine, authority: Path, seconds: float) -> Town:
    clock = Clock(datetime.now(UTC) - timedelta(hours=25))
    return await build_town(engine, authority, clock, policy={"verify_seconds": seconds})


async def judged(town: Town, data: bytes) -> Judged:
    ref = await act.submit(town.services, data)
    lease = timedelta(minutes=2)
    (task,) = await tasks.claim(Lane.VERIFY, limit=1, now=town.clock(), lease=lease)
    await judge(town.shop, task.ids["verification"])
    found = await act.found(town.services, ref)
    assert found is not None
    return found


def test_uploads_have_a_lane_of_their_own() -> None:
    assert [kind for kind in Task if tasks.lane(kind) is Lane.VERIFY] == [Task.VERIFY]
    assert set(HANDLERS) == set(Task)
    assert set(WIDTH) == set(Lane)


async def test_files_are_judged_as_they_are(engine: Engine, authority_folder: Path) -> None:
    town = await a_town(engine, authority_folder, 60.0)
    shot = await town.completed()
    (document,) = shot.documents
    data = await town.bytes_of(document)
    sound = await judged(town, data)
    assert sound.result.verdict is Verdict.SOUND
    assert sound.result.issuer == "みほん村 電子契約 認証局 1"
    altered = data.replace(b"/Title", b"/Titel", 1) if b"/Title" in data else data[:900] + b"#" + data[901:]
    assert (await judged(town, altered)).result.verdict is not Verdict.SOUND
    assert (await judged(town, data + b"\n%x")).result.every_fault == (Fault.BYTES_AFTER_END,)
    assert (await judged(town, pdf())).result.faults == (Fault.NO_SIGNATURE,)
    assert (await judged(town, b"GIF89a")).result.faults == (Fault.UNREADABLE,)
    await town.shop.papers.sandbox.close()


async def test_a_file_that_never_ends_is_said_not_to_be_analysed(
    engine: Engine, authority_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = await a_town(engine, authority_folder, 0.5)
    monkeypatch.setattr(verify, "report", never)
    assert (await judged(town, b"%PDF")).result.faults == (Fault.NOT_ANALYSED,)
    await town.shop.papers.sandbox.close()
