"""Ways for a signer to prove who he is: which there are, what each is called, and what a consent must show.

A contractor always proves his mailbox first, by a code that was mailed to it. Staff may ask for a second proof, which
comes after the code: then nobody without the mailbox can use up its tries. How one proof is checked is the business
of the actions; here is what counts.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from envelopes.rules.consent import Grant
from envelopes.rules.errors import Reason, Refused
from envelopes.rules.wording import jst_date


class Method(StrEnum):
    """What staff ask of a contractor: the code by mail alone, or one thing more."""

    MAIL = "mail"
    ACCESS_CODE = "access-code"  # generated, told by telephone
    AUTHENTICATOR = "authenticator"  # an app on the contractor's phone, set up before
    SMS = "sms"  # a code by SMS, where a gateway is configured


STAFF: Final = "staff"  # in a signer's place instead: password and authenticator, for the village's own
ACCESS_CODE_DIGITS: Final = 8


class _Words(NamedTuple):
    ja: str
    en: str


# What one proof is called, in Japanese for the records and in English for the pages.
_LEVELS: Final = {
    Method.MAIL.value: _Words("メール", "e-mail"),
    Method.ACCESS_CODE.value: _Words("アクセスコード（電話でお伝え）", "access code (told by telephone)"),
    Method.AUTHENTICATOR.value: _Words("認証アプリ", "authenticator app"),
    Method.SMS.value: _Words("SMSの確認コード", "code by SMS"),
    STAFF: _Words("職員のパスワード", "password of a member of staff"),
}
_ALONE: Final = _Words("メール1経路", "e-mail, one channel")

# How an order says it; the first word is what an answer uses.
_SAID: Final = {
    Method.ACCESS_CODE: ("アクセスコード", "アクセス番号", "電話"),
    Method.AUTHENTICATOR: ("認証アプリ", "アプリ", "authenticator", "totp"),
    Method.SMS: ("sms", "ショートメッセージ", "ショートメール"),
    Method.MAIL: ("メール", "mail", "確認コード"),
}
_NOT_THIS: Final = re.compile(
    rf"(?:{'|'.join(name for names in _SAID.values() for name in names)})(?:認証|コード)?(?:[はがのをに]|による確認は)?"
    r"(?:不要|不可|無し|なし|ng|以外|使(?:え|わ)(?:ない|ません|ず)|でき(?:ない|ません|ず)|では?な(?:い|く)"
    r"|(?:取り|とり)?(?:やめ|止め)|廃止|から|代わり|かわり|[代替か]えて?)"
)


def second(proof: str) -> Method | None:
    """What is asked for after the code by mail, where a signer's `proof` says so; None where the mail is enough."""
    return None if proof in (STAFF, Method.MAIL) else Method(proof)


# Which way is worth more, where staff change it. What one member of staff alone can hand to somebody else is worth less
# than what two people answer for: an access code less than a registered phone.
_WORTH: Final = {Method.MAIL: 0, Method.ACCESS_CODE: 1, Method.AUTHENTICATOR: 2, Method.SMS: 2}


def raises(before: Method, after: Method) -> bool:
    """Whether *after* asks for more than *before*. All else takes two members of staff."""
    return _WORTH[after] > _WORTH[before]


def enough(wanted: Method) -> frozenset[str]:
    """What may be shown where *wanted* is asked for: an access code until an app has been set up that counts."""
    return frozenset({wanted} | ({Method.ACCESS_CODE} if wanted is Method.AUTHENTICATOR else set()))


def suffice(proof: str, grants: Sequence[Grant]) -> bool:
    """Whether *grants* are all that a signer's `proof` asks for, and nothing that nobody knows."""
    levels = {grant.level for grant in grants}
    wanted = second(proof)
    shown = wanted is None or (Method.MAIL in levels and bool(enough(wanted) & levels))
    return bool(levels) and levels <= set(_LEVELS) and shown


def in_words(grants: Sequence[Grant]) -> tuple[str, ...]:
    """Each proof in the words of signature and certificate. A mailbox alone is called one channel."""
    if [grant.level for grant in grants] == [Method.MAIL]:
        return (_ALONE.ja,)
    return tuple(_LEVELS[grant.level].ja + _since(grant) for grant in grants)


def _since(grant: Grant) -> str:
    """When and how an app was set up that a contractor proves himself with."""
    if not grant.since:
        return ""
    return f"（{jst_date(datetime.fromisoformat(grant.since))}に、メールとアクセスコードで確かめて登録）"


def together(grants: Sequence[Grant], *, between: str = "、") -> str:
    """The same in one phrase: what comes on top of the mail is added to it, what staff have stands side by side."""
    mailed = any(grant.level == Method.MAIL for grant in grants)
    return ("＋" if mailed else between).join(in_words(grants))


def called(method: Method, language: str = "ja") -> str:
    """The whole level that *method* leads to, as staff choose it and as a page says it."""
    english = language == "en"
    if method is Method.MAIL:
        return _ALONE.en if english else _ALONE.ja
    mail, more = _LEVELS[Method.MAIL], _LEVELS[method]
    return f"{mail.en} + {more.en}" if english else f"{mail.ja}＋{more.ja}"


def read(written: str) -> Method:
    """What a line 本人確認 asks for. Raises Refused(IDENTITY_UNREADABLE) where it is none, or more than one."""
    plain = _NOT_THIS.sub("", "".join(unicodedata.normalize("NFKC", written).casefold().split()))
    found = {method for method, names in _SAID.items() if any(name in plain for name in names)}
    more = found - {Method.MAIL}
    if not found or len(more) > 1:
        raise Refused(Reason.IDENTITY_UNREADABLE)
    return more.pop() if more else Method.MAIL


def spread(said: Sequence[Method], count: int) -> tuple[Method, ...]:
    """One method for each of *count* signers in turn: the last that was said holds for the rest; mail for none."""
    last = said[-1] if said else Method.MAIL
    return tuple(said[index] if index < len(said) else last for index in range(count))
