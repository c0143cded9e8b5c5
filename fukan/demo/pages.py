"""The local mail world in the browser: every mailbox, a form to write as staff, what everybody's phone shows.

Everybody's mail and everybody's second factor lie open here, so nothing answers unless the browser asks for a
loopback name; a page elsewhere cannot reach it by a name of its own (DNS rebinding) nor post its form.
Mails are shown as they are; their HTML only inside a sandbox with a content policy of its own.
"""

import asyncio
import smtplib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

import pyotp
from aiohttp import BodyPartReader, hdrs, web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.letters import Reader
from bot.render import Rendered, render
from envelopes.actions.credentials import REPLY, TOTP
from envelopes.rules.kinds import Kind
from envelopes.rules.mobiles import written
from fukan.demo import answering, cast
from fukan.demo.forwarding import Document, Order, compose, default_deadline, hand_over
from fukan.demo.letters import LETTERS, SITE
from fukan.demo.mailboxes import Mailbox, MailSummary
from fukan.demo.phones import Phones
from fukan.demo.reading import content, file_name, leaves, read
from fukan.demo.samples.build import DOCUMENTS
from fukan.demo.samples.build import HERE as SAMPLES

TEMPLATES: Final = Path(__file__).resolve().parent / "pages"
PORTAL_STATIC: Final = Path(__file__).resolve().parents[2] / "templates" / "static"
BODY_BYTES: Final = 60_000_000  # why: more than the intake takes, so that its own answer can be tried
REFRESH_SECONDS: Final = 3  # why: the bot answers within a second or two

_TOKYO: Final = ZoneInfo("Asia/Tokyo")
_KB: Final = 1000
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self';"
    " frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# A mail may style itself and open its links in a new tab; it loads nothing, runs nothing, submits nothing.
_MAIL_POLICY: Final = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline';"
    " img-src data:; form-action 'none'; frame-ancestors 'self'"
)
_NEW_TAB: Final = '<base target="_blank">'
_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": _POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex, nofollow",
    }
)


class Post(Protocol):
    """What the pages need of the post office."""

    @property
    def smtp_port(self) -> int: ...
    def mailboxes(self) -> Sequence[Mailbox]: ...
    def mails(self, address: str) -> Sequence[MailSummary]: ...
    def mail(self, mail_id: int) -> bytes | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The demo around the pages.

    `seed` gives a seed (base32) in the authenticator of a staff address, by kind; `app` the one in a contractor's.
    """

    post: Post
    portal_url: str
    intake: str
    seed: Callable[[str, str], Awaitable[str | None]]
    app: Callable[[str], Awaitable[str | None]]
    now: Callable[[], datetime]
    phones: Phones = field(default_factory=Phones)


class Sample(NamedTuple):
    """A story that fills the form: which kind, which papers, what they say."""

    key: str
    kind: Kind
    title: str
    amount: str
    files: tuple[str, ...]


class Digits(NamedTuple):
    """The accounts of one person in the authenticator: to sign in, and for replies; empty before enrolment."""

    person: cast.StaffMember
    code: str
    reply: str


class Phone(NamedTuple):
    """A contractor's phone: the digits in his own authenticator, empty before he has one."""

    person: cast.Contractor
    code: str


WORLD: Final = web.AppKey("world", World)
STORIES: Final = (
    Sample(
        "contract",
        Kind.CONTRACT,
        "令和8年度 村道北城線 舗装補修工事 請負契約",
        "12,980,000円（税込）",
        ("工事請負契約書.pdf", "特記仕様書.pdf"),
    ),
    Sample(
        "acceptance", Kind.ACCEPTANCE, "令和8年度 村道南城線 側溝修繕", "880,000円（税込）", ("請書.pdf",)
    ),
)
SAMPLE_NAMES: Final = tuple(DOCUMENTS.values())

routes = web.RouteTableDef()


def _same(message: str) -> str:
    return message


def _same_or_many(one: str, many: str, count: int) -> str:
    return one if count == 1 else many


def _when(at: datetime) -> str:
    local = at.astimezone(_TOKYO)
    return f"{local.month}月{local.day}日 {local:%H:%M:%S}"


def _size(count: int) -> str:
    return f"{count / _KB / _KB:.1f}MB" if count >= _KB * _KB else f"{max(1, round(count / _KB))}KB"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.install_gettext_callables(_same, _same_or_many, newstyle=True)  # type: ignore[attr-defined]
    env.filters.update(when=_when, size=_size, mobile=written, segment=lambda text: quote(text, safe="@"))
    env.globals.update(cast=cast)
    return env


def _page(request: web.Request, name: str, *, status: int = 200, **values: Any) -> web.Response:
    html = _environment().get_template(name).render(world=request.app[WORLD], path=request.path, **values)
    return web.Response(text=html, content_type="text/html", status=status)


def _is_loopback(authority: str) -> bool:
    return urlsplit(f"//{authority}").hostname in _LOOPBACK


def _is_own_form(request: web.Request) -> bool:
    """Whether a POST comes from these pages. Browsers send Sec-Fetch-Site, or at least Origin."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is None or urlsplit(origin).netloc == request.host


@web.middleware
async def guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer loopback names and own forms only, and put the common headers on every answer."""
    if not _is_loopback(request.host) or (request.method == hdrs.METH_POST and not _is_own_form(request)):
        raise web.HTTPForbidden(text="The local mail world answers on loopback only.\n", headers=_HEADERS)
    try:
        response = await handler(request)
    except web.HTTPNotFound:
        response = _page(request, "missing.html", status=web.HTTPNotFound.status_code)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


@routes.get("/")
async def start(request: web.Request) -> web.Response:
    """What this is, in six lines, with people and papers."""
    return _page(request, "start.html", stories=STORIES, samples=SAMPLE_NAMES)


@routes.get("/mailboxes")
async def mailboxes(request: web.Request) -> web.Response:
    """Every mailbox, the cast first."""
    world = request.app[WORLD]
    return _page(request, "mailboxes.html", boxes=world.post.mailboxes(), names=_names(world))


@routes.get("/mailboxes/{address}")
async def mailbox(request: web.Request) -> web.Response:
    """The mails of one address. With `wait` the page looks again by itself."""
    address = request.match_info["address"]
    world = request.app[WORLD]
    refresh = REFRESH_SECONDS if "wait" in request.query else 0
    owner = _names(world).get(_plain(address), "")
    return _page(
        request,
        "mailbox.html",
        address=address,
        owner=owner,
        mails=world.post.mails(address),
        refresh=refresh,
        sent="sent" in request.query,
    )


@routes.get(r"/mails/{id:\d{1,12}}")
async def mail(request: web.Request) -> web.Response:
    """One mail: HTML in its sandbox, text, attachments, headers."""
    raw = _raw(request)
    return _page(
        request,
        "mail.html",
        id=request.match_info["id"],
        reading=read(raw),
        bytes=len(raw),
        replier=answering.replier(raw),
    )


@routes.post(r"/mails/{id:\d{1,12}}/reply")
async def reply(request: web.Request) -> web.Response:
    """Write the reply, hand it to the post office, and show the mailbox of who wrote it."""
    raw = _raw(request)
    clerk = answering.replier(raw)
    if clerk is None:
        raise web.HTTPNotFound
    words = str((await request.post()).get("words", ""))
    written = answering.compose(raw, words, clerk=clerk, now=request.app[WORLD].now())
    return await _sent(request, written, str(written["To"]), clerk)


async def _sent(
    request: web.Request, written: EmailMessage, recipient: str, clerk: cast.StaffMember
) -> web.Response:
    port = request.app[WORLD].post.smtp_port
    try:
        await asyncio.to_thread(hand_over, written, recipients=(recipient,), port=port)
    except (smtplib.SMTPException, OSError):
        return _page(request, "undelivered.html", status=web.HTTPServiceUnavailable.status_code)
    raise web.HTTPSeeOther(f"/mailboxes/{quote(clerk.address)}?sent&wait")


@routes.get(r"/mails/{id:\d{1,12}}/html")
async def mail_html(request: web.Request) -> web.Response:
    """The HTML part as it is, under the policy for mails. Its links open in a new tab."""
    html = read(_raw(request)).html
    if not html:
        raise web.HTTPNotFound
    return _in_its_sandbox(html)


def _in_its_sandbox(html: str) -> web.Response:
    text = html.replace("<head>", f"<head>{_NEW_TAB}", 1) if "<head>" in html else _NEW_TAB + html
    return web.Response(
        text=text, content_type="text/html", headers={"Content-Security-Policy": _MAIL_POLICY}
    )


@routes.get(r"/mails/{id:\d{1,12}}/parts/{number:\d{1,4}}")
async def mail_part(request: web.Request) -> web.Response:
    """One attachment, always as a download."""
    parts, number = leaves(_raw(request)), int(request.match_info["number"])
    if number >= len(parts):
        raise web.HTTPNotFound
    return _download(content(parts[number]), file_name(parts[number]) or f"{number}.bin")


@routes.get(r"/mails/{id:\d{1,12}}.eml")
async def mail_raw(request: web.Request) -> web.Response:
    """The whole mail as it lies in the mailbox."""
    return _download(_raw(request), f"mail-{request.match_info['id']}.eml", content_type="message/rfc822")


@routes.get("/mail-previews")
async def mail_previews(request: web.Request) -> web.Response:
    """Every mail that the service writes, by its subject: what contractors get, then what staff get."""
    known = {name: (letter.reader, _preview(name).subject) for name, letter in LETTERS.items()}
    groups = {
        reader: [(name, subject) for name, (whose, subject) in known.items() if whose == reader]
        for reader in Reader
    }
    return _page(request, "mail-previews.html", groups=groups)


@routes.get("/mail-previews/{name}")
async def mail_preview(request: web.Request) -> web.Response:
    """One of them: HTML in its sandbox beside the text that says the same."""
    name = request.match_info["name"]
    made, names = _preview(name), list(LETTERS)
    place = names.index(name)
    return _page(
        request,
        "mail-preview.html",
        template=name,
        mail=made,
        bytes=len(made.html.encode()),
        before=names[place - 1] if place else "",
        after=names[place + 1] if place + 1 < len(names) else "",
    )


@routes.get("/mail-previews/{name}/html")
async def mail_preview_html(request: web.Request) -> web.Response:
    """The HTML part under the policy for mails."""
    return _in_its_sandbox(_preview(request.match_info["name"]).html)


@lru_cache(maxsize=len(LETTERS))
def _preview(name: str) -> Rendered:
    if name not in LETTERS:
        raise web.HTTPNotFound
    return render(LETTERS[name], site=SITE)


@routes.get("/forward")
async def forward_form(request: web.Request) -> web.Response:
    """The form, filled with one of the stories."""
    stories = {story.key: story for story in STORIES}
    story = stories.get(request.query.get("story", ""), STORIES[0])
    deadline = default_deadline(request.app[WORLD].now().astimezone(_TOKYO).date())
    return _page(
        request,
        "forward.html",
        story=story,
        stories=STORIES,
        kinds=tuple(Kind),
        samples=SAMPLE_NAMES,
        deadline=deadline,
    )


@routes.post("/forward")
async def forward(request: web.Request) -> web.Response:
    """Compose the mail, hand it to the post office, and show the clerk's mailbox."""
    world = request.app[WORLD]
    order = await _order(request)
    written = compose(order, intake=world.intake, now=world.now())
    return await _sent(request, written, world.intake, order.clerk)


@routes.get("/authenticator")
async def authenticator(request: web.Request) -> web.Response:
    """The six digits of every sample person, as their phones show them now."""
    world = request.app[WORLD]
    accounts = [await _digits(world, person) for person in cast.STAFF]
    left = int(_PERIOD - world.now().timestamp() % _PERIOD)
    return _page(request, "authenticator.html", accounts=accounts, refresh=left + 1, period=_PERIOD)


@routes.get("/phones")
async def phones(request: web.Request) -> web.Response:
    """What every contractor's phone shows: the digits of his authenticator, and his SMS."""
    world = request.app[WORLD]
    owners = [
        Phone(person, _shown(await world.app(person.address), world.now())) for person in cast.CONTRACTORS
    ]
    return _page(
        request, "phones.html", owners=owners, messages=world.phones.messages, refresh=REFRESH_SECONDS
    )


@routes.post("/sms")
async def take_sms(request: web.Request) -> web.Response:
    """The hook that the demo's settings name."""
    world = request.app[WORLD]
    taken = world.phones.take(request.headers, await request.read(), at=world.now())
    return web.Response(status=204 if taken else 401)


@routes.get("/samples/{name}")
async def sample(request: web.Request) -> web.Response:
    """A sample document, to look at in the browser."""
    name = request.match_info["name"]
    if name not in SAMPLE_NAMES:
        raise web.HTTPNotFound
    body = (SAMPLES / name).read_bytes()
    return web.Response(body=body, content_type="application/pdf", headers=_disposition("inline", name))


_STATIC: Final = MappingProxyType(
    {
        "app.css": (PORTAL_STATIC, "text/css"),
        "icon.svg": (PORTAL_STATIC, "image/svg+xml"),
        "demo.css": (TEMPLATES, "text/css"),
        "demo.js": (TEMPLATES, "text/javascript"),
    }
)


@routes.get("/static/{name}")
async def static(request: web.Request) -> web.Response:
    """The portal's own look, and the little that these pages add."""
    name = request.match_info["name"]
    if name not in _STATIC:
        raise web.HTTPNotFound
    folder, content_type = _STATIC[name]
    return web.Response(body=(folder / name).read_bytes(), content_type=content_type, charset="utf-8")


_PERIOD: Final = 30  # RFC 6238 5.2


async def _digits(world: World, person: cast.StaffMember) -> Digits:
    seeds = [await world.seed(person.address, kind) for kind in (TOTP, REPLY)]
    return Digits(person, *(_shown(seed, world.now()) for seed in seeds))


def _shown(seed: str | None, now: datetime) -> str:
    return pyotp.TOTP(seed, interval=_PERIOD).at(now) if seed else ""


def _plain(address: str) -> str:
    return address.replace('"', "").lower()


def _names(world: World) -> dict[str, str]:
    """Who is behind an address, for the lists."""
    staff = {person.address: f"{person.name}（{person.section} {person.office}）" for person in cast.STAFF}
    outside = {one.address: f"{one.name}（{one.company}）" for one in cast.EVERYBODY}
    return staff | outside | {world.intake: "受付アドレス（電子契約）"}


def _raw(request: web.Request) -> bytes:
    raw = request.app[WORLD].post.mail(int(request.match_info["id"]))
    if raw is None:
        raise web.HTTPNotFound
    return raw


def _disposition(kind: str, name: str) -> dict[str, str]:
    """RFC 6266 with the name in UTF-8 only: every browser reads it, and no quoting can go wrong."""
    return {hdrs.CONTENT_DISPOSITION: f"{kind}; filename*=UTF-8''{quote(name, safe='')}"}


def _download(body: bytes, name: str, *, content_type: str = "application/octet-stream") -> web.Response:
    return web.Response(body=body, content_type=content_type, headers=_disposition("attachment", name))


async def _fields(request: web.Request) -> tuple[dict[str, str], list[str], list[Document]]:
    """Read the form: single values, the samples ticked, the files chosen."""
    values: dict[str, str] = {}
    ticked: list[str] = []
    files: list[Document] = []
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise web.HTTPBadRequest
        if part.name == "files":
            files += [Document(part.filename, bytes(await part.read()))] if part.filename else []
        elif part.name == "samples":
            ticked.append(await part.text())
        else:
            values[part.name or ""] = await part.text()
    return values, ticked, files


async def _order(request: web.Request) -> Order:
    """Return what the form says, or raise HTTPBadRequest where it is not ours."""
    if request.content_type != "multipart/form-data":
        raise web.HTTPUnsupportedMediaType
    values, ticked, files = await _fields(request)
    clerks = {person.address: person for person in cast.STAFF}
    contractors = {person.address: person for person in cast.EVERYBODY}
    try:
        clerk, contractor = clerks[values["clerk"]], contractors[values["contractor"]]
        written = {name: values[name] for name in ("kind", "title", "amount", "deadline")}
    except KeyError:
        raise web.HTTPBadRequest from None
    samples = [Document(name, (SAMPLES / name).read_bytes()) for name in SAMPLE_NAMES if name in ticked]
    return Order(clerk=clerk, contractor=contractor, documents=(*samples, *files), **written)


def create_app(world: World) -> web.Application:
    """Return the pages around *world*. Whoever serves them binds them to loopback."""
    app = web.Application(middlewares=[guard], client_max_size=BODY_BYTES)
    app[WORLD] = world
    app.add_routes(routes)
    return app
