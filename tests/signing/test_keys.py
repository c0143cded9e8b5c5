"""The signing key: fit, ended, unreadable."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from envelopes.rules.errors import Later, Reason, Refused
from envelopes.signing import keys
from envelopes.signing.certificates import Role
from tests.signing.conftest import PASSPHRASE, Clock, World


def test_signatures_verify_under_the_certificate(world: World, aging: World) -> None:
    key = world.authority.key(Role.SIGNER)
    public = x509.load_der_x509_certificate(key.certificate).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.key_size == 3072
    public.verify(key.sign(b"data"), b"data", padding.PKCS1v15(), hashes.SHA256())
    small = aging.authority.key(Role.SIGNER)
    curve = x509.load_der_x509_certificate(small.certificate).public_key()
    assert isinstance(curve, ec.EllipticCurvePublicKey)
    curve.verify(small.sign(b"data"), b"data", ec.ECDSA(hashes.SHA256()))


def test_days_left_are_counted_down_and_an_ended_certificate_signs_nothing(
    aging: World, clock: Clock
) -> None:
    key = aging.authority.key(Role.SIGNER)
    key.check(clock())
    clock.forward(years=5, days=-30)
    assert key.days_left(clock()) == 29
    key.check(clock())
    clock.forward(days=31)
    assert key.days_left(clock()) < 0
    with pytest.raises(Refused) as caught:
        key.check(clock())
    assert caught.value.reason is Reason.CERTIFICATE_ENDED


def test_a_clock_before_the_certificate_waits(aging: World, clock: Clock) -> None:
    clock.forward(days=-1)
    with pytest.raises(Later) as caught:
        aging.authority.key(Role.SIGNER).check(clock())
    assert caught.value.reason is Reason.KEY_UNAVAILABLE


@pytest.mark.parametrize("fault", ["gone", "broken", "another", "passphrase"])
def test_an_unfit_key_file_is_later_and_named_nowhere(aging: World, fault: str) -> None:
    directory = aging.authority.directory
    path = directory / "signer-1.key.pem"
    match fault:
        case "gone":
            path.unlink()
        case "broken":
            path.write_bytes(path.read_bytes()[:100])
        case "another":
            path.write_bytes((directory / "tsa-1.key.pem").read_bytes())
    passphrase = b"wrong" if fault == "passphrase" else PASSPHRASE
    with pytest.raises(Later) as caught:
        keys.load(
            path,
            certificate=directory / "public" / "signer-1.cer",
            chain=(directory / "public" / "root-1.cer",),
            passphrase=passphrase,
        )
    assert caught.value.reason is Reason.KEY_UNAVAILABLE
    assert str(path) not in str(caught.value)


def test_secrets_never_show_in_a_repr(aging: World) -> None:
    shown = repr((aging.seal, aging.authority, aging.authority.key(Role.SIGNER)))
    assert PASSPHRASE.decode() not in shown
    assert "private" not in shown.lower()


def test_a_missing_certificate_file_is_later(tmp_path: Path) -> None:
    with pytest.raises(Later):
        keys.load(tmp_path / "k", certificate=tmp_path / "c", chain=(), passphrase=PASSPHRASE)
