"""Sub-addresses of the intake: what `uketsuke+ukesho@…` says before a word of the mail is read.

Where a mail was sent is taken from what our own mail server wrote above its first Received field (RFC 5321 4.4: trace
fields are put on top); only then from To and Cc, which anybody may write. No more than a default depends on it: what
the mail says counts more, and who may order is decided by the sender.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

from envelopes.rules.errors import Reason
from envelopes.rules.keys import Key
from envelopes.rules.lines import ON_ADDRESS, Problem, Statement
from envelopes.settings import Intake

_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_FIELD_END: Final = re.compile(rb"\r?\n(?![ \t])")
_DELIVERED: Final = re.compile(
    rb"(?:delivered-to|x-original-to|envelope-to)[ \t]{0,9}:(.{1,400})", re.IGNORECASE | re.DOTALL
)
_RECEIVED: Final = re.compile(rb"received[ \t]{0,9}:", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"[^\s<>@]{1,64}@[^\s<>@]{1,255}")
_OWN: Final = re.compile(r"[br]\.")  # return paths and reply addresses, which we write ourselves
_HEAD: Final = 100_000  # bytes: what stands above the first Received field is short


def delivered_to(raw: bytes) -> tuple[str, ...]:
    """The addresses our own server delivered *raw* to, as it says above its first Received field."""
    end = _HEAD_END.search(raw, 0, _HEAD)
    fields = _FIELD_END.split(raw[: end.start() if end else _HEAD])
    return tuple(_above(fields))


def _above(fields: Sequence[bytes]) -> Iterator[str]:
    for field in fields:
        if _RECEIVED.match(field):
            return
        if found := _DELIVERED.match(field):
            yield from _ADDRESS.findall(found[1].decode("ascii", "replace"))


def sub_address(addresses: Sequence[str], intake: str) -> tuple[str, str]:
    """The first of *addresses* that is a sub-address of *intake*, and its name in lower case; ("", "") for none."""
    local, _, domain = intake.lower().rpartition("@")
    for address in addresses:
        name, _, at = address.lower().rpartition("@")
        chosen_name = name.removeprefix(f"{local}+")
        if at == domain and chosen_name not in ("", name) and not _OWN.match(chosen_name):
            return address, chosen_name
    return "", ""


def chosen(
    addresses: Sequence[str], intake: str, known: Mapping[str, Intake], day: date
) -> tuple[tuple[Statement, ...], tuple[Problem, ...]]:
    """What the sub-address says, as statements, and a warning where it is one that nobody has set up."""
    address, name = sub_address(addresses, intake)
    if not address:
        return (), ()
    if name not in known:
        return (), (Problem(reason=Reason.INTAKE_UNKNOWN, details={"said": address}),)
    kind, section = known[name].kind, known[name].section
    said = {Key.KIND: kind.value if kind else "", Key.SECTION: section}
    return (
        tuple(
            Statement(key=key, value=value, day=day, text=address, mail=ON_ADDRESS)
            for key, value in said.items()
            if value
        ),
        (),
    )
