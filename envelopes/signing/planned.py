"""Appending revisions to a prepared file by its plan: without reading the PDF, with one pass of hashing.

The result is the same kind of revision that `writing` makes with pyHanko; the same validators judge both. Where
the revision begins, and whether the plan may be used at all, `tails` finds out.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Final

from envelopes.signing import cms
from envelopes.signing.entries import Entry, syntax
from envelopes.signing.plans import Plan
from envelopes.signing.tails import Start
from envelopes.signing.timestamps import Timestamper
from envelopes.signing.trust import Evidence
from envelopes.signing.writing import Pen

# Four offsets of ten digits at most, brackets and spaces. Files end below 10 GB (ISO 32000-1 7.5.4).
_RANGE_ROOM: Final = 48


class SignatureTooLong(ValueError):
    """A signature is longer than the room that was kept for it: a mistake of the program."""


def signature(
    start: Start, *, name: str, entry: Entry, now: dt.datetime, pen: Pen, evidence: Evidence
) -> bytes:
    """Return the tail that signs in the free field *name* and stores *evidence* beside it (PAdES B-LT).

    Raises Later(TSA_UNAVAILABLE).
    """
    draft = _Draft(start)
    value = _store(draft, evidence)
    draft.put(start.plan.fields[name], _field(start.plan, name, value))
    room = cms.room_for(pen.key) + pen.timestamper.room
    draft.put_signature(value, b"/Type/Sig/SubFilter/ETSI.CAdES.detached" + syntax(entry, now=now), room)
    return draft.finish(cms.signature(draft.digest(), pen.key, pen.timestamper))


def timestamp(start: Start, *, name: str, timestamper: Timestamper, evidence: Evidence) -> bytes:
    """Return the tail with *evidence* and a document timestamp in the new field *name*.

    Raises Later(TSA_UNAVAILABLE).
    """
    plan, draft = start.plan, _Draft(start)
    value = _store(draft, evidence)
    own = value + 1
    draft.put(plan.form, b"<</Fields[%b]/SigFlags 3>>" % _references([*plan.fields.values(), own]))
    draft.put(plan.annotations, b"[%b]" % _references([*plan.annotated, own]))
    draft.put(own, _field(plan, name, value))
    draft.put_signature(value, b"/Type/DocTimeStamp/SubFilter/ETSI.RFC3161", timestamper.room)
    return draft.finish(timestamper(draft.digest()))


class _Draft:
    """One revision on its way to becoming bytes: objects, a signature with its hole, the end."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._out = bytearray(b"\n")
        self._offsets: dict[int, int] = {}

    @property
    def start(self) -> Start:
        return self._start

    def put(self, number: int, *body: bytes) -> None:
        """Append an object."""
        self._offsets[number] = self._start.length + len(self._out)
        self._out += b"%d 0 obj\n" % number
        for part in body:
            self._out += part
        self._out += b"\nendobj\n"

    def put_signature(self, number: int, words: bytes, room: int) -> None:
        """Append the signature dictionary with *room* bytes for the signature, and end the revision."""
        self._offsets[number] = self._start.length + len(self._out)
        self._out += b"%d 0 obj\n<<%b/Filter/Adobe.PPKLite/ByteRange" % (number, words)
        self._range = len(self._out)
        self._out += b" " * _RANGE_ROOM + b"/Contents"
        self._hole = len(self._out)
        self._out += b"<" + b"0" * (2 * room) + b">"
        self._after = len(self._out)
        self._out += b">>\nendobj\n"
        self._end()
        self._say_range()

    def digest(self) -> bytes:
        """Return the SHA-256 of the whole file but the hole."""
        hashed, view = self._start.hashed.copy(), memoryview(self._out)
        hashed.update(view[: self._hole])
        hashed.update(view[self._after :])
        return hashed.digest()

    def finish(self, signature: bytes) -> bytes:
        """Put the DER *signature* into the hole; return the revision."""
        begin = self._hole + 1
        if 2 * len(signature) > self._after - 1 - begin:
            raise SignatureTooLong
        self._out[begin : begin + 2 * len(signature)] = signature.hex().encode()
        return bytes(self._out)

    def _say_range(self) -> None:
        base = self._start.length
        parts = (base + self._hole, base + self._after, len(self._out) - self._after)
        said = b"[0 %d %d %d]" % parts
        self._out[self._range : self._range + len(said)] = said

    def _end(self) -> None:
        start, plan, offset = self._start, self._start.plan, self._start.length + len(self._out)
        self._out += b"xref\n"
        for number, at in sorted(self._offsets.items()):
            self._out += b"%d 1\n%010d 00000 n \n" % (number, at)
        # ISO 32000-1 14.4: the second half changes with each revision. What came before decides it.
        identifier = start.hashed.digest()[:16].hex().encode()
        self._out += b"trailer\n<</Size %d/Root %d 0 R" % (max(self._offsets) + 1, plan.root)
        self._out += b"" if plan.info is None else b"/Info %d 0 R" % plan.info
        self._out += b"/Prev %d/ID[<%b><%b>]>>\n" % (
            start.cross_reference,
            plan.identifier.encode(),
            identifier,
        )
        self._out += b"startxref\n%d\n%%%%EOF\n" % offset


def _store(draft: _Draft, evidence: Evidence) -> int:
    """Write what of *evidence* is not stored yet, and the store anew; return the next free object number."""
    start = draft.start
    certificates, crls = dict(start.certificates), dict(start.crls)
    free = start.size
    for known, given in ((certificates, evidence.certificates), (crls, evidence.crls)):
        present = set(known.values())
        for der in given:
            if der not in present:
                draft.put(free, b"<</Length %d>>\nstream\n" % len(der), der, b"\nendstream")
                known[free] = der
                free += 1
    if free > start.size:
        lists = (_references(certificates), _references(crls))
        draft.put(start.plan.store, b"<</Type/DSS/Certs[%b]/CRLs[%b]>>" % lists)
    return free


def _field(plan: Plan, name: str, value: int) -> bytes:
    return b"<</FT/Sig/T(%b)/Type/Annot/Subtype/Widget/F 132/Rect[0 0 0 0]/P %d 0 R/V %d 0 R>>" % (
        name.encode(),
        plan.page,
        value,
    )


def _references(numbers: Iterable[int]) -> bytes:
    return b" ".join(b"%d 0 R" % number for number in numbers)
