"""A town whose bot and portal are processes of their own: start them, play the people, look at what became of it."""

import asyncio
import email
import email.policy
import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

from envelopes.actions import signer
from envelopes.actions.signer import CodeFor
from envelopes.records import history, store
from envelopes.records.models import Delivery, Envelope, KeyUse, Mail, Signer
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.rules.codes import Verdict
from envelopes.rules.states import State, Task
from envelopes.services import Services
from fukan.demo import answering, cast
from fukan.demo.forwarding import hand_over
from fukan.demo.post import AUTHSERV_ID, PASSWORD, PostOffice
from tests.engines import Clock, Engine, Town
from tests.papers.odd import plain, saved

T = TypeVar("T")

ROOT = Path(__file__).parent.parent.parent
INTAKE = "uketsuke@keiyaku.vill-mihon.example"
SENDER = "keiyaku@keiyaku.vill-mihon.example"
CLERK = "nakamura@vill-mihon.example"
VILLAGE = "kitazawa@vill-mihon.example"
CONTRACTOR = "ichiro@takahashi-kensetsu.example"
PATIENCE = 150.0  # why: seconds for one step, on a machine that is busy with other suites
LOOK = 0.05
# Work that a dead bot held is free again after the lease, and what failed is tried again soon.
POLICY = {"lease": "PT1S", "retry_first": "PT1S", "retry_cap": "PT2S"}
# What one contract makes people get, once each.
MAILS_OF_A_CONTRACT = (
    ("draft_mail", CLERK),
    ("sent_mail", CLERK),
    ("request_mail", CONTRACTOR),
    ("code_mail", CONTRACTOR),
    ("received_mail", CONTRACTOR),
    ("village_request_mail", VILLAGE),
    ("completion_mail", CONTRACTOR),
    ("completion_mail", VILLAGE),
    ("completion_mail", CLERK),
)
EVENTS_OF_A_CONTRACT = (
    "opened",
    "confirmed",
    "prepared",
    "consented",
    "signed",
    "consented",
    "signed by the last",
    "timestamped",
)


class LiveClock(Clock):
    """The real time, apart from what a test moved: processes that tests start know no other."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = self.at - self.at

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def forward(self, **by: float) -> datetime:
        before = self.at
        super().forward(**by)
        self.offset += self.at - before
        return self()


def settings_of(engine: Engine, office: PostOffice, **changes: Any) -> dict[str, Any]:
    """The settings of every process, as plain values."""
    mailbox = {"host": "127.0.0.1", "port": office.imap_port, "tls": False}
    return {
        "directory": str(engine.directory),
        "database": engine.url,
        "keys": str(engine.keys),
        "s3": _plain(engine),
        "smtp": {"host": "127.0.0.1", "port": office.smtp_port, "tls": "none"},
        "imap": {**mailbox, "user": INTAKE, "password": PASSWORD},
        "mail": {"address": SENDER, "intake": INTAKE, "trusted_authserv_ids": [AUTHSERV_ID]},
        "policy": POLICY,
        **changes,
    }


def _plain(engine: Engine) -> dict[str, Any] | None:
    if engine.s3 is None:
        return None
    secret = {
        "access_key": engine.s3.access_key.get_secret_value(),
        "secret_key": engine.s3.secret_key.get_secret_value(),
    }
    return {**engine.s3.model_dump(mode="json"), **secret}


@dataclass(kw_only=True)
class Runner:
    """A process of the service; what it says goes to a file."""

    process: subprocess.Popen[bytes]
    log: Path

    async def end(self) -> int:
        """Ask it to stop as an operator does and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        # In a thread: the post office that it takes leave of lives in this loop.
        return await asyncio.to_thread(self.process.wait, PATIENCE)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")


@dataclass(kw_only=True)
class Scene:
    """The town, its post office, and the processes that were started."""

    town: Town
    office: PostOffice
    values: dict[str, Any]
    folder: Path
    runners: list[Runner] = field(default_factory=list)
    mails: int = 0

    @property
    def services(self) -> Services:
        return self.town.services

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def lines(self, word: str) -> list[list[str]]:
        """What the processes noted under *word*."""
        found = self.journal.read_text().splitlines() if self.journal.exists() else []
        return [line.split() for line in found if line.startswith(f"{word} ")]

    def start(self, *doors: str, die_at: str = "", **settings: Any) -> Runner:
        """Start a process with *doors* (bot, portal) open."""
        name = f"{'-'.join(doors)}-{len(self.runners)}"
        plan = {
            "settings": {**self.values, **settings},
            "doors": doors,
            "die_at": die_at,
            "journal": str(self.journal),
        }
        (self.folder / f"{name}.json").write_text(json.dumps(plan))
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.main", self.folder / f"{name}.json"],
                cwd=ROOT,
                stdout=out,
                stderr=out,
            )
        self.runners.append(Runner(process=process, log=log))
        return self.runners[-1]

    async def ready(self, count: int) -> None:
        """Wait until *count* processes have said that they are."""

        async def said() -> bool:
            return len(self.lines("ready")) >= count

        await self.until(said, f"{count} processes ready")

    async def end(self) -> None:
        """Leave nothing running."""
        for runner in self.runners:
            if runner.process.poll() is None:
                try:
                    await runner.end()
                except subprocess.TimeoutExpired:
                    runner.kill()

    async def until(self, true: Callable[[], Awaitable[T | None]], what: str, seconds: float = PATIENCE) -> T:
        """Look again and again; fails with *what* did not come, and with what the processes said."""
        end = time.monotonic() + seconds
        while True:
            if found := await true():
                return found
            if time.monotonic() > end:
                said = "\n".join(f"== {one.log.name}\n{one.said[-3000:]}" for one in self.runners)
                raise AssertionError(f"did not come: {what}\n{said}")
            await asyncio.sleep(LOOK)

    # People

    async def forward(self, title: str, *, lines: Sequence[str] = (), kind: str = "契約書") -> None:
        """The clerk forwards a document to the intake."""
        mail = EmailMessage(policy=email.policy.SMTP)
        mail["From"], mail["To"], mail["Subject"] = CLERK, INTAKE, f"Fwd: {title}"
        self.mails += 1
        mail["Message-ID"] = f"<{self.mails}@vill-mihon.example>"
        said = lines or (
            f"封筒名：{title}",
            "宛先：髙橋建設株式会社",
            f"種別：{kind}",
            "金額：12,980,000円（税込）",
        )
        mail.set_content("\n".join(said) + "\n", cte="base64")
        pdf = saved(plain(1))
        mail.add_attachment(pdf, maintype="application", subtype="pdf", filename=f"{title}.pdf")
        await asyncio.to_thread(hand_over, mail, recipients=[INTAKE], port=self.office.smtp_port)

    async def reply(self, words: str, *, to: str) -> None:
        """The clerk answers the mail whose subject says *to*, once it has come."""

        async def arrived() -> bytes | None:
            return next((raw for raw in self.raw(CLERK) if to in str(parsed(raw)["Subject"])), None)

        raw = await self.until(arrived, f"a mail about {to}")
        mail = answering.compose(raw, words, clerk=cast.NAKAMURA, now=self.services.now())
        self.mails += 1
        await asyncio.to_thread(hand_over, mail, recipients=[str(mail["To"])], port=self.office.smtp_port)

    async def reach(self, title: str, state: State, *, turn: int | None = None) -> Snapshot:
        """Wait until the envelope called *title* is in *state*, and it is that signer's *turn*."""

        async def there() -> Snapshot | None:
            row = await Envelope.filter(title=title).first()
            if row is None or row.state != state.value:
                return None
            shot = await store.snapshot(id=row.id)
            mine = turn is None or (shot.turn is not None and shot.turn.position == turn)
            return shot if mine and all(one.pages_sha256 for one in shot.documents) else None

        return await self.until(there, f"{title} in {state} (turn {turn})")

    async def confirm(self, title: str) -> None:
        await self.town.confirm(await self.reach(title, State.DRAFT))

    async def consent(self, title: str) -> None:
        """The contractor asks for a code, waits for its mail, reads and consents."""
        shot = await self.asked(title, 1)
        one = shot.turn
        assert one is not None
        await signer.send_code(self.services, one, CodeFor.SIGN, browser="phone")
        checked = await signer.check_code(self.services, one, CodeFor.SIGN, await self.mailed_code(shot, one))
        assert checked.verdict is Verdict.OK
        await self.town.read(shot, one)
        digest, actor = await self.town.offer(shot, one), signer.actor_of(one)
        await signer.give_consent(
            self.services, one.ref, offer=digest, grants=self.town.grants(), actor=actor
        )

    async def mailed_code(self, shot: Snapshot, one: Signer) -> str:
        """The digits in the mail, which are those that the portal expects."""
        expected = await self.town.code(one)

        async def arrived() -> str | None:
            texts = [text_of(mail) for mail in self.arrived(one.email)]
            found = [text for text in texts if expected in re.findall(r"\b\d{6}\b", text)]
            return expected if found else None

        return await self.until(arrived, f"a code for {shot.number}")

    async def consent_for_village(self, title: str) -> None:
        await self.town.consent_village(await self.asked(title, 2))

    async def asked(self, title: str, turn: int) -> Snapshot:
        """Wait until the mail that asks the signer has gone out, as he does."""
        shot = await self.reach(title, State.OUT, turn=turn)
        mail = "request_mail" if turn == 1 else "village_request_mail"
        sent = Delivery.filter(envelope_id=shot.envelope.id, mail=mail, state="delivered")
        await self.until(sent.exists, f"{mail} for {title}")
        return shot

    async def whole_way(self, title: str) -> Snapshot:
        """Forward, confirm, sign twice; returns the completed envelope."""
        await self.forward(title)
        await self.confirm(title)
        await self.consent(title)
        await self.consent_for_village(title)
        return await self.reach(title, State.COMPLETED)

    async def quiet(self) -> None:
        """Wait until nothing is left to do but what is due in two weeks, and every mail has been moved."""

        async def nothing_left() -> bool:
            left = await TaskRow.exclude(state="done").exclude(kind="close_window").count()
            awake = len(self.lines("ready")) >= len(self.lines("killed")) + len(self.runners)
            return left == 0 and awake and not self.intake("INBOX")

        await self.until(nothing_left, "an end of all work")

    # What has become of it

    def arrived(self, address: str) -> list[EmailMessage]:
        """What lies in the mailbox of *address*, oldest first."""
        return [parsed(raw) for raw in self.raw(address)]

    def raw(self, address: str) -> list[bytes]:
        found = (self.office.mail(item.id) for item in reversed(self.office.mails(address)))
        return [raw for raw in found if raw is not None]

    def intake(self, folder: str) -> list[str]:
        """The subjects in a folder of the intake's mailbox."""
        return [item.subject for item in self.office.mails(INTAKE) if item.folder == folder]


def parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    return str(body.get_content()) if body else ""


def without_trace(raw: bytes) -> bytes:
    """A mail as it was sent: without the fields that the post office put on top of it, but with its return path."""
    path = raw.partition(b"\r\n")[0]
    _, _, rest = raw.partition(b"\r\nReceived: ")
    return path + rest.partition(b"\r\n\t")[2].partition(b"\r\n")[2]


def without_date(raw: bytes) -> bytes:
    return re.sub(rb"\r\nDate: [^\r]*\r\n", b"\r\n", raw)


# What must hold at the end, whatever happened


async def require_whole(scene: Scene, title: str) -> None:
    """The envelope went its way exactly once, and every file of it is good."""
    (row,) = await Envelope.filter(title=title)
    shot = await store.snapshot(id=row.id)
    assert shot.state is State.COMPLETED
    facts = await history.payloads(history.Subject.ENVELOPE, row.id)
    assert tuple(fact.kind for fact, _ in facts if fact.kind in EVENTS_OF_A_CONTRACT) == EVENTS_OF_A_CONTRACT
    assert [broken async for broken in history.verify()] == []
    for document in shot.documents:
        kinds = [segment.kind for segment in await store.segments(document.id)]
        assert kinds == ["prepared", "signature", "signature", "timestamp"]
        data = await scene.town.bytes_of(document)
        report = await asyncio.to_thread(scene.town.shop.seal.verify, data)
        assert report.valid
        assert len(report.signatures) == 2
    assert not await KeyUse.filter(document__envelope_id=row.id, done_at=None).exists()


async def require_every_mail_once(
    scene: Scene, titles: Sequence[str], *, answers: int = 0, doubles: bool = True
) -> None:
    """Every mail of so many contracts went to whom it is due, as `require_mails` says."""
    due = [*MAILS_OF_A_CONTRACT * len(titles), *[("answer_mail", CLERK)] * answers]
    await require_mails(scene, due, doubles=doubles)


async def require_mails(scene: Scene, due: Sequence[tuple[str, str]], *, doubles: bool = True) -> None:
    """Every mail that is due went to whom it is due; a double is the same mail again, byte for byte."""
    # Whether and when a daily summary goes out too depends on the hour at which the test runs.
    rows = await Delivery.exclude(mail=Task.DAILY_MAIL.value).order_by("id")
    assert {row.state for row in rows} == {"delivered"}
    found = Counter((row.mail, row.recipient) for row in rows)
    assert found == Counter(due), (found - Counter(due), Counter(due) - found)
    by_id = {row.message_id: row for row in rows}
    assert len(by_id) == len(rows)
    for address in (CLERK, VILLAGE, CONTRACTOR):
        copies = sorted((str(parsed(raw)["Message-ID"]), without_trace(raw)) for raw in scene.raw(address))
        mine = {name for name, row in by_id.items() if row.recipient == address}
        assert {name for name, _ in copies} == mine
        assert doubles or len(copies) == len(mine)
        for name in mine:
            # A code is composed when it is sent, so a second try is dated anew.
            trim = without_date if by_id[name].mail == "code_mail" else bytes
            assert len({trim(raw) for found, raw in copies if found == name}) == 1


async def require_intake_empty(scene: Scene) -> None:
    """Every mail was taken in once and lies among the processed."""
    assert scene.intake("INBOX") == []
    assert scene.intake("Failed") == []
    assert len(scene.intake("Processed")) == scene.mails
    assert await Mail.all().count() == scene.mails
