"""Whose mail is read, in earnest: the signature of a mail against a real name server, and what is kept of it."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import pytest_asyncio

from bot import desk
from envelopes.actions import registrar
from envelopes.records.models import Mail as Row
from envelopes.rules.errors import Later, Reason
from envelopes.rules.people import Role
from envelopes.rules.provenance import Why
from envelopes.settings import Dns, Mail
from fukan.demo import cast
from tests.bot.signed import SELECTOR, Key, by_dkimpy, make_key
from tests.servers.zone import Zone, serving
from tests.world import CONTRACT, World, order, world

pytestmark = pytest.mark.asyncio(loop_scope="module")
NAME = f"{SELECTOR}._domainkey.{cast.STAFF_DOMAIN}"


@pytest.fixture(scope="module")
def key() -> Key:
    return make_key()


@pytest.fixture(scope="module")
def served() -> Iterator[Zone]:
    with serving(Zone()) as one:
        yield one


@pytest.fixture
def zone(served: Zone, key: Key) -> Zone:
    """The town's zone, with its key and no question asked yet."""
    served.txt(NAME, key.record.decode())
    served.asked.clear()
    return served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, served: Zone) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("world"), dns=Dns(servers=(served.server,))) as built:
        await built.drain()
        yield built


@pytest.fixture
def earnest(service: World, zone: Zone) -> World:
    """A service that is no demo, to which no relay says who sent a mail."""
    mail = Mail(address=cast.SENDER, intake=cast.INTAKE)
    settings = service.services.settings.model_copy(update={"demo": False, "mail": mail})
    object.__setattr__(service.services, "settings", settings)
    return service


def signed(raw: bytes, key: Key, *, domain: str = cast.STAFF_DOMAIN) -> bytes:
    return by_dkimpy(raw, key, domain=domain)


async def read(built: World, raw: bytes) -> Row:
    number = await built.deliver(raw)
    await desk.read_mail(built.tools.shop, number)
    return await Row.get(id=number)


async def again(built: World, mail: Row) -> Row:
    await Row.filter(id=mail.id).update(status="received", reason=None)
    await desk.read_mail(built.tools.shop, mail.id)
    return await Row.get(id=mail.id)


async def test_a_good_signature_makes_a_draft_and_is_kept_with_its_key(
    earnest: World, zone: Zone, key: Key
) -> None:
    mail = await read(earnest, signed(order(CONTRACT), key))
    assert (mail.status, mail.proof) == ("read", Why.SIGNATURE)
    assert mail.proof_key == f"{NAME} {key.record.decode()}"
    bad = await read(earnest, signed(order(CONTRACT), make_key()))
    assert (bad.status, bad.reason) == ("quarantined", Why.SIGNATURE_BROKEN)
    zone.txt(NAME)
    late = await read(earnest, signed(order(CONTRACT), key))
    assert (late.status, late.reason, late.proof_key) == ("quarantined", Why.KEY_MISSING, None)


async def test_what_is_proven_once_needs_no_key_in_dns_any_more(earnest: World, zone: Zone, key: Key) -> None:
    newcomer = f"arai@{cast.STAFF_DOMAIN}"
    mail = await read(earnest, signed(order(sender=newcomer), key))
    assert (mail.status, mail.reason, mail.proof) == ("quarantined", Reason.NOT_STAFF, Why.SIGNATURE)
    zone.txt(NAME)
    zone.asked.clear()
    await registrar.add_staff(
        earnest.services,
        name="新井 誠",
        office="主事",
        email=newcomer,
        section=earnest.section,
        roles=frozenset({Role.DRAFTER}),
    )
    mail = await again(earnest, mail)
    assert (mail.status, mail.proof, zone.asked) == ("answered", Why.SIGNATURE, [])
    late = await read(earnest, signed(order(sender=newcomer), key))
    assert late.reason == Why.KEY_MISSING


async def test_that_dns_is_silent_is_no_verdict(earnest: World, zone: Zone, key: Key) -> None:
    raw = signed(order(CONTRACT), key).replace(b"s=s1;", b"s=broken;", 1)
    number = await earnest.deliver(raw)
    with pytest.raises(Later) as raised:
        await desk.read_mail(earnest.tools.shop, number)
    assert raised.value.reason is Reason.DNS_SILENT
    mail = await Row.get(id=number)
    assert (mail.status, mail.proof) == ("received", None)
    await Row.filter(id=number).update(arrived_at=mail.arrived_at - timedelta(hours=49))
    await desk.read_mail(earnest.tools.shop, number)
    mail = await Row.get(id=number)
    assert (mail.status, mail.reason) == ("quarantined", Why.DNS_SILENT)


async def test_a_strangers_signature_asks_nobody(earnest: World, zone: Zone, key: Key) -> None:
    raw = order(CONTRACT, sender="x@evil.example")
    mail = await read(earnest, signed(raw, key, domain="evil.example"))
    assert (mail.status, mail.reason, zone.asked) == ("quarantined", Why.NO_TRUSTED_RESULTS, [])


async def test_an_unsigned_mail_and_one_with_the_check_turned_off_are_put_aside(
    earnest: World, zone: Zone, key: Key
) -> None:
    assert (await read(earnest, order(CONTRACT))).reason == Why.NOT_SIGNED
    # Nobody is told who could be somebody else.
    newcomer = f"ueda@{cast.STAFF_DOMAIN}"
    assert (await read(earnest, order(CONTRACT, sender=newcomer))).reason == Why.NOT_SIGNED
    await earnest.drain()
    assert earnest.mails(newcomer) == []
    settings = earnest.services.settings
    off = settings.model_copy(update={"mail": settings.mail.model_copy(update={"verify_dkim": False})})
    object.__setattr__(earnest.services, "settings", off)
    mail = await read(earnest, signed(order(CONTRACT), key))
    assert (mail.reason, zone.asked) == (Why.NO_TRUSTED_RESULTS, [])


async def test_a_relay_that_is_trusted_has_the_last_word(earnest: World, zone: Zone, key: Key) -> None:
    settings = earnest.services.settings
    mail_settings = settings.mail.model_copy(update={"trusted_authserv_ids": ("mx.example",)})
    trusting = settings.model_copy(update={"mail": mail_settings})
    object.__setattr__(earnest.services, "settings", trusting)
    results = f"mx.example; dmarc=fail header.from={cast.STAFF_DOMAIN}"
    mail = await read(earnest, signed(order(CONTRACT, Authentication_Results=results), key))
    assert (mail.reason, zone.asked) == (Why.NOT_PASSED, [])
    # Mail from inside has passed no relay that judges.
    assert (await read(earnest, signed(order(CONTRACT), key))).proof == Why.SIGNATURE


async def test_the_sender_of_a_mail_too_big_is_proven_by_its_head(earnest: World, key: Key) -> None:
    raw = signed(order(CONTRACT), key)
    head = raw[: raw.index(b"\r\n\r\n") + 4]
    mail = await Row.get(id=await earnest.deliver(head, unread=Reason.MAIL_TOO_BIG))
    await desk.read_mail(earnest.tools.shop, mail.id)
    mail = await Row.get(id=mail.id)
    assert (mail.status, mail.proof, mail.whole) == ("answered", Why.HEAD_SIGNATURE, False)
    forged = head.replace(b"Subject: ", b"Subject: x", 1)
    number = await earnest.deliver(forged, unread=Reason.MAIL_TOO_BIG)
    await desk.read_mail(earnest.tools.shop, number)
    assert (await Row.get(id=number)).reason == Why.SIGNATURE_BROKEN
