"""Whether a domain takes mail, asked of a real name server."""

from collections.abc import Iterator

import pytest

from envelopes.settings import Dns
from fukan.receiving import receiving
from tests.patience import PATIENCE
from tests.servers.zone import Zone, serving


@pytest.fixture
def zone() -> Iterator[Zone]:
    with serving(Zone()) as one:
        yield one


@pytest.mark.parametrize(
    ("domain", "takes"),
    [
        ("mail.example", True),
        ("host.example", True),
        ("null.example", False),
        ("nothing.example", False),
        ("a.silent.example", True),
    ],
)
async def test_a_domain_takes_mail_by_mx_or_by_itself(
    zone: Zone, monkeypatch: pytest.MonkeyPatch, domain: str, *, takes: bool
) -> None:
    monkeypatch.setattr("fukan.receiving.SECONDS", 0.3 if "silent" in domain else PATIENCE)
    zone.put("mail.example", "MX", "10 mx.mail.example.")
    zone.put("host.example", "A", "192.0.2.1")
    zone.put("null.example", "MX", "0 .")
    zone.put("null.example", "A", "192.0.2.1")
    assert await receiving(Dns(servers=(zone.server,)))(domain) is takes
