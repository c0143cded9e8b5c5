"""Looking at foreign PDFs: `verify.report` in a child that can be killed, and its answer as a plain Result.

What is relied on is a folder of public files, as the authority publishes them: certificates and CRLs. No key is
needed. What the words for a result are stands in `envelopes.rules.findings`.
"""

import datetime as dt
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from envelopes.rules.errors import FukanError, Reason, Refused
from envelopes.rules.findings import Fault, Of, Part, Result
from envelopes.sandbox import Limits, Sandbox
from envelopes.signing import verify
from envelopes.signing.certificates import Role
from envelopes.signing.verify import Judgement, Report, SignatureReport, TimestampReport

# What a sandbox for uploads imports before it forks.
PRELOAD: Final = ("envelopes.signing.verify",)
_OPEN_FILES: Final = 64  # why: a child that reads a PDF opens time zones and little else
_LONGEST: Final = 200  # why: characters of a name or a reason; whoever signs may write a novel there


class NoCertificate(FukanError):
    """A file that should hold a certificate does not; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """Whom to believe: root certificates and today's CRLs, all DER."""

    roots: tuple[bytes, ...] = field(repr=False)
    crls: tuple[bytes, ...] = field(repr=False, default=())


def published(folder: Path) -> Trusted:
    """Return what an authority has published in *folder*; without roots where there is nothing."""
    roots = sorted(folder.glob(f"{Role.ROOT}-*.cer"))
    return Trusted(roots=tuple(path.read_bytes() for path in roots), crls=_crls(folder))


def of_file(path: Path) -> Trusted:
    """Return the certificate in *path* (DER or PEM) as the only root, with the CRLs that lie beside it.

    A CRL is signed, so it does not matter who put it there. Raises NoCertificate.
    """
    data = path.read_bytes()
    load = x509.load_pem_x509_certificate if b"-----BEGIN" in data else x509.load_der_x509_certificate
    try:
        root = load(data)
    except ValueError:
        raise NoCertificate(f"{path} は証明書として読めません。") from None
    return Trusted(roots=(root.public_bytes(serialization.Encoding.DER),), crls=_crls(path.parent))


def _crls(folder: Path) -> tuple[bytes, ...]:
    return tuple(data for path in sorted(folder.glob("*.crl")) if _is_crl(data := path.read_bytes()))


def _is_crl(data: bytes) -> bool:
    try:
        x509.load_der_x509_crl(data)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspector:
    """Judges bytes from anywhere, and gives up after *seconds* (wall clock) or *memory* (bytes)."""

    sandbox: Sandbox
    seconds: float
    memory: int

    async def inspect(self, data: bytes, *, trusted: Trusted, now: dt.datetime) -> Result:
        """Return what is to be said about *data* at *now*. Never raises for bad input."""
        work = partial(verify.report, data, trust_roots=trusted.roots, now=now, crls=trusted.crls)
        limits = Limits(
            cpu_seconds=max(1, round(self.seconds)),
            memory_bytes=self.memory,
            wall_seconds=self.seconds,
            files=_OPEN_FILES,
        )
        try:
            made = await self.sandbox.run(
                work, limits=limits, on_crash=Reason.PDF_BROKEN, on_timeout=Reason.PDF_TOOK_TOO_LONG
            )
        except Refused as refused:
            late = refused.reason is Reason.PDF_TOOK_TOO_LONG
            return Result(faults=(Fault.NOT_ANALYSED if late else Fault.UNREADABLE,))
        return result(made)


def result(report: Report) -> Result:
    """Return *report* without what only programs that know PDF can use."""
    signatures = tuple(_signature(one) for one in report.signatures)
    return Result(parts=(*signatures, *(_timestamp(one) for one in report.timestamps)), faults=report.faults)


def _signature(one: SignatureReport) -> Part:
    says = one.says
    return Part(
        of=Of.SIGNATURE,
        field=_plain(one.field),
        signer=_plain(one.signer),
        issuer=_plain(one.issuer),
        name=_plain(says.name),
        reason=_plain(says.reason),
        at=one.at,
        certificate_id=_plain(says.certificate_id),
        consent_sha256=_plain(says.consent_sha256),
        seen_sha256=_plain(says.seen_sha256),
        seen_length=says.seen_length or 0,
        faults=_once(one),
    )


def _timestamp(one: TimestampReport) -> Part:
    return Part(
        of=Of.TIMESTAMP,
        field=_plain(one.field),
        signer=_plain(one.signer),
        issuer=_plain(one.issuer),
        at=one.at,
        faults=_once(one),
    )


def _once(one: Judgement) -> tuple[Fault, ...]:
    return tuple(dict.fromkeys(one.faults))


def _plain(text: str | None) -> str:
    """Return *text* cut short and without what would steer a terminal or turn the direction of writing."""
    return "".join(char for char in (text or "")[:_LONGEST] if char.isprintable())
