"""A whole service in a folder: database, keys, authority, people, registry, and a post office on loopback.

Everything is real but the clock, which tests may move (not before a signature is judged: that needs the real time).
`deliver` brings a mail to the intake without IMAP, `drain` does all work that is due without the worker's loops; what
was sent lies in the post office.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot import app, pki
from bot.digest import digest
from bot.worker import Tools, Worker
from envelopes import keyring, services
from envelopes.actions import registrar
from envelopes.actions.registry import Entry
from envelopes.actions.worker import mails
from envelopes.actions.worker.mails import Copy
from envelopes.records import database, tasks
from envelopes.records.models import Contact, Section, Staff
from envelopes.records.models import Task as TaskRow
from envelopes.records.tasks import Lane
from envelopes.rules.errors import Reason
from envelopes.rules.people import Role
from envelopes.services import Services
from envelopes.settings import S3, Imap, Mail, Portal, Settings, Smtp, Tls
from envelopes.signing import authority
from envelopes.signing.verify import Report
from fukan.demo import cast
from fukan.demo.post import PASSWORD, PostOffice

PORTAL = "http://127.0.0.1:8000"
SAMPLES = Path(cast.__file__).parent / "samples"
CONTRACT = SAMPLES / "工事請負契約書.pdf"
SPECIFICATION = SAMPLES / "特記仕様書.pdf"
ACCEPTANCE = SAMPLES / "請書.pdf"


@dataclass
class Clock:
    """The real time, moved forward by what a test says."""

    offset: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def forward(self, **by: float) -> None:
        self.offset += timedelta(**by)


@dataclass(kw_only=True)
class World:
    """What a test needs of the service."""

    services: Services
    tools: Tools
    office: PostOffice
    clock: Clock
    section: Section
    clerk: Staff
    headman: Staff
    keeper: Staff
    operator: Staff
    contacts: dict[str, Contact]
    copies: int = 0

    async def deliver(self, raw: bytes, *, unread: Reason | None = None) -> int:
        """Take *raw* in as the watcher would; returns the id of the mail. *unread*: why it is the head alone."""
        self.copies += 1
        copy = Copy(mailbox="test", uidvalidity=1, uid=self.copies)
        await mails.take_in(
            self.services, copy, raw, digest=digest(raw), arrived_at=self.clock(), unread=unread
        )
        row = await TaskRow.filter(kind="read_mail").order_by("-id").first()
        assert row is not None
        return int(row.key.rpartition(":")[2])

    async def drain(self, *, lanes: Sequence[Lane] = tuple(Lane)) -> int:
        """Do everything that is due and what follows from it; returns how many tasks ran."""
        crew, count = Worker(self.tools), 0
        while found := await self._due(lanes):
            for task in found:
                await crew.work_on(task)
            count += len(found)
        return count

    async def _due(self, lanes: Sequence[Lane]) -> list[tasks.Claimed]:
        lease = self.services.policy.lease
        return [
            task for lane in lanes for task in await tasks.claim(lane, limit=5, now=self.clock(), lease=lease)
        ]

    def mails(self, address: str) -> list[EmailMessage]:
        """What has arrived for *address*, oldest first."""
        found = [self.office.mail(item.id) for item in reversed(self.office.mails(address))]
        return [message_from_bytes(raw, policy=policy.default) for raw in found if raw]

    def last(self, address: str) -> EmailMessage:
        """The newest mail for *address*."""
        return self.mails(address)[-1]

    async def verified(self, address: str) -> list[Report]:
        """What the seal says of each file that is attached to the newest mail for *address*."""
        files = [file.get_content() for file in self.last(address).iter_attachments()]
        return [await asyncio.to_thread(self.tools.shop.seal.verify, file) for file in files]


def text_of(mail: EmailMessage) -> str:
    """The words of a mail."""
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def order(
    *files: Path,
    sender: str = cast.NAKAMURA.address,
    kind: str = "契約書",
    to: str = cast.TAKAHASHI.company,
    amount: str = "12,980,000円（税込）",
    more: Sequence[str] = (),
    **headers: str,
) -> bytes:
    """A mail as the clerk writes it, with *files* attached."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = sender
    mail["To"] = cast.INTAKE
    mail["Subject"] = "Fwd: 舗装補修工事の契約書について"
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=cast.STAFF_DOMAIN)
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    lines = ["お願いします。", "", "封筒名：令和8年度 村道北城線 舗装補修工事", f"宛先：{to}"]
    lines += [f"種別：{kind}", f"金額：{amount}", *more, "", "-- ", "建設課 中村"]
    mail.set_content("\n".join(lines) + "\n", cte="base64")
    for file in files:
        mail.add_attachment(file.read_bytes(), maintype="application", subtype="pdf", filename=file.name)
    return mail.as_bytes()


@asynccontextmanager
async def plain_services(directory: Path, **settings: Any) -> AsyncIterator[Services]:
    """Database and keys alone, for tests of one part."""
    made = Settings.model_validate({"directory": directory, "demo": True, **settings})
    keyring.create(made.keys_directory)
    await database.upgrade(made.database_url)
    opened = database.Database(made.database_url)
    await opened.open()
    try:
        yield services.build(made, portal=True, bot=True, clock=Clock())
    finally:
        await opened.close()


@asynccontextmanager
async def world(
    directory: Path, *, database_url: str = "", s3: S3 | None = None, **settings: Any
) -> AsyncIterator[World]:
    """Make a service in *directory*, with its people, and run its post office until the block ends."""
    office = PostOffice(directory / "post.sqlite3")
    await office.start()
    made = _settings(directory, office, database=database_url, s3=s3, **settings)
    clock = Clock()
    _make_keys(made, clock)
    await database.upgrade(made.database_url)
    opened = database.Database(made.database_url)
    await opened.open()
    try:
        built = services.build(made, portal=True, bot=True, clock=clock)
        async with app.open_tools(built) as tools:
            yield World(services=built, tools=tools, office=office, clock=clock, **await _people(built))
    finally:
        await opened.close()
        await office.close()


def _settings(directory: Path, office: PostOffice, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "directory": directory,
        "demo": True,
        "portal": Portal(url=PORTAL),
        "smtp": Smtp(port=office.smtp_port, tls=Tls.NONE),
        "imap": Imap(port=office.imap_port, tls=False, user=cast.INTAKE, password=SecretStr(PASSWORD)),
        "mail": Mail(address=cast.SENDER, intake=cast.INTAKE),
    }
    return Settings.model_validate({**values, **changes})


def _make_keys(settings: Settings, clock: Clock) -> None:
    keys = settings.keys_directory
    keyring.create(keys)
    authority.create(
        pki.directory(keys),
        town=settings.town.name,
        public_url=settings.portal.url,
        now=clock(),
        passphrase=keyring.passphrase(keys),
        key_type="p256",
    )


async def _people(built: Services) -> dict[str, Any]:
    section = await registrar.add_section(
        built, code="kensetsu", name=cast.SECTION, email=f"kensetsu@{cast.STAFF_DOMAIN}", phone=cast.PHONE
    )
    clerk, headman, keeper, operator = [await _staff(built, section, person) for person in cast.STAFF]
    contacts = {
        person.address: await _contact(built, person, registrar_=keeper, approver=operator)
        for person in cast.CONTRACTORS
    }
    return {
        "section": section,
        "clerk": clerk,
        "headman": headman,
        "keeper": keeper,
        "operator": operator,
        "contacts": contacts,
    }


async def _staff(built: Services, section: Section, person: cast.StaffMember) -> Staff:
    return await registrar.add_staff(
        built,
        name=person.name,
        office=person.office,
        email=person.address,
        section=section,
        roles=frozenset(person.roles),
    )


async def _contact(
    built: Services, person: cast.Contractor, *, registrar_: Staff, approver: Staff
) -> Contact:
    assert Role.REGISTRAR.value in registrar_.roles
    entry = Entry(
        company=person.company,
        office=person.office,
        person=person.name,
        email=person.address,
        consented_on=date(2026, 4, 1),
        consent_note="書面で承諾",
        call_back="0261-00-1111 に電話して本人に確認",
        reason=person.reason,
    )
    return await registrar.add_contact(built, entry, registrar=registrar_, approver=approver, seeded=True)
