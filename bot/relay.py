"""The server that takes our mail, as the settings name it, and a mail in the words that it is told.

Knows no client: small mails and large ones go different ways (bot.smtp), and both say this.
"""

import io
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from bot.answers import NO_ANSWER, Deferred, Failed
from envelopes.settings import Smtp as SmtpSettings

MAILS_PER_CONNECTION: Final = 100  # why: relays drop those who stay for ever
IDLE_SECONDS: Final = 10.0  # why: shorter than any server's patience, longer than a pause in a burst
BLOCK: Final = 1 << 16  # why: measured; bytes of a mail that are sent at once
DATA: Final = "DATA"
DONE: Final = 2  # RFC 5321 4.2.1: the first digit of a yes
GO_ON: Final = 354  # RFC 5321 4.2.3: start mail input
CLOSING: Final = 421  # RFC 5321 3.8: the server says this and hangs up
NO: Final = frozenset({4, 5})  # RFC 5321 4.2.1: not now, never
_PLAIN: Final = re.compile(r"[ -~]*")
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


class Tls(StrEnum):
    """How the line is protected. Said outright: a guess would silently go in the clear."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpRelay:
    """The server that takes our mail, and how long it may be silent."""

    host: str
    port: int
    tls: Tls
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""
    helo: str = "localhost"
    """Our own name, as the server sees it."""
    connect_seconds: float = 30.0  # why: a relay that takes longer is down
    command_seconds: float = 60.0  # why: relays look names up before they answer RCPT
    data_seconds: float = 600.0  # why: RFC 5321 4.5.3.2.6; less makes doubles where mail is scanned


def relay_of(settings: SmtpSettings, *, helo: str) -> SmtpRelay:
    """The relay that the settings name."""
    return SmtpRelay(
        host=settings.host,
        port=settings.port,
        tls=Tls(settings.tls.value),
        user=settings.user,
        password=settings.password.get_secret_value(),
        ca_file=settings.ca_file,
        helo=helo,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail with its envelope."""

    sender: str
    recipient: str
    data: bytes
    envid: str

    def commands(self, *, dsn: bool, size: bool) -> tuple[str, str, str]:
        """Return MAIL with RFC 1870 SIZE and RFC 3461 RET and ENVID, RCPT, DATA. Raises ValueError.

        A delay is no failure, but staff want to know it.
        """
        mail, rcpt = f"MAIL FROM:<{self.sender}>", f"RCPT TO:<{self.recipient}>"
        if size:
            mail += f" SIZE={len(self.data)}"
        if dsn:
            mail += f" RET=HDRS ENVID={_xtext(self.envid)}"
            rcpt += f" NOTIFY=FAILURE,DELAY ORCPT=rfc822;{_xtext(self.recipient)}"
        if not _PLAIN.fullmatch(mail + rcpt):
            raise ValueError
        return mail, rcpt, DATA


def on_wire(data: bytes) -> Iterator[bytes]:
    """Yield *data* with CRLF at every line's end, dots doubled and the end marked (RFC 5321 4.5.2).

    In blocks of whole lines: what fits into the processor's cache is looked through twice as fast, and the server
    reads the first block while the next is made.
    """
    start = 0
    while (end := data.find(b"\n", start + BLOCK) + 1) not in {0, len(data)}:
        yield _lines(data[start:end])
        start = end
    last = _lines(data[start:])
    yield last + (b".\r\n" if last.endswith(b"\r\n") else b"\r\n.\r\n")


def _lines(block: bytes) -> bytes:
    if _line_ends(block) not in {None, "\r\n"}:
        block = _LINE_END.sub(b"\r\n", block)
    if b"." in block:  # seldom in base64, and a single octet is found much faster than three
        block = block.replace(b"\r\n.", b"\r\n..")
    return b"." + block if block.startswith(b".") else block


def _line_ends(block: bytes) -> str | tuple[str, ...] | None:
    """Return the kinds of line ends in *block*, as the reader of text files notes them: much faster than counting."""
    reader = io.IncrementalNewlineDecoder(None, translate=False)
    reader.decode(block.decode("latin-1"), final=True)
    return reader.newlines


def is_over(letter: Letter, limit: str) -> bool:
    """Whether the mail is larger than the server takes. RFC 1870 4: zero means no fixed limit."""
    return limit.isdecimal() and 0 < int(limit) < len(letter.data)


def over() -> Failed:
    """Return what the server would have said to a mail that `is_over`."""
    return Failed(code=552, text="5.3.4 larger than the server's SIZE; nothing was sent", too_big=True)


def no_answer(error: Exception) -> Deferred:
    """Return the outcome where nobody answered, or nothing that is an answer."""
    return Deferred(code=NO_ANSWER, text=f"{type(error).__name__}: {error}")


def tls_context(relay: SmtpRelay) -> ssl.SSLContext | None:
    """Return whom to trust, None in the clear."""
    return None if relay.tls is Tls.NONE else ssl.create_default_context(cafile=relay.ca_file)


def _xtext(text: str) -> str:
    """Return *text* as a parameter's value (RFC 3461 4: xtext)."""
    return re.sub(r"[^!-*,-<>-~]", lambda found: f"+{ord(found[0]):02X}", text)
