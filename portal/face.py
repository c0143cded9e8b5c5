"""The town's own face: its colour as a style sheet, and its mark. Read and checked when the portal starts.

Both are served under the hash of their content like every static file. What a mark may be is decided in
`envelopes.rules.marks`, which colours can be read in `envelopes.rules.colours`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from aiohttp import web

from envelopes.rules import marks
from envelopes.rules.colours import Colour, deep, tint
from envelopes.settings import SettingsFaulty, Town
from portal.pages import PREFIX, StaticFile, hashed, static, static_files
from portal.views import Mark

HEIGHT: Final = 32  # CSS pixels
WIDEST: Final = 128  # CSS pixels: town and way to the other language stand beside it on a phone


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """What pages link to: the style sheet's address (empty for the portal's own colour), the mark; both as files."""

    stylesheet: str
    mark: Mark
    files: Mapping[str, StaticFile] = field(repr=False)


FACE: Final = web.AppKey("face", Face)


def load(town: Town) -> Face:
    """Make the town's face. Raises SettingsFaulty for a mark that cannot be used."""
    files: dict[str, StaticFile] = {}

    def serve(name: str, body: bytes, content_type: str) -> str:
        files[hashed(Path(name), body)] = StaticFile(body, content_type)
        return PREFIX + hashed(Path(name), body)

    own = town.colour == Town().colour
    sheet = "" if own else serve("face.css", style(Colour.read(town.colour)), "text/css; charset=utf-8")
    if town.mark is not None:
        suffix = town.mark.suffix.lower()
        body, ratio = _read(town.mark)
        width = max(1, min(WIDEST, round(HEIGHT * ratio)))
        mark = Mark(url=serve(f"mark{suffix}", body, marks.TYPES[suffix]), width=width, height=HEIGHT)
    elif own:
        mark = Mark(url=static("icon.svg"), width=HEIGHT, height=HEIGHT)
    else:
        icon = static_files()[static("icon.svg").removeprefix(PREFIX)].body
        coloured = icon.replace(Town().colour.encode(), town.colour.encode())
        mark = Mark(url=serve("icon.svg", coloured, marks.TYPES[".svg"]), width=HEIGHT, height=HEIGHT)
    return Face(stylesheet=sheet, mark=mark, files=MappingProxyType(files))


def style(colour: Colour) -> bytes:
    """The style sheet that gives the pages *colour* in place of the portal's own."""
    return f":root{{--main:{colour};--deep:{deep(colour)};--tint:{tint(colour)}}}\n".encode()


def _read(path: Path) -> tuple[bytes, float]:
    """The mark and its width over its height, if a page may show it."""
    try:
        with path.open("rb") as file:
            body = file.read(marks.BYTES + 1)
        return body, marks.ratio(path.suffix.lower(), body)
    except OSError as error:
        unfit = marks.unreadable(str(path), str(error.strerror))
    except marks.Unfit as error:
        unfit = error
    raise SettingsFaulty(f"town.mark: {unfit}")
