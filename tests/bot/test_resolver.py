"""Questions to DNS, against a real name server: what is there, what is not, and that silence is neither."""

from collections.abc import Callable, Iterator
from ipaddress import ip_address

import pytest

from bot.resolver import DnsSilent, Exchange, Resolver
from envelopes.settings import Dns
from tests.patience import PATIENCE
from tests.servers.zone import Zone, serving


@pytest.fixture
def zone() -> Iterator[Zone]:
    with serving(Zone()) as one:
        yield one


@pytest.fixture
def resolver(zone: Zone) -> Resolver:
    return Resolver(Dns(servers=(zone.server,)), seconds=PATIENCE)


def test_records_are_read_as_their_standards_say(zone: Zone, resolver: Resolver) -> None:
    zone.txt("mihon.example", "v=spf1 -all", "x" * 300)
    zone.put("mihon.example", "A", "192.0.2.1")
    zone.put("mihon.example", "AAAA", "2001:db8::1")
    zone.put("mihon.example", "MX", "20 b.mihon.example.", "10 A.mihon.example.")
    zone.put("1.2.0.192.in-addr.arpa", "PTR", "mx.mihon.example.")
    assert set(resolver.texts("mihon.example")) == {b"v=spf1 -all", b"x" * 300}
    assert resolver.addresses("mihon.example") == (ip_address("192.0.2.1"), ip_address("2001:db8::1"))
    assert resolver.exchanges("mihon.example") == (
        Exchange(10, "a.mihon.example"),
        Exchange(20, "b.mihon.example"),
    )
    assert resolver.names(ip_address("192.0.2.1")) == ("mx.mihon.example",)


def test_a_name_may_stand_for_another(zone: Zone, resolver: Resolver) -> None:
    zone.put("s1._domainkey.mihon.example", "CNAME", "key.relay.example.")
    zone.txt("key.relay.example", "v=DKIM1; p=AA")
    assert resolver.texts("s1._domainkey.mihon.example") == (b"v=DKIM1; p=AA",)


@pytest.mark.parametrize(
    "name", ["nothing.example", "..", "a..b", "x" * 64 + ".example", ("y" * 60 + ".") * 5]
)
def test_nothing_there_is_an_answer(resolver: Resolver, name: str) -> None:
    assert resolver.texts(name) == ()
    assert resolver.exchanges(name) == ()


def test_a_name_without_such_a_record_is_an_answer_too(zone: Zone, resolver: Resolver) -> None:
    zone.put("mihon.example", "A", "192.0.2.1")
    assert resolver.texts("mihon.example") == ()


def test_an_answer_too_long_for_a_datagram_comes_another_way(zone: Zone, resolver: Resolver) -> None:
    zone.txt("mihon.example", *(f"{n}" * 250 for n in range(9)))
    assert len(resolver.texts("mihon.example")) == 9


QUESTIONS: list[Callable[[Resolver, str], object]] = [Resolver.texts, Resolver.addresses, Resolver.exchanges]


@pytest.mark.parametrize("name", ["silent.example", "broken.example"])
@pytest.mark.parametrize("ask", QUESTIONS)
def test_silence_says_nothing_about_a_name(
    zone: Zone, ask: Callable[[Resolver, str], object], name: str
) -> None:
    with pytest.raises(DnsSilent):
        ask(Resolver(Dns(servers=(zone.server,)), seconds=0.3), name)
