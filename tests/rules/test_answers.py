"""How often a mistake is answered: what counts as the same one, and which addresses are never written to."""

import pytest

from envelopes.rules.answers import is_own, kind_of, limits
from envelopes.rules.errors import Reason
from envelopes.rules.policy import Policy, hours

OWN = ("keiyaku@keiyaku.mihon.example", "uketsuke@keiyaku.mihon.example")


def test_the_same_mistake_about_the_same_thing_in_the_same_words_is_one_kind() -> None:
    first = kind_of([Reason.KIND_MISSING, Reason.NO_DOCUMENT], subject="契約の件", said=["お願いします"])
    again = kind_of([Reason.NO_DOCUMENT, Reason.KIND_MISSING], subject="Re: 契約の件", said=["お願いします"])
    assert first == again


@pytest.mark.parametrize(
    "other",
    [
        kind_of([Reason.KIND_MISSING], subject="契約の件", said=["お願いします"]),
        kind_of([Reason.NO_DOCUMENT], subject="別の件", said=["お願いします"]),
        kind_of([Reason.NO_DOCUMENT], subject="契約の件", said=["添付しました"]),
    ],
)
def test_another_reason_thing_or_word_is_another_kind(other: str) -> None:
    assert other != kind_of([Reason.NO_DOCUMENT], subject="契約の件", said=["お願いします"])


def test_the_limits_name_nobody_and_stand_in_the_policy() -> None:
    policy = Policy(answer_again=hours(5), answers_a_day=7, answers_an_hour=9)
    found = limits("abcd", "kind", policy)
    assert [(one.events, one.per) for one in found] == [(1, hours(5)), (7, hours(24)), (9, hours(1))]
    assert len({one.name for one in found}) == 3


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("uketsuke@keiyaku.mihon.example", True),
        ("Uketsuke+ukesho@KEIYAKU.mihon.example", True),
        ("uketsuke+b.abc@keiyaku.mihon.example.", True),
        ("keiyaku@keiyaku.mihon.example", True),
        ("nakamura@keiyaku.mihon.example", False),
        ("uketsuke@mihon.example", False),
    ],
)
def test_our_own_addresses_are_known_with_their_sub_addresses(address: str, *, own: bool) -> None:
    assert is_own(address, OWN) is own
