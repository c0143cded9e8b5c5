"""The connection to SQLite or Postgres, units of work, and the safe way to bring a database up to date.

Tortoise's own migrations run behind a lock, a backup and checks (see docs/decisions/0004). Every transaction of the
program runs inside `unit`: a transaction that is cancelled half-way leaves Tortoise's connection unusable.
"""

import asyncio
import fcntl
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit, urlunsplit

import asyncpg
from tortoise import Tortoise, connections
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.backends.sqlite.client import SqliteTransactionWrapper
from tortoise.context import TortoiseContext
from tortoise.exceptions import IntegrityError, OperationalError, TransactionManagementError
from tortoise.migrations.api import migrate
from tortoise.transactions import in_transaction

from envelopes.rules.errors import FukanError

T = TypeVar("T")
_ADVISORY: Final = 7130021  # any number, the same in every process: pg_advisory_lock for migrations
_SQLITE: Final = {"busy_timeout": "10000", "synchronous": "FULL", "journal_mode": "WAL"}
_RETRIES: Final = 5  # a lost race for a chain's next number is repeated this often


class DatabaseBroken(FukanError):
    """A migration left the database inconsistent; the message names the backup to restore."""


def config(url: str, **sqlite: str) -> dict[str, Any]:
    """Return Tortoise's configuration for *url* (`sqlite:///path` or `postgres://…`)."""
    return {
        "connections": {"default": _connection(url, sqlite)},
        "apps": {
            "fukan": {
                "models": ["envelopes.records.models"],
                "default_connection": "default",
                "migrations": "envelopes.migrations",
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


def _connection(url: str, sqlite: dict[str, str]) -> str:
    if not url.startswith("sqlite:"):
        parts = urlsplit(url)
        return urlunsplit(parts._replace(scheme="asyncpg"))
    return f"sqlite://{sqlite_path(url)}?{urlencode(_SQLITE | sqlite)}"


def sqlite_path(url: str) -> Path:
    """Return the file that `sqlite:///relative` or `sqlite:////absolute` names."""
    return Path(url.removeprefix("sqlite:///").split("?")[0])


def is_sqlite() -> bool:
    """Whether this process stands on SQLite."""
    return bool(connections.get("default").capabilities.dialect == "sqlite")


class Database:
    """One open database of this process."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._context: TortoiseContext | None = None

    async def open(self) -> None:
        """Connect. The schema is expected to be up to date (`upgrade`)."""
        _begin_immediate()
        self._context = await Tortoise.init(config=config(self.url), _enable_global_fallback=True)

    async def close(self) -> None:
        """Wait for the units under way, then disconnect."""
        while _running:
            await asyncio.wait(set(_running))
        if self._context is not None:
            await self._context.close_connections()
            self._context = None


_running: set[asyncio.Task[Any]] = set()
_current: ContextVar[BaseDBAsyncClient | None] = ContextVar("fukan_unit", default=None)
_afterwards: ContextVar[list[Callable[[], None]]] = ContextVar("fukan_after_commit")


def after_commit(call: Callable[[], None]) -> None:
    """Have *call* made once the current unit is committed; not if it is rolled back."""
    _afterwards.get().append(call)


async def unit(work: Callable[[BaseDBAsyncClient], Awaitable[T]]) -> T:
    """Run *work* in one transaction to its end, even if the caller is cancelled meanwhile.

    A lost race (serialisation, or a unique number taken by somebody else) is rolled back and tried again, so *work*
    must do nothing but read and write the database. A unit inside a unit joins the outer one.
    """
    if (outer := _current.get()) is not None:
        return await work(outer)
    task = asyncio.create_task(_repeated(work))
    _running.add(task)
    task.add_done_callback(_running.discard)
    return await asyncio.shield(task)


async def _repeated(work: Callable[[BaseDBAsyncClient], Awaitable[T]]) -> T:
    for attempt in range(_RETRIES):
        try:
            return await _once(work)
        except (IntegrityError, OperationalError):
            if attempt == _RETRIES - 1:
                raise
            await asyncio.sleep(0.02 * 2**attempt)
    raise AssertionError("unreachable")


async def _once(work: Callable[[BaseDBAsyncClient], Awaitable[T]]) -> T:
    calls: list[Callable[[], None]] = []
    _afterwards.set(calls)
    async with in_transaction() as connection:
        token = _current.set(connection)
        try:
            result = await work(connection)
        finally:
            _current.reset(token)
    for call in calls:
        call()
    return result


def _begin_immediate() -> None:
    """Take SQLite's write lock at BEGIN: a deferred one fails at once when a second process writes meanwhile."""

    async def begin(self: SqliteTransactionWrapper) -> None:
        try:
            await self._connection.commit()
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise TransactionManagementError(error) from error

    SqliteTransactionWrapper.begin = begin  # type: ignore[method-assign]


async def upgrade(url: str) -> None:
    """Bring the database at *url* to this version's schema. Safe to call from several processes at once.

    On SQLite the file is copied beside itself first (`.before-upgrade`), foreign keys are off while tables are
    rebuilt and checked afterwards, and indexes that a rebuild dropped are made again. Raises DatabaseBroken.
    """
    if url.startswith("sqlite:"):
        await _upgrade_sqlite(sqlite_path(url), url)
    else:
        await _upgrade_postgres(url)


async def _upgrade_sqlite(path: Path, url: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        backup = await asyncio.to_thread(_back_up, path)
        await _migrate(config(url, foreign_keys="OFF"))
        broken = await asyncio.to_thread(_broken_keys, path)
        if broken:
            raise DatabaseBroken(f"{broken} foreign keys point nowhere after the upgrade; restore {backup}")


def _back_up(path: Path) -> Path:
    backup = path.with_name(path.name + ".before-upgrade")
    if path.exists() and path.stat().st_size:
        backup.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("VACUUM INTO ?", (str(backup),))
    return backup


def _broken_keys(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return len(connection.execute("PRAGMA foreign_key_check").fetchall())


async def _upgrade_postgres(url: str) -> None:
    parts = urlsplit(url)
    lock = await asyncpg.connect(urlunsplit(parts._replace(scheme="postgresql")))
    try:
        await lock.execute("SELECT pg_advisory_lock($1)", _ADVISORY)
        await _migrate(config(url))
    finally:
        await lock.close()


async def _migrate(settings: dict[str, Any]) -> None:
    await migrate(config=settings)
    await Tortoise.close_connections()
    context = await Tortoise.init(config=settings)
    try:
        # An SQLite rebuild drops indexes and unique constraints; this makes again what is missing.
        await Tortoise.generate_schemas(safe=True)
    finally:
        await context.close_connections()
