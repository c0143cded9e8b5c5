"""Slips of the pen: which key of an order a word may have been meant for."""

from functools import lru_cache
from typing import Final

from envelopes.rules.keys import KEY_OF

# Near a key by their letters, but words of their own: nobody has mistaken the one for the other.
_NO_SLIPS: Final = frozenset({"発注者", "契約日", "契約者", "納期", "履行期限"})


@lru_cache(maxsize=256)
def meant(name: str) -> str:
    """Return the known name that is one letter off, by preference one that begins alike; or ""."""
    near = [known for known in KEY_OF if len(known) > 1 < len(name) and _one_apart(name, known)]
    if name in _NO_SLIPS:
        return ""
    return max(near, key=lambda known: known[0] == name[0], default="")


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
