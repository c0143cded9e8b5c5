"""Who may do what: roles of staff, and the people who must not be the same person."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from envelopes.rules.errors import Reason, Refused
from envelopes.rules.policy import Policy


class Role(StrEnum):
    """What a member of staff is trusted with. The value stands in the database."""

    DRAFTER = "drafter"  # 担当: drafts, follows and ends envelopes of the own section
    APPROVER = "approver"  # 承認者: checks against the 決裁 before sending
    SIGNER = "signer"  # 自庁の署名者: signs for the village
    REGISTRAR = "registrar"  # 台帳: keeps the registry of addresses
    AUDITOR = "auditor"  # 監査: reads everything, changes nothing
    ADMIN = "admin"  # 管理: staff and settings; nothing about contracts


class Party(StrEnum):
    """Which side a signer is on."""

    CONTRACTOR = "contractor"
    VILLAGE = "village"


class ActorKind(StrEnum):
    """What kind of actor did something."""

    STAFF = "staff"
    SIGNER = "signer"
    WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something. `ref` is a random reference, never a name: it stands in the history in the clear."""

    kind: ActorKind
    ref: str = ""
    id: int = 0
    section_id: int = 0
    roles: frozenset[Role] = frozenset()

    def __str__(self) -> str:
        return f"{self.kind}:{self.ref}" if self.ref else str(self.kind)


WORKER = Actor(kind=ActorKind.WORKER)


def roles_from(text: str) -> frozenset[Role]:
    """Read the column `staff.roles`."""
    return frozenset(Role(part) for part in text.split(",") if part)


def require_role(actor: Actor, allowed: Collection[Role], *, section_id: int | None = None) -> None:
    """Raise Refused(ROLE_MISSING) unless *actor* has one of *allowed* (and is of that section, if one is named).

    An auditor is of every section where auditors are allowed, so nowhere else.
    """
    if not has_role(actor, allowed, section_id=section_id):
        raise Refused(Reason.ROLE_MISSING)


def has_role(actor: Actor, allowed: Collection[Role], *, section_id: int | None = None) -> bool:
    """Whether `require_role` lets *actor* pass."""
    held = actor.roles & frozenset(allowed)
    at_home = section_id is None or actor.section_id == section_id or Role.AUDITOR in held
    return bool(held) and at_home


def may_have_evidence(actor: Actor, *, section_id: int) -> bool:
    """Whether *actor* may have the evidence of an envelope of that section: its own staff, auditors, administrators."""
    return actor.section_id == section_id or bool(actor.roles & {Role.AUDITOR, Role.ADMIN})


_MAY_ENTER: Final = frozenset({Role.REGISTRAR, Role.DRAFTER})
_MAY_APPROVE: Final = frozenset({Role.REGISTRAR, Role.APPROVER, Role.ADMIN})


def may_enter_address(roles: Collection[Role]) -> bool:
    """Whether somebody may put an address forward: the registry's keeper, or a drafter whose mail came back."""
    return bool(_MAY_ENTER & frozenset(roles))


def may_approve_address(roles: Collection[Role], *, first: Collection[Role]) -> bool:
    """Whether somebody may be the second person of an address that one with the roles *first* has put forward.

    One of the two keeps the registry. That they are two, the verbs see to.
    """
    allowed = _MAY_APPROVE if Role.REGISTRAR in first else frozenset({Role.REGISTRAR})
    return bool(allowed & frozenset(roles))


def may_sign_for_village(
    *, signer_id: int, drafter_id: int, registrar_ids: Collection[int], policy: Policy
) -> Reason | None:
    """Why this member of staff may not sign an envelope for the village, or None if he may."""
    if policy.signer_apart_from_drafter and signer_id == drafter_id:
        return Reason.SELF_APPROVAL
    if policy.signer_apart_from_registrar and signer_id in registrar_ids:
        return Reason.SELF_APPROVAL
    return None
