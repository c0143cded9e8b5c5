"""The test servers themselves: they start, answer and leave nothing behind."""

import urllib.request
from pathlib import Path

import asyncpg
import pytest

from tests.servers import ports
from tests.servers.postgres import PostgresServer
from tests.servers.s3 import S3Store


async def test_each_fresh_database_is_empty(postgres: PostgresServer) -> None:
    first, second = postgres.fresh(), postgres.fresh()
    assert first != second
    connection = await asyncpg.connect(first.replace("asyncpg://", "postgresql://"))
    await connection.execute("CREATE TABLE t (n integer)")
    await connection.close()
    other = await asyncpg.connect(second.replace("asyncpg://", "postgresql://"))
    assert await other.fetchval("SELECT to_regclass('t')") is None
    await other.close()


def test_bucket_is_there(s3: S3Store) -> None:
    with urllib.request.urlopen(f"{s3.endpoint}/{s3.bucket}", timeout=10) as answer:
        assert b"ListBucketResult" in answer.read()


def test_missing_program_is_an_error_and_no_skip(tmp_path: Path) -> None:
    with pytest.raises(ports.ServerFailed):
        ports.binary("no-such-program", str(tmp_path))
