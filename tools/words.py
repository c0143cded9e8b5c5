"""Brings the catalogues up to date with the sources, and says what is not translated: `python -m tools.words`.

Every sentence that `_` or `{% trans %}` marks in the pages, in `portal/`, in the history's words and in the mails to
contractors gets an entry; one that is said no more loses its own. Entries stand in the order of their Japanese, without
lines and dates, so that two people who add sentences seldom meet. Mails to staff are Japanese alone.
"""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from bot import letters
from bot.letters import Letter, ToStaff
from envelopes.languages import source
from envelopes.rules.wording import Language

ROOT: Final = Path(__file__).resolve().parent.parent
_HEAD: Final = """\
# What the portal's pages and the mails to contractors say in English.
# `make words` adds what is new and takes out what is said no more; write the English here.
"""
_WIDTH: Final = 118


def _mails() -> Iterator[Path]:
    """The parts of every mail that a contractor may get, and what all mails share."""
    classes = [one for one in vars(letters).values() if isinstance(one, type) and issubclass(one, Letter)]
    folders = {one.template for one in classes if "template" in vars(one) and not issubclass(one, ToStaff)}
    for place in (ROOT / "mail_templates", *(ROOT / "mail_templates" / name for name in sorted(folders))):
        yield from sorted([*place.glob("*.txt"), *place.glob("*.html")])


def templates() -> list[Path]:
    """Every template whose words are translated."""
    home = ROOT / "templates"
    return [*sorted([*home.glob("*.html"), *home.glob("*.txt")]), *_mails()]


def _said() -> Iterator[tuple[str, Path]]:
    for path in templates():
        for _, _, message, _ in babel_extract(
            BytesIO(path.read_bytes()), ("_", "gettext"), [], {"trimmed": "true"}
        ):
            yield _first(message), path
    for path in (*sorted((ROOT / "portal").glob("*.py")), ROOT / "envelopes" / "actions" / "chronicle.py"):
        for _, message, _, _ in extract("python", BytesIO(path.read_bytes()), keywords={"_": None}):
            yield str(message), path


def _first(message: str | tuple[str | None, ...] | None) -> str:
    """With values behind it (`_("…", n=1)`) the sentence is the first of a tuple."""
    return str(message[0] if isinstance(message, tuple) else message)


def sources() -> dict[str, list[str]]:
    """Every sentence of the sources, and the files that say it."""
    found: dict[str, set[str]] = {}
    for message, path in _said():
        found.setdefault(message, set()).add(path.relative_to(ROOT).as_posix())
    return {message: sorted(found[message]) for message in sorted(found)}


def written(language: Language) -> Catalog:
    """The catalogue as it stands."""
    with source(language).open("rb") as file:
        return read_po(file)


def updated(old: Catalog) -> Catalog:
    """The catalogue with an entry for every sentence of the sources and no other."""
    new = Catalog(charset="utf-8", header_comment=_HEAD.rstrip())
    for message, places in sources().items():
        known = old.get(message)
        said = known.string if isinstance(known, Message) else ""
        # The first place is enough to see what it is about; a list of them would change too often.
        new.add(message, said, locations=[(places[0], 0)])
    return new


def as_text(catalogue: Catalog) -> str:
    """The catalogue as a file: only the header that a reader needs."""
    file = BytesIO()
    write_po(file, catalogue, width=_WIDTH, include_lineno=False, omit_header=True)
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    return _HEAD + header + file.getvalue().decode()


def main() -> int:
    """Write the catalogue; 1 where something is not translated."""
    made = updated(written(Language.ENGLISH))
    source(Language.ENGLISH).write_text(as_text(made), encoding="utf-8")
    missing = [str(one.id) for one in made if one.id and not one.string]
    print(*(f"not translated: {one}" for one in missing), sep="\n", end="\n" if missing else "")
    print(
        f"{source(Language.ENGLISH).relative_to(ROOT)}: {len(made)} sentences, {len(missing)} to be translated"
    )
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
