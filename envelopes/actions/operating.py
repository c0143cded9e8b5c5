"""The operator's settings in the history: what is in force is written down whenever it has changed.

So a rule that was bent for an afternoon leaves a row for when it was bent and one for when it was put back. Secrets,
paths and accounts are no part of it.
"""

import json
from typing import Any, Final

from pydantic import TypeAdapter
from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records import history
from envelopes.records.database import unit
from envelopes.records.fields import FieldUnreadable
from envelopes.records.history import Subject
from envelopes.records.models import FactDetail
from envelopes.rules.people import WORKER
from envelopes.rules.policy import Policy
from envelopes.services import Services

INSTALLATION: Final = 1  # the one whose settings they are: one town per installation
IN_FORCE: Final = "settings in force"


def in_force(services: Services) -> dict[str, Any]:
    """Return what an auditor wants to know of the settings, as plain JSON."""
    settings = services.settings
    return {
        "demo": settings.demo,
        "town": settings.town.model_dump(mode="json"),
        "operator": settings.operator.model_dump(mode="json"),
        "portal": settings.portal.url,
        "mail": settings.mail.model_dump(mode="json"),
        "signing_key": settings.signing_key.kind,
        "tsa": [
            one.model_dump(mode="json", include={"name", "url", "policy", "accreditation"})
            for one in settings.tsa
        ],
        "policy": TypeAdapter(Policy).dump_python(services.policy, mode="json"),
    }


async def note_settings(services: Services) -> None:
    """Write into the settings' history what is in force, unless the last row says the same."""
    now, said = services.now(), in_force(services)

    async def work(connection: BaseDBAsyncClient) -> None:
        if await _last(connection) != said:
            await history.record(
                connection, Subject.SETTINGS, INSTALLATION, IN_FORCE, actor=str(WORKER), at=now, payload=said
            )

    await unit(work)


async def _last(connection: BaseDBAsyncClient) -> Any:
    """What the last row said; None where there is none, or it cannot be read any more."""
    details = FactDetail.filter(
        fact__subject=Subject.SETTINGS, fact__subject_id=INSTALLATION, fact__kind=IN_FORCE
    )
    try:
        detail = await details.using_db(connection).order_by("-fact__n").first()
        return json.loads(detail.payload) if detail else None
    except (FieldUnreadable, ValueError):
        return None
