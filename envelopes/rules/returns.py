"""What became of a mail, and why it did not arrive: a server's answer → what it means, in Japanese and English.

The enhanced status (RFC 3463) is asked first, then the server's words: many Japanese servers answer 550 to everything.
When an address counts as dead stands here too. Nothing here knows whose mail it was, or how a report is read
(`bot.returned`).
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from envelopes.rules.policy import Policy


class DeliveryState(StrEnum):
    """What has become of a mail to one recipient. `DELIVERED`: a server has taken it over."""

    QUEUED = "queued"
    RETRY = "retry"
    DELIVERED = "delivered"
    DELAYED = "delayed"
    FAILED = "failed"


class Meaning(StrEnum):
    """What is the matter with the way to an address."""

    NO_SUCH_ADDRESS = "no-such-address"
    NO_SUCH_DOMAIN = "no-such-domain"
    MAILBOX_FULL = "mailbox-full"
    TOO_BIG = "too-big"
    BLOCKED = "blocked"
    TOO_LATE = "too-late"
    DELAYED = "delayed"
    SILENT = "silent"
    REFUSED = "refused"


# The error of a task whose mail no server has taken yet begins so; then comes the server's code, 0 for silence.
DEFERRED: Final = "mail-deferred"
WORDS: Final[Mapping[Meaning, tuple[str, str]]] = {
    Meaning.NO_SUCH_ADDRESS: ("アドレスが存在しません", "The address does not exist"),
    Meaning.NO_SUCH_DOMAIN: ("アドレスの@より後ろ（ドメイン）が存在しません", "The domain does not exist"),
    Meaning.MAILBOX_FULL: ("相手の受信箱がいっぱいです", "The mailbox is full"),
    Meaning.TOO_BIG: ("メールが相手のサーバーの上限より大きすぎます", "The mail is too big for the receiver"),
    Meaning.BLOCKED: (
        "相手のサーバーが受信を拒んでいます（迷惑メール対策など）",
        "The receiver blocks the mail",
    ),
    Meaning.TOO_LATE: (
        "相手のサーバーが受け取らないまま、期限が過ぎました",
        "The receiver took nothing in all the time it was tried",
    ),
    Meaning.DELAYED: ("配達が遅れています（まだ試みています）", "Delivery is delayed and still being tried"),
    Meaning.SILENT: (
        "送ったあと、リンクが開かれていません（携帯会社の迷惑メール対策で消えた恐れがあります）",
        "Nothing has been opened since; the carrier's filter may have swallowed the mail",
    ),
    Meaning.REFUSED: ("相手のサーバーが受け付けませんでした", "The receiver refused the mail"),
}


def meant(why: Meaning, language: str = "ja") -> str:
    """What to call *why*."""
    japanese, english = WORDS[why]
    return english if language == "en" else japanese


# RFC 3463 and the IANA registry of enhanced status codes: without the class, which only says whether for good.
_STATUS: Final[Mapping[str, Meaning]] = {
    "1.0": Meaning.NO_SUCH_ADDRESS,
    "1.1": Meaning.NO_SUCH_ADDRESS,
    "1.3": Meaning.NO_SUCH_ADDRESS,
    "1.6": Meaning.NO_SUCH_ADDRESS,
    "2.1": Meaning.NO_SUCH_ADDRESS,
    "1.2": Meaning.NO_SUCH_DOMAIN,
    "1.10": Meaning.NO_SUCH_DOMAIN,
    "4.4": Meaning.NO_SUCH_DOMAIN,
    "2.2": Meaning.MAILBOX_FULL,
    "3.1": Meaning.MAILBOX_FULL,
    "2.3": Meaning.TOO_BIG,
    "3.4": Meaning.TOO_BIG,
    "4.1": Meaning.TOO_LATE,
    "4.2": Meaning.TOO_LATE,
    "4.7": Meaning.TOO_LATE,
}
_VAGUE: Final = frozenset({"1.0"})  # the words may say more
# The first that fits holds.
_FORMS: Final[Mapping[Meaning, tuple[str, ...]]] = {
    Meaning.MAILBOX_FULL: (
        r"over ?quota|quota (?:is )?exceed|exceed\w* (?:\w+ )?quota|mailbox (?:is )?full|mail ?box size limit",
        r"insufficient (?:disk|storage)|容量(?:が|を|不足)|いっぱい|満杯",
    ),
    Meaning.TOO_BIG: (
        r"(?:message|mail)(?: size)? (?:is )?too (?:big|large)|size exceeds|サイズ(?:が大き|超過|を超え)",
    ),
    Meaning.NO_SUCH_DOMAIN: (
        r"(?:host|domain)(?: name)? (?:\S+ )?(?:not found|unknown|does not exist)|unrouteable|name service error",
        r"no such domain|ドメイン(?:が|名が)?(?:存在|見つかり)",
    ),
    Meaning.NO_SUCH_ADDRESS: (
        r"user (?:is )?(?:unknown|not found)|unknown (?:user|recipient|address)",
        r"no such (?:user|mailbox|address|recipient)|no mailbox here|invalid (?:recipient|mailbox)",
        r"(?:account|user|mailbox|address|recipient)\S* (?:\S+ )?(?:does not|doesn't|not) exist",
        r"mailbox (?:not found|unavailable)|address (?:not found|rejected)|宛先不明|あて先不明",
        r"(?:アドレス|宛先|あて先|ユーザー?|メールボックス)[がは]?.{0,12}(?:存在し|見つかり|ありませ|不明)",
    ),
    Meaning.BLOCKED: (
        r"block|spam|black ?list|policy|reputation|denied|reject|spf|dkim|dmarc|not permitted|prohibited",
        r"迷惑メール|受信(?:を)?拒否|拒否されました|ブロック",
    ),
    Meaning.TOO_LATE: (
        r"timed? ?out|connection refused|could not be reached|expired|時間切れ|タイムアウト|接続できません",
    ),
}
_WORDS: Final = tuple((one, re.compile("|".join(forms), re.IGNORECASE)) for one, forms in _FORMS.items())


def meaning(status: str, text: str) -> Meaning:
    """What a refusal for good means. *status* like `5.1.1` (may be empty), *text* the server's own words."""
    detail = status.partition(".")[2]
    found = _STATUS.get(detail)
    if detail.startswith("7."):
        found = Meaning.BLOCKED
    if found is None or detail in _VAGUE:
        found = next((one for one, form in _WORDS if form.search(text)), found)
    return found or Meaning.REFUSED


_ENHANCED: Final = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")


def meaning_of(code: str | None, answer: str | None) -> Meaning:
    """What a kept answer means: *code* as the delivery has it (`550 5.1.1`, `5.1.1`, `450`, empty)."""
    found = _ENHANCED.search(code or "")
    why = meaning(found[0] if found else "", answer or "")
    # Not for good, yet given up: it was tried for days. A mailbox that rests (4.2.1) is there.
    tried = (code or "").startswith(("4", "0"))
    return Meaning.TOO_LATE if tried and why in (Meaning.REFUSED, Meaning.NO_SUCH_ADDRESS) else why


_GONE: Final = frozenset({"5.1.1", "5.1.10"})  # RFC 3463, RFC 7505: no such mailbox, no mail at that domain
_NOT_THE_ADDRESS: Final = frozenset({Meaning.TOO_BIG, Meaning.BLOCKED, Meaning.TOO_LATE})


def refusals_to_die(code: str | None, answer: str | None, *, carrier: bool, policy: Policy) -> int | None:
    """After how many refusals like this one an address is dead; None where it says nothing about the address.

    *carrier*: phone carriers answer 550 to a mailbox that is only full or whose owner filters.
    """
    if meaning_of(code, answer) in _NOT_THE_ADDRESS or not (code or "").startswith("5"):
        return None
    found = _ENHANCED.search(code or "")
    certain = found is not None and found[0] in _GONE and not carrier
    return policy.refusals_unknown if certain else policy.refusals_other
