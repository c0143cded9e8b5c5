"""An order that wants something is completed by a reply to its answer."""

from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from bot.parse import Attachment
from bot.unfinished import together
from envelopes.records.models import Document, Envelope, Mail, Staff
from envelopes.rules.errors import Reason
from envelopes.rules.reading import Remark
from fukan.demo import cast
from tests.bot.test_desk import answered, read, reasons
from tests.world import CONTRACT, SPECIFICATION, World, order, text_of, world


@pytest.fixture
async def built(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        await made.drain()
        yield made


async def answer_to(built: World, raw: bytes) -> tuple[Mail, EmailMessage]:
    """Let *raw* be read; returns it and the mail that answers it."""
    mail = await read(built, raw)
    await built.drain()
    return mail, built.last(cast.NAKAMURA.address)


def reply(to: EmailMessage, *lines: str, files: tuple[Path, ...] = (), **headers: str) -> bytes:
    """A reply as mailers write it: the words above, what is answered quoted below."""
    quoted = "\n".join(f"> {line}" for line in text_of(to).splitlines())
    made = EmailMessage()
    made["From"] = cast.NAKAMURA.address
    made["To"] = cast.INTAKE
    made["Subject"] = f"Re: {to['Subject']}"
    made["In-Reply-To"] = str(to["Message-ID"])
    made["References"] = f"{to['References']} {to['Message-ID']}"
    for name, value in headers.items():
        del made[name.replace("_", "-")]
        made[name.replace("_", "-")] = value
    text = "\n".join(lines)
    made.set_content(f"{text}\n\n2026年8月4日(火) 14:21 みほん村 <{cast.SENDER}>:\n{quoted}\n", cte="base64")
    for file in files:
        made.add_attachment(file.read_bytes(), maintype="application", subtype="pdf", filename=file.name)
    return made.as_bytes()


async def test_a_reply_says_what_was_missing_and_keeps_the_documents(built: World) -> None:
    first, asked = await answer_to(built, order(SPECIFICATION, CONTRACT, amount="12,980,000円"))
    assert f"[{first.draft_number}]" in asked["Subject"]
    words = text_of(asked)
    assert "金額：12,980,000円（税込／税抜 のどちらかを消す）" in words
    assert "返信は、この線より上に" in words
    second, told = await answer_to(built, reply(asked, "税込です。", "金額：12,980,000円（税込）"))
    envelope = await Envelope.get(mail_id=second.id)
    assert (envelope.draft_number, envelope.amount) == (first.draft_number, 12_980_000)
    assert [item.title for item in await Document.all().order_by("position")] == [
        "工事請負契約書",
        "特記仕様書",
    ]
    assert f"[{first.draft_number}]" in told["Subject"]
    assert "返信の2行目「金額：12,980,000円（税込）」" in text_of(told)
    assert "Re: Fwd: 舗装補修工事" in told["Subject"]
    assert [one.status for one in await Mail.all().order_by("id")] == ["read", "read"]


async def test_lines_of_the_answer_that_were_left_as_they_are_say_nothing(built: World) -> None:
    _, asked = await answer_to(built, order(CONTRACT, amount="12,980,000円", kind="けいやく"))
    words = text_of(asked)
    template = [line for line in words.splitlines() if line.endswith("を消す）")]
    assert len(template) == 2
    second, again = await answer_to(built, reply(asked, *template))
    assert reasons(answered(second)) == [Reason.KIND_UNREADABLE, Reason.AMOUNT_TAX_UNSAID]
    await answer_to(built, reply(again, "種別：契約書", "金額：12,980,000円（税抜）"))
    envelope = await Envelope.first()
    assert envelope is not None
    assert (envelope.kind, envelope.tax) == ("契約書", "excluded")


@pytest.mark.parametrize("line", ["■金顎　1,000円（税込）", "金額は1,000円（税込）です。"])
async def test_a_slip_of_the_pen_is_offered_once_as_it_was_meant(line: str, built: World) -> None:
    _, asked = await answer_to(built, order(CONTRACT, amount="", more=[line]))
    lines = [line for line in text_of(asked).splitlines() if line.startswith("金額：")]
    assert lines == ["金額：1,000円（税込）"]
    await answer_to(built, reply(asked, *lines))
    envelope = await Envelope.first()
    assert envelope is not None
    assert envelope.amount == 1000


async def test_a_mended_file_comes_with_the_reply(built: World, tmp_path: Path) -> None:
    broken = tmp_path / "仕様書.pdf"
    broken.write_bytes(b"%PDF-1.7 nothing more")
    _, asked = await answer_to(built, order(CONTRACT, broken))
    assert "返信に添付してください" in text_of(asked)
    second, told = await answer_to(built, reply(asked, "直しました。", files=(SPECIFICATION,)))
    assert second.status == "read"
    names = [item.file_name for item in await Document.all().order_by("position")]
    assert names == [CONTRACT.name, SPECIFICATION.name]
    assert "「仕様書.pdf」は使わず" in text_of(told)


@pytest.mark.parametrize(
    "headers", [{"In_Reply_To": "<x@y.example>", "References": "<x@y.example>"}, {"Subject": "x"}]
)
async def test_subject_or_thread_is_enough(built: World, headers: dict[str, str]) -> None:
    _, asked = await answer_to(built, order(CONTRACT, amount="1円"))
    second, _ = await answer_to(built, reply(asked, "金額：1円（税込）", **headers))
    assert second.status == "read"


async def test_nobody_completes_the_order_of_another_person(built: World) -> None:
    _, asked = await answer_to(built, order(CONTRACT, amount="1円"))
    await Staff.filter(id=built.headman.id).update(roles="drafter")
    mail = await read(built, reply(asked, "金額：1円（税込）", From=cast.KITAZAWA.address))
    assert Reason.NO_DOCUMENT in reasons(answered(mail))
    assert await Envelope.all().count() == 0


async def test_an_order_that_waited_too_long_is_forgotten(built: World) -> None:
    _, asked = await answer_to(built, order(CONTRACT, amount="1円"))
    built.clock.forward(days=built.services.policy.unfinished_days + 1)
    mail = await read(built, reply(asked, "金額：1円（税込）"))
    assert Reason.NO_DOCUMENT in reasons(answered(mail))


def file(name: str, media_type: str = "application/pdf") -> Attachment:
    return Attachment(name=name, media_type=media_type, data=name.encode())


def test_files_of_a_reply_take_the_place_of_those_that_were_unfit() -> None:
    problems = [Remark(reason=Reason.PDF_BROKEN, details={"file": "b.pdf", "position": 2})]
    before = [file("a.pdf"), file("b.pdf"), file("c.pdf")]
    logo = file("logo.png", "image/png")
    assert together(before, [], problems) == (before, [])
    assert together(before, [logo], problems) == ([*before, logo], [])
    files, notes = together(before, [file("c.pdf"), file("d.pdf")], problems)
    assert [item.name for item in files] == ["a.pdf", "c.pdf", "d.pdf"]
    assert [note.details["file"] for note in notes] == ["b.pdf"]
