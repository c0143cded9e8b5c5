"""Addresses to keep, compare, send to and show."""

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.addresses import (
    AddressKind,
    classify,
    comparable,
    likely,
    mask,
    normalise,
    wire_form,
)
from envelopes.rules.domains import CARRIER_DOMAINS, COMMON_DOMAINS, FREE_DOMAINS
from envelopes.rules.errors import Reason, Refused


@pytest.mark.parametrize(
    ("typed", "kept"),
    {
        "taro@takahashi.example": "taro@takahashi.example",
        "Taro@TAKAHASHI.Example": "Taro@takahashi.example",
        "ｔａｒｏ＠ｔａｋａｈａｓｈｉ．ｅｘａｍｐｌｅ": "taro@takahashi.example",
        "　taro@takahashi.example　": "taro@takahashi.example",
        "<taro@takahashi.example>": "taro@takahashi.example",
        "mailto:taro@takahashi.example": "taro@takahashi.example",
        '"taro"@takahashi.example': "taro@takahashi.example",
        "taro@日本語.jp": "taro@xn--wgv71a119e.jp",
        "a..b.@docomo.ne.jp": "a..b.@docomo.ne.jp",
        '"a..b."@DOCOMO.ne.jp': "a..b.@docomo.ne.jp",
        ".a@ezweb.ne.jp": ".a@ezweb.ne.jp",
        "a...@t.vodafone.ne.jp": "a...@t.vodafone.ne.jp",
    }.items(),
)
def test_address_has_one_form(typed: str, kept: str) -> None:
    assert normalise(typed) == kept
    assert normalise(kept) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "taro",
        "taro@",
        "@takahashi.example",
        "taro@localhost",
        "taro@[127.0.0.1]",
        "a..b@takahashi.example",
        "a.@takahashi.example",
        "taro@takahashi..example",
        "taro@-takahashi.example",
        "ta ro@takahashi.example",
        "taro@takahashi.example\r\nBcc: x@evil.example",
        "taro\r\nBcc: x@docomo.ne.jp",
        "taro\n@docomo.ne.jp",
        "a@b@docomo.ne.jp",
        '"a b"@docomo.ne.jp',
        "太郎@takahashi.example",
        "太郎@docomo.ne.jp",
        "<taro@takahashi.example>,<x@evil.example>",
        "x" * 65 + "@docomo.ne.jp",
        "x" * 65 + "@takahashi.example",
        "taro@" + "x" * 400,
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(typed: str) -> None:
    with pytest.raises(Refused) as refusal:
        normalise(typed)
    assert refusal.value.reason is Reason.ADDRESS_FORM
    assert refusal.value.details == {}
    assert str(refusal.value) == "address-form"


def test_odd_local_parts_are_only_the_carriers() -> None:
    with pytest.raises(Refused):
        normalise("a..b.@docomo.ne.jp", carrier_domains=())


@pytest.mark.parametrize(
    ("kept", "wire"),
    {
        "taro@takahashi.example": "taro@takahashi.example",
        "a.b@docomo.ne.jp": "a.b@docomo.ne.jp",
        "a..b.@docomo.ne.jp": '"a..b."@docomo.ne.jp',
        ".a@docomo.ne.jp": '".a"@docomo.ne.jp',
    }.items(),
)
def test_odd_local_parts_are_quoted_on_the_wire(kept: str, wire: str) -> None:
    assert wire_form(kept) == wire
    assert normalise(wire) == kept


def test_addresses_compare_without_case() -> None:
    assert comparable("Taro@Takahashi.EXAMPLE") == comparable("ｔａｒｏ＠takahashi.example")


@pytest.mark.parametrize(
    ("domain", "kind"),
    {
        "docomo.ne.jp": AddressKind.CARRIER,
        "au.com": AddressKind.CARRIER,
        "a2.ezweb.ne.jp": AddressKind.CARRIER,
        "biz.ezweb.ne.jp": AddressKind.CARRIER,
        "i.softbank.jp": AddressKind.CARRIER,
        "jp-t.ne.jp": AddressKind.CARRIER,
        "d.vodafone.ne.jp": AddressKind.CARRIER,
        "wm.pdx.ne.jp": AddressKind.CARRIER,
        "rakumail.jp": AddressKind.CARRIER,
        "DOCOMO.NE.JP": AddressKind.CARRIER,
        "jp-x.ne.jp": AddressKind.OWN,
        "notdocomo.ne.jp": AddressKind.OWN,
        "docomo.ne.jp.evil.example": AddressKind.OWN,
        "xezweb.ne.jp": AddressKind.OWN,
        "gmail.com": AddressKind.FREE,
        "yahoo.co.jp": AddressKind.FREE,
        "goo.jp": AddressKind.FREE,
        "outlook.jp": AddressKind.FREE,
        "takahashi.example": AddressKind.OWN,
        "softbank.co.jp": AddressKind.OWN,
    }.items(),
)
def test_domain_tells_the_kind(domain: str, kind: AddressKind) -> None:
    assert classify(f"a@{domain}") is kind


def test_lists_are_clean() -> None:
    for domain in (*CARRIER_DOMAINS, *FREE_DOMAINS):
        assert domain == domain.lower().strip(".")
        assert "." in domain
    assert not FREE_DOMAINS & set(CARRIER_DOMAINS)


@pytest.mark.parametrize(
    ("address", "shown"),
    {
        "taro@takahashi-kensetsu.example": "ta･････@takahashi…",
        "ab@docomo.ne.jp": "a･････@docomo…",
        "a@x.example": "a･････@x…",
    }.items(),
)
def test_mask_shows_the_owner_enough(address: str, shown: str) -> None:
    assert mask(address) == shown


@given(st.text(max_size=400))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        kept = normalise(text)
    except Refused:
        mask(text)
        classify(text)
        return
    assert kept.isascii()
    assert not any(c.isspace() for c in kept)
    assert normalise(wire_form(kept)) == kept


LOCALS = st.text(alphabet="ab.-_+?/@\"' \r\n<>,;", max_size=70)


DOMAINS = st.text(alphabet="aB1-.みほ例_[]", max_size=80)


@given(LOCALS, DOMAINS.map(lambda text: f"{text}.example"))
def test_a_domain_that_is_known_already_changes_no_verdict(local: str, domain: str) -> None:
    """email-validator looks at the domain alone and once; what it says of the whole address stays the measure."""
    try:
        kept = normalise(f"{local}@{domain}")
    except Refused:
        kept = ""
    assert kept == _by_the_library(local, domain)


def _by_the_library(local: str, domain: str) -> str:
    plain = f"{local}@{domain}".strip().removeprefix("<")
    local, _, domain = plain.rpartition("@")
    if len(local) > 2 and local[0] == local[-1] == '"' and '"' not in local[1:-1]:
        local = local[1:-1]
    try:
        found = validate_email(
            f"{local}@{domain.lower()}", check_deliverability=False, allow_smtputf8=False, strict=True
        )
    except EmailNotValidError:
        return ""
    return f"{local}@{found.ascii_domain.lower()}"


@given(LOCALS, st.sampled_from(["docomo.ne.jp", "x.ezweb.ne.jp", "takahashi.example"]))
def test_nothing_but_a_plain_address_gets_through(local: str, domain: str) -> None:
    try:
        wire = wire_form(f"{local}@{domain}")
    except Refused:
        return
    assert not set(wire[: -len(domain)]) & set(" \r\n<>,;")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("taro@gmial.com", "taro@gmail.com"),
        ("taro@gmail.con", "taro@gmail.com"),
        ("taro@yaho.co.jp", "taro@yahoo.co.jp"),
        ("taro@docmo.ne.jp", "taro@docomo.ne.jp"),
        ("taro@minami-densetsu.co.jo", "taro@minami-densetsu.co.jp"),
        ("taro@minami-densetsu.cojp", "taro@minami-densetsu.co.jp"),
    ],
)
def test_a_slip_is_met_with_what_was_likely_meant(typed: str, meant: str) -> None:
    assert likely(typed) == meant


@pytest.mark.parametrize(
    "domain",
    [*COMMON_DOMAINS, "mail.com", "minami-densetsu.co.jp", "minami.example", "k.vodafone.ne.jp", "gmx.com"],
)
def test_a_domain_that_may_well_be_meant_is_left_alone(domain: str) -> None:
    assert likely(f"taro@{domain}") is None
