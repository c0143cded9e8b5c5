"""変更の申出: what somebody who has proved himself may say of the person or the address that a request went to.

Until staff have decided, his place is paused (`signers.paused_at`). Who the new person is, the registry finds out
(`applications`); that the place then goes over, the table of states knows.
"""

from dataclasses import dataclass
from enum import StrEnum

from envelopes.rules.addresses import comparable
from envelopes.rules.applications import tidy_address, tidy_office, tidy_person
from envelopes.rules.errors import Reason, Refused


class Change(StrEnum):
    """What has changed. The value stands in forms and in the history."""

    PERSON = "changed"  # somebody else of the company is in charge: the request is to be handed over
    ADDRESS = "address"  # the same person has another address
    NOT_OURS = "not-ours"  # the request has come to the wrong company


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was said. *person* and *office* go with a new person, *email* with a new person or address."""

    change: Change
    person: str = ""
    office: str = ""
    email: str = ""
    note: str = ""


def tidy(wish: Wish, *, before: str) -> Wish:
    """Return *wish* as it is kept, without what does not belong to its change; *before* is the present address.

    The note is tidied by whoever knows its limit. Raises Refused: PERSON_MISSING, ENTRY_TOO_LONG, ADDRESS_….
    """
    new_person = wish.change is Change.PERSON
    email = "" if wish.change is Change.NOT_OURS else tidy_address(wish.email)
    if wish.change is Change.ADDRESS and comparable(email) == comparable(before):
        raise Refused(Reason.ADDRESS_UNCHANGED)
    return Wish(
        change=wish.change,
        person=tidy_person(wish.person) if new_person else "",
        office=tidy_office(wish.office) if new_person else "",
        email=email,
        note=wish.note,
    )


def tidy_told(wish: Wish) -> Wish:
    """Return *wish* as staff read it where nothing comes of it by itself, so that all but the change may be empty.

    The note is tidied by whoever knows its limit. Raises Refused: ENTRY_TOO_LONG, ADDRESS_….
    """
    return Wish(
        change=wish.change,
        person=tidy_person(wish.person) if wish.person.strip() else "",
        office=tidy_office(wish.office),
        email=tidy_address(wish.email) if wish.email.strip() else "",
        note=wish.note,
    )
