"""Any mail can be looked at, and answered: the pages of the demo are there for broken ones too."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings

from fukan.demo import answering, cast, reading
from tests.bot import wild

PUNYCODE = b"Content-Type: text/plain; charset=punycode\r\n\r\n\xff-\xff"
BOUNDARY = "あ".encode()
FORWARDED = (
    b"Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=" + BOUNDARY + b"\r\n\r\n"
    b"--" + BOUNDARY + b"\r\n\r\nx\r\n--" + BOUNDARY + b"--\r\n"
)
WORD = b"Subject: =?\xff?B?44GC?=\r\nTo: \xff\r\nReply-To: \xff\r\n\r\nx"


def look(raw: bytes) -> None:
    """Ask for everything that the pages ask for."""
    assert reading.read(raw).text is not None
    for leaf in reading.leaves(raw):
        reading.content(leaf)
        reading.words(leaf)
        reading.file_name(leaf)
    if answering.replier(raw):
        answering.compose(raw, "状況", clerk=cast.NAKAMURA, now=datetime(2026, 8, 4, tzinfo=UTC))


@pytest.mark.parametrize("raw", [PUNYCODE, FORWARDED, WORD], ids=["charset", "boundary", "word"])
def test_what_the_library_stumbles_over_is_shown(raw: bytes) -> None:
    look(raw)


@settings(max_examples=150)
@given(wild.mails())
def test_any_mail_can_be_looked_at(raw: bytes) -> None:
    look(raw)
