"""By what the person of an entry proves who he is where an order says nothing: what staff noted, or what is registered.

An order and the draft's page still say something else for one request. What stands here asks nobody for anything.
"""

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import authenticators, mobiles, registry
from envelopes.records import history
from envelopes.records.database import unit
from envelopes.records.history import Subject
from envelopes.records.models import Contact
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.people import Actor, may_enter_address
from envelopes.services import Services

CHOSEN = "identity chosen"


async def of(services: Services, contact: Contact) -> Method:
    """What *contact* is asked for: as noted, else the app or the phone that is registered, else the mail alone.

    Where codes by SMS were noted and cannot be sent any more, an access code takes their place: never less unasked.
    """
    if not contact.identity:
        return await _registered(services, contact)
    noted = Method(contact.identity)
    if noted is Method.SMS and not await _can_text(services, contact):
        return Method.ACCESS_CODE
    return noted


async def _registered(services: Services, contact: Contact) -> Method:
    if await authenticators.of(contact.id) is not None:
        return Method.AUTHENTICATOR
    return Method.SMS if await _can_text(services, contact) else Method.MAIL


async def _can_text(services: Services, contact: Contact) -> bool:
    there = Method.SMS in services.methods
    return there and await mobiles.in_use(contact.id, now=services.now()) is not None


async def choose(services: Services, actor: Actor, ref: str, method: Method | None) -> None:
    """Note what the person of an entry is asked for from the next order on; None: by what is registered.

    Raises Refused: ROLE_MISSING, ADDRESS_UNKNOWN, STALE where the entry has ended, IDENTITY_NOT_HERE, MOBILE_NONE.
    """
    if not may_enter_address(actor.roles):
        raise Refused(Reason.ROLE_MISSING)
    contact, now = await registry.find(ref), services.now()
    if method is not None and method not in services.methods:
        raise Refused(Reason.IDENTITY_NOT_HERE, method=method.value)
    if method is Method.SMS and not await _can_text(services, contact):
        raise Refused(Reason.MOBILE_NONE, who=contact.company)
    value = method.value if method else ""

    async def work(connection: BaseDBAsyncClient) -> None:
        mine = Contact.filter(registry.living(now), id=contact.id).using_db(connection)
        if not await mine.update(identity=value):
            raise Refused(Reason.STALE)
        payload = {"method": value}
        await history.record(
            connection, Subject.CONTACT, contact.id, CHOSEN, actor=str(actor), at=now, payload=payload
        )

    await unit(work)
