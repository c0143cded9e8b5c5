"""B-LT by each signature, B-LTA at the end (EN 319 142-1): what proves a signature stands in its own revision."""

import datetime as dt

import pytest
from asn1crypto import cms  # type: ignore[import-untyped]
from cryptography import x509

from envelopes.signing.certificates import crl_address
from envelopes.signing.reading import open_pdf, stored_evidence
from envelopes.signing.seal import prepare_planned
from envelopes.signing.trust import Evidence
from tests.signing import witnesses
from tests.signing.conftest import Clock, World, entry, pdf
from tests.signing.outputs import NAMES, Output

pytestmark = pytest.mark.timeout(600)  # the first also makes every kind of file

every_output = pytest.mark.parametrize("name", NAMES)


def stored(data: bytes) -> Evidence:
    return stored_evidence(open_pdf(data))


def certificates(cms_der: bytes) -> list[bytes]:
    """Return the certificates in a signature or token (DER ContentInfo)."""
    return [one.dump() for one in cms.ContentInfo.load(cms_der)["content"]["certificates"]]


def scope(crl: bytes) -> str:
    """Return the one distribution point that a CRL speaks for."""
    found = x509.load_der_x509_crl(crl).extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    (point,) = found.value.full_name or ()
    return str(point.value)


def made_at(crl: bytes) -> dt.datetime:
    return x509.load_der_x509_crl(crl).last_update_utc


def is_proved(cms_der: bytes, evidence: Evidence) -> bool:
    """Whether every certificate is stored, and for each but the root a CRL that is its own."""
    found = certificates(cms_der)
    ends = [one for one in map(x509.load_der_x509_certificate, found) if one.issuer != one.subject]
    scopes = {scope(crl) for crl in evidence.crls}
    return {*found} <= {*evidence.certificates} and {crl_address(one) for one in ends} <= scopes


@every_output
def test_what_proves_a_signature_stands_in_the_same_revision(output: Output) -> None:
    for one in witnesses.embedded(output.data):
        evidence = stored(output.data[: one.end])
        assert is_proved(one.contents, evidence)
        if one.subfilter == "ETSI.CAdES.detached":
            token, _ = witnesses.signature_token(one)
            assert is_proved(token, evidence)


@every_output
def test_a_finished_file_ends_with_a_document_timestamp_and_nothing_is_certified(output: Output) -> None:
    kinds = [one.subfilter for one in witnesses.embedded(output.data)]
    assert kinds == ["ETSI.CAdES.detached"] * output.signatures + ["ETSI.RFC3161"] * output.timestamps
    for word in (b"/DocMDP", b"/VRI", b"/Perms", b"/FieldMDP"):
        assert word not in output.data
    assert witnesses.embedded(output.data)[-1].end == len(output.data)


@pytest.mark.parametrize("way", ["plan", "reading"])
def test_a_crl_is_stored_again_only_when_it_has_changed(aging: World, clock: Clock, way: str) -> None:
    made = prepare_planned(pdf(), fields=["Signer1", "Signer2", "Signer3"], now=clock())
    plan, whole, crls = made.plan if way == "plan" else None, made.data, [0]
    for name, hours in (("Signer1", 0), ("Signer2", 1), ("Signer3", 30)):
        clock.forward(days=hours / 24)
        whole += aging.seal.sign(whole, field=name, entry=entry(made.data), plan=plan)
        crls.append(len(stored(whole).crls))
    # One for the signer and one for the TSA; a day later both were made anew.
    assert crls == [0, 2, 2, 4]
    clock.forward(days=1 / 24)
    whole += aging.seal.timestamp(whole, plan=plan)
    evidence = stored(whole)
    assert len(evidence.crls) == 6
    assert len({*evidence.certificates}) == len(evidence.certificates) == 3
    # The last ones say, after the last signature, that its certificate was good when it was made.
    newest = sorted(map(made_at, evidence.crls))[-2:]
    assert all(one >= clock().replace(microsecond=0) for one in newest)


def test_the_crls_of_a_renewal_speak_of_the_timestamp_before(aging: World, clock: Clock) -> None:
    prepared = aging.seal.prepare(pdf(), fields=["Signer1"])
    whole = prepared + aging.seal.sign(prepared, field="Signer1", entry=entry(prepared))
    whole += aging.seal.timestamp(whole)
    clock.forward(years=10)
    whole += aging.seal.renew(whole, number=2)
    young = [crl for crl in stored(whole).crls if made_at(crl) >= clock().replace(microsecond=0)]
    # The signer's certificate has ended, and no CRL speaks of it any more: the ones before are what counts.
    assert [scope(crl).rpartition("/")[2] for crl in young] == ["tsa-1.crl"]
