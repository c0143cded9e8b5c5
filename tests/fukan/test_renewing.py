"""`fukan renew`: says what is due and why, renews it at once, and fails unless all could be renewed."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from envelopes import keyring
from envelopes.settings import load
from envelopes.signing.certificates import SKEW
from fukan.installation import authority_directory
from tests.fukan.command import Ran, fukan
from tests.fukan.conftest import Played
from tests.fukan.test_doctor import doctor
from tests.signing.conftest import next_tsa

# With this the certificate of the demo's authority, which was made just now, is about to end.
SOON = {"FUKAN_POLICY__RENEW_BEFORE": "P4018D", "FUKAN_POLICY__VERIFY_SECONDS": "60"}


@pytest.fixture
def var(contract: Played, tmp_path: Path) -> Path:
    assert contract.ran.status == 0, contract.ran.err
    return Path(shutil.copytree(contract.directory / "world", tmp_path / "var"))


def renew(var: Path, *words: str, **environment: str) -> Ran:
    return fukan("renew", *words, "--directory", var, **environment)


def test_what_is_not_due_stays_as_it_is_and_it_is_said_when_it_will_be(var: Path) -> None:
    ran = renew(var, "--dry-run")
    assert ran.status == 0, ran.err
    assert "いま延長する文書はありません。次は 203" in ran.out
    assert renew(var).out == "0件を延長しました。できなかったもの 0件。\n"


def test_with_a_new_certificate_all_that_is_due_is_renewed_and_verifies(var: Path) -> None:
    shown = renew(var, "--dry-run", **SOON)
    assert "まで（時刻認証局の証明書の期限）" in shown.out
    assert "が対象です" in shown.out
    in_vain = renew(var, **SOON)
    assert in_vain.status == 1
    assert "新しい証明書の認証局に替えてください" in in_vain.out
    assert in_vain.out.endswith("0件を延長しました。できなかったもの 0件。\n")
    settings = load(var)
    directory, secret = authority_directory(settings), keyring.passphrase(settings.keys_directory)
    # A successor begins an hour before it is made, and has to end after the first one, which is minutes old.
    next_tsa(directory, datetime.now(UTC) + SKEW - timedelta(seconds=5), passphrase=secret)
    done = renew(var, **SOON)
    assert done.status == 0, done.out + done.err
    assert done.out.endswith("件を延長しました。できなかったもの 0件。\n")
    assert "延長中" in done.err
    seen = fukan("verify", "--from", "2020-01-01", "--json", "--directory", var, **SOON)
    assert seen.status == 0, seen.out
    kept = json.loads(seen.out)
    assert kept
    for one in kept:
        assert [part["field"] for part in one["parts"] if part["of"] == "timestamp"] == [
            "Timestamp1",
            "Timestamp2",
        ]


def test_the_doctor_names_what_was_not_renewed_in_time(var: Path) -> None:
    with closing(sqlite3.connect(var / "fukan.sqlite3")) as connection, connection:
        connection.execute("UPDATE documents SET stands_until = '2020-01-01 00:00:00+00:00' WHERE id = 1")
        connection.execute(
            "UPDATE documents SET stands_until = datetime('now', '+100 days') || '+00:00' WHERE id = 2"
        )
    ran = doctor(var)
    assert ran.status == 1
    assert "時刻証明は 2020-01-01 に終わりました" in ran.out
    assert "で終わるのに、延長されていません" in ran.out
