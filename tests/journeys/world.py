"""The service as it is run in earnest: portal and bot as processes of their own, real mail servers, real files.

Each door has its own key directory without the other's part: the portal could sign nothing and open no archive if it
wanted to, and the bot could consent to nothing. The tests look into the database from outside, with plain SQL, and use
that also to let time pass.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from envelopes.keyring import Keyring
from envelopes.rules import tokens
from envelopes.rules.tokens import Purpose, Ticket
from envelopes.settings import S3
from tests.journeys import cast
from tests.journeys.post import Post
from tests.patience import PATIENCE
from tests.servers.dovecot_postfix import RealPostOffice
from tests.servers.gateway import SECRET, Gateway, threaded
from tests.servers.ports import free_ports, stop, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
FUKAN = Path(sys.executable).parent / "fukan"
TOML = """\
database = "{database}"

[town]
name = "みほん村"
name_english = "Mihon Village"
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

[dns]
check_registrations = false

[sms]
url = "{sms}"
secret = "{secret}"
allow_private = true

[policy]
verify_seconds = 40.0
verify_hold = "PT40S"
sms_hold = "PT40S"
remind_hours = [0, 0]
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

BY_ITSELF = {
    "tasks": " WHERE kind NOT IN ('anchor', 'renew', 'verify')",
    "facts": " WHERE subject <> 'settings'",
    "fact_details": " WHERE fact_id NOT IN (SELECT id FROM facts WHERE subject = 'settings')",
}
"""What is left when the bot's own rows are left out: the hour's anchor, files of strangers that it forgets ten minutes
after they came, and how it found the mail a minute after it was started, whenever in a test that is. (Its leases and
its verdict have tables of their own.)"""


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
    gateway: Gateway
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    signed_in: dict[str, Any] = field(default_factory=dict)
    """Cookies of clerks whose working day has begun, by address."""
    began: dict[str, int] = field(default_factory=dict)
    """Where in its log each door began to write since it was last started."""

    def keys(self, door: str) -> Path:
        """The key directory of one door: what both share, and its own part."""
        return self.place.directory / f"{door}-keys"

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
        """Every row of every table as text, but for what the bot does by itself: see BY_ITSELF."""
        left_out = {*but, "leases", "anchors", "mail_verdicts", "sqlite_sequence"}
        return {
            name: sorted(map(repr, self.rows(f'SELECT * FROM "{name}"{BY_ITSELF.get(name, "")}')))
            for name in self.tables()
            if name not in left_out
        }

    def state(self, title: str) -> str:
        return str(self.one(f"SELECT state FROM envelopes WHERE title = '{title}'"))

    def wait(self, there: Callable[[], bool], what: str, *, patience: float = PATIENCE) -> None:
        """Wait until *there*, or fail and show what the bot has written."""
        end = time.monotonic() + patience
        while not there():
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain for {what}; the bot wrote: {self.log('bot')[-2000:]}")
            time.sleep(0.1)

    def wait_state(self, title: str, state: str) -> None:
        self.wait(lambda: self.state(title) == state, f"{title} to be {state}")

    def quiet(self) -> None:
        """Wait until the bot has nothing to do that is due, and what it has sent lies in the mailboxes."""
        busy = "SELECT count(*) FROM tasks WHERE state <> 'done' AND kind <> 'close_window'"
        delivering = self.place.office.delivering
        self.wait(lambda: self.one(busy) == 0 and not delivering(), "the bot to be done")

    def link_of(self, title: str, *, position: int, generation: int = 0) -> str:
        """The link of a signer whom nobody may have asked yet, sealed with the installation's own keys."""
        where = f"envelope_id = (SELECT id FROM envelopes WHERE title = '{title}') AND position = {position}"
        ticket = Ticket(
            ref=self.one(f"SELECT ref FROM signers WHERE {where}"),
            generation=generation,
            expires=datetime.now(UTC) + timedelta(days=700),
        )
        keyring = Keyring.open(self.keys("portal"), portal=True, bot=False)
        return f"{self.url}/s/{tokens.seal(ticket, Purpose.REQUEST, tuple(keyring.token))}"

    # Processes

    def start(self, door: str) -> None:
        """Start *door*, "portal" or "bot", and wait until it is ready."""
        log = self.place.directory / f"{door}.log"
        command = [str(FUKAN), "serve", door, "--directory", str(self.place.directory)]
        before = self.began[door] = log.stat().st_size if log.exists() else 0
        with log.open("ab") as out:
            process = subprocess.Popen(
                command, stdout=out, stderr=out, env=self.environment(FUKAN_KEYS=str(self.keys(door)))
            )
        self.processes[door] = process
        ready = (
            self._portal_answers if door == "portal" else lambda: b"ready: bot" in log.read_bytes()[before:]
        )
        try:
            wait_until(ready, process, door)
        except RuntimeError as failure:
            raise RuntimeError(f"{failure}: {log.read_text()[-3000:]}") from None

    def let_mail_be_sound(self) -> None:
        """Let orders by reply be in force, as in a town with DNS.

        A minute after each start the bot looks at the mail by itself and finds no DNS here; that comes first.
        """
        log, end = self.place.directory / "bot.log", time.monotonic() + 60 + PATIENCE
        while b"see fukan doctor" not in log.read_bytes()[self.began["bot"] :]:
            assert time.monotonic() < end, "the bot has not looked at the mail"
            time.sleep(0.2)
        command = [sys.executable, "-m", "tests.journeys.seed", str(self.place.directory), "sound"]
        environment = self.environment(FUKAN_KEYS=str(self.keys("bot")))
        subprocess.run(command, check=True, cwd=ROOT, env=environment)

    def environment(self, **more: str) -> dict[str, str]:
        authorities = str(self.place.office.ca_file)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("FUKAN_")}
        return {**clean, "SSL_CERT_FILE": authorities, **more}

    def _portal_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def restart(self, door: str) -> None:
        """Stop *door* as an operator does, and start it again."""
        stop(self.processes.pop(door))
        self.start(door)


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
    with threaded() as gateway:
        world = _install(place, gateway)
        try:
            world.start("bot")
            world.start("portal")
            yield world
        finally:
            for process in reversed(list(world.processes.values())):
                stop(process)


def _install(place: Place, gateway: Gateway) -> World:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    (place.directory / "fukan.toml").write_text(_settings(place, port=port, url=url, sms=gateway.url))
    world = World(place=place, url=url, seeds={}, post=Post(place.office), gateway=gateway)
    command = [sys.executable, "-m", "tests.journeys.seed", str(place.directory)]
    seeded = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=world.environment()
    )
    assert seeded.returncode == 0, seeded.stderr
    world.seeds = json.loads(seeded.stdout)
    for door, other in (("portal", "bot"), ("bot", "portal")):
        shutil.copytree(place.directory / "keys", world.keys(door))
        shutil.rmtree(world.keys(door) / other)
    shutil.rmtree(place.directory / "keys")
    return world


def _settings(place: Place, *, port: int, url: str, sms: str) -> str:
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
        sms=sms,
        secret=SECRET,
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
