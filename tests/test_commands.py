"""`make test` and `make setup`: the closing line never says more than was shown, and what is missing is named."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.__main__ import Count, judge, order, read, slowest, unheld

ROOT = Path(__file__).parents[1]
REPORT = '<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}"/></testsuites>'


def report(folder: Path, *numbers: int) -> Path:
    path = folder / "report.xml"
    path.write_text(REPORT.format(*numbers))
    return path


def test_passed_is_what_is_left(tmp_path: Path) -> None:
    assert read(report(tmp_path, 10, 2, 1, 0)) == Count(7, 3)


def test_a_skipped_test_counts_as_failed(tmp_path: Path) -> None:
    assert read(report(tmp_path, 10, 0, 0, 1)) == Count(9, 1)


def test_a_run_that_ended_badly_is_a_failure_even_if_every_test_passed(tmp_path: Path) -> None:
    assert judge(1, report(tmp_path, 10, 0, 0, 0)) == Count(10, 1)


def test_a_run_without_a_report_is_a_failure(tmp_path: Path) -> None:
    assert judge(-9, tmp_path / "none.xml") == Count(0, 1)


def test_a_run_without_tests_is_a_failure(tmp_path: Path) -> None:
    assert judge(5, report(tmp_path, 0, 0, 0, 0)) == Count(0, 1)


def test_a_good_run_counts_as_it_is(tmp_path: Path) -> None:
    assert judge(0, report(tmp_path, 10, 0, 0, 0)) == Count(10, 0)


def test_the_slowest_files_are_named_first(tmp_path: Path) -> None:
    cases = (("tests.a", 30), ("tests.b", 90), ("tests.a", 42))
    report = "".join(f'<testcase classname="{name}" time="{seconds}"/>' for name, seconds in cases)
    (tmp_path / "sqlite.xml").write_text(f"<testsuite>{report}</testsuite>")
    assert slowest([tmp_path / "sqlite.xml"]) == "  1.5 min  tests.b (sqlite)\n  1.2 min  tests.a (sqlite)"


def test_what_did_not_hold_is_named(tmp_path: Path) -> None:
    bad = "".join(
        f'<testcase classname="tests.a" name="{way}"><{way} message="no &#10; {way}"/></testcase>'
        for way in ("failure", "error", "skipped")
    )
    (tmp_path / "sqlite.xml").write_text(
        f'<testsuite><testcase classname="tests.a" name="good"/>{bad}</testsuite>'
    )
    assert unheld([tmp_path / "sqlite.xml"]) == [
        f"tests.a::{way} (sqlite)\n    no {way}" for way in ("failure", "error", "skipped")
    ]


def test_a_commit_has_one_order() -> None:
    assert order() == order()
    assert [part.partition("=")[0] for part in order()] == ["--randomly-seed"] * len(order())


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of the project as the set-up reads, and a PATH on which nobody is root."""
    for name in ("tools", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    program(tmp_path / "bin/id", "echo 1000")
    program(tmp_path / "bin/apt-get", "exit 99")
    return tmp_path


def program(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def set_up(checkout: Path, python: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{checkout}/bin:{os.environ['PATH']}", "PYTHON": python}
    command = ["sh", str(checkout / "tools/setup.sh"), "run"]
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)


def test_set_up_names_what_is_missing_and_changes_nothing(checkout: Path) -> None:
    done = set_up(checkout, "no-such-python")
    assert done.returncode == 1
    assert "missing: python3 python3-venv\n" in done.stderr
    assert not (checkout / ".venv").exists()


def test_set_up_wants_a_python_that_is_new_enough(checkout: Path) -> None:
    program(checkout / "bin/old", 'case "$*" in *version_info*) exit 1 ;; -V) echo Python 3.9.2 ;; esac')
    done = set_up(checkout, "old")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer; old is Python 3.9.2" in done.stderr
    assert not (checkout / ".venv").exists()
