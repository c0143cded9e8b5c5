"""`fukan evidence`: a contract that was played, its bundle in an empty folder, and the README's own commands."""

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from envelopes.rules.readme import NAME, commands
from tests.fukan.command import fukan
from tests.fukan.conftest import Played

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def var(contract: Played, tmp_path: Path) -> Path:
    assert contract.ran.status == 0, contract.ran.err
    return Path(shutil.copytree(contract.directory / "world", tmp_path / "var"))


def test_a_played_contract_is_verified_by_the_bundle_alone(var: Path, tmp_path: Path) -> None:
    seen = json.loads(fukan("verify", "--from", "2020-01-01", "--json", "--directory", var).out)
    certificate_id = seen[0]["parts"][0]["certificate_id"]
    out, folder = tmp_path / "bundle.zip", tmp_path / "empty"
    ran = fukan("evidence", certificate_id, "--out", out, "--directory", var)
    assert ran.status == 0, ran.err
    assert str(out) in ran.out
    with zipfile.ZipFile(out) as archive:
        archive.extractall(folder)
    blocks = commands((folder / NAME).read_text())
    assert len(blocks) > 20
    for block in blocks:
        done = subprocess.run(["sh", "-c", block], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, block + done.stdout + done.stderr
    # Where the contractor was when he proved himself and consented.
    assert '"ip":"127.0.0.1"' in (folder / "history/history.csv").read_text().replace('""', '"')
    again = fukan("evidence", certificate_id, "--out", out, "--directory", var)
    assert again.status == 1
    assert "はもうあります" in again.err


def test_what_is_not_there_is_said(var: Path) -> None:
    ran = fukan("evidence", "MHN-AAAA-BBBB-CCCC-DDDD-E", "--directory", var)
    assert ran.status == 1
    assert "この締結証明書IDの契約は見つかりません" in ran.err
