"""Mails to staff, sections and about the registry that did not arrive, for the operator (管理): to whom and why.

Of a mail to a contractor about a request the request's own page speaks.
"""

from collections.abc import Sequence
from typing import Final

from tortoise.expressions import Q

from envelopes.actions.aside import require_operator
from envelopes.records.models import Delivery
from envelopes.rules.people import Actor
from envelopes.rules.returns import DeliveryState
from envelopes.services import Services

MOST: Final = 50  # why: the newest tell which mailboxes are out of order
_OUR_OWN: Final = Q(signer_id=None) | Q(staff_id__isnull=False)


async def found(services: Services, actor: Actor) -> Sequence[Delivery]:
    """Return them, newest first, as long as mails that led to nothing are kept. Raises Refused(LINK_UNKNOWN)."""
    require_operator(actor)
    since = services.now() - services.policy.aside_kept
    failed = Delivery.filter(_OUR_OWN, state=DeliveryState.FAILED.value, updated_at__gte=since)
    return await failed.order_by("-updated_at").limit(MOST)
