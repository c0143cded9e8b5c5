import asyncio
import contextlib
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import pytest

from envelopes import zygote
from envelopes.rules.errors import Reason, Refused
from envelopes.sandbox import Limits, Sandbox, SandboxUnavailable
from tests.patience import PATIENCE

MIB = 1 << 20
LIMITS = Limits(cpu_seconds=5, memory_bytes=512 * MIB, wall_seconds=PATIENCE, files=32)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    name: str
    colour: Colour
    at: datetime
    parts: tuple[bytes, ...] = ()


def make_thing(name: str) -> Thing:
    return Thing(name=name, colour=Colour.RED, at=datetime(2026, 8, 4, tzinfo=UTC), parts=(b"x",))


def give_back(data: bytes) -> bytes:
    return data


def refuse() -> None:
    raise Refused(Reason.PDF_TINY_PAGE, page=3)


def raise_plain() -> None:
    raise ValueError("山田太郎 lives here")


def niceness() -> int:
    return os.nice(0)


def burn() -> None:
    while True:
        pass


def doze() -> None:
    time.sleep(600)


def eat() -> int:
    return len(bytearray(2048 * MIB))


def fall() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    os._exit(0)


SPRUNG: list[int] = []


def spring() -> None:
    SPRUNG.append(os.getpid())


class Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return spring, ()


class Reach:
    def __reduce__(self) -> tuple[object, ...]:
        return getattr, (Thing, "__init__")


class ByName:
    def __reduce__(self) -> tuple[object, ...]:
        return getattr, (Colour, "RED")


def reach() -> Reach:
    return Reach()


def by_name() -> ByName:
    return ByName()


def set_trap() -> Trap:
    return Trap()


def speak_out_of_turn() -> None:
    # What a parser that was taken over might do: write an answer of its own and end well.
    os.write(3, pickle.dumps(Trap()))  # the child's socket
    os._exit(0)


def refuse_senselessly(reason: str, details: object) -> None:
    answer = zygote.Declined(reason=reason, details=details)  # type: ignore[arg-type]
    os.write(3, pickle.dumps(answer))
    os._exit(0)


def look_around() -> dict[str, str]:
    return dict(os.environ)


def open_connection(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=1).close()


def read_memory_of(pid: int) -> None:
    Path(f"/proc/{pid}/environ").read_bytes()


def write_file(path: str) -> None:
    Path(path).write_bytes(b"x" * 10)


def open_many() -> None:
    for _ in range(100):
        os.open("/dev/null", os.O_RDONLY)


def descriptors() -> tuple[str, ...]:
    return tuple(sorted(entry.name for entry in Path("/proc/self/fd").iterdir()))


def processes() -> tuple[int, ...]:
    return resource.getrlimit(resource.RLIMIT_NPROC)


def flood() -> bytes:
    return bytes(40 * MIB)


def leave_a_grandchild(fifo: str) -> None:
    if os.fork() == 0:
        with Path(fifo).open("rb") as end:
            end.read()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    box = Sandbox(preload=("tests.test_sandbox",))
    await box.start()
    yield box
    await box.close()


async def run(box: Sandbox, function: object, *arguments: object, limits: Limits = LIMITS) -> object:
    return await box.run(
        function,  # type: ignore[arg-type]
        *arguments,
        limits=limits,
        on_crash=Reason.PDF_BROKEN,
        on_timeout=Reason.PDF_TOOK_TOO_LONG,
    )


async def refusal(box: Sandbox, function: object, *arguments: object, limits: Limits = LIMITS) -> Reason:
    with pytest.raises(Refused) as caught:
        await run(box, function, *arguments, limits=limits)
    return caught.value.reason


def zygote_of(box: Sandbox) -> int:
    assert box._process is not None
    return box._process.pid


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    for _ in range(int(seconds * 100)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(condition)


async def until_busy(box: Sandbox, count: int = 1) -> list[int]:
    await until(lambda: len(children(zygote_of(box))) >= count)
    return children(zygote_of(box))


async def until_childless(box: Sandbox) -> None:
    await until(lambda: not children(zygote_of(box)))


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_result_comes_back_as_it_was(sandbox: Sandbox) -> None:
    assert await run(sandbox, make_thing, "封筒") == make_thing("封筒")


async def test_tens_of_megabytes_pass_both_ways(sandbox: Sandbox) -> None:
    data = os.urandom(30 * MIB)
    assert await run(sandbox, give_back, data) == data


async def test_whoever_waits_for_a_page_comes_before_a_child(sandbox: Sandbox) -> None:
    assert await run(sandbox, niceness) == min(os.nice(0) + 5, 19)


async def test_runs_overlap(sandbox: Sandbox) -> None:
    data = [bytes([n]) * 4 * MIB for n in range(8)]
    assert await asyncio.gather(*(run(sandbox, give_back, one) for one in data)) == data


async def test_more_jobs_than_the_queue_holds_are_all_done(sandbox: Sandbox) -> None:
    answers = await asyncio.gather(*(run(sandbox, give_back, b"%d" % n) for n in range(150)))
    assert answers == [b"%d" % n for n in range(150)]


async def test_a_refusal_crosses_over_with_its_details(sandbox: Sandbox) -> None:
    with pytest.raises(Refused) as caught:
        await run(sandbox, refuse)
    assert (caught.value.reason, caught.value.details) == (Reason.PDF_TINY_PAGE, {"page": 3})


async def test_a_raw_exception_becomes_a_refusal_and_its_text_stays_inside(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    assert await refusal(sandbox, raise_plain) is Reason.PDF_BROKEN
    assert "'ValueError' 'test_sandbox.py:" in caplog.text
    assert "山田" not in caplog.text


@pytest.mark.parametrize("function", [fall, eat, leave])
async def test_a_child_that_ends_badly_is_a_crash(sandbox: Sandbox, function: object) -> None:
    assert await refusal(sandbox, function) is Reason.PDF_BROKEN
    assert await run(sandbox, give_back, b"unharmed") == b"unharmed"


@pytest.mark.parametrize("function", [set_trap, speak_out_of_turn])
async def test_an_answer_calls_nothing_in_the_service(sandbox: Sandbox, function: object) -> None:
    assert await refusal(sandbox, function) is Reason.PDF_BROKEN
    assert not SPRUNG
    pickle.loads(pickle.dumps(Trap()))
    assert SPRUNG.pop() == os.getpid()  # the trap itself works


SENSELESS = [("no-such-reason", {}), ("pdf-xfa", {"page": b"x"}), ("pdf-xfa", {1: 2}), ("pdf-xfa", 7)]


@pytest.mark.parametrize(("reason", "details"), SENSELESS)
async def test_a_refusal_that_makes_no_sense_is_a_crash(
    sandbox: Sandbox, reason: str, details: object
) -> None:
    assert await refusal(sandbox, refuse_senselessly, "pdf-xfa", {"page": 1}) is Reason.PDF_XFA
    assert await refusal(sandbox, refuse_senselessly, reason, details) is Reason.PDF_BROKEN


async def test_an_answer_reaches_into_nothing(sandbox: Sandbox) -> None:
    assert await refusal(sandbox, reach) is Reason.PDF_BROKEN


async def test_members_of_enums_come_back_as_every_python_pickles_them(sandbox: Sandbox) -> None:
    assert await run(sandbox, by_name) is Colour.RED


async def test_wall_time_kills(sandbox: Sandbox) -> None:
    brief = Limits(cpu_seconds=5, memory_bytes=512 * MIB, wall_seconds=0.2, files=32)
    started = time.monotonic()
    assert await refusal(sandbox, doze, limits=brief) is Reason.PDF_TOOK_TOO_LONG
    assert time.monotonic() - started < 60
    await until_childless(sandbox)


async def test_processor_time_kills(sandbox: Sandbox) -> None:
    brief = Limits(cpu_seconds=1, memory_bytes=512 * MIB, wall_seconds=PATIENCE, files=32)
    assert await refusal(sandbox, burn, limits=brief) is Reason.PDF_TOOK_TOO_LONG
    await until_childless(sandbox)


async def test_cancelling_kills(sandbox: Sandbox) -> None:
    task = asyncio.create_task(run(sandbox, doze))
    await until_busy(sandbox)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_childless(sandbox)


@pytest.mark.parametrize("size", [5 * MIB, 30 * MIB])
async def test_a_child_that_cannot_even_read_its_call_is_a_crash(sandbox: Sandbox, size: int) -> None:
    cramped = Limits(cpu_seconds=5, memory_bytes=MIB, wall_seconds=PATIENCE, files=32)
    assert await refusal(sandbox, give_back, bytes(size), limits=cramped) is Reason.PDF_BROKEN


async def test_an_answer_over_the_limit_is_a_crash(sandbox: Sandbox) -> None:
    # Memory suffices for the child (shared pages count too), and the answer is still cut off.
    small = Limits(cpu_seconds=5, memory_bytes=32 * MIB, wall_seconds=PATIENCE, files=32)
    assert await refusal(sandbox, flood, limits=small) is Reason.PDF_BROKEN


async def test_a_child_sees_no_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUKAN_SECRET", "very")
    again = Sandbox()
    try:
        assert await run(again, look_around) == {"LANG": "C.UTF-8"}
    finally:
        await again.close()


async def test_a_child_reaches_no_network(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            assert await refusal(sandbox, open_connection, port) is Reason.PDF_BROKEN


async def test_a_child_cannot_read_the_service(sandbox: Sandbox) -> None:
    read_memory_of(os.getpid())
    assert await refusal(sandbox, read_memory_of, os.getpid()) is Reason.PDF_BROKEN


async def test_a_child_writes_no_file(sandbox: Sandbox, tmp_path: Path) -> None:
    assert await refusal(sandbox, write_file, str(tmp_path / "x")) is Reason.PDF_BROKEN
    assert not (tmp_path / "x").exists() or not (tmp_path / "x").read_bytes()


async def test_a_child_opens_few_files(sandbox: Sandbox) -> None:
    assert await refusal(sandbox, open_many) is Reason.PDF_BROKEN


async def test_a_child_holds_no_descriptor_of_another(sandbox: Sandbox) -> None:
    others = [asyncio.create_task(run(sandbox, doze)) for _ in range(3)]
    await until_busy(sandbox, 3)
    # Its own socket is 3; 4 is the listing of the folder itself.
    assert await run(sandbox, descriptors) == ("0", "1", "2", "3", "4")
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def test_only_who_needs_threads_may_start_them(sandbox: Sandbox) -> None:
    # Root is bound by no such limit, so the limit itself is looked at.
    assert await run(sandbox, processes) == (0, 0)
    threads = replace(LIMITS, threads=True)
    given = await sandbox.run(
        processes, limits=threads, on_crash=Reason.PDF_BROKEN, on_timeout=Reason.PDF_TOOK_TOO_LONG
    )
    assert given == processes()


async def test_a_grandchild_dies_with_its_parent(sandbox: Sandbox, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with contextlib.suppress(Refused):  # an ordinary user's child may not even fork
        await run(sandbox, leave_a_grandchild, str(fifo))
    with pytest.raises(OSError, match="No such device"):
        os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)  # nobody reads


async def test_a_killed_zygote_is_replaced(sandbox: Sandbox) -> None:
    task = asyncio.create_task(run(sandbox, doze))
    (working,) = await until_busy(sandbox)
    os.kill(zygote_of(sandbox), signal.SIGKILL)
    with pytest.raises(SandboxUnavailable):
        await task
    await until(lambda: not runs(working))
    assert await run(sandbox, give_back, b"again") == b"again"


async def test_closing_leaves_no_process(sandbox: Sandbox) -> None:
    task = asyncio.create_task(run(sandbox, doze))
    (working,) = await until_busy(sandbox)
    forker = zygote_of(sandbox)
    await sandbox.close()
    with pytest.raises((SandboxUnavailable, Refused)):
        await task
    assert not runs(forker)
    await until(lambda: not runs(working))


async def test_a_preload_that_fails_is_said_at_once() -> None:
    box = Sandbox(preload=("envelopes.no_such_module",))
    with pytest.raises(SandboxUnavailable):
        await box.start()


def test_a_service_that_is_killed_takes_its_children_along() -> None:
    script = (
        "import asyncio\n"
        "from envelopes.sandbox import Sandbox\n"
        "from tests.test_sandbox import doze, run\n"
        "async def main():\n"
        "    box = Sandbox()\n"
        "    await box.start()\n"
        "    print(box._process.pid, flush=True)\n"
        "    await run(box, doze)\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as service:
        assert service.stdout is not None
        forker = int(service.stdout.readline())
        deadline = time.monotonic() + PATIENCE
        while not (working := children(forker)) and time.monotonic() < deadline:
            time.sleep(0.01)
        service.kill()
    deadline = time.monotonic() + PATIENCE
    while alive := [pid for pid in (forker, *working) if runs(pid)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.01)
