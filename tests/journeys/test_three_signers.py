"""共同企業体: two companies in the order of the mail, then the village. Nobody is asked before his turn."""

from pathlib import Path

import pytest

from tests.journeys import cast, proofs
from tests.journeys.people import Roles
from tests.journeys.world import World

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]


def test_three_sign_in_turn_and_nobody_is_asked_before_the_one_before_him_has_signed(
    world: World, roles: Roles, title: str, tmp_path: Path
) -> None:
    clerk = roles.clerk(title)
    clerk.forward(cast.TAKAHASHI, cast.MINAMI)
    clerk.confirm()
    first, second = roles.contractor(title), roles.contractor(title, cast.MINAMI, scripts=False)
    first.asked()
    world.quiet()
    assert second.letters() == []

    # His link exists only in theory yet; whoever has it learns that others are first.
    second.open(world.link_of(title, position=2))
    assert second.heading == "ほかの方の署名を待っています"
    second.open(second.page.url + "/code")
    assert second.heading == "ほかの方の署名を待っています"

    first.prove()
    first.complete()
    received = first.page.url
    assert "南沢工業株式会社、みほん村が署名すると成立します" in first.text
    second.asked()
    first.open(first.link)
    assert first.heading == "署名済みです"
    second.prove()
    second.complete()
    assert "みほん村が署名すると成立します" in second.text
    world.wait_state(title, "out")
    first.open(received)
    assert "契約はまだ成立していません。みほん村が署名すると成立します" in first.text
    assert "南沢工業株式会社の電子署名\n済みました" in first.text
    assert "南沢工業株式会社" not in second.text.partition("このあとの流れ")[0]

    roles.clerk(title, cast.KITAZAWA).sign_for_village()
    for letter in (first.letter("電子署名完了"), second.letter("電子署名完了")):
        (content,) = letter.signed
        proofs.require_sound(content, signatures=3, world=world, folder=tmp_path)
