"""The connection to SQLite or Postgres, units of work, and the safe way to bring a database up to date.

Tortoise's own migrations run behind a lock, a backup and checks (see docs/decisions/0004). Every transaction of the
program runs inside `unit`: a transaction that is cancelled half-way leaves Tortoise's connection unusable.
"""

import asyncio
import fcntl
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import closing
from contextvars import ContextVar
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit, urlunsplit

import asyncpg
from tortoise import Tortoise, connections
from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient
from tortoise.backends.sqlite.client import SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.connection import get_connections
from tortoise.context import TortoiseContext
from tortoise.exceptions import IntegrityError, OperationalError, TransactionManagementError
from tortoise.migrations.api import migrate
from tortoise.migrations.executor import PlanStep
from tortoise.models import Model
from tortoise.transactions import in_transaction

from envelopes.rules.errors import FukanError

T = TypeVar("T")
_ADVISORY: Final = 7130021  # any number, the same in every process: pg_advisory_lock for migrations
_SQLITE: Final = {"busy_timeout": "10000", "synchronous": "FULL", "journal_mode": "WAL"}
_RETRIES: Final = 5  # a lost race for a chain's next number is repeated this often


class DatabaseBroken(FukanError):
    """A migration left the database inconsistent; the message names the backup to restore."""


class UnitMisused(FukanError):
    """A task that was begun inside a unit of work tried to use the database: a mistake of the program."""


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
_current: ContextVar[tuple[BaseDBAsyncClient, asyncio.Task[Any] | None] | None] = ContextVar(
    "fukan_unit", default=None
)
_afterwards: ContextVar[list[Callable[[], None]]] = ContextVar("fukan_after_commit")


def after_commit(call: Callable[[], None]) -> None:
    """Have *call* made once the current unit is committed; not if it is rolled back."""
    _afterwards.get().append(call)


async def unit(work: Callable[[BaseDBAsyncClient], Awaitable[T]]) -> T:
    """Run *work* in one transaction to its end, even if the caller is cancelled meanwhile.

    A lost race (serialisation, or a unique number taken by somebody else) is rolled back and tried again, so *work*
    must do nothing but read and write the database. A unit inside a unit joins the outer one. A task that is begun
    inside a unit inherits its connection and cannot have one of its own: begin it with `after_commit`. Raises
    UnitMisused there, rather than write with a connection that has gone back.
    """
    if (outer := _current.get()) is not None:
        connection, owner = outer
        if owner is not asyncio.current_task():
            raise UnitMisused
        return await work(connection)
    task = asyncio.create_task(_repeated(work))
    _running.add(task)
    task.add_done_callback(_running.discard)
    return await asyncio.shield(task)


async def _repeated(work: Callable[[BaseDBAsyncClient], Awaitable[T]]) -> T:
    for attempt in range(_RETRIES):
        try:
            return await _once(work)
        except (IntegrityError, OperationalError, TransactionManagementError):
            if attempt == _RETRIES - 1:
                raise
            await asyncio.sleep(0.02 * 2**attempt)
    raise AssertionError("unreachable")


async def _once(work: Callable[[BaseDBAsyncClient], Awaitable[T]]) -> T:
    calls: list[Callable[[], None]] = []
    _afterwards.set(calls)
    async with in_transaction() as connection:
        token = _current.set((connection, asyncio.current_task()))
        try:
            result = await work(connection)
        finally:
            _current.reset(token)
    for call in calls:
        call()
    return result


async def update_each(
    connection: BaseDBAsyncClient,
    model: type[Model],
    rows: Sequence[Mapping[str, Any]],
    *,
    among: Mapping[str, Sequence[str]],
) -> None:
    """Change rows of *model* in one go, each in its own way: a row has its `id` and the values it gets.

    All name the same columns. A row is left as it is where a column has none of the values that *among* names for it.
    Tortoise would build a statement a row, which costs more than running it.
    """
    meta = model._meta  # noqa: SLF001 -- tortoise's own name for it
    names = [name for name in rows[0] if name != "id"]
    marks = ("?" if is_sqlite() else f"${place}" for place in count(1))
    changes = ", ".join(f'"{name}"={next(marks)}' for name in names)
    which = [f'"id"={next(marks)}']
    which += [f'"{name}" IN ({", ".join(next(marks) for _ in few)})' for name, few in among.items()]
    statement = f'UPDATE "{meta.db_table}" SET {changes} WHERE {" AND ".join(which)}'  # noqa: S608 -- names of ours
    few = [value for values in among.values() for value in values]
    values = [
        [*(meta.fields_map[name].to_db_value(row[name], model) for name in names), row["id"]] for row in rows
    ]
    await connection.execute_many(statement, [[*own, *few] for own in values])


def _begin_immediate() -> None:
    """Take SQLite's write lock at BEGIN: a deferred one fails at once when a second process writes meanwhile."""

    async def begin(self: SqliteTransactionWrapper) -> None:
        try:
            if self._connection.in_transaction:  # what another left behind was never finished
                await self._connection.rollback()
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise TransactionManagementError(error) from error

    SqliteTransactionWrapper.begin = begin  # type: ignore[method-assign]
    SqliteTransactionContext.__aenter__ = _enter  # type: ignore[method-assign]


async def _enter(self: SqliteTransactionContext) -> TransactionalDBClient:
    """Enter as Tortoise does, but give its lock back when BEGIN fails: else no other query ever runs again."""
    await self._trxlock.acquire()
    try:
        await self.ensure_connection()
        await self.connection.begin()
    except BaseException:
        self._trxlock.release()
        raise
    self.token = get_connections().set(self.connection_name, self.connection)
    return self.connection  # type: ignore[no-any-return]


async def upgrade(url: str) -> None:
    """Bring the database at *url* to this version's schema. Safe to call from several processes at once.

    A new database gets its tables from the models at once, and its migrations count as done. On SQLite the file is
    copied beside itself before its first missing migration (`.before-upgrade.0002_…`), foreign keys are off while
    tables are rebuilt and checked afterwards, and indexes and unique constraints that a rebuild dropped are made
    again. Raises DatabaseBroken.
    """
    if url.startswith("sqlite:"):
        await _upgrade_sqlite(sqlite_path(url), url)
    else:
        await _upgrade_postgres(url)


async def _upgrade_sqlite(path: Path, url: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        settings, is_new = config(url, foreign_keys="OFF"), await asyncio.to_thread(_is_new_file, path)
        await _migrate(settings, is_new=is_new, before=partial(_back_up, path))
        broken = await asyncio.to_thread(_broken_keys, path)
        if broken:
            raise DatabaseBroken(f"{broken} foreign keys point nowhere after the upgrade; restore the backup")


def _is_new_file(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return _is_new(name for (name,) in tables)


def _is_new(tables: Iterable[str]) -> bool:
    """Whether nothing was ever kept there. The list of migrations may be: an upgrade can end at once after it."""
    return not set(tables) - {"tortoise_migrations", "sqlite_sequence"}


def _back_up(path: Path, _connection: str, plan: list[PlanStep], *_how: bool) -> None:
    """Copy a database that has content before it is changed.

    The copy of an earlier attempt is kept: it shows the database before anything went wrong.
    """
    if not plan:
        return
    backup = path.with_name(f"{path.name}.before-upgrade.{plan[0].migration.name}")
    with closing(sqlite3.connect(path)) as connection:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and not backup.exists():
            connection.execute("VACUUM INTO ?", (str(backup),))
            backup.chmod(path.stat().st_mode)


def _broken_keys(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return len(connection.execute("PRAGMA foreign_key_check").fetchall())


async def _upgrade_postgres(url: str) -> None:
    parts = urlsplit(url)
    lock = await asyncpg.connect(urlunsplit(parts._replace(scheme="postgresql")))
    try:
        await lock.execute("SELECT pg_advisory_lock($1)", _ADVISORY)
        tables = await lock.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = ANY(current_schemas(false))"
        )
        await _migrate(config(url), is_new=_is_new(row["tablename"] for row in tables))
    finally:
        await lock.close()


async def _migrate(
    settings: dict[str, Any], *, is_new: bool, before: Callable[..., None] | None = None
) -> None:
    await migrate(config=settings, reporter=before, fake=is_new)
    await Tortoise.close_connections()
    context = await Tortoise.init(config=settings)
    try:
        # It makes what is missing: everything in a new database, indexes that an SQLite rebuild dropped in an old one.
        await Tortoise.generate_schemas(safe=True)
        if is_sqlite():
            await _heal_uniques()
    finally:
        await context.close_connections()


async def _heal_uniques() -> None:
    connection = connections.get("default")
    for model in Tortoise.apps["fukan"].values():
        table, columns = model._meta.db_table, model._meta.fields_db_projection  # noqa: SLF001 -- no public way
        known = await _uniques(connection, table)
        for names in _wanted_uniques(model):
            wanted = tuple(columns[name] for name in names)
            if wanted not in known:
                quoted = ", ".join(f'"{name}"' for name in wanted)
                name = f"uniq_{table}_{'_'.join(wanted)}"
                await connection.execute_script(f'CREATE UNIQUE INDEX "{name}" ON "{table}" ({quoted})')


def _wanted_uniques(model: type[Model]) -> list[tuple[str, ...]]:
    meta = model._meta  # noqa: SLF001 -- no public way
    single = [(name,) for name, field in meta.fields_map.items() if field.unique and not field.pk]
    together = [tuple(names) for names in meta.unique_together]
    return [names for names in (*single, *together) if set(names) <= set(meta.fields_db_projection)]


async def _uniques(connection: BaseDBAsyncClient, table: str) -> set[tuple[str, ...]]:
    """The columns of every unique index of *table*, in order."""
    rows = await connection.execute_query_dict(
        'SELECT list.name AS name, info.name AS "column" FROM pragma_index_list(?) AS list'
        ' JOIN pragma_index_info(list.name) AS info WHERE list."unique" ORDER BY list.name, info.seqno',
        [table],
    )
    found: dict[str, tuple[str, ...]] = {}
    for row in rows:
        found[row["name"]] = (*found.get(row["name"], ()), row["column"])
    return set(found.values())
