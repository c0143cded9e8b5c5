"""What a mail server answered, and what that means for the mail. Not here: when to try again (rules.schedule).

`text` is the server's own words. They may name a person: they are for the database's encrypted column and for
staff, never for a log, so they stay out of `repr`.
"""

import re
from dataclasses import dataclass, field
from typing import Final

NO_ANSWER: Final = 0  # the code where no server spoke
_STATUS: Final = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
# RFC 4954 4.1 and 6: credentials wanted, too weak, wrong, or not over this line.
_LOGIN_CODES: Final = frozenset({530, 534, 535, 538})
_TOO_BIG_STATUS: Final = frozenset({"5.2.3", "5.3.4"})  # RFC 3463: length over a limit
_MAILBOX_FULL: Final = "5.2.2"
_STORAGE_EXCEEDED: Final = 552  # RFC 1870 6.1: also the answer to a message over the limit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    code: int
    text: str = field(repr=False)

    @property
    def status(self) -> str:
        """The enhanced status (RFC 3463) like `5.1.1`, or empty."""
        found = _STATUS.match(self.text)
        return found[1] if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered(_Answer):
    """The server has taken the mail over. It may still come back as a report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred(_Answer):
    """Not now: 4xx, silence, a lost line, trouble with TLS or names. `code` is NO_ANSWER where none came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(_Answer):
    """Not ever, as it is. At most one of the flags says what is special about it."""

    too_big: bool = False
    """The same without its attachments may pass."""
    policy: bool = False
    """5.7.x: the operator has to look at DNS, DKIM or the relay."""
    login: bool = False
    """The relay does not know us: nothing will pass, so the queue stops and the operator is told."""


def judge(code: int, text: str) -> Delivered | Deferred | Failed:
    """Return what *code* and *text*, answered to this one mail, mean for it (RFC 5321 4.2.1)."""
    match code // 100:
        case 2:
            return Delivered(code=code, text=text)
        case 5:
            return _failed(code, text)
        case _:
            return Deferred(code=code, text=text)


def judge_login(code: int, text: str) -> Deferred | Failed:
    """Return what a refused login means: 4xx is a server that cannot look, 5xx one that does not know us."""
    if code // 100 == 5:  # noqa: PLR2004 -- RFC 5321 4.2.1: permanent
        return Failed(code=code, text=text, login=True)
    return Deferred(code=code, text=text)


def _failed(code: int, text: str) -> Failed:
    plain = Failed(code=code, text=text)
    if code in _LOGIN_CODES:
        return Failed(code=code, text=text, login=True)
    if plain.status in _TOO_BIG_STATUS or (code == _STORAGE_EXCEEDED and plain.status != _MAILBOX_FULL):
        return Failed(code=code, text=text, too_big=True)
    return Failed(code=code, text=text, policy=True) if plain.status.startswith("5.7.") else plain
