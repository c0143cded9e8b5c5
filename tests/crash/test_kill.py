"""kill -9 before and after every passage of every place where something becomes true, until a run survives.

Each place gets a story of its own. On SQLite one bot is killed and started again, on Postgres two at once.
"""

import pytest

from tests.crash.scene import Scene, require_every_mail_once, require_intake_empty, require_whole

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600)]

TITLE = "村道1号線舗装工事"
# At least so many deaths, or the story did not pass there: before and after each of the passages.
PLACES = {"apply": 2 * 5, "blob": 2 * 15, "move": 2 * 2, "send": 2 * 10, "done": 2 * 20}


@pytest.mark.parametrize("place", PLACES)
async def test_killed_at_every_passage_all_is_done_once(scene: Scene, place: str) -> None:
    bots = [scene.start("bot", die_at=place) for _ in range(1 if scene.town.engine.is_sqlite else 2)]
    await scene.forward("間違い", lines=["封筒名：間違い"])
    await scene.whole_way(TITLE)
    await scene.quiet()
    assert [await bot.end() for bot in bots] == [0] * len(bots)

    await require_whole(scene, TITLE)
    await require_every_mail_once(scene, [TITLE], answers=1)
    await require_intake_empty(scene)
    assert len(scene.lines("killed")) >= PLACES[place]
    # A death is no forgery: work that is found done raises no alarm.
    assert not any(" ERROR " in bot.said for bot in bots)
