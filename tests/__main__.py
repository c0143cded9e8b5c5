"""Everything that `make test` runs, in one place: the checks, then pytest once per engine, then one closing line.

The first pytest process takes every test, on SQLite and a folder. The second takes the tests marked `engines` again, on
Postgres and a bucket. What the tests promise stands in the tests; which fixture stands on which engine, in conftest.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CHECKS = (
    ("ruff", "check", "--quiet"),
    ("ruff", "format", "--check", "--quiet"),
    ("mypy",),
    ("lint-imports", "--no-logo"),
)
ENGINES: tuple[tuple[str, tuple[str, ...]], ...] = (("sqlite", ()), ("postgres", ("-m", "engines")))


class Count(NamedTuple):
    """How many checks or tests held, and how many did not."""

    passed: int
    failed: int

    def plus(self, other: "Count") -> "Count":
        return Count(self.passed + other.passed, self.failed + other.failed)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run(command: list[str], **environment: str) -> int:
    """Run *command* with its output going straight through; the developer's own settings stay out of it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FUKAN_")}
    return subprocess.run(command, check=False, cwd=ROOT, env={**clean, **environment}).returncode


def check(name: str, *options: str) -> Count:
    """Run one check of the whole project; it counts as one test."""
    say(f"== {name} {' '.join(options)}".rstrip())
    return Count(1, 0) if run([str(BIN / name), *options]) == 0 else Count(0, 1)


def play(engine: str, options: tuple[str, ...]) -> Count:
    """Run pytest on *engine* and count from its own report."""
    say(f"== pytest on {engine}")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", f"--junit-xml={report}", *options]
        status = run(command, ENGINE_UNDER_TEST=engine)
        return judge(status, report)


def judge(status: int, report: Path) -> Count:
    """Return what *report* says. A run that failed, or ran nothing, never counts as if nothing had failed."""
    count = read(report) if report.exists() else Count(0, 0)
    return count if status == 0 or count.failed else count.plus(Count(0, 1))


def read(report: Path) -> Count:
    """Count the tests in a JUnit report. A skipped test has shown nothing, so it counts as failed."""
    suites = list(ET.parse(report).iter("testsuite"))
    tests, *bad = (
        sum(int(suite.get(name, 0)) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    )
    return Count(max(tests - sum(bad), 0), sum(bad))


def main(arguments: list[str]) -> int:
    """Run everything, or with `--checks-only` the checks; return 0 if all of it held."""
    total = Count(0, 0)
    for command in CHECKS:
        total = total.plus(check(*command))
    if "--checks-only" not in arguments:
        for engine, options in ENGINES:
            total = total.plus(play(engine, options))
    say(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
