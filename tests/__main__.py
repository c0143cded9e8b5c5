"""Everything that `make test` runs, in one place: the checks, then pytest once per engine, then one closing line.

The first pytest process takes every test, on SQLite and a folder. The second takes the tests marked `engines` again, on
Postgres and a bucket, at the same time: most of both is waiting. What it says is shown when the first has ended.
What the tests promise stands in the tests; which fixture stands on which engine, in conftest.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from contextlib import ExitStack
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
ENGINES: Mapping[str, tuple[str, ...]] = {"sqlite": (), "postgres": ("-m", "engines")}


class Count(NamedTuple):
    """How many checks or tests held, and how many did not."""

    passed: int
    failed: int

    def plus(self, other: "Count") -> "Count":
        return Count(self.passed + other.passed, self.failed + other.failed)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def check(name: str, *options: str) -> Count:
    """Run one check of the whole project; it counts as one test."""
    say(f"== {name} {' '.join(options)}".rstrip())
    status = subprocess.run([str(BIN / name), *options], check=False, cwd=ROOT).returncode
    return Count(0, 1) if status else Count(1, 0)


class Play:
    """A pytest process on one engine; the developer's own settings stay out of it."""

    def __init__(self, engine: str, options: tuple[str, ...], folder: Path, *, quiet: bool) -> None:
        self._engine, self._said, self._report = engine, folder / f"{engine}.txt", folder / f"{engine}.xml"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("FUKAN_")}
        command = [sys.executable, "-m", "pytest", f"--junit-xml={self._report}", *options]
        environment = {**clean, "ENGINE_UNDER_TEST": engine}
        with ExitStack() as stack:
            output = stack.enter_context(self._said.open("wb")) if quiet else None
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
            )

    def count(self) -> Count:
        """Wait until it has ended and count from its own report, after showing what it has not shown yet."""
        status = self._process.wait()
        if self._said.exists():
            say(f"== pytest on {self._engine}\n{self._said.read_text(errors='replace')}")
        return judge(status, self._report)


def play() -> Count:
    """Run pytest on all engines at once; the output of the first goes straight through."""
    say(f"== pytest on {next(iter(ENGINES))}")
    with tempfile.TemporaryDirectory() as folder:
        plays = [
            Play(engine, options, Path(folder), quiet=number > 0)
            for number, (engine, options) in enumerate(ENGINES.items())
        ]
        total = Count(0, 0)
        for one in plays:
            total = total.plus(one.count())
    return total


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
        total = total.plus(play())
    say(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
