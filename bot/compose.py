"""Task → the letters it asks for. Which module writes them is all that is decided here.

Every mail about an envelope is made from what the database says now. To whom a letter can go stands in `bot.case`, what
is said in the modules that begin with `letters`, what a letter looks like in `mail_templates`, how it becomes bytes in
`bot.render`, when it is sent and what came of it in `bot.outbox`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from bot import letters_about_addresses as addresses
from bot import letters_about_alerts as alerts
from bot import letters_about_changes as changes
from bot import letters_about_commands as commands
from bot import letters_about_completion as completion
from bot import letters_about_days as days
from bot import letters_about_endings as endings
from bot import letters_about_orders as orders
from bot import letters_about_reminders as reminders
from bot import letters_about_requests as requests
from bot import letters_about_returns as returns
from bot import letters_to_staff as staff
from bot.case import Case, Outgoing, turned_to_desk
from bot.render import MailSite
from envelopes.records import store
from envelopes.records.tasks import Claimed
from envelopes.rules.states import Task
from envelopes.services import Services


def site(services: Services) -> MailSite:
    """Who writes, the same in every mail."""
    settings = services.settings
    return MailSite(
        town=settings.town.name,
        town_english=settings.town.in_english,
        portal_url=settings.portal.url,
        hours=settings.town.hours,
        hours_english=settings.town.hours_in_english,
        dates=settings.town.dates,
        colour=settings.town.colour,
        intake=settings.mail.intake,
    )


async def compose(services: Services, task: Claimed) -> Sequence[Outgoing]:
    """Return every mail that *task* asks for; none where what happened since has made it pointless."""
    if without := _WITHOUT_ENVELOPE.get(task.kind):
        return await without(services, task)
    case = Case(services=services, shot=await store.snapshot(id=task.envelope_id), task=task)
    mails = await _ABOUT_ENVELOPE[task.kind](case)
    if task.kind in _ENDS:
        mails = [*mails, *await changes.ended(case, {one.recipient.look_up for one in mails})]
    return await turned_to_desk(case, mails)


# The mails about an end: whoever has handed his place over is told of it too.
_ENDS: Final = frozenset(
    {
        Task.COMPLETION_MAIL,
        Task.DECLINED_MAIL,
        Task.RETURNED_MAIL,
        Task.CANCELLED_MAIL,
        Task.EXPIRED_MAIL,
    }
)


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
    Task.PROOF_MAIL: requests.proof,
    Task.FRESH_DOWNLOAD_MAIL: completion.fresh_download,
    Task.REMINDER_MAIL: reminders.deadline,
    Task.WINDOW_MAIL: reminders.window,
    Task.UNDELIVERED_MAIL: returns.undelivered,
    Task.STATUS_MAIL: commands.status,
    Task.NOTE_MAIL: staff.note,
    Task.CHANGE_MAIL: changes.change,
    Task.DEVICE_MAIL: requests.other_device,
}
_WITHOUT_ENVELOPE: Final[Mapping[Task, Callable[[Services, Claimed], Awaitable[Sequence[Outgoing]]]]] = {
    Task.ANSWER_MAIL: orders.answer,
    Task.NEWCOMER_MAIL: orders.newcomer,
    Task.COMMAND_MAIL: commands.command,
    Task.ENROL_MAIL: staff.enrol,
    Task.ADDRESS_MAIL: addresses.registered,
    Task.MOBILE_MAIL: addresses.mobile,
    Task.AUTHENTICATOR_MAIL: addresses.authenticator,
    Task.APPLICATION_MAIL: addresses.decided,
    Task.APPLICATION_DESK_MAIL: addresses.to_be_decided,
    Task.INVITATION_MAIL: addresses.invitation,
    Task.DAILY_MAIL: days.daily,
    Task.TROUBLE_MAIL: staff.trouble,
    Task.HEALTH_MAIL: staff.health,
    Task.ALERT_MAIL: alerts.alert,
}
