"""HTTP to a hook of the operator: resolved once, judged, and connected to just there; signed; no redirect followed.

What may be connected to and what is sent stands in `envelopes.rules.hooks`. A note names neither address nor content,
so that it may stand in logs and records; of an answer only the status is read.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from envelopes.rules import hooks
from envelopes.rules.hooks import Said

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[list[Address]]]

_AGENT: Final = "Fukan"
_PORTS: Final = {"http": 80, "https": 443}
PRIVATE: Final = "private address"
NAME: Final = "name unknown"
CLEAR: Final = "no TLS"
TLS: Final = "TLS"
TIMEOUT: Final = "timeout"
REFUSED: Final = "connection refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A hook as the operator has set it; *timeout* is in seconds and for all of one call."""

    url: str = field(repr=False)  # its path may hold a key
    secret: str = field(repr=False)
    timeout: float
    allow_private: bool = False
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a call, and a note on it: `HTTP 503`, `timeout`."""

    said: Said
    note: str


class _Unfit(Exception):
    """The hook cannot be called where its name leads. `passes`: that may change by itself."""

    def __init__(self, note: str, *, passes: bool = False) -> None:
        super().__init__(note)
        self.note = note
        self.passes = passes


async def resolved(host: str, port: int) -> list[Address]:
    """Ask this machine's resolver. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(one[4][0]) for one in found))


class _Pinned(AbstractResolver):
    """Says the addresses that have been judged, whatever name it is asked for: nobody asks DNS a second time."""

    def __init__(self, addresses: list[Address]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family  # the connector takes what it can use
        return [
            ResolveResult(
                hostname=host,
                host=str(one),
                port=port,
                family=socket.AF_INET if one.version == 4 else socket.AF_INET6,  # noqa: PLR2004 -- IPv4
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for one in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def post(
    hook: Hook, message: dict[str, str], *, key: str, timestamp: int, resolve: Resolve = resolved
) -> Answer:
    """Send *message* once. *key* is the same for each attempt at the same message, *timestamp* this attempt's."""
    data = hooks.body(message)
    head = {"User-Agent": _AGENT, **hooks.headers(hook.secret, data, key=key, timestamp=timestamp)}

    async def send(session: aiohttp.ClientSession) -> Answer:
        # A redirect is one of the other answers: nobody but the operator decides where codes go.
        async with session.post(hook.url, data=data, headers=head, allow_redirects=False) as response:
            return Answer(said=hooks.meaning(response.status), note=f"HTTP {response.status}")

    return await _called(hook, send, resolve)


async def reach(hook: Hook, *, resolve: Resolve = resolved) -> Answer:
    """Ask only for a head (RFC 9110 9.3.2): nothing is sent to anybody, and any HTTP answer will do."""

    async def greet(session: aiohttp.ClientSession) -> Answer:
        async with session.head(hook.url, allow_redirects=False) as response:
            return Answer(said=Said.TAKEN, note=f"HTTP {response.status}")

    return await _called(hook, greet, resolve)


async def _called(
    hook: Hook, call: Callable[[aiohttp.ClientSession], Awaitable[Answer]], resolve: Resolve
) -> Answer:
    try:
        async with asyncio.timeout(hook.timeout):
            pinned = _Pinned(await _judged(hook, resolve))
            tls = ssl.create_default_context(cafile=hook.ca_file)
            connector = aiohttp.TCPConnector(resolver=pinned, ssl=tls, use_dns_cache=False)
            async with aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            ) as session:
                return await call(session)
    except _Unfit as unfit:
        return Answer(said=Said.LATER if unfit.passes else Said.NEVER, note=unfit.note)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Answer(said=Said.LATER, note=_note(error))


async def _judged(hook: Hook, resolve: Resolve) -> list[Address]:
    """The addresses behind the hook's name, every one of which may be connected to."""
    url = urlsplit(hook.url)
    try:
        found = await resolve(url.hostname or "", url.port or _PORTS[url.scheme])
    except socket.gaierror:
        raise _Unfit(NAME, passes=True) from None
    public = [hooks.is_public(one) for one in found]
    if not hook.allow_private and not all(public):
        raise _Unfit(PRIVATE)
    if url.scheme == "http" and any(public):
        # The flag is for a hook nearby; over the internet a code does not go in the clear.
        raise _Unfit(CLEAR)
    return found


def _note(error: Exception) -> str:
    # The narrower classes come first.
    match error:
        case TimeoutError():
            return TIMEOUT
        case ssl.SSLError() | aiohttp.ClientSSLError():
            return TLS
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()) | ConnectionRefusedError():
            return REFUSED
        case OSError():
            return "no answer"
        case _:
            return "no HTTP"
