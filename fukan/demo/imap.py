"""A small IMAP4rev1 server over the demo's mailboxes (RFC 3501, with IDLE, MOVE, UIDPLUS, LITERAL+).

`COMMANDS` is the table of what it can do. It leaves out ENVELOPE and BODYSTRUCTURE, SEARCH by date, EXAMINE,
RENAME and STARTTLS: the bot asks for none of them, and for people there are the pages.
"""

import asyncio
import hmac
import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from email.parser import BytesHeaderParser
from enum import IntEnum
from typing import Any, Final, NamedTuple

from fukan.demo.imap_syntax import (
    Argument,
    Bad,
    Command,
    Line,
    TooBig,
    members,
    parse,
    read_line,
    word,
    words,
)
from fukan.demo.mailboxes import Entry, Folder, Mailboxes, owner_of

CAPABILITIES: Final = "IMAP4rev1 IDLE MOVE UIDPLUS LITERAL+ UNSELECT AUTH=PLAIN SASL-IR"
FLAGS: Final = r"\Answered \Flagged \Deleted \Seen \Draft"
LINE_BYTES: Final = 1024 * 1024  # why: a set of some ten thousand UIDs still fits

_MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_FLAG_KEYS: Final = {name.lstrip("\\").upper(): name for name in FLAGS.split()}
_MACROS: Final = {"FAST": ["FLAGS", "INTERNALDATE", "RFC822.SIZE"]}
_SECTION: Final = re.compile(r"BODY(\.PEEK)?\[([^\]]*)\](?:<(\d+)\.(\d+)>)?", re.IGNORECASE)
_OLD_SECTIONS: Final = {"RFC822": "", "RFC822.HEADER": "HEADER", "RFC822.TEXT": "TEXT"}


class _No(Exception):
    """The command is understood and refused; the text begins with a response code."""


class _Bye(Exception):
    """The client has taken leave."""


class _Login(IntEnum):
    """How far a session must have come for a command."""

    ANY = 0
    USER = 1
    FOLDER = 2


class ImapServer:
    """Accepts connections; every address is a user, all with one password."""

    def __init__(self, boxes: Mailboxes, password: str) -> None:
        self._boxes = boxes
        self._password = password
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen and return the port."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=LINE_BYTES)
        return int(self._server.sockets[0].getsockname()[1])

    def kick(self) -> None:
        """Drop every connection, as a server in trouble does."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
        self.kick()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await _Session(self._boxes, self._password, reader, writer).run()
        except asyncio.CancelledError:
            writer.transport.abort()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # the client has gone, or speaks something else
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


class _Session:
    """One connection: who is logged in, which folder is open and what the client knows of it."""

    def __init__(
        self, boxes: Mailboxes, password: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.boxes = boxes
        self.reader = reader
        self.writer = writer
        self.owner = ""
        self.folder: Folder | None = None
        self._password = password
        # The UIDs the client was told of; their positions are its sequence numbers (RFC 3501 2.3.1.2).
        self._known: list[int] = []

    async def run(self) -> None:
        """Answer commands until the client leaves."""
        self.tell("OK [CAPABILITY " + CAPABILITIES + "] ready")
        with suppress(_Bye, TooBig):
            while True:
                await self.writer.drain()
                await self._answer(await read_line(self.reader, self.writer))
        await self.writer.drain()

    async def _answer(self, line: Line) -> None:
        try:
            text = await self._run(parse(line))
        except _No as refusal:
            text = f"NO {refusal}"
        except Bad as fault:
            text = f"BAD {fault}"
        except _Bye:
            self._send(f"{line.tag} OK bye")
            raise
        self._send(f"{line.tag} {text}")

    async def _run(self, command: Command) -> str:
        row = (UID_COMMANDS if command.by_uid else COMMANDS).get(command.name)
        if row is None:
            raise Bad("unknown command")
        if self.level < row.level:
            raise Bad("not in this state")
        try:
            text = await row.run(self, command)
        except (IndexError, ValueError):
            raise Bad("arguments are missing or wrong") from None
        # RFC 3501 7.4.1: positions must not change under a command that uses them.
        if command.by_uid or command.name not in {"FETCH", "STORE", "SEARCH"}:
            self.catch_up()
        return text or "OK done"

    @property
    def level(self) -> _Login:
        if self.folder is not None:
            return _Login.FOLDER
        return _Login.USER if self.owner else _Login.ANY

    def tell(self, text: str) -> None:
        """Send an untagged response."""
        self._send(f"* {text}")

    def tell_bytes(self, text: bytes) -> None:
        """Send an untagged response that may hold literals."""
        self.writer.write(b"* " + text + b"\r\n")

    def _send(self, line: str) -> None:
        self.writer.write(line.encode("utf-8") + b"\r\n")

    def log_in(self, user: str, password: str) -> None:
        """Take *user* as the owner of the mailboxes to come."""
        if not hmac.compare_digest(password.encode(), self._password.encode()):
            raise _No("[AUTHENTICATIONFAILED] wrong name or password")
        self.owner = owner_of(user)

    def open(self, folder: Folder | None) -> list[Entry]:
        """Make *folder* the open one; return what is in it."""
        self.folder = folder
        entries = self.entries() if folder else []
        self._known = [entry.uid for entry in entries]
        return entries

    @property
    def here(self) -> Folder:
        """The open folder."""
        if self.folder is None:
            raise Bad("no folder is open")
        return self.folder

    def entries(self) -> list[Entry]:
        """Return what is in the open folder now."""
        return self.boxes.entries(self.here.id)

    def named(self, argument: Argument, missing: str = "NONEXISTENT") -> Folder:
        """Return the folder that *argument* names, or refuse with the response code *missing*."""
        found = self.boxes.folder(self.owner, word(argument))
        if found is None:
            raise _No(f"[{missing}] no such folder")
        return found

    def catch_up(self) -> None:
        """Tell the client what has gone and come since it was last told."""
        if self.folder is None:
            return
        now = [entry.uid for entry in self.entries()]
        there = set(now)
        for position in range(len(self._known), 0, -1):
            if self._known[position - 1] not in there:
                self.tell(f"{position} EXPUNGE")
                del self._known[position - 1]
        if len(now) > len(self._known):
            self.tell(f"{len(now)} EXISTS")
        self._known = now

    def position(self, uid: int) -> int:
        """Return the sequence number of *uid*."""
        return self._known.index(uid) + 1

    def picked(self, argument: Argument, *, by_uid: bool) -> list[Entry]:
        """Return the mails that a sequence set names and that are still there."""
        if by_uid:
            self.catch_up()
        uids = self.uids(word(argument), by_uid=by_uid)
        return [entry for entry in self.entries() if entry.uid in uids]

    def uids(self, text: str, *, by_uid: bool) -> set[int]:
        """Return the UIDs a sequence set names, as far as the client knows them."""
        if by_uid:
            return members(text, self._known)
        positions = list(range(1, len(self._known) + 1))
        return {self._known[position - 1] for position in members(text, positions)}


# Commands: each takes the session and the command and returns the tagged answer, None for "OK done".


async def _capability(session: _Session, _: Command) -> None:
    session.tell(f"CAPABILITY {CAPABILITIES}")


async def _noop(_session: _Session, _: Command) -> None:
    """Do nothing: the news goes out after every command."""


async def _logout(session: _Session, _: Command) -> None:
    session.tell("BYE until next time")
    raise _Bye


async def _login(session: _Session, command: Command) -> None:
    user, password = command.arguments
    session.log_in(word(user), word(password))


async def _authenticate(session: _Session, command: Command) -> None:
    """SASL PLAIN (RFC 4616), with the initial response or without."""
    mechanism, *initial = command.arguments
    if word(mechanism).upper() != "PLAIN":
        raise _No("[CANNOT] only PLAIN")
    coded = word(initial[0]).encode() if initial else await _continued(session)
    _, user, password = b64decode(coded).decode("utf-8").split("\0")
    session.log_in(user, password)


async def _continued(session: _Session) -> bytes:
    session.writer.write(b"+ \r\n")
    await session.writer.drain()
    return (await session.reader.readuntil(b"\r\n")).strip()


async def _list(session: _Session, _: Command) -> None:
    for folder in session.boxes.folders(session.owner):
        session.tell(f'LIST () "/" "{folder.name}"')


async def _create(session: _Session, command: Command) -> None:
    if not session.boxes.create(session.owner, word(command.arguments[0])):
        raise _No("[ALREADYEXISTS] the folder is there")


async def _status(session: _Session, command: Command) -> None:
    folder = session.named(command.arguments[0])
    entries = session.boxes.entries(folder.id)
    figures = {
        "MESSAGES": len(entries),
        "RECENT": 0,
        "UIDNEXT": folder.uidnext,
        "UIDVALIDITY": folder.uidvalidity,
        "UNSEEN": sum(r"\Seen" not in entry.flags for entry in entries),
    }
    wanted = [name for name in words(command.arguments[1]) if name.upper() in figures]
    shown = " ".join(f"{name.upper()} {figures[name.upper()]}" for name in wanted)
    session.tell(f'STATUS "{folder.name}" ({shown})')


async def _select(session: _Session, command: Command) -> str:
    session.open(None)
    folder = session.named(command.arguments[0])
    entries = session.open(folder)
    session.tell(f"FLAGS ({FLAGS})")
    session.tell(rf"OK [PERMANENTFLAGS ({FLAGS} \*)] kept")
    session.tell(f"{len(entries)} EXISTS")
    session.tell("0 RECENT")
    session.tell(f"OK [UIDVALIDITY {folder.uidvalidity}] for ever")
    session.tell(f"OK [UIDNEXT {folder.uidnext}] next")
    return "OK [READ-WRITE] open"


async def _append(session: _Session, command: Command) -> str:
    name, *options, raw = command.arguments
    folder = session.named(name, "TRYCREATE")
    flags = [flag for option in options if isinstance(option, list) for flag in words(option)]
    if isinstance(raw, list):
        raise Bad("a mail is wanted")
    uid = session.boxes.add(session.owner, raw, folder=folder.name, flags=flags)
    return f"OK [APPENDUID {folder.uidvalidity} {uid}] kept"


async def _close(session: _Session, _: Command) -> None:
    _remove_deleted(session, session.entries())
    session.open(None)


async def _unselect(session: _Session, _: Command) -> None:
    session.open(None)


async def _expunge(session: _Session, command: Command) -> None:
    if command.by_uid:
        _remove_deleted(session, session.picked(command.arguments[0], by_uid=True))
    else:
        _remove_deleted(session, session.entries())


def _remove_deleted(session: _Session, entries: Iterable[Entry]) -> None:
    session.boxes.remove(session.here.id, [entry.uid for entry in entries if r"\Deleted" in entry.flags])


async def _copy(session: _Session, command: Command) -> str | None:
    return _transfer(session, command, session.boxes.copy)


async def _move(session: _Session, command: Command) -> None:
    # RFC 6851 4.3: the new UIDs are told untagged, before the mails vanish.
    if answer := _transfer(session, command, session.boxes.move):
        session.tell(answer)


def _transfer(
    session: _Session, command: Command, transfer: Callable[[int, list[int], int], list[int]]
) -> str | None:
    target = session.named(command.arguments[1], "TRYCREATE")
    old = [entry.uid for entry in session.picked(command.arguments[0], by_uid=command.by_uid)]
    if not old:
        return None
    new = transfer(session.here.id, old, target.id)
    return f"OK [COPYUID {target.uidvalidity} {_comma(old)} {_comma(new)}] done"


def _comma(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


async def _store(session: _Session, command: Command) -> None:
    entries = session.picked(command.arguments[0], by_uid=command.by_uid)
    operation = word(command.arguments[1]).upper()
    named = frozenset(flag for argument in command.arguments[2:] for flag in words(argument))
    for entry in entries:
        flags = _changed_flags(entry.flags, operation, named)
        session.boxes.flag(session.here.id, entry.uid, flags)
        if not operation.endswith(".SILENT"):
            session.tell(f"{session.position(entry.uid)} FETCH (UID {entry.uid} {_flags(flags)})")


def _changed_flags(flags: frozenset[str], operation: str, named: frozenset[str]) -> frozenset[str]:
    match operation.removesuffix(".SILENT"):
        case "+FLAGS":
            return flags | named
        case "-FLAGS":
            return flags - named
        case "FLAGS":
            return named
        case _:
            raise Bad("STORE changes flags")


def _flags(flags: Iterable[str]) -> str:
    return f"FLAGS ({' '.join(sorted(flags))})"


async def _idle(session: _Session, _: Command) -> None:
    """RFC 2177: tell what changes until the client says DONE."""
    session.writer.write(b"+ idling\r\n")
    change = session.boxes.watch()
    done = asyncio.ensure_future(session.reader.readuntil(b"\r\n"))
    try:
        while not done.done():
            change.clear()
            session.catch_up()
            await session.writer.drain()
            await _first(done, change)
        if done.result().strip().upper() != b"DONE":
            raise Bad("DONE was wanted")
    finally:
        done.cancel()
        session.boxes.unwatch(change)


async def _first(done: asyncio.Future[bytes], change: asyncio.Event) -> None:
    waiting = asyncio.ensure_future(change.wait())
    try:
        both: set[asyncio.Future[Any]] = {done, waiting}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


async def _search(session: _Session, command: Command) -> None:
    if command.by_uid:
        session.catch_up()
    keys = [word(argument) for argument in command.arguments]
    if keys[0].upper() == "CHARSET":
        keys = keys[2:]
    hits = _Search(session, keys).run()
    session.tell(" ".join(["SEARCH", *(str(_name(session, uid, command)) for uid in hits)]))


def _name(session: _Session, uid: int, command: Command) -> int:
    return uid if command.by_uid else session.position(uid)


class _Search:
    """The keys of one SEARCH, read from left to right; all must hold (RFC 3501 6.4.4)."""

    def __init__(self, session: _Session, keys: list[str]) -> None:
        self._session = session
        self._keys = keys

    def run(self) -> list[int]:
        """Return the UIDs that fit, ascending."""
        hits = self._known()
        while self._keys:
            fits = self._key()
            hits = [entry for entry in hits if fits(entry)]
        return [entry.uid for entry in hits]

    def _known(self) -> list[Entry]:
        return self._session.picked(b"1:*", by_uid=False)

    def _key(self) -> Callable[[Entry], bool]:
        key = self._keys.pop(0).upper()
        if key == "ALL":
            return lambda _: True
        if key == "NOT":
            inner = self._key()
            return lambda entry: not inner(entry)
        if key in {"HEADER", "SUBJECT", "FROM", "TO"}:
            return self._in_field(self._keys.pop(0) if key == "HEADER" else key)
        return self._flag(key) or self._set(key)

    def _flag(self, key: str) -> Callable[[Entry], bool] | None:
        if flag := _FLAG_KEYS.get(key):
            return lambda entry: flag in entry.flags
        if flag := _FLAG_KEYS.get(key.removeprefix("UN")):
            return lambda entry: flag not in entry.flags
        return None

    def _set(self, key: str) -> Callable[[Entry], bool]:
        by_uid = key == "UID"
        text = self._keys.pop(0) if by_uid else key
        uids = self._session.uids(text, by_uid=by_uid)
        return lambda entry: entry.uid in uids

    def _in_field(self, name: str) -> Callable[[Entry], bool]:
        wanted = self._keys.pop(0).lower()
        return lambda entry: any(wanted in value.lower() for value in self._fields(entry.uid, name))

    def _fields(self, uid: int, name: str) -> list[str]:
        raw = self._session.boxes.raw(self._session.here.id, uid) or b""
        return [str(value) for value in BytesHeaderParser().parsebytes(raw).get_all(name, [])]


async def _fetch(session: _Session, command: Command) -> None:
    items = [item for argument in command.arguments[1:] for item in words(argument)]
    items = [each for item in items for each in _MACROS.get(item.upper(), [item])]
    if command.by_uid and "UID" not in map(str.upper, items):
        items.insert(0, "UID")
    for entry in session.picked(command.arguments[0], by_uid=command.by_uid):
        fetched = b" ".join(_item(session, entry, item) for item in items)
        session.tell_bytes(b"%d FETCH (%s)" % (session.position(entry.uid), fetched))
        await session.writer.drain()


def _item(session: _Session, entry: Entry, item: str) -> bytes:
    """Return one data item of a FETCH response."""
    name = item.upper()
    if simple := _SIMPLE_ITEMS.get(name):
        return simple(entry).encode("ascii")
    section = _SECTION.fullmatch(item)
    if section is None and name not in _OLD_SECTIONS:
        raise Bad("the demo cannot fetch this")
    raw = session.boxes.raw(session.here.id, entry.uid) or b""
    if not (name == "RFC822.HEADER" or (section and section[1])):
        session.boxes.flag(session.here.id, entry.uid, entry.flags | {r"\Seen"})
    if section is None:
        return _literal(name, _part(raw, _OLD_SECTIONS[name]))
    return _section(section, raw)


def _section(section: re.Match[str], raw: bytes) -> bytes:
    part = _part(raw, section[2])
    if section[3] is None:
        return _literal(f"BODY[{section[2]}]", part)
    start, count = int(section[3]), int(section[4])
    return _literal(f"BODY[{section[2]}]<{start}>", part[start : start + count])


def _literal(name: str, part: bytes) -> bytes:
    return b"%s {%d}\r\n%s" % (name.encode("utf-8"), len(part), part)


def _part(raw: bytes, section: str) -> bytes:
    """Return the part of a mail that *section* names."""
    head, gap, body = raw.partition(b"\r\n\r\n")
    head += gap
    match section.upper().split(" ")[0]:
        case "":
            return raw
        case "HEADER":
            return head
        case "TEXT":
            return body
        case "HEADER.FIELDS":
            wanted = set(section.upper().partition("(")[2].rstrip(")").split())
            fields = re.split(rb"\r\n(?![ \t])", head.strip())
            kept = [each for each in fields if each.partition(b":")[0].decode("latin-1").upper() in wanted]
            return b"".join(each + b"\r\n" for each in kept) + b"\r\n"
        case _:
            raise Bad("the demo cannot fetch this part")


def _internal_date(entry: Entry) -> str:
    at = entry.at
    return f'INTERNALDATE "{at.day:2d}-{_MONTHS[at.month - 1]}-{at:%Y %H:%M:%S %z}"'


_SIMPLE_ITEMS: Final[dict[str, Callable[[Entry], str]]] = {
    "UID": lambda entry: f"UID {entry.uid}",
    "FLAGS": lambda entry: _flags(entry.flags),
    "INTERNALDATE": _internal_date,
    "RFC822.SIZE": lambda entry: f"RFC822.SIZE {entry.size}",
}


class _Row(NamedTuple):
    """A command of the table: how far the session must have come, and what answers it."""

    level: _Login
    run: Callable[[_Session, Command], Awaitable[str | None]]


UID_COMMANDS: Final = {
    "COPY": _Row(_Login.FOLDER, _copy),
    "EXPUNGE": _Row(_Login.FOLDER, _expunge),
    "FETCH": _Row(_Login.FOLDER, _fetch),
    "MOVE": _Row(_Login.FOLDER, _move),
    "SEARCH": _Row(_Login.FOLDER, _search),
    "STORE": _Row(_Login.FOLDER, _store),
}
COMMANDS: Final = {
    **UID_COMMANDS,
    "CAPABILITY": _Row(_Login.ANY, _capability),
    "NOOP": _Row(_Login.ANY, _noop),
    "LOGOUT": _Row(_Login.ANY, _logout),
    "LOGIN": _Row(_Login.ANY, _login),
    "AUTHENTICATE": _Row(_Login.ANY, _authenticate),
    "LIST": _Row(_Login.USER, _list),
    "LSUB": _Row(_Login.USER, _list),
    "CREATE": _Row(_Login.USER, _create),
    "SUBSCRIBE": _Row(_Login.USER, _noop),
    "UNSUBSCRIBE": _Row(_Login.USER, _noop),
    "STATUS": _Row(_Login.USER, _status),
    "SELECT": _Row(_Login.USER, _select),
    "APPEND": _Row(_Login.USER, _append),
    "CHECK": _Row(_Login.FOLDER, _noop),
    "CLOSE": _Row(_Login.FOLDER, _close),
    "UNSELECT": _Row(_Login.FOLDER, _unselect),
    "IDLE": _Row(_Login.FOLDER, _idle),
}
