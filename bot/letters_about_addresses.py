"""Letters about the registry: what the addresses of a company are told when another one is registered for it."""

from bot import letters
from bot.case import Outgoing
from bot.case import registered as recipient_of
from bot.render import Mailbox
from envelopes.records.models import Contact
from envelopes.records.tasks import Claimed
from envelopes.rules.addresses import mask
from envelopes.services import Services


async def registered(_services: Services, task: Claimed) -> list[Outgoing]:
    """Tell one address that another was registered, also where either has been ended since.

    Whoever slips an address in must not be able to take back the notice by ending an entry.
    """
    told = await Contact.filter(id=task.ids["told"]).get()
    new = await Contact.filter(id=task.ids["contact"]).select_related("registrar__section").get()
    section, recipient = new.registrar.section, recipient_of(told)
    letter = letters.AddressMail(
        to=recipient.addressee,
        section=section.name,
        phone=section.phone,
        number="",
        company=new.company,
        address=mask(new.email),
        at=new.created_at,
        works_from=new.works_from,
    )
    reply_to = Mailbox(section.name, section.email)
    return [Outgoing(recipient=recipient, letter=letter, reply_to=reply_to, references=())]
