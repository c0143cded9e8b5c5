"""The certificate on paper: archival, with every letter that a name may hold, and long ones wrapped."""

import re
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest

from envelopes.papers import certificate as papers
from envelopes.papers.certificate import NotTypeset, typeset
from envelopes.papers.desk import PRELOAD, Papers
from envelopes.rules.errors import Later, Reason
from envelopes.sandbox import Sandbox
from tests.certificates import certificate, contractor, document, village
from tests.papers.archival import faults
from tests.papers.odd import LIMITS

# 山田太郎 is what other services print as boxes; then IBM's and Unicode's own forms, a surrogate pair, JIS X 0213's
# kana with marks, and letters of its third and fourth planes.
NAMES = "山田太郎 髙﨑 𠮷野家 か゚セ゚ツ゚ ヷ 𠀋 俱 塚 﨟 鷗 ㈱ ㍿"


def read(data: bytes, folder: Path) -> str:
    path = folder / "a.pdf"
    path.write_bytes(data)
    ran = subprocess.run(["pdftotext", "-raw", path, "-"], check=True, capture_output=True, text=True)
    return "".join(ran.stdout.split())


def test_it_is_archival_and_an_altered_one_is_found_out() -> None:
    data = typeset(certificate()).data
    assert not faults(data)
    assert _without(data, "OutputIntents") == ["6.2.3 output intent"]
    assert _without(data, "Metadata") == ["6.6.2 metadata"]
    assert any("not embedded" in fault for fault in _without_fonts(data))


def _saved(pdf: pikepdf.Pdf) -> bytes:
    out = BytesIO()
    pdf.save(out, min_version="1.7")
    return out.getvalue()


def _without(data: bytes, key: str) -> list[str]:
    with pikepdf.open(BytesIO(data)) as pdf:
        del pdf.Root[f"/{key}"]
        return faults(_saved(pdf))


def _without_fonts(data: bytes) -> list[str]:
    with pikepdf.open(BytesIO(data)) as pdf:
        for item in pdf.objects:
            if isinstance(item, pikepdf.Dictionary) and "/FontFile3" in item:
                del item["/FontFile3"]
        return faults(_saved(pdf))


def test_every_font_is_embedded_and_a_subset(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(typeset(certificate()).data)
    ran = subprocess.run(["pdffonts", tmp_path / "a.pdf"], check=True, capture_output=True, text=True)
    rows = ran.stdout.splitlines()[2:]
    assert rows
    for row in rows:
        assert re.search(r"\byes +yes +yes\b", row), row  # embedded, subset, Unicode
        assert "JP" in row or "jp" in row


def test_rare_letters_of_names_are_printed_as_they_are(tmp_path: Path) -> None:
    made = typeset(certificate(signatories=(contractor(person=NAMES), village())))
    text = read(made.data, tmp_path)
    assert "".join(NAMES.split()) in text
    assert "〓" not in text


def test_a_letter_that_no_font_has_is_marked_and_explained(tmp_path: Path) -> None:
    made = typeset(certificate(signatories=(contractor(company="😀ไทย建設\ue000"), village())))
    text = read(made.data, tmp_path)
    assert "〓建設〓" in re.sub("〓+", "〓", text)
    assert "書体にない文字" in text
    assert not faults(made.data)


def test_nothing_in_a_name_is_a_command(tmp_path: Path) -> None:
    odd = '#panic("x") *太字* $x$ "引用" \\ <a@b> `c`'
    text = read(typeset(certificate(title=odd)).data, tmp_path)
    assert "".join(odd.split()) in text


def test_what_would_turn_the_writing_is_taken_out(tmp_path: Path) -> None:
    text = read(typeset(certificate(title="工事\u202e契約\u200b書\n二")).data, tmp_path)
    assert "工事契約書二" in text


def test_the_id_of_a_document_is_never_torn(tmp_path: Path) -> None:
    one = document(title="書" * 30)  # leaves room beside it for half of an id
    path = tmp_path / "a.pdf"
    path.write_bytes(typeset(certificate(documents=(one,))).data)
    ran = subprocess.run(["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True)
    assert one.certificate_id in ran.stdout


def test_long_names_wrap_and_lose_nothing(tmp_path: Path) -> None:
    company, title = "髙橋・山田特定建設工事共同企業体" * 12, "令和8年度とても長い名前の文書" * 13
    made = typeset(
        certificate(
            title=title,
            signatories=(contractor(company=company), village()),
            documents=(document(title=title),),
        )
    )
    text = read(made.data, tmp_path)
    assert company in text
    assert text.count(title) == 2
    _assert_inside(made.data, tmp_path)


def _assert_inside(data: bytes, folder: Path) -> None:
    """No word stands nearer than 15 mm to the edge of the page."""
    (folder / "b.pdf").write_bytes(data)
    ran = subprocess.run(
        ["pdftotext", "-bbox", folder / "b.pdf", "-"], check=True, capture_output=True, text=True
    )
    edges = [float(x) for x in re.findall(r'xMax="([\d.]+)"', ran.stdout)]
    assert max(edges) < 595.3 - 42.5


def test_twenty_documents_and_five_signatories_fit_a_few_pages(tmp_path: Path) -> None:
    made = typeset(
        certificate(
            signatories=(*(contractor(company=f"会社{n}") for n in range(1, 5)), village()),
            documents=tuple(document(n, signers=5) for n in range(1, 21)),
        )
    )
    text = read(made.data, tmp_path)
    assert made.pages <= 6
    assert all(f"文書の{n}" in text for n in range(1, 21))
    assert all(f"会社{n}" in text for n in range(1, 5))


def test_a_usual_contract_fits_two_pages() -> None:
    assert typeset(certificate(documents=(document(1), document(2)))).pages == 2


def test_the_same_words_give_the_same_bytes() -> None:
    assert typeset(certificate()).data == typeset(certificate()).data


def test_without_the_fonts_nothing_is_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(papers, "_FONTS", tmp_path)
    with pytest.raises(NotTypeset):
        typeset(certificate())


async def test_it_is_made_in_a_child_and_a_fault_there_means_later() -> None:
    sandbox = Sandbox(preload=PRELOAD)
    limits = replace(LIMITS, wall_seconds=60)
    try:
        made = await Papers(sandbox=sandbox, limits=limits).typeset(certificate())
        assert made.data.startswith(b"%PDF-1.7")
        cramped = Papers(sandbox=sandbox, limits=replace(limits, memory_bytes=150 * 1024 * 1024))
        with pytest.raises(Later) as later:
            await cramped.typeset(certificate())
        assert later.value.reason is Reason.CERTIFICATE_NOT_MADE
    finally:
        await sandbox.close()
