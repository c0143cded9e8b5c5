"""When two copies are the same mail: one hash over everything that the way of a copy does not write.

Message-ID alone never decides: some mailers repeat it, and anybody can copy one.
"""

import re
from hashlib import sha256
from typing import Final

# RFC 5321 4.4, RFC 8601, RFC 8617 and what delivery agents add: they differ from copy to copy of one mail.
_TRACE: Final = re.compile(
    rb"(?:received|return-path|delivered-to|x-original-to|envelope-to|x-received|authentication-results"
    rb"|received-spf|arc-seal|arc-message-signature|arc-authentication-results)\s*:",
    re.IGNORECASE,
)
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_FIELD_END: Final = re.compile(rb"\r?\n(?![ \t])")


def digest(raw: bytes) -> str:
    """Return SHA-256 in hex over the body and all fields that are no trace, in their order."""
    end = _HEAD_END.search(raw)
    head, body = (raw[: end.start()], raw[end.end() :]) if end else (raw, b"")
    kept = [field for field in _FIELD_END.split(head) if not _TRACE.match(field)]
    found = sha256()
    for part in (*kept, b"", body):
        # Each part with its length, so that no two mails spell the same.
        found.update(len(part).to_bytes(8) + part)
    return found.hexdigest()
