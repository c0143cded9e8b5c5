"""Everything that `make test` runs, in one place: the checks, then pytest three times at once, then one closing line.

The tests marked `engines` run on SQLite and a folder, and again on Postgres and a bucket; the third process takes those
that are none of the engine's business, on SQLite where they need one. They run side by side, because each waits much;
what the second and third say is shown when the first has ended. Tests that measure time, or count the processes of the
machine, are marked `alone` and come last, when nothing else is running. Their order is random and belongs to the
commit: everybody who runs the tests of one commit runs them in the same order, and the next commit has another.
What the tests promise stands in the tests; which fixture stands on which engine, in conftest.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from operator import itemgetter
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


class Part(NamedTuple):
    """Some of the tests, by their marks, and the engine they stand on."""

    name: str
    engine: str
    marks: str


TOGETHER = (
    Part("what needs no engine", "sqlite", "not engines and not alone"),
    Part("sqlite", "sqlite", "engines"),
    Part("postgres", "postgres", "engines"),
)
ALONE = Part("one test at a time", "sqlite", "alone")
SLOWEST = 10
SAID = 500  # characters of what a failure said


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


def order() -> list[str]:
    """Return what tells pytest-randomly to order by the content of the commit; outside a checkout it chooses."""
    tree = subprocess.run(
        ["git", "rev-parse", "HEAD^{tree}"], check=False, cwd=ROOT, capture_output=True, text=True
    ).stdout
    return [f"--randomly-seed={int(tree[:8], 16)}"] if tree else []


class Play:
    """A pytest process on one engine; the developer's own settings stay out of it."""

    def __init__(self, part: Part, folder: Path, *, quiet: bool = False) -> None:
        self._name, self._said, self._report = (
            part.name,
            folder / f"{part.name}.txt",
            folder / f"{part.name}.xml",
        )
        clean = {name: value for name, value in os.environ.items() if not name.startswith("FUKAN_")}
        command = [sys.executable, "-m", "pytest", f"--junit-xml={self._report}", "-m", part.marks, *order()]
        environment = {**clean, "ENGINE_UNDER_TEST": part.engine}
        with ExitStack() as stack:
            output = stack.enter_context(self._said.open("wb")) if quiet else None
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
            )

    def count(self) -> Count:
        """Wait until it has ended and count from its own report, after showing what it has not shown yet."""
        status = self._process.wait()
        if self._said.exists():
            say(f"== pytest: {self._name}\n{self._said.read_text(errors='replace')}")
        return judge(status, self._report)


def play() -> Count:
    """Run all parts of pytest; the output of the first goes straight through."""
    say(f"== pytest: {TOGETHER[0].name}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plays = [Play(part, folder, quiet=number > 0) for number, part in enumerate(TOGETHER)]
        total = Count(0, 0)
        for one in plays:
            total = total.plus(one.count())
        say(f"== pytest: {ALONE.name}")
        total = total.plus(Play(ALONE, folder).count())
        reports = sorted(folder.glob("*.xml"))
        say(f"== the slowest files\n{slowest(reports)}")
        say("\n".join(["== what did not hold", *unheld(reports)]))
        return total


def slowest(reports: Sequence[Path]) -> str:
    """Return the files whose tests took longest together, from JUnit reports, a line each with its minutes."""
    taken: defaultdict[str, float] = defaultdict(float)
    for report in reports:
        for case in ET.parse(report).iter("testcase"):
            taken[f"{case.get('classname', '')} ({report.stem})"] += float(case.get("time", 0))
    most = sorted(taken.items(), key=itemgetter(1), reverse=True)[:SLOWEST]
    return "\n".join(f"{seconds / 60:5.1f} min  {name}" for name, seconds in most)


def unheld(reports: Sequence[Path]) -> list[str]:
    """Return the tests that failed, broke before or after, or were skipped: a line each, and below it what was said."""
    return [
        f"{case.get('classname', '')}::{case.get('name', '')} ({report.stem})\n    {' '.join(said.split())[:SAID]}"
        for report in reports
        for case in ET.parse(report).iter("testcase")
        for way in ("failure", "error", "skipped")
        for said in [one.get("message", "") for one in case.findall(way)]
    ]


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
