"""What a check says: ○ with remarks, × with what is wrong and what to do, or － where it is not needed."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Bearing(StrEnum):
    """What a finding means for orders by reply."""

    FAULT = "fault"
    """Mail does not work, or cannot be believed: they stop."""
    SILENCE = "silence"
    """Nobody has answered. It may pass by itself, and proves nothing."""
    NOTICE = "notice"
    """To be mended in time; today mail works and is believed."""


class Finding(NamedTuple):
    """What is wrong, and what to do."""

    what: str
    todo: str
    bearing: Bearing = Bearing.FAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One check: with nothing found it is ○, or － with what it means to do without. `notes` are no faults."""

    name: str
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    without: str = ""
