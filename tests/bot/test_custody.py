"""The operator's own key in a whole service: an envelope waits for it, and goes on by itself once it is there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import custody
from envelopes.records import store
from envelopes.records.models import Segment
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules.states import State
from envelopes.settings import Settings, SettingsFaulty
from envelopes.signing.keys import private_key
from fukan.demo import cast
from tests.bot.test_worker import confirm, draft, sign_by_mail
from tests.signing import softhsm
from tests.signing.conftest import TOWN, now
from tests.signing.shop import SECRET, Shop, opened, put
from tests.world import ACCEPTANCE, World, text_of, world


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with opened(tmp_path / "shop") as one:
        yield one


def in_files(shop: Shop, **more: Any) -> dict[str, Any]:
    bought = shop.order(**more)
    names = ("key_file", "passphrase_file", "certificate_file", "chain_file")
    return {"kind": "file", **{name: getattr(bought, name) for name in names}}


async def asked(built: World) -> Snapshot:
    """Bring an acceptance as far as its signature, which waits."""
    await confirm(built, await draft(built, ACCEPTANCE, kind="請書"))
    shot = await sign_by_mail(built, cast.TAKAHASHI.address)
    assert shot.state is State.SIGNING
    assert not await Segment.filter(kind="signature").exists()
    return shot


async def completed(built: World, waits: Snapshot) -> None:
    # Not by moving the clock: pyHanko judges by the system's own.
    await TaskRow.filter(kind="sign").update(run_at=built.clock())
    await built.drain()
    shot = await store.snapshot(id=waits.envelope.id)
    assert shot.state is State.COMPLETED
    report, certificate = await built.verified(cast.TAKAHASHI.address)
    assert report.valid
    assert certificate.valid
    assert report.signatures[0].signer.startswith(f"{TOWN}長")
    assert [one.signer for one in report.timestamps] == ["みほん村 電子契約 時刻 1"]


async def test_an_envelope_waits_for_a_new_certificate_and_goes_on_once_its_files_are_there(
    tmp_path: Path, shop: Shop
) -> None:
    async with world(tmp_path, signing_key=in_files(shop, old=True)) as built:
        waits = await asked(built)
        task = await TaskRow.get(kind="sign")
        assert (task.state, task.error) == ("ready", "certificate-ended")
        said = [text_of(mail) for mail in built.mails(cast.MARUYAMA.address) if "期限" in mail["Subject"]]
        assert len(said) == 1
        assert "期限が切れました" in said[0]
        shop.order(number=2)
        await completed(built, waits)


async def test_an_envelope_waits_for_an_hsm_that_was_away(
    tmp_path: Path, shop: Shop, hsm_folder: Path
) -> None:
    key = in_files(shop)
    pin = shop.folder / "pin"
    put(pin, softhsm.PIN.encode())
    set_ = {
        "kind": "pkcs11",
        "module": softhsm.MODULE,
        "token_label": "away for now",
        "key_label": "mihon",
        "pin_file": pin,
        "certificate_file": key["certificate_file"],
        "chain_file": key["chain_file"],
    }
    softhsm.token(hsm_folder, "another")
    async with world(tmp_path, signing_key=set_) as built:
        waits = await asked(built)
        task = await TaskRow.get(kind="sign")
        assert (task.state, task.error) == ("ready", "key-unavailable HSM: NoSuchToken")
        card = softhsm.token(hsm_folder, "away for now")
        card.put(private_key(key["key_file"], passphrase=SECRET), label="mihon", number="01")
        await completed(built, waits)


def test_faults_of_the_files_are_faults_of_the_settings(tmp_path: Path, shop: Shop) -> None:
    key = in_files(shop)
    key["passphrase_file"].unlink()
    key["chain_file"].write_bytes(b"\n")
    settings = Settings.model_validate({"directory": tmp_path, "signing_key": key})
    with pytest.raises(SettingsFaulty) as caught:
        custody.chosen(settings, clock=now)
    places = [line.partition(":")[0] for line in str(caught.value).splitlines()]
    assert places == ["signing_key.passphrase_file", "signing_key.chain_file"]
