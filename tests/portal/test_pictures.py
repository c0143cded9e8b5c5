"""The README's pictures can be taken anew, are shown, and stay small."""

import re
from urllib.parse import urlsplit

from tests.portal.pictures import IMAGES, OPEN, PICTURES
from tests.portal.samples import SAMPLES

MOST = 90_000  # bytes
README = (IMAGES.parents[1] / "README.md").read_text()


def test_every_picture_is_of_sample_pages() -> None:
    pages = [page for picture in PICTURES.values() for row in picture.rows for page in row]
    assert {urlsplit(page).path.removesuffix(OPEN) for page in pages} <= set(SAMPLES)


def test_every_picture_can_be_taken_is_shown_and_small() -> None:
    kept = {path.name: path.stat().st_size for path in IMAGES.glob("*.png")}
    assert set(re.findall(r"docs/images/([\w-]+\.png)", README)) == set(kept)
    assert {f"{name}.png" for name in PICTURES} == set(kept)
    assert max(kept.values()) <= MOST
