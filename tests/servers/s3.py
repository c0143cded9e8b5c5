"""A private S3 store (moto)."""

import os
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.servers.ports import accepts, free_ports, stop, wait_until


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Store:
    """Where the store is and how to open it."""

    endpoint: str
    access_key: str = "test"
    secret_key: str = "test"
    region: str = "us-east-1"

    def fresh(self) -> str:
        """Make an empty bucket and return its name."""
        name = f"fukan-{uuid.uuid4().hex}"
        request = urllib.request.Request(f"{self.endpoint}/{name}", method="PUT")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
        return name


@contextmanager
def s3_store() -> Iterator[S3Store]:
    """Run moto, empty, on a free port of 127.0.0.1."""
    (port,) = free_ports(1)
    process = _start(port)
    try:
        wait_until(lambda: accepts(port), process, "moto")
        yield S3Store(endpoint=f"http://127.0.0.1:{port}")
    finally:
        stop(process)


def _start(port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = {**os.environ, "MOTO_CALL_RESET_API": "false"}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=quiet)
