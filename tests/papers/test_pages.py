import io
import random

import pytest
import typst
from pikepdf import Name
from PIL import Image as Picture

from envelopes.papers.pages import WIDTHS, Page, joined, render
from tests.papers import odd


def only(data: bytes) -> Page:
    (page,) = render(data, first=1, last=1)
    return page


def opened(data: bytes) -> Picture.Image:
    return Picture.open(io.BytesIO(data))


def is_lossless(data: bytes) -> bool:
    # RFC 9649, 2.6: a lossless image stands in a VP8L chunk.
    return data[12:16] == b"VP8L"


def test_an_image_has_exactly_its_width() -> None:
    page = only(odd.saved(odd.plain()))
    assert [image.width_px for image in page.images] == list(WIDTHS)
    for image in page.images:
        with opened(image.data) as picture:
            assert picture.format == "WEBP"
            assert picture.size == (image.width_px, image.height_px)
        assert image.height_px == pytest.approx(image.width_px * 842 / 595, abs=1)


def test_pages_are_counted_from_one() -> None:
    data = odd.saved(odd.plain(3))
    assert [page.number for page in render(data, first=2, last=3)] == [2, 3]
    assert [page.number for page in render(data, first=3, last=9)] == [3]


def test_a_turned_page_is_as_wide_as_it_looks() -> None:
    pdf = odd.plain()
    pdf.pages[0].obj.Rotate = 90
    page = only(odd.saved(pdf))
    assert (page.width_pt, page.height_pt) == (842, 595)
    assert page.images[0].height_px < page.images[0].width_px


def dense(ink: str = "") -> bytes:
    line = "(%s) Tj T*" % ("The contractor shall carry out the works with due care. " * 2)
    return f"BT {ink} /F1 9 Tf 40 800 Td 12 TL {line * 60} ET".encode()


def colours(data: bytes) -> set[tuple[int, int, int]]:
    with opened(data) as picture:
        pixels = picture.convert("RGB").tobytes()
    return set(zip(pixels[::3], pixels[1::3], pixels[2::3], strict=True))


def test_a_page_of_text_is_lossless_grey_and_small() -> None:
    page = only(odd.saved(odd.plain(content=dense())))
    assert all(is_lossless(image.data) for image in page.images)
    assert len(page.images[0].data) <= 80_000
    assert all(red == green == blue for red, green, blue in colours(page.images[0].data))


def crammed(size: float, *, more: str = "") -> bytes:
    """A page from edge to edge in small Japanese print, as general conditions sometimes are; every line differs."""
    chance = random.Random(1)
    text = "".join(chance.choice(CONDITIONS) for _ in range(9000))
    page = f'#set page(paper: "a4", margin: 20mm)\n#set text(font: "Noto Serif CJK JP", size: {size}pt)\n{more}{text}'
    made: bytes = typst.compile(page.encode())
    return made


CONDITIONS = (
    "の契約工事発注者受は、この約款（仕様書を含む。以下同じ）に基づき設計図面及び第条項損害賠償代金額期間完成検査"
    "引渡支払請求権利義務承諾通知協議定措置変更"
)
SEAL = "#place(bottom + right, circle(radius: 9mm, stroke: red + 1mm))\n"


@pytest.mark.parametrize("size", [10.5, 9, 7])
def test_first_image_of_a_page_crammed_with_text_arrives_in_time(size: float) -> None:
    page = render(crammed(size), first=1, last=1)[0]
    assert all(is_lossless(image.data) for image in page.images)
    assert len(page.images[0].data) <= 80_000
    assert 3 <= len(colours(page.images[0].data)) <= 8
    assert len(colours(page.images[1].data)) == 16


def test_a_red_seal_on_a_crammed_page_stays_red() -> None:
    page = render(crammed(10.5, more=SEAL), first=1, last=1)[0]
    assert len(page.images[0].data) <= 80_000
    assert any(red > green + 150 for red, green, _ in colours(page.images[0].data))


def test_colour_is_kept() -> None:
    page = only(odd.saved(odd.plain(content=dense("1 0 0 rg"))))
    assert (255, 0, 0) in colours(page.images[0].data)


def test_a_red_seal_on_a_page_of_text_is_kept() -> None:
    page = only(odd.saved(odd.plain(content=dense() + b" 0.9 0.1 0.1 RG 2 w 500 100 30 30 re S")))
    assert any(red > green + 150 for red, green, _ in colours(page.images[0].data))


def test_a_scan_is_kept_as_a_photograph() -> None:
    pdf = odd.plain()
    odd.scan(pdf)
    page = only(odd.saved(pdf))
    assert not any(is_lossless(image.data) for image in page.images)
    assert page.text == ""


def test_text_over_noise_is_kept_in_the_smaller_way() -> None:
    # Many small pictures, together less than half the page, and yet too rich for lossless.
    pdf = odd.plain()
    odd.scan(pdf)
    pdf.pages[0].obj.Contents = pdf.make_stream(odd.LINES + b" q 400 0 0 500 0 0 cm /Im0 Do Q")
    page = only(odd.saved(pdf))
    assert not is_lossless(page.images[0].data)
    assert "Contract for works" in page.text


def test_a_very_long_page_stays_within_what_webp_holds() -> None:
    page = only(odd.saved(odd.plain(size=(100, 5000))))
    assert max(image.height_px for image in page.images) <= 16383
    assert page.images[0].width_px < 828


def test_annotations_are_drawn() -> None:
    pdf = odd.plain(content=b"")
    white = only(odd.saved(pdf)).images[0].data
    odd.annotate(pdf, Subtype=Name.Stamp, AP=odd.appearance(pdf, b"seen"), F=4)
    assert only(odd.saved(pdf)).images[0].data != white


def test_text_is_read_in_order() -> None:
    text = only(odd.saved(odd.plain())).text
    assert text.splitlines() == ["Contract for works", "Amount: 1,000 yen", "Second line"]


JAPANESE = "発注者と受注者は、各々の対等な立場における合意に基づいて、公正な請負契約"
ENGLISH = "The contractor shall carry out all of the agreed"


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (f"{JAPANESE}を締\r\n結する。\r\n第2条", f"{JAPANESE}を締結する。\n第2条"),
        (f"{ENGLISH} works\nwith care\n", f"{ENGLISH} works with care"),
        (f"工事名\n工期\n{JAPANESE}", f"工事名\n工期\n{JAPANESE}"),
        (f"{JAPANESE}をする。\n{JAPANESE}をする。", f"{JAPANESE}をする。\n{JAPANESE}をする。"),
        ("工期 令和9年3月19日まで\n部分払 なし", "工期 令和9年3月19日まで\n部分払 なし"),
        ("一\n\n\n\n二二二二二", "一\n\n二二二二二"),
        ("co\ufffeop", "coop"),
        ("a\x00b\x07", "ab"),
        ("", ""),
    ],
)
def test_wrapped_lines_become_paragraphs(read: str, expected: str) -> None:
    assert joined(read) == expected


def test_a_page_has_its_own_text() -> None:
    pdf = odd.plain(2)
    pdf.pages[1].obj.Contents = pdf.make_stream(b"BT /F1 12 Tf 72 700 Td (Only on the second page) Tj ET")
    first, second = render(odd.saved(pdf), first=1, last=2)
    assert "Only on" not in first.text
    assert second.text == "Only on the second page"
