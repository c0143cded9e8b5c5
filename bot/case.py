"""What a letter is made from: the case, its people, its links and the thread it stands in.

Here is who a letter about an envelope can go to and how it is addressed. Who gets which letter stands in `bot.compose`,
what is said in the modules that begin with `letters`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bot.letters import Addressee, DocumentLine, Letter, Reader
from bot.render import Attachment, AutoSubmitted, Mailbox
from bot.threads import reply_address
from envelopes.phrases import named
from envelopes.records import store
from envelopes.records.fields import look_up
from envelopes.records.models import Contact, Document, Section, Signer, Staff
from envelopes.records.store import Snapshot
from envelopes.records.tasks import Claimed
from envelopes.rules.addresses import AddressKind, domain_of
from envelopes.rules.delivery import WhyLink
from envelopes.rules.people import Party
from envelopes.rules.reading import Record
from envelopes.rules.states import Event, permits
from envelopes.rules.tokens import Purpose
from envelopes.rules.wording import Language, spoken
from envelopes.services import Services

_MESSAGE_ID: Final = (
    250  # why: RFC 5322 2.1.1 allows 998 a line; ours are far shorter, and odd ones help nobody
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One person a mail goes to, as registry or staff list said when the envelope was opened."""

    addressee: Addressee
    address: str
    look_up: str
    reader: Reader
    signer: Signer | None = None
    staff_id: int | None = None
    plain_only: bool = False
    """Carriers' mail programs want text alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One mail to one recipient, not yet in bytes. `references` are Message-IDs of its thread, oldest first."""

    recipient: Recipient
    letter: Letter
    reply_to: Mailbox
    references: tuple[str, ...]
    attachments: tuple[Attachment, ...] = ()
    why_link: WhyLink | None = None
    auto_submitted: AutoSubmitted = AutoSubmitted.GENERATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a letter about an envelope is made from."""

    services: Services
    shot: Snapshot
    task: Claimed

    @property
    def foot(self) -> dict[str, Any]:
        """What stands at the foot of every letter."""
        return foot(self.services, self.shot.section, self.shot.number)

    def waits_for(self, signer: Signer) -> bool:
        """Whether the envelope still waits for *signer*, or has gone on or ended since the task was queued."""
        turn = self.shot.turn
        return permits(self.shot.state, Event.CONSENTED) and turn is not None and turn.id == signer.id

    def name_of(self, signer: Signer, to: Addressee) -> str:
        """What a party is called to *to*: the town has a name of its own in English."""
        town = self.services.settings.town
        english = signer.party == Party.VILLAGE and to.language is Language.ENGLISH
        return town.in_english if english else signer.company

    def signer(self) -> Signer:
        """The signer whom the task is about."""
        return next(item for item in self.shot.signers if item.id == self.task.ids["signer"])

    def page(self, *parts: str) -> str:
        """The envelope's page for staff, or one below it."""
        return self.services.url("staff", "envelopes", self.shot.envelope.ref, *parts)

    def link(self, signer: Signer) -> str:
        """The page where *signer* signs: by signed link, or for the village behind the sign-in."""
        if signer.party == Party.VILLAGE:
            return self.services.url("staff", "envelopes", self.shot.envelope.ref, "1")
        token = self.services.link(Purpose.REQUEST, signer.ref, signer.generation)
        return self.services.url("s", token)

    def download(self, recipient: Recipient) -> str:
        """Where the recipient finds the signed files."""
        signer = recipient.signer
        if recipient.reader is Reader.STAFF or signer is None:
            return self.page()
        token = self.services.link(Purpose.DOWNLOAD, signer.ref, signer.download_generation)
        return self.services.url("d", token)


# Recipients


def _contractor(signer: Signer) -> Recipient:
    return Recipient(
        addressee=Addressee(signer.company, signer.office, signer.person, spoken(signer.language)),
        address=signer.email,
        look_up=signer.email_look_up,
        reader=Reader.CONTRACTOR,
        signer=signer,
        plain_only=signer.address_kind == AddressKind.CARRIER.value,
    )


def seat(signer: Signer) -> Recipient:
    """A signer of either side."""
    if signer.party == Party.CONTRACTOR:
        return _contractor(signer)
    return replace(_contractor(signer), reader=Reader.STAFF, staff_id=signer.staff_id)


def registered(contact: Contact) -> Recipient:
    """The person at an address of the registry."""
    return Recipient(
        addressee=Addressee(contact.company, contact.office, contact.person, spoken(contact.language)),
        address=contact.email,
        look_up=contact.email_look_up,
        reader=Reader.CONTRACTOR,
        plain_only=contact.kind == AddressKind.CARRIER.value,
    )


def clerk(services: Services, staff: Staff, section: str) -> Recipient:
    """A member of staff, in the section's name."""
    return Recipient(
        addressee=Addressee(f"{services.settings.town.name} {section}", "", staff.name),
        address=staff.email,
        look_up=staff.email_look_up,
        reader=Reader.STAFF,
        staff_id=staff.id,
    )


def unlisted(services: Services, address: str) -> Recipient:
    """Somebody of the town who is not on the staff list: nothing is known of him but an address."""
    return Recipient(
        addressee=Addressee(services.settings.town.name, "", "ご担当者"),
        address=address,
        look_up=services.address_look_up(address),
        reader=Reader.STAFF,
    )


def drafter(case: Case) -> Recipient:
    """Who drafted the envelope."""
    return clerk(case.services, case.shot.drafter, case.shot.section.name)


def section_desk(case: Case) -> Recipient:
    """Whoever reads the mail of the envelope's section."""
    section = case.shot.section
    return Recipient(
        addressee=Addressee(f"{case.services.settings.town.name} {section.name}", "", "ご担当者"),
        address=section.email,
        look_up=case.services.address_look_up(section.email),
        reader=Reader.STAFF,
    )


async def turned_to_desk(case: Case, mails: Sequence[Outgoing]) -> list[Outgoing]:
    """*mails*, where those to people who have left the town's service go to the section's desk, each address once."""
    ids = {one.recipient.staff_id for one in mails} - {None}
    left = {one.id for one in await Staff.filter(id__in=list(ids), active=False).only("id")}
    if not left:
        return list(mails)
    desk = section_desk(case)
    turned = (
        replace(one, recipient=desk, letter=replace(one.letter, to=desk.addressee))
        if one.recipient.staff_id in left
        else one
        for one in mails
    )
    return list({one.recipient.look_up: one for one in turned}.values())


async def copied(case: Case) -> list[Recipient]:
    """Whom the order names under 写し, as far as they still work here."""
    refs = Record.from_json(json.loads(case.shot.envelope.reading)).copies
    people = await Staff.filter(ref__in=list(refs), active=True).select_related("section").order_by("id")
    return [clerk(case.services, person, person.section.name) for person in people]


def each_once(people: Sequence[Recipient]) -> list[Recipient]:
    """*people* without those whose address stands before them already."""
    return list({one.look_up: one for one in reversed(people)}.values())[::-1]


def concerned(case: Case) -> list[Recipient]:
    """Everybody who was asked, and the drafter; each address once."""
    people = [*(seat(signer) for signer in case.shot.asked), drafter(case)]
    return each_once(people)


# Envelopes around letters


def thread(services: Services, ref: str) -> str:
    """The Message-ID that all mails about one envelope refer to. No mail bears it; it only holds the thread."""
    name = look_up(services.keyring.look_up, "thread", ref)[:32]
    return f"<{name}@{domain_of(services.settings.mail.address)}>"


def foot(services: Services, section: Section, number: str = "") -> dict[str, Any]:
    """What stands at the foot of a letter: whom to call, and when where it is not when the town answers anyway."""
    town = services.settings.town
    own = section.hours not in ("", town.hours)
    return {
        "section": named(section.name, section.name_english),
        "phone": section.phone or town.phone,
        "hours": named(section.hours, section.hours_english) if own else "",
        "number": number,
    }


def addressed(case: Case, recipient: Recipient, letter: Letter, **more: Any) -> Outgoing:
    """*letter* for *recipient*, in the envelope's thread; staff answer to the intake, others to the section."""
    section = case.shot.section
    to_staff = recipient.reader is Reader.STAFF
    return Outgoing(
        recipient=recipient,
        letter=letter,
        reply_to=Mailbox("", _intake(case)) if to_staff else Mailbox(section.name, section.email),
        references=more.pop("references", (thread(case.services, case.shot.envelope.ref),)),
        **more,
    )


def _intake(case: Case) -> str:
    """Where staff answer: the address names the envelope, and while it is a draft what is shown of it."""
    envelope = case.shot.envelope
    is_draft = permits(case.shot.state, Event.CONFIRMED)
    revision = Record.from_json(json.loads(envelope.reading)).revision if is_draft else 0
    return reply_address(case.services, envelope.ref, revision)


def answers_to(message_id: str | None) -> tuple[str, ...]:
    """The Message-ID of the mail that is answered, if it can stand in a header and nobody would decode it there."""
    if not message_id or not message_id.isascii() or not message_id.isprintable() or "=?" in message_id:
        return ()
    return (message_id,) if len(message_id) < _MESSAGE_ID else ()


async def document_lines(shot: Snapshot, *, revision: int | None) -> tuple[DocumentLine, ...]:
    """The documents with size and hash of one revision (0: prepared, -1: the newest), None: as received."""
    return tuple([await document_line(document, revision=revision) for document in shot.documents])


async def document_line(document: Document, *, revision: int | None) -> DocumentLine:
    """One of `document_lines`, or the certificate's."""
    size, digest = document.base.size, ""
    if revision is not None:
        segment = (await store.segments(document.id))[revision]
        size, digest = segment.length, segment.sha256
    return DocumentLine(document.title, document.page_count, size, digest)
