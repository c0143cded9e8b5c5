"""A file that a form brings: read up to its limit and no further, within a time. What is in it others decide."""

import asyncio
from typing import Final

from aiohttp import BodyPartReader, web

from envelopes.rules.errors import Reason, Refused

SECONDS: Final = 60  # why: 20 MB over a line of 3 Mbit/s; a body that drips longer is cut off
_CHUNK: Final = 256 * 1024
_FRAME: Final = 64 * 1024  # why: what a form adds to its file


async def uploaded(request: web.Request, *, most: int) -> bytes:
    """Read the file's part of the form and nothing behind it. Raises Refused(UPLOAD_MISSING | UPLOAD_TOO_BIG)."""
    if (request.content_length or 0) > most + _FRAME:
        raise Refused(Reason.UPLOAD_TOO_BIG, most=most)
    try:
        async with asyncio.timeout(SECONDS):
            data = await _file_part(request, most)
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except ValueError:
        # A body that is no form (RFC 7578), or one that was cut off.
        raise Refused(Reason.UPLOAD_MISSING) from None
    if not data:
        raise Refused(Reason.UPLOAD_MISSING)
    return data


async def _file_part(request: web.Request, most: int) -> bytes:
    form = await request.multipart()
    while (part := await form.next()) is not None:
        if isinstance(part, BodyPartReader) and part.name == "file":
            return await _bytes(part, most)
    return b""


async def _bytes(part: BodyPartReader, most: int) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(_CHUNK):
        data += chunk
        if len(data) > most:
            raise Refused(Reason.UPLOAD_TOO_BIG, most=most)
    return bytes(data)
