"""Letters that remind: of a deadline, and of the end of a download window. When they are due, the verbs know."""

from bot import letters
from bot.case import Case, Outgoing, addressed, seat
from envelopes.actions import factors
from envelopes.actions.worker import reminding
from envelopes.rules.kinds import Kind
from envelopes.rules.schedule import jst_day


async def deadline(case: Case) -> list[Outgoing]:
    """Remind the signer, by the same link, unless the envelope has gone on or ended meanwhile."""
    signer, envelope = case.signer(), case.shot.envelope
    if not case.waits_for(signer):
        return []
    letter = letters.ReminderMail(
        **case.foot,
        to=seat(signer).addressee,
        kind=Kind(envelope.kind),
        title=envelope.title,
        deadline=envelope.deadline_on,
        days=(envelope.deadline_on - jst_day(case.services.now())).days,
        second=await factors.asked(signer),
        url=case.link(signer),
    )
    return [addressed(case, seat(signer), letter)]


async def window(case: Case) -> list[Outgoing]:
    """Remind the contractor of the download, while its window is open and nothing has been taken."""
    signer, envelope = case.signer(), case.shot.envelope
    over = envelope.window_ends_at is None or envelope.window_ends_at < case.services.now()
    if over or await reminding.has_files(signer):
        return []
    assert envelope.window_ends_at is not None
    recipient = seat(signer)
    letter = letters.WindowMail(
        **case.foot,
        to=recipient.addressee,
        kind=Kind(envelope.kind),
        title=envelope.title,
        certificate_id=envelope.certificate_id,
        window_ends=envelope.window_ends_at,
        url=case.download(recipient),
    )
    return [addressed(case, recipient, letter)]
