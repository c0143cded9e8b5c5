"""Whose turn it is, for any number of signers."""

from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.turns import is_last, whose

AT = datetime(2026, 4, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Seat:
    position: int
    signed_at: datetime | None = None


seats = st.lists(
    st.builds(Seat, position=st.integers(1, 30), signed_at=st.sampled_from([None, AT])),
    unique_by=lambda seat: seat.position,
    max_size=8,
)


@given(seats)
def test_the_turn_is_the_first_unsigned_whatever_order_they_come_in(given_seats: list[Seat]) -> None:
    unsigned = [seat.position for seat in given_seats if seat.signed_at is None]
    found = whose(given_seats)
    assert (found.position if found else None) == min(unsigned, default=None)


@given(seats)
def test_the_one_whose_turn_it_is_is_last_exactly_if_nobody_else_waits(given_seats: list[Seat]) -> None:
    turn = whose(given_seats)
    if turn is not None:
        waiting = [seat for seat in given_seats if seat.signed_at is None]
        assert is_last(given_seats, turn) is (len(waiting) == 1)


def test_signing_in_turn_reaches_everybody_once() -> None:
    all_seats = [Seat(position) for position in (3, 1, 2)]
    order = []
    while (turn := whose(all_seats)) is not None:
        order.append(turn.position)
        all_seats = [Seat(seat.position, AT) if seat is turn else seat for seat in all_seats]
    assert order == [1, 2, 3]
