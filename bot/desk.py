"""A mail that came in → a draft, an answer that says what to mend, or the quarantine.

Decides in this order: can it be read, did a person write it, is the sender proven, is he staff, may he draft, and only
then what he wrote and attached. Only staff are ever answered. The grammar of orders stands in `envelopes.rules.orders`,
what a PDF must be in `envelopes.papers`; nothing foreign is parsed in this process.
"""

import logging
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import PurePath
from typing import Final, NamedTuple

from bot import senders
from bot.parse import Attachment, ParsedMail, parse
from bot.senders import Level
from envelopes.actions import ordering, registrar
from envelopes.actions.ordering import Order
from envelopes.actions.worker import drafts, mails
from envelopes.actions.worker.drafts import Opening, Paper
from envelopes.actions.worker.mails import MailFacts, MailStatus
from envelopes.actions.worker.workshop import Workshop
from envelopes.records import counters
from envelopes.records.models import Mail, Staff
from envelopes.rules import exclusions, orders
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.people import Role, roles_from
from envelopes.rules.policy import Policy
from envelopes.rules.reading import Answered, Record, Remark
from envelopes.rules.schedule import jst_day
from envelopes.sandbox import Limits
from envelopes.services import Services

log = logging.getLogger(__name__)

AUTOMATIC: Final = "automatic"  # the note on a mail that no person wrote
OWN: Final = "own-address"  # the note on a mail that claims to come from us
_SIGNATURES: Final = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
_OPEN_FILES: Final = 32  # why: the child reads one mail and needs no more than the interpreter's own
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail on the desk: the row, what it says, and who wrote it."""

    mail: Mail
    parsed: ParsedMail
    facts: MailFacts
    staff: Staff


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
    services = shop.services
    hindrance = _hindrance(letter)
    if hindrance is not None:
        record = Record(
            lines=(), warnings=(), subject=letter.parsed.subject, received_at=letter.mail.arrived_at
        )
        await _answer(services, letter, record, [Remark(reason=hindrance)])
        return
    today = jst_day(letter.mail.arrived_at)
    reading = orders.read(
        letter.parsed.text, subject=letter.parsed.subject, today=today, policy=services.policy
    )
    order = await ordering.look_up(services, letter.staff, reading)
    certificate_id = drafts.certificate_id(services)
    papers = await _receive_papers(shop, letter.parsed.attachments, certificate_id, order)
    record = ordering.record(order, subject=letter.parsed.subject, received_at=letter.mail.arrived_at)
    if order.problems:
        await _answer(services, letter, record, order.problems)
    else:
        await _open(services, letter, order, _Draft(record, papers, certificate_id))


def _hindrance(letter: Letter) -> Reason | None:
    if Role.DRAFTER not in roles_from(letter.staff.roles):
        return Reason.ROLE_MISSING
    return Reason.MAIL_ENCRYPTED if letter.parsed.encrypted else None


class _Draft(NamedTuple):
    record: Record
    papers: Sequence[Paper]
    certificate_id: str


async def _open(services: Services, letter: Letter, order: Order, draft: _Draft) -> None:
    reading = order.reading
    # Without problems, all of these were read.
    assert reading.title is not None
    assert reading.kind is not None
    assert reading.amount is not None
    opening = Opening(
        certificate_id=draft.certificate_id,
        kind=reading.kind,
        title=reading.title.value,
        amount=reading.amount.yen,
        tax=reading.amount.tax,
        deadline_on=order.deadline,
        section_id=order.section.id,
        contacts=order.contacts,
        papers=draft.papers,
        reading=draft.record.to_json(),
    )
    await drafts.open_draft(services, letter.mail, letter.staff, opening, letter.facts)


async def _answer(services: Services, letter: Letter, record: Record, problems: Sequence[Remark]) -> None:
    """Tell the sender everything that is to be mended, unless he has been told too often today."""
    mail, now = letter.mail, services.now()
    name, events = f"answers:{letter.staff.ref}", services.policy.answers_a_day
    if not await counters.allowed(name, events=events, per=timedelta(days=1), now=now):
        reason = Reason.LIMIT_REACHED.value
        await mails.set_aside(services, mail, MailStatus.QUARANTINED, reason, letter.facts)
        return
    said = Answered(
        record=record,
        problems=problems,
        attachments=[item.name for item in letter.parsed.attachments],
        refused=any(problem.reason not in _QUESTIONS for problem in problems),
    )
    await mails.answer(services, mail, letter.staff, said=said.to_json(), facts=letter.facts)


# Documents


async def _receive_papers(
    shop: Workshop, attachments: Sequence[Attachment], certificate_id: str, order: Order
) -> list[Paper]:
    """Take the PDFs in their order; every file that is not fit becomes a problem."""
    files = [item for item in attachments if item.media_type not in _SIGNATURES]
    order.problems += [_wrong_type(item) for item in files if not item.is_pdf]
    documents = _in_order([item for item in files if item.is_pdf], order)
    limit = shop.services.policy.documents_per_envelope
    if not documents:
        order.problems.append(Remark(reason=Reason.NO_DOCUMENT))
    elif len(documents) > limit:
        details = {"actual": len(documents), "limit": limit}
        order.problems.append(Remark(reason=Reason.TOO_MANY_DOCUMENTS, details=details))
    else:
        received = [
            await _receive(shop, item, position, certificate_id, order)
            for position, item in enumerate(documents, 1)
        ]
        return [paper for paper in received if paper is not None]
    return []


def _in_order(documents: Sequence[Attachment], order: Order) -> list[Attachment]:
    """Documents that lines 文書N name come first; a line that names none of them is a problem."""
    places, unknown = orders.in_order([item.name for item in documents], order.reading.documents)
    if documents:
        order.problems += [
            Remark.of(line.problem(Reason.DOCUMENT_UNKNOWN, said=line.value)) for line in unknown
        ]
    return [documents[place] for place in places]


def _wrong_type(item: Attachment) -> Remark:
    reason = Reason.ARCHIVE_ENCRYPTED if item.is_locked_archive else Reason.FILE_TYPE
    return Remark(reason=reason, details={"file": item.name})


async def _receive(
    shop: Workshop, item: Attachment, position: int, certificate_id: str, order: Order
) -> Paper | None:
    about: dict[str, str | int] = {"file": item.name, "position": position}
    try:
        received = await shop.papers.receive(item.data, certificate_id=f"{certificate_id}-{position}")
    except Refused as refused:
        order.problems.append(Remark(reason=refused.reason, details=refused.details | about))
        return None
    order.warnings += [Remark(reason=reason, details=about) for reason in received.warnings]
    order.warnings += _exclusions(received.texts, about, shop.services.policy)
    return Paper(
        title=document_title(item.name, position, limit=shop.services.policy.title_characters),
        file_name=item.name,
        original=item.data,
        data=received.data,
        pages=received.pages,
        warnings=received.warnings,
    )


def _exclusions(texts: Sequence[str], about: Mapping[str, str | int], policy: Policy) -> list[Remark]:
    """What the words on the pages give to ask before the draft is sent."""
    return [
        Remark(
            reason=sign.reason,
            details={
                **about,
                "years": policy.term_years,
                "found": sign.phrase,
                "where": f"{sign.page}ページ「{sign.phrase}」",
            },
        )
        for sign in exclusions.in_pages(texts, policy)
    ]


def document_title(file_name: str, position: int, *, limit: int) -> str:
    """The file's name without its ending, composed (macOS decomposes), at most *limit* characters; never empty."""
    stem = PurePath(unicodedata.normalize("NFC", file_name)).name
    stem = stem[: -len(".pdf")] if stem.lower().endswith(".pdf") else stem
    printable = "".join(char if char.isprintable() else " " for char in stem)
    return " ".join(printable.split())[:limit].rstrip() or f"文書{position}"
