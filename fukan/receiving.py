"""Whether a domain takes mail, as the registration form asks it. Silence of the name servers is no reason to refuse."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from bot.resolver import DnsSilent, Resolver
from envelopes.settings import Dns

SECONDS: Final = 3.0  # why: somebody waits for the page
_NULL: Final = frozenset({"", "."})  # RFC 7505: the domain says that it takes none


def receiving(settings: Dns) -> Callable[[str], Awaitable[bool]]:
    """Return the question to the name servers of *settings*."""
    resolver = Resolver(settings, seconds=SECONDS)

    async def receives(domain: str) -> bool:
        return await asyncio.to_thread(_receives, resolver, domain)

    return receives


def _receives(resolver: Resolver, domain: str) -> bool:
    try:
        exchanges = resolver.exchanges(domain)
        if exchanges:
            return any(one.host not in _NULL for one in exchanges)
        # RFC 5321 5.1: without MX records mail goes to the host itself.
        return bool(resolver.addresses(domain))
    except DnsSilent:
        return True
