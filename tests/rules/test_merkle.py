"""Merkle trees: the RFC's own values, and proofs that hold for the entry they were made for and no other."""

from functools import partial
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules import merkle

# The eight entries and the roots over the first n of them that Certificate Transparency implementations test with.
ENTRIES = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaves(count: int) -> list[bytes]:
    return [merkle.leaf(str(n).encode()) for n in range(count)]


@pytest.mark.parametrize("count", range(1, 9))
def test_roots_are_those_that_others_compute(count: int) -> None:
    assert merkle.root(map(merkle.leaf, ENTRIES[:count])).hex() == ROOTS[count - 1]


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert merkle.root([]) == sha256(b"").digest()


@pytest.mark.parametrize("count", [*range(1, 34), 63, 64, 65])
def test_every_entry_is_proved_and_no_other_in_its_place(count: int) -> None:
    all_ = leaves(count)
    top = merkle.root(all_)
    for index, one in enumerate(all_):
        siblings = merkle.path(all_, index)
        assert len(siblings) <= (count - 1).bit_length()
        assert merkle.leads_to(one=one, index=index, count=count, siblings=siblings, top=top)
        other = merkle.leaf(b"other")
        assert not merkle.leads_to(one=other, index=index, count=count, siblings=siblings, top=top)


@given(st.integers(2, 40), st.data())
def test_a_proof_holds_for_its_place_only(count: int, data: st.DataObject) -> None:
    all_ = leaves(count)
    index = data.draw(st.integers(0, count - 1))
    wrong = data.draw(st.integers(-2, count + 2).filter(lambda n: n != index))
    siblings, top = merkle.path(all_, index), merkle.root(all_)
    holds = partial(merkle.leads_to, one=all_[index], count=count, top=top)
    assert not holds(index=wrong, siblings=siblings)
    assert not holds(index=index, siblings=siblings[:-1])
    assert not holds(index=index, siblings=(*siblings, top))
    assert not holds(index=index, siblings=(siblings[0][::-1], *siblings[1:]))


def test_a_node_is_no_entry() -> None:
    one, two = leaves(2)
    assert merkle.root([one, two]) != merkle.leaf(one + two)
    assert merkle.leaf(b"\x01") != sha256(b"\x01").digest()
