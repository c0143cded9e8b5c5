"""The embedded authority: what it makes, that openssl agrees, and that no crash leaves half of it."""

import datetime as dt
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from envelopes.rules.errors import Later, Reason
from envelopes.signing import authority
from envelopes.signing.certificates import Role
from tests.signing.conftest import PASSPHRASE, TOWN, URL, Clock, World, der_to_pem, now, run, write_trust

UUID_LIMIT = 2**128


def make(directory: Path, at: dt.datetime, **changes: str) -> authority.Authority:
    options = {"town": TOWN, "public_url": URL, "key_type": "p256"} | changes
    return authority.create(directory, now=at, passphrase=PASSPHRASE, **options)


def loaded(made: authority.Authority, name: str) -> x509.Certificate:
    return x509.load_der_x509_certificate(authority.published(made.directory)[f"{name}.cer"])


@pytest.mark.parametrize("name", ["signer-1", "tsa-1"])
def test_openssl_trusts_the_chain_with_its_crl_and_no_altered_certificate(
    world: World, tmp_path: Path, name: str
) -> None:
    good = authority.published(world.authority.directory)[f"{name}.cer"]
    own = tmp_path / "own.pem"
    own.write_bytes(der_to_pem("x509", good[:-1] + bytes([good[-1] ^ 1])))
    command = ("openssl", "verify", "-crl_check", "-x509_strict", "-CAfile", world.root_pem, own)
    assert run(*command).returncode != 0
    own.write_bytes(der_to_pem("x509", good))
    assert run(*command).returncode == 0


def test_openssl_wants_a_crl_and_finds_the_one_of_another_generation_out_of_scope(
    world: World, tmp_path: Path
) -> None:
    files = authority.published(world.authority.directory)
    own, trust = tmp_path / "own.pem", tmp_path / "trust.pem"
    own.write_bytes(der_to_pem("x509", files["signer-1.cer"]))
    root = der_to_pem("x509", files["root-1.cer"])
    for wrong in (b"", der_to_pem("crl", files["tsa-1.crl"])):
        trust.write_bytes(root + wrong)
        assert run("openssl", "verify", "-crl_check", "-CAfile", trust, own).returncode != 0


def test_certificates_say_what_each_is_for(aging: World) -> None:
    signer, tsa, root = (loaded(aging.authority, f"{role}-1") for role in (Role.SIGNER, Role.TSA, Role.ROOT))
    usage = signer.extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.digital_signature, usage.value.content_commitment) == (
        True,
        True,
        True,
    )
    purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [one.dotted_string for one in purposes] == ["1.3.6.1.5.5.7.3.36", "1.3.6.1.5.5.7.3.4"]
    stamping = tsa.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert (stamping.critical, [one.dotted_string for one in stamping.value]) == (True, ["1.3.6.1.5.5.7.3.8"])
    basic = root.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)


@pytest.mark.parametrize(("role", "years"), [(Role.ROOT, 40), (Role.TSA, 11), (Role.SIGNER, 5)])
def test_lives_are_as_long_as_promised(aging: World, role: Role, years: int) -> None:
    one = loaded(aging.authority, f"{role}-1")
    assert one.not_valid_after_utc - one.not_valid_before_utc == dt.timedelta(days=365.25 * years)


def test_each_crl_is_scoped_to_its_own_certificate_and_lives_seven_days(aging: World) -> None:
    files = authority.published(aging.authority.directory)
    for name in ("signer-1", "tsa-1"):
        crl = x509.load_der_x509_crl(files[f"{name}.crl"])
        scope = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
        assert scope.critical
        assert [one.value for one in scope.value.full_name or ()] == [f"{URL}/pki/{name}.crl"]
        points = loaded(aging.authority, name).extensions.get_extension_for_class(x509.CRLDistributionPoints)
        assert [one.full_name for one in points.value] == [scope.value.full_name]
        assert crl.next_update_utc is not None
        assert crl.next_update_utc - crl.last_update_utc == dt.timedelta(days=7)


def test_addresses_in_certificates_are_plain_http(tmp_path: Path, clock: Clock) -> None:
    made = make(tmp_path / "a", clock(), public_url="https://sign.mihon.example/")
    points = loaded(made, "signer-1").extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert [name.value for one in points for name in one.full_name or ()] == [
        "http://sign.mihon.example/pki/signer-1.crl"
    ]


def test_the_town_has_an_arc_of_its_own(aging: World, tmp_path: Path, clock: Clock) -> None:
    other = make(tmp_path / "b", clock())
    assert aging.authority.arc != other.arc
    first, second, number = other.arc.split(".")
    assert (first, second) == ("2", "25")
    assert 0 < int(number) < UUID_LIMIT


def test_secrets_are_encrypted_and_for_the_owner_only(aging: World) -> None:
    for path in aging.authority.directory.glob("*"):
        expected = 0o755 if path.name == "public" else 0o600
        if path.name != ".lock":
            assert stat.S_IMODE(path.stat().st_mode) == expected, path.name
    assert stat.S_IMODE(aging.authority.directory.stat().st_mode) == 0o700
    for key in aging.authority.directory.glob("*.key.pem"):
        assert key.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")


def test_a_second_call_changes_nothing(aging: World, clock: Clock) -> None:
    before = {path: path.read_bytes() for path in aging.authority.directory.rglob("*") if path.is_file()}
    make(aging.authority.directory, clock() + dt.timedelta(hours=1), town="べつの村")
    after = {path: path.read_bytes() for path in aging.authority.directory.rglob("*") if path.is_file()}
    assert after == before


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("write", range(9))
def test_a_crash_before_any_write_is_mended_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    original, count = Path.replace, iter(range(100))

    def dying(self: Path, target: Path) -> Path:
        if next(count) == write:
            raise Crash
        return original(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dying)
        with pytest.raises(Crash):
            make(tmp_path / "a", now())
    made = make(tmp_path / "a", now())
    write_trust(tmp_path / "trust.pem", made)
    for role in (Role.SIGNER, Role.TSA):
        own = tmp_path / "own.pem"
        own.write_bytes(der_to_pem("x509", made.key(role).certificate))
        assert run("openssl", "verify", "-crl_check", "-CAfile", tmp_path / "trust.pem", own).returncode == 0
    assert not list((tmp_path / "a").rglob(".new-*"))


def test_makers_at_the_same_time_make_one_authority(tmp_path: Path, clock: Clock) -> None:
    made: list[authority.Authority] = []
    threads = [threading.Thread(target=lambda: made.append(make(tmp_path / "a", clock()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({(one.arc, one.root_certificate) for one in made}) == 1
    assert len(made) == len(threads)


def test_crls_are_remade_daily_and_their_numbers_only_grow(aging: World, clock: Clock) -> None:
    def numbers() -> list[int]:
        return [
            x509.load_der_x509_crl(one).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
            for one in aging.authority.crls(clock())
        ]

    first = numbers()
    clock.forward(days=0.9)
    assert numbers() == first
    clock.forward(days=0.2)
    second = numbers()
    clock.forward(days=-400)
    third = numbers()
    assert all(a < b < c for a, b, c in zip(first, second, third, strict=True))


def test_an_ended_certificate_keeps_its_last_crl(aging: World, clock: Clock) -> None:
    clock.forward(years=5, days=-1)
    assert len(aging.authority.refresh_crls(clock())) == 2
    last = authority.published(aging.authority.directory)["signer-1.crl"]
    clock.forward(days=2)
    assert len(aging.authority.refresh_crls(clock())) == 1
    assert authority.published(aging.authority.directory)["signer-1.crl"] == last


def test_a_wrong_passphrase_and_a_missing_directory_open_nothing(aging: World, tmp_path: Path) -> None:
    for directory, passphrase in ((aging.authority.directory, b"wrong"), (tmp_path / "none", PASSPHRASE)):
        with pytest.raises(Later) as caught:
            authority.open_authority(directory, passphrase=passphrase)
        assert caught.value.reason is Reason.KEY_UNAVAILABLE


def test_a_directory_that_cannot_be_made_is_said_so(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Later):
        make(tmp_path / "file" / "a", clock())


# Generations


def renewed(world: World, at: dt.datetime, **more: Any) -> tuple[str, ...]:
    options = {"town": TOWN, "public_url": URL, "key_type": "p256"} | more
    return authority.renew(world.authority, now=at, **options)


def test_nothing_is_renewed_before_its_time_and_each_once_when_it_has_come(
    aging: World, clock: Clock
) -> None:
    assert renewed(aging, clock()) == ()
    clock.forward(years=5, days=-181)
    assert renewed(aging, clock()) == ()
    clock.forward(days=2)
    assert [renewed(aging, clock()) for _ in range(2)] == [("signer-2",), ()]
    clock.forward(years=4.6)
    assert renewed(aging, clock()) == ("signer-3", "tsa-2")


def test_nothing_outlives_the_root_and_what_ends_with_it_is_not_made_again(
    aging: World, clock: Clock
) -> None:
    clock.forward(years=37)
    assert renewed(aging, clock()) == ("signer-2", "tsa-2")
    end = loaded(aging.authority, "root-1").not_valid_after_utc
    assert {loaded(aging.authority, name).not_valid_after_utc for name in ("signer-2", "tsa-2")} == {end}
    clock.forward(years=2.9)
    assert renewed(aging, clock()) == ()


def test_bots_that_renew_at_the_same_time_make_one_generation(aging: World, clock: Clock) -> None:
    clock.forward(years=4.9)
    made: list[tuple[str, ...]] = []
    threads = [threading.Thread(target=lambda: made.append(renewed(aging, clock()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [(), (), (), ("signer-2",)]


def test_a_successor_is_taken_up_by_who_runs_and_begins_before_slow_clocks(
    aging: World, clock: Clock
) -> None:
    source = aging.authority.newest(Role.SIGNER)
    first = source.current()
    assert source.current() is first
    clock.forward(days=1)
    renewed(aging, clock(), roles=[Role.SIGNER], key_type="rsa3072")
    second = source.current()
    assert second.certificate != first.certificate
    assert second.longest == 384
    second.try_out()
    second.check(clock() - dt.timedelta(minutes=59))
    assert aging.seal.key.current().certificate == second.certificate


def test_while_a_successor_cannot_be_read_the_one_before_goes_on(aging: World, clock: Clock) -> None:
    source = aging.authority.newest(Role.SIGNER)
    first = source.current()
    renewed(aging, clock(), roles=[Role.SIGNER])
    key = aging.authority.directory / "signer-2.key.pem"
    kept = key.read_bytes()
    key.unlink()
    assert source.current() is first
    key.write_bytes(kept)
    assert source.current() is not first


def test_crls_of_earlier_generations_go_on_being_made(aging: World, clock: Clock) -> None:
    renewed(aging, clock(), roles=[Role.SIGNER, Role.TSA])
    clock.forward(years=1)
    assert len(aging.authority.crls(clock())) == 4
    files = authority.published(aging.authority.directory)
    for name in ("signer-1", "signer-2", "tsa-1", "tsa-2"):
        crl = x509.load_der_x509_crl(files[f"{name}.crl"])
        assert clock() - crl.last_update_utc < dt.timedelta(seconds=2), name


@pytest.mark.parametrize("write", range(2))
def test_a_crash_while_renewing_leaves_the_generation_before(
    aging: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    original, count = Path.replace, iter(range(100))

    def dying(self: Path, target: Path) -> Path:
        if next(count) == write:
            raise Crash
        return original(self, target)

    first = aging.authority.newest(Role.SIGNER).current().certificate
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dying)
        with pytest.raises(Crash):
            renewed(aging, clock(), roles=[Role.SIGNER])
    assert aging.authority.newest(Role.SIGNER).current().certificate == first
    assert renewed(aging, clock(), roles=[Role.SIGNER]) == ("signer-2",)
    aging.authority.newest(Role.SIGNER).current().try_out()
