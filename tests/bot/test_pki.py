"""Looking after the authority: an envelope that is on its way when keys are renewed goes on by itself."""

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path

from bot import pki
from envelopes.rules.states import State
from envelopes.signing import inspection
from envelopes.signing.authority import ENDS
from envelopes.signing.certificates import LEAD, LIFE, Role
from fukan.demo import cast
from tests.bot.test_worker import confirm, draft, sign_by_mail
from tests.signing.conftest import Clock, aging_world, now
from tests.world import ACCEPTANCE, world


async def test_an_envelope_on_its_way_is_signed_by_the_successor_without_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        await confirm(built, await draft(built, ACCEPTANCE, kind="請書"))
        settings, now = built.services.settings, built.clock()
        own = await asyncio.to_thread(pki.opened, settings)
        await asyncio.to_thread(pki.renew, settings, own, now=now, roles=ENDS)
        shot = await sign_by_mail(built, cast.TAKAHASHI.address)
        assert shot.state is State.COMPLETED
        report, certificate = await built.verified(cast.TAKAHASHI.address)
        assert report.valid
        assert certificate.valid
        assert [one.signer for one in report.signatures] == ["みほん村 電子契約 署名 2"]
        assert [one.signer for one in report.timestamps] == ["みほん村 電子契約 時刻 2"]


async def test_what_is_due_is_renewed_once_by_all_bots_and_published(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        settings = built.services.settings
        due = built.clock() + LIFE[Role.SIGNER] - LEAD[Role.SIGNER] + timedelta(hours=1)
        both = [asyncio.to_thread(pki.look_after, settings, due) for _ in range(2)]
        await asyncio.gather(*both)
        names = {path.name for path in settings.public_directory.iterdir()}
        assert {"signer-1.crl", "signer-2.cer", "signer-2.crl", "tsa-1.crl"} <= names
        assert "signer-3.cer" not in names
        assert (
            built.tools.shop.seal.key.current().certificate
            == (settings.public_directory / "signer-2.cer").read_bytes()
        )


async def test_lists_of_others_are_published_too_each_in_the_place_of_the_one_before(
    tmp_path: Path,
) -> None:
    other = aging_world(tmp_path / "other", Clock(now()))
    async with world(tmp_path) as built:
        settings = built.services.settings
        for _ in range(2):
            crls = other.authority.refresh_crls(now())
            look = partial(pki.look_after, settings, built.clock(), roots=other.seal.roots, crls=crls)
            await asyncio.to_thread(look)
            found = inspection.published(settings.public_directory)
            assert {*crls} <= {*found.crls}
            assert len(found.crls) == 4


async def test_roots_of_others_that_the_service_trusts_are_published_for_who_verifies(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        settings, own = built.services.settings, built.tools.shop.seal.roots
        other = (tmp_path / "keys/bot/authority/public/signer-1.cer").read_bytes()  # any certificate will do
        look = partial(pki.look_after, settings, built.clock(), roots=(*own, other))
        await asyncio.to_thread(look)
        assert set(inspection.published(settings.public_directory).roots) == {*own, other}
