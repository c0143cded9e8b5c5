"""認定タイムスタンプ: the word is used only where every token is covered."""

from datetime import date
from typing import NamedTuple

import pytest

from envelopes.rules.accreditation import Stamp, are_accredited


class Written(NamedTuple):
    fingerprint: str
    since: date
    until: date


PIN = Written("ab", date(2026, 4, 1), date(2028, 3, 31))
OTHER = Written("cd", date(2026, 4, 1), date(2028, 3, 31))


@pytest.mark.parametrize(
    ("stamps", "accredited"),
    [
        ([], False),
        ([Stamp("ab", date(2026, 4, 1))], True),
        ([Stamp("ab", date(2028, 3, 31))], True),
        ([Stamp("ab", date(2026, 3, 31))], False),
        ([Stamp("ab", date(2028, 4, 1))], False),
        ([Stamp("ef", date(2027, 1, 1))], False),
        ([Stamp("ab", date(2027, 1, 1)), Stamp("cd", date(2027, 1, 1))], True),
        ([Stamp("ab", date(2027, 1, 1)), Stamp("ef", date(2027, 1, 1))], False),
    ],
)
def test_every_token_must_be_covered(stamps: list[Stamp], *, accredited: bool) -> None:
    assert are_accredited(stamps, [PIN, OTHER]) is accredited
    assert not are_accredited(stamps, [])
