"""fukan keys: what there is, and a successor that a running bot takes up."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from envelopes import keyring
from envelopes.settings import load
from envelopes.signing import authority
from fukan.installation import authority_directory
from tests.fukan.command import fukan


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("var")
    (directory / "fukan.toml").write_text('[signing_key]\nalgorithm = "p256"\n')
    settings = load(directory, {})
    keyring.create(settings.keys_directory)
    authority.create(
        authority_directory(settings),
        town="みほん村",
        public_url="http://127.0.0.1:8000",
        now=datetime.now(UTC),
        passphrase=keyring.passphrase(settings.keys_directory),
        key_type=settings.algorithm,
    )
    return directory


def test_keys_are_shown_renewed_and_published(var: Path) -> None:
    ran = fukan("keys", "renew", "signer", "--directory", var)
    assert (ran.status, ran.out) == (0, "作りました：signer-2\n"), ran.err
    assert {"signer-1.crl", "signer-2.crl", "signer-2.cer"} <= {
        one.name for one in (var / "public").iterdir()
    }
    shown = fukan("keys", "show", "--directory", var)
    assert shown.status == 0, shown.err
    lines = shown.out.splitlines()
    assert [line[0] for line in lines] == ["＊", "　", "＊", "＊"]
    assert "signer-1" in lines[1]
    assert all("P-256" in line for line in lines)


def test_the_root_is_not_renewed(var: Path) -> None:
    ran = fukan("keys", "renew", "root", "--directory", var)
    assert ran.status == 2
    assert "認証局" in ran.err
