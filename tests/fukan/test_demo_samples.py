"""The sample documents are the product of their sources: text, pages, fonts."""

import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest

from fukan.demo.samples.build import DOCUMENTS, FONTS, HERE, compile_one

PAGES = {"工事請負契約書.pdf": 3, "特記仕様書.pdf": 1, "請書.pdf": 1}
WORDS = {
    "工事請負契約書.pdf": (
        "工事請負契約書",
        "村道北城線舗装補修工事",
        "12,980,000円",
        "髙橋建設株式会社",
        "電磁的記録",
    ),
    "特記仕様書.pdf": ("特記仕様書", "村道北城線舗装補修工事", "路面切削工"),
    "請書.pdf": ("請書", "880,000円", "髙橋一郎", "電磁的記録"),
}
BIGGEST = 400_000


def _run(tool: str, *args: str | Path) -> str:
    return subprocess.run([tool, *map(str, args)], check=True, capture_output=True, text=True).stdout


def _text(path: Path) -> str:
    return "".join(unicodedata.normalize("NFC", _run("pdftotext", path, "-")).split())


def _fonts_outside(path: Path) -> list[str]:
    """Fonts of *path* that are not embedded."""
    rows = _run("pdffonts", path).splitlines()[2:]
    assert rows
    return [row for row in rows if row.split()[-5] != "yes"]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_sample_says_what_the_demo_plays(name: str) -> None:
    path = HERE / name
    assert f"Pages:           {PAGES[name]}" in _run("pdfinfo", path)
    assert not [word for word in WORDS[name] if word not in _text(path)]
    assert path.stat().st_size < BIGGEST


@pytest.mark.parametrize("name", sorted(PAGES))
def test_sample_embeds_every_font(name: str) -> None:
    assert _fonts_outside(HERE / name) == []


def test_font_check_notices_a_font_that_is_not_embedded(tmp_path: Path) -> None:
    bare = tmp_path / "bare.pdf"
    bare.write_bytes(
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Resources<</Font<</F 4 0 R>>>>>>endobj\n"
        b"4 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\ntrailer<</Root 1 0 R>>\n"
    )
    assert len(_fonts_outside(bare)) == 1


@pytest.mark.parametrize("source", sorted(DOCUMENTS))
def test_committed_pdf_is_what_the_source_makes(source: str, tmp_path: Path) -> None:
    assert shutil.which("pdftotext")
    assert FONTS.is_dir(), "fonts-noto-cjk is needed to make the samples"
    made = tmp_path / "made.pdf"
    made.write_bytes(compile_one(source))
    kept = HERE / DOCUMENTS[source]
    assert _text(made) == _text(kept)
    assert _run("pdfinfo", made).split("Pages:")[1].split()[0] == str(PAGES[kept.name])


def test_samples_pass_for_sound_files() -> None:
    for name in PAGES:
        assert "No syntax or stream encoding errors found" in _run("qpdf", "--check", HERE / name)
