"""Fixtures that several packages share: the real servers, each started once a run and only when asked for."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from envelopes import keyring
from envelopes.records.database import Database, sqlite_path, upgrade
from envelopes.settings import S3
from envelopes.signing import authority
from tests.engines import (
    ENGINE,
    PASSPHRASE,
    Clock,
    Engine,
    Template,
    Town,
    build_town,
    postgres_copy,
    postgres_drop,
    sqlite_copy,
    sqlite_drop,
)
from tests.servers.dovecot_postfix import RealPostOffice, real_post_office
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.s3 import S3Store, s3_store
from tests.world import World, world

# No test fails because a machine is slow.
settings.register_profile("anywhere", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("anywhere")


@pytest.fixture
def in_time() -> Iterator[None]:
    """Ten seconds of the processor are enough for the test, however long it waits for them."""
    began = time.process_time()
    yield
    assert time.process_time() - began < 10


@pytest.fixture(scope="session")
def post_office_real() -> Iterator[RealPostOffice]:
    """A private Dovecot and Postfix in which every address has a mailbox."""
    with real_post_office() as office:
        yield office


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A private PostgreSQL; `fresh()` makes an empty database in it."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: PostgresServer) -> str:
    """The URL of one empty database for the whole run."""
    return postgres.fresh()


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Store]:
    """A private S3 store; `fresh()` makes an empty bucket in it."""
    with s3_store() as store:
        yield store


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The operator's keys of the run."""
    made = tmp_path_factory.mktemp("keys")
    keyring.create(made)
    return made


@pytest.fixture(scope="session")
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """An upgraded, empty database to copy."""
    if ENGINE == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.fresh()
        asyncio.run(upgrade(url))
        return Template(copy=partial(postgres_copy, server, url), drop=partial(postgres_drop, server))
    url = f"sqlite:///{tmp_path_factory.mktemp('template') / 'fukan.sqlite3'}"
    asyncio.run(upgrade(url))
    return Template(copy=partial(sqlite_copy, sqlite_path(url)), drop=sqlite_drop)


@pytest.fixture
async def engine(
    request: pytest.FixtureRequest, template: Template, keys: Path, tmp_path: Path
) -> AsyncIterator[Engine]:
    """A fresh, upgraded database, open, and a place for files: a folder, or with Postgres a bucket."""
    database = Database(template.copy(tmp_path))
    await database.open()
    yield Engine(url=database.url, directory=tmp_path, keys=keys, s3=_bucket(request), database=database)
    await database.close()
    template.drop(database.url)


def _bucket(request: pytest.FixtureRequest) -> S3 | None:
    """A bucket of the test's own, where files lie in one: what others stored is no business of its."""
    if ENGINE != "postgres":
        return None
    server: S3Store = request.getfixturevalue("s3")
    return S3.model_validate(
        {
            "bucket": server.fresh(),
            "endpoint": server.endpoint,
            "region": server.region,
            "access_key": server.access_key,
            "secret_key": server.secret_key,
            "plain_http": True,
        }
    )


@pytest.fixture(scope="session")
def authority_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded authority with small keys, made a few days ago."""
    folder = tmp_path_factory.mktemp("authority") / "a"
    made_at = datetime.now(UTC) - timedelta(days=3)
    authority.create(
        folder,
        town="みほん村",
        public_url="http://sign.mihon.example",
        now=made_at,
        passphrase=PASSPHRASE,
        key_type="p256",
    )
    return folder


@pytest.fixture
async def town(engine: Engine, authority_folder: Path) -> Town:
    """みほん村 at the present moment, its contractors registered a day ago."""
    return await build_town(engine, authority_folder, Clock(datetime.now(UTC) - timedelta(hours=25)))


@pytest.fixture
async def service(request: pytest.FixtureRequest, template: Template, tmp_path: Path) -> AsyncIterator[World]:
    """A whole service with the demo's post office, on the engine of the run; what it wrote at the start is sent."""
    url = template.copy(tmp_path)
    async with world(tmp_path, database_url=url, s3=_bucket(request)) as made:
        await made.drain()
        yield made
    template.drop(url)


@pytest.fixture(scope="session")
def hsm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tokens of this run lie."""
    return tmp_path_factory.mktemp("hsm")
