"""申請: what an application for the registry says, at which door it came in, how far it is. Pure; the form's own rules.

What an address looks like and whose domain it is stands in `addresses`; who decides, in `people`.
"""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from envelopes.rules.addresses import AddressKind, classify, normalise
from envelopes.rules.errors import Reason, Refused

COMPANY_CHARACTERS: Final = 100  # why: fits one line of a letter, and a cookie with all of the form in it
NAME_CHARACTERS: Final = 50


class Door(StrEnum):
    """Where an application came in."""

    FORM = "form"  # the contractor filled in the pages
    LIST = "list"  # staff imported a list
    WITHDRAWAL = "withdrawal"  # the contractor takes the consent back; nobody has to decide
    CORRECTION = "correction"  # staff put a new address in the place of one that no longer receives mail
    HAND_OVER = (
        "hand over"  # the person asked to sign named another one of the company, and staff put him forward
    )


class Stage(StrEnum):
    """How far an application is."""

    UNPROVED = "unproved"  # nobody has typed the code that was sent to the address
    PROVED = "proved"  # and no member of staff has looked at it
    CHECKED = "checked"  # one has put it forward, the second has to call back and approve
    APPROVED = "approved"
    RETURNED = "returned"


OPEN: Final = frozenset({Stage.PROVED, Stage.CHECKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The entry that somebody wants. *previous* is the address that the new one takes the place of, or empty.

    *mobile* is for codes by SMS, or empty.
    """

    company: str
    office: str = ""
    person: str
    email: str
    reason: str = ""
    previous: str = ""
    language: str = "ja"
    mobile: str = ""


def tidy_company(typed: str) -> str:
    """Return the company's name as typed, without spaces around it. Raises Refused."""
    return _tidy(typed, missing=Reason.COMPANY_MISSING, most=COMPANY_CHARACTERS)


def tidy_person(typed: str) -> str:
    """Return the person's name as typed, without spaces around it. Raises Refused."""
    return _tidy(typed, missing=Reason.PERSON_MISSING, most=NAME_CHARACTERS)


def tidy_office(typed: str) -> str:
    """Return the office, which may be empty. Raises Refused."""
    return _tidy(typed, missing=None, most=NAME_CHARACTERS)


def _tidy(typed: str, *, missing: Reason | None, most: int) -> str:
    text = " ".join(typed.split())
    if not text and missing is not None:
        raise Refused(missing)
    if len(text) > most:
        raise Refused(Reason.ENTRY_TOO_LONG, limit=most)
    return text


def tidy_address(typed: str) -> str:
    """Return the address in the form that is kept; full-width letters become half-width. Raises Refused."""
    if not typed.strip():
        raise Refused(Reason.ADDRESS_EMPTY)
    if not unicodedata.normalize("NFKC", typed).strip().isascii():
        raise Refused(Reason.ADDRESS_FULL_WIDTH)
    return normalise("".join(typed.split()))


def tidy_why(typed: str, address: str, *, most: int) -> str:
    """Return the reason for *address*; free-mail and carrier addresses need one. Raises Refused."""
    text = typed.strip()
    if len(text) > most:
        raise Refused(Reason.REASON_TOO_LONG, limit=most)
    match classify(address):
        case AddressKind.FREE if not text:
            raise Refused(Reason.ADDRESS_FREE)
        case AddressKind.CARRIER if not text:
            raise Refused(Reason.ADDRESS_CARRIER)
        case _:
            return text
