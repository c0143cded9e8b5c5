# ruff: noqa: INP001 -- a developer's script beside its output, not part of the package
"""Make `stamp.cff` and `stamp.json` from Noto Sans CJK (Debian: fonts-noto-cjk). For developers only.

The service reads the two files and needs neither this script, fontTools nor any installed font.
Run: `python envelopes/papers/assets/build_stamp_font.py`.
"""

import json
from pathlib import Path

from fontTools import subset  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

SOURCE = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
JAPANESE = 0  # the index of "Noto Sans CJK JP" in the collection
NAME = "FukanStamp"
CHARACTERS = "締結証明書 -0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
HERE = Path(__file__).parent


def main() -> None:
    """Write both files beside this one."""
    font = _subset()
    table = font["CFF "]
    # OFL 1.1, 3: a modified version bears a name of its own.
    table.cff.fontNames = [NAME]
    top = table.cff.topDictIndex[0]
    top.FullName = top.FamilyName = NAME
    (HERE / "stamp.cff").write_bytes(table.compile(font))
    (HERE / "stamp.json").write_text(json.dumps(_metrics(font), ensure_ascii=False, indent=1) + "\n")


def _subset() -> TTFont:
    options = subset.Options(
        font_number=JAPANESE, desubroutinize=True, hinting=False, layout_features=[], notdef_outline=True
    )
    font = subset.load_font(SOURCE, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=CHARACTERS)
    subsetter.subset(font)
    return font


def _metrics(font: TTFont) -> dict[str, object]:
    """Return widths and box in thousandths of an em, and each character's CID."""
    head, box = font["head"], ("xMin", "yMin", "xMax", "yMax")
    assert head.unitsPerEm == 1000  # noqa: PLR2004 -- so no figure needs scaling
    glyphs = {character: font.getBestCmap()[ord(character)] for character in CHARACTERS}
    return {
        "name": NAME,
        "box": [getattr(head, side) for side in box],
        "ascent": font["hhea"].ascent,
        "descent": font["hhea"].descent,
        "characters": {
            character: {"cid": int(glyph.removeprefix("cid")), "width": font["hmtx"][glyph][0]}
            for character, glyph in glyphs.items()
        },
    }


if __name__ == "__main__":
    main()
