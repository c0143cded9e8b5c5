"""Task → the letters it asks for. Which module writes them is all that is decided here.

Every mail about an envelope is made from what the database says now. To whom a letter can go stands in `bot.case`, what
is said in the modules that begin with `letters`, what a letter looks like in `mail_templates`, how it becomes bytes in
`bot.render`, when it is sent and what came of it in `bot.outbox`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from bot import letters_about_addresses as addresses
from bot import letters_about_completion as completion
from bot import letters_about_days as days
from bot import letters_about_endings as endings
from bot import letters_about_orders as orders
from bot import letters_about_reminders as reminders
from bot import letters_about_requests as requests
from bot import letters_about_returns as returns
from bot import letters_to_staff as staff
from bot.case import Case, Outgoing
from bot.render import MailSite
from envelopes.records import store
from envelopes.records.tasks import Claimed
from envelopes.rules.states import Task
from envelopes.services import Services

SERVICE: Final = "電子契約"


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


_ABOUT_ENVELOPE: Final[Mapping[Task, Callable[[Case], Awaitable[list[Outgoing]]]]] = {
    Task.DRAFT_MAIL: orders.draft,
    Task.REQUEST_MAIL: requests.request,
    Task.SENT_MAIL: staff.sent,
    Task.RECEIVED_MAIL: requests.received,
    Task.COMPLETION_MAIL: completion.completion,
    Task.DECLINED_MAIL: endings.declined,
    Task.RETURNED_MAIL: endings.returned,
    Task.CANCELLED_MAIL: endings.cancelled,
    Task.EXPIRED_MAIL: endings.expired,
    Task.EXTENDED_MAIL: endings.extended,
    Task.NEW_LINK_MAIL: requests.new_link,
    Task.FRESH_DOWNLOAD_MAIL: completion.fresh_download,
    Task.REMINDER_MAIL: reminders.deadline,
    Task.WINDOW_MAIL: reminders.window,
    Task.UNDELIVERED_MAIL: returns.undelivered,
    Task.NOTE_MAIL: staff.note,
    Task.DEVICE_MAIL: requests.other_device,
}
_WITHOUT_ENVELOPE: Final[Mapping[Task, Callable[[Services, Claimed], Awaitable[list[Outgoing]]]]] = {
    Task.ANSWER_MAIL: orders.answer,
    Task.ENROL_MAIL: staff.enrol,
    Task.ADDRESS_MAIL: addresses.registered,
    Task.DAILY_MAIL: days.daily,
    Task.TROUBLE_MAIL: staff.trouble,
    Task.HEALTH_MAIL: staff.health,
    Task.RELAY_MAIL: staff.relay,
}
