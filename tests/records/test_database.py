"""Units of work, and the safe upgrade: what Tortoise, SQLite and Postgres do when nobody looks after them."""

import asyncio
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import asyncpg
import pytest
from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import IntegrityError
from tortoise.migrations.api import migrate

import envelopes.migrations
from envelopes.records import counters, database, history, store
from envelopes.records.database import Database, after_commit, sqlite_path, unit, upgrade
from envelopes.records.history import Subject
from envelopes.records.models import Lease, Number, Session
from envelopes.rules.errors import FukanError
from tests.engines import ENGINE, Engine, Town
from tests.servers.postgres import PostgresServer

engines = pytest.mark.engines
NOW = datetime(2026, 4, 1, 9, tzinfo=UTC)
JST = timezone(timedelta(hours=9))
CANCELS = 400


async def two_rows(connection: BaseDBAsyncClient, series: str, pause: float = 0.0) -> None:
    await Number.create(series=f"{series}/a", value=1, using_db=connection)
    await asyncio.sleep(pause)
    await Number.create(series=f"{series}/b", value=1, using_db=connection)


# Cancellation


@engines
async def test_hundreds_of_cancelled_units_leave_the_database_usable(engine: Engine) -> None:
    dice = random.Random(7)

    async def one(n: int) -> None:
        await unit(lambda connection: two_rows(connection, f"c{n}", pause=0.0005))

    for start in range(0, CANCELS, 20):
        tasks = [asyncio.create_task(one(n)) for n in range(start, start + 20)]
        await asyncio.sleep(dice.random() * 0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(30):
        await asyncio.gather(*(one(n) for n in range(CANCELS, CANCELS + 30)))
        await engine.database.close()
        await engine.database.open()
    names = {row.series for row in await Number.all()}
    assert {name.split("/")[0] for name in names if name.endswith("a")} == {
        name.split("/")[0] for name in names if name.endswith("b")
    }
    assert len(names) >= 60


@engines
async def test_closing_waits_for_a_unit_whose_caller_has_gone(engine: Engine) -> None:
    task = asyncio.create_task(unit(lambda connection: two_rows(connection, "late", pause=0.05)))
    await asyncio.sleep(0.02)
    task.cancel()
    await engine.database.close()
    await engine.database.open()
    assert await Number.filter(series__startswith="late").count() == 2


# Units


@engines
async def test_a_unit_writes_all_or_nothing(engine: Engine) -> None:
    async def work(connection: BaseDBAsyncClient) -> None:
        await two_rows(connection, "n")
        raise FukanError

    with pytest.raises(FukanError):
        await unit(work)
    assert await Number.all().count() == 0


@engines
async def test_a_unit_inside_a_unit_rises_and_falls_with_it(engine: Engine) -> None:
    async def outer(_connection: BaseDBAsyncClient) -> None:
        await unit(lambda connection: two_rows(connection, "inner"))
        raise FukanError

    with pytest.raises(FukanError):
        await unit(outer)
    assert await Number.all().count() == 0


@engines
async def test_what_follows_a_commit_does_not_follow_a_rollback(engine: Engine) -> None:
    called: list[str] = []

    async def work(connection: BaseDBAsyncClient, *, fails: bool) -> None:
        after_commit(lambda: called.append("failed" if fails else "done"))
        await two_rows(connection, "n")
        if fails:
            raise FukanError

    with pytest.raises(FukanError):
        await unit(lambda connection: work(connection, fails=True))
    await unit(lambda connection: work(connection, fails=False))
    assert called == ["done"]


@engines
async def test_a_lost_race_is_tried_again_and_then_raised(engine: Engine) -> None:
    tries = 0

    async def work(connection: BaseDBAsyncClient) -> None:
        nonlocal tries
        tries += 1
        await Number.create(series="same", value=1, using_db=connection)

    await unit(work)
    with pytest.raises(IntegrityError):
        await unit(work)
    assert tries == 1 + database._RETRIES


@engines
async def test_a_task_begun_after_the_commit_stands_on_its_own(engine: Engine) -> None:
    begun: list[asyncio.Task[None]] = []

    async def later() -> None:
        await asyncio.sleep(0.02)
        await unit(lambda connection: two_rows(connection, "child"))

    async def work(connection: BaseDBAsyncClient) -> None:
        after_commit(lambda: begun.append(asyncio.create_task(later())))
        await two_rows(connection, "parent")

    await unit(work)
    await begun[0]
    assert await Number.all().count() == 4


@engines
async def test_a_task_begun_inside_a_unit_is_told_off(engine: Engine) -> None:
    begun: list[asyncio.Task[None]] = []

    async def work(connection: BaseDBAsyncClient) -> None:
        begun.append(asyncio.create_task(unit(lambda inner: two_rows(inner, "child"))))
        await two_rows(connection, "parent", pause=0.01)

    await unit(work)
    with pytest.raises(database.UnitMisused):
        await begun[0]
    assert await Number.all().count() == 2


async def test_a_begin_that_fails_gives_its_lock_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ENGINE != "sqlite":
        return  # Postgres has no such lock
    monkeypatch.setitem(database._SQLITE, "busy_timeout", "30")
    monkeypatch.setattr(database, "_RETRIES", 1)
    url = f"sqlite:///{tmp_path / 'busy.sqlite3'}"
    await upgrade(url)
    here = Database(url)
    await here.open()
    with closing(sqlite3.connect(sqlite_path(url), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(database.TransactionManagementError):
            await unit(lambda connection: two_rows(connection, "n"))
        other.execute("ROLLBACK")
    async with asyncio.timeout(5):
        await unit(lambda connection: two_rows(connection, "n"))
    await here.close()


# Several processes

COUNTING = """
import asyncio, sys
from datetime import UTC, datetime
from envelopes.records import counters, history
from envelopes.records.database import Database, unit
from envelopes.records.fields import unlock
from envelopes.keyring import KeySet

async def work(connection):
    await counters.next_number(connection, "shared")
    await history.record(connection, history.Subject.SETTINGS, 1, "counted", actor="test", at=datetime.now(UTC))

async def main():
    unlock(KeySet((("k", b"k" * 32),)))
    database = Database(sys.argv[1])
    await database.open()
    for _ in range(40):
        await unit(work)
    await database.close()

asyncio.run(main())
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stderr=subprocess.PIPE, text=True, stdout=subprocess.PIPE
    )


async def ended(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        out, err = await asyncio.to_thread(process.communicate, None, 90)
        assert process.returncode == 0, out + err


@engines
async def test_three_processes_that_read_and_then_write_lose_nothing(engine: Engine) -> None:
    await ended(*(start(COUNTING, engine.url) for _ in range(3)))
    assert (await Number.get(series="shared")).value == 120
    assert (await history.head(Subject.SETTINGS, 1))[0] == 120


# Time zones


@engines
async def test_an_instant_is_found_by_any_time_zone(engine: Engine) -> None:
    await Lease.create(name="a", holder="x", until=NOW)
    await Lease.create(name="b", holder="x", until=(NOW + timedelta(hours=1)).astimezone(JST))
    assert await Lease.filter(until__gte=NOW.astimezone(JST)).count() == 2
    assert await Lease.filter(until__gt=NOW.astimezone(JST)).count() == 1
    assert await Lease.filter(until__lt=NOW.astimezone(timezone(timedelta(hours=-7)))).count() == 0
    assert (await Lease.get(name="b")).until == NOW + timedelta(hours=1)
    assert [row.name for row in await Lease.all().order_by("until")] == ["a", "b"]


@engines
async def test_an_instant_keeps_its_microseconds(engine: Engine) -> None:
    at = NOW + timedelta(microseconds=123456)
    await Lease.create(name="a", holder="x", until=at)
    await Lease.create(name="b", holder="x", until=NOW)
    assert (await Lease.get(name="a")).until == at
    assert await Lease.filter(until__gt=NOW).count() == 1


@engines
async def test_an_instant_without_a_time_zone_is_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="time zone"):
        await Lease.create(name="a", holder="x", until=datetime(2026, 4, 1))  # noqa: DTZ001


# Closing

OPEN_AND_END = """
import asyncio, sys
from envelopes.records.database import Database
from envelopes.records.models import Number

async def main():
    database = Database(sys.argv[1])
    await database.open()
    await Number.all().count()
    await database.close()

asyncio.run(main())
"""


@engines
async def test_a_process_ends_after_closing(engine: Engine) -> None:
    process = start(OPEN_AND_END, engine.url)
    out, err = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 0, out + err


@engines
async def test_closing_from_another_context_closes(engine: Engine) -> None:
    await asyncio.create_task(engine.database.close())
    await engine.database.close()
    await engine.database.open()
    assert await Number.all().count() == 0


# Upgrades

UPGRADE = """
import asyncio, sys
from envelopes.records.database import upgrade
asyncio.run(upgrade(sys.argv[1]))
"""

NEXT = """
from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("fukan", "{newest}")]
    operations = [
        ops.AlterField(model_name=model, name=name, field=fields.CharField(max_length=333, **options))
        for model, name, options in (
            ("Envelope", "title", {{}}), ("Signer", "company", {{}}), ("Staff", "office", {{}}),
            ("Document", "title", {{}}), ("Segment", "kind", {{}}), ("Section", "code", {{"unique": True}}),
        )
    ]
"""


def empty(tmp_path: Path, postgres: Callable[[], str]) -> str:
    return postgres() if ENGINE == "postgres" else f"sqlite:///{tmp_path / 'new' / 'fukan.sqlite3'}"


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    def fresh() -> str:
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.fresh()

    return empty(tmp_path, fresh)


@engines
async def test_three_upgrades_at_once_are_one_upgrade(empty_url: str) -> None:
    await ended(*(start(UPGRADE, empty_url) for _ in range(3)))
    here = Database(empty_url)
    await here.open()
    assert await Session.all().count() == 0
    await here.close()


@engines
async def test_an_upgrade_that_has_nothing_to_do_leaves_everything(engine: Engine) -> None:
    await unit(lambda connection: two_rows(connection, "kept"))
    before = await shape(engine)
    await engine.database.close()
    await upgrade(engine.url)
    await engine.database.open()
    assert await shape(engine) == before
    assert not list(engine.directory.glob("*.before-*"))


async def shape(engine: Engine) -> tuple[dict[str, int], set[tuple[object, ...]]]:
    """Rows of every table, and every index by its columns and whether it is unique."""
    if engine.is_sqlite:
        tables = [
            row["name"] for row in await engine.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        indexes = await engine.rows(
            'SELECT m.name AS t, l."unique" AS u, (SELECT group_concat(i.name) FROM pragma_index_info(l.name) AS i)'
            " AS c FROM sqlite_master AS m JOIN pragma_index_list(m.name) AS l WHERE m.type = 'table'"
        )
    else:
        tables = [
            row["t"]
            for row in await engine.rows("SELECT tablename AS t FROM pg_tables WHERE schemaname = 'public'")
        ]
        indexes = await engine.rows(
            "SELECT indrelid::regclass::text AS t, indisunique AS u, string_agg(attname, ',' ORDER BY k.n) AS c"
            " FROM pg_index, unnest(indkey::int[]) WITH ORDINALITY AS k(num, n), pg_attribute"
            " WHERE attrelid = indrelid AND attnum = k.num AND indrelid::regclass::text !~ '^pg_'"
            " GROUP BY indexrelid, indrelid, indisunique"
        )
    counts = {}
    for table in tables:
        if table not in ("sqlite_sequence", "tortoise_migrations"):
            (row,) = await engine.rows(f'SELECT count(*) AS n FROM "{table}"')
            counts[table] = int(row["n"])
    return counts, {(row["t"], bool(row["u"]), row["c"]) for row in indexes}


@engines
async def test_a_populated_database_keeps_rows_indexes_and_uniques(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, shot = town.engine, await town.out(documents=2)
    before = await shape(engine)
    await engine.database.close()
    migrations = with_next_migration(tmp_path, monkeypatch)

    await upgrade(engine.url)

    await engine.database.open()
    assert await shape(engine) == before
    assert (await town.again(shot)).envelope.title == shot.envelope.title
    assert (await store.snapshot(id=shot.envelope.id)).signers[0].person == "髙橋 一郎"
    if engine.is_sqlite:
        (backup,) = engine.directory.glob("*.before-*")
        assert backup.name == f"fukan.sqlite3.before-upgrade.{migrations}"
        with closing(sqlite3.connect(backup)) as old:
            assert old.execute("SELECT count(*) FROM envelopes").fetchone() == (1,)


def with_next_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Pretend that the program is one release further; return the name of its migration."""
    folder = tmp_path / "next_release"
    shutil.copytree(
        Path(envelopes.migrations.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__")
    )
    newest = max(path.stem for path in folder.glob("0*.py"))
    (folder / "9999_wider.py").write_text(NEXT.format(newest=newest), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    real = database.config

    def config(url: str, **sqlite: str) -> dict[str, object]:
        made = real(url, **sqlite)
        made["apps"]["fukan"]["migrations"] = "next_release"
        return made

    monkeypatch.setattr(database, "config", config)
    return "9999_wider"


async def test_a_second_attempt_keeps_the_first_backup(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ENGINE != "sqlite":
        return  # on Postgres backups are the operator's
    await town.engine.database.close()
    name = with_next_migration(tmp_path, monkeypatch)
    backup = town.engine.directory / f"fukan.sqlite3.before-upgrade.{name}"
    backup.write_bytes(b"of the attempt that failed")
    await upgrade(town.engine.url)
    assert backup.read_bytes() == b"of the attempt that failed"


async def test_an_upgrade_that_breaks_references_says_so(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ENGINE != "sqlite":
        return  # Postgres does not let it happen
    await town.engine.database.close()
    path = sqlite_path(town.engine.url)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DELETE FROM staff")
        raw.commit()
    with pytest.raises(database.DatabaseBroken, match="foreign keys"):
        await upgrade(town.engine.url)


SQLITE_COLUMNS = """
SELECT m.name AS t, i.name AS c, lower(i.type) AS type, i."notnull" AS needed, i.dflt_value AS given, i.pk,
       f."table" AS other, f.on_delete AS ends
FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS i
LEFT JOIN pragma_foreign_key_list(m.name) AS f ON f."from" = i.name
WHERE m.type = 'table'
"""
POSTGRES_COLUMNS = """
SELECT table_name AS t, column_name AS c, data_type AS type, character_maximum_length AS size, is_nullable AS needed,
       column_default AS given, obj_description(table_name::regclass) AS said,
       col_description(table_name::regclass, ordinal_position) AS of_column,
       (SELECT string_agg(pg_get_constraintdef(oid), ' ' ORDER BY pg_get_constraintdef(oid)) FROM pg_constraint
        WHERE conrelid = table_name::regclass AND contype IN ('p', 'f')) AS bonds
FROM information_schema.columns WHERE table_schema = 'public'
"""


async def columns(engine: Engine) -> set[tuple[object, ...]]:
    """Every column of every table, with all that the database knows of it."""
    return {
        tuple(row.values())
        for row in await engine.rows(SQLITE_COLUMNS if engine.is_sqlite else POSTGRES_COLUMNS)
    }


async def migrated(url: str, *, to: str | None = None, fake: bool = False) -> None:
    """Apply the migrations up to *to*, or every one, to an empty database, or only note them as applied."""
    if url.startswith("sqlite"):
        sqlite_path(url).parent.mkdir(exist_ok=True)
    await migrate(config=database.config(url), target=to, fake=fake)
    await Tortoise.close_connections()


@engines
async def test_a_new_database_is_what_the_migrations_make(engine: Engine, empty_url: str) -> None:
    """The tables of a new one come from the models at once; an old one went every step of the way."""
    there = replace(engine, url=empty_url)
    made = (
        await columns(engine),
        await shape(engine),
        await engine.rows("SELECT name FROM tortoise_migrations"),
    )
    await engine.database.close()
    await migrated(empty_url)
    await upgrade(empty_url)
    here = Database(empty_url)
    await here.open()
    stepwise = (
        await columns(there),
        await shape(there),
        await there.rows("SELECT name FROM tortoise_migrations"),
    )
    await here.close()
    await engine.database.open()
    assert made == stepwise


@engines
async def test_the_first_releases_database_gets_what_is_missing(engine: Engine, empty_url: str) -> None:
    """Only in a new database do migrations count as done; in one that has tables each of them runs."""
    made = await columns(engine)
    await engine.database.close()
    await migrated(empty_url, to="fukan.0001_initial")
    await upgrade(empty_url)
    here = Database(empty_url)
    await here.open()
    grown = await columns(replace(engine, url=empty_url))
    await here.close()
    await engine.database.open()
    assert grown == made


@engines
async def test_tables_in_a_schema_of_the_operators_are_no_new_database(
    request: pytest.FixtureRequest,
) -> None:
    if ENGINE != "postgres":
        return  # SQLite has no schemas
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.fresh()
    plain = url.replace("asyncpg://", "postgresql://")
    connection = await asyncpg.connect(plain)
    await connection.execute(f'ALTER DATABASE "{url.rpartition("/")[2]}" SET search_path = town')
    await connection.execute("CREATE SCHEMA town")
    await connection.close()
    await migrated(url, to="fukan.0001_initial")
    await upgrade(url)
    connection = await asyncpg.connect(plain)
    assert await connection.fetchval("SELECT count(identity) FROM town.contacts") == 0
    await connection.close()


@engines
async def test_a_new_database_has_exactly_the_models(engine: Engine) -> None:
    """It has every table and column that the models name, and no other column."""
    found = {(row[0], row[1]) for row in await columns(engine)}
    wanted = {
        (model._meta.db_table, column)
        for model in Tortoise.apps["fukan"].values()
        for column in model._meta.fields_db_projection.values()
    }
    assert {(table, column) for table, column in found if table in {one for one, _ in wanted}} == wanted


@engines
async def test_a_first_upgrade_that_was_killed_is_finished_by_the_next(empty_url: str) -> None:
    """The migrations are noted before the tables are there: whatever is missing then is made."""
    await migrated(empty_url, fake=True)
    await upgrade(empty_url)
    here = Database(empty_url)
    await here.open()
    assert await Number.all().count() == 0
    await here.close()


@pytest.mark.parametrize("name", ["みほん村", "a b", "50%", "a+b", "x#y"])
async def test_a_database_may_lie_in_any_folder(tmp_path: Path, name: str) -> None:
    if ENGINE != "sqlite":
        return
    path = tmp_path / name / "fukan.sqlite3"
    url = f"sqlite:///{path}"
    await upgrade(url)
    assert path.exists()
    here = Database(url)
    await here.open()
    assert await Number.all().count() == 0
    await here.close()


@engines
async def test_numbers_are_given_out_once_and_without_gaps(engine: Engine) -> None:
    found = await asyncio.gather(
        *(unit(lambda connection: counters.next_number(connection, "n")) for _ in range(20))
    )
    assert sorted(found) == list(range(1, 21))
