"""What validation may rely on: roots, certificates and CRLs at hand, nothing fetched, nothing guessed.

The one place that sets pyHanko's validation policy; `timestamps` and `verify` both stand on it.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from asn1crypto import crl as asn1_crl  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1_x509
from pyhanko.sign.validation.policy_decl import (
    CertificateFetchingRule,
    LocalKnowledge,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator.authority import CertTrustAnchor
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer

# Every certificate below a root must be shown not to be revoked; silence is not taken for an answer.
_REVOCATION = CertRevTrustPolicy(
    RevocationCheckingPolicy(
        ee_certificate_rule=RevocationCheckingRule.CRL_OR_OCSP_REQUIRED,
        intermediate_ca_cert_rule=RevocationCheckingRule.CRL_OR_OCSP_REQUIRED,
    )
)

# A signature's bytes must not decide where this process connects to.
_AT_HAND = RevocationInfoGatheringSpec(
    online_fetching_rule=RevinfoOnlineFetchingRule.LOCAL_ONLY,
    certificate_fetching_rule=CertificateFetchingRule.NEVER_FETCH,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Certificates and CRLs (DER) that show a chain to be good."""

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()


def joined(parts: Iterable[Evidence]) -> Evidence:
    """Return all that *parts* hold, each once."""
    held = tuple(parts)
    return Evidence(
        certificates=tuple(dict.fromkeys(one for part in held for one in part.certificates)),
        crls=tuple(dict.fromkeys(one for part in held for one in part.crls)),
    )


def validation_spec(roots: Iterable[bytes], evidence: Evidence) -> SignatureValidationSpec:
    """Return pyHanko's policy: trust *roots* (DER), know *evidence*, ask nobody."""
    anchors = [CertTrustAnchor(asn1_x509.Certificate.load(der)) for der in roots]
    return SignatureValidationSpec(
        cert_validation_policy=CertValidationPolicySpec(
            trust_manager=SimpleTrustManager.build(trust_roots=anchors), revinfo_policy=_REVOCATION
        ),
        revinfo_gathering_policy=_AT_HAND,
        local_knowledge=LocalKnowledge(
            known_crls=[CRLContainer(asn1_crl.CertificateList.load(der)) for der in evidence.crls],
            known_certs=[asn1_x509.Certificate.load(der) for der in evidence.certificates],
        ),
    )


def at(now: dt.datetime) -> ValidationTimingInfo:
    """Return pyHanko's words for "judged at *now*, with nothing known about earlier"."""
    return ValidationTimingInfo(validation_time=now, best_signature_time=now, point_in_time_validation=False)
