"""The process that forks a child for each piece of work on foreign bytes.

It is a fresh interpreter started by `envelopes.sandbox`: it never saw a key, a thread or the service's
environment. It imports the parsers once, and every child is then a cheap fork of it. Here live the fork,
the child's limits and the framing of answers. What the caller makes of an answer lives in
`envelopes.sandbox`.

Theory of operation. Each job has a socket pair. The service writes the pickled call, the child reads it
whole, works and writes one pickled outcome, and after the child has been reaped the zygote adds the wait
status and closes. So the end of the stream also says that no child is left. When the service closes its
end, for whatever reason, the zygote kills the child.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import pickle
import resource
import select
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from envelopes.rules.errors import Refused

LENGTH = struct.Struct("<Q")
STATUS = struct.Struct("<i")
LIMITS = struct.Struct("<QQQ?")
READY = b"ready"

# Values of <sched.h> and <sys/prctl.h>; os.unshare() comes only with Python 3.12.
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

_JOB_FD = 3
_NICE = 5  # why: whoever waits for a page or a code comes before what is read and drawn
_DRAIN = 1 << 20  # one read of what nobody will use


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The function returned."""

    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The function raised Refused."""

    reason: str
    details: dict[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The function raised something else. Only the kind and the place: messages may quote the document."""

    kind: str
    place: str


def main(arguments: str) -> None:
    """Serve jobs until the service goes away. `arguments`: JSON with the control socket and preloads."""
    given = json.loads(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    _leave_the_network()
    for name in given["preload"]:
        importlib.import_module(name)
    gc.collect()
    # Frozen objects are never touched by a child's collector, so their pages stay shared.
    gc.freeze()
    with socket.socket(fileno=given["control"]) as control:
        control.send(READY)
        _silence()
        _Nursery(control=control).serve()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    pid: int
    pidfd: int
    link: socket.socket


@dataclass(slots=True, kw_only=True)
class _Nursery:
    """The children now at work."""

    control: socket.socket
    poll: select.poll = field(default_factory=select.poll)
    by_link: dict[int, _Job] = field(default_factory=dict)
    by_pidfd: dict[int, _Job] = field(default_factory=dict)

    def serve(self) -> None:
        self.poll.register(self.control, select.POLLIN)
        try:
            while self._turn():
                pass
        finally:
            for job in self.by_pidfd.values():
                _kill(job)

    def _turn(self) -> bool:
        """Handle one thing that has happened; False once the service has closed the control socket."""
        # One at a time: handling an event may close a descriptor whose number a second event carries.
        fd, _ = self.poll.poll()[0]
        if fd == self.control.fileno():
            return self._accept()
        if fd in self.by_link:
            # The service closed its end: nobody waits for this child any more.
            self.poll.unregister(fd)
            _kill(self.by_link[fd])
        else:
            self._reap(self.by_pidfd.pop(fd))
        return True

    def _accept(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self.control, LIMITS.size, 1)
        if not message:
            return False
        link = socket.socket(fileno=descriptors[0])
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            _child(zygote, link.fileno(), message)
        job = _Job(pid=pid, pidfd=os.pidfd_open(pid), link=link)
        self.by_link[link.fileno()] = self.by_pidfd[job.pidfd] = job
        # Without POLLIN only the hang-up of the service's end is reported; the call itself is the child's.
        self.poll.register(link, 0)
        self.poll.register(job.pidfd, select.POLLIN)
        return True

    def _reap(self, job: _Job) -> None:
        # Before the wait, while the number cannot yet belong to anybody else.
        _kill(job)
        _, status = os.waitpid(job.pid, 0)
        del self.by_link[job.link.fileno()]
        self.poll.unregister(job.pidfd)
        os.close(job.pidfd)
        with contextlib.suppress(KeyError):
            self.poll.unregister(job.link)
        with job.link, contextlib.suppress(OSError):
            # A call that the child did not read to its end would turn our close into a connection reset.
            job.link.shutdown(socket.SHUT_RD)
            while job.link.recv(_DRAIN):
                pass
            job.link.sendall(STATUS.pack(os.waitstatus_to_exitcode(status)))


def _kill(job: _Job) -> None:
    """Kill a child that was not waited for yet, and its group, should it have made one."""
    os.kill(job.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(job.pid, signal.SIGKILL)


def _child(zygote: int, fd: int, limits: bytes) -> NoReturn:
    """Do one job and end. Nothing of the zygote's own clean-up may run here, hence os._exit."""
    status = 1
    try:
        _die_with(zygote)
        cpu_seconds, memory_bytes, files, threads = LIMITS.unpack(limits)
        _confine(fd, cpu_seconds, memory_bytes, files, threads=threads)
        with socket.socket(fileno=_JOB_FD) as link, link.makefile("rwb") as stream:
            call = stream.read(LENGTH.unpack(stream.read(LENGTH.size))[0])
            stream.write(_answer(call))
        status = 0
    finally:
        os._exit(status)


def _answer(call: bytes) -> bytes:
    """Return the pickled outcome of a pickled call."""
    function: Callable[..., Any]
    try:
        # The call comes from the service itself, the one side that is trusted here.
        function, arguments = pickle.loads(call)  # noqa: S301
        return pickle.dumps(Done(value=function(*arguments)))
    except Refused as refusal:
        return pickle.dumps(Declined(reason=refusal.reason.value, details=refusal.details))
    except Exception as error:  # noqa: BLE001 -- the top of the child: a parser may raise anything at all
        return pickle.dumps(Failed(kind=type(error).__qualname__, place=_place(error)))


def _place(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _die_with(zygote: int) -> None:
    """Be killed when the zygote ends, and end now if it has ended before that could be asked for (prctl(2))."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != zygote:
        os._exit(1)


def _confine(fd: int, cpu_seconds: int, memory_bytes: int, files: int, *, threads: bool) -> None:
    """Keep only the job's socket, and take from the process whatever parsing does not need."""
    os.setsid()
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    os.dup2(fd, _JOB_FD)
    os.closerange(_JOB_FD + 1, os.sysconf("SC_OPEN_MAX"))
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for what, limit in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_NOFILE, files),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    if not threads:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    # At the soft limit SIGXCPU ends the child, which tells time from a crash.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))


def _leave_the_network() -> None:
    """Move to a user and a network namespace of our own, where the kernel permits it.

    The new network has not even a loopback, and a process in another user namespace may neither trace
    the service nor read its memory or environment (ptrace(2), "Ptrace access mode checking").
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        # Some container engines forbid user namespaces; root may still leave the network.
        libc.unshare(_CLONE_NEWNET)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _silence() -> None:
    """Send what parsers print to nowhere: it may quote the document."""
    sys.stdout.flush()
    sys.stderr.flush()
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
