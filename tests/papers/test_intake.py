import io
import subprocess
from hashlib import sha256
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Name, Pdf

from envelopes.papers.intake import Received, receive
from envelopes.rules.errors import Reason
from tests.papers import corpus, odd

OTHER_ID = "MHN-5555-6666-7777-8888-9"


def take(data: bytes) -> Received:
    return receive(data, certificate_id=odd.ID, limits=odd.LIMITS)


def qpdf_accepts(data: bytes, folder: Path) -> bool:
    path = folder / "file.pdf"
    path.write_bytes(data)
    return subprocess.run(["qpdf", "--check", path], capture_output=True, check=False).returncode == 0


def text_of(data: bytes, folder: Path) -> str:
    path = folder / "file.pdf"
    path.write_bytes(data)
    return subprocess.run(["pdftotext", path, "-"], capture_output=True, check=True).stdout.decode()


def test_what_acts_or_claims_is_gone() -> None:
    for name in (
        "acts on opening",
        "usage rights",
        "empty portfolio",
        "dangling validation data",
        "drawn field",
    ):
        _, make = corpus.ALL_KEPT[name]
        with Pdf.open(io.BytesIO(take(make()).data)) as pdf:
            gone = {"/OpenAction", "/AA", "/Perms", "/Collection", "/DSS", "/AcroForm"}
            assert not gone & set(pdf.Root.keys())


@pytest.mark.parametrize("name", ["odd info", "info no dictionary"])
def test_only_text_is_kept_of_the_document_information(name: str) -> None:
    _, make = corpus.ALL_KEPT[name]
    with Pdf.open(io.BytesIO(take(make()).data)) as pdf:
        assert all(isinstance(value, pikepdf.String) for value in pdf.docinfo.values())


def test_qpdf_is_a_witness_that_can_say_no(tmp_path: Path) -> None:
    good = take(odd.saved(odd.plain())).data
    assert qpdf_accepts(good, tmp_path)
    assert not qpdf_accepts(good.replace(b"endobj", b"endXbj", 1), tmp_path)


def test_a_hybrid_file_keeps_the_content_only_its_stream_knows(tmp_path: Path) -> None:
    assert b"/XRefStm" in odd.hybrid()
    assert "Contract for works" in text_of(take(odd.hybrid()).data, tmp_path)


def test_the_digest_and_page_count_are_of_what_is_kept() -> None:
    received = take(odd.saved(odd.plain(3)))
    assert received.pages == 3
    assert received.sha256 == sha256(received.data).hexdigest()


def test_the_same_file_gives_the_same_bytes() -> None:
    data = odd.saved(odd.plain(2))
    assert take(data) == take(data)


def test_a_kept_file_gets_a_new_id_that_can_be_read(tmp_path: Path) -> None:
    again = receive(take(odd.saved(odd.plain())).data, certificate_id=OTHER_ID, limits=odd.LIMITS)
    text = text_of(again.data, tmp_path)
    assert OTHER_ID in text
    assert odd.ID not in text


def test_a_drawn_field_becomes_content(tmp_path: Path) -> None:
    pdf = odd.plain()
    odd.with_field(pdf, FT=Name.Tx, V="山田太郎", AP=odd.appearance(pdf, b"as drawn"))
    data = take(odd.saved(pdf)).data
    assert "as drawn" in text_of(data, tmp_path)
    with Pdf.open(io.BytesIO(data)) as kept:
        assert not list(kept.pages[0].obj.get("/Annots", []))


def test_a_drawn_field_that_no_form_knows_becomes_content(tmp_path: Path) -> None:
    pdf = odd.plain()
    odd.annotate(pdf, Subtype=Name.Widget, FT=Name.Tx, F=4, AP=odd.appearance(pdf, b"orphan"))
    data = take(odd.saved(pdf)).data
    assert "orphan" in text_of(data, tmp_path)
    assert b"/Widget" not in data


def test_a_latin_value_without_a_drawing_is_drawn(tmp_path: Path) -> None:
    pdf = odd.plain()
    odd.with_field(pdf, FT=Name.Tx, V="12345 yen")
    assert "12345 yen" in text_of(take(odd.saved(pdf)).data, tmp_path)


def test_a_stale_drawing_is_replaced(tmp_path: Path) -> None:
    pdf = odd.plain()
    odd.with_field(pdf, FT=Name.Tx, V="new value", AP=odd.appearance(pdf, b"old value"))
    pdf.Root.AcroForm.NeedAppearances = True
    text = text_of(take(odd.saved(pdf)).data, tmp_path)
    assert "new value" in text
    assert "old value" not in text


def test_links_to_web_pages_stay() -> None:
    data = corpus.action("/URI", URI="https://mihon.example")()
    with Pdf.open(io.BytesIO(take(data).data)) as pdf:
        assert str(pdf.pages[0].Annots[0].A.URI) == "https://mihon.example"


def test_a_scan_is_accepted_with_a_warning() -> None:
    pdf = odd.plain(2)
    odd.scan(pdf)
    assert take(odd.saved(pdf)).warnings == (Reason.PDF_NO_TEXT,)
    assert take(odd.saved(odd.plain(2))).warnings == ()
