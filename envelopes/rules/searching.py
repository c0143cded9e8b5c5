"""What staff look for among the envelopes: by day, party and amount, alone or together.

電子帳簿保存法施行規則2条6項5号: a record is found by transaction date, amount and party, by ranges of date and amount,
and by any two of these together. A range is inclusive at both ends.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, TypeVar

from envelopes.rules.errors import Reason, Refused
from envelopes.rules.kinds import Kind
from envelopes.rules.states import FINAL, State

T = TypeVar("T")
WORD_CHARACTERS: Final = 100
_WIDE: Final = {
    code: code + 0xFEE0 for code in range(0x21, 0x7F)
}  # ASCII to its full-width forms (JIS X 0208)
_DIGITS: Final = 15  # of an amount: more fits no budget, and the column has room for it


class Standing(StrEnum):
    """How far the envelopes are that are looked for. The value stands in the address of the page."""

    ALL = "all"
    OPEN = "open"
    CONCLUDED = "concluded"
    ENDED = "ended"


STATES: Final[Mapping[Standing, frozenset[State]]] = {
    Standing.ALL: frozenset(State) - {State.NONE, State.DISCARDED},
    Standing.OPEN: frozenset(State) - FINAL - {State.NONE, State.EXPIRED},
    Standing.CONCLUDED: frozenset({State.COMPLETED}),
    Standing.ENDED: FINAL - {State.COMPLETED, State.DISCARDED} | {State.EXPIRED},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for; what is empty or None does not matter.

    Days are those of the transaction (契約締結日・提出日). Each of *words*, with spaces between, is part of a title,
    number or certificate id, however wide its letters and digits are written.
    Amounts are in yen; `without_amount`: 単価契約 alone.
    """

    words: str = ""
    party: str = ""
    since: date | None = None
    until: date | None = None
    least: int | None = None
    most: int | None = None
    without_amount: bool = False
    standing: Standing = Standing.ALL
    kind: Kind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with one field."""

    field: str
    refused: Refused


def read(said: Mapping[str, str]) -> tuple[Search, tuple[Fault, ...]]:
    """Return what the fields of the page ask for, and every fault; a field with a fault counts as empty."""
    faults: list[Fault] = []

    def tidy(name: str, rule: Callable[[str], T | None]) -> T | None:
        try:
            return rule(said.get(name, "").strip())
        except Refused as refused:
            faults.append(Fault(field=name, refused=refused))
            return None

    since, until = tidy("since", _day), tidy("until", _day)
    if since is not None and until is not None and since > until:
        faults.append(Fault(field="since", refused=Refused(Reason.RANGE_BACKWARDS)))
    least, most = tidy("least", _yen), tidy("most", _yen)
    if least is not None and most is not None and least > most:
        faults.append(Fault(field="least", refused=Refused(Reason.AMOUNTS_BACKWARDS)))
    standing, kind = said.get("standing", ""), said.get("kind", "")
    search = Search(
        words=said.get("words", "").strip()[:WORD_CHARACTERS],
        party=said.get("party", "").strip()[:WORD_CHARACTERS],
        since=since,
        until=until,
        least=least,
        most=most,
        without_amount=bool(said.get("without_amount")),
        standing=Standing(standing) if standing in set(Standing) else Standing.ALL,
        kind=Kind(kind) if kind in set(Kind) else None,
    )
    return search, tuple(faults)


def widths(word: str) -> frozenset[str]:
    """Return the ways in which titles write *word*: 令和8年度 and 令和８年度 are the same to whoever looks for one."""
    narrow = unicodedata.normalize("NFKC", word)
    return frozenset({word, narrow, narrow.translate(_WIDE)})


def _day(typed: str) -> date | None:
    if not typed:
        return None
    try:
        return date.fromisoformat(unicodedata.normalize("NFKC", typed).replace("/", "-"))
    except ValueError:
        raise Refused(Reason.SEARCH_DAY) from None


def _yen(typed: str) -> int | None:
    plain = unicodedata.normalize("NFKC", typed).replace(",", "").replace("¥", "").removesuffix("円").strip()
    if not plain:
        return None
    if not (plain.isascii() and plain.isdigit() and len(plain) <= _DIGITS):
        raise Refused(Reason.SEARCH_AMOUNT)
    return int(plain)
