"""認定タイムスタンプ or not: which certificates' tokens may be called accredited, and on which days.

The operator pins the certificate of an accredited service (総務大臣の認定) with the days of its 認定. One token that is
not covered, and the word may not be used of the whole.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple, Protocol


class Pin(Protocol):
    """What the operator has written down: SHA-256 of a certificate, number, first and last day of its 認定."""

    @property
    def fingerprint(self) -> str: ...
    @property
    def number(self) -> str: ...
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
    return bool(covering(stamps, pins))


def covering(stamps: Sequence[Stamp], pins: Iterable[Pin]) -> tuple[Pin, ...]:
    """The pin of each token, in their order; none at all where one token has none."""
    known = tuple(pins)
    found = [next((pin for pin in known if _covers(pin, stamp)), None) for stamp in stamps]
    covered = tuple(pin for pin in found if pin is not None)
    return covered if len(covered) == len(stamps) else ()


def _covers(pin: Pin, stamp: Stamp) -> bool:
    return pin.fingerprint == stamp.fingerprint and pin.since <= stamp.on <= pin.until
