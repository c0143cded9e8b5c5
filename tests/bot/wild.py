"""Mails as nobody should write them: trees of any shape, odd in every place, packed files in them, and then damaged.

Well-formed enough to get far into the reading, and wrong enough to meet what lies there.
"""

import base64
import quopri
from binascii import b2a_uu
from collections.abc import Sequence

from hypothesis import strategies as st

from fukan.demo import cast
from tests.bot import packed
from tests.bot.mails import CRLF, PDF, PNG

CHARSETS = (
    *(
        b"utf-8",
        b"us-ascii",
        b"iso-2022-jp",
        b"iso-2022-jp-ms",
        b"cp50221",
        b"shift_jis",
        b"x-sjis",
        b"cp932",
    ),
    *(b"euc-jp", b"cp51932", b"windows-31j", b"unknown-8bit", b"utf-7", b"utf-16", b"utf-16le", b"utf-32"),
    *(b"iso-2022-kr", b"hz", b"big5", b"gb18030", b"koi8-r", b"windows-1252", b"punycode", b"idna", b"rot13"),
    *(
        b"base64",
        b"hex",
        b"zlib",
        b"bz2",
        b"unicode_escape",
        b"raw_unicode_escape",
        b"mbcs",
        b"undefined",
        b"",
    ),
    *(b"'utf-8'", b"utf-8\0", b"x" * 300, b"\xff", b"../../etc/passwd", b"=?utf-8?Q?utf-8?="),
)
ENCODINGS = (
    *(b"base64", b"quoted-printable", b"7bit", b"8bit", b"binary", b"x-uuencode", b"uuencode", b"BASE64 "),
    *(b"base-64", b"gzip64", b"x-yenc", b"", b"\xff", b"quoted-printable; x=y", b"8bit\r\n base64"),
)
TYPES = (
    *(
        b"text/plain",
        b"text/html",
        b"text/calendar",
        b"text/rfc822-headers",
        b"application/pdf",
        b"image/png",
    ),
    *(b"application/octet-stream", b"application/zip", b"application/ms-tnef", b"application/pkcs7-mime"),
    *(b"application/pkcs7-signature", b"message/delivery-status", b"message/disposition-notification"),
    *(
        b"message/partial; id=1; number=1",
        b"message/external-body; access-type=URL",
        b"message/global",
        b"message/x",
    ),
    *(b"multipart/mixed", b"multipart/", b"/", b"pdf", b"", b"a/b/c", b"text/plain text/html", b"\xff/\xfe"),
    *(b"application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"application/msword"),
)
SUBTYPES = (
    *(b"mixed", b"alternative", b"related", b"signed", b"encrypted", b"report", b"digest", b"parallel", b"x"),
    *(
        b"report; report-type=delivery-status",
        b"report; report-type=feedback-report",
        b"mixed; type=text/html",
    ),
)
FILES = {"契約書①.pdf": PDF, "図/図面.pdf": PDF, "x.txt": b"words" * 50}
PACKED = (
    packed.zipped(FILES),
    packed.zipped(FILES, charset="cp932"),
    packed.zipped({"a.zip": packed.zipped({"b.zip": packed.zipped({"c.zip": packed.zipped(FILES)})})}),
    packed.zipped({"m.eml": b"From: a@b.example\r\nSubject: x\r\n\r\nx", "w.dat": packed.winmail(FILES)}),
    packed.zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w:document/>"}),
    packed.locked(FILES),
    packed.bomb(3_000_000),
    packed.winmail(FILES),
    packed.winmail(FILES, long_names=False),
    packed.winmail({"z.zip": packed.zipped(FILES)}),
    packed.signed(b"Content-Type: text/plain\r\n\r\nx"),
    packed.signed(packed.signed(packed.signed(b"Content-Type: application/pdf\r\n\r\n" + PDF))),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    b"7z\xbc\xaf\x27\x1c" + bytes(40),
    b"\x1f\x8b\x08" + bytes(40),
)
ORDER = (
    "お願いします。\r\n封筒名：道\r\n宛先：髙橋建設株式会社\r\n種別：契約書\r\n金額：１円（税込）\r\n"
    "期限：8月31日（月）まで\r\n文書1：x\r\n備考：a\r\n-- \r\n中村"
)
WORDS = (
    ORDER.encode(),
    ORDER.encode("cp932", "replace"),
    ORDER.encode("utf-16"),
    b"> > " * 200 + ORDER.encode(),
    "金額：".encode() + "億万千".encode() * 2000,
    "期限：令和".encode() + b"9" * 3000 + "年".encode(),
    "送信 123456".encode(),
    "修正 123456\r\n期限：9月30日".encode(),
    "取消".encode() * 500,
    b"<html><body>" + b"<div><table><tr><td>" * 700 + "金額：1円".encode(),
    b"<!-- <p>" * 3000 + b"<script>x" + b"&#0;&#x110000;&bogus;&" * 300,
    b"Action: failed\r\nStatus: 5.1.1\r\nFinal-Recipient: rfc822;x@y.example\r\n\r\n" * 3,
    b"\x1b$B" + bytes(range(33, 127)) * 20,
    b"\0" * 300 + b"\xff\xfe\xfd",
    b"-----BEGIN PGP MESSAGE-----\r\nx",
    b"x" * 50_000,
    b"",
)
FIELDS = (
    b"Content-Type: multipart/mixed; boundary=b",
    b"Content-Type: text/plain",
    b"Content-Transfer-Encoding: base64",
    b"Content-ID: <1@x>",
    b"From: x@y.example",
    b"To: " + b"a@b.example, " * 200,
    b"Received: from x by y; " * 40,
    b"References: " + b"<a@b> " * 300,
    b"In-Reply-To: <\xe3\x81\x82@b>",
    b"Subject: =?utf-8?B?44GC?= =?x?Q?=FF?= =?iso-2022-jp?B?GyRC?=",
    b"Authentication-Results: mx.example; dkim=pass (\\) header.d=x; dmarc=pass",
    b"Authentication-Results: " + b"(" * 300,
    b"DKIM-Signature: v=1; a=rsa-sha256; d=x; s=y; l=0; bh=; b=",
    b"Auto-Submitted: auto-replied",
    b"List-Id: <x>",
    b"Date: Thu, 99 Xxx 99999 99:99:99 +9999",
    b"Message-ID: <" + b"x" * 950 + b"@y>",
    b"X-Y: " + b"z" * 3000,
    b"no colon at all",
    b" a line that goes on",
    b"\xff\xfe: \x00",
)
BOUNDARIES = (
    b"b",
    b"bb",
    b"b b",
    b"b--",
    b"--",
    b"b" * 80,
    b"",
    b"'b'",
    b"\xe3\x81\x82",
    b'b\\"c',
    b"b=3D",
    b"b;c",
)
ODD = (
    *(b"\r\n", b"\r", b"\n", b"\x00", b"\xff\xfe", b"--b\r\n", b"--b--\r\n", b"\r\n\r\n", b"\x1b$B"),
    b"=?utf-8?B?////?=",
    *(b"Content-Type: message/rfc822\r\n\r\n", b"Content-Transfer-Encoding: base64\r\n", "宛先：".encode(), b"%PDF-"),
    *(b"PK\x03\x04", b"\x78\x9f\x3e\x22", b"\x30\x80", b"\xff\xff\xff\xff", b"\0\0\0\0", b"=\r\n", b"begin 644 x\r\n"),
)  # fmt: skip


def _word(charset: bytes, data: bytes) -> bytes:
    return b"=?" + charset + b"?B?" + base64.b64encode(data) + b"?="


def _encoded(data: bytes, encoding: bytes) -> bytes:
    match encoding.strip().lower().partition(b";")[0]:
        case b"base64":
            return base64.encodebytes(data).replace(b"\n", CRLF)
        case b"quoted-printable":
            return quopri.encodestring(data)
        case b"x-uuencode" | b"uuencode":
            lines = [b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45)]
            return b"begin 644 x\r\n" + b"".join(lines) + b"end\r\n"
        case _:
            return data


names = st.one_of(
    st.text(max_size=12).map(lambda name: b'; filename="' + name.encode("utf-8", "replace") + b'.pdf"'),
    st.sampled_from(
        [b"winmail.dat", b"smime.p7m", b"a.eml", b"k.zip", b"..", b"/", b"\\..\\a.docx", b""]
    ).map(lambda name: b"; filename=" + name),
    st.binary(max_size=12).map(lambda name: b"; filename=" + name),
    st.sampled_from(CHARSETS).map(lambda charset: b"; filename*=" + charset + b"''%E5%9B%B3%FF.pdf"),
    st.sampled_from(CHARSETS).map(lambda charset: b"; filename*1*=%FF; filename*0*=" + charset + b"'ja'%8A"),
    st.sampled_from(CHARSETS).map(lambda charset: b'; filename="' + _word(charset, b"\x1b$B?^") + b'"'),
)


@st.composite
def _leaf(draw: st.DrawFn) -> bytes:
    data = draw(
        st.one_of(
            st.sampled_from(WORDS),
            st.sampled_from(PACKED).flatmap(damaged),
            st.sampled_from([PDF, PNG]),
            st.binary(max_size=60),
        )
    )
    encoding = draw(st.sampled_from(ENCODINGS))
    said = encoding if draw(st.integers(0, 5)) else draw(st.sampled_from(ENCODINGS))
    kind = draw(st.sampled_from(TYPES))
    if draw(st.booleans()):
        kind += b"; charset=" + draw(st.sampled_from(CHARSETS))
    head = [b"Content-Type: " + kind, b"Content-Transfer-Encoding: " + said]
    if draw(st.booleans()):
        way = draw(st.sampled_from([b"attachment", b"inline", b"form-data", b"", b"\xff"]))
        head.append(b"Content-Disposition: " + way + draw(names))
    head += draw(st.lists(st.sampled_from(FIELDS), max_size=1))
    return CRLF.join(head) + CRLF + CRLF + _encoded(data, encoding)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """*whole*, or what is left of it: bytes changed, put in, repeated, moved or cut off."""
    raw = bytearray(whole)
    for _ in range(draw(st.sampled_from([0, 0, 1, 2, 4, 8]))):
        # Mostly in the front, where most is decided.
        place = draw(st.integers(0, draw(st.sampled_from([min(400, len(raw)), len(raw)]))))
        end = place + draw(st.sampled_from([0, 0, 1, 2, 4, 40]))
        match draw(st.sampled_from(["put", "put", "bytes", "twice", "move", "cut"])):
            case "put":
                raw[place:end] = draw(st.sampled_from(ODD))
            case "bytes":
                raw[place:end] = draw(st.binary(max_size=8))
            case "twice":
                raw[place:place] = raw[place : place + 200]
            case "move":
                piece = raw[place:end]
                del raw[place:end]
                raw += piece
            case _:
                if draw(st.integers(0, 3)) == 0:
                    del raw[place:]
    return bytes(raw)


@st.composite
def _parts(draw: st.DrawFn, inner: st.SearchStrategy[bytes]) -> bytes:
    """Parts between boundaries, which may be those of the parts around or within, or never close."""
    boundary = draw(st.sampled_from(BOUNDARIES))
    written = draw(st.sampled_from([b'"' + boundary + b'"', boundary, b"=?utf-8?Q?" + boundary + b"?="]))
    head = b"Content-Type: multipart/" + draw(st.sampled_from(SUBTYPES)) + b"; boundary=" + written + CRLF
    head += b"".join(one + CRLF for one in draw(st.lists(st.sampled_from(FIELDS), max_size=1)))
    body = b"".join(b"--" + boundary + CRLF + one + CRLF for one in draw(st.lists(inner, max_size=4)))
    before = draw(st.sampled_from([b"", b"a preamble\r\n", b"--\r\n"]))
    return (
        head
        + CRLF
        + before
        + body
        + draw(st.sampled_from([b"--" + boundary + b"--" + CRLF, b"", b"--" + boundary]))
    )


@st.composite
def _mail_inside(draw: st.DrawFn, inner: st.SearchStrategy[bytes]) -> bytes:
    """A mail as a part: as it is, encoded, saved as a file, packed by Outlook, in a ZIP or around a signature."""
    saved = b"From: x@y.example\r\nSubject: " + _word(b"utf-8", "転送".encode()) + CRLF + draw(inner)
    match draw(st.sampled_from(["plain", "encoded", "file", "signed", "zip", "tnef"])):
        case "plain":
            return b"Content-Type: message/rfc822" + CRLF + CRLF + saved
        case "encoded":
            encoding = draw(st.sampled_from(ENCODINGS))
            head = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: " + encoding
            return head + CRLF + CRLF + _encoded(saved, encoding)
        case "file":
            data, kind = saved, b'application/octet-stream; name="m.eml"'
        case "signed":
            data, kind = packed.signed(saved), b"application/pkcs7-mime; smime-type=signed-data"
        case "zip":
            data, kind = packed.zipped({"m.eml": saved}), b"application/zip"
        case _:
            data, kind = packed.winmail({"m.eml": saved}), b"application/ms-tnef"
    head = b"Content-Type: " + kind + CRLF + b"Content-Transfer-Encoding: base64" + CRLF + CRLF
    return head + _encoded(draw(damaged(data)), b"base64")


def _around(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.one_of(_parts(inner), _parts(inner), _mail_inside(inner))


entities = st.recursive(_leaf(), _around, max_leaves=14)


# What makes nobody else of the sender, so that the mail is read to its end.
HARMLESS = tuple(
    one for one in FIELDS if not one.startswith((b"From", b"Auto", b"List", b"Content", b" ", b"no", b"\xff"))
)


@st.composite
def mails(draw: st.DrawFn) -> bytes:
    """A whole mail, mostly from somebody who would be answered, and damaged mostly behind its head."""
    clerk, hostile = cast.NAKAMURA.address.encode(), draw(st.sampled_from([False, False, False, True]))
    senders = (b"<>", b"a@b.example, c@d.example", b"\xff", b"x@y.example", clerk)
    head: Sequence[bytes] = [
        b"From: " + (draw(st.sampled_from(senders)) if hostile else clerk),
        b"Subject: " + _word(draw(st.sampled_from(CHARSETS)), "件名".encode("cp932")),
        b"MIME-Version: 1.0",
        *draw(st.lists(st.sampled_from(FIELDS if hostile else HARMLESS), max_size=2)),
    ]
    entity = draw(entities)
    if hostile:
        return draw(damaged(CRLF.join(head) + CRLF + entity))
    return CRLF.join(head) + CRLF + draw(damaged(entity))
