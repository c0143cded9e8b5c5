"""The whole way of an envelope at the level of actions, and how the worker behaves when work fails."""

import asyncio
import re
from email.message import EmailMessage
from pathlib import Path

import pyotp
import pytest

from envelopes.actions import signer as signers
from envelopes.actions import staff as clerks
from envelopes.actions.signer import CodeFor
from envelopes.records import store
from envelopes.records.models import Credential, Delivery, Envelope, KeyUse, Signer, Staff
from envelopes.records.store import Snapshot
from envelopes.rules.codes import Verdict
from envelopes.rules.people import Party
from envelopes.rules.states import State
from envelopes.rules.tokens import Purpose
from fukan.demo import cast
from tests.world import ACCEPTANCE, CONTRACT, SPECIFICATION, World, order, text_of, world


async def enrol(built: World, person: Staff) -> str:
    """Enrol *person* through the link in the mail; returns the authenticator's seed."""
    mail = built.last(person.email)
    token = _link(mail, "/staff/enrol/")
    opened = await clerks.open_enrolment(built.services, token)
    code = pyotp.TOTP(opened.seed).at(built.clock())
    await clerks.enrol(built.services, token, password="a long enough password", code=code)
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
    await clerks.sign(built.services, staff, shot.envelope.ref, offer=offer, code=code)
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
        assert len(files) == 2
        for file, document in zip(files, shot.documents, strict=True):
            content = file.get_content()
            kept = await store.content(built.services.blobs, await store.segments(document.id))
            assert content == kept
            report = await asyncio.to_thread(built.tools.shop.seal.verify, content)
            assert report.valid
            assert [one.field for one in report.signatures] == ["Signer1", "Signer2"]
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
