"""How staff prove who they are: the link of enrolment, password, authenticator and recovery codes."""

import asyncio
import threading
from datetime import timedelta

import pyotp
import pytest

from envelopes.actions import credentials
from envelopes.records import sessions
from envelopes.records.models import Credential, Session, Staff
from envelopes.rules.errors import Reason, Refused
from tests.engines import PASSWORD, Town

pytestmark = pytest.mark.engines


def token_of(town: Town, person: Staff) -> str:
    return credentials.enrolment_link(town.services, person)[0].rpartition("/")[2]


async def fresh(person: Staff) -> Staff:
    return await Staff.get(id=person.id)


# Enrolment


async def test_looking_at_the_link_changes_nothing_and_shows_one_seed(town: Town) -> None:
    token = token_of(town, town.village)
    one, two = (
        await credentials.open_enrolment(town.services, token),
        await credentials.open_enrolment(town.services, token),
    )
    assert one.seed == two.seed
    assert one.uri.startswith("otpauth://totp/")
    assert len(one.seed) == 32
    assert await Credential.all().count() == 0


async def test_an_enrolment_link_works_once(town: Town) -> None:
    token = token_of(town, town.village)
    seed, recovery = await town.enrol(town.village)
    assert len(set(recovery)) == 8
    assert await Credential.all().count() == 10
    for call in (
        credentials.open_enrolment(town.services, token),
        credentials.enrol(town.services, token, password=PASSWORD, code=town.digits(seed)),
    ):
        with pytest.raises(Refused) as error:
            await call
        assert error.value.reason is Reason.LINK_REPLACED


async def test_of_two_that_enrol_at_once_one_does(town: Town) -> None:
    token = token_of(town, town.village)
    code = town.digits((await credentials.open_enrolment(town.services, token)).seed)
    outcomes = await asyncio.gather(
        *(credentials.enrol(town.services, token, password=PASSWORD, code=code) for _ in range(3)),
        return_exceptions=True,
    )
    assert sum(isinstance(item, tuple) for item in outcomes) == 1
    assert {item.reason for item in outcomes if isinstance(item, Refused)} == {Reason.LINK_REPLACED}
    assert await Credential.all().count() == 10


async def test_an_enrolment_link_ends_after_a_week(town: Town) -> None:
    token = token_of(town, town.village)
    town.clock.forward(days=7)
    with pytest.raises(Refused) as error:
        await credentials.open_enrolment(town.services, token)
    assert error.value.reason is Reason.LINK_EXPIRED


async def test_people_who_have_left_do_not_enrol(town: Town) -> None:
    token = token_of(town, town.village)
    await Staff.filter(id=town.village.id).update(active=False)
    with pytest.raises(Refused) as error:
        await credentials.open_enrolment(town.services, token)
    assert error.value.reason is Reason.LINK_UNKNOWN


@pytest.mark.parametrize(
    ("password", "code", "why"),
    [
        ("elevenchars", None, Reason.PASSWORD_WEAK),
        ("", None, Reason.PASSWORD_WEAK),
        (PASSWORD, "000000", Reason.TOTP_WRONG),
        (PASSWORD, "", Reason.AUTHENTICATOR_FORMAT),
        (PASSWORD, "12345", Reason.AUTHENTICATOR_FORMAT),
    ],
)
async def test_an_enrolment_that_fails_leaves_the_link(
    town: Town, password: str, code: str | None, why: Reason
) -> None:
    token = token_of(town, town.village)
    right = town.digits((await credentials.open_enrolment(town.services, token)).seed)
    with pytest.raises(Refused) as error:
        await credentials.enrol(town.services, token, password=password, code=right if code is None else code)
    assert error.value.reason is why
    await credentials.enrol(town.services, token, password=PASSWORD, code=right)


async def test_enrolling_again_ends_old_passwords_seeds_and_sessions(town: Town) -> None:
    seed, recovery = await town.enrol(town.village)
    cookie, session = await sessions.start(now=town.clock(), staff_id=town.village.id)
    town.clock.forward(minutes=5)
    await town.enrol(town.village)
    assert (await Session.get(id=session.id)).ended_at == town.clock()
    person = await fresh(town.village)
    for typed in (pyotp.TOTP(seed).at(town.clock.forward(minutes=1)), recovery[0]):
        with pytest.raises(Refused) as error:
            await credentials.second_factor(town.services, person, typed)
        assert error.value.reason is Reason.TOTP_WRONG
    assert cookie


# Sign-in


async def sign_in(
    town: Town, address: str = "kitazawa@vill-mihon.example", password: str = PASSWORD
) -> Staff:
    return await credentials.sign_in(town.services, address=address, password=password)


async def test_the_right_password_signs_in_however_the_address_is_written(town: Town) -> None:
    await town.enrol(town.village)
    for address in (
        "kitazawa@vill-mihon.example",
        "KITAZAWA@Vill-Mihon.example",
        "ｋitazawa@vill-mihon.example",
    ):
        assert (await sign_in(town, address)).id == town.village.id


@pytest.mark.parametrize(
    ("address", "password"),
    [
        ("kitazawa@vill-mihon.example", PASSWORD + "x"),
        ("kitazawa@vill-mihon.example", ""),
        ("nobody@vill-mihon.example", PASSWORD),
        ("nakamura@vill-mihon.example", PASSWORD),
        ("no address", PASSWORD),
        ("", ""),
    ],
)
async def test_every_failure_looks_the_same(town: Town, address: str, password: str) -> None:
    await town.enrol(town.village)
    with pytest.raises(Refused) as error:
        await sign_in(town, address, password)
    assert (error.value.reason, error.value.details) == (Reason.SIGN_IN_WRONG, {})


async def test_people_who_have_left_do_not_sign_in(town: Town) -> None:
    await town.enrol(town.village)
    await Staff.filter(id=town.village.id).update(active=False)
    with pytest.raises(Refused) as error:
        await sign_in(town)
    assert error.value.reason is Reason.SIGN_IN_WRONG


async def test_an_unknown_person_costs_the_same_hash(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await town.enrol(town.village)
    hashed: list[str] = []
    real = credentials._scrypt

    def counting(password: str, salt: bytes) -> bytes:
        hashed.append(password)
        return real(password, salt)

    monkeypatch.setattr(credentials, "_scrypt", counting)
    for address in ("nobody@vill-mihon.example", "kitazawa@vill-mihon.example", "rubbish"):
        with pytest.raises(Refused):
            await sign_in(town, address, "wrong password")
    assert hashed == ["wrong password"] * 3


async def test_hashing_a_password_does_not_run_in_the_loop(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await town.enrol(town.village)
    real, threads = credentials._scrypt, []

    def noting(password: str, salt: bytes) -> bytes:
        threads.append(threading.current_thread())
        return real(password, salt)

    monkeypatch.setattr(credentials, "_scrypt", noting)
    await sign_in(town)
    await town.enrol(town.drafter)
    assert len(threads) == 2
    assert threading.main_thread() not in threads


async def test_after_ten_tries_in_a_quarter_of_an_hour_even_the_right_one_waits(town: Town) -> None:
    await town.enrol(town.village)
    for _ in range(10):
        with pytest.raises(Refused) as error:
            await sign_in(town, password="wrong password")
        assert error.value.reason is Reason.SIGN_IN_WRONG
    for address in ("kitazawa@vill-mihon.example", "KITAZAWA@vill-mihon.example"):
        with pytest.raises(Refused) as error:
            await sign_in(town, address)
        assert error.value.reason is Reason.SIGN_IN_LOCKED
        assert error.value.details == {"minutes": 15}
    town.clock.forward(minutes=15)
    assert (await sign_in(town)).id == town.village.id


async def test_unknown_addresses_are_limited_like_known_ones(town: Town) -> None:
    reasons = []
    for _ in range(12):
        with pytest.raises(Refused) as error:
            await sign_in(town, "nobody@vill-mihon.example")
        reasons.append(error.value.reason)
    assert reasons == [Reason.SIGN_IN_WRONG] * 10 + [Reason.SIGN_IN_LOCKED] * 2


# The second factor


async def factor(town: Town, typed: str) -> str:
    return await credentials.second_factor(town.services, await fresh(town.village), typed)


async def test_a_time_step_counts_once(town: Town) -> None:
    seed, _ = await town.enrol(town.village)
    with pytest.raises(Refused):
        await factor(town, town.digits(seed))  # spent by the enrolment
    town.clock.forward(seconds=30)
    code = town.digits(seed)
    assert await factor(town, f" {code[:3]} {code[3:]} ") == credentials.TOTP
    with pytest.raises(Refused) as error:
        await factor(town, code)
    assert error.value.reason is Reason.TOTP_WRONG


async def test_a_time_step_at_once_from_many_counts_once(town: Town) -> None:
    seed, _ = await town.enrol(town.village)
    town.clock.forward(seconds=30)
    code = town.digits(seed)
    outcomes = await asyncio.gather(*(factor(town, code) for _ in range(5)), return_exceptions=True)
    assert outcomes.count(credentials.TOTP) == 1


async def test_an_earlier_step_does_not_count_after_a_later_one(town: Town) -> None:
    seed, _ = await town.enrol(town.village)
    town.clock.forward(minutes=2)
    earlier = town.digits(seed)
    town.clock.forward(seconds=30)
    assert await factor(town, town.digits(seed)) == credentials.TOTP
    with pytest.raises(Refused):
        await factor(town, earlier)


@pytest.mark.parametrize(("seconds", "right"), [(-30, True), (30, True), (-65, False), (65, False)])
async def test_a_clock_may_be_half_a_minute_off(town: Town, seconds: int, *, right: bool) -> None:
    seed, _ = await town.enrol(town.village)
    town.clock.forward(minutes=10)
    code = pyotp.TOTP(seed).at(town.clock() + timedelta(seconds=seconds))
    if right:
        assert await factor(town, code) == credentials.TOTP
    else:
        with pytest.raises(Refused):
            await factor(town, code)


async def test_a_recovery_code_counts_once_however_it_is_written(town: Town) -> None:
    _, recovery = await town.enrol(town.village)
    wide = recovery[1].translate({ord(char): ord(char) + 0xFEE0 for char in recovery[1] if char != "-"})
    assert await factor(town, recovery[0].upper().replace("-", " ")) == credentials.RECOVERY
    assert await factor(town, wide) == credentials.RECOVERY
    for spent in (recovery[0], recovery[1], "aaaa-bbbb-cccc-dddd"):
        with pytest.raises(Refused) as error:
            await factor(town, spent)
        assert error.value.reason is Reason.TOTP_WRONG
    outcomes = await asyncio.gather(*(factor(town, recovery[2]) for _ in range(3)), return_exceptions=True)
    assert outcomes.count(credentials.RECOVERY) == 1


async def test_one_persons_codes_are_no_other_persons(town: Town) -> None:
    seed, recovery = await town.enrol(town.village)
    await town.enrol(town.drafter)
    town.clock.forward(seconds=30)
    for typed in (town.digits(seed), recovery[0]):
        with pytest.raises(Refused):
            await credentials.second_factor(town.services, await fresh(town.drafter), typed)


async def test_guessing_digits_is_limited(town: Town) -> None:
    seed, _ = await town.enrol(town.village)
    town.clock.forward(minutes=1)
    for typed in ("000000", "x", "", "12345", "aaaa-bbbb-cccc-dddd") * 2:
        with pytest.raises(Refused) as error:
            await factor(town, typed)
        assert error.value.reason is Reason.TOTP_WRONG
    with pytest.raises(Refused) as error:
        await factor(town, town.digits(seed))
    assert error.value.reason is Reason.SIGN_IN_LOCKED
