"""Task and snapshot → letters with their recipients: who is told what, with which link and which files.

Every mail about an envelope is made here from what the database says now. What a letter looks like stands in
`mail_templates`, how it becomes bytes in `bot.render`, when it is sent and what came of it in `bot.outbox`.
"""

import json
import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from bot import letters
from bot.letters import (
    Addressee,
    CodePurpose,
    DocumentLine,
    Letter,
    NewLinkCause,
    Question,
    Reader,
    ReadLine,
    SignedBy,
)
from bot.render import Attachment, AutoSubmitted, Mailbox, MailSite
from envelopes.actions import signer as signer_actions
from envelopes.actions import staff as staff_actions
from envelopes.actions.signer import CodeFor
from envelopes.records import history, store
from envelopes.records.fields import look_up
from envelopes.records.history import Subject
from envelopes.records.models import Code, Delivery, Mail, Signer, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.records.tasks import Claimed
from envelopes.rules import codes
from envelopes.rules.addresses import AddressKind, domain_of
from envelopes.rules.delivery import Decision, WhyLink, decide
from envelopes.rules.errors import Reason
from envelopes.rules.kinds import Kind, Tax
from envelopes.rules.people import Party, Role, roles_from
from envelopes.rules.reading import Answered, Line, Record, Remark
from envelopes.rules.schedule import jst_day, retry_after, window_end
from envelopes.rules.states import Event, Task, permits
from envelopes.rules.tokens import Purpose
from envelopes.services import Services
from envelopes.texts import say

SERVICE: Final = "電子契約"
DEFERRED: Final = "mail-deferred"  # begins the error of a task whose mail no server has taken yet
VILLAGE_OPEN_DAYS: Final = 3  # why: the town's promise of how soon its signer signs
_PARTY_IN_NAME: Final = 40  # characters; longer names of joint ventures break file systems
_MESSAGE_ID: Final = (
    250  # why: RFC 5322 2.1.1 allows 998 a line; ours are far shorter, and odd ones help nobody
)
_UNSAFE_IN_NAME: Final = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]')

SAMPLE: Final = (
    "封筒名：令和8年度 村道北城線 舗装補修工事 請負契約",
    "宛先：髙橋建設株式会社",
    "種別：契約書",
    "金額：12,980,000円（税込）",
    "期限：8月31日",
)
_SAMPLES: Final[Mapping[str, str]] = {line.partition("：")[0]: line for line in SAMPLE}
_DUTIES: Final[Mapping[Role, str]] = {
    Role.DRAFTER: "担当",
    Role.APPROVER: "承認者",
    Role.SIGNER: "村側署名者",
    Role.REGISTRAR: "台帳",
    Role.AUDITOR: "監査",
    Role.ADMIN: "管理",
}
_WORK: Final[Mapping[Task, str]] = {
    Task.READ_MAIL: "届いたメールの読み取り",
    Task.PAGES: "文書の画面の準備",
    Task.PREPARE: "署名の準備",
    Task.SIGN: "電子署名",
    Task.TIMESTAMP: "時刻の証明",
    Task.CLOSE_WINDOW: "ダウンロード期間の終了",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One person a mail goes to, as registry or staff list said when the envelope was opened."""

    addressee: Addressee
    address: str
    look_up: str
    reader: Reader
    signer: Signer | None = None
    staff_id: int | None = None

    @property
    def plain_only(self) -> bool:
        """Carriers' mail programs want text alone."""
        return self.signer is not None and self.signer.address_kind == AddressKind.CARRIER.value


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
        section = self.shot.section
        return {"section": section.name, "phone": section.phone, "number": self.shot.number}

    def signer(self) -> Signer:
        """The signer whom the task is about."""
        return next(item for item in self.shot.signers if item.id == self.task.ids["signer"])

    def page(self) -> str:
        """The envelope's page for staff."""
        return self.services.url("staff", "envelopes", self.shot.envelope.ref)

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


def site(services: Services) -> MailSite:
    """Who writes, the same in every mail."""
    settings = services.settings
    return MailSite(
        town=settings.town.name,
        town_english=settings.town.name,
        service=SERVICE,
        portal_url=settings.portal.url,
        hours=settings.town.hours,
        intake=settings.mail.intake,
    )


async def compose(services: Services, task: Claimed) -> Sequence[Outgoing]:
    """Return every mail that *task* asks for; none where what happened since has made it pointless."""
    if without := _WITHOUT_ENVELOPE.get(task.kind):
        return await without(services, task)
    shot = await store.snapshot(id=task.envelope_id)
    return await _ABOUT_ENVELOPE[task.kind](Case(services=services, shot=shot, task=task))


# Recipients


def _contractor(signer: Signer) -> Recipient:
    return Recipient(
        addressee=Addressee(signer.company, signer.office, signer.person),
        address=signer.email,
        look_up=signer.email_look_up,
        reader=Reader.CONTRACTOR,
        signer=signer,
    )


def _seat(signer: Signer) -> Recipient:
    """A signer of either side."""
    if signer.party == Party.CONTRACTOR:
        return _contractor(signer)
    return replace(_contractor(signer), reader=Reader.STAFF, staff_id=signer.staff_id)


def _clerk(services: Services, staff: Staff, section: str) -> Recipient:
    return Recipient(
        addressee=Addressee(f"{services.settings.town.name} {section}", "", staff.name),
        address=staff.email,
        look_up=staff.email_look_up,
        reader=Reader.STAFF,
        staff_id=staff.id,
    )


def _drafter(case: Case) -> Recipient:
    return _clerk(case.services, case.shot.drafter, case.shot.section.name)


def _concerned(case: Case) -> list[Recipient]:
    """Everybody who was asked, and the drafter; each address once."""
    people = [*(_seat(signer) for signer in case.shot.asked), _drafter(case)]
    return list({one.look_up: one for one in reversed(people)}.values())[::-1]


# Envelopes around letters


def thread(services: Services, ref: str) -> str:
    """The Message-ID that all mails about one envelope refer to. No mail bears it; it only holds the thread."""
    name = look_up(services.keyring.look_up, "thread", ref)[:32]
    return f"<{name}@{domain_of(services.settings.mail.address)}>"


def _mail(case: Case, recipient: Recipient, letter: Letter, **more: Any) -> Outgoing:
    mail, section = case.services.settings.mail, case.shot.section
    to_staff = recipient.reader is Reader.STAFF
    return Outgoing(
        recipient=recipient,
        letter=letter,
        reply_to=Mailbox("", mail.intake) if to_staff else Mailbox(section.name, section.email),
        references=more.pop("references", (thread(case.services, case.shot.envelope.ref),)),
        **more,
    )


def _answered(message_id: str | None) -> tuple[str, ...]:
    """The Message-ID of the mail that is answered, if it can stand in a header."""
    fit = message_id and message_id.isascii() and message_id.isprintable() and len(message_id) < _MESSAGE_ID
    return (message_id,) if fit and message_id else ()


async def _documents(shot: Snapshot, *, revision: int | None) -> tuple[DocumentLine, ...]:
    """The documents with size and hash of one revision (0: prepared, -1: the newest), None: as received."""
    lines = []
    for document in shot.documents:
        size, digest = document.base.size, ""
        if revision is not None:
            segment = (await store.segments(document.id))[revision]
            size, digest = segment.length, segment.sha256
        lines.append(DocumentLine(document.title, document.page_count, size, digest))
    return tuple(lines)


# Before the request


async def _draft(case: Case) -> list[Outgoing]:
    envelope = case.shot.envelope
    record = Record.from_json(json.loads(envelope.reading))
    mail = await Mail.filter(id=envelope.mail_id).first() if envelope.mail_id else None
    trouble = envelope.trouble
    letter = letters.DraftMail(
        **{**case.foot, "number": envelope.draft_number},
        to=_drafter(case).addressee,
        original_subject=record.subject or envelope.title,
        lines=_read(record.lines),
        documents=await _documents(case.shot, revision=None),
        warnings=tuple(_said(remark) for remark in record.warnings),
        unsealable=say(Reason(trouble)) if trouble else "",
        url=case.services.url("staff", "drafts", envelope.ref),
    )
    references = (thread(case.services, envelope.ref), *_answered(mail.message_id if mail else None))
    replied = AutoSubmitted.REPLIED
    return [_mail(case, _drafter(case), letter, references=references, auto_submitted=replied)]


def _read(lines: Sequence[Line]) -> tuple[ReadLine, ...]:
    return tuple(ReadLine(item.label, item.value, item.line, item.source) for item in lines)


def _said(remark: Remark) -> str:
    """A remark in words, with the document it is about."""
    text = say(remark.reason, "ja", **remark.details)
    if "position" not in remark.details:
        return text
    return f"文書{remark.details['position']}「{remark.details.get('file', '')}」：{text}"


async def _answer(services: Services, task: Claimed) -> list[Outgoing]:
    mail = await Mail.filter(id=task.ids["mail"]).get()
    staff = await Staff.filter(id=task.ids["staff"]).select_related("section").get()
    said = Answered.from_json(json.loads(mail.answer or "{}"))
    section = staff.section
    recipient = _clerk(services, staff, section.name)
    letter = letters.AnswerMail(
        to=recipient.addressee,
        section=section.name,
        phone=section.phone,
        number="",
        original_subject=said.record.subject or "（件名なし）",
        received_at=said.record.received_at,
        refused=said.refused,
        lines=_read(said.record.lines),
        questions=tuple(_question(remark) for remark in _to_mend(said)),
        sample=SAMPLE,
        attachments=tuple(said.attachments),
    )
    return [
        Outgoing(
            recipient=recipient,
            letter=letter,
            reply_to=Mailbox("", services.settings.mail.intake),
            references=_answered(mail.message_id),
            auto_submitted=AutoSubmitted.REPLIED,
        )
    ]


def _to_mend(said: Answered) -> list[Remark]:
    """Problems, and what was odd about a line, in the order of the lines; what is about no line comes last."""
    odd = [remark for remark in said.record.warnings if remark.line]
    return sorted((*said.problems, *odd), key=lambda remark: (remark.line == 0, remark.line))


def _question(remark: Remark) -> Question:
    sample = _SAMPLES.get(str(remark.details.get("key", "")), "")
    return Question(text=_said(remark), line=remark.line, quoted=remark.source, sample=sample)


async def _enrol(services: Services, task: Claimed) -> list[Outgoing]:
    staff = await Staff.filter(id=task.ids["staff"]).select_related("section").get()
    url, valid_until = staff_actions.enrolment_link(services, staff)
    recipient = _clerk(services, staff, staff.section.name)
    letter = letters.EnrolMail(
        to=recipient.addressee,
        section=staff.section.name,
        phone=staff.section.phone,
        number="",
        roles=tuple(_DUTIES[role] for role in Role if role in roles_from(staff.roles)),
        password_characters=services.policy.password_characters,
        url=url,
        valid_until=valid_until,
    )
    reply_to = Mailbox("", services.settings.mail.intake)
    return [Outgoing(recipient=recipient, letter=letter, reply_to=reply_to, references=())]


# The request and its links


async def _request(case: Case) -> list[Outgoing]:
    """Ask the signer, unless the envelope has gone on or ended meanwhile."""
    signer, turn = case.signer(), case.shot.turn
    if not permits(case.shot.state, Event.CONSENTED) or turn is None or turn.id != signer.id:
        return []
    # Hashes are for the mails that prove something; here they would only be in the way.
    documents = tuple(line._replace(sha256="") for line in await _documents(case.shot, revision=0))
    if signer.party == Party.VILLAGE:
        letter: Letter = _village_request(case, signer, documents)
    else:
        letter = letters.RequestMail(
            **case.foot,
            to=_seat(signer).addressee,
            kind=Kind(case.shot.envelope.kind),
            title=case.shot.envelope.title,
            documents=documents,
            deadline=case.shot.envelope.deadline_on,
            message="",
            url=case.link(signer),
        )
    return [_mail(case, _seat(signer), letter)]


def _village_request(case: Case, signer: Signer, documents: tuple[DocumentLine, ...]) -> Letter:
    envelope = case.shot.envelope
    signed = [SignedBy(item.company, item.consented_at) for item in case.shot.signers if item.consented_at]
    return letters.VillageRequestMail(
        **case.foot,
        to=_seat(signer).addressee,
        title=envelope.title,
        party=envelope.party,
        amount=envelope.amount,
        tax=Tax(envelope.tax),
        documents=documents,
        signed=tuple(signed),
        drafter=f"{case.shot.section.name} {case.shot.drafter.name}",
        url=case.link(signer),
    )


async def _sent(case: Case) -> list[Outgoing]:
    signer, envelope = case.signer(), case.shot.envelope
    letter = letters.SentMail(
        **case.foot,
        to=_drafter(case).addressee,
        title=envelope.title,
        party=envelope.party,
        addressee=" ".join(part for part in (signer.company, signer.office, signer.person) if part),
        address=signer.email,
        deadline=envelope.deadline_on,
        sent_at=envelope.out_at or case.services.now(),
        url=case.page(),
    )
    return [_mail(case, _drafter(case), letter)]


async def _new_link(case: Case) -> list[Outgoing]:
    signer = case.signer()
    cause = NewLinkCause.STAFF if "staff" in case.task.ids else NewLinkCause.ASKED
    letter = letters.NewLinkMail(
        **case.foot,
        to=_seat(signer).addressee,
        cause=NewLinkCause.WRONG_CODES if "wrong" in case.task.ids else cause,
        title=case.shot.envelope.title,
        at=case.services.now(),
        deadline=case.shot.envelope.deadline_on,
        url=case.link(signer),
    )
    return [_mail(case, _seat(signer), letter)] if signer.party == Party.CONTRACTOR else []


async def code_mail(services: Services, task: Claimed) -> Outgoing | None:
    """Return the mail with a confirmation code, or None once the code would not open anything any more."""
    row = await Code.filter(id=task.ids["code"]).get()
    shot = await store.snapshot(id=task.envelope_id)
    case = Case(services=services, shot=shot, task=task)
    signer, purpose = case.signer(), CodeFor(row.purpose)
    valid_until = row.sent_at + services.policy.code_lifetime
    newer = await Code.filter(signer_id=signer.id, purpose=row.purpose, serial__gt=row.serial).exists()
    dead = row.generation != signer_actions.generation(signer, purpose) or newer or row.used_at
    if dead or services.now() >= valid_until:
        return None
    subject = signer_actions.code_subject(signer, purpose)
    letter = letters.CodeMail(
        **case.foot,
        to=_seat(signer).addressee,
        code=codes.make(services.code_key, subject, row.serial),
        valid_until=valid_until,
        word=codes.word(services.code_key, subject, row.serial),
        purpose=CodePurpose(row.purpose),
        title=shot.envelope.title,
    )
    return _mail(case, _seat(signer), letter)


# After a signature


async def _received(case: Case) -> list[Outgoing]:
    signer = case.signer()
    if signer.party != Party.CONTRACTOR or signer.consented_at is None:
        return []
    waiting = [item for item in case.shot.signers if item.signed_at is None and item.id != signer.id]
    _, head = await history.head(Subject.ENVELOPE, case.shot.envelope.id)
    letter = letters.ReceivedMail(
        **case.foot,
        to=_seat(signer).addressee,
        kind=Kind(case.shot.envelope.kind),
        title=case.shot.envelope.title,
        signed_at=signer.consented_at,
        documents=await _documents(case.shot, revision=0),
        waits_for=tuple(item.company for item in waiting),
        open_days=VILLAGE_OPEN_DAYS,
        history_head=head,
    )
    return [_mail(case, _seat(signer), letter)]


async def _completion(case: Case) -> list[Outgoing]:
    """To every signer and the drafter; or, after a refusal for size, to that one recipient with the link."""
    people = _concerned(case)
    again = case.task.ids.get("delivery")
    if again is not None:
        refused = await Delivery.filter(id=again).get()
        people = [one for one in people if one.look_up == refused.recipient_look_up]
    documents = await _documents(case.shot, revision=-1)
    _, head = await history.head(Subject.ENVELOPE, case.shot.envelope.id)
    files: list[bytes] = []
    mails = []
    for recipient in people:
        decision = _decide(case, recipient, documents, again=again is not None)
        if decision.attach and not files:
            files = [await _content(case, number) for number in range(len(documents))]
        attached = _attachments(case, files) if decision.attach else ()
        letter = _completed(case, recipient, decision, documents=documents, attached=attached, head=head)
        mails.append(_mail(case, recipient, letter, attachments=attached, why_link=decision.why))
    return mails


async def _content(case: Case, number: int) -> bytes:
    segments = await store.segments(case.shot.documents[number].id)
    return await store.content(case.services.blobs, segments)


def _decide(case: Case, recipient: Recipient, documents: Sequence[DocumentLine], *, again: bool) -> Decision:
    sizes = [document.size for document in documents]
    if again:
        return Decision(attach=False, why=WhyLink.REFUSED_AS_TOO_BIG, actual=sum(sizes))
    return decide(
        sizes,
        domain=domain_of(recipient.address),
        carrier=recipient.plain_only,
        policy=case.services.policy,
    )


def _attachments(case: Case, files: Sequence[bytes]) -> tuple[Attachment, ...]:
    """The files under the names the town's procedure asks for; ASCII names for carriers."""
    envelope = case.shot.envelope
    names = [_file_name(case, document.title) for document in case.shot.documents]
    attached = []
    for position, (name, content) in enumerate(zip(names, files, strict=True), 1):
        unique = f"{name}_{position}" if names.count(name) > 1 else name
        plain = f"{_concluded(case):%Y%m%d}_{envelope.amount or 0}_{envelope.number}-{position}.pdf"
        attached.append(Attachment(f"{unique}.pdf", plain, content))
    return tuple(attached)


def _file_name(case: Case, title: str) -> str:
    envelope = case.shot.envelope
    amount = "単価契約" if envelope.amount is None else str(envelope.amount)
    parts = (f"{_concluded(case):%Y%m%d}", amount, envelope.party[:_PARTY_IN_NAME], title)
    joined = _UNSAFE_IN_NAME.sub("_", "_".join(parts))
    return "".join(char for char in joined if unicodedata.category(char)[0] != "C")


def _concluded(case: Case) -> date:
    """契約締結日: set with the completion, before its mail can be asked for."""
    concluded = case.shot.envelope.transaction_on
    assert concluded is not None
    return concluded


def _completed(
    case: Case,
    recipient: Recipient,
    decision: Decision,
    *,
    documents: tuple[DocumentLine, ...],
    attached: Sequence[Attachment],
    head: str,
) -> Letter:
    envelope = case.shot.envelope
    consents = [signer.consented_at for signer in case.shot.signers if signer.consented_at]
    consented_on = jst_day(max(consents))
    assert envelope.window_ends_at is not None
    return letters.CompletionMail(
        **case.foot,
        to=recipient.addressee,
        reader=recipient.reader,
        kind=Kind(envelope.kind),
        title=envelope.title,
        party=envelope.party,
        concluded_on=_concluded(case),
        consented_on=consented_on if consented_on != _concluded(case) else None,
        certificate_id=envelope.certificate_id,
        documents=documents,
        attached=tuple(item.ascii_name if recipient.plain_only else item.name for item in attached),
        why_link=decision.why,
        actual=decision.actual,
        limit=decision.limit,
        url=case.download(recipient),
        window_ends=envelope.window_ends_at,
        accredited=False,  # the embedded authority is not accredited, and it is said
        history_head=head,
    )


async def _fresh_download(case: Case) -> list[Outgoing]:
    """The letter promises the window that the outbox opens with it."""
    signer, now = case.signer(), case.services.now()
    recipient = _seat(signer)
    letter = letters.FreshDownloadMail(
        **case.foot,
        to=recipient.addressee,
        kind=Kind(case.shot.envelope.kind),
        title=case.shot.envelope.title,
        at=now,
        certificate_id=case.shot.envelope.certificate_id,
        url=case.download(recipient),
        window_ends=window_end(now, case.services.policy),
    )
    return [_mail(case, recipient, letter)]


# Ends and changes


def _to_all(case: Case, make: Callable[[Recipient], Letter]) -> list[Outgoing]:
    return [_mail(case, recipient, make(recipient)) for recipient in _concerned(case)]


async def _refused(
    case: Case, kind: type[letters.DeclinedMail] | type[letters.ReturnedMail]
) -> list[Outgoing]:
    signer, envelope = case.signer(), case.shot.envelope

    def make(recipient: Recipient) -> Letter:
        return kind(
            **case.foot,
            to=recipient.addressee,
            reader=recipient.reader,
            title=envelope.title,
            party=signer.company,
            at=envelope.ended_on or case.services.now(),
            reason=envelope.end_reason or "",
            own=recipient.look_up == signer.email_look_up,
            url=case.page() if recipient.reader is Reader.STAFF else "",
        )

    return _to_all(case, make)


async def _declined(case: Case) -> list[Outgoing]:
    return await _refused(case, letters.DeclinedMail)


async def _returned(case: Case) -> list[Outgoing]:
    return await _refused(case, letters.ReturnedMail)


async def _cancelled(case: Case) -> list[Outgoing]:
    envelope = case.shot.envelope

    def make(recipient: Recipient) -> Letter:
        return letters.CancelledMail(
            **case.foot,
            to=recipient.addressee,
            reader=recipient.reader,
            title=envelope.title,
            party=envelope.party,
            at=envelope.ended_on or case.services.now(),
            reason=envelope.end_reason or "",
            replaced=False,
        )

    return _to_all(case, make)


async def _expired(case: Case) -> list[Outgoing]:
    envelope = case.shot.envelope

    def make(recipient: Recipient) -> Letter:
        return letters.ExpiredMail(
            **case.foot,
            to=recipient.addressee,
            reader=recipient.reader,
            title=envelope.title,
            party=envelope.party,
            deadline=envelope.deadline_on,
            url=case.page() if recipient.reader is Reader.STAFF else "",
        )

    return _to_all(case, make)


async def _extended(case: Case) -> list[Outgoing]:
    envelope = case.shot.envelope

    def make(recipient: Recipient) -> Letter:
        signer = recipient.signer
        return letters.ExtendedMail(
            **case.foot,
            to=recipient.addressee,
            reader=recipient.reader,
            title=envelope.title,
            party=envelope.party,
            old_deadline=date.fromordinal(case.task.ids["before"]),
            deadline=envelope.deadline_on,
            url=case.link(signer) if signer is not None else case.page(),
        )

    return _to_all(case, make)


# For staff alone


async def _note(case: Case) -> list[Outgoing]:
    facts = await history.payloads(Subject.ENVELOPE, case.shot.envelope.id)
    fact, said = next((fact, said) for fact, said in facts if fact.n == case.task.ids["fact"])
    letter = letters.NoteMail(
        **case.foot,
        to=_drafter(case).addressee,
        title=case.shot.envelope.title,
        party=case.signer().company,
        at=fact.at,
        proved=bool(said.get("proved")),
        note=str(said.get("note", "")),
        url=case.page(),
    )
    return [_mail(case, _drafter(case), letter)]


async def _trouble(services: Services, task: Claimed) -> list[Outgoing]:
    """Tell the drafter, or where no envelope is concerned the administrators, that work keeps failing."""
    row = await TaskRow.filter(id=task.ids["task"]).get()
    if row.failing_since is None or row.done_at is not None or await _is_about_trouble(row):
        return []
    if row.envelope_id is not None:
        shot = await store.snapshot(id=row.envelope_id)
        case = Case(services=services, shot=shot, task=task)
        recipient, page = _drafter(case), case.page()
        foot = {**case.foot, "title": shot.envelope.title}
        return [_mail(case, recipient, await _troubled(services, row, recipient, {**foot, "url": page}))]
    admins = [staff for staff in await _admins() if Role.ADMIN in roles_from(staff.roles)]
    return [await _trouble_for(services, row, staff) for staff in admins]


async def _is_about_trouble(row: TaskRow) -> bool:
    """A mail about trouble that does not go through leads to no other mail about trouble."""
    if row.kind != Task.SEND.value:
        return row.kind == Task.TROUBLE_MAIL.value
    delivery = await Delivery.filter(id=json.loads(row.ids)["delivery"]).get()
    return delivery.mail == letters.TroubleMail.template


async def _admins() -> list[Staff]:
    return await Staff.filter(active=True).select_related("section")


async def _trouble_for(services: Services, row: TaskRow, staff: Staff) -> Outgoing:
    section, recipient = staff.section, _clerk(services, staff, staff.section.name)
    foot = {
        "section": section.name,
        "phone": section.phone,
        "number": "",
        "title": "受付アドレスに届いたメール",
    }
    letter = await _troubled(services, row, recipient, {**foot, "url": services.url("staff")})
    reply_to = Mailbox("", services.settings.mail.intake)
    return Outgoing(recipient=recipient, letter=letter, reply_to=reply_to, references=())


async def _troubled(
    services: Services, row: TaskRow, recipient: Recipient, about: Mapping[str, Any]
) -> Letter:
    assert row.failing_since is not None
    why = _why(row.error or "")
    return letters.TroubleMail(
        **about,
        to=recipient.addressee,
        task=row.kind,
        what=_WORK.get(Task(row.kind), "メールの送信"),
        why=why,
        mend="画面で状況を確かめてください。同じ理由が続くときは、作業名と理由を運用者に伝えてください。",
        since=row.failing_since,
        tries=row.attempts,
        next_try=services.now() + retry_after(row.attempts, services.policy, 0.5),
    )


def _why(error: str) -> str:
    """What is the matter, in words: a reason's own text, or that the operator can look it up."""
    code, _, rest = error.partition(" ")
    if code == DEFERRED:
        return f"相手のメールサーバー、または中継サーバーが受け取っていません（{rest or '応答なし'}）。"
    if code in {reason.value for reason in Reason}:
        return say(Reason(code))
    return f"サービスの中で問題が起きています（{code}）。"


_ABOUT_ENVELOPE: Final[Mapping[Task, Callable[[Case], Awaitable[list[Outgoing]]]]] = {
    Task.DRAFT_MAIL: _draft,
    Task.REQUEST_MAIL: _request,
    Task.SENT_MAIL: _sent,
    Task.RECEIVED_MAIL: _received,
    Task.COMPLETION_MAIL: _completion,
    Task.DECLINED_MAIL: _declined,
    Task.RETURNED_MAIL: _returned,
    Task.CANCELLED_MAIL: _cancelled,
    Task.EXPIRED_MAIL: _expired,
    Task.EXTENDED_MAIL: _extended,
    Task.NEW_LINK_MAIL: _new_link,
    Task.FRESH_DOWNLOAD_MAIL: _fresh_download,
    Task.NOTE_MAIL: _note,
}
_WITHOUT_ENVELOPE: Final[Mapping[Task, Callable[[Services, Claimed], Awaitable[list[Outgoing]]]]] = {
    Task.ANSWER_MAIL: _answer,
    Task.ENROL_MAIL: _enrol,
    Task.TROUBLE_MAIL: _trouble,
}
