import io
import subprocess
from itertools import product
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Pdf
from PIL import Image, ImageChops

from envelopes.papers.stamp import Stamp, is_visible, stamp
from tests.papers import odd

# What a page's own content leaves behind: a changed scale, open and surplus q/Q, a clip, open text, an open
# marked-content sequence that is never shown, a dark page.
LEFT_BEHIND = {
    "nothing": b"",
    "scale": b"0.3 0 0 0.3 50 50 cm 1 0 0 rg",
    "open q and clip": b"q q q 0.3 0 0 0.3 90 90 cm 0 0 10 10 re W n",
    "surplus Q": b"Q Q 5 0 0 5 0 0 cm",
    "open text": b"BT /F1 40 Tf 3 Tr 50 Tz 9 Tc 20 Ts",
    "open layer": b"/OC /Hidden BDC",
    "dark": b"0 g -50 100 500 500 re f",
}


def page_with(left_behind: bytes, *, rotation: int = 0, crop: bool = False, unit: int = 1) -> Pdf:
    media = [-50, 100, 350, 400] if crop else [0, 0, 400, 300]
    pdf = odd.plain(content=b"0.8 0.9 1 rg %d %d 400 300 re f " % tuple(media[:2]) + left_behind)
    hidden = pdf.make_indirect(Dictionary(Type=pikepdf.Name.OCG, Name="hidden"))
    pdf.Root.OCProperties = Dictionary(OCGs=Array([hidden]), D=Dictionary(OFF=Array([hidden])))
    page = pdf.pages[0].obj
    page.Resources.Properties = Dictionary(Hidden=hidden)
    page.MediaBox = Array(media)
    page.Rotate = rotation
    page.UserUnit = unit
    if crop:
        page.CropBox = Array([0, 150, 300, 380])
    return pdf


def stamped(pdf: Pdf) -> tuple[bytes, bytes, Stamp]:
    before = odd.saved(pdf)
    placed = stamp(pdf, odd.ID)
    return before, odd.saved(pdf), placed


def picture(data: bytes) -> Image.Image:
    with pypdfium2.PdfDocument(data) as document:
        image: Image.Image = document[0].render(scale=2).to_pil()
        return image.convert("L")


def changed_box(before: Image.Image, after: Image.Image) -> tuple[int, int, int, int]:
    box = ImageChops.difference(before, after).point(lambda grey: 255 * (grey > 24)).getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize("left_behind", LEFT_BEHIND)
def test_the_stamp_is_seen_at_the_bottom_left_however_the_page_is_made(left_behind: str) -> None:
    for rotation, crop, unit in product((0, 90, 180, 270, -90, 450), (False, True), (1, 2)):
        case = (left_behind, rotation, crop, unit)
        before, after, placed = stamped(
            page_with(LEFT_BEHIND[left_behind], rotation=rotation, crop=crop, unit=unit)
        )
        assert is_visible(before, after, placed), case
        image = picture(after)
        left, top, right, bottom = changed_box(picture(before), image)
        assert left < 2 * 12, case
        assert top > image.height - 2 * 20, case
        assert bottom <= image.height, case
        assert right - left > 4 * (bottom - top), case


def test_inherited_boxes_count() -> None:
    pdf = page_with(b"", rotation=90, crop=True)
    page, parent = pdf.pages[0].obj, pdf.Root.Pages
    for key in ("/Rotate", "/CropBox", "/MediaBox", "/Resources"):
        parent[key] = page[key]
        del page[key]
    with Pdf.open(io.BytesIO(odd.saved(pdf))) as opened:
        before, after, placed = stamped(opened)
    assert is_visible(before, after, placed)


@pytest.mark.parametrize("left_behind", ["nothing", "dark", "surplus Q"])
def test_poppler_sees_it_too(left_behind: str, tmp_path: Path) -> None:
    before, after, _ = stamped(page_with(LEFT_BEHIND[left_behind], rotation=270, crop=True))
    boxes = []
    for name, data in (("before", before), ("after", after)):
        (tmp_path / name).write_bytes(data)
        path = str(tmp_path / name)
        command = ["pdftoppm", "-r", "144", "-png", "-singlefile", "-cropbox", path, path]
        subprocess.run(command, check=True)
        with Image.open(tmp_path / f"{name}.png") as image:
            boxes.append(image.convert("L"))
    left, top, _, _ = changed_box(*boxes)
    assert left < 24
    assert top > boxes[1].height - 40
    text = subprocess.run(
        ["pdftotext", tmp_path / "after", "-"], capture_output=True, check=True
    ).stdout.decode()
    assert f"締結証明書ID {odd.ID}" in text


def test_the_font_is_embedded_and_small(tmp_path: Path) -> None:
    before, after, _ = stamped(odd.plain())
    assert len(after) - len(before) < 8_000
    path = tmp_path / "file.pdf"
    path.write_bytes(after)
    fonts = subprocess.run(["pdffonts", path], capture_output=True, check=True).stdout.decode()
    (line,) = [line for line in fonts.splitlines() if "FukanStamp" in line]
    assert line.split()[-5:-2] == ["yes", "yes", "yes"]  # embedded, subset, with a way back to Unicode


def test_shared_resources_are_left_as_they_were() -> None:
    pdf = odd.plain(2)
    shared = pdf.make_indirect(pdf.pages[0].obj.Resources)
    for page in pdf.pages:
        page.obj.Resources = shared
    stamp(pdf, odd.ID)
    assert set(pdf.pages[1].obj.Resources.Font.keys()) == {"/F1"}


def test_a_narrow_page_gets_a_smaller_stamp() -> None:
    before, after, placed = stamped(odd.plain(size=(100, 100), content=b""))
    assert placed.size < 5
    assert placed.margin + placed.width < 100
    assert is_visible(before, after, placed)


def test_a_page_without_the_stamp_is_found_out() -> None:
    before, after, placed = stamped(odd.plain())
    assert is_visible(before, after, placed)
    assert not is_visible(before, before, placed)


def test_text_without_ink_is_found_out() -> None:
    pdf = odd.plain()
    before, _, placed = stamped(pdf)
    content = pdf.pages[0].obj.Contents
    last = content[len(content) - 1]
    last.write(last.read_bytes().replace(b" 0 Tr ", b" 3 Tr ").replace(b" 1 Tr ", b" 3 Tr "))
    assert not is_visible(before, odd.saved(pdf), placed)


def test_ink_without_text_is_found_out() -> None:
    pdf = odd.plain()
    before = odd.saved(pdf)
    placed = stamp(pdf, odd.ID)
    other = odd.plain()
    stamp(other, "MHN-0000-0000-0000-0000-0")
    assert not is_visible(before, odd.saved(other), placed)
