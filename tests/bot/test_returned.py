"""Reports, bounces and automatic answers as Japanese and other servers write them: what is read from each."""

from dataclasses import dataclass
from email.header import Header

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.parse import parse
from bot.returned import Action, Kind, Returned, delivery_ref, read, token
from bot.smtp import Sender
from envelopes.rules.returns import Meaning, meaning
from tests.bot.conftest import Office, real
from tests.servers.dovecot_postfix import RealPostOffice

KEY = b"k" * 32
REF = "abcdefgh234567ab"
BACK = f"uketsuke+b.{token(KEY, REF)}@keiyaku.vill-mihon.example"
DAEMON = "MAILER-DAEMON@mx.example"


def head(subject: str, *more: str, sender: str = DAEMON, to: str = BACK, charset: str = "utf-8") -> str:
    """The head of what came back."""
    written = subject if subject.isascii() else Header(subject, charset).encode()
    return "\n".join((f"From: {sender}", f"To: {to}", f"Subject: {written}", "MIME-Version: 1.0", *more))


def plain(subject: str, body: str, *more: str, charset: str = "utf-8", **who: str) -> bytes:
    """A mail of text alone, in *charset*."""
    lines = head(
        subject,
        *more,
        f"Content-Type: text/plain; charset={charset}",
        "Content-Transfer-Encoding: 8bit",
        **who,
    )
    return lines.encode("ascii") + b"\n\n" + body.encode(charset)


def dsn(
    action: str, status: str, diagnosis: str, *more: str, words: str = "Sorry.", final: str = "x@a.example"
) -> bytes:
    """A delivery status notification (RFC 3464) about one recipient."""
    lines = head(
        "Undelivered Mail Returned to Sender",
        "Return-Path: <>",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=b"',
        *more,
    )
    body = f"""

--=b
Content-Type: text/plain; charset=utf-8

{words}

--=b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; {final}
Action: {action}
Status: {status}
Diagnostic-Code: {diagnosis}

--=b
Content-Type: text/rfc822-headers

To: {final}
Subject: test

--=b--
"""
    return (lines + body).encode()


def report(kind: str, part: str, subject: str = "report", sender: str = "feedback@isp.example") -> bytes:
    """A multipart/report of another kind."""
    lines = head(subject, f'Content-Type: multipart/report; report-type={kind}; boundary="=b"', sender=sender)
    return f"{lines}\n\n--=b\nContent-Type: text/plain\n\nsee below\n\n--=b\n{part}\n\n--=b--\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A mail, and what must be read from it."""

    raw: bytes
    kind: Kind = Kind.BOUNCE
    action: Action = Action.UNSAID
    meaning: Meaning | None = None


def failed(raw: bytes, why: Meaning) -> Case:
    return Case(raw=raw, action=Action.FAILED, meaning=why)


QMAIL = """Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<x@a.example>:
Sorry, no mailbox here by that name. (#5.1.1)
"""
EXIM = """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  x@a.example
    Unrouteable address
"""
DOCOMO = """次のあて先へのメッセージはエラーのため送信できませんでした。

  送信先メールアドレスが見つかりません

 <x@docomo.ne.jp>:
"""
AUTO = "Auto-Submitted: auto-replied"
CASES: dict[str, Case] = {
    "postfix: user unknown": failed(
        dsn("failed", "5.1.1", "smtp; 550 5.1.1 <x@a.example>: Recipient address rejected: User unknown"),
        Meaning.NO_SUCH_ADDRESS,
    ),
    "postfix: full": failed(dsn("failed", "5.2.2", "smtp; 552 5.2.2 Mailbox full"), Meaning.MAILBOX_FULL),
    "postfix: given up after days": failed(
        dsn("failed", "4.4.1", "X-Postfix; connect to mx.a.example[192.0.2.1]:25: Connection timed out"),
        Meaning.TOO_LATE,
    ),
    "postfix: no such host": failed(
        dsn("failed", "5.4.4", "X-Postfix; Host or domain name not found"), Meaning.NO_SUCH_DOMAIN
    ),
    "postfix: delayed": Case(
        raw=dsn("delayed", "4.2.1", "smtp; 450 4.2.1 Mailbox is resting"), action=Action.DELAYED
    ),
    "postfix: relayed": Case(raw=dsn("relayed (to non-DSN-aware mailer)", "2.0.0", ""), action=Action.PASSED),
    "docomo: unknown user, status says nothing": failed(
        dsn("failed", "5.0.0", "smtp; 550 Unknown user x@docomo.ne.jp"), Meaning.NO_SUCH_ADDRESS
    ),
    "au: refused by its filter": failed(
        dsn("failed", "5.7.1", "smtp; 550 5.7.1 <x@au.com>: Sender rejected"), Meaning.BLOCKED
    ),
    "softbank: invalid recipient behind 5.0.0": failed(
        dsn("failed", "5.0.0", "smtp; 550 Invalid recipient: <x@i.softbank.jp>"), Meaning.NO_SUCH_ADDRESS
    ),
    "gmail: enhanced status only in the words": failed(
        dsn("failed", "5.0.0", "smtp; 550-5.1.1 The email account that you tried to reach does not exist."),
        Meaning.NO_SUCH_ADDRESS,
    ),
    "gmail: unauthenticated": failed(
        dsn("failed", "5.7.26", "smtp; 550-5.7.26 This mail has been blocked"), Meaning.BLOCKED
    ),
    "exchange: too large": failed(
        dsn("failed", "5.3.4", "smtp;552 5.3.4 Message size exceeds fixed limit"), Meaning.TOO_BIG
    ),
    "exchange: no action, a status alone": failed(
        dsn("", "5.1.10", "smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound"), Meaning.NO_SUCH_DOMAIN
    ),
    "japanese words around a dsn": failed(
        dsn("failed", "5.1.1", "smtp; 550 5.1.1 unknown", words="あなたのメールは配信できませんでした。"),
        Meaning.NO_SUCH_ADDRESS,
    ),
    "qmail": failed(plain("failure notice", QMAIL, "Return-Path: <>"), Meaning.NO_SUCH_ADDRESS),
    "exim": failed(
        plain("Mail delivery failed: returning message to sender", EXIM, "X-Failed-Recipients: x@a.example"),
        Meaning.NO_SUCH_DOMAIN,
    ),
    "docomo: in its own words, iso-2022-jp": failed(
        plain("エラーメール", DOCOMO, charset="iso-2022-jp"), Meaning.NO_SUCH_ADDRESS
    ),
    "a provider's own words, shift_jis": failed(
        plain(
            "配信不能のお知らせ",
            "宛先のメールボックスがいっぱいのため配信できませんでした。",
            charset="shift_jis",
        ),
        Meaning.MAILBOX_FULL,
    ),
    "a provider's own words, euc-jp": failed(
        plain("メール送信エラー", "受信拒否の設定のため、お届けすることができません。", charset="euc-jp"),
        Meaning.BLOCKED,
    ),
    "a provider that keeps trying": Case(
        raw=plain("配信遅延のお知らせ", "配達が遅れています。引き続き再送を行います。"), action=Action.DELAYED
    ),
    "a server that says nothing": Case(raw=plain("mail", "", "Return-Path: <>")),
    "complaint (ARF)": Case(
        raw=report(
            "feedback-report",
            "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: SomeISP/1.0\nVersion: 1",
        ),
        kind=Kind.COMPLAINT,
    ),
    "receipt: shown": Case(
        raw=report(
            "disposition-notification",
            "Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; x@a.example\n"
            "Disposition: manual-action/MDN-sent-manually; displayed",
            subject="=?utf-8?b?6ZaL5bCB5riI44G/?=",
            sender="x@a.example",
        ),
        kind=Kind.RECEIPT,
    ),
    "out of office (Exchange)": Case(
        raw=plain("自動応答: 署名依頼", "本日は不在です。", AUTO, sender="x@a.example"), kind=Kind.AUTO_REPLY
    ),
    "out of office without any header": Case(
        raw=plain("不在通知 Re: 署名依頼", "夏季休業中です。", sender="x@a.example"), kind=Kind.AUTO_REPLY
    ),
    "thanks for your mail, null return path": Case(
        raw=plain(
            "【自動返信】お問い合わせ", "受け付けました。", AUTO, "Return-Path: <>", sender="info@a.example"
        ),
        kind=Kind.AUTO_REPLY,
    ),
    "vacation by an old program": Case(
        raw=plain("Re: 署名依頼", "出張中です。", "X-Autoreply: yes", sender="x@a.example"),
        kind=Kind.AUTO_REPLY,
    ),
    "out of office, iso-2022-jp": Case(
        raw=plain("自動返信：休暇中", "休暇中です。", AUTO, charset="iso-2022-jp", sender="x@a.example"),
        kind=Kind.AUTO_REPLY,
    ),
    "mailing list": Case(
        raw=plain("[ml 12] news", "news", "List-Id: <ml.a.example>", sender="ml@a.example"), kind=Kind.OTHER
    ),
    "robot": Case(raw=plain("weekly", "report", sender="noreply@a.example"), kind=Kind.OTHER),
}


def returned(raw: bytes) -> Returned:
    found = parse(raw, decoded_limit=10_000_000).returned
    assert found is not None
    return found


@pytest.mark.parametrize("name", CASES)
def test_what_came_back_is_understood(name: str) -> None:
    case, found = CASES[name], returned(CASES[name].raw)
    assert (found.kind, found.action) == (case.kind, case.action)
    assert delivery_ref([KEY], found.tokens) == REF
    if case.meaning is not None:
        assert meaning(found.status, found.text) is case.meaning


def test_a_person_reports_nothing() -> None:
    raw = plain("Re: 署名依頼", "届きました。ありがとうございます。", sender="x@a.example")
    assert parse(raw, decoded_limit=1000).returned is None


def test_a_token_without_its_mac_names_nobody() -> None:
    forged = token(b"x" * 32, REF)
    assert delivery_ref([KEY], [forged]) is None
    assert delivery_ref([b"new" * 11, KEY], [forged, token(KEY, REF)]) == REF


def test_a_return_path_in_capitals_is_still_ours() -> None:
    raw = dsn("failed", "5.1.1", "").replace(BACK.encode(), BACK.upper().encode())
    assert delivery_ref([KEY], returned(raw).tokens) == REF


def test_a_return_path_is_found_where_the_server_left_it() -> None:
    raw = dsn("failed", "5.1.1", "", f"Delivered-To: {BACK}").replace(
        f"To: {BACK}".encode(), b"To: a@b.example", 1
    )
    assert delivery_ref([KEY], returned(raw).tokens) == REF


def test_the_words_of_a_server_are_cut_and_stay_out_of_logs() -> None:
    found = returned(plain("failure notice", "x@a.example " * 5000, "Return-Path: <>"))
    assert len(found.text) == 2000
    assert "a.example" not in repr(found)


@settings(max_examples=40)
@given(st.sampled_from(sorted(CASES)), st.data())
def test_damaged_reports_are_read_without_an_error(name: str, data: st.DataObject) -> None:
    raw = bytearray(CASES[name].raw)
    for _ in range(data.draw(st.integers(1, 12))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert read(bytes(raw), signs=frozenset()).kind in Kind


@pytest.mark.parametrize("sender", [(), ("From:",), ("From: <>",), ("From: ,",)])
def test_a_report_of_nobody_is_read_by_its_words(sender: tuple[str, ...]) -> None:
    lines = ("Return-Path: <>", *sender, "Subject: test", "", "550 5.1.1 User unknown", "")
    found = returned("\n".join(lines).encode())
    assert (found.kind, found.action, found.status) == (Kind.BOUNCE, Action.FAILED, "5.1.1")


async def test_a_genuine_report_is_understood(office: Office, sender: Sender) -> None:
    """Postfix and the demo's post office each return what they could not deliver."""
    mail = b"From: keiyaku@keiyaku.vill-mihon.example\r\nMessage-ID: <1@x.example>\r\nSubject: x\r\n\r\nx\r\n"
    box, path = "modori@keiyaku.vill-mihon.example", BACK.replace("uketsuke", "modori")
    await sender.send(sender=path, recipient="bounce@takahashi.example", data=mail, envid=REF)
    (raw,) = await office.arrived(box)
    found = returned(raw)
    assert (found.kind, found.action) == (Kind.BOUNCE, Action.FAILED)
    assert delivery_ref([KEY], found.tokens) == REF
    assert found.message_id == "<1@x.example>"
    assert meaning(found.status, found.text) is Meaning.NO_SUCH_ADDRESS


async def test_postfix_gives_back_the_envelope_id(post_office_real: RealPostOffice) -> None:
    office = real(post_office_real)
    sender = Sender(office.relay())
    mail = b"From: keiyaku@keiyaku.vill-mihon.example\r\n\r\nx\r\n"
    bare = "bare@keiyaku.vill-mihon.example"
    await sender.send(sender=bare, recipient="bounce@takahashi.example", data=mail, envid=REF)
    (raw,) = await office.arrived(bare)
    await sender.close()
    found = returned(raw)
    assert (found.tokens, found.envelope_id) == ((), REF)
