"""Automatic mails about our own: whose delivery one reports on, and what of it is noted.

The order of questions: is it one of ours that came back whole, whose return path does it name, what does it say. A
return path counts only with its MAC; a report that names none of ours is put aside like any automatic mail.
"""

from collections.abc import Mapping
from typing import Final

from bot.automatic import Sign
from bot.parse import ParsedMail
from bot.returned import Action, Kind, Returned, delivery_ref
from envelopes.actions.worker import undelivered
from envelopes.actions.worker.mails import MailFacts
from envelopes.actions.worker.undelivered import News, Report
from envelopes.records.models import Delivery, Mail
from envelopes.services import Services

_NEWS: Final[Mapping[Kind, News]] = {
    Kind.COMPLAINT: News.COMPLAINT,
    Kind.RECEIPT: News.RECEIPT,
    Kind.AUTO_REPLY: News.AUTO_REPLY,
}
_BOUNCES: Final[Mapping[Action, News]] = {Action.FAILED: News.UNDELIVERED, Action.DELAYED: News.DELAYED}


async def is_ours(parsed: ParsedMail) -> bool:
    """Whether this very mail went out from here: it goes round, and nothing may come of it."""
    return bool(parsed.message_id) and await Delivery.filter(message_id=parsed.message_id).exists()


async def noted(services: Services, mail: Mail, parsed: ParsedMail) -> bool:
    """Note what an automatic mail reports; False where it is about none of our mails, or nothing is said."""
    if parsed.returned is None or Sign.LOOP in parsed.signs or await is_ours(parsed):
        return False
    keys = tuple(services.keyring.token)
    ref, news = delivery_ref(keys, parsed.returned.tokens), _news(parsed.returned)
    if ref is None or news is None:
        return False
    sender = parsed.sender.address if parsed.sender else ""
    facts = MailFacts(subject=parsed.subject, sender=sender, message_id=parsed.message_id)
    report = Report(ref=ref, news=news, status=parsed.returned.status, text=parsed.returned.text)
    return await undelivered.take(services, mail, report, facts)


def _news(returned: Returned) -> News | None:
    return _BOUNCES.get(returned.action) if returned.kind is Kind.BOUNCE else _NEWS.get(returned.kind)
