"""Which envelope a reply is about: the address it was sent to, the number in its subject, the mails it refers to.

Mails to staff are answered at `intake+r.<ref>-<revision>-<MAC>@…`, so the address alone names the envelope and what was
shown of it. Numbers and references are there for mailers that forget it; where the two say different things, neither
is believed. None of this proves who writes.
"""

import hmac
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from bot.parse import ParsedMail
from envelopes.records.models import Delivery, Envelope
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.tokens import Purpose, ref_from
from envelopes.services import Services

_LOCAL_PART: Final = 64  # RFC 5321 4.5.3.1.1, octets
_TOKEN: Final = re.compile(r"r\.(?P<ref>[a-z2-7]{16})-(?P<revision>[0-9]{1,4})-(?P<mac>[a-z2-7]{16})")
_DRAFT: Final = re.compile(r"\[(?P<number>D-[0-9]{4,9})(?:-r(?P<revision>[0-9]{1,4}))?\]")
_NUMBER: Final = re.compile(r"\[(?P<number>[A-Z0-9]{1,10}-[0-9]{4}-[0-9]{4,9})\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """An envelope, and which revisions of its draft the marks of the mail name; none where they name none."""

    ref: str
    revisions: frozenset[int]


def reply_address(services: Services, ref: str, revision: int = 0) -> str:
    """Where mails to staff about the envelope *ref* are answered; *revision* is that of a draft they show."""
    intake = services.settings.mail.intake
    local, _, domain = intake.rpartition("@")
    name = f"{local}+r.{ref}-{revision}-{_mac(services.keyring.token.newest[1], ref, revision)}"
    return f"{name}@{domain}" if len(name) <= _LOCAL_PART else intake


def _mac(key: bytes, ref: str, revision: int) -> str:
    return ref_from(hmac.digest(key, f"{Purpose.REPLY}:{ref}:{revision}".encode(), sha256))


async def find(services: Services, sent_to: Sequence[str], parsed: ParsedMail) -> Thread | None:
    """The thread that a mail sent to these addresses stands in. Raises Refused(COMMAND_ABOUT_NOTHING)."""
    marks = [*_addressed(services, sent_to), *[mark async for mark in _numbered(parsed.subject)]]
    if not marks:
        return await _referred(parsed.references)
    refs = {ref for ref, _ in marks}
    if len(refs) > 1:
        raise Refused(Reason.COMMAND_ABOUT_NOTHING)
    return Thread(ref=refs.pop(), revisions=frozenset(revision for _, revision in marks if revision))


def is_marked(services: Services, sent_to: Sequence[str], parsed: ParsedMail) -> bool:
    """Whether a mail looks as if it stood in a thread, of ours or of another's."""
    numbered = _NUMBER.search(parsed.subject) or _DRAFT.search(parsed.subject)
    return bool(parsed.references or numbered or any(_addressed(services, sent_to)))


def _addressed(services: Services, sent_to: Sequence[str]) -> Iterator[tuple[str, int]]:
    local, _, domain = services.settings.mail.intake.lower().rpartition("@")
    keys = tuple(services.keyring.token)
    for address in sent_to:
        name, _, at = address.lower().rpartition("@")
        hit = _TOKEN.fullmatch(name.removeprefix(f"{local}+")) if at == domain else None
        if hit:
            ref, revision = hit["ref"], int(hit["revision"])
            if any(hmac.compare_digest(_mac(key, ref, revision), hit["mac"]) for key in keys):
                yield ref, revision


async def _numbered(subject: str) -> AsyncIterator[tuple[str, int]]:
    if hit := _NUMBER.search(subject):
        envelope = await Envelope.filter(number=hit["number"]).first()
        if envelope:
            yield envelope.ref, 0
    if hit := _DRAFT.search(subject):
        envelope = await Envelope.filter(draft_number=hit["number"]).order_by("-id").first()
        if envelope:
            yield envelope.ref, int(hit["revision"] or 1)


async def _referred(references: Sequence[str]) -> Thread | None:
    """The envelope of the latest of our mails among *references*."""
    known = await Delivery.filter(message_id__in=list(references), envelope_id__isnull=False)
    places = {one.message_id: one.envelope_id for one in known}
    latest = next((places[one] for one in reversed(references) if one in places), None)
    envelope = await Envelope.filter(id=latest or 0).first()
    return Thread(ref=envelope.ref, revisions=frozenset()) if envelope else None
