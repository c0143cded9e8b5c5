"""Roles, and the people who must not be the same person."""

import dataclasses
import itertools

import pytest

from envelopes.rules.errors import Reason, Refused
from envelopes.rules.people import (
    WORKER,
    Actor,
    ActorKind,
    Role,
    may_sign_for_village,
    require_role,
    roles_from,
)
from envelopes.rules.policy import Policy

POLICY = Policy()


def actor(*roles: Role, section: int = 1) -> Actor:
    return Actor(kind=ActorKind.STAFF, ref="abc", id=7, section_id=section, roles=frozenset(roles))


def allowed(who: Actor, *roles: Role, section: int | None = None) -> bool:
    try:
        require_role(who, roles, section_id=section)
    except Refused as refused:
        return refused.reason is not Reason.ROLE_MISSING
    return True


@pytest.mark.parametrize(("held", "wanted"), list(itertools.product(Role, Role)))
def test_a_role_opens_its_own_doors_only(held: Role, wanted: Role) -> None:
    assert allowed(actor(held), wanted) is (held is wanted)


def test_nobody_without_a_role_may_do_anything() -> None:
    assert not allowed(actor(), *Role)
    assert not allowed(WORKER, *Role)


def test_work_stays_in_the_section() -> None:
    assert allowed(actor(Role.DRAFTER), Role.DRAFTER, section=1)
    assert not allowed(actor(Role.DRAFTER, section=2), Role.DRAFTER, section=1)


def test_an_auditor_reads_in_every_section() -> None:
    assert allowed(actor(Role.AUDITOR, section=2), Role.AUDITOR, Role.DRAFTER, section=1)


def test_an_auditor_who_drafts_too_changes_nothing_in_another_section() -> None:
    assert not allowed(actor(Role.AUDITOR, Role.DRAFTER, section=2), Role.DRAFTER, section=1)


@pytest.mark.parametrize(
    ("signer", "drafter", "registrars", "reason"),
    [
        (1, 2, {3, 4}, None),
        (1, 1, {3}, Reason.SELF_APPROVAL),
        (1, 2, {1, 3}, Reason.SELF_APPROVAL),
        (1, 1, {1}, Reason.SELF_APPROVAL),
        (1, 2, set(), None),
    ],
)
def test_the_village_signs_through_somebody_else(
    signer: int, drafter: int, registrars: set[int], reason: Reason | None
) -> None:
    found = may_sign_for_village(
        signer_id=signer, drafter_id=drafter, registrar_ids=registrars, policy=POLICY
    )
    assert found is reason


def test_a_single_person_office_may_switch_it_off() -> None:
    alone = dataclasses.replace(POLICY, signer_apart_from_drafter=False, signer_apart_from_registrar=False)
    assert may_sign_for_village(signer_id=1, drafter_id=1, registrar_ids={1}, policy=alone) is None


def test_roles_are_read_from_their_column() -> None:
    assert roles_from("drafter,signer") == {Role.DRAFTER, Role.SIGNER}
    assert roles_from("") == frozenset()


def test_an_actor_is_written_without_a_name() -> None:
    assert str(actor(Role.DRAFTER)) == "staff:abc"
    assert str(WORKER) == "worker"
