"""`fukan verify`: what it believes, what it says, its CSV, its exit status."""

import csv
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from envelopes.records.models import Envelope, Segment
from envelopes.rules.findings import Fault, Of, Part, Result, Verdict
from envelopes.rules.policy import Policy
from envelopes.rules.schedule import jst_day
from envelopes.signing import authority, inspection, seal
from envelopes.signing.inspection import Inspector, Trusted
from fukan import verifying
from fukan.verifying import Kept, NoRoot, Seen
from tests.engines import PASSPHRASE, Town
from tests.fukan.command import fukan
from tests.signing.conftest import pdf, signed

PATIENT = Policy(verify_seconds=60.0)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def contract(authority_folder: Path) -> bytes:
    using = seal.embedded(authority_folder, passphrase=PASSPHRASE, clock=now)
    return signed(using, using.prepare(pdf(), fields=["Signer1"]), ["Signer1"])


@pytest.fixture
def published(authority_folder: Path, tmp_path: Path) -> Path:
    """An installation of which only what everybody may have is there."""
    (tmp_path / "var" / "public").mkdir(parents=True)
    for name, data in authority.published(authority_folder).items():
        (tmp_path / "var" / "public" / name).write_bytes(data)
    return tmp_path / "var"


@pytest.fixture
async def inspector() -> AsyncIterator[Inspector]:
    async with verifying.inspector(PATIENT) as by:
        yield by


def seen(*faults: Fault, name: str = "a.pdf") -> Seen:
    at = datetime(2026, 8, 4, 5, 21, 8, tzinfo=UTC)
    part = Part(of=Of.SIGNATURE, field="S", signer="s", issuer="みほん村 認証局", name="髙橋建設", at=at)
    return Seen(name=name, sha256="0" * 64, result=Result(parts=(part,), faults=faults))


# Files, as a process of its own


def test_only_if_all_is_sound_the_command_succeeds(published: Path, tmp_path: Path, contract: bytes) -> None:
    (tmp_path / "good.pdf").write_bytes(contract)
    (tmp_path / "bad.pdf").write_bytes(contract.replace(b"(0) Tj", b"(9) Tj", 1))
    patient = {"FUKAN_POLICY__VERIFY_SECONDS": "60"}
    good = fukan("verify", "--json", tmp_path / "good.pdf", "--directory", published, **patient)
    assert good.status == 0, good.err
    (one,) = json.loads(good.out)
    assert (one["valid"], one["verdict"], one["faults"]) == (True, "sound", [])
    both = fukan("verify", tmp_path / "good.pdf", tmp_path / "bad.pdf", "--directory", published, **patient)
    assert both.status == 1
    assert "署名後に内容が変わっています。" in both.out
    assert both.out.rstrip().endswith("2件：変更なし 1件、変更あり 1件、判断できない 0件")


def test_without_anybody_to_believe_it_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    ran = fukan("verify", tmp_path / "a.pdf", "--directory", tmp_path / "none")
    assert ran.status == 1
    assert "--root" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("words", [(), ("x.pdf", "--from", "2026-01-01"), ("x.pdf", "--csv", "a.csv")])
def test_files_or_a_period_but_one_of_them(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "x.pdf").write_bytes(b"%PDF")
    ran = fukan("verify", *(tmp_path / word if word == "x.pdf" else word for word in words))
    assert ran.status == 2


# Whom to believe


def test_the_root_that_is_named_counts_alone(published: Path, authority_folder: Path, tmp_path: Path) -> None:
    other = authority.create(
        tmp_path / "other",
        town="別の村",
        public_url="http://x.example",
        now=now(),
        passphrase=b"x",
        key_type="p256",
    )
    root = tmp_path / "other" / "public" / "root-1.cer"
    assert verifying.trusted(published, root).roots == (other.root_certificate,)
    own = (authority_folder / "public" / "root-1.cer").read_bytes()
    assert verifying.trusted(published, None).roots == (own,)


def tour(folder: Path, published: Path, *, demo: bool) -> Path:
    """What a tour leaves, as far as it matters here."""
    (folder / "world").mkdir(parents=True)
    (folder / "transcript.json").write_text("{}")
    (folder / "world" / "fukan.toml").write_text(f"demo = {str(demo).lower()}\n")
    (published / "public").rename(folder / "world" / "public")
    (folder / "1-a.pdf").write_bytes(b"%PDF")
    return folder / "1-a.pdf"


def test_what_a_tour_has_left_is_believed_where_there_is_no_installation(
    published: Path, tmp_path: Path
) -> None:
    left = tour(tmp_path / "out", published, demo=True)
    assert len(verifying.trusted(tmp_path / "none", None, [left]).roots) == 1
    with pytest.raises(NoRoot):
        verifying.trusted(tmp_path / "none", None, [])


def test_what_calls_itself_a_tour_is_never_believed_by_an_installation(
    published: Path, authority_folder: Path, tmp_path: Path
) -> None:
    left = tour(tmp_path / "out", published, demo=True)
    (published / "public").mkdir()
    (published / "public" / "root-1.cer").write_bytes(b"own")
    assert verifying.trusted(published, None, [left]).roots == (b"own",)


def test_an_installation_beside_a_file_is_no_tour(published: Path, tmp_path: Path) -> None:
    left = tour(tmp_path / "out", published, demo=False)
    with pytest.raises(NoRoot):
        verifying.trusted(tmp_path / "none", None, [left])


# A period


@pytest.mark.engines
async def test_a_period_is_both_its_ends_and_completed_envelopes_only(town: Town) -> None:
    done = await town.completed(documents=2)
    await town.out()
    on = done.envelope.transaction_on
    assert on == jst_day(town.clock())
    day = timedelta(days=1)
    for since, until, count in ((on, on, 3), (None, on, 3), (on + day, None, 0), (None, on - day, 0)):
        assert len(await verifying.concluded(since, until)) == count


@pytest.mark.engines
async def test_everything_concluded_is_judged_and_what_was_exchanged_is_found(
    town: Town, inspector: Inspector, authority_folder: Path
) -> None:
    believing = inspection.published(authority_folder / "public")
    shot = await town.completed(documents=2)
    documents = await verifying.concluded(None, None)
    kept = [
        one async for one in verifying.look_back(town.services, documents, by=inspector, believing=believing)
    ]
    assert verifying.is_sound(kept)
    assert [one.certificate_id.removeprefix(shot.envelope.certificate_id) for one in kept] == ["-1", "-2", ""]
    assert kept[-1].name == "締結証明書.pdf"
    first = await Segment.get(document=documents[0], number=0)
    await Segment.filter(number=0).update(file_id=first.file_id)
    kept = [
        one async for one in verifying.look_back(town.services, documents, by=inspector, believing=believing)
    ]
    assert kept[0].result.verdict is Verdict.SOUND
    assert kept[1].result.verdict is Verdict.ALTERED


@pytest.mark.engines
async def test_a_file_that_is_gone_and_a_missing_timestamp_are_faults(
    town: Town, inspector: Inspector, authority_folder: Path
) -> None:
    believing = inspection.published(authority_folder / "public")
    shot = await town.signed_by_all()
    await Envelope.filter(id=shot.envelope.id).update(state="completed", transaction_on=jst_day(town.clock()))
    documents = await verifying.concluded(None, None)
    looked = verifying.look_back(town.services, documents, by=inspector, believing=believing)
    (one,) = [one async for one in looked]
    assert one.result.every_fault == (Fault.NO_TIME,)
    await town.engine.run("UPDATE files SET sha256 = 'f' || substr(sha256, 2)")
    looked = verifying.look_back(town.services, documents, by=inspector, believing=believing)
    (one,) = [one async for one in looked]
    assert one.result.every_fault == (Fault.UNREADABLE,)


async def test_nothing_is_believed_without_a_root(
    inspector: Inspector, contract: bytes, tmp_path: Path
) -> None:
    (tmp_path / "a.pdf").write_bytes(contract)
    looked = verifying.look_at([tmp_path / "a.pdf"], by=inspector, believing=Trusted(roots=()))
    (one,) = [one async for one in looked]
    assert one.result.verdict is Verdict.UNDECIDED


# Words


def test_the_report_names_file_fault_and_meaning() -> None:
    said = verifying.report(seen(Fault.BYTES_AFTER_END, name="契約.pdf"))
    assert said.startswith(
        "✖ 契約.pdf：変更されています\n  末尾に余分なデータがあります。\n  署名1　髙橋建設\n"
    )
    assert verifying.report(seen()).startswith("✔ a.pdf：変更されていません（発行元 みほん村 認証局）")


def test_a_spreadsheet_gets_no_formula_and_opens_the_japanese(tmp_path: Path) -> None:
    one = seen()
    kept = Kept(
        name="01_a.pdf",
        sha256=one.sha256,
        result=one.result,
        on=date(2026, 8, 4),
        number="MHN-2026-0001",
        certificate_id="MHN-1",
        party='=HYPERLINK("http://x.example")',
        title="@村道",
    )
    verifying.write_csv(tmp_path / "a.csv", [kept])
    raw = (tmp_path / "a.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert raw.count(b"\r\n") == raw.count(b"\n") == 2
    head, line = csv.reader(raw.decode("utf-8-sig").splitlines())
    assert tuple(head) == verifying.COLUMNS
    assert line[3] == '\'=HYPERLINK("http://x.example")'
    assert line[4] == "'@村道"
