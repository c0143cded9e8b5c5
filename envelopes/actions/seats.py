"""The places of the signers: contractors in turn as the registry knows them, the village last.

Every place is bound to what it says (`records.bonds`), so it is only ever made here. Who may take one is decided by
the verbs that call this.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes.actions import access_codes
from envelopes.records import bonds
from envelopes.records.models import Contact, Signer, Staff
from envelopes.rules import factors
from envelopes.rules.factors import Method
from envelopes.rules.names import search_form
from envelopes.rules.people import Party
from envelopes.services import Services

_PARTY: Final = 400  # characters of the column


async def seat_contractors(
    services: Services,
    connection: BaseDBAsyncClient,
    envelope_id: int,
    contacts: Sequence[Contact],
    *,
    methods: Sequence[Method] = (),
) -> None:
    """Give *contacts* the first places, in their order; whoever had a place before has none.

    *methods*: how each has to prove who he is, as `factors.spread` reads it.
    """
    await Signer.filter(envelope_id=envelope_id).using_db(connection).delete()
    asked = factors.spread(methods, len(contacts))
    for position, (contact, method) in enumerate(zip(contacts, asked, strict=True), 1):
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
            proof=method.value,
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
        proof=factors.STAFF,
    )
    await _save(seat, connection)


async def ask(connection: BaseDBAsyncClient, signer: Signer, method: Method, *, now: datetime) -> None:
    """Let a contractor prove who he is by *method*. An access code is there as soon as it is asked for."""
    signer.proof = method.value
    signer.bond = bonds.of_signer(signer)
    await signer.save(using_db=connection, update_fields=["proof", "bond"])
    if Method.ACCESS_CODE in factors.enough(method) and await access_codes.newest(signer, connection) is None:
        await access_codes.issue(connection, signer, now=now)


async def move(connection: BaseDBAsyncClient, signer: Signer, contact: Contact, *, now: datetime) -> None:
    """Let the same place be asked anew at the address of *contact*: every link and proof of before is dead."""
    signer.contact_id = contact.id
    if signer.person != contact.person:
        signer.remind_on = None  # the day was the other person's choice
    signer.office, signer.person, signer.language = contact.office, contact.person, contact.language
    signer.email, signer.email_look_up, signer.address_kind = (
        contact.email,
        contact.email_look_up,
        contact.kind,
    )
    signer.registry_revision = contact.revision
    signer.generation, signer.wrong_codes = signer.generation + 1, 0
    signer.asked_at, signer.proved_at, signer.paused_at = now, None, None
    await _save(signer, connection)
    wanted = factors.second(signer.proof)
    if wanted is not None and Method.ACCESS_CODE in factors.enough(wanted):
        # What was told to the one before opens nothing for the next.
        await access_codes.issue(connection, signer, now=now)


def party_columns(contacts: Sequence[Contact]) -> dict[str, Any]:
    """The other party as the envelope names it, and its form for searching."""
    party = "、".join(dict.fromkeys(contact.company for contact in contacts))
    return {"party": party[:_PARTY], "party_search": search_form(party)[:_PARTY]}


async def _save(signer: Signer, connection: BaseDBAsyncClient) -> None:
    signer.bond = bonds.of_signer(signer)
    await signer.save(using_db=connection)
