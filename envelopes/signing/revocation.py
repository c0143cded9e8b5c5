"""CRLs of chains that others have issued: fetched where the certificates themselves say, and kept while they are true.

Only what certificates below a root of the operator name is fetched. Whether a CRL has the right scope, and what follows
from it is judged where signatures and tokens are validated.
"""

import datetime as dt
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from envelopes.rules.errors import Later, Reason
from envelopes.signing.chains import NoChain, crl_addresses, read_crl
from envelopes.signing.wire import Call, Line

_MAX_CRL: Final = 16 * 1024 * 1024  # why: large authorities' lists have a few MB
_SECONDS: Final = 20.0  # why: a list of some MB over a slow line
DAILY: Final = dt.timedelta(days=1)  # why: authorities publish daily, as the embedded one does
FRESH: Final = dt.timedelta(
    minutes=1
)  # why: fresh for a document timestamp, fetched once for a whole envelope
REST: Final = dt.timedelta(seconds=30)  # why: the next files must not wait for a dead server again


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """A chain below a root of the operator's, the CRLs that speak of it, and when they were last asked for."""

    chain: tuple[x509.Certificate, ...]
    crls: tuple[bytes, ...]
    fetched: dt.datetime
    tried: dt.datetime
    ends: dt.datetime

    def may_wait(self, now: dt.datetime, age: dt.timedelta) -> bool:
        """Whether the CRLs need not be fetched: young enough, or tried in vain just now."""
        # A moment in the future means that a clock was moved back.
        return _is_within(now - self.tried, REST) or (_is_within(now - self.fetched, age) and now < self.ends)

    def names_revoked(self) -> bool:
        """Whether one of the CRLs says that its certificate of the chain is revoked."""
        return any(
            x509.load_der_x509_crl(crl).get_revoked_certificate_by_serial_number(one.serial_number)
            for one, crl in zip(self.chain, self.crls, strict=False)
        )


def _is_within(passed: dt.timedelta, limit: dt.timedelta) -> bool:
    return dt.timedelta(0) <= passed < limit


def fetched(chain: tuple[x509.Certificate, ...], now: dt.datetime) -> Lists:
    """Fetch the CRL of every certificate but the root. Raises Later(TSA_UNAVAILABLE)."""
    crls = [_crl(one, issuer) for one, issuer in pairwise(chain)]
    ends = min((crl.next_update_utc or now + DAILY for crl in crls), default=now + DAILY)
    return Lists(
        chain=chain,
        crls=tuple(crl.public_bytes(Encoding.DER) for crl in crls),
        fetched=now,
        tried=now,
        ends=ends,
    )


def _crl(certificate: x509.Certificate, issuer: x509.Certificate) -> x509.CertificateRevocationList:
    fault = _unavailable("no CRL")
    for address in crl_addresses(certificate):
        try:
            with closing(Line(address, timeout=_SECONDS)) as line:
                return read_crl(line.exchange(Call(limit=_MAX_CRL)), issuer)
        except NoChain:
            fault = _unavailable("CRL: malformed")
        except Later as error:
            fault = _unavailable(f"CRL: {error.note}")
    raise fault


def _unavailable(note: str) -> Later:
    return Later(Reason.TSA_UNAVAILABLE, note)
