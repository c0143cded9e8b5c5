"""From a view to HTML: the Jinja environments, the filters, the static files and their hashed names.

Knows nothing of requests or envelopes. Japanese is the language of the sources; a catalogue under `locale/`
(domain `fukan`) replaces it where there is one.
"""

import gettext
import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from envelopes.rules.wording import jst_date, jst_datetime, jst_time, local, size, yen
from portal.phrases import translated
from portal.views import Page, Site

HOME: Final = Path(__file__).resolve().parent.parent
TEMPLATES: Final = HOME / "templates"
LOCALE: Final = HOME / "locale"
DOMAIN: Final = "fukan"
SOURCE_LANGUAGE: Final = "ja"
PREFIX: Final = "/static/"
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


FILTERS: Final = MappingProxyType(
    {
        "jst_date": jst_date,
        "jst_time": jst_time,
        "jst_datetime": jst_datetime,
        "iso": iso,
        "yen": yen,
        "size": size,
    }
)


def _hashed(path: Path, body: bytes) -> str:
    return f"{path.stem}.{sha256(body).hexdigest()[:HASH_DIGITS]}{path.suffix}"


@cache
def _manifest() -> Mapping[str, tuple[str, StaticFile]]:
    """Plain name → (hashed name, file)."""
    found = {}
    for path in sorted((TEMPLATES / "static").iterdir()):
        if path.suffix in CONTENT_TYPES:
            body = path.read_bytes()
            found[path.name] = (_hashed(path, body), StaticFile(body, CONTENT_TYPES[path.suffix]))
    return MappingProxyType(found)


def static_files() -> Mapping[str, StaticFile]:
    """Return every static file by its hashed name, to be served as immutable under `PREFIX`."""
    return MappingProxyType(dict(_manifest().values()))


def static(name: str) -> str:
    """Return the address of a static file by its plain name, or raise KeyError."""
    return PREFIX + _manifest()[name][0]


@cache
def environment(language: str) -> Environment:
    """Return the environment whose texts are in *language*; without a catalogue they stay Japanese."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["ext.i18n.trimmed"] = True
    made.filters.update(FILTERS)
    made.globals["static"] = static
    catalogue = gettext.translation(DOMAIN, LOCALE, [language], fallback=True)
    made.finalize = partial(translated, catalogue=catalogue)
    made.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    return made


def template_name(view: type[Page]) -> str:
    """Name the template of a view: `CodeEntry` is shown by `code_entry.html`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", view.__name__).lower() + ".html"


def render(page: Page, *, site: Site, language: str = "ja") -> str:
    """Return the HTML of *page*, in Japanese where *language* has no catalogue.

    A template that reads what its view does not have raises UndefinedError.
    """
    spoken = language if gettext.find(DOMAIN, LOCALE, [language]) else SOURCE_LANGUAGE
    template = environment(spoken).get_template(template_name(type(page)))
    return template.render(page=page, site=site, language=spoken)
