"""Word and Excel files as offices make them, whole, locked and broken."""

import io
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import docx
import openpyxl
from docx.document import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Mm
from msoffcrypto.format.ooxml import OOXMLFile
from openpyxl.styles import Font

WORDS = "令和8年度 村道北城線 舗装補修工事 髙橋建設㈱ ①"
FONTS = ("ＭＳ 明朝", "游明朝", "ＭＳ Ｐゴシック", "游ゴシック", "Century")


def word(*, fonts: Sequence[str] = FONTS, changed: bool = False) -> bytes:
    """A contract in Word, one paragraph a font."""
    document = docx.Document()
    document.sections[0].page_width, document.sections[0].page_height = Mm(210), Mm(297)
    _written(document, "工事請負契約書", "ＭＳ ゴシック")
    for font in fonts:
        _written(document, f"{font}：{WORDS}", font)
    table = document.add_table(2, 2)
    table.style = "Table Grid"
    for row, cells in enumerate((("工事名", "村道北城線"), ("請負代金額", "12,980,000円"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    if changed:
        _add_change(document)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _written(document: Document, text: str, font: str) -> None:
    run = document.add_paragraph().add_run(text)
    run.font.name = font
    run._element.rPr.rFonts.set(qn("w:eastAsia"), font)


def _add_change(document: Document) -> None:
    xml = f'<w:ins {nsdecls("w")} w:id="1" w:author="x"><w:r><w:t>追加</w:t></w:r></w:ins>'
    document.paragraphs[-1]._p.append(parse_xml(xml))


def excel() -> bytes:
    """A bill of quantities in Excel with formulas that nobody has computed yet."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "内訳書"
    rows = (
        ("名称", "数量", "単価", "金額"),
        ("表層工", 100, 2500, "=B2*C2"),
        ("計", None, None, "=SUM(D2:D2)"),
    )
    for row in rows:
        sheet.append(row)
    for cells in sheet:
        for cell in cells:
            cell.font = Font(name="ＭＳ Ｐゴシック", size=11)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def locked(data: bytes) -> bytes:
    """A file of the newer formats with a password to open it."""
    out = io.BytesIO()
    OOXMLFile(io.BytesIO(data)).encrypt("himitsu", out)
    return out.getvalue()


def rtf() -> bytes:
    """A letter in RTF."""
    escaped = "".join(f"\\u{ord(one)}?" for one in "工事請負契約書")
    return f"{{\\rtf1\\ansi\\deff0{{\\fonttbl{{\\f0 MS Mincho;}}}}\\f0 {escaped}\\par}}".encode()


def made_by_office(data: bytes, name: str, ending: str, folder: Path) -> bytes:
    """*data* saved by LibreOffice in another format."""
    given = folder / name
    given.write_bytes(data)
    profile = f"-env:UserInstallation=file://{folder}/profile"
    command = ["soffice", "--headless", profile, "--convert-to", ending, "--outdir", str(folder), str(given)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return given.with_suffix(f".{ending}").read_bytes()


def package(**parts: bytes) -> bytes:
    """A ZIP of *parts*; in their names `__` stands for a dot."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("__", "."), data)
    return out.getvalue()
