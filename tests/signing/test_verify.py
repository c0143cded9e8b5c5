"""The report: what it accepts, what it names, and how it judges after decades."""

import datetime as dt
from dataclasses import replace
from io import BytesIO

import pikepdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from envelopes.signing import certificates, cms, seal, verify, writing
from envelopes.signing.certificates import KeyType, Order, Role
from envelopes.signing.keys import SigningKey
from envelopes.signing.responder import Responder
from envelopes.signing.timestamps import CheckedTimestamper
from envelopes.signing.trust import Evidence
from envelopes.signing.verify import Fault
from tests.signing import witnesses
from tests.signing.conftest import URL, Clock, World, entry, now, pdf, signed
from tests.signing.test_timestamps import revoking

BOTH = ["Signer1", "Signer2"]


@pytest.fixture
def old(aging: World) -> bytes:
    prepared = aging.seal.prepare(pdf(), fields=BOTH)
    return signed(aging.seal, prepared, BOTH)


def faults(report: verify.Report) -> set[Fault]:
    parts = (*report.signatures, *report.timestamps)
    return {*report.faults, *(fault for part in parts for fault in part.faults)}


def judged(world: World, data: bytes) -> set[Fault]:
    report = world.seal.verify(data)
    assert report.valid == (not faults(report))
    return faults(report)


def test_a_sound_contract_is_valid_and_says_who_and_when(
    world: World, contract: bytes, prepared: bytes
) -> None:
    report = world.seal.verify(contract)
    assert report.valid
    assert [one.field for one in report.signatures] == BOTH
    for one in report.signatures:
        assert one.signer == "みほん村 電子契約 署名 1"
        assert one.says.name == entry(prepared).name
        assert one.at is not None
        assert dt.timedelta(0) <= now() - one.at < dt.timedelta(minutes=10)
    (stamp,) = report.timestamps
    assert stamp.signer == "みほん村 電子契約 時刻 1"
    assert stamp.at >= max(one.at for one in report.signatures if one.at)


def test_a_half_signed_file_is_valid_as_far_as_it_goes(world: World, prepared: bytes) -> None:
    half = prepared + world.seal.sign(prepared, field="Signer1", entry=entry(prepared))
    report = world.seal.verify(half)
    assert report.valid
    assert (len(report.signatures), len(report.timestamps)) == (1, 0)


def test_changed_words_are_named(world: World, contract: bytes) -> None:
    altered = contract.replace(b"(0) Tj", b"(9) Tj", 1)
    assert {Fault.BYTES_CHANGED, Fault.NOT_TRUSTED, Fault.SEEN_DIFFERS} <= judged(world, altered)


@pytest.mark.parametrize("key", [b"/FUKN_SeenLength ", b"/FUKN_ConsentSHA256 (", b"/FUKN_SeenSHA256 ("])
def test_a_changed_dictionary_is_named(world: World, contract: bytes, key: bytes) -> None:
    at = contract.index(key) + len(key)
    digit = b"1" if contract[at : at + 1] != b"1" else b"2"
    assert Fault.BYTES_CHANGED in judged(world, contract[:at] + digit + contract[at + 1 :])


def test_every_byte_matters_but_those_of_the_last_token(aging: World, old: bytes) -> None:
    """The newest token covers everything but itself, and a token's certificates are not signed by it."""
    first, second = seal.read_entries(old)[0].byte_range, witnesses.embedded(old)[-1].byte_range
    assert first[1] < second[1]
    for at in range(7, len(old), len(old) // 97):
        if second[1] <= at < second[2]:
            continue
        assert judged(aging, old[:at] + bytes([old[at] ^ 1]) + old[at + 1 :]), at


def test_a_page_changed_afterwards_is_named(world: World, contract: bytes) -> None:
    with pikepdf.open(BytesIO(contract)) as opened:
        contents = opened.pages[1].Contents.objgen[0]
    appended = _appended(contract, contents, b"<</Length 14>>stream\n0 0 99 99 re f\nendstream")
    assert Fault.CHANGED_AFTERWARDS in judged(world, appended)


def test_bytes_after_the_end_are_named(world: World, contract: bytes) -> None:
    assert judged(world, contract + b"%surplus\n") == {Fault.BYTES_AFTER_END}


def test_a_rewritten_file_is_named(world: World, contract: bytes) -> None:
    out = BytesIO()
    with pikepdf.open(BytesIO(contract)) as opened:
        opened.save(out)
    assert not world.seal.verify(out.getvalue()).valid


def test_a_cut_file_is_not_taken_for_whole(world: World, contract: bytes) -> None:
    for cut in (10, 1000, 5000, len(contract) // 2):
        assert judged(world, contract[:-cut])


def test_a_foreign_root_is_not_trusted(aging: World, contract: bytes) -> None:
    report = verify.report(contract, trust_roots=[aging.authority.root_certificate], now=now())
    assert not report.valid
    assert all(one.intact and one.whole and one.unaltered for one in report.signatures)
    assert Fault.NOT_TRUSTED in faults(report)


def test_a_plain_pdf_has_no_signature(world: World, prepared: bytes) -> None:
    for data in (pdf(), prepared):
        report = world.seal.verify(data)
        assert (report.valid, report.faults) == (False, (Fault.NO_SIGNATURE,))


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"PK\x03\x04", b"%PDF-1.7\nstartxref\n9\n%%EOF"])
def test_junk_is_unreadable_and_raises_nothing(world: World, data: bytes) -> None:
    assert world.seal.verify(data).faults in ((Fault.UNREADABLE,), (Fault.NO_SIGNATURE,))
    assert not world.seal.verify(data).valid


def test_a_certificate_revoked_before_signing_is_not_trusted(aging: World, clock: Clock) -> None:
    prepared = aging.seal.prepare(pdf(), fields=BOTH)
    half = prepared + aging.seal.sign(prepared, field="Signer1", entry=entry(prepared))
    clock.forward(days=1)
    crl = revoking(aging, "signer-1", clock() - dt.timedelta(days=2))
    report = verify.report(half, trust_roots=aging.seal.roots, now=clock() + dt.timedelta(days=1), crls=[crl])
    assert Fault.NOT_TRUSTED in faults(report)


def test_the_second_signature_may_come_weeks_after_the_first(aging: World, clock: Clock) -> None:
    prepared = aging.seal.prepare(pdf(), fields=BOTH)
    whole = prepared + aging.seal.sign(prepared, field="Signer1", entry=entry(prepared))
    clock.forward(days=60)
    assert judged(aging, whole) == set()
    whole += aging.seal.sign(whole, field="Signer2", entry=entry(prepared))
    assert judged(aging, whole) == set()
    clock.forward(days=3)
    whole += aging.seal.timestamp(whole)
    assert judged(aging, whole) == set()
    clock.forward(years=9)
    assert judged(aging, whole) == set()


@pytest.mark.parametrize("years", [0.01, 1, 4.9, 5.1, 8, 10.9])
def test_it_stays_valid_while_the_stamping_certificate_lives(
    aging: World, old: bytes, clock: Clock, years: float
) -> None:
    clock.forward(years=years)
    assert judged(aging, old) == set()


def test_it_is_no_longer_shown_good_when_a_renewal_was_missed(aging: World, old: bytes, clock: Clock) -> None:
    clock.forward(years=11.1)
    assert Fault.NOT_TRUSTED in judged(aging, old)


def test_without_crls_of_today_the_last_timestamp_cannot_be_judged(
    aging: World, old: bytes, clock: Clock
) -> None:
    clock.forward(days=30)
    report = verify.report(old, trust_roots=aging.seal.roots, now=clock())
    assert Fault.NOT_TRUSTED in faults(report)
    assert all(one.intact for one in (*report.signatures, *report.timestamps))


def test_renewed_each_decade_it_is_valid_after_38_years(aging: World, old: bytes, clock: Clock) -> None:
    whole, current = old, "tsa-1"
    for generation in (2, 3, 4):
        clock.forward(years=9.5)
        tsa, crl = _generation(aging, generation, clock())
        crls = (*_crl_of(aging, current, clock()), crl)
        evidence = Evidence(certificates=(tsa.certificate, *tsa.chain), crls=crls)
        whole += writing.append_timestamp(
            whole,
            field=f"Timestamp{generation}",
            timestamper=_stamper(aging, tsa, evidence, clock),
            evidence=evidence,
        )
        current = f"tsa-{generation}"
    clock.forward(years=9.4)
    assert clock() - dt.timedelta(days=365.25 * 37.8) > dt.datetime(2026, 4, 1, tzinfo=dt.UTC)
    assert judged(aging, whole) == set()
    assert [one.field for one in aging.seal.verify(whole).timestamps] == [
        f"Timestamp{n}" for n in (1, 2, 3, 4)
    ]


def _generation(world: World, number: int, at: dt.datetime) -> tuple[SigningKey, bytes]:
    name = f"tsa-{number}"
    order = Order(
        role=Role.TSA,
        name=name,
        organization="村",
        common_name=name,
        qualifier="x",
        base=f"{URL}/pki",
        now=at,
    )
    key = certificates.new_key(KeyType.P256)
    made = certificates.end_certificate(order, key, world.authority.root)
    der = made.public_bytes(serialization.Encoding.DER)
    (world.authority.directory / "public" / f"{name}.cer").write_bytes(der)
    crl = certificates.crl(made, world.authority.root, number=1, now=at)
    return SigningKey(private=key, certificate=der, chain=(world.authority.root_certificate,)), crl


def _crl_of(world: World, name: str, at: dt.datetime) -> tuple[bytes, ...]:
    made = x509.load_der_x509_certificate((world.authority.directory / "public" / f"{name}.cer").read_bytes())
    return (certificates.crl(made, world.authority.root, number=int(at.timestamp()), now=at),)


def _stamper(world: World, tsa: SigningKey, evidence: Evidence, clock: Clock) -> CheckedTimestamper:
    kept = world.seal.timestamper
    assert isinstance(kept, CheckedTimestamper)
    ask = Responder(key=tsa, policy=world.authority.policy, clock=clock).reply
    return replace(kept, ask=ask, room=cms.room_for(tsa), evidence=lambda _: evidence)


def _appended(data: bytes, number: int, body: bytes) -> bytes:
    """Return *data* with one object replaced in an honest incremental update."""
    start = int(data[data.rindex(b"startxref") :].split()[1])
    trailer = data[data.rindex(b"trailer") : data.rindex(b"startxref")]
    root = trailer[trailer.index(b"/Root") :].split()[1]
    size = trailer[trailer.index(b"/Size") :].split()[1]
    at = len(data)
    out = data + b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"xref\n%d 1\n%010d 00000 n \n" % (number, at)
    tail = b"trailer\n<</Size %s/Root %s 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        root,
        start,
        len(out),
    )
    return out + table + tail


def test_entries_of_junk_are_unreadable() -> None:
    with pytest.raises(seal.UnreadablePdf):
        seal.read_entries(b"junk")
