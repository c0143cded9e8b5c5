"""Whose turn it is and who is last. Knows positions and instants, not people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar


class Seat(Protocol):
    """A signer's place in the order."""

    @property
    def position(self) -> int: ...
    @property
    def signed_at(self) -> datetime | None: ...


S = TypeVar("S", bound=Seat)


def whose(seats: Sequence[S]) -> S | None:
    """Return the first signer in order who has not signed, or None when all have."""
    waiting = [seat for seat in seats if seat.signed_at is None]
    return min(waiting, key=lambda seat: seat.position, default=None)


def is_last(seats: Sequence[S], seat: S) -> bool:
    """Whether nobody but *seat* still has to sign."""
    return all(other.signed_at is not None or other.position == seat.position for other in seats)
