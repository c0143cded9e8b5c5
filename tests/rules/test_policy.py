"""The policy's numbers are those of the town's procedure and of docs/policy.md."""

import dataclasses
from datetime import timedelta

import pytest

from envelopes.rules.policy import Policy, days, hours, minutes, rules


def test_every_rule_says_why() -> None:
    for name, _, why in rules(Policy()):
        assert why.endswith("."), name
        assert len(why) > 10, name


def test_rules_stand_in_the_files_order_and_none_is_left_out() -> None:
    assert [name for name, _, _ in rules(Policy())] == [field.name for field in dataclasses.fields(Policy)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("attachment_bytes", 6_000_000),
        ("attachment_bytes_carrier", 2_000_000),
        ("attachment_files", 20),
        ("documents_per_envelope", 20),
        ("download_days", 14),
        ("code_lifetime", timedelta(minutes=10)),
        ("code_tries", 5),
        ("link_tries", 20),
        ("code_resend", timedelta(seconds=60)),
        ("codes_an_hour", 3),
        ("codes_a_day", 10),
        ("new_links_a_day", 2),
        ("address_wait", timedelta(hours=24)),
        ("signer_apart_from_drafter", True),
        ("signer_apart_from_registrar", True),
        ("staff_idle", timedelta(minutes=30)),
        ("staff_total", timedelta(hours=10)),
    ],
)
def test_numbers_of_the_procedure(name: str, value: object) -> None:
    assert getattr(Policy(), name) == value


def test_units_are_what_they_say() -> None:
    assert days(1) == hours(24) == minutes(1440) == timedelta(days=1)


def test_a_policy_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Policy().code_tries = 6  # type: ignore[misc]


def test_waits_are_in_order() -> None:
    policy = Policy()
    assert policy.lease <= policy.retry_cap
    assert policy.retry_first < policy.retry_cap <= policy.retry_end
