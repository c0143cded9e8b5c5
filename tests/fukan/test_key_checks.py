"""doctor and the signing key: whether it signs, whose it is, what others think of it, and until when."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from envelopes import keyring
from envelopes.settings import Settings
from envelopes.signing import authority
from envelopes.signing.certificates import LIFE, Role
from fukan import key_checks
from fukan.installation import authority_directory
from tests.signing import softhsm
from tests.signing.shop import Shop, in_hsm, opened, put
from tests.signing.tsa import Fault


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with opened(tmp_path / "shop") as one:
        yield one


def installation(directory: Path, *, age: timedelta = timedelta(0), **key: Any) -> Settings:
    """An installation whose authority was made *age* ago."""
    settings = Settings.model_validate(
        {"directory": directory, "signing_key": {"algorithm": "p256"}} | ({"signing_key": key} if key else {})
    )
    keyring.create(settings.keys_directory)
    authority.create(
        authority_directory(settings),
        town="みほん村",
        public_url="http://127.0.0.1",
        now=datetime.now(UTC) - age,
        passphrase=keyring.passphrase(settings.keys_directory),
        key_type="p256",
    )
    return settings


def in_files(shop: Shop, **more: Any) -> dict[str, Any]:
    bought = shop.order(**more)
    names = ("key_file", "passphrase_file", "certificate_file", "chain_file")
    return {"kind": "file", **{name: getattr(bought, name) for name in names}}


def on_token(shop: Shop, hsm_folder: Path, label: str) -> dict[str, Any]:
    kept = in_hsm(shop.order(), hsm_folder, label)
    return {
        "kind": "pkcs11",
        "module": softhsm.MODULE,
        "token_label": label,
        "key_label": "mihon",
        "pin_file": kept.pin_file,
        "certificate_file": kept.certificate_file,
        "chain_file": kept.chain_file,
    }


def test_a_sound_key_of_each_kind_leads_to_no_finding(tmp_path: Path, shop: Shop, hsm_folder: Path) -> None:
    for key in (dict, partial(in_files, shop), partial(on_token, shop, hsm_folder, "sound")):
        settings = installation(tmp_path / "var", **key())
        assert key_checks.signing_key(settings) == ()
        assert key_checks.certificates(settings) == ()


def test_a_certificate_about_to_end_and_an_ended_one_are_said(tmp_path: Path, shop: Shop) -> None:
    near = LIFE[Role.SIGNER] - timedelta(days=20, hours=1)
    settings = installation(tmp_path / "near", age=near)
    assert [what for what, _ in key_checks.certificates(settings)] == ["証明書（署名）はあと20日です"]
    ended = installation(tmp_path / "ended", **in_files(shop, old=True))
    ((what, todo),) = key_checks.signing_key(ended)
    assert "有効期間が終わりました" in what
    assert "[signing_key]" in todo


def test_a_wrong_pin_and_a_foreign_key_are_said(tmp_path: Path, shop: Shop, hsm_folder: Path) -> None:
    key = on_token(shop, hsm_folder, "wrong pin")
    settings = installation(tmp_path / "var", **key)
    put(key["pin_file"], b"0000")
    assert [what for what, _ in key_checks.signing_key(settings)] == ["署名を試せません（HSM: PIN）"]
    put(key["pin_file"], softhsm.PIN.encode())
    shop.order(number=2)  # another certificate, whose key is not on the token
    ((what, _),) = key_checks.signing_key(settings)
    assert "no key that belongs to the certificate" in what


def test_faults_of_the_settings_are_said_each(tmp_path: Path, shop: Shop) -> None:
    key = in_files(shop)
    key["key_file"].unlink()
    key["chain_file"].unlink()
    said = [what for what, _ in key_checks.signing_key(installation(tmp_path / "var", **key))]
    assert [one.partition(":")[0] for one in said] == ["signing_key.key_file", "signing_key.chain_file"]


def test_a_crl_that_cannot_be_had_is_said(tmp_path: Path, shop: Shop) -> None:
    settings = installation(tmp_path / "var", **in_files(shop))
    shop.outside.fault = Fault.NO_CRL
    ((what, _),) = key_checks.signing_key(settings)
    assert "CRL: HTTP 404" in what


def test_a_purpose_that_viewers_refuse_is_said(
    tmp_path: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from envelopes.signing import certificates

    other = (x509.ExtendedKeyUsage([certificates.DOCUMENT_SIGNING]), False)
    monkeypatch.setitem(certificates._EXTENDED, Role.SIGNER, other)
    ((what, _),) = key_checks.signing_key(installation(tmp_path / "var", **in_files(shop)))
    assert "emailProtection" in what
