"""The whole way of an envelope at the level of actions, and how the worker behaves when work fails."""

import asyncio
import logging
import re
from email.message import EmailMessage
from pathlib import Path

import pyotp
import pytest
from tortoise.backends.base.client import BaseDBAsyncClient

from bot import app
from bot.smtp import Sender, relay_of
from bot.worker import HANDLERS, Handler, Tools, Worker
from envelopes.actions import credentials
from envelopes.actions import signer as signers
from envelopes.actions import staff as clerks
from envelopes.actions.signer import CodeFor
from envelopes.records import store, tasks
from envelopes.records.database import unit
from envelopes.records.models import (
    CERTIFICATE,
    Consent,
    Credential,
    Delivery,
    Envelope,
    KeyUse,
    Signer,
    Staff,
)
from envelopes.records.models import Task as TaskRow
from envelopes.records.store import Snapshot
from envelopes.records.tasks import Claimed, Lane
from envelopes.rules.codes import Verdict
from envelopes.rules.errors import Later, Reason, Refused, StaleEnvelope
from envelopes.rules.people import Party
from envelopes.rules.states import State, Task
from envelopes.rules.tokens import Purpose
from fukan.demo import cast
from tests.patience import PATIENCE
from tests.world import ACCEPTANCE, CONTRACT, SPECIFICATION, World, order, plain_services, text_of, world


async def enrol(built: World, person: Staff) -> str:
    """Enrol *person* through the link in the mail; returns the authenticator's seed."""
    mail = built.last(person.email)
    token = _link(mail, "/staff/enrol/")
    opened = await credentials.open_enrolment(built.services, token)
    code = pyotp.TOTP(opened.seed).at(built.clock())
    await credentials.enrol(built.services, token, password="a long enough password", code=code)
    return opened.seed


def _link(mail: EmailMessage, path: str) -> str:
    found = re.search(re.escape(path) + r"([A-Za-z0-9_.\-]+)", text_of(mail))
    assert found, text_of(mail)
    return found[1]


async def draft(built: World, *files: Path, kind: str = "契約書", **more: str) -> Envelope:
    await built.deliver(order(*files, kind=kind, **more))
    await built.drain()
    envelope = await Envelope.all().order_by("-id").first()
    assert envelope is not None
    return envelope


async def confirm(built: World, envelope: Envelope) -> Snapshot:
    clerk = await Staff.get(id=built.clerk.id)
    headman = built.headman.ref if envelope.kind == "契約書" else ""
    await clerks.confirm(
        built.services, clerks.actor_of(clerk), envelope.ref, version=1, village_signer=headman
    )
    await built.drain()
    return await store.snapshot(id=envelope.id)


async def sign_by_mail(built: World, address: str) -> Snapshot:
    """What a contractor does: open the link, ask for the code, type it, read everything, consent."""
    ticket = built.services.ticket(Purpose.REQUEST, _link(built.last(address), "/s/"))
    _, signer = await store.of_signer(ticket.ref)
    assert ticket.generation == signer.generation
    await signers.send_code(built.services, signer, CodeFor.SIGN, browser="b")
    await built.drain()
    digits = text_of(built.last(address)).split()[0]
    code = re.search(r"\d{6}", text_of(built.last(address)))
    assert code, digits
    checked = await signers.check_code(built.services, signer, CodeFor.SIGN, code[0])
    assert checked.verdict is Verdict.OK
    shot, signer = await store.of_signer(ticket.ref)
    for document in shot.documents:
        await signers.view(built.services, signer, document.id)
    offer = signers.offer_digest(shot, signer, await signers.offered(shot))
    grant = signers.mail_code_grant(built.services, built.clock())
    await signers.give_consent(
        built.services, signer.ref, offer=offer, grants=[grant], actor=signers.actor_of(signer)
    )
    await built.drain()
    return await store.snapshot(id=shot.envelope.id)


async def sign_for_village(built: World, envelope_id: int, seed: str) -> Snapshot:
    shot = await store.snapshot(id=envelope_id)
    seat = next(item for item in shot.signers if item.party == Party.VILLAGE)
    for document in shot.documents:
        await signers.view(built.services, seat, document.id)
    offer = signers.offer_digest(shot, seat, await signers.offered(shot))
    staff = await Staff.get(id=built.headman.id)
    # The step that enrolment used is spent; the next one is accepted already.
    code = pyotp.TOTP(seed).at(built.clock(), counter_offset=1)
    signed_in_at = built.clock()
    await clerks.sign(
        built.services, staff, shot.envelope.ref, offer=offer, code=code, signed_in_at=signed_in_at
    )
    await built.drain()
    return await store.snapshot(id=envelope_id)


@pytest.mark.timeout(240)
async def test_a_contract_goes_the_whole_way(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        await built.drain()
        seed = await enrol(built, built.headman)
        envelope = await draft(built, CONTRACT, SPECIFICATION)
        assert "[D-0001]" in built.last(cast.NAKAMURA.address)["Subject"]
        shot = await confirm(built, envelope)
        assert shot.state is State.OUT
        assert [item.party for item in shot.signers] == ["contractor", "village"]

        shot = await sign_by_mail(built, cast.TAKAHASHI.address)
        assert shot.state is State.OUT
        assert "契約はまだ成立していません" in text_of(built.last(cast.TAKAHASHI.address))
        assert "署名待ち" in built.last(cast.KITAZAWA.address)["Subject"]

        shot = await sign_for_village(built, envelope.id, seed)
        assert shot.state is State.COMPLETED
        await _check_completion(built, shot)


async def _check_completion(built: World, shot: Snapshot) -> None:
    for address in (cast.TAKAHASHI.address, cast.KITAZAWA.address, cast.NAKAMURA.address):
        mail = built.last(address)
        assert "電子署名完了のお知らせ" in mail["Subject"]
        files = list(mail.iter_attachments())
        assert len(files) == 3
        assert "_締結証明書.pdf" in str(files[-1].get_filename())
        for file, paper in zip(files, shot.papers, strict=True):
            content = file.get_content()
            kept = await store.content(built.services.blobs, await store.segments(paper.id))
            assert content == kept
            report = await asyncio.to_thread(built.tools.shop.seal.verify, content)
            assert report.valid
            by = ["Operator"] if paper.position == CERTIFICATE else ["Signer1", "Signer2"]
            assert [one.field for one in report.signatures] == by
    assert await KeyUse.filter(done_at=None).count() == 0
    assert await KeyUse.all().count() == 4
    assert {row.state for row in await Delivery.all()} == {"delivered"}
    assert await Credential.all().count() > 0


async def test_an_acceptance_needs_the_contractor_alone(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        envelope = await draft(built, ACCEPTANCE, kind="請書", to=cast.YAMADA.address)
        await confirm(built, envelope)
        shot = await sign_by_mail(built, cast.YAMADA.address)
        assert shot.state is State.COMPLETED
        mail = built.last(cast.YAMADA.address)
        assert not mail.is_multipart() or mail.get_body(("html",)) is None
        names = [part.get_filename() for part in mail.iter_attachments()]
        assert names
        assert all(name and name.isascii() for name in names)
        assert await Signer.filter(envelope_id=envelope.id).count() == 1


# When work fails


def failing(error: Exception) -> Handler:
    async def handler(_: Tools, __: Claimed) -> None:
        raise error

    return handler


async def run_once(built: World, error: Exception, kind: Task) -> TaskRow:
    """Let the one task that is due fail with *error*."""
    crew = Worker(built.tools, handlers={**HANDLERS, kind: failing(error)})
    lease = built.services.policy.lease
    (task,) = await tasks.claim(tasks.lane(kind), limit=1, now=built.clock(), lease=lease)
    assert task.kind is kind
    await crew.work_on(task)
    return await TaskRow.get(id=task.id)


@pytest.mark.parametrize(
    ("error", "noted", "wait"),
    [
        (Later(Reason.TSA_UNAVAILABLE), "tsa-unavailable", (47, 72)),
        (StaleEnvelope(), "stale", (0, 3)),
        (Refused(Reason.CONSENT_INVALID), "consent-invalid", (4 * 3600 - 5, 4 * 3600)),
        (RuntimeError("髙橋 一郎"), "RuntimeError", (47, 72)),
    ],
)
async def test_work_that_fails_waits_and_says_why_without_a_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception, noted: str, wait: tuple[int, int]
) -> None:
    caplog.set_level(logging.INFO)
    async with world(tmp_path) as built:
        await built.drain()
        await built.deliver(order(CONTRACT))
        before = built.clock()
        row = await run_once(built, error, Task.READ_MAIL)
        assert (row.state, row.error, row.attempts) == ("ready", noted, 1)
        assert (row.run_at - before).total_seconds() >= wait[0]
        assert (row.run_at - built.clock()).total_seconds() <= wait[1]
        assert row.failing_since is not None
        assert "髙橋" not in caplog.text
        assert noted in caplog.text
        assert ("ERROR " in caplog.text) is (noted == "consent-invalid")


async def test_work_that_waits_for_its_pages_has_not_failed(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        await built.deliver(order(ACCEPTANCE, kind="請書"))
        await built.drain(lanes=(Lane.INTAKE,))
        envelope, clerk = await Envelope.get(), clerks.actor_of(await Staff.get(id=built.clerk.id))
        await clerks.confirm(built.services, clerk, envelope.ref, version=1, village_signer="")
        await built.drain(lanes=(Lane.SIGN,))
        row = await TaskRow.get(kind="prepare")
        assert (row.state, row.error, row.failing_since, row.attempts) == ("ready", None, None, 0)
        await built.drain(lanes=(Lane.PAPERS,))
        await tasks.hurry(row.id, now=built.clock())
        await built.drain(lanes=(Lane.SIGN,))
        assert (await store.snapshot(id=envelope.id)).state is State.OUT


async def test_a_short_order_does_not_wait_for_all_of_a_long_one(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        await built.deliver(order(*[SPECIFICATION] * 3))
        await built.drain(lanes=(Lane.INTAKE,))
        await built.deliver(order(SPECIFICATION))
        await built.drain(lanes=(Lane.INTAKE,))
        crew, drawn = Worker(built.tools), []
        lease = built.services.policy.lease
        while found := await tasks.claim(Lane.PAPERS, limit=1, now=built.clock(), lease=lease):
            await crew.work_on(found[0])
            drawn.append(found[0].envelope_id)
        assert drawn == [1, 2, 1, 1]
        assert await TaskRow.filter(lane=Lane.PAPERS.value).exclude(state="done").count() == 0


async def test_work_that_failed_is_done_later_and_forgets_its_trouble(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        await built.drain()
        await built.deliver(order(ACCEPTANCE, kind="請書"))
        await run_once(built, OSError("disk"), Task.READ_MAIL)
        built.clock.forward(minutes=2)
        await built.drain()
        row = await TaskRow.get(kind="read_mail")
        assert (row.state, row.error, row.failing_since) == ("done", None, None)
        assert await Envelope.all().count() == 1


async def test_trouble_that_lasts_is_told_once(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        envelope = await draft(built, ACCEPTANCE, kind="請書")
        clerk = await Staff.get(id=built.clerk.id)
        await clerks.confirm(built.services, clerks.actor_of(clerk), envelope.ref, version=1)
        for _ in range(4):
            await run_once(built, Later(Reason.KEY_UNAVAILABLE), Task.PREPARE)
            built.clock.forward(hours=4, minutes=50)
        crew = [lane for lane in tasks.Lane if lane is not tasks.Lane.SIGN]
        await built.drain(lanes=crew)
        mails = [mail for mail in built.mails(cast.NAKAMURA.address) if "要確認" in mail["Subject"]]
        assert len(mails) == 1
        assert "署名の鍵を使えません" in text_of(mails[0])
        assert (await TaskRow.get(kind="prepare")).state == "ready"


async def test_trouble_without_an_envelope_is_told_to_the_administrators(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        await built.drain()
        await built.deliver(order(CONTRACT))
        for _ in range(3):
            await run_once(built, RuntimeError("x"), Task.READ_MAIL)
            built.clock.forward(hours=4, minutes=50)
        await built.drain(lanes=[tasks.Lane.MAIL])
        (mail,) = [mail for mail in built.mails(cast.MARUYAMA.address) if "要確認" in mail["Subject"]]
        assert "届いたメールの読み取り" in text_of(mail)
        assert "RuntimeError" in text_of(mail)


async def test_work_that_runs_long_keeps_its_lease(tmp_path: Path) -> None:
    async with world(tmp_path, policy={"lease": "PT4S"}) as built:
        await built.drain()
        await built.deliver(order(CONTRACT))
        runs = 0
        begun, over = asyncio.Event(), asyncio.Event()

        async def slow(_: Tools, __: Claimed) -> None:
            nonlocal runs
            runs += 1
            begun.set()
            await over.wait()

        crews = [Worker(built.tools, handlers={**HANDLERS, Task.READ_MAIL: slow}) for _ in range(2)]
        stop = asyncio.Event()
        running = [asyncio.create_task(crew.run(stop)) for crew in crews]
        await asyncio.wait_for(begun.wait(), PATIENCE)
        await asyncio.sleep(5)
        stop.set()
        await asyncio.sleep(0.3)
        over.set()
        await asyncio.gather(*running)
        # Two workers stood by; one did the work, and stopping waited for its end.
        assert runs == 1
        assert (await TaskRow.get(kind="read_mail")).state == "done"


async def test_a_worker_keeps_only_what_it_still_owns(tmp_path: Path) -> None:
    async with plain_services(tmp_path) as made:
        now, lease = made.now(), made.policy.lease

        async def queue(connection: BaseDBAsyncClient) -> int:
            return await tasks.enqueue(connection, Task.READ_MAIL, "1", now=now)

        row = await unit(queue)
        (first,) = await tasks.claim(tasks.Lane.INTAKE, limit=1, now=now, lease=lease)
        await tasks.keep(first, until=now + 2 * lease)
        assert await tasks.claim(tasks.Lane.INTAKE, limit=1, now=now + lease, lease=lease) == []
        (second,) = await tasks.claim(tasks.Lane.INTAKE, limit=1, now=now + 2 * lease, lease=lease)
        await tasks.keep(first, until=now + 9 * lease)
        assert (await TaskRow.get(id=row)).run_at == now + 3 * lease
        await tasks.done(second, now=now)
        await tasks.keep(second, until=now + 9 * lease)
        assert (await TaskRow.get(id=row)).run_at == now + 3 * lease


async def test_a_forged_consent_is_never_signed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with world(tmp_path) as built:
        envelope = await draft(built, ACCEPTANCE, kind="請書")
        shot = await confirm(built, envelope)
        signer = shot.signers[0]
        await Envelope.filter(id=envelope.id).update(state="signing")
        forged = await Consent.create(
            envelope_id=envelope.id,
            signer_id=signer.id,
            generation=signer.generation,
            record="e30=",
            sha256="0" * 64,
            signature="AAAA",
            key_id="0" * 16,
            at=built.clock(),
        )

        async def work(connection: BaseDBAsyncClient) -> None:
            await tasks.enqueue(
                connection,
                Task.SIGN,
                "forged",
                now=built.clock(),
                envelope_id=envelope.id,
                ids={"consent": forged.id},
            )

        await unit(work)
        await built.drain()
        row = await TaskRow.get(kind="sign")
        assert (row.state, row.error) == ("ready", "consent-invalid")
        assert await KeyUse.all().count() == 0
        assert "ERROR " in caplog.text


async def test_the_bot_runs_and_stops(tmp_path: Path) -> None:
    """From the wire: SMTP in, IMAP, draft, and mail out, with all loops running."""
    async with world(tmp_path) as built:
        stop, ready = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(app.run(built.services, stop=stop, ready=ready))
        await asyncio.wait_for(ready.wait(), PATIENCE)
        sender = Sender(relay_of(built.services.settings.smtp, helo="test.example"))
        raw = order(CONTRACT)
        await sender.send(sender=cast.NAKAMURA.address, recipient=cast.INTAKE, data=raw, envid="1")
        await sender.close()
        async with asyncio.timeout(PATIENCE):
            while not any("[D-0001]" in mail["Subject"] for mail in built.mails(cast.NAKAMURA.address)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        public = {path.suffix for path in built.services.settings.public_directory.iterdir()}
        assert public == {".cer", ".crl"}
        stop.set()
        await asyncio.wait_for(running, PATIENCE)
        assert await TaskRow.filter(state="running").count() == 0
