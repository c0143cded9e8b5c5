"""The embedded authority's responder behind plain HTTP: prints its port and serves until it is ended."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.scene import PASSPHRASE, now
from envelopes.signing import authority
from envelopes.signing.certificates import Role
from envelopes.signing.responder import Responder


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    responder: Responder

    def do_POST(self) -> None:
        request = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.responder.reply(request)
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    opened = authority.open_authority(Path(sys.argv[1]), passphrase=PASSPHRASE)
    _Handler.responder = Responder(key=opened.key(Role.TSA), policy=opened.policy, clock=now)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
