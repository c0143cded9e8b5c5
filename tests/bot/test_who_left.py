"""Mails to people who have left the town's service go to the section's desk, and each of them once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from envelopes.actions import registrar, revising, staff
from envelopes.records import store
from envelopes.records.models import Section
from envelopes.rules.lines import scan
from envelopes.rules.schedule import jst_day
from fukan.demo import cast
from tests.bot.test_desk import read
from tests.world import CONTRACT, World, order, text_of, world


@pytest.fixture
async def built(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        await made.drain()
        yield made


@pytest.mark.parametrize("lines", [(), ("担当課：環境課",)])
async def test_the_desk_hears_once_of_what_somebody_began_who_has_left(
    built: World, lines: tuple[str, ...]
) -> None:
    await Section.create(
        code="kankyo", name="環境課", phone="0261", hours="平日", email="kankyo@vill-mihon.example"
    )
    mail = await read(built, order(CONTRACT, more=lines))
    shot = await store.snapshot(mail_id=mail.id)
    await built.drain()
    desk = shot.section.email
    assert desk.startswith("kankyo@") == bool(lines)
    his, theirs = len(built.mails(cast.NAKAMURA.address)), len(built.mails(desk))
    await registrar.end_staff(built.services, cast.NAKAMURA.address)
    said = scan("備考：急ぎます", day=jst_day(built.clock())).statements
    clerk, ref, version = staff.actor_of(built.clerk), shot.envelope.ref, shot.envelope.version
    assert await revising.revise(built.services, clerk, ref, version=version, statements=said) == ()
    await built.drain()
    assert len(built.mails(cast.NAKAMURA.address)) == his
    assert len(built.mails(desk)) == theirs + 1
    words = text_of(built.last(desk))
    assert "急ぎます" in words
    assert "ご担当者 様" in words


async def test_a_link_to_enrol_is_not_mailed_to_somebody_who_has_left(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        await registrar.invite_again(built.services, cast.KITAZAWA.address)
        await registrar.end_staff(built.services, cast.KITAZAWA.address)
        await built.drain()
        assert built.mails(cast.KITAZAWA.address) == []
