"""A code by SMS: what it says, how soon it is tried again, and what an answer of the hook means to people.

What travels to the hook, and which answers are worth another attempt, stands in `hooks`.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from envelopes.rules.policy import Policy
from envelopes.rules.wording import Language

LATE: Final = "late"
_UNFIT: Final = frozenset({"private address", "no TLS", "no hook"})
_UNKNOWN: Final = frozenset({"HTTP 400", "HTTP 404", "HTTP 410", "HTTP 422"})


def text(*, town: str, code: str, word: str, minutes: int, language: Language) -> str:
    """The message; of 70 characters (3GPP TS 23.040 9.2.3.24) it leaves some to a long town's name."""
    if language is Language.ENGLISH:
        return f"{town}: code {code} ({word}), valid {minutes} min. Tell it to nobody."
    return f"{town} 確認コード {code}（符号 {word}）{minutes}分間有効です。だれにも教えないでください。"


def wait(attempts: int, policy: Policy) -> timedelta:
    """The pause after so many attempts: doubled each time, for the code lives only for minutes."""
    doubled: timedelta = policy.sms_retry_first * 2 ** min(max(attempts - 1, 0), 16)
    return min(doubled, policy.sms_retry_cap)


class Why(StrEnum):
    """Why an SMS could not be sent, as staff have to know it."""

    NUMBER = "number"
    SERVICE = "service"
    SETTINGS = "settings"
    SILENT = "silent"


def why(note: str) -> Why:
    """What the last *note* says about a message that was given up."""
    if note in _UNKNOWN:
        return Why.NUMBER
    if note in _UNFIT or note.startswith("HTTP 3") or note in ("HTTP 401", "HTTP 403"):
        return Why.SETTINGS
    return Why.SERVICE if note.startswith("HTTP 4") else Why.SILENT


_WORDS: Final = {
    Why.NUMBER: (
        "送信サービスが、この番号への送信を受け付けませんでした。番号を相手方に確かめ、台帳で直してください",
        "The SMS service does not send to this number. Ask the contractor for it and correct the registry",
    ),
    Why.SERVICE: (
        "送信サービスが受け付けませんでした。サーバーの担当に知らせてください",
        "The SMS service refused it. Tell whoever runs the server",
    ),
    Why.SETTINGS: (
        "送信サービスの設定に誤りがあります。サーバーの担当に知らせてください（fukan doctor）",
        "The SMS service is not set up rightly. Tell whoever runs the server (fukan doctor)",
    ),
    Why.SILENT: (
        "送信サービスが応じないまま、コードの有効時間が過ぎました",
        "The SMS service did not answer while the code was valid",
    ),
}


def meant(reason: Why, language: str = "ja") -> str:
    """What to tell staff about *reason*."""
    japanese, english = _WORDS[reason]
    return english if language == "en" else japanese
