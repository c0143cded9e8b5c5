"""`fukan tsa`: the embedded time stamping authority over HTTP (RFC 3161 3.4), in a small process of its own.

For programs of the town that want a timestamp, and for trying clients. Its tokens are genuine in form but not
accredited, and whoever asks with a browser is told so. What an answer says is `envelopes.signing.responder`'s business.
The process holds the authority's keys, so it belongs on the bot's host; it reads requests of a few kilobytes and
nothing else.
"""

import signal
import socketserver
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from envelopes import keyring
from envelopes.settings import Settings
from envelopes.signing import authority
from envelopes.signing.certificates import Role
from envelopes.signing.responder import Responder
from fukan.installation import authority_directory

QUERY: Final = "application/timestamp-query"
REPLY: Final = "application/timestamp-reply"
MAX_QUERY: Final = (
    16 * 1024
)  # why: a request has a hundred bytes, with a long digest and extensions some more
CONNECTIONS: Final = 32  # why: a thread each; clients in a hurry keep one connection
PATIENCE: Final = 30  # seconds without a word until a connection is closed

NOTE: Final = """\
封緘（Fukan）の時刻認証局です。RFC 3161 の要求を POST で受け付けます（Content-Type: application/timestamp-query）。
このタイムスタンプは、総務大臣の認定を受けたものではありません（認定タイムスタンプではありません）。

Time stamping authority (RFC 3161) of Fukan. POST a request as application/timestamp-query.
Its timestamps are NOT accredited.
"""


class Server(ThreadingHTTPServer):
    """Answers requests with *responder* until it is shut down; more than CONNECTIONS at once are turned away."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, responder: Responder, *, host: str, port: int) -> None:
        """Bind to *host* and *port* (0: any that is free). Raises OSError."""
        self.reply: Callable[[bytes], bytes] = responder.reply
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        """Where it is asked."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread, or close it where none is free."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients hang up, and what they sent is nobody's business."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "Fukan"
    sys_version = ""
    timeout = PATIENCE
    # Small answers must not wait for the other side's acknowledgement (RFC 896).
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        """Tell a person what this is, and that it is not accredited."""
        self._answer(HTTPStatus.OK, "text/plain; charset=utf-8", NOTE.encode())

    def do_POST(self) -> None:
        """Answer a timestamp request; whatever is wrong inside it, the answer itself says (RFC 3161 2.4.2)."""
        if (fault := self._fault()) is not None:
            # What was sent is not read, so nothing can follow on this connection.
            self.close_connection = True
            self._answer(fault, "text/plain; charset=utf-8", NOTE.encode())
            return
        query = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(HTTPStatus.OK, REPLY, self.server.reply(query))

    def _fault(self) -> HTTPStatus | None:
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != QUERY:
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        if not (length.isascii() and length.isdigit()):
            return HTTPStatus.LENGTH_REQUIRED
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE if int(length[:9]) > MAX_QUERY else None

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the base class's
        """Say nothing: who asks when is personal data, and nothing is done with it."""


def server(settings: Settings, *, host: str, port: int) -> Server:
    """Open the embedded authority and bind. Raises KeyMissing, Later(KEY_UNAVAILABLE), OSError."""
    passphrase = keyring.passphrase(settings.keys_directory)
    opened = authority.open_authority(authority_directory(settings), passphrase=passphrase)
    responder = Responder(key=opened.newest(Role.TSA), policy=opened.policy, clock=lambda: datetime.now(UTC))
    return Server(responder, host=host, port=port)


def run(served: Server) -> None:
    """Serve until SIGTERM or SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for the loop, which this very thread runs.
        signal.signal(number, lambda *_: threading.Thread(target=served.shutdown).start())
    with served:
        socketserver.BaseServer.serve_forever(served)
