"""doctor: says ○ of a sound installation, and names every row that was forged in the database."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from envelopes.actions.operating import mail_is_sound
from envelopes.settings import Settings, Tsa, load
from fukan.demo.post import PASSWORD, PostOffice
from fukan.doctor import CHECKS, _senders, _times, examine, is_sound, report
from fukan.installation import opened
from tests.bot.test_mail_examination import OWN, sound_zone
from tests.fukan.command import Ran, fukan
from tests.fukan.conftest import Played
from tests.servers.zone import Zone
from tests.servers.zone import serving as serving_zone
from tests.signing.tsa import serving

_COPY_CONSENT = (
    "INSERT INTO consents (envelope_id, signer_id, generation, record, sha256, signature, key_id, at) "
    "SELECT envelope_id, {signer}, {generation}, record, sha256, signature, key_id, at "
    "FROM consents WHERE id = 1"
)
_SIGN_TASK = (
    "INSERT INTO tasks (kind, lane, key, envelope_id, ids, state, run_at, attempts, created_at) "
    "SELECT 'sign', 'sign', 'sign:forged', envelope_id, '{{\"consent\": {consent}}}', 'ready', "
    "'2099-01-01 00:00:00+00:00', 0, created_at FROM tasks WHERE kind = 'sign' LIMIT 1"
)
_OTHER_FILE = (
    "UPDATE segments SET ({columns}) = (SELECT {columns} FROM segments WHERE document_id = 2 AND number = 0)"
    " WHERE document_id = 1 AND number = 0"
)
_MOBILE = (
    "INSERT INTO mobiles (ref, contact_id, number, look_up, source, registrar_id, approver_id, works_from,"
    " created_at) SELECT 'forged', id, email, email_look_up, email, registrar_id, approver_id, works_from,"
    " created_at FROM contacts WHERE id = 1"
)
_SESSION = (
    "INSERT INTO sessions (digest, {columns}) SELECT 'forged', {columns} FROM sessions "
    "WHERE proved_at IS NOT NULL LIMIT 1"
)


def doctor(var: Path) -> Ran:
    return fukan("doctor", "--directory", var)


@pytest.fixture
def var(contract: Played, tmp_path: Path) -> Path:
    assert contract.ran.status == 0, contract.ran.err
    return Path(shutil.copytree(contract.directory / "world", tmp_path / "var"))


def forge(var: Path, *statements: str) -> None:
    with closing(sqlite3.connect(var / "fukan.sqlite3")) as connection, connection:
        for statement in statements:
            assert connection.execute(statement).rowcount, statement


def test_a_played_contract_is_sound(var: Path) -> None:
    ran = doctor(var)
    assert ran.status == 0, ran.out
    assert "×" not in ran.out
    assert ran.out.count("○") + ran.out.count("－") == len(ran.out.splitlines()) > len(CHECKS)
    assert "－ メール：見本の村では" in ran.out
    assert "－ 差出人の確認：しません。見本の村では、どの差出人のメールも本人の" in ran.out


def test_an_authority_that_fails_is_named_with_its_fault(var: Path, tmp_path: Path) -> None:
    (tmp_path / "tsa").mkdir()
    with serving(tmp_path / "tsa") as tsa:
        root = tmp_path / "tsa" / "root-1.pem"
        lines = [
            f'[[tsa]]\nname = "{name}"\nurl = "{url}"\nca_file = "{root}"\n'
            for name, url in (("時刻の局", tsa.url), ("不在の局", "http://127.0.0.1:9/"))
        ]
        settings = var / "fukan.toml"
        settings.write_text("\n".join([settings.read_text() if settings.exists() else "", *lines]))
        ran = doctor(var)
    assert ran.status == 1
    assert "× 時刻認証局（TSA）：不在の局 から時刻を取得できません：接続を断られました" in ran.out
    assert "時刻の局 から" not in ran.out


@pytest.mark.parametrize(("seconds", "said"), [(0, ""), (-300, "-"), (300, "+")])
def test_the_clock_is_compared_with_an_authoritys(
    var: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, said: str
) -> None:
    (tmp_path / "tsa").mkdir()
    monkeypatch.setattr("fukan.doctor._clock", lambda: datetime.now(UTC) + timedelta(seconds=seconds))
    with serving(tmp_path / "tsa") as tsa:
        root = tmp_path / "tsa" / "root-1.pem"
        listed = {"name": "時刻の局", "url": tsa.url, "ca_file": root}
        settings = load(var).model_copy(update={"tsa": (Tsa.model_validate(listed),)})
        outcome = _times(settings)
    if said:
        # What the clock makes of a good token is said behind it.
        found = outcome.findings[0]
        assert f"時刻の局 との差は {said}" in found.what
        assert "時刻の同期" in found.todo
    else:
        assert (outcome.notes, outcome.findings) == (("時刻の局 との差は +0.00 秒です",), ())


FORGERIES = {
    "a signature of a consent": (
        ["UPDATE consents SET signature = (SELECT signature FROM consents WHERE id = 2) WHERE id = 1"],
        "同意の記録 1 は本物ではありません",
    ),
    "the words of a consent": (
        ["UPDATE consents SET record = (SELECT record FROM consents WHERE id = 2) WHERE id = 1"],
        "同意の記録 1 は本物ではありません",
    ),
    "bytes that are no record at all": (
        ["UPDATE consents SET record = 'bm8gcmVjb3Jk' WHERE id = 1"],
        "同意の記録 1 は本物ではありません",
    ),
    "a consent for another signer": (
        [_COPY_CONSENT.format(signer=2, generation=7)],
        "同意の記録 3 は本物ではありません",
    ),
    "a consent for another generation": (
        [_COPY_CONSENT.format(signer=1, generation=7)],
        "同意の記録 3 は本物ではありません",
    ),
    "the company of a signer": (
        ["UPDATE signers SET company = 'ほかの会社' WHERE id = 1"],
        "同意の記録 1 は本物ではありません",
    ),
    "the address of a signer": (
        ["UPDATE signers SET email = (SELECT email FROM signers WHERE id = 2) WHERE id = 1"],
        "署名者 1 の名前・順番・アドレスのどれかが、記録されたものと違います",
    ),
    "a mobile number": ([_MOBILE], "は、このサービスで承認されたものではありません"),
    "a proof in another browser": (
        [
            _SESSION.format(columns="created_at, used_at"),
            "UPDATE proofs SET session_id = (SELECT id FROM sessions WHERE digest = 'forged')",
        ],
        "は、このサービスが記録したものではありません",
    ),
    "a sign-in": (
        [
            _SESSION.format(columns="staff_id, proved_at, created_at, used_at"),
        ],
        "は、このサービスが記録したものではありません",
    ),
    "a state": (["UPDATE envelopes SET state = 'signing'"], "署名中なのに、有効な指示がありません"),
    "an order without a consent": ([_SIGN_TASK.format(consent=99)], "に、有効な同意がありません"),
    "a state and an order with a used consent": (
        ["UPDATE envelopes SET state = 'signing'", _SIGN_TASK.format(consent=1)],
        "に、有効な同意がありません",
    ),
    "the hash of a revision": (
        ["UPDATE segments SET sha256 = substr(sha256, 2) || '0' WHERE number = 1 AND document_id = 1"],
        "文書1 の版1のハッシュ値が、記録と違います",
    ),
    "the file of a revision": (
        [_OTHER_FILE.format(columns="file_id")],
        "文書1 の版0のハッシュ値が、記録と違います",
    ),
    "a prepared file with its hash": (
        [_OTHER_FILE.format(columns="file_id, sha256, length")],
        "見た文書と、いまの文書が違います",
    ),
    "a use of the key for a certificate": (
        ["DELETE FROM certificate_uses"],
        "締結証明書 に、鍵の使用記録がありません",
    ),
    "a use of the key for another certificate": (
        ["UPDATE certificate_uses SET sha256 = substr(sha256, 2) || '0'"],
        "締結証明書 に、鍵の使用記録がありません",
    ),
    "a certificate that is gone": (
        ["DELETE FROM documents WHERE position = 0", "DELETE FROM certificate_uses"],
        "は完了しているのに、締結証明書がありません",
    ),
    "a certificate that is gone, while its key use stayed": (
        ["DELETE FROM documents WHERE position = 0"],
        "締結証明書：鍵の使用 1 に、証明書がありません",
    ),
    "the file of a certificate": (
        ["UPDATE segments SET sha256 = substr(sha256, 2) || '0' WHERE document_id = 3 AND number = 1"],
        "締結証明書 の版1のハッシュ値が、記録と違います",
    ),
    "a consent that is gone": (["DELETE FROM consents WHERE id = 2"], "に、有効な同意がありません"),
    "a signer who is gone": (["DELETE FROM signers WHERE id = 2"], "同意の記録 2 は本物ではありません"),
    "an envelope that is gone": (["DELETE FROM envelopes"], "同意の記録 1 は本物ではありません"),
    "a document that is gone": (["DELETE FROM documents WHERE id = 2"], "見た文書と、いまの文書が違います"),
    "a use of the key that is gone": (["DELETE FROM key_uses WHERE id = 1"], "鍵の使用記録がありません"),
    "a signature that is gone": (
        ["DELETE FROM segments WHERE document_id = 1 AND number > 1"],
        "鍵の使用 3 に、署名か同意がありません",
    ),
    "a line of the history": (
        ["UPDATE facts SET kind = 'declined' WHERE kind = 'consented'"],
        "操作ログのつながりが切れています",
    ),
    "a line of the history that is gone": (
        ["DELETE FROM facts WHERE subject = 'envelope' AND n = 3"],
        "操作ログのつながりが切れています",
    ),
    "the data key of a file": (
        ["UPDATE files SET view_wrap = NULL, archive_wrap = NULL WHERE purpose = 'prepared'"],
        "の文書が読めません",
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_what_was_forged_in_the_database_is_named(var: Path, forgery: str) -> None:
    statements, words = FORGERIES[forgery]
    forge(var, *statements)
    outcomes = await examine(load(var, {}))
    assert not is_sound(outcomes)
    assert words in report(outcomes), report(outcomes)


def test_a_flipped_bit_in_a_file_is_found(var: Path) -> None:
    path = max((var / "files").rglob("*"), key=lambda each: each.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    assert "の文書が読めません" in doctor(var).out


def test_work_that_keeps_failing_is_shown_with_its_reason(var: Path) -> None:
    forge(
        var,
        "UPDATE tasks SET state = 'ready', failing_since = created_at, error = 'tsa-unavailable'"
        " WHERE kind = 'timestamp'",
    )
    ran = doctor(var)
    assert ran.status == 1
    assert "tsa-unavailable" in ran.out


def test_keys_that_others_can_read_are_named(var: Path) -> None:
    (var / "keys" / "bot" / "passphrase").chmod(0o644)
    ran = doctor(var)
    assert ran.status == 1
    assert "passphrase をほかの利用者が読めます" in ran.out


@asynccontextmanager
async def mail_world(folder: Path) -> AsyncIterator[tuple[Zone, dict[str, str]]]:
    """Mail servers and a zone in which everything is as it should be, and the settings that name them."""
    office = PostOffice(folder / "post.sqlite3")
    await office.start()
    try:
        with serving_zone(sound_zone()) as zone:
            yield zone, _named(office, zone)
    finally:
        await office.close()


def _named(office: PostOffice, zone: Zone) -> dict[str, str]:
    return {
        "FUKAN_DEMO": "false",
        "FUKAN_MAIL__ADDRESS": f"keiyaku@{OWN}",
        "FUKAN_MAIL__INTAKE": f"uketsuke@{OWN}",
        "FUKAN_SMTP__PORT": str(office.smtp_port),
        "FUKAN_SMTP__TLS": "none",
        "FUKAN_SMTP__SENDS_FROM": "192.0.2.9",
        "FUKAN_IMAP__PORT": str(office.imap_port),
        "FUKAN_IMAP__TLS": "false",
        "FUKAN_IMAP__USER": f"uketsuke@{OWN}",
        "FUKAN_IMAP__PASSWORD": PASSWORD,
        "FUKAN_DNS__SERVERS": zone.server,
    }


async def verdict(settings: Settings) -> bool:
    async with opened(settings) as services:
        return await mail_is_sound(services)


async def test_the_mail_is_looked_at_tried_out_and_the_verdict_kept(var: Path, tmp_path: Path) -> None:
    async with mail_world(tmp_path) as (zone, named):
        settings = load(var, named)
        assert not await verdict(settings)
        ran = await asyncio.to_thread(fukan, "doctor", "--mail", "--directory", var, **named)
        said = ran.out
        assert ran.status == 0, said
        assert "×" not in said, said
        for words in ("○ SPF", "○ DMARC\n", "○ 試しのメール\n    ・", "－ 時計：", "○ 返信での操作"):
            assert words in said
        assert await verdict(settings)
        zone.txt(OWN, "v=spf1 ip4:198.51.100.7 -all")
        outcomes = await examine(settings)
        assert not is_sound(outcomes)
        assert "× SPF：中継サーバー 192.0.2.9 が" in report(outcomes)
        assert "試しのメール" not in report(outcomes)
        assert "－ 返信での操作（送信・取消など）：止めています。" in report(outcomes)
        assert not await verdict(settings)


def test_that_nobody_can_be_known_is_a_fault(tmp_path: Path) -> None:
    def said(**mail: object) -> str:
        settings = Settings.model_validate({"directory": tmp_path, "mail": mail})
        return report([_senders(settings)])

    assert said() == "○ 差出人の確認"
    assert said(verify_dkim=False, trusted_authserv_ids=["mx.example"]) == "○ 差出人の確認"
    assert said(verify_dkim=False).startswith("× 差出人の確認：差出人を確かめる方法がない")


async def test_a_host_with_pages_only_does_not_look_at_the_mail(var: Path) -> None:
    shutil.rmtree(var / "keys" / "bot")
    settings = load(var, {"FUKAN_DEMO": "false", "FUKAN_SMTP__PORT": "1", "FUKAN_IMAP__PORT": "1"})
    said = report(await examine(settings))
    assert "SMTP" not in said
    assert "SPF" not in said


def test_a_database_that_cannot_be_reached_is_one_line_and_no_password(var: Path) -> None:
    url = "postgres://fukan:geheim@127.0.0.1:1/fukan"
    ran = fukan("doctor", "--directory", var, FUKAN_DATABASE=url)
    assert ran.status == 1
    assert "× データベース" in ran.out
    assert "geheim" not in ran.out + ran.err
    assert "Traceback" not in ran.err


def test_no_personal_data_is_printed(var: Path) -> None:
    forge(var, "UPDATE envelopes SET state = 'signing'", "DELETE FROM consents WHERE id = 1")
    printed = doctor(var).out
    for secret in ("髙橋 一郎", "ichiro@", "北沢"):
        assert secret not in printed
