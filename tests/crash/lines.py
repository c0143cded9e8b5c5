"""Lines between the service and its servers that a test can cut and mend."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.servers.ports import free_ports


class Line:
    """Carries bytes from its own port to a server's, while it is whole."""

    def __init__(self, target: int) -> None:
        self._target = target
        (self.port,) = free_ports(1)
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Refuse new connections and drop those that are there, or that are just being made."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in list(self._ends):
            end.transport.abort()
        await asyncio.sleep(0)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        if self._server is None:
            writer.transport.abort()
            back.transport.abort()
            return
        self._ends |= {writer, back}
        try:
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        finally:
            self._ends -= {writer, back}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # cut, here or there
    finally:
        writer.close()


@asynccontextmanager
async def line(target: int) -> AsyncIterator[Line]:
    """A whole line to *target*; cut when the block ends."""
    made = Line(target)
    await made.mend()
    try:
        yield made
    finally:
        await made.cut()
