"""The seal: what the worker does to a PDF, in bytes and plain types.

Prepare, sign, timestamp, verify. A PDF is its prepared file plus one tail per revision, and `sign` and
`timestamp` return only the tail. Whether a consent allows the signature is the worker's question; here only
the bytes, the key, the certificate and the time are checked.

There are two ways to write a revision behind the one `sign` and the one `timestamp`: by the plan that `prepare_planned`
made, which reads nothing and hashes once, and through pyHanko, which reads the whole file. The second is the
reference, and the way wherever there is no plan or it does not fit the bytes in every detail.

Signatures are PAdES B-LT (validation data in the same revision), the finished file is B-LTA.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from envelopes.rules.errors import Reason, Refused
from envelopes.signing import authority, cms, planned, plans, rehearsal, tails, verify, writing
from envelopes.signing.authority import Authority, Newest
from envelopes.signing.certificates import Role, parsed, stamps_time
from envelopes.signing.entries import Entry, Written, read_entries
from envelopes.signing.keys import KeySource
from envelopes.signing.plans import NoPlan, Plan
from envelopes.signing.reading import UnreadablePdf
from envelopes.signing.responder import Responder
from envelopes.signing.timestamps import CheckedTimestamper, Timestamper
from envelopes.signing.trust import Evidence, joined
from envelopes.signing.writing import Pen, WritingFailed

__all__ = [
    "OPERATOR_FIELD",
    "Entry",
    "Prepared",
    "Seal",
    "UnreadablePdf",
    "WritingFailed",
    "Written",
    "prepare",
    "prepare_planned",
    "read_entries",
    "signer_field",
    "timestamp_field",
]

# CRLs are remade when a day old; so much later is no matter.
_KNOWN_FOR = dt.timedelta(minutes=1)

# The TSA's next generation may have a longer key: from P-256 to RSA-3072 a token grows by less.
_SPARE = 1024

_NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)


# Where the service seals what it certifies itself.
OPERATOR_FIELD: Final = "Operator"


def signer_field(position: int) -> str:
    """Return the name of the signature field of the signer at *position*, counted from 1."""
    return f"Signer{position}"


def timestamp_field(number: int) -> str:
    """Return the name of the field of a file's *number*-th document timestamp: 1 at completion, then the renewals."""
    return f"Timestamp{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The file that signers will see, and the plan for what is appended to it; None where it cannot have one."""

    data: bytes
    plan: str | None


def prepare(data: bytes, *, fields: Sequence[str], now: dt.datetime) -> bytes:
    """Return *data* with one empty invisible signature field per name, the file that signers will see.

    See `prepare_planned`.
    """
    return prepare_planned(data, fields=fields, now=now).data


def prepare_planned(data: bytes, *, fields: Sequence[str], now: dt.datetime) -> Prepared:
    """Return *data* with one empty invisible signature field per name, and its plan.

    No certification (DocMDP): it breaks with a second signature. The result has been signed and verified once
    for trial, in the way that it is going to be, with keys made for that purpose alone; so this needs no secret
    and may run in a child process. Raises Refused(PDF_UNSEALABLE).
    """
    try:
        prepared = data + writing.append_fields(data, fields)
    except WritingFailed:
        raise Refused(Reason.PDF_UNSEALABLE) from None
    drawn = plans.draw(prepared)
    for plan in (drawn, None) if drawn else (None,):
        if _is_sealable(prepared, plan, fields, now):
            return Prepared(data=prepared, plan=None if plan is None else plan.text())
    raise Refused(Reason.PDF_UNSEALABLE)


def _is_sealable(prepared: bytes, plan: Plan | None, fields: Sequence[str], now: dt.datetime) -> bool:
    try:
        return rehearsal.seals(prepared, fields, plan=plan, timestamp_field=timestamp_field(1), now=now)
    except WritingFailed:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """The service's seal. Every method blocks and may be called from any thread."""

    key: KeySource = field(repr=False)
    timestamper: Timestamper = field(repr=False)
    evidence: Callable[[dt.datetime], Evidence] = field(repr=False)
    fresh_evidence: Callable[[dt.datetime, dt.datetime | None], Evidence] = field(repr=False)
    trusts: Callable[[], tuple[bytes, ...]] = field(repr=False)
    clock: Callable[[], dt.datetime] = field(repr=False)
    # Told of a PDF whose authority may have changed its certificate since: evidence then speaks of the old one too.
    meet: Callable[[bytes], None] = field(repr=False, default=lambda _: None)

    @property
    def roots(self) -> tuple[bytes, ...]:
        """The roots (DER) that this service trusts when it judges its own files."""
        return self.trusts()

    def prepare(self, data: bytes, *, fields: Sequence[str]) -> bytes:
        """See `prepare`."""
        return prepare(data, fields=fields, now=self.clock())

    def sign(self, data: bytes, *, field: str, entry: Entry, plan: str | None = None) -> bytes:
        """Return the tail that signs *data* in *field*, by *plan* where that fits.

        Raises Refused(BYTES_DIFFER) unless *data* begins with the bytes that *entry* says were seen,
        Refused(CERTIFICATE_ENDED), Later(KEY_UNAVAILABLE), Later(TSA_UNAVAILABLE), and WritingFailed when
        *field* is missing or already signed.
        """
        now = self.clock()
        start = _start(data, plan)
        if start is not None and not (start.is_seen(entry) and start.has_free(field)):
            start = None
        if start is None and not entry.fits(data):
            raise Refused(Reason.BYTES_DIFFER)
        pen = Pen(key=self.key.fit(now), timestamper=self.timestamper)
        evidence = self.evidence(now)
        if start is not None:
            return planned.signature(start, name=field, entry=entry, now=now, pen=pen, evidence=evidence)
        return writing.append_signature(data, field=field, entry=entry, now=now, pen=pen, evidence=evidence)

    def timestamp(self, data: bytes, *, plan: str | None = None, since: dt.datetime | None = None) -> bytes:
        """Return the tail with fresh validation data and a document timestamp over all of *data*, as `sign` does.

        CRLs are fresh when they are no older than *since*; without it they are made anew. Raises
        Later(TSA_UNAVAILABLE), Later(KEY_UNAVAILABLE) and WritingFailed.
        """
        evidence = self.fresh_evidence(self.clock(), since)
        start, name = _start(data, plan), timestamp_field(1)
        if start is not None and start.has_no_timestamp():
            return planned.timestamp(start, name=name, timestamper=self.timestamper, evidence=evidence)
        return writing.append_timestamp(data, field=name, timestamper=self.timestamper, evidence=evidence)

    def renew(self, data: bytes, *, number: int, since: dt.datetime | None = None) -> bytes:
        """Return the tail with the *number*-th document timestamp, and beside it what shows the one before to be good.

        Written by reading *data*: renewals may come after decades, and after other software's revisions. *since* and
        errors are those of `timestamp`, and UnreadablePdf.
        """
        self.meet(data)
        evidence = self.fresh_evidence(self.clock(), since)
        return writing.append_timestamp(
            data, field=timestamp_field(number), timestamper=self.timestamper, evidence=evidence
        )

    def verify(self, data: bytes) -> verify.Report:
        """Return the report on *data* as of now, trusting this service's roots and knowing today's CRLs."""
        now = self.clock()
        return verify.report(data, trust_roots=self.roots, now=now, crls=self.evidence(now).crls)

    def times_until(self) -> dt.datetime:
        """Return when the last known certificate of a time stamping authority ends: no timestamp stands longer."""
        certificates = map(parsed, self.evidence(self.clock()).certificates)
        return max((one.not_valid_after_utc for one in certificates if stamps_time(one)), default=_NEVER)

    def days_left(self) -> int:
        """Return the whole days until the signing certificate ends; negative once it has."""
        return self.key.current().days_left(self.clock())


def _start(data: bytes, plan: str | None) -> tails.Start | None:
    if plan is None:
        return None
    try:
        return tails.begin(data, Plan.of(plan))
    except NoPlan:
        return None


class Held(KeySource, Protocol):
    """A signing key that another authority has certified, and what shows that certificate to be good."""

    @property
    def roots(self) -> tuple[bytes, ...]:
        """Its roots, DER."""

    def evidence(self, now: dt.datetime, *, fresh: bool) -> Evidence:
        """Return what is known of its chain; *fresh*: with CRLs fetched right now. Raises nothing."""


def embedded(
    directory: Path, *, passphrase: bytes, clock: Callable[[], dt.datetime], held: Held | None = None
) -> Seal:
    """Return the seal of the embedded authority in *directory*, its keys loaded, and anew when they are renewed.

    With *held* that key signs, and the authority only gives the time.

    Raises Later(KEY_UNAVAILABLE) when the authority is missing or cannot be read.
    """
    opened = authority.open_authority(directory, passphrase=passphrase)
    tsa = opened.newest(Role.TSA)
    newest = (tsa,) if held is not None else (opened.newest(Role.SIGNER), tsa)
    known = _Known(authority=opened, newest=newest)
    timestamper = CheckedTimestamper(
        ask=Responder(key=tsa, policy=opened.policy, clock=clock).reply,
        room=cms.room_for(tsa.current()) + _SPARE,
        policy=opened.policy,
        roots=(opened.root_certificate,),
        evidence=known.today,
        clock=clock,
    )
    seal = Seal(
        key=newest[0],
        timestamper=timestamper,
        evidence=known.today,
        fresh_evidence=known.fresh,
        trusts=lambda: (opened.root_certificate,),
        clock=clock,
    )
    return seal if held is None else _signed_by(seal, held)


def _signed_by(seal: Seal, held: Held) -> Seal:
    return replace(
        seal,
        key=held,
        evidence=lambda now: joined((held.evidence(now, fresh=False), seal.evidence(now))),
        fresh_evidence=lambda now, since: joined(
            (held.evidence(now, fresh=True), seal.fresh_evidence(now, since))
        ),
        trusts=lambda: tuple(dict.fromkeys((*seal.roots, *held.roots))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The embedded authority as a source of validation data."""

    authority: Authority
    newest: tuple[Newest, ...]
    # The last answer for today, and the last for CRLs made since some instant.
    _last: dict[bool, "_Answer"] = field(init=False, repr=False, default_factory=dict)

    def today(self, now: dt.datetime) -> Evidence:
        return self._known(now, None)

    def fresh(self, now: dt.datetime, since: dt.datetime | None) -> Evidence:
        if since is not None:
            return self._known(now, since)
        return Evidence(
            certificates=self._certificates(), crls=self.authority.refresh_crls(now, roles=self._roles())
        )

    def _certificates(self) -> tuple[bytes, ...]:
        return (*(one.current().certificate for one in self.newest), self.authority.root_certificate)

    def _roles(self) -> tuple[Role, ...]:
        return tuple(one.role for one in self.newest)

    def _known(self, now: dt.datetime, since: dt.datetime | None) -> Evidence:
        state, last = self.authority.changed_at(), self._last.get(since is not None)
        if last is not None and last.holds(state, since, now):
            return last.evidence
        crls = self.authority.crls(now, since=since, roles=self._roles())
        evidence = Evidence(certificates=self._certificates(), crls=crls)
        answer = _Answer(state=self.authority.changed_at(), since=since, at=now, evidence=evidence)
        self._last[since is not None] = answer
        return evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """Validation data as asked for at *at*, while the authority's directory was in *state*."""

    state: int
    since: dt.datetime | None
    at: dt.datetime
    evidence: Evidence

    def holds(self, state: int, since: dt.datetime | None, now: dt.datetime) -> bool:
        """Whether it still answers the same question."""
        return (state, since) == (self.state, self.since) and self.at <= now < self.at + _KNOWN_FOR
