"""Foreign bytes in a child: the same judgement as here, in the time allowed, and nothing that steers a terminal."""

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from envelopes.rules.findings import Fault, Of, Result, Verdict
from envelopes.sandbox import Sandbox
from envelopes.signing import inspection, verify
from envelopes.signing.inspection import Inspector, NoCertificate, Trusted
from tests.signing.conftest import World, der_to_pem, encrypted, entry, now, pdf

MIB = 1 << 20
PATIENT = 60.0  # seconds; the machine may be busy with several suites


@pytest.fixture
async def inspector() -> AsyncIterator[Inspector]:
    sandbox = Sandbox(preload=inspection.PRELOAD)
    yield Inspector(sandbox=sandbox, seconds=PATIENT, memory=1536 * MIB)
    await sandbox.close()


def believing(world: World) -> Trusted:
    return inspection.published(world.authority.directory / "public")


def never(data: bytes, **_given: object) -> verify.Report:
    time.sleep(PATIENT)
    return verify.Report()


def burst(data: bytes, **_given: object) -> verify.Report:
    raise MemoryError


async def test_a_child_finds_what_is_found_here(inspector: Inspector, world: World, contract: bytes) -> None:
    made = await inspector.inspect(contract, trusted=believing(world), now=now())
    here = inspection.result(await asyncio.to_thread(world.seal.verify, contract))
    assert made == here
    assert made.verdict is Verdict.SOUND
    assert [part.of for part in made.parts] == [Of.SIGNATURE, Of.SIGNATURE, Of.TIMESTAMP]
    assert made.issuer == "みほん村 電子契約 認証局 1"
    assert made.parts[0].seen_length > 0


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda data: data.replace(b"(0) Tj", b"(9) Tj", 1), Fault.BYTES_CHANGED),
        (lambda data: data + b"%surplus\n", Fault.BYTES_AFTER_END),
        (lambda _: pdf(), Fault.NO_SIGNATURE),
        (lambda _: b"junk", Fault.UNREADABLE),
        (lambda _: b"", Fault.UNREADABLE),
        (lambda _: encrypted(pdf(), "secret"), Fault.ENCRYPTED),
        (lambda _: encrypted(pdf(), ""), Fault.NO_SIGNATURE),
    ],
)
async def test_what_is_wrong_is_named(
    inspector: Inspector, world: World, contract: bytes, change: object, fault: Fault
) -> None:
    assert callable(change)
    made = await inspector.inspect(change(contract), trusted=believing(world), now=now())
    assert fault in made.every_fault
    assert made.verdict is not Verdict.SOUND


async def test_without_the_root_nothing_is_believed(inspector: Inspector, contract: bytes) -> None:
    made = await inspector.inspect(contract, trusted=Trusted(roots=()), now=now())
    assert made.verdict is Verdict.UNDECIDED
    assert Fault.NOT_TRUSTED in made.every_fault


async def test_a_file_that_never_ends_is_given_up_and_said_so(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "report", never)
    hasty = Inspector(sandbox=inspector.sandbox, seconds=0.5, memory=inspector.memory)
    began = time.monotonic()
    made = await hasty.inspect(b"%PDF", trusted=Trusted(roots=()), now=now())
    assert made == Result(faults=(Fault.NOT_ANALYSED,))
    assert time.monotonic() - began < PATIENT / 2


async def test_a_child_that_breaks_says_nothing_of_the_file(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "report", burst)
    made = await inspector.inspect(b"%PDF", trusted=Trusted(roots=()), now=now())
    assert made == Result(faults=(Fault.UNREADABLE,))


def test_names_in_a_file_cannot_steer_a_terminal_or_fill_a_page(world: World) -> None:
    prepared = world.seal.prepare(pdf(), fields=["Signer1"])
    nasty = entry(prepared, name="\x1b[2J\u202e偽" + "長" * 900)
    data = prepared + world.seal.sign(prepared, field="Signer1", entry=nasty)
    (part,) = inspection.result(world.seal.verify(data)).parts
    assert part.name.startswith("[2J偽長")
    assert len(part.name) <= 200


@pytest.mark.parametrize("pem", [False, True])
def test_a_root_is_read_from_a_file_with_the_crls_beside_it(
    world: World, tmp_path: Path, *, pem: bool
) -> None:
    der, place = world.authority.root_certificate, tmp_path / "root.cer"
    place.write_bytes(der_to_pem("x509", der) if pem else der)
    (tmp_path / "one.crl").write_bytes(world.authority.crls(now())[0])
    (tmp_path / "two.crl").write_bytes(b"no crl")
    made = inspection.of_file(place)
    assert made.roots == (der,)
    assert made.crls == world.authority.crls(now())[:1]


def test_what_is_no_certificate_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "root.cer").write_bytes(b"-----BEGIN CERTIFICATE-----\nnonsense")
    with pytest.raises(NoCertificate):
        inspection.of_file(tmp_path / "root.cer")
    assert inspection.published(tmp_path / "nowhere") == Trusted(roots=())


def test_time_of_a_part_is_the_token_s(world: World, contract: bytes) -> None:
    made = inspection.result(world.seal.verify(contract))
    assert all(part.at and dt.timedelta(0) <= now() - part.at < dt.timedelta(hours=1) for part in made.parts)
