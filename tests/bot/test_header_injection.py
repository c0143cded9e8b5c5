"""No value becomes a header: whoever wrote it, and through whichever door it came.

Names of people, companies, sections and the town, what orders say, subjects and names of files: all of them stand in
headers of mails that are sent afterwards. Each mail is looked at as it arrived: its lines are fields that we write,
once each, and what they say has no line end, no control character and nothing that turns the direction of reading.
"""

import base64
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.letters import Addressee, Letter
from bot.render import Attachment, Mailbox, build, render
from fukan.demo import cast
from fukan.demo.letters import LETTERS, SITE
from tests.world import CONTRACT, World, world

EVIL = "evil@evil.example"
AT = datetime(2026, 8, 4, 5, 21, 8, tzinfo=UTC)
INJECTED = (
    f"名\r\nBcc: {EVIL}\r\n\r\n本文",
    f"名\nBcc: {EVIL}",
    f"名\rBcc: {EVIL}",
    f"名\r\n Bcc: {EVIL}\r\n\tX-Evil: 1",
    f"名\x00Bcc: {EVIL}",
    f"名\x0bBcc: {EVIL}\x0cX-Evil: 1\x85X-Evil: 2",
    f"名\u2028Bcc: {EVIL}\u2029X-Evil: 1",
    "名\u202efdp.exe\u2066名\u2069\u200f\u061c",
    f"=?utf-8?Q?=0D=0ABcc:_{EVIL}?=",
    f"=?utf-8?B?{base64.b64encode(f'名{chr(13)}{chr(10)}Bcc: {EVIL}'.encode()).decode()}?=",
    f"=?iso-2022-jp?Q?=1B$B=0D=0ABcc:_{EVIL}?=",
    f'名" <{EVIL}>, "',
    f"a@b.example>, <{EVIL}",
    '名.pdf"\r\nX-Evil: "1',
    f"{'長' * 70}\r\nBcc: {EVIL}",
    "x" * 900 + f"\r\nBcc: {EVIL}",
    "%0D%0ABcc: " + EVIL,
)
# What the service writes, and what the post offices on the way put on top of it.
HEAD = {
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "Content-Language",
    "Content-Type",
    "Content-Transfer-Encoding",
    "MIME-Version",
}
TRACE = {"Return-Path", "Received", "Delivered-To", "Authentication-Results"}
OF_A_PART = {"Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "MIME-Version"}
BANNED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
FIELD = re.compile(rb"[A-Za-z-]+: ?[\x20-\x7e]*|[ \t][\x20-\x7e]*[\x21-\x7e]")

nasty = st.text(
    st.one_of(
        st.sampled_from("\r\n\0\x0b\x0c\x85\u2028\u2029\u202e\u2066\u200f\ufeff=?_:;,<>@\"'\\%* \tBc名㈱"),
        st.characters(codec="utf-8"),
    ),
    max_size=60,
)
injections = st.one_of(
    st.sampled_from(INJECTED),
    st.builds(lambda one, two: f"{one}\r\nBcc: {EVIL}{two}", nasty, nasty),
    nasty,
)


def require_plain(raw: bytes) -> EmailMessage:
    """Nothing but our own fields, once each, and nothing in them that no person should see."""
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert not [line for line in raw.split(b"\r\n\r\n", 1)[0].split(b"\r\n") if not FIELD.fullmatch(line)]
    ours = [name for name in mail.keys() if name not in TRACE]  # noqa: SIM118 -- a mail is no mapping of its names
    assert set(ours) <= HEAD, set(ours) - HEAD
    assert len(ours) == len(set(ours))
    for part in mail.walk():
        assert not part.defects
        if part is not mail:
            assert set(part.keys()) <= OF_A_PART
        for name, value in part.raw_items():
            one = str(make_header(decode_header(re.sub(r"\r?\n(?=[ \t])", "", str(value)))))
            assert not BANNED.search(one.replace("\t", " ")), (name, one)
        assert not BANNED.search(part.get_filename() or "")
        assert EVIL not in str(part.get("Content-Type", ""))
    for name in ("From", "To", "Reply-To"):
        if name in mail:
            (only,) = mail[name].addresses
            assert only.addr_spec != EVIL
    return mail


# Every letter, with the same words wherever a letter has words


OURS = {"phase", "delivery"}  # states, for which the templates have a word each


def poisoned(value: Any, text: str) -> Any:
    """*value* with *text* in place of every text in it, however deep."""
    match value:
        case Enum() | bool():
            return value
        case str():
            return text
        case Addressee():
            return Addressee(text, text, text, value.language)
        case tuple() if hasattr(value, "_fields"):
            return value._replace(
                **{name: poisoned(getattr(value, name), text) for name in value._fields if name not in OURS}
            )
        case tuple():
            return tuple(poisoned(one, text) for one in value)
        case _:
            return value


def poison(letter: Letter, text: str) -> Letter:
    assert is_dataclass(letter)
    names = [field.name for field in fields(letter) if field.name not in OURS]
    return replace(letter, **{name: poisoned(getattr(letter, name), text) for name in names})


@pytest.mark.parametrize("name", sorted(LETTERS))
@settings(max_examples=8)
@given(text=injections)
def test_no_words_of_a_letter_become_a_header(name: str, text: str) -> None:
    site = replace(SITE, town=text, town_english=text, hours=text, hours_english=text)
    rendered = render(poison(LETTERS[name], text), site=site)
    for plain_only in (False, True):
        mail = require_plain(
            build(
                rendered,
                sender=Mailbox(rendered.sender, cast.SENDER),
                recipient=Mailbox(text, cast.TAKAHASHI.address),
                reply_to=Mailbox(text, "kensetsu@vill-mihon.example"),
                message_id="<1@keiyaku.vill-mihon.example>",
                date=AT,
                references=("<2@keiyaku.vill-mihon.example>",),
                attachments=(Attachment(f"{text}.pdf", "1.pdf", b"%PDF-"),),
                plain_only=plain_only,
            )
        )
        assert len(list(mail.iter_attachments())) == 1


# Every door


def order_of(text: str, *, kind: str, to: str, file: Path) -> bytes:
    """An order in which *text* stands wherever a clerk, or who wrote to him, can write something."""
    word = base64.b64encode(text.encode()).decode()
    name = quote(f"{text}.pdf", safe="")
    said = [
        f"封筒名：{text}",
        f"宛先：{to}",
        f"種別：{kind}",
        "金額：12,980,000円（税込）",
        f"備考：{text}",
        f"{text}：x",
    ]
    head = (
        f"From: =?utf-8?B?{word}?= <{cast.NAKAMURA.address}>\r\n"
        f"To: {cast.INTAKE}\r\n"
        f"Subject: =?utf-8?B?{word}?=\r\n"
        f"Message-ID: <=?utf-8?B?{word}?=@vill-mihon.example>\r\n"
        f"References: =?utf-8?B?{word}?= <1@x.example>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    )
    parts = (
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + lines_of("\n".join(said).encode()),
        f"Content-Type: message/rfc822\r\n\r\nFrom: =?utf-8?B?{word}?= <x@y.example>\r\nSubject: {word}\r\n\r\nx",
        "Content-Type: application/pdf\r\n"
        f"Content-Disposition: attachment; filename*=UTF-8''{name}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n" + lines_of(file.read_bytes()),
    )
    return (head + "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n").encode()


def lines_of(data: bytes) -> str:
    return base64.encodebytes(data).decode().replace("\n", "\r\n")


def arrived(built: World) -> Sequence[EmailMessage]:
    """Every mail that has arrived anywhere; each is as it should be."""
    boxes = [box.address for box in built.office.mailboxes()]
    found = [built.office.mail(item.id) for box in boxes for item in built.office.mails(box)]
    return [require_plain(raw) for raw in found if raw]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("world"), policy={"answers_an_hour": 10_000}) as made:
        await made.drain()
        yield made


@pytest.mark.asyncio(loop_scope="module")
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(text=injections)
async def test_no_order_becomes_a_header(shared: World, text: str) -> None:
    before = len(shared.mails(cast.NAKAMURA.address))
    await shared.deliver(order_of(text, kind="契約書", to=cast.TAKAHASHI.company, file=CONTRACT))
    await shared.drain()
    new = shared.office.mails(cast.NAKAMURA.address)[:-before]
    assert new, "neither a draft nor an answer"
    for item in new:
        require_plain(shared.office.mail(item.id) or b"")
