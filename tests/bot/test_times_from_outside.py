"""A whole envelope whose times come from an authority outside, with the authority away in the middle."""

from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from envelopes.actions import verification
from envelopes.records import store
from envelopes.records.models import Segment
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules.states import State
from envelopes.settings import Tsa as TsaSettings
from fukan.demo import cast
from tests.bot.test_worker import confirm, draft, sign_by_mail
from tests.signing.tsa import Fault, Tsa, serving
from tests.world import ACCEPTANCE, World, text_of, world


@pytest.fixture
def tsa(tmp_path: Path) -> Iterator[Tsa]:
    (tmp_path / "tsa").mkdir()
    with serving(tmp_path / "tsa") as one:
        yield one


def listed(tsa: Tsa, **more: object) -> TsaSettings:
    root = tsa.folder / "root-1.pem"
    return TsaSettings.model_validate({"name": "みほん時刻", "url": tsa.url, "ca_file": root, **more})


async def asked(built: World, tsa: Tsa) -> Snapshot:
    """Bring an acceptance as far as its signature while the authority is away."""
    await confirm(built, await draft(built, ACCEPTANCE, kind="請書"))
    tsa.fault = Fault.BUSY
    shot = await sign_by_mail(built, cast.TAKAHASHI.address)
    assert shot.state is State.SIGNING
    return shot


async def test_an_envelope_waits_for_its_authority_and_is_then_completed(tmp_path: Path, tsa: Tsa) -> None:
    async with world(tmp_path, tsa=(listed(tsa),)) as built:
        waits = await asked(built, tsa)
        task = await TaskRow.get(kind="sign")
        assert (task.state, task.error) == ("ready", "tsa-unavailable みほん時刻: HTTP 503")
        assert not await Segment.filter(kind="signature").exists()

        tsa.fault = Fault.NONE
        # The clock stays: the certificate's trial is judged by the system's clock as well.
        await TaskRow.filter(state="ready").update(run_at=built.clock())
        await built.drain()
        shot = await store.snapshot(id=waits.envelope.id)
        assert shot.state is State.COMPLETED
        report, certificate = await built.verified(cast.TAKAHASHI.address)
        assert report.valid
        assert certificate.valid
        assert [one.signer for one in report.timestamps] == ["みほん時刻 電子契約 時刻 1"]
        assert "認定を受けたものではありません" in text_of(built.last(cast.TAKAHASHI.address))


async def test_only_a_pinned_certificate_within_its_days_is_called_accredited(
    tmp_path: Path, tsa: Tsa
) -> None:
    der = (tsa.folder / "ca" / "public" / "tsa-1.cer").read_bytes()
    pin = {"fingerprint": sha256(der).hexdigest(), "number": "第00号", "since": date(2020, 1, 1)}
    pinned = listed(tsa, accreditation=[{**pin, "until": date(2099, 12, 31)}])
    async with world(tmp_path, tsa=(pinned,)) as built:
        await confirm(built, await draft(built, ACCEPTANCE, kind="請書"))
        shot = await sign_by_mail(built, cast.TAKAHASHI.address)
        assert shot.state is State.COMPLETED
        assert "時刻の証明は、認定タイムスタンプです" in text_of(built.last(cast.TAKAHASHI.address))
        segment = (await store.segments(shot.documents[0].id))[-1]
        own = await verification.find_own(segment.sha256)
        assert own is not None
        assert own.accredited


async def test_staff_are_told_which_authority_has_been_failing(tmp_path: Path, tsa: Tsa) -> None:
    async with world(tmp_path, tsa=(listed(tsa),)) as built:
        await asked(built, tsa)
        for _ in range(4):
            built.clock.forward(minutes=31)
            await built.drain()
        (mail,) = [one for one in built.mails(cast.NAKAMURA.address) if "要確認" in one["Subject"]]
        assert "みほん時刻: HTTP 503" in text_of(mail)
