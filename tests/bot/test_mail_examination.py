"""The whole look at the mail and its verdict: sound lets orders by reply be, a fault ends them, silence is neither."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot import app, mail_examination
from bot.outcomes import Bearing, Outcome
from envelopes.actions.operating import mail_is_sound
from envelopes.actions.worker import waiting
from envelopes.records.models import Lease
from envelopes.rules.addresses import domain_of
from envelopes.services import Services
from envelopes.settings import Clock, Dns, Imap, Mail, Portal, Smtp, Tls
from fukan.demo import cast
from fukan.demo.post import PASSWORD, PostOffice
from tests.servers.sntp import TimeServer
from tests.servers.sntp import serving as telling
from tests.servers.zone import Zone, serving
from tests.world import plain_services, text_of, world

OWN = "keiyaku.mihon.example"


def sound_zone() -> Zone:
    zone = Zone()
    zone.put(OWN, "MX", f"10 mx.{OWN}.")
    zone.txt(OWN, "v=spf1 ip4:192.0.2.9 -all")
    zone.txt(f"_dmarc.{OWN}", f"v=DMARC1; p=reject; rua=mailto:a@{OWN}")
    zone.put("9.2.0.192.in-addr.arpa", "PTR", "out.relay.example.")
    zone.put("out.relay.example", "A", "192.0.2.9")
    return zone


@pytest.fixture
def zone() -> Iterator[Zone]:
    with serving(sound_zone()) as one:
        yield one


@pytest.fixture
def time_server() -> Iterator[TimeServer]:
    with telling(TimeServer()) as one:
        yield one


@pytest.fixture
async def services(tmp_path: Path, zone: Zone, time_server: TimeServer) -> AsyncIterator[Services]:
    office = PostOffice(tmp_path / "post.sqlite3")
    await office.start()
    intake = f"uketsuke@{OWN}"
    settings: dict[str, Any] = {
        "demo": False,
        "portal": Portal(url=f"https://{OWN}"),
        "mail": Mail(address=f"keiyaku@{OWN}", intake=intake),
        "smtp": Smtp(port=office.smtp_port, tls=Tls.NONE, sends_from=("192.0.2.9",)),
        "imap": Imap(port=office.imap_port, tls=False, user=intake, password=SecretStr(PASSWORD)),
        "dns": Dns(servers=(zone.server,)),
        "clock": Clock(server="127.0.0.1", port=time_server.port),
    }
    async with plain_services(tmp_path, **settings) as made:
        yield made
    await office.close()


async def test_nothing_wrong_is_a_verdict_and_so_is_a_fault(services: Services, zone: Zone) -> None:
    outcomes = await mail_examination.look(services)
    assert [finding for one in outcomes for finding in one.findings] == []
    assert len({one.name for one in outcomes}) == len(outcomes) == 8
    assert await mail_is_sound(services)
    zone.txt(f"_dmarc.{OWN}")
    await mail_examination.look(services)
    assert not await mail_is_sound(services)


async def test_a_wrong_clock_is_a_fault(services: Services, time_server: TimeServer) -> None:
    time_server.ahead = 90
    await mail_examination.look(services)
    assert not await mail_is_sound(services)


async def test_silence_is_no_verdict(services: Services, zone: Zone) -> None:
    zone.txt(OWN, "v=spf1 include:broken.example -all")
    await mail_examination.look(services)
    assert not await mail_is_sound(services)
    zone.txt(OWN, "v=spf1 ip4:192.0.2.9 -all")
    await mail_examination.look(services)
    zone.txt(OWN, "v=spf1 include:broken.example -all")
    outcomes = await mail_examination.look(services)
    assert any(one.findings for one in outcomes)
    assert await mail_is_sound(services)


async def test_what_is_to_be_mended_in_time_ends_nothing(services: Services, zone: Zone) -> None:
    zone.put("9.2.0.192.in-addr.arpa", "PTR")
    outcomes = await mail_examination.look(services)
    assert [finding.bearing for one in outcomes for finding in one.findings] == [Bearing.NOTICE]
    assert await mail_is_sound(services)


async def test_a_fault_beside_silence_is_a_fault(services: Services, zone: Zone) -> None:
    await mail_examination.look(services)
    zone.txt(OWN, "v=spf1 include:broken.example -all")
    zone.put(OWN, "MX")
    await mail_examination.look(services)
    assert not await mail_is_sound(services)


async def test_the_demo_is_not_examined(tmp_path: Path) -> None:
    async with plain_services(tmp_path) as made:
        assert await mail_examination.look(made) == [mail_examination.DEMO]
        assert await mail_is_sound(made)


async def test_a_bot_looks_again_and_again_whatever_fails(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks = 0
    look = mail_examination.look

    async def seldom(built: Services) -> Sequence[Outcome]:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise OSError("a surprise about taro@takahashi.example")
        outcomes = await look(built)
        stop.set()
        return outcomes

    stop = asyncio.Event()
    monkeypatch.setattr(mail_examination, "look", seldom)
    monkeypatch.setattr(app, "EXAMINE_FIRST", 0.01)
    monkeypatch.setattr(app, "EXAMINE", 0.01)
    async with asyncio.timeout(30):
        await app._look_at_mail(services, stop)
    assert looks == 2
    assert await mail_is_sound(services)
    assert "OSError" in caplog.text
    assert "takahashi" not in caplog.text


async def test_the_operator_hears_of_a_queue_that_stands_and_of_what_is_wrong(
    zone: Zone, tmp_path: Path
) -> None:
    zone.txt(f"_dmarc.{domain_of(cast.SENDER)}")
    async with world(tmp_path, dns=Dns(servers=(zone.server,))) as built:
        # A demo would not be examined.
        earnest = built.services.settings.model_copy(update={"demo": False})
        object.__setattr__(built.services, "settings", earnest)
        built.clock.forward(minutes=16)
        await waiting.tell_of_waiting(built.services)
        await built.drain()
        mail = built.last(cast.MARUYAMA.address)
        assert mail["Subject"] == "【要確認】送信待ちが続いています"
        said = text_of(mail)
        assert re.search(r"送信待ち\s+4通", said), said
        assert "DMARC：keiyaku.vill-mihon.example にDMARCレコードがありません" in said
        await waiting.tell_of_waiting(built.services)
        assert not await Lease.all().exists()
