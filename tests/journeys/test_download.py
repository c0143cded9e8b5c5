"""The signed files by link: why nothing is attached, two weeks, then a fresh link to the registered address."""

import io
import os
import re
import zipfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from tests.journeys import cast
from tests.journeys.people import Contractor, Roles
from tests.journeys.post import Attachment, Letter
from tests.journeys.world import World
from tests.papers import odd

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

FORTNIGHT = 15 * 24 * 3600.0


def heavy(side: int) -> Attachment:
    """A scan that does not get smaller: about *side* squared bytes."""
    pdf = odd.plain()
    odd.scan(pdf, os.urandom(side * side), side=side)
    return "図面.pdf", odd.saved(pdf)


def until(letter: Letter) -> str:
    """Until when the mail says the files can be had: 2026年8月20日（木）23時59分まで."""
    found = re.search(r"ダウンロードできるのは、(.{8,20})23時59分までです", letter.flat)
    assert found is not None, letter.text
    return found[1]


def test_carrier_address_gets_a_link_with_the_reason_and_the_files_behind_a_code(
    world: World, roles: Roles, title: str
) -> None:
    clerk, contractor = roles.out(title, cast.YAMADA, kind="請書", documents=[heavy(1450)])
    _sign(contractor)
    letter = contractor.letter("電子署名完了")
    assert letter.attachments == {}
    assert letter.html == ""
    assert "携帯会社のアドレスに添付できるのは2MBまで" in letter.flat, letter.text
    # The clerk's own address takes six.
    completed = clerk.letter("電子署名完了")
    assert len(completed.signed) == 1

    stranger = roles.stranger(scripts=False)
    stranger.open(letter.link)
    assert stranger.heading == "確認コードを入力してください"
    for name in ("1.pdf", "certificate.pdf", "all.zip"):
        assert stranger.status(f"{letter.link}/{name}") == 303
    stranger.open(f"{letter.link}/1.pdf")
    assert stranger.heading == "確認コードを入力してください"

    # Another browser than the one he signed in, which has proved who uses it already.
    contractor = roles.contractor(title, cast.YAMADA)
    contractor.open(letter.link)
    contractor.press("コードを送る")
    code = contractor.letter("確認コード")
    assert "署名済みの文書のダウンロード" in code.text
    contractor.submit(code.code)
    assert contractor.heading == "提出した請書をダウンロードする"
    assert until(letter) in contractor.text
    assert "23時59分まで" in contractor.text
    data = contractor.fetch(f"{letter.link}/1.pdf")
    (digest,) = {one["sha256"] for one in world.rows(last_revision(title))}
    assert sha256(data).hexdigest() == digest
    assert "締結証明書" in contractor.text
    assert contractor.fetch(f"{letter.link}/certificate.pdf") == completed.certificate
    with zipfile.ZipFile(io.BytesIO(contractor.fetch(f"{letter.link}/all.zip"))) as together:
        assert together.namelist() == ["01_図面.pdf", "締結証明書.pdf"]
    assert stranger.status(f"{letter.link}/1.pdf") == 303
    # Saved by the browser, under the names that people know.
    for path, name in (
        ("1.pdf", "図面.pdf"),
        ("certificate.pdf", "締結証明書.pdf"),
        ("all.zip", f"{title}.zip"),
    ):
        with contractor.page.expect_download() as saved:
            contractor.page.click(f"a[href$='/{path}']")
        assert saved.value.suggested_filename == name
    assert "Acrobat Reader" in contractor.text


def _sign(contractor: Contractor) -> None:
    contractor.prove()
    contractor.complete()


def last_revision(title: str) -> str:
    return (
        "SELECT s.sha256 FROM segments s JOIN documents d ON d.id = s.document_id"
        f" JOIN envelopes e ON e.id = d.envelope_id WHERE e.title = '{title}' AND d.position = 1"
        " ORDER BY s.number DESC LIMIT 1"
    )


def test_files_over_six_megabytes_go_by_link_to_everybody(world: World, roles: Roles, title: str) -> None:
    clerk, contractor = roles.out(title, kind="請書", documents=[heavy(2500)])
    _sign(contractor)
    for letter in (contractor.letter("電子署名完了"), clerk.letter("電子署名完了")):
        assert letter.attachments == {}
        assert "添付できる大きさ（6MB）を超えるため" in letter.flat, letter.text
        assert world.url in letter.link
    clerk.open(letter.link)
    for name in ("signed.pdf", "certificate.pdf"):
        assert clerk.status(clerk.page.get_attribute(f"a[href$='{name}']", "href") or "") == 200


def test_after_two_weeks_a_fresh_link_goes_to_the_registered_address_only(
    world: World, roles: Roles, title: str
) -> None:
    _, contractor = roles.out(title, kind="請書")
    _sign(contractor)
    letter = contractor.letter("電子署名完了")
    (attached,) = letter.signed
    world.quiet()
    _let_a_fortnight_pass(world, title)
    contractor.open(letter.link)
    assert contractor.heading == "ダウンロード期間が終わりました"
    assert contractor.open(f"{letter.link}/1.pdf").status == 410
    assert contractor.heading == "ダウンロード期間が終わりました"
    assert world.one(views(title)) == 0

    before = {box: len(world.post.letters(box)) for box in (cast.MINAMI.address, cast.YOSO.address)}
    stranger = roles.stranger(scripts=False)
    stranger.open(letter.link)
    assert until(letter)[:4] in stranger.text
    stranger.press("新しいリンクを送る")
    assert stranger.heading == "新しいリンクを送りました"
    assert cast.TAKAHASHI.address not in stranger.text
    fresh = contractor.letter("再交付")
    assert {box: len(world.post.letters(box)) for box in before} == before
    contractor.open(fresh.link)
    if contractor.heading == "確認コードを入力してください":
        contractor.press("コードを送る")
        contractor.submit(contractor.letter("確認コード").code)
    assert contractor.heading == "提出した請書をダウンロードする"
    assert contractor.fetch(f"{fresh.link}/1.pdf") == attached
    assert contractor.fetch(f"{fresh.link}/certificate.pdf") == letter.certificate


def views(title: str) -> str:
    """How many files of the envelope the portal could open."""
    where = f"envelope_ref = (SELECT ref FROM envelopes WHERE title = '{title}')"
    return f"SELECT count(*) FROM files WHERE {where} AND view_wrap IS NOT NULL"


def _let_a_fortnight_pass(world: World, title: str) -> None:
    mine = f"(SELECT id FROM envelopes WHERE title = '{title}')"
    world.earlier("envelopes", "window_ends_at", FORTNIGHT, f"title = '{title}'")
    # Due at this moment and not since midnight: the bot would tell of a queue that has stood still for hours.
    now = datetime.now(UTC) + timedelta(hours=9)
    today = now - now.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = FORTNIGHT - today.total_seconds()
    world.earlier("tasks", "run_at", passed, f"kind = 'close_window' AND envelope_id = {mine}")
    world.wait(lambda: world.one(views(title)) == 0, "the window to be closed")


def test_window_ends_at_the_end_of_the_fourteenth_day(world: World, roles: Roles, title: str) -> None:
    _, contractor = roles.out(title, kind="請書")
    _sign(contractor)
    letter = contractor.letter("電子署名完了")
    done = (datetime.fromisoformat(str(world.one(completed(title)))) + timedelta(hours=9)).date()
    last = done + timedelta(days=14)
    assert until(letter).startswith(f"{last.year}年{last.month}月{last.day}日")


def completed(title: str) -> str:
    return f"SELECT completed_at FROM envelopes WHERE title = '{title}'"
