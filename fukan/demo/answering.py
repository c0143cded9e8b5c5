"""The form "reply to this mail": what was written → a reply as a mailer writes it, quoting what it answers.

Only writes; whether it orders anything is for the intake to say. Staff alone reply here: contractors write to the
section.
"""

from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses, make_msgid
from typing import Final

from fukan.demo import cast
from fukan.demo.reading import decoded, read

_IDS: Final = 40  # references that are carried on: a sample thread is never so long


def replier(raw: bytes) -> cast.StaffMember | None:
    """The member of staff who got *raw* and whose answer would go to the intake, if there is one."""
    mail = message_from_bytes(raw, policy=policy.compat32)
    got = {address.lower() for _, address in getaddresses([str(value) for value in mail.get_all("To", [])])}
    local, _, domain = cast.INTAKE.partition("@")
    name, _, at = _address(mail["Reply-To"]).partition("@")
    goes_in = at == domain and name.partition("+")[0] == local
    return next((person for person in cast.STAFF if goes_in and person.address in got), None)


def _address(value: object) -> str:
    return next((address for _, address in getaddresses([str(value or "")])), "")


def compose(raw: bytes, words: str, *, clerk: cast.StaffMember, now: datetime) -> EmailMessage:
    """Return the reply of *clerk* to *raw*: his words above, what is answered quoted below."""
    answered = message_from_bytes(raw, policy=policy.compat32)
    message_id = _one_line(answered["Message-ID"])
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f"{cast.TOWN} {clerk.section} {clerk.name} <{clerk.address}>"
    mail["To"] = _address(answered["Reply-To"])
    mail["Subject"] = f"Re: {_one_line(decoded(answered['Subject']))}"
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = make_msgid(domain=cast.STAFF_DOMAIN)
    if message_id:
        mail["In-Reply-To"] = message_id
        mail["References"] = " ".join((*_one_line(answered["References"]).split()[-_IDS:], message_id))
    quoted = "\n".join(f"> {line}".rstrip() for line in read(raw).text.splitlines())
    text = f"{words.strip()}\n\n{cast.TOWN} 電子契約さんのメール:\n{quoted}\n"
    mail.set_content(text, charset="utf-8", cte="base64")
    return mail


def _one_line(value: object) -> str:
    return " ".join(str(value or "").split())
