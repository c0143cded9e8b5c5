"""A mail to the intake and back through real servers, and what is said where the way is broken."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from bot import dkim_signing, round_trip
from bot.outcomes import Outcome
from envelopes.records.models import Envelope, Task
from envelopes.settings import Dkim, DkimAlgorithm, Dns, Imap, Mail, Settings, Smtp, Tls
from fukan.demo import cast
from tests.patience import PATIENCE
from tests.servers.dovecot_postfix import AUTHSERV_ID, RealPostOffice
from tests.servers.ports import free_ports
from tests.servers.zone import Zone, serving
from tests.world import world

OWN = "keiyaku.mihon.example"


@pytest.fixture
def zone() -> Iterator[Zone]:
    with serving(Zone()) as one:
        yield one


@pytest.fixture
def office(post_office_real: RealPostOffice) -> RealPostOffice:
    return post_office_real


def settings(office: RealPostOffice, zone: Zone, *, local: str = "", **changes: Any) -> Settings:
    intake = f"{local or f'u{uuid4().hex[:8]}'}@{OWN}"
    imap = {"port": office.imap, "tls": False, "user": intake, "password": SecretStr(office.password)}
    values: dict[str, Any] = {
        "directory": office.folder,
        "mail": Mail(address=f"keiyaku@{OWN}", intake=intake, trusted_authserv_ids=(AUTHSERV_ID,)),
        "smtp": Smtp(port=office.smtp, tls=Tls.NONE),
        "imap": Imap.model_validate(imap | changes.pop("imap", {})),
        "dns": Dns(servers=(zone.server,)),
    }
    return Settings.model_validate(values | changes)


def signing(folder: Path, zone: Zone) -> tuple[Dkim, ...]:
    """A key whose record is in the zone."""
    path = folder / "s1.pem"
    dkim_signing.new_key(path, DkimAlgorithm.ED25519)
    one = Dkim(selector="s1", key_file=path)
    made = Settings(directory=folder, mail=Mail(address=f"keiyaku@{OWN}"), dkim=(one,))
    (key,) = dkim_signing.keys(made)
    zone.txt(key.name, key.record)
    return (one,)


def now() -> datetime:
    return datetime.now(UTC)


async def tried(made: Settings, *, patience: float = PATIENCE, ahead: float = 0) -> Outcome:
    return await round_trip.examine(made, lambda: now() + timedelta(seconds=ahead), patience=patience)


async def test_a_mail_comes_back_with_its_signature(
    office: RealPostOffice, zone: Zone, tmp_path: Path
) -> None:
    made = settings(office, zone, dkim=signing(tmp_path, zone))
    outcome = await tried(made)
    assert outcome.findings == ()
    said = " ".join(outcome.notes)
    for words in (
        "秒で戻りました",
        f"{AUTHSERV_ID} の確かめ：dmarc=pass",
        "署名（DKIM）は、届いたあとも確かめられます",
    ):
        assert words in said
    assert (await tried(made)).findings == ()  # the first mail is out of the way


async def test_without_a_signature_and_with_an_unknown_judge_it_is_said(
    office: RealPostOffice, zone: Zone
) -> None:
    mail = Mail(address=f"keiyaku@{OWN}", intake=f"u{uuid4().hex[:8]}@{OWN}")
    made = settings(office, zone, mail=mail, imap={"user": mail.intake})
    outcome = await tried(made)
    assert outcome.findings == ()
    said = " ".join(outcome.notes)
    assert f"受信サーバーは {AUTHSERV_ID} の名で" in said
    assert "署名（DKIM）がありません" in said


async def test_a_signature_that_does_not_hold_is_found(
    office: RealPostOffice, zone: Zone, tmp_path: Path
) -> None:
    made = settings(office, zone, dkim=signing(tmp_path, zone))
    zone.txt(f"s1._domainkey.{OWN}", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    (finding,) = (await tried(made)).findings
    assert "確かめられません" in finding.what


async def test_a_clock_that_differs_from_the_servers_is_found(office: RealPostOffice, zone: Zone) -> None:
    for ahead, words in ((600, "遅れています"), (-600, "進んでいます")):
        (finding,) = (await tried(settings(office, zone), ahead=ahead)).findings
        said = re.search(rf"より(\d+)秒{words}", finding.what)
        assert said is not None, finding.what
        assert (
            480 <= int(said[1]) <= 601
        )  # less by what the mail was on its way, and arrivals know whole seconds


async def test_a_mail_that_a_bot_has_moved_already_is_found(office: RealPostOffice, zone: Zone) -> None:
    moved = settings(office, zone, imap={"mailbox": "Nowhere", "done": "INBOX"})
    assert (await tried(moved)).findings == ()


@pytest.mark.parametrize(
    ("local", "words"),
    [
        ("bounce", "2秒たっても届きません"),
        ("nobody", "送れません（550 5.1.1）"),
        ("policy", "送れません（554 5.7.1）"),
    ],
)
async def test_a_mail_that_does_not_arrive_is_found(
    office: RealPostOffice, zone: Zone, local: str, words: str
) -> None:
    made = settings(office, zone, local=local)
    (finding,) = (await tried(made, patience=2)).findings
    assert words in finding.what
    assert "+" in finding.todo


async def test_a_mailbox_that_cannot_be_read_is_found(office: RealPostOffice, zone: Zone) -> None:
    for change in ({"password": SecretStr("chigau")}, {"port": free_ports(1)[0]}):
        (finding,) = (await tried(settings(office, zone, imap=change))).findings
        assert "受信を確かめられません" in finding.what


async def test_without_its_key_nothing_is_sent(office: RealPostOffice, zone: Zone, tmp_path: Path) -> None:
    made = settings(office, zone, dkim=(Dkim(selector="s1", key_file=tmp_path / "none.pem"),))
    (finding,) = (await tried(made)).findings
    assert "none.pem" in finding.what


async def test_a_bot_that_takes_the_mail_in_answers_nobody_and_opens_no_draft(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        await built.drain()
        before = {
            person.address: len(built.mails(person.address)) for person in (*cast.STAFF, *cast.CONTRACTORS)
        }
        raw, _ = round_trip._written(built.services.settings, built.clock())
        await built.deliver(raw)
        await built.drain()
        assert {address: len(built.mails(address)) for address in before} == before
        assert built.mails(cast.SENDER) == []
        assert not await Envelope.all().exists()
        assert not await Task.exclude(state="done").exists()
