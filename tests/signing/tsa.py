"""An independent time stamping authority: `openssl ts -reply` behind a small HTTP server that can be told to fail."""

import datetime as dt
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from asn1crypto import tsp  # type: ignore[import-untyped]

from envelopes.signing import authority
from envelopes.signing.authority import Authority
from tests.signing.conftest import PASSPHRASE, der_to_pem, next_tsa, now

CONFIG = """\
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
default_policy = 1.3.6.1.4.1.32473.1
digests = sha256, sha384, sha512
signer_digest = {digest}
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class Fault(StrEnum):
    NONE = auto()
    BUSY = auto()
    REDIRECT = auto()
    SILENT = auto()
    DRIP = auto()
    ENDLESS = auto()
    GARBAGE = auto()
    MEDIA_TYPE = auto()
    NONCE = auto()
    IMPRINT = auto()
    SHA1 = auto()
    NO_CRL = auto()
    HANG_UP = auto()


@dataclass
class Tsa:
    """The server as a test sees it. `made` is when its certificates were made."""

    folder: Path
    made: dt.datetime
    key_type: str = "p256"
    authority: Authority = field(init=False)
    port: int = 0
    fault: Fault = Fault.NONE
    asked: int = 0
    connections: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)
    generation: int = 1

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/tsr"

    @property
    def root(self) -> bytes:
        return self.authority.root_certificate

    def begin(self) -> None:
        self.authority = authority.create(
            self.folder / "ca",
            town="みほん時刻",
            public_url=f"http://127.0.0.1:{self.port}",
            now=self.made,
            passphrase=PASSPHRASE,
            key_type=self.key_type,
        )
        for name in ("tsa-1", "root-1"):
            self._write_pem(name)
        (self.folder / "serial").write_text("01\n")

    def succeed(self) -> None:
        """Go on with the next certificate."""
        next_tsa(self.folder / "ca", now(), public_url=f"http://127.0.0.1:{self.port}")
        self.generation += 1
        self._write_pem(f"tsa-{self.generation}")

    def _write_pem(self, name: str) -> None:
        der = (self.folder / "ca" / "public" / f"{name}.cer").read_bytes()
        (self.folder / f"{name}.pem").write_bytes(der_to_pem("x509", der))

    def reply(self, query: bytes) -> bytes:
        """Have openssl answer; some faults change the query first."""
        digest = "sha1" if self.fault is Fault.SHA1 else "sha256"
        (self.folder / "tsa.cnf").write_text(CONFIG.format(folder=self.folder, digest=digest))
        asked, answer = self.folder / "query.tsq", self.folder / "answer.tsr"
        asked.write_bytes(self._changed(query))
        where = ("-config", self.folder / "tsa.cnf", "-queryfile", asked, "-out", answer)
        key = (
            "-inkey",
            self.folder / "ca" / f"tsa-{self.generation}.key.pem",
            "-passin",
            f"pass:{PASSPHRASE.decode()}",
        )
        signer = ("-signer", self.folder / f"tsa-{self.generation}.pem", "-chain", self.folder / "root-1.pem")
        command = ["openssl", "ts", "-reply", *where, *key, *signer]
        subprocess.run([str(part) for part in command], check=True, capture_output=True)
        return answer.read_bytes()

    def _changed(self, query: bytes) -> bytes:
        request = tsp.TimeStampReq.load(query)
        _ = request.native
        if self.fault is Fault.NONCE:
            request["nonce"] = 7
        elif self.fault is Fault.IMPRINT:
            request["message_imprint"]["hashed_message"] = bytes(32)
        else:
            return query
        return bytes(request.dump(force=True))


@contextmanager
def serving(folder: Path, *, made: dt.datetime | None = None, key_type: str = "p256") -> Iterator[Tsa]:
    """Run an authority of its own in *folder*, which must exist, on a free port."""
    tsa = Tsa(folder, made or now() - dt.timedelta(minutes=1), key_type)

    class Handler(_Handler):
        served = tsa

    with _Server(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        tsa.port = server.server_address[1]
        tsa.begin()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield tsa
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Clients hang up; that is no news."""


class _Handler(BaseHTTPRequestHandler):
    served: Tsa
    protocol_version = "HTTP/1.1"
    timeout = 5

    def setup(self) -> None:
        super().setup()
        self.served.connections += 1

    def do_GET(self) -> None:
        path = self.served.folder / "ca" / "public" / Path(self.path).name
        if self.served.fault is Fault.NO_CRL or not path.exists():
            self._answer(b"", status=404)
        else:
            self._answer(path.read_bytes(), kind="application/pkix-crl")

    def do_POST(self) -> None:
        query = self.rfile.read(int(self.headers["Content-Length"]))
        self.served.asked += 1
        self.served.headers.append(dict(self.headers))
        match self.served.fault:
            case Fault.BUSY:
                self._answer(b"busy", status=503)
            case Fault.REDIRECT:
                self._answer(b"", status=302, location=self.served.url)
            case Fault.SILENT:
                time.sleep(2)
            case Fault.DRIP:
                self._drip()
            case Fault.ENDLESS:
                self._answer(bytes(100_000))
            case Fault.GARBAGE:
                self._answer(b"<html>welcome</html>")
            case Fault.MEDIA_TYPE:
                self._answer(self.served.reply(query), kind="text/html")
            case _:
                self._answer(self.served.reply(query))
        # Without a word about it, as servers do whose patience is over.
        self.close_connection = self.close_connection or self.served.fault is Fault.HANG_UP

    def _answer(
        self, body: bytes, *, status: int = 200, kind: str = "application/timestamp-reply", location: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        try:
            for byte in b"HTTP/1.1 200 OK\r\n" + b"X" * 100:
                self.wfile.write(bytes([byte]))
                time.sleep(0.1)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""
