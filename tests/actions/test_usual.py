"""By what a contractor proves who he is where an order says nothing: what is registered, or what staff noted."""

from dataclasses import replace

import pytest

from envelopes.actions import ordering, registrar, staff, usual
from envelopes.records import history
from envelopes.records.history import Subject
from envelopes.records.models import Authenticator, Contact
from envelopes.rules import orders
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.factors import Method
from envelopes.rules.lines import scan
from envelopes.rules.schedule import jst_day
from envelopes.services import Services
from tests.actions.test_mobiles import approved, proposed
from tests.engines import Town

pytestmark = pytest.mark.engines


async def contact(town: Town) -> Contact:
    return await Contact.get(id=town.contacts[0].id)


def texting(town: Town) -> Services:
    """The same town with a hook for SMS."""
    sms = {"url": "https://sms.example/send", "secret": "x" * 32}
    return replace(town.services, settings=town.engine.settings(sms=sms))


async def has_mobile(town: Town) -> None:
    await approved(town, await proposed(town))
    town.clock.forward(hours=24)


async def has_app(town: Town) -> None:
    values = {"contact_id": town.contacts[0].id, "envelope_id": 0, "secret": "-", "set_up_at": town.clock()}
    await Authenticator.create(**values)


async def test_what_is_registered_is_asked_for(town: Town) -> None:
    services = texting(town)
    assert await usual.of(services, await contact(town)) is Method.MAIL
    await has_mobile(town)
    assert await usual.of(services, await contact(town)) is Method.SMS
    assert await usual.of(town.services, await contact(town)) is Method.MAIL  # no hook here
    await has_app(town)
    assert await usual.of(services, await contact(town)) is Method.AUTHENTICATOR


async def test_what_staff_noted_goes_before_and_never_becomes_less(town: Town) -> None:
    services, actor = texting(town), staff.actor_of(town.registrar)
    await has_mobile(town)
    ref = town.contacts[0].ref
    await usual.choose(services, actor, ref, Method.ACCESS_CODE)
    assert await usual.of(services, await contact(town)) is Method.ACCESS_CODE
    await usual.choose(services, actor, ref, Method.SMS)
    assert await usual.of(town.services, await contact(town)) is Method.ACCESS_CODE
    await usual.choose(services, actor, ref, None)
    assert await usual.of(services, await contact(town)) is Method.SMS
    said = await history.payloads(Subject.CONTACT, town.contacts[0].id)
    noted = [payload["method"] for fact, payload in said if fact.kind == usual.CHOSEN]
    assert noted == ["access-code", "sms", ""]
    with pytest.raises(Refused) as error:
        await usual.choose(services, staff.actor_of(town.approver), ref, Method.MAIL)
    assert error.value.reason is Reason.ROLE_MISSING


async def test_it_stays_with_the_next_revision_of_the_entry(town: Town) -> None:
    await usual.choose(
        town.services, staff.actor_of(town.registrar), town.contacts[0].ref, Method.ACCESS_CODE
    )
    before = await contact(town)
    entry = town.entry(company=before.company, person=before.person, email=before.email)
    after = await registrar.add_contact(
        town.services, entry, registrar=town.registrar, approver=town.approver
    )
    assert after.id != before.id
    assert await usual.of(town.services, after) is Method.ACCESS_CODE


@pytest.mark.parametrize(
    ("line", "method", "said"),
    [
        ("", Method.ACCESS_CODE, "メール＋アクセスコード（電話でお伝え）（台帳の既定）"),
        ("本人確認：メール", Method.MAIL, "メール1経路"),
    ],
)
async def test_an_order_takes_it_unless_it_says_otherwise(
    town: Town, line: str, method: Method, said: str
) -> None:
    await usual.choose(
        town.services, staff.actor_of(town.registrar), town.contacts[0].ref, Method.ACCESS_CODE
    )
    text = f"封筒名：舗装工事\n宛先：{town.contacts[0].email}\n種別：請書\n金額：なし\n{line}"
    statements = scan(text, day=jst_day(town.clock())).statements
    reading = orders.understand(statements, subject="", policy=town.services.policy)
    order = await ordering.look_up(town.services, town.drafter, reading)
    assert order.methods == (method,)
    kept = ordering.record(order, subject="", received_at=town.clock())
    assert [one.value for one in kept.lines if one.label == "本人確認"] == [said]
