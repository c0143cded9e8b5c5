"""What the operator answers for: the settings in force, and whether mail can be believed.

Settings are written into the history whenever they have changed, so a rule that was bent for an afternoon leaves a row
for when it was bent and one for when it was put back. Secrets, paths and accounts are no part of it. What was found
wrong with the mail (servers, DNS, clock) is kept in one sealed row: orders by reply count only while nothing is.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records import history
from envelopes.records.database import unit
from envelopes.records.fields import FieldUnreadable
from envelopes.records.history import Subject
from envelopes.records.models import FactDetail, MailVerdict
from envelopes.rules.consent import instant
from envelopes.rules.people import WORKER
from envelopes.services import Services

INSTALLATION: Final = 1  # the one whose settings they are: one town per installation
IN_FORCE: Final = "settings in force"
MAIL_EXAMINED: Final = "mail examined"


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
        "sms": settings.sms and settings.sms.model_dump(mode="json", include={"sender", "allow_private"}),
        "policy": json.loads(services.policy_text()),
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


# Whether mail can be believed


async def note_mail(services: Services, faults: Sequence[str]) -> None:
    """Keep what an examination of the mail found wrong (nothing: it is sound), and note in the history what changed."""
    now, about = services.now(), _about(services)
    said = {"about": about, "at": instant(now), "faults": list(faults)}

    async def work(connection: BaseDBAsyncClient) -> None:
        before = await _examined(connection)
        await MailVerdict.all().using_db(connection).delete()
        await MailVerdict.create(said=json.dumps(said, ensure_ascii=False), using_db=connection)
        if (before.get("faults"), before.get("about")) != (said["faults"], about):
            await history.record(
                connection,
                Subject.SETTINGS,
                INSTALLATION,
                MAIL_EXAMINED,
                actor=str(WORKER),
                at=now,
                payload={"faults": said["faults"]},
            )

    await unit(work)


async def mail_is_sound(services: Services) -> bool:
    """Whether the last examination found nothing wrong, of the settings in force and not too long ago.

    Fails closed. The demo counts as sound: its mail world is the same process.
    """
    if services.settings.demo:
        return True
    said = await _examined()
    if said.get("about") != _about(services) or said.get("faults") != []:
        return False
    age = services.now() - datetime.fromisoformat(said["at"])
    return age <= services.policy.mail_verdict_lasts


def _about(services: Services) -> Any:
    """What was examined. With other addresses or another server the verdict says nothing."""
    settings = services.settings
    servers = [f"{one.host}:{one.port}:{one.tls}" for one in (settings.smtp, settings.imap)]
    return [settings.mail.model_dump(mode="json"), settings.portal.url, servers]


async def _examined(connection: BaseDBAsyncClient | None = None) -> dict[str, Any]:
    """What the row says; nothing where there is none, or somebody without the key has written it."""
    try:
        row = await MailVerdict.all().using_db(connection).order_by("-id").first()
        said = json.loads(row.said) if row else {}
    except (FieldUnreadable, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
