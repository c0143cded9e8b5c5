"""What a server's answer means for a mail."""

import pytest

from bot.answers import Deferred, Delivered, Failed, judge, judge_login

PLAIN = (False, False, False)
TOO_BIG = (True, False, False)
POLICY = (False, True, False)
LOGIN = (False, False, True)


@pytest.mark.parametrize(
    ("code", "text", "flags"),
    [
        (550, "5.1.1 no such user", PLAIN),
        (550, "no such user", PLAIN),
        (552, "message size exceeds the limit", TOO_BIG),
        (552, "5.3.4 too big", TOO_BIG),
        (554, "5.3.4 too big", TOO_BIG),
        (554, "5.2.3 too long", TOO_BIG),
        (552, "5.2.2 mailbox full", PLAIN),
        (550, "5.7.1 refused", POLICY),
        (550, "5.7.26 unauthenticated mail", POLICY),
        (535, "5.7.8 credentials invalid", LOGIN),
        (530, "5.7.0 authentication required", LOGIN),
        (555, "15.7.1 is no status", PLAIN),
    ],
)
def test_permanent_answers_say_what_is_special(code: int, text: str, flags: tuple[bool, ...]) -> None:
    answer = judge(code, text)
    assert isinstance(answer, Failed)
    assert (answer.too_big, answer.policy, answer.login) == flags


@pytest.mark.parametrize("code", [421, 450, 451, 452, 354, 0])
def test_everything_that_is_neither_yes_nor_no_waits(code: int) -> None:
    assert isinstance(judge(code, "4.7.1 not yet"), Deferred)


def test_yes_is_delivered() -> None:
    assert judge(250, "2.0.0 queued as 1A2B") == Delivered(code=250, text="2.0.0 queued as 1A2B")


def test_login_that_cannot_be_looked_at_waits() -> None:
    assert isinstance(judge_login(454, "4.7.0 try later"), Deferred)
    assert judge_login(535, "no") == Failed(code=535, text="no", login=True)
