"""The places of the signers: contractors in turn as the registry knows them, the village last.

Every place is bound to what it says (`records.bonds`), so it is only ever made here. Who may take one is decided by
the verbs that call this.
"""

from collections.abc import Sequence
from typing import Any, Final

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.records import bonds
from envelopes.records.models import Contact, Signer, Staff
from envelopes.rules.names import search_form
from envelopes.rules.people import Party
from envelopes.services import Services

_PARTY: Final = 400  # characters of the column


async def seat_contractors(
    services: Services, connection: BaseDBAsyncClient, envelope_id: int, contacts: Sequence[Contact]
) -> None:
    """Give *contacts* the first places, in their order; whoever had a place before has none."""
    await Signer.filter(envelope_id=envelope_id).using_db(connection).delete()
    for position, contact in enumerate(contacts, 1):
        signer = Signer(
            ref=services.ref(),
            envelope_id=envelope_id,
            position=position,
            party=Party.CONTRACTOR.value,
            contact_id=contact.id,
            company=contact.company,
            office=contact.office,
            person=contact.person,
            email=contact.email,
            email_look_up=contact.email_look_up,
            address_kind=contact.kind,
            registry_revision=contact.revision,
            language=contact.language,
            proof="mail",
        )
        await _save(signer, connection)


async def seat_village(
    services: Services, connection: BaseDBAsyncClient, signers: Sequence[Signer], person: Staff
) -> None:
    """Give the village's signer the last place; a draft that came back from sealing may have had another one."""
    envelope_id = signers[0].envelope_id
    await Signer.filter(envelope_id=envelope_id, party=Party.VILLAGE).using_db(connection).delete()
    last = max(signer.position for signer in signers if signer.party == Party.CONTRACTOR)
    seat = Signer(
        ref=services.ref(),
        envelope_id=envelope_id,
        position=last + 1,
        party=Party.VILLAGE.value,
        staff_id=person.id,
        company=services.settings.town.name,
        office=person.office,
        person=person.name,
        email=person.email,
        email_look_up=person.email_look_up,
        address_kind="own",
        registry_revision=0,
        proof="staff",
    )
    await _save(seat, connection)


def party_columns(contacts: Sequence[Contact]) -> dict[str, Any]:
    """The other party as the envelope names it, and its form for searching."""
    party = "、".join(dict.fromkeys(contact.company for contact in contacts))
    return {"party": party[:_PARTY], "party_search": search_form(party)[:_PARTY]}


async def _save(signer: Signer, connection: BaseDBAsyncClient) -> None:
    signer.bond = bonds.of_signer(signer)
    await signer.save(using_db=connection)
