"""The evidence bundle: unpacked in an empty folder, its README's own commands verify it, and find what was altered."""

import csv
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from bot.worker import HANDLERS, Tools
from envelopes.actions import anchoring, bundling, evidence, staff
from envelopes.actions.worker.workshop import Workshop
from envelopes.records import history, tasks
from envelopes.records.blobs import BlobError
from envelopes.records.history import Subject
from envelopes.records.models import Envelope, Fact, FactDetail, File, Section
from envelopes.records.models import Staff as StaffRow
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.records.tasks import Lane
from envelopes.rules.errors import Later, NotPermitted, Reason, Refused
from envelopes.rules.people import Role
from envelopes.rules.readme import NAME, commands
from envelopes.rules.states import Task
from envelopes.services import build
from envelopes.signing import anatomy, authority
from envelopes.signing.inspection import Trusted
from tests.engines import PASSPHRASE, Town

engines = pytest.mark.engines


async def gathered(town: Town, shot: Snapshot) -> bytes:
    """The bundle, made without the sandbox."""
    seal = town.shop.seal
    crls = seal.evidence(town.clock()).crls

    async def by(data: bytes) -> anatomy.Anatomy:
        return anatomy.anatomy(data, crls=crls)

    trusted = Trusted(roots=seal.roots, crls=crls)
    return await bundling.gather(town.services, shot, by=by, trusted=trusted)


def unpack(data: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    return folder


def blocks_of(folder: Path) -> tuple[str, ...]:
    return commands((folder / NAME).read_text())


def holds(block: str, folder: Path) -> bool:
    """What a person finds who pastes *block* into a shell in *folder*."""
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run(["sh", "-c", block], cwd=folder, env=environment, capture_output=True, check=False)
    return done.returncode == 0


# What is done to a bundle, and the commands (by words in them) that have to notice


def flip(name: str, at: int) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[at] ^= 1
        (folder / name).write_bytes(data)

    return alter


def change(name: str, old: str, new: str) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return alter


def cut_short(name: str) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[:-200])

    return alter


def lengthen(name: str) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes() + b"\n% surplus")

    return alter


def other_root(folder: Path) -> None:
    made = authority.create(
        folder / "other",
        town="みほん村",
        public_url="http://x.example",
        now=datetime(2026, 1, 1, tzinfo=UTC),
        passphrase=PASSPHRASE,
        key_type="p256",
    )
    (folder / "certificates/root-1.cer").write_bytes(made.root_certificate)


def other_key(folder: Path) -> None:
    command = "openssl genpkey -algorithm ed25519 | openssl pkey -pubout -out consents/key.pem"
    subprocess.run(["sh", "-c", command], cwd=folder, check=True, capture_output=True)


def swap_rows(folder: Path) -> None:
    first, second = folder / "history/000002.row", folder / "history/000003.row"
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)


def remove(name: str) -> Callable[[Path], None]:
    """Take away the last of the files called like *name*."""
    return lambda folder: max(folder.glob(name)).unlink()


Alteration = tuple[Callable[[Path], None], tuple[str, ...]]

ALTERATIONS: Final[dict[str, Alteration]] = {
    "another root": (other_root, ("-fingerprint", "openssl cms", "anchors/000001.tst")),
    "a revocation list": (cut_short("crls/1.crl"), ("mkdir -p work",)),
    "a consent": (
        change("consents/1.json", '"nonce":"', '"nonce":"0'),
        ("-in consents/1.json", "consents/1.json &&"),
    ),
    "the other consent": (
        change("consents/2.json", "北沢", "西沢"),
        ("-in consents/2.json", "consents/2.json &&"),
    ),
    "a consent's place in the history": (
        change("consents/1.json", '"chain_head":"', '"chain_head":"0'),
        ("chain_head.*consents/1.json",),
    ),
    "the other consent's place": (
        change("consents/2.json", '"chain_head":"', '"chain_head":"0'),
        ("chain_head.*consents/2.json",),
    ),
    "a consent's signature": (flip("consents/1.sig", 5), ("-in consents/1.json",)),
    "another key for consents": (other_key, ("-in consents/1.json", "-in consents/2.json")),
    "a row": (flip("history/000005.row", 90), ("prev=", "proof")),
    "rows in another order": (swap_rows, ("prev=",)),
    "a row that is missing": (remove("history/000004.row"), ("prev=",)),
    "the last row": (remove("history/*.row"), ("prev=",)),
    "what a row says": (flip("history/000003.detail", 20), ("detail",)),
    "the random part of a row": (flip("history/000003.detail", 2), ("detail",)),
    "the way to the root": (flip("history/000002.proof", -3), ("proof",)),
    "a proof that is missing": (remove("history/000002.proof"), ("proof",)),
    "what was timestamped": (flip("anchors/000001.json", 20), ("anchors/000001.tst",)),
    "the history's timestamp": (flip("anchors/000001.tst", -3), ("anchors/000001.tst",)),
}


def of_paper(name: str, tokens: Sequence[str]) -> Iterator[tuple[str, Alteration]]:
    """What may be done to one PDF, and to the timestamps that were taken out of it."""
    path = f"documents/{name}.pdf"
    signed = (
        f"openssl cms.*work/{name}-",
        f"-data work/{name}-Timestamp1.signed",
        f"> work/{name}-.*.seen.pdf",
    )
    yield f"a byte of what was seen of {name}", (flip(path, 2000), (f"pdfsig -nocert {path}", *signed))
    ending = f"wc -c < {path}"
    yield f"the end of {name}", (cut_short(path), (f"qpdf --check {path}", ending))
    yield f"something behind the end of {name}", (lengthen(path), (ending,))
    for token in tokens:
        yield f"{token}", (flip(token, -3), (token,))


def alterations(folder: Path) -> Iterator[tuple[str, Alteration]]:
    """Everything that is tried on the bundle in *folder*."""
    yield from ALTERATIONS.items()
    for paper in sorted(folder.glob("documents/*.pdf")):
        tokens = sorted(folder.glob(f"timestamps/{paper.stem}-*.tst"))
        yield from of_paper(paper.stem, [str(token.relative_to(folder)) for token in tokens])


def means(block: str, words: str) -> bool:
    return all(part in block for part in words.split(".*"))


@engines
@pytest.mark.timeout(300)
async def test_the_commands_of_the_readme_verify_a_bundle_offline_and_find_what_was_altered(
    town: Town, tmp_path: Path
) -> None:
    shot = await town.completed()
    await anchoring.anchor(town.shop)
    folder = unpack(await gathered(town, shot), tmp_path / "empty")
    blocks = blocks_of(folder)
    assert [block for block in blocks if not holds(block, folder)] == []
    noticed = {blocks[0]}
    for what, (alter, words) in alterations(folder):
        copy = Path(shutil.copytree(folder, tmp_path / "altered"))
        alter(copy)
        assert not holds(blocks[0], copy), f"the sums do not notice {what}"
        holds(blocks[1], copy)  # what openssl is to trust, from the files as they are now
        for word in words:
            concerned = [block for block in blocks if means(block, word)]
            failed = {block for block in concerned if not holds(block, copy)}
            assert failed == set(concerned), f"{what} is not noticed"
            noticed |= failed
        shutil.rmtree(copy)
    assert [block for block in blocks if block not in noticed] == [], "shown to fail on nothing"


@engines
async def test_a_bundle_holds_what_its_readme_names_and_says_what_is_missing(town: Town) -> None:
    shot = await town.completed(documents=2)
    fact = await Fact.filter(subject=Subject.ENVELOPE, kind="opened").first()
    assert fact is not None
    await FactDetail.filter(fact_id=fact.id).delete()
    archive = zipfile.ZipFile(io.BytesIO(await gathered(town, shot)))
    names, text = archive.namelist(), archive.read(NAME).decode()
    assert names[0] == NAME
    assert {"documents/01.pdf", "documents/02.pdf", "consents/2.sig", "certificates/root-1.cer"} <= set(names)
    assert archive.read("documents/02.pdf") == await town.bytes_of(shot.documents[1])
    # Nothing is anchored here, and one row's payload was erased.
    rows = list(csv.reader(io.StringIO(archive.read("history/history.csv").decode("utf-8-sig"))))[1:]
    assert f"このうち{len(rows)}行には、まだ時刻証明が付いていません" in text
    assert "1行は、個人に関する内容が消去されています" in text
    assert rows[0][4] == "（消去済み）"
    assert not any(name.startswith("anchors/") or name.endswith(".proof") for name in names)
    assert "history/000001.detail" not in names
    # What is said of it: by names, not references; an address of a contractor whole, of staff none.
    assert {row[3] for row in rows} >= {"髙橋建設株式会社 髙橋 一郎", "北沢 健"}
    said = [json.loads(row[4]) for row in rows[1:]]
    assert [one.get("ip") for one in said if "ip" in one] == []


@engines
async def test_text_of_others_cannot_become_a_command(town: Town, tmp_path: Path) -> None:
    shot = await town.completed()
    await Envelope.filter(id=shot.envelope.id).update(title="x\n\n    touch owned\n")
    shot.envelope.title = "x\n\n    touch owned\n"
    shot.documents[0].title = "\n\n    touch owned"
    folder = unpack(await gathered(town, shot), tmp_path / "x")
    assert "touch owned" in (folder / NAME).read_text()
    assert not any("touch" in block for block in blocks_of(folder))


# Asking, making, taking


async def fresh(town: Town, name: str, *roles: Role, section: int | None = None) -> StaffRow:
    person = await StaffRow.get(id=town.drafter.id)
    return await StaffRow.create(
        ref=town.services.ref(),
        section_id=section or person.section_id,
        office="主任",
        name=name,
        email=f"{name}@vill-mihon.example",
        email_look_up=town.services.address_look_up(f"{name}@vill-mihon.example"),
        roles=",".join(roles),
        created_at=town.clock(),
    )


async def elsewhere(town: Town) -> int:
    made = await Section.create(
        code="zeimu", name="税務課", phone="", hours="", email="zeimu@vill-mihon.example"
    )
    return made.id


async def concluded(town: Town) -> Snapshot:
    """An envelope that only says it is completed: enough for who may ask."""
    shot = await town.draft()
    await Envelope.filter(id=shot.envelope.id).update(completed_at=town.clock())
    return await town.again(shot)


async def waiting(shot: Snapshot) -> int:
    return await TaskRow.filter(kind=Task.EVIDENCE, envelope_id=shot.envelope.id).count()


@engines
async def test_the_section_auditors_and_administrators_may_ask_and_nobody_else(town: Town) -> None:
    shot, other = await concluded(town), await elsewhere(town)
    allowed = [
        town.drafter,
        await fresh(town, "a", Role.SIGNER),
        await fresh(town, "b", Role.AUDITOR, section=other),
        await fresh(town, "c", Role.ADMIN, section=other),
    ]
    outsiders = [
        await fresh(town, "d", Role.DRAFTER, Role.APPROVER, section=other),
        await fresh(town, "e", Role.SIGNER, Role.REGISTRAR, section=other),
        await fresh(town, "f", section=other),
    ]
    ref = shot.envelope.ref
    for person in outsiders:
        with pytest.raises(Refused) as error:
            await evidence.ask(town.services, staff.actor_of(person), ref)
        assert error.value.reason is Reason.LINK_UNKNOWN
    assert await waiting(shot) == 0
    for person in allowed:
        assert (await evidence.shown_to(staff.actor_of(person), ref)).envelope.ref == ref
        await evidence.ask(town.services, staff.actor_of(person), ref)
    # While one is being made, asking again adds nothing.
    assert await waiting(shot) == 1
    asked = await Fact.filter(kind="evidence asked for")
    assert [fact.actor for fact in asked] == [f"staff:{town.drafter.ref}"]


@engines
async def test_nothing_is_made_of_what_is_not_completed(town: Town) -> None:
    shot = await town.draft()
    with pytest.raises(NotPermitted):
        await evidence.ask(town.services, staff.actor_of(town.drafter), shot.envelope.ref)
    with pytest.raises(Refused):
        await evidence.find(shot.envelope.certificate_id)


@engines
async def test_the_worker_makes_it_and_the_portal_can_read_it_for_a_time(town: Town, tmp_path: Path) -> None:
    shot = await town.completed()
    await anchoring.anchor(town.shop)
    # The window is over: nothing of the contract is open to the portal any more.
    await File.filter(envelope_ref=shot.envelope.ref).update(view_wrap=None)
    actor = staff.actor_of(town.drafter)
    await evidence.ask(town.services, actor, shot.envelope.ref)
    assert (await evidence.standing(town.services, shot)).waiting
    (task,) = [
        one
        for one in await tasks.claim(Lane.PAPERS, limit=9, now=town.clock(), lease=timedelta(minutes=2))
        if one.kind is Task.EVIDENCE
    ]
    await HANDLERS[task.kind](Tools(shop=town.shop, post=None), task)  # type: ignore[arg-type]
    await tasks.done(task, now=town.clock())

    keys = shutil.copytree(town.engine.keys, tmp_path / "portal-keys")
    shutil.rmtree(keys / "bot")
    settings = town.engine.settings(keys=keys)
    portal = build(settings, portal=True, bot=False, clock=town.clock)
    found = await evidence.standing(portal, shot)
    assert (found.waiting, found.until) == (False, town.clock() + timedelta(days=3))
    data = await evidence.take(portal, shot)
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    text = archive.read(NAME).decode()
    # The row that it was asked for came under a timestamp first.
    assert "まだ時刻証明が付いていません" not in text
    with pytest.raises(BlobError):
        await portal.blobs.get((await town.again(shot)).documents[0].base)
    said = {
        fact.kind: payload for fact, payload in await history.payloads(Subject.ENVELOPE, shot.envelope.id)
    }
    assert found.file is not None
    assert said["evidence made"]["sha256"] == found.file.sha256

    town.clock.forward(days=3)
    with pytest.raises(Refused) as error:
        await evidence.take(portal, shot)
    assert error.value.reason is Reason.EVIDENCE_GONE
    await evidence.sweep(town.services)
    assert not await File.filter(purpose=evidence.PURPOSE).exists()


@engines
async def test_a_new_bundle_replaces_the_last_and_a_silent_authority_holds_nothing_up(town: Town) -> None:
    shot = await town.completed()

    def silent(_: bytes) -> bytes:
        raise Later(Reason.TSA_UNAVAILABLE)

    shop = Workshop(
        services=town.services,
        seal=replace(town.shop.seal, timestamper=silent),
        papers=town.shop.papers,
    )
    await bundling.make(shop, shot.envelope.id)
    first = (await evidence.standing(town.services, shot)).file
    await bundling.make(shop, shot.envelope.id)
    (second,) = await File.filter(purpose=evidence.PURPOSE)
    assert first is not None
    assert second.id != first.id
    with pytest.raises(BlobError):
        await town.services.blobs.get(first)
    text = zipfile.ZipFile(io.BytesIO(await town.services.blobs.get(second))).read(NAME).decode()
    assert "まだ時刻証明が付いていません" in text


@engines
async def test_an_envelope_is_found_by_every_name_that_people_know(town: Town) -> None:
    shot = await concluded(town)
    await Envelope.filter(id=shot.envelope.id).update(number="MHN-2026-0099")
    typed = shot.envelope.certificate_id
    for name in (
        typed,
        f" {typed.lower()}-1 ",
        "MHN-2026-0099",
        "ＭＨＮ－２０２６－００９９",
        shot.envelope.ref,
    ):
        assert (await evidence.find(name)).id == shot.envelope.id
    with pytest.raises(Refused):
        await evidence.find("MHN-2026-0100")
