"""What every page shows: one frozen view a page. Here is what several pages share; each kind of page has its own file.

Handlers fill these; templates read nothing else, so a page can show only what stands here. Values are plain:
text, numbers, dates, aware instants in UTC, tuples. Addresses of pages (`…_url`) are made by the handlers, words
for states by the templates. The template of a view has the view's name in snake case (`CodeEntry`:
`code_entry.html`). Which view a request gets is decided in the handlers, not here.

Fields that a form posts back are named in the docstring of the view that has the form. `offer` is the digest of
what was offered, `version` the envelope's version the form was made for.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from envelopes.rules.wording import Dates

# Pages of a document that are shown together. Crammed with text (1,200 letters a page) they are 15 kB on the wire.
AT_ONCE: Final = 12


class Kind(StrEnum):
    """契約書 (both sign) or 請書 (only the contractor signs)."""

    CONTRACT = "contract"
    ACCEPTANCE = "acceptance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The town's mark: a picture and its size in CSS pixels."""

    url: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The town and its service; section, phone and hours are those of whoever is in charge of what the page is about.

    `phone` is written with hyphens. `stylesheet` gives the pages the town's colour; empty for the portal's own.
    """

    town: str
    section: str
    phone: str
    hours: str
    domain: str
    public_url: str
    sender: str
    demo: bool
    mark: Mark
    stylesheet: str = ""
    dates: Dates = Dates.WESTERN


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Root of all pages; the renderer takes nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One thing to mend. `field` is the id of the input, or empty where no input is to blame."""

    text: str
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who signs: company or town, office, person. Office and person may be empty."""

    company: str
    office: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSource:
    """One rendering of a page; `width` in pixels."""

    url: str
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PageImage:
    """One page: its renderings, narrowest first, the size that keeps its place, its text by line."""

    number: int
    width: int
    height: int
    sources: tuple[ImageSource, ...]
    text: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTab:
    """A document of the envelope and whether this person has opened it; None of somebody who does not sign."""

    number: int
    title: str
    pages: int
    seen: bool | None
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How many of an envelope's pages have images so far; all of them are made before anybody is asked to sign."""

    done: int
    pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    """The document that is open. No images yet (`pages` empty) means that they are being made.

    Of a long document, with `count` pages in all, only some are in `pages`; the page at `url` shows the others, from
    `?page=` on.

    `notes`: what staff have to look at in it, on the draft's page. `apart`: its pages are on the page at `url` alone.
    `unfolded`: the text of every page stands below its image; otherwise it is folded.
    """

    number: int
    title: str
    pdf_url: str
    pdf_size: int
    pages: tuple[PageImage, ...]
    count: int
    url: str
    notes: tuple[str, ...] = ()
    apart: bool = False
    unfolded: bool = False

    @property
    def before(self) -> int | None:
        """The page from which those before `pages` are shown; None where there are none."""
        if not self.pages or self.pages[0].number == 1:
            return None
        return max(1, self.pages[0].number - AT_ONCE)

    @property
    def after(self) -> int | None:
        """The page after `pages`; None where there is none."""
        if not self.pages or self.pages[-1].number == self.count:
            return None
        return self.pages[-1].number + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Something to save; `size` in bytes."""

    title: str
    url: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The last question before signing; posts `offer` to `complete_url`.

    While a document is unseen the form has no button to sign. `waits_for` names who signs afterwards.
    """

    party: Party
    kind: Kind
    documents: tuple[DocumentTab, ...]
    waits_for: tuple[str, ...]
    complete_url: str
    back_url: str
    offer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffNav:
    """Who is signed in, and the ways that every staff page has."""

    name: str
    section: str
    desk_url: str
    replies_url: str
    sign_out_url: str
    registry_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Page):
    """A heading, what happened, where to go on."""

    title: str
    paragraphs: tuple[str, ...]
    good: bool = False
    next_url: str | None = None
    next_label: str = ""
    also: tuple[tuple[str, str], ...] = ()
    nav: StaffNav | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Page):
    """Something went wrong: what happened, what to do next. `reference` finds the entry in the log."""

    title: str
    happened: str
    todo: str
    reference: str = ""
    next_url: str | None = None
    next_label: str = ""
    nav: StaffNav | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of the history, in words."""

    at: datetime
    text: str
    who: str = ""
