"""The operator's own key: files and HSM, faults all at once, replaced while running, with CRLs, good everywhere."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from envelopes.rules.errors import Later, Reason, Refused
from envelopes.signing import authority, certificates, custody, hsm, seal
from envelopes.signing.certificates import KeyType
from envelopes.signing.custody import Custody, Unfit
from envelopes.signing.hsm import Place
from envelopes.signing.keys import private_key
from envelopes.signing.seal import Seal
from tests.signing import softhsm, witnesses
from tests.signing.conftest import (
    PASSPHRASE,
    TOWN,
    Clock,
    World,
    der_to_pem,
    entry,
    now,
    pdf,
    write_trust,
)
from tests.signing.shop import PEM, SECRET, Shop, in_hsm, in_pkcs12, put
from tests.signing.shop import opened as opened_shop
from tests.signing.tsa import Fault


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Shop]]:
    """Two shops, without a fault whenever one is asked for: their roots' kinds of key."""
    with ExitStack() as stack:

        @cache
        def opened(key_type: str) -> Shop:
            folder = tmp_path_factory.mktemp("shop") / key_type
            return stack.enter_context(opened_shop(folder, key_type))

        def healthy(key_type: str) -> Shop:
            one = opened(key_type)
            one.outside.fault = Fault.NONE
            return one

        yield healthy


@pytest.fixture
def shop(shops: Callable[[str], Shop]) -> Shop:
    return shops("p256")


def sealing(world: World, held: Custody, clock: Callable[[], dt.datetime] = now) -> Seal:
    return seal.embedded(world.authority.directory, passphrase=PASSPHRASE, clock=clock, held=held)


# Before the witnesses


def are_content(using: Seal, world: World, shop: Shop, whole: bytes) -> list[bool]:
    path, trust = shop.folder / "a.pdf", shop.folder / "trust.pem"
    path.write_bytes(whole)
    write_trust(trust, world.authority)
    (crl,) = [one.read_bytes() for one in (shop.outside.folder / "ca/public").glob("bought-1.crl")]
    theirs = shop.root.certificate.public_bytes(PEM)
    trust.write_bytes(trust.read_bytes() + theirs + der_to_pem("crl", crl))
    *signatures, stamp = witnesses.embedded(whole)
    return [
        using.verify(whole).valid,
        witnesses.pdfsig_is_content(path, len(signatures)),
        witnesses.qpdf(path),
        all(witnesses.openssl_cms(one, trust, shop.folder) for one in signatures),
        witnesses.openssl_ts(stamp.contents, stamp.content, trust, shop.folder),
    ]


@pytest.mark.parametrize(
    ("kept", "kind", "way"),
    [
        ("hsm", "p256", "by plan"),
        ("hsm", "p256", "by reading"),
        ("pkcs12", "rsa3072", "by plan"),
    ],
)
def test_every_witness_accepts_what_a_bought_key_has_signed_and_nothing_altered(
    shops: Callable[[str], Shop], world: World, hsm_folder: Path, *, kept: str, kind: str, way: str
) -> None:
    shop = shops(kind)
    # Making an RSA key takes a second, and it is no secret whose this one is.
    own = private_key(world.authority.directory / "signer-1.key.pem", passphrase=PASSPHRASE)
    bought = shop.order(key=own if kind == "rsa3072" else None)
    keeping = in_pkcs12(bought) if kept == "pkcs12" else in_hsm(bought, hsm_folder, f"w {kind} {way}")
    using = sealing(world, Custody(keeping, clock=now))
    made = seal.prepare_planned(pdf(), fields=["Signer1", "Signer2"], now=now())
    plan, whole = made.plan if way == "by plan" else None, made.data
    for name in ("Signer1", "Signer2"):
        whole += using.sign(whole, field=name, entry=entry(made.data), plan=plan)
    whole += using.timestamp(whole, plan=plan)
    altered = whole.replace(b"(0) Tj", b"(9) Tj", 1)
    said = are_content(using, world, shop, altered)
    assert [said[number] for number in (0, 1, 3)] == [False] * 3
    assert all(are_content(using, world, shop, whole))


# Faults


def faults(keeping: custody.Keeping) -> list[str]:
    with pytest.raises(Unfit) as caught:
        Custody(keeping, clock=now)
    return str(caught.value).splitlines()


def test_every_file_that_is_wrong_is_named_at_once(shop: Shop, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert [
        one.split(":")[0] for one in faults(replace(shop.order(), key_file=nowhere, chain_file=nowhere))
    ] == [
        "key_file",
        "chain_file",
    ]
    place = Place(module=nowhere, token="t", label="k")
    held = hsm.in_hsm(place, pin_file=nowhere, certificate_file=nowhere, chain_file=nowhere)
    assert [one.split(":")[0] for one in faults(held)] == [
        "pin_file",
        "module",
        "certificate_file",
        "chain_file",
    ]


def test_a_wrong_passphrase_an_open_key_and_a_foreign_one_are_told_apart(shop: Shop) -> None:
    bought = shop.order()
    put(bought.passphrase_file, b"wrong")
    (said,) = faults(bought)
    assert "not opened by the passphrase" in said
    assert "wrong" not in said
    put(bought.passphrase_file, SECRET)
    bare = serialization.NoEncryption()
    key = certificates.new_key(KeyType.P256)
    put(bought.key_file, key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, bare))
    assert faults(bought) == ["key_file: not encrypted"]
    sealed = serialization.BestAvailableEncryption(SECRET)
    put(bought.key_file, key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, sealed))
    assert faults(bought) == ["key_file: does not belong to the certificate"]


def test_ed25519_and_short_keys_are_refused_with_a_reason(shop: Shop) -> None:
    bought = shop.order()
    sealed = serialization.BestAvailableEncryption(SECRET)
    edwards = ed25519.Ed25519PrivateKey.generate()
    put(bought.key_file, edwards.private_bytes(PEM, serialization.PrivateFormat.PKCS8, sealed))
    assert "pdfsig" in faults(bought)[0]
    short = shop.order(key=rsa.generate_private_key(public_exponent=65537, key_size=1024))
    assert faults(short) == ["certificate_file: RSA-1024 is too short"]


@pytest.mark.parametrize("lacking", ["crl", "non-repudiation", "root"])
def test_a_certificate_that_nobody_could_prove_later_is_refused_with_the_reason(
    shop: Shop, lacking: str
) -> None:
    bought = shop.order()
    key = private_key(bought.key_file, passphrase=SECRET)
    assert bought.certificate_file is not None
    own = x509.load_pem_x509_certificate(bought.certificate_file.read_bytes())
    builder = (
        x509.CertificateBuilder()
        .subject_name(own.subject)
        .issuer_name(own.issuer)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(own.not_valid_before_utc)
        .not_valid_after(own.not_valid_after_utc)
    )
    for one in own.extensions:
        value = one.value
        if lacking == "crl" and isinstance(value, x509.CRLDistributionPoints):
            continue
        if lacking == "non-repudiation" and isinstance(value, x509.KeyUsage):
            value = x509.KeyUsage(*[True, *[False] * 8])
        builder = builder.add_extension(value, critical=one.critical)
    shop.write(key, builder.sign(shop.root.key, hashes.SHA256()))
    if lacking == "root":
        assert bought.chain_file is not None
        put(bought.chain_file, bought.certificate_file.read_bytes())
    (said,) = faults(bought)
    assert {"crl": "no CRL", "non-repudiation": "nonRepudiation", "root": "to a root"}[lacking] in said


def test_purposes_that_some_viewers_dislike_are_warned_of(world: World) -> None:
    files = authority.published(world.authority.directory)
    signer, tsa = (x509.load_der_x509_certificate(files[name]) for name in ("signer-1.cer", "tsa-1.cer"))
    assert not list(custody.warnings_of(signer))
    assert "emailProtection" in next(custody.warnings_of(tsa))


# In use


def test_without_a_crl_that_is_still_true_nothing_is_signed(shop: Shop, world: World) -> None:
    bought = shop.order()
    clock = Clock(now())
    held = Custody(bought, clock=clock)
    shop.outside.fault = Fault.NO_CRL
    with pytest.raises(Later) as caught:
        held.fit(clock())
    assert caught.value.reason is Reason.CRL_UNAVAILABLE
    assert caught.value.note == "CRL: HTTP 404"
    shop.outside.fault = Fault.NONE
    held.fit(clock())
    shop.outside.fault = Fault.NO_CRL
    # The list is a day old, but true for a week.
    clock.forward(days=2)
    held.fit(clock())
    clock.forward(days=6)
    with pytest.raises(Later):
        held.fit(clock())


def test_a_revoked_certificate_signs_nothing(shop: Shop, world: World) -> None:
    bought = shop.order()
    assert bought.certificate_file is not None
    clock = Clock(now())
    using = sealing(world, Custody(bought, clock=clock), clock)
    made = seal.prepare_planned(pdf(), fields=["Signer1"], now=now())
    assert using.sign(made.data, field="Signer1", entry=entry(made.data), plan=made.plan)
    own = x509.load_pem_x509_certificate(bought.certificate_file.read_bytes())
    shop.say(own, at=now(), revoked=True)
    clock.forward(days=1.01)
    with pytest.raises(Refused) as caught:
        using.sign(made.data, field="Signer1", entry=entry(made.data), plan=made.plan)
    assert caught.value.reason is Reason.CERTIFICATE_REVOKED


def test_a_replaced_key_is_taken_up_between_two_signatures_and_both_are_valid(
    shop: Shop, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    held = Custody(shop.order(number=1, old=True), clock=now)
    using = sealing(world, held)
    made = seal.prepare_planned(pdf(), fields=["Signer1", "Signer2"], now=now())
    with pytest.raises(Refused) as caught:
        using.sign(made.data, field="Signer1", entry=entry(made.data), plan=made.plan)
    assert caught.value.reason is Reason.CERTIFICATE_ENDED
    whole = made.data
    for number, name in ((2, "Signer1"), (3, "Signer2")):
        shop.order(number=number)
        whole += using.sign(whole, field=name, entry=entry(made.data), plan=made.plan)
    whole += using.timestamp(whole, plan=made.plan)
    report = using.verify(whole)
    assert report.valid
    assert [one.signer for one in report.signatures] == [f"{TOWN}長 2", f"{TOWN}長 3"]


def test_while_new_files_do_not_fit_each_other_the_key_before_goes_on(shop: Shop) -> None:
    bought = shop.order(number=1)
    held = Custody(bought, clock=now)
    first = held.current()
    assert bought.certificate_file is not None
    kept = bought.certificate_file.read_bytes()
    shop.order(number=2)
    second = bought.certificate_file.read_bytes()
    put(bought.certificate_file, kept)
    assert held.current() is first
    assert held.fit(now()) is first
    put(bought.certificate_file, second)
    assert held.current() is not first
    held.current().try_out()


def test_a_new_key_in_the_hsm_comes_with_its_certificate(shop: Shop, hsm_folder: Path) -> None:
    keeping = in_hsm(shop.order(number=1), hsm_folder, "two generations")
    # By label alone: the next key has another id.
    keeping.token.place = replace(keeping.token.place, id=b"")
    held = Custody(keeping, clock=now)
    held.current().try_out()
    first = held.current().certificate
    bought = shop.order(number=2)
    card = softhsm.Softhsm(hsm_folder, keeping.token.place.token)
    card.put(private_key(bought.key_file, passphrase=SECRET), label="mihon", number="02")
    held.current().try_out()
    assert held.current().certificate != first
    keeping.token.close()


def test_roots_of_earlier_certificates_stay_trusted_while_the_chain_file_names_them(
    shop: Shop, shops: Callable[[str], Shop], world: World
) -> None:
    bought = shop.order()
    assert bought.chain_file is not None
    other = world.authority.root_certificate
    put(bought.chain_file, bought.chain_file.read_bytes() + der_to_pem("x509", other))
    assert set(Custody(bought, clock=now).roots) == {shop.outside.root, other}
