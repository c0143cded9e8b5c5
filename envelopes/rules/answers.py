"""How often mistakes are answered, so that two bots never talk on. Pure: who counts is `envelopes.records.counters`.

What was done is never kept back: a draft is told of, and a command that was carried out, whatever the counts. A person
who makes the same mistake in other words is told again.
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Final, NamedTuple

from envelopes.rules.addresses import domain_of
from envelopes.rules.errors import Reason
from envelopes.rules.policy import Policy, days, hours

_REPLY_MARK: Final = re.compile(r"\s*(?:(?:re|fwd?|転送|返信)\s{0,2}[:：]\s*)+", re.IGNORECASE)


class Limit(NamedTuple):
    """*events* of *name* in *per*; a mistake over it is not answered, for *reason*."""

    name: str
    events: int
    per: timedelta
    reason: Reason


def kind_of(reasons: Iterable[Reason], *, subject: str, said: Sequence[str] = ()) -> str:
    """What kind of mistake this is: the same reasons, about the same thing (*subject*), in the same words (*said*)."""
    about = _REPLY_MARK.sub("", subject, count=1).strip()
    words = json.dumps([sorted(reasons), about, list(said)], ensure_ascii=False)
    return sha256(words.encode()).hexdigest()


def limits(who: str, kind: str, policy: Policy) -> tuple[Limit, ...]:
    """What an answer to *who* about a mistake of this *kind* must keep; *who* is a reference, never an address."""
    return (
        Limit(f"answer:{who}:{kind}", 1, policy.answer_again, Reason.ANSWERED_ALREADY),
        Limit(f"answers:{who}", policy.answers_a_day, days(1), Reason.LIMIT_REACHED),
        Limit("answers", policy.answers_an_hour, hours(1), Reason.ANSWERS_STOPPED),
    )


def is_own(address: str, own: Iterable[str]) -> bool:
    """Whether *address* is one of the service's *own*, or a sub-address of one (RFC 5233): never written to."""
    return _mailbox(address) in {_mailbox(one) for one in own}


def _mailbox(address: str) -> str:
    local = address.rpartition("@")[0].partition("+")[0]
    return f"{local}@{domain_of(address)}".lower()
