"""DKIM on what goes out, judged by OpenDKIM with the key in a zone: once signed, the same in every retry."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from bot import dkim_signing, outbox
from envelopes.actions import signer as signers
from envelopes.actions.signer import CodeFor
from envelopes.records.models import Delivery
from envelopes.rules.addresses import domain_of
from envelopes.settings import Dkim, DkimAlgorithm, Mail, Settings, SettingsFaulty
from fukan.demo import cast
from tests.bot.test_outbox import claim, enrolment
from tests.bot.test_worker import confirm, draft
from tests.servers import opendkim
from tests.servers.zone import Zone, serving
from tests.world import ACCEPTANCE, World, world

DOMAIN = "mihon.example"
MAIL = (
    b"From: =?utf-8?b?44G/44G744KT5p2R?= <keiyaku@mihon.example>\r\nTo: taro@takahashi.example\r\n"
    b"Reply-To: soumu@vill-mihon.example\r\nSubject: request\r\nDate: Thu, 26 Nov 2026 10:00:00 +0900\r\n"
    b"Message-ID: <1@mihon.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n12,980,000 yen  \r\n\r\n"
)


@pytest.fixture(scope="module")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dkim")
    for algorithm in DkimAlgorithm:
        dkim_signing.new_key(folder / f"{algorithm}.pem", algorithm)
    return folder


def both(folder: Path, *, domain: str = "") -> tuple[Dkim, ...]:
    return tuple(
        Dkim(selector=algorithm.value, key_file=folder / f"{algorithm}.pem", domain=domain)
        for algorithm in DkimAlgorithm
    )


def settings(folder: Path, *keys: Dkim, address: str = f"keiyaku@{DOMAIN}") -> Settings:
    return Settings(directory=folder, mail=Mail(address=address), dkim=keys)


@pytest.fixture
def zone() -> Iterator[Zone]:
    with serving(Zone()) as one:
        yield one


def publish(zone: Zone, made: Settings) -> None:
    for key in dkim_signing.keys(made):
        zone.txt(key.name, key.record)


def signed(made: Settings, raw: bytes = MAIL) -> bytes:
    return dkim_signing.signed(raw, dkim_signing.keys(made), at=datetime.now(UTC))


ALTERED = {
    "the body": (b"12,980,000", b"92,980,000"),
    "a header": (b"Subject: request", b"Subject: Request"),
    "a second From": (b"Date:", b"From: other@evil.example\r\nDate:"),
    "a second Reply-To": (b"Date:", b"Reply-To: other@evil.example\r\nDate:"),
    "a Cc": (b"Date:", b"Cc: other@evil.example\r\nDate:"),
    "a second Content-Type": (b"Date:", b"Content-Type: text/html\r\nDate:"),
}


def test_opendkim_accepts_both_kinds_of_key_and_no_altered_twin(
    key_folder: Path, zone: Zone, tmp_path: Path
) -> None:
    made = settings(tmp_path, *both(key_folder))
    publish(zone, made)
    raw = signed(made)
    names = {f"rsa2048 {DOMAIN}", f"ed25519 {DOMAIN}"}
    assert opendkim.judge(raw, zone, tmp_path) == dict.fromkeys(names, "pass")
    for what, (old, new) in ALTERED.items():
        twin = raw.replace(old, new, 1)
        assert twin != raw
        found = opendkim.judge(twin, zone, tmp_path)
        assert found.keys() == names, what
        assert "pass" not in found.values(), what


def test_the_signature_bears_what_relays_change_on_the_way(
    key_folder: Path, zone: Zone, tmp_path: Path
) -> None:
    made = settings(tmp_path, *both(key_folder)[:1])
    publish(zone, made)
    raw = signed(made).replace(b"Subject: request", b"subject:  request ").replace(b"yen  ", b"yen")
    raw = b"Received: from a by b; Thu, 26 Nov 2026 10:00:01 +0900\r\n" + raw
    assert opendkim.judge(raw, zone, tmp_path) == {f"rsa2048 {DOMAIN}": "pass"}


def test_another_key_in_the_zone_is_found_out(key_folder: Path, zone: Zone, tmp_path: Path) -> None:
    made = settings(tmp_path, *both(key_folder)[:1])
    dkim_signing.new_key(tmp_path / "other.pem", DkimAlgorithm.RSA2048)
    publish(zone, settings(tmp_path, Dkim(selector="rsa2048", key_file=tmp_path / "other.pem")))
    assert opendkim.judge(signed(made), zone, tmp_path) == {f"rsa2048 {DOMAIN}": "fail"}


def test_a_parent_domain_may_sign_and_a_stranger_may_not(
    key_folder: Path, zone: Zone, tmp_path: Path
) -> None:
    sub = settings(tmp_path, *both(key_folder, domain=DOMAIN), address=f"a@keiyaku.{DOMAIN}")
    publish(zone, sub)
    raw = signed(sub, MAIL.replace(b"@mihon.example>\r\nTo", b"@keiyaku.mihon.example>\r\nTo"))
    assert set(opendkim.judge(raw, zone, tmp_path).values()) == {"pass"}
    for other in ("other.example", f"sub.{DOMAIN}", "hon.example"):
        with pytest.raises(ValueError, match=f"{other} is neither"):
            settings(tmp_path, Dkim(selector="a", domain=other))


def test_the_signature_tells_the_services_time(key_folder: Path, tmp_path: Path) -> None:
    keys = dkim_signing.keys(settings(tmp_path, *both(key_folder)))
    at = datetime(2027, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    raw = dkim_signing.signed(MAIL, keys, at=at)
    assert re.findall(rb"\bt=(\d+);", raw) == [str(int(at.timestamp())).encode()] * 2
    assert dkim_signing.signed(MAIL, keys, at=at) == raw
    assert not re.search(rb"[;\s]l=", raw)


@pytest.mark.parametrize("content", [None, b"no key", "p256", "rsa1024", "ed25519 with a password"])
def test_a_key_that_cannot_sign_is_a_fault_of_the_settings(
    tmp_path: Path, content: bytes | str | None
) -> None:
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else unfit(content))
    with pytest.raises(SettingsFaulty, match=r"^dkim\.1\.key_file: ") as fault:
        dkim_signing.keys(settings(tmp_path, Dkim(selector="relay"), Dkim(selector="own", key_file=path)))
    assert str(path) in str(fault.value)


def unfit(kind: str) -> bytes:
    encryption: NoEncryption | BestAvailableEncryption = NoEncryption()
    if kind == "p256":
        key: PrivateKeyTypes = generate_ec(SECP256R1())
    elif kind == "rsa1024":
        key = generate_rsa(65537, 1024)
    else:
        key, encryption = Ed25519PrivateKey.generate(), BestAvailableEncryption(b"himitsu")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def test_a_new_key_is_its_owners_alone_and_replaces_none(tmp_path: Path) -> None:
    path = tmp_path / "dkim" / "s1.pem"
    dkim_signing.new_key(path, DkimAlgorithm.ED25519)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        dkim_signing.new_key(path, DkimAlgorithm.ED25519)
    assert path.read_bytes() == before


# Mails of the service


def latest(built: World, address: str) -> bytes:
    """The newest mail for *address*, from the signatures on: above them stands what the post office wrote."""
    raw = built.office.mail(built.office.mails(address)[0].id)
    assert raw is not None
    return raw[raw.index(b"DKIM-Signature:") :]


async def test_every_mail_is_signed_once_and_a_retry_sends_the_same(
    key_folder: Path, zone: Zone, tmp_path: Path
) -> None:
    async with world(tmp_path, dkim=both(key_folder)) as built:
        publish(zone, built.services.settings)
        task = await enrolment(built)
        await outbox.write(built.services, task)
        await outbox.write(built.services, task)
        (send,) = [task for task in await claim(built) if task.kind == "send"]
        await outbox.send(built.tools.post, send)
        first = latest(built, cast.NAKAMURA.address)
        built.clock.forward(hours=1)
        await Delivery.all().update(state="retry")
        await outbox.send(built.tools.post, send)
        assert len(built.office.mails(cast.NAKAMURA.address)) == 2
        assert latest(built, cast.NAKAMURA.address) == first
        domain = domain_of(cast.SENDER)
        wanted = {f"rsa2048 {domain}": "pass", f"ed25519 {domain}": "pass"}
        assert opendkim.judge(first, zone, tmp_path) == wanted


async def test_a_code_is_signed_when_it_is_sent(key_folder: Path, zone: Zone, tmp_path: Path) -> None:
    async with world(tmp_path, dkim=both(key_folder)[:1]) as built:
        publish(zone, built.services.settings)
        shot = await confirm(built, await draft(built, ACCEPTANCE, kind="請書"))
        await signers.send_code(built.services, shot.signers[0], CodeFor.SIGN, browser="b")
        await built.drain()
        assert "確認コード" in built.last(cast.TAKAHASHI.address)["Subject"]
        raw = latest(built, cast.TAKAHASHI.address)
        assert opendkim.judge(raw, zone, tmp_path) == {f"rsa2048 {domain_of(cast.SENDER)}": "pass"}


async def test_without_its_key_no_mail_is_composed(key_folder: Path, tmp_path: Path) -> None:
    dkim_signing.new_key(tmp_path / "gone.pem", DkimAlgorithm.ED25519)
    async with world(tmp_path, dkim=(Dkim(selector="a", key_file=tmp_path / "gone.pem"),)) as built:
        (tmp_path / "gone.pem").unlink()
        with pytest.raises(SettingsFaulty):
            await outbox.write(built.services, await enrolment(built))
        assert not await Delivery.all().exists()


async def test_the_bot_does_not_start_with_a_key_that_cannot_sign(tmp_path: Path) -> None:
    with pytest.raises(SettingsFaulty, match=r"none\.pem"):
        async with world(tmp_path, dkim=(Dkim(selector="a", key_file=tmp_path / "none.pem"),)):
            pass
