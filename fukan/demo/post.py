"""The demo's post office: takes mail for the whole world by SMTP and keeps it, on the loopback address only.

Every address has a mailbox. It marks each mail as a town's relay would: the topmost Authentication-Results
says that its sender is genuine, whoever that is, and any such mark that came with the mail is removed. That is
why it must never be reachable from elsewhere. Addresses that fail on purpose, at any domain: `nobody@` 550,
`later@` 450, `bounce@` takes the mail and returns a report.
"""

import asyncio
import ipaddress
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import HeaderParser
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, getaddresses, make_msgid
from pathlib import Path
from typing import Final

from aiosmtpd.smtp import SMTP, Envelope, Session

from envelopes.rules.errors import FukanError
from fukan.demo.imap import ImapServer
from fukan.demo.mailboxes import Mailbox, Mailboxes, MailSummary, owner_of

AUTHSERV_ID: Final = "demo.invalid"
PASSWORD: Final = "demo"  # noqa: S105 -- opens nothing that the demo's pages do not show to all
MAIL_BYTES: Final = 60 * 1024 * 1024  # why: more than the intake reads, so that its own limit is met first
_DAEMON: Final = f"MAILER-DAEMON@{AUTHSERV_ID}"
_NOBODY: Final = "550 5.1.1 no such mailbox (the demo refuses every nobody@)"
_LATER: Final = "450 4.2.1 not now (the demo puts every later@ off)"
_RESULTS: Final = re.compile(rb"authentication-results\s*:", re.IGNORECASE)
_FIELD_END: Final = re.compile(rb"\r\n(?![ \t])")


class NotLoopback(FukanError):
    """The demo was asked to listen where others could reach it."""

    def __init__(self, host: str) -> None:
        super().__init__(f"the demo's post office listens on the loopback address only, not on {host}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrival:
    """One mail at the counter: who it claims to be from, for whom, and its bytes."""

    helo: str
    sender: str
    recipient: str
    raw: bytes


class PostOffice:
    """SMTP in, IMAP out, one SQLite file at *path*. Mails survive a restart."""

    def __init__(self, path: Path | str, *, password: str = PASSWORD) -> None:
        self._boxes = Mailboxes(path)
        self._imap = ImapServer(self._boxes, password)
        self._smtp: asyncio.Server | None = None
        self._lines: set[asyncio.BaseTransport] = set()
        self.smtp_port = 0
        self.imap_port = 0

    async def start(self, host: str = "127.0.0.1", smtp_port: int = 0, imap_port: int = 0) -> None:
        """Listen; port 0 means a free one. Raises NotLoopback, or OSError where a port is taken."""
        host = _loopback(host)
        # aiosmtpd logs addresses below this level.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        loop = asyncio.get_running_loop()
        self._smtp = await loop.create_server(lambda: _Counter(self, self._lines), host, smtp_port)
        self.smtp_port = int(self._smtp.sockets[0].getsockname()[1])
        self.imap_port = await self._imap.start(host, imap_port)

    async def close(self) -> None:
        """Stop listening, drop every connection and close the file."""
        if self._smtp is not None:
            self._smtp.close()
        for line in list(self._lines):
            line.close()
        await self._imap.close()
        self._boxes.close()

    def kick(self) -> None:
        """Drop every IMAP connection, as a server in trouble does."""
        self._imap.kick()

    def mailboxes(self) -> list[Mailbox]:
        """Return every address that has mail, the one written to last first."""
        return self._boxes.mailboxes()

    def mails(self, address: str) -> list[MailSummary]:
        """Return the mails of *address*, newest first."""
        return self._boxes.mails(address)

    def mail(self, mail_id: int) -> bytes | None:
        """Return the whole mail *mail_id*, or None."""
        return self._boxes.mail(mail_id)

    async def handle_EHLO(  # noqa: N802 -- aiosmtpd looks for this name
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Offer what aiosmtpd can do but does not say: it reads its commands one after the other."""
        session.host_name = hostname
        return [responses[0], "250-PIPELINING", *responses[1:]]

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd looks for this name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take any recipient but those that fail on purpose."""
        match owner_of(address).partition("@")[0]:
            case "nobody":
                return _NOBODY
            case "later":
                return _LATER
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 here"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Put the mail into the mailbox of each recipient."""
        for recipient in envelope.rcpt_tos:
            self._take(
                _Arrival(
                    helo=session.host_name or "",
                    sender=_plain(envelope.mail_from),
                    recipient=recipient,
                    raw=without_results(bytes(envelope.original_content or b"")),
                )
            )
        return "250 2.0.0 kept"

    def _take(self, arrival: _Arrival) -> None:
        if owner_of(arrival.recipient).startswith("bounce@"):
            self._return(arrival)
        else:
            self._boxes.add(owner_of(arrival.recipient), _trace(arrival) + arrival.raw)

    def _return(self, arrival: _Arrival) -> None:
        """Tell the sender by a report; a mail without return path is a report itself and vanishes."""
        if arrival.sender:
            report = _report(arrival)
            back = _Arrival(helo=AUTHSERV_ID, sender="", recipient=arrival.sender, raw=report)
            self._boxes.add(owner_of(back.recipient), _trace(back) + back.raw)


class _Counter(SMTP):
    """One SMTP connection; the office knows it as long as it lasts."""

    # Relays take lines longer than RFC 5321 allows, as careless programs write them; so must the intake.
    line_length_limit = MAIL_BYTES

    def __init__(self, office: PostOffice, lines: set[asyncio.BaseTransport]) -> None:
        super().__init__(
            office, data_size_limit=MAIL_BYTES, hostname=AUTHSERV_ID, ident="Fukan", enable_SMTPUTF8=True
        )
        self._lines = lines

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._lines.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self.transport is not None:
            self._lines.discard(self.transport)
        super().connection_lost(error)


def without_results(raw: bytes) -> bytes:
    """Return *raw* without any Authentication-Results it brought along.

    RFC 8601 5 asks a border to remove what claims to be its own; inside this world no other border exists.
    """
    head, gap, body = raw.partition(b"\r\n\r\n")
    kept = [each for each in _FIELD_END.split(head) if not _RESULTS.match(each)]
    return b"\r\n".join(kept) + gap + body


def _trace(arrival: _Arrival) -> bytes:
    """Return the fields a server puts on top, in the order in which one finds them."""
    helo = re.sub(r"[^A-Za-z0-9.:\[\]-]", "", arrival.helo) or "unknown"
    now = format_datetime(datetime.now(UTC))
    lines = [
        f"Return-Path: <{arrival.sender}>",
        f"Delivered-To: {arrival.recipient}",
        f"Authentication-Results: {AUTHSERV_ID}; {_verdict(arrival.raw)}",
        f"Received: from {helo} by {AUTHSERV_ID} with ESMTP for <{arrival.recipient}>;\r\n\t{now}",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8")


def _verdict(raw: bytes) -> str:
    """Return a pass for the domain in From, the only one that people see; none without exactly one author."""
    # As text: the parser of bytes gives back values that no one can read as objects, and those fail when asked.
    head = HeaderParser().parsestr(raw.partition(b"\r\n\r\n")[0].decode("utf-8", "replace") + "\n\n")
    addresses = getaddresses(head.get_all("From", []))
    found = re.fullmatch(r".+@([a-z0-9.-]+)", addresses[0][1].lower()) if len(addresses) == 1 else None
    if not found:
        return "dmarc=none"
    domain = found[1]
    return f"dkim=pass header.d={domain}; dmarc=pass header.from={domain}"


def _report(arrival: _Arrival) -> bytes:
    """Return the delivery status notification (RFC 3464) for a mail that found no mailbox."""
    report = EmailMessage(policy=SMTP_POLICY)
    report["From"] = f"Mail Delivery System <{_DAEMON}>"
    report["To"] = arrival.sender
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report["Date"] = datetime.now(UTC)
    report["Message-ID"] = make_msgid(domain=AUTHSERV_ID)
    report["Auto-Submitted"] = "auto-replied"
    report.set_content(f"This address does not exist: {arrival.recipient}\n")
    report.make_mixed()
    report.replace_header("Content-Type", "multipart/report; report-type=delivery-status")
    report.attach(_status(arrival))
    report.attach(_returned_head(arrival.raw))
    return report.as_bytes()


def _status(arrival: _Arrival) -> EmailMessage:
    status = EmailMessage(policy=SMTP_POLICY)
    status["Content-Type"] = "message/delivery-status"
    whole, one = EmailMessage(policy=SMTP_POLICY), EmailMessage(policy=SMTP_POLICY)
    whole["Reporting-MTA"] = f"dns; {AUTHSERV_ID}"
    one["Final-Recipient"] = f"rfc822; {arrival.recipient}"
    one["Action"] = "failed"
    one["Status"] = "5.1.1"
    one["Diagnostic-Code"] = "smtp; 550 5.1.1 no such mailbox (the demo returns every bounce@)"
    status.set_payload([whole, one])
    return status


def _returned_head(raw: bytes) -> EmailMessage:
    head = EmailMessage(policy=SMTP_POLICY)
    text = raw.partition(b"\r\n\r\n")[0].decode("ascii", "replace")
    head["Content-Type"] = "text/rfc822-headers"
    head.set_payload(text.replace("\r\n", "\n") + "\n")
    return head


def _plain(address: str | None) -> str:
    return "" if address in {None, "<>"} else str(address)


def _loopback(host: str) -> str:
    """Return *host* as an address, or raise NotLoopback."""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        if ipaddress.ip_address(address).is_loopback:
            return address
    except ValueError:
        pass  # a name: it could mean any machine
    raise NotLoopback(host)
