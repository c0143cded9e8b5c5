"""What goes to a hook and whether it may."""

from ipaddress import ip_address

import pytest

from envelopes.rules import hooks
from envelopes.rules.hooks import Said


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "ff0e::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::1",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    ],
)
def test_addresses_nearby_and_what_leads_to_them_are_not_public(address: str) -> None:
    assert not hooks.is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert hooks.is_public(ip_address(address))


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ((200, 201, 202, 204), Said.TAKEN),
        ((408, 425, 429, 500, 502, 503, 504, 599), Said.LATER),
        ((301, 302, 303, 307, 308, 400, 401, 403, 404, 409, 410, 413, 422, 101, 600), Said.NEVER),
    ],
)
def test_only_what_may_change_is_tried_again(statuses: tuple[int, ...], said: Said) -> None:
    assert {hooks.meaning(status) for status in statuses} == {said}


def test_the_signature_is_over_timestamp_and_body() -> None:
    data = hooks.body({"id": "A", "to": "+819012345678", "text": "確認コード"})
    assert "確認コード".encode() in data
    head = hooks.headers("x" * 32, data, key="A", timestamp=1_796_000_000)
    assert head["Idempotency-Key"] == "A"
    assert head["Fukan-Timestamp"] == "1796000000"
    # printf '1796000000.%s' "$body" | openssl dgst -sha256 -hmac "$secret"
    assert len(head["Fukan-Signature"]) == 64
    others = [
        hooks.signature("x" * 32, "1796000001", data),
        hooks.signature("y" * 32, "1796000000", data),
        hooks.signature("x" * 32, "1796000000", data + b" "),
    ]
    assert head["Fukan-Signature"] not in others
