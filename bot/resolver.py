"""Questions to DNS: what a name's records say, each answer within a time. Blocks; call it in a thread.

No record is an answer (an empty one); a name server that is silent or broken is `DnsSilent`, which says nothing about
the name. What records mean is for those who ask.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final, NamedTuple

import dns.exception
import dns.name
import dns.resolver
import dns.reversename
from dns.nameserver import Do53Nameserver
from dns.rdatatype import RdataType

from envelopes.rules.errors import FukanError
from envelopes.settings import Dns

SECONDS: Final = (
    5.0  # why: a resolver that asks around the world needs some; a process that stops waits for it
)


class DnsSilent(FukanError):
    """No name server has answered, or it could not find out. Try again; the message holds the name asked for."""


class Exchange(NamedTuple):
    """One MX record; host "." means that the domain takes no mail (RFC 7505)."""

    preference: int
    host: str


class Resolver:
    """Asks the name servers of the settings, else the system's. May be shared between threads."""

    def __init__(self, settings: Dns, *, seconds: float = SECONDS) -> None:
        self._servers = [Do53Nameserver(str(place.address), place.port) for place in settings.places]
        self._seconds = seconds

    def texts(self, name: str) -> tuple[bytes, ...]:
        """TXT records; the strings of each are joined without spaces (RFC 7208 3.3, RFC 6376 3.6.2.2)."""
        return tuple(b"".join(record.strings) for record in self._ask(name, RdataType.TXT))

    def addresses(self, name: str) -> tuple[IPv4Address | IPv6Address, ...]:
        """A and AAAA records."""
        kinds = (RdataType.A, RdataType.AAAA)
        return tuple(ip_address(record.address) for kind in kinds for record in self._ask(name, kind))

    def exchanges(self, name: str) -> tuple[Exchange, ...]:
        """MX records, the preferred ones first."""
        found = self._ask(name, RdataType.MX)
        return tuple(sorted(Exchange(one.preference, _plain(one.exchange)) for one in found))

    def names(self, address: IPv4Address | IPv6Address) -> tuple[str, ...]:
        """PTR records of *address*."""
        found = self._ask(dns.reversename.from_address(str(address)).to_text(), RdataType.PTR)
        return tuple(_plain(record.target) for record in found)

    def _ask(self, name: str, kind: RdataType) -> Sequence[Any]:
        try:
            asked = dns.name.from_text(name)
        except dns.exception.DNSException:
            return []  # what is no name has no records
        try:
            return list(self._resolver().resolve(asked, kind, raise_on_no_answer=False))
        except dns.resolver.NXDOMAIN:
            return []
        except (dns.exception.DNSException, OSError):
            raise DnsSilent(name) from None

    def _resolver(self) -> dns.resolver.Resolver:
        # The system's servers are read anew: a laptop moves, and a container gets others.
        asking = dns.resolver.Resolver(configure=not self._servers)
        if self._servers:
            asking.nameservers = self._servers
        asking.lifetime = self._seconds
        return asking


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
