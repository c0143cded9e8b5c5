"""Every reason can be said in both languages, whatever details come with it."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envelopes.rules.errors import Reason
from envelopes.rules.exclusions import QUESTIONS
from envelopes.texts import TEXTS, say


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_said_in_both_languages(reason: Reason) -> None:
    text = TEXTS[reason]
    assert text.ja.endswith("。") or text.ja.endswith("}")
    assert text.en.isprintable()
    assert text.ja.isprintable()
    assert "<a" not in text.ja
    assert "<b" not in text.ja


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("language", ["ja", "en"])
def test_missing_details_never_raise_and_leave_no_brace(reason: Reason, language: str) -> None:
    said = say(reason, language)
    assert said
    assert "{" not in said


@given(st.sampled_from(list(Reason)), st.text(), st.integers())
def test_any_detail_is_taken_as_it_is(reason: Reason, text: str, number: int) -> None:
    for translated in TEXTS[reason]:
        names = placeholders(translated) | {"unknown"}
        assert say(reason, "ja", **dict.fromkeys(names, text))
        assert say(reason, "en", **dict.fromkeys(names, number))


def test_a_detail_is_no_template() -> None:
    assert "{0.__class__}" in say(Reason.FILE_TYPE, file="{0.__class__}")


def test_bytes_are_said_in_megabytes() -> None:
    assert say(Reason.PDF_TOO_BIG, bytes=41_300_000, most=40_000_000).startswith("41.3MBあります。40MB以下")


def test_both_languages_know_the_same_details() -> None:
    for reason, text in TEXTS.items():
        assert placeholders(text.en) <= placeholders(text.ja), reason


def test_a_suggestion_is_a_question_only_where_there_is_one() -> None:
    assert say(Reason.RECIPIENT_UNKNOWN, suggestion="髙橋建設").endswith("もしかして「髙橋建設」ですか。")
    assert say(Reason.RECIPIENT_UNKNOWN, suggestion="").endswith("書いてください。")


def test_lists_are_said_in_the_readers_language() -> None:
    unread, asked = {"positions": "1 3"}, {"questions": "excluded-term excluded-renewal"}
    assert "文書1、文書3。" in say(Reason.DOCUMENTS_UNREAD, **unread)
    assert "document 1, document 3." in say(Reason.DOCUMENTS_UNREAD, "en", **unread)
    assert "10年超、自動更新。" in say(Reason.QUESTIONS_OPEN, **asked)
    assert say(Reason.QUESTIONS_OPEN, "en", **asked).isascii()


@pytest.mark.parametrize("question", sorted(QUESTIONS))
def test_every_question_has_a_name(question: Reason) -> None:
    assert say(Reason.QUESTIONS_OPEN, questions=question) != say(Reason.QUESTIONS_OPEN, questions="?")
