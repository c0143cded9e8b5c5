"""An address from which mail keeps coming back is dead: nothing new is asked of it until mail arrives there again."""

import pytest

from envelopes.actions import ordering, registrar
from envelopes.records import history
from envelopes.records.history import Subject
from envelopes.records.models import Contact, Signer
from envelopes.records.store import Snapshot
from envelopes.rules import orders
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.lines import scan
from envelopes.rules.schedule import jst_day
from tests.engines import Town

pytestmark = pytest.mark.engines
GONE, FULL = ("5.1.1", "User unknown"), ("5.2.2", "Mailbox full")


async def asked(town: Town) -> tuple[Snapshot, Signer, Contact]:
    shot = await town.out()
    assert shot.turn is not None
    return shot, shot.turn, town.contacts[0]


async def is_dead(contact: Contact) -> bool:
    await contact.refresh_from_db()
    return contact.dead_at is not None


async def kinds(contact: Contact) -> list[str]:
    return [fact.kind for fact, _ in await history.payloads(Subject.CONTACT, contact.id)]


async def test_an_unknown_mailbox_is_dead_at_once_and_the_history_says_so(town: Town) -> None:
    _, signer, contact = await asked(town)
    await town.comes_back(signer, *GONE)
    assert await is_dead(contact)
    await town.comes_back(signer, *GONE)
    assert (await kinds(contact)).count("address dead") == 1


async def test_another_refusal_may_be_a_mistake_the_second_is_not(town: Town) -> None:
    _, signer, contact = await asked(town)
    await town.comes_back(signer, *FULL)
    assert not await is_dead(contact)
    await town.comes_back(signer, *FULL)
    assert await is_dead(contact)


async def test_a_carriers_unknown_mailbox_may_be_there(town: Town) -> None:
    shot = await town.out(contractors=2)
    signer, carrier = shot.signers[1], town.contacts[1]
    await town.comes_back(signer, *GONE)
    assert not await is_dead(carrier)
    await town.comes_back(signer, *GONE)
    assert await is_dead(carrier)


async def test_a_code_that_is_typed_in_proves_that_mail_arrives(town: Town) -> None:
    _, signer, contact = await asked(town)
    await town.comes_back(signer, *GONE)
    await town.prove(signer)
    assert not await is_dead(contact)
    assert (await kinds(contact))[-1] == "address alive"
    assert contact.refusals == 0


async def test_no_draft_and_no_request_goes_to_a_dead_address(town: Town) -> None:
    _, signer, contact = await asked(town)
    waiting = await town.draft()
    await town.comes_back(signer, *GONE)
    assert Reason.RECIPIENT_DEAD in await problems(town, contact)
    with pytest.raises(Refused) as refused:
        await town.confirm(waiting)
    assert refused.value.reason is Reason.RECIPIENT_DEAD
    assert (await town.again(waiting)).state == "draft"


async def problems(town: Town, contact: Contact) -> list[Reason]:
    """What is to be mended of an order to the company of *contact*."""
    said = scan(f"宛先：{contact.company}", day=jst_day(town.clock())).statements
    reading = orders.understand(said, subject="", policy=town.services.policy)
    return [one.reason for one in (await ordering.look_up(town.services, town.drafter, reading)).problems]


async def test_the_same_address_registered_again_by_two_people_may_be_used(town: Town) -> None:
    _, signer, contact = await asked(town)
    await town.comes_back(signer, *GONE)
    entry = town.entry(company=contact.company, person=contact.person, email=contact.email)
    await registrar.add_contact(town.services, entry, registrar=town.registrar, approver=town.approver)
    town.clock.forward(hours=25)
    assert not {Reason.RECIPIENT_DEAD, Reason.RECIPIENT_NOT_READY} & set(await problems(town, contact))
