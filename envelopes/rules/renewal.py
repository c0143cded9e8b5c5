"""When a file needs its next archive timestamp: well before what proves it now comes to its end.

A file is proved by its last document timestamp, until the certificates behind that end or an algorithm in it is no
longer to be relied on (the policy's list), whichever comes first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from envelopes.rules.policy import Policy
from envelopes.rules.schedule import day_over


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a file's last document timestamp rests on: certificates that end at *until*, and algorithms by name."""

    until: datetime
    algorithms: tuple[str, ...]


def stands_until(standing: Standing, policy: Policy) -> datetime:
    """Return the first instant at which the timestamp proves nothing any more."""
    return min((standing.until, *_ends(standing.algorithms, policy)))


def is_due(standing: Standing, policy: Policy, now: datetime) -> bool:
    """Whether the next timestamp should be there already."""
    return stands_until(standing, policy) - policy.renew_before <= now


def is_late(standing: Standing, policy: Policy, now: datetime) -> bool:
    """Whether people have to hear that the next timestamp is not there yet."""
    return stands_until(standing, policy) - policy.renew_tell <= now


def is_longer(new: Standing, old: Standing, policy: Policy) -> bool:
    """Whether *new* proves a file for longer than *old* does. If not, it would be in vain."""
    return stands_until(new, policy) > stands_until(old, policy)


def ending(policy: Policy, before: datetime) -> tuple[str, ...]:
    """Return the algorithms that are relied on no longer than *before*."""
    return tuple(name for name, day in policy.algorithms_until if day_over(day) <= before)


def _ends(algorithms: Sequence[str], policy: Policy) -> list[datetime]:
    return [day_over(day) for name, day in policy.algorithms_until if name in algorithms]
