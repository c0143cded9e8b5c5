"""What was typed into the pages of the registration form, kept by the browser in a sealed cookie until it is sent.

So back and forward work, nothing personal stands in an address or in the database before a code is asked for, and a
stranger's half-filled forms cost the service nothing. Nobody but the service can read or alter the cookie.
"""

import json
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from typing import Final

from aiohttp import web

from envelopes.records.fields import Cipher, FieldUnreadable
from envelopes.rules.applications import Wish
from portal import cookies
from portal.respond import services

_COLUMN: Final = "cookie.registration"
_MARK: Final = "\x1f"  # begins every sealed value, and may not stand in a cookie (RFC 6265 4.1.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What is known so far. `ref` is the application's once it was sent; `at` when something was typed last."""

    company: str = ""
    office: str = ""
    person: str = ""
    email: str = ""
    previous: str = ""
    mobile: str = ""
    reason: str = ""
    version: str = ""
    ref: str = ""
    at: float = 0.0

    def wish(self, language: str) -> Wish:
        """The entry that is wanted."""
        return Wish(
            company=self.company,
            office=self.office,
            person=self.person,
            email=self.email,
            reason=self.reason,
            previous=self.previous,
            mobile=self.mobile,
            language=language,
        )


def read(request: web.Request) -> Form | None:
    """What this browser has kept; None where it has nothing, or nothing of this hour.

    Once it is sent nothing that was typed is kept any more, so the way back to it stays open longer.
    """
    provided = services(request)
    value = cookies.read(request, cookies.REGISTRATION)
    try:
        kept = json.loads(Cipher(provided.keyring.field).open(_MARK + value, _COLUMN))
    except (FieldUnreadable, ValueError):
        return None
    known = {item.name for item in fields(Form)}
    form = Form(**{name: one for name, one in kept.items() if name in known})
    lasting = cookies.KNOWN if form.ref else timedelta(minutes=provided.policy.registration_minutes)
    return form if provided.now().timestamp() < form.at + lasting.total_seconds() else None


def keep(request: web.Request, response: web.Response, form: Form) -> None:
    """Have the browser keep *form*."""
    provided = services(request)
    said = {**asdict(form), "at": provided.now().timestamp()}
    text = json.dumps({name: one for name, one in said.items() if one}, ensure_ascii=False)
    sealed = Cipher(provided.keyring.field).seal(text, _COLUMN)
    cookies.keep(request, response, cookies.REGISTRATION, sealed.removeprefix(_MARK))
