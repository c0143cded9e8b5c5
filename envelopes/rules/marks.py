"""What a town's mark may be: an SVG or PNG file that is a picture and nothing else.

Knows bytes, not where they come from. An SVG may hold no program, nothing that moves or is fetched from elsewhere, and
no declarations. Browsers run nothing in an `img`; the rules are for whoever opens the file's own address.
"""

import re
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from xml.etree import ElementTree as ET

from envelopes.rules.errors import FukanError

BYTES: Final = 32_000  # every page loads it once; the portal's own has 300
TYPES: Final[Mapping[str, str]] = MappingProxyType({".svg": "image/svg+xml", ".png": "image/png"})
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_IHDR: Final = 24  # bytes up to the end of width and height
_ALIVE: Final = re.compile(r"\{[^}]*\}(script|foreignObject|iframe|handler|set|animate\w*)$")


class Unfit(FukanError):
    """The file cannot be the mark; the message says in both languages what to mend."""

    def __init__(self, japanese: str, english: str) -> None:
        super().__init__(f"{japanese}。 / {english}.")


def unreadable(path: str, why: str) -> Unfit:
    """There is no such file, or it may not be read."""
    return Unfit(f"読めません：{path}", f"{path} cannot be read ({why})")


def ratio(suffix: str, body: bytes) -> float:
    """Width over height of the picture. Raises Unfit for what is no picture, or more than one."""
    if suffix not in TYPES:
        raise Unfit("SVGかPNGのファイルにしてください", "it has to be an SVG or PNG file")
    if len(body) > BYTES:
        raise Unfit(f"{BYTES // 1000}KB以下にしてください", f"it may have {BYTES // 1000} kB")
    width, height = _svg(body) if suffix == ".svg" else _png(body)
    if not (width > 0 and height > 0):
        raise Unfit("縦横の大きさがありません", "it has no size")
    return width / height


def _png(body: bytes) -> tuple[float, float]:
    # RFC 2083 11.2.1: the first chunk is IHDR, width and height its first eight bytes.
    if not body.startswith(_PNG) or body[12:16] != b"IHDR" or len(body) < _IHDR:
        raise Unfit("PNGとして読み取れません", "it is no PNG file")
    width, height = struct.unpack(">II", body[16:24])
    return width, height


def _svg(body: bytes) -> tuple[float, float]:
    if re.search(rb"<[!?]", re.sub(rb"^\s*<\?xml\s[^>]*\?>|<!--.*?-->", b"", body, flags=re.DOTALL)):
        raise Unfit("文書型・実体・処理命令を除いてください", "it must not hold declarations or instructions")
    try:
        root = ET.fromstring(body)  # noqa: S314 -- the operator's own file, without declarations
    except ET.ParseError:
        raise Unfit("SVGとして読み取れません", "it is no SVG file") from None
    if root.tag != "{http://www.w3.org/2000/svg}svg" or any(map(_is_alive, root.iter())):
        raise Unfit(
            "スクリプト、動き、ほかから読み込むものを除いてください",
            "it must hold no script, no animation and nothing from elsewhere",
        )
    box = [float(one) for one in re.findall(r"-?[\d.]+", root.get("viewBox", ""))]
    sides = [re.match(r"[\d.]+", root.get(side, "")) for side in ("width", "height")]
    width, height = box[2:4] if len(box) == 4 else [float(one[0]) if one else 0 for one in sides]  # noqa: PLR2004
    return width, height


def _is_alive(element: ET.Element) -> bool:
    """Whether an element does something, or fetches something."""
    style_text = element.text or "" if element.tag.endswith("}style") else ""
    return (
        bool(_ALIVE.search(element.tag))
        or _fetches(style_text)
        or any(
            name.rpartition("}")[2].startswith("on") or _is_reference(name, value) or _fetches(value)
            for name, value in element.attrib.items()
        )
    )


def _is_reference(name: str, value: str) -> bool:
    return name.rpartition("}")[2] in ("href", "src") and not value.strip().startswith("#")


def _fetches(text: str) -> bool:
    return bool(re.search(r"@import|url\(\s*['\"]?(?!#)|javascript:", text, re.IGNORECASE))
