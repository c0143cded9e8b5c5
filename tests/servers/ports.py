"""Free ports, readiness and stopping of child processes, shared by every test server."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.patience import PATIENCE

STOP_SECONDS = 60.0  # why: a server that has not stopped by then hangs and is killed


class ServerFailed(RuntimeError):
    """A test server is missing or did not start; the tests fail, they are not skipped."""


def free_ports(count: int) -> list[int]:
    """Return *count* different ports that nothing listens on at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def binary(name: str, *folders: str) -> str:
    """Return the full path of the program *name*, looked for in *folders* too, or raise ServerFailed."""
    for folder in folders:
        if (Path(folder) / name).exists():
            return str(Path(folder) / name)
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin")
    if found is None:
        raise ServerFailed(f"{name} is not installed")
    return found


def speaks(port: int) -> bool:
    """Say whether the server on *port* sends its greeting."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.settimeout(2)
            return bool(connection.recv(1))
    except OSError:
        return False


def accepts(port: int) -> bool:
    """Say whether anything accepts connections on *port*."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], name: str) -> None:
    """Return as soon as *ready*, or raise ServerFailed when *process* has ended or time is up."""
    end = time.monotonic() + PATIENCE
    while not ready():
        if process.poll() is not None:
            raise ServerFailed(f"{name} ended with status {process.returncode} before it was ready")
        if time.monotonic() > end:
            raise ServerFailed(f"{name} is not ready after {PATIENCE:.0f} s")
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes], polite: signal.Signals = signal.SIGTERM) -> None:
    """End *process* politely, then by force; its exit status is collected either way."""
    process.send_signal(polite)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
