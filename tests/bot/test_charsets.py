"""Japanese in mails: bodies, headers and file names under labels that are right, unknown or wrong."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.charsets import decode, decode_base64, decode_jis, decode_words, file_name, header_text, parameter
from bot.parse import parse
from tests.bot.mails import cp50221, headers, letter, with_file, word

WITH_NEC = "①㈱山田商事の契約書髙﨑"
PLAIN = "山田商事の契約書です。よろしくお願いします。"
FILE = "契約書①㈱.pdf"
LIMIT = 10_000_000


def quoted(data: bytes | str) -> bytes:
    return quote(data).encode()


SUBJECTS = {
    "iso-2022-jp": (word("ISO-2022-JP", PLAIN.encode("iso2022_jp")), PLAIN),
    "iso-2022-jp with NEC row 13": (word("ISO-2022-JP", cp50221(WITH_NEC)), WITH_NEC),
    "iso-2022-jp with half-width kana": (word("ISO-2022-JP", b"\x1b(I1234\x1b(B"), "ｱｲｳｴ"),
    "iso-2022-jp-ms": (word("iso-2022-jp-ms", cp50221(WITH_NEC)), WITH_NEC),
    "cp50220": (word("cp50220", cp50221(WITH_NEC)), WITH_NEC),
    "cp50221": (word("cp50221", cp50221(WITH_NEC)), WITH_NEC),
    "iso-2022-jp-2 with JIS X 0212": (word("iso-2022-jp-2", "丂".encode("iso2022_jp_2")), "丂"),
    "iso-2022-jp-2004": (word("iso-2022-jp-2004", "①俱".encode("iso2022_jp_2004")), "①俱"),
    "shift_jis": (word("Shift_JIS", WITH_NEC.encode("cp932")), WITH_NEC),
    "x-sjis": (word("x-sjis", WITH_NEC.encode("cp932")), WITH_NEC),
    "windows-31j": (word("Windows-31J", WITH_NEC.encode("cp932")), WITH_NEC),
    "shift_jis with wave dash": (word("shift_jis", "A～B－".encode("cp932")), "A～B－"),
    "euc-jp": (word("EUC-JP", PLAIN.encode("euc_jp")), PLAIN),
    "gb2312 that is gb18030": (word("gb2312", "髙①".encode("gb18030")), "髙①"),
    "raw iso-2022-jp": (cp50221(WITH_NEC), WITH_NEC),
    "raw iso-2022-jp full of quotes": (cp50221("ああ、いい（うう）"), "ああ、いい（うう）"),
    "raw shift_jis": (WITH_NEC.encode("cp932"), WITH_NEC),
    "raw utf-8": (WITH_NEC.encode(), WITH_NEC),
    "raw euc-jp": (PLAIN.encode("euc_jp"), PLAIN),
    "utf-8 split inside a character": (
        word("utf-8", WITH_NEC.encode()[:7]) + b"\r\n " + word("utf-8", WITH_NEC.encode()[7:]),
        WITH_NEC,
    ),
    "iso-2022-jp split without the closing escape": (
        word("iso-2022-jp", cp50221("山田")[:-3]) + b"\r\n " + word("iso-2022-jp", cp50221("商事")),
        "山田商事",
    ),
    "two charsets": (
        word("utf-8", "山田".encode()) + b" " + word("shift_jis", "商事".encode("cp932")),
        "山田商事",
    ),
    "glued words": (word("utf-8", "山田".encode()) + word("utf-8", "商事".encode()), "山田商事"),
    "word in quotes": (b'"' + word("utf-8", "山田".encode()) + b'"', '"山田"'),
    "word after text": (b"Re: " + word("utf-8", "山田".encode()), "Re: 山田"),
    "word before text": (word("utf-8", "山田".encode()) + b" x", "山田 x"),
    "no padding": (b"=?utf-8?B?5bGx55SwIQ?=", "山田!"),
    "Q": (b"=?utf-8?Q?=E5=B1=B1_=E7=94=B0?=", "山 田"),
    "Q with a raw space": (b"=?utf-8?Q?=E5=B1=B1 =E7=94=B0?=", "山 田"),
    "language tag": (b"=?utf-8*ja?B?5bGx55Sw?=", "山田"),
    "unknown label": (word("x-unknown", "山田".encode()), "山田"),
    "latin-1 that is utf-8": (word("iso-8859-1", "山田".encode()), "山田"),
    "true latin-1": (word("iso-8859-1", "café".encode("latin-1")), "café"),
    "no word at all": (b"=?x", "=?x"),
    "folded": (b"a\r\n b\r\n\tc", "a b c"),
}
BODIES = {
    "iso-2022-jp with NEC row 13": (b"text/plain; charset=ISO-2022-JP", cp50221(WITH_NEC), WITH_NEC),
    "iso-2022-jp that is shift_jis": (b"text/plain; charset=ISO-2022-JP", WITH_NEC.encode("cp932"), WITH_NEC),
    "shift_jis": (b"text/plain; charset=Shift_JIS", WITH_NEC.encode("cp932"), WITH_NEC),
    "shift_jis that is iso-2022-jp": (b"text/plain; charset=Shift_JIS", cp50221(WITH_NEC), WITH_NEC),
    "shift_jis that is utf-8": (b"text/plain; charset=Shift_JIS", PLAIN.encode(), PLAIN),
    "utf-8 that is shift_jis": (b"text/plain; charset=utf-8", PLAIN.encode("cp932"), PLAIN),
    "utf-8 that is euc-jp": (b"text/plain; charset=utf-8", PLAIN.encode("euc_jp"), PLAIN),
    "utf-8 with byte order mark": (b"text/plain; charset=utf-8", b"\xef\xbb\xbf" + PLAIN.encode(), PLAIN),
    "utf-8 cut in a character": (b"text/plain; charset=utf-8", PLAIN.encode()[:-1], PLAIN[:-1] + "\ufffd"),
    "no charset, utf-8": (b"text/plain", WITH_NEC.encode(), WITH_NEC),
    "no charset, shift_jis": (b"text/plain", PLAIN.encode("cp932"), PLAIN),
    "no charset, euc-jp": (b"text/plain", PLAIN.encode("euc_jp"), PLAIN),
    "no charset, iso-2022-jp": (b"text/plain", cp50221(WITH_NEC), WITH_NEC),
    "us-ascii that is utf-8": (b"text/plain; charset=us-ascii", WITH_NEC.encode(), WITH_NEC),
    "unknown-8bit": (b"text/plain; charset=unknown-8bit", WITH_NEC.encode(), WITH_NEC),
    "x-unknown": (b"text/plain; charset=X-UNKNOWN", WITH_NEC.encode(), WITH_NEC),
    "cp932": (b'text/plain; charset="cp932"', WITH_NEC.encode("cp932"), WITH_NEC),
    "x-euc-jp": (b"text/plain; charset=x-euc-jp", PLAIN.encode("euc_jp"), PLAIN),
    "cp51932 with NEC row 13": (
        b"text/plain; charset=cp51932",
        b"\xad\xa1\xad\xea" + PLAIN.encode("euc_jp"),
        "①㈱" + PLAIN,
    ),
    "euc-jp with half-width kana": (b"text/plain; charset=euc-jp", "ｱｲｳ".encode("euc_jp"), "ｱｲｳ"),
    "euc-jp with JIS X 0212": (b"text/plain; charset=euc-jp", "丂".encode("euc_jp"), "丂"),
    "utf-7": (b"text/plain; charset=utf-7", "山田".encode("utf-7"), "山田"),
    "utf-16": (b"text/plain; charset=utf-16", "山田".encode("utf-16"), "山田"),
    "carrier's emoji in shift_jis": (
        b"text/plain; charset=Shift_JIS",
        b"\xf8\x9f" + PLAIN.encode("cp932"),
        "\ue63e" + PLAIN,
    ),
    "nonsense type": (b"text", PLAIN.encode(), PLAIN),
    "codec that is no charset": (b"text/plain; charset=punycode", PLAIN.encode(), PLAIN),
    "codec that runs code": (b"text/plain; charset=unicode_escape", PLAIN.encode(), PLAIN),
    "lines of iso-2022-jp left open": (
        b"text/plain; charset=iso-2022-jp",
        b"\x1b$B;3ED\r\nabc",
        "山田\r\nabc",
    ),
}
FILES = {
    "rfc 2231 utf-8": (b"attachment; filename*=UTF-8''" + quoted(FILE), FILE),
    "rfc 2231 in sections": (
        b"attachment;\r\n filename*0*=UTF-8''" + quoted(FILE[:3]) + b";\r\n filename*1*=" + quoted(FILE[3:]),
        FILE,
    ),
    "rfc 2231 split inside a character": (
        b"attachment; filename*0*=UTF-8''%E5%B1; filename*1*=%B1.pdf",
        "山.pdf",
    ),
    "rfc 2231 sections in disorder": (b'attachment; filename*1="b.pdf"; filename*0="a"', "ab.pdf"),
    "rfc 2231 iso-2022-jp with ①": (b"attachment; filename*=ISO-2022-JP''" + quoted(cp50221(FILE)), FILE),
    "rfc 2231 shift_jis": (b"attachment; filename*=Shift_JIS''" + quoted(FILE.encode("cp932")), FILE),
    "rfc 2231 without charset": (b"attachment; filename*=" + quoted(FILE), FILE),
    "rfc 2047 in quotes": (b'attachment; filename="' + word("UTF-8", FILE.encode()) + b'"', FILE),
    "rfc 2047 iso-2022-jp": (b'attachment; filename="' + word("ISO-2022-JP", cp50221(FILE)) + b'"', FILE),
    "rfc 2047 folded": (
        b'attachment;\r\n filename="'
        + word("ISO-2022-JP", cp50221("契約書"))
        + b"\r\n "
        + word("ISO-2022-JP", cp50221("（株）.pdf"))
        + b'"',
        "契約書（株）.pdf",
    ),
    "rfc 2047 bare": (b"attachment; filename=" + word("UTF-8", FILE.encode()), FILE),
    "raw shift_jis": (b'attachment; filename="' + FILE.encode("cp932") + b'"', FILE),
    "raw shift_jis with 0x5C": (b'attachment; filename="' + "表予.pdf".encode("cp932") + b'"', "表予.pdf"),
    "raw shift_jis ending in 0x5C": (b'attachment; filename="' + "予定表".encode("cp932") + b'"', "予定表"),
    "raw utf-8": (b'attachment; filename="' + FILE.encode() + b'"', FILE),
    "raw iso-2022-jp with quotes in it": (
        b'attachment; filename="' + cp50221("ああい；う.pdf") + b'"',
        "ああい；う.pdf",
    ),
    "both, the plain one useless": (
        b"attachment; filename=\"????.pdf\"; filename*=UTF-8''" + quoted(FILE),
        FILE,
    ),
    "semicolon in quotes": (b'attachment; filename="a;b.pdf"', "a;b.pdf"),
    "escaped quote": (b'attachment; filename="a\\"b.pdf"', 'a"b.pdf'),
    "folders of DOS and Unix": (b'attachment; filename="..\\..\\x/../evil.pdf"', "evil.pdf"),
    "letters of a Mac": (b"attachment; filename*=UTF-8''" + quoted("か\u3099き\u3099.pdf"), "がぎ.pdf"),
    "compatibility ideograph": (b"attachment; filename*=UTF-8''" + quoted("\ufa19戸.pdf"), "\ufa19戸.pdf"),
    "reversed letters": (b"attachment; filename*=UTF-8''" + quoted("a\u202efdp.exe"), "a fdp.exe"),
    "line end in the name": (b"attachment; filename*=UTF-8''a%0D%0ABcc:%20x.pdf", "a Bcc: x.pdf"),
    "only dots": (b'attachment; filename=".."', "添付1.pdf"),
    "unclosed quote": (b'attachment; filename="a.pdf', "a.pdf"),
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_subject_is_read(name: str) -> None:
    written, expected = SUBJECTS[name]
    assert parse(headers(b"Subject: " + written) + b"\r\nx", decoded_limit=LIMIT).subject == expected


@pytest.mark.parametrize("name", BODIES)
def test_body_is_read(name: str) -> None:
    content_type, body, expected = BODIES[name]
    assert parse(letter(body, content_type=content_type), decoded_limit=LIMIT).text == expected


@pytest.mark.parametrize("name", FILES)
def test_file_name_is_read(name: str) -> None:
    disposition, expected = FILES[name]
    [attachment] = parse(with_file(disposition), decoded_limit=LIMIT).attachments
    assert attachment.name == expected


def test_file_name_may_stand_in_the_type_alone() -> None:
    content_type = b'application/pdf; name="' + word("ISO-2022-JP", cp50221(FILE)) + b'"'
    [attachment] = parse(with_file(b"attachment", content_type), decoded_limit=LIMIT).attachments
    assert attachment.name == FILE


def test_a_long_name_keeps_its_suffix() -> None:
    name = file_name("長" * 300 + ".pdf")
    assert len(name) <= 200
    assert name.endswith("長.pdf")


def test_joined_base64_is_read_to_the_end() -> None:
    assert decode_base64(b"YQ==\r\nYg==*!") == b"ab"
    assert decode_base64(b"YWJj\r\nZ") == b"abc"


@given(
    st.text(alphabet=st.characters(codec="cp932", exclude_categories=["Cc"], exclude_characters="¢£¬‖−〜"))
)
def test_every_character_of_cp932_survives_iso_2022_jp(written: str) -> None:
    double = "".join(c for c in written if len(c.encode("cp932")) == 2 and c.encode("cp932")[0] < 0xF0)
    assert decode_jis(cp50221(double)) == double.encode("cp932").decode("cp932")


@given(
    st.binary(),
    st.sampled_from(["", "utf-8", "iso-2022-jp", "shift_jis", "euc-jp", "utf-7", "utf-16", "x", "gbk"]),
)
def test_no_bytes_fail_to_decode(data: bytes, label: str) -> None:
    text = decode(data, label)
    assert "\x00" not in text
    text.encode()


@given(st.binary(max_size=300))
def test_no_header_fails_to_decode(data: bytes) -> None:
    raw = data.decode("ascii", "surrogateescape")
    for text in (header_text(raw), decode_words(raw), file_name(parameter("x;" + raw, "filename"))):
        assert isinstance(text, str)
    assert not set(header_text(raw)) & set("\r\n\x00\u2028\u2029")


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize(
    "piece", ["=?", "=?a?b?", "=?utf-8?B?", ";a=", ';a="', "\x1b$B", "\x1b", "\\", "; filename*0*="]
)
def test_long_repetition_is_read_in_time(piece: str) -> None:
    raw = piece * 60_000
    header_text(raw)
    parameter(raw, "filename")
    decode(raw.encode(), "iso-2022-jp")
