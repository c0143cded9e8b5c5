"""Stored files: each is a container of ours that a row names, and nowhere lies a piece of a document.

A search for four letters such as %PDF finds them by chance once in 2³² bytes. Here every eight bytes of every content
are looked for, in all that is stored: chance would find one in a thousand million runs.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from obstore.store import LocalStore, S3Store

from envelopes.records.blobs import CHUNK, Blobs
from envelopes.records.models import File, Mail
from tests.engines import Engine, Town

pytestmark = pytest.mark.engines

PIECE = 8  # why: %PDF-1.7 and the head of an image are as long, and chance does not write them


def in_the_clear(found: Mapping[str, bytes], contents: Iterable[bytes]) -> list[str]:
    """Say of each place in *found* where a piece of *contents* lies: the file, the offset, and what it is."""
    known = {content[at : at + PIECE] for content in contents for at in range(len(content) - PIECE + 1)}
    return [
        f"{name} at {at} of {len(data)}: {data[at : at + PIECE]!r}"
        for name, data in found.items()
        for at in range(len(data) - PIECE + 1)
        if data[at : at + PIECE] in known
    ]


def stored(store: LocalStore | S3Store) -> dict[str, bytes]:
    """All that lies in *store*."""
    names = [item["path"] for batch in store.list() for item in batch]
    return {name: bytes(store.get(name).bytes()) for name in names}


def beside(engine: Engine) -> dict[str, bytes]:
    """Every other file of the installation, but its database: what stands there has a test of its own."""
    folder = engine.directory
    files = [path for path in folder.rglob("*") if path.is_file() and "fukan.sqlite3" not in path.name]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def container(size: int) -> int:
    """How long the container of a content of *size* bytes is."""
    return 7 + size + 16 * max(1, -(-size // CHUNK))


async def contents(blobs: Blobs, rows: Iterable[File]) -> dict[str, bytes]:
    """What the rows name, by the name of its file. It opens only if every byte of the container is as it was made."""
    return {blobs._name(row.ref): await blobs.get(row) for row in rows}


async def test_files_hold_nothing_in_the_clear(town: Town) -> None:
    await town.mail(b"From: =?UTF-8?B?himitsu?= <nakamura@vill-mihon.example>\r\n\r\nhimitsu-no-honbun")
    shot = await town.draft()
    assert await Mail.all().count() == 2
    rows, store = await File.all(), town.engine.files()
    plain, found = await contents(town.services.blobs, rows), stored(store)

    assert any(content.startswith(b"%PDF-") for content in plain.values())
    assert any(content.startswith(b"RIFF") for content in plain.values())
    assert any(b"himitsu-no-honbun" in content for content in plain.values())
    assert any(b"Contract for works" in content for content in plain.values())

    assert {name: len(data) for name, data in found.items()} == {
        name: container(len(content)) for name, content in plain.items()
    }
    assert in_the_clear(found, plain.values()) == []
    assert in_the_clear(beside(town.engine), plain.values()) == []
    told = [row.ref for row in rows] + [row.sha256 for row in rows] + [shot.envelope.ref]
    for name, content in plain.items():
        # What a store notes of a file by itself says as little.
        told.append(hashlib.md5(content).hexdigest())  # how S3 makes an ETag
        noted = store.get(name)
        assert set(noted.attributes) <= {"Content-Type"}
        assert not any(word in f"{noted.meta} {noted.attributes}" for word in told)
    assert not any(word in name for name in found for word in told)


@pytest.mark.parametrize("place", [0, 7, CHUNK, 3 * CHUNK - PIECE])
async def test_a_piece_in_the_clear_is_found_and_its_place_is_said(
    engine: Engine, tmp_path: Path, place: int
) -> None:
    store, data = engine.files(), bytearray(3 * CHUNK)
    data[place : place + PIECE] = b"%PDF-1.7"
    store.put("ab/left-behind", bytes(data))
    lost = [f"ab/left-behind at {place} of {len(data)}: b'%PDF-1.7'"]
    assert in_the_clear(stored(store), [b"%PDF-1.7\n1 0 obj"]) == lost
    assert in_the_clear(stored(store), [b"%PDF-1.6\n1 0 obj"]) == []
    (tmp_path / "beside").write_bytes(b"%PDF-1.7")
    assert "beside at 0 of 8: b'%PDF-1.7'" in in_the_clear(beside(engine), [b"%PDF-1.7"])
