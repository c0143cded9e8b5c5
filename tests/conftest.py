"""Fixtures that several packages share: the real servers, each started once a run and only when asked for."""

from collections.abc import Iterator

import pytest

from tests.servers.dovecot_postfix import RealPostOffice, real_post_office
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.s3 import S3Store, s3_store


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
    """A private S3 store with an empty bucket."""
    with s3_store() as store:
        yield store
