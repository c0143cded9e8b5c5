"""Much of everything: twenty documents, two hundred pages, ten megabytes, and names that no line can hold."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.journeys import cast
from tests.journeys.people import SMALL, Phone, Roles
from tests.journeys.post import Attachment
from tests.journeys.world import World
from tests.papers import odd

pytestmark = pytest.mark.timeout(600)

NARROW = {"width": 320, "height": 640}  # a phone whose owner has made everything larger


def long_paper(pages: int) -> Attachment:
    """A document with a number on each of its flat pages, so that they are drawn in no time."""
    pdf = odd.plain(pages, size=(595, 72))
    for number, page in enumerate(pdf.pages, start=1):
        page.obj.Contents = pdf.make_stream(b"BT /F1 12 Tf 20 30 Td (Sheet %d of the list) Tj ET" % number)
    return "01_工事数量総括表.pdf", odd.saved(pdf)


def drawn(world: World, title: str) -> int:
    """How many of the envelope's documents have their page images."""
    mine = "SELECT count(*) FROM documents d JOIN envelopes e ON e.id = d.envelope_id"
    return int(world.one(f"{mine} WHERE e.title = '{title}' AND d.pages_sha256 IS NOT NULL"))


def fits(phone: Phone) -> None:
    """Nothing of the page is wider than the window."""
    width = phone.page.evaluate("document.documentElement.scrollWidth")
    assert width <= phone.page.viewport_size["width"], f"{phone.page.url} is {width} px wide"  # type: ignore[index]


def test_twenty_documents_one_of_two_hundred_pages_are_read_without_a_script(
    world: World, roles: Roles, title: str
) -> None:
    documents = [long_paper(200), *((f"{number:02}_別紙.pdf", SMALL[1]) for number in range(2, 21))]
    clerk = roles.clerk(title, scripts=False)
    clerk.forward(documents=documents)
    # Drawing them all takes a while on a busy machine, and most of it goes by before the first is done.
    world.wait(lambda: drawn(world, title) == len(documents), "all documents to be drawn", patience=240)
    clerk.confirm_without_looking()
    contractor = roles.contractor(title, scripts=False)
    contractor.asked()
    contractor.prove()
    assert "20件中1件を表示済み" in contractor.text.replace("\n", "")
    assert contractor.page.locator("figure").count() == 12
    assert "全200ページのうち、1〜12ページを表示しています" in contractor.text
    # The first image is wanted at once, the others when somebody comes near them.
    assert contractor.page.locator("figure img:not([loading=lazy])").count() == 1
    contractor.press("続きを表示する（13ページから）")
    assert "Sheet 13 of the list" in contractor.page.locator("#page-1-13").inner_html()
    assert contractor.page.url.endswith("?page=13#page-1-13")
    contractor.press("前のページを表示する")
    assert contractor.page.locator("#page-1-1").count() == 1
    # By number, in any width of digits; the last page alone.
    contractor.page.click("summary:has-text('ページ番号で開く')")
    contractor.page.fill("#page", "２００")
    contractor.press("このページから表示する")
    assert "Sheet 200 of the list" in contractor.page.locator("figure").inner_html()
    contractor.press("文字で読む")
    assert contractor.page.locator("details[open]:has-text('Sheet 200')").is_visible()
    contractor.press("次の文書を表示する", exact=False)
    contractor.read_on()
    assert "20件中20件を表示済み" in contractor.text.replace("\n", "")
    contractor.complete()
    assert contractor.heading == "署名を受け付けました"
    clerk.envelope_page()
    clerk.open(f"{clerk.page.url}/1?page=195")
    assert clerk.page.locator("figure").count() == 6


def test_a_scan_of_ten_megabytes_is_shown_signed_and_sent_by_link(
    world: World, roles: Roles, title: str
) -> None:
    pdf = odd.plain()
    odd.scan(pdf, os.urandom(3200 * 3200), side=3200)
    clerk = roles.clerk(title, scripts=False)
    clerk.forward(kind="請書", documents=[("図面.pdf", odd.saved(pdf))])
    draft = clerk.letter("受け付けました（下書き）")
    assert "文字の情報がないページがあります" in draft.flat
    clerk.sign_in(next_to=draft.link)
    assert "文字の情報がないページがあります" in clerk.text
    clerk.pick("1")
    clerk.press("内容を確認して送信する")
    contractor = roles.contractor(title)
    contractor.asked()
    contractor.prove()
    assert "このページは画像のため、文字で読めません" in contractor.text
    assert "電話 0261-00-0000 で承ります" in contractor.text
    image = contractor.page.locator("figure img").first
    image.evaluate("one => one.decode()")
    source = world.url + str(image.evaluate("one => new URL(one.currentSrc).pathname"))
    # Noise is the worst there is to pack, and still it comes to a phone.
    assert len(contractor.fetch(source)) < 2_000_000
    assert len(contractor.fetch(f"{world.url}{contractor.base}/1/pdf")) > 10_000_000
    contractor.complete()
    letter = contractor.letter("電子署名完了")
    assert letter.attachments == {}
    assert re.search(r"10\.\dMBあり、添付できる大きさ（6MB）を超えるため", letter.flat), letter.text


def test_names_that_no_line_can_hold_stay_whole_and_inside(roles: Roles, title: str, tmp_path: Path) -> None:
    long = f"{title}社会資本整備総合交付金事業みほん村公共下水道管渠布設替え工事そのに"
    name = (
        "特定環境保全公共下水道管渠布設替え工事数量総括表（髙﨑地区・第二工区）最終版20260804rev3_FINAL.pdf"
    )
    _, contractor = roles.out(long, cast.TAKASAKI, kind="請書", documents=[(name, SMALL[1])], scripts=True)
    phone = contractor.page
    phone.set_viewport_size(NARROW)  # type: ignore[arg-type]
    contractor.open(contractor.link)
    fits(contractor)
    assert "髙﨑 龍之介左衛門" in contractor.text
    contractor.press("署名しない（差戻し・辞退）")
    fits(contractor)
    contractor.prove()
    fits(contractor)
    assert name.removesuffix(".pdf") in contractor.text
    contractor.press("完了する")
    fits(contractor)
    contractor.open(f"{contractor.base}/confirm")
    fits(contractor)
    contractor.press("署名手続きを完了する")
    phone.wait_for_url("**/done")
    fits(contractor)
    letter = contractor.letter("電子署名完了")
    assert "髙﨑 龍之介左衛門 様" in letter.text
    contractor.open(letter.link)
    fits(contractor)
    with phone.expect_download() as saved:
        phone.click("a[href$='/1.pdf']")
    assert saved.value.suggested_filename == name
    path = tmp_path / "certificate.pdf"
    path.write_bytes(letter.certificate)
    read = subprocess.run(["pdftotext", "-raw", path, "-"], check=True, capture_output=True, text=True)
    assert "髙﨑龍之介左衛門" in "".join(read.stdout.split())
