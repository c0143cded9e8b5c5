"""The way to a container that converts: one document a connection, over a socket in a folder that both can see.

The container has no keys, no network and no secrets, so what LibreOffice may do to it harms nobody but the next
document; the bot believes of an answer only that it is a PDF of a bounded size, or one of a few reasons.

A question is one line of JSON {"format", "length"} and the document; an answer is one line {"length"} and the PDF, or
{"reason"}.
"""

import asyncio
import contextlib
import fcntl
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from envelopes.papers.convert import Contained, Converter, OfficeLimits, Programs
from envelopes.papers.office import Format
from envelopes.rules.errors import FukanError, Later, Reason, Refused

_LINE: Final = 1000  # bytes of the longest line
_TURNS: Final = 4  # why: others may stand in the queue before; then it is tried again later
_REASONS: Final = frozenset({Reason.OFFICE_BROKEN, Reason.OFFICE_TOOK_TOO_LONG, Reason.PDF_TOO_BIG})
_GET_FLAGS, _UP = 0x8913, 1  # <linux/sockios.h>, <net/if.h>
_Reader = asyncio.StreamReader
_Writer = asyncio.StreamWriter


class NetworkInReach(FukanError):
    """Where LibreOffice runs without a sandbox there must be no network."""


# The bot's side


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Has somebody else convert."""

    path: Path
    limits: OfficeLimits

    async def pdf(self, data: bytes, format_: Format) -> bytes:
        """See `Converter`. Raises Later where nobody answers."""
        try:
            async with asyncio.timeout(_TURNS * self.limits.wall_seconds):
                return await self._asked(data, format_)
        except (OSError, EOFError, ValueError, TypeError, KeyError, TimeoutError) as error:
            # It is away, or says what makes no sense; neither is the document's fault.
            raise Later(Reason.OFFICE_UNAVAILABLE, type(error).__name__) from None

    async def _asked(self, data: bytes, format_: Format) -> bytes:
        reader, writer = await asyncio.open_unix_connection(self.path, limit=_LINE)
        try:
            await _say(writer, {"format": format_.value, "length": len(data)}, data)
            said = json.loads(await reader.readline())
            if "reason" in said:
                reason = Reason(said["reason"])
                raise Refused(reason if reason in _REASONS else Reason.OFFICE_BROKEN)
            length = int(said["length"])
            if not 0 < length <= self.limits.pdf_bytes:
                raise Refused(Reason.PDF_TOO_BIG, bytes=length, most=self.limits.pdf_bytes)
            return await reader.readexactly(length)
        finally:
            await _hang_up(writer)


async def answers(path: Path) -> bool:
    """Whether somebody listens there."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    await _hang_up(writer)
    return True


# The container's side


def contained(programs: Programs, limits: OfficeLimits) -> Contained:
    """Return the converter for a place without network, or raise NetworkInReach."""
    reach = [name for _, name in socket.if_nameindex() if name != "lo" and _is_up(name)]
    if reach:
        raise NetworkInReach(f"LibreOffice だけの場所ではありません（ネットワーク：{'、'.join(reach)}）")
    return Contained(programs=programs, limits=limits, turns=asyncio.Semaphore(limits.at_once))


def _is_up(name: str) -> bool:
    """Whether an interface is in use: kernels put some that are not into every world (netdevice(7), SIOCGIFFLAGS)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        said = fcntl.ioctl(asked, _GET_FLAGS, struct.pack("16sh14x", name.encode(), 0))
    return bool(struct.unpack("16sh14x", said)[1] & _UP)


@asynccontextmanager
async def served(path: Path, converter: Converter, *, most: int) -> AsyncIterator[None]:
    """Answer at *path* while the block runs; documents over *most* bytes are not taken."""
    server = await asyncio.start_unix_server(partial(_serve, converter, most), path, limit=_LINE)
    async with server:
        yield


async def _serve(converter: Converter, most: int, reader: _Reader, writer: _Writer) -> None:
    with contextlib.suppress(OSError, EOFError, ValueError, TypeError, KeyError):
        asked = json.loads(await reader.readline())
        format_, length = Format(asked["format"]), int(asked["length"])
        if 0 <= length <= most:
            data = await reader.readexactly(length)
            try:
                pdf = await converter.pdf(data, format_)
            except Refused as refused:
                await _say(writer, {"reason": refused.reason.value})
            else:
                await _say(writer, {"length": len(pdf)}, pdf)
    await _hang_up(writer)


async def _say(writer: _Writer, line: dict[str, Any], data: bytes = b"") -> None:
    writer.write(json.dumps(line).encode() + b"\n" + data)
    await writer.drain()


async def _hang_up(writer: _Writer) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
