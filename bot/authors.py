"""Who wrote a mail, for the desk: a member of staff whose address is proven, or why nobody is answered.

The order of questions: did it go out from here, did a person write it, whose word is there. First a trusted relay's;
where it says nothing, a DKIM signature that is verified here, and that only for addresses which would count. What is
found is kept with the mail at once: keys in DNS are exchanged, and a mail read again a week later is still proven.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from bot import reports, senders, signatures
from bot.parse import ParsedMail, limits
from bot.resolver import DnsSilent, Resolver
from bot.senders import Verdict
from bot.signatures import Demand, Proved
from envelopes.actions import registrar
from envelopes.actions.worker import mails
from envelopes.actions.worker.workshop import Workshop
from envelopes.records.models import Mail, Staff
from envelopes.rules import answers
from envelopes.rules.addresses import domain_of
from envelopes.rules.errors import Later, Reason, Refused
from envelopes.rules.provenance import PROVING, Level, Why
from envelopes.services import Services

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A mail as it lies there: its row, its bytes, what was read from them, and whether they are the whole mail."""

    mail: Mail
    raw: bytes
    parsed: ParsedMail
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Nobody:
    """No member of staff. `address` is a proven sender of the town's own who is not on the list, else ""."""

    why: str
    address: str = ""


async def author(shop: Workshop, arrival: Arrival) -> Staff | Nobody:
    """Return the member of staff who wrote this, or why the mail is put aside. Raises Later where DNS is silent."""
    services = shop.services
    if await reports.is_ours(arrival.parsed):
        return Nobody(why=Why.OWN_ADDRESS)
    if arrival.parsed.automatic:
        return Nobody(why=Why.AUTOMATIC)
    verdict = await _verdict(shop, arrival)
    if verdict.level is Level.UNPROVEN:
        return Nobody(why=verdict.why)
    settings = services.settings.mail
    if answers.is_own(verdict.address, (settings.address, settings.intake)):
        return Nobody(why=Why.OWN_ADDRESS)
    staff = await _listed(services, verdict.address)
    return staff or Nobody(
        why=Reason.NOT_STAFF, address=verdict.address if await _ours(verdict.address) else ""
    )


async def _listed(services: Services, address: str) -> Staff | None:
    try:
        return await registrar.staff_by_address(services, address)
    except Refused:
        return None


async def _ours(address: str) -> bool:
    """Whether *address* is of a domain where the town's staff have theirs."""
    return domain_of(address) in await registrar.staff_domains()


async def _verdict(shop: Workshop, arrival: Arrival) -> Verdict:
    """Judge a mail, and keep the verdict. One that proves is never asked for again."""
    mail, sender = arrival.mail, arrival.parsed.sender
    if sender is not None and mail.proof in PROVING:
        return Verdict(level=Level.PROVEN, why=Why(mail.proof), address=sender.address)
    settings = shop.services.settings
    trusted = settings.mail.trusted_authserv_ids
    verdict, key = senders.judge(arrival.parsed, trusted_authserv_ids=trusted, demo=settings.demo), ""
    if verdict.why is Why.NO_TRUSTED_RESULTS and sender is not None and settings.mail.verify_dkim:
        found = await _by_signature(shop, arrival, sender.address)
        verdict, key = senders.verdict(found.why, sender.address), found.key
    await mails.note_proof(mail, verdict.why, key)
    return verdict


# Signatures


async def _by_signature(shop: Workshop, arrival: Arrival, address: str) -> Proved:
    """Verify the signatures of a mail, if it matters: a stranger's need no questions to DNS."""
    services = shop.services
    if not (await _listed(services, address) or await _ours(address)):
        return Proved(why=Why.NO_TRUSTED_RESULTS)
    demand = Demand(
        domain=domain_of(address),
        fields=services.policy.dkim_fields,
        at=int(arrival.mail.arrived_at.timestamp()),
        key_bits=services.policy.dkim_key_bits,
        whole=arrival.whole,
    )
    try:
        return await _proved(shop, arrival, demand)
    except Refused:
        return Proved(why=Why.SIGNATURE_MALFORMED)


async def _proved(shop: Workshop, arrival: Arrival, demand: Demand) -> Proved:
    wanted = await _in_child(shop, partial(signatures.wanted, demand=demand), arrival.raw)
    if not wanted.names:
        return Proved(why=wanted.why)
    keys = await _keys(Resolver(shop.services.settings.dns), wanted.names)
    heard = {name: records for name, records in keys.items() if records is not None}
    found = await _in_child(shop, partial(signatures.proved, demand=demand, keys=heard), arrival.raw)
    if found.why in PROVING or len(heard) == len(keys):
        return found
    if shop.services.now() < arrival.mail.arrived_at + shop.services.policy.retry_end:
        raise Later(Reason.DNS_SILENT)
    return Proved(why=Why.DNS_SILENT)


async def _keys(resolver: Resolver, names: Sequence[str]) -> Mapping[str, Sequence[bytes] | None]:
    """The TXT records of each name; None where no name server has answered."""
    found = await asyncio.gather(*(asyncio.to_thread(_key, resolver, name) for name in names))
    return dict(zip(names, found, strict=True))


def _key(resolver: Resolver, name: str) -> Sequence[bytes] | None:
    try:
        return resolver.texts(name)
    except DnsSilent:
        return None


async def _in_child(shop: Workshop, function: "partial[T]", raw: bytes) -> T:
    return await shop.papers.sandbox.run(
        function,
        raw,
        limits=limits(shop.services.policy),
        on_crash=Reason.MAIL_UNREADABLE,
        on_timeout=Reason.MAIL_UNREADABLE,
    )
