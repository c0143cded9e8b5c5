"""Mail as the cast sends and reads it: over SMTP to the relay, and out of the mailboxes that Dovecot fills."""

import re
import smtplib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from email.utils import format_datetime, make_msgid
from pathlib import Path

from tests.journeys import cast
from tests.patience import PATIENCE
from tests.servers.dovecot_postfix import RealPostOffice


class NoSuchMail(AssertionError):
    """A mail that should have come did not."""


class Letter:
    """A mail that was delivered."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        message = message_from_bytes(raw, policy=default)
        assert isinstance(message, EmailMessage)
        self.message = message
        self.subject = str(message["Subject"])
        text = message.get_body(("plain",))
        self.text = text.get_content().replace("\r\n", "\n") if text is not None else ""
        html = message.get_body(("html",))
        self.html = html.get_content() if html is not None else ""

    @property
    def flat(self) -> str:
        """The text in one line, so that words are found wherever a line was broken."""
        return self.text.replace("\n", "")

    @property
    def attachments(self) -> dict[str, bytes]:
        """File name → content."""
        return {
            part.get_filename() or "": part.get_payload(decode=True) or b""  # type: ignore[misc]
            for part in self.message.iter_attachments()
        }

    @property
    def signed(self) -> list[bytes]:
        """The contents of the attached documents, without their certificate."""
        return [data for name, data in self.attachments.items() if not name.endswith("締結証明書.pdf")]

    @property
    def certificate(self) -> bytes:
        """The content of the attached certificate."""
        (found,) = [data for name, data in self.attachments.items() if name.endswith("締結証明書.pdf")]
        return found

    @property
    def code(self) -> str:
        """The confirmation code, which stands on the first line of the text."""
        found = re.match(r"(\d{6})[（ ]", self.text.lstrip())
        assert found is not None, self.text
        return found[1]

    @property
    def link(self) -> str:
        """The first address in the text."""
        found = re.search(r"https?://\S+", self.text)
        assert found is not None, self.text
        return found[0]


class Post:
    """All mailboxes of the post office. A mail that was taken is not given out again."""

    def __init__(self, office: RealPostOffice) -> None:
        self._office = office
        self._taken: set[Path] = set()
        self._opened: dict[Path, Letter] = {}

    def letters(self, address: str, *, about: str = "") -> list[Letter]:
        """All mails of *address* that mention *about*, oldest first, taken or not."""
        return [letter for _, letter in self._read(address) if about in letter.subject + letter.text]

    def _read(self, address: str) -> list[tuple[Path, Letter]]:
        folder = self._office.folder / "home" / address.lower() / "Maildir"
        paths = [path for name in ("new", "cur") for path in (folder / name).glob("*")]
        paths.sort(key=lambda path: path.name)
        return [self._open(path) for path in paths]

    def _open(self, path: Path) -> tuple[Path, Letter]:
        # A mail moves from new to cur when a client looks, so its name up to the flags identifies it.
        name = Path(path.name.partition(":")[0])
        if name not in self._opened:
            self._opened[name] = Letter(path.read_bytes())
        return name, self._opened[name]

    def wait(self, address: str, subject: str, *, about: str) -> Letter:
        """Take the next mail with *subject* in its subject that mentions *about*. Raises NoSuchMail."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for name, letter in self._read(address):
                fits = subject in letter.subject and about in letter.subject + letter.text
                if fits and name not in self._taken:
                    self._taken.add(name)
                    return letter
            time.sleep(0.1)
        came = [letter.subject for letter in self.letters(address)]
        raise NoSuchMail(f"{subject} ({about}) to {address}; came: {came}")

    def send(self, mail: EmailMessage, *, sender: str = "", to: str = cast.INTAKE) -> None:
        """Hand *mail* to the relay as somebody on the internet does; the relay marks what it thinks of *sender*."""
        with smtplib.SMTP("127.0.0.1", self._office.smtp, timeout=PATIENCE) as line:
            line.send_message(mail, from_addr=sender or cast.NAKAMURA.address, to_addrs=[to])


def reply(letter: Letter, *lines: str, clerk: cast.Clerk = cast.NAKAMURA) -> EmailMessage:
    """A reply as mailers write it: to Reply-To, the words above, what is answered quoted below."""
    quoted = "".join(f"> {line}\n" for line in letter.text.splitlines())
    said, answered = "\n".join(lines), letter.message
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f"{clerk.name} <{clerk.address}>"
    mail["To"] = str(answered["Reply-To"])
    mail["Subject"] = f"Re: {letter.subject}"
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=cast.STAFF_DOMAIN)
    mail["In-Reply-To"] = str(answered["Message-ID"])
    mail["References"] = f"{answered['References'] or ''} {answered['Message-ID']}".strip()
    mail.set_content(f"{said}\n\n{clerk.name}\n\nみほん村 電子契約さんのメール:\n{quoted}", cte="base64")
    return mail


Attachment = tuple[str, bytes]


def order(
    title: str,
    *,
    companies: Sequence[cast.Company] = (cast.TAKAHASHI,),
    kind: str = "契約書",
    amount: str = "12,980,000円（税込）",
    deadline: str = "",
    hand_over: str = "",
    documents: Sequence[Attachment] = (),
    clerk: cast.Clerk = cast.NAKAMURA,
) -> EmailMessage:
    """The mail by which a clerk forwards documents. An empty value leaves its line out."""
    lines = {"封筒名": title, "種別": kind, "金額": amount, "期限": deadline, "引継ぎ": hand_over}
    text = "".join(f"{key}：{value}\n" for key, value in lines.items() if value)
    text += "".join(f"宛先：{company.line}\n" for company in companies)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f"みほん村 建設課 {clerk.name} <{clerk.address}>"
    mail["To"] = cast.INTAKE
    mail["Subject"] = f"Fwd: {title}"
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=cast.STAFF_DOMAIN)
    mail.set_content(f"署名依頼をお願いします。\n\n{text}\n-- \nみほん村 建設課\n", cte="base64")
    for name, content in documents:
        mail.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    return mail
