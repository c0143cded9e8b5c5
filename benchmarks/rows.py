"""One figure beside another, as a line of the table and as an entry of var/bench.json."""

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """*ours* and *other* are in *unit*; None where a peer could not be measured, and *other_is* then says why."""

    name: str
    unit: str
    ours: float
    other: float | None
    other_is: str
    ratio: float | None


def row(name: str, unit: str, ours: float, other: float | None, other_is: str) -> Row:
    """Return the row with its ratio, ours ÷ other."""
    ratio = None if other is None else round(ours / other, 3)
    rounded = None if other is None else round(other, 3)
    return Row(name=name, unit=unit, ours=round(ours, 3), other=rounded, other_is=other_is, ratio=ratio)


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """Return a function that does *work* and returns how many ms it took."""

    def run() -> float:
        began = time.perf_counter()
        work()
        return 1000 * (time.perf_counter() - began)

    return run


def least(runs: int, *works: Callable[[], float]) -> list[float]:
    """Return for each of *works* the least it returned in *runs* runs.

    The least, because other work on the machine only ever adds.
    """
    return [min(taken) for taken in _in_turn(runs, works)]


def medians(runs: int, *works: Callable[[], float]) -> list[float]:
    """Return for each of *works* the median of what it returned in *runs* runs."""
    return [statistics.median(taken) for taken in _in_turn(runs, works)]


def _in_turn(runs: int, works: Sequence[Callable[[], float]]) -> Iterator[tuple[float, ...]]:
    """What each of *works* returned, taken in turn after one run that does not count."""
    rounds = [[work() for work in works] for _ in range(runs + 1)]
    return zip(*rounds[1:], strict=True)


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    print(f"{'name':<34}{'unit':>5}{'ours':>12}{'other':>12}{'ratio':>9}  other is")
    for one in rows:
        other, ratio = ("—" if value is None else f"{value:,.3f}" for value in (one.other, one.ratio))
        print(f"{one.name:<34}{one.unit:>5}{one.ours:>12,.3f}{other:>12}{ratio:>9}  {one.other_is}")


def keep(rows: Sequence[Row], path: Path) -> None:
    """Write the rows as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in rows], ensure_ascii=False, indent=1) + "\n")
