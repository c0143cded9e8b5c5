"""Slips of the pen: which key of an order a word may have been meant for.

One letter is off, it is not the letter that makes it another word, and the value is one for that key. Nothing is read
by a slip: it is asked about, and what only may fit is not written for anybody.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from envelopes.rules.errors import Refused
from envelopes.rules.factors import read
from envelopes.rules.keys import KEY_OF, Key
from envelopes.rules.names import legal_form

# Near a key by their letters, but words of their own: nobody has mistaken the one for the other.
# fmt: off
_NO_SLIPS: Final = frozenset({
    "発注者", "契約日", "契約者", "納期", "履行期限", "備品", "変更前契約金額", "増額", "減額", "差額", "契約差額",
    "税額", "残額", "月額", "年額", "日額", "定額", "全額",
})
# fmt: on
_SHORT: Final = 2  # letters; of a longer word the last says what it is: 請負額, 請負者

_MONEY: Final = re.compile(r"[0-9][0-9,]{3,}|[0-9万億]円|^なし|単価契約")
_SPAN: Final = re.compile(r"から|[~～〜]|まで|[年月]間")
_DATE: Final = re.compile(
    r"^(?!.*(?:から|[~～〜]|[年月]間)).*(?:[0-9]{1,2}\s?[月/.-]\s?[0-9]|月末|末日|以内)"
)
_LOOKS: Final[Mapping[Key, re.Pattern[str]]] = {
    Key.AMOUNT: _MONEY,
    Key.DEADLINE: _DATE,
    Key.START: _DATE,
    Key.PERIOD: _SPAN,
    Key.KIND: re.compile("契約書|契約$|請書|覚書|協定"),
    Key.SECTION: re.compile(r"(?:課|室|係|局|部|所|館|班|会|センター)(?:$|\s)"),
}


@lru_cache(maxsize=256)
def meant(name: str, value: str) -> str:
    """Return the known name that *name* is a slip of, by preference one that begins alike; or ""."""
    if name in _NO_SLIPS:
        return ""
    near = [known for known in KEY_OF if _is_slip(name, known) and fits(KEY_OF[known], value) is not False]
    return max(near, key=lambda known: known[0] == name[0], default="")


def fits(key: Key, value: str) -> bool | None:
    """Whether *value* can be one of *key*; `None` where it may well be, but could be one of others too."""
    plain = unicodedata.normalize("NFKC", value)
    if looks := _LOOKS.get(key):
        return looks.search(plain) is not None
    if key is Key.IDENTITY:
        return _is_method(value)
    is_somebody = legal_form(value) != "" or "@" in plain
    if key is Key.RECIPIENT and is_somebody:
        return True
    is_other = _MONEY.search(plain) or _DATE.search(plain) or (is_somebody and key is Key.TITLE)
    return False if is_other and key is not Key.NOTE else None


def _is_method(value: str) -> bool:
    try:
        read(value)
    except Refused:
        return False
    return True


def _is_slip(name: str, known: str) -> bool:
    """Whether one letter is off. A word before a key (前金額) or another last letter (請負額) makes another word."""
    if not len(known) > 1 < len(name) or not _one_apart(name, known):
        return False
    is_other_word = name[1:] == known or (len(name) == len(known) > _SHORT and name[:-1] == known[:-1])
    return not is_other_word


def _one_apart(one: str, other: str) -> bool:
    """Say whether one letter was changed, left out or put in, or two neighbours changed places."""
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    same = next((index for index, letter in enumerate(short) if letter != long[index]), len(short))
    if len(short) == len(long) and short[same : same + 2] == long[same : same + 2][::-1]:
        return short != long and short[same + 2 :] == long[same + 2 :]
    skip = 1 if len(short) == len(long) else 0
    return short != long and short[same + skip :] == long[same + 1 :]
