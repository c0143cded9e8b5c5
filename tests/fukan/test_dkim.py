"""fukan dkim: a key, the record that belongs in DNS, and the lines for the settings."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import dns.zone
import pytest
from click.testing import Result
from typer.testing import CliRunner

from bot.dkim_signing import keys
from envelopes.settings import load
from fukan.__main__ import app


def fukan(*words: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, words)))


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "fukan.toml").write_text('[mail]\naddress = "keiyaku@mihon.example"\n')
    return tmp_path


def test_what_is_printed_can_be_published_and_set_as_it_is(var: Path) -> None:
    for selector, algorithm in (("fukan2026", "rsa2048"), ("fukan2026e", "ed25519")):
        ran = fukan("dkim", "new", selector, "--algorithm", algorithm, "--directory", var)
        assert ran.exit_code == 0, ran.stdoutput
        lines = ran.stdout[ran.stdout.index("[[dkim]]") :]
        assert tomllib.loads(lines)["dkim"][0]["selector"] == selector
        with (var / "fukan.toml").open("a") as file:
            file.write(lines)
    made = keys(load(var, {}))
    assert [key.algorithm for key in made] == [b"rsa-sha256", b"ed25519-sha256"]
    shown = fukan("dkim", "show", "--directory", var)
    records = re.findall(r"^\S+\. IN TXT .*$", shown.stdout, re.MULTILINE)
    assert records[0] in fukan("dkim", "show", "--directory", var).stdout
    zone = dns.zone.from_text("\n".join(["$TTL 60", *records]), origin="example.", check_origin=False)
    for key in made:
        (record,) = zone.find_rdataset(f"{key.name}.", "TXT")
        assert b"".join(record.strings).decode() == key.record
        assert all(len(string) <= 255 for string in record.strings)


def test_a_key_is_never_overwritten_and_a_selector_is_a_name(var: Path) -> None:
    assert fukan("dkim", "new", "s1", "--directory", var).exit_code == 0
    again = fukan("dkim", "new", "s1", "--directory", var)
    assert again.exit_code == 2
    assert "もうあります" in again.output
    assert fukan("dkim", "new", "../s1", "--directory", var).exit_code == 2
    assert [path.name for path in (var / "keys" / "bot" / "dkim").iterdir()] == ["s1.pem"]
