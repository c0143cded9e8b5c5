"""Databases, files and keys for tests, on the engine that ENGINE_UNDER_TEST names, and a small town that uses them.

One engine a process: Tortoise caches SQL by the connection's name. A database is a copy of a template that was upgraded
once a run, so that a fresh one costs milliseconds. Documents are parsed in this process here; the sandbox has its own
tests, and one journey through the worker uses it.
"""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pyotp
from obstore.store import LocalStore, S3Store
from tortoise import connections
from tortoise.backends.base.client import BaseDBAsyncClient

from envelopes import services as service_module
from envelopes.actions import credentials, registrar, signer, staff
from envelopes.actions.registry import Entry
from envelopes.actions.signer import CodeFor
from envelopes.actions.worker import completion, drafts, mails, pages, preparing, signing, undelivered
from envelopes.actions.worker.drafts import Opening, Paper
from envelopes.actions.worker.mails import Copy, MailFacts
from envelopes.actions.worker.undelivered import News, Report
from envelopes.actions.worker.workshop import Workshop
from envelopes.keyring import Keyring
from envelopes.papers import intake
from envelopes.papers import pages as drawing
from envelopes.papers.desk import Papers
from envelopes.papers.pages import Page
from envelopes.records import sessions, store, tasks
from envelopes.records.database import Database, unit
from envelopes.records.models import Code, Contact, Delivery, Document, Mail, Section, Session, Signer, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules import codes, consent
from envelopes.rules.consent import Grant
from envelopes.rules.factors import Method
from envelopes.rules.kinds import Kind, Tax
from envelopes.rules.lines import scan
from envelopes.rules.people import Role
from envelopes.rules.reading import Record
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import State, Task
from envelopes.sandbox import Sandbox
from envelopes.services import Services
from envelopes.settings import S3, Settings
from envelopes.signing import seal as seals
from envelopes.signing.seal import Seal
from tests.papers.odd import LIMITS, plain, saved
from tests.servers.postgres import PostgresServer

T = TypeVar("T")

ENGINE = os.environ.get("ENGINE_UNDER_TEST", "sqlite")
PASSWORD = "itsumo-no-aikotoba"
PASSPHRASE = b"correct horse"
SMALL = (104, 155, 207)  # pixels: an eighth of what people are shown


@dataclass(frozen=True, kw_only=True)
class Template:
    """An upgraded database that nobody writes to, and how to copy it."""

    copy: Callable[[Path], str]
    drop: Callable[[str], None]


def sqlite_copy(template: Path, folder: Path) -> str:
    made = folder / "fukan.sqlite3"
    shutil.copyfile(template, made)
    return f"sqlite:///{made}"


def sqlite_drop(_url: str) -> None:
    """The file goes with its folder."""


def postgres_copy(server: PostgresServer, template: str, _folder: Path) -> str:
    name = f"fukan_{uuid.uuid4().hex}"
    _client(server, "createdb", "-T", template.rpartition("/")[2], name)
    return server.url(name)


def postgres_drop(server: PostgresServer, url: str) -> None:
    # Hundreds of databases together would take minutes to delete at the end of the run.
    _client(server, "dropdb", "--force", url.rpartition("/")[2])


def _client(server: PostgresServer, program: str, *arguments: str) -> None:
    where = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres"]
    command = [server.programs / program, *where, *arguments]
    subprocess.run(command, check=True, capture_output=True, cwd="/")


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A fresh database, open in this process, and a place for files that is empty."""

    url: str
    directory: Path
    keys: Path
    s3: S3 | None
    database: Database

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    def settings(self, **changes: Any) -> Settings:
        values: dict[str, Any] = {
            "directory": self.directory,
            "database": self.url,
            "keys": self.keys,
            "s3": self.s3,
        }
        return Settings.model_validate(values | changes)

    def files(self) -> LocalStore | S3Store:
        return service_module._store(self.settings())

    def keyring(self, *, portal: bool = True, bot: bool = True) -> Keyring:
        return Keyring.open(self.keys, portal=portal, bot=bot)

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await connections.get("default").execute_query_dict(sql)]

    async def run(self, sql: str) -> None:
        """Do to the database what only somebody with its password could do."""
        await connections.get("default").execute_script(sql)

    async def dump(self) -> str:
        """Return every value of every row as text, and on SQLite the bytes of the files too."""
        if self.is_sqlite:
            names = await self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        else:
            names = await self.rows("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
        parts = [repr(await self.rows(f'SELECT * FROM "{row["name"]}"')) for row in names]
        if self.is_sqlite:
            found = Path(self.url.removeprefix("sqlite:///")).parent.glob("fukan.sqlite3*")
            parts += [path.read_bytes().decode("utf-8", "replace") for path in found]
        return "\n".join(parts)


@dataclass
class Clock:
    """A clock that tests move. It begins at the present: validation looks at the system's clock too."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class HerePapers(Papers):
    """Papers without the sandbox, drawn small: that saves half the time, and how a page looks is told elsewhere."""

    widths: Sequence[int] = SMALL

    async def render(self, data: bytes, *, first: int, last: int) -> list[Page]:
        return await self.run(partial(drawing.render, data, first=first, last=last, widths=self.widths))

    async def run(self, work: Callable[[], T], *, threads: bool = False) -> T:
        return await asyncio.to_thread(work)


@dataclass(frozen=True, kw_only=True)
class Town:
    """みほん村 with its people, two contractors, and a worker who can sign."""

    engine: Engine
    services: Services
    shop: Workshop
    clock: Clock
    section: Section
    drafter: Staff
    village: Staff
    registrar: Staff
    approver: Staff
    contacts: tuple[Contact, ...]

    # The steps of an envelope's way, each through the real action

    async def mail(self, raw: bytes = b"From: nakamura@vill-mihon.example\r\n\r\n") -> Mail:
        raw += os.urandom(8).hex().encode()
        digest = hashlib.sha256(raw).hexdigest()
        uid = 1 + int(digest[:6], 16)
        copy = Copy(mailbox="INBOX", uidvalidity=1, uid=uid)
        await mails.take_in(self.services, copy, raw, digest=digest, arrived_at=self.clock())
        return await Mail.get(digest=digest)

    async def opening(
        self, *, kind: Kind = Kind.CONTRACT, contractors: int = 1, documents: int = 1, days: int = 14
    ) -> Opening:
        number = drafts.certificate_id(self.services)
        papers = [paper(f"文書{n}", number, n) for n in range(1, documents + 1)]
        return Opening(
            certificate_id=number,
            kind=kind,
            title="村道1号線舗装工事",
            amount=12_300_000,
            tax=Tax.INCLUDED,
            deadline_on=jst_day(self.clock()) + timedelta(days=days),
            section_id=self.drafter.section_id,
            contacts=self.contacts[:contractors],
            papers=papers,
            reading=self.reading(kind, self.contacts[:contractors]).to_json(),
        )

    def reading(self, kind: Kind, contacts: Sequence[Contact]) -> Record:
        """What was read from a mail that says all this."""
        lines = ["封筒名：村道1号線舗装工事", *(f"宛先：{contact.email}" for contact in contacts)]
        lines += [f"種別：{kind.value}", "金額：12,300,000円（税込）"]
        return Record(
            lines=(),
            warnings=(),
            subject="契約書送付",
            received_at=self.clock(),
            statements=scan("\n".join(lines), day=jst_day(self.clock())).statements,
        )

    async def draft(self, **wishes: Any) -> Snapshot:
        mail, opening = await self.mail(), await self.opening(**wishes)
        facts = MailFacts(
            subject="契約書送付", sender=self.drafter.email, message_id="<1@vill-mihon.example>"
        )
        made = await drafts.open_draft(self.services, mail, self.drafter, opening, facts)
        assert made is not None
        while await pages.render_pages(self.shop, made):
            pass
        return await store.snapshot(id=made)

    async def confirm(self, shot: Snapshot, *, methods: Mapping[int, Method] | None = None) -> Snapshot:
        actor = staff.actor_of(self.drafter)
        chosen = self.village.ref if shot.envelope.kind == Kind.CONTRACT else ""
        ref, version = shot.envelope.ref, shot.envelope.version
        return await staff.confirm(
            self.services, actor, ref, version=version, village_signer=chosen, methods=methods
        )

    async def out(self, *, method: Method = Method.MAIL, **wishes: Any) -> Snapshot:
        """Bring an envelope to the first contractor, who has to prove who he is by *method*."""
        shot = await self.confirm(await self.draft(**wishes), methods={1: method})
        await preparing.prepare(self.shop, shot.envelope.id)
        return await self.again(shot)

    async def delivered(self, one: Signer, mail: Task = Task.REQUEST_MAIL, key: str = "") -> Delivery:
        """A mail to this signer that a server has taken, as the bot notes it; *key* names what it is about."""
        now = self.clock()

        async def work(connection: BaseDBAsyncClient) -> Delivery:
            task = await tasks.enqueue(connection, mail, key or uuid.uuid4().hex, now=now)
            return await Delivery.create(
                ref=self.services.ref(),
                task_id=task,
                mail=mail.value,
                envelope_id=one.envelope_id,
                signer_id=one.id,
                recipient=one.email,
                recipient_look_up=one.email_look_up,
                message_id=f"<{uuid.uuid4().hex}@keiyaku.vill-mihon.example>",
                state="delivered",
                created_at=now,
                updated_at=now,
                using_db=connection,
            )

        return await unit(work)

    async def comes_back(self, one: Signer, status: str, text: str = "") -> Delivery:
        """A request mail to this signer, and the report that it did not arrive."""
        row = await self.delivered(one)
        report = Report(ref=row.ref, news=News.UNDELIVERED, status=status, text=text)
        facts = MailFacts(subject="", sender="", message_id="")
        await undelivered.take(self.services, await self.mail(), report, facts)
        return row

    async def again(self, shot: Snapshot) -> Snapshot:
        return await store.snapshot(id=shot.envelope.id)

    async def code(self, one: Signer, purpose: CodeFor = CodeFor.SIGN) -> str:
        """The digits of the newest code, as its mail would say them."""
        row = await Code.filter(signer_id=one.id, purpose=purpose).order_by("-serial").first()
        assert row is not None
        return codes.make(self.services.code_key, signer.code_subject(one, purpose), row.serial)

    async def session(self, one: Signer) -> Session:
        """A browser in which the code by mail was right, as the portal notes it."""
        await self.prove(one)
        _, found = await sessions.start(now=self.clock())
        await sessions.prove(found, one, generation=one.generation, method=signer.MAIL_CODE, now=self.clock())
        return found

    async def prove(self, one: Signer) -> Signer:
        await signer.send_code(self.services, one, CodeFor.SIGN, browser="phone")
        checked = await signer.check_code(self.services, one, CodeFor.SIGN, await self.code(one))
        assert checked.verdict is codes.Verdict.OK
        return await Signer.get(id=one.id)

    async def read(self, shot: Snapshot, one: Signer) -> None:
        for document in shot.documents:
            await signer.view(self.services, one, document.id)

    async def offer(self, shot: Snapshot, one: Signer) -> str:
        return signer.offer_digest(shot, one, await signer.offered(shot))

    def grants(self) -> list[Grant]:
        return [signer.mail_code_grant(self.services, self.clock())]

    async def consent(self, shot: Snapshot) -> Snapshot:
        """Let the contractor whose turn it is prove, read and consent."""
        one = shot.turn
        assert one is not None
        await self.prove(one)
        await self.read(shot, one)
        digest, actor = await self.offer(shot, one), signer.actor_of(one)
        await signer.give_consent(self.services, one.ref, offer=digest, grants=self.grants(), actor=actor)
        return await self.again(shot)

    async def consent_village(self, shot: Snapshot) -> Snapshot:
        """The village's consent as `staff.sign` records it, without an authenticator."""
        one = shot.turn
        assert one is not None
        await self.read(shot, one)
        at = consent.instant(self.clock())
        grants = [Grant(method="totp", level="authenticator", issuer="みほん村", at=at)]
        await signer.give_consent(
            self.services,
            one.ref,
            offer=await self.offer(shot, one),
            grants=grants,
            actor=staff.actor_of(self.village),
        )
        return await self.again(shot)

    async def sign(self, shot: Snapshot) -> Snapshot:
        await signing.sign(self.shop, shot.envelope.id, await self.consent_id(shot))
        return await self.again(shot)

    async def consent_id(self, shot: Snapshot) -> int:
        row = await TaskRow.filter(envelope_id=shot.envelope.id, kind="sign").order_by("-id").first()
        assert row is not None
        found: int = json.loads(row.ids)["consent"]
        return found

    async def signed_by_all(self, **wishes: Any) -> Snapshot:
        shot = await self.out(**wishes)
        while shot.state is State.OUT:
            turn = shot.turn
            assert turn is not None
            given = await (self.consent(shot) if turn.staff_id is None else self.consent_village(shot))
            shot = await self.sign(given)
        return shot

    async def completed(self, **wishes: Any) -> Snapshot:
        shot = await self.signed_by_all(**wishes)
        await completion.complete(self.shop, shot.envelope.id)
        return await self.again(shot)

    async def tasks(self, shot: Snapshot) -> list[str]:
        """The kinds of all tasks of an envelope, in order."""
        rows = await TaskRow.filter(envelope_id=shot.envelope.id).order_by("id")
        return [str(row.kind) for row in rows]

    async def bytes_of(self, document: Document) -> bytes:
        return await store.content(self.services.blobs, await store.segments(document.id))

    async def enrol(self, person: Staff) -> tuple[str, tuple[str, ...]]:
        """Enrol through the mailed link; returns the authenticator's seed and the recovery codes."""
        person = await Staff.get(id=person.id)
        link, _ = credentials.enrolment_link(self.services, person)
        token = link.rpartition("/")[2]
        seed = (await credentials.open_enrolment(self.services, token)).seed
        recovery = await credentials.enrol(self.services, token, password=PASSWORD, code=self.digits(seed))
        return seed, recovery

    def digits(self, seed: str) -> str:
        return pyotp.TOTP(seed).at(self.clock())

    def entry(self, **changes: Any) -> Entry:
        values: dict[str, Any] = {
            "company": "株式会社みほん建設",
            "office": "代表取締役",
            "person": "見本 太郎",
            "email": "taro@mihon-kensetsu.example",
            "consented_on": date(2026, 4, 1),
            "consent_note": "書面で承諾",
            "call_back": "登記簿の番号に電話",
        }
        return Entry(**(values | changes))


def paper(title: str, number: str, position: int) -> Paper:
    original = saved(plain(2 if position == 1 else 1))
    kept = intake.receive(original, certificate_id=f"{number}-{position}", limits=LIMITS)
    return Paper(
        title=title,
        file_name=f"{title}.pdf",
        original=original,
        data=kept.data,
        pages=kept.pages,
        warnings=kept.warnings,
    )


def build_services(engine: Engine, clock: Clock, **settings: Any) -> Services:
    """A process that is portal and bot in one, on *engine*."""
    return service_module.build(engine.settings(**settings), portal=True, bot=True, clock=clock)


def forbid_keys(shop: Workshop) -> Workshop:
    """The same shop with a seal whose key must not be touched."""
    return Workshop(services=shop.services, seal=UntouchableSeal(shop.seal), papers=shop.papers)  # type: ignore[arg-type]


class KeyTouched(AssertionError):
    """A signing key was about to be used."""


@dataclass(frozen=True)
class UntouchableSeal:
    """A seal that verifies and does not sign."""

    seal: Seal

    def sign(self, *_given: object, **_named: object) -> bytes:
        raise KeyTouched

    def verify(self, data: bytes) -> Any:
        return self.seal.verify(data)


async def build_town(engine: Engine, authority: Path, clock: Clock, **settings: Any) -> Town:
    provided = build_services(engine, clock, **settings)
    seal = seals.embedded(authority, passphrase=PASSPHRASE, clock=clock)
    shop = Workshop(services=provided, seal=seal, papers=HerePapers(sandbox=Sandbox(), limits=LIMITS))
    section = await registrar.add_section(
        provided, code="kensetsu", name="建設課", email="kensetsu@vill-mihon.example"
    )
    hire = partial(_hire, provided, section)
    drafter = await hire("中村 美咲", "nakamura", Role.DRAFTER)
    village = await hire("北沢 健", "kitazawa", Role.SIGNER)
    keeper = await hire("小林 直樹", "kobayashi", Role.REGISTRAR)
    second = await hire("丸山 翔", "maruyama", Role.ADMIN)
    contacts = await _contractors(provided, keeper, second)
    clock.forward(hours=25)
    return Town(
        engine=engine,
        services=provided,
        shop=shop,
        clock=clock,
        section=section,
        drafter=drafter,
        village=village,
        registrar=keeper,
        approver=second,
        contacts=tuple(contacts),
    )


async def _hire(provided: Services, section: Section, name: str, local: str, *roles: Role) -> Staff:
    email = f"{local}@vill-mihon.example"
    person = await registrar.add_staff(
        provided, name=name, office="主任", email=email, section=section, roles=frozenset(roles)
    )
    # Whoever has enrolled may be chosen as the village's signer; the tests of enrolment do it in earnest.
    await Staff.filter(id=person.id).update(enrolled_at=provided.now())
    return await Staff.get(id=person.id)


async def _contractors(provided: Services, keeper: Staff, second: Staff) -> Sequence[Contact]:
    common = {
        "consented_on": date(2026, 4, 1),
        "consent_note": "書面で承諾",
        "call_back": "登記簿の番号に電話",
    }
    first = Entry(
        company="髙橋建設株式会社",
        office="代表取締役",
        person="髙橋 一郎",
        email="ichiro@takahashi-kensetsu.example",
        **common,  # type: ignore[arg-type]
    )
    other = Entry(
        company="山田造園",
        office="代表",
        person="山田 太郎",
        email="yamada..zouen.@docomo.ne.jp",
        reason="携帯電話でしか受け取れないため",
        **common,  # type: ignore[arg-type]
    )
    return await registrar.import_contacts(provided, [first, other], registrar=keeper, approver=second)
