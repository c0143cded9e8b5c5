"""A contract for forty years, by moved clock: keys come and go, renewals keep it proved, a missed one is found.

The past is played up to the present, and at each look the system's clock stands where the service's does, because
pyHanko reads it.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import time_machine

from envelopes.rules import renewal
from envelopes.rules.policy import Policy
from envelopes.rules.renewal import Standing
from envelopes.signing import authority
from envelopes.signing.certificates import YEAR
from envelopes.signing.verify import Fault, Report
from tests.signing import witnesses
from tests.signing.conftest import TOWN, URL, Clock, World, aging_world, now, pdf, signed

POLICY = Policy()
BOTH = ["Signer1", "Signer2"]
# The root lives for forty years, and nothing stands longer.
YEARS = 39
# No look falls on the very second in which a certificate ends.
_A_YEAR = YEAR + dt.timedelta(hours=1)


@dataclass
class Life:
    """A contract, the authority's clock, and what the service does as the years pass."""

    world: World
    clock: Clock
    data: bytes
    timestamps: int = 1
    known: Standing | None = None

    def pass_a_year(self, *, renewing: bool = True) -> None:
        self.clock.at += _A_YEAR
        # As the bot does at its start and a few times a day.
        authority.renew(self.world.authority, town=TOWN, public_url=URL, now=self.clock(), key_type="p256")
        longer = self.world.seal.times_until() > self.standing.until
        if renewing and longer and renewal.is_due(self.standing, POLICY, self.clock()):
            self.renew()

    def renew(self) -> None:
        self.timestamps += 1
        self.data += self.world.seal.renew(self.data, number=self.timestamps)
        self.known = None

    @property
    def standing(self) -> Standing:
        if self.known is None:
            last = self.report().timestamps[-1]
            self.known = Standing(until=last.until, algorithms=last.algorithms)
        return self.known

    def report(self) -> Report:
        with time_machine.travel(self.clock()):
            return self.world.seal.verify(self.data)

    def stock_pyhanko(self) -> list[str]:
        root, crls = self.world.authority.root_certificate, self.world.authority.crls(self.clock())
        with time_machine.travel(self.clock()):
            return witnesses.pyhanko(self.data, root, crls, self.clock())


@pytest.fixture
def life(tmp_path: Path) -> Life:
    """A contract concluded so long ago that it is forty years old before long."""
    clock = Clock(now() - YEARS * _A_YEAR)
    world = aging_world(tmp_path, clock)
    prepared = world.seal.prepare(pdf(), fields=BOTH)
    return Life(world, clock, signed(world.seal, prepared, BOTH))


def years(life: Life, count: int, **how: bool) -> Iterator[int]:
    for year in range(1, count + 1):
        life.pass_a_year(**how)
        yield year


def test_renewed_in_time_it_is_valid_all_its_life(life: Life) -> None:
    renewed = []
    for year in years(life, YEARS):
        if life.timestamps > len(renewed) + 1:
            renewed.append(year)
        # The signer's certificate has ended, the file was renewed, the root is about to end.
        if year in (6, *renewed, YEARS):
            assert life.report().valid, year
            assert life.stock_pyhanko() == ["OK", "OK"], year
    assert renewed == [10, 19, 28, 37]
    report = life.report()
    assert [one.field for one in report.timestamps] == [f"Timestamp{n}" for n in range(1, 6)]
    assert [one.signer[-1] for one in report.timestamps] == ["1", "2", "3", "4", "5"]
    for one in report.signatures:
        assert one.at is not None
        assert now() - one.at > (YEARS - 1) * YEAR


def test_a_missed_renewal_is_found_and_none_that_comes_late_heals_it(life: Life) -> None:
    for year in years(life, 12, renewing=False):
        assert year < 10 or life.report().valid == (year == 10), year
    assert Fault.NOT_TRUSTED in life.report().timestamps[-1].faults
    assert "OK" not in life.stock_pyhanko()
    life.renew()
    late = life.report()
    assert not late.valid
    assert Fault.NOT_TRUSTED in late.signatures[0].faults
    assert "OK" not in life.stock_pyhanko()
    for _ in years(life, 9):
        pass
    assert not life.report().valid


def test_a_renewal_over_altered_bytes_proves_nothing(life: Life) -> None:
    for _ in years(life, 9, renewing=False):
        pass
    altered = life.data.replace(b"(0) Tj", b"(9) Tj", 1)
    assert altered != life.data
    life.data = altered
    life.renew()
    assert not life.report().valid


def test_what_the_next_key_signed_grows_old_as_well(life: Life) -> None:
    """The signer's certificate ends after five years; whoever signs later does so with its successor."""
    for _ in years(life, 6):
        pass
    world = life.world
    younger = Life(world, life.clock, signed(world.seal, world.seal.prepare(pdf(), fields=BOTH), BOTH))
    for _ in years(younger, 15):
        pass
    report = younger.report()
    assert report.valid
    assert [one.signer[-1] for one in report.signatures] == ["2", "2"]
    assert not life.report().valid, "it was left to itself for fifteen years"
