"""A mail that came in → a draft, an answer that says what to mend, or the quarantine.

Decides in this order: can it be read, did a person write it, is the sender proven, is he staff, may he draft, and only
then what he wrote and attached. Only staff are ever answered. The grammar of orders stands in `envelopes.rules.orders`,
what a PDF must be in `envelopes.papers`; nothing foreign is parsed in this process.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

from bot import authors, commands, intakes, reports, threads, unfinished
from bot import files as documents
from bot.authors import Arrival
from bot.commands import Said
from bot.forwards import Forwarded
from bot.parse import Attachment, ParsedMail, head_of, limits, parse
from bot.unfinished import Unfinished
from envelopes.actions import ordering
from envelopes.actions.ordering import Order
from envelopes.actions.worker import drafts, mails
from envelopes.actions.worker.drafts import Opening, Paper
from envelopes.actions.worker.mails import MailFacts
from envelopes.actions.worker.workshop import Workshop
from envelopes.records import counters
from envelopes.records.models import Mail, Staff
from envelopes.rules import answers, delivery, orders, replies
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.lines import Statement, merged, not_read, scan
from envelopes.rules.mails import MailStatus
from envelopes.rules.orders import Reading
from envelopes.rules.people import Role, roles_from
from envelopes.rules.policy import MB
from envelopes.rules.quoting import own_words
from envelopes.rules.reading import Answered, Line, Record, Remark
from envelopes.rules.schedule import jst_day
from envelopes.services import Services

log = logging.getLogger(__name__)

_FORWARDS: Final = 3  # why: who passes on more mails at once knows them
# Something is only missing or unsaid; with any other problem nothing can be made of the mail.
_QUESTIONS: Final = frozenset(
    {
        Reason.TITLE_MISSING,
        Reason.RECIPIENT_MISSING,
        Reason.RECIPIENT_UNKNOWN,
        Reason.RECIPIENT_SEVERAL,
        Reason.RECIPIENT_ELSEWHERE,
        Reason.RECIPIENT_NOT_READY,
        Reason.RECIPIENT_DEAD,
        Reason.KIND_MISSING,
        Reason.AMOUNT_MISSING,
        Reason.AMOUNT_TAX_UNSAID,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A mail as it was read: whole, or its head alone and why. `raw` is what was kept."""

    mail: Mail
    parsed: ParsedMail
    raw: bytes = field(repr=False)
    sent_to: Sequence[str]
    unread: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail on the desk: what it says, who wrote it, and whether there is time to convert files."""

    opened: _Opened
    facts: MailFacts
    staff: Staff
    patient: bool

    @property
    def mail(self) -> Mail:
        return self.opened.mail

    @property
    def parsed(self) -> ParsedMail:
        return self.opened.parsed


async def read_mail(shop: Workshop, mail_id: int, *, patient: bool = False) -> None:
    """Deal with one mail that was taken in. A mail that has been dealt with is left alone.

    Unless *patient*, a mail with Word or Excel files is only queued again, for the lane that takes its time.
    """
    mail = await Mail.filter(id=mail_id).select_related("file").get()
    if mail.status != MailStatus.RECEIVED.value:
        return
    try:
        opened = await _open_mail(shop, mail)
    except Refused as refused:
        # Who sent it is not known either, so nobody is answered; the operator finds it among the failed.
        await mails.set_aside(shop.services, mail, MailStatus.FAILED, refused.reason.value, None)
        log.warning("mail %s cannot be read: %s", mail.ref, refused.reason)
    else:
        if await reports.noted(shop.services, mail, opened.parsed):
            return
        letter = await _received(shop, opened, patient=patient)
        if letter is not None:
            await _handle(shop, letter)


async def _open_mail(shop: Workshop, mail: Mail) -> _Opened:
    """Read a mail, and where that cannot be done its head alone, so that its sender can be told."""
    raw = await shop.services.blobs.get(mail.file)
    unread = Reason(mail.reason) if mail.reason else None
    if unread is None:
        try:
            parsed = await _parse(shop, raw)
        except Refused as refused:
            unread = refused.reason
    if unread is not None:
        parsed = await _parse(shop, head_of(raw))
    sent_to = (*intakes.delivered_to(raw), *parsed.to)
    # Digits of an authenticator belong into no column: from here on the subject is without them.
    answers = threads.is_marked(shop.services, sent_to, parsed)
    parsed = replace(parsed, subject=replies.subject_without_codes(parsed.subject, answers=answers))
    return _Opened(mail=mail, parsed=parsed, raw=raw, sent_to=sent_to, unread=unread)


async def _parse(shop: Workshop, raw: bytes) -> ParsedMail:
    policy = shop.services.policy
    return await shop.papers.sandbox.run(
        partial(parse, decoded_limit=policy.decoded_bytes),
        raw,
        limits=limits(policy),
        on_crash=Reason.MAIL_UNREADABLE,
        on_timeout=Reason.MAIL_UNREADABLE,
    )


# Who


async def _received(shop: Workshop, opened: _Opened, *, patient: bool) -> Letter | None:
    """Return the letter if a member of staff wrote it; else put the mail aside without an answer."""
    mail, parsed = opened.mail, opened.parsed
    sender = parsed.sender.address if parsed.sender else ""
    facts = MailFacts(subject=parsed.subject, sender=sender, message_id=parsed.message_id)
    arrival = Arrival(mail=mail, raw=opened.raw, parsed=parsed, whole=mail.whole)
    found = await authors.author(shop, arrival)
    if isinstance(found, Staff):
        return Letter(opened=opened, facts=facts, staff=found, patient=patient)
    log.info("mail %s put aside: %s", mail.ref, found.why)
    if found.address:
        await mails.tell_newcomer(shop.services, mail, found.address, facts)
    else:
        await mails.set_aside(shop.services, mail, MailStatus.QUARANTINED, found.why, facts)
    return None


# What


async def _handle(shop: Workshop, letter: Letter) -> None:
    services = shop.services
    if (
        letter.opened.unread is None
        and not letter.parsed.encrypted
        and await commands.taken(services, _said(letter))
    ):
        return
    hindrance = _hindrance(letter) or await _excess(services, letter)
    if hindrance is not None:
        record = Record(
            lines=(), warnings=(), subject=letter.parsed.subject, received_at=letter.mail.arrived_at
        )
        names = [item.name for item in letter.parsed.attachments]
        room = f"{delivery.carried_bytes(services.policy.mail_bytes) // MB}MB"
        problem = Remark(reason=hindrance, details={"room": room})
        await _answer(services, letter, record, [problem], names=names, number="")
        return
    before = await unfinished.find(services, letter.staff, letter.parsed)
    order = await ordering.look_up(services, letter.staff, _reading(services, letter, before))
    attachments = await _attachments(shop, letter, before, order)
    files = await documents.sort(shop.papers, attachments)
    if files.to_convert and not letter.patient:
        await mails.read_later(services, letter.mail)
        return
    certificate_id = drafts.certificate_id(services)
    papers = await documents.receive(shop, files, certificate_id, order)
    record = ordering.record(order, subject=_subject(letter, before), received_at=letter.mail.arrived_at)
    if before is None:
        record = replace(record, lines=(*record.lines, *_forwarded(letter.parsed)))
    draft = _Draft(record=record, papers=papers, certificate_id=certificate_id, before=before)
    if order.problems:
        names = [item.name for item in attachments]
        await _answer(services, letter, record, order.problems, names=names, number=draft.number)
    else:
        await _open(services, letter, order, draft)


def _said(letter: Letter) -> Said:
    return Said(
        mail=letter.mail,
        staff=letter.staff,
        parsed=letter.parsed,
        sent_to=letter.opened.sent_to,
        facts=letter.facts,
    )


def _reading(services: Services, letter: Letter, before: Unfinished | None) -> Reading:
    """What the mail orders, with what was written before it where it is a reply."""
    day = jst_day(letter.mail.arrived_at)
    text = letter.parsed.text
    if before:
        number = len(before.mails)
        said = scan(replies.read(text).text, day=day, mail=number, quoted=False)
        below = not_read(replies.without_codes(text), said.statements, mail=number, quoted=False)
        said = replace(said, warnings=(*said.warnings, *below))
    else:
        said = replies.order_without_codes(scan(text, day=day))
    earlier: Sequence[Statement]
    earlier, warnings = before.answered.record.statements if before else (), said.warnings
    if before is None:
        settings = services.settings.mail
        earlier, unknown = intakes.chosen(letter.opened.sent_to, settings.intake, settings.sub_addresses, day)
        warnings = (*unknown, *warnings)
    return orders.understand(
        merged(earlier, said.statements),
        subject=_subject(letter, before),
        policy=services.policy,
        warnings=warnings,
    )


def _subject(letter: Letter, before: Unfinished | None) -> str:
    return before.answered.record.subject if before else letter.parsed.topic


async def _attachments(
    shop: Workshop, letter: Letter, before: Unfinished | None, order: Order
) -> list[Attachment]:
    """The files of the mail, and those of the mails that it completes."""
    now = letter.parsed.attachments
    if before is None:
        return list(now)
    files: list[Attachment] = []
    for mail in before.mails:
        raw = await shop.services.blobs.get(mail.file)
        files, _ = unfinished.together(files, (await _parse(shop, raw)).attachments, before.answered.problems)
    files, notes = unfinished.together(files, now, before.answered.problems)
    order.warnings += notes
    return files


def _forwarded(parsed: ParsedMail) -> tuple[Line, ...]:
    """Whose mail was passed on, as it says of itself: for the drafter to see that it is the right one."""
    return tuple(
        Line(label="転送元", value=_who(mail), source=mail.subject or "（なし）")
        for mail in parsed.forwarded[:_FORWARDS]
    )


def _who(mail: Forwarded) -> str:
    name, address = mail.sender.name, mail.sender.address
    return f"{name} <{address}>" if name and address else name or address or "（差出人なし）"


def _hindrance(letter: Letter) -> Reason | None:
    if Role.DRAFTER not in roles_from(letter.staff.roles):
        return Reason.ROLE_MISSING
    if letter.opened.unread is not None:
        return letter.opened.unread
    return Reason.MAIL_ENCRYPTED if letter.parsed.encrypted else None


async def _excess(services: Services, letter: Letter) -> Reason | None:
    """Whether this mail is more than one person may send in a day. It is counted once, before its files are read."""
    if letter.patient:
        return None
    fits = await counters.allowed(
        f"bytes:{letter.staff.ref}",
        events=services.policy.sender_bytes_a_day,
        count=len(letter.opened.raw),
        per=timedelta(days=1),
        now=services.now(),
    )
    return None if fits else Reason.MAILS_TOO_BIG


class _Draft(NamedTuple):
    record: Record
    papers: Sequence[Paper]
    certificate_id: str
    before: Unfinished | None

    @property
    def number(self) -> str | None:
        return self.before.number if self.before else None


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
        methods=order.methods,
        papers=draft.papers,
        reading=draft.record.to_json(),
        number=draft.number or "",
        earlier=draft.before.mails if draft.before else (),
    )
    await drafts.open_draft(services, letter.mail, letter.staff, opening, letter.facts)


async def _answer(
    services: Services,
    letter: Letter,
    record: Record,
    problems: Sequence[Remark],
    *,
    names: Sequence[str],
    number: str | None,
) -> None:
    """Tell the sender everything that is to be mended."""
    said = Answered(
        record=record,
        problems=problems,
        attachments=names,
        refused=any(problem.reason not in _QUESTIONS for problem in problems),
    )
    kind = answers.kind_of(
        [problem.reason for problem in problems],
        subject=letter.parsed.topic,
        said=(*own_words(letter.parsed.text), *(item.name for item in letter.parsed.attachments)),
    )
    await mails.answer(
        services,
        letter.mail,
        letter.staff,
        said=said.to_json(),
        facts=letter.facts,
        kind=kind,
        number=number,
    )
