"""Merkle trees after RFC 6962 2.1: the root of a list, and short proofs that one entry is in it.

Knows bytes, no facts and no timestamps. Leaves and nodes are hashed with different first bytes, so that no node can
be shown as an entry. Hash: SHA-256.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


def leaf(entry: bytes) -> bytes:
    """Return the hash of one entry."""
    return sha256(_LEAF + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(_NODE + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """Return the tree's root over hashed *leaves*, in one pass; of an empty list SHA-256 of nothing."""
    waiting: list[tuple[int, bytes]] = []  # complete subtrees from left to right, as (leaves, root)
    for one in leaves:
        size, value = 1, one
        while waiting and waiting[-1][0] == size:
            _, left = waiting.pop()
            size, value = 2 * size, _node(left, value)
        waiting.append((size, value))
    if not waiting:
        return sha256().digest()
    _, value = waiting.pop()
    while waiting:
        _, left = waiting.pop()
        value = _node(left, value)
    return value


def path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the audit path of the leaf at *index*, the nearest sibling first (RFC 6962 2.1.1)."""
    if len(leaves) <= 1:
        return ()
    half = 1 << (
        (len(leaves) - 1).bit_length() - 1
    )  # the largest power of two smaller than the number of leaves
    left, right = leaves[:half], leaves[half:]
    if index < half:
        return (*path(left, index), root(right))
    return (*path(right, index - half), root(left))


def leads_to(*, one: bytes, index: int, count: int, siblings: Sequence[bytes], top: bytes) -> bool:
    """Whether the leaf hash *one* at *index* of *count* leaves leads by *siblings* to the root *top*.

    The steps are those of RFC 9162 2.1.3.2. False for anything else, whatever the arguments.
    """
    if not 0 <= index < count:
        return False
    sides, value = list(on_the_left(index, count)), one
    if len(sides) != len(siblings):
        return False
    for is_left, sibling in zip(sides, siblings, strict=True):
        value = _node(sibling, value) if is_left else _node(value, sibling)
    return value == top


def on_the_left(index: int, count: int) -> Iterator[bool]:
    """Say of each sibling of the leaf at *index* of *count*, the nearest first, whether it stands on the left."""
    place, last = index, count - 1
    while last:
        is_left = bool(place % 2) or place == last
        yield is_left
        while is_left and place % 2 == 0 and place:
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
