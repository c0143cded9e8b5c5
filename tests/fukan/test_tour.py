"""The tour: both kinds from beginning to end, and what is left of them."""

import json
import os
import re
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from fukan.demo.reading import read
from fukan.demo.tour import Authenticator, NotEmpty, _make_room
from tests.fukan.command import fukan
from tests.fukan.conftest import Played


def transcript(played: Played) -> dict[str, Any]:
    return json.loads((played.directory / "transcript.json").read_text(encoding="utf-8"))


def pdfs(played: Played) -> list[Path]:
    return sorted(played.directory.glob("*.pdf"))


def signed(played: Played) -> list[Path]:
    return [path for path in pdfs(played) if not _is_certificate(path.name)]


def _is_certificate(name: str) -> bool:
    return name.endswith(("_締結証明書.pdf", "-certificate.pdf"))


def mails(played: Played) -> list[bytes]:
    return [path.read_bytes() for path in sorted(played.directory.glob("mails/*/*.eml"))]


def test_a_contract_goes_from_the_mail_to_two_signatures(contract: Played) -> None:
    assert contract.ran.status == 0, contract.ran.err
    assert len(signed(contract)) == 2
    for path in signed(contract):
        assert path.read_bytes().count(b"ETSI.CAdES.detached") == 2


def test_an_acceptance_is_signed_by_the_contractor_alone(acceptance: Played) -> None:
    assert acceptance.ran.status == 0, acceptance.ran.err
    (path,) = signed(acceptance)
    assert path.read_bytes().count(b"ETSI.CAdES.detached") == 1
    assert not (acceptance.directory / "mails" / "kitazawa@vill-mihon.example").exists()


def test_each_tour_ends_with_one_certificate_that_the_transcript_names(
    contract: Played, acceptance: Played
) -> None:
    for played in (contract, acceptance):
        (path,) = set(pdfs(played)) - set(signed(played))
        said = [item["name"] for item in transcript(played)["files"] if item["what"] == "締結証明書"]
        assert said == [path.name]
        assert path.read_bytes().count(b"ETSI.CAdES.detached") == 1


@pytest.mark.alone
def test_the_sample_takes_less_than_half_a_minute(contract: Played) -> None:
    # Without the start of the world: the machine may be making several sets of keys at once.
    assert sum(step["seconds"] for step in transcript(contract)["steps"]) < 30


def test_states_are_those_of_the_procedure_in_its_order(contract: Played, acceptance: Played) -> None:
    both = ["下書き", "送信の準備中", "相手方の署名待ち"]
    assert _states(contract, both) == both
    seen = [step["state"] for step in transcript(contract)["steps"]]
    assert seen[-1] == "締結済み"
    assert "みほん村の署名待ち" in seen
    assert [step["state"] for step in transcript(acceptance)["steps"]][-1] == "提出済み"


def _states(played: Played, wanted: list[str]) -> list[str]:
    seen = [step["state"] for step in transcript(played)["steps"]]
    return [state for state in dict.fromkeys(seen) if state in wanted]


def test_the_transcript_names_the_files_by_their_hashes(contract: Played) -> None:
    said = {item["name"]: item["sha256"] for item in transcript(contract)["files"]}
    assert said == {path.name: sha256(path.read_bytes()).hexdigest() for path in pdfs(contract)}


def test_every_step_is_printed_with_its_time(contract: Played) -> None:
    for step in transcript(contract)["steps"]:
        line = re.escape(step["step"])
        assert re.search(rf"^ *{step['since']:.1f}秒  {line}", contract.ran.out, re.MULTILINE)


def test_every_mail_is_kept(contract: Played) -> None:
    subjects = [read(raw).subject for raw in mails(contract)]
    for words in ("受け付けました（下書き）", "署名依頼", "確認コード", "【署名待ち】", "電子署名完了"):
        assert any(words in subject for subject in subjects), words
    assert len(subjects) == transcript(contract)["mails"]


def test_qpdf_and_pdfsig_find_the_files_sound(contract: Played) -> None:
    for path in signed(contract):
        assert subprocess.run(["qpdf", "--check", path], capture_output=True, check=False).returncode == 0
        report = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True, check=False)
        assert report.stdout.count("Signature is Valid") == 2


def test_no_code_and_no_link_is_printed(contract: Played) -> None:
    printed = contract.ran.out + contract.ran.err
    assert "http" not in printed
    texts = [read(raw) for raw in mails(contract)]
    codes = {one.text.split("（")[0].strip() for one in texts if "確認コード" in one.subject}
    assert codes
    assert not [code for code in codes if code in printed]


def test_a_document_that_is_refused_ends_the_tour_with_its_step(tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing more")
    ran = fukan("demo", "--tour", tmp_path / "out", "--document", tmp_path / "broken.pdf")
    assert ran.status == 1
    assert "できなかったこと：職員：下書きができたという返事が届きました" in ran.err
    assert "下書きを作れませんでした" in ran.err
    left = json.loads((tmp_path / "out" / "transcript.json").read_text(encoding="utf-8"))
    assert left["failed"] == "職員：下書きができたという返事が届きました"
    assert left["mails"] == 2


def _scan(path: Path) -> None:
    """Write a page of noise of about 2.5 MB, which nothing makes smaller."""
    width, height = 1000, 840
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page(page_size=(595, 842))
        noise = pdf.make_stream(os.urandom(width * height * 3), Type=pikepdf.Name.XObject)
        noise.update({"/Subtype": pikepdf.Name.Image, "/ColorSpace": pikepdf.Name.DeviceRGB})
        noise.update({"/Width": width, "/Height": height, "/BitsPerComponent": 8})
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=noise))
        page.Contents = pdf.make_stream(b"q 500 0 0 420 40 300 cm /Im0 Do Q")
        pdf.save(path)


def test_what_is_too_big_for_a_carrier_is_fetched_by_link_and_code(tmp_path: Path) -> None:
    _scan(tmp_path / "図面①.pdf")
    words = ("--document", tmp_path / "図面①.pdf", "--contractor=a..b.@docomo.ne.jp", "--kind=請書")
    ran = fukan("demo", "--tour", tmp_path / "out", *words)
    assert ran.status == 0, ran.err
    names = sorted(path.name for path in (tmp_path / "out").glob("*.pdf"))
    assert names == ["1-図面①.pdf", "2-締結証明書.pdf"]
    letters = [read(each.read_bytes()) for each in (tmp_path / "out" / "mails").glob("a..b.@*/*.eml")]
    assert not [one for one in letters if one.attachments]
    assert len([one for one in letters if "確認コード" in one.subject]) == 2


def test_an_unknown_kind_is_refused_before_anything_starts(tmp_path: Path) -> None:
    ran = fukan("demo", "--tour", tmp_path / "out", "--kind=覚書")
    assert ran.status == 2
    assert not (tmp_path / "out").exists()


def test_a_directory_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.pdf").write_bytes(b"mine")
    with pytest.raises(NotEmpty):
        _make_room(tmp_path)
    assert (tmp_path / "mine.pdf").read_bytes() == b"mine"


def test_a_second_tour_removes_what_the_first_one_left_and_nothing_else(tmp_path: Path) -> None:
    for name in ("world", "mails"):
        (tmp_path / name).mkdir()
    for name in ("1-a.pdf", "mine.pdf"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "transcript.json").write_text('{"files": [{"name": "1-a.pdf"}, {"name": "../mine.pdf"}]}')
    (tmp_path.parent / "mine.pdf").write_bytes(b"outside")
    _make_room(tmp_path)
    assert (tmp_path.parent / "mine.pdf").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["transcript.json"]


async def test_an_authenticator_never_shows_the_same_digits_twice() -> None:
    phone = Authenticator("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    assert await phone.code(1_000_000_020.0) != await phone.code(1_000_000_021.0)
