"""Signed links: what opens, what does not."""

import base64
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from envelopes.rules.errors import Reason, Refused
from envelopes.rules.tokens import Purpose, Ticket, ref_from, seal, unseal

OLD, NEW, FOREIGN = b"o" * 32, b"n" * 32, b"f" * 32
NOW = datetime(2026, 4, 1, 9, tzinfo=UTC)
TICKET = Ticket(ref=ref_from(b"0123456789"), generation=3, expires=NOW + timedelta(days=30))
ALPHABET = string.ascii_letters + string.digits + "-_."


def reason(token: str, purpose: Purpose = Purpose.REQUEST, *, keys: tuple[bytes, ...] = (NEW,)) -> Reason:
    with pytest.raises(Refused) as refused:
        unseal(token, purpose, keys, NOW)
    return refused.value.reason


tickets = st.builds(
    Ticket,
    ref=st.binary(min_size=10, max_size=10).map(ref_from),
    generation=st.integers(0, 65535),
    expires=st.integers(int(NOW.timestamp()) + 1, 2**32 - 1).map(lambda at: datetime.fromtimestamp(at, UTC)),
)


@given(tickets, st.sampled_from(Purpose))
def test_a_token_says_what_was_sealed(ticket: Ticket, purpose: Purpose) -> None:
    token = seal(ticket, purpose, [NEW])
    assert unseal(token, purpose, [NEW], NOW) == ticket
    assert len(token) == 66
    assert set(token) <= set(ALPHABET)


@pytest.mark.parametrize("made_for", Purpose)
@pytest.mark.parametrize("used_for", Purpose)
def test_the_purpose_is_the_salt(made_for: Purpose, used_for: Purpose) -> None:
    token = seal(TICKET, made_for, [NEW])
    if made_for is used_for:
        assert unseal(token, used_for, [NEW], NOW) == TICKET
    else:
        assert reason(token, used_for) is Reason.LINK_UNKNOWN


@given(st.integers(0, 65), st.sampled_from(ALPHABET))
def test_one_changed_character_closes_it(place: int, letter: str) -> None:
    token = seal(TICKET, Purpose.REQUEST, [NEW])
    assume(token[place] != letter)
    assert reason(token[:place] + letter + token[place + 1 :]) is Reason.LINK_UNKNOWN


@pytest.mark.parametrize("letter", ALPHABET)
def test_the_last_character_has_no_bits_to_spare(letter: str) -> None:
    token = seal(TICKET, Purpose.REQUEST, [NEW])
    if token[-1] != letter:
        assert reason(token[:-1] + letter) is Reason.LINK_UNKNOWN


@given(st.text(max_size=120))
def test_anything_else_is_unknown_and_raises_nothing_else(text: str) -> None:
    assert reason(text) is Reason.LINK_UNKNOWN


@pytest.mark.parametrize("extra", ["=", ".", " ", "\n", "A", "%00", "あ"])
def test_a_token_has_one_spelling(extra: str) -> None:
    token = seal(TICKET, Purpose.REQUEST, [NEW])
    assert reason(token + extra) is Reason.LINK_UNKNOWN
    assert reason(extra + token) is Reason.LINK_UNKNOWN


def test_a_body_that_is_signed_but_is_no_ticket_is_unknown() -> None:
    from envelopes.rules.tokens import _signer

    short = base64.urlsafe_b64encode(b"short").rstrip(b"=")
    assert reason(_signer([NEW], Purpose.REQUEST).sign(short).decode()) is Reason.LINK_UNKNOWN


def test_after_rotation_old_tokens_open_and_new_ones_use_the_new_key() -> None:
    old = seal(TICKET, Purpose.REQUEST, [OLD])
    assert unseal(old, Purpose.REQUEST, [NEW, OLD], NOW) == TICKET
    fresh = seal(TICKET, Purpose.REQUEST, [NEW, OLD])
    assert unseal(fresh, Purpose.REQUEST, [NEW], NOW) == TICKET
    assert reason(fresh, keys=(OLD,)) is Reason.LINK_UNKNOWN
    assert reason(old, keys=(NEW,)) is Reason.LINK_UNKNOWN
    assert reason(old, keys=(FOREIGN,)) is Reason.LINK_UNKNOWN


def test_the_expiry_is_the_first_instant_at_which_it_is_closed() -> None:
    token = seal(TICKET, Purpose.REQUEST, [NEW])
    last = TICKET.expires - timedelta(microseconds=1)
    assert unseal(token, Purpose.REQUEST, [NEW], last) == TICKET
    with pytest.raises(Refused) as refused:
        unseal(token, Purpose.REQUEST, [NEW], TICKET.expires)
    assert refused.value.reason is Reason.LINK_EXPIRED


def test_an_expired_token_that_was_tampered_with_is_unknown_not_expired() -> None:
    token = seal(TICKET, Purpose.REQUEST, [FOREIGN])
    with pytest.raises(Refused) as refused:
        unseal(token, Purpose.REQUEST, [NEW], TICKET.expires)
    assert refused.value.reason is Reason.LINK_UNKNOWN
