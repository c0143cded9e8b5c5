"""Networks from which staff may come: how they are written, and whether an address is in one."""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network


def normalise(written: str) -> str:
    """Return a network as it is kept: `10.20.0.0/16`, `2001:db8::/48`; one address is a network too.

    Raises ValueError where *written* is none, or names an address inside of it: `10.20.0.1/16` is most likely a slip.
    """
    return str(ip_network(written))


def is_within(address: str, networks: Sequence[str]) -> bool:
    """Whether *address* is in one of *networks*. What is no address is in none."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    # A socket for both families shows IPv4 clients as ::ffff:192.0.2.1 (RFC 4291 2.5.5.2).
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in ip_network(one) for one in networks)
