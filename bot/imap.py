"""One IMAP connection that tells the truth: an answer, `ImapRefused` or `ImapLost`, always within a time.

The only place that knows aioimaplib, and the place of what that library needs to be safe: one command at a
time, never a second command after a timeout, a cancel or a loss, small batches, every result looked at.
Which mails are wanted and what becomes of them is bot.mailbox's business, not this module's.
"""

import asyncio
import logging
import re
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from aioimaplib import aioimaplib

from bot.errors import ImapLost, ImapRefused

BATCH: Final = 200  # why: the library recurses once a line and dies at about 900 lines in one read
IDLE_SECONDS: Final = 540.0  # why: firewalls forget silent connections after ten minutes

_RESPONSE_CODE: Final = re.compile(rb"\[([A-Za-z-]+)")
_UIDVALIDITY: Final = re.compile(rb"UIDVALIDITY (\d+)")
_UID: Final = re.compile(rb"\bUID (\d+)")
_SIZE: Final = re.compile(rb"\bRFC822\.SIZE (\d+)")
_ITEM: Final = re.compile(rb"\d+ FETCH \(")
_INTERNAL_DATE: Final = re.compile(rb'INTERNALDATE "\s?(\d+)-(\w{3})-(\d{4}) ([\d:]{8}) ([+-]\d{4})"')
# RFC 3501 5.1.3: printable ASCII stands for itself, all else is UTF-16 in a changed base64.
_SHIFTED: Final = re.compile(r"[^\x20-\x7e]+")

_Lines = Sequence[bytes | bytearray]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapAccount:
    """Where a mailbox is and how to open it. TLS is from the first byte or not at all: there is no STARTTLS."""

    host: str
    port: int
    tls: bool
    user: str
    password: str = field(repr=False)
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""
    command_seconds: float = 60.0  # why: a busy server needs some, a dead one must be noticed
    transfer_seconds: float = 450.0  # why: 45 MB at 1 Mbit/s
    poll_seconds: float = 30.0  # why: how late a mail may be seen where the server has no IDLE


class Fetched(NamedTuple):
    """A mail as it lies on the server, and when it arrived there (not the Date: its sender claims)."""

    raw: bytes
    internal_date: datetime


class _Item(NamedTuple):
    """One message of a FETCH response: its text without the literal, and the literal."""

    text: bytes
    literal: bytes | None

    @property
    def uid(self) -> int | None:
        found = _UID.search(self.text)
        return int(found[1]) if found else None


class Imap:
    """A connection to one mailbox account. Not shared between tasks that need different folders.

    After `ImapLost` the object is closed for good. Every method raises `ImapLost` or `ImapRefused` only.
    """

    def __init__(self, account: ImapAccount) -> None:
        self._account = account
        self._client: aioimaplib.IMAP4 | None = None
        self._lost = asyncio.Event()
        # The library mixes up concurrent commands of one kind.
        self._turn = asyncio.Lock()

    async def connect(self) -> None:
        """Open the connection and read the greeting."""
        # The library logs whole mails and addresses below this level.
        logging.getLogger("aioimaplib").setLevel(logging.ERROR)
        self._client = aioimaplib.IMAP4(  # IMAP4_SSL would swallow conn_lost_cb
            self._account.host,
            self._account.port,
            timeout=self._account.command_seconds,
            conn_lost_cb=lambda _: self._lost.set(),
            ssl_context=_tls_context(self._account),
        )
        await self._run("CONNECT", lambda client: client.wait_hello_from_server())

    async def login(self) -> None:
        """Log in; capabilities are asked for again, since they change with it (RFC 3501 6.2.3)."""
        user, password = self._account.user, self._account.password
        if re.search(r"[\x00\r\n]", user + password):
            raise ImapRefused("LOGIN", "CONTROL-CHARACTER")
        await self._run("LOGIN", lambda client: client.login(_quoted(user), password))
        await self._run("CAPABILITY", lambda client: client.protocol.capability())

    async def select(self, name: str) -> int:
        """Open the folder *name* and return its UIDVALIDITY."""
        folder = encode_folder(name)
        lines = await self._run("SELECT", lambda client: client.select(folder))
        found = _UIDVALIDITY.search(b" ".join(lines))
        if not found:
            raise ImapRefused("SELECT", "NO-UIDVALIDITY")
        return int(found[1])

    async def search(self, criteria: str = "UNDELETED") -> list[int]:
        """Return the UIDs in the open folder that fit *criteria* (ASCII, RFC 3501 6.4.4), ascending."""
        # Some servers refuse CHARSET, which the library would send.
        lines = await self._run("SEARCH", lambda client: client.uid_search(criteria, charset=None))
        return sorted({int(word) for line in lines[:-1] for word in line.split() if word.isdigit()})

    async def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """Return the size in bytes of each of *uids* that is still there."""
        found: dict[int, int] = {}
        for start in range(0, len(uids), BATCH):
            wanted = ",".join(map(str, uids[start : start + BATCH]))
            for item in await self._fetch(wanted, "(UID RFC822.SIZE)"):
                size = _SIZE.search(item.text)
                if item.uid is not None and size:
                    found[item.uid] = int(size[1])
        return found

    async def fetch(self, uid: int, *, whole: bool = True) -> Fetched | None:
        """Return the mail *uid*, or its head, without marking it as read, or None when it is no longer there."""
        section = "BODY.PEEK[]" if whole else "BODY.PEEK[HEADER]"
        # Updates about other mails may arrive among the answer.
        for item in await self._fetch(str(uid), f"(UID INTERNALDATE {section})"):
            if item.uid == uid and item.literal is not None:
                return Fetched(item.literal, _internal_date(item.text))
        return None

    async def move(self, uid: int, folder: str) -> None:
        """Move the mail *uid* to *folder*. A mail that is no longer there is no error."""
        target = encode_folder(folder)
        if self.can("MOVE"):
            await self._run("MOVE", lambda client: client.uid("move", str(uid), target))
            return
        if not self.can("UIDPLUS"):
            # A bare EXPUNGE would also remove what other people marked.
            raise ImapRefused("MOVE", "NO-UIDPLUS")
        await self._run("COPY", lambda client: client.uid("copy", str(uid), target))
        await self._run("STORE", lambda client: client.uid("store", str(uid), "+FLAGS.SILENT", r"(\Deleted)"))
        await self._run("EXPUNGE", lambda client: client.uid("expunge", str(uid)))

    async def create(self, folder: str) -> None:
        """Create *folder* unless it exists."""
        name = encode_folder(folder)
        try:
            await self._run("CREATE", lambda client: client.create(name))
        except ImapRefused:
            # Not every server says ALREADYEXISTS, so ask.
            await self._run("STATUS", lambda client: client.status(name, "(UIDVALIDITY)"))

    async def idle(self, seconds: float = IDLE_SECONDS) -> bool:
        """Wait up to *seconds* (at most nine minutes); True when something may have changed. Then search.

        Without IDLE on the server this is a poll: it waits `poll_seconds` and says True.
        """
        if not self.can("IDLE"):
            return await self._poll(seconds)
        wait = min(seconds, IDLE_SECONDS)
        limit = wait + self._account.command_seconds
        return bool(await self._run("IDLE", lambda client: _idle(client, wait), limit))

    async def close(self) -> None:
        """Drop the connection at once; nothing is pending afterwards. Safe to call twice."""
        self._drop()
        await asyncio.sleep(0)

    async def _poll(self, seconds: float) -> bool:
        await asyncio.sleep(min(seconds, self._account.poll_seconds))
        await self._run("NOOP", lambda client: client.noop())
        return True

    def can(self, capability: str) -> bool:
        """Whether the server offers *capability*, by what it said last."""
        return self._client is not None and self._client.has_capability(capability)

    async def _fetch(self, uids: str, parts: str) -> list[_Item]:
        seconds = self._account.transfer_seconds
        return list(
            _items(await self._run("FETCH", lambda client: client.uid("fetch", uids, parts), seconds))
        )

    async def _run(
        self, name: str, start: Callable[[Any], Awaitable[Any]], seconds: float | None = None
    ) -> Any:
        """Run one command to its end; return the lines of its answer, or what *start* itself returns."""
        async with self._turn:
            if self._client is None or self._lost.is_set():
                self._drop()
                raise ImapLost("closed")
            try:
                result = await self._finish(start(self._client), seconds or self._account.command_seconds)
            except BaseException:
                # An unfinished command leaves the connection out of step, even a cancelled one.
                self._drop()
                raise
        return _lines(name, result)

    async def _finish(self, command: Awaitable[Any], seconds: float) -> Any:
        """Await *command*, the end of the connection or the end of *seconds*, whatever comes first."""
        work = asyncio.ensure_future(command)
        lost = asyncio.ensure_future(self._lost.wait())
        try:
            # The library never fails a pending command when its connection goes.
            await asyncio.wait({work, lost}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise ImapLost("connection lost" if lost.done() else "timeout")
            return work.result()
        except (aioimaplib.AioImapException, OSError, TimeoutError) as error:
            # Its text may hold what the server said, so only the kind goes on.
            raise ImapLost(type(error).__name__) from None
        finally:
            work.cancel()
            lost.cancel()

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        if client.protocol.transport is not None:
            client.protocol.transport.abort()
        if client._idle_waiter is not None:  # noqa: SLF001 -- the library leaves its timer running
            client._idle_waiter.cancel()  # noqa: SLF001
        for task in (client._client_task, *client.tasks, *client.protocol.tasks):  # noqa: SLF001
            _discard(task)


def encode_folder(name: str) -> str:
    """Return *name* in modified UTF-7 and quotes, as it stands in a command (RFC 3501 5.1.3)."""
    return _quoted(_SHIFTED.sub(_shifted, name.replace("&", "&-")))


def _shifted(run: re.Match[str]) -> str:
    coded = b64encode(run[0].encode("utf-16-be")).decode("ascii")
    return f"&{coded.rstrip('=').replace('/', ',')}-"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _tls_context(account: ImapAccount) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=account.ca_file) if account.tls else None


def _lines(name: str, result: Any) -> Any:
    """Return the lines of a response, or raise ImapRefused: the library returns NO and BAD like any answer."""
    if not isinstance(result, aioimaplib.Response):
        return result
    if result.result != "OK":
        code = _RESPONSE_CODE.search(bytes(result.lines[-1])) if result.lines else None
        raise ImapRefused(name, code[1].decode("ascii").upper() if code else "")
    return result.lines


def _items(lines: _Lines) -> Iterator[_Item]:
    """Group the lines of a FETCH response by message; literals are the bytearrays among them."""
    text, literal = b"", None
    for line in lines[:-1]:
        if isinstance(line, bytearray):
            literal = bytes(line)
        elif _ITEM.match(line):
            yield _Item(text, literal)
            text, literal = line, None
        else:
            text += line
    yield _Item(text, literal)


def _internal_date(text: bytes) -> datetime:
    found = _INTERNAL_DATE.search(text)
    if not found:
        raise ImapRefused("FETCH", "NO-INTERNALDATE")
    try:
        # RFC 3501 writes 05-Jan-2026 where RFC 5322 writes 05 Jan 2026.
        moment = parsedate_to_datetime(b" ".join(found.groups()).decode("ascii"))
    except ValueError:
        raise ImapRefused("FETCH", "NO-INTERNALDATE") from None
    # RFC 5322 3.3: -0000 is a time without a place, and Python leaves its zone out.
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


async def _idle(client: aioimaplib.IMAP4, seconds: float) -> bool:
    pushes = client.protocol.idle_queue
    while not pushes.empty():
        pushes.get_nowait()  # what the last round left
    idling = await client.idle_start(seconds + IDLE_SECONDS)
    try:
        await client.wait_server_push(seconds)
    except TimeoutError:
        changed = False
    else:
        changed = True
    client.idle_done()
    _lines("IDLE", await idling)
    return changed


def _discard(task: asyncio.Future[Any]) -> None:
    task.cancel()
    if task.done() and not task.cancelled():
        task.exception()  # looked at, or asyncio would log it
