"""Makes the sample documents from their sources: `python -m fukan.demo.samples.build`.

For developers only: it wants the Noto CJK fonts (see README.md beside it). The PDFs are kept in the repository, so that
the same demo is played everywhere.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
FONTS: Final = Path("/usr/share/fonts/opentype/noto")  # why: where Debian's fonts-noto-cjk puts them
# A fixed date of making: the same sources give the same bytes.
MADE: Final = datetime(2026, 4, 1, tzinfo=UTC)
# Source → name of the PDF, as staff would name the file.
DOCUMENTS: Final = {
    "koji-ukeoi-keiyakusho": "工事請負契約書.pdf",
    "tokki-shiyosho": "特記仕様書.pdf",
    "ukesho": "請書.pdf",
}


def compile_one(source: str) -> bytes:
    """Return the PDF/A-2b made from `source`.typ, with every font embedded."""
    import typst

    return typst.compile(
        HERE / f"{source}.typ",
        root=HERE,
        font_paths=[FONTS],
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards=["a-2b"],
        pdf_tags=False,
        timestamp=int(MADE.timestamp()),
    )


def main() -> None:
    """Write every sample document into the folder given, by default beside its source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE)
    folder: Path = parser.parse_args().folder
    for source, name in DOCUMENTS.items():
        (folder / name).write_bytes(compile_one(source))
        print(folder / name)


if __name__ == "__main__":
    main()
