"""HTTP to authorities outside: connections that are kept alive, a limit on time and size, no redirects.

What is sent and whether the answer is believed is decided elsewhere. Every fault, from a name that does not resolve to
an answer of the wrong kind, becomes Later(TSA_UNAVAILABLE) with a note that names neither password nor path.
"""

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, RemoteDisconnected
from typing import Final
from urllib.parse import SplitResult, urlsplit

from envelopes.rules.errors import Later, Reason

_OK: Final = 200
_KEPT: Final = 4  # why: no more threads than these ask one authority at once
_AGENT: Final = "Fukan"
# What a kept connection shows when the other side has given it up meanwhile.
_GONE: Final = (RemoteDisconnected, BrokenPipeError, ConnectionResetError, ConnectionAbortedError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: GET without a body, else POST; the media type that is sent and the one that must come back.

    *accept* None takes any media type. *limit* is the longest answer in bytes.
    """

    limit: int
    body: bytes | None = None
    sends: str = ""
    accept: str | None = None


class Line:
    """Connections to one server, kept alive between requests. May be used from any thread."""

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        user: str = "",
        password: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """*timeout* is in seconds, for connecting and again for the answer; *user* asks for basic authentication."""
        self._url = urlsplit(url)
        self._timeout = timeout
        self._authorization = _basic(user, password) if user else None
        self._tls = tls
        self._kept: list[HTTPConnection] = []

    def exchange(self, call: Call) -> bytes:
        """Return the body of the answer, or raise Later(TSA_UNAVAILABLE)."""
        while True:
            kept = self._take()
            connection = kept or self._new()
            try:
                return self._once(connection, call)
            except _GONE:
                connection.close()
                if kept is None:
                    raise _unavailable("connection lost") from None
            except (OSError, HTTPException, ValueError) as error:
                connection.close()
                raise _unavailable(_note(error)) from None
            except Later:
                connection.close()
                raise

    def close(self) -> None:
        """Take leave of the server. A later request opens a new connection."""
        while (kept := self._take()) is not None:
            kept.close()

    def _take(self) -> HTTPConnection | None:
        try:
            return self._kept.pop()
        except IndexError:
            return None

    def _new(self) -> HTTPConnection:
        host = self._url.hostname or ""
        if self._url.scheme == "https":
            tls = self._tls or ssl.create_default_context()
            return HTTPSConnection(host, self._url.port, timeout=self._timeout, context=tls)
        return HTTPConnection(host, self._url.port, timeout=self._timeout)

    def _once(self, connection: HTTPConnection, call: Call) -> bytes:
        if connection.sock is None:
            connection.connect()
        with _time_limit(connection.sock, self._timeout):
            method = "GET" if call.body is None else "POST"
            connection.request(method, _target(self._url), body=call.body, headers=self._headers(call))
            response = connection.getresponse()
            _require_fit(response, call)
            body = response.read(call.limit + 1)
        if len(body) > call.limit:
            raise _unavailable("answer too long")
        if response.isclosed() and connection.sock is not None and len(self._kept) < _KEPT:
            self._kept.append(connection)
        else:
            connection.close()
        return body

    def _headers(self, call: Call) -> dict[str, str]:
        given = {
            "User-Agent": _AGENT,
            "Content-Type": call.sends,
            "Accept": call.accept or "*/*",
            "Authorization": self._authorization or "",
        }
        return {name: value for name, value in given.items() if value}


def _require_fit(response: HTTPResponse, call: Call) -> None:
    # A redirect is one of the other answers: nobody but the operator decides where this process connects to.
    if response.status != _OK:
        raise _unavailable(f"HTTP {response.status}")
    if call.accept is not None and response.headers.get_content_type() != call.accept:
        raise _unavailable("media type")


@contextmanager
def _time_limit(connected: socket.socket, seconds: float) -> Iterator[None]:
    """End the connection after *seconds*: a socket's own timeout starts anew with every byte that drips in."""
    over = threading.Event()

    def cut() -> None:
        over.set()
        try:
            # Below TLS, whose own shutdown would wait for the other side.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)
        except OSError:
            return

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, HTTPException):
        if over.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
    if over.is_set():
        raise TimeoutError


def _target(url: SplitResult) -> str:
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def _basic(user: str, password: str) -> str:
    """Return the header's value (RFC 7617, UTF-8)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _note(error: Exception) -> str:
    # TimeoutError and SSLError are OSErrors, so the narrower ones come first.
    match error:
        case TimeoutError():
            return "timeout"
        case ConnectionRefusedError():
            return "connection refused"
        case ssl.SSLError():
            return "TLS"
        case socket.gaierror():
            return "name unknown"
        case OSError():
            return "no answer"
        case _:
            return "no HTTP"


def _unavailable(note: str) -> Later:
    return Later(Reason.TSA_UNAVAILABLE, note)
