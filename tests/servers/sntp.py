"""A time server on 127.0.0.1 (RFC 4330) whose clock is as wrong as a test says."""

import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_SINCE_1900 = 2_208_988_800  # seconds from 1900 to 1970


@dataclass
class TimeServer:
    """`ahead` in seconds; `head` is the first octet of an answer (leap, version, mode)."""

    port: int = 0
    ahead: float = 0.0
    head: int = 0x24
    stratum: int = 2
    echoes: bool = True

    def answer(self, ask: bytes) -> bytes:
        now = time.time() + self.ahead + _SINCE_1900
        seconds, fraction = divmod(now, 1)
        stamp = struct.pack("!II", int(seconds) % 2**32, int(fraction * 2**32))
        origin = ask[40:48] if self.echoes else bytes(8)
        return bytes([self.head, self.stratum, 0, 0]) + bytes(20) + origin + stamp + stamp


@contextmanager
def serving(clock: TimeServer) -> Iterator[TimeServer]:
    """Tell the time while the block runs."""

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            ask, line = self.request
            line.sendto(clock.answer(ask), self.client_address)

    with socketserver.UDPServer(("127.0.0.1", 0), Datagram) as server:
        clock.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield clock
        finally:
            server.shutdown()
            thread.join()
