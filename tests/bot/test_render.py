"""Words into bytes: the message on the wire, read back by the standard library and line by line."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.render import (
    Attachment,
    AutoSubmitted,
    HeaderUnsafe,
    Mailbox,
    Rendered,
    build,
    clock,
    pad,
    render,
)
from envelopes.rules.wording import jst_date, jst_datetime
from fukan.demo.letters import LETTERS, SITE

WORDS = render(LETTERS["request_mail"], site=SITE)
SENDER = Mailbox("みほん村 電子契約", "keiyaku@keiyaku.vill-mihon.example")
RECIPIENT = Mailbox("髙橋建設株式会社 代表取締役 髙橋 一郎 様", "taro@takahashi-kensetsu.example")
PDF = Attachment(
    "20260806_12980000_髙橋建設株式会社_令和8年度村道北城線舗装補修工事請負契約書①.pdf",
    "20260806_12980000_1.pdf",
    b"%PDF-1.7\n" + bytes(range(256)) * 40,
)
AT = datetime(2026, 8, 4, 5, 21, 8, tzinfo=UTC)


def _build(**changes: Any) -> bytes:
    values: dict[str, Any] = {
        "sender": SENDER,
        "recipient": RECIPIENT,
        "message_id": "<request.4kq2mvtxb97c.1@keiyaku.vill-mihon.example>",
        "date": AT,
        "reply_to": Mailbox("みほん村 建設課", "kensetsu@vill-mihon.example"),
        "references": ("<envelope.4kq2mvtxb97c@keiyaku.vill-mihon.example>",),
    }
    return build(changes.pop("rendered", WORDS), **{**values, **changes})


def _read(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def test_text_comes_first_and_both_parts_are_base64() -> None:
    message = _read(_build())
    assert message.get_content_type() == "multipart/alternative"
    plain, html = message.iter_parts()
    assert plain.get_content_type() == "text/plain"
    assert html.get_content_type() == "text/html"
    for part, wanted in ((plain, WORDS.text), (html, WORDS.html)):
        assert part["Content-Transfer-Encoding"] == "base64"
        assert part.get_content_charset() == "utf-8"
        assert part.get_content().replace("\r\n", "\n") == wanted


def test_headers_read_back_as_they_were_meant() -> None:
    message = _read(_build(auto_submitted=AutoSubmitted.REPLIED))
    assert message["From"].addresses[0].display_name == "みほん村 電子契約"
    assert message["From"].addresses[0].addr_spec == SENDER.address
    # The standard parser keeps the space between encoded words in a display name, against RFC 2047 6.2.
    assert message["To"].addresses[0].display_name.replace(" ", "") == RECIPIENT.name.replace(" ", "")
    to = message_from_bytes(_build())["To"].replace("\r\n", "")
    assert str(make_header(decode_header(to))) == f"{RECIPIENT.name} <{RECIPIENT.address}>"
    assert message["Reply-To"].addresses[0].addr_spec == "kensetsu@vill-mihon.example"
    assert message["Subject"] == WORDS.subject
    assert message["Date"].datetime == AT
    assert message["Date"].endswith("+0900")
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert message["References"] == message["In-Reply-To"]
    assert message["MIME-Version"] == "1.0"
    assert not message.defects


@pytest.mark.parametrize("name", sorted(LETTERS))
@pytest.mark.parametrize("plain_only", [True, False])
def test_wire_is_short_ascii_lines_that_end_in_crlf(name: str, *, plain_only: bool) -> None:
    references = tuple(f"<envelope.4kq2mvtxb97c.{n}@keiyaku.vill-mihon.example>" for n in range(20))
    rendered = render(LETTERS[name], site=SITE)
    raw = _build(rendered=rendered, attachments=(PDF, PDF), references=references, plain_only=plain_only)
    assert raw.isascii()
    lines = raw.split(b"\r\n")
    assert not [line for line in lines if len(line) >= 78 or b"\n" in line or b"\r" in line]
    head = raw.split(b"\r\n\r\n", 1)[0].split(b"\r\n")
    assert not [line for line in head if not line.strip()]


def test_attachment_keeps_its_japanese_name_and_its_bytes() -> None:
    raw = _build(attachments=(PDF,))
    attached = list(_read(raw).iter_attachments())
    assert [part.get_filename() for part in attached] == [PDF.name]
    assert attached[0].get_content() == PDF.content
    assert b"filename*0*=utf-8''" in raw.replace(b"\r\n", b"")
    assert _read(raw).get_content_type() == "multipart/mixed"


def test_same_arguments_give_the_same_bytes() -> None:
    assert _build(attachments=(PDF,)) == _build(attachments=(PDF,))


def test_carrier_gets_text_alone_with_ascii_names() -> None:
    raw = _build(attachments=(PDF,), plain_only=True)
    message = _read(raw)
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "text/plain",
        "application/pdf",
    ]
    assert next(iter(message.iter_attachments())).get_filename() == PDF.ascii_name
    assert len(_build(plain_only=True)) < 50_000
    assert _read(_build(plain_only=True)).get_content_type() == "text/plain"


@pytest.mark.parametrize("local", ["taro..x", "hana.", ".jiro", "a..b."])
def test_odd_local_part_of_a_carrier_is_quoted(local: str) -> None:
    raw = _build(recipient=Mailbox("佐藤 花子 様", f"{local}@docomo.ne.jp"))
    assert f'<"{local}"@docomo.ne.jp>'.encode() in raw
    assert not _read(raw)["To"].defects
    quoted = _build(recipient=Mailbox("", f'"{local}"@docomo.ne.jp'))
    assert f'To: "{local}"@docomo.ne.jp\r\n'.encode() in quoted


def test_japanese_domain_is_written_in_idna() -> None:
    assert b"<info@xn--79jh5dw722a.example>" in _build(recipient=Mailbox("村", "info@みほん村.example"))


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": Mailbox("x", "a@b.example>\r\nBcc: <evil@evil.example")},
        {"recipient": Mailbox("x", "a\nb@b.example")},
        {"recipient": Mailbox("x", "日本@b.example")},
        {"recipient": Mailbox("x", "nobody")},
        {"recipient": Mailbox("x", "a@" + "x" * 64 + "é.example")},
        {"message_id": "<a@b>\r\nBcc: evil@evil.example"},
        {"references": ("<a@b>\nX: y",)},
        {"attachments": (Attachment("a.pdf", "日本.pdf", b"%PDF-"),), "plain_only": True},
    ],
)
def test_unsafe_header_values_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(HeaderUnsafe):
        _build(**changes)


@given(text=st.text(max_size=200))
def test_no_text_becomes_a_header(text: str) -> None:
    text += "\r\nBcc: evil@evil.example\r\n\r\nbody"
    words = Rendered(subject=text, text="x", html="<p>x</p>")
    attachment = Attachment(text, "a.pdf", b"%PDF-")
    raw = _build(rendered=words, recipient=Mailbox(text, "a@b.example"), attachments=(attachment,))
    message = _read(raw)
    assert message["Bcc"] is None
    assert all(part["Bcc"] is None for part in message.walk())
    assert [str(message[name].addresses[0].addr_spec) for name in ("From", "To")] == [
        SENDER.address,
        "a@b.example",
    ]


def test_times_are_said_as_in_japan() -> None:
    late = datetime(2026, 8, 4, 15, 30, 8, tzinfo=UTC)
    assert (jst_date(late), clock(late)) == ("2026年8月5日（水）", "00:30")
    assert (jst_datetime(late), jst_datetime(late, seconds=True)) == (
        "2026年8月5日（水）0時30分",
        "2026年8月5日（水）0時30分8秒",
    )


def test_labels_are_filled_to_one_width() -> None:
    assert [pad(label) for label in ("件名", "文書1", "文書12", "契約締結日", "締結証明書ID")] == [
        "件名　　　　",
        "文書1 　　　",
        "文書12　　　",
        "契約締結日　",
        "締結証明書ID　",
    ]
