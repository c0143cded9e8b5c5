"""認定タイムスタンプ or not: which certificates' tokens may be called accredited, and on which days.

The operator pins the certificate of an accredited service (総務大臣の認定) with the days of its 認定. One token that is
not covered, and the word may not be used of the whole.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple, Protocol


class Pin(Protocol):
    """What the operator has written down: SHA-256 of a certificate, first and last day of its 認定."""

    @property
    def fingerprint(self) -> str: ...
    @property
    def since(self) -> date: ...
    @property
    def until(self) -> date: ...


class Stamp(NamedTuple):
    """One token: the SHA-256 of the certificate that signed it, and its day in Japan."""

    fingerprint: str
    on: date


def are_accredited(stamps: Sequence[Stamp], pins: Iterable[Pin]) -> bool:
    """Whether there are tokens and each is by a pinned certificate, on a day of its 認定."""
    known = tuple(pins)
    return bool(stamps) and all(any(_covers(pin, stamp) for pin in known) for stamp in stamps)


def _covers(pin: Pin, stamp: Stamp) -> bool:
    return pin.fingerprint == stamp.fingerprint and pin.since <= stamp.on <= pin.until
