"""Where foreign bytes are parsed: in a child with limits, which is killed when it takes too long.

Mails and PDF files come from strangers, and parsers have faults. A function run here sees its arguments
and nothing else: no keys, no environment of the service, where the kernel permits it no network, and
limits on time, memory and files. How the child is made lives in `envelopes.zygote`.

An answer is foreign too. A parser that was taken over could write any bytes, so an answer is read by an
unpickler that builds plain values and this project's own data classes, and calls nothing else.
"""

import asyncio
import contextlib
import io
import json
import logging
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from enum import Enum
from functools import partial
from typing import Any, TypeVar, assert_never

from envelopes import zygote
from envelopes.rules.errors import FukanError, Reason, Refused

log = logging.getLogger(__name__)

T = TypeVar("T")

_CHUNK = 1 << 20  # one read from a socket; a transport detail, not a limit
_BUSY_SECONDS = 0.01  # how soon to offer a job again to a zygote whose queue is full
_CRASHED = zygote.STATUS.pack(1)
_STOP_SECONDS = 5.0  # a zygote without jobs ends at once; later than this it is stuck and gets killed
_BOOT = "import sys; sys.path[:] = {path!r}; from envelopes.zygote import main; main(sys.argv[1])"
_PLAIN = {
    ("builtins", "set"),
    ("builtins", "frozenset"),
    ("datetime", "date"),
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("datetime", "timezone"),
}


class SandboxUnavailable(FukanError):
    """The zygote did not start: a fault of the installation, not of a document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may use. `files` counts open descriptors; nothing may be written to a file at all.

    `threads`: whether the child may start threads and processes; what only reads wants none.
    """

    cpu_seconds: int
    memory_bytes: int
    wall_seconds: float
    files: int
    threads: bool = False


class Sandbox:
    """Runs functions on foreign bytes in children. One per process; runs may overlap."""

    def __init__(self, *, preload: Sequence[str] = ()) -> None:
        """Note the modules that every child will find already imported."""
        self._preload = tuple(preload)
        self._starting = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    async def start(self) -> None:
        """Start the zygote and wait until it has imported everything, or raise SandboxUnavailable."""
        async with self._starting:
            if self._process is not None and self._process.poll() is None:
                return
            await self._stop()
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._control.settimeout(0)
            with theirs:
                self._process = _spawn(theirs.fileno(), self._preload)
            loop = asyncio.get_running_loop()
            if await loop.sock_recv(self._control, len(zygote.READY)) != zygote.READY:
                await self._stop()
                raise SandboxUnavailable

    async def close(self) -> None:
        """End the zygote; children still at work are killed."""
        async with self._starting:
            await self._stop()

    async def run(
        self,
        function: Callable[..., T],
        *arguments: object,
        limits: Limits,
        on_crash: Reason,
        on_timeout: Reason,
    ) -> T:
        """Return `function(*arguments)`, computed in a child.

        `function` is defined at the top of a module, or a partial of such a one; arguments can be
        pickled; the result is made of plain values, enums and data classes. Refused crosses over. A child
        that crashes, runs out of memory or raises anything else means Refused(on_crash); one that takes
        longer than its processor or wall time means Refused(on_timeout).
        """
        named = function.func if isinstance(function, partial) else function
        call = pickle.dumps((function, arguments), protocol=pickle.HIGHEST_PROTOCOL)
        ours = await self._open_job(limits)
        # Closing our end kills the child: on time-out, on cancellation, and when it has ended anyway.
        with ours:
            try:
                async with asyncio.timeout(limits.wall_seconds):
                    answer = await _converse(ours, call, most=limits.memory_bytes)
            except TimeoutError:
                raise Refused(on_timeout) from None
        match _read(answer, roots={"envelopes", named.__module__.partition(".")[0]}):
            case zygote.Done(value=value):
                return value  # type: ignore[no-any-return]
            case zygote.Declined(reason=reason, details=details):
                raise Refused(Reason(reason), **details)
            case zygote.Failed(kind=kind, place=place):
                late = kind == signal.SIGXCPU.name
                log.warning("%s ended in its child: %.80r %.80r", named.__qualname__, kind, place)
                raise Refused(on_timeout if late else on_crash)
            case outcome:
                assert_never(outcome)

    async def _open_job(self, limits: Limits) -> socket.socket:
        # A zygote that was killed never saw a key, so a new one can be started at any time.
        await self.start()
        assert self._control is not None
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        packed = zygote.LIMITS.pack(limits.cpu_seconds, limits.memory_bytes, limits.files, limits.threads)
        with theirs:
            await _send(self._control, packed, theirs.fileno())
        return ours

    async def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            await asyncio.to_thread(_wait, self._process)
            self._process = None


def _spawn(control: int, preload: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a fresh interpreter: none of our environment, descriptors, threads or memory."""
    arguments = json.dumps({"control": control, "preload": preload})
    return subprocess.Popen(  # noqa: S603 -- our own interpreter and our own module
        [sys.executable, "-I", "-X", "utf8", "-c", _BOOT.format(path=sys.path), arguments],
        env={"LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        pass_fds=[control],
        start_new_session=True,
    )


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def _send(control: socket.socket, packed: bytes, fd: int) -> None:
    """Hand a job to the zygote; waits while it has too many at once."""
    while True:
        try:
            socket.send_fds(control, [packed], [fd])
        except BlockingIOError:
            await asyncio.sleep(_BUSY_SECONDS)
        except OSError:
            raise SandboxUnavailable from None
        else:
            return


async def _converse(link: socket.socket, call: bytes, *, most: int) -> bytes:
    """Send the call and return what comes back until the end; anything over `most` bytes is a crash."""
    loop = asyncio.get_running_loop()
    answer = bytearray()
    with contextlib.suppress(BrokenPipeError):
        # A child may end before it has read the call; how it ended is still told.
        await loop.sock_sendall(link, zygote.LENGTH.pack(len(call)) + call)
    with contextlib.suppress(ConnectionResetError):
        while chunk := await loop.sock_recv(link, _CHUNK):
            answer += chunk
            if len(answer) > most:
                return _CRASHED
    return bytes(answer)


def _read(answer: bytes, *, roots: set[str]) -> zygote.Done | zygote.Declined | zygote.Failed:
    """Take an answer apart: one pickled outcome, then the wait status of the child."""
    if len(answer) < zygote.STATUS.size:
        # The zygote itself is gone; that says nothing about the document.
        raise SandboxUnavailable
    body, tail = answer[: -zygote.STATUS.size], answer[-zygote.STATUS.size :]
    (status,) = zygote.STATUS.unpack(tail)
    if status != 0:
        return zygote.Failed(kind=_ending(status), place="")
    try:
        outcome = _Reader(io.BytesIO(body), roots=roots).load()
    except Exception as error:  # noqa: BLE001 -- an unpickler raises anything at all on foreign bytes
        return zygote.Failed(kind=f"unreadable answer, {type(error).__name__}", place="")
    match outcome:
        case zygote.Done() | zygote.Failed(kind=str(), place=str()):
            return outcome
        case zygote.Declined(reason=str(reason), details=dict(details)) if _is_refusal(reason, details):
            return outcome
        case _:
            return zygote.Failed(kind="unreadable answer", place="")


def _is_refusal(reason: str, details: Mapping[Any, object]) -> bool:
    return reason in set(Reason) and all(
        isinstance(key, str) and isinstance(value, str | int) for key, value in details.items()
    )


def _ending(status: int) -> str:
    return signal.Signals(-status).name if -status in set(signal.Signals) else f"exit {status}"


class _Reader(pickle.Unpickler):
    """Builds plain values, and enums and data classes of modules that are ours and already imported."""

    def __init__(self, source: io.BytesIO, *, roots: set[str]) -> None:
        super().__init__(source)
        self._roots = roots

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _PLAIN:
            return super().find_class(module, name)
        if (module, name) == ("builtins", "getattr"):
            # Some releases of Python 3.11, Debian 12's among them, pickle an enum's member this way.
            return _member
        if module.partition(".")[0] in self._roots and module in sys.modules:
            found = getattr(sys.modules[module], name, None)
            if isinstance(found, type) and (is_dataclass(found) or issubclass(found, Enum)):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is not a value")


def _member(kind: object, name: str) -> Enum:
    """Return a member of an enum; in an answer getattr may stand for nothing else."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind[name]
    raise pickle.UnpicklingError("getattr on something that is no enum")
