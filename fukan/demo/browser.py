"""A browser without scripts, as the tour's people use it: pages with forms, links and images, and cookies.

Knows HTML and HTTP, nothing of this project's pages. What it says about a page that was not expected is its
heading, never its address: that may hold a link's token.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from types import TracebackType
from typing import Final, NamedTuple, Self
from urllib.parse import urljoin, urlsplit

import aiohttp

from envelopes.rules.errors import FukanError

_SECONDS: Final = 60.0  # why: the portal may be rendering beside it on one core
_BAD: Final = 400  # RFC 9110 15: from here on a status is an error
_COLLECTED: Final = frozenset({"a", "button", "label", "h1"})
_TYPED: Final = frozenset({"", "text", "hidden", "email", "password", "date", "tel"})
_TICKED: Final = frozenset({"radio", "checkbox"})


class UnexpectedPage(FukanError):
    """A page is not the one that was expected; says what it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A radio button or a box to tick, with the words beside it."""

    name: str
    value: str
    id: str
    chosen: bool
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form: where it goes, what it holds, what stands on its buttons."""

    method: str
    action: str
    fields: Mapping[str, str]
    choices: tuple[Choice, ...]
    buttons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link and its words."""

    href: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What came back. `chip` is the first short word of state on the page, if there is one."""

    url: str
    status: int
    heading: str
    chip: str
    words: str
    forms: tuple[Form, ...]
    links: tuple[Link, ...]
    images: tuple[str, ...]

    def form(self, *, button: str = "", having: str = "") -> Form:
        """Return the form with that button or that field, or raise UnexpectedPage."""
        for one in self.forms:
            names = {*one.fields, *(choice.name for choice in one.choices)}
            if (not button or any(button in words for words in one.buttons)) and (
                not having or having in names
            ):
                return one
        raise self.unexpected(f"「{button or having}」の入力欄がありません")

    def has_form(self, *, button: str = "", having: str = "") -> bool:
        """Whether `form` would find one."""
        try:
            self.form(button=button, having=having)
        except UnexpectedPage:
            return False
        return True

    def link(self, words: str) -> Link:
        """Return the first link that begins with *words*, or raise UnexpectedPage."""
        for one in self.links:
            if one.words.startswith(words):
                return one
        raise self.unexpected(f"「{words}」のリンクがありません")

    def unexpected(self, what: str) -> UnexpectedPage:
        """Return the error that says *what* is wrong with this page."""
        return UnexpectedPage(f"{what}（画面：{self.heading or '見出しなし'}、{self.status}）")


class Saved(NamedTuple):
    """A file: its bytes, its media type and the name that the server proposes ("" where it proposes none)."""

    content: bytes
    kind: str
    name: str


@dataclass(slots=True)
class _Collected:
    tag: str
    given: Mapping[str, str]
    parts: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        return " ".join("".join(self.parts).split())


@dataclass(slots=True)
class _OpenForm:
    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: list[Choice] = field(default_factory=list)
    buttons: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    """Collects what a person can use on a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[_OpenForm] = []
        self.links: list[Link] = []
        self.images: list[str] = []
        self.labels: dict[str, str] = {}
        self.heading = ""
        self.chip = ""
        self.words: list[str] = []
        self._form: _OpenForm | None = None
        self._collecting: list[_Collected] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = _OpenForm(given.get("method", "get").lower(), given.get("action", ""))
            self.forms.append(self._form)
        elif tag in {"input", "textarea"} and self._form is not None:
            self._input(self._form, given)
        elif tag == "img":
            self.images.append(given.get("src", ""))
        elif tag in _COLLECTED or (tag == "span" and "chip" in given.get("class", "").split()):
            self._collecting.append(_Collected(tag, given))

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        for one in self._collecting:
            one.parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if self._collecting and self._collecting[-1].tag == tag:
            self._collected(self._collecting.pop())

    def _input(self, form: _OpenForm, given: Mapping[str, str]) -> None:
        name, kind = given.get("name", ""), given.get("type", "")
        if not name or "disabled" in given:
            return
        if kind in _TICKED:
            value = given.get("value", "on")
            chosen = "checked" in given
            form.choices.append(Choice(name=name, value=value, id=given.get("id", ""), chosen=chosen))
        elif kind in _TYPED:
            form.fields[name] = given.get("value", "")

    def _collected(self, one: _Collected) -> None:
        match one.tag:
            case "a":
                self.links.append(Link(href=one.given.get("href", ""), words=one.words))
            case "button" if self._form is not None:
                self._form.buttons.append(one.words)
            case "label":
                self.labels[one.given.get("for", "")] = one.words
            case "h1":
                self.heading = self.heading or one.words
            case "span":
                self.chip = self.chip or one.words


def read(html: str, *, url: str, status: int) -> Page:
    """Return what a person can see and use in *html*."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return Page(
        url=url,
        status=status,
        heading=reader.heading,
        chip=reader.chip,
        words=" ".join("".join(reader.words).split()),
        forms=tuple(_form(one, reader.labels) for one in reader.forms),
        links=tuple(reader.links),
        images=tuple(reader.images),
    )


def _form(one: _OpenForm, labels: Mapping[str, str]) -> Form:
    choices = tuple(replace(choice, words=labels.get(choice.id, "")) for choice in one.choices)
    return Form(
        method=one.method,
        action=one.action,
        fields=one.fields,
        choices=choices,
        buttons=tuple(one.buttons),
    )


class Browser:
    """One person's browser; use it as a context."""

    def __init__(self, person: str) -> None:
        self._agent = f"Mozilla/5.0 (Fukan tour; {person})"
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # Cookies of an IP address are kept only by an "unsafe" jar.
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=aiohttp.ClientTimeout(total=_SECONDS),
            headers={"User-Agent": self._agent, "Accept-Language": "ja"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def open(self, url: str) -> Page:
        """Follow a link to a page. Raises UnexpectedPage when it is an error page or there is no answer."""
        return await self._page("GET", url, {}, None)

    async def go(self, page: Page, link: Link) -> Page:
        """Follow *link* of *page*."""
        return await self.open(urljoin(page.url, link.href))

    async def submit(self, page: Page, form: Form, **typed: str) -> Page:
        """Send *form* of *page* with what was typed or chosen; what is preset goes along."""
        values = dict(_preset(form)) | typed
        site = urlsplit(page.url)
        headers = {
            "Origin": f"{site.scheme}://{site.netloc}",
            "Referer": page.url,
            "Sec-Fetch-Site": "same-origin",
        }
        return await self._page(form.method.upper(), urljoin(page.url, form.action), headers, values)

    async def save(self, page: Page, href: str) -> Saved:
        """Return what lies behind *href*. Raises UnexpectedPage when there is nothing."""
        try:
            async with self._get.get(urljoin(page.url, href)) as answer:
                body = await answer.read()
                if answer.status >= _BAD:
                    raise UnexpectedPage(f"ファイルを開けません（{answer.status}）")
                name = answer.content_disposition.filename if answer.content_disposition else None
                return Saved(body, answer.content_type, name or "")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnexpectedPage(f"ファイルを開けません（{type(error).__name__}）") from None

    @property
    def _get(self) -> aiohttp.ClientSession:
        assert self._session is not None
        return self._session

    async def _page(
        self, method: str, url: str, headers: Mapping[str, str], values: Mapping[str, str] | None
    ) -> Page:
        try:
            async with self._get.request(method, url, headers=headers, data=values) as answer:
                text = await answer.text()
                page = read(text, url=str(answer.url), status=answer.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnexpectedPage(f"画面が応答しません（{type(error).__name__}）") from None
        if page.status >= _BAD:
            raise page.unexpected("画面が開けません")
        return page


def _preset(form: Form) -> Iterator[tuple[str, str]]:
    yield from form.fields.items()
    yield from ((choice.name, choice.value) for choice in form.choices if choice.chosen)
