"""The contractors' mobile phones of the demo: a hook that takes SMS as docs/sms.md says, and what has arrived.

Kept in memory: who starts the demo again has empty phones.
"""

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from envelopes.rules import hooks

_KEPT = 50  # why: a page of them is enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One SMS on a phone."""

    number: str
    text: str
    at: datetime


@dataclass(slots=True)
class Phones:
    """All phones. `secret` is what the hook knows its caller by, made anew with each start."""

    secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    _received: dict[str, Message] = field(default_factory=dict)

    @property
    def messages(self) -> tuple[Message, ...]:
        """What has arrived, newest first."""
        return tuple(reversed(self._received.values()))

    def take(self, headers: Mapping[str, str], data: bytes, *, at: datetime) -> bool:
        """Put a message on its phone, once; False where it is not signed."""
        expected = hooks.signature(self.secret, headers.get(hooks.TIMESTAMP, ""), data)
        if not hmac.compare_digest(expected.encode(), headers.get(hooks.SIGNATURE, "").encode()):
            return False
        said = json.loads(data)
        self._received.setdefault(said["id"], Message(number=said["to"], text=said["text"], at=at))
        while len(self._received) > _KEPT:
            self._received.pop(next(iter(self._received)))
        return True
