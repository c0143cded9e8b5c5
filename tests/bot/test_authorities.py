"""The list of authorities as the operator writes it: read at the start, and no secret in any fault."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from bot.authorities import chosen, in_words
from envelopes.settings import Settings, SettingsFaulty, Tsa
from envelopes.signing import authority, keys
from envelopes.signing.authority import Authority
from tests.signing.conftest import PASSPHRASE, der_to_pem


@pytest.fixture
def made(tmp_path: Path) -> Authority:
    whole = authority.create(
        tmp_path / "ca",
        town="みほん時刻",
        public_url="http://127.0.0.1",
        now=datetime.now(UTC),
        passphrase=PASSPHRASE,
        key_type="p256",
    )
    (tmp_path / "root.pem").write_bytes(der_to_pem("x509", whole.root_certificate))
    return whole


def settings(folder: Path, **tsa: object) -> Settings:
    words = {"url": "https://tsa.example/", "ca_file": folder / "root.pem"} | tsa
    return Settings(directory=folder, tsa=(Tsa(**words),))  # type: ignore[arg-type]


def fault(given: Settings) -> str:
    with pytest.raises(SettingsFaulty) as faulty:
        chosen(given, clock=lambda: datetime.now(UTC))
    assert faulty.value.__cause__ is None
    return str(faulty.value)


def test_no_list_means_the_embedded_authority(tmp_path: Path) -> None:
    assert chosen(Settings(directory=tmp_path), clock=lambda: datetime.now(UTC)) is None


def test_members_stand_in_the_order_of_the_list(tmp_path: Path, made: Authority) -> None:
    one = settings(tmp_path, name="一番").tsa
    two = settings(tmp_path, url="http://tsa.example:8443/x").tsa
    listed = chosen(Settings(directory=tmp_path, tsa=(*one, *two)), clock=lambda: datetime.now(UTC))
    assert listed is not None
    assert [member.name for member in listed.members] == ["一番", "tsa.example:8443"]
    assert listed.members[0].roots == (made.root_certificate,)


def test_a_missing_or_odd_root_is_a_fault_with_its_place(tmp_path: Path) -> None:
    assert "tsa.0.ca_file: No such file" in fault(settings(tmp_path))
    (tmp_path / "root.pem").write_text("himitsu")
    assert fault(settings(tmp_path)) == "tsa.0.ca_file: no certificate in PEM form"


def test_a_client_certificate_is_loaded_with_its_key(tmp_path: Path, made: Authority) -> None:
    secret = keys.private_key(tmp_path / "ca" / "signer-1.key.pem", passphrase=PASSPHRASE)
    sealed = serialization.BestAvailableEncryption(b"himitsu")
    pem = secret.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)
    (tmp_path / "client.key").write_bytes(pem)
    own = (tmp_path / "ca" / "public" / "signer-1.cer").read_bytes()
    (tmp_path / "client.pem").write_bytes(der_to_pem("x509", own))
    client = {"client_certificate": tmp_path / "client.pem", "client_key": tmp_path / "client.key"}
    given = settings(tmp_path, **client, client_key_password="himitsu")
    assert chosen(given, clock=lambda: datetime.now(UTC)) is not None
    for wrong in ("chigau", ""):
        assert "tsa.0: TLS certificates or key" in fault(
            settings(tmp_path, **client, client_key_password=wrong)
        )


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("timeout", "時間内に返事がありません（timeout）"),
        ("CRL: HTTP 404", "失効リスト（CRL）を取得できません（CRL: HTTP 404）"),
        ("HTTP 503", "サーバーがエラーを返しました（HTTP 503）"),
        ("token expired", "トークンの検証に失敗しました（token expired）"),
        ("something", "something"),
    ],
)
def test_faults_are_said_in_words(note: str, said: str) -> None:
    assert in_words(note) == said
