"""compose.yaml, the secrets it wants and the image it builds."""

import json
import re
import subprocess
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, validators

from envelopes.settings import load

ROOT = Path(__file__).parents[2]
KEYS = {"keys-shared", "keys-portal", "keys-bot"}


@pytest.fixture
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    make_secrets(folder)
    return folder


def make_secrets(folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(ROOT / "deploy/new-secrets.sh"), "keiyaku.example", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def faults(document: dict[str, Any]) -> list[str]:
    text = (resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text()
    schema = json.loads(text)
    validator = validators.validator_for(schema, default=Draft202012Validator)
    return [error.message for error in validator(schema).iter_errors(document)]


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Volume → `ro` or `rw`, for named volumes."""
    found = {}
    for line in service.get("volumes", []):
        source, _, rest = line.partition(":")
        found[source] = "ro" if rest.endswith(":ro") else "rw"
    return found


def test_compose_file_is_valid_by_the_compose_schema(compose: dict[str, Any]) -> None:
    assert faults(compose) == []


@pytest.mark.parametrize("fault", [{"imagee": "x"}, {"ports": "80:80"}, {"healthcheck": {"test": 5}}])
def test_schema_finds_a_fault(compose: dict[str, Any], fault: dict[str, Any]) -> None:
    compose["services"]["proxy"] |= fault
    assert faults(compose)


def test_two_portals_and_two_bots_share_the_work(compose: dict[str, Any]) -> None:
    replicas = {name: compose["services"][name]["deploy"]["replicas"] for name in ("portal", "bot")}
    assert replicas == {"portal": 2, "bot": 2}


def test_each_door_holds_its_own_keys_only(compose: dict[str, Any]) -> None:
    held = {name: KEYS & set(mounts(service)) for name, service in compose["services"].items()}
    assert held["portal"] == {"keys-shared", "keys-portal"}
    assert held["bot"] == {"keys-shared", "keys-bot"}
    assert held["init"] == KEYS
    assert not any(held[name] for name in held.keys() - {"portal", "bot", "init"})


def test_portal_can_write_no_key_and_no_public_file(compose: dict[str, Any]) -> None:
    assert set(mounts(compose["services"]["portal"]).values()) == {"ro"}


def test_libreoffice_has_no_key_no_secret_and_no_network(compose: dict[str, Any]) -> None:
    office, bot = compose["services"]["office"], compose["services"]["bot"]
    assert set(mounts(office)) == {"office"}
    assert (office["network_mode"], office["secrets"], office["cap_drop"]) == ("none", [], ["ALL"])
    assert "networks" not in office
    assert office["read_only"]
    # The bot finds its socket, and nobody else has the folder.
    holders = {name for name, service in compose["services"].items() if "office" in mounts(service)}
    assert holders == {"office", "bot"}
    assert office["command"] == ["office", bot["environment"]["FUKAN_OFFICE__SOCKET"]]


def test_keys_are_apart_from_data(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name in ("postgres", "s3"):
            assert not KEYS & set(mounts(service))
    assert set(compose["volumes"]) >= {*KEYS, "database", "files"}


def test_only_proxy_and_the_mail_server_to_try_listen_outside(compose: dict[str, Any]) -> None:
    open_ = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert set(open_) == {"proxy", "mail"}
    assert all(port.startswith("127.0.0.1:") for port in open_["mail"])
    assert compose["services"]["mail"]["profiles"] == ["try"]


def test_every_image_names_its_version(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        name, _, tag = service["image"].partition(":")
        assert name
        assert re.match(r"\d+\.\d+", tag), service["image"]


def test_image_has_the_version_of_the_project(compose: dict[str, Any]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = {compose["services"][name]["image"] for name in ("init", "portal", "bot")}
    assert images == {f"fukan:{version}"}
    assert compose["services"]["office"]["image"] == f"fukan-office:{version}"


def test_every_lasting_service_has_a_healthcheck_but_the_bot(compose: dict[str, Any]) -> None:
    without = {name for name, service in compose["services"].items() if "healthcheck" not in service}
    assert without == {"bot", "init", "bucket"}


def test_no_password_stands_in_the_file_or_the_environment(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        names = [name for name in service.get("environment", {}) if "PASSWORD" in name or "SECRET" in name]
        assert all(name.endswith("_FILE") for name in names)
    assert {Path(secret["file"]).parent.name for secret in compose["secrets"].values()} == {"secrets"}


def test_new_secrets_are_every_secret_compose_wants(compose: dict[str, Any], secrets: Path) -> None:
    wanted = {Path(secret["file"]).name for secret in compose["secrets"].values()}
    assert {path.name for path in secrets.iterdir()} == wanted
    assert secrets.stat().st_mode & 0o077 == 0


def test_new_secrets_are_settings_that_load(secrets: Path) -> None:
    settings = load(secrets, {"FUKAN_PORTAL__HOST": "0.0.0.0", "FUKAN_KEYS": "/keys"})
    assert settings.portal.url == "https://keiyaku.example"
    assert str(settings.keys_directory) == "/keys"


def test_portal_believes_the_proxy_of_the_compose_file_alone(compose: dict[str, Any], secrets: Path) -> None:
    proxy = compose["services"]["proxy"]["networks"]["front"]["ipv4_address"]
    assert load(secrets, {}).portal.trusted_proxies == (proxy,)


def test_new_secrets_agree_with_each_other(secrets: Path) -> None:
    settings = load(secrets, {})
    assert (secrets / "postgres-password").read_text() in settings.database
    (identity,) = json.loads((secrets / "s3.json").read_text())["identities"]
    assert settings.s3 is not None
    assert settings.s3.secret_key.get_secret_value() == identity["credentials"][0]["secretKey"]
    assert settings.s3.access_key.get_secret_value() == identity["credentials"][0]["accessKey"]


def test_secrets_are_never_overwritten(secrets: Path) -> None:
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert make_secrets(secrets).returncode == 1
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before


def test_two_installations_share_no_secret(secrets: Path, tmp_path: Path) -> None:
    make_secrets(tmp_path / "other")
    for name in ("postgres-password", "s3.json", "tls.key", "fukan.toml"):
        assert (secrets / name).read_bytes() != (tmp_path / "other" / name).read_bytes()


def test_image_installs_by_hash_and_runs_as_nobody() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    installs = [line for line in lines if "pip install" in line and ".whl" not in line]
    assert installs
    assert all("--require-hashes" in line for line in installs)
    assert "USER fukan" in lines
    assert not [line for line in lines if line.startswith("FROM") and line.endswith(":latest")]


def test_image_gets_every_package_of_the_wheel() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = set(re.findall(r"^COPY (\w+)/", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    ignored_except = set(re.findall(r"^!(\w+)/", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert copied - {"requirements"} == set(wheel["packages"])
    assert copied == ignored_except
