"""What servers answer, Japanese ones too, and what it means for people."""

import pytest

from envelopes.rules.returns import WORDS, Meaning, meaning, meaning_of

ANSWERS = [
    ("5.1.1", "", Meaning.NO_SUCH_ADDRESS),
    ("5.1.10", "recipient address has null MX", Meaning.NO_SUCH_DOMAIN),
    ("5.2.1", "mailbox disabled", Meaning.NO_SUCH_ADDRESS),
    ("4.2.2", "over quota", Meaning.MAILBOX_FULL),
    ("5.3.4", "", Meaning.TOO_BIG),
    ("4.4.1", "connect to mx.example: Connection timed out", Meaning.TOO_LATE),
    ("5.4.4", "Host not found", Meaning.NO_SUCH_DOMAIN),
    ("5.7.1", "Message rejected due to content restrictions", Meaning.BLOCKED),
    ("5.7.26", "This mail is unauthenticated", Meaning.BLOCKED),
    ("", "550 Unknown user taro@docomo.ne.jp", Meaning.NO_SUCH_ADDRESS),
    ("", "550 <x@ezweb.ne.jp>: User unknown", Meaning.NO_SUCH_ADDRESS),
    ("5.0.0", "550 5.0.0 Invalid recipient", Meaning.NO_SUCH_ADDRESS),
    ("", "メールボックスの容量がいっぱいです", Meaning.MAILBOX_FULL),
    ("", "宛先のアドレスが見つかりませんでした", Meaning.NO_SUCH_ADDRESS),
    ("", "受信拒否の設定がされています", Meaning.BLOCKED),
    ("", "Spam message rejected", Meaning.BLOCKED),
    ("", "552 Message size exceeds fixed limit", Meaning.TOO_BIG),
    ("", "", Meaning.REFUSED),
]


@pytest.mark.parametrize(("status", "text", "expected"), ANSWERS)
def test_an_answer_has_a_meaning(status: str, text: str, expected: Meaning) -> None:
    assert meaning(status, text) is expected


def test_a_kept_answer_is_read_however_its_code_is_written() -> None:
    assert meaning_of("550 5.1.1", "no such mailbox") is Meaning.NO_SUCH_ADDRESS
    assert meaning_of("5.2.2", None) is Meaning.MAILBOX_FULL
    assert meaning_of("0", "") is Meaning.TOO_LATE
    assert meaning_of("450 4.2.1", "resting") is Meaning.NO_SUCH_ADDRESS
    assert meaning_of("421", "busy") is Meaning.TOO_LATE
    assert meaning_of(None, None) is Meaning.REFUSED


def test_every_meaning_has_words_in_both_languages() -> None:
    assert set(WORDS) == set(Meaning)
    assert all(japanese and english.isascii() for japanese, english in WORDS.values())
