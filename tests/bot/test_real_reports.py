"""What a real Postfix does with mail that it cannot deliver: each refusal and report, up to the envelope's state."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from bot import outbox
from bot.outbox import NotDelivered
from bot.smtp import Sender, SmtpRelay, Tls
from envelopes.records.models import Delivery, Envelope
from envelopes.rules.returns import WORDS, Meaning, meaning_of
from fukan.demo import cast
from tests.bot.conftest import real
from tests.bot.test_reports import asked, kinds, told
from tests.servers.dovecot_postfix import RealPostOffice
from tests.world import World

pytestmark = pytest.mark.engines
MAIL = b"From: keiyaku@keiyaku.vill-mihon.example\r\nSubject: x\r\n\r\nx\r\n"


@pytest.fixture
def built(service: World) -> World:
    return service


@pytest.fixture
async def postfix(post_office_real: RealPostOffice) -> AsyncIterator[Sender]:
    relay = SmtpRelay(host="127.0.0.1", port=post_office_real.smtp, tls=Tls.NONE)
    sender = Sender(relay)
    yield sender
    await sender.close()


async def report(office: RealPostOffice, path: str) -> bytes:
    """Wait for the report that Postfix sends to that return path."""
    async with asyncio.timeout(40):
        while True:
            for raw in await real(office).arrived(cast.INTAKE):
                if path.encode() in raw:
                    return raw
            await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    ("local", "outcome"),
    [
        ("bounce", ("failed", Meaning.NO_SUCH_ADDRESS)),
        ("overquota", ("failed", Meaning.MAILBOX_FULL)),
        ("slow", ("delayed", None)),
    ],
)
async def test_a_genuine_report_reaches_the_envelope(
    built: World,
    post_office_real: RealPostOffice,
    postfix: Sender,
    local: str,
    outcome: tuple[str, Meaning | None],
) -> None:
    (state, why), (envelope, row) = outcome, await asked(built)
    path = outbox.return_path(built.services, row.ref)
    await postfix.send(sender=path, recipient=f"{local}@mihon.example", data=MAIL, envid=row.ref)
    await built.deliver(await report(post_office_real, path))
    await built.drain()
    await row.refresh_from_db()
    assert row.state == state
    if why is None:
        assert told(built) == []
        assert (await kinds(envelope))[-1] == "mail delayed"
    else:
        assert meaning_of(row.code, row.answer) is why
        (letter,) = told(built)
        assert WORDS[why][0] in letter
        assert (await kinds(envelope))[-1] == "mail undelivered"


async def test_each_refusal_at_the_door_has_its_state(built: World, postfix: Sender) -> None:
    envelope, row = await asked(built)
    seen: dict[str, tuple[str, Meaning | None]] = {}
    for local in ("nobody", "full", "policy", "later", "busy"):
        seen[local] = await _outcome(built, postfix, row, f"{local}@mihon.example")
    assert seen == {
        "nobody": ("failed", Meaning.NO_SUCH_ADDRESS),
        "full": ("failed", Meaning.MAILBOX_FULL),
        "policy": ("failed", Meaning.BLOCKED),
        "later": ("retry", None),
        "busy": ("retry", None),
    }
    assert (await Envelope.get(id=envelope.id)).state == "out"


async def _outcome(
    built: World, postfix: Sender, row: Delivery, recipient: str
) -> tuple[str, Meaning | None]:
    """Hand the same delivery over to *recipient* and say what became of it, with its meaning once it failed."""
    await Delivery.filter(id=row.id).update(state="queued", code=None, answer=None)
    answer = await postfix.send(sender="", recipient=recipient, data=MAIL, envid=row.ref)
    with suppress(NotDelivered):
        await outbox._settle(built.tools.post, row, answer)
    await row.refresh_from_db()
    return row.state, meaning_of(row.code, row.answer) if row.state == "failed" else None
