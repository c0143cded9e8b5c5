"""What is found in a mail: letter, files, sender, signs of a machine. And what no mail may do."""

import base64
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.automatic import Sign
from bot.parse import ParsedMail, parse
from bot.tree import MOST_LEVELS, MOST_PARTS, Sealed
from envelopes.rules.errors import Reason, Refused
from tests.bot import wild
from tests.bot.mails import (
    CRLF,
    PDF,
    PNG,
    cp50221,
    headers,
    letter,
    mail,
    multipart,
    part,
    text,
    with_file,
    word,
)

LIMIT = 10_000_000


def read(raw: bytes) -> ParsedMail:
    return parse(raw, decoded_limit=LIMIT)


def names(raw: bytes) -> list[str]:
    return [attachment.name for attachment in read(raw).attachments]


def named(name: bytes) -> bytes:
    return b'Content-Disposition: attachment; filename="' + name + b'"'


# Letter and files


def test_letter_and_files_come_in_order() -> None:
    found = read(
        mail(multipart(b"mixed", text("本文"), part(PDF, named(b"1.pdf")), part(PDF, named(b"2.pdf"))))
    )
    assert found.text == "本文"
    assert [(one.name, one.media_type, one.data) for one in found.attachments] == [
        ("1.pdf", "application/pdf", PDF),
        ("2.pdf", "application/pdf", PDF),
    ]


def test_a_mail_that_is_itself_the_pdf_has_one_file() -> None:
    found = read(mail(part(PDF, named(b"k.pdf"))))
    assert (found.text, names(mail(part(PDF, named(b"k.pdf"))))) == ("", ["k.pdf"])
    assert found.attachments[0].data == PDF


def test_alternatives_of_apple_mail_give_text_and_file() -> None:
    html = multipart(
        b"mixed", text("<p>本文</p>", b"html"), part(PDF, b"Content-Disposition: inline"), boundary=b"i"
    )
    found = read(mail(multipart(b"alternative", text("本文"), html, boundary=b"o")))
    assert found.text == "本文"
    assert [one.name for one in found.attachments] == ["添付1.pdf"]


def test_written_text_goes_before_html_and_html_before_nothing() -> None:
    html = text("<table><tr><td>封筒名</td><td>道&amp;橋</td></tr></table><style>x{}</style>", b"html")
    assert (
        read(mail(multipart(b"alternative", text("書いた"), text("<b>書いた</b>", b"html")))).text == "書いた"
    )
    assert read(mail(multipart(b"alternative", text(" \r\n"), html))).text == "封筒名\t道&橋"
    assert read(mail(html)).text == "封筒名\t道&橋"


TABLE = (
    "<p>お願いします</p><table><tr><td>件名</td><td>道</td></tr><tr><td>種別</td><td>請書</td></tr></table>"
)


@pytest.mark.parametrize(
    ("plain", "is_read"),
    [
        ("HTML形式のメールです。", False),
        ("お願いします\n件名\n道\n種別\n請書", False),
        ("お願いします\n件名：道", False),
        ("お願いします\n件名：道\n種別：請書", True),
        ("お願いします\n期限：8月20日", True),
        ("お願いします\n> 件名：道", True),
    ],
)
def test_written_text_that_has_lost_lines_of_an_order_goes_behind_html(plain: str, *, is_read: bool) -> None:
    found = read(mail(multipart(b"alternative", text(plain), text(TABLE, b"html"))))
    assert found.text == (plain if is_read else "お願いします\n\n件名\t道\n種別\t請書")


def test_text_around_a_file_is_one_letter() -> None:
    assert read(mail(multipart(b"mixed", text("前"), part(PDF), text("後")))).text.split() == ["前", "後"]


def test_flowed_lines_are_joined() -> None:
    body = "封筒名：令和8年度 \r\n舗装工事\r\n> 引用 \r\n> 続き\r\n-- \r\n署名".encode()
    found = read(letter(body, content_type=b"text/plain; charset=utf-8; format=flowed; delsp=yes"))
    assert found.text == "封筒名：令和8年度舗装工事\n> 引用続き\n-- \n署名"


def test_a_text_with_a_name_is_a_file() -> None:
    note = b"Content-Type: text/plain; name=memo.txt" + CRLF + CRLF + b"x"
    found = read(mail(multipart(b"mixed", text("本文"), note)))
    assert (found.text, [one.name for one in found.attachments]) == ("本文", ["memo.txt"])


def test_a_letter_that_speaks_of_pdf_is_no_pdf() -> None:
    found = read(letter(b"The file begins with %PDF-1.7, you know."))
    assert found.text.startswith("The file")
    assert found.attachments == ()


@pytest.mark.parametrize(
    "declared", [b"application/octet-stream", b"text/plain", b"image/png", b"nonsense", b"x/y"]
)
def test_a_pdf_is_known_by_its_content(declared: bytes) -> None:
    [one] = read(mail(multipart(b"mixed", text("本文"), part(PDF, content_type=declared)))).attachments
    assert one.is_pdf
    [junk] = read(mail(part(b"\x00" * 1000 + PDF, content_type=b"application/pdf"))).attachments
    assert junk.is_pdf


def test_what_only_says_to_be_a_pdf_is_none() -> None:
    [one] = read(with_file(named(b"k.pdf").partition(b": ")[2], data=b"PK\x03\x04")).attachments
    assert (one.name, one.media_type, one.is_pdf) == ("k.pdf", "application/octet-stream", False)


def test_pictures_shown_in_the_letter_are_no_files_and_others_are() -> None:
    html = text('<img src="cid:logo@x">', b"html")
    shown = part(
        PNG,
        b"Content-ID: <logo@x>",
        b"Content-Disposition: inline; filename=logo.png",
        content_type=b"image/png",
    )
    other = part(
        PNG,
        b"Content-ID: <map@x>",
        b"Content-Disposition: inline; filename=map.png",
        content_type=b"image/png",
    )
    bare = part(PNG, content_type=b"image/png")
    assert names(mail(multipart(b"related", html, shown, other, bare))) == ["map.png", "添付2.png"]


def test_a_pdf_shown_by_cid_is_still_a_file() -> None:
    html = text('<object data="cid:k@x">', b"html")
    assert names(mail(multipart(b"related", html, part(PDF, b"Content-ID: <k@x>", named(b"k.pdf"))))) == [
        "k.pdf"
    ]


def test_files_of_a_forwarded_mail_are_found_and_its_text_is_not_the_letter() -> None:
    inner = headers(b"Subject: x", sender=b"taro@takahashi.example") + multipart(
        b"mixed", text("金額：1円"), part(PDF, named(b"k.pdf")), boundary=b"i"
    )
    forward = b"Content-Type: message/rfc822" + CRLF + CRLF + inner
    found = read(mail(multipart(b"mixed", text("封筒名：A"), forward, boundary=b"o")))
    assert found.text == "封筒名：A"
    assert [one.name for one in found.attachments] == ["k.pdf"]
    assert found.sender is not None
    assert found.sender.address == "staff@mihon.example"


def test_a_forwarded_mail_in_base64_is_opened_too() -> None:
    inner = headers() + multipart(b"mixed", part(PDF, named(b"k.pdf")), boundary=b"i")
    forward = part(inner, content_type=b"message/rfc822")
    assert names(mail(multipart(b"mixed", text("A"), forward, boundary=b"o"))) == ["k.pdf"]


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("smime.p7s", b"application/pkcs7-signature"),
        ("shiyou.docx", b"application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("yotei.ics", b"text/calendar"),
    ],
)
def test_files_that_hold_no_others_are_not_dropped(name: str, content_type: bytes) -> None:
    raw = mail(multipart(b"mixed", text("A"), part(b"data", named(name.encode()), content_type=content_type)))
    assert names(raw) == [name]
    assert read(raw).attachments[0].data == b"data"


def test_empty_file_is_kept() -> None:
    [one] = read(with_file(b"attachment; filename=k.pdf", data=b"")).attachments
    assert (one.name, one.data) == ("k.pdf", b"")


def test_binary_content_comes_through_unchanged() -> None:
    data = b"%PDF-" + bytes(range(256)) * 3
    leaf = CRLF.join((b"Content-Type: application/pdf", b"Content-Transfer-Encoding: binary", b"", data))
    [one] = read(mail(multipart(b"mixed", leaf))).attachments
    assert one.data == data


def pkcs7(parameters: bytes) -> bytes:
    return mail(part(b"x", content_type=b"application/pkcs7-mime; name=smime.p7m" + parameters))


@pytest.mark.parametrize(
    ("raw", "sealed"),
    [
        (pkcs7(b"; smime-type=enveloped-data"), Sealed.SMIME_ENCRYPTED),
        (pkcs7(b'; smime-type="authEnveloped-data"'), Sealed.SMIME_ENCRYPTED),
        (pkcs7(b""), Sealed.SMIME_ENCRYPTED),
        (pkcs7(b"; smime-type=signed-data"), Sealed.SMIME_SIGNED),
        (mail(multipart(b"encrypted", part(b"x"))), Sealed.PGP_ENCRYPTED),
        (letter(b"-----BEGIN PGP MESSAGE-----\r\n"), Sealed.PGP_ENCRYPTED),
    ],
)
def test_sealed_mail_is_known(raw: bytes, sealed: Sealed) -> None:
    assert read(raw).sealed == {sealed}
    assert read(raw).encrypted is (sealed is not Sealed.SMIME_SIGNED)


def test_ordinary_mail_is_not_sealed() -> None:
    found = read(with_file(b"attachment; filename=k.pdf"))
    assert found.sealed == frozenset()
    assert not found.encrypted


# Who and to whom


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        (b"staff@mihon.example", "", "staff@mihon.example"),
        (b"<Staff@MIHON.example>", "", "Staff@mihon.example"),
        (b'"\xe5\xb1\xb1\xe7\x94\xb0" <staff@mihon.example>', "山田", "staff@mihon.example"),
        (word("ISO-2022-JP", cp50221("髙橋①")) + b" <staff@mihon.example>", "髙橋①", "staff@mihon.example"),
        (cp50221("ああ") + b" <staff@mihon.example>", "ああ", "staff@mihon.example"),
        ("髙橋".encode("cp932") + b" <staff@mihon.example>", "髙橋", "staff@mihon.example"),
        (b'"boss@town.example" <x@evil.example>', "boss@town.example", "x@evil.example"),
        (
            word("utf-8", b"boss@town.example, ") + b" <x@evil.example>",
            "boss@town.example,",
            "x@evil.example",
        ),
        (b"x@evil.example (boss@town.example)", "boss@town.example", "x@evil.example"),
        (b'"a..b."@docomo.ne.jp', "", '"a..b."@docomo.ne.jp'),
        (b"a..b.@docomo.ne.jp", "", "a..b.@docomo.ne.jp"),
        (b"=?utf-8?B?YQ0KQmNjOiB4?= <x@a.example>", "a Bcc: x", "x@a.example"),
    ],
)
def test_sender_is_read(written: bytes, name: str, address: str) -> None:
    sender = read(headers(sender=written) + CRLF).sender
    assert sender is not None
    assert (sender.name, sender.address) == (name, address)


@pytest.mark.parametrize(
    "lines",
    [
        (b"From: a@a.example, b@b.example",),
        (b"From: a@a.example", b"From: b@b.example"),
        (b"From: a@a.example", b"from: a@a.example"),
        (b"From: a@a.example", b"X: y\rFrom: boss@town.example"),
        (b"From: <a@a.example> <b@b.example>",),
        (b"From: <a@a.example> boss@town.example",),
        (b"From: a@a.example@b.example",),
        (b"From: a@a.example b@b.example",),
        (b"From: undisclosed:;",),
        (b"From: Tanaka, Taro <a@a.example>",),
        (b'From: "a@a.example',),
        (b"From: =?utf-8?B?YUBhLmV4YW1wbGU=?=",),
        (b"From: a@a.example\x00",),
        (b"From:",),
        (b"To: a@a.example",),
        (),
    ],
)
def test_anything_but_exactly_one_sender_is_none(lines: tuple[bytes, ...]) -> None:
    assert read(CRLF.join((*lines, b"Subject: x", b"", b"body"))).sender is None


def test_recipients_ids_and_date_are_read() -> None:
    found = read(
        headers(
            b"To: Intake <intake@mihon.example>, b@b.example",
            b"Cc: intake@mihon.example, broken",
            b"Message-ID: <1@a.example>",
            b"References: <r1@a.example>\r\n <r2@a.example>",
            b"In-Reply-To: <r2@a.example> <r3@a.example>",
            b"Date: Tue, 4 Aug 2026 10:00:00 +0900",
        )
        + CRLF
    )
    assert found.to == ("intake@mihon.example", "b@b.example")
    assert found.message_id == "<1@a.example>"
    assert found.references == ("<r1@a.example>", "<r2@a.example>", "<r3@a.example>")
    assert found.date_said == "Tue, 4 Aug 2026 10:00:00 +0900"


def test_trace_headers_keep_their_places() -> None:
    raw = (
        b"Authentication-Results: top; spf=pass\r\nReceived: x\r\nAUTHENTICATION-RESULTS: low;\r\n dkim=pass\r\n"
        + headers()
    )
    found = read(raw + CRLF)
    assert [(one.position, one.value) for one in found.authentication_results] == [
        (0, "top; spf=pass"),
        (2, "low; dkim=pass"),
    ]


@pytest.mark.parametrize(
    ("plain", "is_read"),
    [
        ("宛先：髙橋建設㈱\n宛先：田中組", True),
        ("宛先：髙橋建設㈱\n宛先：田中組\n> ありがとうございます。", False),
    ],
)
def test_written_text_goes_behind_html_in_which_words_are_struck_out(plain: str, *, is_read: bool) -> None:
    html = "<p>宛先：髙橋建設㈱</p><p><s>宛先：田中組</s></p>"
    found = read(mail(multipart(b"alternative", text(plain), text(html, b"html"))))
    assert ("田中組" not in found.text) == is_read


def test_headers_inside_the_body_are_no_headers() -> None:
    found = read(letter(b"Authentication-Results: mx; dmarc=pass\r\nFrom: boss@town.example\r\n"))
    assert found.authentication_results == ()
    assert found.senders_said == 1


SEEN = {
    "<div>宛先：髙橋建設㈱</div><div>代表取締役 髙橋一郎 様</div>": "宛先：髙橋建設㈱\n代表取締役 髙橋一郎 様",
    "<div>備考：一行目</div>\r\n  <div><span>二行目</span></div>": "備考：一行目\n二行目",
    "<div>一<br></div><div><br></div><div>二</div>": "一\n\n二",
    "一<br><br>二<br><div>三</div>": "一\n\n二\n三",
    "<p>一</p><p>二</p>": "一\n\n二",
    "<div>一</div><p>&nbsp;</p><div>二</div>": "一\n\n二",
    "<p class=MsoNormal>一</p>\n<p class=MsoNormal>二</p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p>三</p>": (
        "一\n二\n\n三"
    ),
    '<p style="margin: 0px">一</p><p style="margin: 0px">二</p>': "一\n二",
    "<div><div><div>一</div></div></div><ul><li>二</li><li>三</li></ul>": "一\n二\n三",
    "<table><tr><td></td><td><p>封筒名</p></td><td><p>橋</p></td></tr><tr><td>期限</td><td>8月</td></tr></table>": (
        "封筒名\t橋\n期限\t8月"
    ),
    "1 < 2 &lt; 3": "1 < 2 < 3",
    "<div><s>金額：10,000円</s></div><div>金額：20,000円</div>": "金額：20,000円",
    '<span style="text-decoration: line-through">旧</span>新工事': "新工事",
    "<p><span style='color:red;text-decoration:underline line-through'>旧<span>い</span></span>新</p>": "新",
    '<span style="text-decoration-line:line-through">旧<br></span>新': "新",
    "一<del>二<del>三</del>四</del>五<strike>六</strike>": "一五",
    "<s>旧</s><b>新</b></s>": "新",
    '<ul><li style="text-decoration: line-through">旧<li>新</ul>後': "新\n後",
    '<ul><li style="text-decoration: line-through">旧<ul><li>古<li>い</ul><li>新</ul>': "新",
    '<ol><li style="text-decoration: line-through">旧</ol>新': "新",
    '<table><tr><td style="text-decoration: line-through">旧<td>新<tr><td>次</table>': "新\n次",
    '<table><tr style="text-decoration: line-through"><td>旧<td>い<tr><td>新</table>': "新",
    '<p style="text-decoration: line-through">旧<p>新': "新",
    '<br style="text-decoration:line-through">新<span style="text-decoration:underline">線</span>': "新線",
}


@pytest.mark.parametrize(("markup", "seen"), SEEN.items())
def test_html_keeps_together_what_is_seen_together(markup: str, seen: str) -> None:
    assert read(mail(text(markup, b"html"))).text == seen


# Signs of a machine


@pytest.mark.parametrize(
    ("line", "sign"),
    [
        (b"Auto-Submitted: auto-replied", Sign.AUTO_SUBMITTED),
        (b"Auto-Submitted: auto-generated; owner=x", Sign.AUTO_SUBMITTED),
        (b"Return-Path: <>", Sign.NULL_RETURN_PATH),
        (b"Return-Path: < >", Sign.NULL_RETURN_PATH),
        (b"X-Autoreply: yes", Sign.AUTO_REPLY),
        (b"X-Auto-Reply: 1", Sign.AUTO_REPLY),
        (b"Precedence: auto_reply", Sign.AUTO_REPLY),
        (b"Precedence: bulk", Sign.BULK),
        (b"List-Id: <x.mihon.example>", Sign.MAILING_LIST),
        (b"List-Unsubscribe: <https://x.example>", Sign.MAILING_LIST),
        (b"Content-Type: multipart/report; report-type=delivery-status; boundary=b", Sign.REPORT),
        (b"Subject: Automatic reply: x", Sign.AUTO_SUBJECT),
        (b"Subject: " + word("utf-8", "【自動返信】受付".encode()), Sign.AUTO_SUBJECT),
        (b"Subject: " + word("iso-2022-jp", cp50221("不在のお知らせ")), Sign.AUTO_SUBJECT),
        (b"\r\n".join([b"Received: x"] * 26), Sign.LOOP),
    ],
)
def test_automatic_mail_is_known_by_its_head(line: bytes, sign: Sign) -> None:
    found = read(headers(line) + CRLF)
    assert found.signs == {sign}
    assert found.automatic


@pytest.mark.parametrize(
    "sender",
    [
        b"MAILER-DAEMON@x.example",
        b"postmaster@x.example",
        b"no-reply@x.example",
        b"noreply+1@x.example",
        b"x-bounces@x.example",
        b"owner-x@x.example",
        b"bounce-1=2@x.example",
    ],
)
def test_robots_are_known_by_their_address(sender: bytes) -> None:
    assert read(headers(sender=sender) + CRLF).signs == {Sign.ROBOT_SENDER}


@pytest.mark.parametrize(
    "line",
    [
        b"Auto-Submitted: no",
        b"Return-Path: <staff@mihon.example>",
        b"Precedence: normal",
        b"Subject: Re: contract",
        b"X-Auto-Response-Suppress: All",
        b"Subject: " + word("utf-8", "自動車の契約".encode()),
    ],
)
def test_people_are_not_taken_for_machines(line: bytes) -> None:
    assert read(headers(line) + CRLF).signs == frozenset()


MACHINES = [
    "不在",
    "不在：8月4日",
    "Re: 不在です",
    "自動応答: 署名依頼",
    "自動返信メール",
    "【自動送信】受付",
    "不在のため",
]
TITLES = [
    "不在者投票用封筒印刷業務 請負契約",
    "自動応答電話システム保守業務委託契約",
    "Re: 自動送信装置更新工事",
    "Fwd: 自動配信サービス利用契約",
    "【不在者投票】封筒印刷",
]


@pytest.mark.parametrize("subject", MACHINES)
def test_a_subject_may_say_that_a_machine_wrote_it(subject: str) -> None:
    head = headers(b"Subject: " + word("utf-8", subject.encode()))
    assert read(head + CRLF).signs == {Sign.AUTO_SUBJECT}
    file = b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n%PDF-1.7\r\n"
    assert read(head.replace(b"Subject:", b"MIME-Version: 1.0\r\nSubject:") + file).signs == frozenset()


@pytest.mark.parametrize("subject", TITLES)
def test_an_order_about_things_that_answer_by_themselves_is_a_persons(subject: str) -> None:
    assert read(headers(b"Subject: " + word("utf-8", subject.encode())) + CRLF).signs == frozenset()


# Limits and hostile mail


@pytest.mark.parametrize(
    "encoded", [b"a\r\nBcc: x@evil.example", b"a\rX: y", b"a\nX: y", b"a\x0bb\x00c", "a\u2028b".encode()]
)
def test_no_decoded_header_holds_a_line_end(encoded: bytes) -> None:
    found = read(headers(b"Subject: " + word("utf-8", encoded)) + CRLF)
    assert not set(found.subject) & set("\r\n\x0b\x0c\x00\x85\u2028\u2029")


def test_decoded_bytes_are_counted_over_all_parts() -> None:
    raw = mail(multipart(b"mixed", part(b"x" * 600), part(b"y" * 600)))
    assert len(parse(raw, decoded_limit=1200).attachments) == 2
    with pytest.raises(Refused) as refusal:
        parse(raw, decoded_limit=1199)
    assert refusal.value.reason is Reason.MAIL_TOO_BIG


def test_parts_are_counted() -> None:
    assert read(mail(multipart(b"mixed", *[text("x")] * (MOST_PARTS - 1)))).text.count("x") == MOST_PARTS - 1
    with pytest.raises(Refused) as refusal:
        read(mail(multipart(b"mixed", *[text("x")] * MOST_PARTS)))
    assert refusal.value.reason is Reason.MAIL_UNREADABLE


def nested(levels: int) -> bytes:
    entity = text("x")
    for level in range(levels):
        entity = multipart(b"mixed", entity, boundary=b"b%d" % level)
    return mail(entity)


def forwarded(levels: int) -> bytes:
    raw = mail(text("x"))
    for _ in range(levels):
        raw = headers() + b"Content-Type: message/rfc822" + CRLF + CRLF + raw
    return raw


def test_levels_are_counted() -> None:
    assert read(nested(MOST_LEVELS)).text.strip() == "x"
    read(forwarded(MOST_LEVELS))
    for raw in (nested(MOST_LEVELS + 1), forwarded(MOST_LEVELS + 1), nested(2000), forwarded(2000)):
        with pytest.raises(Refused) as refusal:
            read(raw)
        assert refusal.value.reason is Reason.MAIL_UNREADABLE


def test_forwards_in_base64_within_each_other_end() -> None:
    raw = mail(text("x"))
    for _ in range(MOST_LEVELS + 2):
        raw = mail(part(raw, content_type=b"message/rfc822"))
    with pytest.raises(Refused):
        read(raw)


def test_result_crosses_a_process_border() -> None:
    found = read(with_file(b"attachment; filename=k.pdf"))
    assert pickle.loads(pickle.dumps(found)) == found


def test_files_and_letter_stay_out_of_the_representation() -> None:
    shown = repr(read(with_file(b"attachment; filename=k.pdf")))
    assert "%PDF" not in shown
    assert "本文" not in shown


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "piece", [b"<", b"<!--", b"<a ", b"&", b"<td>", b"cid:", b"</", b"<script>", b"\r", b"\n", b" "]
)
def test_long_html_is_read_in_time(piece: bytes) -> None:
    read(letter(piece * 200_000, content_type=b"text/html"))


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "piece", [b"From: a@a.example\r\n", b"a,", b"<", b"(", b'"', b"\\", b"=?utf-8?B?", b"\r\n ", b"a@"]
)
def test_long_headers_are_read_in_time(piece: bytes) -> None:
    read(b"From: " + piece * 50_000 + b"\r\n\r\nx")


LINES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"From: a@a.example",
            b"From: ",
            b"Subject: =?utf-8?B?5bGx",
            b"Content-Type: text/html; charset=punycode",
            b"",
            b"Content-Type: multipart/mixed; boundary=b",
            b"Content-Type: message/rfc822",
            b"--b",
            b"--b--",
            b"%PDF-1.7",
            b"Content-Type: multipart/digest; boundary=b",
            b"Content-Type: message/delivery-status",
            b"\x1b$B\x24\x22",
            b"Content-Transfer-Encoding: base64",
            b"Content-Transfer-Encoding: quoted-printable",
            b"=E3=81",
            b"Date: x",
            b"Content-Disposition: attachment; filename*0*=x'y'%",
            b"Content-Type: text/plain; format=flowed",
            b"> > x ",
            b"Content-Type: message/partial; id=1",
            b'Content-Type: multipart/alternative; boundary="b"',
            b" folded",
        ]
    ),
)


@settings(max_examples=400)
@given(st.lists(LINES, max_size=40).map(CRLF.join))
def test_lines_in_any_order_are_read_or_refused(raw: bytes) -> None:
    check(raw)


@settings(max_examples=300)
@given(st.binary(max_size=2000))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    check(raw)


def _leaf(data: bytes, name: str, content_type: str, encoding: str) -> bytes:
    body = base64.b64encode(data) if encoding == "base64" else data
    head = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n"
    disposition = b'Content-Disposition: attachment; filename="' + name.encode("utf-8", "replace") + b'"\r\n'
    return head.encode() + disposition + CRLF + body


TREES = st.recursive(
    st.builds(
        _leaf,
        st.binary(max_size=80),
        st.text(max_size=20),
        st.sampled_from(
            ["text/plain", "text/html", "application/pdf", "image/png", "text/plain; charset=iso-2022-jp"]
        ),
        st.sampled_from(["base64", "8bit", "quoted-printable", "binary", "x-uuencode"]),
    ),
    lambda inner: st.one_of(
        st.builds(
            lambda parts, subtype, boundary: multipart(subtype, *parts, boundary=boundary),
            st.lists(inner, max_size=4),
            st.sampled_from(
                [b"mixed", b"alternative", b"related", b"signed", b"encrypted", b"report", b"digest"]
            ),
            st.sampled_from([b"b", b"c", b"b c", b"--", b""]),
        ),
        inner.map(lambda entity: b"Content-Type: message/rfc822" + CRLF + CRLF + mail(entity)),
        inner.map(lambda entity: part(mail(entity), content_type=b"message/rfc822")),
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(TREES)
def test_any_tree_of_parts_is_read_or_refused(entity: bytes) -> None:
    check(mail(entity))


@settings(max_examples=200)
@given(wild.mails())
def test_wild_mails_are_read_or_refused(raw: bytes) -> None:
    check(raw)


def check(raw: bytes) -> None:
    """Nothing but `Refused`, everything picklable, no line ends in names, text that any database keeps."""
    try:
        found = parse(raw, decoded_limit=LIMIT)
    except Refused as refusal:
        assert refusal.reason in (Reason.MAIL_UNREADABLE, Reason.MAIL_TOO_BIG)  # noqa: PT017
        return
    assert pickle.loads(pickle.dumps(found)) == found
    for line in (found.subject, found.date_said, found.message_id, *(one.name for one in found.attachments)):
        assert not set(line) & set("\r\n\x00")
        line.encode()
    assert all(one.name for one in found.attachments)
    assert "\x00" not in found.text
    found.text.encode()
