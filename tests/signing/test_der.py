"""DER as written by hand reads back the same with asn1crypto."""

import datetime as dt

import pytest
from asn1crypto import core  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from envelopes.signing import der


@given(st.integers(0, 2**200))
def test_integers_read_back(value: int) -> None:
    read = core.Integer.load(der.integer(value), strict=True)
    assert read.native == value
    assert core.Integer(value).dump() == der.integer(value)


@given(st.lists(st.integers(0, 2**128), min_size=1, max_size=5))
def test_identifiers_read_back_however_long_their_arcs(arcs: list[int]) -> None:
    dotted = ".".join(map(str, (2, 25, *arcs)))
    assert core.ObjectIdentifier.load(der.oid(dotted), strict=True).dotted == dotted


@pytest.mark.parametrize("length", [0, 1, 127, 128, 129, 255, 256, 384, 65535, 65536])
def test_lengths_take_the_shortest_form(length: int) -> None:
    value = bytes(length)
    assert der.octets(value) == core.OctetString(value).dump()
    assert der.values(der.octets(value) + der.NULL) == [der.octets(value), der.NULL]


@given(st.binary(max_size=200))
def test_junk_is_not_der_and_nothing_worse(junk: bytes) -> None:
    try:
        found = der.values(junk)
    except der.NotDer:
        return
    assert b"".join(found) == junk


def test_times_texts_and_bits_read_back() -> None:
    at = dt.datetime(2066, 4, 1, 0, 0, 5, 999, dt.timezone(dt.timedelta(hours=9)))
    assert core.GeneralizedTime.load(der.moment(at)).native == at.replace(microsecond=0)
    assert core.UTF8String.load(der.text("みほん村")).native == "みほん村"
    for bit in (0, 5, 15, 16, 25):
        assert core.BitString.load(der.named_bit(bit), strict=True).native.index(1) == bit


def test_sets_are_sorted() -> None:
    assert der.set_of(der.integer(2), der.integer(1)) == der.set_of(der.integer(1), der.integer(2))
