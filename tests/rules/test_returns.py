"""What servers answer, Japanese ones too, and what it means for people."""

import pytest

from envelopes.rules.policy import Policy
from envelopes.rules.returns import WORDS, Meaning, meaning, meaning_of, refusals_to_die

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
    assert meaning_of("450 4.2.1", "resting") is Meaning.TOO_LATE
    assert meaning_of("421", "busy") is Meaning.TOO_LATE
    assert meaning_of(None, None) is Meaning.REFUSED


def test_every_meaning_has_words_in_both_languages() -> None:
    assert set(WORDS) == set(Meaning)
    assert all(japanese and english.isascii() for japanese, english in WORDS.values())


@pytest.mark.parametrize(
    ("code", "answer", "carrier", "refusals"),
    [
        ("550 5.1.1", "User unknown", False, 1),
        ("5.1.10", "null MX", False, 1),
        ("550 5.1.1", "User unknown", True, 2),  # docomo says so of mailboxes that are there
        ("550", "Unknown user taro@docomo.ne.jp", True, 2),
        ("550", "User unknown", False, 2),  # no status: many servers say so of everything
        ("552 5.2.2", "Mailbox full", False, 2),
        ("554", "", False, 2),
        ("550 5.7.26", "unauthenticated", False, None),  # about us
        ("552 5.3.4", "too big", False, None),  # about the mail
        ("4.4.1", "timed out", False, None),
        ("450 4.2.1", "resting", False, None),
        ("0", "", False, None),
        (None, None, False, None),
    ],
)
def test_how_many_refusals_make_an_address_dead(
    code: str | None, answer: str | None, *, carrier: bool, refusals: int | None
) -> None:
    assert refusals_to_die(code, answer, carrier=carrier, policy=Policy()) == refusals
