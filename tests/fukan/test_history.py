"""`fukan verify --history`: sound ones pass, and every row that was changed is named, with a status that says so."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from envelopes.actions import anchoring
from envelopes.records import anchors
from envelopes.records import history as chains
from envelopes.records.models import Anchor, Fact
from envelopes.settings import Tsa as TsaSettings
from fukan import history
from tests.engines import Town
from tests.fukan.command import fukan
from tests.fukan.conftest import Played
from tests.signing.tsa import serving
from tests.world import world

engines = pytest.mark.engines
HEAD = "ab" * 32
LABEL = "記録の先頭値（操作ログを後から確かめるための値です。メールを保存しておいてください。）"


def publish(town: Town, authority_folder: Path) -> None:
    """Put the authority's public files where the bot puts them."""
    place = town.services.settings.public_directory
    shutil.copytree(authority_folder / "public", place, dirs_exist_ok=True)


@pytest.fixture
async def signed(town: Town, authority_folder: Path) -> Town:
    """A town with one completed contract, its history anchored."""
    await town.completed()
    await anchoring.anchor(town.shop)
    publish(town, authority_folder)
    return town


# The report


@engines
async def test_a_true_history_is_sound_and_says_how_much_it_is(signed: Town) -> None:
    report = await history.examine(signed.services)
    assert report.is_sound, report.words()
    facts = await Fact.all().count()
    assert f"{facts}行" in report.seen[0]
    assert f"1件、{facts}行" in report.seen[1]
    assert report.seen[2] == "時刻を証明した認証局：みほん村 電子契約 時刻 1（1件）"
    assert "独立した第三者の証明でもありません" in report.words()


@engines
async def test_whoever_recomputes_a_chain_is_caught_and_the_row_is_named(signed: Town) -> None:
    await signed.engine.run("UPDATE facts SET actor = 'signer:nobody' WHERE kind = 'consented'")
    plain = await history.examine(signed.services)
    assert any("操作ログのつながり：封筒 1（" in line for line in plain.wrong)
    prev, changed = chains.GENESIS, []
    for fact in await Fact.filter(subject="envelope", subject_id=1).order_by("n"):
        digest = fact.digest
        hashed = chains.link(prev=prev, n=fact.n, at=fact.at, kind=fact.kind, actor=fact.actor, digest=digest)
        if hashed != fact.hash:
            changed.append(fact)
        prev = hashed
        await signed.engine.run(f"UPDATE facts SET hash = '{hashed}' WHERE id = {fact.id}")
    report = await history.examine(signed.services)
    assert not report.is_sound
    assert len(report.wrong) == len(changed)
    first = changed[0]
    assert report.wrong[0].startswith("操作ログの時刻証明 1：封筒 1（")
    assert (
        f"の {first.n} 行目（facts.id {first.id}）：証明されたあとで書き換えられています" in report.wrong[0]
    )
    assert not report.seen


@engines
async def test_a_row_that_was_cut_off_is_named(signed: Town) -> None:
    last = await Fact.filter(subject="envelope").order_by("-n").first()
    assert last is not None
    await signed.engine.run(
        f"DELETE FROM fact_details WHERE fact_id = {last.id}; DELETE FROM facts WHERE id = {last.id}"
    )
    (line,) = (await history.examine(signed.services)).wrong
    assert f"の {last.n} 行目（facts.id {last.id}）：証明されたあとで消されています" in line


@engines
async def test_an_altered_token_is_named_with_its_rows(signed: Town) -> None:
    await Anchor.all().update(token="AAAA")
    (line,) = (await history.examine(signed.services)).wrong
    assert line.startswith("操作ログの時刻証明 1（facts.id 1〜")
    assert "トークンが読めません" in line


@engines
async def test_anchors_that_were_all_deleted_are_missed(signed: Town) -> None:
    await Anchor.all().delete()
    signed.clock.forward(hours=4)
    (line,) = (await history.examine(signed.services)).wrong
    assert "3時間たっても証明されていません" in line


@engines
async def test_rows_of_this_hour_may_wait(town: Town, authority_folder: Path) -> None:
    publish(town, authority_folder)
    await Fact.all().update(at=datetime.now(UTC))
    wrong = [
        line async for line in history.wrong_anchors(await history.judge_of(town.services), now=town.clock())
    ]
    assert wrong == []


async def test_times_from_outside_are_counted_by_who_gave_them(tmp_path: Path) -> None:
    (tmp_path / "tsa").mkdir()
    with serving(tmp_path / "tsa") as tsa:
        root = tsa.folder / "root-1.pem"
        listed = TsaSettings.model_validate({"name": "みほん時刻", "url": tsa.url, "ca_file": root})
        async with world(tmp_path, tsa=(listed,)) as built:
            await anchoring.anchor(built.tools.shop)
            report = await history.examine(built.services)
    assert report.is_sound, report.words()
    assert "時刻を証明した認証局：みほん時刻 電子契約 時刻 1（1件）" in report.seen
    assert report.note == history.MIXED


# Mails


def mail(text: str, *, html: str = "", charset: str = "utf-8") -> bytes:
    made = EmailMessage()
    made["Subject"] = "署名受付のお知らせ"
    made.set_content(text, charset=charset, cte="base64")
    if html:
        made.add_alternative(html, subtype="html")
    return made.as_bytes()


def test_the_head_is_read_from_words_and_not_from_other_values() -> None:
    other = "cd" * 32
    assert history.head_in(mail(f"文書\n{other}\n\n{LABEL}\n{HEAD}\n")) == HEAD
    assert history.head_in(mail(f"> {LABEL}\n> {HEAD}\n")) == HEAD
    assert history.head_in(mail(f"{LABEL}\n{HEAD}\n", charset="iso-2022-jp")) == HEAD


def test_the_head_is_read_from_html_alone() -> None:
    made = EmailMessage()
    made.set_content(f'<p>{LABEL}<br><span class="hash">{HEAD}</span></p>', subtype="html")
    assert history.head_in(made.as_bytes()) == HEAD


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe", mail("こんにちは"), mail(f"{HEAD}\n"), mail(f"{LABEL}\nab")]
)
def test_a_mail_without_a_head_has_none(raw: bytes) -> None:
    assert history.head_in(raw) is None


@engines
async def test_a_head_is_found_in_its_chain(signed: Town) -> None:
    fact = await Fact.filter(subject="envelope", kind="consented").first()
    assert fact is not None
    good, bad, none = mail(f"{LABEL}\n{fact.hash}\n"), mail(f"{LABEL}\n{HEAD}\n"), mail("こんにちは")
    report = await history.examine(signed.services, {"good.eml": good})
    assert report.is_sound
    assert "good.eml：記録の先頭値は 封筒 1（" in report.seen[-1]
    assert f"の {fact.n} 行目 のものです" in report.seen[-1]
    report = await history.examine(signed.services, {"good.eml": good, "bad.eml": bad, "none.eml": none})
    assert [line.split("：")[0] for line in report.wrong] == ["bad.eml", "none.eml"]


@engines
async def test_anchors_that_were_made_anew_are_not_those_of_the_mail(signed: Town) -> None:
    label = "操作ログの時刻証明の値（この時点までのすべての操作ログを後から確かめるための値です。）"
    fact = await Fact.filter(subject="envelope", kind="consented").first()
    assert fact is not None
    saved = mail(f"{LABEL}\n{fact.hash}\n\n{label}\n{await anchors.newest_value()}\n")
    report = await history.examine(signed.services, {"saved.eml": saved})
    assert report.is_sound, report.words()
    assert report.seen[-1] == "saved.eml：操作ログの時刻証明の値は 1 件目のものです"
    await Anchor.all().delete()
    last = await Fact.all().order_by("-id").first()
    assert last is not None
    await signed.engine.run(
        f"DELETE FROM fact_details WHERE fact_id = {last.id}; DELETE FROM facts WHERE id = {last.id}"
    )
    await anchoring.anchor(signed.shop)
    assert (await history.examine(signed.services)).is_sound, "who holds the authority's keys can do this"
    (line,) = (await history.examine(signed.services, {"saved.eml": saved})).wrong
    assert "がありません（作り直されています）" in line


# The command


@pytest.fixture
def var(contract: Played, tmp_path: Path) -> Path:
    assert contract.ran.status == 0, contract.ran.err
    return Path(shutil.copytree(contract.directory / "world", tmp_path / "var"))


def heads(contract: Played) -> list[Path]:
    """The mails of the tour that name a head."""
    found = sorted(contract.directory.glob("mails/**/*.eml"))
    return [path for path in found if history.head_in(path.read_bytes())]


def test_a_played_contract_has_a_sound_history_with_the_heads_its_mails_name(
    contract: Played, var: Path
) -> None:
    mails = heads(contract)
    assert len(mails) >= 3
    assert any(history.anchor_in(path.read_bytes()) for path in mails)
    words = [word for path in mails for word in ("--against", str(path))]
    ran = fukan("verify", "--history", "--directory", var, *words)
    assert ran.status == 0, ran.out + ran.err
    assert ran.out.count("○") >= 2 + len(mails)
    assert "独立した第三者の証明でもありません" in ran.out


def test_a_mail_finds_what_even_the_authoritys_keys_cannot_hide(contract: Played, var: Path) -> None:
    """Anchors deleted, the chain recomputed: only the saved mail is left to say so."""
    (received, *_) = heads(contract)
    with closing(sqlite3.connect(var / "fukan.sqlite3")) as database, database:
        database.execute("DELETE FROM anchors")
        database.execute("UPDATE facts SET actor = 'nobody' WHERE subject = 'envelope' AND n = 1")
        prev = chains.GENESIS
        rows = database.execute(
            "SELECT id, n, at, kind, actor, digest FROM facts WHERE subject = 'envelope' ORDER BY n"
        )
        for row_id, n, at, kind, actor, digest in rows.fetchall():
            when = datetime.fromisoformat(at)
            prev = chains.link(prev=prev, n=n, at=when, kind=kind, actor=actor, digest=digest)
            database.execute("UPDATE facts SET hash = ? WHERE id = ?", (prev, row_id))
    without = fukan("verify", "--history", "--directory", var)
    assert without.status == 0, without.out
    ran = fukan("verify", "--history", "--directory", var, "--against", received)
    assert ran.status == 1
    assert f"× {received}：記録の先頭値" in ran.out
    assert "が操作ログにありません" in ran.out


def test_a_changed_row_is_named_and_the_status_says_so(var: Path) -> None:
    with closing(sqlite3.connect(var / "fukan.sqlite3")) as database, database:
        database.execute("UPDATE facts SET kind = 'declined' WHERE kind = 'consented'")
    ran = fukan("verify", "--history", "--directory", var)
    assert ran.status == 1
    assert "書き換えられています" in ran.out


def test_programs_get_json(var: Path) -> None:
    ran = fukan("verify", "--history", "--json", "--directory", var)
    said = json.loads(ran.out)
    assert (ran.status, said["sound"], said["wrong"]) == (0, True, [])
    assert "独立した第三者の証明でもありません" in said["note"]


@pytest.mark.parametrize(
    "words", [("--history", "--from", "2026-04-01"), ("--against", __file__), ("--history", __file__)]
)
def test_the_history_is_asked_for_alone(words: tuple[str, ...], tmp_path: Path) -> None:
    assert fukan("verify", *words, "--directory", tmp_path).status == 2
