"""Numbers of mobile phones in Japan: one form to keep (E.164), one to read, one to show.

Only these receive SMS for a proof. 総務省「電気通信番号計画」（令和元年総務省告示第6号）別表第1: 060, 070, 080 and 090,
then eight digits of which the first is not 0; 020 belongs to machines. Abroad the first 0 becomes +81 (ITU-T E.164).
"""

import re
import unicodedata
from typing import Final

from envelopes.rules.errors import Reason, Refused

_NATIONAL: Final = re.compile(r"0([6-9]0[1-9]\d{7})", re.ASCII)
_COUNTRY: Final = re.compile(r"(?:\+|00|010)?81(?=0?[6-9]0[1-9]\d{7}$)", re.ASCII)
_BETWEEN: Final = frozenset("-‐‑‒–—―−ーｰ()・.")


def normalise(typed: str) -> str:
    """Return the number as it is kept, `+819012345678`. Raises Refused(MOBILE_MISSING | MOBILE_FORM)."""
    folded = unicodedata.normalize("NFKC", typed)
    plain = "".join(char for char in folded if not _is_between(char))
    if not plain:
        raise Refused(Reason.MOBILE_MISSING)
    if (abroad := _COUNTRY.match(plain)) is not None:
        plain = "0" + plain[abroad.end() :].removeprefix("0")
    if (found := _NATIONAL.fullmatch(plain)) is None:
        raise Refused(Reason.MOBILE_FORM)
    return f"+81{found[1]}"


def _is_between(char: str) -> bool:
    # What people and address books put between digits, and what copying brings along unseen (category Cf).
    return char.isspace() or char in _BETWEEN or unicodedata.category(char) == "Cf"


def written(number: str) -> str:
    """A kept number as people in Japan write it: `090-1234-5678`."""
    digits = "0" + number.removeprefix("+81")
    return f"{digits[:3]}-{digits[3:7]}-{digits[7:]}"


def masked(number: str) -> str:
    """A kept number of which its owner knows it again, and nobody else learns it: `090-****-5678`."""
    first, _, last = written(number).split("-")
    return f"{first}-****-{last}"
