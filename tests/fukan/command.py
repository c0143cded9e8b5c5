"""The command line as a person runs it: a process of its own, its words, its exit status."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

SECONDS = 110.0  # why: below the limit of one test, so that its words are seen


class Ran(NamedTuple):
    status: int
    out: str
    err: str


def fukan(*words: str | Path, **environment: str) -> Ran:
    """Run `fukan` with *words* and wait for its end."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("FUKAN_")}
    done = subprocess.run(
        [sys.executable, "-m", "fukan", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**plain, **environment, "COLUMNS": "200"},
    )
    return Ran(done.returncode, done.stdout, done.stderr)
