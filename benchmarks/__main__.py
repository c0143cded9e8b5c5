"""`make bench`: every figure in a table, and in var/bench.json. `make bench ONLY=sign` measures a part."""

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks import mail, peers, portal, signing
from benchmarks.rows import Row, keep, show
from benchmarks.scene import Scene

RESULT = Path(__file__).resolve().parent.parent / "var" / "bench.json"


def measured(scene: Scene, only: str) -> Iterable[Row]:
    """Measure the rows whose names begin with *only*."""
    yield from signing.rows(scene, only)
    yield from mail.rows(scene, only)
    yield from portal.rows(scene, only)
    for name, measure in (("sign.bt", peers.signing), ("verify", peers.verifying)):
        if name.startswith(only) or only.startswith(name):
            yield from measure(scene)


def main() -> None:
    only = os.environ.get("ONLY", "")
    with tempfile.TemporaryDirectory(prefix="fukan-bench-") as folder:
        rows = [one for one in measured(Scene(Path(folder)), only) if one.name.startswith(only)]
    show(rows)
    keep(rows, RESULT)
    sys.exit(0 if rows else f"nothing is called {only}")


if __name__ == "__main__":
    main()
