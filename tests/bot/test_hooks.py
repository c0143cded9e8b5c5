"""HTTP to a hook: signed, never redirected, connected to what was judged, and no word about anybody."""

import asyncio
import datetime as dt
import logging
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from bot import hooks, sms
from bot.hooks import Answer, Hook
from envelopes.rules.hooks import Said
from envelopes.settings import Settings, Sms
from tests.patience import PATIENCE
from tests.servers import ports
from tests.servers.gateway import SECRET, Gateway, Mood, serving

NUMBER = "+819012345678"
TEXT = "みほん村 確認コード 246810"
MESSAGE = {"id": "ID-1", "to": NUMBER, "text": TEXT}


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with serving(time.time) as made:
        yield made


def hook(gateway: Gateway, **changes: object) -> Hook:
    made = Hook(url=gateway.url, secret=SECRET, timeout=PATIENCE, allow_private=True)
    return replace(made, **changes)  # type: ignore[arg-type]


class Dns:
    """A resolver that counts, and says another address each time that it is asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[IPv4Address | IPv6Address]:
        self.asked.append((host, port))
        return [ip_address(one) for one in self.answers[min(len(self.asked), len(self.answers)) - 1].split()]


async def sent(hook: Hook, *, key: str = "ID-1", resolve: hooks.Resolve = hooks.resolved) -> Answer:
    now = int(time.time())
    return await hooks.post(hook, {**MESSAGE, "id": key}, key=key, timestamp=now, resolve=resolve)


async def test_a_signed_message_is_taken(gateway: Gateway) -> None:
    assert await sent(hook(gateway)) == Answer(said=Said.TAKEN, note="HTTP 204")
    assert gateway.sms == {"ID-1": MESSAGE}
    assert gateway.refused == 0


async def test_another_secret_or_an_old_signature_is_refused(gateway: Gateway) -> None:
    assert await sent(hook(gateway, secret="other" * 8)) == Answer(said=Said.NEVER, note="HTTP 401")
    old = int(time.time()) - 301
    assert (await hooks.post(hook(gateway), MESSAGE, key="ID-1", timestamp=old)).note == "HTTP 401"
    assert (gateway.refused, gateway.sms) == (2, {})


async def test_a_redirect_is_not_followed(gateway: Gateway) -> None:
    gateway.mood = Mood.REDIRECT
    assert await sent(hook(gateway)) == Answer(said=Said.NEVER, note="HTTP 307")
    assert gateway.elsewhere == 0


@pytest.mark.parametrize(("status", "said"), [(503, Said.LATER), (429, Said.LATER), (422, Said.NEVER)])
async def test_the_status_decides_whether_to_try_again(gateway: Gateway, status: int, said: Said) -> None:
    gateway.statuses = [status]
    assert await sent(hook(gateway)) == Answer(said=said, note=f"HTTP {status}")


async def test_silence_ends_with_the_time_for_the_call(gateway: Gateway) -> None:
    gateway.mood = Mood.HANG
    before = asyncio.get_running_loop().time()
    assert await sent(hook(gateway, timeout=0.3)) == Answer(said=Said.LATER, note="timeout")
    assert asyncio.get_running_loop().time() - before < 60


async def test_a_resolver_that_hangs_ends_with_it_too(gateway: Gateway) -> None:
    async def never(_host: str, _port: int) -> list[IPv4Address | IPv6Address]:
        await asyncio.Event().wait()
        return []

    assert (await sent(hook(gateway, timeout=0.2), resolve=never)).note == "timeout"


async def test_a_connection_that_is_lost_or_refused_is_tried_again(gateway: Gateway) -> None:
    gateway.mood = Mood.HANG_UP
    assert (await sent(hook(gateway))).said is Said.LATER
    (closed,) = ports.free_ports(1)
    answer = await sent(hook(gateway, url=f"http://127.0.0.1:{closed}/send"))
    assert answer == Answer(said=Said.LATER, note="connection refused")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_without_the_flag_nobody_nearby_is_called(gateway: Gateway, host: str) -> None:
    url = f"https://{host}:{gateway.port}/send"
    assert await sent(hook(gateway, url=url, allow_private=False)) == Answer(
        said=Said.NEVER, note="private address"
    )
    assert gateway.calls == []


async def test_one_private_address_among_public_ones_is_enough_to_refuse(gateway: Gateway) -> None:
    url = f"https://sms.example:{gateway.port}/send"
    answer = await sent(hook(gateway, url=url, allow_private=False), resolve=Dns("8.8.8.8 10.0.0.1"))
    assert answer.note == "private address"


async def test_no_code_crosses_the_internet_in_the_clear(gateway: Gateway) -> None:
    answer = await sent(hook(gateway, url="http://sms.example/send"), resolve=Dns("8.8.8.8"))
    assert answer == Answer(said=Said.NEVER, note="no TLS")


async def test_the_name_is_resolved_once_and_the_connection_goes_just_there(gateway: Gateway) -> None:
    # No server of names knows sms.example, so only what the first answer said can lead to the gateway.
    dns = Dns("127.0.0.1", "10.0.0.1")
    answer = await sent(hook(gateway, url=f"http://sms.example:{gateway.port}/send"), resolve=dns)
    assert answer.said is Said.TAKEN
    assert dns.asked == [("sms.example", gateway.port)]


async def test_a_name_that_is_unknown_may_be_known_later(gateway: Gateway) -> None:
    answer = await sent(hook(gateway, url="https://sms.invalid/send"))
    assert answer == Answer(said=Said.LATER, note="name unknown")


async def test_what_is_logged_names_nobody(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    notes = []
    for gateway.mood in (Mood.HANG_UP, Mood.REDIRECT, Mood.KIND):
        notes.append((await sent(hook(gateway))).note)
    said = caplog.text + "".join(notes) + repr(hook(gateway))
    for word in (NUMBER, NUMBER[3:], "246810", TEXT, SECRET, "/send"):
        assert word not in said


# TLS


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A certificate for *name* that vouches for itself, and a server's context with it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, now, now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "both.pem").write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "both.pem")
    return context


async def test_a_certificate_is_verified_with_its_name(tmp_path: Path) -> None:
    async with serving(time.time, certificate(tmp_path, "sms.example")) as gateway:
        url, dns, ca = f"https://sms.example:{gateway.port}/send", Dns("127.0.0.1"), tmp_path / "ca.pem"
        assert (await sent(hook(gateway, url=url, ca_file=ca), resolve=dns)).said is Said.TAKEN
        assert await sent(hook(gateway, url=url), resolve=dns) == Answer(said=Said.LATER, note="TLS")
        other = url.replace("sms.example", "sms2.example")
        assert (await sent(hook(gateway, url=other, ca_file=ca), resolve=dns)).note == "TLS"
        assert len(gateway.calls) == 1


# doctor


def settings(tmp_path: Path, **changes: object) -> Settings:
    values = {"url": "http://127.0.0.1:1/send", "secret": SecretStr(SECRET), "allow_private": True, **changes}
    return Settings(directory=tmp_path, sms=Sms(**values))  # type: ignore[arg-type]


async def test_doctor_is_content_with_a_hook_that_answers_and_sends_nothing(
    gateway: Gateway, tmp_path: Path
) -> None:
    outcome = await sms.examine(settings(tmp_path, url=gateway.url))
    assert (outcome.findings, outcome.without) == ((), "")
    assert (gateway.calls, gateway.refused) == ([], 0)
    assert (await sms.examine(Settings(directory=tmp_path))).without.startswith("しません")


@pytest.mark.parametrize(
    ("changes", "what", "todo"),
    [
        ({}, "つながりません（connection refused）", "ファイアウォール"),
        (
            {"url": "https://127.0.0.1/send", "allow_private": False},
            "内部のネットワーク",
            "allow_private = true",
        ),
    ],
)
async def test_doctor_says_what_is_wrong_with_a_hook_and_what_to_do(
    tmp_path: Path, changes: dict[str, object], what: str, todo: str
) -> None:
    (finding,) = (await sms.examine(settings(tmp_path, **changes))).findings
    assert what in finding.what
    assert todo in finding.todo
    assert "/send" not in finding.what


async def test_doctor_names_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    async with serving(time.time, certificate(tmp_path, "localhost")) as gateway:
        url = f"https://localhost:{gateway.port}/send"
        assert (await sms.examine(settings(tmp_path, url=url, ca_file=tmp_path / "ca.pem"))).findings == ()
        (finding,) = (await sms.examine(settings(tmp_path, url=url))).findings
    assert "証明書" in finding.what


# The example in the documentation


def started(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """The example of docs/sms.md, running."""
    text = Path("docs/sms.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    (folder / "hook.py").write_text(example, encoding="utf-8")
    environment = {**os.environ, "SMS_SECRET": SECRET, "PORT": str(port), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, str(folder / "hook.py")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


async def test_the_documented_hook_sends_a_message_once_and_believes_nobody_else(tmp_path: Path) -> None:
    (port,) = ports.free_ports(1)
    process = started(tmp_path, port)
    try:
        await asyncio.to_thread(ports.wait_until, lambda: ports.accepts(port), process, "hook")
        theirs = Hook(url=f"http://127.0.0.1:{port}/", secret=SECRET, timeout=PATIENCE, allow_private=True)
        assert [(await sent(theirs)).note for _ in range(2)] == ["HTTP 204", "HTTP 204"]
        assert (await sent(replace(theirs, secret="other" * 8))).note == "HTTP 401"
    finally:
        ports.stop(process)
    assert process.stdout is not None
    with process.stdout as said:
        assert said.read().decode().splitlines() == [f"{NUMBER} {TEXT}"]
