"""Who gets what from every route: the table that `test_rights` plays, line by line.

A line names a route as the portal's own table writes it and everybody who gets something from it; all others get
nothing. In the same scene those who get something see what the line says they see, and the others do not: so that no
refusal comes from an address that is wrong.

To add a route, add a line: who `gets` it, at which place of the stage (`at`; each has its default), which of that
place's secrets they see (`shows`), and for a form what is posted, with the place's values in braces.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from aiohttp import web

from portal.routes import ROUTES
from tests.portal.stage import SPECIMEN, Who

EVERYBODY: Final = frozenset(Who)
NOBODY: Final[frozenset[Who]] = frozenset()
SECTION: Final = frozenset({Who.CLERK, Who.APPROVER})
READERS: Final = SECTION | {Who.HEADMAN, Who.AUDITOR}
"""Who sees an envelope that the headman signs: its section, whoever takes part, auditors."""
STAFF: Final = READERS | {Who.REGISTRAR, Who.ADMIN, Who.FOREIGN}
KEEPER: Final = frozenset({Who.REGISTRAR})
SIGNER: Final = frozenset({Who.SIGNER})
UNPROVED: Final = EVERYBODY - SIGNER
"""They are asked for a code by a link; the signer's own browser is led on without one."""
WRITERS: Final = frozenset({Who.APPLICANT, Who.PROVED_APPLICANT, Who.OTHER_APPLICANT})
MINE: Final = frozenset({Who.APPLICANT, Who.PROVED_APPLICANT})
ASLEEP: Final = frozenset({Who.ASLEEP})
MAILED: Final = frozenset({Who.MAILED})
APPLICANT: Final = frozenset({Who.APPLICANT})
DRAFTERS: Final = frozenset({Who.CLERK, Who.FOREIGN})

_PLACES: Final = {
    "/s/": "out",
    "/sign/": "out",
    "/d/": "done",
    "/r/": "invited",
    "/register": "applied",
    "/verify/": "upload",
    "/staff/enrol/": "newcomer",
    "/staff/drafts/": "draft",
    "/staff/envelopes/": "out",
    "/staff/mails/": "aside",
    "/staff/registry/applications/": "proved",
    "/staff/registry/{ref}": "entry",
    "/staff/registry": "entry",
    "/staff/tasks/": "stuck",
    "": "office",
}


_FILLED_IN: Final = {"version", "offer", "n", "code"}
"""What a page fills into its form by itself, and digits, which are not kept."""


@dataclass(frozen=True, kw_only=True)
class Right:
    """One line of the table.

    `status` is what those who get something are answered, `to` where they are led. `refused` are the answers to the
    others, where they are not the usual ones (`usual`). `open` are secrets that the page shows also to others than
    `gets`, and `reads` are people who may see the place, though not do this. `changes`: the form changes something.
    `counts` are tables in which also a vain try is counted.
    """

    method: str
    path: str
    gets: frozenset[Who]
    at: str
    shows: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    form: Mapping[str, str] = field(default_factory=dict)
    file: bytes = b""
    status: int = 200
    to: str = ""
    kind: str = "text/html"
    refused: Mapping[Who, int] = field(default_factory=dict)
    reads: frozenset[Who] = NOBODY
    changes: bool = False
    counts: frozenset[str] = NOBODY  # type: ignore[assignment]

    @property
    def name(self) -> str:
        """The route, as the failures name it."""
        return f"{self.method} {self.path}"

    def answer_to(self, who: Who) -> int:
        """The status for somebody who gets nothing."""
        if who in self.refused:
            return self.refused[who]
        if who is Who.IDLE and self.path.startswith("/staff") and set(self.form) - _FILLED_IN:
            return 403  # with what was typed, to be sent again after signing in
        if self.path.startswith("/staff"):
            return 404 if who in STAFF else 303
        return 303 if self.path.startswith("/register") else 404


def _place(path: str) -> str:
    return next(place for beginning, place in _PLACES.items() if path.startswith(beginning))


def get(path: str, gets: frozenset[Who], *shows: str, at: str = "", **more: object) -> Right:
    """A page or a file, and the secrets it shows."""
    return Right(method="GET", path=path, gets=gets, at=at or _place(path), shows=shows, **more)  # type: ignore[arg-type]


def post(
    path: str, gets: frozenset[Who], form: Mapping[str, str] | None = None, *, at: str = "", **more: object
) -> Right:
    """A form that changes something, and leads on unless its status is another."""
    said = {"status": 303, "changes": True, **more}
    return Right(method="POST", path=path, gets=gets, at=at or _place(path), form=form or {}, **said)  # type: ignore[arg-type]


def move(path: str, gets: frozenset[Who], form: Mapping[str, str], **more: object) -> Right:
    """A form that only leads on: what it says is kept by the browser."""
    return post(path, gets, form, changes=False, **more)  # type: ignore[arg-type]


def look(path: str, gets: frozenset[Who], form: Mapping[str, str], *shows: str, **more: object) -> Right:
    """A form that only shows something."""
    return post(path, gets, form, status=200, changes=False, shows=shows, **more)  # type: ignore[arg-type]


def to_all(status: int, people: frozenset[Who], **others: int) -> dict[Who, int]:
    """The answer *status* to *people*."""
    return dict.fromkeys(people, status) | {Who[name]: one for name, one in others.items()}


_LINK = ("title", "company", "person", "masked")
_RECEIVED = (*_LINK, "number")
"""What anybody with a request's link may read: never the address, an amount or a word of the documents."""
_OFFICE = ("title", "company", "person", "address", "number")
_REASON = {"reason": "読み違いがあるため"}
_AGREED = {"agree": "yes", "version": "{terms}"}
_CODE = {"code": "{code}"}
_VERSION = {"version": "{version}"}
_ANOTHER = {"email": "honsha@takahashi-kensetsu.example"}
_MOBILE = {"mobile": "070-3333-4444", "source": "来庁時に本人から"}
_CHANGE = {"choice": "address", **_ANOTHER}
_PASSWORD = {"password": "{password}", "password_again": "{password}"}
_LIST = "会社名,氏名,メールアドレス\r\n西アルプス㈱,西 四郎,nishi@nishi-alps.example\r\n".encode()
_PDF, _ZIP, _WEBP, _SVG, _CSV = (
    "application/pdf",
    "application/zip",
    "image/webp",
    "image/svg+xml",
    "text/csv",
)
_DRAFT, _ENVELOPE = "/staff/drafts/{ref}", "/staff/envelopes/{ref}"
_APPLICATION, _ENTRY = "/staff/registry/applications/{ref}", "/staff/registry/{ref}"
_CLERK, _HEADMAN = frozenset({Who.CLERK}), frozenset({Who.HEADMAN})
_EVIDENCE = SECTION | {Who.AUDITOR, Who.ADMIN}
_SECONDS = frozenset({Who.APPROVER, Who.ADMIN})

# Whoever was idle too long is asked for another code, under the request's name.
read = partial(get, refused={Who.ASLEEP: 200}, open=_LINK)
act = partial(post, refused={Who.ASLEEP: 200}, open=_LINK)
# The second proof, which nobody gives twice.
second = partial(read, at="guarded", refused={Who.ASLEEP: 200, Who.SIGNER: 303})
prove = partial(act, at="guarded", refused={Who.ASLEEP: 200, Who.SIGNER: 303})
# The link asks for the code itself, whichever of its files is wanted.
save = partial(get, refused=to_all(303, EVERYBODY))
# The registration form shows every browser what was typed in it, and nothing to those who never began.
typed = partial(get, refused={Who.OTHER_APPLICANT: 200})
# Whoever may see an envelope and do nothing about it is shown how it stands, with the reason.
work = partial(post, to=_ENVELOPE, refused=to_all(409, READERS), reads=READERS)
decide = partial(post, at="paused", refused=to_all(403, READERS))
tell = partial(post, at="guarded", status=200, refused=to_all(403, READERS))
# Everybody on the staff list sees these pages; what they do not do is no secret.
keep = partial(post, refused=to_all(403, STAFF))


def _gone(**others: int) -> dict[Who, int]:
    """The answers to browsers that keep no application: the page that says so."""
    return to_all(303, EVERYBODY - WRITERS, **others)


_ALL: Final[tuple[Right, ...]] = (
    # Everybody
    get("/", EVERYBODY),
    get("/healthz", EVERYBODY, kind="application/json"),
    get("/robots.txt", EVERYBODY, kind="text/plain"),
    get("/static/{name}", EVERYBODY, at="static", kind="text/css"),
    get("/pki/{name}", EVERYBODY, at="published", kind="application/pkix-cert"),
    get("/verify", EVERYBODY),
    get("/verify/{ref}", EVERYBODY, "digest"),
    post("/verify", EVERYBODY, file=SPECIMEN, status=202),
    look("/verify", EVERYBODY, {"certificate_id": "{certificate}"}, "certificate", at="done"),
    # A contractor's address that is to be registered
    get("/register", EVERYBODY),
    get("/register/company", MINE, "company", refused=to_all(200, EVERYBODY)),
    typed("/register/person", MINE, "person"),
    typed("/register/address", MINE, "address"),
    typed("/register/mobile", WRITERS),
    typed("/register/terms", WRITERS),
    typed("/register/check", MINE, "company", "person", "address"),
    get("/register/code", APPLICANT, "masked", refused=_gone(OTHER_APPLICANT=200, PROVED_APPLICANT=303)),
    get(
        "/register/done",
        frozenset({Who.PROVED_APPLICANT}),
        *("company", "number", "masked"),
        at="proved",
        refused=_gone(OTHER_APPLICANT=303, APPLICANT=303),
    ),
    get("/register/withdraw", EVERYBODY),
    move("/register/company", EVERYBODY, {"company": "西アルプス㈱"}, to="/register/"),
    move("/register/person", WRITERS, {"person": "西 四郎"}, to="/register/address"),
    move("/register/address", WRITERS, {"email": "nishi@nishi-alps.example"}, to="/register/mobile"),
    move("/register/mobile", WRITERS, {"mobile": "090-2222-3333"}, to="/register/terms"),
    move("/register/terms", WRITERS, _AGREED, to="/register/check"),
    post("/register/check", WRITERS, to="/register/code"),
    post("/register/withdraw", EVERYBODY, {"email": "kita@kita-suido.example"}, to="/register/code"),
    post("/register/code", APPLICANT | {Who.OTHER_APPLICANT}, to="/register/code?sent", refused=_gone()),
    post(
        "/register/verify",
        APPLICANT,
        _CODE,
        to="/register/done",
        refused=_gone(OTHER_APPLICANT=422, PROVED_APPLICANT=303),
        # A wrong code counts against the application of whoever typed it.
        counts=frozenset({"applications"}),
    ),
    get("/r/{token}", EVERYBODY, "company", "masked"),
    post("/r/{token}", EVERYBODY, _AGREED, to="/r/{token}/code"),
    get("/r/{token}/code", EVERYBODY, "masked"),
    post("/r/{token}/code", EVERYBODY, to="/r/{token}/code?sent"),
    post("/r/{token}/verify", EVERYBODY, _CODE, to="/r/{token}/done"),
    get("/r/{token}/done", EVERYBODY, "company", "number", "masked", at="welcome"),
    # The contractor, through the link
    get("/s/{token}", EVERYBODY, *_LINK),
    get("/s/{token}/code", UNPROVED, "title", "masked", open=_LINK, refused={Who.SIGNER: 303}),
    get("/s/{token}/wrong", EVERYBODY, "title", open=_LINK),
    post("/s/{token}/code", UNPROVED, to="/s/{token}/code?sent", refused={Who.SIGNER: 303}),
    post("/s/{token}/verify", UNPROVED, _CODE, to="/sign/{signer}/1", refused={Who.SIGNER: 303}),
    get("/s/{token}/link", EVERYBODY, status=303, to="/s/{token}"),
    post("/s/{token}/link", EVERYBODY, to="/s/{token}/link"),
    post("/s/{token}/time", EVERYBODY, at="late", to="/s/{token}"),
    post("/s/{token}/wrong", EVERYBODY, {"choice": "changed", "note": "退職"}, to="/s/{token}/wrong?told"),
    # The contractor, proved
    read("/sign/{ref}/{number}", SIGNER, "title", "document"),
    read("/sign/{ref}/{number}/pdf", SIGNER, kind=_PDF),
    get("/sign/{ref}/{number}/{page}-{width}.webp", SIGNER, kind=_WEBP, refused={Who.ASLEEP: 303}),
    read("/sign/{ref}/confirm", SIGNER, "title", "document"),
    read("/sign/{ref}/done", SIGNER, "document", "digest", "number", at="done", open=_RECEIVED),
    read("/sign/{ref}/decline", SIGNER, "title"),
    read("/sign/{ref}/checking", SIGNER, "title", "document"),
    read(
        "/sign/{ref}/receipt",
        SIGNER,
        "document",
        "digest",
        "number",
        at="done",
        kind="text/plain",
        open=_RECEIVED,
    ),
    act("/sign/{ref}/complete", SIGNER, {"offer": "{offer}"}, to="/sign/{ref}/done"),
    act("/sign/{ref}/decline", SIGNER, {"choice": "return", **_REASON}, status=200, changes=False),
    act("/sign/{ref}/decline/edit", SIGNER, {"choice": "return", **_REASON}, status=200, changes=False),
    act("/sign/{ref}/refuse", SIGNER, {"choice": "return", **_REASON}, to="/sign/{ref}/done"),
    act("/sign/{ref}/checking", SIGNER, to="/sign/{ref}/checking?told"),
    get("/sign/{ref}/code", ASLEEP, "title", "masked", open=_LINK, refused={Who.SIGNER: 303}),
    post("/sign/{ref}/code", ASLEEP, to="/sign/{ref}/code?sent", refused={Who.SIGNER: 303}),
    post("/sign/{ref}/verify", ASLEEP, _CODE, to="/sign/{ref}/1", refused={Who.SIGNER: 303}),
    read("/sign/{ref}/wrong", SIGNER, "title"),
    act("/sign/{ref}/wrong", SIGNER, _CHANGE, status=200, changes=False),
    act("/sign/{ref}/wrong/edit", SIGNER, _CHANGE, status=200, changes=False),
    act("/sign/{ref}/wrong/ask", SIGNER, _CHANGE, to="/sign/{ref}/wrong"),
    act("/sign/{ref}/wrong/back", SIGNER, at="paused", to="/sign/{ref}/1"),
    # The contractor, with the code by mail alone, where staff asked for more
    second("/sign/{ref}/factor", MAILED, "title"),
    prove("/sign/{ref}/factor", MAILED, {"code": "{access}"}, to="/sign/{ref}/1"),
    second("/sign/{ref}/factor", MAILED, "title", at="texted"),
    prove("/sign/{ref}/factor/sms", MAILED, at="texted", to="/sign/{ref}/factor?sent"),
    read("/sign/{ref}/app", SIGNER, "seed", at="phoned"),
    get("/sign/{ref}/app/qr.svg", SIGNER, at="phoned", kind=_SVG),
    act("/sign/{ref}/app", SIGNER, {"code": "{app}"}, at="phoned", to="/sign/{ref}/1"),
    # The signed files; whoever has the link alone is asked for a code
    get(
        "/d/{token}",
        SIGNER,
        *("title", "document", "certificate"),
        refused=to_all(200, EVERYBODY),
        open=("title", "masked"),
    ),
    post("/d/{token}/code", UNPROVED, to="/d/{token}?sent", refused={Who.SIGNER: 303}),
    post("/d/{token}/verify", UNPROVED, _CODE, to="/d/{token}", refused={Who.SIGNER: 303}),
    get("/d/{token}/fresh", EVERYBODY, status=303, to="/d/{token}"),
    post("/d/{token}/fresh", EVERYBODY, to="/d/{token}/fresh"),
    save("/d/{token}/{number}.pdf", SIGNER, kind=_PDF),
    save("/d/{token}/certificate.pdf", SIGNER, kind=_PDF),
    save("/d/{token}/all.zip", SIGNER, kind=_ZIP),
    # Staff, about themselves
    get("/staff", READERS, "title", "company", "number", refused=to_all(200, STAFF)),
    get("/staff/sign-in", EVERYBODY),
    post("/staff/sign-in", EVERYBODY, {"address": "{address}", **_PASSWORD}, to="/staff/code"),
    get("/staff/code", STAFF | {Who.HALF}),
    post("/staff/code", _HEADMAN | {Who.HALF}, {"code": "{digits}"}, to="/staff", refused=to_all(422, STAFF)),
    post("/staff/sign-out", STAFF | {Who.HALF, Who.DISMISSED}, to="/staff/sign-in"),
    get("/staff/replies", STAFF),
    get("/staff/replies/qr.svg", STAFF - {Who.AUDITOR}, kind=_SVG),
    post(
        "/staff/replies/start", _CLERK, {"code": "{reply}"}, to="/staff/replies", refused=to_all(422, STAFF)
    ),
    post("/staff/replies/stop", frozenset({Who.AUDITOR}), to="/staff/replies", refused=to_all(303, STAFF)),
    get("/staff/enrol/{token}", EVERYBODY, "person", "address"),
    get("/staff/enrol/{token}/qr.svg", EVERYBODY, kind=_SVG),
    post("/staff/enrol/{token}", EVERYBODY, {**_PASSWORD, "code": "{digits}"}, status=200),
    # The service and the registry
    get("/staff/search", READERS, "title", "company", "number", refused=to_all(200, STAFF)),
    get("/staff/search.csv", READERS, "title", "company", "number", kind=_CSV, refused=to_all(303, STAFF)),
    get("/staff/mails", frozenset({Who.ADMIN}), "sender"),
    post("/staff/mails/{ref}/again", frozenset({Who.ADMIN}), to="/staff/mails?again"),
    keep("/staff/tasks/{task}/retry", SECTION, to="/staff"),
    get("/staff/registry", STAFF, "company", "person", "address"),
    get("/staff/registry/import", KEEPER, refused=to_all(403, STAFF)),
    keep("/staff/registry/import", KEEPER, file=_LIST, to="/staff/registry?invited=1"),
    get("/staff/registry/list.csv", STAFF, "company", "person", "address", kind=_CSV),
    get(_APPLICATION, STAFF, "company", "person", "address", "number"),
    keep(_APPLICATION + "/check", KEEPER, to=_APPLICATION),
    keep(_APPLICATION + "/approve", _SECONDS, {"call_back": "登記簿の番号"}, at="checked", to=_APPLICATION),
    keep(_APPLICATION + "/return", KEEPER | _SECONDS, _REASON, at="checked", to=_APPLICATION),
    keep(_APPLICATION + "/again", KEEPER, at="invited", to=_APPLICATION),
    keep(_APPLICATION + "/back", KEEPER, at="invited", to=_APPLICATION),
    get(_ENTRY, STAFF, "company", "person", "address"),
    keep(_ENTRY + "/correct", KEEPER | DRAFTERS, _ANOTHER, to="/staff/registry/applications/"),
    keep(_ENTRY + "/end", KEEPER, _REASON, to=_ENTRY),
    keep(_ENTRY + "/withdraw", KEEPER, {"note": "電話で申し出"}, to=_ENTRY),
    keep(_ENTRY + "/identity", KEEPER | DRAFTERS, {"identity": "access-code"}, to=_ENTRY),
    keep(_ENTRY + "/mobiles", KEEPER | DRAFTERS, _MOBILE, to=_ENTRY),
    keep(_ENTRY + "/mobiles/{mobile}/approve", _SECONDS, {"call_back": "登記簿の番号"}, to=_ENTRY),
    keep(_ENTRY + "/mobiles/{mobile}/end", KEEPER | _SECONDS, {"reject": "番号が違う"}, to=_ENTRY),
    keep(_ENTRY + "/app/lost", KEEPER | DRAFTERS, {"app_note": "電話で申し出"}, at="app", to=_ENTRY),
    keep(_ENTRY + "/app/found", KEEPER | DRAFTERS, at="lost", to=_ENTRY),
    keep(_ENTRY + "/app/end", _SECONDS, {"app_call_back": "登記簿の番号"}, at="lost", to=_ENTRY),
    # Drafts and envelopes
    get(_DRAFT, SECTION | {Who.AUDITOR}, "title", "company", "person", "address"),
    work(
        _DRAFT + "/confirm", SECTION, {**_VERSION, "village_signer": "{village}"}, refused={Who.AUDITOR: 409}
    ),
    work(
        _DRAFT + "/revise", SECTION, {**_VERSION, "fix_title": "水路"}, to=_DRAFT, refused={Who.AUDITOR: 403}
    ),
    work(_DRAFT + "/discard", SECTION, _VERSION, to="/staff", refused={Who.AUDITOR: 403}),
    get(_ENVELOPE, READERS, *_OFFICE, "amount"),
    work(_ENVELOPE + "/extend", SECTION, {**_VERSION, "deadline_on": "{later}"}),
    work(_ENVELOPE + "/cancel", SECTION, {**_VERSION, **_REASON}),
    work(_ENVELOPE + "/remind", SECTION),
    work(_ENVELOPE + "/reissue", SECTION, _VERSION),
    tell(_ENVELOPE + "/access-code/{number}", SECTION, shows=("access",)),
    tell(
        _ENVELOPE + "/access-code/{number}/new", SECTION, status=307, to=_ENVELOPE + "/access-code/{number}"
    ),
    get(
        _ENVELOPE + "/identity/{number}", SECTION, "title", "company", "address", refused=to_all(403, READERS)
    ),
    post(
        _ENVELOPE + "/identity/{number}",
        SECTION,
        {"identity": "access-code"},
        to=_ENVELOPE,
        refused=to_all(403, READERS),
    ),
    post(
        _ENVELOPE + "/identity/{number}/approve",
        frozenset({Who.APPROVER}),
        {"n": "{n}", "code": "{digits}"},
        at="lowered",
        to=_ENVELOPE,
        refused=to_all(403, READERS),
        reads=READERS,
    ),
    post(
        _ENVELOPE + "/identity/{number}/refuse",
        SECTION,
        {"n": "{n}"},
        at="lowered",
        to=_ENVELOPE + "/identity/{number}",
        refused=to_all(403, READERS),
    ),
    get(_ENVELOPE + "/change", READERS, "title", "person", "address", at="paused"),
    decide(_ENVELOPE + "/change/forward", _CLERK, to=_ENVELOPE + "/change"),
    decide(_ENVELOPE + "/change/refuse", _CLERK, _REASON, to=_ENVELOPE),
    get(_ENVELOPE + "/address", _CLERK, "title", "company", "address", refused=to_all(403, READERS)),
    post(_ENVELOPE + "/address", _CLERK, _ANOTHER, to=_ENVELOPE + "/address", refused=to_all(403, READERS)),
    get(_ENVELOPE + "/evidence", _EVIDENCE, "title", "number", at="done"),
    post(_ENVELOPE + "/evidence", _EVIDENCE, at="done", to=_ENVELOPE + "/evidence"),
    get(_ENVELOPE + "/evidence.zip", _EVIDENCE, at="done", kind=_ZIP),
    get(_ENVELOPE + "/sign", _HEADMAN, "title", "document", at="village", refused=to_all(403, READERS)),
    post(
        _ENVELOPE + "/sign",
        _HEADMAN,
        {"offer": "{offer}", "code": "{digits}"},
        at="village",
        to=_ENVELOPE,
        refused=to_all(403, READERS),
    ),
    get(_ENVELOPE + "/{number}", READERS, "title", "document", at="village"),
    get(_ENVELOPE + "/{number}/pdf", READERS, kind=_PDF),
    get(_ENVELOPE + "/{number}/signed.pdf", READERS, at="done", kind=_PDF),
    get(_ENVELOPE + "/certificate.pdf", READERS, at="done", kind=_PDF),
    get(_ENVELOPE + "/{number}/{page}-{width}.webp", READERS, kind=_WEBP),
)


def _guarded(right: Right) -> Right:
    """The same where staff asked for a second proof: without it nothing is shown, and its page is where one is led."""
    return replace(right, at="guarded", refused={**right.refused, Who.MAILED: 303})


_ONCE_PROVED = frozenset({"/sign/{ref}/code", "/sign/{ref}/verify"})
RIGHTS: Final = _ALL + tuple(
    _guarded(right)
    for right in _ALL
    if right.path.startswith("/sign/") and right.at == "out" and right.path not in _ONCE_PROVED
)


def routes() -> set[str]:
    """Every route of the portal, but HEAD, which stands beside each GET."""
    app = web.Application()
    app.add_routes(ROUTES)
    found = [(one.method, one.resource) for one in app.router.routes() if one.method != "HEAD"]
    return {f"{method} {resource.canonical}" for method, resource in found if resource}
