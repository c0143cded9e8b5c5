"""Letters about a request to sign: the request, its links, its codes, and that the signature has arrived."""

import json
from typing import Final

from bot import letters
from bot.case import Case, Outgoing, Recipient, addressed, document_lines, drafter, seat
from bot.letters import CodePurpose, DocumentLine, Letter, NewLinkCause, Reader, SignedBy
from envelopes.actions import factors
from envelopes.actions import signer as signer_actions
from envelopes.actions.signer import CodeFor
from envelopes.records import history, store
from envelopes.records.history import Subject
from envelopes.records.models import Code, Signer
from envelopes.records.tasks import Claimed
from envelopes.rules import codes
from envelopes.rules.kinds import Kind, Tax
from envelopes.rules.people import Party
from envelopes.rules.reading import Record
from envelopes.services import Services

VILLAGE_OPEN_DAYS: Final = 3  # why: the town's promise of how soon its signer signs


async def request(case: Case) -> list[Outgoing]:
    """Ask the signer, unless the envelope has gone on or ended meanwhile."""
    signer = case.signer()
    if not case.waits_for(signer):
        return []
    # Hashes are for the mails that prove something; here they would only be in the way.
    documents = tuple(line._replace(sha256="") for line in await document_lines(case.shot, revision=0))
    if signer.party == Party.VILLAGE:
        letter: Letter = _village_request(case, signer, documents)
    else:
        letter = letters.RequestMail(
            **case.foot,
            to=seat(signer).addressee,
            kind=Kind(case.shot.envelope.kind),
            title=case.shot.envelope.title,
            documents=documents,
            deadline=case.shot.envelope.deadline_on,
            message=Record.from_json(json.loads(case.shot.envelope.reading)).note,
            second=await factors.asked(signer),
            url=case.link(signer),
        )
    return [addressed(case, seat(signer), letter)]


def _village_request(case: Case, signer: Signer, documents: tuple[DocumentLine, ...]) -> Letter:
    envelope = case.shot.envelope
    signed = [SignedBy(item.company, item.consented_at) for item in case.shot.signers if item.consented_at]
    return letters.VillageRequestMail(
        **case.foot,
        to=seat(signer).addressee,
        title=envelope.title,
        party=envelope.party,
        amount=envelope.amount,
        tax=Tax(envelope.tax),
        documents=documents,
        signed=tuple(signed),
        drafter=f"{case.shot.section.name} {case.shot.drafter.name}",
        url=case.link(signer),
    )


async def new_link(case: Case) -> list[Outgoing]:
    """Send the contractor the link as it is now, and say what led to it. A corrected address gets a request."""
    signer = case.signer()
    if "corrected" in case.task.ids:
        return await request(case)
    if signer.party != Party.CONTRACTOR:
        return []
    cause = NewLinkCause.STAFF if "staff" in case.task.ids else NewLinkCause.ASKED
    letter = letters.NewLinkMail(
        **case.foot,
        to=seat(signer).addressee,
        cause=NewLinkCause.WRONG_CODES if "wrong" in case.task.ids else cause,
        title=case.shot.envelope.title,
        at=case.services.now(),
        deadline=case.shot.envelope.deadline_on,
        second=await factors.asked(signer),
        url=case.link(signer),
    )
    return [addressed(case, seat(signer), letter)]


async def proof(case: Case) -> list[Outgoing]:
    """Tell the contractor what he proves himself by from now on, unless the envelope has gone on or ended meanwhile."""
    signer, envelope = case.signer(), case.shot.envelope
    if not case.waits_for(signer):
        return []
    letter = letters.ProofMail(
        **case.foot,
        to=seat(signer).addressee,
        kind=Kind(envelope.kind),
        title=envelope.title,
        at=case.services.now(),
        deadline=envelope.deadline_on,
        second=await factors.asked(signer),
        url=case.link(signer),
    )
    return [addressed(case, seat(signer), letter)]


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
        to=seat(signer).addressee,
        code=codes.make(services.code_key, subject, row.serial),
        valid_until=valid_until,
        word=codes.word(services.code_key, subject, row.serial),
        purpose=CodePurpose(row.purpose),
        title=shot.envelope.title,
    )
    return addressed(case, seat(signer), letter)


async def other_device(case: Case) -> list[Outgoing]:
    """Tell the signer and the drafter that a code was typed in another browser than the one that asked for it."""
    row, signer = await Code.filter(id=case.task.ids["code"]).get(), case.signer()

    def make(recipient: Recipient) -> Letter:
        return letters.DeviceMail(
            **case.foot,
            to=recipient.addressee,
            reader=recipient.reader,
            title=case.shot.envelope.title,
            party=signer.company,
            at=row.used_at or case.services.now(),
            purpose=CodePurpose(row.purpose),
            url=case.page() if recipient.reader is Reader.STAFF else "",
        )

    return [addressed(case, one, make(one)) for one in (seat(signer), drafter(case))]


async def received(case: Case) -> list[Outgoing]:
    """Tell the contractor that the signature has arrived, and who signs next."""
    signer = case.signer()
    if signer.party != Party.CONTRACTOR or signer.consented_at is None:
        return []
    waiting = [item for item in case.shot.signers if item.signed_at is None and item.id != signer.id]
    _, head = await history.head(Subject.ENVELOPE, case.shot.envelope.id)
    letter = letters.ReceivedMail(
        **case.foot,
        to=seat(signer).addressee,
        kind=Kind(case.shot.envelope.kind),
        title=case.shot.envelope.title,
        signed_at=signer.consented_at,
        documents=await document_lines(case.shot, revision=0),
        waits_for=tuple(case.name_of(item, seat(signer).addressee) for item in waiting),
        open_days=VILLAGE_OPEN_DAYS if all(item.staff_id for item in waiting) else None,
        history_head=head,
    )
    return [addressed(case, seat(signer), letter)]
