"""Letters about the end of a request, or a new deadline: to all who were asked, and to the drafter."""

from collections.abc import Callable
from datetime import date

from bot import letters
from bot.case import Case, Outgoing, Recipient, addressed, concerned
from bot.letters import Letter, Reader
from envelopes.actions import factors
from envelopes.rules.people import Party


def _to_all(case: Case, make: Callable[[Recipient], Letter]) -> list[Outgoing]:
    return [addressed(case, recipient, make(recipient)) for recipient in concerned(case)]


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


async def declined(case: Case) -> list[Outgoing]:
    """A party does not sign."""
    return await _refused(case, letters.DeclinedMail)


async def returned(case: Case) -> list[Outgoing]:
    """A party asks for the document to be mended."""
    return await _refused(case, letters.ReturnedMail)


async def cancelled(case: Case) -> list[Outgoing]:
    """The village took the request back."""
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


async def expired(case: Case) -> list[Outgoing]:
    """The deadline is over."""
    envelope = case.shot.envelope

    def make(recipient: Recipient) -> Letter:
        signer = recipient.signer
        return letters.ExpiredMail(
            **case.foot,
            to=recipient.addressee,
            reader=recipient.reader,
            title=envelope.title,
            party=envelope.party,
            deadline=envelope.deadline_on,
            url=case.page() if recipient.reader is Reader.STAFF else "",
            signed=signer is not None and signer.consented_at is not None,
        )

    return _to_all(case, make)


async def extended(case: Case) -> list[Outgoing]:
    """The deadline was moved; the link stays and is told again."""
    envelope = case.shot.envelope
    seconds = {one.id: await factors.asked(one) for one in case.shot.signers if one.party == Party.CONTRACTOR}

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
            second=seconds.get(signer.id) if signer is not None else None,
            url=case.link(signer) if signer is not None else case.page(),
        )

    return _to_all(case, make)
