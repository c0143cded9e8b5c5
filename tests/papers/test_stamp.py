import io
import subprocess
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Object, Pdf
from PIL import Image, ImageChops

from envelopes.papers import pages
from envelopes.papers.stamp import Stamp, is_visible, stamp, unstamped
from tests.papers import odd

# What a page's own content leaves behind: a changed scale, open and surplus q/Q, a clip, open text, an open
# marked-content sequence that is never shown, a state in which everything is transparent.
LEFT_BEHIND = {
    "nothing": b"",
    "scale": b"0.3 0 0 0.3 50 50 cm 1 0 0 rg",
    "open q and clip": b"q q q 0.3 0 0 0.3 90 90 cm 0 0 10 10 re W n",
    "surplus Q": b"Q Q 5 0 0 5 0 0 cm",
    "open text": b"BT /F1 40 Tf 3 Tr 50 Tz 9 Tc 20 Ts",
    "open layer": b"/OC /Hidden BDC",
    "transparent": b"/Clear gs",
}
# MediaBox and CropBox: as usual, with negative and shifted origins, and with a crop that leaves the page.
BOXES: dict[str, tuple[list[int], list[int] | None]] = {
    "whole": ([0, 0, 400, 300], None),
    "cropped": ([-50, 100, 350, 400], [0, 150, 300, 380]),
    "over the edge": ([-400, -300, 0, 0], [-300, -350, 100, -50]),
}
ROTATIONS = (0, 90, 180, 270, -90, 450)


@dataclass(frozen=True)
class Case:
    """A page of the matrix. `inherited`: what can stand above the page in the tree does."""

    left_behind: str = "nothing"
    boxes: str = "whole"
    rotation: int = 0
    unit: int = 1
    dark: bool = False
    inherited: bool = False


@dataclass(frozen=True)
class Stamped:
    case: Case
    before: bytes
    after: bytes
    placed: Stamp


def page_of(case: Case) -> Pdf:
    media, crop = BOXES[case.boxes]
    ground = b"0.05 0.05 0.1 rg" if case.dark else b"0.8 0.9 1 rg"
    pdf = odd.plain(content=b"%b %d %d 400 300 re f " % (ground, *media[:2]) + LEFT_BEHIND[case.left_behind])
    hidden = pdf.make_indirect(Dictionary(Type=Name.OCG, Name="hidden"))
    pdf.Root.OCProperties = Dictionary(OCGs=Array([hidden]), D=Dictionary(OFF=Array([hidden])))
    page = pdf.pages[0].obj
    page.Resources.Properties = Dictionary(Hidden=hidden)
    page.Resources.ExtGState = Dictionary(Clear=Dictionary(ca=0, CA=0))
    page.MediaBox = Array(media)
    page.Rotate = case.rotation
    page.UserUnit = case.unit
    if crop:
        page.CropBox = Array(crop)
    if case.inherited:
        _move_up(page, pdf.Root.Pages)
    return pdf


def _move_up(page: Object, parent: Object) -> None:
    for key in ("/Rotate", "/CropBox", "/MediaBox", "/Resources"):
        if key in page:
            parent[key] = page[key]
            del page[key]


def stamped(pdf: Pdf) -> tuple[bytes, bytes, Stamp]:
    before = odd.saved(pdf)
    with Pdf.open(io.BytesIO(before)) as opened:
        placed = stamp(opened, odd.ID)
        return before, odd.saved(opened), placed


@pytest.fixture(scope="module")
def matrix() -> list[Stamped]:
    sides = product(LEFT_BEHIND, BOXES, ROTATIONS, (1, 2), (False, True))
    # Inheriting changes nothing else, so every other page does.
    cases = [Case(*side, inherited=number % 2 == 1) for number, side in enumerate(sides)]
    return [Stamped(case, *stamped(page_of(case))) for case in cases]


def test_the_service_sees_every_stamp(matrix: list[Stamped]) -> None:
    assert len(matrix) == 504
    assert [one.case for one in matrix if not is_visible(one.before, one.after, one.placed)] == []


def test_a_page_says_the_same_with_and_without_the_stamp() -> None:
    picture = odd.plain()
    odd.scan(picture)
    for pdf in (picture, odd.plain()):
        before, after, _ = stamped(pdf)
        (bare,), (kept,) = (pages.render(data, first=1, last=1) for data in (before, after))
        assert odd.ID in kept.text
        assert unstamped(kept.text, odd.ID) == bare.text
    assert unstamped(pages.render(stamped(picture)[1], first=1, last=1)[0].text, odd.ID) == ""


def test_poppler_sees_every_stamp_at_the_bottom_left(matrix: list[Stamped], tmp_path: Path) -> None:
    before = pictures(merged([one.before for one in matrix]), tmp_path / "before")
    after = pictures(merged([one.after for one in matrix]), tmp_path / "after")
    for one, old, new in zip(matrix, before, after, strict=True):
        # A page in large units has small letters here, for the picture is measured in units.
        size = SCALE * 8.5 / one.case.unit
        left, top, right, bottom = changed_box(old, new)
        assert left < 2 * size, one.case
        assert new.height - 3 * size < top < bottom <= new.height, one.case
        assert right - left > 4 * (bottom - top), one.case


def test_poppler_reads_every_stamp(matrix: list[Stamped], tmp_path: Path) -> None:
    path = tmp_path / "file.pdf"
    path.write_bytes(merged([one.after for one in matrix]))
    text = subprocess.run(["pdftotext", path, "-"], capture_output=True, check=True).stdout.decode()
    read = [page for page in text.split("\f") if f"締結証明書ID {odd.ID}" in page]
    assert len(read) == len(matrix)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_stamp_at_another_corner_is_found_out(rotation: int) -> None:
    before, after, placed = stamped(page_of(Case()))
    turned = []
    for data in (before, after):
        with Pdf.open(io.BytesIO(data)) as pdf:
            pdf.pages[0].obj.Rotate = rotation
            turned.append(odd.saved(pdf))
    assert is_visible(before, after, placed)
    assert not is_visible(*turned, placed)


SCALE = 1.5  # pixels a point; at one pixel thin letters fade into the ground


def merged(files: list[bytes]) -> bytes:
    with pikepdf.new() as whole:
        for data in files:
            with Pdf.open(io.BytesIO(data)) as pdf:
                whole.pages.append(pdf.pages[0])
        return odd.saved(whole)


def pictures(data: bytes, path: Path) -> list[Image.Image]:
    """Each page as poppler draws it."""
    path.write_bytes(data)
    command = ["pdftoppm", "-r", str(SCALE * 72), "-gray", "-cropbox", path, path]
    subprocess.run(command, check=True)
    return [Image.open(found) for found in sorted(path.parent.glob(f"{path.name}-*.pgm"))]


def changed_box(before: Image.Image, after: Image.Image) -> tuple[int, int, int, int]:
    box = ImageChops.difference(before, after).point(lambda grey: 255 * (grey > 24)).getbbox()
    assert box is not None
    return box


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
    before, after, placed = stamped(odd.plain())
    with Pdf.open(io.BytesIO(after)) as pdf:
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
