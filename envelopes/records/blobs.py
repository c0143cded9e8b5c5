"""Immutable encrypted files in a folder or a bucket.

Each file has a data key of its own. Content is AES-256-GCM in the STREAM construction (64 KiB chunks; nonce = 7
random bytes ‖ 4-byte counter ‖ last flag), bound to purpose, envelope and reference. The data key is wrapped
(AES-KWP, RFC 5649) once for each reader: `view` for what the portal shows, `archive` for what only the bot keeps.
Names in the store are keyed hashes of the reference; a plain hash of a contract never leaves the database.
"""

import asyncio
import base64
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
    aes_key_wrap_with_padding,
)
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, S3Store
from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.keyring import KeyMissing, Keyring, KeySet
from envelopes.records.fields import look_up
from envelopes.records.models import File
from envelopes.rules.errors import FukanError
from envelopes.rules.tokens import REF_BYTES, ref_from

CHUNK: Final = 64 * 1024
_TAG: Final = 16
_PREFIX: Final = 7
_OFF_LOOP: Final = 256 * 1024  # larger contents are encrypted in a thread
_TIMEOUT: Final = timedelta(seconds=30)
_ROWS: Final = 500  # rows of a statement: databases limit the values in one


class BlobError(FukanError):
    """A stored file is missing, altered or closed to this reader. Names the reference only."""


class Reader(StrEnum):
    """Who may open a file."""

    VIEW = "view"
    ARCHIVE = "archive"


BOTH: Final = (Reader.VIEW, Reader.ARCHIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file that is in the store and has no row yet: `record` it in the transaction that needs it."""

    ref: str
    purpose: str
    envelope_ref: str
    size: int
    sha256: str
    view_wrap: str | None
    archive_wrap: str | None

    async def record(self, connection: BaseDBAsyncClient, now: datetime) -> File:
        """Insert the row."""
        row = self.row(now)
        await row.save(using_db=connection)
        return row

    def row(self, now: datetime) -> File:
        """The row, which is not inserted yet."""
        return File(
            ref=self.ref,
            purpose=self.purpose,
            envelope_ref=self.envelope_ref,
            size=self.size,
            sha256=self.sha256,
            view_wrap=self.view_wrap,
            archive_wrap=self.archive_wrap,
            created_at=now,
        )


async def record_all(connection: BaseDBAsyncClient, files: Sequence[Stored], now: datetime) -> Sequence[int]:
    """Insert the rows of many files in a few statements. Returns their ids, in order."""
    ids: dict[str, int] = {}
    for at in range(0, len(files), _ROWS):
        some = files[at : at + _ROWS]
        await File.bulk_create([one.row(now) for one in some], using_db=connection)
        rows = File.filter(ref__in=[one.ref for one in some]).using_db(connection)
        ids.update(await rows.values_list("ref", "id"))
    return [ids[one.ref] for one in files]


def _aad(purpose: str, envelope_ref: str, ref: str) -> bytes:
    return f"{purpose}|{envelope_ref}|{ref}".encode()


def encrypt(key: bytes, data: bytes, aad: bytes) -> bytes:
    """Return prefix ‖ chunks."""
    cipher, prefix, view = AESGCM(key), secrets.token_bytes(_PREFIX), memoryview(data)
    count = max(1, -(-len(data) // CHUNK))
    chunks = [
        cipher.encrypt(_nonce(prefix, i, last=i == count - 1), bytes(view[i * CHUNK : (i + 1) * CHUNK]), aad)
        for i in range(count)
    ]
    return b"".join([prefix, *chunks])


def decrypt(key: bytes, data: bytes, aad: bytes) -> bytes:
    """Return the plain bytes, or raise InvalidTag for any flipped, cut, swapped or foreign content."""
    if len(data) < _PREFIX + _TAG:
        raise InvalidTag
    prefix, view, cipher = data[:_PREFIX], memoryview(data)[_PREFIX:], AESGCM(key)
    step = CHUNK + _TAG
    count = max(1, -(-len(view) // step))
    plain = _room(len(view) - count * _TAG)
    for i in range(count):
        sealed = bytes(view[i * step : (i + 1) * step])
        plain.write(cipher.decrypt(_nonce(prefix, i, last=i == count - 1), sealed, aad))
    return plain.getvalue()


def _room(length: int) -> BytesIO:
    """Return a buffer of *length* bytes, to be written over: a growing one, or joined chunks, would lie there twice."""
    made = BytesIO()
    if length > 0:
        made.seek(length - 1)
        made.write(b"\0")
        made.seek(0)
    return made


def _nonce(prefix: bytes, index: int, *, last: bool) -> bytes:
    return prefix + index.to_bytes(4) + bytes([last])


def _wrap(keys: KeySet, data_key: bytes) -> str:
    key_id, key = keys.newest
    return f"{key_id}.{base64.b64encode(aes_key_wrap_with_padding(key, data_key)).decode()}"


def _unwrap(keys: KeySet, wrapped: str) -> bytes:
    key_id, _, body = wrapped.partition(".")
    return aes_key_unwrap_with_padding(keys.get(key_id), base64.b64decode(body))


class Blobs:
    """The store of this process, with the keys it may use."""

    def __init__(self, store: LocalStore | S3Store, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring
        self._folder = Path(store.prefix) if isinstance(store, LocalStore) and store.prefix else None

    def _keys(self, reader: Reader) -> KeySet:
        keys = self._keyring.view if reader is Reader.VIEW else self._keyring.archive
        if keys is None:
            raise KeyMissing("keys/bot/archive")
        return keys

    def _name(self, ref: str) -> str:
        digest = look_up(self._keyring.look_up, "blob", ref)
        return f"{digest[:2]}/{digest}"

    async def put(
        self, data: bytes, *, purpose: str, readers: Iterable[Reader], envelope_ref: str = ""
    ) -> Stored:
        """Encrypt and store *data*; durable when this returns."""
        ref, key = ref_from(secrets.token_bytes(REF_BYTES)), secrets.token_bytes(32)
        wraps = {reader: _wrap(self._keys(reader), key) for reader in readers}
        sealed = await _off_loop(len(data), encrypt, key, data, _aad(purpose, envelope_ref, ref))
        await self._write(self._name(ref), sealed)
        return Stored(
            ref=ref,
            purpose=purpose,
            envelope_ref=envelope_ref,
            size=len(data),
            sha256=sha256(data).hexdigest(),
            view_wrap=wraps.get(Reader.VIEW),
            archive_wrap=wraps.get(Reader.ARCHIVE),
        )

    async def _write(self, name: str, sealed: bytes) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT.total_seconds()):
                await self._store.put_async(name, sealed, mode="create")
        except (BaseError, TimeoutError) as error:
            raise BlobError(f"cannot store: {type(error).__name__}") from None
        if self._folder is not None:
            await asyncio.to_thread(_sync, self._folder / name)

    async def get(self, file: File) -> bytes:
        """Return the plain bytes of *file*, checked against its hash. Raises BlobError."""
        key = self._open(file)
        try:
            sealed = await self._read(self._name(file.ref), file.size)
            aad = _aad(file.purpose, file.envelope_ref, file.ref)
            data = await _off_loop(len(sealed), decrypt, key, sealed, aad)
        except (BaseError, NotFoundError, OSError, TimeoutError, InvalidTag) as error:
            raise BlobError(f"file {file.ref}: {type(error).__name__}") from None
        if sha256(data).hexdigest() != file.sha256:
            raise BlobError(f"file {file.ref}: hash differs")
        return data

    async def _read(self, name: str, size: int) -> bytes:
        if self._folder is not None and size <= _OFF_LOOP:
            # Two ways to a thread and back cost more than such a file.
            return (self._folder / name).read_bytes()
        async with asyncio.timeout(_TIMEOUT.total_seconds()):
            answer = await self._store.get_async(name)
            return bytes(await answer.bytes_async())

    async def remove(self, ref: str) -> None:
        """Remove the bytes called *ref*; gone already is as good. Raises BlobError."""
        try:
            async with asyncio.timeout(_TIMEOUT.total_seconds()):
                await self._store.delete_async(self._name(ref))
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, TimeoutError) as error:
            raise BlobError(f"cannot remove: {type(error).__name__}") from None

    def _open(self, file: File) -> bytes:
        wraps = [(self._keyring.view, file.view_wrap), (self._keyring.archive, file.archive_wrap)]
        for keys, wrapped in wraps:
            if keys is not None and wrapped is not None:
                try:
                    return _unwrap(keys, wrapped)
                except (InvalidUnwrap, KeyMissing, ValueError):
                    raise BlobError(f"file {file.ref}: data key altered") from None
        raise BlobError(f"file {file.ref}: closed to this reader")

    def view_wrap(self, file: File) -> str:
        """Return the wrap that opens *file* to the portal again. Only the bot can make it."""
        return _wrap(self._keys(Reader.VIEW), self._open(file))


def _sync(path: Path) -> None:
    for place in (path, path.parent, path.parent.parent):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


async def _off_loop(size: int, function: Callable[..., bytes], *args: Any) -> bytes:
    return await asyncio.to_thread(function, *args) if size > _OFF_LOOP else function(*args)
