"""Letters into mails: templates, subject and text first, then the bytes on the wire.

`render` turns a letter into words and knows no address; `build` turns words into one RFC 5322 message and
knows no letter. What goes into a letter, whom it goes to and whether files are attached is decided elsewhere.
The styles of the HTML part are written once, in mail_templates/_layout.html, and put on each element here,
because mail programs drop style sheets.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from email import policy
from email.header import Header
from email.message import EmailMessage
from email.utils import format_datetime
from enum import StrEnum
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from bot.charsets import one_line
from bot.letters import Letter
from envelopes.languages import catalogue, mark_japanese
from envelopes.phrases import tongue
from envelopes.rules.colours import Colour, tint
from envelopes.rules.errors import FukanError
from envelopes.rules.quoting import REPLY_ABOVE
from envelopes.rules.schedule import JST
from envelopes.rules.wording import Dates, Language, Wording, are_many, are_quick

TEMPLATES: Final = Path(__file__).resolve().parent.parent / "mail_templates"
SUBJECT_COLUMNS: Final = 60  # longer subjects are cut by the mail programs of phones

_LABEL_COLUMNS: Final = 12  # six full-width characters: 契約締結日 and a gap
_HEADER_LINE: Final = 76  # RFC 2047 2: a line with an encoded word has at most 76 characters
_WIDE: Final = frozenset("WFA")
_OPEN, _CLOSE = "\ue000", "\ue001"  # private use: mark what may be shortened in a subject


# The colours as the templates have them: the portal's own, which a town may replace by its own.
_COLOUR: Final = "#0017c1"
_TINT: Final = "#e8f1fe"


class HeaderUnsafe(FukanError):
    """A value for a mail header holds a control character or cannot be written in ASCII."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSite:
    """Who writes: the town, the service and the portal's address, the same in every mail."""

    town: str
    town_english: str
    portal_url: str
    hours: str
    hours_english: str
    intake: str
    dates: Dates = Dates.WESTERN
    language: Language = Language.JAPANESE
    colour: str = _COLOUR

    def spoken(self, language: Language) -> Self:
        """The same in *language*."""
        if language is Language.JAPANESE:
            return self
        return replace(self, language=language, town=self.town_english, hours=self.hours_english)

    @property
    def wording(self) -> Wording:
        """How dates and amounts are written."""
        return Wording(language=self.language, dates=self.dates)

    @property
    def service(self) -> str:
        """What the service is called."""
        return "e-contracts" if self.language is Language.ENGLISH else "電子契約"

    @property
    def name(self) -> str:
        """Town and service, above the text."""
        return f"{self.town} {self.service}" if self.wording.gap else f"{self.town}　{self.service}"

    @property
    def tag(self) -> str:
        """The town before every subject."""
        return f"[{self.town}] " if self.wording.gap else f"【{self.town}】"

    @property
    def host(self) -> str:
        """Host of the portal as a person compares it with the address bar, with a port if there is one."""
        return urlsplit(self.portal_url).netloc


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A mail in words: subject (≤ 60 columns), text and HTML that say the same. `languages` as RFC 3282 has them."""

    subject: str
    text: str
    html: str
    sender: str = ""
    languages: str = "ja"


class Mailbox(NamedTuple):
    """A display name (may be empty) and an address as it was typed, carriers' odd local parts included."""

    name: str
    address: str


class Attachment(NamedTuple):
    """A PDF to attach. `ascii_name` is used in plain mails, whose readers garble Japanese names."""

    name: str
    ascii_name: str
    content: bytes


class AutoSubmitted(StrEnum):
    """RFC 3834 5: written by a program on its own, or in answer to a mail."""

    GENERATED = "auto-generated"
    REPLIED = "auto-replied"


def clock(value: datetime) -> str:
    """14:32 in Japan, as the code mail says until when a code is valid."""
    return f"{value.astimezone(JST):%H:%M}"


def columns(text: str) -> int:
    """Columns of *text* on a terminal: a full-width character takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in _WIDE else 1 for char in text)


def pad(label: str) -> str:
    """*label* filled up with ideographic spaces, so that values line up also in a proportional font."""
    wide, narrow = divmod(_LABEL_COLUMNS - columns(label), 2)
    return label + (" " * narrow + "　" * wide if wide > 0 else "　")


def colon(label: str) -> str:
    """*label* before its value where labels are too long for a column of their own."""
    return f"{label}: " if label else "  "


def elastic(text: str) -> str:
    """Mark *text* as the part of a subject that is shortened when the subject gets too long."""
    return f"{_OPEN}{text}{_CLOSE}"


def nb(text: str) -> Markup:
    """*text* for HTML, kept on one line: telephone numbers and hours."""
    return Markup('<span class="nb">{}</span>').format(text)


def breaks(text: str) -> Markup:
    """*text* for HTML with its line ends."""
    return Markup("<br>").join(text.split("\n"))


def _one_line(text: str) -> str:
    """No control character and no line break survives: a subject must not become a header."""
    return re.sub(" +", " ", one_line(text))


def squeeze(subject: str, limit: int) -> str:
    """Shorten the elastic parts of *subject*, longest first, until it has at most *limit* columns."""
    parts = re.split(f"{_OPEN}(.*?){_CLOSE}", _one_line(subject))
    for place in range(1, len(parts), 2):
        # Far too long a part, of a stranger's subject say, is cut at once: letter by letter would take for ever.
        if len(parts[place]) > limit:
            parts[place] = parts[place][:limit] + "…"
    kept = [columns(part) for part in parts]
    while sum(kept) > limit and (cut := max(range(1, len(parts), 2), key=kept.__getitem__, default=0)):
        stem = parts[cut].removesuffix("…")
        if not stem:
            break
        parts[cut] = stem[:-1].rstrip() + "…"
        kept[cut] = columns(parts[cut])
    return "".join(parts)


def _filters(wording: Wording) -> dict[str, Callable[..., str | bool]]:
    label = colon if wording.gap else pad
    return {
        "day": wording.day,
        "month_day": wording.month_day,
        "clock": wording.clock if wording.gap else clock,
        "minute": wording.instant,
        "second": wording.second,
        "size": wording.size,
        "yen": wording.yen,
        "pad": label,
        "elastic": elastic,
        "nb": nb,
        "indented": lambda text: text.replace("\n", f"\n{label('')}"),
        "breaks": breaks,
        "are_many": lambda documents: are_many(len(documents)),
        "are_quick": lambda documents: are_quick(sum(one.pages for one in documents)),
    }


@cache
def environment(wording: Wording) -> Environment:
    """The templates' environment for one reader. An unknown name is an error, and values are escaped in HTML only."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.install_gettext_translations(catalogue(wording.language), newstyle=True)  # type: ignore[attr-defined]
    env.filters.update(_filters(wording))
    # `gap` stands between two sentences, `dot` before each of a list, `indent` before a quotation.
    dot, indent = ("- ", "  ") if wording.gap else ("・", "　")
    env.globals.update(
        reply_above=REPLY_ABOVE, language=wording.language.value, gap=wording.gap, dot=dot, indent=indent
    )
    return env


@lru_cache(maxsize=1)
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def _context(letter: Letter, site: MailSite) -> dict[str, Any]:
    spoken = tongue(site.wording).translate(letter)
    return {field.name: getattr(spoken, field.name) for field in fields(spoken)} | {"site": site}


def _tidy(text: str) -> str:
    """One blank line between paragraphs, none at the ends, no trailing spaces."""
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines) + "\n"


def _slim(html: str) -> str:
    """Without indentation and empty lines: a third of the bytes."""
    return "\n".join(line for raw in html.splitlines() if (line := raw.strip())) + "\n"


def render(letter: Letter, *, site: MailSite) -> Rendered:
    """Put *letter* into words. Every address and id of the HTML part is in the text too."""
    language = letter.to.language
    here = site.spoken(language)
    below = letter.also_japanese and language is not Language.JAPANESE

    def part(name: str) -> str:
        japanese = _part(letter, site, name, bare=True) if below else ""
        return _part(letter, here, name, below=Markup(japanese.strip()))  # noqa: S704 -- made by the same template

    html = _dressed(_slim(_inliner().inline(part("body.html"))), site.colour)
    return Rendered(
        sender=f"{here.town} {here.service}",
        languages=f"{language}, ja" if below else language,
        subject=squeeze(part("subject.txt"), SUBJECT_COLUMNS),
        text=_tidy(part("body.txt")),
        html=html if language is Language.JAPANESE else mark_japanese(html),
    )


def _dressed(html: str, colour: str) -> str:
    """The HTML in the town's colour. Mail programs know no variables, so the values themselves are replaced."""
    if colour == _COLOUR:
        return html
    return html.replace(_COLOUR, colour).replace(_TINT, str(tint(Colour.read(colour))))


def _part(letter: Letter, site: MailSite, name: str, *, bare: bool = False, below: str = "") -> str:
    """One part of a mail; *bare*: only what it says, to stand *below* the same in another language."""
    template = environment(site.wording).get_template(f"{letter.template}/{name}")
    return template.render(_context(letter, site) | {"bare": bare, "below": below})


def _checked(value: str) -> str:
    """*value* if it may stand in a header as it is: printable ASCII, no line break."""
    if not value.isascii() or not value.isprintable():
        raise HeaderUnsafe("a mail header must be printable ASCII")
    return value


_DOT_ATOM: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


_QUOTED: Final = re.compile(r'"([^"\\]|\\.)*"')


def _addr_spec(address: str) -> str:
    """*address* for a header: an odd local part (a..b, a.) is quoted, the domain is in IDNA.

    Phone carriers gave out local parts that RFC 5322 3.4.1 knows only as quoted strings.
    """
    local, _, domain = address.rpartition("@")
    if not local or not domain:
        raise HeaderUnsafe("an address needs a local part and a domain")
    if not _DOT_ATOM.fullmatch(local) and not _QUOTED.fullmatch(local):
        escaped = local.replace("\\", "\\\\").replace('"', '\\"')
        local = f'"{escaped}"'
    return _checked(f"{local}@{_ascii_domain(domain)}")


def _ascii_domain(domain: str) -> str:
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise HeaderUnsafe("a domain that IDNA cannot write") from None


def _encoded(name: str, text: str) -> str:
    """RFC 2047: encoded words of at most 76 characters a line, folded with a leading space."""
    if text.isprintable() and _stands(name, text):
        return text
    return _words(name, _one_line(text))


def _stands(name: str, text: str) -> bool:
    """Whether *text* fits into a header as it is. What looks like an encoded word would be decoded by its reader."""
    return text.isascii() and "=?" not in text and len(name) + 2 + len(text) <= _HEADER_LINE


def _words(name: str, text: str) -> str:
    return Header(text, "utf-8", maxlinelen=_HEADER_LINE, header_name=name).encode(linesep="\r\n")


def _quoted_name(name: str, display: str) -> str:
    clean = _one_line(display)
    escaped = clean.replace("\\", "\\\\").replace('"', '\\"')
    quoted = f'"{escaped}"'
    return quoted if _stands(name, quoted) else _words(name, clean)


def _address(name: str, mailbox: Mailbox) -> str:
    spec = _addr_spec(mailbox.address)
    if not mailbox.name:
        return spec
    return f"{_quoted_name(name, mailbox.name)}\r\n <{spec}>"


def _headers(rows: Sequence[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in rows).encode("ascii")


def _thread(references: Sequence[str]) -> list[tuple[str, str]]:
    """RFC 5322 3.6.4: the whole thread in References, the mail before in In-Reply-To."""
    if not references:
        return []
    ids = [_checked(reference) for reference in references]
    return [("In-Reply-To", ids[-1]), ("References", "\r\n ".join(ids))]


def _part_off(message: EmailMessage, seed: str) -> None:
    """Short boundaries that are the same each time: `=_` never stands in base64."""
    stem = sha256(seed.encode()).hexdigest()[:24]
    for level, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=_{stem}_{level}")


def _file_name(name: str) -> str:
    """*name* on one line. An encoded word in it would be decoded by the standard library, line ends and all."""
    return _one_line(name).replace("=?", "=_")


def _body(rendered: Rendered, attachments: Sequence[Attachment], *, plain_only: bool, seed: str) -> bytes:
    """The MIME part of the message, with its own headers first. Everything is base64."""
    message = EmailMessage(policy=policy.SMTP)
    message.set_content(rendered.text, subtype="plain", charset="utf-8", cte="base64")
    if not plain_only:
        message.add_alternative(rendered.html, subtype="html", charset="utf-8", cte="base64")
    for name, ascii_name, content in attachments:
        shown = _file_name(_checked(ascii_name) if plain_only else name)
        message.add_attachment(content, maintype="application", subtype="pdf", filename=shown)
    if "MIME-Version" not in message:
        message["MIME-Version"] = "1.0"
    _part_off(message, seed)
    return message.as_bytes(policy=policy.SMTP)


def build(
    rendered: Rendered,
    *,
    sender: Mailbox,
    recipient: Mailbox,
    message_id: str,
    date: datetime,
    reply_to: Mailbox | None = None,
    references: Sequence[str] = (),
    attachments: Sequence[Attachment] = (),
    plain_only: bool = False,
    auto_submitted: AutoSubmitted = AutoSubmitted.GENERATED,
) -> bytes:
    """Return the message as it goes over the wire, or raise HeaderUnsafe.

    Lines end in CRLF and have at most 76 characters, headers are ASCII. `plain_only` (phone carriers) leaves
    out the HTML part. The same arguments give the same bytes. The headers are written here because the
    standard library drops the quotes around local parts such as a..b.
    """
    rows = [
        ("From", _address("From", sender)),
        ("To", _address("To", recipient)),
        *([("Reply-To", _address("Reply-To", reply_to))] if reply_to else []),
        ("Subject", _encoded("Subject", rendered.subject)),
        ("Date", format_datetime(date.astimezone(JST))),
        ("Message-ID", _checked(message_id)),
        *_thread(references),
        ("Auto-Submitted", auto_submitted.value),
        ("X-Auto-Response-Suppress", "OOF, AutoReply"),
        ("Content-Language", rendered.languages),
    ]
    return _headers(rows) + _body(rendered, attachments, plain_only=plain_only, seed=message_id)
