"""Automatic mails about our own: whose delivery one reports on, and what of it is noted.

The order of questions: is it one of ours that came back whole, which of ours does it name, what does it say. A return
path counts only with its MAC. Where it is missing, a bounce names its mail by the ENVID, which only servers on the way
were told; by the Message-ID, which everybody can read who has seen the mail, only where a server of the recipient's
domain, or of our own, is proven to have written it. A report that names none of ours is put aside like any automatic
mail.
"""

from collections.abc import Mapping
from typing import Final

from bot import senders
from bot.automatic import Sign
from bot.parse import ParsedMail
from bot.returned import Action, Kind, Returned, delivery_ref
from envelopes.actions.worker import undelivered
from envelopes.actions.worker.mails import MailFacts
from envelopes.actions.worker.undelivered import News, Report
from envelopes.records.models import Delivery, Mail
from envelopes.rules.addresses import domain_of
from envelopes.rules.provenance import is_aligned
from envelopes.services import Services

_SERVERS: Final = frozenset({"mailer-daemon", "postmaster"})  # RFC 5321 4.5.1: nobody else has these names
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
    news = _news(parsed.returned)
    ref = await _delivery(services, parsed, parsed.returned) if news else None
    if ref is None or news is None:
        return False
    sender = parsed.sender.address if parsed.sender else ""
    facts = MailFacts(subject=parsed.subject, sender=sender, message_id=parsed.message_id)
    report = Report(ref=ref, news=news, status=parsed.returned.status, text=parsed.returned.text)
    return await undelivered.take(services, mail, report, facts)


async def _delivery(services: Services, parsed: ParsedMail, returned: Returned) -> str | None:
    """Which delivery is meant, as far as that is proven."""
    if (ref := delivery_ref(tuple(services.keyring.token), returned.tokens)) is not None:
        return ref
    if returned.kind is not Kind.BOUNCE:
        return None
    named = returned.envelope_id
    if named and await Delivery.filter(ref=named).exists():
        return named
    row = await Delivery.filter(message_id=returned.message_id).first() if returned.message_id else None
    return row.ref if row and _is_from_server_of(services, parsed, row) else None


def _is_from_server_of(services: Services, parsed: ParsedMail, row: Delivery) -> bool:
    """Whether a mail server of the recipient's, or our own, is proven to have written this."""
    settings = services.settings
    trusted = settings.mail.trusted_authserv_ids
    proven = senders.judge(parsed, trusted_authserv_ids=trusted, demo=settings.demo).address.lower()
    name, _, domain = proven.rpartition("@")
    near = (domain_of(row.recipient), domain_of(settings.mail.address))
    return name in _SERVERS and any(is_aligned(domain, one) for one in near)


def _news(returned: Returned) -> News | None:
    return _BOUNCES.get(returned.action) if returned.kind is Kind.BOUNCE else _NEWS.get(returned.kind)
