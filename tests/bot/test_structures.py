"""Mails as mailers, phones, gateways and groupware build them: the letter, the files, and who wrote first.

Each case is one structure; what stands in the letter and which files come out is all that is said of it. Character sets
have their own file.
"""

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from bot.parse import ParsedMail, parse
from bot.tree import MOST_ARCHIVES, Sealed
from envelopes.rules.errors import Reason
from tests.bot import packed
from tests.bot.mails import CRLF, PDF, PNG, cp50221, headers, mail, multipart, part, text, with_file, word
from tests.papers import office

LIMIT = 10_000_000
OTHER = PDF + b"2"
NAME = "契約書①.pdf"
HTML = b"html"
ORDER = "封筒名：舗装工事"


def read(raw: bytes) -> ParsedMail:
    return parse(raw, decoded_limit=LIMIT)


def attached(name: str, data: bytes = PDF, *, content_type: bytes = b"application/pdf") -> bytes:
    """A file as most mailers attach one."""
    return part(
        data,
        b"Content-Disposition: attachment; filename*=UTF-8''" + quote(name).encode(),
        content_type=content_type,
    )


def inline(name: str, data: bytes = PDF, *, content_type: bytes = b"application/pdf") -> bytes:
    return part(
        data,
        b"Content-Disposition: inline; filename*=UTF-8''" + quote(name).encode(),
        content_type=content_type,
    )


def picture(cid: str, name: str = "", *, disposition: bytes = b"inline") -> bytes:
    lines = [b"Content-ID: <" + cid.encode() + b">", b"Content-Disposition: " + disposition]
    return part(PNG, *lines, content_type=b"image/png" + (b"; name=" + name.encode() if name else b""))


def html(words: str) -> bytes:
    return text(f"<html><body><div>{words}</div></body></html>", HTML)


def rfc822(entity: bytes, *lines: bytes, sender: bytes = b"taro@takahashi.example") -> bytes:
    return b"Content-Type: message/rfc822" + CRLF + CRLF + headers(*lines, sender=sender) + entity


def mixed(*parts: bytes, boundary: bytes = b"o") -> bytes:
    return multipart(b"mixed", *parts, boundary=boundary)


def alternative(*parts: bytes) -> bytes:
    return multipart(b"alternative", *parts, boundary=b"a")


def related(*parts: bytes) -> bytes:
    return multipart(b"related", *parts, boundary=b"r")


def p7m(content: bytes, parameters: bytes = b"; smime-type=signed-data") -> bytes:
    return part(content, content_type=b"application/pkcs7-mime; name=smime.p7m" + parameters)


def uuencoded(data: bytes) -> bytes:
    lines = [binascii.b2a_uu(data[place : place + 45]) for place in range(0, len(data), 45)]
    body = b"begin 644 k.pdf\n" + b"".join(lines) + b"`\nend\n"
    return (
        b"Content-Type: application/pdf; name=k.pdf\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n" + body
    )


PLAIN = text(ORDER)
INNER = mixed(text("お世話になります。契約書を送ります。"), attached(NAME), boundary=b"i")
DIGEST = (
    b'Content-Type: multipart/digest; boundary="d"\r\n\r\n--d\r\n\r\n'
    + headers(b"Subject: one", sender=b"a@a.example")
    + attached(NAME)
    + b"\r\n--d--\r\n"
)


@dataclass(frozen=True)
class Case:
    """A mail, its letter and its files as (name, content); `None`: whatever the letter is."""

    entity: bytes
    letter: str | None
    files: tuple[tuple[str, bytes], ...]


ONE = ((NAME, PDF),)
CASES: dict[str, Case] = {
    # Desktop mailers
    "Outlook: text and file": Case(mixed(PLAIN, attached(NAME)), ORDER, ONE),
    "Outlook: HTML, logo and file": Case(
        mixed(
            related(alternative(PLAIN, html("x" + '<img src="cid:l@1">')), picture("l@1", "image001.png")),
            attached(NAME),
        ),
        ORDER,
        ONE,
    ),
    "Outlook: related around all": Case(
        related(alternative(PLAIN, html('<img src="cid:l@1">')), picture("l@1"), attached(NAME)), ORDER, ONE
    ),
    "Outlook: HTML alone": Case(
        mixed(html(f"{ORDER}<br>宛先：髙橋"), attached(NAME)), f"{ORDER}\n宛先：髙橋", ONE
    ),
    "Outlook: picture that nothing shows": Case(
        related(html(ORDER), picture("l@1", "scan.png")), ORDER, (("scan.png", PNG),)
    ),
    "Outlook on the web: attached first": Case(mixed(attached(NAME), PLAIN), ORDER, ONE),
    "Thunderbird: two files": Case(
        mixed(PLAIN, attached(NAME), attached("図.pdf", OTHER)), ORDER, (*ONE, ("図.pdf", OTHER))
    ),
    "Thunderbird: flowed text": Case(
        mixed(
            b"Content-Type: text/plain; charset=utf-8; format=flowed\r\n\r\n"
            + "封筒名：舗装 \r\n工事\r\n".encode()
        ),
        "封筒名：舗装 工事",
        (),
    ),
    "Thunderbird: file is a text": Case(
        mixed(
            PLAIN,
            b"Content-Type: text/plain; name=memo.txt\r\nContent-Disposition: attachment; filename=memo.txt\r\n\r\nx",
        ),
        ORDER,
        (("memo.txt", b"x"),),
    ),
    "Apple Mail: file among the HTML": Case(
        alternative(PLAIN, mixed(html(ORDER), inline(NAME), html("以上"), boundary=b"m")), ORDER, ONE
    ),
    "Apple Mail: text, file, text": Case(
        mixed(text("封筒名：A"), inline(NAME), text("宛先：B")), "封筒名：A\n\n宛先：B", ONE
    ),
    "Apple Mail: watch text": Case(alternative(PLAIN, text("x", b"watch-html"), html(ORDER)), ORDER, ()),
    "Apple Mail: double of a Mac": Case(
        mixed(
            PLAIN,
            multipart(
                b"appledouble",
                part(b"\0\5\x16\7", content_type=b"application/applefile; name=k.pdf"),
                attached(NAME),
                boundary=b"d",
            ),
        ),
        ORDER,
        (("k.pdf", b"\0\5\x16\7"), *ONE),
    ),
    "Becky: name as an encoded word": Case(
        mixed(
            PLAIN,
            part(
                PDF,
                b'Content-Disposition: attachment; filename="' + word("ISO-2022-JP", cp50221(NAME)) + b'"',
            ),
        ),
        ORDER,
        ONE,
    ),
    "Al-Mail: name raw in Shift_JIS": Case(
        mixed(PLAIN, part(PDF, b'Content-Disposition: attachment; filename="' + NAME.encode("cp932") + b'"')),
        ORDER,
        ONE,
    ),
    "Windows Live Mail: name in the type alone": Case(
        mixed(
            PLAIN,
            part(PDF, content_type=b'application/octet-stream; name="' + word("utf-8", NAME.encode()) + b'"'),
        ),
        ORDER,
        ONE,
    ),
    "old mailer: uuencode": Case(mixed(PLAIN, uuencoded(PDF)), ORDER, (("k.pdf", PDF),)),
    "Lotus Notes: HTML and a named text": Case(
        mixed(related(html(ORDER)), attached(NAME), part(b"x", content_type=b"text/plain; name=ATT001.txt")),
        ORDER,
        (*ONE, ("ATT001.txt", b"x")),
    ),
    "Gmail: alternative within mixed": Case(
        mixed(alternative(PLAIN, html(ORDER)), attached(NAME)), ORDER, ONE
    ),
    "Gmail: AMP version": Case(
        alternative(PLAIN, text("<html amp4email>", b"x-amp-html"), html(ORDER)), ORDER, ()
    ),
    "Outlook: rich text version": Case(alternative(PLAIN, text("{\\rtf1}", b"rtf"), html(ORDER)), ORDER, ()),
    "Outlook: appointment in the letter": Case(
        alternative(PLAIN, text("BEGIN:VCALENDAR", b"calendar")), ORDER, ()
    ),
    # Phones
    "docomo: letter alone": Case(
        b"Content-Type: text/plain; charset=Shift_JIS\r\n\r\n" + ORDER.encode("cp932"), ORDER, ()
    ),
    "docomo: decorated": Case(
        mixed(
            related(alternative(PLAIN, html(f'{ORDER}<img src="cid:01@x">')), picture("01@x", "smile.gif")),
            boundary=b"d",
        ),
        ORDER,
        (),
    ),
    "au: ISO-2022-JP and a photo": Case(
        mixed(
            b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + cp50221(ORDER),
            part(PNG, content_type=b"image/jpeg; name=0001.jpg"),
        ),
        ORDER,
        (("0001.jpg", PNG),),
    ),
    "iPhone: scanned PDF inline": Case(
        mixed(text(ORDER), inline(NAME), text("\r\niPhoneから送信")), f"{ORDER}\n\n\niPhoneから送信", ONE
    ),
    "iPhone: HTML with the PDF inside": Case(
        alternative(PLAIN, mixed(html(ORDER), inline(NAME))), ORDER, ONE
    ),
    "Android: empty text and file": Case(mixed(text(""), attached(NAME)), "", ONE),
    # A mail that is the file; copiers and scanners
    "the mail is the PDF": Case(attached(NAME), "", ONE),
    "the mail is the PDF without a name": Case(part(PDF), "", (("添付1.pdf", PDF),)),
    "scanner: PDF as octets": Case(
        mixed(text(""), part(PDF, content_type=b"application/octet-stream; name=SCAN0001.PDF")),
        "",
        (("SCAN0001.PDF", PDF),),
    ),
    "scanner: PDF called a text": Case(part(PDF, content_type=b"text/plain"), "", (("添付1.pdf", PDF),)),
    "mixed with one part": Case(mixed(attached(NAME)), "", ONE),
    "file without a type": Case(
        mixed(PLAIN, b"Content-Disposition: attachment; filename=k.pdf\r\n\r\n" + PDF),
        ORDER,
        (("k.pdf", PDF),),
    ),
    "file with a broken type": Case(
        mixed(PLAIN, part(PDF, content_type=b"pdf; name=k.pdf")), ORDER, (("k.pdf", PDF),)
    ),
    "empty file": Case(mixed(PLAIN, attached(NAME, b"")), ORDER, ((NAME, b""),)),
    # Broken frames
    "no last boundary": Case(mixed(PLAIN, attached(NAME)).removesuffix(b"--o--\r\n"), ORDER, ONE),
    "boundary never used": Case(
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\nhello", None, (("添付1", b"hello"),)
    ),
    "no boundary said": Case(b"Content-Type: multipart/mixed\r\n\r\nhello", None, (("添付1", b"hello"),)),
    "words before and after the parts": Case(
        b"Content-Type: multipart/mixed; boundary=o\r\n\r\nThis is MIME.\r\n--o\r\n"
        + PLAIN
        + b"\r\n--o\r\n"
        + attached(NAME)
        + b"\r\n--o--\r\nbye",
        ORDER,
        ONE,
    ),
    "bare line feeds": Case(mixed(PLAIN, attached(NAME)).replace(b"\r\n", b"\n"), ORDER, ONE),
    "base64 in one line": Case(
        mixed(
            PLAIN,
            b"Content-Type: application/pdf; name=k.pdf\r\nContent-Transfer-Encoding: BASE64\r\n\r\n"
            + base64.b64encode(PDF),
        ),
        ORDER,
        (("k.pdf", PDF),),
    ),
    "gateway's footer as a part": Case(
        mixed(mixed(PLAIN, attached(NAME), boundary=b"i"), text("検査済み")), f"{ORDER}\n\n検査済み", ONE
    ),
    # Signed, sealed
    "signed in the open": Case(
        multipart(
            b"signed",
            mixed(PLAIN, attached(NAME), boundary=b"i"),
            attached("smime.p7s", b"x", content_type=b"application/pkcs7-signature"),
        ),
        ORDER,
        (*ONE, ("smime.p7s", b"x")),
    ),
    "signature around the mail": Case(p7m(packed.signed(mixed(PLAIN, attached(NAME)))), ORDER, ONE),
    "signature that does not say so": Case(p7m(packed.signed(mixed(PLAIN, attached(NAME))), b""), ORDER, ONE),
    "signature in a signature": Case(p7m(packed.signed(p7m(packed.signed(attached(NAME))))), "", ONE),
    # Forwards
    "forwarded as a mail": Case(mixed(PLAIN, rfc822(INNER)), ORDER, ONE),
    "forwarded as a mail with the file beside it": Case(
        mixed(PLAIN, rfc822(INNER), attached("別.pdf", OTHER)), ORDER, (*ONE, ("別.pdf", OTHER))
    ),
    "forwarded twice": Case(
        mixed(PLAIN, rfc822(mixed(text("転送"), rfc822(INNER), boundary=b"m"))), ORDER, ONE
    ),
    "forwarded in base64": Case(
        mixed(PLAIN, part(headers() + INNER, content_type=b"message/rfc822")), ORDER, ONE
    ),
    "two mails forwarded": Case(
        mixed(PLAIN, rfc822(INNER), rfc822(attached("図.pdf", OTHER))), ORDER, (*ONE, ("図.pdf", OTHER))
    ),
    "digest": Case(mixed(PLAIN, DIGEST), ORDER, ONE),
    "nothing but a forwarded mail": Case(rfc822(INNER), "", ONE),
    "saved as .eml and attached": Case(
        mixed(
            PLAIN,
            attached(
                "元のメール.eml", headers(b"Subject: x") + INNER, content_type=b"application/octet-stream"
            ),
        ),
        ORDER,
        ONE,
    ),
    "called .eml, but no mail": Case(
        mixed(PLAIN, attached("x.eml", PNG, content_type=b"image/png")), ORDER, (("x.eml", PNG),)
    ),
    "logo of the forwarded mail": Case(
        mixed(
            html('<img src="cid:l@1">' + ORDER),
            rfc822(related(html('<img src="cid:l@1">'), picture("l@1"), attached(NAME))),
        ),
        ORDER,
        ONE,
    ),
    "a cid of another mail hides nothing": Case(
        mixed(html('<img src="cid:l@1">' + ORDER), rfc822(related(html("x"), picture("l@1", "zu.png")))),
        ORDER,
        (("zu.png", PNG),),
    ),
    "signed mail forwarded": Case(mixed(PLAIN, rfc822(p7m(packed.signed(attached(NAME))))), ORDER, ONE),
    # Packed
    "ZIP": Case(
        mixed(PLAIN, attached("k.zip", packed.zipped({NAME: PDF, "図/図.pdf": OTHER}))),
        ORDER,
        (*ONE, ("図.pdf", OTHER)),
    ),
    "ZIP of Windows": Case(
        mixed(PLAIN, attached("k.zip", packed.zipped({NAME: PDF}, charset="cp932"))), ORDER, ONE
    ),
    "ZIP of a Mac": Case(
        mixed(
            PLAIN,
            attached("k.zip", packed.zipped({NAME: PDF, f"__MACOSX/._{NAME}": b"x", ".DS_Store": b"x"})),
        ),
        ORDER,
        ONE,
    ),
    "ZIP in a ZIP": Case(
        mixed(PLAIN, attached("k.zip", packed.zipped({"i.zip": packed.zipped({NAME: PDF})}))), ORDER, ONE
    ),
    "ZIP without a name or type": Case(
        mixed(PLAIN, part(packed.zipped({NAME: PDF}), content_type=b"x/y")), ORDER, ONE
    ),
    "the mail is a ZIP": Case(attached("k.zip", packed.zipped({NAME: PDF})), "", ONE),
    "ZIP with a saved mail": Case(
        mixed(PLAIN, attached("k.zip", packed.zipped({"m.eml": headers(b"Subject: x") + INNER}))), ORDER, ONE
    ),
    "empty ZIP": Case(mixed(PLAIN, attached("k.zip", packed.zipped({}))), ORDER, ()),
    "winmail.dat": Case(
        mixed(
            PLAIN,
            attached(
                "winmail.dat",
                packed.winmail({NAME: PDF, "図.pdf": OTHER}),
                content_type=b"application/ms-tnef",
            ),
        ),
        ORDER,
        (*ONE, ("図.pdf", OTHER)),
    ),
    "winmail.dat with short names": Case(
        mixed(
            PLAIN,
            attached(
                "winmail.dat",
                packed.winmail({NAME: PDF}, long_names=False),
                content_type=b"application/ms-tnef",
            ),
        ),
        ORDER,
        ONE,
    ),
    "winmail.dat as octets": Case(
        mixed(
            PLAIN, attached("ATT1.dat", packed.winmail({NAME: PDF}), content_type=b"application/octet-stream")
        ),
        ORDER,
        ONE,
    ),
    "winmail.dat without files": Case(
        mixed(PLAIN, attached("winmail.dat", packed.winmail({}), content_type=b"application/ms-tnef")),
        ORDER,
        (),
    ),
    "ZIP in a winmail.dat": Case(
        mixed(PLAIN, attached("winmail.dat", packed.winmail({"k.zip": packed.zipped({NAME: PDF})}))),
        ORDER,
        ONE,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_letter_and_files_of(name: str) -> None:
    case = CASES[name]
    found = read(mail(case.entity))
    assert [(one.name, one.data) for one in found.attachments] == list(case.files)
    assert all(one.is_pdf == one.data.startswith(b"%PDF-") for one in found.attachments)
    if case.letter is not None:
        assert found.text.replace("\r\n", "\n") == case.letter


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 60


# What cannot be opened says why, and is kept

LOCKED = packed.locked({"k.pdf": PDF})


def deep(levels: int) -> bytes:
    """Archives within each other."""
    data = packed.zipped({"k.pdf": PDF})
    for _ in range(levels - 1):
        data = packed.zipped({"i.zip": data})
    return data


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("k.zip", LOCKED, Reason.ARCHIVE_ENCRYPTED),
        ("k.zip", packed.bomb(20_000_000), Reason.ARCHIVE_TOO_BIG),
        ("k.zip", packed.zipped({f"{n}.pdf": PDF for n in range(101)}), Reason.ARCHIVE_TOO_BIG),
        ("k.zip", packed.zipped({"k.pdf": PDF})[:-30], Reason.ARCHIVE_BROKEN),
        (
            "k.zip",
            packed.zipped({"k.pdf": PDF}).replace(b"\x14\0\0\x08\0\0", b"\x14\0\0\x08\x63\0"),
            Reason.ARCHIVE_BROKEN,
        ),
        ("k.7z", b"7z\xbc\xaf\x27\x1c\0\4", Reason.ARCHIVE_BROKEN),
        ("k.rar", b"Rar!\x1a\x07\1\0", Reason.ARCHIVE_BROKEN),
        ("k.lzh", b"\x19\x4e-lh5-\0", Reason.ARCHIVE_BROKEN),
        ("winmail.dat", b"\x78\x9f\x3e\x22", Reason.ARCHIVE_BROKEN),
    ],
)
def test_what_cannot_be_opened_says_why(name: str, data: bytes, problem: Reason) -> None:
    [one] = read(mail(mixed(PLAIN, attached(name, data)))).attachments
    assert (one.name, one.data, one.problem, one.is_pdf) == (name, data, problem, False)


def test_archives_within_each_other_end() -> None:
    [fit] = read(mail(mixed(attached("k.zip", deep(MOST_ARCHIVES))))).attachments
    assert fit.is_pdf
    [last] = read(mail(mixed(attached("k.zip", deep(MOST_ARCHIVES + 1))))).attachments
    assert (last.name, last.problem) == ("i.zip", Reason.ARCHIVE_TOO_BIG)


def test_an_archive_counts_against_the_bytes_of_the_mail() -> None:
    raw = mail(mixed(attached("k.zip", packed.zipped({"a.bin": bytes(5000), "b.bin": bytes(5000)}))))
    assert len(parse(raw, decoded_limit=30_000).attachments) == 2
    [one] = parse(raw, decoded_limit=15_000).attachments
    assert (one.name, one.problem) == ("k.zip", Reason.ARCHIVE_TOO_BIG)


def test_office_files_are_no_archives() -> None:
    [one] = read(mail(mixed(PLAIN, attached("k.docx", office.word(fonts=()))))).attachments
    assert (one.name, one.problem) == ("k.docx", None)
    [broken] = read(mail(mixed(PLAIN, attached("k.docx", office.word(fonts=())[:-200])))).attachments
    assert (broken.name, broken.problem) == ("k.docx", None)


def test_a_signature_that_cannot_be_unwrapped_is_answered_as_unreadable() -> None:
    [one] = read(mail(p7m(b"\x30\x03abc"))).attachments
    assert (one.name, one.problem) == ("smime.p7m", Reason.MAIL_UNREADABLE)
    sealed = read(mail(p7m(b"\x30\x03abc", b"; smime-type=enveloped-data")))
    assert sealed.encrypted
    opened = read(mail(p7m(packed.signed(PLAIN), b"; smime-type=enveloped-data")))
    assert (opened.text, opened.encrypted, opened.sealed) == (ORDER, False, {Sealed.SMIME_SIGNED})


# Who wrote first


def test_a_forwarded_mail_is_named_with_its_sender_and_subject() -> None:
    subject = b"Subject: " + word("ISO-2022-JP", cp50221("①契約書の送付"))
    sender = word("ISO-2022-JP", cp50221("髙橋建設㈱")) + b" <taro@takahashi.example>"
    found = read(mail(mixed(PLAIN, rfc822(INNER, subject, sender=sender)), b"Subject: Fwd:"))
    [forwarded] = found.forwarded
    assert (forwarded.sender.name, forwarded.sender.address) == ("髙橋建設㈱", "taro@takahashi.example")
    assert (forwarded.subject, found.topic) == ("①契約書の送付", "①契約書の送付")
    assert found.sender is not None
    assert found.sender.address == "staff@mihon.example"


@pytest.mark.parametrize(
    ("subject", "topic"),
    [("転送：", "中の件名"), ("Re: FW:", "中の件名"), ("", "中の件名"), ("Fwd: 契約の件", "Fwd: 契約の件")],
)
def test_the_subject_of_the_forwarded_mail_counts_where_ours_says_nothing(subject: str, topic: str) -> None:
    inner = rfc822(INNER, b"Subject: " + word("utf-8", "中の件名".encode()))
    found = read(mail(mixed(PLAIN, inner), b"Subject: " + word("utf-8", subject.encode())))
    assert found.topic == topic


FROM = "髙橋建設㈱ <taro@takahashi.example>"


@pytest.mark.parametrize(
    "block",
    [
        f"-----Original Message-----\nFrom: {FROM}\nSent: x\nTo: y\nSubject: 契約書の送付\n",
        f"-------- Forwarded Message --------\nSubject: 契約書の送付\nDate: x\nFrom: {FROM}\n",
        f"---------- Forwarded message ---------\nFrom: {FROM}\nDate: x\nSubject: 契約書の送付\n",
        f"____________________\n差出人: {FROM}\n送信日時: x\n宛先: y\n件名: 契約書の送付\n",
        "> 差出人： 髙橋建設㈱ [mailto:taro@takahashi.example]\n> 件名： 契約書の送付\n",
        f"*From:* {FROM}\n*Subject:* 契約書の送付\n",
        f"Begin forwarded message:\n\nFrom: {FROM}\nSubject: 契約書の送付\n",
    ],
)
def test_lines_that_mailers_write_above_a_forward_are_read(block: str) -> None:
    [forwarded] = read(mail(text(f"{ORDER}\n\n{block}\nお世話になります。"))).forwarded
    assert (forwarded.sender.name, forwarded.sender.address) == ("髙橋建設㈱", "taro@takahashi.example")
    assert forwarded.subject == "契約書の送付"


@pytest.mark.parametrize("words", ["", "From here on.", "差出人: 不明", "件名: A\n差出人なし"])
def test_without_such_lines_nothing_is_forwarded(words: str) -> None:
    assert read(mail(text(words))).forwarded == ()


def test_a_file_can_be_in_a_mail_that_came_by_any_of_the_ways() -> None:
    assert read(with_file(b"attachment; filename=k.pdf")).attachments[0].data == PDF
