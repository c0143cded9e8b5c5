"""The completion certificate: true, sealed by the service alone, frozen, and made once."""

import asyncio
import csv
import io
import json
import subprocess
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from envelopes.actions import changing, verification
from envelopes.actions import signer as act
from envelopes.actions.worker import completion, readdressing
from envelopes.records import history, store
from envelopes.records.history import Subject
from envelopes.records.models import CERTIFICATE, CertificateUse, Consent, Contact, Document, Segment
from envelopes.records.store import Snapshot
from envelopes.rules.errors import FukanError, Later, Reason, Refused
from envelopes.rules.kinds import Kind
from envelopes.rules.states import State
from envelopes.rules.wording import jst_date, jst_datetime
from envelopes.signing import authority
from envelopes.signing.seal import read_entries
from tests.actions.test_changing import approved, asked
from tests.actions.test_evidence import gathered
from tests.engines import PASSPHRASE, Town, build_services
from tests.papers.archival import faults
from tests.signing import witnesses
from tests.signing.conftest import write_trust

pytestmark = pytest.mark.engines


def words(data: bytes, folder: Path) -> str:
    """The text of a PDF as another program reads it, without spaces and line ends."""
    path = folder / "read.pdf"
    path.write_bytes(data)
    ran = subprocess.run(["pdftotext", "-raw", path, "-"], check=True, capture_output=True, text=True)
    return "".join(ran.stdout.split())


async def certificate(town: Town, shot: Snapshot) -> bytes:
    assert shot.certificate is not None
    return await town.bytes_of(shot.certificate)


def says(text: str, *expected: str) -> None:
    for one in expected:
        assert "".join(one.split()) in text, one


async def test_a_contracts_certificate_says_who_what_when_and_how_to_verify(
    town: Town, tmp_path: Path
) -> None:
    shot = await town.completed(documents=2)
    text = words(await certificate(town, shot), tmp_path)
    envelope = shot.envelope
    assert envelope.transaction_on is not None
    assert envelope.number is not None
    says(text, envelope.certificate_id, envelope.title, envelope.number)
    says(text, f"契約締結日 {jst_date(envelope.transaction_on)}", "みほん村 建設課", "起案 主任 中村 美咲")
    says(
        text, "髙橋建設株式会社", "代表取締役 髙橋 一郎", "主任 北沢 健", "2026年4月1日（水）（登録簿 第1版）"
    )
    says(text, "メール1経路", "認証アプリ")
    for row in await Consent.filter(envelope_id=envelope.id):
        says(text, row.sha256, jst_datetime(row.at, seconds=True))
    for document in shot.documents:
        seen, *_, last = await store.segments(document.id)
        says(text, document.title, seen.sha256, f"先頭の{seen.length}バイト", last.sha256)
    says(text, "契約の当事者が運営しています", "認定タイムスタンプではありません")
    says(text, "電子署名法第3条の推定を保証するものではありません", "紙に印刷したものは写しです")
    says(
        text,
        sha256(town.shop.seal.roots[0]).hexdigest(),
        "sha256sum 文書.pdf",
        "head -c N 文書.pdf | sha256sum",
    )
    says(text, "署名パネル", town.services.url("verify"), "fukan verify --root 証明書.cer 文書.pdf")
    assert "原本" not in text
    assert "@" not in text


async def test_an_acceptances_certificate_has_one_signatory_and_a_day_of_submission(
    town: Town, tmp_path: Path
) -> None:
    shot = await town.completed(kind=Kind.ACCEPTANCE)
    text = words(await certificate(town, shot), tmp_path)
    assert shot.envelope.transaction_on is not None
    says(text, "請書が提出されたことを", f"提出日 {jst_date(shot.envelope.transaction_on)}", "署名1")
    assert "署名2" not in text
    assert "契約締結日" not in text


async def test_a_hand_over_stands_in_it_with_both_people_and_who_allowed_it(
    town: Town, tmp_path: Path
) -> None:
    shot, before = await asked(town)
    contact = await approved(town, shot)
    # The clock of a signature has to be the real one: the waiting time is over at once.
    await Contact.filter(id=contact.id).update(works_from=town.clock())
    await readdressing.readdress(town.services)
    (went,) = await changing.hand_overs(shot.envelope.id)
    shot = await town.again(shot)
    shot = await town.sign(await town.consent(shot))
    shot = await town.sign(await town.consent_village(shot))
    await completion.complete(town.shop, shot.envelope.id)
    shot = await town.again(shot)
    text = words(await certificate(town, shot), tmp_path)
    says(text, "工事部長 木村 花子", "担当者の引継ぎ", jst_datetime(went.at, seconds=True))
    says(text, "代表取締役 髙橋 一郎 様から 工事部長 木村 花子 様へ")
    says(text, f"届出 主任 中村 美咲、承認 主任 小林 直樹、受付番号 {went.said['application']}")
    assert "@" not in text
    # Who signed is who had the place then, and every line of the evidence names who it was.
    entries = read_entries(await town.bytes_of(shot.documents[0]))
    assert "木村 花子" in entries[0].name
    archive = zipfile.ZipFile(io.BytesIO(await gathered(town, shot)))
    rows = list(csv.reader(io.StringIO(archive.read("history/history.csv").decode("utf-8-sig"))))[1:]
    who = {row[2]: row[3].rpartition(" ")[2] for row in rows}
    assert (who["change asked for"], who["consented"]) == ("一郎", "健")
    proved = [row[3] for row in rows if row[2] == "proved"]
    assert proved == [f"{before.company} 髙橋 一郎", f"{before.company} 木村 花子"]
    (said,) = [json.loads(row[4]) for row in rows if row[2] == "handed over"]
    assert (said["from"]["person"], said["to"]["person"]) == ("髙橋 一郎", "木村 花子")


async def test_the_history_head_in_it_is_the_one_before_the_completion(town: Town, tmp_path: Path) -> None:
    shot = await town.signed_by_all(kind=Kind.ACCEPTANCE)
    count, head = await history.head(Subject.ENVELOPE, shot.envelope.id)
    await completion.complete(town.shop, shot.envelope.id)
    text = words(await certificate(town, await town.again(shot)), tmp_path)
    says(text, f"この証明書を作るまでの{count}件", head)


async def test_where_a_contractor_was_is_shortened_and_of_staff_nothing_is_said(
    town: Town, tmp_path: Path
) -> None:
    shot = await town.out()
    one = shot.turn
    assert one is not None
    await town.prove(one)
    await town.read(shot, one)
    offer, actor = await town.offer(shot, one), act.actor_of(one)
    await act.give_consent(
        town.services, one.ref, offer=offer, grants=town.grants(), actor=actor, ip="203.0.113.77"
    )
    shot = await town.sign(await town.again(shot))
    shot = await town.sign(await town.consent_village(shot))
    await completion.complete(town.shop, shot.envelope.id)
    text = words(await certificate(town, await town.again(shot)), tmp_path)
    says(text, "接続元 203.0.113.0/24（一部を伏せています）")
    assert text.count("接続元") == 1
    assert "203.0.113.77" not in text


# The seal


async def test_every_witness_accepts_it_and_no_altered_one(
    town: Town, authority_folder: Path, tmp_path: Path
) -> None:
    data = await certificate(town, await town.completed(kind=Kind.ACCEPTANCE))
    report = await asyncio.to_thread(town.shop.seal.verify, data)
    assert report.valid
    assert (len(report.signatures), len(report.timestamps)) == (1, 1)
    path = tmp_path / "a.pdf"
    # A letter of what is shown: the first data of the first content stream.
    at = data.index(b"stream") + 20
    for content, sound in ((data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], False), (data, True)):
        path.write_bytes(content)
        assert witnesses.pdfsig_is_content(path, 1) is sound
    assert witnesses.qpdf(path)
    trust = tmp_path / "trust.pem"
    write_trust(trust, authority.open_authority(authority_folder, passphrase=PASSPHRASE))
    seal, stamp = witnesses.embedded(data)
    assert witnesses.openssl_cms(seal, trust, tmp_path)
    assert witnesses.openssl_ts(stamp.contents, stamp.content, trust, tmp_path)


async def test_the_seal_is_the_operators_and_says_what_was_sealed(town: Town) -> None:
    shot = await town.completed(kind=Kind.ACCEPTANCE)
    assert shot.certificate is not None
    data = await certificate(town, shot)
    (said,) = read_entries(data)
    first = (await store.segments(shot.certificate.id))[0]
    assert said.name == town.services.settings.operator.name
    assert said.reason == f"{said.name}（事業者）が締結証明書の内容を証明"
    assert (said.contact, said.location) == (shot.section.name, None)
    assert (said.seen_sha256, said.seen_length) == (first.sha256, first.length)
    assert said.consent_sha256 is None
    assert said.certificate_id == shot.envelope.certificate_id


async def test_it_is_archival_before_and_after_the_seal(town: Town) -> None:
    shot = await town.completed(kind=Kind.ACCEPTANCE)
    assert shot.certificate is not None
    for segment in await store.segments(shot.certificate.id):
        data = (await certificate(town, shot))[: segment.length]
        assert not faults(data), segment.kind


# Once, and frozen


async def test_later_settings_change_nothing_in_it(town: Town) -> None:
    shot = await town.completed(kind=Kind.ACCEPTANCE)
    before = await certificate(town, shot)
    changed = build_services(town.engine, town.clock, operator={"name": "ほかの事業者", "party": False})
    await completion.complete(replace(town.shop, services=changed), shot.envelope.id)
    assert await certificate(town, await town.again(shot)) == before
    assert await CertificateUse.all().count() == 1


async def test_a_use_of_the_key_is_written_down_before_it_happens(town: Town) -> None:
    shot = await town.signed_by_all(kind=Kind.ACCEPTANCE)
    silent = replace(town.shop, seal=replace(town.shop.seal, key=Broken()))
    with pytest.raises(Later):
        await completion.complete(silent, shot.envelope.id)
    (use,) = await CertificateUse.all()
    assert use.done_at is None
    assert (await town.again(shot)).state is State.SIGNED
    await completion.complete(town.shop, shot.envelope.id)
    assert [row.done_at is not None for row in await CertificateUse.all().order_by("id")] == [False, True]
    first = await Segment.filter(document__position=CERTIFICATE, number=0).get()
    assert (await CertificateUse.exclude(done_at=None).get()).sha256 == first.sha256


class Broken:
    """A key that is away."""

    def fit(self, _now: object) -> None:
        raise Later(Reason.KEY_UNAVAILABLE)


class Killed(FukanError):
    """The worker dies here."""


async def test_a_death_between_files_and_commit_leaves_one_certificate(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = await town.signed_by_all(kind=Kind.ACCEPTANCE)

    async def dies(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(completion, "keep", dies)
        with pytest.raises(Killed):
            await completion.complete(town.shop, shot.envelope.id)
    after = await town.again(shot)
    assert (after.state, after.certificate) == (State.SIGNED, None)
    await completion.complete(town.shop, shot.envelope.id)
    assert await Document.filter(position=CERTIFICATE).count() == 1
    report = await asyncio.to_thread(town.shop.seal.verify, await certificate(town, await town.again(shot)))
    assert report.valid


async def test_without_a_true_consent_nothing_is_certified(town: Town) -> None:
    shot = await town.signed_by_all(kind=Kind.ACCEPTANCE)
    await Consent.filter(envelope_id=shot.envelope.id).update(sha256="0" * 64)
    with pytest.raises(Refused) as refused:
        await completion.complete(town.shop, shot.envelope.id)
    assert refused.value.reason is Reason.CONSENT_INVALID
    assert not await CertificateUse.exists()


# What becomes of it


async def test_it_is_known_by_its_bytes_and_is_nobodys_signature(town: Town) -> None:
    shot = await town.completed(kind=Kind.ACCEPTANCE)
    own = await verification.find_own(sha256(await certificate(town, shot)).hexdigest())
    assert own is not None
    assert own.certificate_id == shot.envelope.certificate_id
    assert own.is_certificate
    assert own.signatures == ()
