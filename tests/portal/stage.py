"""A town in which every route has something to show to somebody, and the browsers of all who might ask for it.

It is built once a run and copied for each test, so that what one does no other sees.
"""

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from envelopes.actions import (
    access_codes,
    authenticators,
    bundling,
    changing,
    credentials,
    identity,
    mobiles,
    registrar,
    replying,
    signer,
    staff,
    verification,
)
from envelopes.actions.applications import deciding, doors, proving, steps
from envelopes.actions.signer import CodeFor
from envelopes.actions.worker import mails
from envelopes.actions.worker.mails import MailFacts
from envelopes.records import bonds, sessions, store
from envelopes.records.database import Database
from envelopes.records.fields import Cipher
from envelopes.records.models import Application as Applied
from envelopes.records.models import (
    Authenticator,
    Envelope,
    Mobile,
    Proof,
    Section,
    Session,
    Signer,
    Staff,
    Task,
    Verification,
)
from envelopes.records.store import Snapshot
from envelopes.rules import changes, codes, factors, terms
from envelopes.rules.addresses import mask, mask_person
from envelopes.rules.applications import Wish
from envelopes.rules.errors import Reason
from envelopes.rules.factors import Method
from envelopes.rules.findings import Result
from envelopes.rules.mails import MailStatus
from envelopes.rules.people import Role
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import State
from envelopes.rules.tokens import Purpose
from envelopes.settings import S3
from portal.app import create_app
from portal.pages import static_files
from tests.engines import PASSWORD, Clock, Engine, Template, Town, build_services, build_town

Client = TestClient[Request, Application]


class Who(StrEnum):
    """Whose browser it is: what its cookies prove, or fail to prove."""

    OUTSIDER = "an outsider"
    FORGER = "somebody with invented cookies"
    ASKER = "who has the link and had a code sent, but not the mailbox"
    ELSEWHERE = "a signer who has proved himself for another envelope"
    NEXT = "a signer who has proved himself for another place in the same envelope"
    SIGNER = "the signer whose turn it is"
    MAILED = "a signer who has yet to give the second proof that staff asked for"
    ASLEEP = "that signer, idle for longer than an hour"
    REPLACED = "that signer, proved before his link was replaced"
    CLERK = "担当 of the section"
    APPROVER = "承認者 of the section"
    HEADMAN = "村側署名者, of another section"
    REGISTRAR = "台帳, of another section"
    AUDITOR = "監査, of another section"
    ADMIN = "管理, of another section"
    FOREIGN = "担当 of another section"
    HALF = "村側署名者 who has given the password alone"
    IDLE = "担当 of the section, idle for longer than half an hour"
    SIGNED_OUT = "担当 of the section, signed out"
    DISMISSED = "担当 of the section who has left the town's service"
    APPLICANT = "who is filling in the registration form"
    PROVED_APPLICANT = "who has proved the address of an application"
    OTHER_APPLICANT = "who is filling in another registration form"
    LATE_APPLICANT = "who began to fill in the form a day ago"


@dataclass(frozen=True, kw_only=True)
class Place:
    """What stands in the addresses of one envelope's pages, and in its forms; what may be read there."""

    ref: str = ""
    envelope: str = ""
    signer: str = ""
    link: str = ""
    files: str = ""
    forms: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The town as it was built: its database, the places by name, and every browser's cookies."""

    template: Template
    directory: Path
    keys: Path
    s3: S3 | None
    at: datetime
    places: Mapping[str, Place]
    cookies: Mapping[Who, "Cookies"]

    @asynccontextmanager
    async def copy(self, folder: Path) -> AsyncIterator["Scene"]:
        """A portal over a copy of the database of its own."""
        database = Database(self.template.copy(folder))
        await database.open()
        engine = Engine(
            url=database.url, directory=self.directory, keys=self.keys, s3=self.s3, database=database
        )
        services = build_services(engine, Clock(self.at), **SETTINGS)
        try:
            async with TestClient(TestServer(create_app(services))) as client:
                yield Scene(stage=self, engine=engine, client=client)
        finally:
            await database.close()
            self.template.drop(database.url)


SETTINGS: dict[str, Any] = {
    "policy": {"verify_hold": 0.0, "sms_hold": 0.0},
    "sms": {"url": "https://sms.example/send", "secret": "x" * 32},
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back. `page` is its text without the address that was asked for, `said` the same with the headers."""

    status: int
    body: bytes
    kind: str
    page: str
    said: str


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One copy of the stage, and a client without cookies of its own."""

    stage: Stage
    engine: Engine
    client: Client

    async def ask(self, who: Who, method: str, path: str, form: Mapping[str, Any] | None = None) -> Answer:
        """Ask for *path* with the cookies of *who*."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.stage.cookies[who].items())
        headers = {"Cookie": cookies, "Sec-Fetch-Site": "same-origin", "Accept-Encoding": "identity"}
        asked = self.client.request(
            method, path, headers=headers, data=form, allow_redirects=False, skip_auto_headers=["Accept"]
        )
        async with asked as answer:
            body = await answer.read()
            heads = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
            page = body.decode("utf-8", "replace").replace(path, "(here)")
            return Answer(
                status=answer.status,
                body=body,
                kind=answer.content_type,
                page=page,
                said=f"{page}\n{heads}",
            )

    async def state(self, *, but: frozenset[str]) -> dict[str, list[str]]:
        """Every row of every table, without the minute in which a session was last used."""
        sql = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
        if self.engine.is_sqlite:
            sql = "SELECT name FROM sqlite_master WHERE type = 'table'"
        names = {row["name"] for row in await self.engine.rows(sql)} - but - {"sqlite_sequence"}
        return {name: await self._rows(name) for name in sorted(names)}

    async def _rows(self, name: str) -> list[str]:
        rows = await self.engine.rows(f'SELECT * FROM "{name}"')
        for row in rows:
            if name == "sessions":
                del row["used_at"]
        return sorted(map(repr, rows))


# Building it

SPECIMEN = b"%PDF-1.7 a stranger's own file"
NEWCOMER = ("新人 花子", "shinjin@vill-mihon.example")
SENDER = "taro.suzuki@elsewhere.example"
APPLIED = Wish(company="南アルプス電設株式会社", person="南 一郎", email="minami@minami-densetsu.example")
OTHERS = Wish(company="北アルプス水道株式会社", person="北 次郎", email="kita@kita-suido.example")
INVITED = Wish(company="東アルプス造園株式会社", person="東 三郎", email="higashi@higashi-zoen.example")


async def build(engine: Engine, authority: Path, finished: Template) -> Stage:
    """Play everything into the database of *engine*, which *finished* copies afterwards."""
    past = Clock(datetime.now(UTC) - timedelta(hours=25))  # whatever is signed needs the real time
    town = await build_town(engine, authority, past, **SETTINGS)
    people = await _people(town)
    shots = await _envelopes(town)
    town.clock.forward(minutes=2)
    places = {name: await _place(town, shot) for name, shot in shots.items()}
    places |= await _addresses(town) | await _others(town, shots["out"])
    town.clock.forward(minutes=2)  # as long as the next code has to wait
    places |= await _office(town, people, places)
    cookies = await _cookies(town, people, shots, places)
    places["phoned"] = await _with_app(
        town, places["phoned"], shots["phoned"].signers[0], cookies[Who.SIGNER][_SIGNER]
    )
    return Stage(
        template=finished,
        directory=engine.directory,
        keys=engine.keys,
        s3=engine.s3,
        at=town.clock.at,
        places=places,
        cookies=cookies,
    )


async def _with_app(town: Town, place: Place, one: Signer, cookie: str) -> Place:
    """The place with the seed that the browser of *cookie* is offered for an app, and the digits it shows."""
    session = await Session.get(digest=sha256(cookie.encode()).hexdigest())
    seed = (await authenticators.offer(town.services, one, session)).seed
    grouped = " ".join(seed[at : at + 4] for at in range(0, len(seed), 4))
    return replace(
        place,
        forms={**place.forms, "app": town.digits(seed)},
        secrets={**place.secrets, "seed": grouped},
    )


async def _people(town: Town) -> dict[Who, Staff]:
    """Staff of every role; whoever does not belong to the section sits in another one."""
    soumu = await Section.create(
        code="soumu", name="総務課", phone="", hours="", email="soumu@vill-mihon.example"
    )

    async def hire(name: str, local: str, section: Section, *roles: Role) -> Staff:
        email = f"{local}@vill-mihon.example"
        made = await registrar.add_staff(
            town.services, name=name, office="主事", email=email, section=section, roles=frozenset(roles)
        )
        return await Staff.get(id=made.id).select_related("section")

    for one in (town.village, town.registrar, town.approver):
        await Staff.filter(id=one.id).update(section_id=soumu.id)
    return {
        Who.CLERK: town.drafter,
        Who.APPROVER: await hire("宮下 忠", "miyashita", town.section, Role.APPROVER),
        Who.HEADMAN: await Staff.get(id=town.village.id),
        Who.REGISTRAR: await Staff.get(id=town.registrar.id),
        Who.AUDITOR: await hire("太田 勉", "ota", soumu, Role.AUDITOR),
        Who.ADMIN: await Staff.get(id=town.approver.id),
        Who.FOREIGN: await hire("田中 実", "tanaka", soumu, Role.DRAFTER),
        Who.DISMISSED: await hire("西 栄", "nishi", town.section, Role.DRAFTER),
    }


async def _envelopes(town: Town) -> dict[str, Snapshot]:
    """One envelope in each state in which a page has something to show."""
    both = {"contractors": 2, "documents": 1}
    await _has_mobile(town)
    shots = {
        "draft": await town.draft(),
        "out": await town.out(**both),
        "other": await town.out(),
        "late": await town.out(days=1),
        "guarded": await town.out(method=Method.ACCESS_CODE),
        "texted": await town.out(method=Method.SMS),
        "phoned": await town.out(method=Method.AUTHENTICATOR),
        "paused": await town.out(),
        "lowered": await town.out(method=Method.ACCESS_CODE),
        "done": await town.completed(),
    }
    village = await town.out()
    shots["village"] = await town.sign(await town.consent(village))
    for name in ("out", "guarded", "village"):
        turn = shots[name].turn
        assert turn is not None
        await town.read(shots[name], turn)
    wish = changes.Wish(change=changes.Change.ADDRESS, email="honsha@takahashi-kensetsu.example")
    await changing.ask(town.services, shots["paused"].signers[0], wish)
    drafter = staff.actor_of(town.drafter)
    await identity.change(
        town.services, drafter, shots["lowered"].envelope.ref, 1, Method.MAIL, reason="電話がない"
    )
    await bundling.make(town.shop, shots["done"].envelope.id)
    yesterday = jst_day(town.clock()) - timedelta(days=1)
    await Envelope.filter(id=shots["late"].envelope.id).update(deadline_on=yesterday)
    return {name: await town.again(one) for name, one in shots.items()}


async def _has_mobile(town: Town) -> None:
    """The first contractor has a number for codes by SMS, and has had it for a day."""
    town.clock.forward(hours=-24)
    row = await _put_mobile(town, "090-1234-5678")
    await mobiles.approve(town.services, staff.actor_of(town.approver), row.ref, call_back="登記簿の番号")
    town.clock.forward(hours=24)


async def _put_mobile(town: Town, number: str) -> Mobile:
    actor = staff.actor_of(town.registrar)
    return await mobiles.put_forward(
        town.services, actor, town.contacts[0], number, source="来庁時に本人から"
    )


async def _place(town: Town, shot: Snapshot) -> Place:
    one, paper = shot.signers[0], shot.documents[0]
    revisions = await store.segments(paper.id)
    forms = {
        "version": str(shot.envelope.version),
        "village": town.village.ref,
        "later": (shot.envelope.deadline_on + timedelta(days=7)).isoformat(),
        "certificate": shot.envelope.certificate_id,
    }
    if shot.turn is not None and revisions:
        forms["offer"] = await town.offer(shot, shot.turn)
    if shot.state is State.OUT and shot.turn is not None and shot.turn.id == one.id:
        await signer.send_code(town.services, one, CodeFor.SIGN, browser="phone")
        forms["code"] = await town.code(one)
    access = ""
    if factors.second(one.proof) is Method.ACCESS_CODE:
        access = await access_codes.tell(town.services, staff.actor_of(town.drafter), one)
        forms["access"] = access
    if shot.envelope.completed_at is not None:
        await signer.send_code(town.services, one, CodeFor.DOWNLOAD, browser="phone")
        forms["code"] = await town.code(one, CodeFor.DOWNLOAD)
    return Place(
        envelope=shot.envelope.ref,
        signer=one.ref,
        link=town.services.link(Purpose.REQUEST, one.ref, one.generation),
        files=town.services.link(Purpose.DOWNLOAD, one.ref, one.download_generation),
        forms=forms,
        secrets={
            "title": shot.envelope.title,
            "company": one.company,
            "person": one.person,
            "address": one.email,
            "masked": mask(one.email),
            "document": paper.title,
            "amount": "12,300,000",
            "number": shot.number or shot.envelope.ref,
            "digest": revisions[0].sha256 if revisions else paper.base.sha256,
            "certificate": shot.envelope.certificate_id,
            **({"access": f"{access[:4]} {access[4:]}"} if access else {}),
        },
    )


async def _addresses(town: Town) -> dict[str, Place]:
    """Applications on every step to the registry, and an entry of it."""

    async def applied(wish: Wish) -> Applied:
        return await doors.apply(town.services, wish, version=terms.VERSION, network=wish.email)

    async def invited(wish: Wish) -> Applied:
        keeper = staff.actor_of(town.registrar)
        (row,) = await doors.put_forward(town.services, keeper, [wish])
        return row

    async def proved(row: Applied) -> Applied:
        await proving.check_code(town.services, row, _digits(town, row))
        return await steps.find(row.ref)

    # One address may have so many codes a day; these have one each.
    open_, checked = [
        await proved(await applied(replace(APPLIED, email=f"{local}@minami-densetsu.example")))
        for local in ("ichiro", "jiro")
    ]
    await deciding.check(town.services, staff.actor_of(town.registrar), checked.ref)
    asked, welcome = await invited(INVITED), await invited(INVITED)
    await proving.agree(town.services, asked, version=terms.VERSION, network="n")
    await proving.agree(town.services, welcome, version=terms.VERSION, network="m")
    welcome = await proved(await steps.find(welcome.ref))
    rows = {
        "applied": await applied(APPLIED),
        "others": await applied(OTHERS),
        "proved": open_,
        "checked": checked,
        "invited": await steps.find(asked.ref),
        "welcome": welcome,
    }
    return {name: _application(town, row) for name, row in rows.items()}


def _digits(town: Town, row: Applied) -> str:
    return codes.make(town.services.code_key, proving.code_subject(row), row.serial)


def _application(town: Town, row: Applied) -> Place:
    return Place(
        ref=row.ref,
        link=proving.link(town.services, row).rpartition("/")[2],
        forms={"code": _digits(town, row), "terms": terms.VERSION},
        secrets={
            "company": row.company,
            "person": row.person,
            "address": row.email,
            "masked": mask(row.email),
            "number": row.number or row.ref,
        },
    )


async def _others(town: Town, out: Snapshot) -> dict[str, Place]:
    """What belongs to no envelope and to no application."""
    contact = town.contacts[0]
    entry = {"company": contact.company, "person": contact.person, "address": contact.email}
    hired = await registrar.add_staff(
        town.services,
        name=NEWCOMER[0],
        office="主事",
        email=NEWCOMER[1],
        section=town.section,
        roles=frozenset({Role.DRAFTER}),
    )
    token = credentials.enrolment_link(town.services, await Staff.get(id=hired.id))[0].rpartition("/")[2]
    seed = (await credentials.open_enrolment(town.services, token)).seed
    mail = await town.mail()
    facts = MailFacts(subject="", sender=SENDER, message_id="<2@elsewhere.example>")
    await mails.set_aside(town.services, mail, MailStatus.QUARANTINED, Reason.NOT_STAFF, facts)
    mobile = await _put_mobile(town, "080-2222-3333")
    apps = await _apps(town)
    upload = await verification.submit(town.services, SPECIMEN)

    async def by(_: bytes) -> Result:
        return Result(parts=())

    await verification.judge(town.services, (await Verification.get(ref=upload)).id, by)
    stuck = await Task.filter(envelope_id=out.envelope.id).order_by("-id").first()
    assert stuck is not None
    await Task.filter(id=stuck.id).update(
        failing_since=town.clock(), run_at=town.clock() + timedelta(hours=1)
    )
    return {
        "entry": Place(ref=contact.ref, forms={"mobile": mobile.ref}, secrets=entry),
        **apps,
        "newcomer": Place(
            link=token,
            forms={"seed": seed},
            secrets={"person": NEWCOMER[0], "address": NEWCOMER[1]},
        ),
        "aside": Place(ref=mail.ref, secrets={"address": mask_person(SENDER)}),
        "upload": Place(ref=upload, secrets={"digest": sha256(SPECIMEN).hexdigest()}),
        "stuck": Place(ref=str(stuck.id)),
        "static": Place(ref=next(name for name in static_files() if name.endswith(".css"))),
        "published": Place(ref=_published(town)),
    }


async def _apps(town: Town) -> dict[str, Place]:
    """An entry whose app is in use, and one whose app is reported lost."""
    email = "app@nishi-alps.example"
    entry = town.entry(company="西アルプス電設株式会社", person="西 一郎", email=email)
    made = await registrar.add_contact(town.services, entry, registrar=town.registrar, approver=town.approver)
    places = {}
    for name, contact in (("app", made), ("lost", town.contacts[1])):
        await Authenticator.create(
            contact_id=contact.id,
            envelope_id=0,
            secret=bonds.of_authenticator(contact.ref, "JBSWY3DPEHPK3PXP"),
            set_up_at=town.clock(),
        )
        places[name] = Place(ref=contact.ref)
    actor = staff.actor_of(town.registrar)
    await authenticators.report_lost(town.services, actor, town.contacts[1].ref, note="電話で申し出")
    return places


def _published(town: Town) -> str:
    folder = town.services.settings.public_directory
    folder.mkdir(exist_ok=True)
    (folder / "root-1.cer").write_bytes(b"a certificate")
    return "root-1.cer"


async def _office(town: Town, people: Mapping[Who, Staff], places: Mapping[str, Place]) -> dict[str, Place]:
    """The staff's own pages, which are about nothing in particular, and the last question to the village's signer."""
    seed, _ = await town.enrol(people[Who.HEADMAN])
    second, _ = await town.enrol(people[Who.APPROVER])
    town.clock.forward(seconds=30)  # for other digits than those of the enrolment
    digits = town.digits(seed)
    village, lowered = places["village"], places["lowered"]
    shot = await store.snapshot(ref=lowered.envelope)
    waits = await identity.waiting(shot, shot.signers[0])
    assert waits is not None
    reply = replying.offered(town.services, town.drafter).secret
    auditor = people[Who.AUDITOR]
    await replying.enrol(
        town.services, auditor, code=town.digits(replying.offered(town.services, auditor).secret)
    )
    newcomer = places["newcomer"]
    return {
        "newcomer": replace(
            newcomer, forms={"password": PASSWORD, "digits": town.digits(newcomer.forms["seed"])}
        ),
        "lowered": replace(
            lowered, forms={**lowered.forms, "digits": town.digits(second), "n": str(waits.n)}
        ),
        "village": replace(village, forms={**village.forms, "digits": digits}),
        "office": Place(
            forms={
                "address": people[Who.HEADMAN].email,
                "password": PASSWORD,
                "digits": digits,
                "reply": town.digits(reply),
            },
            secrets={**places["out"].secrets, "applicant": APPLIED.company, "sender": mask_person(SENDER)},
        ),
    }


# Browsers

_SIGNER, _STAFF, _FORM = "fukan", "fukan-staff", "fukan-registration"
Cookies = Mapping[str, str]


async def _cookies(
    town: Town, people: Mapping[Who, Staff], shots: Mapping[str, Snapshot], places: Mapping[str, Place]
) -> dict[Who, Cookies]:
    return {
        Who.OUTSIDER: {},
        Who.FORGER: {name: secrets.token_urlsafe(32) for name in (_SIGNER, _STAFF, _FORM)},
        Who.ASKER: {"fukan-asked": secrets.token_urlsafe(16)},
        **await _signers(town, shots),
        **await _staff(town, people),
        **_applicants(town, places),
    }


async def _signers(town: Town, shots: Mapping[str, Snapshot]) -> dict[Who, Cookies]:
    async def proved(
        *signers: Signer, back: int = 0, ago: timedelta = timedelta(), second: bool = True
    ) -> Cookies:
        """A browser that has proved to be *signers*, so many links *back*, *ago*; *second*: all that is asked."""
        at = town.clock() - ago
        cookie, session = await sessions.start(now=at)
        for one in signers:
            generation = one.generation - back
            await sessions.prove(session, one, generation=generation, method=signer.MAIL_CODE, now=at)
            proof = await Proof.get(session_id=session.id, signer_id=one.id)
            if second and factors.second(one.proof):
                await sessions.prove_more(session, one, proof, factor=one.proof, now=at)
        return {_SIGNER: cookie}

    mine = [
        shots[name].signers[0]
        for name in ("out", "guarded", "texted", "phoned", "paused", "late", "village", "done")
    ]
    return {
        Who.ELSEWHERE: await proved(shots["other"].signers[0]),
        Who.NEXT: await proved(*(shots[name].signers[1] for name in ("out", "guarded", "village", "done"))),
        Who.SIGNER: await proved(*mine),
        Who.MAILED: await proved(shots["guarded"].signers[0], shots["texted"].signers[0], second=False),
        Who.ASLEEP: await proved(*mine, ago=timedelta(hours=2)),
        Who.REPLACED: await proved(*mine, back=1),
    }


async def _staff(town: Town, people: Mapping[Who, Staff]) -> dict[Who, Cookies]:
    async def signed_in(person: Staff, *, ago: timedelta = timedelta()) -> tuple[Cookies, Session]:
        cookie, session = await sessions.start(now=town.clock() - ago, staff_id=person.id)
        await sessions.prove_staff(session, now=town.clock() - ago)
        return {_STAFF: cookie}, session

    cookie, _ = await sessions.start(now=town.clock(), staff_id=people[Who.HEADMAN].id)
    out, session = await signed_in(people[Who.CLERK])
    await sessions.end(session, now=town.clock())
    idle, _ = await signed_in(people[Who.CLERK], ago=timedelta(minutes=31))
    found = {who: (await signed_in(person))[0] for who, person in people.items()}
    await Staff.filter(id=people[Who.DISMISSED].id).update(active=False)
    return {**found, Who.HALF: {_STAFF: cookie}, Who.SIGNED_OUT: out, Who.IDLE: idle}


def _applicants(town: Town, places: Mapping[str, Place]) -> dict[Who, Cookies]:
    def kept(wish: Wish, ref: str, *, ago: timedelta = timedelta()) -> str:
        at = (town.clock() - ago).timestamp()
        said = {**asdict(wish), "version": terms.VERSION, "ref": ref, "at": at}
        text = json.dumps({name: one for name, one in said.items() if one}, ensure_ascii=False)
        return Cipher(town.services.keyring.field).seal(text, "cookie.registration").removeprefix("\x1f")

    mine, others = places["applied"].ref, places["others"].ref
    return {
        Who.APPLICANT: {_FORM: kept(APPLIED, mine)},
        Who.PROVED_APPLICANT: {_FORM: kept(APPLIED, places["proved"].ref)},
        Who.OTHER_APPLICANT: {_FORM: kept(OTHERS, others)},
        Who.LATE_APPLICANT: {_FORM: kept(APPLIED, mine, ago=timedelta(days=1))},
    }
