"""What a timestamp over the history says, and the short proof that one row is under it.

An anchor's statement is canonical JSON, and its token is over SHA-256 of these very bytes, so that
`openssl ts -verify -data statement.json` judges it without this program. It names the Merkle root over the rows of a
range of numbers and the SHA-256 of the token before it. Reading rows and asking for tokens happens elsewhere.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Final

from envelopes.rules import merkle

FORMAT: Final = "fukan-anchor-1"
NOTHING_BEFORE: Final = "0" * 64


def line(*, row_id: int, subject: str, subject_id: int, n: int, chained: str) -> str:
    """Return the entry of one row: its number, whose history it is in, its place there, its hash in the chain."""
    return f"{row_id} {subject} {subject_id} {n} {chained}"


def root_of(lines: Sequence[str]) -> str:
    """Return the Merkle root over *lines*, in hex."""
    return merkle.root(merkle.leaf(one.encode()) for one in lines).hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is timestamped: the *n*-th anchor's *root* over the *count* rows numbered from *first* to *last*.

    Numbers that no row has lie in the range too: a row that appears there later was inserted. *previous* is the
    SHA-256 of the token before it, so that each token vouches for the age of all earlier ones.
    """

    n: int
    first: int
    last: int
    count: int
    root: str
    previous: str

    def canonical(self) -> bytes:
        """The bytes that the token is over, before hashing."""
        said = {"format": FORMAT, **asdict(self)}
        return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()

    @property
    def imprint(self) -> bytes:
        """SHA-256 of the canonical bytes."""
        return sha256(self.canonical()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """That the row *line* stands at *index* (from 0) under *statement*. *siblings* are hex, the nearest first."""

    line: str
    index: int
    siblings: tuple[str, ...]
    statement: Statement

    @property
    def holds(self) -> bool:
        """Whether the line leads to the statement's root. The statement's token is judged by itself."""
        try:
            siblings = [bytes.fromhex(one) for one in self.siblings]
            top = bytes.fromhex(self.statement.root)
        except ValueError:
            return False
        one = merkle.leaf(self.line.encode())
        return merkle.leads_to(
            one=one, index=self.index, count=self.statement.count, siblings=siblings, top=top
        )


def prove(lines: Sequence[str], index: int, statement: Statement) -> Proof:
    """Return the proof for the line at *index* of all *lines* under *statement*."""
    leaves = [merkle.leaf(one.encode()) for one in lines]
    siblings = tuple(one.hex() for one in merkle.path(leaves, index))
    return Proof(line=lines[index], index=index, siblings=siblings, statement=statement)
