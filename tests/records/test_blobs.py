"""Encrypted files: what is altered, cut, swapped or foreign does not open."""

import hashlib
import secrets
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given, settings
from hypothesis import strategies as st

from envelopes.keyring import KeySet
from envelopes.records import blobs as blobs_module
from envelopes.records.blobs import (
    BOTH,
    CHUNK,
    BlobError,
    Blobs,
    Reader,
    Stored,
    decrypt,
    encrypt,
    record_all,
)
from envelopes.records.database import unit
from envelopes.records.models import File
from tests.engines import Clock, Engine

pytestmark = pytest.mark.engines
KEY, AAD = b"k" * 32, b"base|envelope|ref"

EDGES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7)
STEP = CHUNK + 16


# The construction


@pytest.mark.parametrize("size", EDGES)
def test_any_length_opens_as_it_was(size: int) -> None:
    data = secrets.token_bytes(size)
    sealed = encrypt(KEY, data, AAD)
    assert decrypt(KEY, sealed, AAD) == data
    assert len(sealed) == 7 + size + 16 * max(1, -(-size // CHUNK))


@given(st.binary(max_size=300))
@settings(max_examples=50)
def test_the_same_content_is_never_the_same_bytes(data: bytes) -> None:
    assert encrypt(KEY, data, AAD) != encrypt(KEY, data, AAD)


def chunks(sealed: bytes) -> tuple[bytes, list[bytes]]:
    body = sealed[7:]
    return sealed[:7], [body[i : i + STEP] for i in range(0, len(body), STEP)]


def alterations() -> list[bytes]:
    data = secrets.token_bytes(3 * CHUNK + 7)
    sealed = encrypt(KEY, data, AAD)
    head, (one, two, three, four) = chunks(sealed)
    other = chunks(encrypt(KEY, data, AAD))[1]
    flipped = [
        sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :] for n in (0, 6, 7, STEP, len(sealed) - 1)
    ]
    return [
        *flipped,
        sealed[:-1],
        sealed + b"x",
        head + one + two + three,
        head + one + two,
        head + one + three + two + four,
        head + one + one + three + four,
        head + two + three + four,
        head + one + two + three + other[3],
        head + four,
        head,
        b"",
        sealed + four,
    ]


@pytest.mark.parametrize("sealed", alterations(), ids=range(len(alterations())))
def test_flipped_cut_swapped_and_foreign_content_does_not_open(sealed: bytes) -> None:
    with pytest.raises(InvalidTag):
        decrypt(KEY, sealed, AAD)


@pytest.mark.parametrize(("key", "aad"), [(b"x" * 32, AAD), (KEY, b"text|envelope|ref"), (KEY, b"")])
def test_content_is_bound_to_key_purpose_envelope_and_reference(key: bytes, aad: bytes) -> None:
    with pytest.raises(InvalidTag):
        decrypt(key, encrypt(KEY, b"data", AAD), aad)


# The store


@pytest.fixture
def blobs(engine: Engine) -> Blobs:
    return Blobs(engine.files(), engine.keyring())


async def kept(stored: Stored) -> File:
    return await unit(lambda connection: stored.record(connection, Clock()()))


async def put(blobs: Blobs, data: bytes = b"contract", **wishes: object) -> File:
    values = {"purpose": "base", "readers": BOTH, "envelope_ref": "e" * 16} | wishes
    return await kept(await blobs.put(data, **values))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 8, 3 * CHUNK, 1_000_000])
async def test_a_file_comes_back_as_it_was(blobs: Blobs, size: int) -> None:
    data = secrets.token_bytes(size)
    file = await put(blobs, data)
    assert await blobs.get(await File.get(id=file.id)) == data
    assert (file.size, file.sha256) == (size, hashlib.sha256(data).hexdigest())


async def test_many_files_are_recorded_in_order(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs_module, "_ROWS", 3)
    stored = [await blobs.put(bytes([n]), purpose="image", readers=BOTH) for n in range(7)]
    now = datetime.now(UTC)
    ids = await unit(lambda connection: record_all(connection, stored, now))
    assert [await blobs.get(await File.get(id=one)) for one in ids] == [bytes([n]) for n in range(7)]


async def test_the_portal_reads_only_what_is_wrapped_for_it(blobs: Blobs, engine: Engine) -> None:
    portal = Blobs(engine.files(), engine.keyring(bot=False))
    assert await portal.get(await put(blobs)) == b"contract"
    with pytest.raises(BlobError, match="closed to this reader"):
        await portal.get(await put(blobs, readers=(Reader.ARCHIVE,)))
    assert await blobs.get(await put(blobs, readers=(Reader.VIEW,))) == b"contract"


async def test_only_the_bot_opens_a_file_to_the_portal_again(blobs: Blobs, engine: Engine) -> None:
    portal, file = (
        Blobs(engine.files(), engine.keyring(bot=False)),
        await put(blobs, readers=(Reader.ARCHIVE,)),
    )
    with pytest.raises(BlobError):
        portal.view_wrap(file)
    file.view_wrap = blobs.view_wrap(file)
    assert await portal.get(file) == b"contract"


async def test_a_wrap_of_another_file_opens_nothing(blobs: Blobs) -> None:
    one, other = await put(blobs), await put(blobs, b"other")
    one.view_wrap, one.archive_wrap = other.view_wrap, other.archive_wrap
    with pytest.raises(BlobError):
        await blobs.get(one)


@pytest.mark.parametrize("wrap", ["", "x", "nokey.AAAA", "{id}.", "{id}.%%%", "{id}.AAAAAAAA"])
async def test_a_broken_wrap_is_a_blob_error(blobs: Blobs, wrap: str) -> None:
    file = await put(blobs)
    file.view_wrap = wrap.format(id=blobs._keyring.view.newest[0])
    with pytest.raises(BlobError):
        await blobs.get(file)


@pytest.mark.parametrize("column", ["purpose", "envelope_ref", "ref", "sha256"])
async def test_a_row_that_was_changed_opens_nothing(blobs: Blobs, column: str) -> None:
    file = await put(blobs)
    setattr(file, column, "0" * len(getattr(file, column)))
    with pytest.raises(BlobError) as error:
        await blobs.get(file)
    assert "contract" not in str(error.value)


async def test_a_row_that_points_to_another_files_content_opens_nothing(blobs: Blobs, engine: Engine) -> None:
    one, other = await put(blobs), await put(blobs)
    store = engine.files()
    content = bytes(store.get(blobs._name(other.ref)).bytes())
    store.put(blobs._name(one.ref), content)
    with pytest.raises(BlobError):
        await blobs.get(one)
    assert await blobs.get(other) == b"contract"


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"", lambda b: bytes([b[0] ^ 1]) + b[1:]])
async def test_damage_in_the_store_is_found(blobs: Blobs, engine: Engine, damage: object) -> None:
    file, store = await put(blobs), engine.files()
    name = blobs._name(file.ref)
    store.put(name, damage(bytes(store.get(name).bytes())))  # type: ignore[operator]
    with pytest.raises(BlobError):
        await blobs.get(file)


async def test_a_file_that_is_gone_is_a_blob_error(blobs: Blobs, engine: Engine) -> None:
    file = await put(blobs)
    engine.files().delete(blobs._name(file.ref))
    with pytest.raises(BlobError, match=file.ref):
        await blobs.get(file)


async def test_a_name_is_a_keyed_hash(blobs: Blobs, engine: Engine) -> None:
    file = await put(blobs)
    names = {item["path"] for batch in engine.files().list() for item in batch}
    assert blobs._name(file.ref) in names
    foreign = replace(engine.keyring(), look_up=KeySet((("x", b"x" * 32),)))
    assert Blobs(engine.files(), foreign)._name(file.ref) != blobs._name(file.ref)


async def test_what_is_stored_is_never_written_over(blobs: Blobs) -> None:
    file = await put(blobs)
    with pytest.raises(BlobError, match="cannot store"):
        await blobs._write(blobs._name(file.ref), b"other")
    assert await blobs.get(file) == b"contract"


async def test_keys_rotate_and_old_files_still_open(engine: Engine, blobs: Blobs) -> None:
    file, ring = await put(blobs), engine.keyring()
    assert ring.archive is not None
    fresh = (("zz", b"z" * 32),)
    later = replace(
        ring,
        view=KeySet((*fresh, *ring.view.pairs)),
        archive=KeySet((*fresh, *ring.archive.pairs)),
    )
    after = Blobs(engine.files(), later)
    assert await after.get(file) == b"contract"
    new = await put(after)
    assert str(new.view_wrap).startswith("zz.")
    with pytest.raises(BlobError):
        await blobs.get(new)
