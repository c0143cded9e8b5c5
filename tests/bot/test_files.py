"""Files of a mail become papers, Word and Excel among them; of every other file the sender is told."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from email import message_from_bytes
from email import policy as mail_policy
from pathlib import Path

import pytest

from bot import desk, files
from envelopes.records.models import Document, Envelope, Mail
from envelopes.records.models import Task as TaskRow
from envelopes.rules.errors import Reason
from envelopes.rules.reading import Answered, Record
from fukan.demo import cast
from tests.bot import packed
from tests.papers import office
from tests.world import CONTRACT, World, order, text_of, world

WORD, EXCEL = office.word(fonts=("ＭＳ 明朝",)), office.excel()
MISLABELLED = "application/octet-stream"


@pytest.fixture
async def built(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        await made.drain()
        yield made


def with_files(raw: bytes, *attached: tuple[str, bytes], kind: str = MISLABELLED) -> bytes:
    mail = message_from_bytes(raw, policy=mail_policy.SMTP)
    for name, data in attached:
        main, _, sub = kind.partition("/")
        mail.add_attachment(data, maintype=main, subtype=sub, filename=name)
    return mail.as_bytes()


async def read(built: World, raw: bytes) -> Mail:
    number = await built.deliver(raw)
    await built.drain()
    return await Mail.get(id=number)


def problems(mail: Mail) -> list[tuple[Reason, str]]:
    said = Answered.from_json(json.loads(mail.answer or ""))
    return [(problem.reason, str(problem.details.get("file", ""))) for problem in said.problems]


async def test_word_and_excel_become_the_documents_of_a_draft(built: World) -> None:
    mail = await read(built, with_files(order(), ("1 契約書.docx", WORD), ("2 内訳書.xlsx", EXCEL)))
    assert mail.status == "read"
    envelope = await Envelope.get(mail_id=mail.id)
    documents = await Document.filter(envelope_id=envelope.id).order_by("position")
    await Document.fetch_for_list(documents, "base", "original")
    assert [item.title for item in documents] == ["1 契約書", "2 内訳書"]
    assert [item.file_name for item in documents] == ["1 契約書.docx", "2 内訳書.xlsx"]
    assert all(Reason.OFFICE_CONVERTED in item.warnings.split(",") for item in documents)
    assert (await built.services.blobs.get(documents[0].base)).startswith(b"%PDF-")
    # What was sent is kept as it came.
    assert await built.services.blobs.get(documents[0].original) == WORD
    # Staff are asked to look at what was made of their files.
    words = text_of(built.last(cast.NAKAMURA.address))
    assert "文書1「1 契約書.docx」：WordやExcelのファイルからPDFを作りました" in words.replace("\n", "")


async def test_changes_that_nobody_accepted_are_pointed_out(built: World) -> None:
    mail = await read(built, with_files(order(), ("契約書.docx", office.word(fonts=(), changed=True))))
    document = await Document.get(envelope__mail_id=mail.id)
    assert Reason.OFFICE_CHANGES in document.warnings.split(",")


async def test_a_mail_that_takes_time_waits_in_a_lane_of_its_own(built: World) -> None:
    number = await built.deliver(with_files(order(), ("契約書.docx", WORD)))
    await desk.read_mail(built.tools.shop, number)
    assert (await Mail.get(id=number)).status == "received"
    task = await TaskRow.get(kind="read_files")
    assert task.lane == "office"
    await desk.read_mail(built.tools.shop, number, patient=True)
    await desk.read_mail(built.tools.shop, number, patient=True)
    assert await Envelope.all().count() == 1


async def test_office_files_that_cannot_be_opened_are_answered(built: World) -> None:
    raw = with_files(
        order(CONTRACT),
        ("かぎ.docx", office.locked(WORD)),
        ("こわれ.xlsx", EXCEL[:-300]),
        ("ちがう.docx", b"<html></html>"),
        ("説明.pptx", office.package(**{"[Content_Types]__xml": b"presentationml.presentation.main+xml"})),
    )
    mail = await read(built, raw)
    assert problems(mail) == [
        (Reason.OFFICE_ENCRYPTED, "かぎ.docx"),
        (Reason.OFFICE_BROKEN, "こわれ.xlsx"),
        (Reason.OFFICE_BROKEN, "ちがう.docx"),
        (Reason.FILE_TYPE, "説明.pptx"),
    ]
    assert "パスワードを外すか、PDFにして送ってください" in text_of(built.last(cast.NAKAMURA.address))


async def test_where_nothing_can_be_converted_the_sender_is_told(built: World) -> None:
    papers = replace(built.tools.shop.papers, converter=None)
    shop = replace(built.tools.shop, papers=papers)
    number = await built.deliver(with_files(order(), ("契約書.docx", WORD)))
    await desk.read_mail(shop, number)
    assert problems(await Mail.get(id=number)) == [(Reason.OFFICE_UNAVAILABLE, "契約書.docx")]
    await built.drain()
    assert "ここでは変換できません。PDFにして送ってください" in text_of(built.last(cast.NAKAMURA.address))


async def test_what_mailers_add_stays_behind_with_a_word(built: World) -> None:
    added = {"logo.png": "image/png", "中村.vcf": "text/vcard", "yotei.ics": "text/calendar"}
    raw = order(CONTRACT)
    for name, kind in added.items():
        raw = with_files(raw, (name, b"x"), kind=kind)
    assert (await read(built, raw)).status == "read"
    words = text_of(built.last(cast.NAKAMURA.address)).replace("\n", "")
    assert all(f"「{name}」はPDFではないため、封筒に入れていません" in words for name in added)
    # Without a document it may be what was meant to be one.
    alone = await read(built, with_files(order(), ("keiyaku.png", b"x"), kind="image/png"))
    assert problems(alone) == [(Reason.FILE_TYPE, "keiyaku.png")]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("契約書.pdf", "契約書"),
        ("契約書.DocX", "契約書"),
        ("か\u3099くぶち.PDF", "がくぶち"),
        ("a\tb  c.pdf", "a b c"),
        (".pdf", "文書3"),
        ("x" * 90 + ".pdf", "x" * 60),
        ("第1回.変更契約", "第1回.変更契約"),
    ],
)
def test_a_title_is_the_tidied_name_of_the_file(name: str, title: str) -> None:
    assert files.document_title(name, 3, limit=60) == title


async def test_a_forwarded_mail_gives_its_files_its_subject_and_its_sender(built: World) -> None:
    inner = message_from_bytes(order(CONTRACT, sender=cast.TAKAHASHI.address), policy=mail_policy.SMTP)
    inner.replace_header("Subject", "契約書をお送りします")
    outer = message_from_bytes(order(), policy=mail_policy.SMTP)
    outer.replace_header("Subject", "Fwd:")
    words = str(outer.get_content()).replace("封筒名：令和8年度 村道北城線 舗装補修工事", "")
    outer.set_content(words.replace("\r\n", "\n"))
    outer.make_mixed()
    outer.add_attachment(inner)
    mail = await read(built, outer.as_bytes())
    assert mail.status == "read"
    envelope = await Envelope.get(mail_id=mail.id)
    assert envelope.title == "契約書をお送りします"
    assert (await Document.get(envelope_id=envelope.id)).title == "工事請負契約書"
    record = Record.from_json(json.loads(envelope.reading))
    assert record.lines[-1].label == "転送元"
    assert record.lines[-1].value == cast.TAKAHASHI.address
    assert record.lines[-1].where == "メールの題名「契約書をお送りします」"


async def test_packed_files_are_unpacked_or_answered(built: World) -> None:
    pdf = CONTRACT.read_bytes()
    good = with_files(order(), ("契約書一式.zip", packed.zipped({"契約書.pdf": pdf}, charset="cp932")))
    assert (await read(built, good)).status == "read"
    bad = with_files(order(), ("図面.zip", packed.locked({"a.pdf": pdf})), ("図面.7z", b"7z\xbc\xaf\x27\x1c"))
    assert problems(await read(built, bad)) == [
        (Reason.ARCHIVE_ENCRYPTED, "図面.zip"),
        (Reason.ARCHIVE_BROKEN, "図面.7z"),
    ]
