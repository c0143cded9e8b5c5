"""From a view to HTML: the Jinja environments, the filters, the static files and their hashed names.

Knows nothing of requests or envelopes. Japanese is the language of the sources; what a page says in another one stands
in the catalogues (`envelopes.languages`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.environment import TemplateModule
from markupsafe import Markup

from envelopes.languages import catalogue, mark_japanese
from envelopes.rules.wording import Language, Wording, local
from portal.phrases import PLAIN, tongue
from portal.views import Page, Site

HOME: Final = Path(__file__).resolve().parent.parent
TEMPLATES: Final = HOME / "templates"
PREFIX: Final = "/static/"
# Behind 例 (\u4f8b) a number is one that may be typed, not one that may be called.
_NUMBER: Final = re.compile(r"(\u4f8b：|for example )?([（「]?)\b(0\d{1,4}-\d{1,4}-\d{3,4})\b([）」。、]*)")
_WHOLE: Final = Markup('<span class="nb">{}{}{}</span>')
_DIAL: Final = Markup('<a class="tel" href="tel:{}">{}</a>')
HASH_DIGITS: Final = 12  # 48 bits tell apart all versions a file ever has

# Stated here, because the system's table of types may lack one and browsers are told not to guess.
CONTENT_TYPES: Final = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
    }
)


class StaticFile(NamedTuple):
    """A file that never changes under its name, so browsers may keep it for ever."""

    body: bytes
    content_type: str


def iso(at: date) -> str:
    """Write a date or an aware instant for machines, in Japanese time (the `datetime` attribute)."""
    return local(at).isoformat(timespec="seconds") if isinstance(at, datetime) else at.isoformat()


class Phone(str):
    """A telephone number, which is a link wherever a page shows it."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return the link that dials it."""
        return _DIAL.format(self.replace("-", ""), str(self))


def unbroken(text: str) -> Markup:
    """*text* for HTML, in which telephone numbers are links, never parted from their brackets; an example is none."""
    if isinstance(text, Markup):
        return text
    made, end = Markup(), 0
    for found in _NUMBER.finditer(text):
        example, before, number, after = found.groups("")
        shown = number if example else Phone(number)
        made += text[end : found.start()] + Markup.escape(example) + _WHOLE.format(before, shown, after)
        end = found.end()
    return made + text[end:]


def filters(wording: Wording) -> Mapping[str, Callable[..., object]]:
    """How templates write dates, times, money and sizes for one reader."""
    return {
        "jst_date": wording.day,
        "date_parts": wording.day_parts,
        "jst_time": wording.clock,
        "iso": iso,
        "yen": wording.yen,
        "size": wording.size,
        "unbroken": unbroken,
    }


def hashed(path: Path, body: bytes) -> str:
    """The name under which *body* is served for ever."""
    return f"{path.stem}.{sha256(body).hexdigest()[:HASH_DIGITS]}{path.suffix}"


@cache
def _manifest() -> Mapping[str, tuple[str, StaticFile]]:
    """Plain name → (hashed name, file)."""
    found = {}
    for path in sorted((TEMPLATES / "static").iterdir()):
        if path.suffix in CONTENT_TYPES:
            body = path.read_bytes()
            found[path.name] = (hashed(path, body), StaticFile(body, CONTENT_TYPES[path.suffix]))
    return MappingProxyType(found)


def static_files() -> Mapping[str, StaticFile]:
    """Return every static file by its hashed name, to be served as immutable under `PREFIX`."""
    return MappingProxyType(dict(_manifest().values()))


def static(name: str) -> str:
    """Return the address of a static file by its plain name, or raise KeyError."""
    return PREFIX + _manifest()[name][0]


@cache
def environment(wording: Wording) -> Environment:
    """Return the environment whose texts, dates and amounts are for one reader."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["ext.i18n.trimmed"] = True
    made.filters.update(filters(wording))
    # `gap` stands between two sentences; a page in another language shows the consent in Japanese as well.
    made.globals.update(
        static=static, language=wording.language.value, gap=wording.gap, in_japanese=_in_japanese
    )
    made.install_gettext_translations(catalogue(wording.language), newstyle=True)  # type: ignore[attr-defined]
    return made


def _in_japanese(name: str) -> TemplateModule:
    """The macros of a template as they speak Japanese."""
    return environment(Wording()).get_template(name).module


def template_name(view: type[Page]) -> str:
    """Name the template of a view: `CodeEntry` is shown by `code_entry.html`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", view.__name__).lower() + ".html"


def render(page: Page, *, site: Site, language: Language = Language.JAPANESE, switch: str = "?") -> str:
    """Return the HTML of *page*. *switch* is the address of the same page, to be ended by a language's `lang=…`.

    A template that reads what its view does not have raises UndefinedError.
    """
    site = replace(site, phone=Phone(site.phone))
    html = _filled(template_name(type(page)), page, site, language, switch=switch, original=page)
    return html if language is Language.JAPANESE else mark_japanese(html)


def text_file(name: str, page: Page, *, site: Site, language: Language) -> bytes:
    """Return what the template *name* makes of *page*, as a text file for every system: UTF-8 with its mark, CRLF."""
    lines = _filled(name, page, site, language).strip().splitlines()
    return "\r\n".join([*lines, ""]).encode("utf-8-sig")


def _filled(name: str, page: Page, site: Site, language: Language, **more: object) -> str:
    wording = Wording(language=language, dates=site.dates)
    if wording != PLAIN.wording:
        spoken = tongue(wording)
        page, site = spoken.translate(page), spoken.translate(site)
    return environment(wording).get_template(name).render(page=page, site=site, **more)
