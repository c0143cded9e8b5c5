"""What the search reads from its fields, and what it says of those that cannot be."""

from datetime import date

import pytest

from envelopes.rules.errors import Reason
from envelopes.rules.searching import STATES, Search, Standing, read
from envelopes.rules.states import State


def test_fields_are_read_together() -> None:
    said = {"party": " 髙橋 ", "since": "2026-04-01", "until": "２０２６/０４/３０", "least": "１,０００円"}
    search, faults = read({**said, "without_amount": "", "standing": "concluded"})
    assert faults == ()
    assert search == Search(
        party="髙橋",
        since=date(2026, 4, 1),
        until=date(2026, 4, 30),
        least=1000,
        standing=Standing.CONCLUDED,
    )


@pytest.mark.parametrize(
    ("said", "field", "reason"),
    [
        ({"since": "2026-05-01", "until": "2026-04-30"}, "since", Reason.RANGE_BACKWARDS),
        ({"least": "2", "most": "1"}, "least", Reason.AMOUNTS_BACKWARDS),
        ({"until": "2026-02-30"}, "until", Reason.SEARCH_DAY),
        ({"most": "百万"}, "most", Reason.SEARCH_AMOUNT),
        ({"most": "9" * 16}, "most", Reason.SEARCH_AMOUNT),
    ],
)
def test_what_cannot_be_is_said_at_its_field(said: dict[str, str], field: str, reason: Reason) -> None:
    _, (fault,) = read(said)
    assert (fault.field, fault.refused.reason) == (field, reason)


def test_a_range_may_be_one_day() -> None:
    assert read({"since": "2026-05-01", "until": "2026-05-01"})[1] == ()


def test_every_state_is_found_once() -> None:
    parts = [STATES[one] for one in Standing if one is not Standing.ALL]
    assert sorted(state for part in parts for state in part) == sorted(STATES[Standing.ALL])
    assert STATES[Standing.ALL] == set(State) - {State.NONE, State.DISCARDED}
