import pytest

from envelopes.rules.states import State
from tests.engines import Town

pytestmark = pytest.mark.engines


async def test_a_contract_goes_its_whole_way(town: Town) -> None:
    shot = await town.completed(documents=2)
    assert shot.state is State.COMPLETED
