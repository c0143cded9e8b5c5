"""What becomes of a mail that came in, and which ones it helps to read again. The words for it: `envelopes.texts`."""

from enum import StrEnum
from typing import Final

from envelopes.rules.provenance import Why


class MailStatus(StrEnum):
    """What became of a mail."""

    RECEIVED = "received"
    READ = "read"
    ANSWERED = "answered"
    QUARANTINED = "quarantined"
    FAILED = "failed"


ASIDE: Final = (MailStatus.QUARANTINED, MailStatus.FAILED)
"""Led to nothing, and nobody was told: the operator's to look at."""

# What decided is in the mail itself: settings, staff list and DNS may change as they like.
_FOR_GOOD: Final = frozenset(
    {Why.AUTOMATIC, Why.OWN_ADDRESS, Why.NOT_ONE_SENDER, Why.TWO_READINGS, Why.DOUBLE_FIELD}
)


def may_be_read_again(reason: str) -> bool:
    """Whether reading a mail again could come to something else."""
    return reason not in _FOR_GOOD
