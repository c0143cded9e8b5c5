"""fukan keys: what there is, and a successor that a running bot takes up."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from envelopes import keyring
from envelopes.settings import load
from envelopes.signing import authority
from fukan.installation import authority_directory
from tests.fukan.command import fukan
from tests.signing.shop import opened


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


def test_an_own_key_is_shown_and_renewed_by_its_files_alone(var: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "shop") as shop:
        bought = shop.order()
        names = ("key_file", "passphrase_file", "certificate_file", "chain_file")
        own = {f"FUKAN_SIGNING_KEY__{name.upper()}": str(getattr(bought, name)) for name in names}
        (tmp_path / "keys").symlink_to(var / "keys")
        own |= {"FUKAN_SIGNING_KEY__KIND": "file"}
        shown = fukan("keys", "show", "--directory", tmp_path, **own)
        assert shown.status == 0, shown.err
        first, _, *rest = shown.out.splitlines()
        assert first.startswith("＊ 署名 [signing_key] P-256")
        assert not [line for line in rest if line.startswith("＊ 署名")]
        ran = fukan("keys", "renew", "signer", "--directory", tmp_path, **own)
        assert ran.status == 2
        assert "docs/operating.md" in ran.err
