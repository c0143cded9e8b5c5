"""The service's own signatures: an envelope beside its floor, two cores, memory.

PREPARE's trial and the validation of the finished or renewed file are left out.
"""

import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from hashlib import sha256

from benchmarks.rows import Row, least, row, timed
from benchmarks.scene import FIELDS, OverHttp, Scene, entry
from envelopes.signing.seal import Entry, Prepared, Seal
from envelopes.signing.timestamps import CheckedTimestamper

# The contracts of one envelope.
MIX = ("small",) * 14 + ("medium",) * 4 + ("large",) * 2
RUNS = 25
_TO_SIGN = bytes(200)

Job = tuple[Prepared, Entry]


def rows(scene: Scene, only: str) -> Iterator[Row]:
    """Measure what stands beside a floor or a limit of its own and whose name begins with *only*."""
    for name, measure in (
        ("sign.envelope20", _envelope),
        ("sign.cores2", _two_cores),
        ("sign.memory.xl", _memory),
        ("sign.renew.small", _renewal),
    ):
        if name.startswith(only):
            yield measure(scene)


def _jobs(scene: Scene) -> list[Job]:
    by_size = {size: scene.prepared(size) for size in set(MIX)}
    return [(by_size[size], entry(by_size[size].data)) for size in MIX]


def _envelope(scene: Scene) -> Row:
    jobs, everywhere = _jobs(scene), os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(everywhere)})
    hashed = [_hashed(scene.seal, job) for job in jobs]
    try:
        ours, floor = least(RUNS, partial(_seal, scene.seal, jobs), timed(partial(_floor, scene, hashed)))
    finally:
        os.sched_setaffinity(0, everywhere)
    return row("sign.envelope20", "ms", ours, floor, "floor")


def _seal(using: Seal, jobs: Iterable[Job]) -> float:
    """Sign all for the first party, then for the second, then stamp all: three visits, as the tasks make them.

    Returns the ms of these calls. Joining a file and its tails is the store's work, and is not counted.
    """
    since, wholes, spent = dt.datetime.now(dt.UTC), [made.data for made, _ in jobs], 0.0
    for name in (*FIELDS, None):
        for index, job in enumerate(jobs):
            whole, began = wholes[index], time.perf_counter()
            tail = _tail(using, job, whole, name, since)
            spent += time.perf_counter() - began
            wholes[index] = whole + tail
    return 1000 * spent


def _tail(using: Seal, job: Job, whole: bytes, name: str | None, since: dt.datetime) -> bytes:
    made, says = job
    if name is None:
        return using.timestamp(whole, plan=made.plan, since=since)
    return using.sign(whole, field=name, entry=says, plan=made.plan)


def _hashed(using: Seal, job: Job) -> list[bytes]:
    """Return what the three revisions of one file are hashes of: the file as it is with each of them."""
    wholes = [job[0].data]
    for name in (*FIELDS, None):
        wholes.append(wholes[-1] + _tail(using, job, wholes[-1], name, dt.datetime.now(dt.UTC)))
    return wholes[1:]


def _floor(scene: Scene, hashed: Iterable[list[bytes]]) -> None:
    """Hash as many bytes and use the same keys as often, and do nothing else."""
    key, tsa = scene.seal.key.current(), scene.tsa
    for wholes in hashed:
        for whole, keys in zip(wholes, ((key, tsa), (key, tsa), (tsa,)), strict=True):
            sha256(whole).digest()
            for one in keys:
                one.sign(_TO_SIGN)


def _two_cores(scene: Scene) -> Row:
    """Make the same visits one after the other and by two threads. Each finds its file whole, as from the store."""
    using, since = scene.seal, dt.datetime.now(dt.UTC)
    visits = [
        (job, whole, name)
        for job in reversed(_jobs(scene))  # the largest first, so that none is left over at the end
        for whole, name in zip([job[0].data, *_hashed(using, job)], (*FIELDS, None), strict=False)
    ]

    def visit(one: tuple[Job, bytes, str | None]) -> None:
        _tail(using, *one, since)

    with ThreadPoolExecutor(2) as pool:
        two_ms, one_ms = least(
            RUNS,
            timed(lambda: list(pool.map(visit, visits))),
            timed(lambda: [visit(one) for one in visits]),
        )
    return row("sign.cores2", "×", one_ms / two_ms, 1.0, "one core")


def _memory(scene: Scene) -> Row:
    """Sign the largest file in a process of its own; its peak above idle, the file's own bytes included."""
    scene.prepared("xl")
    command = [sys.executable, "-m", "benchmarks.memory", str(scene.folder)]
    subprocess.run([*command, "make"], check=True)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return row("sign.memory.xl", "MiB", float(done.stdout), 64.0, "limit")


def _renewal(scene: Scene) -> Row:
    """Add the next archive timestamp to a small contract, as a batch does: CRLs made once for all its files."""
    using, made = scene.seal, scene.prepared("small")
    job, whole = (made, entry(made.data)), made.data
    for name in (*FIELDS, None):
        whole += _tail(using, job, whole, name, dt.datetime.now(dt.UTC))
    renew: Callable[[], object] = partial(using.renew, whole, number=2, since=dt.datetime.now(dt.UTC))
    return row("sign.renew.small", "ms", least(RUNS, timed(renew))[0], 6.0, "limit")


def one_signature(scene: Scene, size: str, port: int) -> float:
    """Return the ms of one party's signature, with a timestamp over HTTP, on bytes that were not seen before."""
    made = scene.prepared(size)
    stamper = scene.seal.timestamper
    assert isinstance(stamper, CheckedTimestamper)
    using = replace(scene.seal, timestamper=replace(stamper, ask=OverHttp(port)))
    says = entry(made.data)
    sign: Callable[[], object] = partial(using.sign, made.data, field=FIELDS[0], entry=says, plan=made.plan)
    return least(RUNS, timed(sign))[0]
