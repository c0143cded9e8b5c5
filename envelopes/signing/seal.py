"""The seal: what the worker does to a PDF, in bytes and plain types.

Prepare, sign, timestamp, verify. A PDF is its prepared file plus one tail per revision, and `sign` and
`timestamp` return only the tail. Whether a consent allows the signature is the worker's question; here only
the bytes, the key, the certificate and the time are checked.

Signatures are PAdES B-LT (validation data in the same revision), the finished file is B-LTA.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from envelopes.rules.errors import Reason, Refused
from envelopes.signing import authority, cms, rehearsal, verify, writing
from envelopes.signing.authority import Authority
from envelopes.signing.certificates import Role
from envelopes.signing.entries import Entry, Written, read_entries
from envelopes.signing.keys import SigningKey
from envelopes.signing.reading import UnreadablePdf
from envelopes.signing.responder import Responder
from envelopes.signing.timestamps import CheckedTimestamper, Timestamper
from envelopes.signing.trust import Evidence
from envelopes.signing.writing import Pen, WritingFailed

__all__ = [
    "Entry",
    "Seal",
    "UnreadablePdf",
    "WritingFailed",
    "Written",
    "prepare",
    "read_entries",
    "signer_field",
]

# The n-th archive renewal adds Timestamp<n+1>.
_TIMESTAMP_FIELD = "Timestamp1"


def signer_field(position: int) -> str:
    """Return the name of the signature field of the signer at *position*, counted from 1."""
    return f"Signer{position}"


def prepare(data: bytes, *, fields: Sequence[str], now: dt.datetime) -> bytes:
    """Return *data* with one empty invisible signature field per name, the file that signers will see.

    No certification (DocMDP): it breaks with a second signature. The result has been signed and verified once
    for trial, with keys made for that purpose alone; so this needs no secret and may run in a child process.
    Raises Refused(PDF_UNSEALABLE).
    """
    try:
        prepared = data + writing.append_fields(data, fields)
        sound = rehearsal.seals(prepared, fields, timestamp_field=_TIMESTAMP_FIELD, now=now)
    except WritingFailed:
        sound = False
    if not sound:
        raise Refused(Reason.PDF_UNSEALABLE)
    return prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """The service's seal with its key loaded. Every method blocks and may be called from any thread."""

    key: SigningKey = field(repr=False)
    timestamper: Timestamper = field(repr=False)
    evidence: Callable[[dt.datetime], Evidence] = field(repr=False)
    fresh_evidence: Callable[[dt.datetime], Evidence] = field(repr=False)
    roots: tuple[bytes, ...] = field(repr=False)
    clock: Callable[[], dt.datetime] = field(repr=False)

    def prepare(self, data: bytes, *, fields: Sequence[str]) -> bytes:
        """See `prepare`."""
        return prepare(data, fields=fields, now=self.clock())

    def sign(self, data: bytes, *, field: str, entry: Entry) -> bytes:
        """Return the tail that signs *data* in *field*.

        Raises Refused(BYTES_DIFFER) unless *data* begins with the bytes that *entry* says were seen,
        Refused(CERTIFICATE_ENDED), Later(KEY_UNAVAILABLE), Later(TSA_UNAVAILABLE), and WritingFailed when
        *field* is missing or already signed.
        """
        now = self.clock()
        if not entry.fits(data):
            raise Refused(Reason.BYTES_DIFFER)
        self.key.check(now)
        pen = Pen(key=self.key, timestamper=self.timestamper)
        return writing.append_signature(
            data, field=field, entry=entry, now=now, pen=pen, evidence=self.evidence(now)
        )

    def timestamp(self, data: bytes) -> bytes:
        """Return the tail with fresh validation data and a document timestamp over all of *data*.

        Raises Later(TSA_UNAVAILABLE), Later(KEY_UNAVAILABLE) and WritingFailed.
        """
        return writing.append_timestamp(
            data,
            field=_TIMESTAMP_FIELD,
            timestamper=self.timestamper,
            evidence=self.fresh_evidence(self.clock()),
        )

    def verify(self, data: bytes) -> verify.Report:
        """Return the report on *data* as of now, trusting this service's roots and knowing today's CRLs."""
        now = self.clock()
        return verify.report(data, trust_roots=self.roots, now=now, crls=self.evidence(now).crls)

    def days_left(self) -> int:
        """Return the whole days until the signing certificate ends; negative once it has."""
        return self.key.days_left(self.clock())


def embedded(directory: Path, *, passphrase: bytes, clock: Callable[[], dt.datetime]) -> Seal:
    """Return the seal of the embedded authority in *directory*, its keys loaded.

    Raises Later(KEY_UNAVAILABLE) when the authority is missing or cannot be read.
    """
    opened = authority.open_authority(directory, passphrase=passphrase)
    signer, tsa = opened.key(Role.SIGNER), opened.key(Role.TSA)
    known = _Known(
        authority=opened, certificates=(signer.certificate, tsa.certificate, opened.root_certificate)
    )
    timestamper = CheckedTimestamper(
        ask=Responder(key=tsa, policy=opened.policy, clock=clock).reply,
        room=cms.room_for(tsa),
        policy=opened.policy,
        roots=(opened.root_certificate,),
        evidence=known.today,
        clock=clock,
    )
    return Seal(
        key=signer,
        timestamper=timestamper,
        evidence=known.today,
        fresh_evidence=known.fresh,
        roots=(opened.root_certificate,),
        clock=clock,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The embedded authority as a source of validation data."""

    authority: Authority
    certificates: tuple[bytes, ...]

    def today(self, now: dt.datetime) -> Evidence:
        return Evidence(certificates=self.certificates, crls=self.authority.crls(now))

    def fresh(self, now: dt.datetime) -> Evidence:
        return Evidence(certificates=self.certificates, crls=self.authority.refresh_crls(now))
