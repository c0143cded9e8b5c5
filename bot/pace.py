"""When the next mail may go: so many a minute to one domain, and none while the relay refuses our login.

Carriers answer a burst with refusals, and a relay locks an account that keeps knocking. Each bot keeps its own pace, in
memory. What a server answered is bot.answers' business, when a mail that was put off goes again rules.schedule's.
"""

from datetime import datetime, timedelta
from typing import Final

from envelopes.rules.addresses import AddressKind, classify
from envelopes.rules.policy import Policy, minutes

_NOW: Final = timedelta()
_AT_ONCE: Final = (
    4  # why: a quarter of a minute's mails in one go is no burst, and a contract's two or three never wait
)


class Pace:
    """Gives each mail its turn. Each domain has one row of turns, evenly spaced behind those that may go at once."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._ends: dict[str, datetime] = {}
        self._turns: dict[str, datetime] = {}
        self._shut_until: datetime | None = None

    def wait(self, mail: str, domain: str, now: datetime) -> timedelta:
        """Return how long *mail* (a key of its own) has to wait; zero is its turn, which is then taken."""
        if shut := self.shut(now):
            return shut
        turn = self._turns.pop(mail, None) or self._next_turn(domain, now)
        if turn <= now:
            return _NOW
        self._turns[mail] = turn
        return turn - now

    def shut(self, now: datetime) -> timedelta:
        """Return how long nothing goes at all, whoever it is for."""
        return max(self._shut_until - now, _NOW) if self._shut_until else _NOW

    def shut_for_a_while(self, now: datetime) -> None:
        """Let nothing go: the relay has refused our login."""
        self._shut_until = now + self._policy.login_pause

    def _next_turn(self, domain: str, now: datetime) -> datetime:
        """The generic cell rate algorithm (ITU-T I.371): *end* is when the mails so far would be evenly spaced."""
        a_minute = mails_a_minute(domain, self._policy)
        gap = minutes(1) / a_minute
        end = max(self._ends.get(domain, now), now)
        self._ends[domain] = end + gap
        return end - gap * (max(a_minute // _AT_ONCE, 1) - 1)


def mails_a_minute(domain: str, policy: Policy) -> int:
    """How many mails *domain* gets in a minute."""
    known = {name.lower(): count for name, count in policy.mails_a_minute_by_domain}
    carrier = classify(f"x@{domain}") is AddressKind.CARRIER
    return known.get(domain, policy.mails_a_minute_carrier if carrier else policy.mails_a_minute)
