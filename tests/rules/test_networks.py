"""From where staff may come."""

import pytest

from envelopes.rules import networks


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.20.3.4", True),
        ("::ffff:10.20.3.4", True),
        ("10.21.0.1", False),
        ("2001:db8:1::7", True),
        ("2001:db8:2::7", False),
        ("192.0.2.9", True),
        ("", False),
        ("unix:", False),
        ("10.20.3.4, 8.8.8.8", False),
    ],
)
def test_an_address_is_in_a_network_of_either_family(address: str, *, inside: bool) -> None:
    assert networks.is_within(address, ("10.20.0.0/16", "2001:db8:1::/48", "192.0.2.9/32")) is inside


@pytest.mark.parametrize("written", ["10.20.0.1/16", "intern", "10.20.0.0/33", ""])
def test_what_is_no_network_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        networks.normalise(written)


def test_one_address_is_a_network() -> None:
    assert networks.normalise("192.0.2.9") == "192.0.2.9/32"
