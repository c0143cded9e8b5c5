"""`fukan init`: makes what is missing and leaves what is there."""

import json
import stat
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509

from envelopes.settings import load
from fukan.installation import first_settings, toml, write_settings
from tests.fukan.command import fukan


def _digests(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("init") / "var"
    ran = fukan("init", "--directory", directory, "--town", "やまなみ村", "--url", "https://k.example")
    assert ran.status == 0, ran.err
    return directory


def test_init_twice_changes_no_key_and_no_setting(made: Path) -> None:
    before = _digests(made / "keys")
    settings = (made / "fukan.toml").read_bytes()
    ran = fukan("init", "--directory", made, "--town", "ほかの村")
    assert ran.status == 0, ran.err
    assert _digests(made / "keys") == before
    assert (made / "fukan.toml").read_bytes() == settings


def test_keys_are_for_their_owner_alone(made: Path) -> None:
    for path in (made / "keys").rglob("*"):
        if "public" not in path.parts and path.name != ".lock":
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_certificates_carry_the_town(made: Path) -> None:
    path = made / "keys" / "bot" / "authority" / "public" / "signer-1.cer"
    certificate = x509.load_der_x509_certificate(path.read_bytes())
    assert "やまなみ村" in certificate.subject.rfc4514_string()


def test_settings_that_init_writes_are_read(made: Path) -> None:
    settings = load(made, {})
    assert (settings.town.name, settings.portal.url) == ("やまなみ村", "https://k.example")
    assert (settings.mail.address, settings.mail.intake) == ("keiyaku@k.example", "uketsuke@k.example")
    assert settings.demo is False


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000", "村"])
def test_a_url_without_a_domain_gives_a_made_up_one(url: str) -> None:
    assert tomllib.loads(first_settings(town="村", url=url))["mail"]["intake"] == "uketsuke@localhost.example"


def test_settings_are_written_once(tmp_path: Path) -> None:
    assert write_settings(tmp_path / "a", "demo = true\n")
    assert not write_settings(tmp_path / "a", "demo = false\n")
    assert (tmp_path / "a" / "fukan.toml").read_text() == "demo = true\n"


@pytest.mark.parametrize("town", ['"', "\\", '村"\nname = "x', "みほん村"])
def test_any_name_of_a_town_stays_one_string(town: str) -> None:
    read = tomllib.loads(first_settings(town=town, url="http://127.0.0.1:8000"))
    assert read["town"]["name"] == town.replace("\n", "")
    assert json.loads(toml(town)) == town.replace("\n", "")


def test_faults_of_settings_are_said_at_once_without_a_traceback(tmp_path: Path) -> None:
    write_settings(tmp_path, '[portal]\nport = "x"\n[smtp]\ntls = "maybe"\n')
    ran = fukan("init", "--directory", tmp_path)
    assert ran.status == 1
    assert "portal.port" in ran.err
    assert "smtp.tls" in ran.err
    assert "Traceback" not in ran.err


def test_a_command_without_an_installation_says_which_file_is_missing(tmp_path: Path) -> None:
    ran = fukan("staff", "list", "--directory", tmp_path / "nothing")
    assert ran.status == 1
    assert "keys/shared/operator" in ran.err
    assert "Traceback" not in ran.err
