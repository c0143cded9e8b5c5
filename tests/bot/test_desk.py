"""What becomes of a mail: a draft, an answer that says what to mend, or the quarantine without an answer."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from email import message_from_bytes
from email import policy as mail_policy
from pathlib import Path
from typing import Any

import pytest

from bot import desk
from envelopes.actions import registrar
from envelopes.actions.registry import Entry
from envelopes.records.models import Contact, Document, Envelope, Mail, Signer, Staff
from envelopes.rules.errors import Reason
from envelopes.rules.provenance import Why
from envelopes.rules.reading import Answered, Record
from envelopes.rules.schedule import jst_day
from envelopes.texts import say_aside, say_remark
from fukan.demo import cast
from tests.bot import packed
from tests.bot.mails import headers as head
from tests.world import CONTRACT, SPECIFICATION, World, order, text_of, world


@pytest.fixture
async def built(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        await made.drain()
        yield made


async def read(built: World, raw: bytes) -> Mail:
    number = await built.deliver(raw)
    await desk.read_mail(built.tools.shop, number)
    return await Mail.get(id=number)


def answered(mail: Mail) -> Answered:
    return Answered.from_json(json.loads(mail.answer or ""))


def reasons(said: Answered) -> list[Reason]:
    return [problem.reason for problem in said.problems]


async def test_an_order_becomes_a_draft_of_the_sender(built: World) -> None:
    mail = await read(built, order(SPECIFICATION, CONTRACT))
    envelope = await Envelope.get(mail_id=mail.id)
    assert mail.status == "read"
    assert (envelope.state, envelope.drafter_id, envelope.amount) == ("draft", built.clerk.id, 12_980_000)
    documents = await Document.filter(envelope_id=envelope.id).order_by("position")
    assert [item.title for item in documents] == ["工事請負契約書", "特記仕様書"]
    assert [item.person for item in await Signer.filter(envelope_id=envelope.id)] == [cast.TAKAHASHI.name]
    today = jst_day(built.clock())
    assert envelope.deadline_on == today + timedelta(days=built.services.policy.deadline_days)
    record = Record.from_json(json.loads(envelope.reading))
    assert [line.label for line in record.lines] == ["封筒名", "宛先", "種別", "金額", "期限"]
    assert record.lines[3].value == "12,980,000円（税込）"
    assert record.lines[3].source == "金額：12,980,000円（税込）"


async def test_numbers_in_a_title_are_kept_as_written(built: World) -> None:
    title = "080123 修正設計業務委託"
    for line in (f"封筒名：{title}", ""):
        made = message_from_bytes(order(CONTRACT), policy=mail_policy.default)
        letter = made.get_body()
        assert letter is not None
        letter.set_content(letter.get_content().replace("封筒名：令和8年度 村道北城線 舗装補修工事", line))
        made.replace_header("Subject", f"Fwd: {title}")
        mail = await read(built, made.as_bytes())
        assert (await Envelope.get(mail_id=mail.id)).title == title
        assert mail.subject == f"Fwd: {title}"


async def test_reading_twice_makes_one_draft(built: World) -> None:
    mail = await read(built, order(CONTRACT))
    await desk.read_mail(built.tools.shop, mail.id)
    assert await Envelope.all().count() == 1


async def test_two_signers_in_turn_and_a_name_alone(built: World) -> None:
    to = f"{cast.TAKAHASHI.company}\n宛先：佐藤土木 様 <{cast.SATO.address}>"
    await read(built, order(CONTRACT, to=to))
    signers = await Signer.all().order_by("position")
    assert [item.company for item in signers] == [cast.TAKAHASHI.company, cast.SATO.company]
    envelope = await Envelope.first()
    assert envelope is not None
    assert envelope.party == "髙橋建設株式会社、佐藤土木"


async def test_everything_to_mend_is_said_at_once(built: World, tmp_path: Path) -> None:
    broken, locked = tmp_path / "broken.pdf", tmp_path / "b.pdf"
    broken.write_bytes(b"%PDF-1.7 nothing more")
    locked.write_bytes(CONTRACT.read_bytes()[:4000])
    mail = await read(
        built, order(broken, locked, to="髙橋土建株式会社", kind="けいやく", amount="12,980,000円")
    )
    said = answered(mail)
    assert said.refused
    assert {
        Reason.RECIPIENT_UNKNOWN,
        Reason.KIND_UNREADABLE,
        Reason.AMOUNT_TAX_UNSAID,
        Reason.PDF_BROKEN,
    } == set(reasons(said))
    assert said.attachments == ("broken.pdf", "b.pdf")
    await built.drain()
    words = text_of(built.last(cast.NAKAMURA.address))
    assert "文書2「broken.pdf」" in words
    assert "書き方の例　金額：12,980,000円（税込）" in words
    assert await Envelope.all().count() == 0


async def test_what_is_only_missing_is_a_question(built: World) -> None:
    mail = await read(built, order(CONTRACT, to="高橋建設㈱ほか"))
    said = answered(mail)
    assert not said.refused
    assert reasons(said) == [Reason.RECIPIENT_UNKNOWN]
    await built.drain()
    letter = built.last(cast.NAKAMURA.address)
    assert "確認してください（1件）" in letter["Subject"]
    assert letter["In-Reply-To"] == mail.message_id
    assert letter["Auto-Submitted"] == "auto-replied"
    assert f"もしかして「{cast.TAKAHASHI.company}」ですか" in text_of(letter)


@pytest.mark.parametrize(
    ("attachment", "reason"),
    [
        (("図面.jww", bytes(40)), Reason.FILE_TYPE),
        (("図面.zip", packed.locked({"k.pdf": b"x"})), Reason.ARCHIVE_ENCRYPTED),
        (None, Reason.NO_DOCUMENT),
    ],
)
async def test_files_that_are_no_documents_are_named(
    built: World, attachment: tuple[str, bytes] | None, reason: Reason
) -> None:
    files = [CONTRACT] if attachment else []
    raw = order(*files) if attachment is None else with_file(order(*files), *attachment)
    said = answered(await read(built, raw))
    assert reasons(said) == [reason]
    if attachment:
        assert said.problems[0].details["file"] == attachment[0]


def with_file(raw: bytes, name: str, data: bytes, kind: str = "application/octet-stream") -> bytes:
    mail = message_from_bytes(raw, policy=mail_policy.SMTP)
    main, _, sub = kind.partition("/")
    mail.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return mail.as_bytes()


async def test_a_signature_file_is_no_document(built: World) -> None:
    raw = with_file(order(CONTRACT), "smime.p7s", b"x", "application/pkcs7-signature")
    assert (await read(built, raw)).status == "read"


async def test_too_many_documents_are_not_even_opened(tmp_path: Path) -> None:
    async with world(tmp_path, policy={"documents_per_envelope": 1}) as built:
        said = answered(await read(built, order(CONTRACT, SPECIFICATION)))
        assert reasons(said) == [Reason.TOO_MANY_DOCUMENTS]


@pytest.mark.parametrize(
    ("headers", "note"),
    [
        ({"sender": "stranger@elsewhere.example"}, Reason.NOT_STAFF.value),
        ({"Auto_Submitted": "auto-replied"}, Why.AUTOMATIC),
        ({"Precedence": "bulk"}, Why.AUTOMATIC),
        ({"sender": cast.SENDER}, Why.OWN_ADDRESS),
    ],
)
async def test_others_are_quarantined_without_an_answer(
    built: World, headers: dict[str, Any], note: str
) -> None:
    before = len(built.mails(cast.NAKAMURA.address))
    mail = await read(built, order(CONTRACT, **headers))
    await built.drain()
    assert (mail.status, mail.reason) == ("quarantined", note)
    assert await Envelope.all().count() == 0
    assert len(built.mails(cast.NAKAMURA.address)) == before
    assert built.mails("stranger@elsewhere.example") == []


async def test_only_a_colleague_is_told_that_he_is_not_on_the_list(built: World) -> None:
    newcomer, stranger = f"arai@{cast.STAFF_DOMAIN}", "stranger@elsewhere.example"
    first = await read(built, order(CONTRACT, sender=newcomer))
    await read(built, order(CONTRACT, sender=newcomer))
    await read(built, order(CONTRACT, sender=newcomer, Auto_Submitted="auto-replied"))
    await read(built, order(CONTRACT, sender=stranger))
    await built.drain()
    assert (first.status, first.reason) == ("quarantined", Reason.NOT_STAFF)
    (letter,) = built.mails(newcomer)
    assert letter["Subject"] == "Re: Fwd: 舗装補修工事の契約書につ… 受け付けられませんでした"
    assert letter["Auto-Submitted"] == "auto-replied"
    assert letter["In-Reply-To"] == first.message_id
    assert f"差出人 {newcomer} が、電子契約の職員の名簿にない" in text_of(letter)
    assert built.mails(stranger) == []
    built.clock.forward(hours=25)
    await read(built, order(CONTRACT, sender=newcomer))
    await built.drain()
    assert len(built.mails(newcomer)) == 2


async def test_outside_the_demo_a_sender_must_be_proven(tmp_path: Path) -> None:
    async with world(tmp_path) as built:
        earnest = built.services.settings.model_copy(
            update={
                "demo": False,
                "mail": built.services.settings.mail.model_copy(
                    update={"trusted_authserv_ids": ("mx.vill-mihon.example",)}
                ),
            }
        )
        object.__setattr__(built.services, "settings", earnest)
        mail = await read(built, order(CONTRACT))
        assert (mail.status, mail.reason) == ("quarantined", "not-signed")
        forged = order(CONTRACT, Authentication_Results="mx.elsewhere.example; dmarc=pass")
        assert (await read(built, forged)).status == "quarantined"
        proof = f"mx.vill-mihon.example; dmarc=pass header.from={cast.STAFF_DOMAIN}"
        assert (await read(built, order(CONTRACT, Authentication_Results=proof))).status == "read"


async def test_a_member_without_the_role_is_told(built: World) -> None:
    mail = await read(built, order(CONTRACT, sender=cast.KOBAYASHI.address))
    assert reasons(answered(mail)) == [Reason.ROLE_MISSING]


async def test_somebody_who_left_is_unknown(built: World) -> None:
    await Staff.filter(id=built.clerk.id).update(active=False)
    mail = await read(built, order(CONTRACT))
    assert (mail.status, mail.reason) == ("quarantined", Reason.NOT_STAFF.value)


async def test_an_address_that_waits_is_not_written_to(built: World) -> None:
    soon = built.clock() + timedelta(hours=3)
    await Contact.filter(email_look_up=built.services.address_look_up(cast.TAKAHASHI.address)).update(
        works_from=soon
    )
    said = answered(await read(built, order(CONTRACT)))
    assert reasons(said) == [Reason.RECIPIENT_NOT_READY]
    built.clock.forward(hours=4)
    assert (await read(built, order(CONTRACT))).status == "read"


async def test_a_company_with_two_addresses_must_be_named_by_one(built: World) -> None:
    entry = Entry(
        company=cast.TAKAHASHI.company,
        office="営業部長",
        person="髙橋 二郎",
        email="jiro@takahashi-kensetsu.example",
        consented_on=jst_day(built.clock()),
        consent_note="書面",
        call_back="電話",
    )
    await registrar.add_contact(
        built.services, entry, registrar=built.keeper, approver=built.operator, seeded=True
    )
    said = answered(await read(built, order(CONTRACT)))
    assert reasons(said) == [Reason.RECIPIENT_SEVERAL]
    assert (await read(built, order(CONTRACT, to="<jiro@takahashi-kensetsu.example>"))).status == "read"


async def test_answers_stop_at_the_limit_of_a_day(tmp_path: Path) -> None:
    async with world(tmp_path, policy={"answers_a_day": 2}) as built:
        mails = [await read(built, order(amount=f"{n}円（税込）")) for n in (1, 2, 3)]
        assert [mail.status for mail in mails] == ["answered", "answered", "quarantined"]
        assert mails[-1].reason == Reason.LIMIT_REACHED.value


async def test_of_a_mail_that_cannot_be_read_the_head_says_whom_to_tell(tmp_path: Path) -> None:
    async with world(tmp_path, policy={"decoded_bytes": 1000}) as built:
        assert reasons(answered(await read(built, order(CONTRACT)))) == [Reason.MAIL_TOO_BIG]
        stranger = await read(built, order(CONTRACT, sender="stranger@elsewhere.example"))
        assert (stranger.status, stranger.reason) == ("quarantined", Reason.NOT_STAFF.value)
        machine = await read(built, order(CONTRACT, Auto_Submitted="auto-replied"))
        assert (machine.status, machine.reason) == ("quarantined", Why.AUTOMATIC)
        parts = b"--b\r\n\r\nx\r\n" * 600
        complex_ = head(b"Content-Type: multipart/mixed; boundary=b", sender=cast.NAKAMURA.address.encode())
        assert reasons(answered(await read(built, complex_ + b"\r\n" + parts))) == [Reason.MAIL_UNREADABLE]


async def test_a_mail_of_which_only_the_head_came_is_answered(built: World) -> None:
    raw = order(CONTRACT).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    number = await built.deliver(raw)
    await Mail.filter(id=number).update(reason=Reason.MAIL_TOO_BIG.value)
    await desk.read_mail(built.tools.shop, number)
    said = answered(await Mail.get(id=number))
    assert reasons(said) == [Reason.MAIL_TOO_BIG]
    assert "合わせて32MBまで" in say_remark(said.problems[0])
    assert "合わせて定めた大きさまで" in say_aside(Reason.MAIL_TOO_BIG)


async def test_a_member_may_not_send_more_than_so_much_a_day(tmp_path: Path) -> None:
    raw = order(CONTRACT)
    async with world(tmp_path, policy={"sender_bytes_a_day": int(len(raw) * 1.5)}) as built:
        assert (await read(built, raw)).status == "read"
        assert reasons(answered(await read(built, order(CONTRACT)))) == [Reason.MAILS_TOO_BIG]
        built.clock.forward(hours=25)
        assert (await read(built, order(CONTRACT))).status == "read"


async def test_a_mail_that_has_gone_round_is_not_answered(built: World) -> None:
    hops = b"".join(b"Received: from a by b; x\r\n" for _ in range(26))
    mail = await read(built, hops + order(CONTRACT))
    assert (mail.status, mail.reason) == ("quarantined", Why.AUTOMATIC)
