"""Commands by reply: who may, with which digits, in which thread, and that nothing else orders anything."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

import pyotp
import pytest

from bot import desk
from envelopes.actions import registrar, replying
from envelopes.records import history
from envelopes.records.history import Subject
from envelopes.records.models import Credential, Envelope, Mail, Staff
from envelopes.rules.errors import Reason
from envelopes.rules.replies import Outcome
from fukan.demo import cast
from tests.digits import says
from tests.world import CONTRACT, World, order, text_of, world

CLERK = cast.NAKAMURA.address


@pytest.fixture
async def built(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        await Staff.filter(id=made.headman.id).update(enrolled_at=made.clock())
        await enrol(made, made.clerk)
        await made.drain()
        yield made


async def enrol(built: World, staff: Staff) -> None:
    """Put the seed for replies into the phone of *staff*, some days ago."""
    staff = await Staff.get(id=staff.id)
    totp = pyotp.TOTP(replying.offered(built.services, staff).secret)
    await replying.enrol(built.services, staff, code=totp.at(built.clock().timestamp()))
    await Credential.filter(kind="reply", staff_id=staff.id).update(last_step=0)


def digits(built: World, *, earlier: float = 0.0) -> str:
    """What the clerk's phone shows, or showed some seconds *earlier*."""
    seed = replying.offered(built.services, built.clerk).secret  # as it was when the clerk enrolled
    return pyotp.TOTP(seed).at(built.clock().timestamp() - earlier)


def reply(to: EmailMessage, *lines: str, sender: str = CLERK, quote: bool = True, **headers: str) -> bytes:
    """A reply as mailers write it: to its Reply-To, the words above, what is answered quoted below."""
    made = EmailMessage()
    made["From"] = sender
    made["To"] = to["Reply-To"]
    made["Subject"] = f"Re: {to['Subject']}"
    made["In-Reply-To"] = str(to["Message-ID"])
    made["References"] = f"{to['References']} {to['Message-ID']}"
    made["Message-ID"] = make_msgid(domain=cast.STAFF_DOMAIN)
    for name, value in headers.items():
        del made[name.replace("_", "-")]
        made[name.replace("_", "-")] = value
    quoted = "\n".join(f"> {line}" for line in text_of(to).splitlines()) if quote else ""
    words = "\n".join(lines)
    made.set_content(f"{words}\n\n2026年8月4日(火) 14:21 みほん村 <{cast.SENDER}>:\n{quoted}\n", cte="base64")
    return made.as_bytes()


async def drafted(built: World, *, more: Sequence[str] = ()) -> tuple[Envelope, EmailMessage]:
    """A draft, and the mail about it."""
    mail = await read(built, order(CONTRACT, more=more))
    await built.drain()
    return await Envelope.get(mail_id=mail.id), built.last(CLERK)


async def read(built: World, raw: bytes) -> Mail:
    number = await built.deliver(raw)
    await desk.read_mail(built.tools.shop, number)
    return await Mail.get(id=number)


async def refused(mail: Mail) -> Reason | None:
    """Why the command in *mail* was not carried out."""
    return Outcome.from_json(json.loads(mail.answer or "")).reason


async def state(envelope: Envelope) -> str:
    return (await Envelope.get(id=envelope.id)).state


async def test_a_draft_is_sent_by_reply(built: World) -> None:
    envelope, told = await drafted(built)
    words = text_of(told)
    assert "返信は、この線より上に" in words
    assert "送信 123456" in words
    assert "自庁の署名者：村長 北沢 健" in words
    mail = await read(built, reply(told, "送信してください。", digits(built)))
    assert await refused(mail) is None
    assert await state(envelope) == "preparing"
    await built.drain()
    subjects = [one["Subject"] for one in built.mails(CLERK)]
    assert any("「送信」を受け付けました" in one for one in subjects)
    assert any("相手方に送りました" in one for one in subjects)
    assert "署名依頼が届いています" in built.last(cast.TAKAHASHI.address)["Subject"]


async def test_every_order_runs_the_verb_that_the_pages_use(built: World) -> None:
    envelope, told = await drafted(built)
    # The digits of eight minutes: a phone shows new ones every half minute, and each works once.
    shown = [digits(built, earlier=seconds) for seconds in (540, 480, 420, 360, 300, 240, 180, 120, 60)]
    mail = await read(
        built, reply(told, f"修正 {shown[0]}", "期限：10日以内", "金額：1,000円（税抜）", "部暑：建設課")
    )
    assert await refused(mail) is None
    envelope = await Envelope.get(id=envelope.id)
    assert (envelope.amount, envelope.tax) == (1000, "excluded")
    await built.drain()
    second, done = sorted(built.mails(CLERK)[-2:], key=lambda mail: "受け付けました" in mail["Subject"])
    assert "「部暑」は「部署」の書き間違いではありませんか" in text_of(done)
    assert f"[{envelope.draft_number}-r2]" in second["Subject"]
    assert "返信の2行目「期限：10日以内」" in text_of(second)
    # What was seen is not what would be sent: it is shown anew, and that mail can be answered.
    mail = await read(built, reply(told, f"送信 {shown[1]}"))
    assert await refused(mail) is Reason.DRAFT_CHANGED
    await built.drain()
    anew = built.last(CLERK)
    assert "1,000円（税抜）" in text_of(anew)
    assert f"[{envelope.draft_number}-r2]" in anew["Subject"]
    assert await state(envelope) == "draft"
    await read(built, reply(anew, "お疲れさまです。", f"OKです。 {shown[2]}", "", "建設課 中村"))
    await built.drain()
    assert await state(envelope) == "out"
    sent = next(one for one in built.mails(CLERK) if "相手方に送りました" in one["Subject"])
    assert "取消 123456 理由" in text_of(sent)

    mail = await read(built, reply(sent, f"延長 {shown[3]} 2099年9月30日"))
    assert await refused(mail) is Reason.DEADLINE_TOO_FAR
    before = envelope.deadline_on
    assert (
        await refused(await read(built, reply(sent, f"延長 {shown[4]} 今月末から")))
        is Reason.DEADLINE_UNREADABLE
    )
    passed = built.clock() - timedelta(days=3)
    mail = await read(built, reply(sent, f"延長 {digits(built, earlier=90)} {passed:%m/%d}"))
    assert await refused(mail) is Reason.DEADLINE_PAST
    await Credential.filter(kind="reply").update(last_step=0)
    later = before + timedelta(days=20)
    assert await refused(await read(built, reply(sent, f"延長 {shown[5]} {later:%Y/%m/%d}"))) is None
    assert (await Envelope.get(id=envelope.id)).deadline_on == later
    assert await refused(await read(built, reply(sent, f"再送 {shown[6]}"))) is None
    assert await refused(await read(built, reply(sent, f"再送 {shown[7]}"))) is Reason.REMINDED_TODAY
    await built.drain()
    assert "署名期限は" in built.last(cast.TAKAHASHI.address)["Subject"]

    await read(built, reply(sent, "状況を教えてください"))
    await built.drain()
    status = built.last(CLERK)
    assert "相手方の署名待ち" in status["Subject"]
    assert text_of(status).count("認証アプリの数字を付けた返信で指示しました") == 4
    mail = await read(built, reply(status, f"取消 {shown[8]}", "契約の相手方を間違えたため", "建設課 中村"))
    assert (await refused(mail), await state(envelope)) == (None, "cancelled")
    await built.drain()
    ended = [text_of(built.last(address)) for address in (cast.TAKAHASHI.address, CLERK)]
    assert all("間違えたため" in said and "間違えたため 建設課" not in said for said in ended)
    facts = await history.payloads(Subject.ENVELOPE, envelope.id)
    assert [said["verb"] for fact, said in facts if fact.kind == "ordered by reply"] == [
        "修正",
        "送信",
        "延長",
        "再送",
        "取消",
    ]


async def test_what_orders_nothing_says_why_and_how(built: World) -> None:
    envelope, told = await drafted(built)
    code = digits(built)
    cases = {
        ("送信",): Reason.REPLY_CODE_MISSING,
        ("送信 123456",): Reason.REPLY_CODE_MISSING,
        ("送信 000000",): Reason.REPLY_CODE_WRONG,
        (f"送信 {code}", f"取消 {code} 間違い"): Reason.COMMAND_SEVERAL,
        (f"送信 {code} 明日の朝に",): Reason.COMMAND_WORDS,
        (f"送信 {code}", "期限：9月10日"): Reason.COMMAND_WORDS,
        (f"送信 {code}", "ただし、期限は9月10日に直してから送ってください。"): Reason.COMMAND_WORDS,
        (f"送信 {code}", "期眼：9月10日"): Reason.COMMAND_WORDS,
        (f"送信 {code}", "金額は1,500,000円の間違いでした"): Reason.COMMAND_WORDS,
        (f"送信してください {code}", "※まだ送らないでください"): Reason.COMMAND_WORDS,
        ("ありがとうございます。",): Reason.COMMAND_UNREAD,
        ("期限：9月10日",): Reason.COMMAND_UNREAD,
    }
    for lines, reason in cases.items():
        assert await refused(await read(built, reply(told, *lines))) is reason, lines
    await built.drain()
    answers = built.mails(CLERK)[-len(cases) :]
    assert all("返信でできること" in text_of(one) for one in answers)
    assert await state(envelope) == "draft"
    assert await Envelope.all().count() == 1
    # None of them has spent the digits.
    assert await refused(await read(built, reply(told, f"修正 {code}"))) is Reason.COMMAND_EMPTY
    await Credential.filter(kind="reply").update(last_step=0)
    mail = await read(built, reply(told, f"修正 {code}", "期限：来週中", "期眼：あした"))
    assert await refused(mail) is Reason.COMMAND_NOT_DONE
    await built.drain()
    words = text_of(built.last(CLERK))
    assert "返信の2行目「期限：来週中」：日付を読み取れません" in words
    assert "期眼" in words


async def test_no_order_is_carried_out_beside_words_that_are_not_understood(built: World) -> None:
    envelope, told = await drafted(built)
    code = digits(built)
    cases = {
        (f"送信 {code}", "村長決裁後に送ってください。"): Reason.COMMAND_WORDS,
        (f"再送 {code}", "来週お願いします"): Reason.COMMAND_WORDS,
        (f"延長 {code} 2026年9月30日", "田中組は外してください"): Reason.COMMAND_WORDS,
        (f"延長 {code}",): Reason.DEADLINE_UNREADABLE,
        (f"延長 {code} 2026年9月30日（火）",): Reason.WEEKDAY_MISMATCH,
        (f"取消 {code} 宛先の間違い", "まだ取り消さないでください"): Reason.COMMAND_WORDS,
        (f"取消 {code}", "よろしくお願いします。", "建設課 中村"): Reason.REASON_MISSING,
    }
    for lines, reason in cases.items():
        assert await refused(await read(built, reply(told, *lines))) is reason, lines
    await built.drain()
    answers = [text_of(one) for one in built.mails(CLERK)[-len(cases) :]]
    assert any("「村長決裁後に送ってください。」を読み取れないため、止めています" in one for one in answers)
    assert any("2026年9月30日は水曜日です" in one for one in answers)
    assert await state(envelope) == "draft"
    # None of them has spent the digits, and what clerks write every day may stand beside them.
    signed = (
        "",
        "よろしくお願いします。",
        "",
        "みほん村役場 建設課",
        "中村 美咲",
        "TEL 0261-72-5000",
        "クールビズ実施中です",
    )
    mail = await read(
        built, reply(told, "お疲れさまです。建設課の中村です。", f"確認しました。送信 {code}", *signed)
    )
    assert await refused(mail) is None
    assert await state(envelope) == "preparing"


async def test_a_correction_names_the_lines_that_it_did_not_use(built: World) -> None:
    _, told = await drafted(built)
    lines = (
        "期限：10日以内",
        "宛先は田中組に変更してください",
        "",
        "よろしくお願いします。",
        "",
        "建設課 中村",
    )
    assert await refused(await read(built, reply(told, f"修正 {digits(built, earlier=60)}", *lines))) is None
    await built.drain()
    (done,) = (text_of(one) for one in built.mails(CLERK) if "「修正」を受け付けました" in one["Subject"])
    assert "返信の3行目「宛先は田中組に変更してください」：読み取れないため、この行は使っていません" in done
    assert done.count("使っていません") == 1
    code = digits(built)
    mail = await read(built, reply(told, f"修正 {code}", f"暗号：{code}", f"暗号は{code}です"))
    assert "●●●●●●" in (mail.answer or "")
    assert not says(mail.answer or "", code)


async def test_digits_stand_in_no_answer_no_log_and_no_column(
    built: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    _, told = await drafted(built)
    code = digits(built)
    raw = reply(
        told, "取消", f"認証コード {code}", "間違えたため", Subject=f"Re: {told['Subject']} 送信 {code}"
    )
    mail = await read(built, raw)
    await built.drain()
    assert not says(caplog.text, code)
    assert not says(f"{text_of(built.last(CLERK))}\n{built.last(CLERK)['Subject']}", code)
    kept = await Mail.get(id=mail.id)
    assert not says(f"{kept.subject} {kept.answer} {kept.reason}", code)
    assert "●●●●●●" in (kept.subject or "")
    for subject in (Subject.ENVELOPE, Subject.STAFF):
        assert not says(str(await history.payloads(subject, 1)), code)


async def test_only_who_may_do_it_on_the_page_may_do_it_by_reply(built: World) -> None:
    envelope, told = await drafted(built)
    await enrol(built, built.headman)
    seed = replying.offered(built.services, built.headman).secret
    code = pyotp.TOTP(seed).at(built.clock().timestamp())
    mail = await read(built, reply(told, f"送信 {code}", sender=cast.KITAZAWA.address))
    assert await refused(mail) is Reason.ROLE_MISSING
    # Another section sees no such envelope, whatever the address says.
    other = await registrar.add_section(
        built.services, code="zeimu", name="税務課", email="z@vill-mihon.example", phone="0"
    )
    await Staff.filter(id=built.keeper.id).update(section_id=other.id, roles="drafter")
    mail = await read(built, reply(told, "状況", sender=cast.KOBAYASHI.address))
    assert await refused(mail) is Reason.COMMAND_ABOUT_NOTHING
    assert await state(envelope) == "draft"
    # The clerk's own digits are nobody else's.
    mail = await read(built, reply(told, f"送信 {digits(built)}", sender=cast.KITAZAWA.address))
    assert await refused(mail) is Reason.REPLY_CODE_WRONG


async def test_the_thread_is_found_by_address_number_or_references(built: World) -> None:
    envelope, told = await drafted(built)
    assert told["Reply-To"].partition("+r.")[2].startswith(f"{envelope.ref}-1-")
    alone = {"Subject": "x", "In_Reply_To": "<a@b.example>", "References": "<a@b.example>", "To": cast.INTAKE}
    marks = [
        {**alone, "To": str(told["Reply-To"]).upper()},
        {**alone, "Subject": f"状況 [{envelope.draft_number}]"},
        {**alone, "References": str(told["Message-ID"])},
    ]
    for headers in marks:
        assert await refused(await read(built, reply(told, "状況", **headers))) is None
    forged = str(told["Reply-To"]).replace("-1-", "-2-")
    for headers in (alone, {**alone, "To": forged}):
        mail = await read(built, reply(told, "状況", f"{headers['To']}です", **headers))
        assert await refused(mail) is Reason.COMMAND_ABOUT_NOTHING
    # By the references alone nobody knows which revision was seen.
    mail = await read(built, reply(told, f"送信 {digits(built)}", **marks[2]))
    assert await refused(mail) is Reason.DRAFT_CHANGED
    assert await state(envelope) == "draft"
    # Two envelopes in one mail: neither.
    other, _ = await drafted(built)
    mail = await read(built, reply(told, "状況", Subject=f"Re: [{other.draft_number}]"))
    assert await refused(mail) is Reason.COMMAND_ABOUT_NOTHING


async def test_questions_are_answered_in_the_reply(built: World) -> None:
    envelope, told = await drafted(built, more=["履行期間：20年間"])
    words = text_of(told)
    assert "送信 123456\r\n　確認済：10年超" in words or "送信 123456\n　確認済：10年超" in words
    shown = [digits(built, earlier=seconds) for seconds in (90, 30)]
    assert await refused(await read(built, reply(told, f"送信 {shown[0]}"))) is Reason.QUESTIONS_OPEN
    assert await refused(await read(built, reply(told, f"送信 {shown[1]}", "確認済：10年超"))) is None
    assert await state(envelope) == "preparing"
    facts = await history.payloads(Subject.ENVELOPE, envelope.id)
    (said,) = [said for fact, said in facts if fact.kind == "confirmed"]
    assert "その年数を超えないことを確かめました" in said["answers"][0]["answer"]


async def test_other_documents_in_an_old_thread_are_another_order(built: World) -> None:
    _, told = await drafted(built)
    again = message_from_bytes(order(CONTRACT), policy=policy.default)
    again.replace_header("Subject", f"Fwd: {told['Subject']}")
    mail = await read(built, again.as_bytes())
    assert mail.status == "read"
    assert await Envelope.all().count() == 2


async def test_an_order_to_send_with_another_document_sends_nothing(built: World) -> None:
    envelope, told = await drafted(built)
    mail = message_from_bytes(reply(told, f"送信 {digits(built)}"), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    mail.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="契約書（修正）.pdf")
    assert await refused(await read(built, mail.as_bytes())) is Reason.COMMAND_DOCUMENTS
    assert await state(envelope) == "draft"
    # Its digits are not spent.
    assert await refused(await read(built, reply(told, f"送信 {digits(built)}"))) is None
    assert await state(envelope) == "preparing"


async def test_nobody_is_shown_what_is_not_in_force_for_him(built: World) -> None:
    await replying.stop(built.services, await Staff.get(id=built.clerk.id))
    _, told = await drafted(built)
    assert "123456" not in text_of(told)
    mail = await read(built, reply(told, "送信 654321"))
    assert await refused(mail) is Reason.REPLY_NOT_ENROLLED
    await built.drain()
    assert "「返信での指示」の画面で登録" in text_of(built.last(CLERK))
    assert "123456" not in text_of(built.last(CLERK))
