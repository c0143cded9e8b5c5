"""What a signer may tell staff without changing anything, and on which day he may ask to be reminded."""

from datetime import date
from enum import StrEnum

from envelopes.rules.errors import Reason, Refused


class About(StrEnum):
    """What a note is about. The value is the fact's kind in the history."""

    WRONG_PERSON = "wrong person"
    MORE_TIME = "more time asked for"
    CHECKING = "checking inside"
    CHANGE = "change asked for"
    TAKEN_BACK = "change taken back"
    # Not written by anybody: what was typed was wrong so often that only staff can help.
    CODE_SPENT = "access code spent"
    SMS_SPENT = "sms codes spent"


def require_reminder_day(day: date | None, *, today: date, deadline: date) -> None:
    """Raise Refused(REMINDER_DAY) unless *day* is None or one from tomorrow to *deadline*."""
    if day is not None and not today < day <= deadline:
        raise Refused(Reason.REMINDER_DAY)
