"""The quick look says yes to what was asked for, and to nothing else."""

import datetime as dt
import secrets
from dataclasses import replace

import pytest

from envelopes.rules.errors import Later
from envelopes.signing import tokens
from envelopes.signing.timestamps import CheckedTimestamper, _request, granted
from tests.signing.conftest import Clock, World

IMPRINT = bytes(range(32))
NONCE = 0x1122334455667788


def asked(world: World, *, nonce: int = NONCE) -> bytes:
    stamper = world.seal.timestamper
    assert isinstance(stamper, CheckedTimestamper)
    return granted(stamper.ask(_request(IMPRINT, nonce, stamper.policy)))


def says(token: bytes, certificate: bytes, **changes: object) -> bool:
    given: dict[str, object] = {"imprint": IMPRINT, "nonce": NONCE, "policy": None}
    return tokens.says(token, certificate=certificate, **(given | changes))  # type: ignore[arg-type]


@pytest.fixture
def elliptic(aging: World) -> World:
    return aging


@pytest.fixture(params=["rsa3072", "p256"])
def either(request: pytest.FixtureRequest, world: World, elliptic: World) -> World:
    return world if request.param == "rsa3072" else elliptic


def test_the_answer_to_the_question_is_recognised(either: World) -> None:
    token = asked(either)
    own, *issuers = tokens.certificates(token)
    if not says(token, own):
        # Certificates stand in the order of their bytes.
        own, issuers = issuers[0], [own]
    assert says(token, own)
    assert not any(says(token, other) for other in issuers)


def test_the_answer_to_another_question_is_not(either: World) -> None:
    token = asked(either)
    stamper = either.seal.timestamper
    assert isinstance(stamper, CheckedTimestamper)
    own = next(one for one in tokens.certificates(token) if says(token, one))
    assert says(token, own, policy=stamper.policy)
    for changes in (
        {"imprint": IMPRINT[::-1]},
        {"imprint": IMPRINT[:31]},
        {"nonce": NONCE + 1},
        {"policy": "1.2.3"},
    ):
        assert not says(token, own, **changes)


def test_no_byte_of_what_counts_can_be_changed(either: World) -> None:
    token = asked(either)
    own = next(one for one in tokens.certificates(token) if says(token, one))
    # The certificates that come along are not signed; the one that counts is the known one.
    spare: set[int] = set()
    for other in tokens.certificates(token):
        spare |= set(range(token.index(other), token.index(other) + len(other)))
    for position in set(range(len(token))) - spare:
        altered = bytearray(token)
        altered[position] ^= 1 << secrets.randbelow(8)
        assert not says(bytes(altered), own), position


@pytest.mark.parametrize(
    "token", [b"", b"0", b"\x30\x80", b"\x30\x00", b"\xff" * 99, b"\x30\x03\x02\x01\x01"]
)
def test_what_is_no_token_is_not_understood(token: bytes, world: World) -> None:
    assert tokens.certificates(token) == []
    assert not says(token, world.seal.key.current().certificate)


def test_a_chain_is_checked_in_full_once_an_hour(
    aging: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamper, checks = aging.seal.timestamper, []
    assert isinstance(stamper, CheckedTimestamper)
    real = CheckedTimestamper._check_chain

    def counted(self: CheckedTimestamper, *given: object) -> None:
        checks.append(clock())
        real(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(CheckedTimestamper, "_check_chain", counted)
    for minutes in (0, 1, 58, 2, 1, 60):
        clock.at += dt.timedelta(minutes=minutes)
        assert stamper(IMPRINT)
    assert len(checks) == 3


def test_after_a_good_token_a_bad_one_is_refused_as_before(aging: World) -> None:
    stamper = aging.seal.timestamper
    assert isinstance(stamper, CheckedTimestamper)
    assert stamper(IMPRINT)
    kept = stamper.ask(_request(IMPRINT, NONCE, stamper.policy))
    replayed = replace(stamper, ask=lambda _: kept)
    replayed._good.update(stamper._good)
    with pytest.raises(Later):
        replayed(IMPRINT)
