"""The throw-away signing of a prepared file: proof, before anybody is asked, that it can be sealed.

Its keys live in memory only and sign nothing else, so that the service's own key is used for consented
signatures alone.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives import serialization

from envelopes.signing import certificates, cms, planned, tails, verify
from envelopes.signing.certificates import Issuer, KeyType, Order, Role
from envelopes.signing.entries import Entry
from envelopes.signing.keys import SigningKey
from envelopes.signing.plans import Plan
from envelopes.signing.responder import Responder
from envelopes.signing.timestamps import CheckedTimestamper
from envelopes.signing.trust import Evidence
from envelopes.signing.writing import Pen, WritingFailed, append_signature, append_timestamp

_ARC = "2.25.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Keys and certificates of a rehearsal."""

    pen: Pen
    evidence: Evidence
    root: bytes
    now: dt.datetime


def seals(
    data: bytes, fields: Sequence[str], *, plan: Plan | None, timestamp_field: str, now: dt.datetime
) -> bool:
    """Whether the prepared *data* can be signed in every field in turn, timestamped, and then verifies.

    With a *plan* everything is written by it, otherwise by pyHanko.
    """
    stage = _stage(now)
    signed = data
    for name in fields:
        signed += _signature(signed, name, _entry(data), plan, stage)
    signed += _timestamp(signed, timestamp_field, plan, stage)
    judged = verify.report(signed, trust_roots=[stage.root], now=now)
    return judged.valid and len(judged.signatures) == len(fields) and len(judged.timestamps) == 1


def _signature(data: bytes, name: str, entry: Entry, plan: Plan | None, stage: Stage) -> bytes:
    now, pen, evidence = stage.now, stage.pen, stage.evidence
    if plan is None:
        return append_signature(data, field=name, entry=entry, now=now, pen=pen, evidence=evidence)
    start = _begun(data, plan)
    return planned.signature(start, name=name, entry=entry, now=now, pen=pen, evidence=evidence)


def _timestamp(data: bytes, name: str, plan: Plan | None, stage: Stage) -> bytes:
    stamper = stage.pen.timestamper
    if plan is None:
        return append_timestamp(data, field=name, timestamper=stamper, evidence=stage.evidence)
    return planned.timestamp(_begun(data, plan), name=name, timestamper=stamper, evidence=stage.evidence)


def _begun(data: bytes, plan: Plan) -> tails.Start:
    start = tails.begin(data, plan)
    if start is None:
        raise WritingFailed("plan")
    return start


def _entry(data: bytes) -> Entry:
    return Entry(
        name="試",
        reason="試",
        location="",
        contact="",
        seen_sha256=sha256(data).hexdigest(),
        seen_length=len(data),
        consent_sha256=sha256(b"").hexdigest(),
        envelope_ref="",
        certificate_id="",
    )


def _stage(now: dt.datetime) -> Stage:
    key = certificates.new_key(KeyType.P256)
    root = Issuer(
        certificate=certificates.root_certificate(_order(Role.ROOT, now), key), key=key, name="root"
    )
    root_der = root.certificate.public_bytes(serialization.Encoding.DER)
    signer, tsa = (_end(role, root, now) for role in (Role.SIGNER, Role.TSA))
    evidence = Evidence(
        certificates=(signer.key.certificate, tsa.key.certificate, root_der), crls=(signer.crl, tsa.crl)
    )
    timestamper = CheckedTimestamper(
        ask=Responder(key=tsa.key, policy=_ARC, clock=lambda: now).reply,
        room=cms.room_for(tsa.key),
        policy=_ARC,
        roots=(root_der,),
        evidence=lambda _: evidence,
        clock=lambda: now,
    )
    return Stage(pen=Pen(key=signer.key, timestamper=timestamper), evidence=evidence, root=root_der, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    key: SigningKey
    crl: bytes


def _end(role: Role, root: Issuer, now: dt.datetime) -> _Made:
    private = certificates.new_key(KeyType.P256)
    certificate = certificates.end_certificate(_order(role, now), private, root)
    encoding = serialization.Encoding.DER
    key = SigningKey(
        private=private,
        certificate=certificate.public_bytes(encoding),
        chain=(root.certificate.public_bytes(encoding),),
    )
    return _Made(key=key, crl=certificates.crl(certificate, root, number=1, now=now))


def _order(role: Role, now: dt.datetime) -> Order:
    return Order(
        role=role,
        name=role.value,
        organization="rehearsal",
        common_name=f"rehearsal {role}",
        qualifier="rehearsal",
        base="http://rehearsal.example/pki",
        now=now,
    )
