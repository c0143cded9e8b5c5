"""What stands behind a prepared file already: finding the end of our own revisions without reading the PDF.

`planned` writes revisions in one exact form, and here that form and no other is read back: every byte behind the
prepared file must belong to it. What differs in anything is left to `writing`, which reads the whole file.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from envelopes.signing.entries import Entry
from envelopes.signing.plans import Plan


class Hash(Protocol):
    """A running SHA-256."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Go on with *data*."""

    def copy(self) -> "Hash":
        """Return one that goes on from here by itself."""

    def digest(self) -> bytes:
        """Return the digest so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where the next revision begins: made by `begin`, used once.

    *length* is the whole file's so far, *hashed* the SHA-256 over it. *size* and *cross_reference* are the last
    trailer's. *taken* are the objects that earlier revisions have written; *certificates* and *crls* are the
    stored ones in order, DER by object number.
    """

    plan: Plan
    length: int
    hashed: Hash = field(repr=False)
    size: int
    cross_reference: int
    taken: frozenset[int]
    certificates: dict[int, bytes] = field(repr=False)
    crls: dict[int, bytes] = field(repr=False)

    def is_seen(self, entry: Entry) -> bool:
        """Whether *entry* speaks of the planned file."""
        return (entry.seen_length, entry.seen_sha256) == (self.plan.length, self.plan.sha256)

    def has_free(self, name: str) -> bool:
        """Whether the plan has the signature field *name* and it is still empty."""
        return name in self.plan.fields and self.plan.fields[name] not in self.taken

    def has_no_timestamp(self) -> bool:
        """Whether no revision has added a field yet."""
        return self.plan.form not in self.taken


def begin(data: bytes, plan: Plan) -> Start | None:
    """Return where to go on in *data*, or None unless it is the planned file with revisions of ours after it."""
    view = memoryview(data)
    hashed = hashlib.sha256(view[: plan.length])
    if len(data) < plan.length or hashed.hexdigest() != plan.sha256:
        return None
    hashed.update(view[plan.length :])
    try:
        return _start(plan, bytes(view[plan.length :]), hashed)
    except _NotOurs:
        return None


_TRAILER: Final = re.compile(
    rb"trailer\n<</Size (\d+)/Root \d+ 0 R(?:/Info \d+ 0 R)?/Prev (\d+)/ID\[<[0-9a-f]*><[0-9a-f]{32}>\]>>\n"
    rb"startxref\n(\d+)\n%%EOF\n\Z"
)
_TRAILER_ROOM: Final = 512
_ROW: Final = re.compile(rb"(\d+) 1\n(\d{10}) 00000 n \n")
_STORE: Final = re.compile(rb"\d+ 0 obj\n<</Type/DSS/Certs\[([\d R]*)\]/CRLs\[([\d R]*)\]>>\nendobj\n")
_STREAM: Final = re.compile(rb"\d+ 0 obj\n<</Length (\d+)>>\nstream\n")


class _NotOurs(Exception):
    """These bytes were not written by this module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Revision:
    """One revision found in the tails: where it begins there, its trailer's Size and Prev, its objects."""

    begin: int
    cross_reference: int
    size: int
    previous: int
    offsets: dict[int, int]


def _start(plan: Plan, tails: bytes, hashed: Hash) -> Start:
    revisions = list(_revisions(plan, tails))
    offsets: dict[int, int] = {}
    for revision in reversed(revisions):
        offsets |= revision.offsets
    certificates, crls = _stored(plan, tails, offsets)
    last = revisions[0] if revisions else None
    return Start(
        plan=plan,
        length=plan.length + len(tails),
        hashed=hashed,
        size=last.size if last else plan.size,
        cross_reference=last.cross_reference if last else plan.cross_reference,
        taken=frozenset(offsets),
        certificates=certificates,
        crls=crls,
    )


def _revisions(plan: Plan, tails: bytes) -> Iterator[_Revision]:
    """Give the revisions that *tails* are made of without a gap, newest first; raise _NotOurs."""
    end, expected = len(tails), None
    while end > 0:
        revision = _revision(plan, tails, end)
        if expected not in {None, revision.cross_reference}:
            raise _NotOurs
        end, expected = revision.begin, revision.previous
        yield revision
    if expected not in {None, plan.cross_reference}:
        raise _NotOurs


def _revision(plan: Plan, tails: bytes, end: int) -> _Revision:
    trailer = _TRAILER.search(tails, max(0, end - _TRAILER_ROOM), end)
    if trailer is None:
        raise _NotOurs
    size, previous, cross_reference = (int(part) for part in trailer.groups())
    table = tails[cross_reference - plan.length : trailer.start()] if cross_reference > plan.length else b""
    offsets = {int(number): int(at) - plan.length for number, at in _ROW.findall(table)}
    rows = b"".join(b"%d 1\n%010d 00000 n \n" % (n, at + plan.length) for n, at in offsets.items())
    begin = min(offsets.values(), default=0) - 1
    if table != b"xref\n" + rows or not 0 <= begin < end or tails[begin] != ord("\n"):
        raise _NotOurs
    return _Revision(
        begin=begin, cross_reference=cross_reference, size=size, previous=previous, offsets=offsets
    )


def _stored(plan: Plan, tails: bytes, offsets: dict[int, int]) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """Return the certificates and CRLs that are stored, DER by object number."""
    if plan.store not in offsets:
        return {}, {}
    store = _STORE.match(tails, offsets[plan.store])
    if store is None:
        raise _NotOurs
    certificates, crls = (
        {int(number): _stream(tails, offsets.get(int(number))) for number in text.split(b" 0 R") if number}
        for text in store.groups()
    )
    return certificates, crls


def _stream(tails: bytes, offset: int | None) -> bytes:
    found = None if offset is None else _STREAM.match(tails, offset)
    if found is None:
        raise _NotOurs
    return tails[found.end() : found.end() + int(found[1])]
