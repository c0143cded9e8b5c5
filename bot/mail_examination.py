"""The whole look at the mail: servers, DNS and clock. What it finds is kept, because orders by reply rest on it.

`fukan doctor` looks when it is called, the bot once in a while. What was not answered is no verdict: then the one
before goes on counting, until it is too old.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from bot import mail_domain, mail_servers, time_check
from bot.outcomes import Bearing, Outcome
from bot.resolver import Resolver
from envelopes.actions import operating
from envelopes.services import Services
from envelopes.settings import Settings, build_policy

DEMO: Final = Outcome(name="メール", without="見本の村では、メールはこの中だけで行き来します。")


async def examine(settings: Settings, clock: Callable[[], datetime]) -> list[Outcome]:
    """Run every check of mail. Sends none, and raises nothing that a fault of servers or DNS causes."""
    if settings.demo:
        return [DEMO]
    policy = build_policy(settings.policy)
    sending, receiving, domain, time = await asyncio.gather(
        mail_servers.sending(settings, policy, clock()),
        mail_servers.receiving(settings, clock()),
        asyncio.to_thread(mail_domain.examine, settings, Resolver(settings.dns)),
        time_check.examine(settings.clock, clock),
    )
    return [sending, receiving, *domain, time]


async def keep(services: Services, outcomes: Sequence[Outcome]) -> None:
    """Keep the verdict that *outcomes* amount to, if they amount to one."""
    found = [(one.name, finding) for one in outcomes for finding in one.findings]
    faults = [f"{name}：{finding.what}" for name, finding in found if finding.bearing is Bearing.FAULT]
    if faults or not any(finding.bearing is Bearing.SILENCE for _, finding in found):
        await operating.note_mail(services, faults)


async def look(services: Services) -> Sequence[Outcome]:
    """Examine and keep."""
    outcomes = await examine(services.settings, services.clock)
    if not services.settings.demo:
        await keep(services, outcomes)
    return outcomes
