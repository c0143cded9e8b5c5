"""Attachment or link, at the very edges of the procedure's limits."""

import base64
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.delivery import Decision, WhyLink, carried_bytes, decide, encoded_bytes, message_limit
from envelopes.rules.policy import Policy

POLICY = Policy()
MB = 1_000_000


def choose(
    *sizes: int, carrier: bool = False, domain: str = "example.jp", policy: Policy = POLICY
) -> Decision:
    return decide(sizes, domain=domain, carrier=carrier, policy=policy)


@pytest.mark.parametrize(
    ("sizes", "carrier", "why"),
    [
        ((6 * MB,), False, None),
        ((6 * MB + 1,), False, WhyLink.TOO_BIG),
        ((3 * MB, 3 * MB), False, None),
        ((3 * MB, 3 * MB, 1), False, WhyLink.TOO_BIG),
        ((2 * MB,), True, None),
        ((2 * MB + 1,), True, WhyLink.TOO_BIG_FOR_CARRIER),
        ((MB, MB, 1), True, WhyLink.TOO_BIG_FOR_CARRIER),
        ((7 * MB,), True, WhyLink.TOO_BIG_FOR_CARRIER),
        ((2 * MB + 1,), False, None),
        ((1,) * 20, False, None),
        ((1,) * 20, True, None),
        ((1,) * 21, False, WhyLink.TOO_MANY),
        ((1,) * 21, True, WhyLink.TOO_MANY),
        ((), False, None),
    ],
)
def test_the_procedures_limits_to_the_byte(
    sizes: tuple[int, ...], *, carrier: bool, why: WhyLink | None
) -> None:
    decision = choose(*sizes, carrier=carrier)
    assert decision.why is why
    assert decision.attach is (why is None)


def test_a_refusal_says_the_numbers() -> None:
    assert choose(6 * MB + 1) == Decision(attach=False, why=WhyLink.TOO_BIG, actual=6 * MB + 1, limit=6 * MB)
    carrier = choose(3 * MB, carrier=True)
    assert (carrier.actual, carrier.limit) == (3 * MB, 2 * MB)
    many = choose(*[1] * 21)
    assert (many.actual, many.limit) == (21, 20)


def test_the_encoded_mail_is_counted_too() -> None:
    tight = dataclasses.replace(POLICY, message_bytes=encoded_bytes([4 * MB]))
    assert choose(4 * MB, policy=tight).attach
    over = choose(4 * MB + 57, policy=tight)
    assert over.why is WhyLink.ENCODED_TOO_BIG
    assert over.actual > over.limit == tight.message_bytes


@pytest.mark.parametrize("written", ["small.example.jp", "Small.Example.JP"])
def test_a_receiver_that_takes_less_is_known_by_its_domain(written: str) -> None:
    policy = dataclasses.replace(POLICY, message_bytes_by_domain=((written, 5 * MB),))
    assert message_limit("SMALL.example.jp", policy) == 5 * MB
    assert message_limit("example.jp", policy) == POLICY.message_bytes
    assert choose(4 * MB, domain="small.example.jp", policy=policy).why is WhyLink.ENCODED_TOO_BIG
    assert choose(4 * MB, policy=policy).attach


@given(st.lists(st.integers(0, 200_000), max_size=5))
def test_the_estimate_is_never_below_what_base64_needs(sizes: list[int]) -> None:
    lines = [base64.encodebytes(b"x" * size).count(b"\n") for size in sizes]
    real = sum(
        len(base64.b64encode(b"x" * size)) + 2 * count for size, count in zip(sizes, lines, strict=True)
    )
    assert real <= encoded_bytes(sizes) <= real + 80_000


@given(st.lists(st.integers(0, 8 * MB), max_size=25), st.booleans())
def test_one_more_file_never_turns_a_link_into_an_attachment(sizes: list[int], carrier: bool) -> None:  # noqa: FBT001
    if choose(*sizes, 1, carrier=carrier).attach:
        assert choose(*sizes, carrier=carrier).attach


def test_a_mail_of_the_most_bytes_carries_three_scans_of_ten_megabytes() -> None:
    most = POLICY.mail_bytes
    assert carried_bytes(most) >= 3 * 10 * MB
    assert encoded_bytes([carried_bytes(most)]) <= most < encoded_bytes([carried_bytes(most) + 2 * 57])
    assert carried_bytes(0) == 0
