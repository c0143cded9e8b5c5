"""契約書 from the clerk's mail to the last attachment, with a phone that runs scripts."""

import io
import re
import zipfile
from pathlib import Path

import pytest

import fukan.demo.samples
from tests.journeys import cast, proofs
from tests.journeys.people import Clerk, Contractor, Roles
from tests.journeys.post import Letter
from tests.journeys.world import World
from tests.signing import witnesses

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

SAMPLES = Path(fukan.demo.samples.__file__).parent
DOCUMENTS = [(name, (SAMPLES / name).read_bytes()) for name in ("工事請負契約書.pdf", "特記仕様書.pdf")]


def test_contract_of_two_documents_is_signed_by_both_sides_and_proves_itself(
    world: World, roles: Roles, title: str, tmp_path: Path
) -> None:
    clerk = roles.clerk(title, shots=True)
    clerk.forward(documents=DOCUMENTS)
    _draft_is_checked_and_sent(clerk)

    contractor = roles.contractor(title, shots=True)
    _request_says_what_is_wanted(contractor.asked())
    _contractor_signs(contractor)
    village = roles.clerk(title, cast.KITAZAWA, shots=True)
    village.sign_for_village()

    world.wait_state(title, "completed")
    for letter in (contractor.letter("電子署名完了"), clerk.letter("電子署名完了")):
        assert len(letter.signed) == 2
        proofs.require_sound(letter.certificate, signatures=1, world=world, folder=tmp_path)
        for content in letter.signed:
            proofs.require_sound(content, signatures=2, world=world, folder=tmp_path)
            _is_cades_with_timestamp(content, tmp_path)
    _pages_afterwards(contractor, village)
    _evidence_is_made_for_who_asks(clerk)
    assert contractor.script_errors == []
    assert clerk.script_errors == []


def _draft_is_checked_and_sent(clerk: Clerk) -> None:
    draft = clerk.letter("受け付けました（下書き）")
    assert "12,980,000円" in draft.text
    assert draft.link.startswith(f"{clerk.world.url}/staff/drafts/")
    clerk.open("/")
    clerk.shot("01-home")
    clerk.sign_in(next_to=draft.link)
    assert "工事請負契約書" in clerk.text
    assert "12,980,000円" in clerk.text
    assert clerk.page.locator("input[name=village_signer]:checked").count() == 1
    clerk.shot("04-draft")
    clerk.press("内容を確認して送信する")
    clerk.shot("05-envelope")
    assert clerk.title in clerk.text


def _request_says_what_is_wanted(letter: Letter) -> None:
    assert "リンクを開いただけで署名されることはありません" in letter.text
    assert "12,980,000" not in letter.raw.decode()
    assert letter.link in letter.html


def _contractor_signs(contractor: Contractor) -> None:
    contractor.open(contractor.link)
    contractor.shot("06-landing")
    assert contractor.title in contractor.text
    assert "12,980,000" not in contractor.text
    contractor.press("確認コードをメールで受け取る")
    contractor.shot("07-code")
    letter = contractor.letter("確認コード")
    assert "http" not in letter.text.replace(contractor.world.url, "")
    word = contractor.page.inner_text(".word")
    assert word in letter.text
    contractor.submit(letter.code)
    contractor.shot("08-viewer")
    assert "token" not in contractor.page.url
    assert re.fullmatch(r"/sign/[a-z2-7]{16}/1", contractor.page.url.removeprefix(contractor.world.url))
    _page_images_are_shown(contractor)
    _completion_is_refused_while_a_document_is_unread(contractor)
    contractor.press("文書2を表示する")
    contractor.shot("10-second-document")
    contractor.press("完了する")
    assert contractor.page.locator("dialog[open]").is_visible()
    contractor.shot("11-dialog")
    contractor.press("署名手続きを完了する")
    contractor.page.wait_for_url("**/done")
    assert contractor.heading == "署名を受け付けました"
    assert "契約はまだ成立していません" in contractor.text
    contractor.shot("12-done")
    received = contractor.letter("署名を受け付けました")
    assert "契約はまだ成立していません" in received.text


def _page_images_are_shown(contractor: Contractor) -> None:
    # decode() ends once the picture is there, and fails if it is none.
    contractor.page.locator(".pages img").first.evaluate("one => one.decode()")


def _completion_is_refused_while_a_document_is_unread(contractor: Contractor) -> None:
    contractor.press("完了する")
    assert "特記仕様書" in contractor.page.inner_text("dialog")
    assert contractor.page.get_by_role("button", name="署名手続きを完了する").count() == 0
    contractor.shot("09-unread")
    assert contractor.status(f"{contractor.base}/complete", "POST", {"offer": ""}) == 422
    assert contractor.world.state(contractor.title) == "out"


def _is_cades_with_timestamp(content: bytes, folder: Path) -> None:
    for one in witnesses.embedded(content):
        if one.subfilter == proofs.CADES:
            read = proofs.openssl_reads(one, folder)
            assert "id-smime-aa-signingCertificateV2" in read
            assert "id-smime-aa-timeStampToken" in read


def _pages_afterwards(contractor: Contractor, village: Clerk) -> None:
    contractor.open(contractor.link)
    assert contractor.heading == "締結済みです"
    contractor.shot("15-afterwards")
    contractor.open(f"{contractor.base}/done")
    assert "契約が成立しました" in contractor.text
    assert "まだ成立していません" not in contractor.text
    contractor.press("署名したPDFをダウンロードする")
    assert contractor.heading == "締結した契約書をダウンロードする"
    contractor.shot("16-download")
    village.envelope_page()
    village.shot("17-envelope-completed")
    village.open("/staff")
    village.shot("18-desk")


def _evidence_is_made_for_who_asks(clerk: Clerk) -> None:
    """By the bot, which alone has the archive key; the portal hands it out."""
    clerk.envelope_page()
    clerk.press("証拠一式（ZIP）を用意する")
    clerk.press("証拠一式を用意する")
    while clerk.page.get_by_role("link", name="証拠一式を保存する").count() == 0:
        clerk.press("できたか確かめる")
    clerk.shot("19-evidence")
    saved = clerk.page.get_by_role("link", name="証拠一式を保存する").get_attribute("href")
    assert saved is not None
    with zipfile.ZipFile(io.BytesIO(clerk.fetch(clerk.world.url + saved))) as archive:
        assert {"README.txt", "documents/01.pdf", "documents/02.pdf"} <= set(archive.namelist())
        said = archive.read("history/history.csv").decode("utf-8-sig")
    # The contractor's address, whole; of staff none.
    assert said.count('""ip"":""127.0.0.1""') == 2
