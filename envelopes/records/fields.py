"""Encrypted columns and their look-up hashes; instants in UTC.

What a person could be recognised by is sealed with AES-256-GCM under the operator's `field` key; table and column are
authenticated with it, so a value cannot be moved to another column. Where such a value must be found again, a keyed
hash of its normal form stands beside it.
"""

import base64
import hmac
import secrets
from contextvars import ContextVar
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tortoise import fields
from tortoise.models import Model

from envelopes.keyring import KeySet
from envelopes.rules.errors import FukanError

_NONCE: Final = 12
# Begins every sealed value. A control character, which no text that a person enters keeps.
_MARK: Final = "\x1f"


class FieldUnreadable(FukanError):
    """A sealed column does not open: another key, or altered. Names the column, never the value."""


class Cipher:
    """Seals and opens column values."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    def seal(self, text: str, column: str) -> str:
        """Return mark, key id, dot, base64(nonce ‖ ciphertext)."""
        key_id, key = self._keys.newest
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + AESGCM(key).encrypt(nonce, text.encode(), column.encode())
        return f"{_MARK}{key_id}.{base64.b64encode(sealed).decode()}"

    def open(self, value: str, column: str) -> str:
        """Return what was sealed, or raise FieldUnreadable."""
        if not value.startswith(_MARK):
            raise FieldUnreadable(column)
        key_id, _, body = value.removeprefix(_MARK).partition(".")
        try:
            sealed = _bytes(body)
            key = AESGCM(self._keys.get(key_id))
            return key.decrypt(sealed[:_NONCE], sealed[_NONCE:], column.encode()).decode()
        except (InvalidTag, ValueError, FukanError):
            raise FieldUnreadable(column) from None


def _bytes(body: str) -> bytes:
    """Read base64 as it was written, or raise ValueError: its last letter has bits that decoders pass over."""
    sealed = base64.b64decode(body, validate=True)
    if base64.b64encode(sealed).decode() != body:
        raise ValueError
    return sealed


class _Lock:
    """The cipher of this process. Columns have no other way to reach a key than one shared place."""

    cipher: Cipher | None = None


def unlock(keys: KeySet) -> None:
    """Give the sealed columns of this process their key. Until then they refuse to be read or written."""
    _Lock.cipher = Cipher(keys)


def _cipher(column: str) -> Cipher:
    if _Lock.cipher is None:
        raise FieldUnreadable(column)
    return _Lock.cipher


_assigning: ContextVar[bool] = ContextVar("fukan_assigning", default=False)


class Row(Model):
    """Root of all tables. Tells values that are assigned in Python from values that the database holds."""

    class Meta:
        abstract = True

    def __init__(self, **values: Any) -> None:
        token = _assigning.set(True)
        try:
            super().__init__(**values)
        finally:
            _assigning.reset(token)


class Sealed(fields.TextField):
    """A text column that is encrypted in the database and plain in Python."""

    @property
    def _column(self) -> str:
        return f"{self.model._meta.db_table}.{self.model_field_name}"  # noqa: SLF001 -- tortoise's own name for it

    def to_db_value(self, value: Any, instance: Any) -> Any:  # noqa: ARG002 -- tortoise's signature
        if value is None:
            return None
        return _cipher(self._column).seal(value, self._column)

    def to_python_value(self, value: Any) -> Any:
        # What the database holds must be sealed: plain text there was written by somebody without the key.
        if value is None or _assigning.get():
            return value
        return _cipher(self._column).open(value, self._column)


class Utc(fields.DatetimeField[datetime]):
    """An instant. SQLite compares text, so every value is written in UTC."""

    def to_python_value(self, value: Any) -> Any:
        # Tortoise would take a naive value for UTC; it is a mistake of the program, mostly by nine hours.
        return super().to_python_value(_aware(value) if isinstance(value, datetime) else value)

    def to_db_value(self, value: Any, instance: Any) -> Any:
        if isinstance(value, datetime):
            value = _aware(value).astimezone(UTC)
        return super().to_db_value(value, instance)


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("an instant without a time zone")
    return value


def sealed(**options: Any) -> Any:
    """Declare an encrypted text column. Checkers see the annotation beside it: text in, text out."""
    return Sealed(**options)


def utc(**options: Any) -> Any:
    """Declare an instant. Checkers see the annotation beside it."""
    return Utc(**options)


def look_up(keys: KeySet, kind: str, value: str) -> str:
    """Return the keyed hash by which *value* is found again. This key does not rotate: the oldest is used."""
    return hmac.new(keys.oldest, f"{kind}:{value}".encode(), sha256).hexdigest()
