"""When a file is due for its next timestamp."""

from datetime import UTC, date, datetime, timedelta

import pytest

from envelopes.rules import renewal
from envelopes.rules.policy import Policy
from envelopes.rules.renewal import Standing
from envelopes.rules.schedule import day_over

NOW = datetime(2026, 8, 4, tzinfo=UTC)
POLICY = Policy()
DAY = timedelta(days=1)


def standing(left: timedelta, *algorithms: str) -> Standing:
    return Standing(until=NOW + left, algorithms=algorithms or ("p256", "sha256"))


@pytest.mark.parametrize(
    ("left", "due", "late"),
    [
        (4000, False, False),
        (366, False, False),
        (365, True, False),
        (181, True, False),
        (180, True, True),
        (0, True, True),
        (-1, True, True),
    ],
)
def test_a_year_before_its_end_a_file_is_due_and_half_a_year_before_people_hear(
    left: int, *, due: bool, late: bool
) -> None:
    given = standing(left * DAY)
    assert renewal.is_due(given, POLICY, NOW) == due
    assert renewal.is_late(given, POLICY, NOW) == late


def test_an_algorithm_may_end_before_the_certificate() -> None:
    weak = standing(20 * 365 * DAY, "rsa2048", "sha256")
    assert renewal.stands_until(weak, POLICY) == day_over(date(2030, 12, 31))
    assert not renewal.is_due(weak, POLICY, NOW)
    assert renewal.is_due(weak, POLICY, datetime(2030, 1, 2, tzinfo=UTC))
    assert renewal.ending(POLICY, day_over(date(2030, 12, 31))) == ("sha1", "rsa1024", "rsa2048")
    assert "rsa2048" not in renewal.ending(POLICY, day_over(date(2030, 12, 30)))


def test_only_what_stands_longer_is_worth_a_timestamp() -> None:
    old, same, weak = standing(300 * DAY), standing(300 * DAY), standing(9000 * DAY, "rsa1024", "sha256")
    assert not renewal.is_longer(same, old, POLICY)
    assert not renewal.is_longer(weak, old, POLICY)
    assert renewal.is_longer(standing(301 * DAY), old, POLICY)
