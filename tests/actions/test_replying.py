"""The digits of replies: a seed of their own, each step once, counted from when the mail arrived."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pyotp
import pytest

from envelopes.actions import credentials, operating, replying
from envelopes.actions.replying import Arrival
from envelopes.records import bonds, history
from envelopes.records.history import Subject
from envelopes.records.models import Credential, Staff
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.policy import ReplyCommands
from envelopes.services import Services
from tests.engines import Engine, Town

pytestmark = pytest.mark.engines


async def fresh(town: Town) -> Staff:
    return await Staff.get(id=town.drafter.id)


async def on(town: Town) -> pyotp.TOTP:
    """Have the mail found sound, and switch replies on for the drafter; returns what the phone knows."""
    await operating.note_mail(town.services, [])
    staff = await fresh(town)
    phone = pyotp.TOTP(replying.offered(town.services, staff).secret)
    town.clock.forward(hours=-1)
    await replying.enrol(town.services, staff, code=phone.at(town.clock()))
    town.clock.forward(hours=1)
    return phone


def came(town: Town, mail: int = 1, *, ago: float = 0.0, seen: float = 0.0) -> Arrival:
    """A mail that arrived *ago* seconds before now and was first seen *seen* seconds after that."""
    at = town.clock() - timedelta(seconds=ago)
    return Arrival(mail_id=mail, at=at, seen_at=at + timedelta(seconds=seen))


async def refusal(services: Services, town: Town, code: str, arrival: Arrival) -> Reason | None:
    try:
        await replying.prove(services, await fresh(town), code, arrival)
    except Refused as refused:
        return refused.reason
    return None


async def test_the_seed_is_another_than_that_for_signing_in_and_is_sealed(town: Town, engine: Engine) -> None:
    login, _ = await town.enrol(town.drafter)
    phone = await on(town)
    assert phone.secret != login
    row = await Credential.get(staff_id=town.drafter.id, kind=credentials.REPLY)
    assert bonds.secret_of(row) == phone.secret
    assert phone.secret not in str(await engine.dump())
    now = phone.at(town.clock())
    with pytest.raises(Refused):
        await credentials.second_factor(town.services, await fresh(town), now)
    assert await refusal(town.services, town, pyotp.TOTP(login).at(town.clock()), came(town)) is (
        Reason.REPLY_CODE_WRONG
    )
    kinds = [fact.kind for fact, _ in await history.payloads(Subject.STAFF, town.drafter.id)]
    assert replying.STARTED in kinds


async def test_wrong_first_digits_switch_nothing_on(town: Town) -> None:
    with pytest.raises(Refused) as refused:
        await replying.enrol(town.services, town.drafter, code="000000")
    assert refused.value.reason is Reason.TOTP_WRONG
    await operating.note_mail(town.services, [])
    assert await replying.hindrance(town.services, town.drafter) is Reason.REPLY_NOT_ENROLLED


async def test_switched_off_the_old_digits_are_good_for_nothing(town: Town) -> None:
    phone = await on(town)
    await replying.stop(town.services, await fresh(town))
    assert await refusal(town.services, town, phone.at(town.clock()), came(town)) is Reason.REPLY_NOT_ENROLLED
    again = await on(town)
    assert again.secret != phone.secret
    assert await refusal(town.services, town, phone.at(town.clock()), came(town)) is Reason.REPLY_CODE_WRONG


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        (-9.5 * 60, None),
        (0, None),
        (29, None),
        (-11 * 60, Reason.REPLY_CODE_WRONG),
        (61, Reason.REPLY_CODE_WRONG),
    ],
)
async def test_digits_count_around_the_arrival(town: Town, shown: float, wrong: Reason | None) -> None:
    phone = await on(town)
    at = datetime.fromtimestamp(town.clock().timestamp() // 30 * 30 + 1, tz=town.clock().tzinfo)
    arrival = Arrival(mail_id=1, at=at, seen_at=at)
    code = phone.at(at.timestamp() + shown)
    assert await refusal(town.services, town, code, arrival) is wrong


async def test_a_mail_that_was_held_back_orders_nothing(town: Town) -> None:
    phone = await on(town)
    code = phone.at(town.clock())
    assert await refusal(town.services, town, code, came(town, seen=601)) is Reason.REPLY_LATE
    assert await refusal(town.services, town, code, came(town, seen=599)) is None


async def test_digits_work_once_however_many_mails_bring_them(town: Town) -> None:
    phone = await on(town)
    code, older = phone.at(town.clock()), phone.at(town.clock() - timedelta(minutes=2))
    tried = await asyncio.gather(*(refusal(town.services, town, code, came(town, n)) for n in range(1, 6)))
    assert sorted(map(str, tried)) == sorted(["None", *[str(Reason.REPLY_CODE_SPENT)] * 4])
    assert await refusal(town.services, town, older, came(town, 9)) is Reason.REPLY_CODE_SPENT


async def test_a_mail_whose_reading_was_cut_off_may_go_on(town: Town) -> None:
    phone = await on(town)
    code = phone.at(town.clock())
    for _ in range(2):
        assert await refusal(town.services, town, code, came(town, 7)) is None


async def test_five_wrong_on_a_day_close_replies_until_the_next_sign_in(town: Town) -> None:
    seed, _ = await town.enrol(town.drafter)
    phone = await on(town)
    for left in (4, 3, 2, 1):
        with pytest.raises(Refused) as refused:
            await replying.prove(town.services, await fresh(town), "000000", came(town))
        assert (refused.value.reason, refused.value.details) == (Reason.REPLY_CODE_WRONG, {"n": left})
    assert await refusal(town.services, town, "000000", came(town)) is Reason.REPLY_CLOSED
    town.clock.forward(days=1)  # a night changes nothing
    assert await refusal(town.services, town, phone.at(town.clock()), came(town)) is Reason.REPLY_CLOSED
    kinds = [fact.kind for fact, _ in await history.payloads(Subject.STAFF, town.drafter.id)]
    assert kinds.count(replying.CLOSED) == 1
    await credentials.second_factor(town.services, await fresh(town), pyotp.TOTP(seed).at(town.clock()))
    assert await refusal(town.services, town, phone.at(town.clock()), came(town)) is None


async def test_wrong_digits_are_counted_by_the_day(town: Town) -> None:
    await on(town)
    for _ in range(3):
        for _ in range(4):
            assert await refusal(town.services, town, "000000", came(town)) is Reason.REPLY_CODE_WRONG
        town.clock.forward(days=1)


async def test_nothing_is_in_force_while_the_mail_is_not_found_sound(town: Town) -> None:
    phone = await on(town)
    await operating.note_mail(town.services, ["DKIM"])
    code = phone.at(town.clock())
    assert await refusal(town.services, town, code, came(town)) is Reason.REPLY_UNSOUND
    demo = replace(town.services, settings=town.services.settings.model_copy(update={"demo": True}))
    assert await refusal(demo, town, code, came(town)) is None
    await operating.note_mail(town.services, [])
    assert await replying.hindrance(town.services, town.drafter) is None


async def test_a_town_may_leave_replies_out(town: Town) -> None:
    await on(town)
    policy = replace(town.services.policy, reply_commands=ReplyCommands.OFF)
    services = replace(town.services, policy=policy)
    assert await replying.hindrance(services, town.drafter) is Reason.REPLY_OFF
