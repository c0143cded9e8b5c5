"""A mail that came in → a draft, an answer that says what to mend, or the quarantine.

Decides in this order: can it be read, did a person write it, is the sender proven, is he staff, may he draft, and only
then what he wrote and attached. Only staff are ever answered. The grammar of orders stands in `envelopes.rules.orders`,
what a PDF must be in `envelopes.papers`; nothing foreign is parsed in this process.
"""

import logging
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from functools import partial
from pathlib import PurePath
from typing import Final

from bot import senders
from bot.parse import Attachment, ParsedMail, parse
from bot.senders import Level
from envelopes.actions import registrar
from envelopes.actions.registrar import ACTIVE
from envelopes.actions.worker import drafts, mails
from envelopes.actions.worker.drafts import Opening, Paper
from envelopes.actions.worker.mails import MailFacts, MailStatus
from envelopes.actions.worker.workshop import Workshop
from envelopes.records import counters
from envelopes.records.models import Contact, Mail, Staff
from envelopes.rules import orders
from envelopes.rules.amounts import Amount
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.kinds import Kind, Tax
from envelopes.rules.names import same_company, search_form
from envelopes.rules.orders import Key, Problem, Reading, Recipient
from envelopes.rules.people import Role, roles_from
from envelopes.rules.reading import Answered, Line, Record, Remark
from envelopes.rules.schedule import jst_day
from envelopes.rules.wording import jst_date, yen
from envelopes.sandbox import Limits
from envelopes.services import Services

log = logging.getLogger(__name__)

AUTOMATIC: Final = "automatic"  # the note on a mail that no person wrote
OWN: Final = "own-address"  # the note on a mail that claims to come from us
_SIGNATURES: Final = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
_OPEN_FILES: Final = 32  # why: the child reads one mail and needs no more than the interpreter's own
_NEAR: Final = 3  # names to propose: more do not help
# Something is only missing or unsaid; with any other problem nothing can be made of the mail.
_QUESTIONS: Final = frozenset(
    {
        Reason.TITLE_MISSING,
        Reason.RECIPIENT_MISSING,
        Reason.RECIPIENT_UNKNOWN,
        Reason.RECIPIENT_SEVERAL,
        Reason.RECIPIENT_NOT_READY,
        Reason.KIND_MISSING,
        Reason.AMOUNT_MISSING,
        Reason.AMOUNT_TAX_UNSAID,
    }
)
_KINDS: Final = {Kind.CONTRACT: "契約書（相手方→村の順に署名）", Kind.ACCEPTANCE: "請書（相手方だけが署名）"}
_TAXES: Final = {Tax.INCLUDED: "（税込）", Tax.EXCLUDED: "（税抜）", Tax.NONE: "（税なし）"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail on the desk: the row, what it says, and who wrote it."""

    mail: Mail
    parsed: ParsedMail
    facts: MailFacts
    staff: Staff


@dataclass(slots=True)
class Found:
    """What has been found so far: recipients and papers that are fit, and everything to mend."""

    contacts: list[Contact] = field(default_factory=list)
    papers: list[Paper] = field(default_factory=list)
    problems: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)


async def read_mail(shop: Workshop, mail_id: int) -> None:
    """Deal with one mail that was taken in. A mail that has been dealt with is left alone."""
    mail = await Mail.filter(id=mail_id).select_related("file").get()
    if mail.status != MailStatus.RECEIVED.value:
        return
    raw = await shop.services.blobs.get(mail.file)
    try:
        parsed = await _parse(shop, raw)
    except Refused as refused:
        # Who sent it is not known either, so nobody is answered; the operator finds it among the failed.
        await mails.set_aside(shop.services, mail, MailStatus.FAILED, refused.reason.value, None)
        log.warning("mail %s cannot be read: %s", mail.ref, refused.reason)
    else:
        letter = await _received(shop.services, mail, parsed)
        if letter is not None:
            await _handle(shop, letter)


async def _parse(shop: Workshop, raw: bytes) -> ParsedMail:
    policy = shop.services.policy
    limits = Limits(
        cpu_seconds=int(policy.parse_seconds),
        memory_bytes=policy.parse_memory,
        wall_seconds=policy.parse_seconds,
        files=_OPEN_FILES,
    )
    return await shop.papers.sandbox.run(
        partial(parse, decoded_limit=policy.decoded_bytes),
        raw,
        limits=limits,
        on_crash=Reason.MAIL_UNREADABLE,
        on_timeout=Reason.MAIL_UNREADABLE,
    )


# Who


async def _received(services: Services, mail: Mail, parsed: ParsedMail) -> Letter | None:
    """Return the letter if a member of staff wrote it; else put the mail aside without an answer."""
    sender = parsed.sender.address if parsed.sender else ""
    facts = MailFacts(subject=parsed.subject, sender=sender, message_id=parsed.message_id)
    staff = await _author(services, parsed)
    if isinstance(staff, Staff):
        return Letter(mail=mail, parsed=parsed, facts=facts, staff=staff)
    log.info("mail %s put aside: %s", mail.ref, staff)
    await mails.set_aside(services, mail, MailStatus.QUARANTINED, staff, facts)
    return None


async def _author(services: Services, parsed: ParsedMail) -> Staff | str:
    """Return the member of staff who wrote this, or why the mail is put aside."""
    if parsed.automatic:
        return AUTOMATIC
    settings = services.settings
    verdict = senders.judge(
        parsed, trusted_authserv_ids=settings.mail.trusted_authserv_ids, demo=settings.demo
    )
    if verdict.level is Level.UNPROVEN:
        return verdict.why.value
    if verdict.address.lower() in {settings.mail.address.lower(), settings.mail.intake.lower()}:
        return OWN
    try:
        return await registrar.staff_by_address(services, verdict.address)
    except Refused:
        return Reason.NOT_STAFF.value


# What


async def _handle(shop: Workshop, letter: Letter) -> None:
    hindrance = _hindrance(letter)
    if hindrance is not None:
        await _answer(shop.services, letter, None, Found(problems=[Remark(reason=hindrance)]))
        return
    policy, today = shop.services.policy, jst_day(letter.mail.arrived_at)
    reading = orders.read(letter.parsed.text, subject=letter.parsed.subject, today=today, policy=policy)
    found = Found(problems=_remarks(reading.problems), warnings=_remarks(reading.warnings))
    await _find_contacts(shop.services, reading.recipients, found)
    certificate_id = drafts.certificate_id(shop.services)
    await _receive_papers(shop, letter.parsed.attachments, certificate_id, found)
    if found.problems:
        await _answer(shop.services, letter, reading, found)
    else:
        await _open(shop.services, letter, reading, found, certificate_id)


def _hindrance(letter: Letter) -> Reason | None:
    if Role.DRAFTER not in roles_from(letter.staff.roles):
        return Reason.ROLE_MISSING
    return Reason.MAIL_ENCRYPTED if letter.parsed.encrypted else None


def _remarks(problems: Sequence[Problem]) -> list[Remark]:
    return [
        Remark(
            reason=problem.reason,
            details=problem.details,
            line=problem.line or 0,
            source=str(problem.details.get("text", "")),
        )
        for problem in problems
    ]


async def _open(
    services: Services, letter: Letter, reading: Reading, found: Found, certificate_id: str
) -> None:
    # Without problems, all of these were read.
    assert reading.title is not None
    assert reading.kind is not None
    assert reading.amount is not None
    deadline = reading.deadline or _default_deadline(services)
    opening = Opening(
        certificate_id=certificate_id,
        kind=reading.kind,
        title=reading.title.value,
        amount=reading.amount.yen,
        tax=reading.amount.tax,
        deadline_on=deadline,
        contacts=found.contacts,
        papers=found.papers,
        reading=_record(letter, reading, found, deadline).to_json(),
    )
    await drafts.open_draft(services, letter.mail, letter.staff, opening, letter.facts)


def _default_deadline(services: Services) -> date:
    return jst_day(services.now()) + timedelta(days=services.policy.deadline_days)


async def _answer(services: Services, letter: Letter, reading: Reading | None, found: Found) -> None:
    """Tell the sender everything that is to be mended, unless he has been told too often today."""
    mail, now = letter.mail, services.now()
    name, events = f"answers:{letter.staff.ref}", services.policy.answers_a_day
    if not await counters.allowed(name, events=events, per=timedelta(days=1), now=now):
        reason = Reason.LIMIT_REACHED.value
        await mails.set_aside(services, mail, MailStatus.QUARANTINED, reason, letter.facts)
        return
    said = Answered(
        record=_record(letter, reading, found, None),
        problems=found.problems,
        attachments=[item.name for item in letter.parsed.attachments],
        refused=any(problem.reason not in _QUESTIONS for problem in found.problems),
    )
    await mails.answer(services, mail, letter.staff, said=said.to_json(), facts=letter.facts)


# Recipients


async def _find_contacts(services: Services, recipients: Sequence[Recipient], found: Found) -> None:
    now = services.now()
    for recipient in recipients:
        contacts = await _matching(services, recipient)
        if not contacts:
            found.problems.append(await _unknown(recipient))
        elif len(contacts) > 1:
            found.problems.append(_several(recipient, len(contacts)))
        elif contacts[0].works_from > now:
            found.problems.append(_not_ready(recipient, contacts[0].works_from))
        elif contacts[0].id not in {known.id for known in found.contacts}:
            found.contacts.append(contacts[0])


async def _matching(services: Services, recipient: Recipient) -> list[Contact]:
    """The living entries that *recipient* can mean: by address, else by the company's name."""
    if recipient.address is not None:
        look_up = services.address_look_up(recipient.address)
        return await Contact.filter(email_look_up=look_up, state=ACTIVE)
    for name in (recipient.company, recipient.name):
        known = await Contact.filter(company_search=search_form(name), state=ACTIVE)
        if matching := [contact for contact in known if same_company(contact.company, name)]:
            return matching
    return []


async def _unknown(recipient: Recipient) -> Remark:
    names = await Contact.filter(state=ACTIVE).values_list("company_search", "company")
    companies = {str(search): str(company) for search, company in names}
    near = get_close_matches(search_form(recipient.company), companies, n=_NEAR)
    details = {"key": Key.RECIPIENT.value, "suggestion": "」「".join(companies[name] for name in near)}
    return Remark(
        reason=Reason.RECIPIENT_UNKNOWN, details=details, line=recipient.line, source=recipient.text
    )


def _several(recipient: Recipient, count: int) -> Remark:
    details: dict[str, str | int] = {"key": Key.RECIPIENT.value, "n": count}
    return Remark(
        reason=Reason.RECIPIENT_SEVERAL, details=details, line=recipient.line, source=recipient.text
    )


def _not_ready(recipient: Recipient, works_from: datetime) -> Remark:
    details = {"key": Key.RECIPIENT.value, "date": jst_date(works_from)}
    return Remark(
        reason=Reason.RECIPIENT_NOT_READY, details=details, line=recipient.line, source=recipient.text
    )


# Documents


async def _receive_papers(
    shop: Workshop, attachments: Sequence[Attachment], certificate_id: str, found: Found
) -> None:
    """Take the PDFs in the order of their names; every file that is not fit becomes a problem."""
    files = [item for item in attachments if item.media_type not in _SIGNATURES]
    found.problems += [_wrong_type(item) for item in files if not item.is_pdf]
    documents = sorted((item for item in files if item.is_pdf), key=lambda item: item.name)
    limit = shop.services.policy.documents_per_envelope
    if not documents:
        found.problems.append(Remark(reason=Reason.NO_DOCUMENT))
    elif len(documents) > limit:
        details = {"actual": len(documents), "limit": limit}
        found.problems.append(Remark(reason=Reason.TOO_MANY_DOCUMENTS, details=details))
    else:
        for position, item in enumerate(documents, 1):
            await _receive(shop, item, position, certificate_id, found)


def _wrong_type(item: Attachment) -> Remark:
    reason = Reason.ARCHIVE_ENCRYPTED if item.is_locked_archive else Reason.FILE_TYPE
    return Remark(reason=reason, details={"file": item.name})


async def _receive(
    shop: Workshop, item: Attachment, position: int, certificate_id: str, found: Found
) -> None:
    about: dict[str, str | int] = {"file": item.name, "position": position}
    try:
        received = await shop.papers.receive(item.data, certificate_id=f"{certificate_id}-{position}")
    except Refused as refused:
        found.problems.append(Remark(reason=refused.reason, details=refused.details | about))
        return
    found.warnings += [Remark(reason=reason, details=about) for reason in received.warnings]
    found.papers.append(
        Paper(
            title=document_title(item.name, position, limit=shop.services.policy.title_characters),
            file_name=item.name,
            original=item.data,
            data=received.data,
            pages=received.pages,
            warnings=received.warnings,
        )
    )


def document_title(file_name: str, position: int, *, limit: int) -> str:
    """The file's name without its ending, composed (macOS decomposes), at most *limit* characters; never empty."""
    stem = PurePath(unicodedata.normalize("NFC", file_name)).name
    stem = stem[: -len(".pdf")] if stem.lower().endswith(".pdf") else stem
    printable = "".join(char if char.isprintable() else " " for char in stem)
    return " ".join(printable.split())[:limit].rstrip() or f"文書{position}"


# In words


def _record(letter: Letter, reading: Reading | None, found: Found, deadline: date | None) -> Record:
    lines = _lines(reading, found, deadline) if reading else []
    return Record(
        lines=lines,
        warnings=found.warnings,
        subject=letter.parsed.subject,
        received_at=letter.mail.arrived_at,
    )


def _lines(reading: Reading, found: Found, default: date | None) -> list[Line]:
    """What was read, in the order of the keys."""
    deadline = reading.deadline or default
    values = {
        Key.TITLE: [reading.title.value] if reading.title else [],
        Key.RECIPIENT: [_recipient(contact) for contact in found.contacts],
        Key.KIND: [_KINDS[reading.kind]] if reading.kind else [],
        Key.AMOUNT: [_amount(reading.amount)] if reading.amount else [],
        Key.DEADLINE: [f"{jst_date(deadline)}23時59分"] if deadline else [],
    }
    return [_line(reading, key, value) for key, found_values in values.items() for value in found_values]


def _line(reading: Reading, key: Key, value: str) -> Line:
    source = reading.sources.get(key)
    if source is None and key is Key.TITLE and reading.title:
        source = reading.title  # proposed from the subject
    return Line(
        label=key.value,
        value=value,
        line=source.line if source else 0,
        source=source.text if source else "",
    )


def _recipient(contact: Contact) -> str:
    who = " ".join(part for part in (contact.company, contact.office, contact.person) if part)
    return f"{who} 様 <{contact.email}>（台帳と一致）"


def _amount(amount: Amount) -> str:
    return "なし（単価契約）" if amount.yen is None else yen(amount.yen) + _TAXES[amount.tax]
