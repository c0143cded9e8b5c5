"""The daily summary: a letter to a section's own mailbox. What stands in it is read by the worker's verb."""

from collections.abc import Sequence

from bot import letters
from bot.case import Outgoing, Recipient
from bot.letters import Addressee, DayLine, Reader
from bot.render import Mailbox
from envelopes.actions.worker import summing
from envelopes.records.models import Envelope, Section
from envelopes.records.tasks import Claimed
from envelopes.rules.schedule import jst_day
from envelopes.services import Services


async def daily(services: Services, task: Claimed) -> list[Outgoing]:
    """Tell a section how its requests stand; nothing where it has no mailbox."""
    section = await Section.get(id=task.ids["section"])
    if not section.email:
        return []
    summary = await summing.of_section(services, section.id)
    to = Addressee(f"{services.settings.town.name} {section.name}", "", "ご担当")
    letter = letters.DailyMail(
        to=to,
        section=section.name,
        phone=section.phone,
        number="",
        day=jst_day(services.now()),
        waiting=_lines(summary.waiting),
        near=_lines(summary.near),
        undelivered=_lines(summary.undelivered),
        notes=_lines(summary.notes),
        rows=summary.rows,
        anchor=summary.anchor,
        url=services.url("staff"),
    )
    recipient = Recipient(
        addressee=to,
        address=section.email,
        look_up=services.address_look_up(section.email),
        reader=Reader.STAFF,
    )
    reply_to = Mailbox("", services.settings.mail.intake)
    return [Outgoing(recipient=recipient, letter=letter, reply_to=reply_to, references=())]


def _lines(envelopes: Sequence[Envelope]) -> tuple[DayLine, ...]:
    return tuple(
        DayLine(one.number or one.draft_number, one.title, one.party, one.deadline_on) for one in envelopes
    )
