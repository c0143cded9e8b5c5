"""Addresses in headers (RFC 5322 3.4): display names and mailboxes. Strict where a sender is at stake.

Python's own parser takes the wrong one of two addresses in odd headers (CVE-2023-27043), so this one reads
the list from left to right and marks what is not plainly one mailbox.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bot.charsets import decode_words, one_line

_MOST: Final = 200  # mailboxes of one header; more are not looked at
_TOKEN: Final = re.compile(
    r"\"(?:[^\"\\]|\\.)*\"|\((?:[^()\\]|\\.)*\)|<[^<>]*>|[,;:]|[^\",;:<>()]+|.", re.DOTALL
)
# Visible ASCII only: a staff address has nothing else, and look-alikes or control characters must not get in.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]"
_ADDRESS: Final = re.compile(rf"(?:{_ATOM}{{1,64}}|\"[ !#-\[\]-~]{{1,64}}\")@[A-Za-z0-9.-]{{1,255}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """A display name as shown and an address, "" where what was written is no address."""

    name: str
    address: str


def mailboxes(text: str) -> tuple[Mailbox, ...]:
    """Return what the list *text* (unfolded, words not decoded) holds, malformed entries included."""
    return tuple(_mailbox(tokens) for tokens in _entries(text) if any(token.strip() for token in tokens))


def _entries(text: str) -> Iterator[list[str]]:
    """Split at commas outside quotes, comments and angles; a group's name and colon fall away."""
    entry: list[str] = []
    count = 0
    for found in _TOKEN.finditer(text):
        piece = found[0]
        if piece == ":":
            entry = []
        elif piece in {",", ";"}:
            yield entry
            entry, count = [], count + 1
        else:
            entry.append(piece)
        if count >= _MOST:
            return
    yield entry


def _mailbox(tokens: list[str]) -> Mailbox:
    """Read one entry: `name <address>`, `address (name)` or `address`."""
    angles = [token for token in tokens if token.startswith("<")]
    comments = [token[1:-1] for token in tokens if token.startswith("(")]
    words = [token for token in tokens if not token.startswith(("<", "("))]
    if not angles:
        return Mailbox(name=_shown(" ".join(comments)), address=_address("".join(words)))
    last = next(token for token in reversed(tokens) if token.strip() and not token.startswith("("))
    plain = len(angles) == 1 and last == angles[0]
    return Mailbox(name=_name(words), address=_address(angles[0][1:-1]) if plain else "")


def _address(text: str) -> str:
    bare = text.strip()
    if not _ADDRESS.fullmatch(bare):
        return ""
    local, _, domain = bare.rpartition("@")
    return f"{local}@{domain.lower()}"


def _name(words: list[str]) -> str:
    return _shown("".join(re.sub(r"\\(.)", r"\1", word[1:-1]) if word[:1] == '"' else word for word in words))


def _shown(text: str) -> str:
    return one_line(decode_words(text))
