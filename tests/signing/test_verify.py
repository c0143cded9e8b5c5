"""The report: what it accepts, what it names, and how it judges after decades."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

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
from tests.signing.conftest import URL, Clock, World, aging_world, entry, now, pdf, signed
from tests.signing.test_timestamps import revoking

BOTH = ["Signer1", "Signer2"]


@dataclass(frozen=True)
class Aged:
    """A contract concluded some years ago, in a world whose clock has come to the present."""

    world: World
    clock: Clock
    data: bytes


@pytest.fixture
def aged(tmp_path: Path) -> Callable[[float], Aged]:
    # The past is played, not the future, because pyHanko reads the system's clock too.
    def made(years: float) -> Aged:
        clock = Clock(now() - dt.timedelta(days=365.25 * years))
        world = aging_world(tmp_path, clock)
        prepared = world.seal.prepare(pdf(), fields=BOTH)
        return Aged(world, clock, signed(world.seal, prepared, BOTH))

    return made


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
    # Contracts are made once for all tests, at some time after the authority; tokens tell whole seconds.
    began = dt.datetime.fromtimestamp(int(world.root_pem.stat().st_mtime), dt.UTC)
    report = world.seal.verify(contract)
    assert report.valid
    assert [one.field for one in report.signatures] == BOTH
    for one in report.signatures:
        assert one.signer == "みほん村 電子契約 署名 1"
        assert one.says.name == entry(prepared).name
        assert one.at is not None
        assert began <= one.at <= now()
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


def test_every_byte_matters_but_those_of_the_last_token(aged: Callable[[float], Aged]) -> None:
    """The newest token covers everything but itself, and a token's certificates are not signed by it."""
    fresh = aged(0)
    aging, old = fresh.world, fresh.data
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


def test_a_certificate_revoked_before_signing_is_not_trusted(aged: Callable[[float], Aged]) -> None:
    old = aged(0.01)
    crl = revoking(old.world, "signer-1", old.clock() - dt.timedelta(days=1))
    report = verify.report(old.data, trust_roots=old.world.seal.roots, now=now(), crls=[crl])
    assert Fault.NOT_TRUSTED in faults(report)


def test_the_second_signature_may_come_weeks_after_the_first(tmp_path: Path) -> None:
    clock = Clock(now() - dt.timedelta(days=365.25 * 9 + 63))
    world = aging_world(tmp_path, clock)
    prepared = world.seal.prepare(pdf(), fields=BOTH)
    whole = prepared + world.seal.sign(prepared, field="Signer1", entry=entry(prepared))
    clock.forward(days=60)
    assert judged(world, whole) == set()
    whole += world.seal.sign(whole, field="Signer2", entry=entry(prepared))
    assert judged(world, whole) == set()
    clock.forward(days=3)
    whole += world.seal.timestamp(whole)
    clock.at = now()
    assert judged(world, whole) == set()


@pytest.mark.parametrize("years", [0, 0.1, 1, 4.9, 5.1, 8, 10.9])
def test_it_stays_valid_while_the_stamping_certificate_lives(
    aged: Callable[[float], Aged], years: float
) -> None:
    old = aged(years)
    old.clock.at = now()
    assert judged(old.world, old.data) == set()


def test_it_is_no_longer_shown_good_when_a_renewal_was_missed(aged: Callable[[float], Aged]) -> None:
    old = aged(11.1)
    old.clock.at = now()
    assert Fault.NOT_TRUSTED in judged(old.world, old.data)


def test_without_crls_of_today_the_last_timestamp_cannot_be_judged(aged: Callable[[float], Aged]) -> None:
    old = aged(0.1)
    report = verify.report(old.data, trust_roots=old.world.seal.roots, now=now())
    assert Fault.NOT_TRUSTED in faults(report)
    assert all(one.intact for one in (*report.signatures, *report.timestamps))


def test_renewed_each_decade_it_is_valid_after_38_years(aged: Callable[[float], Aged]) -> None:
    old = aged(37.9)
    world, clock, whole = old.world, old.clock, old.data
    for generation in (2, 3, 4):
        clock.forward(years=9.5)
        whole += _renewal(world, whole, generation, clock)
    clock.at = now()
    report = world.seal.verify(whole)
    assert faults(report) == set()
    assert [one.field for one in report.timestamps] == [f"Timestamp{n}" for n in (1, 2, 3, 4)]
    assert report.signatures[0].at is not None
    assert now() - report.signatures[0].at > dt.timedelta(days=365.25 * 37)


def test_one_missed_renewal_among_others_is_named(aged: Callable[[float], Aged]) -> None:
    old = aged(25)
    old.clock.forward(years=12)
    late = old.data + _renewal(old.world, old.data, 2, old.clock)
    old.clock.at = now()
    assert Fault.NOT_TRUSTED in judged(old.world, late)


def _renewal(world: World, data: bytes, generation: int, clock: Clock) -> bytes:
    tsa, crl = _generation(world, generation, clock())
    before = _crl_of(world, f"tsa-{generation - 1}", clock())
    evidence = Evidence(certificates=(tsa.certificate, *tsa.chain), crls=(*before, crl))
    return writing.append_timestamp(
        data,
        field=f"Timestamp{generation}",
        timestamper=_stamper(world, tsa, evidence, clock),
        evidence=evidence,
    )


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
