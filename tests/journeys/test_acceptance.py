"""請書: one signer, no script in the browser, nobody signs after the contractor."""

import pytest

from tests.journeys.people import Roles
from tests.journeys.world import World

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]


def test_acceptance_is_submitted_by_one_signer_without_any_script(
    world: World, roles: Roles, title: str
) -> None:
    clerk = roles.clerk(title, scripts=False)
    clerk.forward(kind="請書")
    clerk.confirm()
    contractor = roles.contractor(title, scripts=False)
    contractor.sign()
    assert contractor.heading == "請書の提出が完了しました"
    assert "契約はまだ成立していません" not in contractor.text
    assert contractor.letter("電子署名完了のお知らせ").attachments
    assert clerk.letter("電子署名完了のお知らせ").attachments
    assert world.state(title) == "completed"
