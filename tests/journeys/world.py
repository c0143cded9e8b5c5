"""The service as it is run in earnest: portal and bot as processes of their own, real mail servers, real files.

The portal's key directory has no `bot` part: it could sign nothing and open no archive if it wanted to. The tests look
into the database from outside, with plain SQL, and use that also to let time pass.
"""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from envelopes.settings import S3
from tests.journeys import cast
from tests.journeys.post import PATIENCE, Post
from tests.servers.dovecot_postfix import RealPostOffice
from tests.servers.ports import free_ports, stop, wait_until

FUKAN = Path(sys.executable).parent / "fukan"
TOML = """\
database = "{database}"

[town]
name = "みほん村"
prefix = "MHN"

[operator]
name = "みほん村 電子契約サービス"

[portal]
url = "{url}"
port = {port}

[mail]
address = "{sender}"
intake = "{intake}"
trusted_authserv_ids = ["{authserv}"]

[smtp]
port = {smtp}
tls = "starttls"

[imap]
port = {imaps}
tls = true
user = "{intake}"
password = "{password}"
"""
BUCKET = """
[s3]
bucket = "{bucket}"
endpoint = "{endpoint}"
region = "{region}"
access_key = "{access}"
secret_key = "{secret}"
plain_http = true
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a world is built: an empty folder, an upgraded database, perhaps a bucket, and the post office."""

    directory: Path
    database: str
    s3: S3 | None
    office: RealPostOffice


@dataclass
class World:
    """A service that is running, and everything around it."""

    place: Place
    url: str
    seeds: dict[str, str]
    post: Post
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    wristwatch: dict[str, int] = field(default_factory=dict)

    @property
    def portal_keys(self) -> Path:
        return self.place.directory / "portal-keys"

    def log(self, door: str) -> str:
        return (self.place.directory / f"{door}.log").read_text()

    # The database, from outside

    def rows(self, sql: str) -> list[dict[str, Any]]:
        if self.place.database.startswith("sqlite"):
            return _sqlite(self.place.database, sql)
        found: list[dict[str, Any]] = _in_thread(_postgres(self.place.database, sql))
        return found

    def one(self, sql: str) -> Any:
        (row,) = self.rows(sql)
        (value,) = row.values()
        return value

    def run(self, sql: str) -> None:
        self.rows(sql)

    def earlier(self, table: str, column: str, seconds: float, where: str) -> None:
        """Let *seconds* pass for one column: what it says happened that much earlier."""
        moved = f"{column} - interval '{seconds} seconds'"
        if self.place.database.startswith("sqlite"):
            moved = f"strftime('%Y-%m-%d %H:%M:%f', {column}, '-{seconds} seconds') || '000+00:00'"
        self.run(f"UPDATE {table} SET {column} = {moved} WHERE {where}")

    def tables(self) -> list[str]:
        sql = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        if self.place.database.startswith("sqlite"):
            sql = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"
        return [row["name"] for row in self.rows(sql)]

    def dump(self, *, but: set[str] = frozenset()) -> dict[str, list[str]]:  # type: ignore[assignment]
        """Every row of every table as text, leases always left out: the bot renews its own all the time."""
        left_out = {*but, "leases", "sqlite_sequence"}
        return {
            name: sorted(map(repr, self.rows(f'SELECT * FROM "{name}"')))
            for name in self.tables()
            if name not in left_out
        }

    def state(self, title: str) -> str:
        return str(self.one(f"SELECT state FROM envelopes WHERE title = '{title}'"))

    def wait_state(self, title: str, state: str) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = self.rows(f"SELECT state FROM envelopes WHERE title = '{title}'")
            if found and found[0]["state"] == state:
                return
            time.sleep(0.1)
        raise AssertionError(f"{title}: {found} instead of {state}; the bot said {self.log('bot')[-2000:]}")

    def quiet(self) -> None:
        """Wait until the bot has nothing to do that is due."""
        end = time.monotonic() + PATIENCE
        busy = "SELECT count(*) FROM tasks WHERE state <> 'done' AND kind <> 'close_window'"
        while self.one(busy) and time.monotonic() < end:
            time.sleep(0.05)
        assert self.one(busy) == 0, self.rows("SELECT kind, state, attempts, error FROM tasks")

    # Processes

    def start(self, door: str, **environment: str) -> None:
        """Start *door*, "portal" or "bot", and wait until it is ready."""
        log = self.place.directory / f"{door}.log"
        command = [str(FUKAN), "serve", door, "--directory", str(self.place.directory)]
        with log.open("ab") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, env=self._environment(**environment))
        self.processes[door] = process
        ready = self._portal_answers if door == "portal" else lambda: "ready: bot" in log.read_text()
        try:
            wait_until(ready, process, door)
        except RuntimeError as failure:
            raise RuntimeError(f"{failure}: {log.read_text()[-3000:]}") from None

    def _environment(self, **more: str) -> dict[str, str]:
        authorities = str(self.place.office.ca_file)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("FUKAN_")}
        return {**clean, "SSL_CERT_FILE": authorities, **more}

    def _portal_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, door: str) -> None:
        stop(self.processes.pop(door))


def _sqlite(url: str, sql: str) -> list[dict[str, Any]]:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30)
    connection.row_factory = sqlite3.Row
    try:
        with connection:
            return [dict(row) for row in connection.execute(sql)]
    finally:
        connection.close()


async def _postgres(url: str, sql: str) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(url.replace("asyncpg://", "postgresql://"))
    try:
        return [dict(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


def _in_thread(work: Any) -> Any:
    """Await *work* in a loop of its own: the browser's driver keeps a loop running in this thread."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(work)))
    thread.start()
    thread.join()
    return found[0]


@contextmanager
def running(place: Place) -> Iterator[World]:
    """Set up an installation in *place* with the cast in it, and run it until the block ends."""
    world = _install(place)
    try:
        world.start("bot")
        world.start("portal", FUKAN_KEYS=str(world.portal_keys))
        yield world
    finally:
        for process in reversed(list(world.processes.values())):
            stop(process)


def _install(place: Place) -> World:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    (place.directory / "fukan.toml").write_text(_settings(place, port=port, url=url))
    world = World(place=place, url=url, seeds={}, post=Post(place.office))
    command = [sys.executable, "-m", "tests.journeys.seed", str(place.directory)]
    seeded = subprocess.run(command, capture_output=True, text=True, check=False, env=world._environment())
    assert seeded.returncode == 0, seeded.stderr
    world.seeds = json.loads(seeded.stdout)
    keys = place.directory / "keys"
    shutil.copytree(
        keys, world.portal_keys, ignore=lambda folder, _names: ["bot"] if folder == str(keys) else []
    )
    return world


def _settings(place: Place, *, port: int, url: str) -> str:
    office = place.office
    text = TOML.format(
        database=place.database,
        url=url,
        port=port,
        sender=cast.SENDER,
        intake=cast.INTAKE,
        authserv=office.authserv,
        smtp=office.smtp,
        imaps=office.imaps,
        password=office.password,
    )
    if place.s3 is None:
        return text
    return text + BUCKET.format(
        bucket=place.s3.bucket,
        endpoint=place.s3.endpoint,
        region=place.s3.region,
        access=place.s3.access_key.get_secret_value(),
        secret=place.s3.secret_key.get_secret_value(),
    )
