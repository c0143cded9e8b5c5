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


def test_each_fresh_bucket_is_empty(s3: S3Store) -> None:
    first, second = s3.fresh(), s3.fresh()
    put = urllib.request.Request(f"{s3.endpoint}/{first}/a", data=b"b", method="PUT")
    urllib.request.urlopen(put, timeout=10).close()
    for bucket, expected in ((first, True), (second, False)):
        with urllib.request.urlopen(f"{s3.endpoint}/{bucket}", timeout=10) as answer:
            assert (b"<Key>a</Key>" in answer.read()) is expected


def test_missing_program_is_an_error_and_no_skip(tmp_path: Path) -> None:
    with pytest.raises(ports.ServerFailed):
        ports.binary("no-such-program", str(tmp_path))
