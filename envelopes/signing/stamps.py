"""Judging one RFC 3161 token that was kept: whether it is over these data, by whom, when, and by a trusted authority.

Believing a fresh answer is `timestamps`' question (nonce, policy, length); here a token may be years old. It is judged
at a moment at which it is known to have existed: now, or the time of a later token that covers it.
"""

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from asn1crypto import cms as asn1_cms  # type: ignore[import-untyped]
from pyhanko.sign.ades.report import AdESFailure, AdESStatus
from pyhanko.sign.validation.ades import ades_timestamp_validation
from pyhanko.sign.validation.generic_cms import extract_certs_for_validation
from pyhanko.sign.validation.policy_decl import SignatureValidationSpec

from envelopes.rules.errors import FukanError
from envelopes.signing import trust
from envelopes.signing.reading import MALFORMED, hush
from envelopes.signing.trust import Evidence


class Unfit(StrEnum):
    """Why a token proves nothing. The value is stable: it stands in answers."""

    UNREADABLE = "unreadable"
    OTHER_DATA = "other-data"
    NOT_TRUSTED = "not-trusted"


class BadToken(FukanError):
    """A token that proves nothing about the data in hand; *indication* is ETSI's word, for logs."""

    def __init__(self, fault: Unfit, indication: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.indication = indication


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a sound token says: its genTime, and the common name of who gave it."""

    at: dt.datetime
    authority: str


def read_time(token: bytes) -> dt.datetime:
    """Return a token's genTime (RFC 3161 2.4.2) without judging it. Raises BadToken(UNREADABLE)."""
    try:
        return _time(asn1_cms.ContentInfo.load(token)["content"])
    except MALFORMED:
        raise BadToken(Unfit.UNREADABLE) from None


def judge(
    token: bytes, imprint: bytes, *, roots: Sequence[bytes], evidence: Evidence, moment: dt.datetime
) -> Stamp:
    """Return what *token* (DER ContentInfo) says of the SHA-256 digest *imprint*, or raise BadToken.

    *moment* is when it is known to have existed. CRLs may be younger than that: what a later list does not
    revoke was not revoked then. Blocks for about ten milliseconds.
    """
    hush()
    try:
        signed = asn1_cms.ContentInfo.load(token)["content"]
        result = asyncio.run(
            ades_timestamp_validation(
                signed,
                _spec(roots, evidence),
                lambda algorithm: imprint if algorithm == "sha256" else b"",
                timing_info=trust.at(moment),
            )
        )
        stamp = Stamp(at=_time(signed), authority=_authority(signed))
    except MALFORMED:
        raise BadToken(Unfit.UNREADABLE) from None
    _require_passed(result.ades_subindic)
    if stamp.at > moment:
        raise BadToken(Unfit.NOT_TRUSTED, "FUTURE")
    return stamp


def _spec(roots: Sequence[bytes], evidence: Evidence) -> SignatureValidationSpec:
    spec = trust.validation_spec(roots, evidence)
    policy = spec.cert_validation_policy
    backwards = replace(policy, revinfo_policy=replace(policy.revinfo_policy, retroactive_revinfo=True))
    return replace(spec, cert_validation_policy=backwards)


def _require_passed(found: Any) -> None:
    if found is AdESFailure.HASH_FAILURE:
        raise BadToken(Unfit.OTHER_DATA, found.standard_name)
    if found.status is not AdESStatus.PASSED:
        raise BadToken(Unfit.NOT_TRUSTED, found.standard_name)


def _time(signed: asn1_cms.SignedData) -> dt.datetime:
    made: dt.datetime = signed["encap_content_info"]["content"].parsed["gen_time"].native
    return made


def _authority(signed: asn1_cms.SignedData) -> str:
    return str(extract_certs_for_validation(signed).signer_cert.subject.native.get("common_name", ""))
