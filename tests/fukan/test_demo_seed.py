"""Who is put into the demo can use it, whenever it was started."""

from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

from envelopes.actions import replying
from envelopes.records.models import Staff
from fukan.demo import cast, seed
from tests.world import plain_services


async def test_nobody_is_enrolled_too_late_where_half_a_minute_ends_meanwhile(tmp_path: Path) -> None:
    async with plain_services(tmp_path) as made:
        begun, looks = made.now(), count()
        slow = replace(made, clock=lambda: begun + timedelta(seconds=31 * next(looks)))
        staff = await seed._member(slow, cast.NAKAMURA)
        assert (await Staff.get(id=staff.id)).enrolled_at is not None
        assert await replying.is_enrolled(staff)
