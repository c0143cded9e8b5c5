"""Two intakes that write to each other end it themselves. How often mistakes are answered: test_error_answers.py."""

from email import policy
from pathlib import Path

from envelopes.actions import registrar
from envelopes.records.models import Mail as Row
from envelopes.rules.people import Role
from envelopes.rules.provenance import Why
from envelopes.settings import Mail
from fukan.demo import cast
from tests.world import World, order, world


async def test_an_intake_never_answers_another_ones_answer(tmp_path: Path) -> None:
    """The worst case: each has the other's address on its staff list, and an order that wants an answer starts it."""
    here, there = (
        Mail(address=cast.SENDER, intake=cast.INTAKE),
        Mail(address="k@tonari.example", intake="u@tonari.example"),
    )
    async with world(tmp_path, mail=here) as built:
        await _listed(built, there.address)
        first = await built.deliver(order(sender=there.address))
        await built.drain()
        assert (await Row.get(id=first)).status == "answered"
        answer = built.last(there.address)
    (other := tmp_path / "there").mkdir()
    async with world(other, mail=there) as built:
        await _listed(built, here.address)
        before = len(built.mails(here.address))
        second = await built.deliver(answer.as_bytes(policy=policy.SMTP))
        await built.drain()
        mail = await Row.get(id=second)
        assert (mail.status, mail.reason) == ("quarantined", Why.AUTOMATIC)
        assert len(built.mails(here.address)) == before


async def _listed(built: World, address: str) -> None:
    await registrar.add_staff(
        built.services,
        name="となり村",
        office="受付",
        email=address,
        section=built.section,
        roles=frozenset({Role.DRAFTER}),
    )
    await built.drain()
