"""A private PostgreSQL in a temporary folder, without fsync: fast, and gone with the test run."""

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.ports import ServerFailed, accepts, free_ports, stop, wait_until


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A running server; `fresh` makes an empty database in it."""

    port: int
    programs: Path

    def url(self, database: str) -> str:
        """Return the address of *database* as Tortoise wants it."""
        return f"asyncpg://postgres@127.0.0.1:{self.port}/{database}"

    def fresh(self) -> str:
        """Create an empty database with a name of its own and return its URL."""
        name = f"fukan_{uuid.uuid4().hex}"
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        subprocess.run([self.programs / "createdb", *where, name], check=True, capture_output=True, cwd="/")
        return self.url(name)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run PostgreSQL on a free port of 127.0.0.1; as user postgres when the tests run as root."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="fukan-pg-"))
    process = None
    try:
        _initialise(programs, folder)
        (port,) = free_ports(1)
        process = _start(programs, folder, port)
        wait_until(lambda: _is_ready(programs, port), process, "postgres")
        yield PostgresServer(port=port, programs=programs)
    finally:
        if process is not None:
            stop(process, signal.SIGINT)  # SIGTERM would wait for every client
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise ServerFailed("PostgreSQL is not installed")
    return found[-1].parent


def _owner() -> str | None:
    # PostgreSQL refuses to run as root.
    return "postgres" if os.geteuid() == 0 else None


def _initialise(programs: Path, folder: Path) -> None:
    if owner := _owner():
        shutil.chown(folder, owner, owner)
    options = ["-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]
    command = [str(programs / "initdb"), *options]
    subprocess.run(command, check=True, capture_output=True, cwd="/", user=_owner())


def _start(programs: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(folder),
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": "200",
    }
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    command = [str(programs / "postgres"), "-D", str(folder / "data"), "-p", str(port), *options]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd="/", user=_owner())


def _is_ready(programs: Path, port: int) -> bool:
    command = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    return accepts(port) and subprocess.run(command, check=False, cwd="/").returncode == 0
