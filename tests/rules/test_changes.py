"""What may be said of a person or an address that has changed."""

import pytest

from envelopes.rules.changes import Change, Wish, tidy
from envelopes.rules.errors import Reason, Refused

BEFORE = "ichiro@takahashi-kensetsu.example"
NEW = "kimura@takahashi-kensetsu.example"


def test_a_new_person_is_kept_as_written_without_spaces_around() -> None:
    wish = Wish(
        change=Change.PERSON, person=" 木村　花子 ", office=" 工事部長 ", email=f" {NEW} ", note="退任"
    )
    made = tidy(wish, before=BEFORE)
    assert made == Wish(change=Change.PERSON, person="木村 花子", office="工事部長", email=NEW, note="退任")


def test_a_new_person_may_read_the_same_mailbox() -> None:
    assert tidy(Wish(change=Change.PERSON, person="木村 花子", email=BEFORE), before=BEFORE).email == BEFORE


def test_what_does_not_belong_to_the_change_is_dropped() -> None:
    said = {"person": "木村 花子", "office": "工事部長", "email": NEW}
    assert tidy(Wish(change=Change.ADDRESS, **said), before=BEFORE) == Wish(change=Change.ADDRESS, email=NEW)
    assert tidy(Wish(change=Change.NOT_OURS, **said), before=BEFORE) == Wish(change=Change.NOT_OURS)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (Wish(change=Change.PERSON, email=NEW), Reason.PERSON_MISSING),
        (Wish(change=Change.PERSON, person="木村"), Reason.ADDRESS_EMPTY),
        (Wish(change=Change.PERSON, person="木村", office="長" * 51, email=NEW), Reason.ENTRY_TOO_LONG),
        (Wish(change=Change.ADDRESS, email="木村@takahashi.example"), Reason.ADDRESS_FULL_WIDTH),
        (Wish(change=Change.ADDRESS, email=BEFORE.title()), Reason.ADDRESS_UNCHANGED),
    ],
)
def test_what_is_missing_or_the_same_is_refused(wish: Wish, reason: Reason) -> None:
    with pytest.raises(Refused) as refused:
        tidy(wish, before=BEFORE)
    assert refused.value.reason is reason
