"""The demo's mailboxes in one SQLite file: who has which folders, and the mails in them.

Knows owners, folders, UIDs and flags; speaks neither SMTP nor IMAP. Everything is synchronous: a statement
takes microseconds, and one process holds the file.
"""

import asyncio
import re
import sqlite3
from base64 import b64decode
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Final, NamedTuple

from fukan.demo.reading import decoded

INBOX: Final = "INBOX"
_HEAD_BYTES: Final = 65536  # why: enough for any real head, and the list needs two fields of it
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS folders (
    id INTEGER PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL,
    uidnext INTEGER NOT NULL DEFAULT 1, uidvalidity INTEGER NOT NULL, UNIQUE (owner, name));
CREATE TABLE IF NOT EXISTS mails (
    id INTEGER PRIMARY KEY AUTOINCREMENT, folder INTEGER NOT NULL REFERENCES folders, uid INTEGER NOT NULL,
    flags TEXT NOT NULL, at REAL NOT NULL, subject TEXT NOT NULL, author TEXT NOT NULL,
    size INTEGER NOT NULL, raw BLOB NOT NULL, UNIQUE (folder, uid));
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One address and how many mails it has, in all its folders."""

    address: str
    count: int
    newest_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSummary:
    """One line of a list of mails. `size` is in bytes, `folder` as people write it."""

    id: int
    subject: str
    author: str
    at: datetime
    size: int
    folder: str


class Folder(NamedTuple):
    """A folder as IMAP sees it; `name` is in modified UTF-7, as it came."""

    id: int
    name: str
    uidnext: int
    uidvalidity: int


class Entry(NamedTuple):
    """A mail in a folder, without its bytes."""

    uid: int
    flags: frozenset[str]
    at: datetime
    size: int


class Mailboxes:
    """The file. `watch` tells who waits that something has changed."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._watchers: set[asyncio.Event] = set()
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    # What the pages read

    def mailboxes(self) -> list[Mailbox]:
        """Return every address that has a mail, the one written to last first."""
        rows = self._db.execute(
            "SELECT owner, count(*), max(at) FROM mails JOIN folders ON folders.id = folder"
            " GROUP BY owner ORDER BY max(at) DESC"
        )
        return [Mailbox(address=owner, count=count, newest_at=_moment(at)) for owner, count, at in rows]

    def mails(self, address: str) -> list[MailSummary]:
        """Return the mails of *address* in all its folders, newest first."""
        rows = self._db.execute(
            "SELECT mails.id, subject, author, at, size, name FROM mails JOIN folders ON folders.id = folder"
            " WHERE owner = ? ORDER BY at DESC, mails.id DESC",
            (owner_of(address),),
        )
        return [
            MailSummary(
                id=id_, subject=subject, author=author, at=_moment(at), size=size, folder=_shown(name)
            )
            for id_, subject, author, at, size, name in rows
        ]

    def mail(self, mail_id: int) -> bytes | None:
        """Return the whole mail *mail_id*, or None."""
        row = self._db.execute("SELECT raw FROM mails WHERE id = ?", (mail_id,)).fetchone()
        return row[0] if row else None

    # Folders

    def folders(self, owner: str) -> list[Folder]:
        """Return the folders of *owner*; INBOX is always there."""
        self.folder(owner, INBOX)
        rows = self._db.execute(
            "SELECT id, name, uidnext, uidvalidity FROM folders WHERE owner = ? ORDER BY id", (owner,)
        )
        return [Folder(*row) for row in rows]

    def folder(self, owner: str, name: str) -> Folder | None:
        """Return the folder *name* of *owner*, or None; INBOX, in any case, is made when missing."""
        if name.upper() == INBOX:
            name = INBOX
            self._insert_folder(owner, name)
        row = self._db.execute(
            "SELECT id, name, uidnext, uidvalidity FROM folders WHERE owner = ? AND name = ?", (owner, name)
        ).fetchone()
        return Folder(*row) if row else None

    def create(self, owner: str, name: str) -> bool:
        """Make the folder *name*; False when it was there."""
        return name.upper() != INBOX and self._insert_folder(owner, name)

    # Mails in a folder

    def add(self, owner: str, raw: bytes, *, folder: str = INBOX, flags: Iterable[str] = ()) -> int:
        """Put *raw* into a folder of *owner*, which must exist, and return its UID."""
        place = self.folder(owner, folder)
        if place is None:
            raise KeyError(folder)
        subject, author = _heading(raw)
        kept = " ".join(sorted(flags))
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            (uid,) = self._next_uids(place.id, 1)
            self._db.execute(
                "INSERT INTO mails (folder, uid, flags, at, subject, author, size, raw)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (place.id, uid, kept, _now(), subject, author, len(raw), raw),
            )
        self._changed()
        return uid

    def entries(self, folder: int) -> list[Entry]:
        """Return the mails of the folder with the id *folder*, ascending by UID."""
        rows = self._db.execute(
            "SELECT uid, flags, at, size FROM mails WHERE folder = ? ORDER BY uid", (folder,)
        )
        return [Entry(uid, frozenset(flags.split()), _moment(at), size) for uid, flags, at, size in rows]

    def raw(self, folder: int, uid: int) -> bytes | None:
        """Return the bytes of one mail, or None when it has gone."""
        row = self._db.execute("SELECT raw FROM mails WHERE folder = ? AND uid = ?", (folder, uid)).fetchone()
        return row[0] if row else None

    def flag(self, folder: int, uid: int, flags: Iterable[str]) -> None:
        """Replace the flags of one mail."""
        self._db.execute(
            "UPDATE mails SET flags = ? WHERE folder = ? AND uid = ?", (" ".join(sorted(flags)), folder, uid)
        )

    def copy(self, source: int, uids: Sequence[int], target: int) -> list[int]:
        """Copy mails to the folder *target*; return their new UIDs in the order of *uids*."""
        return self._transfer(
            "INSERT INTO mails (folder, uid, flags, at, subject, author, size, raw)"
            " SELECT ?, ?, flags, at, subject, author, size, raw FROM mails WHERE folder = ? AND uid = ?",
            source,
            uids,
            target,
        )

    def move(self, source: int, uids: Sequence[int], target: int) -> list[int]:
        """Move mails to the folder *target*; return their new UIDs in the order of *uids*."""
        return self._transfer(
            "UPDATE mails SET folder = ?, uid = ? WHERE folder = ? AND uid = ?", source, uids, target
        )

    def remove(self, folder: int, uids: Iterable[int]) -> None:
        """Delete mails for good."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "DELETE FROM mails WHERE folder = ? AND uid = ?", ((folder, u) for u in uids)
            )
        self._changed()

    # Waiting

    def watch(self) -> asyncio.Event:
        """Return an event that is set at each change until `unwatch`."""
        event = asyncio.Event()
        self._watchers.add(event)
        return event

    def unwatch(self, event: asyncio.Event) -> None:
        self._watchers.discard(event)

    def _changed(self) -> None:
        for event in self._watchers:
            event.set()

    def _insert_folder(self, owner: str, name: str) -> bool:
        cursor = self._db.execute(
            "INSERT OR IGNORE INTO folders (owner, name, uidvalidity) VALUES (?, ?, ?)",
            (owner, name, int(_now())),
        )
        return cursor.rowcount == 1

    def _next_uids(self, folder: int, count: int) -> range:
        query = "UPDATE folders SET uidnext = uidnext + ? WHERE id = ? RETURNING uidnext"
        ((end,),) = self._db.execute(query, (count, folder)).fetchall()
        return range(end - count, end)

    def _transfer(self, statement: str, source: int, uids: Sequence[int], target: int) -> list[int]:
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            new = list(self._next_uids(target, len(uids)))
            pairs = zip(uids, new, strict=True)
            self._db.executemany(statement, ((target, fresh, source, old) for old, fresh in pairs))
        self._changed()
        return new


def owner_of(address: str) -> str:
    """Return whose mailbox *address* is: `+detail` folds into one, and case does not matter."""
    local, _, domain = address.rpartition("@")
    box = local.strip('"').partition("+")[0]
    return f"{box}@{domain}".lower()


def _now() -> float:
    return datetime.now(UTC).timestamp()


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _heading(raw: bytes) -> tuple[str, str]:
    """Return subject and author of a mail, as people write them."""
    head = BytesHeaderParser().parsebytes(raw[:_HEAD_BYTES])
    return decoded(head.get("Subject")), decoded(head.get("From"))


def _shown(name: str) -> str:
    """Return a folder's name out of modified UTF-7 (RFC 3501 5.1.3)."""
    return re.sub(r"&([^-]*)-", _unshifted, name)


def _unshifted(run: re.Match[str]) -> str:
    if not run[1]:
        return "&"
    coded = run[1].replace(",", "/")
    with suppress(ValueError):
        return b64decode(coded + "=" * (-len(coded) % 4)).decode("utf-16-be")
    return run[0]
