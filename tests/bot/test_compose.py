"""Who is told what: recipients, links and words of every mail about an envelope."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient

from bot import case, compose
from envelopes.actions import changing, identity, notes, registrar
from envelopes.actions import signer as signers
from envelopes.actions import staff as clerks
from envelopes.actions.applications import deciding, proving, steps
from envelopes.actions.registry import Entry
from envelopes.actions.signer import CodeFor, Refusal
from envelopes.actions.worker import readdressing
from envelopes.records import store
from envelopes.records.database import unit
from envelopes.records.models import Contact, Delivery, Envelope, Section, Signer, Staff, Task
from envelopes.rules import codes, terms
from envelopes.rules.changes import Change, Wish
from envelopes.rules.factors import Method
from envelopes.rules.notes import About
from envelopes.rules.people import Actor
from envelopes.rules.schedule import jst_day
from envelopes.rules.states import State
from envelopes.rules.states import Task as TaskKind
from envelopes.rules.tokens import Purpose
from envelopes.rules.wording import jst_datetime
from fukan.demo import cast
from tests.bot.test_worker import confirm, draft, enrol, sign_by_mail
from tests.world import ACCEPTANCE, CONTRACT, World, order, text_of, world

TAKAHASHI, SATO, NAKAMURA = cast.TAKAHASHI.address, cast.SATO.address, cast.NAKAMURA.address
KIMURA = Wish(
    change=Change.PERSON, person="木村 花子", office="工事部長", email="kimura@takahashi-kensetsu.example"
)
TWO = f"{cast.TAKAHASHI.company}\n宛先：<{SATO}>"


@pytest.fixture
async def built(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


async def out(built: World, **more: str) -> Envelope:
    envelope = await draft(built, ACCEPTANCE, kind="請書", **more)
    await confirm(built, envelope)
    return await Envelope.get(id=envelope.id)


async def clerk(built: World) -> Actor:
    return clerks.actor_of(await Staff.get(id=built.clerk.id))


async def told(built: World, mail: str) -> Sequence[str]:
    rows = await Delivery.filter(mail=mail).order_by("id")
    return [row.recipient for row in rows]


def link(built: World, address: str, path: str = "/s/") -> str:
    found = re.search(re.escape(path) + r"(\S+)", text_of(built.last(address)))
    assert found
    return found[1]


def test_every_mail_task_has_a_composer() -> None:
    mails = {task for task in TaskKind if task.name.endswith("_MAIL")}
    known = set(compose._ABOUT_ENVELOPE) | set(compose._WITHOUT_ENVELOPE)
    assert mails - known == {TaskKind.READ_MAIL, TaskKind.CODE_MAIL, TaskKind.APPLICATION_CODE_MAIL}


async def test_an_answer_lists_what_to_mend_in_the_order_of_the_lines(built: World) -> None:
    await built.deliver(order(to="髙橋土建", amount="壱千万円", more=["期日：8月31日"]))
    await built.drain()
    words = text_of(built.last(NAKAMURA))
    places = [
        words.index(text) for text in ("1. 4行目", "2. 6行目", "3. 7行目", "4. 文書が添付されていません")
    ]
    assert places == sorted(places)


async def test_an_english_mail_calls_the_section_and_its_hours_what_they_are_called_in_english(
    tmp_path: Path,
) -> None:
    town = {"name_english": "Mihon Village", "hours_english": "weekdays 8:30–17:15"}
    own = {"hours": "平日 9時〜16時", "hours_english": "weekdays 9:00–16:00"}
    async with world(tmp_path, town=town) as built:
        mine = Contact.filter(email_look_up=built.services.address_look_up(TAKAHASHI))
        await mine.update(language="en")
        section = Section.filter(id=built.section.id)
        await section.update(name_english="Construction Section")
        await out(built)
        foot = "Mihon Village Construction Section, phone 0261-00-0000"
        assert f"{foot} (weekdays 8:30–17:15)" in text_of(built.last(TAKAHASHI))
        await section.update(**own)
        await out(built)
        assert f"{foot} (weekdays 9:00–16:00)" in text_of(built.last(TAKAHASHI))


@pytest.mark.parametrize("used", [True, False])
async def test_an_invitation_that_is_over_is_not_written_late(built: World, *, used: bool) -> None:
    task = await Task.filter(kind="enrol_mail").order_by("id").first()
    assert task is not None
    assert json.loads(task.ids) == {"staff": built.clerk.id, "generation": 1}
    await built.drain()
    assert "/staff/enrol/" in text_of(built.last(NAKAMURA))
    if used:
        await enrol(built, built.clerk)
    else:
        await unit(partial(invite_again, built))
    # The worker died before it could note that the mail was written; by now another mail has gone out, or none.
    sent = len(built.mails(NAKAMURA))
    await Delivery.filter(task_id=task.id).delete()
    await Task.filter(id=task.id).update(state="ready", run_at=built.clock())
    await built.drain()
    assert len(built.mails(NAKAMURA)) == sent + (not used)
    assert await Delivery.filter(task_id=task.id).count() == 0


async def invite_again(built: World, connection: BaseDBAsyncClient) -> None:
    await registrar.invite(connection, await Staff.get(id=built.clerk.id), now=built.clock())


async def register(built: World, address: str, company: str) -> Contact:
    entry = Entry(
        company=company,
        office="営業所長",
        person="木村 花子",
        email=address,
        consented_on=date(2026, 4, 1),
        consent_note="書面で承諾",
        call_back="0261-00-1111 に電話して本人に確認",
    )
    return await registrar.add_contact(built.services, entry, registrar=built.keeper, approver=built.operator)


async def test_the_old_address_is_told_of_a_new_one_before_it_works(built: World) -> None:
    await built.drain()
    new = await register(built, "hanako.kimura@takahashi-east.example", "高橋建設㈱")
    await built.drain()
    assert await told(built, "address_mail") == [TAKAHASHI]
    mail, words = built.last(TAKAHASHI), text_of(built.last(TAKAHASHI))
    assert mail["Subject"] == "【みほん村】登録アドレスの変更がありました"
    assert mail["Reply-To"].addresses[0].addr_spec == f"kensetsu@{cast.STAFF_DOMAIN}"
    assert "ha･････@takahashi…" in words
    assert "kimura" not in words
    assert f"{jst_datetime(new.works_from)}から" in words
    assert new.works_from - new.created_at == built.services.policy.address_wait
    assert cast.PHONE in words
    assert built.mails(new.email) == []


async def test_a_notice_is_not_taken_back_by_ending_an_address(built: World) -> None:
    await built.drain()
    new = await register(built, "hanako@takahashi-east.example", cast.TAKAHASHI.company)
    for address in (TAKAHASHI, new.email):
        await registrar.end_contact(built.services, address, registrar=built.keeper, approver=built.operator)
    await built.drain()
    assert await told(built, "address_mail") == [TAKAHASHI]


async def test_a_carrier_is_told_in_text_alone(built: World) -> None:
    await built.drain()
    await register(built, "hanako@yamada.example", cast.YAMADA.company)
    await built.drain()
    assert built.last(cast.YAMADA.address).get_body(("html",)) is None


async def test_headers_thread_and_answer_to_the_right_place(built: World) -> None:
    envelope = await out(built)
    request, draft_mail = built.last(TAKAHASHI), built.mails(NAKAMURA)[-2]
    assert request["Reply-To"].addresses[0].addr_spec == f"kensetsu@{cast.STAFF_DOMAIN}"
    local, _, domain = draft_mail["Reply-To"].addresses[0].addr_spec.partition("@")
    assert local.startswith(f"{cast.INTAKE.partition('@')[0]}+r.")
    assert domain == cast.INTAKE.partition("@")[2]
    root = case.thread(built.services, envelope.ref)
    assert root in request["References"]
    assert draft_mail["References"].split()[0] == root
    assert draft_mail["In-Reply-To"].endswith(f"@{cast.STAFF_DOMAIN}>")
    assert request["From"].addresses[0].addr_spec == cast.SENDER
    assert request["Auto-Submitted"] == "auto-generated"
    assert request["Return-Path"] is None or "+b." in request["Return-Path"]


async def test_the_link_opens_this_request_and_no_other_mail_has_it(built: World) -> None:
    envelope = await out(built)
    signer = await Signer.get(envelope_id=envelope.id)
    ticket = built.services.ticket(Purpose.REQUEST, link(built, TAKAHASHI))
    assert (ticket.ref, ticket.generation) == (signer.ref, signer.generation)
    assert "/s/" not in "".join(text_of(mail) for mail in built.mails(NAKAMURA))
    assert TAKAHASHI in text_of(built.last(NAKAMURA))


@pytest.mark.parametrize("refusal", list(Refusal))
async def test_a_refusal_is_told_to_all_who_were_asked(built: World, refusal: Refusal) -> None:
    envelope = await out(built, to=TWO)
    await sign_by_mail(built, TAKAHASHI)
    shot = await store.snapshot(id=envelope.id)
    assert [signer.asked_at is not None for signer in shot.signers] == [True, True]
    await signers.refuse(built.services, shot.signers[1].ref, refusal, "工期が違います")
    await built.drain()
    mail = "declined_mail" if refusal is Refusal.DECLINE else "returned_mail"
    assert await told(built, mail) == [TAKAHASHI, SATO, NAKAMURA]
    for address in (TAKAHASHI, SATO, NAKAMURA):
        assert "工期が違います" in text_of(built.last(address))
    assert "/staff/envelopes/" in text_of(built.last(NAKAMURA))
    assert "/staff/" not in text_of(built.last(SATO))


async def test_whoever_was_not_asked_hears_nothing_of_a_cancellation(built: World) -> None:
    envelope = await out(built, to=TWO)
    await clerks.cancel(
        built.services, await clerk(built), envelope.ref, version=envelope.version, reason="図面の差替え"
    )
    await built.drain()
    assert await told(built, "cancelled_mail") == [TAKAHASHI, NAKAMURA]
    assert built.mails(SATO) == []


async def test_an_extension_keeps_the_link(built: World) -> None:
    envelope = await out(built)
    before = built.services.ticket(Purpose.REQUEST, link(built, TAKAHASHI))
    day = jst_day(built.clock()) + timedelta(days=30)
    await clerks.extend(
        built.services, await clerk(built), envelope.ref, version=envelope.version, deadline_on=day
    )
    await built.drain()
    after = built.services.ticket(Purpose.REQUEST, link(built, TAKAHASHI))
    assert (before.ref, before.generation) == (after.ref, after.generation)
    assert await told(built, "extended_mail") == [TAKAHASHI, NAKAMURA]
    assert f"{day.month}月{day.day}日" in text_of(built.last(NAKAMURA))


async def test_a_new_link_says_why(built: World) -> None:
    envelope = await out(built)
    signer = await Signer.get(envelope_id=envelope.id)
    await signers.ask_link(built.services, signer)
    await built.drain()
    assert built.services.ticket(Purpose.REQUEST, link(built, TAKAHASHI)).generation == 0
    asked = text_of(built.last(TAKAHASHI))
    await clerks.reissue(built.services, await clerk(built), envelope.ref, version=envelope.version)
    await built.drain()
    assert built.services.ticket(Purpose.REQUEST, link(built, TAKAHASHI)).generation == 1
    assert text_of(built.last(TAKAHASHI)) != asked
    assert await told(built, "new_link_mail") == [TAKAHASHI, TAKAHASHI]


async def test_another_proof_is_told_and_every_later_mail_with_the_link_knows_of_it(built: World) -> None:
    envelope, actor = await out(built), await clerk(built)
    assert await identity.change(built.services, actor, envelope.ref, 1, Method.ACCESS_CODE)
    await built.drain()
    assert await told(built, "proof_mail") == [TAKAHASHI]
    assert "アクセスコードは、建設課から電話でお伝えします" in text_of(built.last(TAKAHASHI))
    assert built.services.ticket(Purpose.REQUEST, link(built, TAKAHASHI)).generation == 0
    await clerks.remind(built.services, actor, envelope.ref)
    await built.drain()
    assert "アクセスコードは、建設課から電話でお伝えします" in text_of(built.last(TAKAHASHI))
    await clerks.reissue(built.services, actor, envelope.ref, version=envelope.version)
    await built.drain()
    assert await told(built, "new_link_mail") == [TAKAHASHI]
    assert "アクセスコードは、建設課から電話でお伝えします" in text_of(built.last(TAKAHASHI))


async def test_a_change_of_proof_that_was_overtaken_by_the_end_is_not_told(built: World) -> None:
    envelope, actor = await out(built), await clerk(built)
    assert await identity.change(built.services, actor, envelope.ref, 1, Method.ACCESS_CODE)
    await clerks.cancel(built.services, actor, envelope.ref, version=envelope.version, reason="誤りのため")
    await built.drain()
    assert await told(built, "proof_mail") == []


async def test_wrong_codes_renew_the_link_by_mail(tmp_path: Path) -> None:
    async with world(tmp_path, policy={"link_tries": 1}) as built:
        envelope = await out(built)
        signer = await Signer.get(envelope_id=envelope.id)
        await signers.send_code(built.services, signer, CodeFor.SIGN, browser="b")
        await built.drain()
        digits = re.search(r"\d{6}", text_of(built.last(TAKAHASHI)))
        assert digits
        wrong = f"{(int(digits[0]) + 1) % 10**6:06d}"
        checked = await signers.check_code(built.services, signer, CodeFor.SIGN, wrong)
        assert checked.renewed
        await built.drain()
        assert built.services.ticket(Purpose.REQUEST, link(built, TAKAHASHI)).generation == 1


async def test_page_and_mail_show_the_same_word(built: World) -> None:
    envelope = await out(built)
    signer = await Signer.get(envelope_id=envelope.id)
    sent = await signers.send_code(built.services, signer, CodeFor.SIGN, browser="b")
    await built.drain()
    mail = text_of(built.last(TAKAHASHI))
    assert sent.word in mail
    assert sent.word in codes.WORDS
    assert "http" not in mail.split("────")[0]


async def test_a_note_goes_to_the_drafter_as_written(built: World) -> None:
    envelope = await out(built)
    signer = await Signer.get(envelope_id=envelope.id)
    await notes.tell(
        built.services, signer, About.WRONG_PERSON, note="担当は鈴木に替わりました", proved=False
    )
    await built.drain()
    assert "担当は鈴木に替わりました" in text_of(built.last(NAKAMURA))
    assert await told(built, "note_mail") == [NAKAMURA]


async def test_a_draft_that_cannot_be_sealed_comes_back_with_the_reason(built: World) -> None:
    envelope = await draft(built, ACCEPTANCE, kind="請書")
    await Envelope.filter(id=envelope.id).update(trouble="pdf-unsealable 1")
    task = await Task.get(kind="draft_mail")
    await Delivery.filter(task_id=task.id).delete()
    await Task.filter(id=task.id).update(state="ready", run_at=built.clock())
    await built.drain()
    assert "送れませんでした" in built.last(NAKAMURA)["Subject"]
    assert "文書1：このPDFには電子署名を付けられません" in text_of(built.last(NAKAMURA))


async def test_big_files_go_as_a_link_with_the_reason(tmp_path: Path) -> None:
    async with world(tmp_path, policy={"attachment_bytes": 1000}) as built:
        await out(built)
        await sign_by_mail(built, TAKAHASHI)
        mail = built.last(TAKAHASHI)
        assert not list(mail.iter_attachments())
        assert "添付できる大きさ" in text_of(mail)
        ticket = built.services.ticket(Purpose.DOWNLOAD, link(built, TAKAHASHI, "/d/"))
        assert ticket.ref == (await Signer.first()).ref  # type: ignore[union-attr]
        assert "/d/" not in text_of(built.last(NAKAMURA))


async def test_file_names_say_day_amount_party_and_title(built: World) -> None:
    await out(built)
    await sign_by_mail(built, TAKAHASHI)
    names = [file.get_filename() for file in built.last(TAKAHASHI).iter_attachments()]
    day = f"{jst_day(built.clock()):%Y%m%d}"
    assert names == [f"{day}_12980000_髙橋建設株式会社_{title}.pdf" for title in ("請書", "締結証明書")]


async def test_the_certificate_is_one_of_the_files_that_count(tmp_path: Path) -> None:
    async with world(tmp_path, policy={"attachment_files": 1}) as built:
        await out(built)
        await sign_by_mail(built, TAKAHASHI)
        mail = built.last(TAKAHASHI)
        assert not list(mail.iter_attachments())
        words = text_of(mail)
        assert "ファイルが締結証明書を含めて2件あり、1通に添付できる数（1件）を超える" in words
        assert re.search(r"^締結証明書　+\d+ページ・\d+KB\r?$", words, re.MULTILINE)


async def test_the_certificates_size_counts(tmp_path: Path) -> None:
    limit = 250_000
    async with world(tmp_path, policy={"attachment_bytes": limit}) as built:
        await out(built)
        await sign_by_mail(built, TAKAHASHI)
        shot = await store.snapshot(id=(await Envelope.get()).id)
        sizes = [(await store.segments(paper.id))[-1].length for paper in shot.papers]
        # The document alone would have been attached.
        assert sizes[0] < limit < sum(sizes)
        assert not list(built.last(TAKAHASHI).iter_attachments())


async def test_the_villages_signer_is_asked_behind_the_sign_in(built: World) -> None:
    await built.drain()
    await enrol(built, built.headman)
    envelope = await draft(built, CONTRACT)
    await confirm(built, envelope)
    assert built.last(cast.KITAZAWA.address)["Subject"].count("署名待ち") == 0
    await sign_by_mail(built, TAKAHASHI)
    mail = built.last(cast.KITAZAWA.address)
    assert f"/staff/envelopes/{envelope.ref}/1" in text_of(mail)
    assert "/s/" not in text_of(mail)
    assert "みほん村が署名します" in text_of(built.last(TAKAHASHI))


async def test_whoever_stands_under_copies_gets_the_signed_files_once(built: World) -> None:
    more = [f"写し：{cast.KOBAYASHI.name}", f"写し：{cast.NAKAMURA.address}"]
    await built.deliver(order(ACCEPTANCE, kind="請書", more=more))
    await built.drain()
    envelope = await Envelope.get()
    await confirm(built, envelope)
    before = {who.address: len(built.mails(who.address)) for who in (cast.KOBAYASHI, cast.NAKAMURA)}
    shot = await sign_by_mail(built, cast.TAKAHASHI.address)
    assert shot.state is State.COMPLETED
    sent = await Delivery.filter(mail="completion_mail")
    assert sorted(row.recipient for row in sent) == sorted(
        [cast.TAKAHASHI.address, cast.NAKAMURA.address, cast.KOBAYASHI.address]
    )
    for address, many in before.items():
        (letter,) = built.mails(address)[many:]
        assert "電子署名完了のお知らせ" in letter["Subject"]
        assert letter["To"].addresses[0].addr_spec == address
        assert letter["Cc"] is None
        files = await built.verified(address)
        assert [file.valid for file in files] == [True, True]  # the document and its certificate
    # The contractor is not told who else got them.
    assert cast.KOBAYASHI.address not in built.last(cast.TAKAHASHI.address).as_string()


async def handed_over(built: World, envelope: Envelope) -> Signer:
    """The request goes from Takahashi to Kimura: asked for, put forward, proved, approved, in force at once."""
    signer = await Signer.filter(envelope_id=envelope.id).order_by("position").first()
    assert signer is not None
    await changing.ask(built.services, signer, KIMURA)
    row = await changing.put_forward(built.services, await clerk(built), envelope.ref)
    await proving.agree(built.services, row, version=terms.VERSION, network="n")
    row = await steps.find(row.ref)
    digits = codes.make(built.services.code_key, proving.code_subject(row), row.serial)
    await proving.check_code(built.services, row, digits)
    keeper = clerks.actor_of(await Staff.get(id=built.keeper.id))
    contact = await deciding.approve(built.services, keeper, row.ref, call_back="名簿の番号に電話")
    await built.drain()
    # The clock of a signature has to be the real one.
    await Contact.filter(id=contact.id).update(works_from=built.clock())
    await readdressing.readdress(built.services)
    await built.drain()
    return await Signer.get(id=signer.id)


async def test_whoever_hands_a_request_over_is_told_at_every_step_and_gets_no_document(built: World) -> None:
    envelope = await out(built)
    await handed_over(built, envelope)
    received, gone = [text_of(mail) for mail in built.mails(TAKAHASHI) if "引き継ぎ" in text_of(mail)], None
    assert "申し出を受け付けました" in built.mails(TAKAHASHI)[1]["Subject"]
    (gone,) = [text for text in received if "引き継ぎました" in text]
    assert "木村 花子" in gone
    assert "/s/" not in gone
    asked = built.last(KIMURA.email)
    assert "署名依頼が届いています" in asked["Subject"]
    assert "工事部長 木村 花子 様" in text_of(asked)
    assert "引き継ぎ" in built.last(NAKAMURA)["Subject"]
    shot = await sign_by_mail(built, KIMURA.email)
    assert shot.state is State.COMPLETED
    assert [file.get_content_type() for file in built.last(KIMURA.email).iter_attachments()]
    told_at_the_end = built.last(TAKAHASHI)
    assert "引き継いだ署名が完了しました" in told_at_the_end["Subject"]
    assert list(told_at_the_end.iter_attachments()) == []
    assert "/d/" not in text_of(told_at_the_end)


async def test_a_cancellation_reaches_whoever_handed_it_over_once(built: World) -> None:
    envelope = await out(built)
    await handed_over(built, envelope)
    fresh = await Envelope.get(id=envelope.id)
    await clerks.cancel(
        built.services, await clerk(built), fresh.ref, version=fresh.version, reason="図面の差替え"
    )
    await built.drain()
    assert await told(built, "cancelled_mail") == [KIMURA.email, NAKAMURA]
    assert "引き継いだ依頼が終わりました" in built.last(TAKAHASHI)["Subject"]
    assert "図面の差替え" not in text_of(built.last(TAKAHASHI))


async def test_a_refused_change_is_told_with_its_reason_and_the_link(built: World) -> None:
    envelope = await out(built)
    signer = await Signer.get(envelope_id=envelope.id)
    await changing.ask(built.services, signer, KIMURA)
    await built.drain()
    assert "変更の申し出" in text_of(built.last(NAKAMURA))
    assert "/change" in text_of(built.last(NAKAMURA))
    await changing.refuse(
        built.services, await clerk(built), envelope.ref, reason="担当は変わっていないと確かめました。"
    )
    await built.drain()
    assert "担当は変わっていないと確かめました。" in text_of(built.last(TAKAHASHI))
    assert built.services.ticket(Purpose.REQUEST, link(built, TAKAHASHI)).generation == signer.generation
    assert built.mails(KIMURA.email) == []
