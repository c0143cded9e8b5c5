"""Takes the pictures that the README shows, from the sample pages: `python -m tests.portal.pictures`.

Run it after pages have changed. Pictures are small (a palette, reduced) so that the repository stays small.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image
from playwright.sync_api import Browser

from envelopes import keyring
from envelopes.services import build
from envelopes.settings import Settings
from tests.browser import WHOLE, chromium
from tests.portal.gallery import gallery

IMAGES: Final = Path(__file__).resolve().parents[2] / "docs" / "images"
PHONE: Final = (390, 844)
DESKTOP: Final = (1280, 800)
GAP: Final = 14
PALETTE: Final = 128  # colours
OPEN: Final = "+"  # behind a name: with the last question open over the page

# A town of its own, which writes both years.
COLOUR: Final = "#7a1f3d"
MARK: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 80 40">
<path d="M2 38 24 4 38 26 50 14 78 38Z" fill="#7a1f3d"/><circle cx="60" cy="9" r="7" fill="#b76e5b"/>
</svg>
"""


class Picture(NamedTuple):
    """Sample pages in rows, in windows of *size*, reduced to *scale*; *own*: with the face of a town of its own."""

    rows: tuple[tuple[str, ...], ...]
    size: tuple[int, int] = PHONE
    scale: float = 0.6
    own: bool = False


PICTURES: Final = {
    "signing-phone": Picture((("landing", "code", "viewer", f"viewer{OPEN}", "done"),)),
    "signing-desktop": Picture((("landing", "code"), (f"viewer{OPEN}", "done")), DESKTOP, 0.5),
    "viewer-desktop": Picture((("viewer",),), DESKTOP, 0.75),
    "proofs-phone": Picture(
        (("landing-access-code", "second-factor", "sms-factor", "second-factor-app", "app-set-up"),)
    ),
    "trouble-phone": Picture(
        (("code-session", "code-unreached", "dead-elsewhere", "dead-deadline-time", "decline"),)
    ),
    "draft-desktop": Picture((("draft",),), DESKTOP, 0.75),
    "envelope-desktop": Picture((("envelope",),), DESKTOP, 0.75),
    "english-phone": Picture((("confirm?lang=en",),), scale=1),
    "face-phone": Picture((("landing",),), scale=1, own=True),
    "registration-phone": Picture(
        (
            (
                "registration_start",
                "registration_question",
                "registration_check",
                "registration_code",
                "registration_done",
            ),
        )
    ),
}


def taken(browser: Browser, address: str, name: str, picture: Picture) -> Image.Image:
    """The sample page called *name*."""
    width, height = picture.size
    page = browser.new_page(viewport={"width": width, "height": height}, locale="ja-JP")
    page.goto(f"{address}/{name.removesuffix(OPEN)}")
    page.wait_for_load_state("networkidle")
    if name.endswith(OPEN):
        # Pressed without the mouse, before which the page would be scrolled.
        page.get_by_role("link", name="完了する", exact=True).dispatch_event("click")
    page.evaluate("document.activeElement.blur()")
    shot = Image.open(BytesIO(page.screenshot())).convert("RGB")
    page.close()
    size = round(width * picture.scale), round(height * picture.scale)
    return shot.resize(size, Image.Resampling.LANCZOS)


def together(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """The pictures, all of one size, beside and below each other."""
    across, down = (rows[0][0].width + GAP), (rows[0][0].height + GAP)
    sheet = Image.new("RGB", (across * len(rows[0]) - GAP, down * len(rows) - GAP), "white")
    for line, row in enumerate(rows):
        for place, one in enumerate(row):
            sheet.paste(one, (across * place, down * line))
    return sheet


@contextmanager
def places() -> Iterator[dict[bool, str]]:
    """Where the sample pages are, with the portal's own face and with a town's."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        keyring.create(directory / "keys")
        (directory / "mark.svg").write_text(MARK)
        plain = {"directory": directory, "keys": directory / "keys"}
        town = {"colour": COLOUR, "mark": directory / "mark.svg", "dates": "both"}
        usual, own = (Settings.model_validate(one) for one in (plain, {**plain, "town": town}))
        with (
            gallery(build(usual, portal=True, bot=False)) as here,
            gallery(build(own, portal=True, bot=False)) as there,
        ):
            yield {False: here, True: there}


def main() -> None:
    """Take them all."""
    with places() as addresses, chromium(WHOLE) as browser:
        for name, picture in PICTURES.items():
            address = addresses[picture.own]
            sheet = together([[taken(browser, address, one, picture) for one in row] for row in picture.rows])
            # The few red and green spots of a page keep their colours.
            few = sheet.quantize(PALETTE, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            few.save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
