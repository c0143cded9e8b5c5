"""Each door with its own keys only: the contractor's whole way needs nothing that the other door holds."""

from pathlib import Path

import pytest

from envelopes.keyring import KeyMissing, Keyring
from tests.journeys import cast
from tests.journeys.people import Roles
from tests.journeys.world import World

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]


def test_portal_without_the_bots_keys_runs_the_contractors_whole_way(
    world: World, roles: Roles, title: str
) -> None:
    assert sorted(path.name for path in world.keys("portal").iterdir()) == ["portal", "shared"]
    with pytest.raises(KeyMissing):
        Keyring.open(world.keys("portal"), portal=True, bot=True)
    assert not (world.place.directory / "keys").exists()

    clerk, contractor = roles.out(title)
    contractor.prove()
    assert contractor.status(f"{contractor.base}/1/pdf") == 200
    contractor.complete()
    roles.clerk(title, cast.KITAZAWA).sign_for_village()
    contractor.open(contractor.letter("電子署名完了").link)
    contractor.press("契約書", exact=False)
    clerk.envelope_page()
    assert "締結済み" in clerk.text


def test_bot_cannot_make_a_consent(world: World, tmp_path: Path) -> None:
    assert sorted(path.name for path in world.keys("bot").iterdir()) == ["bot", "shared"]
    keyring = Keyring.open(world.keys("bot"), portal=False, bot=True)
    with pytest.raises(KeyMissing):
        keyring.consent.sign(b"consent")
